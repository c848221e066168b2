"""spaCy's own commands with the configs of this package, as docs/reference/spacy_commands.md says."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_kmgre.annotations import read_entities, write_ents
from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats.docbin import write_corpus

from .conftest import component, make_doc, make_examples

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "spacy_kmgre" / "configs").glob("*.cfg"))
# They forget to close files, fork after tokenizers ran, and describe what they did as warnings.
pytestmark = [pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")]
NO_ENTITIES = pytest.mark.filterwarnings("ignore:.*W0(03|04|14)")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.spacy"
    docs = [example.reference for example in make_examples(spacy.blank("en"))]
    for doc in docs:
        write_ents(doc, read_entities(doc))
    write_corpus(docs, path)
    return path


@pytest.fixture(scope="module")
def overrides(corpus, tiny_encoder) -> list[str]:
    values = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "paths.encoder": tiny_encoder,
        "components.kmgre_relations.model.encoder.overlap": 16,
        "system.gpu_allocator": "null",
        "training.max_steps": 2,
    }
    return [str(part) for key, value in values.items() for part in (f"--{key}", value)]


def run(*arguments: Any, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output[-2000:], done.exception)
    return done.output if done.exception is None or code == 0 else f"{done.output}{done.exception}"


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def config(request) -> Path:
    return request.param


def test_debug_model(config, overrides):
    assert "model looks good" in run("debug", "model", config, "kmgre_relations", "-P3", *overrides)


def test_debug_data(config, overrides):
    """It ends with status 1, as two documents are few."""
    found = run("debug", "data", config, *overrides, code=1)
    assert "Pipeline can be initialized with data" in found and "Low number of examples" in found


def test_fill_config(config, tmp_path):
    run("init", "fill-config", config, tmp_path / "filled.cfg")
    text = (tmp_path / "filled.cfg").read_text()
    assert "spacy_kmgre.Corpus.v1" in text and "spacy_kmgre.warmup_linear.v1" in text


def test_init_labels(config, overrides, tmp_path):
    run("init", "labels", config, tmp_path, *overrides)
    labels = json.loads((tmp_path / "kmgre_relations.json").read_text())
    assert labels == ["founded", "founded_by", "lives_in", "works_in"]


def test_assemble_needs_labels(tiny_encoder, overrides, tmp_path):
    path = ROOT / "spacy_kmgre" / "configs" / "kmgre_tiny.cfg"
    assert "E021" in run("assemble", path, tmp_path / "out", *overrides, code=1)
    labels = ["--initialize.components.kmgre_relations.labels", '["born_in"]']
    run("assemble", path, tmp_path / "out", *overrides, *labels)
    assert component(spacy.load(tmp_path / "out")).labels == ("born_in",)


def test_a_trained_component_is_assembled(trained_folder, tmp_path):
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    cfg = nlp.config
    cfg["nlp"]["pipeline"] = ["sentencizer", "kmgre_relations"]
    cfg["components"]["kmgre_relations"] = {"source": str(trained_folder("KMGRE"))}
    cfg.to_disk(tmp_path / "config.cfg")
    run("assemble", tmp_path / "config.cfg", tmp_path / "out")
    assert spacy.load(tmp_path / "out")(make_doc(spacy.load(tmp_path / "out")))._.relations


def test_resume_training_and_initialize_of_a_loaded_pipeline(config, overrides, tmp_path):
    run("train", config, "--output", tmp_path, *overrides)
    nlp = spacy.load(tmp_path / "model-best")
    examples = make_examples(nlp)
    optimizer = nlp.resume_training()
    nlp.update(examples, sgd=optimizer)
    nlp.initialize(lambda: examples)
    assert component(nlp).labels[:1] == ("founded",)


@pytest.fixture
def texts(tmp_path) -> Path:
    (tmp_path / "texts.jsonl").write_text('{"text": "Ann Lee founded Acme."}\n')
    return tmp_path / "texts.jsonl"


def test_debug_profile(trained_folder, texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it leaves a file there
    assert "Profile stats" in run("debug", "profile", trained_folder("KMGRE"), texts)


@NO_ENTITIES
def test_evaluate_and_benchmark_accuracy(trained_folder, corpus, tmp_path):
    scores = tmp_path / "scores.json"
    run("evaluate", trained_folder("KMGRE"), corpus, "--per-component", "--output", scores)
    assert json.loads(scores.read_text())["kmgre_relations"]["rel_micro_f"] == 1.0
    assert "SPEED" in run("benchmark", "accuracy", trained_folder("KMGRE"), corpus)


def test_benchmark_speed_says_that_it_measures_nothing(trained_folder, corpus):
    with pytest.warns(UserWarning, match=r"W014.*spacy benchmark.*kmgre evaluate"):
        run("benchmark", "speed", trained_folder("KMGRE"), corpus, "--batch-size", "2")
    arguments = ["evaluate", trained_folder("KMGRE"), corpus, "--samples", "2"]
    found = CliRunner().invoke(kmgre, [str(argument) for argument in arguments])
    assert found.exit_code == 0 and "words a second" in found.output


@NO_ENTITIES
def test_find_threshold(trained_folder, corpus):
    found = run(
        "find-threshold", trained_folder("KMGRE"), corpus, "kmgre_relations", "threshold", "rel_micro_f"
    )
    assert "Best threshold" in found


def test_apply(trained_folder, texts, tmp_path):
    run("apply", trained_folder("KMGRE"), texts, tmp_path / "out.spacy")
    assert len(DocBin().from_disk(tmp_path / "out.spacy")) == 1


def test_info(trained_folder):
    assert "kmgre_relations" in run("info", trained_folder("KMGRE"))


def test_every_command_of_the_table_is_one_of_spacy():
    """`package`, `project` and `debug config` have tests of their own."""
    table = (ROOT / "docs" / "reference" / "spacy_commands.md").read_text(encoding="utf8")
    names = [line.split("`")[1].split() for line in table.splitlines() if line.startswith("| `")]
    assert len(names) > 15
    for name in names:
        words = [word for word in name if word.islower() and not word.startswith("-")]
        words = words[:2] if words[0] in ("debug", "init", "benchmark") else words[:1]
        assert run(*words, "--help")
