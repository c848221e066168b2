"""Scores of predicted entities, as clusters of mentions, against gold ones.

MUC (Vilain et al. 1995), B³ (Bagga and Baldwin 1998), CEAF_e (Luo 2005) and their mean are those of the official
scorer of CoNLL-2012 (Pradhan et al., ACL 2014): mentions are compared by their offsets, and numerators and
denominators are summed over the documents. Entities of one mention count too, as DocRED has them.
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
from .alignment import mention_set
from .tallies import precision_recall_f

# Offsets [start, end) of a mention.
Offsets = tuple[int, int]

COREFERENCE = ("muc", "b3", "ceafe")
METRICS = ("mention", *COREFERENCE)


@dataclass(frozen=True)
class Ratios:
    """Sums behind a precision and a recall.

    :param correct: The numerator of the precision.
    :param predicted: The denominator of the precision.
    :param found: The numerator of the recall.
    :param gold: The denominator of the recall.
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
        """Compute `p`, `r` and `f` (see `precision_recall_f`)."""
        return precision_recall_f(self.correct, self.predicted, self.found, self.gold)


@dataclass(frozen=True)
class ClusterCounts:
    """The sums of a document for each of `METRICS`. The sums of documents add up to those of a corpus."""

    ratios: dict[str, Ratios] = field(default_factory=dict)

    def __add__(self, other: "ClusterCounts") -> "ClusterCounts":
        return ClusterCounts({name: self._ratios(name) + other._ratios(name) for name in METRICS})

    def _ratios(self, metric: str) -> Ratios:
        return self.ratios.get(metric, Ratios())

    def scores(self) -> dict[str, float | None]:
        """Compute the scores that `score_entities` describes."""
        result = {
            f"ent_{name}_{part}": value
            for name in METRICS
            for part, value in self._ratios(name).scores().items()
        }
        values = [result[f"ent_{name}_f"] for name in COREFERENCE]
        known = [value for value in values if value is not None]
        result["ent_conll_f"] = fmean(known) if len(known) == len(values) else None
        return result


@registry.scorers("spacy_kmgre.entity_scorer.v1")  # type: ignore[untyped-decorator]  # catalogue has no types
def make_entity_scorer(prefix: str = ENTITY_PREFIX) -> Callable[..., dict[str, Any]]:
    """Make the scorer of `kmgre_entities` (see `score_entities`).

    :param prefix: The prefix of the span groups that hold the entities, gold and predicted ones.
    """
    return partial(score_entities, prefix=prefix)


def score_entities(
    examples: Iterable[Example], *, prefix: str = ENTITY_PREFIX, **_settings: Any
) -> dict[str, Any]:
    """Score the entities in the predicted Docs' span groups against those in the references', by characters.

    Types do not matter. All scores lie in [0, 1], or are None where there is nothing to score:

    - `ent_mention_{p,r,f}`: mentions, regardless of their entities.
    - `ent_muc_{p,r,f}`: links between mentions of one entity; None without entities of several mentions.
    - `ent_b3_{p,r,f}`: for each mention, the share of mentions that its two entities have in common.
    - `ent_ceafe_{p,r,f}`: the mentions that the entities have in common, in the best one-to-one alignment.
    - `ent_conll_f`: the mean of the last three F scores; None where one of them is None.

    :param prefix: The prefix of the span groups that hold the entities.
    """
    counts = ClusterCounts()
    for example in examples:
        predicted, gold = (
            [mention_set(entity) for entity in read_entities(doc, prefix)]
            for doc in (example.predicted, example.reference)
        )
        counts += count_clusters(predicted, gold)
    return counts.scores()


def count_clusters(
    predicted: Iterable[AbstractSet[Offsets]], gold: Iterable[AbstractSet[Offsets]]
) -> ClusterCounts:
    """Count what the entities of one document have in common.

    :param predicted: Predicted entities as sets of mentions. A mention in several of them belongs to the first.
    :param gold: Gold entities, in the same form.
    """
    ours, theirs = _disjoint(predicted), _disjoint(gold)
    owner = {mention: number for number, mentions in enumerate(theirs) for mention in mentions}
    # The number of mentions that a predicted and a gold entity share, where they share any.
    shared = Counter(
        (number, owner[mention])
        for number, mentions in enumerate(ours)
        for mention in mentions
        if mention in owner
    )
    our_mentions, their_mentions = sum(map(len, ours)), sum(map(len, theirs))
    common = sum(shared.values())
    # A gold entity of n mentions that fall into k parts misses k - 1 of its n - 1 links. It keeps the links
    # within the parts, and a predicted entity keeps the same ones.
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
    ours: list[set[Offsets]], theirs: list[set[Offsets]], shared: "Counter[tuple[int, int]]"
) -> float:
    """Return the largest sum of φ4 (Luo 2005) over the one-to-one alignments; φ4 is the Dice coefficient of
    two entities' mentions."""
    similarity = np.zeros((len(ours), len(theirs)))
    for (i, j), count in shared.items():
        similarity[i, j] = 2 * count / (len(ours[i]) + len(theirs[j]))
    return float(similarity[linear_sum_assignment(similarity, maximize=True)].sum())


def _disjoint(entities: Iterable[AbstractSet[Offsets]]) -> list[set[Offsets]]:
    seen: set[Offsets] = set()
    result = []
    for mentions in entities:
        rest = set(mentions) - seen
        seen |= rest
        if rest:
            result.append(rest)
    return result
