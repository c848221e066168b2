"""The project's workflow `release`: a spaCy pipeline, a relation model and a model card in one package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import Language
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats.docbin import write_corpus

from .conftest import RELATIONS, make_doc
from .test_project import PROJECT, script

CARD = {
    "description": "Relations of a toy corpus.",
    "author": "Ann Lee",
    "url": "https://example.org",
    "license": "MIT",
    "sources": [{"name": "Toy corpus", "url": "https://example.org/toy", "license": "CC0"}],
    "corpus": "Toy corpus, one text.",
    "types": {"PER": "persons", "ORG": "companies"},
    "example": "Ann Lee founded Acme.",
    "limits": ["It knows one text."],
}
TEXT = "Ann Lee founded Acme. She lives in Oslo. Lee works near Oslo"
PROGRAM = """
import json, sys
import spacy

nlp = spacy.load("en_kmgre_toy_sm")
relations = nlp(sys.argv[1])._.relations
print(json.dumps([nlp.meta, [[r.head.text, r.label_name, r.tail.text] for r in relations]]))
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A pipeline that finds entities, as a trained one does, with types of its own."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    names = {"Ann Lee": "PERSON", "Lee": "PERSON", "Acme": "ORG", "Oslo": "GPE", "first": "ORDINAL"}
    ruler.add_patterns([{"label": label, "pattern": name} for name, label in names.items()])
    nlp.meta["sources"] = [{"name": "Rules"}]
    nlp.meta["performance"] = {"ents_f": 0.5}
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def corpus(trained: Language, tmp_path: Path) -> Path:
    doc = make_doc(trained)
    doc._.relations = RELATIONS
    write_corpus([doc], tmp_path / "corpus.spacy")
    return tmp_path / "corpus.spacy"


@pytest.fixture
def assembled(trained: Language, pipeline: Path, tmp_path: Path) -> Path:
    trained.get_pipe("kmgre_relations").cfg["types"] = ["LOC", "ORG", "PER"]
    trained.to_disk(tmp_path / "relations")
    texts = tmp_path / "texts.json"
    srsly.write_json(texts, {"founded": "founder of", "P17": "country"})
    out = tmp_path / "training" / "toy-text"
    script("assemble").main(str(pipeline), tmp_path / "relations", out, "ontonotes_docred", False, texts)
    return out


def invoke(*arguments: object, of=app) -> str:
    result = CliRunner().invoke(of, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


def test_assembled_pipeline_reads_plain_text(assembled: Path):
    nlp = spacy.load(assembled)
    assert nlp.pipe_names == ["sentencizer", "entity_ruler", "kmgre_entities", "kmgre_relations"]
    doc = nlp(TEXT)
    assert [(e.text, e.label) for e in doc._.entities] == [
        ("Ann Lee", "PER"),
        ("Acme", "ORG"),
        ("Oslo", "LOC"),
    ]
    assert ("Ann Lee", "founder of", "Acme") in [
        (r.head.text, r.label_name, r.tail.text) for r in doc._.relations
    ]
    # Types that the relation model has not learned are left out.
    types = nlp.get_pipe("kmgre_entities").types
    assert types["GPE"] == "LOC" and types["DATE"] is types["EVENT"] is None


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # spacy package leaves its README open
def test_package_with_its_card(assembled: Path, corpus: Path, tmp_path: Path):
    scores, card = tmp_path / "scores.json", tmp_path / "card.json"
    invoke("evaluate", assembled, corpus, "--entities", "predicted", "--samples", "2", "-o", scores, of=kmgre)
    srsly.write_json(card, CARD)
    script("model_card").main(assembled, card, scores, corpus, "kmgre_toy_sm", "0.2.0")
    shown = invoke("info", assembled)
    assert "kmgre_toy_sm" in shown and "It knows one text." in shown
    (tmp_path / "packages").mkdir()
    invoke("package", assembled, tmp_path / "packages", "--build", "none")

    folder = tmp_path / "packages" / "en_kmgre_toy_sm-0.2.0"
    readme = (folder / "README.md").read_text()
    assert CARD["description"] in readme and "Trained on 1 document with 3 relations" in readme
    assert "| `founded` | founder of |" in readme and "| `PER` | persons | `PERSON` |" in readme
    assert "https://example.org/toy" in readme and "- It knows one text." in readme
    # With its metadata, the folder is as good as installed to who has it on the path.
    subprocess.run([sys.executable, "setup.py", "--quiet", "egg_info"], cwd=folder, check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, TEXT],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    meta, relations = json.loads(done.stdout)
    assert ["Ann Lee", "founder of", "Acme"] in relations
    assert (meta["name"], meta["version"], meta["license"]) == ("kmgre_toy_sm", "0.2.0", "MIT")
    assert [source["name"] for source in meta["sources"]] == ["Toy corpus", "Rules"]
    assert meta["performance"]["ents_f"] == 0.5 and meta["performance"]["rel_micro_f"] > 0
    assert any(requirement.startswith("spacy-kmgre") for requirement in meta["requirements"])


def test_cards_of_the_project_are_whole():
    for path in (PROJECT / "cards").glob("*.json"):
        card = srsly.read_json(path)
        assert set(card) == set(CARD) and all(card.values())
        assert all(source["license"] for source in card["sources"])
