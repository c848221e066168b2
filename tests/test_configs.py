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
        "kmgre_bert_gpu",
        "kmgre_minilm_cpu",
        "kmgre_tiny",
    }


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_debug_config_passes(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    corpora = {"paths.train": str(tmp_path), "paths.dev": str(tmp_path), "system.gpu_allocator": None}
    debug_config(path, overrides=corpora)
    assert "Config is valid" in capsys.readouterr().out


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_model_is_what_the_name_says(path: Path):
    config = load_config(path, overrides={"system.gpu_allocator": None}, interpolate=True)
    nlp = load_model_from_config(config)
    assert nlp.get_pipe("kmgre_relations").model.name == path.stem.split("_")[0]
    training = registry.resolve(config["training"], schema=spacy.schemas.ConfigSchemaTraining)
    optimizer = training["optimizer"]
    for _ in range(config["training"]["optimizer"]["learn_rate"]["warmup_steps"]):
        optimizer.step_schedules()
    assert optimizer.learn_rate == config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    assert optimizer.head_learn_rate == config["training"]["optimizer"]["head_learn_rate"]["initial_rate"]
