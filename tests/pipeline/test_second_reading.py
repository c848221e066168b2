"""The second reading of entity pairs near a threshold, against Docs of the sentences alone."""

import math
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy import Language
from spacy.tokens import Doc, Span

from spacy_kmgre.evaluation.calibration import Calibration
from spacy_kmgre.evaluation.explain import explain
from spacy_kmgre.model.pieces import Document
from spacy_kmgre.pipeline import second_reading
from spacy_kmgre.pipeline.second_reading import NEAR, excerpt, is_near

from ..conftest import component, make_doc

law = settings(deadline=None, derandomize=True, max_examples=60)
WEIGHT = 0.4
Scores = dict[tuple[str, str, str], float]


@st.composite
def documents(draw) -> Document:
    """A text of sentences, with mentions anywhere in it, some of them across sentences."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    text = "".join(chr(97 + i % 26) for i in range(sum(lengths)))
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    places = [*pairwise(range(len(text) + 1)), *((i, i + 3) for i in range(len(text) - 2))]
    mentions = draw(st.lists(st.sampled_from(places), unique=True, max_size=6))
    numbers = draw(st.lists(st.sampled_from(range(len(mentions))), max_size=6)) if mentions else []
    return Document(text, mentions, [numbers[:3], numbers[3:]], ["A", "B"], starts)


@law
@given(document=documents(), data=st.data())
def test_an_excerpt_has_the_mentions_of_its_sentences(document: Document, data):
    count = len(document.sentences)
    sentences = data.draw(st.lists(st.sampled_from(range(count)), unique=True, min_size=1).map(sorted))
    found = excerpt(document, sentences)
    bounds = list(pairwise([*document.sentences, len(document.text)]))
    assert found.text == "".join(document.text[slice(*bounds[number])] for number in sentences)
    own = [found.text[slice(*edges)] for edges in pairwise([*found.sentences, len(found.text)])]
    assert own == [document.text[slice(*bounds[number])] for number in sentences]
    for own, whole in zip(found.clusters, document.clusters):
        kept = [
            document.mentions[mention]
            for mention in whole
            if any(
                bounds[n][0] <= document.mentions[mention][0]
                and document.mentions[mention][1] <= bounds[n][1]
                for n in sentences
            )
        ]
        assert [found.text[slice(*found.mentions[mention])] for mention in own] == [
            document.text[slice(*place)] for place in kept
        ]
    assert found.types == document.types


@law
@given(
    values=st.lists(st.lists(st.floats(-4, 4), min_size=4, max_size=4), max_size=5),
    thresholds=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_near_a_threshold(values: list[list[float]], thresholds: list[float]):
    logits = torch.tensor(values, dtype=torch.float64).view(-1, 4)

    def near(row: list[float], of_label: list[float]) -> bool:
        limits = [math.log(t / (1 - t)) if 0 < t < 1 else math.inf for t in of_label]
        return any(abs(value - row[0] - limit) < NEAR for value, limit in list(zip(row, limits))[1:])

    every = torch.logit(torch.tensor(thresholds, dtype=torch.float64))
    assert is_near(logits, every).tolist() == [near(row, thresholds) for row in values]
    assert is_near(logits, every[1]).tolist() == [near(row, [thresholds[1]] * 4) for row in values]


def only_sentences(nlp: Language, doc: Doc, numbers: set[int]) -> Doc:
    """A Doc of some sentences of another one."""
    sentences = [sentence for number, sentence in enumerate(doc.sents) if number in numbers]
    tokens = [token for sentence in sentences for token in sentence]
    new = {token.i: place for place, token in enumerate(tokens)}
    found = Doc(nlp.vocab, [t.text for t in tokens], [bool(t.whitespace_) for t in tokens])
    for key, group in doc.spans.items():
        spans = [span for span in group if span.start in new]
        if spans:
            found.spans[key] = [
                Span(found, new[span.start], new[span.end - 1] + 1, label=span.label_) for span in spans
            ]
    return found


def margins_of(doc: Doc) -> Scores:
    """The margins over TH of all relations, as they are calibrated."""
    return {(r.head.key, r.label, r.tail.key): math.log(r.score / (1 - r.score)) for r in doc._.relations}


def reasons(doc: Doc) -> dict[tuple[str, str, str], tuple[list[int], list[tuple[int, int]]]]:
    """Where the evidence and the key mention pairs of all relations begin."""
    return {
        (relation.head.key, relation.label, relation.tail.key): (
            [span.start for span in relation.evidence],
            [(pair.head.start, pair.tail.start) for pair in relation.key_mention_pairs],
        )
        for relation in doc._.relations
    }


def expected(nlp: Language) -> Scores:
    """The margins after two readings, where all pairs are read twice: the second time by themselves, as Docs."""
    doc = nlp(make_doc(nlp))
    found = margins_of(doc)
    sentence = {token.i: number for number, sent in enumerate(doc.sents) for token in sent}
    for head, tail in {(head, tail) for head, _, tail in found}:
        of_pair = [r for r in doc._.relations if (r.head.key, r.tail.key) == (head, tail)]
        leading = max(of_pair, key=lambda relation: relation.score).key_mention_pairs[0]
        numbers = {sentence[leading.head.start], sentence[leading.tail.start]}
        again = margins_of(nlp(only_sentences(nlp, doc, numbers)))
        for relation in of_pair:
            key = head, relation.label, tail
            found[key] += WEIGHT * again[key]
    return found


@pytest.fixture
def twice(load, monkeypatch) -> Language:
    """A pipeline that predicts all relations, and would read each pair twice."""
    monkeypatch.setattr(
        second_reading, "is_near", lambda logits, _: torch.ones(len(logits), dtype=torch.bool)
    )
    nlp: Language = load()
    pipe = component(nlp)
    # Scores near 1 would say little of their margins.
    pipe.threshold, pipe.max_labels, pipe.calibration = 0.0, 9, [0.1, 0.0]
    return nlp


def test_the_sentences_of_the_leading_key_mention_pair_are_read_again(twice: Language):
    wanted = expected(twice)
    pipe = component(twice)
    before = twice(make_doc(twice))
    pipe.second_reading = WEIGHT
    for chunk in (1, 4096):
        pipe.model.shims[0].network.chunk = chunk
        doc = twice(make_doc(twice))
        assert margins_of(doc) == pytest.approx(wanted, abs=1e-5)
    # What is evidence, and which mention pairs are key, is as before.
    assert reasons(doc) == reasons(before)
    first = doc._.relations[0]
    (reason,) = explain(pipe, make_doc(twice), first.head.key, first.tail.key, [first.label]).relations
    assert reason.score == pytest.approx(first.score, abs=1e-5)
    assert any("second_reading" in note for note in reason.notes)


def test_inverse_relations_stay_equal(twice: Language):
    pipe = component(twice)
    pipe.symmetric, pipe.second_reading = ["lives_in"], WEIGHT
    results = []
    for chunk in (1, 5, 4096):
        pipe.model.shims[0].network.chunk = chunk
        found = margins_of(twice(make_doc(twice)))
        for head, tail in product(("entity_1", "entity_2", "entity_3"), repeat=2):
            if head != tail:
                assert found[head, "lives_in", tail] == found[tail, "lives_in", head]
        results.append(found)
    assert results[1] == pytest.approx(results[0], abs=1e-5)
    assert results[2] == pytest.approx(results[0], abs=1e-5)


def test_pairs_far_from_the_threshold_and_texts_without_sentences_are_read_once(load):
    nlp = load()
    pipe = component(nlp)
    pipe.max_labels = 9
    once = margins_of(nlp(make_doc(nlp)))
    pipe.second_reading = WEIGHT
    near = {key for key, margin in once.items() if abs(margin) < NEAR}  # The threshold is 0.5.
    found = margins_of(nlp(make_doc(nlp)))
    far = {(head, tail) for head, _, tail in once} - {(head, tail) for head, _, tail in near}
    assert far
    for (head, label, tail), margin in found.items():
        if (head, tail) in far:
            assert margin == pytest.approx(once[head, label, tail], abs=1e-6)
    doc = make_doc(nlp)
    blind = Doc(nlp.vocab, [t.text for t in doc])
    for key, group in doc.spans.items():
        blind.spans[key] = [Span(blind, span.start, span.end, label=span.label_) for span in group]
    assert not blind.has_annotation("SENT_START")
    with pytest.warns(UserWarning, match="W021.*'Ann"):
        again = margins_of(nlp(blind))
    pipe.second_reading = 0.0
    blind = blind.copy()
    assert margins_of(nlp(blind)) == again


def test_calibration_changes_no_prediction(load):
    nlp = load()
    pipe = component(nlp)
    pipe.max_labels, pipe.second_reading, pipe.threshold = 9, WEIGHT, 0.4
    before = nlp(make_doc(nlp))
    calibration = Calibration(slope=0.3, intercept=-0.6, before=0.0, cross_validated=0.0)
    for name, value in calibration.settings(pipe, {}).items():
        setattr(pipe, name, value)
    assert pipe.calibration == [0.3, -0.6]
    after = nlp(make_doc(nlp))
    assert reasons(after) == reasons(before) and after._.relations
