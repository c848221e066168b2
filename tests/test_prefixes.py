"""Entities in span groups of other prefixes, of changed tokens, and without mentions."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_kmgre import from_docs
from spacy_kmgre.annotations import get_entities, write_entities
from spacy_kmgre.evaluation.gold_entities import between_gold_entities
from spacy_kmgre.export.frame import to_pandas
from spacy_kmgre.export.graph import to_networkx
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.docred import submission
from spacy_kmgre.formats.jsonl import document_to_json
from spacy_kmgre.graph import build_graph
from spacy_kmgre.scoring.relations import relation_facts
from spacy_kmgre.training.corpus import create_corpus_reader

from .conftest import RELATIONS, make_doc

NLP = spacy.blank("en")
PREFIX = "coref_clusters_"


def make_clusters(relations: bool = False) -> Doc:
    """The Doc of `make_doc` with entities as spacy-experimental writes them, and its groups of head words."""
    doc = make_doc(NLP)
    for number in (1, 2, 3):
        spans = list(doc.spans.pop(f"entity_{number}"))
        doc.spans[f"{PREFIX}{number}"] = spans
        doc.spans[f"coref_head_clusters_{number}"] = spans
    if relations:
        named = {f"entity_{number}": f"{PREFIX}{number}" for number in (1, 2, 3)}
        doc._.relations = [
            {**data, "head": named[data["head"]], "tail": named[data["tail"]]} for data in RELATIONS
        ]
    return doc


@pytest.fixture
def clusters_nlp(make_nlp) -> Any:
    reader = {"@misc": "spacy_kmgre.span_group_entities.v1", "prefix": PREFIX}
    nlp = make_nlp(component={"entities": reader, "threshold": 0.0})
    nlp.initialize(lambda: [Example(make_clusters(), make_clusters(relations=True))])
    return nlp


def test_entities_that_a_component_reads_under_a_prefix_are_those_of_the_doc(clusters_nlp, tmp_path: Path):
    doc = clusters_nlp(make_clusters())
    keys = [f"{PREFIX}{number}" for number in (1, 2, 3)]
    assert [entity.key for entity in doc._.entities] == keys
    record = document_to_json(doc)
    assert [entity["key"] for entity in record["entities"]] == keys and record["relations"]
    assert {item["h_idx"] for item in submission(doc)} == {0, 1, 2}
    assert len(to_networkx([doc])) == len(build_graph([doc]).nodes) == 3
    for name, found in FORMATS.items():
        if found.writer is not None:
            found.write([doc], tmp_path / f"{name}{found.default_ending}")
    added = doc._.add_relation(doc[0:2], doc[3:4], "founded")
    assert (added.head.key, added.tail.key) == (keys[0], keys[1])


def test_the_training_corpus_shows_its_types_under_any_prefix(clusters_nlp):
    assert clusters_nlp.get_pipe("kmgre_relations").cfg["types"] == ["X"]


def test_given_entities_may_have_the_prefix_of_the_component(clusters_nlp):
    clusters_nlp.get_pipe("kmgre_relations").threshold = 0.0
    with between_gold_entities(clusters_nlp, "kmgre_relations"):
        assert clusters_nlp(make_clusters())._.relations
        assert clusters_nlp(make_doc(NLP))._.relations


def test_a_corpus_knows_the_prefix_that_it_is_read_with(tmp_path: Path):
    path = tmp_path / "corpus.spacy"
    DocBin(docs=[make_clusters(relations=True)], store_user_data=True).to_disk(path)
    for example in create_corpus_reader(path, prefix=PREFIX)(NLP):
        assert len(get_entities(example.reference)) == len(get_entities(example.predicted)) == 3


def test_entities_without_relations_are_exported_under_any_prefix():
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": "Ann"}, {"label": "GPE", "pattern": "Oslo"}])
    nlp.add_pipe("kmgre_entities", config={"prefix": "ent_"})
    doc = nlp("Ann lives in Oslo.")
    doc._.add_relation("ent_1", "ent_2", "lives_in")
    nlp("Ann.")
    assert [entity["key"] for entity in document_to_json(doc)["entities"]] == ["ent_1", "ent_2"]


def merge(doc: Doc, start: int, end: int) -> Doc:
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[start:end])
    return doc


def test_facts_are_of_the_characters_where_tokens_were_merged(make_nlp):
    plain, merged = make_doc(NLP), make_doc(NLP)
    for doc in (plain, merged):
        doc._.relations = RELATIONS
    merge(merged, 0, 2)
    for one, other in zip(plain._.relations, merged._.relations):
        assert set(relation_facts(one)) == set(relation_facts(other))
    make_nlp().initialize(lambda: [Example(make_doc(NLP), merged)])


def test_a_mention_of_merged_tokens_names_its_entity():
    doc = merge(make_doc(NLP), 0, 2)
    added = doc._.add_relation(doc[0:1], doc[2:3], "founded")
    assert (added.head.key, added.tail.key) == ("entity_1", "entity_2")


@pytest.mark.parametrize(
    "use",
    [
        document_to_json,
        lambda doc: to_pandas([doc]),
        lambda doc: from_docs([doc]),
        lambda doc: build_graph([doc]),
    ],
)
def test_an_entity_that_has_lost_its_mentions_is_named(use: Any):
    doc = make_doc(NLP)
    doc._.relations = RELATIONS
    doc.spans["entity_2"] = []
    with pytest.raises(ValueError, match=r"E143.*entity_2"):
        use(doc)


def test_identifiers_of_many_entities_stay_what_they_were():
    doc = make_doc(NLP)
    first, second, third = doc._.entities
    write_entities(doc, [first.__class__(first.mentions, first.key, id="Q1")])
    write_entities(doc, [second.__class__(second.mentions, second.key, id="Q2"), third])
    assert [entity.id for entity in doc._.entities] == ["Q1", "Q2", ""]
    json.dumps(document_to_json(doc))
