"""Every export holds the same relations, and other packages can add one."""

import csv
import importlib.metadata
import io
import json
import pickle
from pathlib import Path
from typing import Any

import catalogue
import pytest
import spacy
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre as kmgre_app
from spacy_kmgre.export import all_exports, describe_exports, export_docs, exports, find_export
from spacy_kmgre.export.csv import COLUMNS
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.base import targets

from ..conftest import make_doc, make_lonely_doc, make_other_doc, triples
from ..extraction.conftest import line, write_lines


@pytest.fixture
def docs(kmgre):
    found = [make_doc(kmgre), make_lonely_doc(kmgre), make_other_doc(kmgre)]
    for number, doc in enumerate(found):
        doc.user_data["title"] = f"doc {number}"
        kmgre(doc)
    return found


META = {"lang": "xx"}


def written(docs, path: Path, form: str = "") -> Path:
    export = pickle.loads(pickle.dumps(find_export(path, form)(META)))
    export.write(iter([export.encode(doc) for doc in docs]), path)
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
    path = written(docs, tmp_path / name, form if name in ("out", "out.json") else "")
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
    assert written(docs, tmp_path / "out.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()


def test_csv(docs, tmp_path):
    docs[0].user_data["title"] = 'a "name", with\nlines'
    text = written(docs, tmp_path / "out.csv").read_text(encoding="utf8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(COLUMNS)
    expected = [(doc, relation) for doc in docs for relation in doc._.relations]
    assert len(rows) == len(expected) == 5
    for row, (doc, relation) in zip(rows, expected):
        assert row["document"] == doc.user_data["title"]
        assert (row["head"], row["label"], row["tail_key"]) == (
            relation.head.text,
            relation.label,
            relation.tail.key,
        )
        assert float(row["score"]) == relation.score
        pair = relation.key_mention_pairs[0]
        assert doc.text[int(row["head_start"]) : int(row["head_end"])] == pair.head.text
        assert doc.text[int(row["tail_start"]) : int(row["tail_end"])] == pair.tail.text
        assert float(row["share"]) == pair.share
        assert row["evidence_text"] == " ".join(sent.text for sent in relation.evidence) != ""
        assert [pair["share"] for pair in json.loads(row["key_mention_pairs"])] == [
            pair.share for pair in relation.key_mention_pairs
        ]


def test_gold_relations_have_no_key_pairs_to_show(kmgre, tmp_path):
    doc = make_doc(kmgre)
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x"}]
    text = written([doc], tmp_path / "out.csv").read_text(encoding="utf8")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["head_start"], row["share"], row["evidence"]) == ("", "", "[]")
    assert row["document"] == "1"  # As in the other exports, a document without a title has its number.


@pytest.mark.parametrize(
    "name, form", [("out", ""), ("out.json", ""), ("out.txt", ""), ("out.jsonl", "docx")]
)
def test_unknown_outputs(name: str, form: str):
    with pytest.raises(ValueError, match=r"E14[45]"):
        find_export(Path(name), form)


def test_what_has_no_place():
    assert find_export(Path("a.jsonl"))(META).lacks == find_export(Path("a.csv"))(META).lacks == ()
    assert "scores" in find_export(Path("a.pubtator"))(META).lacks


def test_json_lines_are_whole(docs):
    docs[0].user_data["title"] = "line\nbreak\u2028"
    data = find_export(Path("a.jsonl"))(META).encode(docs[0])
    assert data.count(b"\n") == 1 and json.loads(data)["title"] == "line\nbreak\u2028"


def test_exports_have_the_names_that_they_are_registered_by():
    assert {name: make(META).name for name, make in all_exports().items()} == {n: n for n in all_exports()}
    own = {"csv", "jsonl", "parquet", "node-link", "graphml", "trig", "neo4j", "cypher"}
    assert own | set(targets()) == set(all_exports())
    assert own <= set(exports.get_all())
    lines = describe_exports()
    assert len(lines) == len(all_exports()) and lines[0].startswith("csv .csv: a table")


def test_the_error_names_all_exports():
    with pytest.raises(ValueError, match=r"Name it with to;"):
        export_docs([], "a.txt")
    with pytest.raises(
        ValueError, match=r"--to.*csv \.csv, cypher \.cypher \.cql, .*bioc \.xml, .*docred, .*spacy \.spacy"
    ):
        find_export(Path("a.txt"), option="--to")


PLUGIN = """
from spacy_kmgre.export import StreamExport


class TriplesExport(StreamExport):
    name = "triples"
    description = "a line for each relation"
    suffixes = (".triples",)

    def encode(self, doc):
        start = (self.meta["name"], doc.user_data["title"])
        lines = ["\\t".join((*start, r.head.text, r.label, r.tail.text)) + "\\n" for r in doc._.relations]
        return "".join(lines).encode("utf8")
"""


def test_an_export_of_another_package(trained_folder, tmp_path, monkeypatch):
    """A package that is only on the path, with an entry point, is found by `extract`, and by its workers."""
    (tmp_path / "plugin" / "plugin-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "plugin" / "triples.py").write_text(PLUGIN)
    info = tmp_path / "plugin" / "plugin-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[spacy_kmgre_exports]\ntriples = triples:TriplesExport\n")
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(3)])
    monkeypatch.syspath_prepend(tmp_path / "plugin")
    # It is found when Python starts, which would take seconds here.
    monkeypatch.setattr(catalogue, "AVAILABLE_ENTRY_POINTS", importlib.metadata.entry_points())

    def run(*args: str | Path) -> str:
        return " ".join(CliRunner().invoke(kmgre_app, ["extract", *map(str, args)]).output.split())

    target = tmp_path / "out.triples"
    model = trained_folder("KMGRE")
    shown = run(model, source, "-o", target, "--n-process", "2")
    lines = [found.split("\t") for found in target.read_text().splitlines()]
    assert f"{len(lines)} relations in 3 documents" in shown and len(lines) > 3
    assert [lines[0][1], lines[-1][1]] == ["doc 0", "doc 2"]
    assert lines[0][0] == spacy.load(model).meta["name"] and {lines[0][2], lines[0][4]} == {"Acme", "Bolt"}
    assert "triples .triples: a line for each relation" in run("--help")
    assert "triples .triples" in run(model, source, "-o", tmp_path / "out.json")


@pytest.mark.parametrize("docs", ["text", ["text"], [None]])
def test_what_is_no_doc_is_named(docs: Any, tmp_path):
    with pytest.raises(ValueError, match=r"E611.*export_docs"):
        export_docs(docs, tmp_path / "found.csv")
    assert not list(tmp_path.iterdir())
