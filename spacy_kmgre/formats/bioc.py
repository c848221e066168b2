"""BioC XML, which CDR, BioRED and PubTator come in too.

A collection holds documents, a document passages (or passages of sentences) with a text, its offset and
annotations; relations name two identifiers, or two annotations.
Comeau et al. 2013, "BioC: a minimalist approach to interoperability for biomedical text processing"
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE
from ..errors import Errors
from .assemble import Offsets, Passage, TextDocs
from .base import IDENTIFIERS, SCORES, SHARED, Draft, Format
from .bioc_relations import Names, Place, read_infons, read_triples
from .compression import open_file
from .counts import Counts
from .identifiers import (
    NONE,
    IdentifierOptions,
    Mention,
    Triple,
    join_identified,
    part_identified,
    part_novelty,
    part_passages,
    shared_identifiers,
    split_identifiers,
)
from .xml import check_characters, first_element, saying_not_xml

CHUNK = 1 << 16
# Offsets may skip what a document leaves out: at most this many characters at once, and, in a whole document, this
# many and ten times the text that is there. A small file would fill the memory otherwise.
LARGEST_GAP = 100_000
GAP_PER_CHARACTER = 10
# Infons that hold a mention's identifiers, in the order of preference, in small letters and without what is no letter.
ID_INFONS = (
    "identifier",
    "mesh",
    "ncbigene",
    "entrezgene",
    "cui",
    "umls",
    "normalizedid",
    "conceptid",
    "entityid",
    "kbid",
    "accession",
)


def _read(path: Path, vocab: Vocab, counts: Counts, options: IdentifierOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    _check_start(path)
    for element, spots in _documents(path):
        name = element.findtext("id") or ""
        yield Draft(name, partial(read_document, element, Place(path, spots, name), docs))


def _check_start(path: Path) -> None:
    """See that a file is a BioC collection, and declares nothing."""
    with open_file(path) as file:
        found = first_element(path, file)
    if found != "collection":
        raise ValueError(Errors.E128.format(path=path, found=found))


def _documents(path: Path) -> Iterator[tuple[ET.Element, dict[ET.Element, str]]]:
    """Read the documents one by one, with the lines in which their elements begin."""
    parser: Any = ET.XMLPullParser(("start", "end"))
    spots: dict[ET.Element, str] = {}
    stack: list[ET.Element] = []
    line = 1

    def events() -> Iterator[tuple[ET.Element, dict[ET.Element, str]]]:
        for event, element in parser.read_events():
            if event == "start":
                stack.append(element)
                spots[element] = f" line {line}"
                continue
            stack.pop()
            if element.tag == "document" and not any(outer.tag == "document" for outer in stack):
                yield element, spots
                spots.clear()
                stack[-1].clear()

    with open_file(path) as file, saying_not_xml(path):
        while piece := file.readline(CHUNK):
            parser.feed(piece)
            yield from events()
            line += piece.count(b"\n")
        parser.close()
        yield from events()


def read_document(document: ET.Element, place: Place, docs: TextDocs[IdentifierOptions]) -> Doc:
    """Make the Doc of a document, in the elements of BioC XML.

    :raises ValueError: Where something in it cannot be right.
    """
    if document.find(".//document") is not None:
        raise ValueError(Errors.E130.format(where=place.of(document), what="a document within a document"))
    layout = _Layout(place, docs.counts)
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
            mention = _mention(annotation, place, layout, scope, docs)
        for part in scope:
            known = names.setdefault(part, {}).setdefault(annotation.get("id", ""), [])
            known.append(len(mentions) if mention else None)
        mentions += [mention] if mention else []
    identifiers = {name for mention in mentions for name in split_identifiers(mention.identifiers)} - {NONE}
    triples: list[Triple] = []
    for scope, relation in relations:
        with docs.leaving_out("relations left out, as they refer to nothing or say nothing"):
            scopes = [names.get(part, {}) for part in reversed(scope)]
            triples += read_triples(relation, scopes, identifiers, place, docs)
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
    """The text of a document, put together from passages and their offsets.

    :ivar starts: Where the passages and sentences begin.
    """

    def __init__(self, place: Place, counts: Counts):
        self.place = place
        self.counts = counts
        self.starts: dict[ET.Element, int] = {}
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
            self.passages.append(Passage(start, end, read_infons(passage).get("type", "")))

    def _add_text(self, part: ET.Element) -> Offsets:
        where = self.place.of(part)
        offset = _number(where, "offset", part.findtext("offset"))
        text = part.findtext("text") or ""
        before = len(self.text)
        if before and not offset:
            self.counts.note("passages whose offset is 0, put after those before")
            offset = before + 1
        self.starts[part] = offset
        self.written += len(text)
        gaps = offset + len(text) - self.written
        if not 0 <= offset - before <= LARGEST_GAP or gaps > LARGEST_GAP + GAP_PER_CHARACTER * self.written:
            raise ValueError(Errors.E129.format(where=where, offset=offset, length=before))
        self.text += " " * (offset - before) + text
        return offset, len(self.text)


def _mention(
    annotation: ET.Element,
    place: Place,
    layout: _Layout,
    scope: Sequence[ET.Element],
    docs: TextDocs[IdentifierOptions],
) -> Mention | None:
    """A mention; None where it is left out.

    :param scope: The parts of the document that the annotation is in, the nearest one last.
    """
    where = place.of(annotation)
    infons = read_infons(annotation)
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
    words = (annotation.findtext("text") or None) if len(locations) == 1 else None
    text, shift = layout.text, layout.starts.get(scope[-1], 0)
    if shift and words and words != text[start:end] and words == text[shift + start : shift + end]:
        docs.counts.note("mentions whose offsets count from their passage")
        start, end = shift + start, shift + end
    offsets = docs.mention(where, text, start, end, words)
    plain = {re.sub(r"[\W_]", "", key.lower()): value for key, value in infons.items()}
    identifiers = next((plain[key] for key in ID_INFONS if plain.get(key)), NONE)
    return offsets and Mention(*offsets, infons.get("type", ""), identifiers)


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
            file.writelines(_elements(document_data(doc, number)))
        file.write("</collection>\n")


def document_data(doc: Doc, number: int) -> dict[str, Any]:
    """A document of BioC as plain data, in the form that it has in BioC JSON.

    :param number: The name of a document without a title.
    """
    text = doc.text
    mentions, triples = part_identified(doc)
    layout = part_passages(doc)
    passages = []
    for place, (start, end, label) in enumerate(layout):
        first = place == 0
        stop = len(text) if place == len(layout) - 1 else layout[place + 1].start
        # Spaces around a passage are read from the offsets; anything else there must be written.
        start = 0 if first and text[:start].strip(" ") else start
        end = stop if text[end:stop].strip(" ") else end
        annotations = [
            {
                "id": str(name),
                "infons": {"type": mention.label, "identifier": mention.identifiers},
                "text": text[mention.start : mention.end],
                "locations": [{"offset": mention.start, "length": mention.end - mention.start}],
            }
            for name, mention in enumerate(mentions)
            if (first or start <= mention.start) and mention.start < stop
        ]
        passages.append(
            {"infons": {"type": label}, "offset": start, "text": text[start:end], "annotations": annotations}
        )
    return {
        "id": str(doc.user_data.get(TITLE) or number),
        "passages": passages,
        "relations": [_relation_data(name, triple) for name, triple in enumerate(triples)],
    }


def _relation_data(number: int, triple: Triple) -> dict[str, Any]:
    kind, novelty = part_novelty(triple.label)
    infons = {"entity1": str(triple.head), "entity2": str(triple.tail), "type": kind}
    score = {"score": str(triple.score)} if triple.score != 1.0 else {}
    return {
        "id": f"R{number}",
        "infons": {**infons, **({"novel": novelty} if novelty else {}), **score},
        "nodes": [],
    }


def _elements(document: Mapping[str, Any]) -> Iterator[str]:
    """The XML of a document."""
    name = document["id"]
    yield f"<document><id>{_escape(name, name)}</id>\n"
    for passage in document["passages"]:
        yield f"<passage>{_infons_xml(name, passage['infons'])}<offset>{passage['offset']}</offset>"
        yield f"<text>{_escape(name, passage['text'])}</text>\n"
        for annotation in passage["annotations"]:
            (location,) = annotation["locations"]
            yield (
                f'<annotation id="{annotation["id"]}">{_infons_xml(name, annotation["infons"])}'
                f'<location offset="{location["offset"]}" length="{location["length"]}"/>'
                f"<text>{_escape(name, annotation['text'])}</text></annotation>\n"
            )
        yield "</passage>\n"
    for relation in document["relations"]:
        yield f'<relation id="{relation["id"]}">{_infons_xml(name, relation["infons"])}</relation>\n'
    yield "</document>\n"


def _infons_xml(name: str, infons: Mapping[str, str]) -> str:
    return "".join(
        f"<infon key={quoteattr(key)}>{_escape(name, value)}</infon>" for key, value in infons.items()
    )


def _escape(name: str, text: str) -> str:
    check_characters(name, text)
    return escape(text, {"\r": "&#13;"})


BIOC = Format(
    name="bioc",
    description="BioC XML: CDR, BioRED, PubTator",
    reader=_read,
    writer=_write,
    settings=IdentifierOptions,
    endings=(".xml",),
    sniff=lambda peek: peek.start.lstrip().startswith("<") and "<collection" in peek.start,
    holds=frozenset({IDENTIFIERS, SCORES, SHARED}),
    changes=shared_identifiers,
)
