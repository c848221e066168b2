"""Entities of several readers in one: names come from the first, other words for them from later ones."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from spacy.tokens import Doc, Span

from ..errors import Errors
from ..types import Entity
from . import EntityReader
from .chains import MentionIndex
from .grouping import number_entities, offsets
from .names import LABEL_KINDS, VALUE


def merged_entities(*readers: EntityReader, untyped: bool = False) -> EntityReader:
    """Make a reader that adds the mentions of later readers to the entities of the readers before them.

    An entity of a later reader is a chain of mentions. Those that an earlier entity has too, at the same
    place or with the same head, are its names. Each other mention goes to the nearest name before it in the
    chain, or to the first where none is before it. So a chain never makes one entity of two, and a chain that
    runs from one person to another is split between them. Dates and numbers get no further mentions. A chain
    with one `kb_id` has no name with another.

    :param readers: The readers, the surest first, for instance `spacy_kmgre.ner_entities.v2`. In a config:
        `[components.kmgre_entities.entities.*.NAME]`, one section each.
    :param untyped: Whether chains without a name are entities too. In a novel most pronouns are in such chains, so that
        entities without them miss more than half; but they have no type, which costs relations where markers are
        typed, and every entity makes a pair with every other one, which takes time and finds wrong relations.
        Chains that have a type or a `kb_id` of their own are kept in any case.
    :raises ValueError: Where there are no readers.
    """
    if not readers:
        raise ValueError(Errors.E404)
    return partial(_read, readers=readers, untyped=untyped)


def _read(doc: Doc, readers: Sequence[EntityReader], untyped: bool) -> list[Entity]:
    merging = _Merging(doc)
    first, *later = readers
    for entity in first(doc):
        merging.add(entity, entity.mentions)
    for reader in later:
        for chain in reader(doc):
            merging.merge(chain, untyped)
    return number_entities(doc, merging.entities())


class _Merging:
    """The entities of a Doc while chains add mentions to them."""

    def __init__(self, doc: Doc) -> None:
        self._doc = doc
        self._numbers: MentionIndex[int] = MentionIndex(doc)
        self._entities: list[Entity] = []
        self._mentions: list[list[Span]] = []  # Each entity has the mentions that no earlier one has.
        self._taken: set[tuple[int, int]] = set()

    def add(self, entity: Entity, mentions: Iterable[Span]) -> None:
        """Add an entity with those of the mentions that no other entity has."""
        self._entities.append(entity)
        self._mentions.append([])
        for span in mentions:
            self._add_mention(len(self._entities) - 1, span)

    def merge(self, chain: Entity, untyped: bool) -> None:
        """Add the mentions of a chain to the entities that it names."""
        found = [(span, self._numbers.find(span)) for span in sorted(chain.mentions, key=offsets)]
        names = [number for _, number in found if number is not None and self._fits(number, chain)]
        own = [span for span, number in found if number is None]
        label = "" if LABEL_KINDS.get(chain.label) == VALUE else chain.label
        if names:
            current = names[0]
            for span, number in found:
                if number is None:
                    self._add_mention(current, span)
                elif self._fits(number, chain):
                    current = number
            if len(set(names)) == 1:
                self._complete(current, label, chain.kb_id)
        elif own and (untyped or label or chain.kb_id):
            self.add(Entity((), chain.key, label, chain.kb_id), own)

    def _fits(self, number: int, chain: Entity) -> bool:
        """Return whether an entity may be a name of a chain."""
        entity = self._entities[number]
        return LABEL_KINDS.get(entity.label) != VALUE and (
            not entity.kb_id or not chain.kb_id or entity.kb_id == chain.kb_id
        )

    def _complete(self, number: int, label: str, kb_id: str) -> None:
        """Give an entity the type and the identifier of its chain, where it has none."""
        entity = self._entities[number]
        self._entities[number] = Entity((), entity.key, entity.label or label, entity.kb_id or kb_id)

    def _add_mention(self, number: int, span: Span) -> None:
        if offsets(span) not in self._taken:
            self._taken.add(offsets(span))
            self._mentions[number].append(span)
            self._numbers.add(span, number)

    def entities(self) -> Iterator[Entity]:
        """Yield the entities. One that came from a span group keeps its key."""
        for entity, mentions in zip(self._entities, self._mentions):
            if mentions:
                key = entity.key if entity.key in self._doc.spans else ""
                yield Entity(tuple(mentions), key, entity.label, entity.kb_id)
