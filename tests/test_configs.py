"""The configs are complete and build what their names say."""

from pathlib import Path

import pytest
import spacy
from spacy.cli.debug_config import debug_config
from spacy.util import load_config, load_model_from_config, registry

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))


def test_configs_are_found():
    assert {path.stem for path in CONFIGS} >= {
        "atlop_bert_gpu",
        "atlop_minilm_cpu",
        "end_to_end",
        "kmgre_bert_gpu",
        "kmgre_minilm_cpu",
        "kmgre_paper",
        "kmgre_tiny",
    }


def test_the_paper_is_whole():
    """Jiang et al. (COLING 2022): sections 3.1 to 3.4, and 4.2 for the numbers."""
    nlp = load_model_from_config(
        load_config(ROOT / "configs" / "kmgre_paper.cfg", overrides={"system.gpu_allocator": None}),
        auto_fill=True,
    )
    model = nlp.config["components"]["kmgre_relations"]["model"]
    assert (model["shared_encoder"], model["key_classifier"], model["fusion"]) == (False, True, True)
    assert (model["head"], model["context"]) == ("linear", "per_head")
    assert (model["xi"], model["alpha"], model["gamma"]) == (0.15, 0.3, 2.0)
    assert (model["evidence_keys"], model["evidence_focus"], model["threshold_prior"]) == (False, 0.0, 0.0)
    assert model["far_pairs"] and not model["encoder"]["typed_markers"]
    callback = nlp.config["training"]["before_update"]
    assert callback["alternate"] == "epoch" and callback["warmup_epochs"] > 0
    assert (callback["tau_max"], callback["tau_rate"]) == (0.5, 0.999)


def test_end_to_end_learns_from_gold_and_is_scored_on_predicted_entities():
    nlp = load_model_from_config(load_config(ROOT / "configs" / "end_to_end.cfg"), auto_fill=True)
    config = nlp.config
    train, dev = config["corpora"]["train"], config["corpora"]["dev"]
    assert train.get("gold_entities", True) and train.get("gold_tokens", True)
    assert not dev["gold_entities"] and not dev["gold_tokens"]
    # Nothing between the corpus and the relations in training, and the best model is the one that relates
    # best from raw text.
    assert config["training"]["annotating_components"] == []
    weights = {name: weight for name, weight in config["training"]["score_weights"].items() if weight}
    assert weights == {"rel_strict_f": 1.0}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_debug_config_passes(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    corpora = {"paths.train": str(tmp_path), "paths.dev": str(tmp_path), "system.gpu_allocator": None}
    debug_config(path, overrides=corpora)
    assert "Config is valid" in capsys.readouterr().out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_model_is_what_the_name_says(path: Path):
    config = load_config(path, overrides={"system.gpu_allocator": None}, interpolate=True)
    nlp = load_model_from_config(config)
    assert nlp.get_pipe("kmgre_relations").model.name == ("atlop" if "atlop" in path.stem else "kmgre")
    training = registry.resolve(config["training"], schema=spacy.schemas.ConfigSchemaTraining)
    # Nothing but spaCy's own components reads it; dropout of an encoder is in its `transformer_config`.
    assert training["dropout"] == (0.1 if "ner" in nlp.pipe_names else 0.0)
    optimizer = training["optimizer"]
    steps = config["training"]["max_steps"]
    optimizer.plan(steps)
    for _ in range(round(config["training"]["optimizer"]["learn_rate"]["warmup"] * steps)):
        optimizer.step_schedules()
    assert optimizer.learn_rate == config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    assert optimizer.head_learn_rate == config["training"]["optimizer"]["head_learn_rate"]["initial_rate"]
    assert getattr(optimizer, "encoder_learn_rate", None) == (1e-4 if path.stem == "end_to_end" else None)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_optimizer_needs_nothing_of_the_rest_of_the_config(path: Path):
    """`nlp.initialize()` and `nlp.resume_training()` resolve its section alone, without the variables of the others."""
    nlp = load_model_from_config(load_config(path, overrides={"system.gpu_allocator": None}), auto_fill=True)
    optimizer = nlp.create_optimizer()
    rates = []
    for _ in range(30):
        rates.append(optimizer.learn_rate)
        optimizer.step_schedules()
    assert 0 < rates[0] < rates[-1] == nlp.config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    assert "before_update" in nlp.config["training"]  # tells it how long the training is
    assert nlp.config["training"]["before_update"]["component"] == "kmgre_relations"


def test_configs_are_where_they_were():
    """Commands of before name the folder `configs`."""
    assert (ROOT / "configs").resolve() == (ROOT / "spacy_kmgre" / "configs").resolve()
