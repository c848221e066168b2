"""A Hugging Face transformer that gives hidden states and the markers' attention rows.

Everything that depends on Hugging Face's classes is here and in serialize.py.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import Errors
from .fast_linear import HALF, ROUNDS, Layers, adopt, adopted, rounded
from .pieces import Pieces

# Models whose last layer's attention is softmax(q k^T / sqrt(head width)) of these two submodules. For
# them the rows of the markers are computed alone, and every layer may use the fused kernel, which
# returns no attention.
PLAIN_ATTENTION = {
    "bert": ("query", "key"),
    "camembert": ("query", "key"),
    "distilbert": ("q_lin", "k_lin"),
    "electra": ("query", "key"),
    "roberta": ("query", "key"),
    "xlm-roberta": ("query", "key"),
}


# What a device reads fastest at a time: a processor what stays in its caches, and a GPU what keeps it busy.
BATCH_PIECES = {"cpu": 512, "cuda": 16384}


class Rows(NamedTuple):
    """The attention rows of a document among those of all that were read together.

    :param block: *Shape:* (R, K, B)
    :param first: The number of its first.
    """

    block: Tensor
    first: int = 0

    def own(self, count: int, length: int | None = None) -> Tensor:
        """Those of the document, of `length` word pieces. *Shape:* (count, K, length)"""
        return self.block[self.first : self.first + count, :, :length]


@dataclass(frozen=True)
class Encoded:
    """An encoded document.

    :param hidden: Hidden states of the word pieces, special ones included. *Shape:* (L, d)
    :param mentions: Hidden states of the markers before the mentions. *Shape:* (M, d)
    :param rows: The last layer's attention rows of these markers: in a text of one window over all word pieces and
        padding, in a longer one each over a run of B word pieces beside which it is zero.
    :param starts: Where the runs start; None in a text of one window. *Shape:* (M,)
    """

    hidden: Tensor
    mentions: Tensor
    rows: Rows
    starts: Tensor | None = None

    @property
    def attention(self) -> Tensor:
        """The rows of this document, without padding. *Shape:* (M, K, L), or (M, K, B) where they are runs"""
        return self.rows.own(len(self.mentions), len(self.hidden) if self.starts is None else None)

    def detach(self) -> "Encoded":
        """The same without gradient."""
        rows = Rows(self.rows.block.detach(), self.rows.first)
        return Encoded(self.hidden.detach(), self.mentions.detach(), rows, self.starts)


class Encoder(nn.Module):
    """Encodes documents window by window and puts the windows together.

    :param transformer: A Hugging Face encoder.
    :param batch_pieces: Word pieces that go through the transformer at a time, padding included; where None
        those of `BATCH_PIECES`.
    :ivar mixed_precision: Run the transformer in bfloat16 where the device has it, on a processor in training
        only; all else is in float32.
    :ivar shared_layers: The lowest layers, which another encoder goes on from (see `share_layers`).
    """

    transformer: Any

    def __init__(self, transformer: Any, batch_pieces: int | None = None):
        super().__init__()
        # The pooler of a sequence classifier has no part in hidden states.
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None
        if has_plain_attention(transformer.config):
            submodules = {path.rsplit(".", 1)[-1]: module for path, module in transformer.named_modules()}
            for name in PLAIN_ATTENTION[transformer.config.model_type]:  # of the last layer
                submodules[name].register_forward_hook(partial(_collect, name))
        adopt(transformer)
        self.transformer = transformer
        self.batch_pieces = batch_pieces
        self.mixed_precision = False
        self.shared_layers = 0

    def share_layers(self, other: "Encoder", count: int) -> None:
        """Let another encoder of the same kind go on from the hidden states of the lowest layers of this one. It
        loses its own, and its embeddings.

        :raises ValueError: Where it would have no layer left, or the kind is not one of `PLAIN_ATTENTION`.
        """
        config = self.transformer.config
        total = config.num_hidden_layers if has_plain_attention(config) else 1
        if not 0 <= count < total:
            expected = f"0 to {total - 1} with this encoder"
            raise ValueError(Errors.E023.format(setting="shared_layers", value=count, expected=expected))
        if count:
            self.shared_layers = count
            _keep_upper_layers(other.transformer, count)

    @property
    def width(self) -> int:
        return self.transformer.config.hidden_size

    def forward(self, batch: Sequence[Pieces], lower: deque[Tensor] | None = None) -> list[Encoded]:
        """
        :param batch: Documents as word pieces, markers inserted.
        :param lower: Hidden states above the shared layers, of each run of the transformer: the encoder that has
            these layers adds them, the one that lacks them takes them off.
        """
        lower = deque() if lower is None else lower
        windows = [
            (number, start, end) for number, pieces in enumerate(batch) for start, end in pieces.windows
        ]
        parts: list[list[_Window]] = [[] for _ in batch]
        for group in self._groups(windows, batch):
            for (number, *_), window in zip(group, self._encode(group, batch, lower)):
                parts[number].append(window)
        return [_join(pieces, windows) for pieces, windows in zip(batch, parts)]

    def _groups(self, windows, batch):
        """Windows of similar length together, so that little is spent on padding."""
        device = next(self.transformer.parameters()).device.type
        batch_pieces = self.batch_pieces or BATCH_PIECES.get(device, BATCH_PIECES["cpu"])
        windows = sorted(windows, key=lambda window: window[2] - window[1])
        group: list[tuple[int, int, int]] = []
        for window in windows:
            pieces = batch[window[0]]
            length = window[2] - window[1] + pieces.prefix + pieces.suffix
            if group and length * (len(group) + 1) > batch_pieces:
                yield group
                group = []
            group.append(window)
        if group:
            yield group

    def _encode(
        self, group: Sequence[tuple[int, int, int]], batch: Sequence[Pieces], lower: deque[Tensor]
    ) -> list["_Window"]:
        device = next(self.transformer.parameters()).device
        rows, inside = [], []
        for number, start, end in group:
            ids, markers, prefix = batch[number].ids, batch[number].markers, batch[number].prefix
            rows.append(
                np.concatenate([ids[:prefix], ids[start:end], ids[len(ids) - batch[number].suffix :]])
            )
            inside.append(((markers >= start) & (markers < end)).nonzero()[0])
        lengths, counts = np.array([len(row) for row in rows]), [len(own) for own in inside]
        inputs = np.full((len(rows), lengths.max()), self.transformer.config.pad_token_id or 0)
        places = np.zeros((len(rows), max(counts)), dtype=np.int64)
        for row, (number, start, _) in enumerate(group):
            inputs[row, : lengths[row]] = rows[row]
            places[row, : counts[row]] = batch[number].markers[inside[row]] - start + batch[number].prefix
        real = np.arange(lengths.max()) < lengths[:, None]
        mask = None if real.all() else on_device(real, device)
        # Numbers among the word pieces of all texts, padding included.
        places += lengths.max() * np.arange(len(rows))[:, None]
        marked = places[np.arange(places.shape[1]) < np.array(counts)[:, None]]
        numbers = [places.ravel(), marked, np.flatnonzero(real)]
        flat, of_markers, of_pieces = on_device(np.concatenate(numbers), device).split([*map(len, numbers)])
        hidden, attention = self._run(on_device(inputs, device), mask, flat, lower)
        hidden = hidden.float().flatten(0, 1)
        # Not by indexing or slicing: their gradients take long to add up, or are as large as the whole each.
        mentions = hidden.index_select(0, of_markers).split(counts)
        states = hidden.index_select(0, of_pieces).split(lengths.tolist())
        return [
            _Window(start, end, own, of_text, of_own, Rows(attention, row * places.shape[1]))
            for row, ((_, start, end), own, of_text, of_own) in enumerate(
                zip(group, inside, states, mentions)
            )
        ]

    def _run(
        self, inputs: Tensor, mask: Tensor | None, places: Tensor, lower: deque[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """
        :param inputs: Word pieces. *Shape:* (B, L)
        :param mask: Which of them are none of the padding; None where all. *Shape:* (B, L)
        :param places: m markers of each text, numbered among all its B L word pieces. *Shape:* (B m,)
        :returns: Hidden states, and the last layer's attention rows of the markers, in float32. *Shape:* (B, L, d),
            (B m, K, L)
        """
        config = self.transformer.config
        given_mask = None if mask is None else mask.long()
        if not has_plain_attention(config):
            with self._autocast(inputs.device):
                output = self.transformer(inputs, attention_mask=given_mask, output_attentions=True)
            last, length = output.attentions[-1], inputs.shape[1]
            if last.shape[-2:] != (length, length):
                raise ValueError(Errors.E027.format(kind=config.model_type))
            return output.last_hidden_state, last[places // length, :, places % length].float()
        names = PLAIN_ATTENTION[config.model_type]
        layers = self._layers_to_round()
        given = lower.popleft() if isinstance(self.transformer.embeddings, _Given) else None
        if given is not None and layers:
            given = given.to(HALF)  # the mask will be what this is, and has to be what queries are
        shares = self.shared_layers > 0
        precision = rounded(layers) if layers else self._autocast(inputs.device)
        with _passing(_Pass(given)) as this, precision:
            output = self.transformer(inputs, attention_mask=given_mask, output_hidden_states=shares)
        if shares:  # in float32, since the other encoder may not run in bfloat16
            lower.append(output.hidden_states[self.shared_layers].float())
        query, key = (
            this.projected[name].unflatten(-1, (config.num_attention_heads, -1)).float() for name in names
        )
        query = query.flatten(0, 1).index_select(0, places).unflatten(0, (len(inputs), -1))
        scores = query.transpose(1, 2) @ key.permute(0, 2, 3, 1)
        scores = scores / query.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
        # What Hugging Face's eager attention returns in training has been through dropout too.
        dropout = getattr(config, "attention_probs_dropout_prob", getattr(config, "attention_dropout", 0.0))
        weights = nn.functional.dropout(torch.softmax(scores, dim=-1), dropout, self.training)
        return output.last_hidden_state, weights.transpose(1, 2).flatten(0, 1)

    @property
    def _is_mixed(self) -> bool:
        if not self.mixed_precision:
            return False
        if next(self.transformer.parameters()).device.type == "cuda":
            return torch.cuda.is_bf16_supported()
        # Not in prediction: padding would change more than the last digits of its scores.
        return self.training and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()

    def _autocast(self, device: torch.device) -> AbstractContextManager:
        return torch.autocast(device.type, torch.bfloat16, enabled=self._is_mixed)

    def _layers_to_round(self) -> Layers:
        """Empty where autocast is better, where attention that is not fused would bring float32 in, or where layers are
        run again in the backward pass, when nobody rounds."""
        transformer = self.transformer
        device = next(transformer.parameters()).device.type
        if not self._is_mixed or device not in ROUNDS or transformer.config._attn_implementation != "sdpa":
            return []
        return [] if self.training and transformer.is_gradient_checkpointing else adopted(transformer)


class _Pass:
    """A forward pass through a transformer, whose modules several threads may use at once.

    :ivar given: Hidden states in the place of embeddings.
    :ivar projected: What the last layer's projections have returned.
    """

    def __init__(self, given: Tensor | None = None):
        self.given = given
        self.projected: dict[str, Tensor] = {}


_PASS: ContextVar[_Pass | None] = ContextVar("pass", default=None)


@contextmanager
def _passing(this: _Pass) -> Iterator[_Pass]:
    token = _PASS.set(this)
    try:
        yield this
    finally:
        _PASS.reset(token)


def _collect(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    """Keeps what a projection returns."""
    this = _PASS.get()
    if this is not None:
        this.projected[name] = output


class _Given(nn.Module):
    """Hidden states in the place of embeddings."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        this = _PASS.get()
        assert this is not None and this.given is not None
        return this.given


def _keep_upper_layers(transformer: Any, count: int) -> None:
    """Take the embeddings and the lowest layers from a transformer of `PLAIN_ATTENTION`."""
    stack = transformer.transformer if transformer.config.model_type == "distilbert" else transformer.encoder
    stack.layer = stack.layer[count:]
    transformer.embeddings = _Given()
    if hasattr(transformer, "embeddings_project"):  # ELECTRA's, from narrower embeddings
        transformer.embeddings_project = nn.Identity()


@dataclass(frozen=True)
class _Window:
    """
    :param inside: Numbers of the mentions whose marker lies inside. *Shape:* (m,)
    :param hidden: *Shape:* (L, d)
    :param mentions: *Shape:* (m, d)
    """

    start: int
    end: int
    inside: np.ndarray
    hidden: Tensor
    mentions: Tensor
    rows: Rows

    @property
    def attention(self) -> Tensor:
        """*Shape:* (m, K, L)"""
        return self.rows.own(len(self.inside), len(self.hidden))


def on_device(values: np.ndarray, device: torch.device) -> Tensor:
    """Without waiting for a GPU."""
    return torch.from_numpy(values).to(device, non_blocking=True)


def has_plain_attention(config) -> bool:
    """Whether attention rows can be computed from the last layer's queries and keys alone."""
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return config.model_type in PLAIN_ATTENTION and absolute


def _join(pieces: Pieces, windows: Sequence[_Window]) -> Encoded:
    """One document from its windows: the mean of a piece's hidden states; the mean of a marker's attention
    rows over the windows it is in, where it has no weight on pieces of other windows."""
    if len(windows) == 1:
        (window,) = windows
        if len(window.inside) == len(pieces.markers):
            return Encoded(window.hidden, window.mentions, window.rows)
        inside = on_device(window.inside, window.hidden.device)  # some lie outside the encoded text
        mentions, attention = (
            x.new_zeros((len(pieces.markers), *x.shape[1:])).index_copy(0, inside, x)
            for x in (window.mentions, window.attention)
        )
        return Encoded(window.hidden, mentions, Rows(attention))
    length, body = len(pieces.ids), len(pieces.ids) - pieces.suffix
    like, device = windows[0], windows[0].hidden.device
    markers = on_device(pieces.markers, device)
    numbers = [on_device(window.inside, device) for window in windows]
    hidden = like.hidden.new_zeros((length, like.hidden.shape[1]))
    covered = like.hidden.new_zeros((length, 1))
    first = torch.full((len(markers),), length, device=device)
    last = torch.zeros_like(first)
    kept = []  # of each window: the columns of the document, and of the window
    for window, own in zip(windows, numbers):
        # Special pieces stand at the ends of the document only: mentions that share no window must have
        # nothing in common.
        left = 0 if window.start == pieces.prefix else pieces.prefix
        right = len(window.hidden) - (0 if window.end == body else pieces.suffix)
        start = window.start - pieces.prefix + left
        kept.append((slice(start, start + right - left), slice(left, right)))
        hidden[kept[-1][0]] += window.hidden[left:right]
        covered[kept[-1][0]] += 1
        first[own] = first[own].clamp(max=start)
        last[own] = start + right - left
    # All runs are as long as the longest, and none goes beyond the end.
    width = int((last - first).max().clamp(min=1)) if len(markers) else 1
    starts = first.clamp(max=length - width)
    attention = like.attention.new_zeros((len(markers), like.attention.shape[1], width))
    for window, own, (columns, columns_of_window) in zip(windows, numbers, kept):
        places = torch.arange(columns.start, columns.stop, device=device) - starts[own][:, None]
        rows = window.attention[:, :, columns_of_window]
        spread = rows.new_zeros((*rows.shape[:2], width))
        spread = spread.scatter(2, places[:, None].expand_as(rows), rows)
        attention.index_add_(0, own, spread)
    total = attention.sum(dim=-1, keepdim=True)
    attention = attention / torch.where(total > 0, total, torch.ones_like(total))
    hidden = hidden / covered
    return Encoded(hidden, hidden[markers], Rows(attention), starts)
