"""brat's standoff: a folder with a text (.txt) and its annotation (.ann) for each document.

    T1 <tab> Type start end <tab> words        a mention; "start end;start end" where it is in parts
    R1 <tab> Label Arg1:T1 Arg2:T2             a relation
    * <tab> Equiv T1 T2 T3                     mentions of one entity; other names than Equiv are as good
    N1 <tab> Reference T1 Source:id <tab> name an identifier
    E1 <tab> Type:T1 Role:T2 Role:E2           an event, its trigger and its arguments

A mention in parts is read from its first to its last. Events are left out with their triggers and relations, and
counted, unless the options say otherwise; attributes (A, M) and notes (#) are. The files of BioNLP's shared tasks
(.a1 with the mentions, .a2 with the rest) are read too.
https://brat.nlplab.org/standoff.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, document_name, suggested_by
from ..errors import Errors
from .assemble import TextDocs, squeeze
from .base import IDENTIFIERS, KEY_PAIRS, SHARED, Draft, Format
from .compression import bare_name, open_file
from .counts import Counts
from .files import read_lines, walk_files
from .identifiers import doc_labels, shared_identifiers
from .mentions import MentionGraph, MentionOptions, coreferring_labels, part_mentions
from .names import file_name
from .options import option

PARTS = re.compile(r"(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)")
RELATION = re.compile(r"(\S+) +([^\s:]+):(\S+) +([^\s:]+):(\S+)((?: +[^\s:]+:\S+)*)")
EQUIV = re.compile(r"(\S+)((?: +\S+){2,})")
# BioNLP's tasks name the two: Annotation:T1 Referent:id.
REFERENCE = re.compile(r"\S+ +(?:Annotation:)?(\S+) +(?:Referent:)?(\S.*)")
EVENT = re.compile(r"\S+:(\S+)((?: +\S+:\S+)*)")
ANNOTATIONS = (".ann", ".a1", ".a2")
LEFT_OUT = {
    "E": "events (left out)",
    "A": "attributes (left out)",
    "M": "attributes (left out)",
    "#": "notes (left out)",
}
UNTYPED = "Entity"
EVENT_RELATIONS = "relations of events (left out; --events keeps them)"
BROKEN = "lines left out, as brat has none like them"
ARGUMENTS = "arguments of events (left out; --event-arguments makes relations of them)"


@dataclass(frozen=True)
class BratOptions(MentionOptions):
    """The options of brat.

    :param events: Let an event stand for its trigger, which is a mention of the event's type then.
    :param event_arguments: Make the arguments of events relations of its trigger, whose labels are their roles. It
        keeps events too.
    """

    events: bool = option(
        False, "Let an event stand for its trigger: the trigger is a mention, and can be related"
    )
    event_arguments: bool = option(
        False, "Make the arguments of events relations from its trigger, with their roles as labels"
    )

    @property
    def keeps_events(self) -> bool:
        return self.events or self.event_arguments


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


def _read(path: Path, vocab: Vocab, counts: Counts, options: BratOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    folder = path if path.is_dir() else path.parent
    files: dict[Path, dict[str, Path]] = {}
    for file in walk_files(folder):
        bare = bare_name(file)
        kind, stem = bare.suffix.lower(), bare.with_suffix("")
        if kind in (".txt", *ANNOTATIONS) and path in (folder, file, stem.with_suffix(path.suffix)):
            files.setdefault(stem, {})[kind] = file
    if not files:
        raise ValueError(Errors.E132.format(path=path, kind="*.ann"))
    for stem, found in files.items():
        name = stem.relative_to(folder).as_posix()
        if ".txt" not in found:
            error = ValueError(Errors.E136.format(path=next(iter(found.values())), text=f"{stem.name}.txt"))
            yield Draft.broken(name, error)
        else:
            given = [found[kind] for kind in ANNOTATIONS if kind in found]
            yield Draft(name, partial(_read_document, name, found[".txt"], given, docs))


def _read_document(name: str, file: Path, annotations: list[Path], docs: TextDocs[BratOptions]) -> Doc:
    try:
        with open_file(file) as stream:
            text = stream.read().decode("utf8")
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=file, error=error)) from error
    docs.counts.note("texts without a file of annotation", not annotations)
    graph: MentionGraph[str] = MentionGraph(docs, text)
    lines = [line for annotation in annotations for line in _lines(annotation, docs)]
    _Standoff(graph, docs.options).add(lines)
    return graph.make(str(file), name)


def _lines(path: Path, docs: TextDocs[BratOptions]) -> Iterator[Line]:
    for number, line in read_lines(path, docs.counts, docs.options.lenient):
        if line.strip():
            where = f"{path} line {number}"
            with docs.leaving_out(BROKEN):
                name, *columns = line.split("\t")
                if not name or not (columns or name.startswith("#")):
                    raise ValueError(Errors.E137.format(where=where, line=line[:80]))
                yield Line(where, name, columns or [""])


class _Standoff:
    """Reads the annotation of a document into a graph of mentions.

    :ivar triggers: The triggers of the events by their names.
    """

    def __init__(self, graph: MentionGraph[str], options: BratOptions):
        self.graph = graph
        self.options = options
        self.counts = graph.docs.counts
        self.triggers: dict[str, str] = {}
        self.arguments: list[tuple[str, str, str, str]] = []

    def add(self, lines: list[Line]) -> None:
        """Add lines, events and mentions first."""
        for line in lines:
            if line.name[0] == "E":
                with self.graph.docs.leaving_out(BROKEN):
                    self._add_event(line)
        related = {
            word for line in lines if line.name[0] in "R*N" for word in re.split("[ :]", line.columns[0])
        }
        left_out = set() if self.options.keeps_events else set(self.triggers.values()) - related
        for line in (line for line in lines if line.name[0] == "T"):
            if line.name in left_out:
                self.counts.note("triggers of events (left out)")
                self.graph.leave_out(line.name)
                continue
            with self.graph.docs.leaving_out(BROKEN):
                _add_mention(line, self.graph)
        for line in lines:
            with self.graph.docs.leaving_out(BROKEN):
                self._add_rest(line)
        for where, trigger, role, argument in self.arguments:
            self.graph.relate(where, trigger, self._named(argument), role)

    def _add_event(self, line: Line) -> None:
        trigger, arguments = line.match(EVENT).groups()
        self.triggers[line.name] = trigger
        given = [argument.partition(":")[::2] for argument in arguments.split()]
        if self.options.event_arguments:
            self.arguments += [(line.where, trigger, role, name) for role, name in given]
        else:
            self.counts.note(ARGUMENTS, len(given))
        if not self.options.keeps_events:
            self.counts.note(LEFT_OUT["E"])

    def _add_rest(self, line: Line) -> None:
        """Add what is neither an event nor a mention."""
        kind = line.name[0]
        if kind == "R":
            self._add_relation(line)
        elif kind == "*":
            name, mentions = line.match(EQUIV).groups()
            self.counts.note(f"statements that mentions are one, called {name}", name != "Equiv")
            self._join_all(line, [mention.rpartition(":")[2] for mention in mentions.split()])
        elif kind == "N":
            name, kb_id = line.match(REFERENCE, texts=True).groups()
            if self._is_left_out(name):
                self.counts.note("identifiers of events (left out)")
            elif name[0] not in "TE":
                self.counts.note("identifiers of relations (left out)")
            else:
                self.graph.identify(line.where, self._named(name), kb_id)
        elif kind in LEFT_OUT:
            self.counts.note(LEFT_OUT[kind], kind != "E")
        elif kind != "T":
            raise ValueError(Errors.E137.format(where=line.where, line=line.name[:80]))

    def _add_relation(self, line: Line) -> None:
        label, role, head, other, tail, more = line.match(RELATION).groups()
        if (role.lower(), other.lower()) == ("arg2", "arg1"):
            head, tail = tail, head
        if more:
            self.counts.note("relations left out, as they have not two arguments")
        elif self._is_left_out(head) or self._is_left_out(tail):
            self.counts.note(EVENT_RELATIONS)
        else:
            self.graph.relate(line.where, self._named(head), self._named(tail), label)

    def _join_all(self, line: Line, names: list[str]) -> None:
        """Join the mentions that are there, whatever else is named between them."""
        kept = [name for name in names if not self._is_left_out(name)]
        self.counts.note("coreference of events (left out)", len(names) - len(kept))
        self.graph.join_all(line.where, map(self._named, kept))

    def _is_left_out(self, name: str) -> bool:
        """Whether a name is that of an event, and these are left out."""
        return name in self.triggers and not self.options.keeps_events

    def _named(self, name: str) -> str:
        """The name of the mention that a name stands for."""
        return self.triggers.get(name, name)


def _add_mention(line: Line, graph: MentionGraph[str]) -> None:
    label, offsets = line.match(PARTS, texts=True).groups()
    parts = [tuple(map(int, part.split())) for part in offsets.split(";")]
    words: str | None = "\t".join(line.columns[1:]) or None
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
        if span.kb_id_.strip():
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
    settings=BratOptions,
    sniff=lambda peek: not {*peek.files, peek.ending}.isdisjoint(ANNOTATIONS),
    folders=True,
    holds=frozenset({IDENTIFIERS, KEY_PAIRS, SHARED}),
    changes=_changes,
)
