"""Transformers of every family in miniature, with random weights, and word pieces without a tokenizer."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModel

from spacy_kmgre.model.batch import EntityPairScores, PairScores
from spacy_kmgre.model.context import AttentionRows
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

# The encoder computes the attention rows of these from query and key ...
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
# ... and asks these for their attention.
OTHER: dict[str, dict[str, Any]] = {
    "mpnet": _ROBERTA,
    "deberta-v2": {**_COMMON, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "bert-relative": {**_COMMON, "position_embedding_type": "relative_key"},
}
FAMILIES = {**PLAIN, **OTHER}


def make_transformer(family: str, seed: int = 0, attention: str | None = None, **changes: Any) -> Any:
    """Make a transformer in evaluation mode. Its weights are larger than usual, so that attention is uneven.

    :param attention: How attention is computed. Where None, as in a pipeline: the fastest way, but eager for the
        families that have to return their attention.
    """
    torch.manual_seed(seed)
    settings = {**FAMILIES[family], "initializer_range": 0.2, **changes}
    config = AutoConfig.for_model(family.replace("-relative", ""), **settings)
    attention = attention or (None if family in PLAIN else "eager")
    return AutoModel.from_config(config, attn_implementation=attention).eval()


def random_pieces(
    length: int, markers: Sequence[int] = (), windows: Sequence[tuple[int, int]] = (), seed: int = 0
) -> Pieces:
    """Make `length` word pieces, of which the first and the last are special.

    :param windows: The windows; one over everything where there are none.
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


def whole_rows(rows: AttentionRows, length: int) -> torch.Tensor:
    """Attention rows over all word pieces of a batch, and not over runs of them.

    :param length: The number L of word pieces.
    :returns: *Shape:* (M, K, L)
    """
    empty = rows.blocks[0].new_zeros((rows.blocks[0].shape[1], length))
    whole = []
    for block, row, start, stop in zip(rows.block, rows.row, rows.start, rows.stop):
        if stop > start:
            run = rows.blocks[block][row][:, : stop - start]
            whole.append(torch.cat([empty[:, :start], run, empty[:, start + run.shape[1] :]], dim=1))
        else:
            whole.append(empty)
    return torch.stack(whole) if whole else empty[None][:0]


def part_of(scores: PairScores, document: int) -> PairScores:
    """The scores of one document of a batch."""
    own = (scores.document == document).nonzero().flatten()
    place = torch.full((scores.num_pairs,), -1)
    place[own] = torch.arange(len(own))
    index = place[scores.pair_index]
    mention_pairs = (index >= 0).nonzero().flatten()
    of_entities = isinstance(scores, EntityPairScores)
    rows = own if of_entities else mention_pairs
    changes = {"attention": scores.attention[mention_pairs]} if of_entities else {}
    return replace(
        scores,
        document=scores.document[own],
        entities=scores.entities[own],
        head=scores.head[mention_pairs],
        tail=scores.tail[mention_pairs],
        pair_index=index[mention_pairs],
        relation=scores.relation[rows],
        key=scores.key[mention_pairs],
        sentence_weights=scores.sentence_weights[rows],
        **changes,
    )


def joined(chunks: Iterable[PairScores]) -> PairScores:
    """The chunks of a batch's scores as one."""
    found = list(chunks)
    starts = [0, *accumulate(chunk.num_pairs for chunk in found)]
    values = {
        field.name: torch.cat([getattr(chunk, field.name) for chunk in found]) for field in fields(found[0])
    }
    values["pair_index"] = torch.cat([chunk.pair_index + start for chunk, start in zip(found, starts)])
    return type(found[0])(**values)


def assert_same_scores(found: PairScores, expected: PairScores) -> None:
    """Compare two records of scores: the same pairs, and values that differ by rounding at most."""
    assert type(found) is type(expected)
    for field in fields(expected):
        value, other = getattr(found, field.name), getattr(expected, field.name)
        if value.is_floating_point():
            torch.testing.assert_close(value, other, rtol=0, atol=1e-5)
        else:
            assert torch.equal(value, other), field.name
