"""Docs of several Docs, and of parts of one."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

import spacy_kmgre
from spacy_kmgre.annotations import MODEL, TITLE, relation_data, relations_writer, store_relations

from .conftest import RELATIONS, annotate, make_doc, make_other_doc

NLP = spacy.blank("en")


def full_doc() -> Doc:
    """A Doc with entities, and relations with key mention pairs and evidence."""
    doc = make_doc(NLP)
    doc.user_data[TITLE] = "one"
    pairs = [
        {"head": [0, 2], "tail": [8, 9], "share": 0.25},
        {"head": [10, 11], "tail": [13, 14], "share": 0.5},
        {"head": [5, 6], "tail": [8, 9], "share": 0.25},
    ]
    doc._.relations = [
        {"head": "entity_1", "tail": "entity_2", "label": "founded", "evidence": [0]},
        {
            "head": "entity_1",
            "tail": "entity_3",
            "label": "lives_in",
            "evidence": [1, 2],
            "key_mention_pairs": pairs,
        },
    ]
    return doc


def said(doc: Doc) -> set[tuple[object, ...]]:
    """What the relations say, in words."""
    return {
        (
            tuple(span.text for span in relation.head.mentions),
            relation.label,
            tuple(span.text for span in relation.tail.mentions),
            tuple((pair.head.text, pair.tail.text, pair.share) for pair in relation.key_mention_pairs),
            tuple(sentence.text for sentence in relation.evidence),
        )
        for relation in doc._.relations
    }


def test_entities_of_different_docs_stay_different():
    one, other = full_doc(), make_other_doc(NLP)
    other._.add_relation("entity_1", "entity_2", "founded", evidence=[1])
    one.spans["sc"], other.spans["sc"] = [one[0:2]], [other[1:2]]
    joined = spacy_kmgre.from_docs([one, other])
    assert joined.text == one.text + other.text  # which end in a space
    mentions = [[span.text for span in entity.mentions] for entity in joined._.entities]
    expected = [[span.text for span in entity.mentions] for doc in (one, other) for entity in doc._.entities]
    assert mentions == expected and len(mentions) == 5
    assert said(joined) == said(one) | said(other)
    assert [span.text for span in joined.spans["sc"]] == ["Ann Lee", "works"]
    assert [sent.text for sent in joined.sents][:3] == [sent.text for sent in one.sents]
    assert TITLE not in joined.user_data


@settings(max_examples=25, deadline=None)
@given(
    order=st.lists(st.sampled_from(["full", "other", "empty"]), min_size=1, max_size=5), space=st.booleans()
)
def test_any_docs_keep_what_they_say(order: list[str], space: bool):
    made = {"full": full_doc, "other": lambda: make_other_doc(NLP), "empty": lambda: Doc(NLP.vocab)}
    docs = [made[name]() for name in order]
    joined = spacy_kmgre.from_docs(docs, ensure_whitespace=space)
    assert len(joined) == sum(map(len, docs))
    assert len(joined._.entities) == sum(len(doc._.entities) for doc in docs)
    assert len(joined._.relations) == sum(len(doc._.relations) for doc in docs)
    assert said(joined) == set().union(*map(said, docs))
    start = 0
    for doc in docs:
        part = spacy_kmgre.as_doc(joined[start : start + len(doc)])
        assert said(part) == said(doc)
        start += len(doc)


def test_what_has_found_the_relations_is_known_where_all_agree():
    docs = [full_doc(), full_doc()]
    for doc in docs:
        store_relations(doc, relation_data(doc), "rel")
        doc.user_data[MODEL] = {"name": "m", "version": "1"}
    joined = spacy_kmgre.from_docs(docs)
    assert relations_writer(joined) == "rel" and joined.user_data[MODEL] == {"name": "m", "version": "1"}
    docs[1].user_data[MODEL] = {"name": "n", "version": "1"}
    store_relations(docs[1], [], "other")
    joined = spacy_kmgre.from_docs(docs)
    assert relations_writer(joined) == "" and MODEL not in joined.user_data


def test_extensions_of_tokens_follow_their_characters():
    if not Span.has_extension("seen"):
        Span.set_extension("seen", default=0)
    one, other = full_doc(), make_other_doc(NLP)
    other[2:4]._.seen = 3
    joined = spacy_kmgre.from_docs([one, other])
    assert joined[len(one) + 2 : len(one) + 4]._.seen == 3


def test_a_part_has_what_lies_in_it():
    doc = full_doc()
    part = spacy_kmgre.as_doc(doc[5:14])  # the second and the third sentence
    assert part.text.rstrip() == doc[5:14].text and part.user_data[TITLE] == "one"
    assert {entity.key: [span.text for span in entity.mentions] for entity in part._.entities} == {
        "entity_1": ["She", "Lee"],
        "entity_3": ["Oslo", "Oslo"],
    }
    (relation,) = part._.relations
    assert relation.label == "lives_in" and [sent.text for sent in relation.evidence] == [
        "She lives in Oslo .",
        "Lee works near Oslo",
    ]
    shares = [(pair.head.text, pair.tail.start, pair.share) for pair in relation.key_mention_pairs]
    assert shares == [("Lee", 8, pytest.approx(2 / 3)), ("She", 3, pytest.approx(1 / 3))]


def test_a_part_without_a_key_mention_pair_has_no_such_relation():
    doc = annotate(Doc(NLP.vocab, words=["a", "b", "a", "b"]), [(0, 1), (2, 3)], [(1, 2), (3, 4)])
    pair = {"head": [0, 1], "tail": [1, 2], "share": 1.0}
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x", "key_mention_pairs": [pair]}]
    assert [len(spacy_kmgre.as_doc(doc[start : start + 2])._.relations) for start in (0, 2)] == [1, 0]


@pytest.mark.parametrize("copy", [False, True])
def test_a_part_has_nothing_left_of_the_whole(copy):
    doc = full_doc()
    store_relations(doc, relation_data(doc), "first")
    store_relations(doc, [], "second")
    part = spacy_kmgre.as_doc(doc[0:5], copy_user_data=copy)
    assert list(part._.relations) == [] and relations_writer(part) == "second"
    with pytest.raises(ValueError, match=r"E610.*'first'.*second"):
        part._.relations_of("first")
    assert Doc(NLP.vocab).from_bytes(part.to_bytes())._.relations == []


@pytest.mark.parametrize("docs", [[], make_doc(NLP), ["text"]])
def test_what_is_no_list_of_docs(docs):
    with pytest.raises(ValueError, match=r"E611.*from_docs"):
        spacy_kmgre.from_docs(docs)
    with pytest.raises(ValueError, match=r"E611.*as_doc"):
        spacy_kmgre.as_doc(docs)


def test_json_and_back():
    doc = full_doc()
    data = doc.to_json(underscore=["relation_data"])
    again = Doc(NLP.vocab).from_json(data)
    assert relation_data(again) == relation_data(doc) and said(again) == said(doc)
    corpus = make_doc(NLP)
    store_relations(corpus, [{**relation_data(doc)[0], "tail": "entity_1"}])  # corpora have such
    again = Doc(NLP.vocab).from_json(corpus.to_json(underscore=["relation_data"]))
    assert relation_data(again) == relation_data(corpus)
    with pytest.raises(ValueError, match="E001"):
        make_other_doc(NLP)._.relation_data = [RELATIONS[1]]
