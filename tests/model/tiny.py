"""Transformers of every family in miniature, with random weights, and word pieces without a tokenizer."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModel

from spacy_kmgre.model.encoder import Encoded
from spacy_kmgre.model.pieces import Pieces

WIDTH, ATTENTION_HEADS, VOCAB = 32, 4, 60
LIMIT = 40  # word pieces that each of them reads

_COMMON: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": ATTENTION_HEADS,
    "intermediate_size": 48,
    "max_position_embeddings": LIMIT,
}
_ROBERTA = {**_COMMON, "max_position_embeddings": LIMIT + 2, "pad_token_id": 1}

# What is known of their attention makes the encoder compute the rows from query and key ...
PLAIN: dict[str, dict[str, Any]] = {
    "bert": _COMMON,
    "electra": {**_COMMON, "embedding_size": 16},
    "roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "distilbert": {
        "vocab_size": VOCAB,
        "dim": WIDTH,
        "n_layers": 2,
        "n_heads": ATTENTION_HEADS,
        "hidden_dim": 48,
        "max_position_embeddings": LIMIT,
    },
}
# ... and of these it asks for the attention.
OTHER: dict[str, dict[str, Any]] = {
    "mpnet": _ROBERTA,
    "deberta-v2": {**_COMMON, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "bert-relative": {**_COMMON, "position_embedding_type": "relative_key"},
}
FAMILIES = {**PLAIN, **OTHER}


def entity_pairs(entities: Sequence[int]) -> torch.Tensor:
    """All ordered pairs of different entities. *Shape:* (N, 2)"""
    return torch.tensor(list(permutations(entities, 2)), dtype=torch.long).view(-1, 2)


def make_transformer(family: str, seed: int = 0, attention: str | None = None, **changes: Any) -> Any:
    """A transformer in evaluation mode. Its weights are larger than usual, so that attention is uneven.

    :param attention: The implementation; as in a pipeline where None: the fastest, but eager for those
        that have to give their attention.
    """
    torch.manual_seed(seed)
    settings = {**FAMILIES[family], "initializer_range": 0.2, **changes}
    config = AutoConfig.for_model(family.replace("-relative", ""), **settings)
    attention = attention or (None if family in PLAIN else "eager")
    return AutoModel.from_config(config, attn_implementation=attention).eval()


def random_pieces(
    length: int, markers: Sequence[int] = (), windows: Sequence[tuple[int, int]] = (), seed: int = 0
) -> Pieces:
    """Pieces with a special one at each end, `length` in all.

    :param windows: One over everything by default.
    """
    ids = np.random.default_rng(seed).integers(5, VOCAB, length)
    ids[0], ids[-1] = 2, 3
    ranges: list[tuple[int, int]] = list(windows) or [(1, length - 1)]
    return Pieces(
        ids=ids,
        markers=np.array(markers, dtype=np.int64),
        prefix=1,
        suffix=1,
        windows=ranges,
        sentences=np.full(len(ids), -1),
    )


def whole_rows(encoded: Encoded) -> torch.Tensor:
    """Attention rows over all word pieces. *Shape:* (M, K, L)"""
    if encoded.starts is None:
        return encoded.attention
    rows = encoded.attention.new_zeros((*encoded.attention.shape[:2], len(encoded.hidden)))
    for number, start in enumerate(encoded.starts.tolist()):
        rows[number, :, start : start + encoded.attention.shape[2]] = encoded.attention[number]
    return rows
