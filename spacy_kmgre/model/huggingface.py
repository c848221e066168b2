"""Everything that depends on Hugging Face's classes: encoders and tokenizers by name or from bytes, and the attention
rows of a transformer's last layer.

No code that lies beside a model is run. spacy-transformers loads encoders too, but does not let its callers forbid
that code.
"""

import importlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
import torch
import transformers
from huggingface_hub.constants import ENDPOINT
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import get_tokenizer_config

from ..errors import Errors
from .precision import plain_products

PACKAGE = "package:"
# The number of seconds within which the Hugging Face hub has to answer.
CONNECTING = 5.0
# The files of a tokenizer. They hold data and no code.
TOKENIZER_FILES = (".json", ".txt", ".model")
# The ways to compute attention that come with transformers. Other names are fetched as code from the hub.
ATTENTION = ("eager", "sdpa", "flash_attention_2")
NO_CODE = {"trust_remote_code": False}
# The kinds of model that have a vector for each word piece of a text. Kinds that are made of several models
# are not among them: these load their parts by the names in their configuration, and run code where it says
# so, whatever their caller forbids.
TEXT_MODELS = frozenset(MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES)

# Models whose last layer's attention is softmax(q k^T / sqrt(head width)) of these two submodules. For them the rows of
# the markers are computed alone, and every layer may use the fused kernel, which returns no attention.
PLAIN_ATTENTION = {
    "bert": ("query", "key"),
    "camembert": ("query", "key"),
    "distilbert": ("q_lin", "k_lin"),
    "electra": ("query", "key"),
    "roberta": ("query", "key"),
    "xlm-roberta": ("query", "key"),
}
# Models whose first position is the one after the padding piece's number.
POSITIONS_AFTER_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta")

# The environment variable that switches threads in the library tokenizers. The library warns where a process
# forks without it.
PARALLEL = "TOKENIZERS_PARALLELISM"
_switched: list[bool] = []


def _before_fork() -> None:
    """Have the tokenizers of a forked process work in one thread, as they do there in any case, without a warning."""
    _switched[:] = [PARALLEL not in os.environ]
    os.environ.setdefault(PARALLEL, "false")


def _after_fork() -> None:
    """Leave the switch of this process as it was."""
    if _switched and _switched.pop():
        os.environ.pop(PARALLEL, None)


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork)


# Loading


def resolve_encoder(name: str) -> str:
    """Return the folder or hub name that an encoder's name stands for: `package:x` is the model that the
    Python package x carries, in the folder that its function `get_model_path` returns.

    :raises ValueError: Where the package is not installed.
    """
    if not name.startswith(PACKAGE):
        return name
    package = name[len(PACKAGE) :]
    try:
        return str(importlib.import_module(package).get_model_path())
    except ImportError:
        raise ValueError(Errors.E010.format(name=name, package=package.replace("_", "-"))) from None


def load_pretrained(
    name: str, tokenizer_config: Mapping[str, Any], transformer_config: Mapping[str, Any], count: int
) -> tuple[Any, list[Any]]:
    """Load a tokenizer and `count` transformers with the same pretrained weights.

    :param name: What `resolve_encoder` takes.
    :param tokenizer_config: The settings for AutoTokenizer.from_pretrained.
    :param transformer_config: The settings for AutoConfig.from_pretrained.
    :raises ValueError: Where the model cannot be loaded, has no fast tokenizer, or is more than an encoder.
    """
    source = resolve_encoder(name)
    how = {**NO_CODE, "local_files_only": True} if _is_out_of_reach(source) else NO_CODE
    try:
        config = AutoConfig.from_pretrained(source, **{**transformer_config, **how})
        _check_no_code(config.to_dict(), name)
        # The kind that a configuration names may differ from its class.
        _check_kind(type(config).model_type)
        if config._attn_implementation is not None:  # transformers 5 leaves the choice to the model.
            _check_attention(config._attn_implementation)
        if not has_plain_attention(config):  # Only eager attention returns its weights.
            settings = {**transformer_config, "attn_implementation": "eager", **how}
            config = AutoConfig.from_pretrained(source, **settings)
        named = get_tokenizer_config(source, **{**tokenizer_config, **how}).get("tokenizer_class")
        kind = named or config.tokenizer_class
        if kind is not None:  # Some classes load other tokenizers without our settings.
            _tokenizer_class(str(kind))
        tokenizer = AutoTokenizer.from_pretrained(source, **{**tokenizer_config, **how})  # type: ignore[no-untyped-call]  # transformers does not type it.
        with _without_word_of_unused_weights():
            loaded = [AutoModel.from_pretrained(source, config=config, **how) for _ in range(count)]
    except Exception as error:  # Its class depends on which file is missing or broken.
        raise ValueError(Errors.E011.format(name=name, error=error)) from error
    if not tokenizer.is_fast:
        raise ValueError(Errors.E012.format(name=name))
    if config.is_encoder_decoder:
        raise ValueError(Errors.E027.format(kind=config.model_type))
    return tokenizer, loaded


@contextmanager
def _without_word_of_unused_weights() -> Iterator[None]:
    """Keep transformers from warning of weights that are left out, since a config may ask for fewer layers."""

    def is_other(record: logging.LogRecord) -> bool:
        return "were not used when initializing" not in record.getMessage()

    logger = logging.getLogger("transformers.modeling_utils")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _is_out_of_reach(source: str) -> bool:
    """Return whether the Hugging Face hub does not answer, so that only a copy of the model on this machine
    will do.

    The hub's own library would go on asking for half a minute.
    """
    if Path(source).exists() or Path(source).is_absolute():
        return False
    try:
        requests.head(ENDPOINT, timeout=CONNECTING)
    except requests.RequestException:
        return True
    return False


def describe(transformer: Any) -> dict[str, Any]:
    """Return what `empty_transformer` needs to make the same transformer, but its weights, as plain data."""
    return {"encoder": transformer.config.to_dict(), "attention": transformer.config._attn_implementation}


def empty_transformer(encoder: Mapping[str, Any], attention: str) -> Any:
    """Make a transformer with random weights.

    :param encoder: Its configuration.
    :param attention: How it computes attention, one of `ATTENTION`.
    :raises ValueError: Where the configuration asks for Python code or is of no text model, or the attention is
        unknown.
    """
    _check_no_code(encoder, "config.json")
    _check_kind(encoder["model_type"])
    _check_attention(attention)
    return AutoModel.from_config(AutoConfig.for_model(**encoder), attn_implementation=attention, **NO_CODE)  # type: ignore[no-untyped-call]  # transformers does not type it.


def tokenizer_to_files(tokenizer: Any) -> dict[str, bytes]:
    """Return the files of a tokenizer, by name."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {
            path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in TOKENIZER_FILES
        }


def tokenizer_from_files(files: Mapping[str, bytes]) -> Any:
    """Make a tokenizer from its files, which may come from strangers.

    :raises ValueError: Where a file is not data, or transformers does not have the tokenizer itself.
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
    reason = f"transformers has no fast tokenizer {name!r}"
    raise ValueError(Errors.E028.format(place="tokenizer_config.json", reason=reason))


def _check_no_code(config: Any, place: str) -> None:
    """Check that a configuration of Hugging Face asks for no Python code beside it.

    :raises ValueError: Where it does.
    """
    if isinstance(config, dict) and config.get("auto_map"):
        raise ValueError(Errors.E028.format(place=place, reason="its auto_map names Python code"))


def _check_kind(kind: str) -> None:
    """Check that models of a kind are encoders of text.

    :raises ValueError: Where they are not.
    """
    if kind not in TEXT_MODELS:
        raise ValueError(Errors.E027.format(kind=kind))


def _check_attention(attention: str) -> None:
    """Check that transformers itself has a way to compute attention.

    :raises ValueError: Where it has none of that name.
    """
    if attention not in ATTENTION:
        expected = f"one of {ATTENTION}"
        raise ValueError(Errors.E023.format(setting="attention", value=attention, expected=expected))


def positions(config: Any) -> float:
    """Return the number of word pieces that an encoder has positions for, special pieces included; infinity where its
    positions are relative."""
    limit: float = getattr(config, "max_position_embeddings", inf)
    if limit <= 0:  # XLNet says so.
        return inf
    return limit - (config.pad_token_id + 1 if config.model_type in POSITIONS_AFTER_PADDING else 0)


def longest_input(config: Any, tokenizer: Any) -> int:
    """Return the encoder's limit in word pieces, special pieces included."""
    return int(min(positions(config), tokenizer.model_max_length))


# No more word pieces of a text than that are embedded.
LONGEST_TEXT = 128


def embed(transformer: Any, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Embed short texts as the means of their hidden states, special pieces included, as sentence encoders do.

    :param texts: The texts; "" gives zeros.
    :returns: *Shape:* (T, d)
    """
    longest = min(longest_input(transformer.config, tokenizer), LONGEST_TEXT)
    found = torch.zeros(len(texts), transformer.config.hidden_size)
    with torch.no_grad():
        # One text at a time needs no padding, for which some tokenizers have no piece.
        for row, text in enumerate(texts):
            if text:
                pieces = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")[
                    "input_ids"
                ]
                found[row] = transformer(pieces).last_hidden_state[0].mean(dim=0)
    return found


# Attention rows


def has_plain_attention(config: Any) -> bool:
    """Return whether attention rows can be computed from the last layer's queries and keys alone."""
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return config.model_type in PLAIN_ATTENTION and absolute


def keep_gradients_sparse(transformer: Any) -> None:
    """Let an update's gradient of the word embeddings have the rows of the word pieces that it has read alone, where it
    would have one for each piece of the vocabulary. With one document it is a hundredth of them."""
    words = transformer.get_input_embeddings()
    if isinstance(words, nn.Embedding):
        words.sparse = True


def compute_layers_again(transformer: Any) -> None:
    """Let an update compute the layers of a transformer again in its backward pass, in place of keeping all that they
    have computed (gradient checkpointing).

    :raises ValueError: Where transformers cannot do that with this kind of model.
    """
    if not transformer.supports_gradient_checkpointing:
        expected = f"false with an encoder of the kind {transformer.config.model_type!r}, which cannot do it"
        raise ValueError(Errors.E023.format(setting="gradient_checkpointing", value=True, expected=expected))
    how = {"use_reentrant": False, "context_fn": _contexts}
    transformer.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return the contexts in which a layer is computed first, and again: attention has to be the same in both."""
    return nullcontext(), plain_products() if torch.is_autocast_enabled("cpu") else nullcontext()


# What the last layer's projections have returned in the current forward pass of a thread, by name.
_PROJECTED: ContextVar[dict[str, Tensor] | None] = ContextVar("projected", default=None)


def watch_projections(transformer: Any) -> None:
    """Let a transformer of `PLAIN_ATTENTION` tell what its last layer's projections return."""
    if has_plain_attention(transformer.config):
        of_last_layer = {path.rsplit(".", 1)[-1]: module for path, module in transformer.named_modules()}
        for name in PLAIN_ATTENTION[transformer.config.model_type]:
            of_last_layer[name].register_forward_hook(partial(_keep_projection, name))


def _keep_projection(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
    projected = _PROJECTED.get()
    if projected is not None:
        projected[name] = output


@contextmanager
def _projections() -> Iterator[dict[str, Tensor]]:
    projected: dict[str, Tensor] = {}
    token = _PROJECTED.set(projected)
    try:
        yield projected
    finally:
        _PROJECTED.reset(token)


def hidden_and_rows(
    transformer: Any, inputs: Tensor, mask: Tensor | None, places: Tensor, autocast: bool
) -> tuple[Tensor, Tensor]:
    """Run a transformer, and take the last layer's attention rows at some places.

    :param transformer: A transformer that `watch_projections` has seen.
    :param inputs: The word pieces of B texts. *Shape:* (B, L)
    :param mask: Which of them are not padding; None where none is. *Shape:* (B, L)
    :param places: m places of each text, numbered among all B L word pieces. *Shape:* (B m,)
    :param autocast: Whether it runs in bfloat16.
    :returns: Hidden states, and attention rows in float32. *Shape:* (B, L, d), (B m, K, L)
    """
    config = transformer.config
    given_mask = None if mask is None else mask.long()
    precision = torch.autocast(inputs.device.type, torch.bfloat16, enabled=autocast)
    if not has_plain_attention(config):
        with precision:
            output = transformer(inputs, attention_mask=given_mask, output_attentions=True)
        last, length = output.attentions[-1], inputs.shape[1]
        if last.shape[-2:] != (length, length):
            raise ValueError(Errors.E027.format(kind=config.model_type))
        return output.last_hidden_state, last[places // length, :, places % length].float()
    is_slow = autocast and inputs.device.type == "cpu" and transformer.training
    attention = plain_products() if is_slow else nullcontext()
    with _projections() as projected, precision, attention:
        output = transformer(inputs, attention_mask=given_mask)
    query, key = (
        projected[name].unflatten(-1, (config.num_attention_heads, -1)).float()  # type: ignore[no-untyped-call]  # torch does not type it.
        for name in PLAIN_ATTENTION[config.model_type]
    )
    query = query.flatten(0, 1).index_select(0, places).unflatten(0, (len(inputs), -1))
    scores = query.transpose(1, 2) @ key.permute(0, 2, 3, 1)
    scores = scores / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
    # What Hugging Face's eager attention returns in training has been through dropout too.
    dropout = getattr(config, "attention_probs_dropout_prob", getattr(config, "attention_dropout", 0.0))
    weights = nn.functional.dropout(torch.softmax(scores, dim=-1), dropout, transformer.training)
    return output.last_hidden_state, weights.transpose(1, 2).flatten(0, 1)
