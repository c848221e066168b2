"""Encoders by name, and a trained network to bytes and back.

Weights are stored as safetensors, never pickled, and no code that lies beside a model is run. spacy-transformers
loads encoders too, but does not let its callers forbid that code.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import srsly
import torch
import transformers
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from ..errors import Errors
from .encoder import Encoder, has_plain_attention
from .network import Network, build_network

PACKAGE = "package:"
# The files of a tokenizer are data.
TOKENIZER_FILES = (".json", ".txt", ".model")
# The ways to compute attention that come with transformers. Other names are fetched as code from the hub.
ATTENTION = ("eager", "sdpa", "flash_attention_2")
NO_CODE = {"trust_remote_code": False}
# τ among the weights.
TAU = "tau"
# Settings that weights depend on.
STRUCTURE = (
    "head",
    "head_width",
    "head_block",
    "level",
    "key_classifier",
    "shared_encoder",
    "shared_layers",
)


def resolve_encoder(name: str) -> str:
    """The folder or hub name that an encoder's name stands for: `package:x` is the model that the Python
    package x carries (its function `get_model_path`)."""
    if not name.startswith(PACKAGE):
        return name
    package = name[len(PACKAGE) :]
    try:
        return str(importlib.import_module(package).get_model_path())
    except ImportError:
        raise ValueError(Errors.E010.format(name=name, package=package.replace("_", "-"))) from None


def load_encoders(settings: dict[str, Any], count: int) -> tuple[Any, list[Encoder]]:
    """Load the tokenizer and `count` encoders with the pretrained weights.

    :param settings: Of the encoder: name, tokenizer_config, transformer_config, batch_pieces.
    :raises ValueError: Where the model cannot be loaded, or has no fast tokenizer.
    """
    source = resolve_encoder(settings["name"])
    try:
        config = AutoConfig.from_pretrained(source, **{**settings["transformer_config"], **NO_CODE})
        _check_no_code(config.to_dict(), settings["name"])
        if not has_plain_attention(config):
            # Only eager attention returns its weights.
            config = AutoConfig.from_pretrained(
                source, **{**settings["transformer_config"], "attn_implementation": "eager", **NO_CODE}
            )
        tokenizer = AutoTokenizer.from_pretrained(source, **{**settings["tokenizer_config"], **NO_CODE})
        loaded = [AutoModel.from_pretrained(source, config=config, **NO_CODE) for _ in range(count)]
    except Exception as error:  # There are as many kinds as there are ways to lack or break a file.
        raise ValueError(Errors.E011.format(name=settings["name"], error=error)) from error
    if not tokenizer.is_fast:
        raise ValueError(Errors.E012.format(name=settings["name"]))
    if config.is_encoder_decoder:
        raise ValueError(Errors.E027.format(kind=config.model_type))
    return tokenizer, [Encoder(transformer, settings["batch_pieces"]) for transformer in loaded]


def network_to_bytes(network: Network, tokenizer: Any, settings: dict[str, Any]) -> bytes:
    """Everything needed to build the network again, without the hub."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = {
            path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in TOKENIZER_FILES
        }
    config = network.extractor.encoder.transformer.config
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    weights[TAU] = torch.tensor(network.tau, dtype=torch.float64)
    return srsly.msgpack_dumps(
        {
            "settings": settings,
            "classes": network.extractor.head.classes,
            "encoder": config.to_dict(),
            "attention": config._attn_implementation,
            "tokenizer": files,
            "weights": save_tensors(weights),
        }
    )


def network_from_bytes(data: bytes, settings: dict[str, Any]) -> tuple[Network, Any]:
    """The inverse of `network_to_bytes`.

    :param settings: Those of the config, which may differ from the saved ones where no weight depends
        on it.
    :returns: The network and its tokenizer.
    :raises ValueError: Where the data are truncated, come from something else, or do not fit the settings.
    """
    try:
        message = srsly.msgpack_loads(data)
        for key in STRUCTURE:
            saved = message["settings"].get(key, 0)  # there was a time before `shared_layers`
            if saved != settings[key]:
                raise ValueError(Errors.E016.format(key=key, saved=saved, now=settings[key]))
        tokenizer = _tokenizer_from_files(message["tokenizer"])
        _check_no_code(message["encoder"], "config.json")
        config = AutoConfig.for_model(**message["encoder"])
        encoders = [
            Encoder(_empty_transformer(config, message["attention"]), settings["encoder"]["batch_pieces"])
            for _ in range(count_encoders(settings))
        ]
        network = build_network(settings, encoders, message["classes"])
        weights = load_tensors(message["weights"])
        network.tau = weights.pop(TAU).item()
        network.load_state_dict(weights, strict=True)
    except Exception as error:  # as above
        raise ValueError(Errors.E013.format(error=error)) from error
    return network, tokenizer


def count_encoders(settings: dict[str, Any]) -> int:
    """How many encoders an architecture has."""
    return 2 if settings["key_classifier"] and not settings["shared_encoder"] else 1


def _empty_transformer(config: Any, attention: str) -> nn.Module:
    if attention not in ATTENTION:
        raise ValueError(
            Errors.E023.format(setting="attention", value=attention, expected=f"one of {ATTENTION}")
        )
    return AutoModel.from_config(config, attn_implementation=attention, **NO_CODE)


def _tokenizer_from_files(files: Mapping[str, bytes]) -> Any:
    """A tokenizer from its files, which may come from strangers.

    :raises ValueError: Where a file is not data, or the tokenizer is not one that transformers has itself.
    """
    for name, content in files.items():
        if Path(name).name != name or Path(name).suffix not in TOKENIZER_FILES:
            raise ValueError(Errors.E028.format(place=name, reason="a tokenizer has no such file"))
        if name.endswith(".json"):
            _check_no_code(json.loads(content), name)
    config = json.loads(files["tokenizer_config.json"])
    kind = _tokenizer_class(str(config.get("tokenizer_class")))
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return kind.from_pretrained(folder, **NO_CODE)


def _tokenizer_class(name: str) -> type[PreTrainedTokenizerFast]:
    for known in (f"{name}Fast", name):
        found = getattr(transformers, known, None)
        if isinstance(found, type) and issubclass(found, PreTrainedTokenizerFast):
            return found
    raise ValueError(
        Errors.E028.format(
            place="tokenizer_config.json", reason=f"transformers has no fast tokenizer {name!r}"
        )
    )


def _check_no_code(config: Any, place: str) -> None:
    """:raises ValueError: Where a configuration of Hugging Face asks for Python code beside it."""
    if isinstance(config, dict) and config.get("auto_map"):
        raise ValueError(Errors.E028.format(place=place, reason="its auto_map names Python code"))
