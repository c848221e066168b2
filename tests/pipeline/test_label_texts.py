"""Labels in words: from a corpus or a setting, through the component, to what people read."""

import shutil

import pytest
import spacy
import srsly
import torch
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_kmgre.evaluation.report import count_examples, make_report
from spacy_kmgre.export.csv import CsvExport
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.types import Entity, Relation, label_title, label_words

from ..conftest import NAME, RELATIONS, make_doc, make_example, pipeline_with

TEXTS = {"founded": "founder of", "lives_in": "residence"}


@pytest.fixture
def nlp(make_nlp, tmp_path):
    """A trained component whose corpus has the texts, which were added when the corpus was read."""
    nlp = make_nlp()
    reference = make_doc(nlp)
    reference._.relations = RELATIONS
    DocBin(docs=[reference], store_user_data=True).to_disk(tmp_path / "corpus.spacy")
    counts = Counts()
    (reference,) = FORMATS["spacy"].read(tmp_path / "corpus.spacy", nlp.vocab, counts, label_texts=TEXTS)
    assert counts.oddities == {"labels without a text": 1}
    example = Example(make_doc(nlp), reference)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    return nlp


def texts(doc):
    return {relation.label: relation.label_text for relation in doc._.relations}


def test_predicted_relations_have_the_texts_of_the_corpus(nlp):
    doc = nlp(make_doc(nlp))
    assert texts(doc) == {**TEXTS, "works_in": ""}
    assert {relation.label: relation.label_name for relation in doc._.relations}["works_in"] == "works_in"


def test_a_setting_comes_before_the_corpus_and_both_are_saved(nlp, tmp_path):
    nlp.get_pipe(NAME).label_texts = {"lives_in": "home", "works_in": "employer's town"}
    expected = {"founded": "founder of", "lives_in": "home", "works_in": "employer's town"}
    assert texts(nlp(make_doc(nlp))) == expected
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert texts(loaded(make_doc(loaded))) == expected
    with pytest.raises(ValueError, match="label_texts"):
        nlp.get_pipe(NAME).label_texts = {"lives_in": 3}


@pytest.mark.parametrize("name", ["jsonl", "spacy"])
def test_formats_that_hold_everything_keep_the_texts(nlp, name, tmp_path):
    doc = nlp(make_doc(nlp))
    FORMATS[name].write([doc], tmp_path / f"docs.{name}")
    (read,) = FORMATS[name].read(tmp_path / f"docs.{name}", nlp.vocab)
    assert texts(read) == texts(doc)


def test_tables_show_the_texts(nlp):
    doc = nlp(make_doc(nlp))
    export = CsvExport(nlp.meta)
    rows = b"".join(export.pieces([export.encode(doc)])).decode().splitlines()
    assert any(",lives_in,residence," in row for row in rows)
    counts = count_examples(nlp.get_pipe(NAME), [Example(doc, doc)])
    report = make_report(counts, label_text=nlp.get_pipe(NAME).label_text)
    assert {line.title for line in report.sections[-1].lines} == {
        "founder of (founded)",
        "residence (lives_in)",
        "works_in",
    }


def test_label_title():
    assert [label_title("P22", text) for text in ("father", "", "P22")] == ["father (P22)", "P22", "P22"]
    head, tail = Entity((), "entity_1"), Entity((), "entity_2")
    assert "label_text" not in Relation(head, tail, "P22").to_dict()
    assert Relation(head, tail, "P22", label_text="father").to_dict()["label_text"] == "father"


def test_a_head_begins_with_the_labels_in_words(make_nlp, architecture, tmp_path):
    """Labels of the same text begin with the same weights, and one without words begins without any."""
    said = {"founded": "founder of", "lives_in": "founder of", "works_in": ""}
    nlp = make_nlp(architecture, head="label_text", component={"label_texts": {**said, "P22": ""}})
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe = nlp.get_pipe(NAME)
    head = pipe.model.shims[0].network.extractor.head
    th, founded, lives_in, works_in = head.texts
    assert torch.allclose(founded, lives_in) and founded.norm() > 0
    assert works_in.norm() > 0 and not torch.allclose(founded, works_in)  # Its words are those of the label.
    assert th.norm() == 0
    pipe.add_label("P22")
    assert head.texts[-1].norm() == 0
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 3e-3
    for _ in range(40):
        nlp.update([example], sgd=optimizer)
    doc = nlp(make_doc(nlp))
    assert set(texts(doc)) == set(said)
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    again = loaded(make_doc(loaded))
    assert [relation.to_dict() for relation in again._.relations] == [
        relation.to_dict() for relation in doc._.relations
    ]


def test_texts_of_any_length_are_read_by_any_tokenizer(tiny_encoder, tmp_path):
    """One says neither how long a text may be nor how to pad it."""
    folder = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    settings = srsly.read_json(folder / "tokenizer_config.json")
    srsly.write_json(
        folder / "tokenizer_config.json", {**settings, "pad_token": None, "model_max_length": 1e30}
    )
    said = {"founded": "founded " * 300, "lives_in": "founded " * 400, "works_in": "works"}
    nlp = pipeline_with(str(folder), head="label_text", component={"label_texts": said}, shared_encoder=True)
    nlp.initialize(lambda: [make_example(nlp)])
    _, founded, lives_in, works_in = nlp.get_pipe(NAME).model.shims[0].network.extractor.head.texts
    assert torch.equal(founded, lives_in) and founded.norm() > 0
    assert not torch.allclose(founded, works_in)


def test_a_text_that_cannot_be_written_is_refused(nlp):
    with pytest.raises(ValueError, match=r"E023.*label_texts"):
        nlp.get_pipe(NAME).label_texts = {"founded": "\ud800"}


@pytest.mark.parametrize(
    "label, words",
    [
        ("per:placeOfBirth", "per place of birth"),
        ("PLACE_OF_BIRTH", "place of birth"),
        ("Cause-Effect(e1,e2)", "cause effect e e"),
        ("père", "père"),
        ("CID", "cid"),
        ("P22", ""),
        ("NA", ""),
        ("is_a", "is a"),
        ("父亲", "父亲"),
        ("местоРождения", "место рождения"),
        ("1", ""),
    ],
)
def test_label_words(label, words):
    assert label_words(label) == label_words(label, " ") == words
    assert label_words(label, "father") == "father"
