"""Documents as word pieces, with a marker before and after every mention, and windows over long texts.

This module knows neither spaCy nor torch; it is given a fast tokenizer of Hugging Face.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

MARKER = "*"


@dataclass(frozen=True)
class Document:
    """What the model reads of a Doc.

    :param mentions: Character offsets [start, end) of the mentions, each span once.
    :param clusters: For every entity the numbers of its mentions.
    :param types: For every entity its type, "" where unknown; empty where none is known.
    :param sentences: Character offsets at which sentences start; empty where they are unknown or not needed.
    :param name: The document's name in messages.
    """

    text: str
    mentions: Sequence[tuple[int, int]]
    clusters: Sequence[Sequence[int]]
    types: Sequence[str] = ()
    sentences: Sequence[int] = ()
    name: str = ""


class Gold(NamedTuple):
    """What a model learns from a document.

    :param relations: (head entity, tail entity, class) of its relations.
    :param evidence: The numbers of the evidence sentences of entity pairs, where they are known and asked for.
    :param sentences: The sentence of each mention, where there is evidence.
    """

    relations: Sequence[tuple[int, int, int]]
    evidence: Mapping[tuple[int, int], Collection[int]] = {}
    sentences: Sequence[int] = ()


@dataclass(frozen=True)
class Pieces:
    """A document as the encoder reads it: L word pieces, special pieces at both ends included.

    :param ids: The numbers of the word pieces in the vocabulary. *Shape:* (L,)
    :param markers: Where the marker before each mention stands in `ids`, -1 outside the encoded text.
        *Shape:* (M,)
    :param prefix: Number of special pieces at the start.
    :param suffix: Number of special pieces at the end.
    :param windows: Ranges [start, end) of `ids` without the special pieces; one for a short text.
    :param sentences: The sentence of each piece, a marker's being that of its mention; -1 for special pieces, and
        for all where the document does not say. *Shape:* (L,)
    """

    ids: np.ndarray
    markers: np.ndarray
    prefix: int
    suffix: int
    windows: list[tuple[int, int]]
    sentences: np.ndarray

    def mention_windows(self) -> np.ndarray:
        """Return the first and the last window that the marker before each mention is in. *Shape:* (M, 2)"""
        starts, ends = np.array(self.windows).T
        first = np.searchsorted(ends, self.markers, side="right")
        last = np.searchsorted(starts, self.markers, side="right") - 1
        return np.stack([first, last], axis=1)


def make_pieces(
    documents: Sequence[Document],
    tokenizer: Any,
    *,
    max_length: int,
    overlap: int,
    max_pieces: int | None = None,
    typed: bool = False,
) -> list[Pieces]:
    """Make the word pieces of a batch of documents.

    :param max_length: Longest window, special pieces included.
    :param overlap: Pieces that a window shares with the one before it, at least; fewer than fit in a window.
    :param max_pieces: The largest number of pieces of a document that are encoded, None for all.
    :param typed: Whether the marker before a mention is the first word piece of its entity's type, instead
        of the one that stands after every mention.
    """
    if not documents:
        return []
    encoded = tokenizer(
        [document.text for document in documents],
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    marker = tokenizer(" " + MARKER, add_special_tokens=False)["input_ids"][-1]
    openings: dict[str, int] = {"": marker}
    prefix, suffix = _special_pieces(tokenizer)
    capacity = max_length - len(prefix) - len(suffix)
    result = []
    for document, ids, offsets in zip(documents, encoded["input_ids"], encoded["offset_mapping"]):
        opening = [marker] * len(document.mentions)
        for cluster, kind in zip(document.clusters, document.types if typed else ()):
            if kind not in openings:
                found = tokenizer(" " + kind, add_special_tokens=False)["input_ids"]
                openings[kind] = found[0] if found else marker
            for mention in cluster:
                opening[mention] = openings[kind]
        marked, markers, nearest = insert_markers(ids, offsets, document.mentions, opening, marker)
        marked, nearest = marked[:max_pieces], nearest[:max_pieces]
        starts = [start for start, _ in offsets]
        sentences = np.append(np.searchsorted(document.sentences, starts, side="right") - 1, -1)[nearest]
        markers = np.where(markers < len(marked), markers + len(prefix), -1)
        result.append(
            Pieces(
                ids=np.concatenate([prefix, marked, suffix]).astype(np.int64),
                markers=markers,
                prefix=len(prefix),
                suffix=len(suffix),
                windows=[
                    (start + len(prefix), end + len(prefix))
                    for start, end in make_windows(len(marked), capacity, overlap)
                ],
                sentences=np.pad(sentences, (len(prefix), len(suffix)), constant_values=-1),
            )
        )
    return result


def _special_pieces(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special pieces that stand before a text and after it."""
    if hasattr(tokenizer, "build_inputs_with_special_tokens"):
        framed = tokenizer.build_inputs_with_special_tokens([-1])  # No word piece has this number.
        place = framed.index(-1)
        return framed[:place], framed[place + 1 :]
    # transformers 5 leaves this to the library tokenizers.
    found = tokenizer("a", return_special_tokens_mask=True)
    ids, is_special = list(found["input_ids"]), list(found["special_tokens_mask"])
    return ids[: is_special.index(0)], ids[len(ids) - is_special[::-1].index(0) :]


def insert_markers(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    mentions: Sequence[tuple[int, int]],
    opening: Sequence[int],
    closing: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a marker before and after every mention. Mentions may nest and overlap. A mention that begins or
    ends inside a piece has the whole piece; one without a piece (white space) gets two markers side by side.

    :param offsets: Character offsets of the pieces.
    :param opening: The marker before each mention.
    :param closing: The marker after every mention.
    :returns: The ids with markers; where the marker before each mention is; and for each id the number of its
        piece, which for a marker is the nearest piece of its mention.
    """
    bounds = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
    spans = np.asarray(mentions, dtype=np.int64).reshape(-1, 2)
    begins = np.searchsorted(bounds[:, 1], spans[:, 0], side="right")
    ends = np.maximum(begins, np.searchsorted(bounds[:, 0], spans[:, 1], side="left"))
    # At one place closing markers come first, the innermost before the others, then opening ones, the
    # outermost before the others.
    events = []
    for mention, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist())):
        events.append((begin, 1, -end, mention, 0))
        events.append((end, 0, -begin, -mention, 1) if end > begin else (end, 1, -end, mention, 1))
    events.sort()
    markers = np.zeros(len(spans), dtype=np.int64)
    for rank, (position, _, _, mention, closes) in enumerate(events):
        if not closes:
            markers[mention] = position + rank
    places = [event[0] for event in events]
    pieces = [closing if closes else opening[abs(mention)] for _, _, _, mention, closes in events]
    last = max(len(ids) - 1, 0)
    nearest = [min(max(position - closes, 0), last) for position, _, _, _, closes in events]
    return (
        np.insert(np.asarray(ids, dtype=np.int64), places, pieces),
        markers,
        np.insert(np.arange(len(ids)), places, nearest),
    )


def make_windows(length: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Make ranges that cover `length` pieces and are no longer than `capacity`. Each starts
    `capacity - overlap` after the one before it, but the last is moved back to be full."""
    if length <= capacity:
        return [(0, length)]
    last = length - capacity
    starts = [*range(0, last, capacity - overlap), last]
    return [(start, start + capacity) for start in starts]
