"""Pipelines whose logits depend on how far apart, in word pieces and in sentences, two mentions stand."""

import pytest
import spacy
import torch
from spacy import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.model.distance import EDGES, UNKNOWN
from spacy_kmgre.model.thinc_shim import get_shim

from ..conftest import RELATIONS, component, make_doc, make_example

PIECES = slice(0, 2 * (len(EDGES) + 1))
SENTENCES = slice(PIECES.stop, UNKNOWN)


def doc_without_sentences(nlp: Language) -> Doc:
    given = make_doc(nlp)
    doc = Doc(nlp.vocab, [token.text for token in given])
    for key, group in given.spans.items():
        doc.spans[key] = [doc.char_span(span.start_char, span.end_char, span.label_) for span in group]
    return doc


def doc_of_one_sentence(nlp: Language) -> Doc:
    doc = make_doc(nlp)
    for token in doc:
        token.is_sent_start = token.i == 0
    return doc


def tables(nlp: Language) -> dict[str, torch.Tensor]:
    """The numbers of θ ("relation") and ω ("key")."""
    network = get_shim(component(nlp).model).require_network()
    return {name: part.distance.table.detach() for name, part in network.parts.items()}


def scores(doc: Doc) -> list[tuple[str, str, str, float]]:
    return [(r.head.key, r.label, r.tail.key, r.score) for r in doc._.relations]


@pytest.fixture
def nlp(make_nlp) -> Language:
    """An untrained pipeline that shows the score of each relation, and knows something of distances."""
    made = make_nlp(distance=True, component={"threshold": 0.0, "max_labels": 9})
    made.initialize(lambda: [make_example(made)])
    with torch.no_grad():
        for table in tables(made).values():
            torch.nn.init.normal_(table[:UNKNOWN])
    return made


def test_scores_depend_on_sentences_where_the_doc_has_them(nlp: Language):
    docs = [make_doc(nlp), doc_of_one_sentence(nlp), doc_without_sentences(nlp)]
    found = [scores(doc) for doc in nlp.pipe(docs)]
    assert found[0] != found[1] != found[2] != found[0]
    with torch.no_grad():
        for table in tables(nlp).values():
            table[SENTENCES] = 0.0
    alike = [
        scores(nlp(doc)) for doc in (make_doc(nlp), doc_of_one_sentence(nlp), doc_without_sentences(nlp))
    ]
    assert alike[0] == alike[1] == alike[2]


def test_without_it_they_do_not(make_nlp):
    nlp = make_nlp(component={"threshold": 0.0, "max_labels": 9})
    nlp.initialize(lambda: [make_example(nlp)])
    assert scores(nlp(make_doc(nlp))) == scores(nlp(doc_without_sentences(nlp)))


@pytest.mark.parametrize("has_sentences", [True, False])
def test_sentences_are_learned_from_without_evidence_too(make_nlp, has_sentences: bool):
    """What a Doc has at prediction it has to have in training."""
    nlp = make_nlp(distance=True)
    make = make_doc if has_sentences else doc_without_sentences
    reference = make(nlp)
    reference._.relations = RELATIONS
    example = Example(make(nlp), reference)
    optimizer = nlp.initialize(lambda: [example])
    assert not any(table.any() for table in tables(nlp).values())
    nlp.update([example], sgd=optimizer)
    for table in tables(nlp).values():
        assert table[PIECES].any()
        assert bool(table[SENTENCES].any()) is has_sentences
        assert not table[UNKNOWN].any()


def test_it_is_saved_with_the_pipeline(nlp: Language, tmp_path):
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert scores(loaded(make_doc(loaded))) == scores(nlp(make_doc(nlp)))


def test_more_labels(nlp: Language):
    before = tables(nlp)["relation"].clone()
    known = {(head, label, tail): score for head, label, tail, score in scores(nlp(make_doc(nlp)))}
    component(nlp).add_label("new")
    assert torch.equal(tables(nlp)["relation"][:, :-1], before)
    found = {(head, label, tail): score for head, label, tail, score in scores(nlp(make_doc(nlp)))}
    assert {key: found[key] for key in known} == pytest.approx(known, abs=1e-6)
