import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy import Language
from spacy.pipeline import EntityRuler
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from spacy_kmgre.annotations import mention_offsets, read_entities
from spacy_kmgre.entities.ner import ner_entities
from spacy_kmgre.pipeline.entities import KmgreEntities

from ..conftest import component

TEXTS = [
    "Genc Ruli is a politician. Ruli studied in Tirana.",
    "",
    "Nothing happens here.",
    "Acme Inc. is in Tirana. Acme sells to Genc Ruli.",
]
PATTERNS = [
    {"label": "PERSON", "pattern": "Genc Ruli"},
    {"label": "PERSON", "pattern": "Ruli"},
    {"label": "GPE", "pattern": "Tirana"},
    {"label": "ORG", "pattern": "Acme Inc."},
    {"label": "ORG", "pattern": "Acme"},
]


def make_nlp(**config: Any) -> Language:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    assert isinstance(ruler, EntityRuler)
    ruler.add_patterns(PATTERNS)
    nlp.add_pipe("kmgre_entities", config=config)
    return nlp


def groups(doc: Doc) -> dict[str, list[str]]:
    return {key: [f"{span.text} {span.label_}" for span in spans] for key, spans in doc.spans.items()}


EXPECTED = [
    {"entity_1": ["Genc Ruli PERSON", "Ruli PERSON"], "entity_2": ["Tirana GPE"]},
    {},
    {},
    {"entity_1": ["Acme Inc. ORG", "Acme ORG"], "entity_2": ["Tirana GPE"], "entity_3": ["Genc Ruli PERSON"]},
]


def test_entities_go_into_span_groups():
    nlp = make_nlp()
    for text, expected in zip(TEXTS, EXPECTED):
        assert groups(nlp(text)) == expected


@pytest.mark.parametrize("processes", [1, 2])
def test_pipe(processes: int):
    nlp = make_nlp(prefix="cluster_")
    docs = list(nlp.pipe(TEXTS, n_process=processes, batch_size=2))
    assert [[entity.key for entity in doc._.entities] for doc in docs] == [
        [key.replace("entity_", "cluster_") for key in expected] for expected in EXPECTED
    ]


def test_a_saved_pipeline(tmp_path):
    reader = {
        "@misc": "spacy_kmgre.ner_entities.v1",
        "legal_forms": False,
        "aliases": {"Acme Inc.": ["Tirana"]},
    }
    nlp = make_nlp(entities=reader, prefix="cluster_")
    nlp.to_disk(tmp_path)
    assert [groups(doc) for doc in spacy.load(tmp_path).pipe(TEXTS)] == [
        groups(doc) for doc in nlp.pipe(TEXTS)
    ]
    assert groups(nlp(TEXTS[3]))["cluster_2"] == ["Tirana GPE"]
    assert groups(nlp(TEXTS[3]))["cluster_3"] == ["Acme ORG"]


def test_merged_readers_in_a_saved_config(tmp_path):
    sections = {
        "zuerst": {"@misc": "spacy_kmgre.ner_entities.v1"},
        "after": {"@misc": "spacy_kmgre.span_group_entities.v1", "prefix": "chain_"},
    }
    nlp = make_nlp(entities={"@misc": "spacy_kmgre.merged_entities.v1", "*": sections})
    nlp.to_disk(tmp_path)
    for pipeline in (nlp, spacy.load(tmp_path)):
        doc = pipeline.make_doc("Ruli spoke. He left.")
        doc.spans["chain_1"] = [doc[0:1], doc[3:4]]
        assert groups(pipeline(doc))["entity_1"] == ["Ruli PERSON", "He PERSON"]


def test_a_second_run_gives_the_same():
    nlp = make_nlp()
    for text, expected in zip(TEXTS, EXPECTED):
        assert groups(nlp(nlp(text))) == expected


def test_a_second_run_after_a_change_leaves_nothing_behind():
    nlp = make_nlp()
    doc = nlp(TEXTS[3])
    doc.ents = [ent for ent in doc.ents if ent.label_ != "ORG"]
    found = nlp.get_pipe("kmgre_entities")(doc)
    assert groups(found) == {"entity_2": ["Tirana GPE"], "entity_3": ["Genc Ruli PERSON"]}
    doc.ents = [*doc.ents, Span(doc, 5, 6, label="ORG")]
    assert list(groups(nlp.get_pipe("kmgre_entities")(doc))) == ["entity_2", "entity_1", "entity_3"]


def test_groups_of_another_origin_are_replaced_but_others_stay():
    nlp = make_nlp()
    doc = nlp.make_doc(TEXTS[0])
    doc.spans["entity_1"] = doc.spans["entity_8"] = doc.spans["sc"] = [doc[2:3]]
    assert groups(nlp(doc)) == {"sc": ["is "], **EXPECTED[0]}


def test_corrected_entities_can_stay():
    nlp = make_nlp(overwrite=False)
    doc = nlp(TEXTS[0])
    assert groups(doc) == EXPECTED[0]
    doc.spans["entity_1"] = [doc[0:2]]
    assert groups(nlp(doc))["entity_1"] == ["Genc Ruli "]
    assert groups(make_nlp()(doc)) == EXPECTED[0]


def test_a_reader_of_span_groups_keeps_the_keys():
    nlp = make_nlp(entities={"@misc": "spacy_kmgre.span_group_entities.v1"})
    doc = nlp.make_doc(TEXTS[0])
    doc.spans["entity_4"] = [Span(doc, 0, 2, label="PERSON")]
    doc.spans["entity_2"] = [Span(doc, 9, 10, label="GPE")]
    before = groups(doc)
    assert groups(nlp(doc)) == before
    nlp = make_nlp(entities={"@misc": "spacy_kmgre.span_group_entities.v1"}, prefix="mine_")
    assert [entity.key for entity in nlp(doc)._.entities] == ["mine_1", "mine_2"]


def test_the_names_that_pipes_are_analysed_by():
    nlp = make_nlp()
    analysis = nlp.analyze_pipes()
    assert analysis["problems"]["kmgre_entities"] == []
    assert analysis["summary"]["kmgre_entities"]["assigns"] == [
        "doc.spans",
        "doc._.entities",
        "span._.entity",
    ]
    nlp.remove_pipe("entity_ruler")
    assert nlp.analyze_pipes()["problems"]["kmgre_entities"] == ["doc.ents"]


def test_there_is_no_score_without_a_scorer():
    nlp = make_nlp()
    assert nlp.get_pipe("kmgre_entities").score([]) == {}


def test_the_scorer_of_the_config():
    @registry.scorers("test_component.count.v1")
    def make() -> Any:
        def score(examples: Iterable[Example], **_: Any) -> dict[str, int]:
            return {"entities": sum(len(read_entities(example.predicted)) for example in examples)}

        return score

    nlp = make_nlp(scorer={"@scorers": "test_component.count.v1"})
    examples = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in TEXTS]
    assert nlp.evaluate(examples)["entities"] == 5


def test_the_error_handler_of_the_pipeline():
    nlp = make_nlp(entities={"@misc": "spacy_kmgre.fastcoref_entities.v1"})
    with pytest.raises(ValueError, match="E403"):
        nlp(TEXTS[0])
    failed = []
    nlp.set_error_handler(
        lambda name, _pipe, _docs, error: failed.append((name, re.search("E403", str(error))))
    )
    doc = nlp.make_doc(TEXTS[0])
    doc._.coref_clusters = [[(0, 9), (27, 31)]]
    (found,) = nlp.pipe([nlp.make_doc(TEXTS[0]), doc])
    assert [name for name, match in failed if match] == ["kmgre_entities"]
    assert mention_offsets(found._.entities) == [(0, 2), (6, 7)]


RELATED = "Ann Lee founded Acme. She lives in Oslo. Lee works near Oslo."
RELATED_PATTERNS = [
    {"label": "PER", "pattern": "Ann Lee"},
    {"label": "PER", "pattern": "Lee"},
    {"label": "ORG", "pattern": "Acme"},
    {"label": "LOC", "pattern": "Oslo"},
]


def make_related_nlp(folder: Path) -> Language:
    nlp = spacy.load(folder)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    assert isinstance(ruler, EntityRuler)
    ruler.add_patterns(RELATED_PATTERNS)
    return nlp


def relations(doc: Doc) -> list[dict[str, Any]]:
    return [relation.to_dict() for relation in doc._.relations]


def test_raw_text_gives_relations(trained_folder, kmgre: Language):
    nlp = make_related_nlp(trained_folder("KMGRE"))
    nlp.add_pipe("kmgre_entities", before="kmgre_relations")
    doc = nlp(RELATED)
    by_hand = kmgre.make_doc(RELATED)
    for key, spans in doc.spans.items():
        by_hand.spans[key] = [by_hand[span.start : span.end] for span in spans]
    assert [entity.text for entity in doc._.entities] == ["Ann Lee", "Acme", "Oslo"]
    assert relations(doc) == relations(kmgre(by_hand)) != []
    assert relations(nlp(doc)) == relations(doc)
    assert all(relation.head in doc._.entities for relation in doc._.relations)


def test_the_relation_component_reads_names_itself(trained_folder):
    nlp = make_related_nlp(trained_folder("KMGRE"))
    component(nlp).entities = ner_entities()
    expected = relations(nlp(RELATED))
    doc = nlp.make_doc(RELATED)
    doc.spans["entity_1"] = [doc[1:2]]  # This group is not an entity of the reader.
    for _ in range(2):
        doc = nlp(doc)
        assert list(groups(doc)) == ["entity_1", "entity_2", "entity_3", "entity_4"]
        moved = {f"entity_{number}": f"entity_{number + 1}" for number in (1, 2, 3)}
        assert relations(doc) == [
            {**relation, "head": moved[relation["head"]], "tail": moved[relation["tail"]]}
            for relation in expected
        ]


def test_the_component_without_a_pipeline():
    pipe = KmgreEntities(entities=lambda _: [], prefix="entity_")
    doc = pipe(Doc(spacy.blank("en").vocab, words=["Ann"]))
    assert doc._.entities == [] and not pipe.is_trainable
