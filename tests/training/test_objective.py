"""The losses of every phase, and their gradients, against loops over Python floats."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.model.network import BOTH, KEY, RELATION, PairScores
from spacy_kmgre.training.objective import (
    NO_EVIDENCE,
    Evidence,
    Objective,
    Phase,
    key_targets,
    label_matrix,
    locate,
    loss_and_gradients,
)

from ..model import reference
from ..pipeline.test_decode import make_scores

law = settings(deadline=None, derandomize=True, max_examples=60)
CLASSES = 4
Gold = list[tuple[int, int, int]]
VALUES = {"xi": 0.15, "tau": 0.4}


def losses_of(
    batch: Any, gold: Any, phase: Phase, *, tau: float, evidence: Any = None, **objective: Any
) -> Any:
    return loss_and_gradients(batch, gold, phase, Objective(**objective), tau=tau, evidence=evidence)


def random_gold(scores: PairScores, seed: int = 0) -> Gold:
    """About every third relation, and every third entity pair without any."""
    chance = torch.rand((len(scores.entities), CLASSES), generator=torch.Generator().manual_seed(seed))
    return [
        (*pair, label)
        for row, pair in enumerate(scores.entities.tolist())
        for label in range(1, CLASSES)
        if row % 3 and chance[row, label] < 0.4
    ]


def probabilities(logits: Any) -> Any:
    if isinstance(logits, list):
        return [probabilities(logit) for logit in logits]
    return 1 / (1 + math.exp(-logits))


def losses_slowly(
    scores: PairScores,
    gold: Gold,
    phase: Phase,
    *,
    xi: float,
    tau: float,
    fusion: bool = True,
    alpha: float = 0.3,
    gamma: float = 2.0,
    relation: list[list[float]] | None = None,
    key: list[float] | None = None,
) -> tuple[float, float]:
    """The loss of the relation extractor, and that of the key instance classifier with the pseudo labels of
    the scores as they are.

    :param relation: In place of the scores' own.
    :param key: In place of the scores' own, in the loss of the classifier.
    """
    pairs = [tuple(pair) for pair in scores.entities.tolist()]
    pair_index = scores.pair_index.tolist()
    labels = [[(*pair, label) in gold for label in range(CLASSES)] for pair in pairs]
    relation = relation or scores.relation.tolist()
    rows = pair_index if scores.share is None else list(range(len(pairs)))
    selected = None
    if scores.key is not None and phase is not Phase.WARMUP:
        probs = probabilities(scores.key.tolist())
        selected = reference.select_key_pairs(probs, pair_index, len(pairs), xi, tau)
    if fusion:
        fused = reference.fuse_mention_logits(relation, rows, len(pairs), selected)
        relation_loss = math.fsum(reference.adaptive_threshold_loss(fused, labels))
    else:
        relation_loss = 0.0
        for pair in range(len(pairs)):
            members = [i for i, n in enumerate(rows) if n == pair and (selected is None or selected[i])]
            losses = reference.adaptive_threshold_loss(
                [relation[i] for i in members], [labels[pair]] * len(members)
            )
            relation_loss += math.fsum(losses) / len(members)
    if scores.key is None:
        return relation_loss, 0.0
    pseudo = reference.key_pseudo_labels(probabilities(scores.relation.tolist()), pair_index, labels)
    losses = reference.key_focal_loss(key or scores.key.tolist(), pseudo, alpha, gamma)
    return relation_loss, math.fsum(losses)


PHASES = st.sampled_from(list(Phase))


@law
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["keys", "plain", "shares"]),
    phase=PHASES,
    fusion=st.booleans(),
    xi=st.floats(0, 1),
    tau=st.floats(0, 1),
    alpha=st.floats(0, 1),
    gamma=st.floats(0, 3),
)
def test_sums_and_counts(sizes, seed, kind, phase, fusion, **values):
    fusion = fusion or kind == "shares"  # entity pairs are fused already
    batch = [make_scores(sizes, CLASSES, seed, kind), make_scores(sizes[::-1], CLASSES, seed + 1, kind)]
    gold = [random_gold(scores, seed) for scores in batch]
    sums, counts, gradients = losses_of(batch, gold, phase, fusion=fusion, **values)
    expected = [
        losses_slowly(scores, relations, phase, fusion=fusion, **values)
        for scores, relations in zip(batch, gold)
    ]
    moves_relation, moves_key = RELATION in phase.moving, KEY in phase.moving and kind == "keys"
    assert sums == {
        RELATION: pytest.approx(sum(x for x, _ in expected) if moves_relation else 0.0, rel=1e-6, abs=1e-9),
        KEY: pytest.approx(sum(x for _, x in expected) if moves_key else 0.0, rel=1e-6, abs=1e-9),
    }
    assert counts == {
        RELATION: 2 * len(sizes) if moves_relation else 0,
        KEY: 2 * sum(sizes) if moves_key else 0,
    }
    for scores, (d_relation, d_key, _) in zip(batch, gradients):
        assert (d_relation is not None) == moves_relation
        assert (d_key is not None) == moves_key
        assert d_relation is None or d_relation.shape == scores.relation.shape
        assert d_key is None or (scores.key is not None and d_key.shape == scores.key.shape)


@pytest.mark.parametrize("kind, fusion", [("keys", True), ("keys", False), ("plain", True), ("shares", True)])
@pytest.mark.parametrize("phase", Phase)
def test_gradients_are_slopes(kind, fusion, phase):
    scores = make_scores([4, 1, 3], CLASSES, seed=3, kind=kind)
    gold = random_gold(scores)
    assert gold
    settings: Any = {**VALUES, "fusion": fusion}
    _, _, [(d_relation, d_key, _)] = losses_of([scores], [gold], phase, **settings)
    step = 1e-5
    if d_relation is not None:
        relation = scores.relation.tolist()
        for row in range(len(relation)):
            for label in range(CLASSES):
                sides = []
                for side in (step, -step):
                    moved = [list(logits) for logits in relation]
                    moved[row][label] += side
                    sides.append(losses_slowly(scores, gold, phase, relation=moved, **settings)[0])
                slope = (sides[0] - sides[1]) / (2 * step)
                assert d_relation[row, label].item() == pytest.approx(slope, abs=1e-7)
    if d_key is not None and scores.key is not None:
        for row in range(len(scores.key)):
            sides = []
            for side in (step, -step):
                key = scores.key.tolist()
                key[row] += side
                sides.append(losses_slowly(scores, gold, phase, key=key, **settings)[1])
            slope = (sides[0] - sides[1]) / (2 * step)
            assert d_key[row].item() == pytest.approx(slope, abs=1e-7)


def test_what_each_phase_moves():
    assert {phase: phase.moving for phase in Phase} == {
        Phase.WARMUP: BOTH,
        Phase.E_STEP: {KEY},
        Phase.M_STEP: {RELATION},
        Phase.JOINT: BOTH,
    }


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.M_STEP, Phase.JOINT])
def test_only_key_pairs_teach_relations_after_the_warm_up(phase):
    scores = make_scores([6, 5], CLASSES)
    probs = torch.sigmoid(scores.key).tolist()
    selected = torch.tensor(reference.select_key_pairs(probs, scores.pair_index.tolist(), 2, 0.15, 0.4))
    assert 2 <= selected.sum() < 11
    _, _, [(d_relation, _, _)] = losses_of([scores], [[(1, 2, 1)]], phase, **VALUES)
    taught = (d_relation != 0).any(dim=1)
    assert torch.equal(taught, torch.ones_like(taught) if phase is Phase.WARMUP else selected)


def test_parts_of_a_batch_add_up():
    batch = [make_scores([2, 3], CLASSES, seed) for seed in range(3)]
    gold = [random_gold(scores, seed) for seed, scores in enumerate(batch)]
    sums, counts, gradients = losses_of(batch, gold, Phase.JOINT, **VALUES)
    parts = [losses_of([x], [y], Phase.JOINT, **VALUES) for x, y in zip(batch, gold)]
    for name in (RELATION, KEY):
        assert sums[name] == pytest.approx(sum(part[0][name] for part in parts))
        assert counts[name] == sum(part[1][name] for part in parts)
    for (*together, _), (_, _, [(*alone, _)]) in zip(gradients, parts):
        assert all(torch.equal(x, y) for x, y in zip(together, alone))


@pytest.mark.parametrize("phase", Phase)
def test_documents_without_entity_pairs(phase):
    scores = make_scores([2, 3], CLASSES)
    empty = PairScores(
        **{name: value if value is None else value[:0] for name, value in vars(scores).items()}
    )
    gold = random_gold(scores)
    alone = losses_of([scores], [gold], phase, **VALUES)
    among = losses_of([empty, scores, empty], [[], gold, [(0, 1, 1)]], phase, **VALUES)
    assert among[:2] == alone[:2]
    assert among[2][0] == among[2][2] == (None, None, None)
    assert losses_of([], [], phase, **VALUES) == (
        {RELATION: 0.0, KEY: 0.0},
        {RELATION: 0, KEY: 0},
        [],
    )


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("fusion", [True, False])
def test_losses_leave_the_scores_alone(phase, fusion):
    scores = make_scores([2, 3], CLASSES)
    leaves = [scores.relation.requires_grad_(), scores.key.requires_grad_()]
    before = [leaf.detach().clone() for leaf in leaves]
    with torch.no_grad():  # whatever mode the caller is in
        losses_of([scores], [random_gold(scores)], phase, fusion=fusion, **VALUES)
    assert all(leaf.grad is None and torch.equal(leaf, old) for leaf, old in zip(leaves, before))


def test_an_entity_pair_weighs_the_same_without_fusion_however_many_mention_pairs_it_has():
    row = [0.3, -1.0, 2.0, 0.5]
    losses = []
    for size in (1, 7):
        scores = make_scores([size], CLASSES, kind="plain")
        scores.relation[:] = torch.tensor(row, dtype=torch.float64)
        sums, counts, _ = losses_of([scores], [[(0, 1, 2)]], Phase.JOINT, fusion=False, **VALUES)
        assert counts[RELATION] == 1
        losses.append(sums[RELATION])
    assert losses[0] == pytest.approx(losses[1])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, CLASSES - 1)), max_size=12))
def test_label_matrix(relations: Sequence[tuple[int, int, int]]):
    scores = make_scores([1, 2, 1], CLASSES)
    labels = label_matrix(scores, relations)
    assert labels.dtype == bool
    assert labels.shape == (3, CLASSES)
    for row, pair in enumerate(scores.entities.tolist()):
        for label in range(CLASSES):
            assert labels[row, label].item() == ((*pair, label) in relations)


def test_soft_pseudo_labels_are_the_posterior():
    scores = make_scores([3, 4, 2], CLASSES)
    gold = [(*scores.entities[0].tolist(), 2), (*scores.entities[2].tolist(), 1)]
    labels = torch.from_numpy(label_matrix(scores, gold))
    target, counted = key_targets(scores, labels, Objective(pseudo_labels="soft"))
    expected = reference.key_posterior(
        probabilities(scores.key.tolist()),
        probabilities(scores.relation.tolist()),
        scores.pair_index.tolist(),
        labels.tolist(),
    )
    assert target.tolist() == pytest.approx(expected, rel=1e-5)
    assert counted.all()
    sums, _, _ = losses_of([scores], [gold], Phase.E_STEP, pseudo_labels="soft", **VALUES)
    one, zero = (
        reference.key_focal_loss(scores.key.tolist(), [value] * len(target), 0.3, 2.0)
        for value in (True, False)
    )
    assert sums[KEY] == pytest.approx(
        sum(t * a + (1 - t) * b for t, a, b in zip(expected, one, zero)), rel=1e-5
    )


def test_the_classifier_may_learn_from_related_entity_pairs_only():
    scores = make_scores([3, 4], CLASSES)
    gold = [[(*scores.entities[1].tolist(), 1)]]
    sums, counts, [(_, d_key, _)] = losses_of([scores], gold, Phase.E_STEP, key_pairs="related", **VALUES)
    every, _, _ = losses_of([scores], gold, Phase.E_STEP, **VALUES)
    assert counts[KEY] == 7  # all of them, by which the step divides
    assert 0 < sums[KEY] < every[KEY]
    assert torch.equal(d_key != 0, scores.pair_index == 1)
    sums, counts, _ = losses_of([scores], [[]], Phase.E_STEP, key_pairs="related", **VALUES)
    assert (sums[KEY], counts[KEY]) == (0.0, 7)


@pytest.mark.parametrize("fusion", [True, False])
def test_weight_of_entity_pairs_without_relation(fusion):
    scores = make_scores([3, 4, 1], CLASSES)
    gold = [[(*scores.entities[1].tolist(), 1)]]
    losses = [
        losses_of([scores], gold, Phase.WARMUP, negative_weight=weight, fusion=fusion, **VALUES)[0][RELATION]
        for weight in (0.0, 1.0, 3.0)
    ]
    assert 0 < losses[0] < losses[1]
    assert losses[2] - losses[1] == pytest.approx(2 * (losses[1] - losses[0]))


def evidence_of(scores: PairScores, row: int, sentences: list[int], mentions: list[int]) -> list[Evidence]:
    head, tail = scores.entities[row].tolist()
    return [Evidence({(head, tail): set(sentences)}, mentions)]


def test_mention_pairs_in_the_evidence_are_key():
    scores = make_scores([4, 4], CLASSES)
    gold = [(*scores.entities[row].tolist(), 1) for row in (0, 1)]
    labels = torch.from_numpy(label_matrix(scores, gold))
    count = int(max(scores.head.max(), scores.tail.max())) + 1
    members = (scores.pair_index == 0).nonzero().squeeze(1)
    first = int(members[0])
    # Only the mentions of the first pair are in sentence 0.
    mentions = [0 if n in (scores.head[first], scores.tail[first]) else 1 for n in range(count)]
    known = locate([scores], evidence_of(scores, 0, [0], mentions))
    plain, _ = key_targets(scores, labels, Objective())
    target, _ = key_targets(scores, labels, Objective(evidence_keys=True), known)
    inside = [mentions[scores.head[row]] == mentions[scores.tail[row]] == 0 for row in members.tolist()]
    assert target[members].tolist() == inside and any(inside) and not all(inside)
    others = scores.pair_index == 1
    assert torch.equal(target[others], plain[others])
    # Evidence in neither mention's sentence says nothing of mention pairs.
    nowhere = locate([scores], evidence_of(scores, 0, [5], mentions))
    assert torch.equal(key_targets(scores, labels, Objective(evidence_keys=True), nowhere)[0], plain)


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.M_STEP])
def test_contexts_are_drawn_to_the_evidence(phase):
    scores = make_scores([3, 4], CLASSES)
    torch.manual_seed(0)
    focus = torch.softmax(torch.randn(7, 5, dtype=torch.float64), dim=1)
    scores = replace(scores, focus=focus)
    gold, evidence = [[(*scores.entities[1].tolist(), 1)]], evidence_of(scores, 1, [0, 3], [])
    plain, _, _ = losses_of([scores], gold, phase, **VALUES)
    settings: Any = {"evidence": evidence, "evidence_focus": 0.1, **VALUES}
    sums, _, [(_, _, d_focus)] = losses_of([scores], gold, phase, **settings)
    keys = [row for row in range(7) if scores.pair_index[row] == 1]
    if phase is Phase.M_STEP:
        probs = probabilities(scores.key.tolist())
        selected = reference.select_key_pairs(
            probs, scores.pair_index.tolist(), 2, VALUES["xi"], VALUES["tau"]
        )
        keys = [row for row in keys if selected[row]]
    part = sum(focus[row, 0].item() + focus[row, 3].item() for row in keys) / len(keys)
    # Two entity pairs, one with evidence: as the divisor is two, its weight is two tenths.
    assert sums[RELATION] - plain[RELATION] == pytest.approx(-0.2 * math.log(part + 1e-4))
    expected = torch.zeros_like(focus)
    for row in keys:
        expected[row, [0, 3]] = -0.2 / (part + 1e-4) / len(keys)
    torch.testing.assert_close(d_focus, expected)
    assert losses_of([scores], gold, phase, evidence_focus=0.1, **VALUES)[2][0][2] is None


def test_documents_with_and_without_sentences_in_a_batch():
    """What each adds to the loss, and its gradients, are those of it alone."""
    torch.manual_seed(0)
    first, second, third = (make_scores([3, 4], CLASSES, seed) for seed in range(3))
    first = replace(first, focus=torch.softmax(torch.randn(7, 5, dtype=torch.float64), dim=1))
    third = replace(third, focus=torch.softmax(torch.randn(7, 2, dtype=torch.float64), dim=1))
    batch, gold = [first, second, third], [[(*first.entities[1].tolist(), 1)], [], []]
    count = int(max(first.head.max(), first.tail.max())) + 1
    evidence = [*evidence_of(first, 1, [0, 3], [0, 3] * count), NO_EVIDENCE, NO_EVIDENCE]
    settings: Any = {"evidence_focus": 0.1, "evidence_keys": True, **VALUES}
    sums, _, gradients = losses_of(batch, gold, Phase.JOINT, evidence=evidence, **settings)
    alone = [
        losses_of([scores], [relations], Phase.JOINT, evidence=[known], **settings)
        for scores, relations, known in zip(batch, gold, evidence)
    ]
    for part in (RELATION, KEY):
        assert sums[part] == pytest.approx(sum(own[part] for own, _, _ in alone))
    for scores, (relation, key, focus), (_, _, [expected]) in zip(batch, gradients, alone):
        assert torch.equal(relation, expected[0]) and torch.equal(key, expected[1])
        if expected[2] is not None:
            assert torch.equal(focus, expected[2])
        else:  # nothing, of the shape of what there is
            assert focus is None if scores.focus is None else not focus.any()
            assert scores.focus is None or focus.shape == scores.focus.shape


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.JOINT])
def test_evidence_of_pairs_that_are_not_scored_says_nothing(phase):
    """Their mentions are cut off, or no window holds both."""
    scores = replace(make_scores([3, 4], CLASSES), focus=torch.full((7, 5), 0.2, dtype=torch.float64))
    gold = [[(*scores.entities[1].tolist(), 1)]]
    evidence = [Evidence({(7, 9): {0, 3}}, [0] * 300)]
    assert locate([scores], evidence) is None
    settings: Any = {"evidence_focus": 0.1, "evidence_keys": True, **VALUES}
    found = losses_of([scores], gold, phase, evidence=evidence, **settings)
    expected = losses_of([scores], gold, phase, **VALUES)
    assert found[:2] == expected[:2]
    for gradient, other in zip(found[2][0][:2], expected[2][0][:2]):
        assert torch.equal(gradient, other)
