"""The reader with the output that fastcoref documents: lists of tuples of character offsets [start, end)."""

from typing import Any

import pytest
import spacy
from spacy.tokens import Doc

from spacy_kmgre.annotations import mention_offsets
from spacy_kmgre.entities.fastcoref import fastcoref_entities

from .texts import make_doc

NLP = spacy.blank("en")
EXPECTED = [
    ([(0, 2), (8, 9), (12, 13)], "PER"),
    ([(3, 7), (10, 11), (14, 15)], "PER"),
    ([(12, 15), (18, 19)], ""),
]


@pytest.fixture
def doc() -> Doc:
    fastcoref_entities()  # This registers the extension.
    doc = make_doc(NLP.vocab)
    starts = {token.i: token.idx for token in doc}
    ends = {token.i: token.idx + len(token) for token in doc}
    doc._.coref_clusters = [
        [(starts[start], ends[end - 1]) for start, end in mentions] for mentions, _ in EXPECTED
    ]
    return doc


def found(doc: Doc, **settings: Any):
    return [(mention_offsets([entity]), entity.label) for entity in fastcoref_entities(**settings)(doc)]


def test_clusters(doc: Doc):
    assert found(doc) == EXPECTED
    assert found(doc, pronouns=False) == [
        ([(0, 2), (12, 13)], "PER"),
        ([(3, 7), (14, 15)], "PER"),
        ([(12, 15)], ""),
    ]


def test_clusters_that_were_stored(doc: Doc):
    copy = Doc(NLP.vocab).from_bytes(doc.to_bytes())
    assert found(copy) == EXPECTED


def test_offsets_within_tokens_get_the_whole_token(doc: Doc):
    doc._.coref_clusters = [[(0, 6), (doc[8].idx + 1, doc[8].idx + 2)], [(10_000, 10_004)]]
    assert found(doc) == [([(0, 2), (8, 9)], "PER")]


def test_a_doc_without_clusters(doc: Doc):
    doc._.coref_clusters = []
    assert found(doc) == []


def test_a_doc_that_fastcoref_has_not_read(doc: Doc):
    doc._.coref_clusters = None
    with pytest.raises(
        ValueError, match=r"E403.*coref_clusters.*add_pipe\('fastcoref'\).*pip install fastcoref"
    ):
        fastcoref_entities()(doc)
