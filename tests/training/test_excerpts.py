"""Excerpts of documents against the documents, sentence by sentence."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import TITLE, read_entities, relation_data
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader
from spacy_kmgre.training.excerpts import MOST_SENTENCES, cut, evidence_excerpts

NLP = spacy.blank("en")
# The words of a document, sentence by sentence: no word is twice in it.
SENTENCES = [["Ann", "Lee", "founded", "Acme", "."], ["She", "left", "."], ["Acme", "is", "in", "Oslo", "!"]]
# Ann Lee and Acme; Acme across two sentences, and in the third; Oslo.
ENTITIES = {"entity_1": [(0, 2), (5, 6)], "entity_2": [(3, 4), (4, 6), (8, 9)], "entity_3": [(11, 12)]}


def make_doc(*relations: dict[str, Any], prefix: str = "entity_", split: bool = True) -> Doc:
    words = [word for sentence in SENTENCES for word in sentence]
    starts = [place == 0 for sentence in SENTENCES for place in range(len(sentence))] if split else None
    doc = Doc(NLP.vocab, words=words, spaces=[True] * 12 + [False], sent_starts=starts)
    for key, mentions in ENTITIES.items():
        name = key.replace("entity_", prefix)
        doc.spans[name] = [
            Span(doc, *mention, label="T" + key[-1], kb_id="Q" + key[-1]) for mention in mentions
        ]
    doc.user_data[TITLE] = "Ann"
    doc._.relation_data = [
        {**data, **{end: data[end].replace("entity_", prefix) for end in ("head", "tail")}}
        for data in relations
    ]
    return doc


def relation(head: int, tail: int, label: str, *evidence: int) -> dict[str, Any]:
    """A relation whose evidence are sentences, by their numbers."""
    return {"head": f"entity_{head}", "tail": f"entity_{tail}", "label": label, "evidence": list(evidence)}


FOUNDED, SEAT, LIVES = relation(1, 2, "founded", 0), relation(2, 3, "seat", 2), relation(1, 3, "lives", 0, 2)
SILENT, LEFT = relation(2, 1, "founded_by"), relation(1, 2, "left", 1)


def said(doc: Doc) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (data["head"], data["label"], data["tail"], tuple(doc[a:b].text for a, b in data["evidence"]))
        for data in relation_data(doc)
    }


def test_a_cut_has_the_mentions_and_the_relations_of_its_sentences():
    doc = make_doc(FOUNDED, SEAT, LIVES, SILENT)
    found = cut(doc, [(0, 5), (8, 13)])
    assert found.text == "Ann Lee founded Acme . Acme is in Oslo !"
    assert [sentence.text for sentence in found.sents] == ["Ann Lee founded Acme .", "Acme is in Oslo !"]
    assert {
        entity.key: [(span.text, span.label_, span.kb_id_) for span in entity.mentions]
        for entity in read_entities(found)
    } == {
        "entity_1": [("Ann Lee", "T1", "Q1")],
        "entity_2": [("Acme", "T2", "Q2"), ("Acme", "T2", "Q2")],
        "entity_3": [("Oslo", "T3", "Q3")],
    }
    first, second = "Ann Lee founded Acme .", "Acme is in Oslo !"
    assert said(found) == {
        ("entity_1", "founded", "entity_2", (first,)),
        ("entity_2", "seat", "entity_3", (second,)),
        ("entity_1", "lives", "entity_3", (first, second)),
        ("entity_2", "founded_by", "entity_1", ()),
    }
    assert found.user_data[TITLE] == "Ann"
    assert len(relation_data(doc)) == 4 and doc.spans["entity_1"][0].text == "Ann Lee"


def test_a_cut_lacks_what_other_sentences_say():
    doc = make_doc(FOUNDED, SEAT, LIVES, SILENT)
    assert said(cut(doc, [(8, 13)])) == {("entity_2", "seat", "entity_3", ("Acme is in Oslo !",))}
    # Both entities are mentioned, but not in one sentence, and the relation has no evidence.
    assert not said(cut(make_doc(relation(1, 3, "lives")), [(5, 8), (8, 13)]))


def test_excerpts_are_the_evidence_of_relations():
    doc = make_doc(FOUNDED, SEAT, LIVES, SILENT, relation(3, 2, "of", 0, 1, 2))
    found = list(evidence_excerpts(doc, 9))
    texts = {excerpt.text.strip() for excerpt in found}
    assert texts == {
        "Ann Lee founded Acme .",
        "Acme is in Oslo !",
        "Ann Lee founded Acme . Acme is in Oslo !",
    }
    assert len(found) == 3  # No two are the same, and none is the document.
    for count in (0, 1, 2):
        some = [excerpt.text for excerpt in evidence_excerpts(doc, count)]
        assert some == [excerpt.text for excerpt in found[:count]]


def test_evidence_that_says_nothing_makes_no_excerpt():
    """The relation's tail is not mentioned in its evidence."""
    assert not list(evidence_excerpts(make_doc(relation(1, 3, "lives", 1)), 9))


@pytest.mark.parametrize("doc", [make_doc(), make_doc(SILENT), make_doc(SILENT, split=False)])
def test_documents_without_evidence_have_no_excerpts(doc):
    assert not list(evidence_excerpts(doc, 9))


def test_an_entity_that_is_related_to_itself():
    assert said(cut(make_doc(relation(1, 1, "self", 0)), [(0, 5)])) == {
        ("entity_1", "self", "entity_1", ("Ann Lee founded Acme .",))
    }


@st.composite
def documents(draw) -> Doc:
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    words = [f"w{place}" for place in range(sum(lengths))]
    starts = [place == 0 for length in lengths for place in range(length)]
    doc = Doc(NLP.vocab, words=words, sent_starts=starts)
    for key in ("entity_1", "entity_2"):
        places = draw(st.lists(st.sampled_from(range(len(words))), min_size=1, max_size=4, unique=True))
        ends = [min(len(words), place + draw(st.integers(1, 3))) for place in places]
        doc.spans[key] = [Span(doc, place, end, label="T") for place, end in zip(places, ends)]
    evidence = st.lists(st.sampled_from(range(len(lengths))), max_size=4, unique=True)
    doc._.relation_data = [
        {"head": "entity_1", "tail": "entity_2", "label": f"r{number}", "evidence": draw(evidence)}
        for number in range(draw(st.integers(0, 4)))
    ]
    return doc


@given(documents(), st.integers(0, 4))
def test_what_excerpts_are(doc: Doc, count: int):
    known = {data["label"]: {tuple(own) for own in data["evidence"]} for data in relation_data(doc)}
    texts = {(sent.start, sent.end): [token.text for token in sent] for sent in doc.sents}
    found = list(evidence_excerpts(doc, count))
    assert len(found) <= count
    assert len({excerpt.text for excerpt in found}) == len(found)
    for excerpt in found:
        own = [[token.text for token in sent] for sent in excerpt.sents]
        chosen = [offsets for offsets, words in texts.items() if words in own]
        assert own == [texts[offsets] for offsets in chosen]  # They are whole, and in their order.
        assert len(own) <= MOST_SENTENCES and len(own) < len(texts)
        assert any(set(chosen) == evidence for evidence in known.values())
        for key, group in excerpt.spans.items():
            inside = [
                span for span in doc.spans[key] if any(a <= span.start and span.end <= b for a, b in chosen)
            ]
            assert sorted(span.text for span in group) == sorted(span.text for span in inside)
        labels = [data["label"] for data in relation_data(excerpt)]
        both = len(excerpt.spans) == 2
        assert both and set(labels) >= {
            label for label, evidence in known.items() if evidence and evidence <= set(chosen)
        }
        for data in relation_data(excerpt):
            moved = {tuple(token.text for token in excerpt[a:b]) for a, b in data["evidence"]}
            assert moved == {tuple(texts[offsets]) for offsets in known[data["label"]]}


@pytest.mark.parametrize("prefix", ["entity_", "coref_clusters_"])
@pytest.mark.parametrize("settings", [{}, {"gold_tokens": False}])
def test_the_reader_has_excerpts_behind_their_documents(
    tmp_path: Path, prefix: str, settings: dict[str, Any]
):
    docs = [make_doc(FOUNDED, SEAT, prefix=prefix), make_doc(SILENT, prefix=prefix)]
    write_corpus(docs, tmp_path / "docs.spacy")
    reader = create_corpus_reader(tmp_path / "docs.spacy", prefix=prefix, evidence_excerpts=1, **settings)
    whole, excerpt, other = reader(NLP)
    assert whole.reference.text == other.reference.text == docs[0].text
    assert len(excerpt.reference._.relations) == 1
    assert not excerpt.predicted._.relations
    for example in (whole, excerpt, other):
        gold, predicted = (
            {entity.key: [span.text for span in entity.mentions] for entity in read_entities(one, prefix)}
            for one in (example.reference, example.predicted)
        )
        assert gold == predicted and gold
    assert [example.reference.text for example in reader(NLP)] == [
        example.reference.text for example in (whole, excerpt, other)
    ]
    assert len(list(create_corpus_reader(tmp_path / "docs.spacy", prefix=prefix)(NLP))) == 2
