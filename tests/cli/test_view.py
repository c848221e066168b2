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
    result = run(command, *args, "-o", output, "--force")
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
    # This pipeline finds no entities, so the page has nothing to show, which is said.
    for command in ("view", "graph"):
        with pytest.warns(UserWarning, match=r"W113.*model, texts has entities.*kmgre_entities"):
            page = page_of(command, model, tmp_path / "texts", output=tmp_path / f"{command}.html")
        if command == "view":
            (doc,) = page["documents"]
            assert (doc["title"], doc["text"], page["compared"]) == ("a.txt", "Acme works near Bolt.", False)


def test_a_pipeline_with_a_table(model, tmp_path):
    (tmp_path / "in.csv").write_text("number,body\nx1,Acme works.\nx2,Bolt.\n")
    columns = ("--text-column", "body", "--id-column", "number")
    with pytest.warns(UserWarning, match="W113"):
        page = page_of("view", model, tmp_path / "in.csv", *columns, output=tmp_path / "page.html")
    found = [(doc["title"], doc["text"]) for doc in page["documents"]]
    assert found == [("x1", "Acme works."), ("x2", "Bolt.")]
    with pytest.warns(UserWarning, match="W113"):
        page = page_of("graph", model, tmp_path / "in.csv", *columns, output=tmp_path / "graph.html")
    assert page["documents"] == ["x1", "x2"]
    assert "E083" in failed("graph", model, tmp_path / "in.csv", "-o", tmp_path / "other.html")
    assert "E506" in failed("view", tmp_path / "in.csv", "-o", tmp_path / "other.html")


def test_what_cannot_be_compared_is_said(model, tmp_path):
    """Labels that the pipeline does not know, and documents without gold relations."""
    docs = [example.reference for example in make_examples(spacy.load(model))]
    first, second = docs
    first._.relations = [{**relation.to_dict(), "label": "P112"} for relation in first._.relations]
    second._.relations = []
    write_corpus(docs, tmp_path / "gold.spacy")
    with pytest.warns(UserWarning) as warned:
        page = page_of("view", model, tmp_path / "gold.spacy", output=tmp_path / "page.html")
    texts = sorted(str(warning.message) for warning in warned)
    assert len(texts) == 2
    assert re.search(r"W112\] 3 gold relations .*: P112 \(3\)\. Its labels: .*founded", texts[0])
    assert "W115] No gold relations to compare with: 1 of 2 documents" in texts[1]
    assert [doc["compared"] for doc in page["documents"]] == [True, False]
    assert {relation["verdict"] for relation in page["documents"][1]["relations"]} == {""}


def test_labels_that_no_relation_has(corpus, tmp_path):
    with pytest.warns(UserWarning, match=r"W116.*labels typo\. Labels there are: .*founded"):
        page_of("view", corpus, "--label", "typo", output=tmp_path / "page.html")
    docs = list(FORMATS["spacy"].read(corpus, spacy.blank("xx").vocab))
    for doc in docs:
        doc._.relations = []
    write_corpus(docs, tmp_path / "none.spacy")
    with pytest.warns(UserWarning, match=r"W114.*none\.spacy has relations"):
        page_of("graph", tmp_path / "none.spacy", output=tmp_path / "page.html")


def test_a_page_is_replaced_only_by_force(corpus, tmp_path):
    page = tmp_path / "page.html"
    for command in ("view", "graph"):
        page.write_text("mine")
        assert "E331" in failed(command, corpus, "-o", page) and page.read_text() == "mine"
        shown = run(command, corpus, "-o", page, "--force")
        assert shown.exit_code == 0 and page.read_text(encoding="utf8") != "mine"
    shown = run("view", corpus, "-o", page, "--force", "--limit", 1)
    assert re.search(r"shows 1 document\b", " ".join(shown.output.split()))


def test_the_graph(model, corpus, tmp_path):
    page = page_of("graph", corpus, output=tmp_path / "graph.html")
    assert (len(page["nodes"]), len(page["edges"])) == (5, 5)
    some = ("--entity-ids", "name", "--limit", 2)
    with pytest.warns(UserWarning, match=r"W117.*2 of 5 relations"):
        page = page_of("graph", model, corpus, *some, output=tmp_path / "graph.html")
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
