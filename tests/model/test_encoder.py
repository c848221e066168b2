"""Hidden states and attention rows are compared with the transformers' own, in batches, and joined from windows."""

from types import SimpleNamespace
from typing import NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from transformers import AutoModel, LongformerConfig

from spacy_kmgre.model import maths
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.huggingface import has_plain_attention, longest_input
from spacy_kmgre.model.pieces import Pieces, make_windows

from .tiny import (
    ATTENTION_HEADS,
    FAMILIES,
    LIMIT,
    OTHER,
    PLAIN,
    WIDTH,
    make_transformer,
    random_pieces,
    whole_rows,
)

EXACT = {"rtol": 0.0, "atol": 1e-5}


class Read(NamedTuple):
    """An encoded document with its attention rows over all of its word pieces."""

    hidden: torch.Tensor
    mentions: torch.Tensor
    attention: torch.Tensor


def read(encoder: Encoder, *batch: Pieces) -> list[Read]:
    """Encode documents together, and take them apart again."""
    encoded = encoder(batch)
    rows = whole_rows(encoded.rows, len(encoded.hidden))
    found, first, mention = [], 0, 0
    for pieces in batch:
        last, end = first + len(pieces.ids), mention + len(pieces.markers)
        own = rows[mention:end]
        assert not own[:, :, :first].any()
        assert not own[:, :, last:].any()
        found.append(Read(encoded.hidden[first:last], encoded.mentions[mention:end], own[:, :, first:last]))
        first, mention = last, end
    assert len(encoded.hidden) == first
    assert len(encoded.mentions) == len(rows) == mention
    return found


def assert_same(found: Read, expected: Read) -> None:
    for value, other in zip(found, expected):
        torch.testing.assert_close(value, other, **EXACT)


def read_directly(family: str, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states and the last layer's whole attention, from the transformer's eager attention."""
    with torch.no_grad():
        output = make_transformer(family, attention="eager")(
            torch.from_numpy(ids)[None], output_attentions=True
        )
    return output.last_hidden_state[0], output.attentions[-1][0]


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_those_of_eager_attention(family):
    pieces = random_pieces(23, markers=[4, 17, 1, 21, 4])
    transformer = make_transformer(family)
    asked = []
    transformer.register_forward_pre_hook(
        lambda module, inputs, named: asked.append(named.get("output_attentions", False)), with_kwargs=True
    )
    with torch.no_grad():
        (encoded,) = read(Encoder(transformer).eval(), pieces)
    hidden, attention = read_directly(family, pieces.ids)
    expected = Read(hidden, hidden[pieces.markers], attention[:, pieces.markers].transpose(0, 1))
    assert encoded.attention.shape == (5, ATTENTION_HEADS, 23)
    assert_same(encoded, expected)
    assert attention.std() > 0.01  # so that a row from elsewhere would show
    assert has_plain_attention(transformer.config) == (family in PLAIN)
    assert asked == [family in OTHER]
    if family in ("bert", "roberta", "distilbert"):
        assert transformer.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("batch_pieces", [4096, 60, 1])
def test_a_batch_gives_what_its_documents_give(family, batch_pieces):
    windows = [(1, 31), (11, 41), (16, 46)]
    batch = [
        random_pieces(9, markers=[3, 7]),
        random_pieces(30, markers=[28, 1, 14], seed=1),
        random_pieces(2, seed=2),
        random_pieces(47, markers=[2, 45, 20], windows=windows, seed=3),
        random_pieces(12, seed=4),
    ]
    encoder = Encoder(make_transformer(family), batch_pieces).eval()
    with torch.no_grad():
        together = read(encoder, *batch)
        alone = [read(encoder, pieces)[0] for pieces in batch]
    for pieces, found, expected in zip(batch, together, alone):
        assert found.hidden.shape == (len(pieces.ids), WIDTH)
        assert found.attention.shape == (len(pieces.markers), ATTENTION_HEADS, len(pieces.ids))
        assert_same(found, expected)


def test_batch_pieces_bound_what_the_transformer_reads_at_a_time():
    transformer = make_transformer("bert")
    sizes = []
    transformer.register_forward_pre_hook(lambda module, inputs: sizes.append(tuple(inputs[0].shape)))
    batch = [random_pieces(length) for length in (30, 8, 9, 20, 30)]
    Encoder(transformer, batch_pieces=60)(batch)
    assert sizes == [(3, 20), (2, 30)]


def join_slowly(family: str, pieces: Pieces) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states and the markers' rows of a long document, one window, piece and marker at a time."""
    length, last = len(pieces.ids), pieces.windows[-1]
    sums, counts = np.zeros((length, WIDTH)), np.zeros(length)
    rows = np.zeros((len(pieces.markers), ATTENTION_HEADS, length))
    for start, end in pieces.windows:
        ids = np.concatenate([pieces.ids[:1], pieces.ids[start:end], pieces.ids[-1:]])
        hidden, attention = (values.double().numpy() for values in read_directly(family, ids))
        for column in range(len(ids)):
            place = start - 1 + column
            special = place != 0 if column == 0 else (start, end) != last and column == len(ids) - 1
            if special:  # The document has no special piece between windows.
                continue
            sums[place] += hidden[column]
            counts[place] += 1
            for mention, marker in enumerate(pieces.markers):
                if start <= marker < end:
                    rows[mention, :, place] += attention[:, marker - start + 1, column]
    for mention in range(len(rows)):
        for head in range(ATTENTION_HEADS):
            total = rows[mention, head].sum()
            if total:
                rows[mention, head] /= total
    return sums / counts[:, None], rows


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet"])
@pytest.mark.parametrize(
    "length, capacity, overlap", [(100, 38, 12), (75, 25, 0), (57, 20, 19), (39, 38, 30)]
)
def test_windows_are_joined(family, length, capacity, overlap):
    windows = [(start + 1, end + 1) for start, end in make_windows(length, capacity, overlap)]
    markers = [1, 2, capacity, capacity + 1, length // 2, length, -1]
    pieces = random_pieces(length + 2, markers=markers, windows=windows)
    with torch.no_grad():
        encoder = Encoder(make_transformer(family)).eval()
        (encoded,) = read(encoder, pieces)
        runs = encoder([pieces]).rows
    hidden, rows = join_slowly(family, pieces)
    np.testing.assert_allclose(encoded.hidden.numpy(), hidden, rtol=0, atol=1e-5)
    np.testing.assert_allclose(encoded.attention.numpy(), rows, rtol=0, atol=1e-5)
    assert (runs.stop - runs.start).max() <= 2 * capacity + 1 or overlap > capacity / 2
    assert torch.equal(encoded.mentions[:-1], encoded.hidden[markers[:-1]])
    sums = encoded.attention.sum(dim=-1)
    torch.testing.assert_close(sums[:-1], torch.ones_like(sums[:-1]), **EXACT)
    assert not encoded.attention[-1].any()


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_mentions_have_the_pieces_in_common_that_windows_of_both_hold(mode):
    windows = [(1, 31), (21, 51), (41, 71), (51, 81)]
    markers = [5, 25, 30, 45, 75]
    pieces = random_pieces(82, markers=markers, windows=windows)
    with torch.no_grad():
        (encoded,) = read(Encoder(make_transformer("bert")).eval(), pieces)
    head, tail = (x.flatten() for x in torch.meshgrid(torch.arange(5), torch.arange(5), indexing="ij"))
    weights = maths.context_weights(encoded.attention, head, tail, mode)
    for i, j, row in zip(head.tolist(), tail.tolist(), weights):
        ground = [
            {place for start, end in windows if start <= markers[m] < end for place in range(start, end)}
            | ({0} if markers[m] < windows[0][1] else set())
            | ({81} if markers[m] >= windows[-1][0] else set())
            for m in (i, j)
        ]
        common = sorted(ground[0] & ground[1])
        assert (row > 0).nonzero().squeeze(1).tolist() == common
        assert row.sum().item() == pytest.approx(1.0 if common else 0.0, abs=1e-5)
    assert not weights[(head == 0) & (tail == 4)].any()
    assert (weights[head == tail].sum(dim=1) > 0.99).all()


def test_markers_outside_the_encoded_text():
    inside = random_pieces(20, markers=[3, 9])
    pieces = random_pieces(20, markers=[-1, 3, -1, 9])
    encoder = Encoder(make_transformer("bert")).eval()
    with torch.no_grad():
        (found,), (expected,) = read(encoder, pieces), read(encoder, inside)
    assert not found.attention[[0, 2]].any()
    assert torch.equal(found.attention[[1, 3]], expected.attention)
    assert torch.equal(found.mentions[[1, 3]], expected.mentions)
    with torch.no_grad():
        (nothing,) = read(encoder, random_pieces(20, markers=[-1, -1]))
    assert not nothing.attention.any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("windows", [(), [(1, 26), (14, 39)]], ids=["one window", "two windows"])
@pytest.mark.parametrize("through", ["hidden", "attention"])
def test_gradients_reach_the_transformer(family, windows, through):
    transformer = make_transformer(family)
    pieces = random_pieces(40, markers=[3, 20, 37], windows=windows)
    (encoded,) = read(Encoder(transformer).eval(), pieces)
    values = getattr(encoded, through)
    (values * torch.rand(values.shape)).sum().backward()
    moved = {name for name, parameter in transformer.named_parameters() if parameter.grad is not None}
    strong = {name for name in moved if transformer.get_parameter(name).grad.to_dense().abs().max() > 1e-6}
    layers = {name for name in strong if ".layer.1." in name}
    assert any("embeddings" in name for name in strong)
    assert any(".layer.0." in name for name in strong)
    if through == "hidden":
        idle = {"embeddings.position_embeddings.weight"} if family == "bert-relative" else set()
        assert moved == {name for name, _ in transformer.named_parameters()} - idle
        assert any("output" in name or "ffn" in name for name in layers)
    else:  # the last layer's queries and keys, and nothing after them
        assert any("query" in name or "q_lin" in name or ".q." in name for name in layers)
        assert not any("output" in name or "ffn" in name or "value" in name for name in layers)


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "mpnet"])
def test_layers_computed_again_give_the_same_gradients(family, mixed, monkeypatch):
    """There is dropout, so that the second time it has to leave out the same values."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    batch = [random_pieces(40, markers=[3, 20, 37]), random_pieces(17, markers=[5])]
    found = []
    for again in (False, True):
        transformer = make_transformer(family)
        encoder = Encoder(transformer, mixed_precision=mixed, gradient_checkpointing=again).train()
        called = Mock(return_value=None)
        first = next(name for name, _ in transformer.named_modules() if name.endswith("layer.0"))
        transformer.get_submodule(first).register_forward_pre_hook(called)
        torch.manual_seed(5)
        results = read(encoder, *batch)
        (sum(one.hidden.square().sum() + one.attention.square().sum() for one in results)).backward()
        assert called.call_count == (2 if again else 1)
        gradients = {name: weight.grad for name, weight in transformer.named_parameters()}
        found.append({name: grad.to_dense() for name, grad in gradients.items() if grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_a_transformer_that_cannot_compute_layers_again_is_refused():
    with pytest.raises(ValueError, match=r"KMGRE E023.*gradient_checkpointing.*'mpnet'"):
        Encoder(make_transformer("mpnet"), gradient_checkpointing=True)


def test_attention_that_does_not_reach_everything_is_refused():
    config = LongformerConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        attention_window=4,
    )
    encoder = Encoder(AutoModel.from_config(config)).eval()
    with torch.no_grad(), pytest.raises(ValueError, match=r"KMGRE E027.*longformer"):
        encoder([random_pieces(30, markers=[1, 5])])


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
def test_rows_go_through_dropout_in_training_only(family):
    name = "attention_dropout" if family == "distilbert" else "attention_probs_dropout_prob"
    encoder = Encoder(make_transformer(family, **{name: 0.5}))
    pieces = random_pieces(30, markers=[1, 5, 9, 20])
    with torch.no_grad():
        dropped = (read(encoder.train(), pieces)[0].attention == 0).float().mean().item()
        kept = (read(encoder.eval(), pieces)[0].attention == 0).float().mean().item()
    assert dropped == pytest.approx(0.5, abs=0.1)
    assert kept == 0.0


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_rows_sum_to_one_in_mixed_precision_too(family, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    encoder = Encoder(make_transformer(family, **rates)).train()
    pieces = random_pieces(30, markers=[3, 9])
    with torch.no_grad():
        (exact,) = read(encoder, pieces)
        encoder.mixed_precision = True
        (mixed,) = read(encoder, pieces)
        (predicted,) = read(encoder.eval(), pieces)
    # On a CPU predictions stay exact.
    assert torch.equal(predicted.hidden, exact.hidden)
    for field in ("hidden", "mentions", "attention"):
        found = getattr(mixed, field)
        assert found.dtype == torch.float32
        assert not torch.equal(found, getattr(exact, field))
        torch.testing.assert_close(found, getattr(exact, field), rtol=0.1, atol=0.1)
    tolerance = 1e-5 if family == "bert" else 1e-2  # MPNet's own rows are in bfloat16
    torch.testing.assert_close(mixed.attention.sum(-1), torch.ones(2, 4), rtol=0, atol=tolerance)


@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_in_bfloat16(family):
    """They need inference mode, as a copy with rounded weights makes them; its rows are in float32, and sum to 1."""
    encoder = Encoder(make_transformer(family)).eval()
    batch = [random_pieces(30, markers=[3, 9]), random_pieces(17, markers=[5])]
    with torch.inference_mode():
        exact = read(encoder, *batch)
        encoder.precision = "bfloat16"
        rounded = read(encoder, *batch)
        kept = encoder.derived(lambda: None)
        assert {weight.dtype for weight in kept.parameters()} == {torch.bfloat16}
        assert encoder.derived(lambda: None) is kept
    with torch.no_grad():
        same = read(encoder, *batch)
    for found, before, after in zip(rounded, exact, same):
        assert_same(after, before)
        for value, expected in zip(found, before):
            assert value.dtype == torch.float32
            assert not torch.equal(value, expected)
            torch.testing.assert_close(value, expected, rtol=0.1, atol=0.1)
        torch.testing.assert_close(
            found.attention.sum(-1), torch.ones(found.attention.shape[:2]), rtol=0, atol=1e-2
        )
    assert torch.bfloat16 not in {weight.dtype for weight in encoder.state_dict().values()}
    for change in (encoder.train, encoder.eval, encoder.double):
        encoder.derived(lambda: kept)
        change()
        assert encoder.derived(lambda: "made anew") == "made anew"
        change()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [31, 32, 33, LIMIT - 1, LIMIT])
def test_lengths_in_bfloat16(family, length):
    """Runs are padded to a multiple of a length, but never beyond an encoder's positions."""
    encoder = Encoder(make_transformer(family)).eval()
    pieces = random_pieces(length, markers=[3])
    with torch.inference_mode():
        (exact,) = read(encoder, pieces)
        encoder.precision = "bfloat16"
        (rounded,) = read(encoder, pieces)
    assert len(rounded.hidden) == length
    torch.testing.assert_close(rounded.hidden, exact.hidden, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_width_and_limit_of_every_family(family):
    transformer = make_transformer(family)
    encoder = Encoder(transformer).eval()
    assert encoder.width == WIDTH
    assert getattr(encoder.transformer, "pooler", None) is None
    endless = SimpleNamespace(model_max_length=10**30)
    assert longest_input(transformer.config, SimpleNamespace(model_max_length=17)) == 17
    limit = longest_input(transformer.config, endless)
    with torch.no_grad():
        assert len(encoder([random_pieces(limit)]).hidden) == limit
        if family not in ("deberta-v2", "bert-relative"):  # these have no absolute positions
            assert limit == LIMIT
            with pytest.raises((IndexError, RuntimeError)):
                encoder([random_pieces(limit + 1)])
