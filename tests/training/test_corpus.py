from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import registry

from spacy_kmgre.annotations import TITLE, read_entities, relation_data
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader

NLP = spacy.blank("en")
WORDS = ["Ann", "Lee", "founded", "Ac", "me-Oslo", ".", "Lee", "left", "Oslo", "."]
SPACES = [True, True, True, False, False, True, True, True, False, False]
ENTITIES = {"1": [(0, 2), (6, 7)], "2": [(3, 5)], "3": [(8, 9), (3, 4)]}
Offsets = dict[str, list[tuple[int, int, str, str]]]


def make_doc(
    title: str = "Ann", prefix: str = "entity_", sent_starts: tuple[int, ...] = (0, 6), **settings: Any
) -> Doc:
    settings = {"spaces": SPACES, **settings}
    starts = [i in sent_starts for i in range(len(WORDS))] if sent_starts else None
    doc = Doc(NLP.vocab, words=WORDS, sent_starts=starts, **settings)
    doc.user_data[TITLE] = title
    for number, mentions in ENTITIES.items():
        spans = [Span(doc, start, end, label=f"T{number}", kb_id=f"Q{number}") for start, end in mentions]
        doc.spans[prefix + number] = spans
    evidence = [[0, 6]] if sent_starts else []
    relation = {"head": f"{prefix}1", "tail": f"{prefix}2", "label": "founder", "evidence": evidence}
    doc._.relations = [relation]
    return doc


def write(path: Path, *docs: Doc) -> Path:
    write_corpus(docs, path)
    return path


def examples(path: Path, **settings: Any) -> list[Example]:
    return list(create_corpus_reader(path, **settings)(NLP))


def offsets(doc: Doc, prefix: str = "entity_") -> Offsets:
    return {
        entity.key: [(m.start_char, m.end_char, m.label_, m.kb_id_) for m in entity.mentions]
        for entity in read_entities(doc, prefix)
    }


def test_predicted_gets_all_but_the_relations(tmp_path):
    path = write(tmp_path / "docs.spacy", make_doc("Ann"), make_doc("Bob"))
    reader = registry.resolve({"reader": {"@readers": "spacy_kmgre.Corpus.v1", "path": str(path)}})["reader"]
    first, second = reader(NLP)
    for example, title in ((first, "Ann"), (second, "Bob")):
        gold, predicted = example.reference, example.predicted
        assert predicted is not gold
        assert predicted.user_data == {TITLE: title}
        assert [relation.label for relation in gold._.relations] == ["founder"]
        assert relation_data(predicted) == []
        assert [(token.text, token.whitespace_) for token in predicted] == [
            (t.text, t.whitespace_) for t in gold
        ]
        assert [sent.text for sent in predicted.sents] == ["Ann Lee founded Acme-Oslo.", "Lee left Oslo."]
        assert offsets(predicted) == offsets(gold)
        assert offsets(predicted)["entity_2"] == [(16, 25, "T2", "Q2")]


def test_reads_again_and_again(tmp_path):
    reader = create_corpus_reader(write(tmp_path / "docs.spacy", make_doc()))
    assert [offsets(e.predicted) for e in reader(NLP)] == [offsets(e.predicted) for e in reader(NLP)] != []


def test_without_gold_entities(tmp_path):
    (example,) = examples(write(tmp_path / "docs.spacy", make_doc()), gold_entities=False)
    assert not example.predicted.spans
    assert [token.text for token in example.predicted] == WORDS
    assert example.predicted.user_data == {TITLE: "Ann"}
    assert len(example.reference._.relations) == 1


def test_pipelines_own_tokens(tmp_path):
    path = write(tmp_path / "docs.spacy", make_doc(), make_doc())
    for example in examples(path, gold_tokens=False):
        predicted = example.predicted
        assert "Acme" in [token.text for token in NLP(predicted.text)]
        split = [token.text for token in predicted]
        assert split == ["Ann", "Lee", "founded", "Ac", "me", "-", "Oslo", ".", "Lee", "left", "Oslo", "."]
        assert not predicted.has_annotation("SENT_START")
        assert offsets(predicted) == offsets(example.reference)
        assert predicted.user_data == {TITLE: "Ann"}
        assert relation_data(predicted) == []


def test_entities_nobody_asked_for_split_no_tokens(tmp_path):
    (example,) = examples(write(tmp_path / "docs.spacy", make_doc()), gold_tokens=False, gold_entities=False)
    assert not example.predicted.spans
    assert [token.text for token in example.predicted] == [
        token.text for token in NLP(example.predicted.text)
    ]


def test_unknown_spaces_keep_the_gold_tokens(tmp_path):
    (example,) = examples(write(tmp_path / "docs.spacy", make_doc(spaces=None)), gold_tokens=False)
    assert [token.text for token in example.predicted] == WORDS
    assert offsets(example.predicted) == offsets(example.reference)


def test_no_sentences_no_title(tmp_path):
    doc = make_doc(sent_starts=())
    del doc.user_data[TITLE]
    (example,) = examples(write(tmp_path / "docs.spacy", doc))
    assert not example.predicted.has_annotation("SENT_START")
    assert example.predicted.user_data == {}


def test_prefix(tmp_path):
    path = write(tmp_path / "docs.spacy", make_doc(prefix="cluster_"))
    (example,) = examples(path, prefix="cluster_")
    assert offsets(example.predicted, "cluster_") == offsets(example.reference, "cluster_")
    assert len(example.predicted.spans) == 3


def test_limit_holds_over_all_files_of_a_folder(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / f"{name}.spacy", make_doc(f"{name}1"), Doc(NLP.vocab), make_doc(f"{name}2"))
    titles = ["a1", "a2", "b1", "b2"]
    for limit in (0, 1, 3, 4, 9):
        read = [example.reference.user_data[TITLE] for example in examples(tmp_path, limit=limit)]
        assert read == titles[: limit or None]


def test_path_is_missing(tmp_path):
    reader = create_corpus_reader(None)  # a config without paths must load
    with pytest.raises(ValueError, match=r"E110\].*--paths.train"):
        list(reader(NLP))
    with pytest.raises(FileNotFoundError, match=r"E111\].*nothing.spacy"):
        examples(tmp_path / "nothing.spacy")


def test_corpus_is_empty(tmp_path):
    with pytest.raises(ValueError, match=r"E112\].*docs.spacy"):
        examples(write(tmp_path / "docs.spacy", Doc(NLP.vocab)))
    (tmp_path / "docs.json").write_text("[]")
    with pytest.raises(ValueError, match="E112"), pytest.warns(UserWarning, match="W090"):
        examples(tmp_path / "docs.json")


@pytest.mark.parametrize("mangle", [lambda data: data[:-20], lambda data: b"", lambda data: b"[]" + data])
def test_file_is_no_docbin(tmp_path, mangle):
    path = write(tmp_path / "docs.spacy", make_doc())
    path.write_bytes(mangle(path.read_bytes()))
    with pytest.raises(ValueError, match=r"E113\].*docs.spacy"):
        examples(path)


def test_warns_of_a_corpus_without_relations(tmp_path):
    path = tmp_path / "docs.spacy"
    DocBin(docs=[make_doc(), make_doc()]).to_disk(path)
    with pytest.warns(UserWarning, match=r"W111\].*docs.spacy.*store_user_data=True"):
        both = examples(path)
    assert [len(offsets(example.predicted)) for example in both] == [3, 3]


def test_warns_of_a_corpus_without_entities(tmp_path):
    path = write(tmp_path / "docs.spacy", make_doc(prefix="cluster_"))
    with pytest.warns(UserWarning, match=r"W110\].*'entity_'.*'cluster_1'.*`prefix`"):
        (example,) = examples(path)
    assert not example.predicted.spans
