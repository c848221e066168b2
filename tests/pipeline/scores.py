"""Random scores of pairs, as a network gives them."""

from collections.abc import Sequence

import torch

from spacy_kmgre.model.batch import EntityPairScores, PairScores

# KMGRE's scores, those without a key instance classifier, and ATLOP's.
KINDS = ["keys", "plain", "attention"]


def make_scores(
    sizes: Sequence[int], classes: int, seed: int = 0, kind: str = "keys", sentences: int = 0
) -> PairScores:
    """Random scores of one document, in double precision. Entity pair n is (n, n + 1).

    :param sizes: The number of mention pairs of each entity pair.
    :param kind: One of `KINDS`.
    :param sentences: The number S of sentences.
    """
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return 2.0 * torch.randn(*shape, generator=generator, dtype=torch.float64)

    total, pairs = sum(sizes), len(sizes)
    pair_index = torch.repeat_interleave(torch.arange(pairs), torch.tensor(sizes, dtype=torch.long))
    rows = pairs if kind == "attention" else total
    fields = {
        "document": torch.zeros(pairs, dtype=torch.long),
        "entities": torch.tensor([[n, n + 1] for n in range(pairs)], dtype=torch.long).view(-1, 2),
        "head": torch.arange(total) + 100,
        "tail": torch.arange(total) + 200,
        "pair_index": pair_index,
        "relation": random(rows, classes),
        "key": random(total) if kind == "keys" else torch.full((total,), torch.inf, dtype=torch.float64),
        "sentence_weights": random(rows, sentences).softmax(dim=1),
    }
    if kind != "attention":
        return PairScores(**fields)
    mass = random(total).exp()
    return EntityPairScores(
        **fields, attention=mass / mass.new_zeros(pairs).index_add(0, pair_index, mass)[pair_index]
    )


def one_after_another(batch: Sequence[PairScores]) -> PairScores:
    """The scores of several documents in one flat batch. Those with fewer sentences get columns of zeros."""
    sentences = max(scores.sentence_weights.shape[1] for scores in batch)
    fields: dict[str, list[torch.Tensor]] = {}
    first = 0
    for number, scores in enumerate(batch):
        weights = scores.sentence_weights
        padding = weights.new_zeros(len(weights), sentences - weights.shape[1])
        own = {
            **vars(scores),
            "document": torch.full((scores.num_pairs,), number),
            "pair_index": scores.pair_index + first,
            "sentence_weights": torch.cat([weights, padding], dim=1),
        }
        first += scores.num_pairs
        for name, value in own.items():
            fields.setdefault(name, []).append(value)
    return type(batch[0])(**{name: torch.cat(values) for name, values in fields.items()})
