"""What the formats of annotation tools have in common: they relate mentions, not entities.

Reading: mentions that are said to be one entity, by a coreference relation or by the same identifier, are
joined; a relation between two mentions becomes one of their entities, and the two are its key mention pair.
Writing goes the other way round.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from spacy.tokens import Doc, Span

from ..annotations import get_entities, relation_data, suggested_by
from ..errors import Errors
from ..types import Relation
from .assemble import Cluster, Offsets, TextDocs, TextOptions
from .options import UNLABELLED, option

COREF = "COREF"
# The name of a mention in its document.
Name = TypeVar("Name", bound=Hashable)


# What nobody has looked at is not gold.
SUGGESTED = "tasks that only a model has annotated (left out; --predicted reads them)"


@dataclass(frozen=True)
class MentionOptions(TextOptions):
    """The options of formats that relate mentions.

    :param coref_label: The label, in small letters or capitals, of relations which say that two mentions are one
        entity.
    """

    coref_label: str = option(COREF, "Relations that join two mentions to one entity")


@dataclass(frozen=True)
class TaskOptions(MentionOptions):
    """The options of tasks that a model may have annotated first.

    :param predicted: Whether those are read that nobody has annotated since.
    """

    predicted: bool = option(False, "Read what a model has found where nobody has annotated")


class Mention(NamedTuple):
    """A mention in characters."""

    start: int
    end: int
    label: str
    kb_id: str = ""


class MentionGraph(Generic[Name]):
    """The mentions of a document by their names, and what relates them.

    :ivar mentions: The mentions; None stands for one that is left out.
    """

    def __init__(self, docs: TextDocs[MentionOptions], text: str):
        self.docs = docs
        self.text = text
        self.mentions: dict[Name, Mention | None] = {}
        self.same: list[tuple[Name, Name]] = []
        self.links: list[tuple[Name, Name, str, float]] = []

    def add(
        self, where: str, name: Name, start: int, end: int, label: str = "", words: str | None = None
    ) -> None:
        """Add a mention (see `TextDocs.mention`).

        :raises ValueError: Where there is a mention of that name, unless the options are lenient.
        """
        with self.docs.leaving_out("mentions left out, as their name is taken"):
            if self.mentions.get(name) is not None:
                raise ValueError(Errors.E134.format(where=where, name=name))
            offsets = self.docs.mention(where, self.text, start, end, words)
            self.mentions[name] = None if offsets is None else Mention(*offsets, label)

    def leave_out(self, name: Name) -> None:
        """Remember the name of something that is no mention: what refers to it is left out too, and counted."""
        self.mentions.setdefault(name, None)

    def identify(self, where: str, name: Name, kb_id: str) -> None:
        """Give a mention an identifier in a knowledge base; it keeps the first one."""
        with self.docs.leaving_out("identifiers left out, as they refer to nothing"):
            mention = self._find(where, name)
            if mention:
                self.docs.counts.note("identifiers beyond a mention's first (left out)", bool(mention.kb_id))
                self.mentions[name] = mention._replace(kb_id=mention.kb_id or kb_id)
            else:
                self.docs.counts.note("identifiers left out with their mention")

    def join(self, where: str, one: Name, other: Name) -> None:
        """Say that two mentions are one entity."""
        with self.docs.leaving_out("coreference left out, as it refers to nothing"):
            if self._both(where, one, other):
                self.same.append((one, other))
            else:
                self.docs.counts.note("coreference left out with its mention")

    def join_all(self, where: str, names: Iterable[Name]) -> None:
        """Say that mentions are one entity: those of them that are there, where reading is lenient."""
        found: list[Name] = []
        for name in names:
            with self.docs.leaving_out("mentions left out of coreference, as they are not there"):
                if self._find(where, name):
                    found.append(name)
                else:
                    self.docs.counts.note("coreference left out with its mention")
        self.same += pairwise(found)

    def relate(self, where: str, head: Name, tail: Name, label: str, score: float = 1.0) -> None:
        """Relate two mentions. The label of coreference joins them."""
        if label.lower() == self.docs.options.coref_label.lower():
            self.join(where, head, tail)
            return
        with self.docs.leaving_out(UNLABELLED):
            self.docs.options.check_label(where, label)
            self._link(where, head, tail, label, score)

    def _link(self, where: str, head: Name, tail: Name, label: str, score: float) -> None:
        with self.docs.leaving_out("relations left out, as they refer to nothing"):
            if self._both(where, head, tail):
                self.links.append((head, tail, label, score))
            else:
                self.docs.counts.note("relations left out with their mention")

    def _both(self, where: str, one: Name, other: Name) -> bool:
        """Whether both are mentions that are not left out."""
        found = [self._find(where, name) for name in (one, other)]
        return None not in found

    def make(
        self,
        where: str,
        title: str,
        tokens: Sequence[Offsets] | None = None,
        sentences: Sequence[Offsets] | None = None,
    ) -> Doc:
        """Make the Doc, with its entities in text order (see `TextDocs.make`)."""
        mentions = {name: mention for name, mention in self.mentions.items() if mention is not None}
        groups = _groups(mentions, self.same)
        groups.sort(key=lambda names: min(mentions[name][:2] for name in names))
        clusters = [self._cluster([mentions[name] for name in names]) for names in groups]
        place = {name: number for number, names in enumerate(groups) for name in names}
        pairs: dict[tuple[int, int, str], list[tuple[Offsets, Offsets]]] = {}
        scores: dict[tuple[int, int, str], float] = {}
        for head, tail, label, score in self.links:
            pair = (mentions[head][:2], mentions[tail][:2])
            triple = (place[head], place[tail], label)
            scores[triple] = max(score, scores.get(triple, 0.0))
            known = pairs.setdefault(triple, [])
            self.docs.counts.note("relations listed twice", pair in known)
            if pair not in known:
                known.append(pair)
        relations = [
            {
                "head": head,
                "tail": tail,
                "label": label,
                "score": scores[head, tail, label],
                "key_mention_pairs": [{"head": h, "tail": t, "share": 1 / len(found)} for h, t in found],
            }
            for (head, tail, label), found in pairs.items()
        ]
        return self.docs.make(
            where, self.text, clusters, relations, title=title, tokens=tokens, sentences=sentences
        )

    def _find(self, where: str, name: Name) -> Mention | None:
        """The mention of that name; None where it has been left out."""
        if name not in self.mentions:
            known = ", ".join(map(str, self.mentions))
            raise ValueError(Errors.E131.format(where=where, reference=name, known=known[:200] or "none"))
        return self.mentions[name]

    def _cluster(self, mentions: Sequence[Mention]) -> Cluster:
        """Make one entity of mentions; it has their most frequent label and identifier."""
        labels = Counter(mention.label for mention in mentions)
        self.docs.counts.note("entities with mentions of several types", len(labels) > 1)
        kb_ids = Counter(mention.kb_id for mention in mentions if mention.kb_id)
        self.docs.counts.note("entities with several identifiers", len(kb_ids) > 1)
        # Of what a mention lacks others may know.
        del labels[""]
        label, kb_id = (max(found, key=found.__getitem__, default="") for found in (labels, kb_ids))
        return Cluster([mention[:2] for mention in mentions], label=label, kb_id=kb_id)


def _groups(mentions: Mapping[Name, Mention], same: Iterable[tuple[Name, Name]]) -> list[list[Name]]:
    """Group the names of mentions by entity."""
    from scipy.cluster.hierarchy import DisjointSet  # takes long to import, and few formats need it

    joined = DisjointSet(mentions)
    identified: dict[tuple[str, str], Name] = {}
    for name, mention in mentions.items():
        if mention.kb_id:
            joined.merge(identified.setdefault((mention.label, mention.kb_id), name), name)
    for one, other in same:
        joined.merge(one, other)
    groups: dict[Name, list[Name]] = {}
    for name in mentions:
        groups.setdefault(joined[name], []).append(name)
    return list(groups.values())


class Link(NamedTuple):
    """A relation between two mentions.

    :param head: The number of a mention.
    :param tail: The number of a mention.
    :param score: That of the relation, 1 where a person has said so, and of coreference.
    """

    head: int
    tail: int
    label: str
    score: float = 1.0


class MentionDocument(NamedTuple):
    """A Doc as annotation tools see it.

    :param mentions: The mentions of all entities, in text order.
    :param chains: Numbers of mentions of one entity, for entities with several.
    """

    mentions: list[Span]
    links: list[Link]
    chains: list[list[int]]

    def all_links(self) -> list[Link]:
        """The relations, and those of coreference, from each mention of an entity to the one before."""
        pairs = [pair for chain in self.chains for pair in zip(chain[1:], chain)]
        return [*self.links, *(Link(later, earlier, COREF) for later, earlier in pairs)]


def part_mentions(doc: Doc) -> MentionDocument:
    """Part a Doc's entities into mentions, and its relations into relations between mentions.

    A relation is between its key mention pairs, or, where it has none, between the two mentions closest to each
    other. One that a pipeline has found is between its leading key mention pair only: people who correct it want to
    see it once.
    """
    suggested = bool(suggested_by(doc))
    spans = sorted(
        (span.start, span.end, number, place, entity.key, span)
        for number, entity in enumerate(get_entities(doc))
        for place, span in enumerate(entity.mentions)
    )
    numbers = {(key, start, end): number for number, (start, end, _, _, key, _) in enumerate(spans)}
    chains = [
        [numbers[entity.key, span.start, span.end] for span in entity.mentions]
        for entity in get_entities(doc)
        if len(entity.mentions) > 1
    ]
    links = [
        Link(
            numbers[relation.head.key, head.start, head.end],
            numbers[relation.tail.key, tail.start, tail.end],
            relation.label,
            relation.score,
        )
        for relation in doc._.relations
        for head, tail in _pairs(relation)[: 1 if suggested else None]
    ]
    return MentionDocument([span for *_, span in spans], links, chains)


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


def leading_pairs(doc: Doc) -> Iterator[str]:
    """Name a change of formats that relate mentions."""
    if suggested_by(doc) and any(len(data["key_mention_pairs"]) > 1 for data in relation_data(doc)):
        yield "documents whose predicted relations have their leading key mention pairs only"


def coreferring_labels(doc: Doc) -> Iterator[str]:
    """Name the changes of formats that relate mentions, and tell by a relation which of them are one entity."""
    yield from leading_pairs(doc)
    if any(data["label"].lower() == COREF.lower() for data in relation_data(doc)):
        yield f"documents in which a relation {COREF} makes one of two entities"
