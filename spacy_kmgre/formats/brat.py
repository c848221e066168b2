"""brat's standoff: a folder with a text (.txt) and its annotation (.ann) for each document.

    T1 <tab> Type start end <tab> words        a mention; "start end;start end" where it is in parts
    R1 <tab> Label Arg1:T1 Arg2:T2             a relation
    * <tab> Equiv T1 T2 T3                     mentions of one entity
    N1 <tab> Reference T1 Source:id <tab> name an identifier

A mention in parts is read from its first to its last. Events (E), their triggers, attributes (A, M) and
notes (#) are left out and counted.
https://brat.nlplab.org/standoff.html
"""

import itertools
import re
from collections.abc import Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, document_name, suggested_by
from ..errors import Errors
from .assemble import TextDocs, squeeze
from .base import IDENTIFIERS, KEY_PAIRS, SHARED, Draft, Format, doc_labels, shared_identifiers
from .counts import Counts
from .files import file_name, read_lines
from .mentions import MentionGraph, MentionOptions, coreferring_labels, part_mentions

PARTS = re.compile(r"(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)")
RELATION = re.compile(r"(\S+) ([^\s:]+):(\S+) ([^\s:]+):(\S+)")
EQUIV = re.compile(r"Equiv((?: \S+){2,})")
REFERENCE = re.compile(r"Reference (\S+) (\S.*)")
EVENT = re.compile(r"\S+:(\S+)(?: \S+:\S+)*")
LEFT_OUT = {
    "E": "events (left out)",
    "A": "attributes (left out)",
    "M": "attributes (left out)",
    "#": "notes (left out)",
}
UNTYPED = "Entity"


class Line(NamedTuple):
    """A line of annotation.

    :param where: The place of the line, for messages.
    :param columns: The columns after the name, which tabs separate; at least one.
    """

    where: str
    name: str
    columns: list[str]

    def match(self, pattern: re.Pattern[str], texts: bool = False) -> re.Match[str]:
        """Match the whole of the first column.

        :param texts: Whether other columns may follow.
        :raises ValueError: Where the column does not match, or others follow.
        """
        found = pattern.fullmatch(self.columns[0].strip())
        if not found or (not texts and "".join(self.columns[1:]).strip()):
            line = "\t".join((self.name, *self.columns))
            raise ValueError(Errors.E137.format(where=self.where, line=line[:80]))
        return found


def _read(path: Path, vocab: Vocab, counts: Counts, options: MentionOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    texts = {file.with_suffix(""): file for file in sorted(path.rglob("*.txt"))}
    annotations = {file.with_suffix(""): file for file in sorted(path.rglob("*.ann"))}
    if not texts and not annotations:
        raise ValueError(Errors.E132.format(path=path, kind="*.ann"))
    for stem, file in annotations.items():
        if stem not in texts:
            error = ValueError(Errors.E136.format(path=file, text=f"{stem.name}.txt"))
            yield Draft.broken(stem.relative_to(path).as_posix(), error)
    for stem, file in texts.items():
        name = stem.relative_to(path).as_posix()
        yield Draft(name, partial(_read_document, name, file, annotations.get(stem), docs))


def _read_document(name: str, file: Path, annotation: Path | None, docs: TextDocs[MentionOptions]) -> Doc:
    try:
        text = file.read_bytes().decode("utf8")
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=file, error=error)) from error
    docs.counts.note("texts without a file of annotation", annotation is None)
    graph: MentionGraph[str] = MentionGraph(docs, text)
    _add(list(_lines(annotation, docs.counts)), graph)
    return graph.make(str(file), name)


def _lines(path: Path | None, counts: Counts) -> Iterator[Line]:
    for number, line in read_lines(path, counts) if path else ():
        if line.strip():
            name, *columns = line.split("\t")
            if not name or not columns:
                raise ValueError(Errors.E137.format(where=f"{path} line {number}", line=line[:80]))
            yield Line(f"{path} line {number}", name, columns)


def _add(lines: list[Line], graph: MentionGraph[str]) -> None:
    """Add the annotation of a document, mentions first."""
    counts = graph.docs.counts
    events = {line.name: line.match(EVENT)[1] for line in lines if line.name[0] == "E"}
    related = {word for line in lines if line.name[0] in "R*N" for word in re.split("[ :]", line.columns[0])}
    triggers = set(events.values()) - related
    for line in (line for line in lines if line.name[0] == "T"):
        if line.name in triggers:
            counts.note("triggers of events (left out)")
        else:
            _add_mention(line, graph)
    for line in lines:
        kind = line.name[0]
        if kind == "R":
            _add_relation(line, graph, events)
        elif kind == "*":
            for one, other in itertools.pairwise(line.match(EQUIV)[1].split()):
                graph.join(line.where, one, other)
        elif kind == "N":
            graph.identify(line.where, *line.match(REFERENCE, texts=True).groups())
        elif kind in LEFT_OUT:
            counts.note(LEFT_OUT[kind])
        elif kind != "T":
            raise ValueError(Errors.E137.format(where=line.where, line=line.name[:80]))


def _add_relation(line: Line, graph: MentionGraph[str], events: Container[str]) -> None:
    label, role, head, other, tail = line.match(RELATION).groups()
    if (role, other) == ("Arg2", "Arg1"):
        head, tail = tail, head
    if head in events or tail in events:
        graph.docs.counts.note("relations of events (left out)")
    else:
        graph.relate(line.where, head, tail, label)


def _add_mention(line: Line, graph: MentionGraph[str]) -> None:
    label, offsets = line.match(PARTS, texts=True).groups()
    parts = [tuple(map(int, part.split())) for part in offsets.split(";")]
    words: str | None = "\t".join(line.columns[1:])
    if len(parts) > 1:
        graph.docs.counts.note("discontinuous mentions, read from their first to their last part")
        if squeeze("".join(graph.text[start:end] for start, end in parts)) == squeeze(words or ""):
            words = None
    start, end = min(start for start, _ in parts), max(end for _, end in parts)
    graph.add(line.where, line.name, start, end, label, words)


def _write(docs: Iterable[Doc], path: Path) -> None:
    path.mkdir()
    taken: set[str] = set()
    for doc in docs:
        stem = path / file_name(document_name(doc), taken)
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_name(f"{stem.name}.txt").write_bytes(doc.text.encode("utf8"))
        lines = "".join(line + "\n" for line in _annotation(doc))
        stem.with_name(f"{stem.name}.ann").write_bytes(lines.encode("utf8"))


def _annotation(doc: Doc) -> Iterator[str]:
    found = part_mentions(doc)
    for number, span in enumerate(found.mentions, 1):
        words = re.sub(r"\s", " ", span.text)
        label = _word(span.label_) or UNTYPED
        yield f"T{number}\t{label} {span.start_char} {span.end_char}\t{words}"
    for number, link in enumerate(found.links, 1):
        yield f"R{number}\t{_word(link.label)} Arg1:T{link.head + 1} Arg2:T{link.tail + 1}"
    for chain in found.chains:
        yield "*\tEquiv " + " ".join(f"T{number + 1}" for number in chain)
    for number, span in enumerate(found.mentions, 1):
        if span.kb_id_:
            yield f"N{number}\tReference T{number} {' '.join(span.kb_id_.split())}\t{' '.join(span.text.split())}"
    if suggested_by(doc):  # People who correct see the scores as notes.
        for number, link in enumerate(found.links, 1):
            yield f"#{number}\tAnnotatorNotes R{number}\tscore {link.score:.2f}"


def _word(label: str) -> str:
    """Make a label that brat can have: without white space."""
    return re.sub(r"\s+", "_", label.strip())


def _changes(doc: Doc) -> Iterator[str]:
    if any(_word(label) != label for label in doc_labels(doc)):
        yield "labels with _ in place of white space"
    title = str(doc.user_data.get(TITLE) or "")
    if title and file_name(title, set()) != title:
        yield "titles that a file cannot have"
    yield from shared_identifiers(doc)
    yield from coreferring_labels(doc)


BRAT = Format(
    name="brat",
    description="brat's standoff: a folder of .txt and .ann",
    reader=_read,
    writer=_write,
    settings=MentionOptions,
    sniff=lambda peek: ".ann" in peek.files,
    folders=True,
    holds=frozenset({IDENTIFIERS, KEY_PAIRS, SHARED}),
    changes=_changes,
)
