"""`spacy kmgre view` and `graph`: sources, what a pipeline predicts beside gold relations, and mistakes."""

import html
import json
import re
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.docbin import write_corpus

from ..conftest import NAME, make_examples

SAME = """
from spacy import registry

@registry.misc("all_are_one.v1")
def all_are_one():
    return lambda entity: "one"
"""


@pytest.fixture(scope="module")
def model(trained_folder) -> Path:
    return trained_folder("KMGRE")


@pytest.fixture(scope="module")
def corpus(model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "dev.spacy"
    write_corpus([example.reference for example in make_examples(spacy.load(model))], path)
    return path


def run(command: str, *args: object):
    return CliRunner().invoke(kmgre, [command, *map(str, args)])


def page_of(command: str, *args: object, output: Path) -> dict:
    result = run(command, *args, "-o", output)
    assert result.exit_code == 0, result.output
    text = output.read_text(encoding="utf8")
    data = re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)
    (title,) = re.findall(r"<title>(.*?)</title>", text)
    return {"title": html.unescape(title), **json.loads(data[0])}


def failed(command: str, *args: object) -> str:
    result = run(command, *args)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return " ".join(result.output.split())


def test_a_corpus(corpus, tmp_path):
    page = page_of("view", corpus, output=tmp_path / "new" / "page.html")
    assert page["title"] == "dev.spacy" and page["compared"] is False
    assert [len(doc["relations"]) for doc in page["documents"]] == [3, 2]
    chosen = ("--label", "founded", "--threshold", 0.3, "--title", "<x>", "--minify", "--limit", 1)
    page = page_of("view", corpus, *chosen, output=tmp_path / "page.html")
    assert (page["title"], page["threshold"]) == ("<x>", 0.3)
    assert [[relation["label"] for relation in doc["relations"]] for doc in page["documents"]] == [
        ["founded"]
    ]


def test_other_formats_and_names_of_labels(corpus, tmp_path):
    docs = list(FORMATS["spacy"].read(corpus, spacy.blank("xx").vocab))
    FORMATS["jsonl"].write(docs, tmp_path / "out.jsonl")
    (tmp_path / "names.json").write_text('{"founded": "was the founder of"}')
    names = ("--relation-names", tmp_path / "names.json")
    page = page_of("view", tmp_path / "out.jsonl", *names, output=tmp_path / "page.html")
    assert "was the founder of" in {relation["name"] for relation in page["documents"][0]["relations"]}


def test_a_pipeline_beside_gold_relations(model, corpus, tmp_path):
    page = page_of("view", model, corpus, output=tmp_path / "page.html")
    assert page["compared"] is True
    assert {relation["verdict"] for doc in page["documents"] for relation in doc["relations"]} == {"right"}
    assert all(relation["pairs"] for doc in page["documents"] for relation in doc["relations"])
    override = (f"--components.{NAME}.threshold", "1.0")
    for given in ((), ("--entities", "given")):
        page = page_of("view", model, corpus, *given, *override, output=tmp_path / "page.html")
        assert {r["verdict"] for doc in page["documents"] for r in doc["relations"]} == {"missed"}


def test_a_pipeline_with_texts(model, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Acme works near Bolt.")
    page = page_of("view", model, tmp_path / "texts", output=tmp_path / "page.html")
    (doc,) = page["documents"]
    assert (doc["title"], doc["text"], page["compared"]) == ("a.txt", "Acme works near Bolt.", False)


def test_the_graph(model, corpus, tmp_path):
    page = page_of("graph", corpus, output=tmp_path / "graph.html")
    assert (len(page["nodes"]), len(page["edges"])) == (5, 5)
    page = page_of(
        "graph", model, corpus, "--entity-ids", "name", "--limit", 2, output=tmp_path / "graph.html"
    )
    assert len(page["edges"]) == 2 and page["all"]["edges"] == 5
    (tmp_path / "same.py").write_text(SAME)
    one = ("--entity-ids", "all_are_one.v1", "--code", tmp_path / "same.py")
    page = page_of("graph", corpus, *one, output=tmp_path / "graph.html")
    assert len(page["nodes"]) == 1
    assert sorted((edge["label"], edge["count"]) for edge in page["edges"]) == [
        ("founded", 2),
        ("founded_by", 1),
        ("lives_in", 1),
        ("works_in", 1),
    ]


def test_mistakes(model, corpus, tmp_path):
    page = tmp_path / "page.html"
    assert "E505" in failed("view", model, "-o", page)
    (tmp_path / "a.txt").write_text("Acme")
    assert "E506" in failed("view", tmp_path / "a.txt", "-o", page)
    for command in ("view", "graph"):
        assert "E532" in failed(command, corpus, "-o", corpus)
    assert "E336" in failed("view", tmp_path / "absent.jsonl", "-o", page)
    assert "E082" in failed("graph", corpus, "--entity-ids", "unknown.v1", "-o", page)
    assert not page.exists()
    assert run("view", corpus).exit_code == 2
    assert run("view", corpus, "-o", page, "--threshold", "2").exit_code == 2
