"""The losses of every phase, and their gradients, against loops over Python floats."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.model.batch import EntityPairScores, PairScores
from spacy_kmgre.model.network import KEY, RELATION
from spacy_kmgre.model.phases import Phase
from spacy_kmgre.model.pieces import Gold
from spacy_kmgre.model.settings import Objective
from spacy_kmgre.training.objective import key_targets, label_matrix, locate, losses

from ..model import reference
from ..pipeline.scores import KINDS, make_scores, one_after_another

law = settings(deadline=None, derandomize=True, max_examples=60)
CLASSES = 4
Relations = list[tuple[int, int, int]]
VALUES = {"xi": 0.15, "tau": 0.4}


def losses_of(
    scores: PairScores, gold: Sequence[Gold | Relations], phase: Phase, *, tau: float, **objective: Any
) -> tuple[dict[str, float], dict[str, torch.Tensor | None]]:
    """The losses, and their gradients with respect to the fields of the scores."""
    has_key = bool(scores.key.isfinite().all())
    leaves = {
        name: getattr(scores, name).detach().clone().requires_grad_(name != "key" or has_key)
        for name in ("relation", "key", "sentence_weights")
    }
    known = [own if isinstance(own, Gold) else Gold(own) for own in gold]
    found = losses(replace(scores, **leaves), known, phase, Objective(**objective), tau)
    if found:
        torch.stack([*found.values()]).sum().backward()
    return {name: value.item() for name, value in found.items()}, {name: x.grad for name, x in leaves.items()}


def random_gold(scores: PairScores, seed: int = 0) -> Relations:
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
    gold: Relations,
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
    rows = list(range(len(pairs))) if isinstance(scores, EntityPairScores) else pair_index
    selected = None
    has_key = bool(scores.key.isfinite().all())
    if has_key and phase is not Phase.WARMUP:
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
    if not has_key:
        return relation_loss, 0.0
    probable = reference.relation_scores(scores.relation.tolist())
    pseudo = reference.key_pseudo_labels(probable, pair_index, labels)
    losses = reference.key_focal_loss(key or scores.key.tolist(), pseudo, alpha, gamma)
    return relation_loss, math.fsum(losses)


def test_where_the_threshold_class_lies_does_not_matter_to_pseudo_labels():
    scores = make_scores([3, 4], CLASSES, 1, "keys")
    gold = [random_gold(scores, 1)]
    expected, _ = losses_of(scores, gold, Phase.E_STEP, xi=0.15, tau=0.5)
    torch.manual_seed(0)
    moved = replace(scores, relation=scores.relation + 30 * torch.rand(len(scores.relation), 1))
    found, _ = losses_of(moved, gold, Phase.E_STEP, xi=0.15, tau=0.5)
    assert found[KEY] == pytest.approx(expected[KEY], rel=1e-5)


@law
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    phase=st.sampled_from(list(Phase)),
    fusion=st.booleans(),
    xi=st.floats(0, 1),
    tau=st.floats(0, 1),
    alpha=st.floats(0, 1),
    gamma=st.floats(0, 3),
)
def test_sums(sizes, seed, kind, phase, fusion, **values):
    fusion = fusion or kind == "attention"  # Entity pairs are fused already.
    batch = [make_scores(sizes, CLASSES, seed, kind), make_scores(sizes[::-1], CLASSES, seed + 1, kind)]
    gold = [random_gold(scores, seed) for scores in batch]
    sums, gradients = losses_of(one_after_another(batch), gold, phase, fusion=fusion, **values)
    slowly = [
        losses_slowly(scores, relations, phase, fusion=fusion, **values)
        for scores, relations in zip(batch, gold)
    ]
    expected = {}
    if RELATION in phase.trainable:
        expected[RELATION] = pytest.approx(sum(x for x, _ in slowly), rel=1e-6, abs=1e-9)
    if KEY in phase.trainable and kind == "keys":
        expected[KEY] = pytest.approx(sum(x for _, x in slowly), rel=1e-6, abs=1e-9)
    assert sums == expected
    assert (gradients["relation"] is not None) == (RELATION in expected)
    assert (gradients["key"] is not None) == (KEY in expected)


@pytest.mark.parametrize(
    "kind, fusion", [("keys", True), ("keys", False), ("plain", True), ("attention", True)]
)
@pytest.mark.parametrize("phase", Phase)
def test_gradients_are_slopes(kind, fusion, phase):
    scores = make_scores([4, 1, 3], CLASSES, seed=3, kind=kind)
    gold = random_gold(scores)
    assert gold
    settings: Any = {**VALUES, "fusion": fusion}
    _, gradients = losses_of(scores, [gold], phase, **settings)
    step = 1e-5
    for field, part in (("relation", 0), ("key", 1)):
        gradient = gradients[field]
        for place in torch.ones_like(gradient).nonzero().tolist() if gradient is not None else ():
            sides = []
            for side in (step, -step):
                moved = getattr(scores, field).clone()
                moved[tuple(place)] += side
                sides.append(losses_slowly(scores, gold, phase, **{field: moved.tolist()}, **settings)[part])
            slope = (sides[0] - sides[1]) / (2 * step)
            assert gradient[tuple(place)].item() == pytest.approx(slope, abs=1e-7)


def test_what_each_phase_moves():
    assert {phase: phase.trainable for phase in Phase} == {
        Phase.WARMUP: {RELATION, KEY},
        Phase.E_STEP: {KEY},
        Phase.M_STEP: {RELATION},
        Phase.JOINT: {RELATION, KEY},
    }


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.M_STEP, Phase.JOINT])
def test_only_key_pairs_teach_relations_after_the_warm_up(phase):
    scores = make_scores([6, 5], CLASSES)
    probs = torch.sigmoid(scores.key).tolist()
    selected = torch.tensor(reference.select_key_pairs(probs, scores.pair_index.tolist(), 2, 0.15, 0.4))
    assert 2 <= selected.sum() < 11
    _, gradients = losses_of(scores, [[(1, 2, 1)]], phase, **VALUES)
    taught = (gradients["relation"] != 0).any(dim=1)
    assert torch.equal(taught, torch.ones_like(taught) if phase is Phase.WARMUP else selected)


@pytest.mark.parametrize("phase", Phase)
def test_documents_of_a_batch_add_up(phase):
    """One of them has no entity pairs."""
    batch = [make_scores(sizes, CLASSES, seed) for seed, sizes in enumerate([[2, 3], [], [2, 3]])]
    gold = [random_gold(batch[0]), [(0, 1, 1)], random_gold(batch[2], 2)]
    sums, gradients = losses_of(one_after_another(batch), gold, phase, **VALUES)
    alone = [losses_of(scores, [own], phase, **VALUES) for scores, own in zip(batch, gold)]
    assert alone[1][0] == {}
    assert sums == pytest.approx({part: alone[0][0][part] + alone[2][0][part] for part in sums})
    for field in ("relation", "key"):
        if gradients[field] is not None:
            torch.testing.assert_close(gradients[field], torch.cat([alone[0][1][field], alone[2][1][field]]))


def test_an_entity_pair_weighs_the_same_without_fusion_however_many_mention_pairs_it_has():
    row = torch.tensor([0.3, -1.0, 2.0, 0.5], dtype=torch.float64)
    found = []
    for size in (1, 7):
        scores = replace(make_scores([size], CLASSES, kind="plain"), relation=row.repeat(size, 1))
        found.append(losses_of(scores, [[(0, 1, 2)]], Phase.JOINT, fusion=False, **VALUES)[0][RELATION])
    assert found[0] == pytest.approx(found[1])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, CLASSES - 1)), max_size=12))
def test_label_matrix(relations: Sequence[tuple[int, int, int]]):
    scores = one_after_another([make_scores([1, 2, 1], CLASSES) for _ in range(2)])
    labels = label_matrix(scores, [Gold([]), Gold(relations)])
    assert labels.dtype == bool
    assert labels.shape == (6, CLASSES)
    for row, (document, pair) in enumerate(zip(scores.document.tolist(), scores.entities.tolist())):
        for label in range(CLASSES):
            assert labels[row, label] == (document == 1 and (*pair, label) in relations)


MENTIONS = 300  # more than the numbers of heads and tails in `make_scores`


def test_mention_pairs_in_the_evidence_are_key():
    scores = make_scores([4, 4], CLASSES)
    relations = [(*pair, 1) for pair in scores.entities.tolist()]
    labels = torch.from_numpy(label_matrix(scores, [Gold(relations)]))
    members = (scores.pair_index == 0).nonzero().squeeze(1)
    first = int(members[0])
    # Only the mentions of the first pair are in sentence 0.
    mentions = [int(n not in (scores.head[first], scores.tail[first])) for n in range(MENTIONS)]

    def targets(sentence: int) -> torch.Tensor:
        known = locate(scores, [Gold(relations, {(0, 1): {sentence}}, mentions)])
        return key_targets(scores, labels, Objective(evidence_keys=True), known)

    plain = key_targets(scores, labels, Objective(), None)
    inside = [mentions[scores.head[row]] == mentions[scores.tail[row]] == 0 for row in members.tolist()]
    assert targets(0)[members].tolist() == inside and any(inside) and not all(inside)
    others = scores.pair_index == 1
    assert torch.equal(targets(0)[others], plain[others])
    # Evidence in neither mention's sentence says nothing of mention pairs.
    assert torch.equal(targets(5), plain)


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.M_STEP])
def test_contexts_are_drawn_to_the_evidence(phase):
    scores = make_scores([3, 4], CLASSES, sentences=5)
    weights = scores.sentence_weights
    relations = [(*scores.entities[1].tolist(), 1)]
    plain, without = losses_of(scores, [relations], phase, evidence_focus=0.1, **VALUES)
    gold = Gold(relations, {(1, 2): {0, 3}}, [0] * MENTIONS)
    sums, gradients = losses_of(scores, [gold], phase, evidence_focus=0.1, **VALUES)
    keys = [row for row in range(7) if scores.pair_index[row] == 1]
    if phase is Phase.M_STEP:
        probs = probabilities(scores.key.tolist())
        selected = reference.select_key_pairs(
            probs, scores.pair_index.tolist(), 2, VALUES["xi"], VALUES["tau"]
        )
        keys = [row for row in keys if selected[row]]
    part = sum(weights[row, 0].item() + weights[row, 3].item() for row in keys) / len(keys)
    # Of two entity pairs one has evidence. As the divisor is two, its weight is two tenths.
    assert sums[RELATION] - plain[RELATION] == pytest.approx(-0.2 * math.log(part + 1e-4))
    expected = torch.zeros_like(weights)
    for row in keys:
        expected[row, [0, 3]] = -0.2 / (part + 1e-4) / len(keys)
    torch.testing.assert_close(gradients["sentence_weights"], expected)
    assert without["sentence_weights"] is None


def test_documents_with_and_without_sentences_in_a_batch():
    """What each adds to the losses, and its gradients, are those of it alone."""
    batch = [make_scores([3, 4], CLASSES, seed, sentences=count) for seed, count in enumerate([5, 0, 2])]
    gold = [Gold([(1, 2, 1)], {(1, 2): {0, 3}}, [0, 3] * MENTIONS), Gold([]), Gold([])]
    settings: Any = {"evidence_focus": 0.1, "evidence_keys": True, **VALUES}
    sums, gradients = losses_of(one_after_another(batch), gold, Phase.JOINT, **settings)
    alone = [losses_of(scores, [own], Phase.JOINT, **settings) for scores, own in zip(batch, gold)]
    assert sums == pytest.approx({part: sum(own[part] for own, _ in alone) for part in sums})
    for field in ("relation", "key"):
        torch.testing.assert_close(gradients[field], torch.cat([own[field] for _, own in alone]))
    found = gradients["sentence_weights"]
    torch.testing.assert_close(found[:7], alone[0][1]["sentence_weights"])
    assert not found[7:].any()


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.JOINT])
def test_evidence_of_pairs_that_are_not_scored_says_nothing(phase):
    """Their mentions are cut off, or no window holds both."""
    scores = make_scores([3, 4], CLASSES, sentences=5)
    gold = Gold([(*scores.entities[1].tolist(), 1)], {(7, 9): {0, 3}}, [0] * MENTIONS)
    assert locate(scores, [gold]) is None
    found = losses_of(scores, [gold], phase, evidence_focus=0.1, evidence_keys=True, **VALUES)
    expected = losses_of(scores, [gold.relations], phase, **VALUES)
    assert found[0] == expected[0]
    for field in ("relation", "key"):
        assert torch.equal(found[1][field], expected[1][field])
