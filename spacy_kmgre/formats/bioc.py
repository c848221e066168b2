"""BioC XML, which CDR, BioRED and PubTator come in too.

A collection holds documents, a document passages (or passages of sentences) with a text, its offset and
annotations; relations name two identifiers, or two annotations.
Comeau et al. 2013, "BioC: a minimalist approach to interoperability for biomedical text processing"
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE
from ..errors import Errors
from .assemble import Offsets, Passage, TextDocs
from .base import IDENTIFIERS, SHARED, Draft, Format, shared_identifiers
from .compression import open_file
from .counts import Counts
from .identifiers import (
    NONE,
    IdentifierOptions,
    Mention,
    Triple,
    add_novelty,
    join_identified,
    part_identified,
    part_novelty,
    part_passages,
)

CHUNK = 1 << 16
# Offsets may skip what a document leaves out: at most this many characters at once, and, in a whole document, this
# many and ten times the text that is there. A small file would fill the memory otherwise.
LARGEST_GAP = 100_000
GAP_PER_CHARACTER = 10
# Infons that hold a mention's identifiers, in the order of preference.
ID_INFONS = ("identifier", "MESH", "NCBI Gene", "NCBI GENE", "cui")
# Infons that hold a relation's label, in the order of preference, and labels that only say that it is a relation.
LABEL_INFONS = ("type", "relation type", "relation_type", "relation", "predicate", "label")
EMPTY_LABELS = frozenset({"", "relation", "relations", "relationship", "rel"})
# Pairs of infons that name a relation's two identifiers. In CDR, any two that are neither these nor a label do.
ROLE_INFONS = (("role1", "role2"), ("entity1", "entity2"), ("subject", "object"), ("head", "tail"), ("arg1", "arg2"))
OTHER_INFONS = ("novel", "score", "note", "file", "annotator", "updated_at")
# The names of mentions in a part of a document: the number of each one, None where it is left out.
Names = dict[str, list[int | None]]


class Place(NamedTuple):
    """The place of a document, for messages.

    :param lines: The line in which each element begins.
    """

    path: Path
    lines: dict[ET.Element, int]
    name: str

    def of(self, element: ET.Element) -> str:
        """The place of an element."""
        return f"{self.path} line {self.lines[element]} {self.name!r}"


def _read(path: Path, vocab: Vocab, counts: Counts, options: IdentifierOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    _check_start(path)
    for element, lines in _documents(path):
        name = element.findtext("id") or ""
        yield Draft(name, partial(_read_document, element, Place(path, lines, name), docs))


class _Begun(Exception):
    """Something has been seen that tells what a file is."""


def _check_start(path: Path) -> None:
    """See that a file is a BioC collection that declares neither entities nor default values of attributes.

    BioC has no use for them, and a few lines of them can fill the memory. (expat limits how much entities may grow,
    but not what attributes bring; it never fetches external entities.)
    """
    seen: list[str] = []

    def begin(found: str) -> None:
        seen.append(found)
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: begin(tag)
    parser.EntityDeclHandler = lambda *_: begin("!ENTITY")
    parser.AttlistDeclHandler = lambda *_: begin("!ATTLIST")
    with open_file(path) as file, _saying_not_xml(path), suppress(_Begun):
        parser.ParseFile(file)
    if seen != ["collection"]:
        raise ValueError(Errors.E128.format(path=path, found=seen[0]))


@contextmanager
def _saying_not_xml(path: Path) -> Iterator[None]:
    """Raise what a parser says of a file as errors that have a code and name the file."""
    try:
        yield
    except (
        expat.ExpatError,
        ET.ParseError,
        LookupError,
        ValueError,
    ) as error:  # the latter two for encodings
        raise ValueError(Errors.E127.format(path=path, error=error)) from error


def _documents(path: Path) -> Iterator[tuple[ET.Element, dict[ET.Element, int]]]:
    """Read the documents one by one, with the lines in which their elements begin."""
    parser: Any = ET.XMLPullParser(("start", "end"))
    lines: dict[ET.Element, int] = {}
    stack: list[ET.Element] = []
    line = 1

    def events() -> Iterator[tuple[ET.Element, dict[ET.Element, int]]]:
        for event, element in parser.read_events():
            if event == "start":
                stack.append(element)
                lines[element] = line
                continue
            stack.pop()
            if element.tag == "document" and not any(outer.tag == "document" for outer in stack):
                yield element, lines
                lines.clear()
                stack[-1].clear()

    with open_file(path) as file, _saying_not_xml(path):
        while piece := file.readline(CHUNK):
            parser.feed(piece)
            yield from events()
            line += piece.count(b"\n")
        parser.close()
        yield from events()


def _read_document(document: ET.Element, place: Place, docs: TextDocs[IdentifierOptions]) -> Doc:
    if document.find(".//document") is not None:
        raise ValueError(Errors.E130.format(where=place.of(document), what="a document within a document"))
    layout = _Layout(place)
    annotations, relations = [], []
    for passage in document.findall("passage"):
        parts = passage.findall("sentence")
        layout.add(passage, parts)
        for scope in ([document, passage, part] for part in parts):
            annotations += [(scope, found) for found in scope[-1].findall("annotation")]
            relations += [(scope, found) for found in scope[-1].findall("relation")]
        annotations += [([document, passage], found) for found in passage.findall("annotation")]
        relations += [([document, passage], found) for found in passage.findall("relation")]
    annotations += [([document], found) for found in document.findall("annotation")]
    relations = [*(([document], found) for found in document.findall("relation")), *relations]
    mentions: list[Mention] = []
    names: dict[ET.Element, Names] = {}
    for scope, annotation in annotations:
        mention = None
        with docs.leaving_out("annotations left out, as they are not as BioC has them"):
            mention = _mention(annotation, place, layout.text, docs)
        for part in scope:
            known = names.setdefault(part, {}).setdefault(annotation.get("id", ""), [])
            known.append(len(mentions) if mention else None)
        mentions += [mention] if mention else []
    triples: list[Triple] = []
    for scope, relation in relations:
        with docs.leaving_out("relations left out, as they refer to nothing or say nothing"):
            triples += _triples(relation, mentions, [names.get(part, {}) for part in reversed(scope)], place, docs)
    clusters, data = join_identified(mentions, triples, docs.counts, docs.options.composites)
    return docs.make(
        place.of(document),
        layout.text,
        clusters,
        data,
        title=place.name,
        passages=layout.passages,
        sentences=layout.sentences or None,
    )


class _Layout:
    """The text of a document, put together from passages and their offsets."""

    def __init__(self, place: Place):
        self.place = place
        self.text = ""
        self.written = 0
        self.passages: list[Passage] = []
        self.sentences: list[Offsets] = []

    def add(self, passage: ET.Element, sentences: Sequence[ET.Element]) -> None:
        """Add the text of a passage, or of its sentences, at its offset."""
        offsets = [self._add_text(part) for part in sentences or [passage]]
        self.sentences += [(start, end) for start, end in offsets if sentences and start < end]
        start, end = offsets[0][0], len(self.text)
        if start < end:
            self.passages.append(Passage(start, end, _infons(passage).get("type", "")))

    def _add_text(self, part: ET.Element) -> Offsets:
        where = self.place.of(part)
        offset = _number(where, "offset", part.findtext("offset"))
        text = part.findtext("text") or ""
        before = len(self.text)
        self.written += len(text)
        gaps = offset + len(text) - self.written
        if not 0 <= offset - before <= LARGEST_GAP or gaps > LARGEST_GAP + GAP_PER_CHARACTER * self.written:
            raise ValueError(Errors.E129.format(where=where, offset=offset, length=before))
        self.text += " " * (offset - before) + text
        return offset, len(self.text)


def _mention(
    annotation: ET.Element, place: Place, text: str, docs: TextDocs[IdentifierOptions]
) -> Mention | None:
    """A mention; None where it is left out."""
    where = place.of(annotation)
    infons = _infons(annotation)
    if infons.get("CompositeRole") == "IndividualMention":
        docs.counts.note("composite mentions whose parts are named (left out)")
        return None
    locations = []
    for location in annotation.findall("location"):
        offset = _number(where, "location offset", location.get("offset"))
        length = _number(where, "location length", location.get("length"))
        locations.append((offset, offset + length))
    if not locations:
        raise ValueError(Errors.E130.format(where=where, what="an annotation without a location"))
    start, end = min(locations)[0], max(end for _, end in locations)
    docs.counts.note("discontinuous mentions, read from their first to their last part", len(locations) > 1)
    words = annotation.findtext("text") if len(locations) == 1 else None
    offsets = docs.mention(where, text, start, end, words)
    identifiers = next((infons[key] for key in ID_INFONS if infons.get(key)), NONE)
    return offsets and Mention(*offsets, infons.get("type", ""), identifiers)


def _triples(
    relation: ET.Element,
    mentions: Sequence[Mention],
    scopes: Sequence[Names],
    place: Place,
    docs: TextDocs[IdentifierOptions],
) -> Iterator[Triple]:
    """The relations that an element states: between two identifiers in its infons, or between two annotations.

    :param scopes: The names of mentions around the relation, the nearest part of the document first.
    """
    where = place.of(relation)
    infons = _infons(relation)
    labels = [infons[key] for key in LABEL_INFONS if infons.get(key)] or [docs.options.default_label]
    label = next((label for label in labels if label.lower() not in EMPTY_LABELS), labels[0])
    if not label:
        raise ValueError(Errors.E130.format(where=where, what="a relation without a type"))
    if "novel" in infons:
        label = add_novelty(label, infons["novel"], docs.options.novelty, docs.counts)
    nodes = [node.get("refid", "") for node in relation.findall("node")]
    named = _named_arguments(infons, len(nodes) == 2)
    if named:
        yield Triple(unquote(named[0]), unquote(named[1]), label)
    elif len(nodes) != 2:
        docs.counts.note("relations left out, as they have not two arguments")
    else:
        ends = [_argument(where, node, scopes) for node in nodes]
        if None in ends:
            docs.counts.note("relations left out with their mention")
        else:
            yield Triple(*(end for end in ends if end is not None), label)


def _named_arguments(infons: Mapping[str, str], nodes: bool) -> tuple[str, ...]:
    """The two identifiers that the infons of a relation name; none where they do not.

    :param nodes: Whether there are two nodes, which count more than infons whose names say nothing.
    """
    found = {key.lower(): value for key, value in infons.items()}
    for pair in ROLE_INFONS:
        if all(found.get(key) for key in pair):
            return tuple(found[key] for key in pair)
    named = tuple(value for key, value in found.items() if key not in (*LABEL_INFONS, *OTHER_INFONS) and value)
    return named if len(named) == 2 and not nodes else ()


def _argument(where: str, name: str, scopes: Sequence[Names]) -> int | None:
    """The number of the annotation of that name in the nearest part of the document that has one; None where it is
    left out.

    :raises ValueError: Where there is none, or several in that part.
    """
    found = next((names[name] for names in scopes if name in names), None)
    if found is None:
        known = ", ".join(scopes[-1])[:80] or "none"
        raise ValueError(Errors.E131.format(where=where, reference=name, known=known))
    if len(found) > 1:
        raise ValueError(Errors.E134.format(where=where, name=name))
    return found[0]


def _infons(element: ET.Element) -> dict[str, str]:
    return {infon.get("key", ""): infon.text or "" for infon in element.findall("infon")}


def _number(where: str, name: str, text: str | None) -> int:
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(Errors.E130.format(where=where, what=f"{name} {text!r} where a number belongs"))
    return int(text)


def _write(docs: Iterable[Doc], path: Path) -> None:
    with path.open("w", encoding="utf8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n')
        file.write("<collection><source>spacy-kmgre</source><date></date><key></key>\n")
        for number, doc in enumerate(docs, 1):
            file.writelines(_elements(str(doc.user_data.get(TITLE) or number), doc))
        file.write("</collection>\n")


def _elements(name: str, doc: Doc) -> Iterator[str]:
    text = doc.text
    mentions, triples = part_identified(doc)
    passages = part_passages(doc)
    yield f"<document><id>{_escape(name, name)}</id>\n"
    for number, (start, end, label) in enumerate(passages):
        first = number == 0
        stop = len(text) if number == len(passages) - 1 else passages[number + 1].start
        # Spaces around a passage are read from the offsets; anything else there must be written.
        start = 0 if first and text[:start].strip(" ") else start
        end = stop if text[end:stop].strip(" ") else end
        yield f"<passage>{_infon(name, 'type', label)}<offset>{start}</offset>"
        yield f"<text>{_escape(name, text[start:end])}</text>\n"
        for place, mention in enumerate(mentions):
            if (first or start <= mention.start) and mention.start < stop:
                words = _escape(name, text[mention.start : mention.end])
                yield (
                    f'<annotation id="{place}">{_infon(name, "type", mention.label)}'
                    f"{_infon(name, 'identifier', mention.identifiers)}"
                    f'<location offset="{mention.start}" length="{mention.end - mention.start}"/>'
                    f"<text>{words}</text></annotation>\n"
                )
        yield "</passage>\n"
    for number, (head, tail, label) in enumerate(triples):
        kind, novelty = part_novelty(label)
        yield f'<relation id="R{number}">{_infon(name, "entity1", str(head))}{_infon(name, "entity2", str(tail))}'
        yield _infon(name, "type", kind) + (_infon(name, "novel", novelty) if novelty else "")
        yield "</relation>\n"
    yield "</document>\n"


def _infon(name: str, key: str, value: str) -> str:
    return f"<infon key={quoteattr(key)}>{_escape(name, value)}</infon>"


def _escape(name: str, text: str) -> str:
    """The text for XML, which has no place for most control characters."""
    for character in text:
        if (character < " " and character not in "\t\n\r") or character in "\ufffe\uffff":
            raise ValueError(Errors.E142.format(name=name, character=character))
    return escape(text, {"\r": "&#13;"})


BIOC = Format(
    name="bioc",
    description="BioC XML: CDR, BioRED, PubTator",
    reader=_read,
    writer=_write,
    settings=IdentifierOptions,
    endings=(".xml",),
    sniff=lambda peek: peek.start.lstrip().startswith("<") and "<collection" in peek.start,
    holds=frozenset({IDENTIFIERS, SHARED}),
    changes=shared_identifiers,
)
