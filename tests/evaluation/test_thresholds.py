"""The best threshold against every choice there is, and candidates against what the pipeline predicts."""

import shutil
from collections.abc import Sequence

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.evaluation.gold_entities import between_gold_entities
from spacy_kmgre.evaluation.report import score_examples
from spacy_kmgre.evaluation.settings import write_settings
from spacy_kmgre.evaluation.thresholds import (
    CENTRES,
    FLOOR,
    BestThreshold,
    Candidates,
    collect_candidates,
    find_threshold,
)
from spacy_kmgre.scoring.relations import count_relations
from spacy_kmgre.scoring.tallies import RelationCounts, Tally

from ..conftest import NAME, component, make_doc, make_empty_doc, make_examples

NO_MARGINS = np.zeros((100, len(CENTRES), 2), dtype=int)
law = settings(deadline=None, derandomize=True, max_examples=80)


def make_candidates(rows: Sequence[tuple[int, float, bool]], gold: Sequence[int]) -> Candidates:
    """Make candidates from rows of (document, score, correct)."""
    document, score, correct = zip(*rows) if rows else ((), (), ())
    return Candidates(
        document=np.array(document, dtype=int),
        score=np.array(score, dtype=float),
        correct=np.array(correct, dtype=bool),
        gold=np.array(gold),
        margins=NO_MARGINS[: len(gold)],
    )


@st.composite
def candidates(draw) -> Candidates:
    """Draw candidates with few different scores, so that there are ties."""
    documents = draw(st.integers(1, 4))
    row = st.tuples(st.integers(0, documents - 1), st.sampled_from([0.1, 0.2, 0.4, 0.6, 0.9]), st.booleans())
    rows = draw(st.lists(row, max_size=12))
    gold = draw(st.lists(st.integers(0, 4), min_size=documents, max_size=documents))
    for document, _, correct in rows:
        gold[document] += correct
    return make_candidates(rows, gold)


def f_slowly(found: Candidates, threshold: float) -> float:
    predicted = [row for row in range(len(found.score)) if found.score[row] > threshold]
    right = [row for row in predicted if found.correct[row]]
    total = len(predicted) + int(found.gold.sum())
    return 2 * len(right) / total if total else 0.0


CHOICES = [0.05, 0.15, 0.3, 0.5, 0.7, 0.95]


@law
@given(candidates(), st.sampled_from(CHOICES))
def test_tally_against_a_loop(found, threshold):
    assert (found.tally(threshold).scores()["f"] or 0.0) == pytest.approx(f_slowly(found, threshold))


@law
@given(candidates())
def test_the_threshold_is_the_best_there_is(found):
    best = find_threshold(found)
    assert FLOOR <= best.threshold <= 1
    every = max(f_slowly(found, threshold) for threshold in [*CHOICES, 1.0])
    assert (best.tally.scores()["f"] or 0.0) == pytest.approx(every)
    assert f_slowly(found, best.threshold) == pytest.approx(every)


def test_of_equally_good_thresholds_the_highest():
    assert find_threshold(make_candidates([(0, 0.8, True), (0, 0.3, False)], [1])).threshold == 0.55
    # With nothing right it lies above the highest wrong one.
    assert find_threshold(make_candidates([(0, 0.8, False), (0, 0.3, False)], [1])).threshold == 0.9
    # With everything right it lies below the lowest, where no candidates are.
    assert find_threshold(make_candidates([(0, 0.8, True), (0, 0.3, True)], [2])).threshold == 0.15
    assert find_threshold(make_candidates([(0, 0.02, True)], [1])).threshold == 0.015  # above FLOOR


def test_cross_validation_scores_documents_with_the_thresholds_of_others():
    """Each document has a best threshold of its own, so the thresholds of the others do worse."""
    count = 10
    rows = [
        (i, score - 0.05 * i, correct)
        for i in range(count)
        for score, correct in ((0.9, True), (0.88, False))
    ]
    best = find_threshold(make_candidates(rows, [1] * count))
    assert best.cross_validated.gold == best.tally.gold == count
    assert best.cross_validated.scores()["f"] < best.tally.scores()["f"]


@pytest.fixture
def trained(load):
    nlp = load()
    component(nlp).thresholds = {}
    return nlp


def some_examples(nlp) -> list[Example]:
    """Examples with a gold relation less than the model knows and one of an unknown label, and an empty document."""
    examples = make_examples(nlp)
    examples[0].reference._.relations = [
        *examples[0].reference._.relations[1:],
        {"head": "entity_3", "tail": "entity_1", "label": "unknown"},
    ]
    return [*examples, Example(make_empty_doc(nlp), make_empty_doc(nlp))]


@pytest.mark.filterwarnings("ignore:.*W016")
@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("max_labels", [1, 8])
def test_candidates_are_what_the_pipeline_would_predict(trained, threshold: float, max_labels: int):
    pipe = component(trained)
    pipe.max_labels = max_labels
    pipe.symmetric = ["lives_in"]
    found = collect_candidates(pipe, some_examples(trained), batch_size=2)
    assert found.gold.tolist() == [3, 2, 0]
    pipe.threshold = threshold
    examples = some_examples(trained)
    with between_gold_entities(trained, NAME):
        score_examples(trained, examples)
    counts = sum(map(count_relations, examples), RelationCounts())
    assert found.tally(threshold) == counts.groups["micro"]


def test_entities_that_are_not_gold_have_no_right_relations(trained):
    example = make_examples(trained)[0]
    example.predicted.spans["entity_1"] = [example.predicted[0:2]]
    found = collect_candidates(component(trained), [example])
    assert not found.correct.any() and found.gold.sum() == 3


def test_margins_are_those_of_allowed_triples(trained):
    pipe = component(trained)
    everything = collect_candidates(pipe, some_examples(trained)).margins
    pipe.allowed_triples = [["X", "founded", "X"]]
    assert (
        collect_candidates(pipe, some_examples(trained)).margins.sum() * len(pipe.labels) == everything.sum()
    )


def test_nothing_to_score(trained):
    found = collect_candidates(component(trained), [])
    best = find_threshold(found)
    assert best.threshold == 0.5 and best.tally == best.cross_validated == Tally()


def test_the_best_threshold_is_that_of_all_labels():
    assert BestThreshold(0.4, Tally(), Tally()).settings == {"threshold": 0.4, "thresholds": {}}


SETTINGS = {"threshold": 0.37, "thresholds": {"founded": 0.81, "per:title": 0.2}}


@pytest.mark.parametrize("changed", [False, True])
def test_thresholds_are_written_into_the_pipeline(trained_folder, tmp_path, changed: bool):
    nlp = spacy.load(trained_folder("KMGRE"))
    if changed:  # after training, so that the config does not say it
        component(nlp).threshold = 0.9
    component(nlp).add_label("per:title")
    nlp.to_disk(tmp_path / "model")
    config = {f"components.{NAME}.symmetric": ["lives_in"]}
    write_settings(tmp_path / "model", SETTINGS, component=NAME, config=config)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    other = spacy.load(tmp_path / "model")
    for settings_of in (vars(component(other).settings), other.config["components"][NAME]):
        assert settings_of["threshold"] == 0.37
        assert dict(settings_of["thresholds"]) == SETTINGS["thresholds"]
        assert settings_of["symmetric"] == ["lives_in"]
    same = [relation.to_dict() for relation in other(make_doc(other))._.relations]
    component(nlp).threshold, component(nlp).thresholds = 0.37, SETTINGS["thresholds"]
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
    write_settings(tmp_path / "model", {"thresholds": {"founded": 0.81}}, component=NAME)
    assert component(spacy.load(tmp_path / "model")).thresholds == {"founded": 0.81}


def test_a_doc_without_tokens(trained):
    doc = Doc(trained.vocab)
    assert not len(collect_candidates(component(trained), [Example(doc, doc.copy())]).score)
