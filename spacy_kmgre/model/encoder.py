"""A transformer that reads documents window by window, for the hidden states of word pieces and the attention
rows of markers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .batch import on_device
from .choices import AUTO, BFLOAT16, FLOAT32
from .context import AttentionRows
from .derived import DerivingModule
from .fast_linear import speed_up
from .huggingface import (
    compute_layers_again,
    hidden_and_rows,
    keep_gradients_sparse,
    positions,
    watch_projections,
)
from .pieces import Pieces
from .precision import has_bfloat16, rounded

# The number of word pieces that a device reads fastest at a time. So many stay in a CPU's cache, or keep a
# GPU busy.
BATCH_PIECES = {"cpu": 512, "cuda": 16384}

# In bfloat16 on a CPU, runs are padded to lengths that are multiples of this. For each new length oneDNN compiles its
# products anew and keeps them: with any length it takes a quarter more time, and up to a gigabyte more memory.
LENGTHS = 32


@dataclass(frozen=True)
class Encoded:
    """Encoded documents, one after another.

    :param hidden: The hidden states of their word pieces, special ones included. *Shape:* (L, d)
    :param mentions: The hidden states of the markers before their mentions. *Shape:* (M, d)
    :param rows: The last layer's attention rows of these markers.
    """

    hidden: Tensor
    mentions: Tensor
    rows: AttentionRows

    def detach(self) -> "Encoded":
        """Return the same without gradient."""
        return Encoded(self.hidden.detach(), self.mentions.detach(), self.rows.detach())


class Window(NamedTuple):
    """A window that the transformer reads in one run with others.

    :param document: The number of its document.
    :param start: Its first word piece in the document.
    :param end: The word piece that it ends before.
    :param inside: The mentions, numbered in the document, whose marker it holds. *Shape:* (m,)
    :param run: The number of the run.
    :param first_row: The number of its first attention row in the run.
    :param first_state: The number of its first hidden state among those of all runs, padding included.
    """

    document: int
    start: int
    end: int
    inside: np.ndarray
    run: int
    first_row: int
    first_state: int


class Encoder(DerivingModule):
    """Encodes documents window by window and puts the windows together.

    On a CPU it reads in float32, but for updates under `mixed_precision`, and for predictions under `precision`, for
    which it keeps a copy of the transformer in bfloat16.

    :param transformer: A Hugging Face encoder.
    :param batch_pieces: The number of word pieces that go through the transformer at a time, padding
        included; None stands for `BATCH_PIECES`.
    :param mixed_precision: Whether the transformer runs in bfloat16 where the device has it, on a CPU in training only;
        all else is in float32.
    :param gradient_checkpointing: Whether the transformer's layers are computed again in the backward pass.
    """

    transformer: Any

    def __init__(
        self,
        transformer: Any,
        batch_pieces: int | None = None,
        mixed_precision: bool = False,
        gradient_checkpointing: bool = False,
    ):
        super().__init__()
        # The pooler of a sequence classifier has no part in hidden states.
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None
        speed_up(transformer)
        watch_projections(transformer)
        keep_gradients_sparse(transformer)
        if gradient_checkpointing:
            compute_layers_again(transformer)
        self.transformer = transformer
        self.batch_pieces = batch_pieces
        self.mixed_precision = mixed_precision
        self._precision = FLOAT32

    @property
    def precision(self) -> str:
        """What predictions are computed in, one of `PRECISIONS`. Padding changes what bfloat16 gives, so that the
        scores of a document depend on those that it is read with."""
        return self._precision

    @precision.setter
    def precision(self, precision: str) -> None:
        if precision != self._precision:
            self._derived = ()  # Float32 has no use for the copy.
        self._precision = precision

    @property
    def _predicts_in_bfloat16(self) -> bool:
        return self.precision == BFLOAT16 or (self.precision == AUTO and has_bfloat16(self.device))

    def _reader(self) -> tuple[Any, bool]:
        """Return the transformer that reads now, and whether torch has to bring it to bfloat16."""
        predicts = torch.is_inference_mode_enabled() and not self.training
        rounds = predicts and self._predicts_in_bfloat16
        if self.device.type != "cpu":
            return self.transformer, (self.mixed_precision or rounds) and has_bfloat16(self.device)
        if rounds:
            return self._rounded(), False
        return self.transformer, self.mixed_precision and self.training and has_bfloat16(self.device)

    def _rounded(self) -> Any:
        is_rounded = self.transformer.dtype is torch.bfloat16
        return self.transformer if is_rounded else self.derived(lambda: rounded(self.transformer))

    def forget_float32(self) -> bool:
        """Keep the weights in bfloat16 alone, where predictions are computed in it on a CPU; from then on there is
        nothing else. Return whether it is so."""
        if self.device.type == "cpu" and self._predicts_in_bfloat16:
            self.transformer = self.eval()._rounded()
            self._derived = ()
        return bool(self.transformer.dtype is torch.bfloat16)

    @property
    def width(self) -> int:
        """The width d of hidden states."""
        return int(self.transformer.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        found: torch.device = next(self.transformer.parameters()).device
        return found

    def forward(self, batch: Sequence[Pieces]) -> Encoded:
        """Encode some documents.

        :param batch: Documents as word pieces, markers inserted.
        """
        windows: list[Window] = []
        states, blocks = [], []
        first_state = 0
        for run, group in enumerate(self._groups(batch)):
            hidden, rows, read = self._run(group, batch, run, first_state)
            first_state += hidden.shape[0] * hidden.shape[1]
            states.append(hidden.float().flatten(0, 1))
            blocks.append(rows)
            windows += read
        windows.sort(key=lambda window: (window.document, window.start))
        return _join(batch, windows, torch.cat(states), blocks)

    def _groups(self, batch: Sequence[Pieces]) -> Iterator[list[tuple[int, int, int]]]:
        """Yield groups of windows (document, start, end) of similar length, so that little time is spent on
        padding."""
        batch_pieces = self.batch_pieces or BATCH_PIECES.get(self.device.type, BATCH_PIECES["cpu"])
        windows = [
            (number, start, end) for number, pieces in enumerate(batch) for start, end in pieces.windows
        ]
        group: list[tuple[int, int, int]] = []
        for window in sorted(windows, key=lambda window: window[2] - window[1]):
            pieces = batch[window[0]]
            length = window[2] - window[1] + pieces.prefix + pieces.suffix
            if group and length * (len(group) + 1) > batch_pieces:
                yield group
                group = []
            group.append(window)
        yield group

    def _run(
        self, group: Sequence[tuple[int, int, int]], batch: Sequence[Pieces], run: int, first_state: int
    ) -> tuple[Tensor, Tensor, list[Window]]:
        """Run the transformer once, on a group of windows.

        :returns: The hidden states and attention rows, and where those of each window are. *Shape:* (B, L, d),
            (B m, K, L)
        """
        pieces = [batch[number] for number, _, _ in group]
        texts = [
            np.concatenate([own.ids[: own.prefix], own.ids[start:end], own.ids[len(own.ids) - own.suffix :]])
            for own, (_, start, end) in zip(pieces, group)
        ]
        inside = [
            np.flatnonzero((own.markers >= start) & (own.markers < end))
            for own, (_, start, end) in zip(pieces, group)
        ]
        transformer, autocast = self._reader()
        lengths = np.array([len(text) for text in texts])
        longest, most = int(lengths.max()), max(len(own) for own in inside)
        if self.device.type == "cpu" and (autocast or transformer.dtype is torch.bfloat16):
            padded = -(-longest // LENGTHS) * LENGTHS
            longest = padded if padded <= positions(transformer.config) else longest
        inputs = np.full((len(texts), longest), self.transformer.config.pad_token_id or 0)
        places = np.zeros((len(texts), most), dtype=np.int64)
        for row, (own, text, mentions, (_, start, _)) in enumerate(zip(pieces, texts, inside, group)):
            inputs[row, : len(text)] = text
            places[row, : len(mentions)] = own.markers[mentions] - start + own.prefix
        places += longest * np.arange(len(texts))[:, None]
        real = np.arange(longest) < lengths[:, None]
        hidden, rows = hidden_and_rows(
            transformer,
            on_device(inputs, self.device),
            None if real.all() else on_device(real, self.device),
            on_device(places.ravel(), self.device),
            autocast,
        )
        return (
            hidden,
            rows,
            [
                Window(*window, inside[row], run, row * most, first_state + row * longest)
                for row, window in enumerate(group)
            ],
        )


def _join(
    batch: Sequence[Pieces], windows: Sequence[Window], states: Tensor, blocks: list[Tensor]
) -> Encoded:
    """Put documents together from their windows. A word piece in several windows has the mean of its hidden
    states. In a text of several windows, the attention rows of a marker are added up over its windows and
    brought to sum 1; they are zero on the word pieces of other windows.

    :param windows: In the order of the documents.
    :param states: The hidden states of all runs. *Shape:* (S, d)
    :param blocks: The attention rows of each run. The function appends to this list: a text of several windows gets a
        block of its own.
    """
    first_piece = np.cumsum([0, *(len(pieces.ids) for pieces in batch)])
    first_mention = np.cumsum([0, *(len(pieces.markers) for pieces in batch)])
    source = np.zeros(first_piece[-1], dtype=np.int64)
    covered = np.zeros(first_piece[-1], dtype=np.int64)
    again: list[tuple[np.ndarray, np.ndarray]] = []
    block = np.zeros(first_mention[-1], dtype=np.int64)
    row, start, stop = block.copy(), block.copy(), block.copy()
    of_document: list[list[Window]] = [[] for _ in batch]
    for window in windows:
        of_document[window.document].append(window)
        places, columns = _kept(batch[window.document], window)
        target, origin = first_piece[window.document] + places, window.first_state + columns
        new = covered[target] == 0
        source[target[new]] = origin[new]
        covered[target] += 1
        again.append((target[~new], origin[~new]))
    for number, (pieces, own) in enumerate(zip(batch, of_document)):
        mentions = slice(first_mention[number], first_mention[number + 1])
        if len(own) == 1:
            inside = first_mention[number] + own[0].inside
            block[inside] = own[0].run
            row[inside] = own[0].first_row + np.arange(len(inside))
            start[mentions] = first_piece[number]
            stop[inside] = first_piece[number + 1]
        else:
            rows, starts = _rows_of_windows(pieces, own, blocks)
            block[mentions], row[mentions] = len(blocks), np.arange(len(rows))
            start[mentions] = first_piece[number] + starts
            stop[mentions] = start[mentions] + rows.shape[2]
            blocks.append(rows)
    # Indexing would give the same, but its gradient takes long to add up.
    hidden = states.index_select(0, on_device(source, states.device))
    target, origin = (np.concatenate(parts) for parts in zip(*again))
    if len(target):
        more = states.index_select(0, on_device(origin, states.device))
        hidden = hidden.index_add(0, on_device(target, states.device), more)
        hidden = hidden / on_device(covered, states.device).to(hidden.dtype)[:, None]
    markers = np.concatenate([first + pieces.markers.clip(0) for first, pieces in zip(first_piece, batch)])
    mentions_hidden = hidden.index_select(0, on_device(markers, states.device))
    return Encoded(hidden, mentions_hidden, AttentionRows(blocks, block, row, start, stop))


def _kept(pieces: Pieces, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of a window's word pieces in the document and in the window. Special pieces are kept
    at the ends of the document only, since mentions that share no window must have nothing in common."""
    left = 0 if window.start == pieces.prefix else pieces.prefix
    length = window.end - window.start + pieces.prefix + pieces.suffix
    right = length - (0 if window.end == len(pieces.ids) - pieces.suffix else pieces.suffix)
    columns = np.arange(left, right)
    return window.start - pieces.prefix + columns, columns


def _rows_of_windows(
    pieces: Pieces, windows: Sequence[Window], blocks: Sequence[Tensor]
) -> tuple[Tensor, np.ndarray]:
    """Return the attention rows of the markers of a long text.

    :returns: Each row over the run of its windows, and where the runs start. *Shape:* (M, K, B), (M,)
    """
    count, length = len(pieces.markers), len(pieces.ids)
    first, last = np.full(count, length), np.zeros(count, dtype=np.int64)
    kept = [_kept(pieces, window) for window in windows]
    for window, (places, _) in zip(windows, kept):
        first[window.inside] = np.minimum(first[window.inside], places[0])
        last[window.inside] = places[-1] + 1
    # All runs are as long as the longest, and none goes beyond the end.
    width = max(1, int((last - first).max(initial=1)))
    starts = first.clip(max=length - width)
    like = blocks[windows[0].run]
    rows = like.new_zeros((count, like.shape[1], width))
    for window, (places, columns) in zip(windows, kept):
        own = blocks[window.run][window.first_row : window.first_row + len(window.inside)]
        own = own[:, :, columns[0] : columns[-1] + 1]
        shift = on_device(places - starts[window.inside][:, None], like.device)
        spread = own.new_zeros((*own.shape[:2], width))
        spread = spread.scatter(2, shift[:, None].expand_as(own), own)
        rows.index_add_(0, on_device(window.inside, like.device), spread)
    total = rows.sum(dim=-1, keepdim=True)
    return rows / torch.where(total > 0, total, torch.ones_like(total)), starts
