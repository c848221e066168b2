"""`spacy kmgre export`: from the output of `extract` to tables and graphs."""

from pathlib import Path

import pandas as pd
import pytest
import spacy
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.docbin import write_corpus

from ..conftest import RELATIONS, make_doc

NLP = spacy.blank("en")


@pytest.fixture
def source(tmp_path) -> Path:
    docs = [make_doc(NLP), make_doc(NLP)]
    docs[0]._.relations = RELATIONS
    FORMATS["jsonl"].write(docs, tmp_path / "relations.jsonl")
    return tmp_path / "relations.jsonl"


def run(*args: str | Path) -> tuple[int, str]:
    found = CliRunner().invoke(kmgre, ["export", *map(str, args)])
    return found.exit_code, " ".join(found.output.split())


def test_export(source, tmp_path):
    target = tmp_path / "relations.parquet"
    code, shown = run(source, "-o", target)
    assert code == 0 and "3 relations in 2 documents" in shown
    assert sorted(pd.read_parquet(target / "relations")["label"]) == sorted(r["label"] for r in RELATIONS)
    code, shown = run(source, "-o", target, "--force")
    assert code == 1 and "E141" in shown  # a folder that holds something is never replaced
    assert run(source, "-o", tmp_path / "out.csv")[0] == 0
    code, shown = run(source, "-o", tmp_path / "out.csv")
    assert code == 1 and "E331" in shown
    assert run(source, "-o", tmp_path / "out.csv", "--force")[0] == 0
    code, shown = run(source, "-o", source, "--force")
    assert code == 1 and "E532" in shown
    code, shown = run(source, "-o", tmp_path / "graph.json", "--to", "node-link")
    assert code == 0 and (tmp_path / "graph.json").is_file()


def test_several_sources_and_what_to_take_of_them(source, tmp_path):
    docs = [make_doc(NLP)]
    docs[0]._.relations = RELATIONS[:1]
    write_corpus(docs, tmp_path / "more.spacy")
    target = tmp_path / "out.csv"
    code, shown = run(source, tmp_path / "more.spacy", "-o", target)
    assert code == 0 and "4 relations in 3 documents" in shown
    frame = pd.read_csv(target)
    assert list(frame["document"].unique()) == [1, 3]
    code, shown = run(source, tmp_path / "more.spacy", "-o", target, "--force", "--limit", 1)
    assert code == 0 and "3 relations in 1 document" in shown
    (tmp_path / "texts.json").write_text('{"founded": "was the founder of"}')
    texts = ("--label-texts", tmp_path / "texts.json")
    for label in ("founded", "was the founder of"):
        code, shown = run(source, tmp_path / "more.spacy", "-o", target, "--force", "--label", label, *texts)
        assert code == 0 and "2 relations in 3 documents" in shown
        assert set(pd.read_csv(target)["label_text"]) == {"was the founder of"}
    code, shown = run(source, "-o", tmp_path / "other.csv", "--label", "typo")
    assert code == 1 and "E531" in shown and "of the labels typo" in shown


def test_nothing_to_export(tmp_path):
    FORMATS["jsonl"].write([make_doc(NLP)], tmp_path / "none.jsonl")
    code, shown = run(tmp_path / "none.jsonl", "-o", tmp_path / "out.csv")
    assert code == 1 and "E531" in shown and not (tmp_path / "out.csv").exists()


def test_a_pipeline_is_not_exported(trained_folder, tmp_path):
    code, shown = run(trained_folder("KMGRE"), "-o", tmp_path / "out.csv")
    assert code == 1 and "E085" in shown and "extract MODEL TEXTS" in shown


def test_unknown_exports(source, tmp_path):
    assert run(source, "-o", tmp_path / "out.docx")[0] == 1
    code, shown = run(source, "-o", tmp_path / "out", "--to", "docx")
    assert code == 2 and "E144" in shown
    assert "graphml .graphml" in run("--help")[1]


def test_entities_of_one_name(source, tmp_path):
    target = tmp_path / "relations.parquet"
    assert run(source, "-o", target, "--entity-ids", "name")[0] == 0
    ids = set(pd.read_parquet(target / "relations")["head_id"])
    assert ids == {"X:ann lee"}
    code, shown = run(source, "-o", tmp_path / "other.parquet", "--entity-ids", "nonsense")
    assert code == 1 and "E082" in shown
