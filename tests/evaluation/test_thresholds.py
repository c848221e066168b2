"""Thresholds against every choice there is, and candidates against what the pipeline predicts."""

import shutil
from itertools import product

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.evaluation.report import between_gold_entities, score_examples
from spacy_kmgre.evaluation.settings import write_settings
from spacy_kmgre.evaluation.thresholds import (
    CENTRES,
    FLOOR,
    Candidates,
    Thresholds,
    collect_candidates,
    find_thresholds,
)
from spacy_kmgre.scoring.relations import RelationCounts, Tally, count_relations

from ..conftest import NAME, component, make_doc, make_empty_doc, make_examples

LABELS = ("a", "b", "c")
NO_MARGINS = np.zeros((100, len(CENTRES), 2), dtype=int)
law = settings(deadline=None, derandomize=True, max_examples=80)


@st.composite
def candidates(draw, max_labels: int = 9) -> Candidates:
    """Few different scores, so that there are ties."""
    documents = draw(st.integers(1, 4))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, documents - 1),
                st.integers(0, 2),
                st.integers(0, 2),
                st.sampled_from([0.1, 0.2, 0.4, 0.6, 0.9]),
                st.booleans(),
            ),
            max_size=12,
            unique_by=lambda row: row[:3],
        )
    )
    gold = np.array(
        draw(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=4, max_size=4))
    )
    gold = gold[:documents]
    for document, _, label, _, correct in rows:
        gold[document, label] += correct
    columns = list(zip(*rows)) or [()] * 5
    return Candidates(
        LABELS,
        document=np.array(columns[0], dtype=int),
        pair=np.array([3 * row[0] + row[1] for row in rows], dtype=int),
        label=np.array(columns[2], dtype=int),
        score=np.array(columns[3], dtype=float),
        correct=np.array(columns[4], dtype=bool),
        gold=gold,
        margins=NO_MARGINS[: len(gold)],
        max_labels=max_labels,
    )


def predict_slowly(found: Candidates, thresholds: list[float]) -> list[bool]:
    result = [False] * len(found.score)
    for pair in set(found.pair.tolist()):
        above = [
            row
            for row in range(len(found.score))
            if found.pair[row] == pair and found.score[row] > thresholds[found.label[row]]
        ]
        for row in sorted(above, key=lambda row: -found.score[row])[: found.max_labels]:
            result[row] = True
    return result


def f_slowly(found: Candidates, thresholds: list[float]) -> float:
    predicted = predict_slowly(found, thresholds)
    right = sum(p and c for p, c in zip(predicted, found.correct.tolist()))
    total = sum(predicted) + int(found.gold.sum())
    return 2 * right / total if total else 0.0


CHOICES = [0.05, 0.15, 0.3, 0.5, 0.7, 0.95]


@law
@given(candidates(max_labels=1), st.lists(st.sampled_from(CHOICES), min_size=3, max_size=3))
def test_predictions_and_tally_against_loops(found, thresholds):
    # Equal scores of one entity pair may rank either way.
    if len({(p, s) for p, s in zip(found.pair.tolist(), found.score.tolist())}) < len(found.score):
        return
    predicted = found.predicted(np.array(thresholds))
    assert predicted.tolist() == predict_slowly(found, thresholds)
    tally = found.tally(np.array(thresholds))
    assert (tally.scores()["f"] or 0.0) == pytest.approx(f_slowly(found, thresholds))


@law
@given(candidates())
def test_one_threshold_is_the_best_there_is(found):
    best = find_thresholds(found)
    assert best.thresholds == {}
    assert FLOOR <= best.threshold <= 1
    every = max(f_slowly(found, [threshold] * 3) for threshold in [*CHOICES, 1.0])
    assert (best.tally.scores()["f"] or 0.0) == pytest.approx(every)
    assert f_slowly(found, [best.threshold] * 3) == pytest.approx(every)


@law
@given(candidates(), st.integers(1, 3))
def test_thresholds_of_labels_are_the_best_there_are(found, min_gold):
    best = find_thresholds(found, per_relation=True, min_gold=min_gold)
    frequent = {label for label, gold in zip(LABELS, found.gold.sum(axis=0)) if gold >= min_gold}
    assert set(best.thresholds) == frequent
    every = max(
        f_slowly(found, [own if label in frequent else rest for label, own in zip(LABELS, choice)])
        for *choice, rest in product([*CHOICES, 1.0], repeat=4)
    )
    assert (best.tally.scores()["f"] or 0.0) == pytest.approx(every)


def test_of_equally_good_thresholds_the_highest():
    found = Candidates(
        ("a",),
        document=np.array([0, 0]),
        pair=np.array([0, 1]),
        label=np.array([0, 0]),
        score=np.array([0.8, 0.3]),
        correct=np.array([True, False]),
        gold=np.array([[1, 0]]),
        margins=NO_MARGINS[:1],
        max_labels=4,
    )
    assert find_thresholds(found).threshold == 0.55
    # Nothing right at all: above the highest wrong one.
    wrong = Candidates(**{**vars(found), "correct": np.array([False, False])})
    assert find_thresholds(wrong).threshold == 0.9


def test_cross_validation_scores_documents_with_thresholds_of_others():
    """Each document is best with a threshold of its own, so that the others' thresholds do worse."""
    count = 10
    score = np.concatenate([[0.9 - 0.05 * i, 0.88 - 0.05 * i] for i in range(count)])
    found = Candidates(
        ("a",),
        document=np.repeat(np.arange(count), 2),
        pair=np.arange(2 * count),
        label=np.zeros(2 * count, dtype=int),
        score=score,
        correct=np.array([True, False] * count),
        gold=np.array([[1, 0]] * count),
        margins=NO_MARGINS[:count],
        max_labels=4,
    )
    best = find_thresholds(found)
    assert best.cross_validated.gold == best.tally.gold == count
    assert best.cross_validated.scores()["f"] < best.tally.scores()["f"]


@pytest.fixture
def trained(load):
    nlp = load()
    component(nlp).thresholds = {}
    return nlp


def some_examples(nlp) -> list[Example]:
    """Gold relations that the model knows, one less and one of an unknown label; a document without any."""
    examples = make_examples(nlp)
    examples[0].reference._.relations = [
        *examples[0].reference._.relations[1:],
        {"head": "entity_3", "tail": "entity_1", "label": "unknown"},
    ]
    return [*examples, Example(make_empty_doc(nlp), make_empty_doc(nlp))]


@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("max_labels", [1, 8])
def test_candidates_are_what_the_pipeline_would_predict(trained, threshold: float, max_labels: int):
    pipe = component(trained)
    pipe.max_labels = max_labels
    pipe.symmetric = ["lives_in"]
    found = collect_candidates(pipe, some_examples(trained), batch_size=2)
    assert found.gold.shape == (3, len(pipe.labels) + 1)
    assert found.gold[:, -1].tolist() == [1, 0, 0]
    pipe.threshold, pipe.thresholds = threshold, {"founded": 0.6}
    limits = np.array([pipe.thresholds.get(label, threshold) for label in pipe.labels])
    examples = some_examples(trained)
    with between_gold_entities(trained, NAME):
        score_examples(trained, examples)
    counts = sum(map(count_relations, examples), RelationCounts())
    assert found.tally(limits) == counts.groups["micro"]


def test_entities_that_are_not_gold_have_no_right_relations(trained):
    example = make_examples(trained)[0]
    example.predicted.spans["entity_1"] = [example.predicted[0:2]]
    found = collect_candidates(component(trained), [example])
    assert not found.correct.any() and found.gold.sum() == 3


def test_nothing_to_score(trained):
    found = collect_candidates(component(trained), [])
    assert find_thresholds(found, per_relation=True).tally == Tally()


THRESHOLDS = Thresholds(0.37, {"founded": 0.81, "per:title": 0.2}, Tally(), Tally())


@pytest.mark.parametrize("changed", [False, True])
def test_thresholds_are_written_into_the_pipeline(trained_folder, tmp_path, changed: bool):
    nlp = spacy.load(trained_folder("KMGRE"))
    if changed:  # after training, which the config does not say
        component(nlp).threshold = 0.9
    component(nlp).add_label("per:title")
    nlp.to_disk(tmp_path / "model")
    config = {f"components.{NAME}.symmetric": ["lives_in"]}
    write_settings(tmp_path / "model", THRESHOLDS.settings, component=NAME, config=config)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    other = spacy.load(tmp_path / "model")
    for settings_of in (vars(component(other)), other.config["components"][NAME]):
        assert settings_of["threshold"] == 0.37
        assert dict(settings_of["thresholds"]) == THRESHOLDS.thresholds
        assert settings_of["symmetric"] == ["lives_in"]
    same = [relation.to_dict() for relation in other(make_doc(other))._.relations]
    component(nlp).threshold, component(nlp).thresholds = 0.37, THRESHOLDS.thresholds
    component(nlp).symmetric = ["lives_in"]
    assert same == [relation.to_dict() for relation in nlp(make_doc(nlp))._.relations]


def test_what_else_is_in_the_folder_stays(trained_folder, tmp_path):
    shutil.copytree(trained_folder("KMGRE"), tmp_path / "real")
    (tmp_path / "model").symlink_to("real")
    (tmp_path / "real" / "notes").mkdir()
    (tmp_path / "real" / "notes" / "dev.spacy").write_bytes(b"precious")
    for threshold in (0.37, 0.3):
        write_settings(tmp_path / "model", {"threshold": threshold}, component=NAME)
        assert component(spacy.load(tmp_path / "model")).threshold == threshold
    assert (tmp_path / "real" / "notes" / "dev.spacy").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "real"]
    assert (tmp_path / "model").is_symlink()


def test_thresholds_in_a_pipeline_whose_config_has_none_yet(trained_folder, tmp_path):
    nlp = spacy.load(trained_folder("KMGRE"))
    nlp.to_disk(tmp_path / "model")
    config = spacy.util.load_config(tmp_path / "model" / "config.cfg")
    for setting in ("thresholds", "allowed_triples", "symmetric", "inverse"):
        del config["components"][NAME][setting]
    config.to_disk(tmp_path / "model" / "config.cfg")
    found = Thresholds(0.37, {"founded": 0.81}, Tally(), Tally())
    write_settings(tmp_path / "model", found.settings, component=NAME)
    assert component(spacy.load(tmp_path / "model")).thresholds == {"founded": 0.81}


def test_a_doc_without_tokens(trained):
    doc = Doc(trained.vocab)
    assert not len(collect_candidates(component(trained), [Example(doc, doc.copy())]).score)
