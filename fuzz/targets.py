"""What is fuzzed. A target takes bytes and does something with them; only an error of ours may come out of it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

import spacy_kmgre
from spacy_kmgre.annotations import check_stored, relation_data
from spacy_kmgre.errors.inert import ACTIVE, inert
from spacy_kmgre.export import all_exports, find_export
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source
from spacy_kmgre.visualise import render_graph

Target = Callable[[bytes, Path], None]
TARGETS: dict[str, Target] = {}
# The endings of files by format, where a format has none of its own.
ENDINGS = {
    "brat": ".ann",
    "dwie": ".json",
    "pubtator": ".txt",
    "spacy": ".spacy",
    "bioc": ".xml",
    "cas_xmi": ".xmi",
}
VOCAB = spacy.blank("en").vocab


class Broken(Exception):
    """What a target did is not what it may do."""


def ours(error: Exception) -> bool:
    """Whether an error has a code, or says what the system says of a file."""
    return isinstance(error, OSError | UnicodeEncodeError) or bool(re.match(r"\[KMGRE E\d+\]", str(error)))


def target(name: str) -> Callable[[Target], Target]:
    """Register a target."""

    def register(function: Target) -> Target:
        TARGETS[name] = function
        return function

    return register


def _reader(name: str) -> Target:
    def read(data: bytes, folder: Path) -> None:
        inner = folder / "in"
        inner.mkdir()
        path = inner / f"sample{ENDINGS.get(name, '.json')}"
        path.write_bytes(data)
        (inner / "sample.txt").touch()  # brat has a text beside its annotations.
        source = inner if name in ("brat", "dwie") else path
        for doc in FORMATS[name].read(source, VOCAB, Counts(), lenient=len(data) % 2 == 1):
            check_doc(doc)

    return read


for _name in FORMATS:
    if FORMATS[_name].reader and "documents" not in FORMATS[_name].options:
        TARGETS[f"read_{_name}"] = _reader(_name)


@target("sources")
def sources(data: bytes, folder: Path) -> None:
    """Anything as a source of `extract`: each document is made or raises an error of ours."""
    path = folder / ("in" + (".txt", ".jsonl", ".csv", ".zip", ".json.gz", "")[len(data) % 6])
    path.write_bytes(data)
    for record in RecordReader("en", False, max_length=10_000).read(find_sources([path])):
        inert(record.name).encode("utf8")
    guess_source(path)


def check_doc(doc: Doc) -> None:
    """All that a reader gives can be kept, and read again."""
    check_stored(doc)
    copy = Doc(Vocab()).from_bytes(doc.to_bytes())
    for relation in copy._.relations:
        if {relation.head.key, relation.tail.key} - set(copy.spans):
            raise Broken("a relation of an entity that is not there")
    if len(relation_data(copy)) != len(relation_data(doc)):
        raise Broken("relations are lost")


def make_doc(data: bytes) -> Doc:
    """A Doc whose words, names and numbers all come from the data."""
    random = Random(data)
    text = data.decode("utf8", "replace").replace("\ud800", "")
    words = [text[i : i + 1 + i % 5] or "a" for i in range(0, min(len(text), 60), 3)] or ["a"]
    doc = Doc(VOCAB, words=words, spaces=[random.random() < 0.5 for _ in words])
    if random.random() < 0.7:
        for token in doc:
            token.is_sent_start = token.i == 0 or random.random() < 0.2

    def some() -> str:
        start = random.randrange(len(text) + 1)
        return text[start : start + random.randrange(12)]

    def span() -> tuple[int, int]:
        start = random.randrange(len(doc))
        return start, random.randrange(start, len(doc)) + 1

    doc.user_data["title"] = some()
    keys = [f"entity_{number}" for number in range(1, random.randrange(1, 6))]
    for key in keys:
        kind, kb_id = some(), some() if random.random() < 0.5 else ""
        doc.spans[key] = [Span(doc, *span(), label=kind, kb_id=kb_id) for _ in range(random.randrange(1, 5))]
    for _ in range(random.randrange(4) if len(keys) > 1 else 0):
        head, tail = random.sample(keys, 2)
        pairs = [{"head": span(), "tail": span(), "share": 1.0} for _ in range(random.randrange(3))]
        found = {"score": random.random(), "evidence": [span() for _ in range(random.randrange(3))]}
        doc._.add_relation(
            head, tail, some().strip() or "x", label_text=some(), key_mention_pairs=pairs, **found
        )
    return doc


@target("docs")
def docs(data: bytes, _folder: Path) -> None:
    """A Doc of any contents through bytes, a DocBin, JSON and every view."""
    doc = make_doc(data)
    check_doc(doc)
    packed = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (again,) = DocBin().from_bytes(packed).get_docs(Vocab())
    check_stored(again)
    if relation_data(again) != relation_data(doc):
        raise Broken("a DocBin changes relations")
    pages = [
        spacy_kmgre.render([doc], page=True, jupyter=False),
        render_graph([doc], page=True, jupyter=False),
    ]
    for page, scripts in zip(pages, (2, 3)):
        if len(re.findall(r"<script", str(page))) > scripts:
            raise Broken("a page has more scripts than its own")
    if ACTIVE.search(inert(doc.text)):
        raise Broken("a text is not inert")


@target("exports")
def write_exports(data: bytes, folder: Path) -> None:
    """A Doc of any contents through every export and writer, each of which stays below its target."""
    doc = make_doc(data)
    for name in all_exports():
        path = folder / name / "out"
        path.parent.mkdir()
        export = find_export(path, name)({"lang": "en", "name": "fuzz", "version": "1"})
        try:
            export.write([export.encode(doc)], path)
        except Exception as error:
            if not ours(error):
                raise
        if {file.name for file in path.parent.iterdir()} > {"out"}:
            raise Broken(f"{name} writes beside its target")


MODEL: list[Path] = []


@target("models")
def models(data: bytes, folder: Path) -> None:
    """A saved pipeline with bytes of a file replaced: it loads or is refused, and runs nothing."""
    if not MODEL:
        return
    random = Random(data)
    copy = folder / "model"
    shutil.copytree(MODEL[0], copy)
    # spaCy's own files raise spaCy's own errors.
    path = random.choice(sorted(file for file in (copy / "kmgre_relations").rglob("*") if file.is_file()))
    contents = bytearray(path.read_bytes())
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(contents) + 1)
        contents[at : at + random.randrange(9)] = data[: random.randrange(len(data) + 1)]
    path.write_bytes(contents)
    try:
        nlp = spacy.load(copy)
    except ValueError as error:
        if "[KMGRE E0" not in str(error):
            raise
    else:
        nlp(make_doc(data))


def values(data: bytes) -> str:
    """What a kept input is about, for people."""
    return json.dumps(data[:60].decode("utf8", "backslashreplace"))
