import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from spacy.util import registry

from spacy_kmgre.scoring.entities import ClusterCounts, Ratios, count_clusters, score_entities

from ..conftest import tries

NLP = spacy.blank("en")
Clusters = Sequence[frozenset[tuple[int, int]]]


def clusters(text: str) -> list[frozenset[tuple[int, int]]]:
    """Read entities whose mentions are letters: "abc de" holds two of them."""
    return [frozenset((ord(letter), ord(letter) + 1) for letter in word) for word in text.split()]


def scores(gold: str, predicted: str) -> dict[str, float | None]:
    return count_clusters(clusters(predicted), clusters(gold)).scores()


def prf(found: dict[str, float | None], metric: str) -> tuple[float | None, ...]:
    return tuple(found[f"ent_{metric}_{part}"] for part in "prf")


def about(*values: float):
    return pytest.approx(values, abs=0.0051)


# Values from the literature


def test_predicted_mentions_of_pradhan_et_al_2014():
    """The example of "Scoring Coreference Partitions of Predicted Mentions", section 5."""
    found = scores("abc defg", "ab cd fghi")
    assert prf(found, "mention") == about(6 / 8, 6 / 7, 0.80)
    assert prf(found, "muc") == about(0.40, 0.40, 0.40)
    assert prf(found, "b3") == about(0.50, 0.42, 0.455)
    assert prf(found, "ceafe") == about(0.43, 0.65, 0.52)
    assert found["ent_conll_f"] == pytest.approx((0.40 + 0.455 + 0.52) / 3, abs=1e-3)


# Twelve mentions in entities of 5, 2 and 5 (Bagga and Baldwin 1998; Luo 2005).
TRUTH = "abcde fg hijkl"


@pytest.mark.parametrize(
    "predicted, muc, b3, ceafe",
    [
        ("abcde fghijkl", (0.900, 1.0, 0.947), (0.762, 1.0, 0.865), (11 / 12, 11 / 18, 0.733)),
        ("abcdehijkl fg", (0.900, 1.0, 0.947), (0.583, 1.0, 0.737), (5 / 6, 5 / 9, 0.667)),
        ("abcdefghijkl", (9 / 11, 1.0, 0.900), (0.375, 1.0, 0.545), (0.588, 0.196, 0.294)),
        ("a b c d e f g h i j k l", (0.0, 0.0, 0.0), (1.0, 0.25, 0.400), (0.111, 0.444, 0.178)),
    ],
)
def test_responses_of_luo_2005(predicted, muc, b3, ceafe):
    found = scores(TRUTH, predicted)
    assert prf(found, "muc") == about(*muc)
    assert prf(found, "b3") == about(*b3)
    assert prf(found, "ceafe") == about(*ceafe)
    assert prf(found, "mention") == (1.0, 1.0, 1.0)


# The definitions once more, slowly


def slow_muc(key: Clusters, response: Clusters) -> tuple[int, int]:
    """The recall (Vilain et al. 1995): the links of the key minus the missing ones, which are found by joining
    what the response links."""
    found = links = 0
    for entity in key:
        parts = [{mention} for mention in entity]
        for other in response:
            touched = [part for part in parts if part & other]
            parts = [part for part in parts if not part & other]
            parts += [set().union(*touched)] if touched else []
        links += len(entity) - 1
        found += len(entity) - 1 - (len(parts) - 1)
    return found, links


def slow_b3(key: Clusters, response: Clusters) -> tuple[Fraction, int]:
    """The recall (Bagga and Baldwin 1998), mention by mention. A mention that the response lacks adds nothing."""
    found, mentions = Fraction(0), 0
    for entity in key:
        for mention in entity:
            mentions += 1
            for other in response:
                if mention in other:
                    found += Fraction(len(entity & other), len(entity))
    return found, mentions


def slow_ceafe(key: Clusters, response: Clusters) -> Fraction:
    """The best sum of φ4 (Luo 2005) over all ways to put the entities side by side."""
    short, long = sorted((key, response), key=len)
    return max(
        sum((Fraction(2 * len(a & b), len(a) + len(b)) for a, b in zip(short, order)), Fraction(0))
        for order in permutations(long, len(short))
    )


letters = st.sampled_from("abcdefghij")


@st.composite
def partitions(draw) -> str:
    """Draw up to five entities over some of ten mentions."""
    words = [""] * 5
    for letter in sorted(draw(st.sets(letters))):
        words[draw(st.integers(0, 4))] += letter
    return " ".join(filter(None, words))


@given(st.lists(st.tuples(partitions(), partitions()), max_size=3))
@settings(max_examples=tries(80), deadline=None)
def test_scores_equal_a_slow_recount(documents):
    counts = sum((count_clusters(clusters(ours), clusters(key)) for key, ours in documents), ClusterCounts())
    pairs = [(clusters(key), clusters(ours)) for key, ours in documents]

    def total(part) -> tuple[float, float, float, float]:
        return tuple(map(float, map(sum, zip(*map(part, pairs))))) if pairs else (0.0, 0.0, 0.0, 0.0)  # type: ignore

    def both(function):
        return lambda pair: (*function(pair[1], pair[0]), *function(pair[0], pair[1]))

    def mention(pair):
        key, ours = (set().union(*side) for side in pair)
        return len(key & ours), len(ours), len(key & ours), len(key)

    def ceafe(pair):
        alike = slow_ceafe(*pair)
        return alike, len(pair[1]), alike, len(pair[0])

    found = counts.scores()
    values = []
    for name, part in {
        "mention": mention,
        "muc": both(slow_muc),
        "b3": both(slow_b3),
        "ceafe": ceafe,
    }.items():
        right, ours, recalled, key = total(part)
        p, r = (right / ours if ours else 0.0), (recalled / key if key else 0.0)
        f = 2 * p * r / (p + r) if p + r else 0.0
        assert prf(found, name) == (pytest.approx((p, r, f)) if ours or key else (None, None, None)), name
        values.append(f if ours or key else None)
    conll = None if None in values[1:] else pytest.approx(sum(values[1:]) / 3)
    assert found["ent_conll_f"] == conll


@given(partitions(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_right_entities_in_any_order_are_right(gold: str, generator: random.Random):
    words = gold.split()
    predicted = ["".join(generator.sample(word, len(word))) for word in generator.sample(words, len(words))]
    found = scores(gold, " ".join(predicted))
    links = any(len(word) > 1 for word in words)
    for name in ("mention", "muc", "b3", "ceafe"):
        assert prf(found, name) == ((1.0,) * 3 if (links if name == "muc" else words) else (None,) * 3)
    assert found["ent_conll_f"] == (1.0 if links else None)


@given(partitions(), partitions())
@settings(deadline=None)
def test_exchanging_the_sides_exchanges_precision_and_recall(one: str, other: str):
    there, back = scores(one, other), scores(other, one)
    for name in ("mention", "muc", "b3", "ceafe"):
        p, r, f = prf(there, name)
        assert prf(back, name) == pytest.approx((r, p, f))


# What the definitions leave open


def test_nothing_found_and_nothing_there():
    assert set(scores("", "").values()) == {None}
    assert set(ClusterCounts().scores().values()) == {None}
    assert len(scores("", "")) == 4 * 3 + 1
    for found in (scores("ab c", ""), scores("", "ab c"), scores("ab c", "xy z")):
        assert set(found.values()) == {0.0}


def test_a_mention_counts_once_in_the_first_entity_that_has_it():
    assert scores("ab bc", "ab c") == scores("ab c", "ab c")
    assert scores("ab c", "ab b bc") == scores("ab c", "ab c")


def test_counts_add_up():
    one, other = (count_clusters(clusters("ab c"), clusters(key)) for key in ("abc", "a bc"))
    assert one.ratios["b3"] == Ratios(3, 3, pytest.approx(5 / 3), 3)
    assert (one + other).ratios["b3"] == Ratios(3 + 2, 3 + 3, pytest.approx(5 / 3 + 2), 3 + 3)
    assert (one + other).ratios["muc"] == Ratios(1, 2, 1, 3)
    assert (ClusterCounts() + one).scores() == one.scores()


def test_many_entities_are_quick():
    numbers = range(600)
    found = count_clusters(
        [{(i, i + 1)} for i in numbers], [{(i, i + 1)} for i in reversed(numbers)]
    ).scores()
    assert prf(found, "ceafe") == (1.0, 1.0, 1.0)


# Docs


def make_doc(entities: dict[str, list[tuple[int, int]]], words: Sequence[str] = tuple("abcd")) -> Doc:
    doc = Doc(NLP.vocab, words=list(words))
    for key, offsets in entities.items():
        doc.spans[key] = SpanGroup(doc, spans=[doc[start:end] for start, end in offsets])
    return doc


def test_entities_of_docs_are_compared_by_characters():
    gold = make_doc({"entity_1": [(0, 1), (2, 3)], "entity_2": [(3, 4)], "other": [(0, 4)]})
    predicted = make_doc({"entity_7": [(0, 1), (1, 2)], "entity_1": [(2, 3)]}, words=["a", "b c", "d"])
    found = score_entities([Example(predicted, gold)], labels=[])
    # "b c" is not a gold mention, and "c" is not a predicted one.
    assert prf(found, "mention") == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert prf(found, "b3") == pytest.approx((1.5 / 3, 1.5 / 3, 0.5))


def test_documents_do_not_mix():
    one, other = make_doc({"entity_1": [(0, 1)]}), make_doc({"entity_1": [(1, 2)]})
    found = score_entities([Example(one, other), Example(other, one)])
    assert prf(found, "mention") == prf(found, "b3") == (0.0, 0.0, 0.0)


def test_the_registered_scorer_reads_its_prefix():
    doc = make_doc({"entity_1": [(0, 1), (1, 2)], "cluster_1": [(2, 3), (3, 4)]})
    other = make_doc({"entity_1": [(0, 1), (1, 2)], "cluster_1": [(2, 3)]})
    make = registry.scorers.get("spacy_kmgre.entity_scorer.v1")
    assert make()([Example(other, doc)])["ent_conll_f"] == 1.0
    found = make(prefix="cluster_")([Example(other, doc)])
    assert prf(found, "mention") == pytest.approx((1.0, 0.5, 2 / 3))
    assert prf(found, "muc") == (0.0, 0.0, 0.0)


def test_empty_docs():
    assert set(score_entities([]).values()) == {None}
    assert set(score_entities([Example(Doc(NLP.vocab), Doc(NLP.vocab))]).values()) == {None}


def test_names_do_not_clash_with_those_of_spacy():
    names: set[str] = set(score_entities([]))
    assert all(name.startswith("ent_") for name in names)
    assert not names & {"ents_p", "ents_r", "ents_f", "ents_per_type", "ent_type"}
