"""What a file may not do to memory, to the disk, or to other folders, however small it is."""

import io
import json
import os
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
import spacy

from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.formats import FORMATS, compression, files
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source

VOCAB = spacy.blank("en").vocab
DEEP = {
    name: begin * 500 + "1" + end * 500
    for name, begin, end in (("lists", "[", "]"), ("objects", '{"a":', "}"))
}


def read(form: str, path: Path) -> None:
    list(FORMATS[form].read(path, VOCAB, Counts()))


@pytest.mark.parametrize(
    "form", ["jsonl", "docred", "dwie", "dygie", "spert", "prodigy", "label_studio", "bioc_json"]
)
@pytest.mark.parametrize("deep", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize(
    "layout", ["{}", "[{}]", '{{\n"a": {}\n}}', '{{"text": "a", "more": {}}}\n{{"text": "b"}}\n']
)
def test_depth(form: str, deep: str, layout: str, tmp_path):
    path = (
        tmp_path / ("in" if form == "dwie" else "in.json") / "a.json"
        if form == "dwie"
        else tmp_path / "in.json"
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text(layout.format(deep))
    with pytest.raises(ValueError, match=r"KMGRE E\d+"):
        read(form, path.parent if form == "dwie" else path)


def test_depth_that_is_allowed():
    value = 1
    for _ in range(files.DEEPEST):
        value = {"a": [value]} if isinstance(value, int) else [value]
    files.check_depth(json.loads(json.dumps(value[0])))
    with pytest.raises(ValueError, match="within each other"):
        files.check_depth([value])


@pytest.mark.parametrize("form", ["pubtator", "jsonl"])
def test_long_lines(form: str, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    path = tmp_path / "in.txt"
    path.write_text(json.dumps({"text": "a" * 2000}) if form == "jsonl" else "1|t|" + "a" * 2000)
    with pytest.raises(ValueError, match=r"E157.*in.txt.*1,000 bytes"):
        read(form, path)


def test_values_that_are_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_VALUE", 1000)
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"text": "a" * 2000}, indent=1))
    with pytest.raises(ValueError, match=r"E157.*in.json"):
        read("jsonl", path)


def test_docbins(tmp_path, monkeypatch):
    """A DocBin is packed by zlib, a thousand times where it says the same again and again."""
    monkeypatch.setattr(compression, "SMALL", 1 << 20)
    path = tmp_path / "in.spacy"
    path.write_bytes(zlib.compress(bytes(1 << 24)))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"E361.*in.spacy"):
        read("spacy", path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def packed(contents: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_archives_within_archives(tmp_path, monkeypatch):
    """They share one budget, and are not deep. The classic one unpacks 4.5 petabytes from 42 kilobytes."""
    monkeypatch.setattr(compression, "SMALL", 1 << 20)
    data = packed({"a.txt": bytes(1 << 19)})
    wide = packed({f"{number}.zip": data for number in range(40)})
    (tmp_path / "wide.zip").write_bytes(wide)
    with pytest.raises(ValueError, match=r"E361.*wide.zip"):
        for form in ("cas_xmi", "jsonl"):
            read(form, tmp_path / "wide.zip")
    for _ in range(8):
        data = packed({"b.zip": data})
    (tmp_path / "deep.zip").write_bytes(data)
    for attempt in (
        lambda: read("cas_xmi", tmp_path / "deep.zip"),
        lambda: guess_source(tmp_path / "deep.zip"),
    ):
        with pytest.raises(ValueError, match=r"E156.*deep.zip"):
            attempt()
    assert not compression._UNPACKED


@pytest.mark.parametrize(
    "names",
    [["a" * 400 + ".jsonl"], ["a", "a/b.jsonl"], ["a\0b.jsonl"], ["/etc/../../x.jsonl"], ["C:\\x.jsonl"]],
)
def test_names_in_archives(names: list[str], tmp_path):
    """No name leaves the folder, and one that no file can have is an error with a code."""
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "in.zip"
    path.write_bytes(packed(dict.fromkeys(names, b'{"text": "a"}\n')))
    try:
        read("jsonl", path)
    except ValueError as error:
        assert "[KMGRE E" in str(error)
    assert [file.name for file in tmp_path.rglob("*")] == ["inner", "in.zip"]


def test_deep_xml(tmp_path):
    path = tmp_path / "in.xml"
    path.write_text(
        "<collection><document>" + "<passage>" * 200_000 + "</passage>" * 200_000 + "</document></collection>"
    )
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"KMGRE E\d+"):
        read("bioc", path)
    assert time.monotonic() - start < 30


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of Unix")
def test_pipes_in_folders(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("Acme works.")
    reader = RecordReader("en", False)
    assert [record.name for record in reader.read(find_sources([tmp_path]))] == ["b.txt"]
    assert [path.name for path in reader.passed_over] == ["a.txt"]


@pytest.mark.parametrize("form", ["text", "lines", None])
def test_texts_are_not_read_beyond_what_a_text_may_have(form, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1 << 16)
    path = tmp_path / "in.txt"
    with path.open("wb") as file:
        file.truncate(1 << 28)
    reader = RecordReader("en", False, max_length=1000)
    tracemalloc.start()
    (record,) = reader.read(find_sources([path], form))
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()
    with pytest.raises(ValueError, match=r"E158.*1,000" if form != "lines" else "E157"):
        record.make(type("Reader", (), {"fail": staticmethod(lambda error: (_ for _ in ()).throw(error))}))
