import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_kmgre.annotations import read_entities
from spacy_kmgre.scoring.key_pairs import average_precision, rank_key_pairs

from ..conftest import make_example


def slow_average_precision(scores, relevant):
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], relevant[i]))
    hits, total = 0, 0.0
    for rank, i in enumerate(order, start=1):
        if relevant[i]:
            hits += 1
            total += hits / rank
    return total / hits if hits else 0.0


@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6), st.booleans()), max_size=30, unique_by=lambda x: x[0])
)
def test_average_precision_equals_a_slow_count(items):
    scores, relevant = [float(s) for s, _ in items], [r for _, r in items]
    assert average_precision(scores, relevant) == pytest.approx(
        slow_average_precision(scores, relevant), abs=1e-6
    )


def test_ties_are_no_help():
    assert average_precision([0.5] * 4, [True, False, False, False]) == 0.25
    assert average_precision([1.0, 0.5, 0.5], [True, True, False]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.1, 0.2], [False, False]) == 0.0


def _with_key_pair(example, *pairs):
    for relation in (data := [r.to_dict() for r in example.reference._.relations]):
        relation["key_mention_pairs"] = [
            {"head": head, "tail": tail, "share": 1 / len(pairs)}
            for head, tail in pairs
            if relation["tail"] == "entity_3"
        ]
    example.reference._.relations = data
    return example


def test_rankings_follow_the_model(make_nlp):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe = nlp.get_pipe("kmgre_relations")
    ann, _, oslo = read_entities(example.reference)
    pairs = [([h.start, h.end], [t.start, t.end]) for h in ann.mentions for t in oslo.mentions]
    _, (scores,) = pipe.score_pairs([example.predicted])
    number = scores.entities.tolist().index([0, 2])
    keys = scores.key[scores.pair_index == number].tolist()
    best = max(range(len(keys)), key=keys.__getitem__)
    ranking = rank_key_pairs(pipe, [_with_key_pair(example, pairs[best])])
    assert ranking["key_ap"] == ranking["key_hard_ap"] == 1.0
    assert ranking["entity_pairs"] == ranking["hard_entity_pairs"] == 1
    worst = min(range(len(keys)), key=keys.__getitem__)
    assert rank_key_pairs(pipe, [_with_key_pair(example, pairs[worst])])["key_ap"] == pytest.approx(
        1 / len(keys)
    )


def test_all_pairs_key_is_not_hard(make_nlp):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    ann, _, oslo = read_entities(example.reference)
    pairs = [([h.start, h.end], [t.start, t.end]) for h in ann.mentions for t in oslo.mentions]
    random.Random(0).shuffle(pairs)
    ranking = rank_key_pairs(nlp.get_pipe("kmgre_relations"), [_with_key_pair(example, *pairs)])
    assert ranking["relation_ap"] == 1.0 and ranking["hard_entity_pairs"] == 0


def test_a_model_without_key_classifier_is_refused(make_nlp):
    nlp = make_nlp("ATLOP")
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    with pytest.raises(ValueError, match="no key instance classifier"):
        rank_key_pairs(nlp.get_pipe("kmgre_relations"), [example])
