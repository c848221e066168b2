"""Networks on hand-made word pieces: parts against the whole, entities in place of mentions, EM's halves."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from spacy_kmgre.model import context
from spacy_kmgre.model import encoder as encoder_module
from spacy_kmgre.model.encoder import PLAIN_ATTENTION, Encoder
from spacy_kmgre.model.network import BOTH, KEY, RELATION, SIZES, Network, PairScores, build_network
from spacy_kmgre.model.pieces import Document, Pieces

from . import reference
from .tiny import make_transformer, random_pieces, whole_rows

CLASSES = 4
KMGRE: dict[str, Any] = {
    "head": "linear",
    "head_width": 48,
    "head_block": 64,
    "context": "per_head",
    "level": "mention",
    "key_classifier": True,
    "shared_encoder": False,
    "shared_layers": 0,
    "fusion": True,
    "xi": 0.15,
    "far_pairs": True,
    "mixed_precision": False,
}
ATLOP = {**KMGRE, "context": "pooled", "level": "entity", "key_classifier": False}
NETWORKS = {
    "kmgre": KMGRE,
    "bilinear": {**KMGRE, "head": "bilinear"},
    "shared": {**KMGRE, "shared_encoder": True},
    "shared layer": {**KMGRE, "shared_layers": 1},
    "no key classifier": {**KMGRE, "key_classifier": False},
    "atlop": ATLOP,
    "atlop bilinear": {**ATLOP, "head": "bilinear"},
}
WITH_KEYS = ["kmgre", "shared", "shared layer"]


def make_network(name: str, dropout: float = 0.0, **changes: Any) -> Network:
    settings = {**NETWORKS[name], **changes}
    count = 2 if settings["key_classifier"] and not settings["shared_encoder"] else 1
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    encoders = [Encoder(make_transformer("bert", seed=seed, **rates)) for seed in range(count)]
    torch.manual_seed(7)
    return build_network(settings, encoders, CLASSES)


class Batch(NamedTuple):
    documents: list[Document]
    pieces: list[Pieces]


def make_document(clusters: list[list[int]]) -> Document:
    mentions = sorted({mention for cluster in clusters for mention in cluster})
    return Document("", [(mention, mention + 1) for mention in mentions], clusters)


# The last document is long; mention 6 is outside the encoded text, and so is the only one of entity 2.
BATCH = Batch(
    [
        make_document([[0, 3, 4], [1], [2, 5], [3, 6]]),
        make_document([[0], [1]]),
        make_document([[0, 5], [1, 2, 4], [6], [3]]),
    ],
    [
        random_pieces(34, markers=[1, 4, 8, 13, 20, 27, 32]),
        random_pieces(12, markers=[9, 2], seed=1),
        random_pieces(60, markers=[2, 9, 30, 31, 45, 57, -1], windows=[(1, 31), (15, 45), (29, 59)], seed=2),
    ],
)
LONELY = Batch(
    [make_document([[0, 1]]), make_document([]), make_document([[0], [1]])],
    [random_pieces(9, markers=[2, 5]), random_pieces(4), random_pieces(9, markers=[2, -1])],
)


def joined(parts: list[PairScores]) -> PairScores:
    """The parts of a document's scores as one."""
    start, pair_index = 0, []
    for part in parts:
        pair_index.append(part.pair_index + start)
        start += len(part.entities)

    def cat(field: str):
        values = [getattr(part, field) for part in parts]
        return None if values[0] is None else torch.cat(values)

    fields = ("entities", "head", "tail", "relation", "key", "share", "focus")
    return PairScores(pair_index=torch.cat(pair_index), **{field: cat(field) for field in fields})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_prediction_in_parts_equals_the_whole(name, chunk):
    network = make_network(name, dropout=0.1)
    expected = network(*BATCH, frozenset())
    network.chunk = chunk
    predicted = network.predict(*BATCH)
    assert len(predicted) == len(expected) == 3
    for document, whole in zip(predicted, expected):
        parts = list(document)
        if chunk == 1:
            assert [len(part.entities) for part in parts] == [1] * len(whole.entities)
        elif chunk == 4096:
            assert len(parts) == 1
        else:
            assert all(len(part.head) <= 7 or len(part.entities) == 1 for part in parts)
        found = joined(parts)
        for field in ("entities", "head", "tail", "pair_index"):
            assert torch.equal(getattr(found, field), getattr(whole, field)), field
        for field in ("relation", "key", "share"):
            value = getattr(whole, field)
            if value is None:
                assert getattr(found, field) is None
            else:
                torch.testing.assert_close(getattr(found, field), value, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "chunk, together, expected",
    [
        (64, 120, [3]),
        (64, 60, [2, 1]),
        (64, 50, [1, 1, 1]),
        (50, 120, [2, 1]),
        (8, 120, [1, 1, 1]),
    ],
)
def test_documents_of_one_part_are_scored_together(chunk, together, expected, monkeypatch):
    """The documents have 46, 2 and 22 mention pairs and 34, 12 and 60 word pieces."""
    network = make_network("kmgre")
    whole = network(*BATCH, frozenset())
    monkeypatch.setitem(SIZES, "cpu", SIZES["cpu"]._replace(together=together))
    network.chunk = chunk
    read, sizes = network._read, []
    monkeypatch.setattr(
        network, "_read", lambda texts, moving: sizes.append(len(texts)) or read(texts, moving)
    )
    predicted = network.predict(*BATCH)
    assert not sizes
    for parts, scores in zip(predicted[::-1], whole[::-1]):  # in whatever order they are asked for
        torch.testing.assert_close(joined(list(parts)).relation, scores.relation, rtol=0, atol=1e-5)
    assert sizes == expected[::-1]


@pytest.mark.parametrize("batch_pieces, blocks", [(4096, 1), (40, 2)])
@pytest.mark.parametrize("name", ["kmgre", "atlop"])
def test_contexts_of_documents_that_were_read_together(name, batch_pieces, blocks, monkeypatch):
    """Are computed together. The documents have 34, 12 and 60 word pieces, the last in several windows."""
    network = make_network(name)
    for half in network.halves:
        network.part(half).encoder.batch_pieces = batch_pieces
    compute, sizes = context.maths.context_weights, []

    def counted(attention, *others):
        sizes.append(len(attention))
        return compute(attention, *others)

    monkeypatch.setattr(context.maths, "context_weights", counted)
    network(*BATCH, BOTH)
    assert len(sizes) == blocks * len(network.halves)


@pytest.mark.parametrize("name", NETWORKS)
def test_focus_in_a_batch(name):
    """Documents have sentences of their own, or none."""
    counts = [5, 0, 3]
    documents = [
        replace(document, sentences=list(range(count))) for document, count in zip(BATCH.documents, counts)
    ]
    pieces = [
        replace(own, sentences=np.arange(len(own.ids)) * count // len(own.ids) if count else own.sentences)
        for own, count in zip(BATCH.pieces, counts)
    ]
    network = make_network(name)
    trained = network(documents, pieces, BOTH)
    predicted = [joined(list(parts)) for parts in network.predict(documents, pieces)]
    for number, count in enumerate(counts):
        (alone,) = network([documents[number]], [pieces[number]], BOTH)
        for found in (trained[number], predicted[number]):
            if not count:
                assert found.focus is alone.focus is None
                continue
            assert found.focus.shape == (len(found.relation), count)
            torch.testing.assert_close(found.focus, alone.focus, rtol=0, atol=1e-5)
            total = found.focus.sum(
                dim=1
            )  # of a context; there is none where two mentions have nothing in common
            torch.testing.assert_close(total, (total > 0.5).float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes(name):
    (scores, _, long) = make_network(name)(*BATCH, BOTH)
    assert scores.entities.tolist() == [[i, j] for i in range(4) for j in range(4) if i != j]
    assert long.entities.tolist() == [[0, 1], [0, 3], [1, 0], [1, 3], [3, 0], [3, 1]]
    pairs = 2 * (3 * 1 + 3 * 2 + 3 * 2 + 1 * 2 + 1 * 2 + 2 * 2)
    assert scores.head.shape == scores.tail.shape == scores.pair_index.shape == (pairs,)
    atlop = "atlop" in name
    assert scores.relation.shape == (12 if atlop else pairs, CLASSES)
    assert (scores.key is None) == (atlop or name == "no key classifier")
    assert scores.key is None or scores.key.shape == (pairs,)
    assert (scores.share is not None) == atlop
    assert torch.equal(scores.row_index, torch.arange(12) if atlop else scores.pair_index)


def test_a_shared_encoder_reads_for_the_classifier_what_its_own_copy_would():
    long = random_pieces(
        90, markers=[2, 20, 50, 70, 85], windows=[(1, 31), (21, 51), (41, 71), (61, 89)], seed=3
    )
    batch = Batch(
        [*BATCH.documents, make_document([[0, 2], [1, 4], [3]])],
        [*BATCH.pieces, long],
    )
    shared = make_network("shared")
    assert shared.classifier is not None
    found = shared(*batch, BOTH)
    predicted = [joined(list(parts)) for parts in shared.predict(*batch)]
    shared.classifier.encoder = deepcopy(shared.extractor.encoder)
    for scores, parts, expected in zip(found, predicted, shared(*batch, BOTH)):
        torch.testing.assert_close(scores.key, expected.key, rtol=0, atol=1e-5)
        torch.testing.assert_close(parts.key, expected.key, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", PLAIN_ATTENTION)
def test_shared_layers_are_those_of_the_relation_extractor(family):
    """Its own two layers and those of a classifier that shares the first give what two whole encoders give,
    when the first layers are the same; on a batch of several runs, some of them padded."""
    transformers = [make_transformer(family, seed=seed) for seed in (0, 1)]
    own = deepcopy(transformers[1])
    # The embeddings and the first layer of the other.
    first = {name: value for name, value in transformers[0].state_dict().items() if ".layer.1." not in name}
    own.load_state_dict(first, strict=False)
    whole, shared = (
        build_network(
            {**KMGRE, "shared_layers": count},
            [Encoder(deepcopy(transformers[0]), 60), Encoder(deepcopy(second), 60)],
            CLASSES,
        )
        for count, second in ((0, own), (1, transformers[1]))
    )
    assert whole.classifier is not None and shared.classifier is not None
    whole.classifier.head.load_state_dict(shared.classifier.head.state_dict())
    lost = {name for name, _ in whole.named_parameters()} - {name for name, _ in shared.named_parameters()}
    assert lost and all("embeddings" in name or ".layer.1." in name for name in lost)
    for scores, expected in zip(shared(*BATCH, frozenset()), whole(*BATCH, frozenset())):
        torch.testing.assert_close(scores.key, expected.key, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [-1, 2])
def test_some_layer_is_the_classifiers_own(count):
    with pytest.raises(ValueError, match=f"KMGRE E023.*shared_layers.*{count}"):
        make_network("kmgre", shared_layers=count)


@pytest.mark.parametrize("family", ["bert", "electra", "distilbert"])
@pytest.mark.parametrize("moving", [{RELATION}, {KEY}, BOTH], ids=["θ", "ω", "both"])
def test_shared_layers_in_mixed_precision(family, moving, monkeypatch):
    """One of the two halves may run in bfloat16, and the other not."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    encoders = [Encoder(make_transformer(family, seed=seed)) for seed in (0, 1)]
    network = build_network({**KMGRE, "shared_layers": 1, "mixed_precision": True}, encoders, CLASSES)
    scores = network(*BATCH, frozenset(moving))
    sum((s.relation.sum() + s.key.sum() for s in scores), torch.tensor(0.0)).backward()
    assert all(torch.isfinite(s.key).all() and s.key.dtype == torch.float32 for s in scores)


@pytest.mark.parametrize("family", PLAIN_ATTENTION)
@pytest.mark.parametrize("shared", [0, 1])
def test_masks_are_as_precise_as_queries(family, shared, monkeypatch):
    """Kernels of GPUs take a mask of float32 beside queries of bfloat16 and give nonsense."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(encoder_module, "ROUNDS", {"cpu"})
    attend, seen = torch.nn.functional.scaled_dot_product_attention, []

    def watched(query, key, value, attn_mask=None, **kwargs):
        seen.append((query.dtype, query.dtype if attn_mask is None else attn_mask.dtype))
        return attend(query, key, value, attn_mask=attn_mask, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    encoders = [Encoder(make_transformer(family, seed=seed)) for seed in (0, 1)]
    network = build_network({**KMGRE, "shared_layers": shared, "mixed_precision": True}, encoders, CLASSES)
    for moving in (BOTH, {RELATION}, {KEY}):
        network(*BATCH, frozenset(moving))
    if family != "electra":  # which has no fused attention
        assert torch.bfloat16 in {query for query, _ in seen}
    assert all(mask == query for query, mask in seen)


def test_layers_are_shared_where_attention_is_plain():
    encoders = [Encoder(make_transformer("deberta-v2", attention="eager")) for _ in range(2)]
    build_network(KMGRE, encoders, CLASSES)
    with pytest.raises(ValueError, match=r"KMGRE E023.*shared_layers"):
        build_network({**KMGRE, "shared_layers": 1}, encoders, CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_documents_without_pairs(name):
    network = make_network(name)
    assert [list(parts) for parts in network.predict(*LONELY)] == [[], [], []]
    for scores in network(*LONELY, BOTH):
        assert scores.entities.shape == (0, 2)
        assert scores.relation.shape == (0, CLASSES)
        assert len(scores.head) == len(scores.pair_index) == 0


@pytest.mark.parametrize("name", WITH_KEYS)
def test_threads_that_predict_at_once_do_not_meet(name):
    network = make_network(name, dropout=0.5)
    inputs = [Batch([document], [pieces]) for document, pieces in zip(*BATCH)]
    expected = [joined(list(network.predict(*batch)[0])) for batch in inputs]
    network.train()  # the first to predict ends training for all

    def predict(number: int) -> PairScores:
        return joined(list(network.predict(*inputs[number])[0]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            numbers = [number % len(inputs) for number in range(48)]
            found = list(threads.map(predict, numbers))
    finally:
        sys.setswitchinterval(interval)
    for number, scores in zip(numbers, found):
        torch.testing.assert_close(scores.relation, expected[number].relation, rtol=0, atol=1e-5)
        torch.testing.assert_close(scores.key, expected[number].key, rtol=0, atol=1e-5)


def test_a_part_leaves_torch_as_it_was():
    network = make_network("kmgre")
    network.chunk = 4
    first, second = (iter(parts) for parts in network.predict(*BATCH)[:2])
    next(first)
    next(second)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    list(first)
    list(second)
    assert not torch.is_inference_mode_enabled()
    network(*BATCH, frozenset())
    assert torch.is_grad_enabled()


def test_prediction_does_not_read_what_is_not_asked_for():
    network = make_network("kmgre")
    network.chunk = 1
    scored = []
    network.extractor.head.register_forward_hook(lambda module, inputs, output: scored.append(len(output)))
    parts = network.predict(*BATCH)[0]
    assert scored == []
    next(parts)
    next(parts)
    assert scored == [3, 6]


# Entities in place of mentions


def entities_slowly(network: Network, document: Document, pieces: Pieces, mode: str) -> PairScores:
    """ATLOP's logits and shares, one number at a time, from what the encoder says."""
    with torch.no_grad():
        (encoded,) = network.extractor.encoder([pieces])
    hidden = encoded.hidden.double().tolist()
    rows = whole_rows(encoded).double().tolist()
    weight, bias = (x.detach().double().tolist() for x in network.extractor.head.output.parameters())
    clusters = [[m for m in cluster if pieces.markers[m] >= 0] for cluster in document.clusters]
    heads, length, width = len(rows[0]), len(hidden), len(hidden[0])

    def embedding(cluster: list[int]) -> list[float]:
        states = [hidden[pieces.markers[mention]] for mention in cluster]
        return [math.log(math.fsum(math.exp(state[unit]) for state in states)) for unit in range(width)]

    def row(cluster: list[int]) -> list[list[float]]:
        return [
            [sum(rows[mention][k][place] for mention in cluster) / len(cluster) for place in range(length)]
            for k in range(heads)
        ]

    relation, share = [], []
    for i, left in enumerate(clusters):
        for j, right in enumerate(clusters):
            if i == j or not left or not right:
                continue
            (context,) = reference.mention_pair_context(hidden, [row(left), row(right)], [0], [1], mode)
            features = embedding(left) + embedding(right) + context
            relation.append(
                [sum(w * x for w, x in zip(weight[c], features)) + bias[c] for c in range(CLASSES)]
            )
            mass = [
                sum(rows[a][k][place] * rows[b][k][place] for k in range(heads) for place in range(length))
                for a in left
                for b in right
            ]
            share += [part / sum(mass) if sum(mass) else 1 / len(mass) for part in mass]
    empty = torch.zeros(0)
    return PairScores(empty, empty, empty, empty, torch.tensor(relation), share=torch.tensor(share))


@pytest.mark.parametrize("mode", ["pooled", "per_head"])
@pytest.mark.parametrize("number", range(3))
def test_entities_in_place_of_mentions(mode, number):
    network = make_network("atlop", context=mode)
    document, pieces = BATCH.documents[number], BATCH.pieces[number]
    (found,) = network([document], [pieces], frozenset())
    expected = entities_slowly(network, document, pieces, mode)
    torch.testing.assert_close(found.relation, expected.relation, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.share, expected.share, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_far_pairs_the_others_are_scored_as_before(name):
    """Mentions 0, 1 and 2 share the first window, 2 and 3 the second."""
    pieces = random_pieces(62, markers=[2, 5, 25, 40], windows=[(1, 31), (21, 51), (31, 61)])
    document = make_document([[0], [1, 3], [2]])
    (everything,) = make_network(name)([document], [pieces], BOTH)
    assert len(everything.head) == 10
    atlop = "atlop" in name
    network = make_network(name, far_pairs=False)
    (scores,) = network([document], [pieces], BOTH)
    (parts,) = network.predict([document], [pieces])
    for found in (scores, joined(list(parts))):
        assert found.entities.tolist() == everything.entities.tolist()
        pairs = list(zip(found.head.tolist(), found.tail.tolist()))
        before = list(zip(everything.head.tolist(), everything.tail.tolist()))
        assert set(before) - set(pairs) == (set() if atlop else {(0, 3), (3, 0)})
        rows = list(range(6)) if atlop else [before.index(pair) for pair in pairs]
        torch.testing.assert_close(found.relation, everything.relation[rows], rtol=0, atol=1e-5)
    (nothing,) = network([make_document([[0], [3]])], [pieces], BOTH)
    assert len(nothing.entities) == len(nothing.head) == 0


def test_shares_of_an_entity_pair_sum_to_one():
    for scores in make_network("atlop")(*BATCH, frozenset()):
        assert scores.share is not None and (scores.share >= 0).all()
        total = torch.zeros(len(scores.entities)).index_add(0, scores.pair_index, scores.share)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-5)
        assert not scores.share.requires_grad


def test_mention_pairs_with_nothing_in_common_share_alike():
    pieces = random_pieces(62, markers=[2, 5, 50], windows=[(1, 31), (31, 61)])
    (scores,) = make_network("atlop")([make_document([[0, 1], [2]])], [pieces], frozenset())
    assert scores.share is not None and scores.share.tolist() == [0.5] * 4
    assert scores.relation.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_entities_outside_the_encoded_text_leave_gradients_finite(name):
    network = make_network(name)
    (scores,) = network(BATCH.documents[2:], BATCH.pieces[2:], BOTH)
    loss = scores.relation.sum() + (0 if scores.key is None else scores.key.sum())
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())


# Halves


def with_gradient(network: Network) -> set:
    return {name for name, parameter in network.named_parameters() if parameter.grad is not None}


def names(network: Network, *halves: str) -> set:
    return {name for name, _ in network.named_parameters() if name.startswith(halves)}


def backward(scores: list[PairScores], *fields: str) -> None:
    sum(getattr(score, field).square().sum() for score in scores for field in fields).backward()


@pytest.mark.parametrize("name", WITH_KEYS)
def test_only_the_moving_half_has_gradients(name):
    network = make_network(name)
    scores = network(*BATCH, frozenset((RELATION,)))
    assert not any(score.key.requires_grad for score in scores)
    backward(scores, "relation")
    assert with_gradient(network) == names(network, "extractor")

    network.zero_grad()
    scores = network(*BATCH, frozenset((KEY,)))
    assert not any(score.relation.requires_grad for score in scores)
    backward(scores, "key")
    assert with_gradient(network) == names(network, "classifier")

    network.zero_grad()
    backward(network(*BATCH, BOTH), "relation", "key")
    assert with_gradient(network) == names(network, "extractor", "classifier")


@pytest.mark.parametrize("name", WITH_KEYS)
def test_neither_loss_moves_the_other_half(name):
    network = make_network(name)
    scores = network(*BATCH, BOTH)
    backward(scores, "key")
    assert with_gradient(network) == names(network, "classifier")
    network.zero_grad()
    backward(network(*BATCH, BOTH), "relation")
    assert with_gradient(network) == names(network, "extractor")


@pytest.mark.parametrize("moving, still", [(RELATION, "key"), (KEY, "relation")])
def test_the_half_that_stands_still_runs_without_dropout(moving, still):
    network = make_network("kmgre", dropout=0.3)
    quiet = network(*BATCH, frozenset())
    first, second = (network(*BATCH, frozenset((moving,))) for _ in range(2))
    for runs in zip(quiet, first, second):
        assert torch.equal(getattr(runs[0], still), getattr(runs[1], still))
        assert torch.equal(getattr(runs[1], still), getattr(runs[2], still))
        assert not torch.equal(getattr(runs[1], moving), getattr(runs[2], moving))
    assert network.part(moving).training
    assert not network.part("key" if moving == RELATION else RELATION).training
    again = network(*BATCH, frozenset())
    assert all(torch.equal(x.relation, y.relation) for x, y in zip(quiet, again))


def test_prediction_in_the_middle_of_training_has_no_dropout():
    network = make_network("kmgre", dropout=0.3)
    network(*BATCH, BOTH)
    runs = [joined(list(network.predict(*BATCH)[0])) for _ in range(2)]
    assert torch.equal(runs[0].relation, runs[1].relation)
    assert torch.equal(runs[0].key, runs[1].key)


# Making


def test_each_half_has_an_encoder_of_its_own():
    network = make_network("kmgre")
    storages = [{p.data_ptr() for p in network.part(half).parameters()} for half in (RELATION, KEY)]
    assert storages[0] and storages[1] and not storages[0] & storages[1]
    assert network.halves == BOTH
    assert make_network("shared").classifier.encoder is None


def test_a_network_without_key_classifier():
    network = make_network("no key classifier")
    assert network.halves == {RELATION}


def test_settings_reach_the_network():
    network = make_network("kmgre", xi=0.1, fusion=False, context="pooled", mixed_precision=True)
    assert (network.xi, network.fusion) == (0.1, False)
    assert network.extractor.context == network.classifier.context == "pooled"
    assert network.extractor.encoder.mixed_precision and network.classifier.encoder.mixed_precision
    assert network.extractor.head.classes == CLASSES
    network.resize(CLASSES + 2)
    assert network(*BATCH, BOTH)[0].relation.shape[1] == CLASSES + 2
