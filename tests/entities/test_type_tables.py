import json
from pathlib import Path

import pytest
import spacy
from spacy.pipeline import EntityRuler

from spacy_kmgre.entities.type_tables import TYPE_TABLES, read_types, with_types
from spacy_kmgre.types import Entity

DOCRED = {"PER", "ORG", "LOC", "TIME", "NUM", "MISC"}
ONTONOTES = {
    *("CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP", "ORDINAL", "ORG"),
    *("PERCENT", "PERSON", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART"),
}
NAMES = ["ontonotes_docred", "conll_docred", "wikiner_docred"]
TEXT = "Ruli came first to Tirana."
PATTERNS = [
    {"label": "PERSON", "pattern": "Ruli"},
    {"label": "GPE", "pattern": "Tirana"},
    {"label": "ORDINAL", "pattern": "first"},
]


def found(nlp: spacy.Language) -> list[tuple[str, str]]:
    return [(entity.text, entity.label) for entity in nlp(TEXT)._.entities]


def make_nlp(types: object) -> spacy.Language:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    assert isinstance(ruler, EntityRuler)
    ruler.add_patterns(PATTERNS)
    nlp.add_pipe("kmgre_entities", config={"types": types})
    return nlp


def write(folder: Path, content: object) -> str:
    (folder / "types.json").write_text(json.dumps(content), encoding="utf8")
    return str(folder / "types.json")


@pytest.mark.parametrize("name", NAMES)
def test_registered_tables_lead_to_the_types_of_docred(name: str):
    assert {kind for kind in read_types(name).values() if kind is not None} <= DOCRED


def test_the_table_of_ontonotes_names_all_its_types():
    assert set(read_types("ontonotes_docred")) == ONTONOTES
    assert set(read_types("ontonotes_docred").values()) == {*DOCRED, None}


@pytest.mark.parametrize("form", ["name", "dict", "file"])
def test_types_are_renamed_and_left_out(form: str, tmp_path: Path):
    table = {"PERSON": "PER", "GPE": "LOC", "ORDINAL": None}
    types = {"name": "ontonotes_docred", "dict": table, "file": write(tmp_path, table)}[form]
    assert found(make_nlp(types)) == [("Ruli", "PER"), ("Tirana", "LOC")]


def test_types_that_the_table_does_not_name_stay():
    assert found(make_nlp({"PERSON": "PER"})) == [("Ruli", "PER"), ("first", "ORDINAL"), ("Tirana", "GPE")]
    assert found(make_nlp(None)) == [("Ruli", "PERSON"), ("first", "ORDINAL"), ("Tirana", "GPE")]


def test_a_saved_pipeline_keeps_its_types(tmp_path: Path):
    for types in ("ontonotes_docred", {"PERSON": "PER", "ORDINAL": None}):
        nlp = make_nlp(types)
        nlp.to_disk(tmp_path)
        assert found(spacy.load(tmp_path)) == found(nlp)


def test_a_table_of_another_package():
    TYPE_TABLES.register("mine", func={"PERSON": "human"})
    assert found(make_nlp("mine"))[0] == ("Ruli", "human")


def test_what_is_no_table(tmp_path: Path):
    with pytest.raises(ValueError, match=r"E410.*'ontonotes'.*conll_docred, .*ontonotes_docred"):
        read_types("ontonotes")
    for content in (["PERSON"], {"PERSON": 1}, {"PERSON": ["PER"]}):
        with pytest.raises(ValueError, match="E411"):
            read_types(write(tmp_path, content))


def test_an_empty_table_changes_nothing():
    entities = [Entity((), "entity_1", "PERSON", "Q1"), Entity((), "entity_2")]
    assert with_types(entities, {}) == entities
    assert with_types(entities, {"": "thing", "PERSON": None}) == [Entity((), "entity_2", "thing")]
