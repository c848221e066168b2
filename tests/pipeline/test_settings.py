"""What decides predictions beside the model, against loops over Python floats and by hand."""

import math
from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.model.maths import predict_relations, relation_scores
from spacy_kmgre.pipeline.settings import Controls, Settings

from ..conftest import GOLD, NAME, component, make_doc, make_examples, triples

LABELS = ("parent", "child", "spouse", "lives_in")
SYMMETRIC = ["spouse"]
INVERSE = [("parent", "child")]
law = settings(deadline=None, derandomize=True, max_examples=60)


def entity_pairs(entities: Sequence[int]) -> torch.Tensor:
    """All ordered pairs of different entities. *Shape:* (N, 2)"""
    return torch.tensor(list(permutations(entities, 2)), dtype=torch.long).view(-1, 2)


def make_controls(triples: Sequence[Sequence[str]] | None = None, **changes) -> Controls:
    return Controls(LABELS, Settings(**changes), triples)


def adjust(
    controls: Controls, logits: torch.Tensor, pairs: torch.Tensor, types: Sequence[str]
) -> torch.Tensor:
    """The logits that count in a batch of one document."""
    return controls.adjust(logits, torch.zeros(len(pairs), dtype=torch.long), pairs, [types])


def random_logits(pairs: int, seed: int, classes: int = len(LABELS) + 1) -> torch.Tensor:
    return 3 * torch.randn(pairs, classes, generator=torch.Generator().manual_seed(seed))


def score_slowly(
    logits: list[list[float]],
    entities: list[tuple[int, int]],
    types: Sequence[str],
    triples: list[tuple[str, str, str]] | None,
) -> dict[tuple[int, int, str], float]:
    """The score of each relation, one after the other, with SYMMETRIC and INVERSE."""
    others = {"spouse": "spouse", "parent": "child", "child": "parent"}

    def margin(head: int, tail: int, label: str) -> float:
        row = logits[entities.index((head, tail))]
        return row[1 + LABELS.index(label)] - row[0]

    scores = {}
    for (head, tail), label in product(entities, LABELS):
        value = margin(head, tail, label)
        if label in others and (tail, head) in entities:
            value = (value + margin(tail, head, others[label])) / 2
        allowed = triples is None or any(
            label == middle
            and (left == types[head] or "" in (left, types[head]))
            and (right == types[tail] or "" in (right, types[tail]))
            for left, middle, right in triples
        )
        scores[head, tail, label] = 1 / (1 + math.exp(-value)) if allowed else 0.0
    return scores


kinds = st.sampled_from(["", "PER", "LOC", "ORG"])


@law
@given(
    types=st.lists(kinds, min_size=2, max_size=4),
    triples=st.none() | st.lists(st.tuples(kinds, st.sampled_from(LABELS), kinds), max_size=6),
    lonely=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_against_loops(types, triples, lonely, seed):
    pairs = list(permutations(range(len(types)), 2))
    if lonely:
        pairs = pairs[1:]  # the inverse of this pair is in another chunk
    logits = random_logits(len(pairs), seed)
    controls = make_controls(triples=triples, symmetric=SYMMETRIC, inverse=INVERSE)
    found = relation_scores(adjust(controls, logits, torch.tensor(pairs), types))[:, 1:].flatten().tolist()
    expected = score_slowly(logits.tolist(), pairs, types, triples)
    assert found == pytest.approx(list(expected.values()), abs=1e-6)


@law
@given(entities=st.integers(2, 5), seed=st.integers(0, 1000))
def test_symmetric_and_inverse_labels_are_predicted_both_ways_or_not_at_all(entities, seed):
    pairs = entity_pairs(range(entities))
    controls = make_controls(symmetric=SYMMETRIC, inverse=INVERSE, thresholds={"lives_in": 0.9})
    logits = adjust(controls, random_logits(len(pairs), seed), pairs, [""] * entities)
    predicted = predict_relations(logits, max_labels=4, threshold=controls.threshold)
    rows = {tuple(pair): row for row, pair in enumerate(pairs.tolist())}
    for (head, tail), row in rows.items():
        inverse_row = rows[tail, head]
        for one, other in ((1, 2), (2, 1), (3, 3)):
            assert predicted[row, one] == predicted[inverse_row, other]
            assert logits[row, one] == logits[inverse_row, other]  # to the bit


def test_off_changes_no_bit():
    logits = random_logits(6, 0)
    controls = make_controls()
    assert adjust(controls, logits, entity_pairs(range(3)), ["PER", "", "LOC"]) is logits
    assert controls.calibrate(logits) is logits
    assert controls.threshold == 0.5 and not controls.needs_inverse


def test_calibrated_scores_against_a_loop():
    logits = random_logits(6, 2)
    logits[0, 2] = -torch.inf  # no triple allows it
    found = relation_scores(make_controls(calibration=[0.4, -1.5]).calibrate(logits))
    for row, scores in zip(logits.tolist(), found.tolist()):
        expected = [1 / (1 + math.exp(-(0.4 * (value - row[0]) - 1.5))) for value in row[1:]]
        assert scores == pytest.approx([0.5, *expected], abs=1e-6)


def test_symmetric_labels_alone_leave_the_others_as_they_are():
    logits, pairs = random_logits(6, 1), entity_pairs(range(3))
    adjusted = adjust(make_controls(symmetric=SYMMETRIC), logits, pairs, [""] * 3)
    same = [0, 1, 2, 4]
    assert torch.equal(relation_scores(adjusted)[:, same], relation_scores(logits)[:, same])
    assert not torch.equal(relation_scores(adjusted)[:, 3], relation_scores(logits)[:, 3])


def test_thresholds_of_single_labels():
    logits = torch.tensor([[0.0, 1.0, 1.0, -1.0, -1.0]])  # scores 0.73 and 0.27
    threshold = make_controls(thresholds={"parent": 0.8, "lives_in": 0.2}).threshold
    assert predict_relations(logits, threshold=threshold).tolist() == [[False, False, True, False, True]]
    extremes = make_controls(thresholds={"parent": 1.0, "lives_in": 0.0}).threshold
    assert predict_relations(50 * logits, threshold=extremes)[0].tolist() == [False, False, True, False, True]


def test_a_threshold_next_to_1_is_not_never():
    logits = torch.tensor([[0.0, 25.0, 22.0, 0.0, 0.0]])
    assert predict_relations(logits, threshold=1 - 1e-10).tolist() == [[False, True, False, False, False]]


def test_max_labels_counts_what_is_above_its_threshold():
    logits = torch.tensor([[0.0, 3.0, 2.0, 1.0, 0.5]])
    threshold = make_controls(thresholds={"parent": 0.99}).threshold
    found = predict_relations(logits, max_labels=2, threshold=threshold)
    assert found.tolist() == [[False, False, True, True, False]]


@pytest.mark.parametrize(
    "changes, code, words",
    [
        ({"thresholds": {"perant": 0.5}}, "E024", ["thresholds", "perant", "lives_in"]),
        ({"triples": [("PER", "perant", "PER")]}, "E024", ["allowed_triples", "perant"]),
        ({"symmetric": ["perant"]}, "E024", ["symmetric", "perant"]),
        ({"inverse": [("parent", "chidl")]}, "E024", ["inverse", "chidl"]),
        ({"inverse": [("parent", "child"), ("parent", "spouse")]}, "E025", ["parent", "child", "spouse"]),
        ({"symmetric": ["parent"], "inverse": [("parent", "child")]}, "E025", ["parent", "child"]),
    ],
)
def test_mistakes_are_named(changes, code, words):
    with pytest.raises(ValueError, match=code) as error:
        make_controls(**changes)
    assert all(word in str(error.value) for word in words)


# On the component

INVERSES = {"symmetric": ["lives_in"], "inverse": [["founded", "founded_by"]]}


def test_a_pipeline_averages_over_inverses_in_any_cut(load):
    nlp = load()
    pipe = component(nlp)
    pipe.threshold = 0.0
    pipe.max_labels = 9
    (entities,), chunks = pipe.score_pairs([make_doc(nlp)])
    (chunk,) = chunks
    logits, _ = pipe.relation_logits(chunk, [[entity.label for entity in entities]], pipe.controls)
    margins = {
        (entities[head].key, label, entities[tail].key): row[number] - row[0]
        for (head, tail), row in zip(chunk.entities.tolist(), logits.tolist())
        for number, label in enumerate(pipe.labels, start=1)
    }
    pipe.symmetric, pipe.inverse = INVERSES["symmetric"], INVERSES["inverse"]
    other = {"lives_in": "lives_in", "founded": "founded_by", "founded_by": "founded"}
    results = []
    for chunk in (1, 5, 4096):
        pipe.model.shims[0].network.chunk = chunk
        doc = nlp(make_doc(nlp))
        found = {(r.head.key, r.label, r.tail.key): r.score for r in doc._.relations}
        assert found.keys() == margins.keys()
        for (head, label, tail), score in found.items():
            margin = margins[head, label, tail]
            if label in other:
                assert score == pytest.approx(found[tail, other[label], head], abs=1e-6)
                margin = (margin + margins[tail, other[label], head]) / 2
            assert score == pytest.approx(1 / (1 + math.exp(-margin)), abs=1e-5)
        for relation in doc._.relations:
            assert math.fsum(pair.share for pair in relation.key_mention_pairs) == pytest.approx(1.0)
            for pair in relation.key_mention_pairs:
                assert pair.head in relation.head.mentions and pair.tail in relation.tail.mentions
        results.append(found)
    for found in results[1:]:
        assert found == pytest.approx(results[0], abs=1e-5)


def test_docs_decoded_together_do_not_mix(load):
    """Inverses and types are looked up by numbers of entities, which start anew in each Doc."""
    nlp = load()
    pipe = component(nlp)
    pipe.threshold, pipe.max_labels, pipe.allowed_triples = 0.0, 9, "corpus"
    pipe.symmetric, pipe.inverse = INVERSES["symmetric"], INVERSES["inverse"]

    def docs():
        for left_out in (None, "entity_1", "entity_3", None, "entity_2"):
            doc = make_doc(nlp)
            if left_out:
                del doc.spans[left_out]
            yield doc

    together, alone = list(nlp.pipe(docs(), batch_size=5)), [nlp(doc) for doc in docs()]
    for found, expected in zip(together, alone):
        assert sorted(triples(found)) == sorted(triples(expected)) != []
        scores = [
            {(r.head.key, r.label, r.tail.key): r.score for r in doc._.relations} for doc in (found, expected)
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_thresholds_of_labels_rule_on_the_component(load):
    nlp = load()
    component(nlp).thresholds = {"founded": 1.0}
    assert triples(nlp(make_doc(nlp))) == [triple for triple in GOLD if triple[1] != "founded"]


def test_triples_of_the_training_corpus(load):
    nlp = load()
    pipe = component(nlp)
    assert pipe.cfg["triples"] == [["X", label, "X"] for label in pipe.labels]
    pipe.allowed_triples = "corpus"
    assert triples(nlp(make_doc(nlp))) == GOLD
    doc = make_doc(nlp)
    doc.spans["entity_3"] = [spacy.tokens.Span(doc, 8, 9, label="Y"), spacy.tokens.Span(doc, 13, 14)]
    with pytest.warns(UserWarning, match=r"W025.*'Y'"):
        assert {triple[2] for triple in triples(nlp(doc))} == {"entity_2"}
    doc.spans["entity_3"] = [doc[8:9], doc[13:14]]  # of unknown type
    assert triples(nlp(doc)) == GOLD


def test_triples_can_be_given_and_learned_anew(load):
    nlp = load()
    pipe = component(nlp)
    pipe.allowed_triples = [("X", "founded", "X")]
    assert [triple[1] for triple in triples(nlp(make_doc(nlp)))] == ["founded"]
    examples = make_examples(nlp)
    for example in examples:
        example.reference._.relations = [r for r in example.reference._.relations if r.label == "works_in"]
    pipe.learn_triples(examples)
    pipe.allowed_triples = "corpus"
    assert [triple[1] for triple in triples(nlp(make_doc(nlp)))] == ["works_in"]


def test_triples_that_were_not_learned(load):
    nlp = load()
    del component(nlp).cfg["triples"]  # as in a pipeline of an older version
    component(nlp).allowed_triples = "corpus"
    with pytest.raises(ValueError, match="E026"):
        nlp(make_doc(nlp))


VALUES = {
    "thresholds": {"founded": 0.75, "per:title = x": 0.25},
    "allowed_triples": [["X", "founded", "X"], ["", "lives_in", "LOC"]],
    "symmetric": ["lives_in"],
    "inverse": [["founded", "founded_by"]],
}


@pytest.mark.parametrize("setting, value", VALUES.items())
def test_controls_are_saved(trained_folder, tmp_path, setting, value):
    nlp = spacy.load(trained_folder("KMGRE"))
    component(nlp).add_label("per:title = x")
    setattr(component(nlp), setting, value)
    nlp.to_disk(tmp_path)
    assert getattr(component(spacy.load(tmp_path)), setting) == value
    component(nlp).from_bytes(component(nlp).to_bytes())
    assert getattr(component(nlp), setting) == value
    # In the config: labels as they may be called in a config.
    pairs = [list(pair) for pair in value.items()] if isinstance(value, dict) else value
    nlp = spacy.load(trained_folder("KMGRE"), config={f"components.{NAME}.{setting}": pairs})
    assert getattr(component(nlp), setting) == value
    nlp.to_disk(tmp_path)
    assert getattr(component(spacy.load(tmp_path)), setting) == value


def test_controls_in_the_config(make_nlp):
    config = {"thresholds": {"founded": 0.75}, "allowed_triples": "corpus", **INVERSES}
    pipe = component(make_nlp(component=config))
    assert pipe.thresholds == {"founded": 0.75} and pipe.allowed_triples == "corpus"
    assert (pipe.symmetric, pipe.inverse) == (INVERSES["symmetric"], INVERSES["inverse"])


@pytest.mark.parametrize(
    "config",
    [
        {"thresholds": {"founded": 1.5}},
        {"allowed_triples": "corpsu"},
        {"allowed_triples": [["X", "founded"]]},
    ],
)
def test_settings_that_cannot_be(make_nlp, config):
    with pytest.raises(ValueError, match="E023"):
        make_nlp(component=config)


def test_a_misspelt_setting_is_met_when_it_is_set(load):
    pipe = component(load())
    with pytest.raises(ValueError, match="E023"):
        pipe.allowed_triples = "corpsu"
    assert pipe.allowed_triples is None


@pytest.mark.parametrize(
    "name, value",
    [
        ("threshold", 1.5),
        ("threshold", "0.5"),
        ("threshold", None),
        ("max_labels", 2.5),
        ("thresholds", 3),
        ("thresholds", {"founded": "high"}),
        ("symmetric", "founded"),
        ("inverse", ["ab"]),
        ("inverse", [["founded"]]),
        ("allowed_triples", 3),
        ("calibration", "12"),
        ("calibration", [1.0, "0"]),
    ],
)
def test_a_wrong_setting_is_named_when_it_is_set(load, name: str, value: Any):
    pipe = component(load())
    before = getattr(pipe, name)
    with pytest.raises(ValueError, match=f"E023.*{name}"):
        setattr(pipe, name, value)
    assert getattr(pipe, name) == before


@pytest.mark.parametrize(
    "name, value",
    [
        ("thresholds", {"foundde": 0.5}),
        ("allowed_triples", [["X", "foundde", "X"]]),
        ("symmetric", ["foundde"]),
        ("inverse", [["founded", "foundde"]]),
    ],
)
def test_an_unknown_label_is_met_when_it_is_set(load, make_nlp, name: str, value: Any):
    pipe = component(load())
    with pytest.raises(ValueError, match=f"E024.*{name}.*'foundde'.*founded_by"):
        setattr(pipe, name, value)
    assert not getattr(pipe, name)
    # In a config it is met as soon as the labels are known, before the training.
    nlp = make_nlp(component={name: value})
    with pytest.raises(ValueError, match=f"E024.*{name}"):
        nlp.initialize(lambda: make_examples(nlp))


def test_words_may_be_of_more_labels_than_the_corpus_has(load):
    nlp = load()
    component(nlp).label_texts = {"founded": "founder of", "spouse": "married to"}
    assert {r.label_text for r in nlp(make_doc(nlp))._.relations} == {"founder of", ""}


def test_evidence_does_not_change_with_calibration(load):
    nlp = load()
    pipe = component(nlp)
    pipe.threshold, pipe.max_labels, pipe.evidence_score = 0.0, 9, 0.5
    found = []
    for pipe.calibration in ([1.0, 0.0], [0.3, -1.0]):
        relations = nlp(make_doc(nlp))._.relations
        found.append({(r.head.key, r.label, r.tail.key): (r.score, r.evidence) for r in relations})
    assert found[0].keys() == found[1].keys()
    assert any(evidence for _, evidence in found[0].values())
    for triple, (score, evidence) in found[0].items():
        assert found[1][triple][0] != score
        assert [sent.start for sent in found[1][triple][1]] == [sent.start for sent in evidence]


def test_settings_that_are_changed_in_place_are_checked_and_saved(load):
    nlp = load()
    pipe = component(nlp)
    pipe.thresholds[pipe.labels[0]] = 0.9
    pipe.label_texts[pipe.labels[0]] = "founder of"
    pipe.symmetric.append(pipe.labels[1])
    again = component(load().from_bytes(nlp.to_bytes()))
    assert again.settings == pipe.settings and again.thresholds == {pipe.labels[0]: 0.9}
    pipe.thresholds[pipe.labels[0]] = "high"
    with pytest.raises(ValueError, match="E023"):
        nlp(make_doc(nlp))


def test_numbers_of_numpy_are_saved(load):
    nlp = load()
    pipe = component(nlp)
    pipe.threshold, pipe.max_labels = np.float32(0.25), np.int64(3)
    pipe.calibration, pipe.thresholds = np.array([2.0, 0.5]), {pipe.labels[0]: np.float64(0.5)}
    again = component(load().from_bytes(nlp.to_bytes()))
    assert again.settings == pipe.settings and again.threshold == 0.25


@pytest.mark.parametrize("label", ["\ud800x", " ", ""])
def test_labels_that_cannot_be_written_are_refused(load, label: str):
    with pytest.raises(ValueError, match="E002"):
        component(load()).add_label(label)
    doc = make_doc(load())
    with pytest.raises(ValueError, match=r"E002|E071"):
        doc._.add_relation("entity_1", "entity_2", label)
    with pytest.raises(ValueError, match="E071"):
        doc._.add_relation("entity_1", "entity_2", "founded", label_text="\ud800")
