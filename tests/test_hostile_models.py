"""Model folders from strangers: nothing in them is run, nothing asks the user to run it, and what is broken is refused
at once."""

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import spacy
import srsly
import torch
from safetensors.torch import load, save

from spacy_kmgre.model.huggingface import empty_transformer, load_pretrained
from spacy_kmgre.model.thinc_shim import get_shim

from .conftest import component

CODE = """
from pathlib import Path
from transformers import BertConfig, BertModel, BertTokenizerFast

Path({marker!r}).touch()


class Stranger(BertTokenizerFast):
    pass


class StrangerConfig(BertConfig):
    model_type = "stranger"


class StrangerModel(BertModel):
    pass
"""
AUTO_TOKENIZER = {"auto_map": {"AutoTokenizer": [None, "stranger.Stranger"]}, "tokenizer_class": "Stranger"}
AUTO_MODEL = {"auto_map": {"AutoConfig": "stranger.StrangerConfig", "AutoModel": "stranger.StrangerModel"}}


def change_json(files: dict[str, bytes], name: str, values: dict[str, Any]) -> None:
    files[name] = json.dumps({**json.loads(files.get(name, b"{}")), **values}).encode()


def tokenizer_with_code(message: dict[str, Any]) -> None:
    change_json(message["tokenizer"], "tokenizer_config.json", AUTO_TOKENIZER)


def tokenizer_with_code_of_a_known_class(message: dict[str, Any]) -> None:
    change_json(message["tokenizer"], "tokenizer_config.json", {"auto_map": AUTO_TOKENIZER["auto_map"]})


def tokenizer_of_an_unknown_class(message: dict[str, Any]) -> None:
    change_json(message["tokenizer"], "tokenizer_config.json", {"tokenizer_class": "Stranger"})


def tokenizer_that_is_another_thing(message: dict[str, Any]) -> None:
    change_json(message["tokenizer"], "tokenizer_config.json", {"tokenizer_class": "AutoProcessor"})
    change_json(message["tokenizer"], "processor_config.json", {"processor_class": "Stranger"})


def tokenizer_whose_configuration_has_code(message: dict[str, Any]) -> None:
    change_json(message["tokenizer"], "config.json", {**AUTO_MODEL, "model_type": "stranger"})


def encoder_with_code(message: dict[str, Any]) -> None:
    message["encoder"].update(AUTO_MODEL)


def encoder_with_code_of_an_unknown_kind(message: dict[str, Any]) -> None:
    message["encoder"].update({**AUTO_MODEL, "model_type": "stranger"})


def attention_from_the_hub(message: dict[str, Any]) -> None:
    message["attention"] = "someone/kernels:attention"


ATTACKS: list[Callable[[dict[str, Any]], None]] = [
    tokenizer_with_code,
    tokenizer_with_code_of_a_known_class,
    tokenizer_of_an_unknown_class,
    tokenizer_that_is_another_thing,
    tokenizer_whose_configuration_has_code,
    encoder_with_code,
    encoder_with_code_of_an_unknown_kind,
    attention_from_the_hub,
]


@pytest.fixture
def make_hostile(trained_folder, tmp_path):
    """Saves a trained pipeline whose weights file has been changed; gives its folder and the marker's path."""

    def make(attack: Callable[[dict[str, Any]], None], with_file: bool = True) -> tuple[Path, Path]:
        folder = tmp_path / f"hostile_{attack.__name__.strip('<>')}"
        marker = folder.with_suffix(".marker")
        nlp = spacy.load(trained_folder("KMGRE"))
        shim = get_shim(component(nlp).model)
        message = srsly.msgpack_loads(shim.to_bytes())
        attack(message)
        if with_file:
            message["tokenizer"]["stranger.py"] = CODE.format(marker=str(marker)).encode()
        shim.to_bytes = lambda: srsly.msgpack_dumps(message)  # type: ignore[method-assign]
        nlp.to_disk(folder)
        return folder, marker

    return make


def set_tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict[str, Any]], None]:
    """Changes one saved tensor, and the checksum with it."""

    def attack(message: dict[str, Any]) -> None:
        weights = load(message["weights"])
        weights[name] = change(weights[name])
        message["weights"] = save({name: value.contiguous() for name, value in weights.items()})
        message["checksum"] = zlib.crc32(message["weights"])

    return attack


def set_encoder(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda message: message["encoder"].update(values)


def flip_a_bit(message: dict[str, Any]) -> None:
    data = bytearray(message["weights"])
    data[-5] ^= 1
    message["weights"] = bytes(data)


def larger_tokenizer(message: dict[str, Any]) -> None:
    tokenizer = json.loads(message["tokenizer"]["tokenizer.json"])
    tokenizer["model"]["vocab"]["stranger"] = 100_000
    message["tokenizer"]["tokenizer.json"] = json.dumps(tokenizer).encode()


# What is wrong, and what the message says of it.
HEAD = "extractor.head.output.weight"
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "NaN": (set_tensor(HEAD, lambda value: value * torch.nan), f"{HEAD} holds numbers that are not finite"),
    "infinity": (set_tensor(HEAD, lambda value: value + torch.inf), "not finite"),
    "integers": (set_tensor(HEAD, lambda value: value.int()), f"{HEAD} holds torch.int32"),
    "another shape": (set_tensor(HEAD, lambda value: value[:, :-1]), f"{HEAD} has the shape"),
    "no τ": (set_tensor("tau", lambda value: value * torch.nan), "τ is nan"),
    "τ above 1": (set_tensor("tau", lambda value: value + 1.5), "τ is"),
    "a flipped bit": (flip_a_bit, "checksum"),
    "384 GB": (set_encoder(intermediate_size=1_500_000_000), "its configuration asks for"),
    "no width": (set_encoder(hidden_size=-32), "E013"),
    "layers": (set_encoder(num_hidden_layers=200_000), "num_hidden_layers = 200000"),
    "no layers": (set_encoder(num_hidden_layers=-1), "num_hidden_layers = -1"),
    "fewer layers": (set_encoder(num_hidden_layers=1), "is unknown"),
    "classes": (lambda message: message.update(classes=10**9), "extractor.head.output.bias"),
    "another's tokenizer": (larger_tokenizer, "numbers word pieces up to 100000"),
}


@pytest.mark.parametrize("attack, reason", BROKEN.values(), ids=BROKEN)
def test_a_broken_model_is_refused_at_once(make_hostile, attack, reason):
    """It is refused when it is loaded, in a second and with little memory, and not at the first document."""
    folder, _ = make_hostile(attack, with_file=False)
    process = psutil.Process()
    before, start = process.memory_info().rss, process.cpu_times().user
    with pytest.raises(ValueError, match="E015") as error:
        spacy.load(folder)
    assert reason in str(error.value) and str(folder) in str(error.value)
    assert process.cpu_times().user - start < 10
    assert process.memory_info().rss - before < 100 * 2**20


@pytest.mark.parametrize("with_file", [True, False])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_weights_that_bring_code_are_refused(make_hostile, monkeypatch, attack, with_file):
    folder, marker = make_hostile(attack, with_file)
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("asked on standard input"))
    with pytest.raises(ValueError, match=r"KMGRE E015.*hostile") as error:
        spacy.load(folder)
    assert "KMGRE E028" in str(error.value) or attack in (attention_from_the_hub,)
    assert not marker.exists()


def test_a_file_that_no_tokenizer_has(make_hostile):
    folder, marker = make_hostile(lambda message: None)
    with pytest.raises(ValueError, match=r"KMGRE E028.*stranger\.py"):
        spacy.load(folder)
    assert not marker.exists()


# Importing spaCy and transformers takes most of the time, so that one process makes all attempts. The first line that
# it prints is what it did, the rest what it said.
ATTEMPTS = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout

import spacy
from spacy.cli import setup_cli

said, results = io.TextIOWrapper(io.BytesIO(), write_through=True), []
for folder in sys.argv[1:]:
    with redirect_stdout(said), redirect_stderr(said):
        try:
            spacy.load(folder)
            results.append("loaded")
        except ValueError as error:
            results.append(str(error))
        sys.argv = ["spacy", "kmgre", "extract", folder, "-", "-o", folder + ".jsonl"]
        try:
            setup_cli()
        except SystemExit as end:
            results.append(end.code)
print(json.dumps([results, sys.stdin.read()]))
print(said.buffer.getvalue().decode())
"""


def test_standard_input_is_never_an_answer(make_hostile):
    """What a library asks of a user who may say yes is neither asked nor read."""
    folders, markers = zip(*map(make_hostile, (tokenizer_with_code, encoder_with_code)))
    answers = "yes, Ann founded Acme\n" + "y\n" * 8
    command = [sys.executable, "-c", ATTEMPTS, *map(str, folders)]
    done = subprocess.run(command, input=answers, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, said = done.stdout.split("\n", 1)
    results, left = json.loads(first)
    assert ["KMGRE E028" in str(result) for result in results] == [True, False] * len(folders)
    assert results[1::2] == [1] * len(folders)
    assert " ".join(said.split()).count("KMGRE E028") == len(folders)
    assert left == answers
    assert "[y/N]" not in said + done.stderr
    assert not any(marker.exists() for marker in markers)


@pytest.fixture
def hostile_encoder(tiny_encoder, tmp_path):
    """Copies the tiny encoder, with a change to one of its JSON files and the code beside it."""

    def make(name: str, values: dict[str, Any]) -> tuple[str, Path]:
        folder, marker = tmp_path / "stranger", tmp_path / "marker"
        folder.mkdir()
        files = {path.name: path.read_bytes() for path in Path(tiny_encoder).iterdir()}
        change_json(files, name, values)
        files["stranger.py"] = CODE.format(marker=str(marker)).encode()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return str(folder), marker

    return make


@pytest.mark.parametrize(
    "name, values",
    [
        ("tokenizer_config.json", AUTO_TOKENIZER),
        ("config.json", AUTO_MODEL),
        ("config.json", {**AUTO_MODEL, "model_type": "stranger"}),
    ],
    ids=["tokenizer", "encoder", "unknown kind"],
)
@pytest.mark.parametrize("trust", [{}, {"trust_remote_code": True}], ids=["default", "trusting settings"])
def test_encoders_by_name_bring_no_code(hostile_encoder, monkeypatch, name, values, trust):
    folder, marker = hostile_encoder(name, values)
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("asked on standard input"))
    with pytest.raises(ValueError, match=r"KMGRE E011.*stranger"):
        load_pretrained(folder, trust, trust, 1)
    assert not marker.exists()


# Models of several parts, whose configuration says where a part comes from, and with which settings.


@pytest.fixture
def hostile_part(tmp_path):
    """The folder of a part that comes with code, and the marker's path."""
    folder, marker = tmp_path / "part", tmp_path / "marker"
    folder.mkdir()
    (folder / "part.py").write_text(CODE.format(marker=str(marker)))
    auto_map = {"AutoConfig": "part.StrangerConfig", "AutoBackbone": "part.StrangerModel"}
    (folder / "config.json").write_text(json.dumps({"model_type": "stranger", "auto_map": auto_map}))
    return folder, marker


@pytest.mark.parametrize("trust", [None, {"trust_remote_code": True}], ids=["asks", "says yes"])
@pytest.mark.parametrize("kind", ["detr", "maskformer", "tvp"])
def test_no_part_of_an_encoder_is_loaded(hostile_part, make_hostile, tmp_path, monkeypatch, kind, trust):
    part, marker = hostile_part
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("asked on standard input"))
    encoder = {"model_type": kind, "backbone": str(part), "backbone_kwargs": trust}
    encoder.update(use_timm_backbone=False, use_pretrained_backbone=True)
    with pytest.raises(ValueError, match=f"KMGRE E027.*{kind}"):
        empty_transformer(encoder, "eager")
    folder, _ = make_hostile(lambda message: message.update(encoder=encoder), with_file=False)
    with pytest.raises(ValueError, match=f"KMGRE E015.*hostile(.|\n)*KMGRE E027.*{kind}"):
        spacy.load(folder)
    by_name = tmp_path / "by-name"
    by_name.mkdir()
    # What a configuration says of itself cannot be trusted.
    disguise = {"attribute_map": {"disguise": "model_type"}, "disguise": "bert"}
    (by_name / "config.json").write_text(json.dumps({**encoder, **disguise}))
    with pytest.raises(ValueError, match=f"KMGRE E011.*by-name(.|\n)*KMGRE E027.*{kind}"):
        load_pretrained(str(by_name), {}, {}, 1)
    assert not marker.exists()


@pytest.mark.parametrize("place", ["tokenizer_config.json", "config.json"])
def test_no_tokenizer_that_loads_others(hostile_encoder, monkeypatch, place):
    parts = {"question_encoder": {"model_type": "detr"}, "generator": {"model_type": "bert"}}
    folder, marker = hostile_encoder("config.json", {**parts, "tokenizer_class": "RagTokenizer"})
    own = Path(folder) / "tokenizer_config.json"
    settings = json.loads(own.read_text())
    if place == "config.json":
        del settings["tokenizer_class"]
    own.write_text(
        json.dumps({**settings, **({"tokenizer_class": "RagTokenizer"} if "tok" in place else {})})
    )
    part = Path(folder) / "question_encoder_tokenizer"
    part.mkdir()
    (part / "tokenizer_config.json").write_text(json.dumps(AUTO_TOKENIZER))
    (part / "stranger.py").write_text(CODE.format(marker=str(marker)))
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("asked on standard input"))
    with pytest.raises(ValueError, match=r"KMGRE E011(.|\n)*KMGRE E028.*RagTokenizer"):
        load_pretrained(folder, {}, {}, 1)
    assert not marker.exists()


@pytest.mark.parametrize("key", ["_attn_implementation", "_attn_implementation_internal"])
def test_no_attention_from_the_hub(hostile_encoder, monkeypatch, key):
    folder, _ = hostile_encoder("config.json", {key: "someone/kernels:attention"})
    monkeypatch.setattr("transformers.modeling_utils.is_kernels_available", lambda: True)
    monkeypatch.setattr("transformers.modeling_utils.get_kernel", pytest.fail, raising=False)
    with pytest.raises(ValueError, match=r"KMGRE E011(.|\n)*KMGRE E023.*someone/kernels"):
        load_pretrained(folder, {}, {}, 1)
