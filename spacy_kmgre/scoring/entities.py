"""Scores of predicted entities, as clusters of mentions, against gold ones.

MUC (Vilain et al. 1995), B³ (Bagga and Baldwin 1998), CEAF_e (Luo 2005) and their mean as the official scorer
of CoNLL-2012 has them (Pradhan et al., ACL 2014): mentions count by their offsets, numerators and denominators
are summed over the documents. Entities of one mention count too, as DocRED has them.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from spacy.training import Example
from spacy.util import registry

from ..annotations import ENTITY_PREFIX, read_entities
from .alignment import cluster
from .relations import precision_recall_f

Mention = tuple[int, int]

COREFERENCE = ("muc", "b3", "ceafe")
METRICS = ("mention", *COREFERENCE)


@dataclass(frozen=True)
class Ratios:
    """Sums behind a precision and a recall.

    :param correct: Numerator of the precision.
    :param predicted: Its denominator.
    :param found: Numerator of the recall.
    :param gold: Its denominator.
    """

    correct: float = 0.0
    predicted: float = 0.0
    found: float = 0.0
    gold: float = 0.0

    def __add__(self, other: "Ratios") -> "Ratios":
        return Ratios(
            self.correct + other.correct,
            self.predicted + other.predicted,
            self.found + other.found,
            self.gold + other.gold,
        )

    def scores(self) -> dict[str, float | None]:
        """`p`, `r` and `f`, None where both denominators are 0."""
        return precision_recall_f(self.correct, self.predicted, self.found, self.gold)


@dataclass(frozen=True)
class ClusterCounts:
    """The sums of a document, for each of `METRICS`. They add up to those of a corpus."""

    ratios: dict[str, Ratios] = field(default_factory=dict)

    def __add__(self, other: "ClusterCounts") -> "ClusterCounts":
        sides = (self.ratios, other.ratios)
        return ClusterCounts(
            {name: sum((side.get(name, Ratios()) for side in sides), Ratios()) for name in METRICS}
        )

    def scores(self) -> dict[str, float | None]:
        """The scores that `score_entities` describes."""
        result = {
            f"ent_{name}_{part}": value
            for name in METRICS
            for part, value in self.ratios.get(name, Ratios()).scores().items()
        }
        values = [result[f"ent_{name}_f"] for name in COREFERENCE]
        known = [value for value in values if value is not None]
        result["ent_conll_f"] = fmean(known) if len(known) == len(values) else None
        return result


@registry.scorers("spacy_kmgre.entity_scorer.v1")
def make_entity_scorer(prefix: str = ENTITY_PREFIX) -> Callable[..., dict[str, Any]]:
    """The scorer of `kmgre_entities`, see `score_entities`.

    :param prefix: The span groups that hold the entities, gold and predicted ones.
    """
    return partial(score_entities, prefix=prefix)


def score_entities(examples: Iterable[Example], *, prefix: str = ENTITY_PREFIX, **cfg: Any) -> dict[str, Any]:
    """Score the entities in the predicted Docs' span groups against those in the references', by characters.

    Types play no part. All scores lie in [0, 1], or are None where there is nothing to score:

    - `ent_mention_{p,r,f}`: mentions, whichever entity they belong to.
    - `ent_muc_{p,r,f}`: links between mentions of one entity; None without entities of several mentions.
    - `ent_b3_{p,r,f}`: for each mention, how much its two entities have in common.
    - `ent_ceafe_{p,r,f}`: how much the entities have in common, in the best one-to-one alignment.
    - `ent_conll_f`: the mean of the last three F scores; None where one of them is.
    """
    counts = ClusterCounts()
    for example in examples:
        sides = (example.predicted, example.reference)
        counts += count_clusters(
            *([cluster(entity) for entity in read_entities(doc, prefix)] for doc in sides)
        )
    return counts.scores()


def count_clusters(
    predicted: Iterable[AbstractSet[Mention]], gold: Iterable[AbstractSet[Mention]]
) -> ClusterCounts:
    """The sums of one document.

    :param predicted: Entities as sets of mentions. A mention in several of them belongs to the first.
    :param gold: The same.
    """
    ours, theirs = _disjoint(predicted), _disjoint(gold)
    owner = {mention: number for number, mentions in enumerate(theirs) for mention in mentions}
    # How many mentions a predicted and a gold entity share, where they share any.
    shared = Counter(
        (number, owner[mention])
        for number, mentions in enumerate(ours)
        for mention in mentions
        if mention in owner
    )
    our_mentions, their_mentions = sum(map(len, ours)), sum(map(len, theirs))
    common = sum(shared.values())
    # A gold entity of n mentions that fall into k parts misses k - 1 of its n - 1 links. What it has are
    # those within the parts, and these are the same for the predicted entities.
    links = sum(count - 1 for count in shared.values())
    alike = _best_alignment(ours, theirs, shared)
    return ClusterCounts(
        {
            "mention": Ratios(common, our_mentions, common, their_mentions),
            "muc": Ratios(links, our_mentions - len(ours), links, their_mentions - len(theirs)),
            "b3": Ratios(
                sum(count**2 / len(ours[i]) for (i, _), count in shared.items()),
                our_mentions,
                sum(count**2 / len(theirs[j]) for (_, j), count in shared.items()),
                their_mentions,
            ),
            "ceafe": Ratios(alike, len(ours), alike, len(theirs)),
        }
    )


def _best_alignment(
    ours: list[set[Mention]], theirs: list[set[Mention]], shared: "Counter[tuple[int, int]]"
) -> float:
    """The largest sum of φ4 (Luo 2005), the Dice coefficient of two entities' mentions, over one-to-one
    alignments."""
    similarity = np.zeros((len(ours), len(theirs)))
    for (i, j), count in shared.items():
        similarity[i, j] = 2 * count / (len(ours[i]) + len(theirs[j]))
    return float(similarity[linear_sum_assignment(similarity, maximize=True)].sum())


def _disjoint(clusters: Iterable[AbstractSet[Mention]]) -> list[set[Mention]]:
    seen: set[Mention] = set()
    result = []
    for mentions in clusters:
        rest = set(mentions) - seen
        seen |= rest
        if rest:
            result.append(rest)
    return result
