"""Formats whose entities are identifiers of a database: PubTator and BioC, the corpora CDR, GDA and BioRED.

A mention carries an identifier, several, or none ("-1" or "-": an entity of its own). Mentions of the same type and
identifier are one entity. What several identifiers mean differs: "renal and hepatic failure" of CDR belongs to the
entities of both; in CHR, HMDB:H1|CHEBI:1 are two names of one thing, and relations name both (see `_whole`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from spacy.tokens import Doc

from ..annotations import ENTITY_PREFIX, PASSAGES, get_entities, relation_data
from ..errors import Errors
from .assemble import Cluster, Passage, TextOptions
from .counts import Counts
from .options import option

NONE = "-1"
# What files write where there is no identifier, in small letters, and after the name of a database: MESH:-1.
NONES = frozenset({"", "-", "--", NONE, "none", "null", "nil", "nan", "na", "n/a", "unknown", "cui-less"})
# A variant in tmVar's notation, p|SUB|V|600|E, is one identifier.
VARIANT = re.compile(r"(tmVar:)?[a-z]?\|[A-Za-z]{2,}\|")
# What an entity is called in a file that has several mentions or a relation, but no identifier.
MADE_UP = re.compile(ENTITY_PREFIX + r"\d+")
SEPARATOR = re.compile("[|;]")
# What else may stand between the parts of an identifier, of which relations may name one.
PARTS = re.compile(r"[/+\s]+")
NOVELTIES = ("Novel", "No")
# Parts of a variant's identifier that say where it belongs, not what it is.
CONTEXT = re.compile(r"(VariantGroup|Corresponding\w*|OriginalGene|CA#):")
AUTO, SPLIT, WHOLE = "auto", "split", "whole"


@dataclass(frozen=True)
class IdentifierOptions(TextOptions):
    """The options of formats whose entities are identifiers.

    :param novelty: Keep BioRED's novelty as part of the label: Association becomes Association:Novel.
    :param composites: What several identifiers of one mention are: "split" (an entity each), "whole" (the names of one
        entity), or "auto" (whole in documents in which a relation names them together).
    """

    novelty: bool = option(False, "Keep BioRED's novelty in labels: Association:Novel")
    composites: str = option(
        AUTO,
        "What several identifiers of a mention (A|B) are: split, an entity each; whole, the names of one entity; auto, "
        "whole in documents in which a relation names them together",
    )

    def __post_init__(self) -> None:
        if self.composites not in (AUTO, SPLIT, WHOLE):
            known = f"one of {AUTO}, {SPLIT}, {WHOLE}"
            raise ValueError(
                Errors.E023.format(setting="--composites", value=self.composites, expected=known)
            )


class Mention(NamedTuple):
    """A mention in characters with its identifiers, not yet taken apart."""

    start: int
    end: int
    label: str
    identifiers: str


class Triple(NamedTuple):
    """A relation between identifiers, or between mentions, by their numbers."""

    head: str | int
    tail: str | int
    label: str
    score: float = 1.0


def split_identifiers(text: str) -> list[str]:
    """The identifiers of a mention, each once; "-1" for none. What a separator in one is written as is
    read back: %7C for |, %2C for a comma, %3B for ;."""
    found: list[str] = []
    for part in text.split(","):
        pieces = [part] if VARIANT.match(part) else SEPARATOR.split(part)
        found += [unquote(piece.strip()) for piece in pieces]
    return list(dict.fromkeys(NONE if _is_none(piece) else piece for piece in found))


def _is_none(identifier: str) -> bool:
    return identifier.rpartition(":")[2].strip().lower() in NONES


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
    mentions: Sequence[Mention], triples: Sequence[Triple], counts: Counts, composites: str = AUTO
) -> tuple[list[Cluster], list[dict[str, Any]]]:
    """The entities, in text order, and the relations, as `TextDocs.make` takes them.

    :param triples: Their identifiers as `unquote` gives them.
    :param composites: See `IdentifierOptions`.

    A relation of an identifier that no mention has cannot be shown on a Doc: it is left out and counted.
    """
    whole = _whole(mentions, triples, composites)
    groups: dict[tuple[str, str, int], list[int]] = {}
    for number, mention in enumerate(mentions):
        identifiers = split_identifiers(mention.identifiers)
        if frozenset(identifiers) in whole:
            identifiers = ["|".join(sorted(identifiers))]
            counts.note("mentions whose identifiers are names of one entity")
        counts.note("composite mentions, which belong to several entities", len(identifiers) > 1)
        counts.note("mentions without an identifier, each an entity of its own", NONE in identifiers)
        for identifier in identifiers:
            own = number if identifier == NONE else -1
            groups.setdefault((mention.label, identifier, own), []).append(number)
    ordered = sorted(groups.items(), key=lambda item: (min(mentions[n][:2] for n in item[1]), item[0][0]))
    index = _Index(counts)
    clusters: list[Cluster] = []
    for (label, identifier, _), numbers in ordered:
        index.add(len(clusters), label, identifier, numbers)
        kb_id = "" if identifier == NONE or MADE_UP.fullmatch(identifier) else identifier
        clusters.append(Cluster([mentions[number][:2] for number in numbers], label=label, kb_id=kb_id))
    relations = []
    for head, tail, label, score in triples:
        heads, tails = index.find(head), index.find(tail)
        if not (heads and tails):
            counts.note("relations left out, as no mention has the identifier")
            continue
        counts.note("relations that name several entities, one of each", len(heads) * len(tails) > 1)
        relations += [
            {"head": one, "tail": other, "label": label, "score": score} for one in heads for other in tails
        ]
    return clusters, relations


def _whole(mentions: Iterable[Mention], triples: Iterable[Triple], composites: str) -> set[frozenset[str]]:
    """The sets of identifiers that are the names of one entity.

    In a document in which a relation names such a set, all are, except those of which an identifier stands alone too.
    """
    found = {frozenset(split_identifiers(mention.identifiers)) for mention in mentions}
    several = {names for names in found if len(names) > 1 and NONE not in names}
    if composites != AUTO:
        return several if composites == WHOLE else set()
    ends = (end for triple in triples for end in triple[:2] if isinstance(end, str))
    named = {frozenset(split_identifiers(form)) for end in ends for form in _without_type(end)}
    alone = frozenset().union(*(names for names in found | named if len(names) == 1))
    return {names for names in several if names in named or not names & alone} if several & named else set()


def _without_type(end: str) -> tuple[str, ...]:
    """What a relation calls its argument, and the same without a type before it: MESH:D1 for Chemical|MESH:D1."""
    kind, _, rest = end.partition("|")
    return (end, rest) if rest and len(kind) > 1 and kind.isidentifier() else (end,)


class _Index:
    """The entities of a document by what relations call them.

    :ivar labels: The types of the entities.
    :ivar places: The entities that an identifier has.
    :ivar parts: The identifiers by their parts between slashes and the like: A/B by A and by B.
    :ivar bare: The identifiers by what they are without the name of a database: MESH:D1 by D1.
    :ivar of_mention: The entities that a mention belongs to.
    """

    def __init__(self, counts: Counts):
        self.counts = counts
        self.labels: list[str] = []
        self.places: dict[str, list[int]] = {}
        self.parts: dict[str, set[str]] = {}
        self.bare: dict[str, set[str]] = {}
        self.of_mention: dict[int, list[int]] = {}

    def add(self, place: int, label: str, identifier: str, mentions: Iterable[int]) -> None:
        """Add an entity; they come in order."""
        self.labels.append(label)
        for number in mentions:
            self.of_mention.setdefault(number, []).append(place)
        for name in dict.fromkeys((identifier, *_variant_names(identifier))) if identifier != NONE else ():
            self.places.setdefault(name, []).append(place)
            for part in filter(None, PARTS.split(name)):
                self.parts.setdefault(part, set()).add(name)
                for bare in _without_database(part):
                    self.bare.setdefault(bare, set()).add(name)

    def find(self, end: str | int) -> list[int]:
        """The entities that a relation calls by an identifier, by several, or by a mention; none where there are
        none."""
        if isinstance(end, int):
            return self.of_mention.get(end, [])
        kind = end.partition("|")[0]
        for form in _without_type(end):
            names = split_identifiers(form)
            for name in (form, "|".join(sorted(names))):
                if name in self.places:
                    return self._choose(self.places[name], kind)
            found = [self._choose(self.places[name], kind) for name in names if name in self.places]
            if found:
                return list(dict.fromkeys(place for places in found for place in places))
        return self._find_otherwise(end, kind)

    def _find_otherwise(self, end: str, kind: str) -> list[int]:
        """The entities whose identifiers are written otherwise; none where a name could be that of several."""
        found: list[int] = []
        for part in PARTS.split(_without_type(end)[-1]):
            without = (self.parts.get(bare, ()) for bare in _without_database(part))
            forms = (self.parts.get(part, ()), self.bare.get(part, ()), *without)
            names = next(filter(None, forms), ())
            if len(names) == 1:
                found += self._choose(self.places[next(iter(names))], kind)
        self.counts.note("identifiers that relations write otherwise than mentions", bool(found))
        return list(dict.fromkeys(found))

    def _choose(self, places: list[int], kind: str) -> list[int]:
        """The entity of that type, else the first one."""
        typed = [place for place in places if self.labels[place] == kind] or places
        self.counts.note("relations with an identifier of several types", len(typed) > 1)
        return typed[:1]


def _without_database(identifier: str) -> Iterator[str]:
    """What is left of an identifier without the names before it: MESH:D1, then D1, for Chemical:MESH:D1."""
    while ":" in identifier:
        identifier = identifier.partition(":")[2]
        yield identifier


def _variant_names(identifier: str) -> Iterable[str]:
    """What a variant may be called beside its whole identifier: rs113488022 or HGVS:p.V600E."""
    if not VARIANT.match(identifier) or ";" not in identifier:
        return
    for part in identifier.split(";"):
        if not CONTEXT.match(part):
            yield part
            kind, _, name = part.partition(":")
            yield f"rs{name}" if kind == "RS#" else name or part


def part_identified(doc: Doc) -> tuple[list[Mention], list[Triple]]:
    """The mentions of a Doc, in text order and with all their identifiers, and its relations. An entity without an
    identifier gets its span group's name for one, which is not read as one, where it has several mentions, a
    relation, or shares its only mention and its type with another such entity."""
    related = {relation[end] for relation in relation_data(doc) for end in ("head", "tail")}
    names: dict[str, str] = {}
    found: dict[tuple[int, int, str], list[str]] = {}
    for entity in get_entities(doc):
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
        Triple(
            quote_identifier(names[data["head"]]),
            quote_identifier(names[data["tail"]]),
            data["label"],
            data["score"],
        )
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


def shared_identifiers(doc: Doc) -> Iterator[str]:
    """Name a change of formats that tell by identifiers which mentions are one entity."""
    found = [(entity.label, entity.kb_id) for entity in get_entities(doc) if entity.kb_id]
    if len(set(found)) < len(found):
        yield "documents in which entities of one identifier become one"


def doc_labels(doc: Doc) -> set[str]:
    """The labels of a Doc's entities and relations."""
    return {entity.label for entity in get_entities(doc)} | {data["label"] for data in relation_data(doc)}
