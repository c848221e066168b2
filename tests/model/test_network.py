"""Networks on hand-made word pieces: chunks against the whole, entities in place of mentions, the parts that EM
trains."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from spacy_kmgre.model.architectures import CONTEXTS, build_atlop, build_encoder, build_kmgre
from spacy_kmgre.model.batch import EntityPairScores, PairScores
from spacy_kmgre.model.classifiers import SeparateClassifier
from spacy_kmgre.model.distance import PACE, UNKNOWN, LearnedDistance, find_ranges
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.network import KEY, RELATION, Network
from spacy_kmgre.model.pieces import Document, Pieces
from spacy_kmgre.model.thinc_shim import get_shim

from . import reference
from .tiny import assert_same_scores, joined, make_transformer, part_of, random_pieces, whole_rows

CLASSES = 4
BOTH = frozenset((RELATION, KEY))
NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "kmgre": (build_kmgre, {}),
    "bilinear": (build_kmgre, {"head": "bilinear"}),
    "shared": (build_kmgre, {"shared_encoder": True}),
    "distance": (build_kmgre, {"distance": True}),
    "no key classifier": (build_kmgre, {"key_classifier": False}),
    "atlop": (build_atlop, {"head": "linear"}),
    "atlop bilinear": (build_atlop, {}),
}
WITH_KEYS = ["kmgre", "shared", "distance"]


def make_network(name: str, dropout: float = 0.0, **changes: Any) -> Network[Any]:
    build, own = NETWORKS[name]
    settings = get_shim(build(build_encoder(), **{"head_width": 48, **own, **changes})).settings
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    encoders = [
        Encoder(make_transformer("bert", seed=seed, **rates), mixed_precision=settings.mixed_precision)
        for seed in range(settings.encoders)
    ]
    torch.manual_seed(7)
    network = settings.build(encoders, CLASSES)
    for module in network.modules():
        if isinstance(module, LearnedDistance):  # Its numbers begin at 0.
            nn.init.normal_(module.table[:UNKNOWN])
    return network


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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_prediction_in_chunks_equals_the_whole(name, chunk):
    network = make_network(name, dropout=0.1)
    expected = network(*BATCH, frozenset())
    network.chunk = chunk
    chunks = list(network.predict(*BATCH))
    assert all(len(part.head) <= chunk or part.num_pairs == 1 for part in chunks)
    assert len(chunks) == {1: expected.num_pairs, 4096: 1}.get(chunk, len(chunks))
    assert_same_scores(joined(chunks), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_prediction_with_inverses_gives_the_same_scores(name):
    network = make_network(name)
    expected = network(*BATCH, frozenset())
    found = joined(network.predict(*BATCH, with_inverse=True))
    assert torch.equal(found.entities[::2], found.entities[1::2].flip(1))
    rows = {(d, *pair): row for row, (d, pair) in enumerate(zip(*places(expected)))}
    order = torch.tensor([rows[(d, *pair)] for d, pair in zip(*places(found))])
    fused = [scores.fuse(scores.select(0.15, 0.5)) for scores in (found, expected)]
    torch.testing.assert_close(fused[0], fused[1][order], rtol=0, atol=1e-5)


def places(scores: PairScores) -> tuple[list[int], list[list[int]]]:
    return scores.document.tolist(), scores.entities.tolist()


def test_distances_are_added_to_the_logits_of_their_mention_pairs():
    """The first document has sentences."""
    pieces = [replace(BATCH.pieces[0], sentences=np.arange(34) // 5), *BATCH.pieces[1:]]
    network = make_network("distance")
    far = network(BATCH.documents, pieces, frozenset())
    tables = {name: part.distance.table.detach().clone() for name, part in network.parts.items()}
    with torch.no_grad():
        for part in network.parts.values():
            part.distance.table.zero_()
    near = network(BATCH.documents, pieces, frozenset())
    for row, (pair, head, tail) in enumerate(zip(far.pair_index, far.head, far.tail)):
        own = pieces[far.document[pair]]
        markers = own.markers[[head, tail]]
        places = np.stack([markers, own.sentences[markers]], axis=1)
        (ranges,) = find_ranges(places[:1], places[1:])
        of_relation, of_key = (PACE * tables[name][ranges].sum(dim=0) for name in (RELATION, KEY))
        torch.testing.assert_close(far.relation[row] - near.relation[row], of_relation, rtol=0, atol=1e-5)
        torch.testing.assert_close(far.key[row] - near.key[row], of_key[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_pieces", [4096, 40])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_document_has_the_same_scores_in_any_batch(name, batch_pieces):
    """The documents are read together, in one run of the encoder or in several."""
    network = make_network(name)
    for part in network.parts.values():
        if hasattr(part, "encoder"):
            part.encoder.batch_pieces = batch_pieces
    for together in (network(*BATCH, BOTH), joined(network.predict(*BATCH))):
        for number, (document, pieces) in enumerate(zip(*BATCH)):
            alone = network([document], [pieces], frozenset())
            assert_same_scores(part_of(together, number), replace(alone, document=alone.document + number))


@pytest.mark.parametrize("name", NETWORKS)
def test_sentence_weights_in_a_batch(name):
    """Documents have sentences of their own, or none; columns beyond those of a document are empty."""
    counts = [5, 0, 3]
    documents = [
        replace(document, sentences=list(range(count))) for document, count in zip(BATCH.documents, counts)
    ]
    pieces = [
        replace(own, sentences=np.arange(len(own.ids)) * count // len(own.ids) if count else own.sentences)
        for own, count in zip(BATCH.pieces, counts)
    ]
    network = make_network(name)
    for together in (network(documents, pieces, BOTH), joined(network.predict(documents, pieces))):
        assert together.sentence_weights.shape == (len(together.relation), 5)
        for number, count in enumerate(counts):
            alone = network([documents[number]], [pieces[number]], BOTH).sentence_weights
            found = part_of(together, number).sentence_weights
            assert alone.shape == (len(found), count)
            torch.testing.assert_close(found[:, :count], alone, rtol=0, atol=1e-5)
            assert not found[:, count:].any()
            # Those of a context sum to 1; there is none where two mentions have nothing in common.
            total = found.sum(dim=1)
            torch.testing.assert_close(total, (total > 0.5).float(), rtol=0, atol=1e-5)
            assert total.any() == (count > 0)


def test_no_sentence_weights_where_nobody_says_where_sentences_are():
    assert make_network("kmgre")(*BATCH, BOTH).sentence_weights.shape[1] == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes(name):
    together = make_network(name)(*BATCH, BOTH)
    scores, long = part_of(together, 0), part_of(together, 2)
    assert scores.entities.tolist() == [[i, j] for i in range(4) for j in range(4) if i != j]
    assert long.entities.tolist() == [[0, 1], [0, 3], [1, 0], [1, 3], [3, 0], [3, 1]]
    pairs = 2 * (3 * 1 + 3 * 2 + 3 * 2 + 1 * 2 + 1 * 2 + 2 * 2)
    assert scores.head.shape == scores.tail.shape == scores.pair_index.shape == scores.key.shape == (pairs,)
    atlop = "atlop" in name
    assert isinstance(scores, EntityPairScores) == atlop
    assert scores.relation.shape == (12 if atlop else pairs, CLASSES)
    assert scores.key.isinf().all() == (atlop or name == "no key classifier")
    assert torch.equal(scores.row_index, torch.arange(12) if atlop else scores.pair_index)


def test_a_classifier_that_shares_the_encoder_adds_the_largest_margin():
    """A slow loop in float64."""
    network = make_network("shared")
    scores = network(*BATCH, BOTH)
    with torch.no_grad():
        network.classifier.margin.fill_(0)
        without = network(*BATCH, BOTH)
        network.classifier.margin.fill_(0.7 / network.classifier.pace)
    found = network(*BATCH, BOTH).key - without.key
    for value, logits in zip(found.tolist(), scores.relation.double().tolist()):
        assert value == pytest.approx(0.7 * (max(logits[1:]) - logits[0]), abs=1e-5)
    found.sum().backward()
    assert all(parameter.grad is None for parameter in network.extractor.parameters())


def test_a_shared_encoder_reads_for_the_classifier_what_its_own_copy_would():
    long = random_pieces(
        90, markers=[2, 20, 50, 70, 85], windows=[(1, 31), (21, 51), (41, 71), (61, 89)], seed=3
    )
    batch = Batch(
        [*BATCH.documents, make_document([[0, 2], [1, 4], [3]])],
        [*BATCH.pieces, long],
    )
    shared = make_network("shared")
    whole = make_network("kmgre")
    own = SeparateClassifier(deepcopy(shared.extractor.encoder), 32, shared.extractor.weigh)
    own.head = shared.classifier.head
    whole.extractor, whole.classifier = shared.extractor, own.eval()
    shared.complete(without_margin := {})
    shared.load_state_dict(without_margin, strict=False)
    expected = whole(*batch, frozenset())
    for found in (shared(*batch, BOTH), joined(shared.predict(*batch))):
        assert_same_scores(found, expected)


@pytest.mark.parametrize("moving", [{RELATION}, {KEY}, BOTH], ids=["θ", "ω", "both"])
def test_mixed_precision(moving, monkeypatch):
    """The scores are in float32, and near to the exact ones."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    expected = make_network("kmgre")(*BATCH, frozenset(moving))
    scores = make_network("kmgre", mixed_precision=True)(*BATCH, frozenset(moving))
    (scores.relation.sum() + scores.key.sum()).backward()
    for field, part in (("relation", RELATION), ("key", KEY)):
        value, exact = getattr(scores, field), getattr(expected, field)
        assert value.dtype == torch.float32
        assert torch.equal(value, exact) == (part not in moving)
        torch.testing.assert_close(value, exact, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name", NETWORKS)
def test_documents_without_pairs(name):
    network = make_network(name)
    assert list(network.predict(*LONELY)) == []
    scores = network(*LONELY, BOTH)
    assert scores.entities.shape == (0, 2)
    assert scores.relation.shape == (0, CLASSES)
    assert len(scores.head) == len(scores.pair_index) == 0


@pytest.mark.parametrize("name", WITH_KEYS)
def test_threads_that_predict_at_once_do_not_meet(name):
    network = make_network(name, dropout=0.5)
    inputs = [Batch([document], [pieces]) for document, pieces in zip(*BATCH)]
    expected = [joined(network.predict(*batch)) for batch in inputs]
    network.train()  # the first to predict ends training for all

    def predict(number: int) -> PairScores:
        return joined(network.predict(*inputs[number]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            numbers = [number % len(inputs) for number in range(48)]
            found = list(threads.map(predict, numbers))
    finally:
        sys.setswitchinterval(interval)
    for number, scores in zip(numbers, found):
        assert_same_scores(scores, expected[number])


def test_a_chunk_leaves_torch_as_it_was():
    network = make_network("kmgre")
    network.chunk = 4
    first, second = network.predict(*BATCH), network.predict(*BATCH)
    next(first)
    next(second)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    list(first)
    list(second)
    assert not torch.is_inference_mode_enabled()
    network(*BATCH, frozenset())
    assert torch.is_grad_enabled()


def test_prediction_does_not_score_what_is_not_asked_for():
    network = make_network("kmgre")
    network.chunk = 1
    scored = []
    network.extractor.head.register_forward_hook(lambda module, inputs, output: scored.append(len(output)))
    chunks = network.predict(*BATCH)
    assert scored == []
    next(chunks)
    next(chunks)
    assert scored == [3, 6]


# Entities in place of mentions


def entities_slowly(
    network: Network[Any], document: Document, pieces: Pieces, mode: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """ATLOP's logits and parts of attention, one number at a time, from what the encoder says."""
    with torch.no_grad():
        encoded = network.extractor.encoder([pieces])
    hidden = encoded.hidden.double().tolist()
    rows = whole_rows(encoded.rows, len(encoded.hidden)).double().tolist()
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
    return torch.tensor(relation), torch.tensor(share)


@pytest.mark.parametrize("mode", ["pooled", "per_head"])
@pytest.mark.parametrize("number", range(3))
def test_entities_in_place_of_mentions(mode, number):
    network = make_network("atlop", context=mode)
    document, pieces = BATCH.documents[number], BATCH.pieces[number]
    found = network([document], [pieces], frozenset())
    relation, attention = entities_slowly(network, document, pieces, mode)
    torch.testing.assert_close(found.relation, relation, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.attention, attention, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_far_pairs_the_others_are_scored_as_before(name):
    """Mentions 0, 1 and 2 share the first window, 2 and 3 the second."""
    pieces = random_pieces(62, markers=[2, 5, 25, 40], windows=[(1, 31), (21, 51), (31, 61)])
    document = make_document([[0], [1, 3], [2]])
    everything = make_network(name)([document], [pieces], BOTH)
    assert len(everything.head) == 10
    atlop = "atlop" in name
    network = make_network(name, far_pairs=False)
    before = list(zip(everything.head.tolist(), everything.tail.tolist()))
    for found in (network([document], [pieces], BOTH), joined(network.predict([document], [pieces]))):
        assert found.entities.tolist() == everything.entities.tolist()
        pairs = list(zip(found.head.tolist(), found.tail.tolist()))
        assert set(before) - set(pairs) == {(0, 3), (3, 0)}
        rows = list(range(6)) if atlop else [before.index(pair) for pair in pairs]
        torch.testing.assert_close(found.relation, everything.relation[rows], rtol=0, atol=1e-5)
    nothing = network([make_document([[0], [3]])], [pieces], BOTH)
    assert len(nothing.entities) == len(nothing.head) == 0


def test_parts_of_attention_of_an_entity_pair_sum_to_one():
    scores = make_network("atlop")(*BATCH, frozenset())
    assert (scores.attention >= 0).all()
    total = torch.zeros(scores.num_pairs).index_add(0, scores.pair_index, scores.attention)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-5)
    assert not scores.attention.requires_grad


def test_mention_pairs_with_nothing_in_common_share_alike():
    pieces = random_pieces(62, markers=[2, 5, 50], windows=[(1, 31), (31, 61)])
    scores = make_network("atlop")([make_document([[0, 1], [2]])], [pieces], frozenset())
    assert scores.attention.tolist() == [0.5] * 4
    assert scores.relation.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_entities_outside_the_encoded_text_leave_gradients_finite(name):
    network = make_network(name)
    scores = network(BATCH.documents[2:], BATCH.pieces[2:], BOTH)
    loss = scores.relation.sum() + (scores.key.sum() if scores.key.requires_grad else 0)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert all(
        gradient is not None and gradient.to_dense().isfinite().all() for gradient in gradients.values()
    )


# The parts that EM trains


def with_gradient(network: Network[Any]) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.grad is not None}


def names(network: Network[Any], *parts: str) -> set[str]:
    return {name for name, _ in network.named_parameters() if name.startswith(parts)}


def backward(scores: PairScores, *fields: str) -> None:
    torch.stack([getattr(scores, field).square().sum() for field in fields]).sum().backward()


@pytest.mark.parametrize("name", WITH_KEYS)
def test_only_the_part_that_learns_has_gradients(name):
    network = make_network(name)
    scores = network(*BATCH, frozenset((RELATION,)))
    assert not scores.key.requires_grad
    backward(scores, "relation")
    assert with_gradient(network) == names(network, "extractor")

    network.zero_grad()
    scores = network(*BATCH, frozenset((KEY,)))
    assert not scores.relation.requires_grad
    backward(scores, "key")
    assert with_gradient(network) == names(network, "classifier")

    network.zero_grad()
    backward(network(*BATCH, BOTH), "relation", "key")
    assert with_gradient(network) == names(network, "extractor", "classifier")


@pytest.mark.parametrize("name", WITH_KEYS)
def test_neither_loss_moves_the_other_part(name):
    network = make_network(name)
    backward(network(*BATCH, BOTH), "key")
    assert with_gradient(network) == names(network, "classifier")
    network.zero_grad()
    backward(network(*BATCH, BOTH), "relation")
    assert with_gradient(network) == names(network, "extractor")


@pytest.mark.parametrize("moving, still", [(RELATION, KEY), (KEY, RELATION)])
def test_the_part_that_stands_still_runs_without_dropout(moving, still):
    network = make_network("kmgre", dropout=0.3)
    quiet = network(*BATCH, frozenset())
    first, second = (network(*BATCH, frozenset((moving,))) for _ in range(2))
    assert torch.equal(getattr(quiet, still), getattr(first, still))
    assert torch.equal(getattr(first, still), getattr(second, still))
    assert not torch.equal(getattr(first, moving), getattr(second, moving))
    assert network.parts[moving].training
    assert not network.parts[still].training
    assert torch.equal(quiet.relation, network(*BATCH, frozenset()).relation)


def test_prediction_in_the_middle_of_training_has_no_dropout():
    network = make_network("kmgre", dropout=0.3)
    network(*BATCH, BOTH)
    first, second = (joined(network.predict(*BATCH)) for _ in range(2))
    assert torch.equal(first.relation, second.relation)
    assert torch.equal(first.key, second.key)


# Making


def test_each_part_has_an_encoder_of_its_own():
    network = make_network("kmgre")
    assert network.parts.keys() == BOTH
    storages = [{p.data_ptr() for p in part.parameters()} for part in network.parts.values()]
    assert storages[0]
    assert storages[1]
    assert not storages[0] & storages[1]
    assert [*dict(make_network("shared").classifier.named_parameters())] == [
        "margin",
        "head.output.weight",
        "head.output.bias",
    ]


@pytest.mark.parametrize("name", ["no key classifier", "atlop"])
def test_networks_without_key_classifier(name):
    assert make_network(name).parts.keys() == {RELATION}


def test_settings_reach_the_network():
    network = make_network("kmgre", xi=0.1, fusion=False, context="pooled", mixed_precision=True)
    assert (network.xi, network.fusion) == (0.1, False)
    assert network.extractor.weigh is network.classifier.weigh is CONTEXTS["pooled"]
    assert network.extractor.encoder.mixed_precision
    assert network.classifier.encoder.mixed_precision
    assert network.extractor.head.classes == CLASSES
    network.resize(CLASSES + 2)
    assert network(*BATCH, BOTH).relation.shape[1] == CLASSES + 2
