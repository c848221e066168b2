"""Which sentences a relation comes from."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np


def evidence_sentences(
    pairs: Iterable[tuple[int, int, float]],
    score: float,
    focus: np.ndarray | None = None,
    *,
    share: float,
    least: float = 0.0,
) -> set[int]:
    """The sentences that hold the leading key mention pairs of a relation, and say enough themselves.

    A sentence has a score of its own: of the odds of the relation, exp(l_c - l_TH), that part which the sentence's key
    pairs have in it, their shares, and of these the part of their context that lies in the sentence, where that in
    which most of it lies counts whole.

    :param pairs: (sentence of the head, sentence of the tail, share) of the key mention pairs, largest share first.
    :param score: The relation's, σ(l_c - l_TH).
    :param focus: How much of the context lies in each sentence; alike in all where None. *Shape:* (S,)
    :param share: Pairs lead until their shares reach it.
    :param least: The least score of a sentence's own.
    :returns: Numbers of sentences.
    """
    parts: dict[int, float] = defaultdict(float)
    total = 0.0
    for head, tail, part in pairs:
        if total >= share:
            break
        total += part
        for sentence in {head, tail}:
            parts[sentence] += part
    most = 0.0 if focus is None else focus.max()
    if focus is not None and most > 0:
        parts = {sentence: part * float(focus[sentence] / most) for sentence, part in parts.items()}
    return {sentence for sentence, part in parts.items() if _own_score(score, part) >= least}


def _own_score(score: float, part: float) -> float:
    odds = score * part
    return odds / (odds + 1.0 - score) if odds else 0.0
