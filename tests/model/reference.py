"""The equations of `spacy_kmgre.model.maths`, one loop after the other, on lists of Python floats.

Slow and plain on purpose: written from the papers, for comparison only. Numbers in brackets are
equations of the KMGRE paper; the shapes are those of the functions of the same names.
"""

import math

Vector = list[float]
Matrix = list[Vector]


def context_weights(
    attention: list[Matrix], head: list[int], tail: list[int], mode: str = "per_head"
) -> Matrix:
    result = []
    for i, j in zip(head, tail):
        products = [[a * b for a, b in zip(*rows)] for rows in zip(attention[i], attention[j])]
        heads = len(products)
        if mode == "pooled":
            weights = _sum_to_one([sum(column) / heads for column in zip(*products)])
        else:
            weights = [sum(column) / heads for column in zip(*map(_sum_to_one, products))]
        result.append(weights)
    return result


def mention_pair_context(
    hidden: Matrix, attention: list[Matrix], head: list[int], tail: list[int], mode: str = "per_head"
) -> Matrix:
    """(4)"""
    return [
        [
            sum(weight * piece[unit] for weight, piece in zip(weights, hidden))
            for unit in range(len(hidden[0]))
        ]
        for weights in context_weights(attention, head, tail, mode)
    ]


def key_pseudo_labels(pair_probs: Matrix, pair_index: list[int], labels: list[list[bool]]) -> list[bool]:
    """(9)"""
    result = []
    for pair, entity_pair in enumerate(pair_index):
        key = False
        for relation in range(1, len(labels[entity_pair])):
            if labels[entity_pair][relation]:
                column = [pair_probs[other][relation] for other in _members(pair_index, entity_pair)]
                key = key or pair_probs[pair][relation] >= math.fsum(column) / len(column)
        result.append(key)
    return result


def key_focal_loss(
    key_logits: Vector, pseudo_labels: list[bool], alpha: float = 0.3, gamma: float = 2.0
) -> Vector:
    """(10), (11)"""
    result = []
    for logit, key in zip(key_logits, pseudo_labels):
        right = _sigmoid(logit) if key else 1 - _sigmoid(logit)
        result.append(-(alpha if key else 1 - alpha) * (1 - right) ** gamma * math.log(right))
    return result


def key_threshold(key_probs: Vector, pair_index: list[int], num_pairs: int, xi: float, tau: float) -> Vector:
    """(12)-(14)"""
    result = []
    for entity_pair in range(num_pairs):
        probs = [key_probs[pair] for pair in _members(pair_index, entity_pair)]
        result.append(min(math.fsum(probs) / len(probs) + xi * (max(probs) - min(probs)), tau))
    return result


def select_key_pairs(
    key_probs: Vector, pair_index: list[int], num_pairs: int, xi: float, tau: float
) -> list[bool]:
    """(15), and the best pair of each entity pair in any case."""
    thresholds = key_threshold(key_probs, pair_index, num_pairs, xi, tau)
    result = []
    for prob, entity_pair in zip(key_probs, pair_index):
        best = max(key_probs[pair] for pair in _members(pair_index, entity_pair))
        result.append(prob >= thresholds[entity_pair] or prob == best)
    return result


def fuse_mention_logits(
    logits: Matrix, pair_index: list[int], num_pairs: int, selected: list[bool] | None = None
) -> Matrix:
    """(16)"""
    result = []
    for entity_pair in range(num_pairs):
        rows = [logits[pair] for pair in _members(pair_index, entity_pair, selected)]
        result.append([_log_sum_exp([row[c] for row in rows]) for c in range(len(logits[0]))])
    return result


def adaptive_threshold_loss(logits: Matrix, labels: list[list[bool]]) -> Vector:
    """(17)-(19)"""
    result = []
    for row, gold in zip(logits, labels):
        threshold, relations = row[0], range(1, len(row))
        positive = [row[c] for c in relations if gold[c]]
        negative = [row[c] for c in relations if not gold[c]]
        loss = _log_sum_exp([*negative, threshold]) - threshold
        for logit in positive:
            loss += _log_sum_exp([*positive, threshold]) - logit
        result.append(loss)
    return result


def mention_pair_share(
    logits: Matrix, pair_index: list[int], num_pairs: int, selected: list[bool] | None = None
) -> Matrix:
    fused = fuse_mention_logits(logits, pair_index, num_pairs, selected)
    return [
        [
            math.exp(logit - fused[entity_pair][c]) if selected is None or selected[pair] else 0.0
            for c, logit in enumerate(logits[pair])
        ]
        for pair, entity_pair in enumerate(pair_index)
    ]


def relation_scores(logits: Matrix) -> Matrix:
    return [[_sigmoid(logit - row[0]) for logit in row] for row in logits]


def predict_relations(logits: Matrix, max_labels: int = 4, threshold: float = 0.5) -> list[list[bool]]:
    result = []
    for row in logits:
        above = [c for c in range(1, len(row)) if _sigmoid(row[c] - row[0]) > threshold]
        best = sorted(above, key=lambda c: -row[c])[:max_labels]
        result.append([c in best for c in range(len(row))])
    return result


def _members(pair_index: list[int], entity_pair: int, selected: list[bool] | None = None) -> list[int]:
    """The mention pairs of an entity pair."""
    return [
        pair
        for pair, index in enumerate(pair_index)
        if index == entity_pair and (selected is None or selected[pair])
    ]


def _sum_to_one(values: Vector) -> Vector:
    total = sum(values)
    return [value / total for value in values] if total else values


def _log_sum_exp(values: Vector) -> float:
    if not values:
        return -math.inf
    peak = max(values)
    return peak + math.log(math.fsum(math.exp(value - peak) for value in values))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))
