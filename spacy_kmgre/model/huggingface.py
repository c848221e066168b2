"""Loading encoders by name through spacy-transformers, and a trained network to bytes and back.

Weights are stored as safetensors, never pickled.
"""

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import srsly
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from spacy_transformers.layers.transformer_model import huggingface_from_pretrained
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from ..errors import Errors
from .encoder import Encoder, has_plain_attention
from .network import Network, build_network

PACKAGE = "package:"
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
    config = dict(settings["transformer_config"])
    try:
        if not has_plain_attention(AutoConfig.from_pretrained(source, **config)):
            config["attn_implementation"] = "eager"  # the only one that returns attention
        loaded = [
            huggingface_from_pretrained(source, dict(settings["tokenizer_config"]), dict(config))
            for _ in range(count)
        ]
    except Exception as error:  # as many kinds as there are ways in which files are missing or broken
        raise ValueError(Errors.E011.format(name=settings["name"], error=error)) from error
    tokenizer = loaded[0].tokenizer
    if not tokenizer.is_fast:
        raise ValueError(Errors.E012.format(name=settings["name"]))
    kind = loaded[0].transformer.config
    if kind.is_encoder_decoder:
        raise ValueError(Errors.E027.format(kind=kind.model_type))
    return tokenizer, [Encoder(x.transformer, settings["batch_pieces"]) for x in loaded]


def network_to_bytes(network: Network, tokenizer: Any, settings: dict[str, Any]) -> bytes:
    """Everything needed to build the network again, without the hub."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
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
        with TemporaryDirectory() as folder:
            for name, content in message["tokenizer"].items():
                (Path(folder) / Path(name).name).write_bytes(content)
            tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
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
    return AutoModel.from_config(config, attn_implementation=attention)
