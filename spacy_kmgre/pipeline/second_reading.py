"""A second reading of entity pairs whose relations lie near a threshold: of the sentences that hold their leading key
mention pair, and of nothing else (after Xie et al., Eider, Findings of ACL 2022, which reads predicted evidence again).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..model.batch import PairScores
from ..model.maths import margins
from ..model.pieces import Document

# How far from its threshold a margin over TH may lie, for its entity pair to be read again. Farther away, a second
# reading changes few relations: at a threshold of 0.3 these are the scores from 0.18 to 0.46.
NEAR = 0.7

# A document's number and the numbers of some of its sentences.
Excerpt = tuple[int, tuple[int, ...]]
# The entity numbers of a head and a tail.
Pair = tuple[int, int]
# It scores all pairs of some documents, in chunks.
Score = Callable[[list[Document]], Iterable[PairScores]]
# It takes scores and the types of each document's entities, and returns the logits of the entity pairs before
# calibration, and which mention pairs are key.
Decide = Callable[[PairScores, Sequence[Sequence[str]]], tuple[Tensor, Tensor]]
# It takes excerpts and the numbers of the documents that they are of, and gives scores with the logits of entity pairs.
# The document of the scores is a position in the list.
Read = Callable[[list[Document], list[int]], Iterable[tuple[PairScores, Tensor]]]


def read_again(
    chunks: Iterable[PairScores],
    documents: Sequence[Document],
    types: Sequence[Sequence[str]],
    *,
    score: Score,
    decide: Decide,
    limits: Tensor,
    weight: float,
    both: bool,
) -> Iterator[PairScores]:
    """Add a second reading to scores, where an entity pair is near a threshold.

    :param chunks: The scores of the first reading; `document` holds positions in `documents`.
    :param types: The types of each document's entities, those included that the model does not know.
    :param limits: The margins over TH at which relations are predicted. *Shape:* () or (C,)
    :param weight: The weight of the second reading.
    :param both: Whether both directions of a pair are read in the same sentences, so that inverse relations stay equal.
    """

    def read(excerpts: list[Document], of: list[int]) -> Iterator[tuple[PairScores, Tensor]]:
        for scores in score(excerpts):
            yield scores, decide(scores, [types[number] for number in of])[0]

    for scores in chunks:
        logits, selected = decide(scores, types)
        near = is_near(logits, limits)
        again = second_margins(scores, selected, logits, near, documents, read, both)
        yield replace(scores, second=weight * again)


def add_second(logits: Tensor, scores: PairScores) -> Tensor:
    """Add what a second reading says to the logits of entity pairs. *Shape:* (N, C) both"""
    return margins(logits) + scores.second if scores.second.numel() else logits


def second_margins(
    scores: PairScores,
    selected: Tensor,
    logits: Tensor,
    near: Tensor,
    documents: Sequence[Document],
    read: Read,
    both: bool = False,
) -> Tensor:
    """Read the entity pairs that are near a threshold again.

    :param scores: The scores of the first reading; `document` holds positions in `documents`.
    :param selected: Which mention pairs are key, bool. *Shape:* (P,)
    :param logits: The logits of the entity pairs. *Shape:* (N, C)
    :param near: Which entity pairs are near a threshold, bool. *Shape:* (N,)
    :param documents: The documents of the first reading.
    :param read: The function that reads excerpts.
    :param both: Whether both directions of a pair are read in the same sentences, so that inverse relations stay equal.
    :returns: The margins over TH in the second reading, 0 for the pairs that are not read again. *Shape:* (N, C)
    """
    found = torch.zeros_like(logits)
    wanted = find_excerpts(scores, selected, margins(logits), near, documents, both)
    if not wanted:
        return found
    rows = scores.row_of_pair()
    numbers, pairs = list(wanted), list(wanted.values())
    excerpts = [excerpt(documents[at], sentences) for at, sentences in numbers]
    for again, again_logits in read(excerpts, [at for at, _ in numbers]):
        taken = [
            (rows[numbers[place][0], head, tail], row)
            for (place, head, tail), row in again.row_of_pair().items()
            if (head, tail) in pairs[place]
        ]
        if taken:
            first, second = map(list, zip(*taken))
            found[first] = margins(again_logits)[second]
    return found


def is_near(logits: Tensor, limits: Tensor) -> Tensor:
    """Return whether a relation of each entity pair is near its threshold, bool. *Shape:* (N,)

    :param logits: The logits before calibration, so that it changes nothing here. *Shape:* (N, C)
    :param limits: The margins over TH at which relations are predicted. *Shape:* () or (C,)
    """
    distance = (margins(logits).double() - limits.to(logits.device)).abs()[:, 1:]
    return (distance < NEAR).any(dim=1)


def find_excerpts(
    scores: PairScores,
    selected: Tensor,
    own: Tensor,
    near: Tensor,
    documents: Sequence[Document],
    both: bool,
) -> dict[Excerpt, set[Pair]]:
    """Return the sentences in which entity pairs are to be read again: those of the mention pair that has the largest
    share of the pair's best relation. For both directions they are those of the direction whose relation is better.

    :param own: The margins over TH. *Shape:* (N, C)
    """
    best, label = own[:, 1:].max(dim=1)
    places: dict[tuple[int, Pair], tuple[int, ...]] = {}
    leading = _leading(scores, selected & near[scores.pair_index], label + 1)
    value = best.tolist()
    # A better direction comes later, and its sentences take the place of the other one's.
    for row, mention_pair in sorted(leading, key=lambda found: value[found[0]]):
        at = int(scores.document[row])
        ends = (
            documents[at].mentions[int(scores.head[mention_pair])],
            documents[at].mentions[int(scores.tail[mention_pair])],
        )
        sentences = tuple(sorted({_sentence_of(documents[at], start) for start, _ in ends}))
        head, tail = scores.entities[row].tolist()
        if len(sentences) < len(documents[at].sentences):
            places[at, (head, tail)] = sentences
            if both:
                places[at, (tail, head)] = sentences
    found: dict[Excerpt, set[Pair]] = {}
    for (at, pair), sentences in places.items():
        found.setdefault((at, sentences), set()).add(pair)
    return found


def _leading(scores: PairScores, kept: Tensor, labels: Tensor) -> Iterator[tuple[int, int]]:
    """Yield each entity pair that has mention pairs left, and that with the largest share of them.

    :param kept: The mention pairs that are left, bool. *Shape:* (P,)
    :param labels: The class of each entity pair in which shares count. *Shape:* (N,)
    """
    numbers = kept.nonzero().squeeze(1)
    if not len(numbers):
        return
    rows = scores.pair_index[numbers]
    shares = scores.share_logits(numbers)
    shares = shares.gather(1, (labels[rows] % shares.shape[1])[:, None]).squeeze(1)
    order = np.lexsort((-shares.float().cpu().numpy(), rows.cpu().numpy()))
    distinct, first = np.unique(rows.cpu().numpy()[order], return_index=True)
    yield from zip(distinct.tolist(), numbers.cpu().numpy()[order][first].tolist())


def excerpt(document: Document, sentences: Sequence[int]) -> Document:
    """Return a document of some sentences of another one. Entities keep their numbers; of their mentions those remain
    that lie in one of the sentences."""
    bounds = [*document.sentences, len(document.text)]
    text, shifts = "", {}
    for number in sentences:
        shifts[number] = len(text) - bounds[number]
        text += document.text[bounds[number] : bounds[number + 1]]
    kept: dict[int, tuple[int, int]] = {}
    for mention, (start, end) in enumerate(document.mentions):
        number = _sentence_of(document, start)
        if number in shifts and end <= bounds[number + 1]:
            kept[mention] = start + shifts[number], end + shifts[number]
    place = {mention: number for number, mention in enumerate(kept)}
    clusters = [[place[mention] for mention in cluster if mention in place] for cluster in document.clusters]
    starts = [bounds[number] + shifts[number] for number in sentences]
    return replace(document, text=text, mentions=list(kept.values()), clusters=clusters, sentences=starts)


def _sentence_of(document: Document, character: int) -> int:
    """Return the number of the sentence that a character is in, -1 where the document has no sentences."""
    return bisect_right(document.sentences, character) - 1
