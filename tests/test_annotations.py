import json
import pickle
from collections.abc import Callable
from copy import copy as copy_of
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from spacy_kmgre import Entity, Relation
from spacy_kmgre.annotations import (
    TITLE,
    document_name,
    free_keys,
    get_entities,
    get_relations,
    install_extensions,
    mention_offsets,
    project_entities,
    read_entities,
    relation_data,
    relations_writer,
    replace_entities,
    set_relations,
    store_relations,
    write_entities,
    write_ents,
)

from .conftest import RELATIONS, annotate, make_doc, tries

NLP = spacy.blank("en")

FULL: dict[str, Any] = {
    "head": "entity_1",
    "tail": "entity_3",
    "label": "lives_in",
    "score": 0.875,
    "key_mention_pairs": [
        {"head": [5, 6], "tail": [8, 9], "key_score": 0.9, "relation_score": 0.7, "share": 0.75},
        {"head": [10, 11], "tail": [13, 14], "key_score": 0.6, "relation_score": 0.1, "share": 0.25},
    ],
    "evidence": [[5, 10], [10, 14]],
}


def by_docbin(doc: Doc) -> Doc:
    (copy,) = DocBin().from_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes()).get_docs(NLP.vocab)
    return copy


def by_json(doc: Doc) -> Doc:
    """Text and span groups through `to_json`, relations through `to_dict`."""
    data = json.dumps([doc.to_json(), [relation.to_dict() for relation in doc._.relations]])
    plain, relations = json.loads(data)
    copy = Doc(NLP.vocab).from_json(plain)
    copy._.relations = relations
    return copy


COPIES: dict[str, Callable[[Doc], Doc]] = {
    "bytes": lambda doc: Doc(NLP.vocab).from_bytes(doc.to_bytes()),
    "docbin": by_docbin,
    "pickle": lambda doc: pickle.loads(pickle.dumps(doc)),
    "copy": Doc.copy,
    "json": by_json,
    "twice": lambda doc: Doc(NLP.vocab).from_bytes(by_docbin(doc).copy().to_bytes()),
}


def dicts(doc: Doc) -> list[dict[str, Any]]:
    return [relation.to_dict() for relation in doc._.relations]


# The extension


def test_installing_again_changes_nothing():
    names = [(Doc, "relations"), (Doc, "add_relation"), (Doc, "entities"), (Span, "entity")]
    before = [owner.get_extension(name) for owner, name in names]
    install_extensions()
    assert [owner.get_extension(name) for owner, name in names] == before


@pytest.mark.parametrize("owner, name", [(Doc, "relations"), (Doc, "entities"), (Span, "entity")])
def test_a_foreign_extension_of_the_same_name_is_an_error(owner: Any, name: str):
    _, _, getter, setter = owner.remove_extension(name)
    try:
        owner.set_extension(name, default=None)
        with pytest.raises(
            ValueError, match=rf"E005.*{owner.__name__}\._\.{name}.*remove_extension\('{name}'\)"
        ):
            install_extensions()
        assert owner.get_extension(name) == (None, None, None, None)  # the other package's stays
    finally:
        owner.set_extension(name, getter=getter, setter=setter, force=True)


def test_a_new_doc_has_no_relations():
    assert make_doc(NLP)._.relations == []


# Getter and setter


def test_dicts_become_relations():
    doc = make_doc(NLP)
    doc._.relations = [FULL]
    (relation,) = doc._.relations
    assert isinstance(relation, Relation)
    assert (relation.head.key, relation.label, relation.tail.key) == ("entity_1", "lives_in", "entity_3")
    assert relation.head.text == "Ann Lee"
    assert [mention.text for mention in relation.tail.mentions] == ["Oslo", "Oslo"]
    assert relation.score == 0.875
    first, second = relation.key_mention_pairs
    assert (first.head.text, first.tail.text) == ("She", "Oslo")
    assert (first.key_score, first.relation_score, first.share) == (0.9, 0.7, 0.75)
    assert (second.head.start, second.tail.start) == (10, 13)
    assert [sent.text for sent in relation.evidence] == ["She lives in Oslo .", "Lee works near Oslo"]
    assert relation.to_dict() == FULL


def test_relations_go_back_in_as_objects():
    doc, other = make_doc(NLP), make_doc(NLP)
    doc._.relations = [FULL, *RELATIONS]
    other._.relations = doc._.relations
    assert dicts(other) == dicts(doc)
    other._.relations = [*other._.relations[:1], FULL]
    assert len(other._.relations) == 2


def test_a_gold_relation_needs_three_fields_only():
    doc = make_doc(NLP)
    doc._.relations = RELATIONS[:1]
    assert dicts(doc) == [{**RELATIONS[0], "score": 1.0, "key_mention_pairs": [], "evidence": []}]


def test_a_gold_key_mention_pair_has_full_scores():
    doc = make_doc(NLP)
    doc._.relations = [
        {**RELATIONS[0], "key_mention_pairs": [{"head": [0, 2], "tail": [3, 4], "share": 1.0}]}
    ]
    ((pair,),) = (relation.key_mention_pairs for relation in doc._.relations)
    assert (pair.key_score, pair.relation_score, pair.share) == (1.0, 1.0, 1.0)


def test_best_first_and_ties_as_given():
    doc = make_doc(NLP)
    scores = [0.25, 1.0, 0.5, 1.0, 0.0]
    doc._.relations = [{**FULL, "label": str(i), "score": score} for i, score in enumerate(scores)]
    assert [relation.label for relation in doc._.relations] == ["1", "3", "2", "0", "4"]


def test_numpy_values_become_plain_ones():
    doc = make_doc(NLP)
    pair = {"head": np.array([5, 6]), "tail": (np.int64(8), np.int32(9)), "share": np.float32(1.0)}
    doc._.relations = [{**FULL, "score": np.float32(0.5), "key_mention_pairs": [pair]}]
    assert type(relation_data(doc)[0]["score"]) is float
    assert json.loads(json.dumps(relation_data(doc))) == relation_data(doc)
    assert dicts(Doc(NLP.vocab).from_bytes(doc.to_bytes())) == dicts(doc)


def test_the_stored_form_does_not_change_with_what_was_given():
    doc, given_dict = make_doc(NLP), {**FULL, "evidence": [[5, 10]]}
    doc._.relations = [given_dict]
    given_dict["evidence"].append([0, 5])
    relation_data(doc).clear()
    assert dicts(doc) == [{**FULL, "evidence": [[5, 10]]}]


@pytest.mark.parametrize(
    "code, change, names",
    [
        ("E001", {"tail": "entity_9"}, ["lives_in", "entity_9", "entity_1"]),
        ("E001", {"head": ""}, ["lives_in"]),
        ("E002", {"head": None}, ["head"]),
        ("E002", {"tail": 3}, ["tail"]),
        ("E002", {"label": None}, ["label"]),
        ("E002", {"key_mention_pairs": [{"head": [0, 1], "tail": [3, 4]}]}, ["share"]),
        ("E003", {"score": 1.5}, ["lives_in", "1.5"]),
        ("E003", {"score": -0.1}, ["-0.1"]),
        ("E003", {"score": float("nan")}, ["nan"]),
        ("E004", {"evidence": [[10, 15]]}, ["lives_in", "[10, 15]", "14"]),
        ("E004", {"evidence": [[-1, 5]]}, ["[-1, 5]"]),
        ("E004", {"evidence": [[5, 5]]}, ["[5, 5]"]),
        ("E004", {"key_mention_pairs": [{"head": [6, 5], "tail": [8, 9], "share": 1.0}]}, ["[6, 5]"]),
    ],
)
def test_bad_relations_are_refused_and_the_old_ones_stay(code: str, change: dict, names: list[str]):
    doc = make_doc(NLP)
    doc._.relations = RELATIONS
    before = dicts(doc)
    with pytest.raises(ValueError, match=code) as error:
        doc._.relations = [FULL, {**FULL, **change}]
    assert all(name in str(error.value) for name in names)
    assert dicts(doc) == before


@pytest.mark.parametrize("item", [("entity_1", "lives_in", "entity_3"), "lives_in", {}])
def test_what_is_no_relation_is_refused(item: Any):
    with pytest.raises(ValueError, match="E002"):
        set_relations(make_doc(NLP), [item])


def test_an_entity_that_went_away_is_named():
    doc = make_doc(NLP)
    doc._.relations = RELATIONS
    del doc.spans["entity_2"]
    with pytest.raises(ValueError, match=r"E001.*'entity_2'"):
        get_relations(doc)


# Written by hand


def test_who_has_written_the_relations():
    doc = make_doc(NLP)
    assert relations_writer(doc) == ""
    assert store_relations(doc, [], "a component") == "" and relations_writer(doc) == "a component"
    doc._.relations = RELATIONS
    assert relations_writer(doc) == ""
    assert store_relations(doc, relation_data(doc), "a component") == ""
    assert store_relations(doc, [], "another") == "a component"


def test_a_new_relation_of_spans_and_entities():
    doc = make_doc(NLP)
    ann, acme, oslo = doc._.entities
    added = doc._.add_relation(doc[5:6], oslo, "lives_in", score=0.5)
    assert added == doc._.relations[0] and added.score == 0.5
    doc._.add_relation("entity_1", doc[3:4], "founded")
    doc._.add_relation(ann, doc[13:14], "lives_in", evidence=[1])  # once more, with evidence
    assert [(r.head.key, r.label, r.tail.key, r.score) for r in doc._.relations] == [
        ("entity_1", "founded", acme.key, 1.0),
        ("entity_1", "lives_in", "entity_3", 1.0),
    ]
    assert [sent.text for sent in doc._.relations[1].evidence] == ["She lives in Oslo ."]


@pytest.mark.parametrize(
    "sentence", [lambda doc: 1, lambda doc: np.int64(1), lambda doc: doc[5:10], lambda doc: (5, 10)]
)
def test_evidence_in_each_form(sentence: Callable[[Doc], Any]):
    doc = make_doc(NLP)
    doc._.relations = [{**RELATIONS[1], "evidence": [sentence(doc)]}]
    assert relation_data(doc)[0]["evidence"] == [[5, 10]]


def test_relations_are_a_tuple_that_equals_a_list():
    doc = make_doc(NLP)
    doc._.relations = RELATIONS[:1]
    found = doc._.relations
    assert isinstance(found, tuple) and found == list(found) and found == tuple(found) != []
    assert hash(found) == hash(doc._.relations)
    doc._.relations += RELATIONS[1:]
    assert len(doc._.relations) == 3
    assert not hasattr(found, "append")


def change_item(relations: Any) -> None:
    relations[0] = RELATIONS[1]


def remove_item(relations: Any) -> None:
    del relations[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda relations: relations.append(RELATIONS[1]),
        lambda relations: relations.extend(RELATIONS),
        lambda relations: relations.remove(relations[0]),
        change_item,
        remove_item,
    ],
)
def test_what_a_list_could_do_is_an_error_that_says_how(change: Callable[[Any], Any]):
    doc = make_doc(NLP)
    doc._.relations = RELATIONS[:1]
    with pytest.raises((AttributeError, TypeError), match=r"E070.*doc\._\.add_relation"):
        change(doc._.relations)
    assert len(doc._.relations) == 1


@pytest.mark.parametrize(
    "code, change, names",
    [
        ("E071", {"label": " "}, ["'label'"]),
        ("E071", {"score": "high"}, ["'score'", "'high'"]),
        ("E071", {"evidence": 0}, ["'evidence'", "sentence"]),
        ("E071", {"evidence": ["the first"]}, ["'evidence'", "the first"]),
        ("E071", {"evidence": [True]}, ["'evidence'"]),
        ("E071", {"key_mention_pairs": 3}, ["'key_mention_pairs'"]),
        ("E072", {"evidense": [0]}, ["'evidense'", "Is it 'evidence'?", "key_mention_pairs"]),
        ("E072", {3: 4}, ["3"]),
        ("E075", {"tail": "entity_1"}, ["lives_in", "entity_1"]),
        ("E076", {"evidence": [3]}, ["sentence 3", "0 to 2"]),
        ("E076", {"evidence": [-1]}, ["sentence -1"]),
        ("E079", None, ["None", "add_relation"]),
        ("E079", FULL, ["add_relation"]),
    ],
)
def test_mistakes_name_the_field(code: str, change: Any, names: list[str]):
    doc = make_doc(NLP)
    doc._.relations = RELATIONS
    before = dicts(doc)
    with pytest.raises(ValueError, match=code) as error:
        doc._.relations = change if code == "E079" else [FULL, {**FULL, **change}]
    assert all(name in str(error.value) for name in names)
    assert dicts(doc) == before


def test_sentence_numbers_without_sentences():
    doc = annotate(Doc(NLP.vocab, words=["Ann", "founded", "Acme"]), [(0, 1)], [(2, 3)])
    with pytest.raises(ValueError, match=r"E076.*sentencizer"):
        doc._.add_relation("entity_1", "entity_2", "founded", evidence=[0])


def test_spans_that_stand_for_no_entity_or_several():
    doc = make_doc(NLP)
    with pytest.raises(ValueError, match=r"E073.*head.*'founded'.*entity_1"):
        doc._.add_relation(doc[2:3], "entity_2", "founded")
    doc.spans["entity_4"] = [doc[3:4]]
    with pytest.raises(ValueError, match=r"E074.*tail.*entity_2, entity_4"):
        doc._.add_relation("entity_1", doc[3:4], "founded")
    with pytest.raises(ValueError, match=r"E077.*another Doc"):
        doc._.add_relation("entity_1", Doc(NLP.vocab, words=["Acme"])[0:1], "founded")


@pytest.mark.parametrize("field", ["head", "key_mention_pairs"])
def test_a_relation_alone_is_not_pickled_but_its_data_are(field: str):
    doc = make_doc(NLP)
    doc._.relations = [FULL]
    (relation,) = doc._.relations
    part = getattr(relation, field)
    for thing in (relation, part):
        with pytest.raises(NotImplementedError, match=r"E078.*to_dict"):
            pickle.dumps(thing)
    assert copy_of(relation) is relation
    doc._.relations = [pickle.loads(pickle.dumps(relation.to_dict()))]
    assert dicts(doc) == [FULL]


# Serialisation


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_relations_survive(copy: Callable[[Doc], Doc]):
    doc = make_doc(NLP)
    doc.user_data[TITLE] = "Ann"
    doc._.relations = [*RELATIONS, FULL, {**FULL, "label": "kilómetro\x1f 漢", "score": 1 / 3}]
    found = copy(doc)
    assert found is not doc
    assert dicts(found) == dicts(doc)
    for relation, old in zip(found._.relations, doc._.relations):
        assert relation.head.text == old.head.text
        assert [span.text for span in relation.evidence] == [span.text for span in old.evidence]
        assert [span.label_ for span in relation.tail.mentions] == ["X"] * len(relation.tail.mentions)
        assert all(span.doc is found for span in (*relation.evidence, *relation.head.mentions))


def test_a_docbin_without_user_data_has_no_relations():
    doc = make_doc(NLP)
    doc._.relations = RELATIONS
    (copy,) = DocBin(docs=[doc]).get_docs(NLP.vocab)
    assert copy._.relations == []


@st.composite
def docs(draw) -> Doc:
    length = draw(st.integers(2, 12))
    doc = Doc(
        NLP.vocab,
        words=draw(st.lists(st.sampled_from(["Ann", "she", "a b", "*"]), min_size=length, max_size=length)),
    )
    spans = st.tuples(st.integers(0, length - 1), st.integers(1, 3)).map(
        lambda span: [span[0], min(length, span[0] + span[1])]
    )
    clusters = draw(st.lists(st.lists(spans, min_size=1, max_size=4), min_size=2, max_size=4))
    annotate(doc, *clusters)
    unit = st.floats(0, 1)
    ends = st.permutations(list(doc.spans)).map(lambda keys: {"head": keys[0], "tail": keys[1]})
    pairs = st.fixed_dictionaries(
        {"head": spans, "tail": spans, "key_score": unit, "relation_score": unit, "share": unit}
    )
    relations = st.fixed_dictionaries(
        {
            "label": st.text(max_size=5).map(lambda text: f"a{text}"),
            "score": unit,
            "key_mention_pairs": st.lists(pairs, max_size=3),
            "evidence": st.lists(spans, max_size=3),
        }
    )
    named = st.tuples(ends, relations).map(lambda parts: {**parts[0], **parts[1]})
    doc._.relations = draw(st.lists(named, max_size=4))
    return doc


@settings(max_examples=tries(10), deadline=None)
@given(docs())
def test_any_relations_survive(doc: Doc):
    stored = dicts(doc)
    assert stored == relation_data(doc)
    assert [data["score"] for data in stored] == sorted((data["score"] for data in stored), reverse=True)
    for copy in COPIES.values():
        assert dicts(copy(doc)) == stored


@settings(max_examples=tries(10), deadline=None)
@given(docs())
def test_any_entities_survive_rewriting(doc: Doc):
    entities = read_entities(doc)
    copy = Doc(NLP.vocab, words=[token.text for token in doc])
    write_entities(copy, entities)
    assert [(entity.key, mention_offsets([entity])) for entity in read_entities(copy)] == [
        (entity.key, mention_offsets([entity])) for entity in entities
    ]
    again = Doc(NLP.vocab, words=[token.text for token in doc])
    assert project_entities(read_entities(doc), again) is again
    assert read_entities(again) and dicts(again) == []
    assert mention_offsets(read_entities(again)) == mention_offsets(entities)


# Entities


def test_entities_in_the_order_of_their_numbers():
    doc = make_doc(NLP)
    doc.spans.clear()
    for number in (10, 2, 1, 0, 33):
        doc.spans[f"entity_{number}"] = [doc[0:1]]
    keys = [entity.key for entity in read_entities(doc)]
    assert keys == ["entity_0", "entity_1", "entity_2", "entity_10", "entity_33"]


def test_only_groups_of_the_prefix_and_a_number():
    doc = make_doc(NLP)
    for key in ("sc", "entity_", "entity_x", "entity_1b", "entities_4", "entity_-1", "my_entity_5"):
        doc.spans[key] = [doc[0:1]]
    doc.spans["coref_clusters_2"] = [doc[0:1], doc[3:4]]
    doc.spans["coref_clusters_1"] = [doc[5:6]]
    assert [entity.key for entity in read_entities(doc)] == ["entity_1", "entity_2", "entity_3"]
    found = read_entities(doc, prefix="coref_clusters_")
    assert [(entity.key, mention_offsets([entity])) for entity in found] == [
        ("coref_clusters_1", [(5, 6)]),
        ("coref_clusters_2", [(0, 1), (3, 4)]),
    ]


def test_duplicates_are_merged_and_mentions_in_text_order():
    doc = annotate(make_doc(NLP), [(10, 11), (0, 2), (10, 11), (0, 2), (0, 1)])
    (first, *_) = read_entities(doc)
    assert [(mention.start, mention.end) for mention in first.mentions] == [(0, 1), (0, 2), (10, 11)]


def test_empty_groups_and_empty_spans_are_no_entities():
    doc = make_doc(NLP)
    doc.spans["entity_1"] = []
    doc.spans["entity_2"] = [Span(doc, 3, 3), Span(doc, 0, 0)]
    doc.spans["entity_3"] = [Span(doc, 3, 3), doc[3:4]]
    assert [(entity.key, mention_offsets([entity])) for entity in read_entities(doc)] == [
        ("entity_3", [(3, 4)])
    ]


def test_label_and_identifier_of_the_first_mention_that_has_one():
    doc = make_doc(NLP)
    doc.spans["entity_1"] = [
        doc[0:2],
        Span(doc, 5, 6, label="PER"),
        Span(doc, 10, 11, label="ORG", kb_id="Q1"),
    ]
    doc.spans["entity_2"] = [doc[3:4]]
    first, second = read_entities(doc)[:2]
    assert (first.label, first.kb_id) == ("PER", "Q1")
    assert (second.label, second.kb_id) == ("", "")


def test_written_mentions_carry_label_and_identifier():
    doc, copy = make_doc(NLP), make_doc(NLP)
    doc.spans["entity_1"] = [doc[0:2], Span(doc, 5, 6, label="PER", kb_id="Q1")]
    write_entities(copy, read_entities(doc)[:1])
    assert [(span.label_, span.kb_id_) for span in copy.spans["entity_1"]] == [("PER", "Q1")] * 2
    assert len(copy.spans["entity_3"]) == 2  # other groups are left alone


def test_ents_are_the_longest_mentions_that_do_not_overlap():
    doc = Doc(NLP.vocab, words=list("abcdef"))
    spans = [(0, 2), (1, 2), (1, 4), (5, 6)]
    entities = [
        Entity((Span(doc, start, end),), key=f"entity_{i}", label=label, kb_id=kb_id)
        for i, ((start, end), label, kb_id) in enumerate(zip(spans, ["A", "B", "C", "D"], ["", "", "Q3", ""]))
    ]
    write_ents(doc, entities)
    assert [(ent.start, ent.end, ent.label_, ent.kb_id_) for ent in doc.ents] == [
        (1, 4, "C", "Q3"),
        (5, 6, "D", ""),
    ]
    assert [token.ent_iob_ for token in doc] == ["O", "B", "I", "I", "O", "B"]
    write_ents(doc, [replace(entity, label="") for entity in entities[2:]])
    assert doc.ents == () and doc.has_annotation("ENT_IOB")


def test_mentions_without_a_type_do_not_hide_shorter_ones_from_ents():
    doc = Doc(NLP.vocab, words=list("abcd"))
    untyped, typed = Entity((doc[0:3],), key="entity_1"), Entity((doc[1:2],), key="entity_2", label="A")
    write_ents(doc, [untyped, typed])
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == [(1, 2, "A")]


def test_entities_are_those_of_the_prefix_and_those_that_relations_name():
    doc = annotate(Doc(NLP.vocab, words=list("abcd")), [(0, 1)], [(1, 2)])
    doc.spans["cluster_1"], doc.spans["cluster_2"], doc.spans["cluster_3"] = [doc[2:3]], [doc[3:4]], []
    assert [entity.key for entity in get_entities(doc)] == ["entity_1", "entity_2"]
    doc._.relations = [
        {"head": "cluster_2", "tail": "entity_2", "label": "a"},
        {"head": "cluster_3", "tail": "entity_1", "label": "b"},
    ]
    assert [entity.key for entity in get_entities(doc)] == ["entity_1", "entity_2", "cluster_2"]
    del doc.spans["cluster_2"]  # then the relations are broken, but not the rest
    assert [entity.key for entity in get_entities(doc)] == ["entity_1", "entity_2"]


def test_the_entities_of_a_doc_and_of_a_span():
    doc = make_doc(NLP)
    doc.spans["other_1"] = [doc[4:5]]
    assert [(entity.key, entity.text) for entity in doc._.entities] == [
        ("entity_1", "Ann Lee"),
        ("entity_2", "Acme"),
        ("entity_3", "Oslo"),
    ]
    for entity in doc._.entities:
        assert all(span._.entity == entity for span in entity.mentions)
    assert doc[10:11]._.entity.key == "entity_1"  # any span at the place of a mention
    assert doc[0:1]._.entity is doc[4:5]._.entity is doc[0:0]._.entity is None
    assert NLP("")._.entities == []


def test_a_span_of_two_entities_is_the_first_ones():
    doc = annotate(make_doc(NLP), [(3, 4)], [(0, 2), (3, 4)])
    assert doc[3:4]._.entity.key == "entity_1"


def test_entities_can_be_assigned():
    doc = make_doc(NLP)
    ann, acme, _ = doc._.entities
    doc._.entities = [acme, Entity((doc[0:1], doc[10:11]), "", "PER")]
    assert [(entity.key, mention_offsets([entity]), entity.label) for entity in doc._.entities] == [
        ("entity_1", [(0, 1), (10, 11)], "PER"),
        ("entity_2", [(3, 4)], "X"),
    ]
    doc._.entities = [ann]
    assert list(doc.spans) == ["entity_1"] and doc.copy()._.entities[0].text == "Ann Lee"


def test_the_entity_of_a_span_cannot_be_assigned():
    doc = make_doc(NLP)
    with pytest.raises(ValueError, match=r"E007.*'Ann Lee'"):
        doc[0:2]._.entity = doc._.entities[1]
    assert doc[0:2]._.entity.key == "entity_1"


@pytest.mark.parametrize("copy", [COPIES[name] for name in COPIES if name != "json"])
def test_the_prefix_of_the_entities_is_remembered(copy: Callable[[Doc], Doc]):
    doc = make_doc(NLP)
    before = list(doc.spans)
    replace_entities(doc, doc._.entities, "cluster_")
    assert list(doc.spans) == [*before, "cluster_1", "cluster_2", "cluster_3"]
    found = copy(doc)
    assert [entity.key for entity in found._.entities] == ["cluster_1", "cluster_2", "cluster_3"]
    assert found[0:2]._.entity.key == "cluster_1"
    replace_entities(found, found._.entities)
    assert [entity.key for entity in found._.entities] == ["entity_1", "entity_2", "entity_3"]


def test_replacing_leaves_nothing_of_the_prefix_behind():
    doc = make_doc(NLP)
    doc.spans["entity_x"] = doc.spans["other_1"] = [doc[4:5]]
    _, second, third = doc._.entities
    replace_entities(doc, [third, Entity((doc[5:6],), "new"), second, Entity((doc[12:13],), "entity_9")])
    assert {key: [span.start for span in spans] for key, spans in doc.spans.items()} == {
        "entity_x": [4],
        "other_1": [4],
        "entity_3": [8, 13],
        "entity_1": [5],
        "entity_2": [3],
        "entity_4": [12],
    }
    replace_entities(doc, [])
    assert list(doc.spans) == ["entity_x", "other_1"] and doc._.entities == []


def test_free_keys():
    keys = free_keys("entity_", {"entity_1", "entity_3"})
    assert [next(keys) for _ in range(3)] == ["entity_2", "entity_4", "entity_5"]


def test_entities_are_projected_by_characters():
    text = "Ann Lee founded Acme-Oslo."
    source = Doc(
        NLP.vocab, words=["Ann", "Lee", "founded", "Acme", "-", "Oslo", "."], spaces=[1, 1, 1, 0, 0, 0, 0]
    )
    target = Doc(NLP.vocab, words=["Ann Lee", "founded", "Acme", "-Oslo", "."], spaces=[1, 1, 0, 0, 0])
    assert source.text == target.text == text
    annotate(source, [(0, 2), (0, 1)], [(3, 4)], [(5, 6)], label="T")
    doc = project_entities(read_entities(source), target)
    assert [token.text for token in doc] == ["Ann", " Lee", "founded", "Acme", "-", "Oslo", "."]
    found = [
        (entity.key, entity.label, [span.text for span in entity.mentions]) for entity in read_entities(doc)
    ]
    assert found == [
        ("entity_1", "T", ["Ann", "Ann Lee"]),
        ("entity_2", "T", ["Acme"]),
        ("entity_3", "T", ["Oslo"]),
    ]
    assert not target.spans


def test_entities_are_not_projected_on_another_text():
    with pytest.raises(ValueError, match=r"E006.*'Bob'.*'Bob left.'"):
        target = NLP.make_doc("Bob left.")
        target.user_data[TITLE] = "Bob"
        project_entities(read_entities(make_doc(NLP)), target)


def test_copying_keeps_to_the_prefix():
    source, target = make_doc(NLP), Doc(NLP.vocab, words=[token.text for token in make_doc(NLP)])
    source.spans["coref_clusters_1"] = [source[0:2]]
    assert project_entities(read_entities(source, "coref_clusters_"), target) is target
    assert list(target.spans) == ["coref_clusters_1"]


def test_a_document_is_called_by_its_title_or_its_beginning():
    doc = make_doc(NLP)
    assert document_name(doc) == doc.text[:40]
    doc.user_data[TITLE] = "Ann Lee"
    assert document_name(doc) == "Ann Lee"
    assert document_name(NLP.make_doc("")) == ""


def test_an_entity_of_another_doc_is_an_error():
    nlp = spacy.blank("en")
    doc, other = make_doc(nlp), make_doc(nlp)
    head, tail, *_ = other._.entities
    with pytest.raises(ValueError, match=r"E077.*another Doc"):
        doc._.add_relation(head, tail, "founded")
