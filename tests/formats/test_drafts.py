"""One document that cannot be right among others, in every format."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.extraction.reader import Reader
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.base import targets

from .samples import path_for

NLP = spacy.blank("en")


def documents() -> list[Doc]:
    docs = []
    for title in "abc":
        doc = NLP("Acme works near Bolt")
        doc.user_data["title"] = title
        for number, start in enumerate((0, 3), 1):
            doc.spans[f"entity_{number}"] = [Span(doc, start, start + 1, label="ORG")]
        doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "near"}]
        docs.append(doc)
    return docs


def in_text(pattern: str, by: str) -> Callable[[Path], None]:
    """Replaces the second match."""

    def change(path: Path) -> None:
        text = path.read_text()
        found = list(re.finditer(pattern, text))[1]
        path.write_text(text[: found.start()] + by + text[found.end() :])

    return change


def in_json(*place: Any) -> Callable[[Path], None]:
    """Puts a number that is no offset at a place of the second document of a list, or of lines."""

    def change(path: Path) -> None:
        text = path.read_text()
        lines = not text.startswith("[")
        docs = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
        item = docs[1]
        for key in place[:-1]:
            item = item[key]
        item[place[-1]] = -3
        path.write_text("\n".join(map(json.dumps, docs)) if lines else json.dumps(docs))

    return change


def in_file(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


BROKEN: dict[str, Callable[[Path], None]] = {
    "jsonl": in_json("entities", 0, "mentions", 0, "start"),
    "docred": in_json("vertexSet", 0, 0, "sent_id"),
    "dwie": in_file("b.json", '{"id": "b", "content"'),
    "pubtator": in_text(r"\t0\t4\tAcme", "\t0\t9\tAcme"),
    "bioc": in_text(r'offset="0"', 'offset="99"'),
    "brat": in_file("b.ann", "T1\tORG 0 99\tAcme\n"),
    "prodigy": in_json("spans", 0, "start"),
    "label_studio": in_json("annotations", 0, "result", 0, "value", "start"),
    "doccano": in_json("entities", 0, "start_offset"),
    "dygie": in_json("ner", 0, 0, 0),
    "bioc_json": in_text('"offset": 0, "length": 4', '"offset": 0, "length": 99'),
    "cas_json": in_file("b.json", "{"),
    "cas_xmi": in_file("b.xmi", "<"),
}


def test_every_format_of_text_is_here():
    assert BROKEN.keys() == targets().keys() - {"spacy", "docred_submission"}


@pytest.mark.parametrize("name", BROKEN)
def test_those_after_it_are_read_too(tmp_path: Path, name: str):
    path = path_for(name, tmp_path)
    FORMATS[name].write(documents(), path)
    BROKEN[name](path)
    items = list(Reader(NLP, split=False).read(find_sources([path], name)))
    assert len(items) == 3
    assert [items[0].make().user_data["title"], items[2].make().user_data["title"]] == ["a", "c"]
    with pytest.raises(ValueError, match=r"KMGRE E[16]"):
        items[1].make()
    assert items[1].name in ("b", f"{path.name}:2")


@pytest.mark.parametrize(
    "name, change",
    [
        ("doccano", in_text(r"\n", "\n{")),
        ("prodigy", in_text(r"\n", "\n{")),
        ("pubtator", in_text("works", "wor\rks")),
    ],
)
def test_those_after_a_broken_line_are_read_too(tmp_path: Path, name: str, change: Callable[[Path], None]):
    path = path_for(name, tmp_path)
    FORMATS[name].write([*documents(), *documents()], path)
    change(path)
    items = list(Reader(NLP, split=False).read(find_sources([path], name)))
    assert len(items) == 6
    made = []
    for item in items:
        try:
            made.append(item.make().user_data["title"])
        except ValueError as error:
            assert "KMGRE E1" in str(error)
    assert len(made) == 5


def test_a_broken_first_line_does_not_hide_the_format(tmp_path: Path):
    path = tmp_path / "in.jsonl"
    FORMATS["prodigy"].write(documents(), path)
    path.write_text('{"text": \n' + path.read_text())
    (source,) = find_sources([path])
    assert source.form == "prodigy"


def test_a_broken_file_of_a_folder(tmp_path: Path):
    FORMATS["spacy"].write(documents(), tmp_path / "b.spacy")
    (tmp_path / "a.spacy").write_bytes(b"no DocBin")
    items = list(Reader(NLP, split=False).read(find_sources([tmp_path], "spacy")))
    assert len(items) == 4 and items[1].make().user_data["title"] == "a"
    FORMATS["brat"].write(documents(), tmp_path / "brat")
    (tmp_path / "brat" / "0.ann").touch()
    items = list(Reader(NLP, split=False).read(find_sources([tmp_path / "brat"], "brat")))
    assert [item.name for item in items] == ["0", "a", "b", "c"]
    with pytest.raises(ValueError, match="E136"):
        items[0].make()


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_is_converted_of_such_a_file(tmp_path: Path, name: str):
    path = path_for(name, tmp_path)
    FORMATS[name].write(documents(), path)
    BROKEN[name](path)
    with pytest.raises(ValueError, match=r"KMGRE E[16]"):
        FORMATS["jsonl"].write(FORMATS[name].read(path, NLP.vocab), tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
