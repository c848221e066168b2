"""What extraction writes: lines of JSON and of CSV, and every format of `FORMATS`."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.tokens import Doc

from ..annotations import TITLE
from ..formats import FORMATS, Format
from ..formats.base import EVERYTHING, check_format, guess_target
from ..formats.jsonl import document_to_json
from ..types import Entity, Relation

CSV = "csv"
COLUMNS = (
    "document",
    "head",
    "head_label",
    "head_kb_id",
    "head_key",
    "relation",
    "tail",
    "tail_label",
    "tail_kb_id",
    "tail_key",
    "score",
    "head_start",
    "head_end",
    "tail_start",
    "tail_end",
    "share",
    "evidence",
)
# Documents that share a vocabulary when they are written in another format.
VOCAB_SIZE = 1000


@dataclass(frozen=True)
class Output:
    """How documents become a file, in parts that can be written one by one.

    :param encode: A document as bytes.
    :param pack: Documents as one part.
    :param assemble: Makes a file or folder of all parts; also gets the language of the documents.
    :param streams: Whether the parts one after the other, after `header`, are the file.
    """

    name: str
    encode: Callable[[Doc], bytes]
    pack: Callable[[Sequence[bytes]], bytes]
    assemble: Callable[[Iterable[bytes], Path, str], None]
    streams: bool = False
    header: bytes = b""


def check_output_format(name: str) -> None:
    """:raises ValueError: Where an output cannot have a format of that name; the message names all that it can."""
    check_format(name, (CSV, *FORMATS))


def find_output(path: Path, form: str = "") -> Output:
    """The output for a path.

    :param form: "csv" or a name of `FORMATS`; by the path's ending where empty.
    :raises ValueError: Where there is no such format, or the ending does not say which it is.
    """
    if form == CSV or (not form and path.suffix.lower() == ".csv"):
        return _lines(CSV, csv_rows, _csv([COLUMNS]))
    if form:
        check_output_format(form)
    found = FORMATS[form] if form else guess_target(path)
    if found.name == "jsonl":
        return _lines(found.name, json_line)
    return Output(found.name, _to_bytes, srsly.msgpack_dumps, partial(_write, found))


def json_line(doc: Doc) -> bytes:
    """A line of spacy-kmgre's own JSON lines."""
    return (json.dumps(document_to_json(doc), ensure_ascii=False) + "\n").encode("utf8")


def csv_rows(doc: Doc) -> bytes:
    """A row for each relation, with its leading key mention pair in characters and its evidence as text."""
    title = doc.user_data.get(TITLE, "")
    return _csv(_row(title, relation) for relation in doc._.relations)


def _row(title: str, relation: Relation) -> list[Any]:
    pair: list[Any] = [""] * 5
    if relation.key_mention_pairs:
        best = relation.key_mention_pairs[0]
        pair = [*(x for span in (best.head, best.tail) for x in (span.start_char, span.end_char)), best.share]
    evidence = " ".join(sent.text for sent in relation.evidence)
    head, tail = _side(relation.head), _side(relation.tail)
    return [title, *head, relation.label, *tail, relation.score, *pair, evidence]


def _side(entity: Entity) -> list[str]:
    return [entity.text, entity.label, entity.kb_id, entity.key]


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf8")


def _lines(name: str, encode: Callable[[Doc], bytes], header: bytes = b"") -> Output:
    def assemble(parts: Iterable[bytes], path: Path, lang: str) -> None:
        with path.open("wb") as file:
            file.writelines(chain([header], parts))

    return Output(name, encode, b"".join, assemble, streams=True, header=header)


def _to_bytes(doc: Doc) -> bytes:
    return zlib.compress(doc.to_bytes(), 1)


def _write(form: Format, parts: Iterable[bytes], path: Path, lang: str) -> None:
    form.write(_from_bytes(parts, lang), path)


def _from_bytes(parts: Iterable[bytes], lang: str) -> Iterator[Doc]:
    # A new vocabulary from time to time, as a vocabulary forgets nothing.
    docs = (data for part in parts for data in srsly.msgpack_loads(part))
    for number, data in enumerate(docs):
        if number % VOCAB_SIZE == 0:
            vocab = spacy.blank(lang).vocab
        yield Doc(vocab).from_bytes(zlib.decompress(data))


def places_lacking(output: Output) -> list[str]:
    """What the format has no place for."""
    form = FORMATS.get(output.name)
    return sorted(EVERYTHING - form.holds) if form else []
