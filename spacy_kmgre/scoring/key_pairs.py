"""The mean average precision of rankings of mention pairs, where a corpus knows the key mention pairs."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from spacy.training import Example

from ..annotations import mention_offsets, relation_data
from ..errors import Errors

if TYPE_CHECKING:
    from ..pipeline.relations import KmgreRelations

RANKINGS = ("key", "relation")
# Token offsets [start, end) of a mention.
Offsets = tuple[int, int]


def rank_key_pairs(pipe: "KmgreRelations", examples: Iterable[Example]) -> dict[str, float]:
    """Rank each related entity pair's mention pairs by p_ω ("key") and by p_θ alone ("relation": the p_θ of
    the mention pair's most probable relation), and compute the mean average precision.

    The predicted Docs must have the references' entities and tokens.

    :returns: `{ranking}_ap` over all related entity pairs whose key mention pairs are known, `{ranking}_hard_ap`
        over those of which some mention pairs are key and some are not, and the numbers of both,
        `entity_pairs` and `hard_entity_pairs`.
    :raises ValueError: Where the model has no key instance classifier.
    """
    everything: dict[str, list[float]] = {name: [] for name in RANKINGS}
    hard: dict[str, list[float]] = {name: [] for name in RANKINGS}
    examples = list(examples)
    entities, chunks = pipe.score_pairs(example.predicted for example in examples)
    gold, mentions = (
        [_gold_key_pairs(example) for example in examples],
        [mention_offsets(own) for own in entities],
    )
    for scores in chunks:
        if torch.isinf(scores.key).any():
            raise ValueError(Errors.E031)
        ranked = {"key": scores.key, "relation": scores.relation[:, 1:].amax(dim=1)}
        for (document, head, tail), number in scores.row_of_pair().items():
            keys = gold[document].get((entities[document][head].key, entities[document][tail].key))
            if not keys:
                continue
            rows = (scores.pair_index == number).nonzero().squeeze(1).cpu()
            pairs = zip(scores.head[rows].tolist(), scores.tail[rows].tolist())
            right = [(mentions[document][i], mentions[document][j]) in keys for i, j in pairs]
            for name, values in ranked.items():
                precision = average_precision(values[rows].tolist(), right)
                everything[name].append(precision)
                if not all(right):
                    hard[name].append(precision)
    result = {f"{name}_ap": fmean(everything[name] or [0.0]) for name in RANKINGS}
    result.update({f"{name}_hard_ap": fmean(hard[name] or [0.0]) for name in RANKINGS})
    return {**result, "entity_pairs": len(everything["key"]), "hard_entity_pairs": len(hard["key"])}


def average_precision(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """Compute the average precision of a ranking, best score first; 0 where nothing is relevant. Items with equal
    scores share their places: each counts as ranked behind the others."""
    values, hits = torch.tensor(scores), torch.tensor(relevant, dtype=torch.bool)
    at_least = values[None, :] >= values[:, None]
    precision = (at_least & hits[None, :]).sum(dim=1) / at_least.sum(dim=1)
    return precision[hits].mean().item() if hits.any() else 0.0


def _gold_key_pairs(example: Example) -> dict[tuple[str, str], set[tuple[Offsets, Offsets]]]:
    gold: dict[tuple[str, str], set[tuple[Offsets, Offsets]]] = {}
    for relation in relation_data(example.reference):
        pairs = {(tuple(pair["head"]), tuple(pair["tail"])) for pair in relation["key_mention_pairs"]}
        gold.setdefault((relation["head"], relation["tail"]), set()).update(pairs)
    return gold
