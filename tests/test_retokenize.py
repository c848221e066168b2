import itertools

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_kmgre.annotations import project_entities, read_entities
from spacy_kmgre.retokenize import split_tokens

from .conftest import tries

NLP = spacy.blank("en")


def words_and_spaces(doc: Doc) -> list[tuple[str, str]]:
    return [(token.text, token.whitespace_) for token in doc]


def test_tokens_that_fit_are_left_alone():
    doc = NLP.make_doc("Ann Lee founded Acme.")
    assert split_tokens(doc, [(0, 7), (4, 7), (16, 20)]) is doc
    assert split_tokens(doc, []) is doc


def test_a_token_is_split_where_a_mention_begins_or_ends():
    doc = Doc(NLP.vocab, words=["pre-heparinized", "(aPTT)", "."], spaces=[True, False, False])
    split = split_tokens(doc, [(4, 11), (17, 21)])
    assert split.text == doc.text
    assert words_and_spaces(split) == [
        ("pre-", ""),
        ("heparin", ""),
        ("ized", " "),
        ("(", ""),
        ("aPTT", ""),
        (")", ""),
        (".", ""),
    ]
    assert split.char_span(4, 11).text == "heparin"
    assert split.char_span(17, 21).text == "aPTT"
    assert not split.has_annotation("SENT_START")


def test_sentences_and_user_data_stay():
    doc = Doc(NLP.vocab, words=["a-b", "c.", "d-e", "f"], sent_starts=[True, False, True, False])
    doc.user_data["title"] = "x"
    split = split_tokens(doc, [(2, 3), (9, 10)])
    assert [sent.text for sent in split.sents] == [sent.text for sent in doc.sents] == ["a-b c.", "d-e f"]
    assert split.user_data["title"] == "x"
    partly = Doc(NLP.vocab, words=["a-b", "c", "d-e"], sent_starts=[True, None, True])
    assert [token.is_sent_start for token in split_tokens(partly, [(0, 1), (6, 7)])] == [
        True,
        False,
        None,
        True,
        False,
    ]


@pytest.mark.parametrize("span, found", [((1, 2), " "), ((0, 2), "a "), ((1, 3), " b"), ((1, 4), " b ")])
def test_a_mention_may_reach_over_the_space_of_a_token(span, found):
    doc = Doc(NLP.vocab, words=["a", "b", "c"])
    split = split_tokens(doc, [span])
    assert split.text == "a b c "
    assert split.char_span(*span).text == found


@st.composite
def texts_and_tokens(draw):
    """A text in two tokenizations: cut anywhere, single spaces sometimes tokens of their own."""
    text = draw(st.text("ab-é😀 \n", min_size=1, max_size=20))

    def tokenize() -> Doc:
        cuts = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=8))})
        words, spaces = [], []
        for start, end in itertools.pairwise(cuts):
            piece = text[start:end]
            ends_in_space = len(piece) > 1 and piece[-1] == " " and draw(st.booleans())
            words.append(piece[:-1] if ends_in_space else piece)
            spaces.append(ends_in_space)
        return Doc(NLP.vocab, words=words, spaces=spaces)

    return tokenize(), tokenize()


@settings(max_examples=tries(100), deadline=None)
@given(texts_and_tokens(), st.data())
def test_no_mention_is_lost_between_two_tokenizations(docs: tuple[Doc, Doc], data):
    source, target = docs
    numbers = st.integers(0, len(source) - 1)
    for key in ("entity_1", "entity_2"):
        pairs = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
        source.spans[key] = [source[min(pair) : max(pair) + 1] for pair in pairs]
    found = project_entities(read_entities(source), target)
    assert found.text == source.text == target.text
    assert [[(m.start_char, m.end_char) for m in entity.mentions] for entity in read_entities(found)] == [
        [(m.start_char, m.end_char) for m in entity.mentions] for entity in read_entities(source)
    ]
    bounds = {token.idx for token in target} | {token.idx + len(token) for token in target}
    assert bounds <= {token.idx for token in found} | {token.idx + len(token) for token in found}


# What token offsets say, after other components have merged or split tokens

TEXT = "Genc Ruli founded Acme Inc. in Tirana. Mr. Ruli sold it. It grew."
CLUSTERS = [[(0, 9), (43, 47)], [(18, 27), (53, 55), (57, 59)], [(31, 37)]]
PAIR = {"key_score": 1.0, "relation_score": 1.0, "share": 1.0}


def related(doc: Doc) -> Doc:
    """The Doc with three entities, and a relation with a key mention pair and evidence."""
    for number, mentions in enumerate(CLUSTERS, start=1):
        spans = [doc.char_span(start, end, label=f"T{number}", kb_id="Q1") for start, end in mentions]
        doc.spans[f"entity_{number}"] = spans
    ruli, acme = ([span.start, span.end] for span in (doc.char_span(43, 47), doc.char_span(53, 55)))
    evidence = [[0, doc.char_span(31, 38).end], [doc.char_span(39, 42).start, len(doc)]]
    pairs = [{"head": ruli, "tail": acme, **PAIR}]
    doc._.relations = [
        {
            "head": "entity_1",
            "tail": "entity_2",
            "label": "founded",
            "key_mention_pairs": pairs,
            "evidence": evidence,
        }
    ]
    return doc


def seen(doc: Doc) -> dict[str, list[str]]:
    """What a user reads of the relation, as texts."""
    (relation,) = doc._.relations
    (pair,) = relation.key_mention_pairs
    return {
        "entities": [f"{m.text} {m.label_} {m.kb_id_}" for entity in doc._.entities for m in entity.mentions],
        "sides": [m.text for side in (relation.head, relation.tail) for m in side.mentions],
        "pair": [pair.head.text, pair.tail.text],
        "evidence": [span.text for span in relation.evidence],
    }


def test_merged_entities_shift_nothing():
    doc = related(NLP(TEXT))
    doc.ents = [doc.char_span(0, 9, label="PER"), doc.char_span(18, 27, label="ORG")]
    before = seen(doc)
    nlp = spacy.blank("en")
    nlp.add_pipe("merge_entities")
    merged = nlp(doc)
    assert len(merged) < len(NLP(TEXT))
    assert seen(merged) == before
    assert seen(Doc(NLP.vocab).from_bytes(merged.to_bytes())) == before
    assert seen(merged.copy()) == before


def test_a_mention_within_a_merged_token_is_the_whole_token():
    doc = related(NLP(TEXT))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc.char_span(39, 47))
    found = seen(doc)
    assert found["pair"] == ["Mr. Ruli", "it"]
    assert found["entities"][:2] == ["Genc Ruli T1 Q1", "Mr. Ruli T1 Q1"]
    assert found["evidence"] == ["Genc Ruli founded Acme Inc. in Tirana.", "Mr. Ruli sold it. It grew."]


def test_split_tokens_shift_nothing():
    doc = related(NLP(TEXT))
    before = seen(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[0], ["Ge", "nc"], heads=[(doc[0], 1), doc[1]])
    assert seen(doc) == before


def test_relations_that_are_written_anew_are_of_the_new_tokens():
    doc = related(NLP(TEXT))
    before = seen(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    doc._.relations = doc._.relations
    assert seen(doc) == before


def test_relations_of_an_older_version_are_read():
    doc = related(NLP(TEXT))
    before = seen(doc)
    del doc.user_data["spacy_kmgre.token_starts"]
    assert seen(doc) == before


@settings(deadline=None, max_examples=60)
@given(merges=st.lists(st.tuples(st.integers(0, 16), st.integers(2, 4)), max_size=4))
def test_whatever_is_merged_the_characters_stay(merges: list[tuple[int, int]]):
    doc = related(NLP(TEXT))
    before = seen(doc)
    spans = spacy.util.filter_spans([doc[start : start + length] for start, length in merges])
    with doc.retokenize() as retokenizer:
        for span in spans:
            if len(span) > 1:
                retokenizer.merge(span)
    found = seen(doc)
    for place, texts in found.items():
        assert all(any(text.split(" T")[0] in now for now in texts) for text in before[place])
    tokens = {token.text for token in doc}
    for old, new in zip(before["pair"], found["pair"]):
        assert new == old or new in tokens
