"""Explanations against the pipeline's own predictions, and recounted from what they show."""

import json
import math
import re

import pytest
import spacy
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.evaluation.explain import explain, find_entity
from spacy_kmgre.formats import FORMATS

from ..conftest import NAME, annotate, component, make_doc, make_other_doc


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_what_is_predicted_is_explained_as_it_is(load, architecture):
    nlp = load()
    doc = nlp(make_doc(nlp))
    by_pair = {}
    for relation in doc._.relations:
        by_pair.setdefault((relation.head.key, relation.tail.key), []).append(relation)
    assert {len(relations) for relations in by_pair.values()} == {1, 2}
    for (head, tail), relations in by_pair.items():
        found = explain(component(nlp), doc, head, tail)
        assert (found.head.key, found.tail.key) == (head, tail)
        assert [reason.label for reason in found.relations] == [relation.label for relation in relations]
        for reason, relation in zip(found.relations, relations):
            assert reason.predicted and not reason.notes
            assert reason.score == pytest.approx(relation.score, abs=1e-6)
            shown = [pair for pair in reason.mention_pairs if pair.key]
            assert len(shown) == len(relation.key_mention_pairs)
            for pair, key_pair in zip(shown, relation.key_mention_pairs):
                for span, other in ((pair.head, key_pair.head), (pair.tail, key_pair.tail)):
                    assert (span.start, span.end) == (other.start, other.end)
                assert pair.share == pytest.approx(key_pair.share, abs=1e-6)
                if architecture == "KMGRE":
                    assert pair.key_score == pytest.approx(key_pair.key_score, abs=1e-6)
                    assert pair.relation_score == pytest.approx(key_pair.relation_score, abs=1e-6)
                else:
                    assert pair.key_score is pair.relation_score is pair.logit is None


@pytest.mark.parametrize("tau", [0.0, 0.4, 1.0])
def test_the_numbers_fit_together(trained_folder, tau: float):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe = component(nlp)
    pipe.tau = tau
    doc = make_doc(nlp)
    for head, tail in (("entity_1", "entity_3"), ("entity_3", "entity_1")):
        found = explain(pipe, doc, head, tail, pipe.labels)
        assert [reason.label for reason in found.relations] == list(pipe.labels)
        predicted = {
            r.label for r in nlp(make_doc(nlp))._.relations if (r.head.key, r.tail.key) == (head, tail)
        }
        assert {reason.label for reason in found.relations if reason.predicted} == predicted
        for reason in found.relations:
            pairs = reason.mention_pairs
            assert len(pairs) == 6
            scores = [pair.key_score for pair in pairs]
            mean = sum(scores) / 6
            threshold = min(mean + 0.15 * (max(scores) - min(scores)), tau)
            assert found.key_threshold == pytest.approx(threshold, abs=1e-6)
            for pair in pairs:
                assert pair.key == (pair.key_score >= min(threshold, max(scores)) - 1e-7)
                assert pair.relation_score == pytest.approx(sigmoid(pair.logit), abs=1e-6)
            keys = [pair for pair in pairs if pair.key]
            assert pairs[: len(keys)] == keys
            total = sum(math.exp(pair.logit) for pair in keys)
            assert reason.logit == pytest.approx(math.log(total), abs=1e-5)
            of_th = math.log(sum(math.exp(pair.threshold_logit) for pair in keys))
            assert reason.threshold_logit == pytest.approx(of_th, abs=1e-5)
            assert reason.score == pytest.approx(sigmoid(reason.logit - reason.threshold_logit), abs=1e-6)
            for pair in pairs:
                share = math.exp(pair.logit) / total if pair.key else 0.0
                assert pair.share == pytest.approx(share, abs=1e-6)


def test_parts_of_a_long_document(kmgre, trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    component(nlp).model.shims[0].network.chunk = 1
    doc = make_doc(nlp)
    for head, tail in (("entity_1", "entity_2"), ("entity_3", "entity_2")):
        one, other = (explain(component(x), doc, head, tail, ["founded"]) for x in (nlp, kmgre))
        assert one.relations[0].score == pytest.approx(other.relations[0].score, abs=1e-5)


def test_without_a_prediction_the_most_probable_relation(kmgre):
    found = explain(component(kmgre), make_doc(kmgre), "entity_2", "entity_3")
    (reason,) = found.relations
    assert not reason.predicted and reason.score <= reason.threshold == 0.5
    every = explain(component(kmgre), make_doc(kmgre), "entity_2", "entity_3", component(kmgre).labels)
    assert reason.score == pytest.approx(max(other.score for other in every.relations))


def test_all_labels_above_their_thresholds_are_explained(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe, doc = component(nlp), make_doc(nlp)
    pipe.threshold, pipe.max_labels = 0.0, 1
    pipe.thresholds = {"founded": 1.0}
    reasons = explain(pipe, doc, "entity_1", "entity_3").relations
    assert {reason.label for reason in reasons} == set(pipe.labels) - {"founded"}
    assert [reason.predicted for reason in reasons] == [True, *[False] * (len(reasons) - 1)]
    scores = [reason.score for reason in reasons]
    assert scores == sorted(scores, reverse=True)


def test_controls_are_named(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe = component(nlp)
    pipe.allowed_triples = [["Y", "founded", "X"], ["X", "lives_in", "X"], ["X", "works_in", "X"]]
    (reason,) = explain(pipe, make_doc(nlp), "entity_1", "entity_2", ["founded"]).relations
    assert not reason.predicted and reason.score == 0.0
    assert "(X, founded, X)" in reason.notes[0]
    pipe.allowed_triples, pipe.symmetric = None, ["lives_in"]
    (reason,) = explain(pipe, make_doc(nlp), "entity_1", "entity_3", ["lives_in"]).relations
    assert "averaged with lives_in" in reason.notes[0]
    own = reason.logit - reason.threshold_logit
    assert f"{own:.2f}" in reason.notes[0] and reason.score < sigmoid(own)
    pipe.symmetric, pipe.max_labels, pipe.thresholds = [], 1, {"works_in": 0.25}
    reasons = explain(pipe, make_doc(nlp), "entity_1", "entity_3", ["lives_in", "works_in"]).relations
    assert sorted(reason.predicted for reason in reasons) == [False, True]
    assert [reason.threshold for reason in reasons] == [0.5, 0.25]
    assert ["max_labels" in "".join(reason.notes) for reason in reasons] == [not r.predicted for r in reasons]


def test_what_the_encoder_does_not_read(make_nlp):
    nlp = make_nlp(encoder={"max_pieces": 24, "overlap": 4})
    doc = make_doc(nlp)
    nlp.initialize(lambda: [spacy.training.Example(doc.copy(), make_gold(nlp))])
    with pytest.warns(UserWarning, match="W001"):
        annotate(doc, [(0, 2), (10, 11)], [(3, 4)], [(13, 14)])
        (reason,) = explain(component(nlp), doc, "entity_1", "entity_2").relations
    assert len(reason.mention_pairs) == 1 and "1 mention pairs lie outside" in reason.notes[-1]
    with pytest.warns(UserWarning, match="W001"), pytest.raises(ValueError, match="E344"):
        explain(component(nlp), doc, "entity_1", "entity_3")


def make_gold(nlp):
    doc = make_doc(nlp)
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "founded"}]
    return doc


def test_entities_by_key_and_by_text(kmgre):
    pipe, doc = component(kmgre), make_doc(kmgre)
    entities = pipe.entities(doc)
    assert [find_entity(entities, name) for name in ("entity_3", "Oslo", "she", "ann  LEE")] == [2, 2, 0, 0]
    with pytest.raises(ValueError, match=r"E340.*entity_2 \(Acme\)"):
        find_entity(entities, "Bolt")
    annotate(doc, [(8, 9)], [(13, 14)])
    with pytest.raises(ValueError, match=r"E341.*entity_1 \(Oslo\); entity_2 \(Oslo\)"):
        find_entity(pipe.entities(doc), "Oslo")
    with pytest.raises(ValueError, match=r"E340.*none"):
        find_entity([], "Oslo")


def test_mistakes(kmgre):
    pipe, doc = component(kmgre), make_doc(kmgre)
    with pytest.raises(ValueError, match="E342"):
        explain(pipe, doc, "Ann Lee", "She")
    with pytest.raises(ValueError, match=r"E343.*lives_in"):
        explain(pipe, doc, "Ann Lee", "Oslo", ["nonsense"])
    with pytest.raises(ValueError, match="E340"):
        explain(pipe, spacy.tokens.Doc(kmgre.vocab), "a", "b")


# Command line


@pytest.fixture
def source(kmgre, tmp_path):
    docs = [make_doc(kmgre), make_other_doc(kmgre)]
    for number, doc in enumerate(docs):
        doc.user_data["title"] = f"doc {number}"
    FORMATS["spacy"].write(docs, tmp_path / "in.spacy")
    return tmp_path / "in.spacy"


def run(*args: object) -> str:
    result = CliRunner().invoke(kmgre, ["explain", *map(str, args)])
    assert result.exit_code == 0, result.output
    return result.output


def test_labels_without_words_are_explained(trained_folder, source, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert "Wikidata" not in run(trained_folder("KMGRE"), source)
    monkeypatch.setattr("spacy_kmgre.visualise.labels.PROPERTY", re.compile("lives_in"))
    shown = run(trained_folder("KMGRE"), source)
    assert shown.count("lives_in is an identifier of Wikidata") == 1 and "--label-texts" in shown


def test_tables(trained_folder, source):
    shown = run(trained_folder("KMGRE"), source, "--head", "she", "--tail", "oslo")
    assert "lives_in: predicted" in shown and "works_in: predicted" in shown
    assert "founded" not in shown and "p_ω" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith(("Ann Lee", "She", "Lee"))]
    assert len(rows) == 12
    assert any("yes" in row for row in rows)
    shown = run(trained_folder("ATLOP"), source, "--head", "entity_1", "--tail", "entity_3", "-l", "founded")
    assert "founded: not predicted" in shown and "p_θ" not in shown and "No key instance classifier" in shown


def test_the_document_without_a_pair(trained_folder, source):
    shown = run(trained_folder("KMGRE"), source, "--document", "doc 1")
    assert "founded_by" in shown and "Bolt" in shown and "--head" in shown
    data = json.loads(run(trained_folder("KMGRE"), source, "--document", "doc 1", "--json"))
    assert [entity["key"] for entity in data["entities"]] == ["entity_1", "entity_2"]
    assert {relation["label"] for relation in data["relations"]} == {"founded", "founded_by"}


def test_the_relations_of_one_entity_or_label(trained_folder, source):
    def relations(*arguments: str):
        found = json.loads(run(trained_folder("KMGRE"), source, "--json", *arguments))["relations"]
        return {(relation["head"], relation["label"], relation["tail"]) for relation in found}

    every = relations()
    assert len(every) > len({tail for *_, tail in every}) > 1
    assert relations("--head", "she") == {found for found in every if found[0] == "entity_1"}
    assert relations("--head", "oslo") == {found for found in every if found[0] == "entity_3"}
    assert relations("--tail", "oslo") == {found for found in every if found[2] == "entity_3"} != set()
    assert relations("--label", "lives_in") == {found for found in every if found[1] == "lives_in"} != set()


def test_json(kmgre, trained_folder, source):
    data = json.loads(run(trained_folder("KMGRE"), source, "--head", "She", "--tail", "Acme", "--json"))
    doc = make_doc(kmgre)
    expected = explain(component(kmgre), doc, "She", "Acme").to_dict()
    assert data.pop("document") == "doc 0"
    assert data == json.loads(json.dumps(expected))
    first = data["relations"][0]["mention_pairs"][0]["head"]
    assert doc.text[first["start"] : first["end"]] == first["text"]


def test_overrides_and_given_entities(trained_folder, source):
    shown = run(
        trained_folder("KMGRE"),
        source,
        "--head",
        "She",
        "--tail",
        "Acme",
        "--entities",
        "given",
        f"--components.{NAME}.threshold",
        "1.0",
    )
    assert "founded: not predicted" in shown and "threshold 1 " in shown


def test_messages(trained_folder, source, tmp_path):
    for arguments, code in (
        ((source, "--head", "Nobody", "--tail", "Acme"), "E340"),
        ((source, "--head", "Nobody"), "E340"),
        ((source, "--tail", "Nobody"), "E340"),
        ((source, "--label", "nonsense"), "E343"),
        ((source, "--document", "doc 9"), "E345"),
        ((tmp_path / "missing.txt",), "E336"),
    ):
        result = CliRunner().invoke(kmgre, ["explain", str(trained_folder("KMGRE")), *map(str, arguments)])
        assert result.exit_code == 1 and code in result.output and "Traceback" not in result.output


def test_labels_of_entities_are_shown(trained_folder, kmgre, tmp_path):
    doc = make_doc(kmgre)
    doc.spans["entity_2"] = [Span(doc, 3, 4, label="ORG")]
    FORMATS["jsonl"].write([doc], tmp_path / "in.jsonl")
    shown = run(trained_folder("KMGRE"), tmp_path / "in.jsonl", "--head", "She", "--tail", "Acme")
    assert "entity_2  Acme (ORG), 1 mention\n" in shown
