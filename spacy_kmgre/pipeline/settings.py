"""Controls: what is known of labels and scores beforehand, applied to the entity pairs' logits."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..errors import Errors


class Controls:
    """Settings of the component as class numbers, in which class 0 is TH.

    :param labels: The relation labels; class c is labels[c - 1].
    :param threshold: Score above which a relation is predicted.
    :param thresholds: The same for single labels.
    :param triples: The (head type, label, tail type) that may be predicted; all where None. The empty type
        stands for any, on an entity as in a triple.
    :param symmetric: Labels that hold in both directions.
    :param inverse: Pairs of labels of which one holds in one direction where the other holds in the other.
    :param calibration: Slope, above 0, and intercept of the line that margins over TH are brought onto.
    :raises ValueError: For a label that is none of `labels`, or has several inverses.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        threshold: float,
        thresholds: dict[str, float],
        triples: Iterable[Sequence[str]] | None,
        symmetric: Iterable[str],
        inverse: Iterable[Sequence[str]],
        calibration: Sequence[float],
    ):
        self._classes = {label: number for number, label in enumerate(labels, start=1)}
        self.threshold: float | Tensor = threshold
        if thresholds:
            self.threshold = torch.full((len(labels) + 1,), threshold, dtype=torch.float64)
            for label, value in thresholds.items():
                self.threshold[self._class("thresholds", label)] = value
        self._allowed: frozenset[tuple[str, int, str]] | None = None
        if triples is not None:
            self._allowed = frozenset(
                (head, self._class("allowed_triples", label), tail) for head, label, tail in triples
            )
        self._masks: dict[tuple[str, str], Tensor] = {}
        self._inverse = self._inverses(symmetric, inverse)
        check_calibration(calibration)
        self._slope, self._intercept = calibration

    @property
    def mirrors(self) -> bool:
        """Whether an entity pair's logits depend on those of its mirror, (tail, head)."""
        return self._inverse is not None

    @property
    def calibrates(self) -> bool:
        """Whether scores are not those of the model."""
        return (self._slope, self._intercept) != (1.0, 0.0)

    def inverse_of(self, number: int) -> int:
        """The inverse of a class, itself for a symmetric one; 0 where it has none."""
        return 0 if self._inverse is None else int(self._inverse[number])

    def adjust(self, logits: Tensor, entities: Tensor, types: Sequence[str]) -> Tensor:
        """Logits that the thresholds are to be compared with.

        A relation with an inverse gets the mean of two margins over TH, its own and that of its inverse for
        the mirrored pair: with one threshold, both directions are predicted or neither is (but for `max_labels`).
        Where the mirror is not there, the margin stays. What no triple allows gets -inf.

        :param logits: Of the entity pairs. *Shape:* (N, C)
        :param entities: Entity numbers of the pairs. *Shape:* (N, 2)
        :param types: The type of each entity.
        :returns: *Shape:* (N, C)
        """
        if self._inverse is not None and len(logits):
            margin = _margins(logits)
            mirror = _mirrors(entities).to(logits.device)
            inverse = self._inverse.to(logits.device)
            both = (mirror >= 0)[:, None] & (inverse > 0)[None, :]
            # As margins, with 0 for TH: adding TH again would round each direction in its own way.
            logits = torch.where(both, (margin + margin[mirror.clamp(min=0)][:, inverse]) / 2, margin)
        if self._allowed is not None and len(logits):
            pairs = [(types[head], types[tail]) for head, tail in entities.tolist()]
            allowed = torch.stack([self._mask(*pair) for pair in pairs]).to(logits.device)
            logits = logits.masked_fill(~allowed, -torch.inf)
        return logits

    def calibrate(self, logits: Tensor) -> Tensor:
        """Logits whose scores are probabilities: margins over TH on the line of the calibration.

        :param logits: *Shape:* (N, C)
        :returns: *Shape:* (N, C)
        """
        if not self.calibrates:
            return logits
        calibrated = self._slope * _margins(logits) + self._intercept
        calibrated[:, 0] = 0.0
        return calibrated

    def _class(self, setting: str, label: str) -> int:
        if label not in self._classes:
            known = ", ".join(self._classes) or "none"
            raise ValueError(Errors.E024.format(setting=setting, label=label, known=known))
        return self._classes[label]

    def _inverses(self, symmetric: Iterable[str], inverse: Iterable[Sequence[str]]) -> Tensor | None:
        """The inverse of each class, 0 where it has none; None where none has one. *Shape:* (C,)"""
        pairs = [("symmetric", label, label) for label in symmetric]
        pairs += [("inverse", *pair) for left, right in inverse for pair in ((left, right), (right, left))]
        classes = torch.zeros(len(self._classes) + 1, dtype=torch.long)
        found: dict[str, str] = {}
        for setting, label, other in pairs:
            classes[self._class(setting, label)] = self._class(setting, other)
            if found.setdefault(label, other) != other:
                raise ValueError(Errors.E025.format(label=label, inverses=[found[label], other]))
        return classes if found else None

    def _mask(self, head: str, tail: str) -> Tensor:
        """Which classes entities of these types may have. *Shape:* (C,)"""
        assert self._allowed is not None
        if (head, tail) not in self._masks:
            mask = torch.zeros(len(self._classes) + 1, dtype=torch.bool)
            mask[0] = True
            for left, number, right in self._allowed:
                mask[number] |= _fits(head, left) and _fits(tail, right)
            self._masks[head, tail] = mask
        return self._masks[head, tail]


def check_calibration(values: Sequence[float]) -> None:
    """:raises ValueError: Where they are no slope above 0 and intercept."""
    if len(values) != 2 or not all(map(math.isfinite, values)) or values[0] <= 0:
        expected = "a slope above 0 and an intercept"
        raise ValueError(Errors.E023.format(setting="calibration", value=list(values), expected=expected))


def _margins(logits: Tensor) -> Tensor:
    """With 0 for TH. *Shape:* (N, C)"""
    return logits.float() - logits[:, :1].float()


def _fits(kind: str, allowed: str) -> bool:
    return not kind or not allowed or kind == allowed


def _mirrors(entities: Tensor) -> Tensor:
    """The row that holds the mirror of each entity pair, -1 where none does. *Shape:* (N,)"""
    entities = entities.cpu()
    heads, tails = entities.unbind(1)
    width = int(entities.max()) + 1
    keys, rows = (heads * width + tails).sort()
    mirrors = tails * width + heads
    place = torch.searchsorted(keys, mirrors).clamp(max=len(keys) - 1)
    return torch.where(keys[place] == mirrors, rows[place], -1)
