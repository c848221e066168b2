"""Identifiers of entities over documents."""

import csv
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import Doc, Span
from typer.testing import CliRunner

from spacy_kmgre.annotations import TITLE, identify_entities, replace_entities
from spacy_kmgre.cli import kmgre
from spacy_kmgre.entities.global_ids import kb_ids
from spacy_kmgre.formats import FORMATS

from ..conftest import make_doc
from .conftest import line, write_lines

NLP = spacy.blank("en")
CODE = """
import spacy

@spacy.registry.misc("by_name")
def make():
    return lambda entity: entity.text.lower()

@spacy.registry.misc("by_number")
def make_numbers():
    return lambda entity: 3
"""


def linked(name: str) -> Doc:
    doc = make_doc(NLP)
    doc.user_data[TITLE] = name
    doc.spans["entity_2"] = [Span(doc, 3, 4, label="ORG", kb_id="Q42")]
    doc._.add_relation("entity_1", "entity_2", "founded")
    return doc


def test_identifiers_of_the_knowledge_base_or_of_the_document():
    doc = linked("one")
    assert [entity.id for entity in doc._.entities] == ["", "", ""]
    identify_entities(doc, kb_ids())
    assert [entity.id for entity in doc._.entities] == ["one#entity_1", "Q42", "one#entity_3"]
    (relation,) = doc._.relations
    assert (relation.head.id, relation.tail.id) == ("one#entity_1", "Q42")
    copy = Doc(NLP.vocab).from_bytes(doc.to_bytes())
    assert [entity.id for entity in copy._.entities] == [entity.id for entity in doc._.entities]


def test_new_entities_have_no_old_identifiers():
    doc = linked("one")
    identify_entities(doc, kb_ids())
    first, *_ = doc._.entities
    replace_entities(doc, [first])
    assert [entity.id for entity in doc._.entities] == ["one#entity_1"]
    doc.spans["entity_2"] = [doc[3:4]]
    assert doc._.entities[1].id == ""


def test_identifiers_go_to_json_lines_and_back(tmp_path):
    docs = [linked("one"), linked("two")]
    for doc in docs:
        identify_entities(doc, kb_ids())
    FORMATS["jsonl"].write(docs, tmp_path / "out.jsonl")
    again = list(FORMATS["jsonl"].read(tmp_path / "out.jsonl", NLP.vocab))
    ids = [[entity.id for entity in doc._.entities] for doc in again]
    assert ids == [[f"{name}#entity_1", "Q42", f"{name}#entity_3"] for name in ("one", "two")]


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    lines = [line(1), line(2)]
    for data in lines:
        data["entities"][0]["kb_id"] = "Q1"
    (tmp_path / "code.py").write_text(CODE)
    return [str(write_lines(tmp_path / "in.jsonl", lines)), "--code", str(tmp_path / "code.py")]


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf8").splitlines()))


def extract(trained_folder, sources: list[str], *args: object):
    arguments = ["extract", str(trained_folder("KMGRE")), *sources, *map(str, args)]
    return CliRunner().invoke(kmgre, arguments)


@pytest.mark.parametrize("n_process", [1, 2])
def test_extract_by_knowledge_base(trained_folder, sources, n_process, tmp_path):
    target = tmp_path / "out.csv"
    result = extract(trained_folder, sources, "--entity-ids", "kb_id", "-n", n_process, "-o", target)
    assert result.exit_code == 0, result.output
    rows = read_rows(target)
    ids = {
        (row["document"], row[f"{side}_key"]): row[f"{side}_id"] for row in rows for side in ("head", "tail")
    }
    assert {ids["doc 1", "entity_1"], ids["doc 2", "entity_1"]} == {"Q1"}
    assert ids["doc 1", "entity_2"] == "doc 1#entity_2"


def test_extract_by_a_function(trained_folder, sources, tmp_path):
    target = tmp_path / "out.jsonl"
    assert extract(trained_folder, sources, "--entity-ids", "by_name", "-o", target).exit_code == 0
    for data in srsly.read_jsonl(target):
        assert all(entity["id"] == entity["text"].lower() for entity in data["entities"])
    result = extract(trained_folder, sources, "--entity-ids", "by_number", "-o", tmp_path / "other.jsonl")
    assert result.exit_code == 3 and "E082" in result.output and "a string" in result.output


def test_extract_by_what_is_not_there(trained_folder, sources, tmp_path):
    result = extract(trained_folder, sources, "--entity-ids", "nobody", "-o", tmp_path / "out.jsonl")
    words = " ".join(result.output.split())
    assert result.exit_code == 1 and "E082" in words and "'nobody'" in words and "kb_id" in words


def test_without_the_option_only_the_knowledge_base_joins(trained_folder, sources, tmp_path):
    assert extract(trained_folder, sources, "-o", tmp_path / "out.csv").exit_code == 0
    rows = read_rows(tmp_path / "out.csv")
    assert rows
    for row in rows:
        for side in ("head", "tail"):
            own = f"{row['document']}#{row[f'{side}_key']}"
            assert row[f"{side}_id"] == (row[f"{side}_kb_id"] or own)
