"""Several components that write relations to one Doc."""

import pickle
import warnings
from typing import Any

import pytest
import spacy
from spacy import Language
from spacy.tokens import Doc

from spacy_kmgre.annotations import relation_data, relations_writer, store_relations
from spacy_kmgre.relation_input import relation_data_of

from .conftest import NAME, RELATIONS, component, make_doc, triples

NLP = spacy.blank("en")
FIRST = {**RELATIONS[0], "score": 0.6}
SAME = {**RELATIONS[0], "score": 0.9}
OTHER = {**RELATIONS[1], "score": 0.7}


def store(doc: Doc, writer: str, *relations: dict[str, Any], merge: bool = False) -> str:
    return store_relations(doc, [relation_data_of(doc, data) for data in relations], writer, merge=merge)


def scores(relations: Any) -> list[tuple[str, float]]:
    return [(relation.label, relation.score) for relation in relations]


def test_each_component_keeps_its_own():
    doc = make_doc(NLP)
    assert store(doc, "a", FIRST) == ""
    assert store(doc, "b", SAME, OTHER) == "a"
    assert scores(doc._.relations) == [("founded", 0.9), ("lives_in", 0.7)]
    assert scores(doc._.relations_of("a")) == [("founded", 0.6)]
    assert doc._.relations_of("b") == doc._.relations
    with pytest.raises(ValueError, match=r"E610.*'c'.*a, b"):
        doc._.relations_of("c")


def test_merged_relations_have_the_highest_score():
    doc = make_doc(NLP)
    store(doc, "a", SAME)
    assert store(doc, "b", FIRST, OTHER, merge=True) == ""
    assert scores(doc._.relations) == [("founded", 0.9), ("lives_in", 0.7)]
    assert scores(doc._.relations_of("b")) == [("lives_in", 0.7), ("founded", 0.6)]
    # Once more, as a Doc that goes through the same pipeline again.
    store(doc, "a", OTHER)
    store(doc, "b", FIRST, merge=True)
    assert scores(doc._.relations) == [("lives_in", 0.7), ("founded", 0.6)]


@pytest.mark.parametrize("how", ["bytes", "pickle", "copy"])
def test_all_of_them_survive(how):
    doc = make_doc(NLP)
    store(doc, "a", FIRST)
    store(doc, "b", OTHER)
    ways = {
        "bytes": lambda: Doc(NLP.vocab).from_bytes(doc.to_bytes()),
        "pickle": lambda: pickle.loads(pickle.dumps(doc)),
        "copy": doc.copy,
    }
    copy = ways[how]()
    assert [scores(copy._.relations_of(name)) for name in "ab"] == [[("founded", 0.6)], [("lives_in", 0.7)]]


def test_they_follow_their_characters():
    doc = make_doc(NLP)
    pair = {"head": [10, 11], "tail": [13, 14], "share": 1.0}
    store(doc, "a", {**RELATIONS[2], "key_mention_pairs": [pair]})
    store(doc, "b", OTHER)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    (relation,) = doc._.relations_of("a")
    assert [(p.head.text, p.tail.text) for p in relation.key_mention_pairs] == [("Lee", "Oslo")]


def test_a_person_replaces_all_or_adds_one():
    doc = make_doc(NLP)
    store(doc, "a", FIRST)
    store(doc, "b", OTHER)
    doc._.add_relation("entity_2", "entity_3", "near")
    assert len(doc._.relations) == 2 and scores(doc._.relations_of("a")) == [("founded", 0.6)]
    doc._.relations = []
    assert relation_data(doc) == [] and relations_writer(doc) == ""
    with pytest.raises(ValueError, match=r"E610.*none"):
        doc._.relations_of("a")


@pytest.fixture
def two(trained, tmp_path) -> Language:
    """A pipeline with two relation components, of which the second one finds more."""
    trained.to_disk(tmp_path)
    trained.add_pipe(NAME, name="second", source=spacy.load(tmp_path, vocab=trained.vocab))
    trained.get_pipe("second").threshold = 0.0
    return trained


def test_two_components_in_one_pipeline(two):
    with pytest.warns(
        UserWarning, match=r"W018.*'second'.*relations_of\('kmgre_relations'\).*merge_relations"
    ):
        doc = two(make_doc(two))
    alone = component(two)(make_doc(two))
    assert triples(alone) and len(doc._.relations) > len(alone._.relations)
    assert scores(doc._.relations_of(NAME)) == scores(alone._.relations)
    two.get_pipe("second").merge_relations = True
    two.get_pipe("second").threshold = 0.999999
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doc = two(make_doc(two))
    assert triples(doc) == triples(alone) and doc._.relations_of("second") == []


def test_the_setting_is_checked_and_saved(trained, tmp_path):
    component(trained).merge_relations = True
    with pytest.raises(ValueError, match=r"E023.*merge_relations"):
        component(trained).merge_relations = "yes"
    trained.to_disk(tmp_path)
    assert component(spacy.load(tmp_path)).merge_relations is True


def test_entities_of_two_components_are_not_mixed_up(trained):
    """A component whose reader numbers entities of its own does not relate the ones that bear their names."""
    pipe = component(trained)
    own = make_doc(trained)._.entities
    doc = Doc(trained.vocab, words=[token.text for token in make_doc(trained)])
    doc.spans["entity_1"] = [doc[2:3]]
    pipe.set_annotations([doc], [(own, [])])
    assert [span.text for span in doc.spans["entity_1"]] == ["founded"]
    texts = {key: [span.text for span in group] for key, group in doc.spans.items()}
    # The first one gets the first free name, so that the second one, which bears it, gets the next.
    assert texts.pop("entity_1") == ["founded"]
    assert sorted(texts.values()) == [["Acme"], ["Ann Lee", "She", "Lee"], ["Oslo", "Oslo"]]
