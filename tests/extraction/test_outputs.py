"""Every form of output holds the same relations."""

import csv
import io
import json
from pathlib import Path

import pytest
import spacy

from spacy_kmgre.extraction.outputs import COLUMNS, find_output, places_lacking
from spacy_kmgre.formats import FORMATS

from ..conftest import make_doc, make_lonely_doc, make_other_doc, triples


@pytest.fixture
def docs(kmgre):
    found = [make_doc(kmgre), make_lonely_doc(kmgre), make_other_doc(kmgre)]
    for number, doc in enumerate(found):
        doc.user_data["title"] = f"doc {number}"
        kmgre(doc)
    return found


def assembled(docs, path: Path, form: str = "") -> Path:
    output = find_output(path, form)
    parts = [output.pack([output.encode(doc) for doc in part]) for part in (docs[:2], [], docs[2:])]
    output.assemble(parts, path, "xx")
    return path


@pytest.mark.parametrize(
    "name, form",
    [
        ("out.jsonl", "jsonl"),
        ("out.spacy", "spacy"),
        ("out", "spacy"),
        ("out.json", "docred"),
        ("out.pubtator", "pubtator"),
        ("out.xml", "bioc"),
    ],
)
def test_formats_that_can_be_read_back(docs, tmp_path, name: str, form: str):
    path = assembled(docs, tmp_path / name, form if name in ("out", "out.json") else "")
    found = list(FORMATS[form].read(path, spacy.blank("en").vocab))
    assert [doc.user_data["title"].replace("_", " ") for doc in found] == ["doc 0", "doc 1", "doc 2"]
    for doc, other in zip(found, docs):
        assert len(doc._.relations) == len(other._.relations)
        labels = sorted((r.head.text, r.label, r.tail.text) for r in doc._.relations)
        assert labels == sorted((r.head.text, r.label, r.tail.text) for r in other._.relations)
        if form in ("jsonl", "spacy"):
            assert triples(doc) == triples(other)
            assert [r.to_dict() for r in doc._.relations] == [r.to_dict() for r in other._.relations]


def test_lines_are_those_of_the_format(docs, tmp_path):
    FORMATS["jsonl"].write(docs, tmp_path / "other.jsonl")
    assert assembled(docs, tmp_path / "out.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()


def test_csv(docs, tmp_path):
    docs[0].user_data["title"] = 'a "name", with\nlines'
    text = assembled(docs, tmp_path / "out.csv").read_text(encoding="utf8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(COLUMNS)
    expected = [(doc, relation) for doc in docs for relation in doc._.relations]
    assert len(rows) == len(expected) == 5
    for row, (doc, relation) in zip(rows, expected):
        assert row["document"] == doc.user_data["title"]
        assert (row["head"], row["relation"], row["tail_key"]) == (
            relation.head.text,
            relation.label,
            relation.tail.key,
        )
        assert float(row["score"]) == relation.score
        pair = relation.key_mention_pairs[0]
        assert doc.text[int(row["head_start"]) : int(row["head_end"])] == pair.head.text
        assert doc.text[int(row["tail_start"]) : int(row["tail_end"])] == pair.tail.text
        assert float(row["share"]) == pair.share
        assert row["evidence"] == " ".join(sent.text for sent in relation.evidence) != ""


def test_gold_relations_have_no_key_pairs_to_show(kmgre, tmp_path):
    doc = make_doc(kmgre)
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x"}]
    text = assembled([doc], tmp_path / "out.csv").read_text(encoding="utf8")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["document"], row["head_start"], row["share"], row["evidence"]) == ("", "", "", "")


@pytest.mark.parametrize(
    "name, form", [("out", ""), ("out.json", ""), ("out.txt", ""), ("out.jsonl", "docx")]
)
def test_unknown_outputs(name: str, form: str):
    with pytest.raises(ValueError, match=r"E14[45]"):
        find_output(Path(name), form)


def test_what_has_no_place():
    assert places_lacking(find_output(Path("a.jsonl"))) == places_lacking(find_output(Path("a.csv"))) == []
    assert "scores" in places_lacking(find_output(Path("a.pubtator")))


def test_json_lines_are_whole(docs):
    output = find_output(Path("a.jsonl"))
    docs[0].user_data["title"] = "line\nbreak\u2028"
    data = output.encode(docs[0])
    assert data.count(b"\n") == 1 and json.loads(data)["title"] == "line\nbreak\u2028"
