"""What is read, under which names, and how bad input is met."""

import io
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import read_entities
from spacy_kmgre.extraction.annotate import Item
from spacy_kmgre.extraction.reader import splits_sentences
from spacy_kmgre.extraction.sources import STDIN, count_items, find_sources
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.docbin import write_corpus

from ..conftest import make_example
from .conftest import line, read, write_lines


def names(items: list[Item]) -> list[str]:
    return [item.name for item in items]


def errors(items: list[Item]) -> list[str]:
    found = []
    for item in items:
        try:
            item.make()
        except ValueError as error:
            found.append(str(error))
    return found


def test_a_folder_of_texts(nlp, tmp_path: Path):
    for name in ("b.txt", "a.txt", "sub/c.txt", ".hidden.txt", ".git/d.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Text of {name}.", encoding="utf8")
    items = read(nlp, tmp_path)
    assert names(items) == ["a.txt", "b.txt", "sub/c.txt"]
    doc = items[2].make()
    assert doc.text == "Text of sub/c.txt." and doc.user_data["title"] == "sub/c.txt"
    assert items[2].make() is not doc
    assert count_items(find_sources([tmp_path])) == 3


def test_a_folder_of_several_kinds(nlp, tmp_path: Path):
    (tmp_path / "a.txt").write_text("One.")
    write_lines(tmp_path / "b.jsonl", [line(1), line(2)])
    write_corpus([make_example(nlp).reference], tmp_path / "c.spacy")
    assert names(read(nlp, tmp_path)) == ["a.txt", "doc 1", "doc 2", "c.spacy:1"]
    assert names(read(nlp, tmp_path, form="jsonl")) == ["doc 1", "doc 2"]
    assert count_items(find_sources([tmp_path])) is None


def test_lines_of_json(nlp, tmp_path: Path):
    lines = [line(1), {"title": "t", "id": 7, "text": "x"}, {"id": 8, "text": "y"}, {"text": ""}]
    path = write_lines(tmp_path / "in.jsonl", lines)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\n\n")
    items = read(nlp, path)
    assert names(items) == ["doc 1", "t", "8", "in.jsonl:4"]
    docs = [item.make() for item in items]
    assert [doc.user_data["title"] for doc in docs] == names(items)
    first, second = read_entities(docs[0])
    assert [(span.text, span.start_char) for span in second.mentions] == [("Bolt", 16), ("Bolt", 23)]
    assert first.label == "X" and not len(docs[3])


def test_each_line_is_a_document(nlp, tmp_path: Path):
    (tmp_path / "in.txt").write_bytes("One.\r\n\n  \nTwö.".encode())
    items = read(nlp, tmp_path / "in.txt", form="lines")
    assert names(items) == ["in.txt:1", "in.txt:4"]
    assert [item.make().text for item in items] == ["One.", "Twö."]


def test_the_pipelines_own_tokenizer_splits_texts(nlp, tmp_path: Path):
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=list(text), spaces=[False] * len(text))
    (tmp_path / "a.txt").write_text("Acme")
    path = write_lines(tmp_path / "in.jsonl", [line(1)])
    assert len(read(nlp, tmp_path / "a.txt")[0].make()) == 4
    assert len(read(nlp, path)[0].make()) == len(line(1)["text"])


def test_mentions_inside_tokens(nlp, tmp_path: Path):
    entities = [{"mentions": [{"start": 0, "end": 4}]}, {"mentions": [{"start": 5, "end": 9}]}]
    path = write_lines(tmp_path / "in.jsonl", [{"text": "Acme/Bolt", "entities": entities}])
    doc = read(nlp, path)[0].make()
    assert [entity.text for entity in read_entities(doc)] == ["Acme", "Bolt"]


def test_sentences_by_rule_where_the_pipeline_finds_none(nlp, tmp_path: Path):
    (tmp_path / "a.txt").write_text("One. Two.")
    (tmp_path / "lines.jsonl").write_text('{"text": "One. Two."}')
    assert not splits_sentences(nlp)
    for item in read(nlp, tmp_path):
        assert len(list(item.make().sents)) == 2
    nlp.add_pipe("sentencizer", first=True)
    assert splits_sentences(nlp)
    for item in read(nlp, tmp_path):
        assert not item.make().has_annotation("SENT_START")
    with nlp.select_pipes(disable="sentencizer"):
        assert not splits_sentences(nlp)


def test_corpora_lose_their_relations_and_keep_the_rest(nlp, tmp_path: Path):
    doc = make_example(nlp).reference
    doc.user_data["title"] = "Ann"
    doc.ents = [Span(doc, 0, 2, label="PER")]
    write_corpus([doc], tmp_path / "dev.spacy")
    FORMATS["docred"].write([doc], tmp_path / "dev.json")
    for name in ("dev.spacy", "dev.json"):
        (item,) = read(nlp, tmp_path / name)
        assert item.name == "Ann"
        found = item.make()
        assert found.vocab is nlp.vocab and found._.relations == [] and doc._.relations
        assert [token.text for token in found] == [token.text for token in doc]
        assert [e.text for e in read_entities(found)] == [e.text for e in read_entities(doc)]
        assert [sent.text for sent in found.sents] == [sent.text for sent in doc.sents]
    assert read(nlp, tmp_path / "dev.spacy")[0].make().ents[0].label_ == "PER"


def test_the_vocabulary_of_a_corpus_does_not_stay(nlp, tmp_path: Path):
    write_corpus([Doc(spacy.blank("xx").vocab, words=["Xanthippe"])], tmp_path / "in.spacy")
    items = read(nlp, tmp_path / "in.spacy")
    with nlp.memory_zone():
        assert items[0].make()[0].text == "Xanthippe"
    assert "Xanthippe" not in nlp.vocab.strings


class Stream:
    def __init__(self, data: bytes):
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize(
    "data, form, expected",
    [
        (b"One.\nTwo.\n", "", [("stdin", "One.\nTwo.\n")]),
        (b"", "", [("stdin", "")]),
        (b"\n\nOne.", "", [("stdin", "\n\nOne.")]),
        (b"One.\nTwo.\n", "lines", [("stdin:1", "One."), ("stdin:2", "Two.")]),
        (b'\xef\xbb\xbf {"text": "One."}', "", [("stdin:1", "One.")]),
        (b'\n{"text": "One."}\n{"id": "a", "text": "Two."}\n', "", [("stdin:2", "One."), ("a", "Two.")]),
        (b'{"text": "One."}', "text", [("stdin", '{"text": "One."}')]),
    ],
)
def test_standard_input(nlp, monkeypatch, data: bytes, form: str, expected):
    monkeypatch.setattr(sys, "stdin", Stream(data))
    assert [(item.name, item.make().text) for item in read(nlp, STDIN, form=form)] == expected


def test_bad_lines_and_files_are_single_documents(nlp, tmp_path: Path):
    good = b'{"id": "good", "text": "fine"}\n'
    bad = [
        b'{"id": "cut", "text": "no en',
        b'{"id": "latin", "text": "caf\xe9"}',
        b'["no", "object"]',
        b'{"id": "textless"}',
        b'{"id": "number", "text": 1}',
        b'{"id": "lost", "text": "x", "entities": [{"mentions": [{"start": 3, "end": 5}]}]}',
        b'{"id": "surrogate", "text": "\\ud800"}',
        b"[" * 100_000,
    ]
    (tmp_path / "in.jsonl").write_bytes(good + b"\n".join(bad) + b"\n" + good)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    items = read(nlp, tmp_path)
    assert [item.make().text for item in items if item.name == "good"] == ["fine", "fine"]
    found = errors([item for item in items if item.name not in ("good", "gone.txt")])
    assert len(found) == len(bad) + 1 == len(items) - 3
    assert "in.jsonl:2" in found[0] and "UTF-8" in found[1] and "latin.txt" in found[-1]
    with pytest.raises(FileNotFoundError):
        next(item for item in items if item.name == "gone.txt").make()


def test_a_broken_corpus_is_reported_and_the_next_one_read(nlp, tmp_path: Path):
    (tmp_path / "a.spacy").write_bytes(b"nonsense")
    (tmp_path / "b.txt").write_text("Fine.")
    items = read(nlp, tmp_path)
    assert names(items) == ["a.spacy:1", "b.txt"]
    assert "E113" in errors(items[:1])[0] and items[1].make().text == "Fine."


def test_long_texts(nlp, tmp_path: Path):
    nlp.max_length = 20
    (tmp_path / "a.txt").write_text("x" * 21)
    (tmp_path / "b.txt").write_text("x" * 20)
    write_lines(tmp_path / "c.jsonl", [{"text": "x y" * 9, "tokens": [[0, 27]]}])
    write_corpus([Doc(nlp.vocab, words=["y"] * 11)], tmp_path / "d.spacy")
    found = errors(read(nlp, tmp_path))
    assert len(found) == 3 and all("E338" in error and "--max-length" in error for error in found)


@pytest.mark.parametrize(
    "name, form, code",
    [("missing", None, "E336"), ("empty", None, "E336"), ("a.txt", "docx", "E144"), ("-", "spacy", "E337")],
)
def test_what_cannot_be_read(tmp_path: Path, monkeypatch, name, form, code):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("a.txt").write_text("x")
    with pytest.raises(ValueError, match=code):
        find_sources([Path(name)], form)


def test_named_entities_of_a_corpus_are_found_anew(nlp, tmp_path: Path):
    """A recogniser of the pipeline would keep the gold ones; where it has none, they stay."""
    doc = Doc(nlp.vocab, words=["Acme", "works"])
    doc.ents = [Span(doc, 0, 1, label="GOLD")]
    write_corpus([doc], tmp_path / "gold.spacy")

    def found() -> list[str]:
        (item,) = read(nlp, tmp_path / "gold.spacy")
        return [ent.label_ for ent in nlp(item.make()).ents]

    assert found() == ["GOLD"]
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "FOUND", "pattern": "Acme"}])
    assert found() == ["FOUND"]
