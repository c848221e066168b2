"""The settings that decide predictions beside the model. They are checked, merged when a pipeline is loaded,
and applied to the logits of entity pairs."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import Errors
from ..model.choices import FLOAT32, PRECISIONS
from ..model.maths import margins
from ..texts import is_text

if TYPE_CHECKING:
    from .relations import KmgreRelations

CORPUS_TRIPLES = "corpus"
LINE = "a slope above 0 and an intercept"
SHARES = ("threshold", "evidence_share", "evidence_score", "second_reading")


@dataclass(frozen=True)
class Settings:
    """The settings of `kmgre_relations`; `make_relation_component` says what they are. Each may be changed on a
    component at any time.

    :raises ValueError: Where a value is not what the setting may be.
    """

    threshold: float = 0.5
    max_labels: int = 4
    evidence_share: float = 0.8
    evidence_score: float = 0.0
    second_reading: float = 0.0
    precision: str = FLOAT32
    thresholds: Any = ()
    allowed_triples: Any = None
    symmetric: Any = ()
    inverse: Any = ()
    calibration: Any = (1.0, 0.0)
    label_texts: Any = ()
    merge_relations: bool = False

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        expected = "a table of labels and numbers, or a list of [label, number]"
        put("thresholds", _checked_table("thresholds", self.thresholds, expected))
        put("allowed_triples", _checked_triples(self.allowed_triples))
        put("symmetric", _checked_list("symmetric", self.symmetric, "a list of labels", is_text))
        pairs = _checked_list("inverse", self.inverse, "a list of pairs of labels", partial(_holds, 2))
        put("inverse", [list(pair) for pair in pairs])
        put("calibration", _checked_list("calibration", self.calibration, LINE, _is_number))
        put("label_texts", _checked_table("label_texts", self.label_texts, "a text for each label"))
        shares = {name: getattr(self, name) for name in SHARES}
        shares.update({f"thresholds[{label!r}]": value for label, value in self.thresholds.items()})
        for name, value in shares.items():
            _check(name, value, _is_number(value) and 0.0 <= value <= 1.0, "a number between 0 and 1")
        whole = isinstance(self.max_labels, Integral) and self.max_labels >= 1
        _check("max_labels", self.max_labels, whole, "a whole number, 1 or more")
        _check("precision", self.precision, self.precision in PRECISIONS, f"one of {PRECISIONS}")
        merge = self.merge_relations
        _check("merge_relations", merge, isinstance(merge, bool), "true or false")
        line = self.calibration
        right = len(line) == 2 and all(map(math.isfinite, line)) and line[0] > 0
        _check("calibration", line, right, LINE)
        texts = self.label_texts
        right = all(is_text(text) for item in texts.items() for text in item)
        _check("label_texts", texts, right, "a text for each label")
        # Numbers of numpy, which no JSON can hold, become Python's.
        for name in SHARES:
            put(name, float(getattr(self, name)))
        put("max_labels", int(self.max_labels))
        put("thresholds", {label: float(value) for label, value in self.thresholds.items()})
        put("calibration", [float(value) for value in line])

    @property
    def reads_sentences(self) -> bool:
        """Whether evidence or a second reading needs to know where sentences are."""
        return self.evidence_score > 0 or self.second_reading > 0


NAMES = tuple(field.name for field in fields(Settings))


def _check(name: str, value: Any, right: bool, expected: str) -> None:
    if not right:
        raise ValueError(Errors.E023.format(setting=name, value=value, expected=expected))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def misspelt(name: str) -> str:
    """Return the setting that a name nearly is, "" where it is one or resembles none."""
    return "" if name in NAMES else next(iter(get_close_matches(name, NAMES, n=1, cutoff=0.9)), "")


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping)


def _holds(count: int, value: Any) -> bool:
    """Return whether a value is a list of that many strings."""
    return _is_list(value) and len(found := list(value)) == count and all(map(is_text, found))


def _checked_list(name: str, value: Any, expected: str, right: Callable[[Any], bool]) -> list[Any]:
    """Return the items of a list, all of which have to be right."""
    found = list(value) if _is_list(value) else []
    _check(name, value, _is_list(value) and all(map(right, found)), expected)
    return found


def _checked_table(name: str, value: Any, expected: str) -> dict[str, Any]:
    """Return a table, which may be given as a list of pairs."""
    try:
        return dict(value)
    except (TypeError, ValueError):
        raise ValueError(Errors.E023.format(setting=name, value=value, expected=expected)) from None


def _checked_triples(triples: Any) -> Any:
    if triples is None or (isinstance(triples, str) and triples == CORPUS_TRIPLES):
        return triples
    expected = f"null, {CORPUS_TRIPLES!r} or a list of [head type, label, tail type]"
    return [
        list(triple) for triple in _checked_list("allowed_triples", triples, expected, partial(_holds, 3))
    ]


class Setting:
    """A setting as an attribute of the component, checked when it is set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, pipe: "KmgreRelations | None", owner: type) -> Any:
        return self if pipe is None else getattr(pipe.settings, self.name)

    def __set__(self, pipe: "KmgreRelations", value: Any) -> None:
        settings = replace(pipe.settings, **{self.name: value})
        check_labels(pipe.labels, settings)
        pipe.settings = settings


def changes(configured: Settings, current: Settings) -> dict[str, str]:
    """Return the settings that differ from the config's, to be saved. Each is the pair [value in the config,
    own value] as JSON text, since spaCy's JSON rounds numbers."""
    pairs = {name: [getattr(configured, name), getattr(current, name)] for name in NAMES}
    return {name: json.dumps(pair) for name, pair in pairs.items() if pair[0] != pair[1]}


def merge(configured: Settings, saved: Mapping[str, str]) -> Settings:
    """Make the settings of a component that is loaded. A setting that was changed after the component was
    made keeps its value, unless the config has another value for it by now.

    :param saved: What `changes` gave.
    """
    found = {}
    for name, pair in saved.items():
        before, changed = json.loads(pair)
        if name in NAMES and getattr(configured, name) == before:
            found[name] = changed
    return replace(configured, **found)


class Controls:
    """The settings as they are applied to logits, with class numbers in place of labels; class 0 is TH.

    :param labels: The relation labels; class c is labels[c - 1].
    :param settings: The settings.
    :param triples: The (head type, label, tail type) that may be predicted; all where None. The empty type,
        of an entity or in a triple, stands for any.
    :raises ValueError: For a label that is none of `labels`, or has several inverses.
    """

    def __init__(
        self, labels: Sequence[str], settings: Settings, triples: Iterable[Sequence[str]] | None = None
    ):
        self._classes = {label: number for number, label in enumerate(labels, start=1)}
        self.threshold: float | Tensor = settings.threshold
        if settings.thresholds:
            self.threshold = torch.full((len(labels) + 1,), settings.threshold, dtype=torch.float64)
            for label, value in settings.thresholds.items():
                self.threshold[self._class("thresholds", label)] = value
        self._allowed: frozenset[tuple[str, int, str]] | None = None
        if triples is not None:
            self._allowed = frozenset(
                (head, self._class("allowed_triples", label), tail) for head, label, tail in triples
            )
        self._masks: dict[tuple[str, str], Tensor] = {}
        self._inverse = self._inverses(settings)
        self._slope, self._intercept = settings.calibration

    @property
    def needs_inverse(self) -> bool:
        """Whether an entity pair's logits depend on those of its inverse, (tail, head)."""
        return bool(self._inverse.any())

    @property
    def calibrates(self) -> bool:
        """Whether calibration changes the model's scores."""
        return (self._slope, self._intercept) != (1.0, 0.0)

    def inverse_of(self, number: int) -> int:
        """Return the inverse of a class, which is the class itself where it is symmetric, and 0 where it has
        none."""
        return int(self._inverse[number])

    def adjust(
        self, logits: Tensor, documents: Tensor, entities: Tensor, types: Sequence[Sequence[str]]
    ) -> Tensor:
        """Apply inverses and triples to logits, before calibration and thresholds.

        A relation (head, c, tail) whose class c has an inverse says the same as (tail, inverse of c, head).
        Both get the mean of their two margins over TH, so that under one threshold both are predicted or
        neither is (but for `max_labels`). Where (tail, head) is not among the pairs, the margin stays.
        Relations that no triple allows get -inf.

        :param logits: The logits of the entity pairs. *Shape:* (N, C)
        :param documents: The documents of the entity pairs. *Shape:* (N,)
        :param entities: The entity numbers of heads and tails in their documents. *Shape:* (N, 2)
        :param types: The types of each document's entities.
        :returns: *Shape:* (N, C)
        """
        if self.needs_inverse and len(logits):
            margin = margins(logits)
            row = _inverse_rows(documents, entities).to(logits.device)
            inverse = self._inverse.to(logits.device)
            both = (row >= 0)[:, None] & (inverse > 0)[None, :]
            # The logits become margins, with 0 for TH: adding TH again would round each direction in its own
            # way.
            logits = torch.where(both, (margin + margin[row.clamp(min=0)][:, inverse]) / 2, margin)
        if self._allowed is not None and len(logits):
            pairs = zip(documents.tolist(), *entities.T.tolist())
            masks = [
                self._allowed_classes(types[document][head], types[document][tail])
                for document, head, tail in pairs
            ]
            logits = logits.masked_fill(~torch.stack(masks).to(logits.device), -torch.inf)
        return logits

    def calibrate(self, logits: Tensor) -> Tensor:
        """Turn logits into those whose scores are probabilities: margins over TH, times the slope, plus the
        intercept. *Shape:* (N, C) both"""
        if not self.calibrates:
            return logits
        calibrated: Tensor = self._slope * margins(logits) + self._intercept
        calibrated[:, 0] = 0.0
        return calibrated

    @property
    def limits(self) -> Tensor:
        """The margins over TH, before calibration, at which relations are predicted. *Shape:* () or (C,)"""
        scores = torch.as_tensor(self.threshold, dtype=torch.float64)
        found: Tensor = (torch.logit(scores) - self._intercept) / self._slope
        return found

    def _class(self, setting: str, label: str) -> int:
        if label not in self._classes:
            known = ", ".join(self._classes) or "none"
            raise ValueError(Errors.E024.format(setting=setting, label=label, known=known))
        return self._classes[label]

    def _inverses(self, settings: Settings) -> Tensor:
        """Return the inverse of each class, 0 where it has none. *Shape:* (C,)"""
        pairs = [("symmetric", label, label) for label in settings.symmetric]
        for left, right in settings.inverse:
            pairs += [("inverse", left, right), ("inverse", right, left)]
        classes = torch.zeros(len(self._classes) + 1, dtype=torch.long)
        found: dict[str, str] = {}
        for setting, label, other in pairs:
            classes[self._class(setting, label)] = self._class(setting, other)
            if found.setdefault(label, other) != other:
                raise ValueError(Errors.E025.format(label=label, inverses=[found[label], other]))
        return classes

    def _allowed_classes(self, head: str, tail: str) -> Tensor:
        """Return which classes entities of these types may have. *Shape:* (C,)"""
        if (head, tail) not in self._masks:
            mask = torch.zeros(len(self._classes) + 1, dtype=torch.bool)
            mask[0] = True
            for left, number, right in self._allowed or ():
                mask[number] |= _may_have_type(head, left) and _may_have_type(tail, right)
            self._masks[head, tail] = mask
        return self._masks[head, tail]


def check_labels(labels: Sequence[str], settings: Settings) -> None:
    """Check the labels that settings name, once there are labels. `label_texts` may name others too: a table in words
    is often of more labels than a corpus has.

    :param labels: The relation labels of the component; empty before it is initialized.
    :raises ValueError: For a label that is none of them, or has several inverses.
    """
    if labels:
        triples = settings.allowed_triples
        # `Controls` looks up every label that the settings name.
        Controls(labels, settings, None if triples == CORPUS_TRIPLES else triples)


def _may_have_type(kind: str, allowed: str) -> bool:
    return not kind or not allowed or kind == allowed


def _inverse_rows(documents: Tensor, entities: Tensor) -> Tensor:
    """Return the row that holds the inverse of each entity pair, -1 where none does. *Shape:* (N,)"""
    heads, tails = entities.unbind(1)
    width = int(entities.max()) + 1
    keys, rows = ((documents * width + heads) * width + tails).sort()
    wanted = (documents * width + tails) * width + heads
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[place] == wanted, rows[place], -1)
