import json
import warnings
from pathlib import Path
from warnings import formatwarning

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.tokens import DocBin
from spacy.util import registry
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.cli.printing import failing
from spacy_kmgre.cli.terminal import msg
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.synthetic import generate_documents

from ..conftest import make_example

DOCUMENT = {
    "title": "Ann",
    "sents": [["Ann", "founded", "Acme", "."]],
    "vertexSet": [
        [{"name": "Ann", "sent_id": 0, "pos": [0, 1], "type": "PER"}],
        [{"name": "Acme", "sent_id": 0, "pos": [2, 3], "type": "ORG"}],
    ],
    "labels": [{"h": 1, "t": 0, "r": "P112", "evidence": [0]}],
}


def run(*args: object):
    return CliRunner().invoke(kmgre, [str(arg) for arg in args])


def test_spacy_knows_the_commands():
    """They come by an entry point, which every command of spaCy loads (`spacy.cli.setup_cli`)."""
    assert "kmgre" in registry.cli.get_all()
    shown = CliRunner().invoke(app, ["kmgre", "--help"]).output
    assert "convert" in shown and "evaluate" in shown


def test_convert_writes_a_corpus_and_its_counts(tmp_path: Path):
    (tmp_path / "in.json").write_text(json.dumps([DOCUMENT, {**DOCUMENT, "title": "Bo"}]))
    srsly.write_json(tmp_path / "names.json", {"P112": "founded by"})
    target = tmp_path / "out" / "train.spacy"
    result = run(
        "convert", tmp_path / "in.json", target, "--relation-names", tmp_path / "names.json", "--limit", 1
    )
    assert result.exit_code == 0, result.output
    (doc,) = DocBin().from_disk(target).get_docs(spacy.blank("en").vocab)
    assert [(r.head.text, r.label, r.tail.text) for r in doc._.relations] == [("Acme", "founded by", "Ann")]
    assert ["relations", "1"] in [line.split() for line in result.output.splitlines()]


@pytest.mark.parametrize("names", [["country"], {"P112": 3}, "country"])
def test_relation_names_of_the_wrong_form(names, tmp_path: Path):
    (tmp_path / "in.json").write_text(json.dumps([DOCUMENT]))
    srsly.write_json(tmp_path / "names.json", names)
    result = run(
        "convert",
        tmp_path / "in.json",
        tmp_path / "out.spacy",
        "--relation-names",
        tmp_path / "names.json",
    )
    assert result.exit_code == 1
    shown = " ".join(result.output.split())
    assert "E146" in shown and "names.json" in shown and "Traceback" not in shown
    assert not (tmp_path / "out.spacy").exists()


def test_convert_says_what_is_wrong_and_fails(tmp_path: Path):
    broken = {**DOCUMENT, "labels": [{"h": 7, "t": 0, "r": "P112", "evidence": []}]}
    (tmp_path / "in.json").write_text(json.dumps([broken]))
    result = run("convert", tmp_path / "in.json", tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert "Ann" in result.output and "Traceback" not in result.output
    assert not (tmp_path / "out.spacy").exists()


def test_evaluate_shows_and_writes_the_scores(trained, tmp_path: Path):
    trained.to_disk(tmp_path / "model")
    write_corpus([make_example(trained).reference], tmp_path / "dev.spacy")
    result = run(
        "evaluate",
        tmp_path / "model",
        tmp_path / "dev.spacy",
        "--output",
        tmp_path / "metrics" / "dev.json",
        "--per-type",
    )
    assert result.exit_code == 0, result.output
    rows = {line.split("  ")[0]: line.split()[-3:] for line in result.output.splitlines() if line.strip()}
    assert rows["all relations"] == ["100.0", "100.0", "100.0"]
    assert rows["founded"] == ["100.0", "100.0", "100.0"]
    assert srsly.read_json(tmp_path / "metrics" / "dev.json")["rel_micro_f"] == 1.0


def test_evaluate_ranks_key_pairs_where_the_corpus_knows_them(make_nlp, tmp_path: Path):
    nlp = make_nlp(encoder={"overlap": 8})
    docs = list(generate_documents(nlp.vocab, 2))
    nlp.initialize(lambda: [spacy.training.Example(doc.copy(), doc) for doc in docs])
    nlp.to_disk(tmp_path / "model")
    write_corpus(docs, tmp_path / "dev.spacy")
    result = run("evaluate", tmp_path / "model", tmp_path / "dev.spacy", "--output", tmp_path / "dev.json")
    assert result.exit_code == 0, result.output
    ranking = srsly.read_json(tmp_path / "dev.json")["rel_ranking"]
    pairs = {(r.head.key, r.tail.key, i) for i, doc in enumerate(docs) for r in doc._.relations}
    assert ranking["entity_pairs"] == len(pairs)
    assert 0 < ranking["key_hard_ap"] < 1


@pytest.mark.filterwarnings("ignore:.*W003")
def test_spacy_evaluate_gives_the_same_scores(trained, tmp_path: Path):
    model, corpus = tmp_path / "model", tmp_path / "dev.spacy"
    trained.to_disk(model)
    write_corpus([make_example(trained).reference], corpus)
    ours, spacys = tmp_path / "ours.json", tmp_path / "spacys.json"
    assert run("evaluate", model, corpus, "--output", ours).exit_code == 0
    arguments = ["evaluate", model, corpus, "--per-component", "--output", spacys]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    expected, found = srsly.read_json(ours), srsly.read_json(spacys)["kmgre_relations"]
    assert found["rel_micro_f"] == 1.0
    for name in ("rel_micro_f", "rel_ign_f", "rel_macro_f", "rel_per_type"):
        assert found[name] == expected[name]


@pytest.mark.parametrize("value, colours", [("", True), ("1", False)])
def test_no_color(value: str, colours: bool, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "")
    monkeypatch.setattr(msg, "show_color", True)
    (tmp_path / "in.json").write_text(json.dumps([DOCUMENT]))
    result = run("convert", tmp_path / "in.json", tmp_path / "out.spacy")
    assert result.exit_code == 0 and ("\x1b" in result.output) is colours


def test_warnings_are_messages():
    with failing("It"):
        shown = warnings.formatwarning("[KMGRE W001] Odd.", UserWarning, __file__, 1)
    assert "[KMGRE W001] Odd." in shown and "UserWarning" not in shown and __file__ not in shown
    assert warnings.formatwarning is formatwarning
