"""Formats that relate mentions, not entities: those of annotation tools.

Reading: mentions that are said to be one entity, by a coreference relation or by the same identifier, are
joined; a relation between two mentions is one of their entities, and the two are its key mention pair.
Writing: the other way round.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from spacy.tokens import Doc, Span

from ..annotations import read_entities
from ..errors import Errors
from ..types import Relation
from .assemble import Cluster, Offsets, TextDocs

COREF = "COREF"


class Mention(NamedTuple):
    """A mention in characters."""

    start: int
    end: int
    label: str
    kb_id: str = ""


class MentionGraph:
    """The mentions of a document, by their names in it, and what relates them."""

    def __init__(self, docs: TextDocs, text: str):
        self.docs = docs
        self.text = text
        self.mentions: dict[Hashable, Mention | None] = {}  # None for one that is left out
        self.same: list[tuple[Hashable, Hashable]] = []
        self.links: list[tuple[Hashable, Hashable, str]] = []

    def add(
        self, where: str, name: Hashable, start: int, end: int, label: str = "", words: str | None = None
    ) -> None:
        """Add a mention (see `TextDocs.mention`).

        :raises ValueError: Where there is one of that name.
        """
        if name in self.mentions:
            raise ValueError(Errors.E134.format(where=where, name=name))
        offsets = self.docs.mention(where, self.text, start, end, words)
        self.mentions[name] = None if offsets is None else Mention(*offsets, label)

    def identify(self, where: str, name: Hashable, kb_id: str) -> None:
        """Give a mention an identifier in a knowledge base; it keeps the first."""
        mention = self._find(where, name)
        if mention:
            self.docs.counts.note("identifiers beyond a mention's first (left out)", bool(mention.kb_id))
            self.mentions[name] = mention._replace(kb_id=mention.kb_id or kb_id)

    def join(self, where: str, one: Hashable, other: Hashable) -> None:
        """Say that two mentions are one entity."""
        if self._find(where, one) and self._find(where, other):
            self.same.append((one, other))
        else:
            self.docs.counts.note("coreference left out with its mention")

    def relate(self, where: str, head: Hashable, tail: Hashable, label: str) -> None:
        """Relate two mentions. The label of coreference joins them."""
        if label.lower() == self.docs.options.coref_label.lower():
            self.join(where, head, tail)
        elif self._find(where, head) and self._find(where, tail):
            self.links.append((head, tail, label))
        else:
            self.docs.counts.note("relations left out with their mention")

    def _find(self, where: str, name: Hashable) -> Mention | None:
        """A mention; None where it has been left out."""
        if name not in self.mentions:
            known = ", ".join(map(str, self.mentions))
            raise ValueError(Errors.E131.format(where=where, reference=name, known=known[:200] or "none"))
        return self.mentions[name]

    def assemble(self) -> tuple[list[Cluster], list[dict[str, Any]]]:
        """The entities, in text order, and the relations that the mentions and their links amount to, as
        `TextDocs.make` takes them."""
        counts = self.docs.counts
        mentions = {name: mention for name, mention in self.mentions.items() if mention is not None}
        clusters = []
        place: dict[Hashable, int] = {}
        groups = _groups(mentions, self.same)
        for number, names in enumerate(
            sorted(groups, key=lambda names: min(mentions[name][:2] for name in names))
        ):
            place.update((name, number) for name in names)
            labels = Counter(mentions[name].label for name in names)
            counts.note("entities with mentions of several types", len(labels) > 1)
            kb_ids = Counter(mentions[name].kb_id for name in names if mentions[name].kb_id)
            counts.note("entities with several identifiers", len(kb_ids) > 1)
            offsets = [mentions[name][:2] for name in names]
            kb_id = kb_ids.most_common(1)[0][0] if kb_ids else ""
            clusters.append(Cluster(offsets, label=labels.most_common(1)[0][0], kb_id=kb_id))
        pairs: dict[tuple[int, int, str], list[tuple[Offsets, Offsets]]] = {}
        for head, tail, label in self.links:
            pair = (mentions[head][:2], mentions[tail][:2])
            known = pairs.setdefault((place[head], place[tail], label), [])
            counts.note("relations listed twice", pair in known)
            if pair not in known:
                known.append(pair)
        relations = [
            {
                "head": head,
                "tail": tail,
                "label": label,
                "key_mention_pairs": [{"head": h, "tail": t, "share": 1 / len(found)} for h, t in found],
            }
            for (head, tail, label), found in pairs.items()
        ]
        return clusters, relations


def _groups(
    mentions: dict[Hashable, Mention], same: Iterable[tuple[Hashable, Hashable]]
) -> list[list[Hashable]]:
    """The names of mentions, grouped by entity."""
    group = {name: [name] for name in mentions}
    identified: dict[tuple[str, str], Hashable] = {}
    also = [
        (identified.setdefault((mention.label, mention.kb_id), name), name)
        for name, mention in mentions.items()
        if mention.kb_id
    ]
    for pair in (*same, *also):
        small, large = sorted((group[name] for name in pair), key=len)
        if small is not large:
            large += small
            group.update((name, large) for name in small)
    return list({id(names): names for names in group.values()}.values())


class MentionDocument(NamedTuple):
    """A Doc as annotation tools see it.

    :param mentions: In text order.
    :param links: Head, tail (numbers of mentions) and label of relations.
    :param chains: Numbers of mentions of one entity, for entities with several.
    """

    mentions: list[Span]
    links: list[tuple[int, int, str]]
    chains: list[list[int]]

    def all_links(self) -> list[tuple[int, int, str]]:
        """The relations, and those of coreference, from each mention of an entity to the one before."""
        pairs = [pair for chain in self.chains for pair in zip(chain[1:], chain)]
        return [*self.links, *((later, earlier, COREF) for later, earlier in pairs)]


def part_mentions(doc: Doc) -> MentionDocument:
    """The mentions of a Doc's entities, and its relations between mentions: between the key mention pairs, or
    the two mentions closest to each other where a relation has none."""
    entities = read_entities(doc)
    order = sorted(
        (span.start, span.end, number, place)
        for number, entity in enumerate(entities)
        for place, span in enumerate(entity.mentions)
    )
    numbers: dict[tuple[str, int, int], int] = {}
    mentions = []
    for position, (start, end, number, place) in enumerate(order):
        numbers[entities[number].key, start, end] = position
        mentions.append(entities[number].mentions[place])
    chains = [
        [numbers[entity.key, span.start, span.end] for span in entity.mentions]
        for entity in entities
        if len(entity.mentions) > 1
    ]
    links = []
    for relation in doc._.relations:
        for head, tail in _pairs(relation):
            head_number = numbers[relation.head.key, head.start, head.end]
            tail_number = numbers[relation.tail.key, tail.start, tail.end]
            links.append((head_number, tail_number, relation.label))
    return MentionDocument(mentions, links, chains)


def _pairs(relation: Relation) -> list[tuple[Span, Span]]:
    heads = {(span.start, span.end) for span in relation.head.mentions}
    tails = {(span.start, span.end) for span in relation.tail.mentions}
    found = [
        (pair.head, pair.tail)
        for pair in relation.key_mention_pairs
        if (pair.head.start, pair.head.end) in heads and (pair.tail.start, pair.tail.end) in tails
    ]
    if found:
        return found
    pairs = ((head, tail) for head in relation.head.mentions for tail in relation.tail.mentions)
    return [min(pairs, key=lambda pair: max(pair[1].start - pair[0].end, pair[0].start - pair[1].end))]
