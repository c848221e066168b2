"""Relations out of scores, against loops over Python floats."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.model.batch import EntityPairScores, PairScores
from spacy_kmgre.pipeline.decode import Prediction, decode

from ..model import reference
from .scores import KINDS, make_scores, one_after_another

law = settings(deadline=None, derandomize=True, max_examples=60)
SETTINGS: dict[str, Any] = {"xi": 0.15, "tau": 0.5, "fusion": True, "max_labels": 4, "threshold": 0.5}


def decode_slowly(
    scores: PairScores, *, xi: float, tau: float, fusion: bool, max_labels: int, threshold: float
) -> list[Prediction]:
    """One entity pair, one relation, one mention pair after the other."""
    relation, pair_index = scores.relation.tolist(), scores.pair_index.tolist()
    attention = scores.attention.tolist() if isinstance(scores, EntityPairScores) else None
    weights = scores.sentence_weights.tolist()
    number = scores.num_pairs
    keys = torch.sigmoid(scores.key).tolist()
    selected = reference.select_key_pairs(keys, pair_index, number, xi, tau)
    if attention:
        logits = relation
    elif fusion:
        logits = reference.fuse_mention_logits(relation, pair_index, number, selected)
    else:
        logits = []
        for pair in range(number):
            members = [i for i, n in enumerate(pair_index) if n == pair and selected[i]]
            logits.append(
                [max(relation[i][c] - relation[i][0] for i in members) for c in range(len(relation[0]))]
            )
    predicted = reference.predict_relations(logits, max_labels, threshold)
    score = reference.relation_scores(logits)
    result = []
    for pair, (head, tail) in enumerate(scores.entities.tolist()):
        members = [i for i, n in enumerate(pair_index) if n == pair and (attention or selected[i])]
        for label in (label for label, holds in enumerate(predicted[pair]) if holds):
            total = math.fsum(math.exp(relation[pair if attention else i][label]) for i in members)
            mention_pairs, in_sentences = [], [0.0] * len(weights[0])
            for i in members:
                row = pair if attention else i
                share = attention[i] if attention else math.exp(relation[i][label]) / total
                believed = 1 / (1 + math.exp(-relation[row][label]))
                mention_pairs.append((scores.head[i].item(), scores.tail[i].item(), keys[i], believed, share))
                in_sentences = [sum(x) for x in zip(in_sentences, (share * w for w in weights[row]))]
            mention_pairs.sort(key=lambda mention_pair: -mention_pair[-1])
            value = score[pair][label]
            document = scores.document[pair].item()
            result.append(
                Prediction(
                    document,
                    head,
                    tail,
                    label,
                    value,
                    value,
                    mention_pairs,
                    torch.tensor(in_sentences).numpy(),
                )
            )
    return result


def assert_same(found: list[Prediction], expected: list[Prediction]) -> None:
    assert [(p.document, p.head, p.tail, p.label) for p in found] == [
        (p.document, p.head, p.tail, p.label) for p in expected
    ]
    for prediction, other in zip(found, expected):
        assert prediction.score == pytest.approx(other.score, abs=1e-6)
        assert [pair[:2] for pair in prediction.mention_pairs] == [pair[:2] for pair in other.mention_pairs]
        for pair, other_pair in zip(prediction.mention_pairs, other.mention_pairs):
            assert pair[2:] == pytest.approx(other_pair[2:], abs=1e-6)
        assert prediction.model_score == pytest.approx(other.model_score, abs=1e-6)
        assert prediction.sentence_weights == pytest.approx(other.sentence_weights, abs=1e-6)


@law
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    classes=st.integers(2, 6),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    sentences=st.integers(0, 3),
    xi=st.floats(0, 1),
    tau=st.floats(0, 1),
    fusion=st.booleans(),
    max_labels=st.integers(1, 5),
    threshold=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
)
def test_against_loops(sizes, classes, seed, kind, sentences, **values):
    scores = make_scores(sizes, classes, seed, kind, sentences)
    found = decode(scores, **values)
    assert_same(found, decode_slowly(scores, **values))
    for prediction in found:
        assert 1 <= prediction.label < classes
        assert values["threshold"] < prediction.score <= 1.0
        shares = [pair[-1] for pair in prediction.mention_pairs]
        assert shares and math.fsum(shares) == pytest.approx(1.0, abs=1e-6)
        assert shares == sorted(shares, reverse=True)
    for pair in {(prediction.head, prediction.tail) for prediction in found}:
        of_pair = [p for p in found if (p.head, p.tail) == pair]
        assert len(of_pair) <= values["max_labels"]
        # Two relations of an entity pair have the same key pairs.
        assert len({frozenset(p[:3] for p in prediction.mention_pairs) for prediction in of_pair}) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fusion", [True, False])
def test_everything_is_predicted_without_a_threshold(kind, fusion):
    scores = make_scores([3, 1, 2], 5, kind=kind)
    found = decode(scores, **{**SETTINGS, "threshold": 0.0, "fusion": fusion, "max_labels": 9})
    assert len(found) == 3 * 4
    few = decode(scores, **{**SETTINGS, "threshold": 0.0, "fusion": fusion, "max_labels": 2})
    for pair in range(3):
        best = sorted((p for p in found if p.head == pair), key=lambda p: -p.score)[:2]
        assert {p.label for p in few if p.head == pair} == {p.label for p in best}


def test_nothing_is_predicted_above_a_threshold_of_one():
    assert decode(make_scores([3, 1], 5), **{**SETTINGS, "threshold": 1.0}) == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_entity_pairs(kind):
    scores = make_scores([2], 3, kind=kind)
    nothing = {field.name: getattr(scores, field.name)[:0] for field in fields(scores)}
    assert decode(type(scores)(**nothing), **SETTINGS) == []


def test_the_best_mention_pair_is_key_where_none_reaches_the_threshold():
    probs = torch.tensor([0.4] * 9 + [0.0], dtype=torch.float64)
    relation = torch.tensor([[0.0, 1.0]], dtype=torch.float64).repeat(10, 1)
    scores = replace(make_scores([10], 2), key=torch.logit(probs, eps=1e-12), relation=relation)
    (prediction,) = decode(scores, **{**SETTINGS, "tau": 0.5})
    assert len(prediction.mention_pairs) == 9
    assert [pair[2] for pair in prediction.mention_pairs] == pytest.approx([0.4] * 9)
    assert prediction.mention_pairs[0][-1] == pytest.approx(1 / 9)


@pytest.mark.parametrize("tau, keys", [(0.0, [0, 1, 2]), (0.3, [0, 1]), (0.9, [0])])
def test_tau_limits_the_threshold(tau, keys):
    probs = torch.tensor([0.9, 0.4, 0.2], dtype=torch.float64)
    scores = replace(make_scores([3], 3), key=torch.logit(probs))
    assert scores.select(0.15, tau).nonzero().squeeze(1).tolist() == keys
    for prediction in decode(scores, **{**SETTINGS, "tau": tau, "threshold": 0.0}):
        assert sorted(pair[0] - 100 for pair in prediction.mention_pairs) == keys


def test_without_fusion_the_best_margin_counts():
    # Fused, the second relation is not above TH; the second mention pair alone puts it there.
    relation = torch.tensor([[5.0, 1.0, 0.0], [0.0, -1.0, 1.0]], dtype=torch.float64)
    scores = replace(make_scores([2], 3, kind="plain"), relation=relation)
    assert decode(scores, **SETTINGS) == []
    (prediction,) = decode(scores, **{**SETTINGS, "fusion": False})
    assert (prediction.label, prediction.score) == (2, pytest.approx(1 / (1 + math.exp(-1.0))))
    assert [pair[0] for pair in prediction.mention_pairs] == [101, 100]


def test_shares_tell_relations_of_an_entity_pair_apart():
    relation = torch.tensor([[0.0, 4.0, 1.0], [0.0, 1.0, 4.0]], dtype=torch.float64)
    scores = replace(make_scores([2], 3, kind="plain"), relation=relation)
    first, second = decode(scores, **SETTINGS)
    assert [pair[0] for pair in first.mention_pairs] == [100, 101]
    assert [pair[0] for pair in second.mention_pairs] == [101, 100]
    assert first.mention_pairs[0][-1] == pytest.approx(math.exp(4) / (math.exp(4) + math.exp(1)))
    assert first.mention_pairs[0][3] == pytest.approx(1 / (1 + math.exp(-4)))


def test_given_shares_are_those_of_every_relation():
    scores = make_scores([3, 2], 4, kind="attention")
    found = decode(scores, **{**SETTINGS, "threshold": 0.0})
    assert isinstance(scores, EntityPairScores)
    for prediction in found:
        start, end = (0, 3) if prediction.head == 0 else (3, 5)
        expected = sorted(scores.attention[start:end].tolist(), reverse=True)
        assert [pair[-1] for pair in prediction.mention_pairs] == pytest.approx(expected)
        assert {pair[2] for pair in prediction.mention_pairs} == {1.0}


def test_scores_that_were_made_without_gradients():
    scores = make_scores([3, 2], 4)
    with torch.inference_mode():
        still = PairScores(**{name: value.clone() for name, value in vars(scores).items()})
    assert_same(decode(still, **SETTINGS), decode(scores, **SETTINGS))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_lower_precision(dtype):
    exact = make_scores([4, 3, 1], 4)
    scores = replace(exact, relation=exact.relation.to(dtype), key=exact.key.to(dtype))
    rounded = replace(exact, relation=scores.relation.double(), key=scores.key.double())
    found, expected = decode(scores, **SETTINGS), decode(rounded, **SETTINGS)
    assert [(p.head, p.label) for p in found] == [(p.head, p.label) for p in expected]
    for prediction, other in zip(found, expected):
        assert prediction.score == pytest.approx(other.score, abs=1e-3)
        assert math.fsum(pair[-1] for pair in prediction.mention_pairs) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_documents_of_a_batch_are_decoded_as_each_alone(kind):
    everything = {**SETTINGS, "threshold": 0.1}
    batch = [
        make_scores(sizes, 4, seed, kind, sentences=3) for seed, sizes in enumerate([[2, 3], [1], [4, 2, 1]])
    ]
    found = decode(one_after_another(batch), **everything)
    alone = [
        replace(prediction, document=number)
        for number, scores in enumerate(batch)
        for prediction in decode(scores, **everything)
    ]
    assert {prediction.document for prediction in found} == {0, 1, 2}
    assert_same(found, alone)


def test_calibration_changes_scores_and_no_evidence():
    """Thresholds are for calibrated scores; key mention pairs, sentences and `model_score` are the model's."""
    scores = make_scores([3, 2], 4, sentences=3)
    everything = {**SETTINGS, "threshold": 0.0}
    plain = decode(scores, **everything)
    calibrated = decode(scores, **everything, calibrate=lambda logits: logits * 0.3)
    assert_same([replace(prediction, score=prediction.model_score) for prediction in calibrated], plain)
    for prediction, other in zip(calibrated, plain):
        margin = math.log(other.score / (1 - other.score))
        assert prediction.score == pytest.approx(1 / (1 + math.exp(-0.3 * margin)), abs=1e-6)
        assert other.score == other.model_score != pytest.approx(prediction.score, abs=1e-3)
