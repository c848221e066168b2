"""PubTator's lines, which CDR, GDA and BioRED come in.

    ID|t|title
    ID|a|abstract
    ID <tab> start <tab> end <tab> words <tab> type <tab> identifier [<tab> words of a composite's parts]
    ID <tab> label <tab> identifier <tab> identifier [<tab> Novel or No, or a score]
    ID <tab> identifier <tab> identifier <tab> Subject:identifier

An empty line ends a document. Offsets count the title, one character, and the abstract.
https://ncbi.nlm.nih.gov/research/pubtator3/tutorial (formats)
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE
from ..errors import Errors
from .assemble import Passage, TextDocs
from .base import IDENTIFIERS, SHARED, Draft, Format
from .counts import Counts
from .files import read_lines
from .identifiers import (
    NONE,
    NOVELTIES,
    IdentifierOptions,
    Mention,
    Triple,
    add_novelty,
    doc_labels,
    join_identified,
    part_identified,
    part_novelty,
    part_passages,
    shared_identifiers,
)

HEADING = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
OFFSET = re.compile(r"\d{1,9}")
RELATION = re.compile(r"[^\t]+\t(?!\d+\t)[^\t]*\t[^\t]+\t[^\t]+(\t(Novel|No|[01](\.\d+)?))?\t*")
# BioREDirect says in a line or a column of its own which of a relation's two arguments is the subject.
DIRECTION = re.compile(r"(Subject|Object|Direction):", re.IGNORECASE)
ENDS = re.compile(r"[\t\r\n]")


def _read(path: Path, vocab: Vocab, counts: Counts, options: IdentifierOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    try:
        for lines in _documents(path, counts, options.lenient):
            heading = HEADING.fullmatch(lines[0][1])
            yield Draft(heading[1] if heading else "", partial(_read_document, path, lines, docs))
    except ValueError as error:
        if options.lenient:
            raise
        yield Draft.broken("", ValueError(Errors.E348.format(error=error)))


def _documents(path: Path, counts: Counts, lenient: bool) -> Iterator[list[tuple[int, str]]]:
    """The lines of each document. Where an empty line is missing, a title begins the next document."""
    lines: list[tuple[int, str]] = []
    for number, line in read_lines(path, counts, lenient):
        heading = HEADING.fullmatch(line)
        if lines and (not line.strip() or (heading and heading[2] == "t")):
            yield lines
            lines = []
        if line.strip():
            lines.append((number, line))
    if lines:
        yield lines


def _read_document(path: Path, lines: list[tuple[int, str]], docs: TextDocs[IdentifierOptions]) -> Doc:
    for number, line in lines:
        if "\r" in line:
            raise ValueError(Errors.E150.format(where=f"{path} line {number}"))
    number, line = lines[0]
    heading = HEADING.fullmatch(line)
    if not heading or heading[2] != "t":
        raise ValueError(Errors.E124.format(where=f"{path} line {number}", line=line[:80]))
    name, _, title = heading.groups()
    text, rest = title, lines[1:]
    passages = [Passage(0, len(title), "title")]
    heading = HEADING.fullmatch(rest[0][1]) if rest else None
    if heading and heading[2] == "a" and heading[1] == name:
        rest = rest[1:]
        if heading[3]:
            text = f"{title} {heading[3]}"
            passages.append(Passage(len(title) + 1, len(text), "abstract"))
    mentions: list[Mention] = []
    triples: list[Triple] = []
    for line, number in _each_once(rest, docs.counts).items():
        with docs.leaving_out(
            "lines left out, as they are neither a mention nor a relation of their document"
        ):
            found = _annotation(f"{path} line {number} {name!r}", name, line, text, docs)
            if isinstance(found, Triple):
                triples.append(found)
            elif found:
                mentions.append(found)
    where = f"{path} line {lines[0][0]} {name!r}"
    clusters, relations = join_identified(mentions, triples, docs.counts, docs.options.composites)
    passages = [passage for passage in passages if passage.start < passage.end]
    return docs.make(where, text, clusters, relations, title=name, passages=passages)


def _each_once(lines: Iterable[tuple[int, str]], counts: Counts) -> dict[str, int]:
    """The different lines, each with the number of the first one."""
    found: dict[str, int] = {}
    for number, line in lines:
        counts.note("lines listed twice", line in found)
        found.setdefault(line, number)
    return found


def _annotation(
    where: str, name: str, line: str, text: str, docs: TextDocs[IdentifierOptions]
) -> Mention | Triple | None:
    """The mention or relation of a line, or None for a mention that is left out.

    :param name: The name of the document, which begins the line.
    """
    columns = line.split("\t")
    if DIRECTION.match(columns[-1]):
        docs.counts.note("statements which argument of a relation is its subject (left out)")
        columns.pop()
        if len(columns) < 4:
            return None
        line = "\t".join(columns)
    if columns[0] != name:
        raise ValueError(Errors.E125.format(where=where, line=line[:80]))
    if len(columns) >= 5 and OFFSET.fullmatch(columns[1]) and OFFSET.fullmatch(columns[2]):
        start, end, words, label = int(columns[1]), int(columns[2]), columns[3], columns[4]
        offsets = docs.mention(where, text, start, end, words)
        others = [column for column in columns[6:] if column.strip()]
        docs.counts.note("composite mentions whose parts are named (left out)", len(others) == 1)
        docs.counts.note("mentions with columns that PubTator has not (left out)", len(others) > 1)
        return offsets and Mention(*offsets, label, columns[5] if len(columns) > 5 else NONE)
    if not RELATION.fullmatch(line):
        raise ValueError(Errors.E126.format(where=where, line=line[:80]))
    label, head, tail, more, *_ = [*columns[1:], ""]
    docs.options.check_label(where, label)
    score = 1.0
    if more in NOVELTIES:
        label = add_novelty(label, more, docs.options.novelty, docs.counts)
    elif more:
        score = min(float(more), 1.0)
    return Triple(unquote(head), unquote(tail), label, score)


def _write(docs: Iterable[Doc], path: Path) -> None:
    with path.open("w", encoding="utf8", newline="\n") as file:
        for number, doc in enumerate(docs, 1):
            name = _identifier(str(doc.user_data.get(TITLE) or number))
            file.writelines(line + "\n" for line in (*_lines(name, doc), ""))


def _identifier(title: str) -> str:
    return re.sub(r"[|\s]+", "_", title)


def _changes(doc: Doc) -> Iterator[str]:
    title = str(doc.user_data.get(TITLE) or "")
    if _identifier(title) != title:
        yield "titles with _ in place of | and white space"
    if ENDS.search(doc.text):
        yield "texts with spaces in place of line ends and tabs"
    if any(map(ENDS.search, doc_labels(doc))):
        yield "labels with spaces in place of line ends and tabs"
    yield from shared_identifiers(doc)


def _lines(name: str, doc: Doc) -> Iterator[str]:
    """Make the lines of a document. Line breaks and tabs in the text become spaces, so that offsets stay right."""
    text = ENDS.sub(" ", doc.text)
    end = next((passage.end for passage in part_passages(doc) if passage.start == 0), 0)
    if text[end : end + 1].strip():  # what is written between title and abstract is read as a space
        end = text.find(" ", end) if " " in text[end:] else len(text)
    yield f"{name}|t|{text[:end]}"
    yield f"{name}|a|{text[end + 1 :]}"
    mentions, triples = part_identified(doc)
    for start, stop, label, identifiers in mentions:
        yield "\t".join((name, str(start), str(stop), text[start:stop], ENDS.sub(" ", label), identifiers))
    for head, tail, label, _ in triples:
        kind, novelty = part_novelty(ENDS.sub(" ", label))
        if kind.isdecimal():
            raise ValueError(Errors.E151.format(name=name, label=kind))
        yield "\t".join((name, kind, str(head), str(tail), *([novelty] if novelty else [])))


PUBTATOR = Format(
    name="pubtator",
    description="PubTator's lines: CDR, GDA, BioRED",
    reader=_read,
    writer=_write,
    settings=IdentifierOptions,
    endings=(".pubtator",),
    sniff=lambda peek: bool(HEADING.fullmatch(peek.start.lstrip("\n").split("\n", 1)[0])),
    holds=frozenset({IDENTIFIERS, SHARED}),
    changes=_changes,
)
