"""Ign F1 and evidence F1 against plain loops over DocRED's JSON, written from the definition of its official
evaluation (Yao et al., ACL 2019)."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.annotations import store_relations
from spacy_kmgre.relation_input import relation_data_of
from spacy_kmgre.scoring.relations import relation_facts, score_relations

from ..conftest import tries

NLP = spacy.blank("en")
JSON = list[dict[str, Any]]


# The official evaluation


def official_scores(train: JSON, dev: JSON, predictions: JSON) -> dict[str, float]:
    """Compute precision, recall and F1 of relations, Ign F1, and precision, recall and F1 of evidence."""
    facts = [
        fact
        for document in train
        for label in document["labels"]
        for fact in names(document, label["h"], label["t"], label["r"])
    ]
    relations = evidence = 0
    for document in dev:
        for label in document["labels"]:
            relations += 1
            evidence += len(label["evidence"])

    right = right_and_known = right_evidence = predicted_evidence = 0
    for item in predictions:
        predicted_evidence += len(item["evidence"])
        (document,) = [document for document in dev if document["title"] == item["title"]]
        for label in document["labels"]:
            if (label["h"], label["t"], label["r"]) == (item["h_idx"], item["t_idx"], item["r"]):
                right += 1
                for sentence in item["evidence"]:
                    right_evidence += sentence in label["evidence"]
                found = names(document, item["h_idx"], item["t_idx"], item["r"])
                right_and_known += any(fact in facts for fact in found)

    p, r = right / len(predictions), right / relations
    # The official evaluation has a small number in this denominator, since it can be 0.
    ign_p = (right - right_and_known) / (len(predictions) - right_and_known + 1e-5)
    evidence_p = right_evidence / predicted_evidence if predicted_evidence else 0.0
    evidence_r = right_evidence / evidence
    return {
        "rel_micro_p": p,
        "rel_micro_r": r,
        "rel_micro_f": f_one(p, r),
        "rel_ign_p": ign_p,
        "rel_ign_f": f_one(ign_p, r),
        "rel_evidence_p": evidence_p,
        "rel_evidence_r": evidence_r,
        "rel_evidence_f": f_one(evidence_p, evidence_r),
    }


def names(document: dict[str, Any], head: int, tail: int, label: str) -> list[tuple[str, str, str]]:
    """All combinations of a name of the head, a name of the tail and the label."""
    entities = document["vertexSet"]
    return [(h["name"], t["name"], label) for h in entities[head] for t in entities[tail]]


def f_one(p: float, r: float) -> float:
    return 2 * p * r / (p + r) if p + r else 0.0


# The same through Docs


def make_doc(document: dict[str, Any], relations: JSON) -> Doc:
    """Make a Doc with the entities of a document.

    :param relations: Its relations, in the form of DocRED's labels.
    """
    starts, words = [], []
    for sentence in document["sents"]:
        starts.append(len(words))
        words += sentence
    doc = Doc(NLP.vocab, words=words, sent_starts=[i in starts for i in range(len(words))])
    for number, mentions in enumerate(document["vertexSet"]):
        offsets = [[starts[m["sent_id"]] + word for word in m["pos"]] for m in mentions]
        doc.spans[f"entity_{number}"] = [doc[start:end] for start, end in offsets]
    ends = [*starts[1:], len(words)]
    data = [
        {
            "head": f"entity_{relation['h']}",
            "tail": f"entity_{relation['t']}",
            "label": relation["r"],
            "evidence": [[starts[number], ends[number]] for number in relation["evidence"]],
        }
        for relation in relations
    ]
    # As corpora are read: they hold relations of an entity with itself.
    store_relations(doc, [relation_data_of(doc, item) for item in data])
    return doc


def our_scores(train: JSON, dev: JSON, predictions: JSON) -> dict[str, Any]:
    examples = []
    for document in dev:
        found = [
            {**item, "h": item["h_idx"], "t": item["t_idx"]}
            for item in predictions
            if item["title"] == document["title"]
        ]
        examples.append(Example(make_doc(document, found), make_doc(document, document["labels"])))
    trained = [make_doc(document, document["labels"]) for document in train]
    facts = [fact for doc in trained for relation in doc._.relations for fact in relation_facts(relation)]
    return score_relations(examples, known_facts=facts)


def assert_official(train: JSON, dev: JSON, predictions: JSON) -> dict[str, Any]:
    ours = our_scores(train, dev, predictions)
    for name, value in official_scores(train, dev, predictions).items():
        assert ours[name] == pytest.approx(value, abs=1e-4), name
    return ours


def test_a_small_corpus():
    scores = assert_official(**srsly.read_json(Path(__file__).parent / "docred.json"))
    # Four of six are right, and one of them (She, Oslo, likes) is known from training.
    assert scores["rel_micro_f"] == pytest.approx(4 / 6)
    assert scores["rel_ign_p"] == pytest.approx(3 / 5)
    assert scores["rel_counts"] == {
        "gold": 6,
        "predicted": 6,
        "correct": 4,
        "known": 1,
        "evidence_gold": 7,
        "evidence_predicted": 6,
        "evidence_correct": 3,
    }


SENTENCES, WORDS = 3, 4
spots = st.tuples(st.integers(0, SENTENCES - 1), st.integers(0, WORDS - 1))


@st.composite
def documents(draw, title: str) -> dict[str, Any]:
    """Draw sentences of four words out of three, so that names recur, and mentions of one or two words."""
    word = st.sampled_from(["x", "y", "z"])
    sents = draw(
        st.lists(st.lists(word, min_size=WORDS, max_size=WORDS), min_size=SENTENCES, max_size=SENTENCES)
    )
    entities = draw(
        st.lists(st.sets(spots, min_size=1, max_size=3), min_size=2, max_size=4, unique_by=frozenset)
    )
    clusters = []
    for mentions in entities:
        ends = {spot: min(spot[1] + draw(st.integers(1, 2)), WORDS) for spot in sorted(mentions)}
        clusters.append(
            [
                {"name": " ".join(sents[number][start:end]), "sent_id": number, "pos": [start, end]}
                for (number, start), end in ends.items()
            ]
        )
    number = st.integers(0, len(clusters) - 1)
    keys = st.tuples(number, number, st.sampled_from("AB"))
    evidence = st.sets(st.integers(0, SENTENCES - 1)).map(sorted)
    labels, predictions = draw(st.dictionaries(keys, evidence)), draw(st.dictionaries(keys, evidence))
    return {
        "title": title,
        "sents": sents,
        "vertexSet": clusters,
        "labels": [{"h": h, "t": t, "r": r, "evidence": found} for (h, t, r), found in labels.items()],
        "predictions": [
            {"title": title, "h_idx": h, "t_idx": t, "r": r, "evidence": found}
            for (h, t, r), found in predictions.items()
        ],
    }


@given(documents("train"), documents("one"), documents("two"))
@settings(max_examples=tries(70), deadline=None)
def test_random_documents(train, one, two):
    predictions = one["predictions"] + two["predictions"]
    labels = one["labels"] + two["labels"]
    if predictions and any(label["evidence"] for label in labels):  # otherwise the definition divides by 0
        assert_official([train], [one, two], predictions)
