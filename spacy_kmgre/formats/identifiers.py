"""Formats whose entities are identifiers of a database: PubTator and BioC, the corpora CDR, GDA and BioRED.

A mention carries an identifier, several (a composite mention, such as "renal and hepatic failure", belongs to
each of them), or none ("-1": an entity of its own). Mentions of the same type and identifier are one entity.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from spacy.tokens import Doc

from ..annotations import ENTITY_PREFIX, PASSAGES, read_entities, relation_data
from .assemble import Cluster, Offsets, Passage, TextOptions
from .base import option
from .counts import Counts

NONE = "-1"
# A variant in tmVar's notation, p|SUB|V|600|E, is one identifier.
VARIANT = re.compile(r"(tmVar:)?[A-Za-z]?\|")
# What an entity is called in a file that has several mentions or a relation, but no identifier.
MADE_UP = re.compile(ENTITY_PREFIX + r"\d+")
SEPARATOR = re.compile("[|;]")
NOVELTIES = ("Novel", "No")


@dataclass(frozen=True)
class IdentifierOptions(TextOptions):
    """The options of formats whose entities are identifiers.

    :param novelty: Keep BioRED's novelty as part of the label: Association becomes Association:Novel.
    """

    novelty: bool = option(False, "Keep BioRED's novelty in labels: Association:Novel")


class Mention(NamedTuple):
    """A mention in characters with its identifiers, not yet taken apart."""

    start: int
    end: int
    label: str
    identifiers: str


class Triple(NamedTuple):
    """A relation between identifiers, or between mentions that have none, by their numbers."""

    head: str | int
    tail: str | int
    label: str


def split_identifiers(text: str) -> list[str]:
    """The identifiers of a mention, each once; "-1" for none. What a separator in one is written as is
    read back: %7C for |, %2C for a comma, %3B for ;."""
    found: list[str] = []
    for part in text.split(","):
        pieces = [part] if VARIANT.match(part) else SEPARATOR.split(part)
        found += [unquote(piece.strip()) or NONE for piece in pieces]
    return list(dict.fromkeys(found))


def join_identifiers(identifiers: Sequence[str]) -> str:
    """What `split_identifiers` splits: | between them, or a comma where a variant is among them."""
    separator = "," if any(VARIANT.match(identifier) for identifier in identifiers) else "|"
    return separator.join(quote_identifier(identifier) for identifier in identifiers)


def quote_identifier(identifier: str) -> str:
    """The identifier without separators, white space and control characters, in the manner of URLs."""
    keep = VARIANT.match(identifier)
    special = r"[,%\s\x00-\x1f]" if keep else r"[|,;%\s\x00-\x1f]"
    return re.sub(
        special, lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf8")), identifier
    )


def join_identified(
    mentions: Sequence[Mention], triples: Iterable[Triple], counts: Counts
) -> tuple[list[Cluster], list[dict[str, Any]]]:
    """The entities, in text order, and the relations, as `TextDocs.make` takes them.

    :param triples: Their identifiers as `unquote` gives them.

    A relation of an identifier that no mention has cannot be shown on a Doc: it is left out and counted.
    """
    groups: dict[tuple[str, str, int], list[Offsets]] = {}
    for number, (start, end, label, text) in enumerate(mentions):
        identifiers = split_identifiers(text)
        counts.note("composite mentions, which belong to several entities", len(identifiers) > 1)
        counts.note("mentions without an identifier, each an entity of its own", NONE in identifiers)
        for identifier in identifiers:
            own = number if identifier == NONE else -1
            groups.setdefault((label, identifier, own), []).append((start, end))
    ordered = sorted(groups.items(), key=lambda item: (min(item[1]), item[0][0]))
    places: dict[str | int, list[int]] = {}
    clusters: list[Cluster] = []
    for (label, identifier, own), offsets in ordered:
        places.setdefault(own if identifier == NONE else identifier, []).append(len(clusters))
        kb_id = "" if identifier == NONE or MADE_UP.fullmatch(identifier) else identifier
        clusters.append(Cluster(offsets, label=label, kb_id=kb_id))
    relations = []
    for head, tail, label in triples:
        found = [places.get(end, []) for end in (head, tail)]
        if not all(found):
            counts.note("relations left out, as no mention has the identifier")
            continue
        counts.note("relations with an identifier of several types", any(len(place) > 1 for place in found))
        relations.append({"head": found[0][0], "tail": found[1][0], "label": label})
    return clusters, relations


def part_identified(doc: Doc) -> tuple[list[Mention], list[Triple]]:
    """The mentions of a Doc, in text order and with all their identifiers, and its relations. An entity without an
    identifier gets its span group's name for one, which is not read as one, where it has several mentions, a
    relation, or shares its only mention and its type with another such entity."""
    related = {relation[end] for relation in relation_data(doc) for end in ("head", "tail")}
    names: dict[str, str] = {}
    found: dict[tuple[int, int, str], list[str]] = {}
    for entity in read_entities(doc):
        places = [
            found.setdefault((span.start_char, span.end_char, entity.label), []) for span in entity.mentions
        ]
        alone = len(places) == 1 and entity.key not in related and NONE not in places[0]
        names[entity.key] = entity.kb_id or (NONE if alone else entity.key)
        for place in places:
            place.append(names[entity.key])
    mentions = [
        Mention(start, end, label, join_identifiers(identifiers))
        for (start, end, label), identifiers in sorted(found.items(), key=lambda item: item[0])
    ]
    triples = [
        Triple(quote_identifier(names[data["head"]]), quote_identifier(names[data["tail"]]), data["label"])
        for data in relation_data(doc)
    ]
    return mentions, triples


def add_novelty(label: str, novelty: str, keep: bool, counts: Counts) -> str:
    """The label of a relation with BioRED's novelty, "Novel" or "No", or without."""
    if keep:
        return f"{label}:{novelty}"
    counts.note("relations whose novelty is left out")
    return label


def part_novelty(label: str) -> tuple[str, str]:
    """Label and novelty; "" for none."""
    name, _, novelty = label.rpartition(":")
    return (name, novelty) if name and novelty in NOVELTIES else (label, "")


def part_passages(doc: Doc) -> list[Passage]:
    """The parts of a document, in text order: as its reader has marked them, else its first sentence as the
    title and, after a character of white space, the rest as the abstract."""
    found: list[Passage] = []
    text = doc.text
    if PASSAGES in doc.spans:
        for span in sorted(doc.spans[PASSAGES], key=lambda span: span.start):
            if not found or found[-1].end <= span.start_char:
                found.append(Passage(span.start_char, span.end_char, span.label_))
    elif len(doc) and doc.has_annotation("SENT_START"):
        end = len(next(doc.sents).text.rstrip())
        if text[end : end + 1].isspace() and end + 1 < len(text):
            found = [Passage(0, end, "title"), Passage(end + 1, len(text), "abstract")]
    return found or [Passage(0, len(text), "title")]
