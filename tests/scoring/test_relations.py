import random
from collections.abc import Iterable, Sequence

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.strings import hash_string
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.util import registry
from spacy.vocab import Vocab

from spacy_kmgre.annotations import store_relations
from spacy_kmgre.relation_input import relation_data_of
from spacy_kmgre.scoring.relations import (
    count_relations,
    make_relation_scorer,
    relation_facts,
    score_relations,
)
from spacy_kmgre.scoring.tallies import RelationCounts, Tally

from ..conftest import tries

NLP = spacy.blank("en")
Offsets = tuple[int, int]
Row = tuple[str, str, str, Sequence[int]]

TEXT = "Ann Lee founded Acme in Oslo . She likes Norway . Bob sold Acme ."
STARTS = (0, 7, 11)
ENTITIES = {
    "entity_0": [(0, 2), (7, 8)],
    "entity_1": [(3, 4), (13, 14)],
    "entity_2": [(5, 6)],
    "entity_3": [(9, 10)],
    "entity_4": [(11, 12)],
}
GOLD: list[Row] = [
    ("entity_0", "founder", "entity_1", (0,)),
    ("entity_0", "owner", "entity_1", (0,)),
    ("entity_1", "based", "entity_2", ()),
    ("entity_0", "likes", "entity_3", (1,)),
    ("entity_4", "owner", "entity_1", (0, 2)),
    ("entity_2", "country", "entity_3", (0, 1)),
]
PREDICTED: list[Row] = [
    ("entity_0", "founder", "entity_1", (0, 1)),
    ("entity_0", "founder", "entity_1", (0,)),  # a duplicate
    ("entity_1", "based", "entity_2", (0,)),
    ("entity_3", "likes", "entity_0", (1,)),  # the wrong way round
    ("entity_4", "owner", "entity_1", (2,)),
    ("entity_4", "enemy", "entity_0", (2,)),
]


def make_doc(
    entities: dict[str, list[Offsets]],
    relations: Iterable[Row] = (),
    words: Sequence[str] = tuple(TEXT.split()),
    starts: Sequence[int] | None = STARTS,
) -> Doc:
    """Make a Doc with relations, given as (head key, label, tail key, numbers of evidence sentences)."""
    sent_starts = None if starts is None else [i in starts for i in range(len(words))]
    doc = Doc(NLP.vocab, words=list(words), sent_starts=sent_starts)
    for key, offsets in entities.items():
        doc.spans[key] = SpanGroup(doc, spans=[doc[start:end] for start, end in offsets])
    data = [
        {"head": head, "tail": tail, "label": label, "evidence": list(evidence)}
        for head, label, tail, evidence in relations
    ]
    # As corpora are read: they hold relations of an entity with itself.
    store_relations(doc, [relation_data_of(doc, item) for item in data])
    return doc


def make_example(gold: Iterable[Row], predicted: Iterable[Row], **kwargs) -> Example:
    return Example(make_doc(ENTITIES, predicted, **kwargs), make_doc(ENTITIES, gold, **kwargs))


def prf(scores: dict, group: str) -> tuple:
    return tuple(scores[f"rel_{group}_{name}"] for name in "prf")


def fact(head: str, tail: str, label: str) -> int:
    return hash_string(f"{head}\x1f{tail}\x1f{label}")


def test_scores_are_those_counted_by_hand():
    # The second fact is gold but missed. A missed relation is not part of the precision, so it changes nothing.
    facts = {fact("Ann Lee", "Acme", "founder"), fact("She", "Norway", "likes")}
    scores = score_relations([make_example(GOLD, PREDICTED)], known_facts=facts, threshold=0.5)

    assert prf(scores, "micro") == pytest.approx((3 / 5, 3 / 6, 6 / 11))
    assert (scores["rel_ign_p"], scores["rel_ign_f"]) == pytest.approx((2 / 4, 1 / 2))
    assert prf(scores, "intra") == pytest.approx((3 / 4, 3 / 5, 2 / 3))
    assert prf(scores, "inter") == (0.0, 0.0, 0.0)
    assert prf(scores, "m1") == pytest.approx((2 / 4, 2 / 3, 4 / 7))
    assert prf(scores, "m2") == pytest.approx((1 / 1, 1 / 2, 2 / 3))
    assert prf(scores, "evidence") == pytest.approx((2 / 6, 2 / 7, 4 / 13))
    assert prf(scores, "evidence_labelled") == pytest.approx((2 / 5, 2 / 7, 4 / 12))
    assert prf(scores, "macro") == pytest.approx((3 / 6, 2.5 / 6, (2 + 2 / 3) / 6))
    assert scores["rel_per_type"] == {
        "based": {"p": 1.0, "r": 1.0, "f": 1.0},
        "country": {"p": 0.0, "r": 0.0, "f": 0.0},
        "enemy": {"p": 0.0, "r": 0.0, "f": 0.0},
        "founder": {"p": 1.0, "r": 1.0, "f": 1.0},
        "likes": {"p": 0.0, "r": 0.0, "f": 0.0},
        "owner": {"p": 1.0, "r": 0.5, "f": pytest.approx(2 / 3)},
    }
    assert scores["rel_counts"] == {
        "gold": 6,
        "predicted": 5,
        "correct": 3,
        "known": 1,
        "evidence_gold": 7,
        "evidence_predicted": 6,
        "evidence_correct": 2,
    }


def test_missed_gold_relations_of_absent_entities_are_false_negatives():
    seen = {key: ENTITIES[key] for key in ("entity_0", "entity_1")}
    example = Example(make_doc(seen, GOLD[:1]), make_doc(ENTITIES, GOLD))
    assert prf(score_relations([example]), "micro") == pytest.approx((1.0, 1 / 6, 2 / 7))
    example = Example(make_doc({}), make_doc(ENTITIES, GOLD))
    assert prf(score_relations([example]), "micro") == (0.0, 0.0, 0.0)


def test_every_label_of_an_entity_pair_counts():
    scores = score_relations([make_example(GOLD[:2], GOLD[:1])])
    assert prf(scores, "micro") == pytest.approx((1.0, 0.5, 2 / 3))
    assert prf(score_relations([make_example(GOLD[:2], GOLD[:2])]), "micro") == (1.0, 1.0, 1.0)


def test_the_two_directions_are_two_relations():
    there, back = ("entity_0", "owner", "entity_1", ()), ("entity_1", "owner", "entity_0", ())
    assert prf(score_relations([make_example([there], [back])]), "micro") == (0.0, 0.0, 0.0)
    scores = score_relations([make_example([there, back], [back])])
    assert prf(scores, "micro") == pytest.approx((1.0, 0.5, 2 / 3))


def test_order_changes_nothing():
    facts = {fact("Ann Lee", "Acme", "founder")}
    other = make_example(GOLD[2:], PREDICTED[:2])
    expected = score_relations([make_example(GOLD, PREDICTED), other], known_facts=facts)
    generator = random.Random(0)
    for _ in range(5):
        gold, predicted = generator.sample(GOLD, len(GOLD)), generator.sample(PREDICTED, len(PREDICTED))
        scores = score_relations(iter([other, make_example(gold, predicted)]), known_facts=facts)
        assert scores == expected


def test_documents_do_not_mix():
    first, second = make_example(GOLD[:1], []), make_example([], GOLD[:1])
    assert prf(score_relations([first, second]), "micro") == (0.0, 0.0, 0.0)


def test_entities_are_compared_by_mentions_not_by_keys():
    renamed = {"entity_7": ENTITIES["entity_0"], "entity_0": ENTITIES["entity_1"]}
    predicted = make_doc(renamed, [("entity_7", "founder", "entity_0", ())])
    scores = score_relations([Example(predicted, make_doc(ENTITIES, GOLD[:1]))])
    assert prf(scores, "micro") == (1.0, 1.0, 1.0)
    # The same keys with other mentions are other entities.
    swapped = {"entity_0": ENTITIES["entity_1"], "entity_1": ENTITIES["entity_0"]}
    predicted = make_doc(swapped, GOLD[:1])
    scores = score_relations([Example(predicted, make_doc(ENTITIES, GOLD[:1]))])
    assert prf(scores, "micro") == (0.0, 0.0, 0.0)


def test_the_key_decides_where_entities_share_their_mentions():
    twins = {"entity_0": [(3, 4)], "entity_1": [(3, 4)], "entity_2": [(5, 6)]}
    gold = make_doc(twins, [("entity_1", "based", "entity_2", ())])
    for key, expected in (("entity_0", 0.0), ("entity_1", 1.0)):
        predicted = make_doc(twins, [(key, "based", "entity_2", ())])
        assert score_relations([Example(predicted, gold)])["rel_micro_f"] == expected
    # Without the key to tell them apart, both count as the same one of the two.
    predicted = make_doc(
        {"entity_8": [(3, 4)], "entity_9": [(3, 4)], "entity_2": [(5, 6)]},
        [("entity_8", "based", "entity_2", ()), ("entity_9", "based", "entity_2", ())],
    )
    gold._.relations = [{"head": "entity_0", "label": "based", "tail": "entity_2"}]
    assert prf(score_relations([Example(predicted, gold)]), "micro") == (1.0, 1.0, 1.0)


def test_entities_with_mentions_that_do_not_fit_the_tokens():
    spaces = [True, False, False, True, False]
    fine = Doc(NLP.vocab, words=["Ann", "Lee", "-", "led", "Acme"], spaces=spaces)
    coarse = Doc(NLP.vocab, words=["Ann", "Lee-led", "Acme"])
    relations = [{"head": "entity_0", "label": "owner", "tail": "entity_1"}]
    fine.spans["entity_0"], fine.spans["entity_1"] = [fine[0:1], fine[1:2]], [fine[4:5]]
    fine._.relations = relations

    def f_score(mentions: list[Offsets]) -> tuple[float, float]:
        coarse.spans["entity_0"] = [coarse[start:end] for start, end in mentions]
        coarse.spans["entity_1"] = [coarse[2:3]]
        coarse._.relations = relations
        there, back = score_relations([Example(coarse, fine)]), score_relations([Example(fine, coarse)])
        return there["rel_micro_f"], back["rel_micro_f"]

    assert f_score([(0, 1)]) == (1.0, 1.0)  # "Lee" is not a token of the coarse Doc
    assert f_score([(0, 1), (1, 2)]) == (0.0, 0.0)  # "Lee-led" could have been a mention in both
    assert f_score([(0, 1), (2, 3)]) == (0.0, 0.0)  # so could "Acme"
    assert f_score([]) == (0.0, 0.0)  # nothing shared


def test_clusters_that_share_no_mention_are_not_the_same():
    docs = []
    for words in (["ab", "c", "d"], ["a", "bc", "d"]):  # "ab" and "bc" fit only their own Doc
        doc = Doc(NLP.vocab, words=words, spaces=[False] * 3)
        first = doc[:1] if words[0] == "ab" else doc[1:2]
        doc.spans["entity_0"], doc.spans["entity_1"] = [first], [doc[2:]]
        doc._.relations = [{"head": "entity_0", "label": "owner", "tail": "entity_1"}]
        docs.append(doc)
    assert prf(score_relations([Example(*docs)]), "micro") == (0.0, 0.0, 0.0)


def test_a_key_is_no_proof_where_the_tokens_fit():
    predicted = make_doc({**ENTITIES, "entity_0": [(0, 2)]}, GOLD[:1])
    scores = score_relations([Example(predicted, make_doc(ENTITIES, GOLD[:1]))])
    assert prf(scores, "micro") == (0.0, 0.0, 0.0)


def test_known_facts_match_by_any_pair_of_mentions():
    doc = make_doc(ENTITIES, GOLD[:1])
    facts = set(relation_facts(doc._.relations[0]))
    assert facts == {fact("Ann Lee", "Acme", "founder"), fact("She", "Acme", "founder")}
    for known in facts:
        scores = score_relations([make_example(GOLD[:2], GOLD[:2])], known_facts=[known])
        assert (scores["rel_counts"]["known"], scores["rel_ign_p"]) == (1, 1.0)
    # Everything predicted is known, so nothing is left of the precision.
    scores = score_relations([make_example(GOLD[:2], GOLD[:1])], known_facts=facts)
    assert (scores["rel_ign_p"], scores["rel_ign_f"], scores["rel_micro_r"]) == (0.0, 0.0, 0.5)
    # Another label or the other direction is another fact.
    others = [fact("Ann Lee", "Acme", "owner"), fact("Acme", "Ann Lee", "founder")]
    scores = score_relations([make_example(GOLD[:1], GOLD[:1])], known_facts=others)
    assert (scores["rel_counts"]["known"], scores["rel_ign_f"]) == (0, 1.0)


def test_facts_are_stable():
    doc = make_doc({"entity_0": [(0, 2)], "entity_1": [(3, 4)]}, GOLD[:1])
    assert list(relation_facts(doc._.relations[0])) == [13231693029734023217]


def test_nothing_to_score_gives_none():
    for examples in ([], [make_example([], [])], [Example(Doc(NLP.vocab), Doc(NLP.vocab))]):
        scores = score_relations(examples)
        assert set(scores.pop("rel_counts").values()) == {0}
        assert set(scores.values()) == {None}
        assert len(scores) == 3 * 10 + 2 + 1 + 3 + 2


def test_intra_and_inter_need_sentences_everywhere():
    split, unsplit = make_example(GOLD, GOLD), make_example([], [(*PREDICTED[0][:3], ())], starts=None)
    assert prf(score_relations([split]), "inter") == (1.0, 1.0, 1.0)
    scores = score_relations([split, unsplit])
    assert prf(scores, "intra") == prf(scores, "inter") == (None, None, None)
    assert prf(scores, "micro") == pytest.approx((6 / 7, 1.0, 12 / 13))
    # A document without relations does not need them.
    scores = score_relations([split, make_example([], [], starts=None)])
    assert prf(scores, "inter") == (1.0, 1.0, 1.0)


def test_sentences_are_the_references():
    predicted = make_doc(ENTITIES, [(*GOLD[-1][:3], ())], starts=None)
    scores = score_relations([Example(predicted, make_doc(ENTITIES, GOLD[-1:]))])
    assert (prf(scores, "inter"), prf(scores, "intra")) == ((1.0, 1.0, 1.0), (None, None, None))


def test_sentences_without_white_space_between_them():
    words, spaces = ["Ann", "sold", "Acme", "Bob", "left"], [True, True, False, True, False]
    doc = Doc(NLP.vocab, words=words, spaces=spaces, sent_starts=[i in (0, 3) for i in range(5)])
    doc.spans["entity_0"], doc.spans["entity_1"] = [doc[0:1]], [doc[2:3]]
    doc.spans["entity_2"] = [doc[2:4]]  # in neither sentence
    doc._.relations = [
        {"head": "entity_0", "label": "owner", "tail": "entity_1"},
        {"head": "entity_0", "label": "owner", "tail": "entity_2"},
    ]
    groups = count_relations(Example(doc.copy(), doc)).groups
    assert groups["intra"] == groups["inter"] == Tally(correct=1, predicted=1, gold=1)


def test_evidence_is_undefined_without_gold_evidence():
    bare = [(*row[:3], ()) for row in GOLD]
    scores = score_relations([make_example(bare, PREDICTED)])
    assert prf(scores, "evidence") == prf(scores, "evidence_labelled") == (None, None, None)
    assert scores["rel_counts"]["evidence_predicted"] == 6


def test_evidence_of_a_wrong_relation_is_wrong():
    scores = score_relations([make_example(GOLD[:1], [("entity_0", "likes", "entity_1", (0,))])])
    assert prf(scores, "evidence") == prf(scores, "evidence_labelled") == (0.0, 0.0, 0.0)


def test_counts_of_documents_add_up():
    examples = [make_example(GOLD, PREDICTED), make_example(GOLD[1:], GOLD[:3]), make_example([], [])]
    facts = {fact("Ann Lee", "Acme", "founder")}
    counts = [count_relations(example, facts) for example in examples]
    assert sum(counts, RelationCounts()).scores() == score_relations(examples, known_facts=facts)
    # A bootstrap sample may hold the first document twice.
    twice = sum([counts[0], counts[0]], RelationCounts())
    assert twice.groups["micro"] == Tally(correct=6, predicted=10, gold=12)
    assert twice.labels["owner"] == Tally(correct=2, predicted=2, gold=4)
    assert twice.known == 2


def test_losses_of_documents_add_up():
    lost = Example(make_doc({"entity_9": [(14, 15)]}), make_doc(ENTITIES, GOLD))
    scores = score_relations([make_example(GOLD, GOLD), lost, lost])
    unaligned = [scores[f"rel_unaligned_{side}"] for side in ("gold", "predicted", "relations")]
    assert unaligned == [2 * len(ENTITIES), 2, 2 * len(GOLD)]
    assert scores["rel_missed"] == losses(mention=2 * len(GOLD))


# Predicted entities that differ from the gold ones

TYPES = {"entity_0": "PER", "entity_1": "ORG", "entity_2": "LOC", "entity_3": "LOC", "entity_4": "PER"}


def make_typed(entities: dict[str, list[Offsets]], types: dict[str, str], relations: Iterable[Row]) -> Doc:
    doc = make_doc(entities, relations)
    for key, offsets in entities.items():
        spans = [Span(doc, start, end, label=types.get(key, "")) for start, end in offsets]
        doc.spans[key] = SpanGroup(doc, spans=spans)
    return doc


def end_to_end(entities: dict[str, list[Offsets]], types: dict[str, str], relations: Iterable[Row]) -> dict:
    """Score predicted entities and relations against ENTITIES, TYPES and GOLD."""
    return score_relations(
        [Example(make_typed(entities, types, relations), make_typed(ENTITIES, TYPES, GOLD))]
    )


def losses(**numbers: int) -> dict[str, int]:
    return {cause: numbers.get(cause, 0) for cause in ("mention", "cluster", "type", "relation")}


def test_with_gold_entities_the_three_levels_are_one():
    scores = end_to_end(ENTITIES, TYPES, PREDICTED)
    expected = pytest.approx((3 / 5, 3 / 6, 6 / 11))
    assert prf(scores, "strict") == prf(scores, "micro") == prf(scores, "overlap") == expected
    assert scores["rel_missed"] == losses(relation=3)
    assert scores["rel_spurious"] == losses(relation=2)
    assert [scores[f"rel_unaligned_{side}"] for side in ("gold", "predicted", "relations")] == [0, 0, 0]


def test_levels_and_losses_counted_by_hand():
    entities = {
        "entity_1": [(0, 2)],  # "She" was not found: no longer entity_0
        "entity_2": [(3, 4), (13, 14)],  # entity_1
        "entity_3": [(5, 6)],  # entity_2, with another type
        "entity_4": [(11, 12), (12, 13)],  # entity_4 and a word that is not a mention
        "entity_5": [(14, 15)],  # the full stop
    }
    types = {"entity_1": "PER", "entity_2": "ORG", "entity_3": "ORG", "entity_4": "PER", "entity_5": "LOC"}
    predicted: list[Row] = [
        ("entity_1", "founder", "entity_2", ()),  # right but for the mention
        ("entity_2", "based", "entity_3", ()),  # right but for the type
        ("entity_4", "owner", "entity_2", ()),  # right but for a mention too many
        ("entity_4", "enemy", "entity_1", ()),  # wrong at all levels
        ("entity_2", "based", "entity_5", ()),  # an entity of its own
        ("entity_2", "owner", "entity_2", ()),  # wrong between right entities
    ]
    scores = end_to_end(entities, types, predicted)
    assert prf(scores, "strict") == (0.0, 0.0, 0.0)
    assert prf(scores, "micro") == pytest.approx((1 / 6, 1 / 6, 1 / 6))
    assert prf(scores, "overlap") == pytest.approx((3 / 6, 3 / 6, 3 / 6))
    # Founder, owner and likes lack "She"; likes and country lack Norway; the cluster of Bob is wrong.
    assert scores["rel_missed"] == losses(mention=4, cluster=1, type=1)
    assert scores["rel_spurious"] == losses(mention=3, cluster=1, type=1, relation=1)
    unaligned = [scores[f"rel_unaligned_{side}"] for side in ("gold", "predicted", "relations")]
    assert unaligned == [1, 1, 2]


def test_a_type_counts_only_where_there_is_a_gold_one():
    gold = make_typed(ENTITIES, {"entity_0": "PER"}, GOLD[:1])
    for types, expected in (({"entity_0": "PER", "entity_1": "ORG"}, 1.0), ({"entity_0": ""}, 0.0)):
        scores = score_relations([Example(make_typed(ENTITIES, types, GOLD[:1]), gold)])
        assert (scores["rel_strict_f"], scores["rel_micro_f"]) == (expected, 1.0)


def test_two_entities_of_one_gold_entity_are_not_both_right():
    entities = {**ENTITIES, "entity_0": [(0, 2)], "entity_9": [(7, 8)]}
    relations = [("entity_0", "founder", "entity_1", ()), ("entity_9", "founder", "entity_1", ())]
    scores = end_to_end(entities, TYPES, relations)
    assert scores["rel_overlap_p"] == 0.5
    assert scores["rel_missed"] == losses(cluster=3, relation=3)
    assert scores["rel_spurious"] == losses(cluster=2)


# Through a pipeline


class Oracle(Pipe):
    """A component that predicts the founder, between entities that are on the Doc."""

    def __init__(self, vocab: Vocab, name: str):
        self.vocab, self.name = vocab, name
        self.scorer = registry.scorers.get("spacy_kmgre.relation_scorer.v1")()
        self.cfg = {"threshold": 0.5, "known_facts": frozenset([fact("Ann Lee", "Acme", "founder")])}

    def __call__(self, doc: Doc) -> Doc:
        doc._.relations = [{"head": "entity_0", "label": "founder", "tail": "entity_1"}]
        return doc


def make_oracle(nlp: Language, name: str) -> Oracle:
    return Oracle(nlp.vocab, name)


def test_scores_through_evaluate():
    assert make_relation_scorer() is score_relations
    Language.factory("relation_oracle", func=make_oracle)
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_oracle")
    scores = nlp.evaluate([Example(make_doc(ENTITIES), make_doc(ENTITIES, GOLD[:2]))])
    assert prf(scores, "micro") == pytest.approx((1.0, 0.5, 2 / 3))
    assert scores["rel_ign_p"] == 0.0


# Documents have twelve words out of three, so that names recur, in sentences of three words.
LENGTH = 12
mentions = st.integers(0, LENGTH - 2).flatmap(
    lambda start: st.integers(start + 1, min(start + 2, LENGTH)).map(lambda end: (start, end))
)
clusters = st.lists(st.frozensets(mentions, min_size=1, max_size=3), min_size=4, max_size=4, unique=True)
entity_numbers = st.integers(0, 3)
relations = st.lists(
    st.tuples(entity_numbers, st.sampled_from("AB"), entity_numbers, st.frozensets(st.integers(0, 3))),
    max_size=8,
)


@st.composite
def documents(draw):
    """Draw words, gold entities, predicted entities of which some differ, and relations between either."""
    words = draw(st.lists(st.sampled_from("xyz"), min_size=LENGTH, max_size=LENGTH))
    gold = draw(clusters)
    changed = draw(clusters)
    predicted = [draw(st.sampled_from([ours, ours, other])) for ours, other in zip(gold, changed)]
    if len(set(predicted)) < len(predicted):
        predicted = gold
    order = draw(st.permutations(range(4)))
    return words, gold, [predicted[i] for i in order], draw(relations), draw(relations)


facts_strategy = st.sets(st.tuples(*[st.sampled_from(["x", "y", "x y", "z"])] * 2, st.sampled_from("AB")))


def slow_scores(corpus, facts: set[tuple[str, str, str]]) -> dict[str, float | None]:
    """Compute the figures once more, by scans over lists of everything in the corpus."""
    gold, predicted = list_relations(corpus)
    gold_ids = [item["id"] for item in gold]
    result: dict[str, float | None] = {}
    conditions = {
        "micro": lambda _: True,
        "intra": within_one_sentence,
        "inter": lambda item: not within_one_sentence(item),
        "m1": lambda item: several(item) == 1,
        "m2": lambda item: several(item) == 2,
    }
    for name, condition in conditions.items():
        ours, theirs = [item for item in predicted if condition(item)], list(filter(condition, gold))
        right = [item for item in ours if item["id"] in gold_ids]
        result.update(three(name, len(right), len(ours), len(theirs)))
    right = [item for item in predicted if item["id"] in gold_ids]
    known = len([item for item in right if is_known(item, facts)])
    p, r = ratio(len(right) - known, len(predicted) - known), result["rel_micro_r"]
    result["rel_ign_p"] = None if r is None else p
    result["rel_ign_f"] = None if r is None else (2 * p * r / (p + r) if p + r else 0.0)
    by_label = []
    for label in "AB":
        ours, theirs = ([item for item in side if item["id"][3] == label] for side in (predicted, gold))
        if ours or theirs:
            right = [item for item in ours if item["id"] in gold_ids]
            by_label.append(list(three("", len(right), len(ours), len(theirs)).values()))
    for i, name in enumerate("prf"):
        values = [row[i] for row in by_label]
        result[f"rel_macro_{name}"] = sum(values) / len(values) if values else None
    return result | slow_evidence(gold, predicted)


def list_relations(corpus) -> tuple[list[dict], list[dict]]:
    """The gold and the predicted relations, each once."""
    gold: list[dict] = []
    predicted: list[dict] = []
    for number, (words, gold_clusters, predicted_clusters, *sides) in enumerate(corpus):
        for rows, entities, found in zip(sides, (gold_clusters, predicted_clusters), (gold, predicted)):
            for head, label, tail, evidence in rows:
                pair = (sorted(entities[head]), sorted(entities[tail]))
                same = [item for item in found if item["id"] == (number, *pair, label)]
                if not same:
                    same = [{"id": (number, *pair, label), "evidence": [], "words": words}]
                    found += same
                same[0]["evidence"] += [sent for sent in evidence if sent not in same[0]["evidence"]]
    return gold, predicted


def slow_evidence(gold: list[dict], predicted: list[dict]) -> dict[str, float | None]:
    result = {}
    total = sum(len(item["evidence"]) for item in gold)
    for name in ("evidence", "evidence_labelled"):
        found = right = 0
        for item in predicted:
            twins = [other for other in gold if other["id"] == item["id"]]
            if name == "evidence_labelled" and twins and not twins[0]["evidence"]:
                continue
            found += len(item["evidence"])
            right += len([sent for sent in item["evidence"] if twins and sent in twins[0]["evidence"]])
        result.update(three(name, right, found, total) if total else three(name, 0, 0, 0))
    return result


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def three(name: str, right: int, ours: int, theirs: int) -> dict[str, float | None]:
    p, r = ratio(right, ours), ratio(right, theirs)
    values = (p, r, 2 * p * r / (p + r) if p + r else 0.0) if ours or theirs else (None, None, None)
    return dict(zip((f"rel_{name}_p", f"rel_{name}_r", f"rel_{name}_f"), values))


def within_one_sentence(item: dict) -> bool:
    _, heads, tails, _ = item["id"]
    for head_start, head_end in heads:
        for tail_start, tail_end in tails:
            spans = [head_start // 3, (head_end - 1) // 3, tail_start // 3, (tail_end - 1) // 3]
            if len(set(spans)) == 1:
                return True
    return False


def several(item: dict) -> int:
    return [len(side) > 1 for side in item["id"][1:3]].count(True)


def is_known(item: dict, facts: set[tuple[str, str, str]]) -> bool:
    _, heads, tails, label = item["id"]
    names = [[" ".join(item["words"][start:end]) for start, end in side] for side in (heads, tails)]
    return any((head, tail, label) in facts for head in names[0] for tail in names[1])


@given(st.lists(documents(), max_size=3), facts_strategy)
@settings(max_examples=tries(50), deadline=None)
def test_scores_equal_a_slow_recount(corpus, facts):
    examples = []
    for words, gold_clusters, predicted_clusters, gold, predicted in corpus:
        docs = []
        for entities, rows in ((predicted_clusters, predicted), (gold_clusters, gold)):
            named = {f"entity_{i}": sorted(cluster) for i, cluster in enumerate(entities)}
            keyed = [(f"entity_{head}", label, f"entity_{tail}", sents) for head, label, tail, sents in rows]
            docs.append(make_doc(named, keyed, words=words, starts=range(0, LENGTH, 3)))
        examples.append(Example(*docs))
    scores = score_relations(examples, known_facts={fact(*names) for names in facts})
    for name, value in slow_scores(corpus, facts).items():
        assert scores[name] == (None if value is None else pytest.approx(value)), name


some_types = st.lists(st.sampled_from(["", "PER", "LOC"]), min_size=4, max_size=4)


@given(documents(), some_types, some_types)
@settings(max_examples=tries(50), deadline=None)
def test_losses_equal_a_slow_recount(document, gold_types, predicted_types):
    words, gold_clusters, predicted_clusters, gold, predicted = document
    docs = []
    sides = (
        (predicted_clusters, predicted_types, predicted),
        (gold_clusters, gold_types, gold),
    )
    for entities, types, rows in sides:
        doc = make_doc({f"entity_{i}": sorted(cluster) for i, cluster in enumerate(entities)}, words=words)
        for i, label in enumerate(types):
            doc.spans[f"entity_{i}"] = [
                Span(doc, span.start, span.end, label=label) for span in doc.spans[f"entity_{i}"]
            ]
        data = [
            {"head": f"entity_{head}", "label": label, "tail": f"entity_{tail}"}
            for head, label, tail, _ in rows
        ]
        store_relations(doc, [relation_data_of(doc, item) for item in data])
        docs.append(doc)

    def right(ours: int, theirs: int) -> bool:
        same = predicted_clusters[ours] == gold_clusters[theirs]
        return same and gold_types[theirs] in ("", predicted_types[ours])

    def fault(end: int, here, there, is_right) -> str | None:
        if any(all(mention not in other for other in there) for mention in here[end]):
            return "mention"
        if all(other != here[end] for other in there):
            return "cluster"
        return None if any(is_right(end, other) for other in range(4)) else "type"

    def lost(rows, others, here, there, is_right) -> dict[str, int]:
        counts = losses()
        for head, label, tail in {row[:3] for row in rows}:
            if any(is_right(head, h) and is_right(tail, t) and label == name for h, name, t, _ in others):
                continue
            faults = [fault(end, here, there, is_right) for end in (head, tail)]
            counts[
                next((cause for cause in ("mention", "cluster", "type") if cause in faults), "relation")
            ] += 1
        return counts

    scores = score_relations([Example(*docs)])
    if not gold and not predicted:
        assert scores["rel_missed"] is None
        return
    missed = lost(gold, predicted, gold_clusters, predicted_clusters, lambda i, j: right(j, i))
    spurious = lost(predicted, gold, predicted_clusters, gold_clusters, right)
    assert scores["rel_missed"] == missed
    assert scores["rel_spurious"] == spurious
    ours, theirs = (len({row[:3] for row in rows}) for rows in (predicted, gold))
    correct = theirs - sum(missed.values())
    assert correct == ours - sum(spurious.values())
    assert scores["rel_strict_p"] == (correct / ours if ours else 0.0)
    assert scores["rel_strict_r"] == (correct / theirs if theirs else 0.0)
    levels = [scores[f"rel_{level}_f"] for level in ("strict", "micro", "overlap")]
    assert levels == sorted(levels)
