import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.evaluation.groups import (
    DISTANCES,
    GROUPERS,
    MENTION_PAIRS,
    bin_titles,
    by_distance,
    by_mention_pairs,
)
from spacy_kmgre.scoring.relations import count_relations
from spacy_kmgre.scoring.tallies import Tally

NLP = spacy.blank("en")


def make_doc(heads, tails, sentences: int = 9, split: bool = True) -> Doc:
    """Make sentences of four words. A mention is (number of the sentence, first word, word behind the last)."""
    starts = [i % 4 == 0 for i in range(4 * sentences)] if split else None
    doc = Doc(NLP.vocab, words=["w"] * 4 * sentences, sent_starts=starts)
    for key, mentions in (("entity_1", heads), ("entity_2", tails)):
        doc.spans[key] = [doc[4 * sentence + i : 4 * sentence + j] for sentence, i, j in mentions]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x"}]
    return doc


def starts(doc: Doc):
    return [sent.start_char for sent in doc.sents]


@pytest.mark.parametrize(
    "heads, tails, group",
    [
        ([(0, 0, 1)], [(0, 2, 3)], "distance_0"),
        ([(0, 0, 1)], [(1, 2, 3)], "distance_1"),
        ([(4, 0, 1)], [(2, 2, 3)], "distance_2"),
        ([(0, 0, 1)], [(4, 2, 3)], "distance_3"),
        ([(0, 0, 1)], [(5, 2, 3)], "distance_5"),
        ([(0, 0, 1)], [(8, 2, 3)], "distance_5"),
        ([(0, 0, 1), (6, 0, 1)], [(7, 2, 3)], "distance_1"),  # the nearest
        ([(0, 0, 1), (1, 3, 5)], [(2, 2, 3)], "distance_2"),  # a mention across sentences is in none
        ([(1, 3, 5)], [(2, 2, 3)], None),
    ],
)
def test_by_distance(heads, tails, group):
    doc = make_doc(heads, tails)
    assert by_distance(doc._.relations[0], starts(doc)) == group


def test_without_sentences_there_is_no_distance():
    doc = make_doc([(0, 0, 1)], [(1, 2, 3)], split=False)
    assert by_distance(doc._.relations[0], None) is None


@pytest.mark.parametrize(
    "heads, tails, group",
    [
        (1, 1, "pairs_1"),
        (1, 2, "pairs_2"),
        (3, 1, "pairs_2"),
        (2, 2, "pairs_4"),
        (3, 3, "pairs_8"),
        (4, 4, "pairs_16"),
    ],
)
def test_by_mention_pairs(heads, tails, group):
    doc = make_doc([(i, 0, 1) for i in range(heads)], [(i, 2, 3) for i in range(tails)])
    assert by_mention_pairs(doc._.relations[0], None) == group


def test_titles():
    assert list(bin_titles("pairs", MENTION_PAIRS).values()) == ["1", "2-3", "4-7", "8-15", "16 or more"]
    assert list(bin_titles("distance", DISTANCES).values()) == ["0", "1", "2", "3-4", "5 or more"]


def test_the_scorer_counts_the_groups():
    gold, predicted = (make_doc([(0, 0, 1), (3, 0, 1)], [(4, 2, 3)]) for _ in range(2))
    predicted._.relations = [
        *predicted._.relations,
        {"head": "entity_2", "tail": "entity_1", "label": "x"},
    ]
    counts = count_relations(Example(predicted, gold), groupers=GROUPERS)
    assert counts.groups["pairs_2"] == counts.groups["distance_1"] == Tally(1, 2, 1)
    assert counts.scores() == count_relations(Example(predicted, gold)).scores()
