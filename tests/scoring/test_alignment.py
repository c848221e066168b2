from collections.abc import Sequence

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre import Entity
from spacy_kmgre.annotations import read_entities, write_entities
from spacy_kmgre.scoring.alignment import Match, align_entities

NLP = spacy.blank("en")
LENGTH = 10
Offsets = tuple[int, int]
Pair = tuple[int, int, bool]


def make_entities(
    *clusters: Sequence[Offsets],
    keys: Sequence[str] = (),
    labels: Sequence[str] = (),
    words: Sequence[str] = tuple("abcdefghij"),
    spaces: Sequence[bool] | None = None,
) -> list[Entity]:
    """Make entities from token offsets. Without `words`, each word is one character, as is the space behind it."""
    doc = Doc(NLP.vocab, words=list(words), spaces=spaces)
    return [
        Entity(
            tuple(Span(doc, start, end) for start, end in sorted(cluster)),
            key=keys[i] if keys else f"entity_{i + 1}",
            label=labels[i] if labels else "",
        )
        for i, cluster in enumerate(clusters)
    ]


def align(predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Pair]:
    """The numbers (predicted, gold) of the entities that match, and whether they are the same."""
    return [(i, match.gold, match.same) for i, match in enumerate(align_entities(predicted, gold)) if match]


def test_identical_entities_come_first_with_any_keys():
    gold = make_entities([(0, 1), (4, 5)], [(2, 3)], [(6, 7)])
    predicted = make_entities([(6, 7)], [(0, 1), (4, 5)], [(2, 3)])
    assert align(predicted, gold) == [(0, 2, True), (1, 0, True), (2, 1, True)]


def test_an_identical_entity_is_not_given_away():
    gold = make_entities([(0, 4)])
    predicted = make_entities([(0, 4), (5, 6)], [(0, 4)])
    assert align(predicted, gold) == [(1, 0, True)]


def test_the_largest_overlap_comes_first_and_each_entity_once():
    gold = make_entities([(0, 1), (2, 3), (4, 5)], [(6, 7), (8, 9)])
    # The first predicted entity has two mentions of the first gold one and one of the second.
    predicted = make_entities([(0, 1), (2, 3), (6, 7)], [(4, 5)], [(8, 9)])
    assert align(predicted, gold) == [(0, 0, False), (2, 1, False)]
    assert align_entities(predicted, gold)[1] is None


def test_overlap_is_relative_to_size():
    gold = make_entities([(0, 1)], [(1, 9)])
    predicted = make_entities([(0, 2)])
    # It shares one character with either, which is all that the first has.
    assert align(predicted, gold) == [(0, 0, False)]


def test_a_mention_with_other_bounds_overlaps():
    gold, predicted = make_entities([(2, 5)]), make_entities([(3, 5)])
    assert align(predicted, gold) == [(0, 0, False)]
    assert align(make_entities([(5, 6)]), gold) == []


def test_ties_go_to_the_same_key_then_to_the_first():
    gold = make_entities([(0, 1)], [(2, 3)], keys=["entity_1", "entity_2"])
    for key, expected in (("entity_1", 0), ("entity_2", 1), ("entity_3", 0)):
        predicted = make_entities([(0, 1), (2, 3)], keys=[key])
        assert align(predicted, gold) == [(0, expected, False)]


def test_twins_are_told_apart_by_type_then_by_key():
    gold = make_entities([(0, 1)], [(0, 1)], [(0, 1)], labels=["PER", "LOC", "LOC"])
    for label, key, expected in (
        ("LOC", "entity_1", 1),
        ("LOC", "entity_3", 2),
        ("PER", "entity_3", 0),
        ("ORG", "entity_2", 1),
        ("ORG", "entity_9", 0),
    ):
        assert align(make_entities([(0, 1)], keys=[key], labels=[label]), gold) == [(0, expected, True)]
    # Predicted twins count as one entity.
    twins = make_entities([(2, 3)], [(2, 3)])
    assert align(twins, make_entities([(2, 3)])) == [(0, 0, True), (1, 0, True)]


def test_entities_without_mentions_match_nothing():
    nothing = [Entity((), key="entity_1")]
    assert align(nothing, nothing) == align(nothing, make_entities([(0, 1)])) == []
    assert align(make_entities([(0, 1)]), nothing) == align(make_entities([(0, 1)]), []) == []
    assert align_entities([], make_entities([(0, 1)])) == []


def test_copies_with_other_tokens_are_the_same():
    """A tokenizer may make "c-d" one token: then the mentions "c" and "d" are missing."""
    fine = make_entities(
        [(0, 1), (4, 5)],
        [(2, 3), (5, 6)],
        words=["a", "b", "c", "-", "d", "e"],
        spaces=[True, True] + [False] * 4,
    )
    copy = Doc(NLP.vocab, words=["a", "b", "c-d", "e"], spaces=[True, True, False, False])
    copy.spans["entity_1"], copy.spans["entity_2"] = [copy[0:1]], [copy[3:4]]
    coarse = read_entities(copy)
    assert [len(entity.mentions) for entity in coarse] == [1, 1]
    assert align(coarse, fine) == align(fine, coarse) == [(0, 0, True), (1, 1, True)]


def test_tokens_are_no_excuse_for_an_entity_of_another_key():
    fine = make_entities([(0, 1), (3, 4)], words=["a", "b", "-", "c"], spaces=[True, False, False, False])
    coarse = make_entities([(0, 1)], words=["a", "b-c"], keys=["entity_1"])
    assert align(coarse, fine) == [(0, 0, True)]
    coarse = make_entities([(0, 1)], words=["a", "b-c"], keys=["entity_2"])
    assert align(coarse, fine) == [(0, 0, False)]


spans = st.integers(0, LENGTH - 1).flatmap(
    lambda start: st.integers(start + 1, min(start + 3, LENGTH)).map(lambda end: (start, end))
)
clusters = st.lists(st.frozensets(spans, min_size=1, max_size=3), max_size=5)
keys = st.permutations([f"entity_{i}" for i in range(5)])


@given(clusters, clusters, keys)
@settings(deadline=None)
def test_alignment_equals_a_slow_recount(ours, theirs, names):
    predicted, gold = make_entities(*ours, keys=names), make_entities(*theirs)
    expected: dict[int, tuple[int, bool]] = {}
    for i, cluster in enumerate(ours):
        twins = [j for j, other in enumerate(theirs) if other == cluster]
        named = [j for j in twins if gold[j].key == predicted[i].key]
        if twins:
            expected[i] = ((named or twins)[0], True)

    def characters(cluster) -> list[int]:
        # A token and the space behind it are two characters, but no mention ends in a space.
        return [c for c in range(2 * LENGTH) if any(2 * start <= c < 2 * end - 1 for start, end in cluster)]

    while True:
        best: tuple | None = None
        for i in set(range(len(ours))) - set(expected):
            for j in set(range(len(theirs))) - {there for there, _ in expected.values()}:
                here, there = characters(ours[i]), characters(theirs[j])
                shared = len([c for c in here if c in there])
                rank = (2 * shared / (len(here) + len(there)), gold[j].key == predicted[i].key, -j, -i)
                if shared and (best is None or rank > best[0]):
                    best = (rank, i, j)
        if best is None:
            break
        expected[best[1]] = (best[2], False)
    assert align(predicted, gold) == [(i, *expected[i]) for i in sorted(expected)]


@given(clusters)
@settings(deadline=None)
def test_copies_are_aligned_to_what_they_are_copied_from(theirs):
    gold = make_entities(*theirs)
    doc = Doc(NLP.vocab, words=list("abcdefghij"))
    write_entities(doc, gold)
    assert align_entities(read_entities(doc), gold) == [Match(i, same=True) for i in range(len(gold))]


@pytest.mark.parametrize("size", [3000])
def test_many_entities_are_quick(size: int):
    """Aligning 3,000 entities that all differ from the gold ones takes well under a second."""
    words = ["x"] * (2 * size + 1)
    gold = make_entities(*[[(2 * i, 2 * i + 2)] for i in range(size)], words=words)
    predicted = make_entities(*[[(2 * i, 2 * i + 1)] for i in reversed(range(size))], words=words)
    assert align(predicted, gold) == [(i, size - 1 - i, False) for i in range(size)]
