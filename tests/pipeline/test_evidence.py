"""Which sentences a relation comes from."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_kmgre.pipeline.decode import evidence_sentences

SENTENCES = 5
sentence = st.integers(0, SENTENCES - 1)
logit = st.floats(-8, 8)


@st.composite
def relations(draw) -> tuple[list[tuple[int, int, float]], float]:
    """Logits of key mention pairs for a relation, with their sentences, and that of the threshold class."""
    pairs = draw(st.lists(st.tuples(sentence, sentence, logit), min_size=1, max_size=6))
    return pairs, draw(logit)


def shared(pairs) -> list[tuple[int, int, float]]:
    total = sum(math.exp(value) for _, _, value in pairs)
    found = [(head, tail, math.exp(value) / total) for head, tail, value in pairs]
    return sorted(found, key=lambda pair: -pair[2])


def fused(values: list[float]) -> float:
    return math.log(sum(math.exp(value) for value in values))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@given(
    relations(), st.lists(st.floats(0.01, 1), min_size=SENTENCES, max_size=SENTENCES), st.floats(0.01, 0.99)
)
def test_a_sentence_has_the_score_of_its_own_pairs_and_context(relation, weights, least):
    pairs, threshold = relation
    in_sentences = np.array(weights) / sum(weights)
    score = sigmoid(fused([value for _, _, value in pairs]) - threshold)
    found = evidence_sentences(shared(pairs), score, in_sentences, share=1.0, least=least)
    for number in range(SENTENCES):
        own = [value for head, tail, value in pairs if number in (head, tail)]
        if not own:
            assert number not in found
            continue
        alone = sigmoid(fused(own) + math.log(in_sentences[number] / max(in_sentences)) - threshold)
        if not math.isclose(alone, least, abs_tol=1e-6):
            assert (number in found) == (alone > least)


@given(relations(), st.floats(0, 1))
def test_pairs_lead_until_their_shares_are_reached(relation, share):
    pairs, needed, total = shared(relation[0]), set(), 0.0
    for head, tail, part in pairs:
        if total < share:
            needed |= {head, tail}
        total += part
    assert evidence_sentences(pairs, 0.6, share=share) == needed


def test_a_pair_in_one_sentence_counts_once():
    pairs = [(0, 0, 0.6), (1, 1, 0.4)]
    # 0.5 odds of one to one: 0.6 and 0.4 of it.
    assert evidence_sentences(pairs, 0.5, share=1.0, least=0.6 / 1.6 - 1e-9) == {0}
    assert evidence_sentences(pairs, 0.5, share=1.0, least=0.4 / 1.4 - 1e-9) == {0, 1}


def test_without_context_in_any_sentence_all_count_alike():
    pairs = [(0, 1, 1.0)]
    assert evidence_sentences(pairs, 0.6, np.zeros(2), share=1.0, least=0.5) == {0, 1}


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_extreme_scores(score: float):
    pairs = [(0, 1, 1.0)]
    in_sentences = np.array([1.0, 0.0])
    assert evidence_sentences(pairs, score, in_sentences, share=1.0, least=0.5) == ({0} if score else set())
    assert evidence_sentences(pairs, score, in_sentences, share=1.0) == {0, 1}
