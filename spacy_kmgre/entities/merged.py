"""Entities of several readers in one: names come from the first, other words for them from later ones."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from spacy.tokens import Doc, Span

from ..annotations import document_name
from ..errors import Errors, Warnings
from ..types import Entity
from . import EntityReader
from .chains import MentionIndex
from .grouping import DisjointSets, number_entities, offsets


def merged_entities(*readers: EntityReader, untyped: bool = False) -> EntityReader:
    """Make a reader that joins the entities of each reader to those of the readers before it.

    An entity of a later reader (a chain) joins the entity that has a mention at the same place, or with the
    same head; only its other mentions are new. Where it meets several entities they become one, unless they
    differ in `kb_id` or label: then the chain joins none of them, with a warning, and is left out.

    :param readers: The readers, the surest first, for instance `spacy_kmgre.ner_entities.v1`. In a config:
        `[components.kmgre_entities.entities.*.NAME]`, one section each.
    :param untyped: Whether to keep chains that meet no entity and have neither label nor `kb_id`.
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
    """The entities of a Doc while chains join them; each entity is an item of the sets."""

    def __init__(self, doc: Doc) -> None:
        self._doc = doc
        self._sets = DisjointSets()
        self._items: MentionIndex[int] = MentionIndex(doc)
        self._entities: list[Entity] = []
        self._mentions: list[list[Span]] = []  # Each entity has those that no earlier one has.
        self._taken: set[tuple[int, int]] = set()

    def add(self, entity: Entity, mentions: Iterable[Span]) -> int:
        """Add an entity with those of the mentions that no other entity has.

        :returns: The number of the entity.
        """
        item = self._sets.add(entity.kb_id or None, entity.label or None)
        self._entities.append(entity)
        self._mentions.append([])
        self._add_mentions(item, (span for span in mentions if offsets(span) not in self._taken))
        return item

    def merge(self, chain: Entity, untyped: bool) -> None:
        """Join the entities that a chain meets, and give them its other mentions."""
        places = [self._items.find(span) for span in chain.mentions]
        met = [item for item in places if item is not None]
        if not met:
            if untyped or chain.label or chain.kb_id:
                self.add(chain, chain.mentions)
            return
        number = self.add(chain, ())
        if self._sets.join((number, item) for item in met):
            different = {self._sets.find(item): self._entities[item] for item in met}.values()
            told = ", ".join(f"{entity.text} {entity.label} {entity.kb_id}".rstrip() for entity in different)
            message = Warnings.W400.format(document=document_name(self._doc), chain=chain.text, entities=told)
            warnings.warn(message, stacklevel=2)
            return
        self._add_mentions(number, (span for span, item in zip(chain.mentions, places) if item is None))

    def _add_mentions(self, item: int, mentions: Iterable[Span]) -> None:
        for span in mentions:
            self._taken.add(offsets(span))
            self._mentions[item].append(span)
            self._items.add(span, item)

    def entities(self) -> Iterator[Entity]:
        """The joined entities. One that came from a span group keeps its key."""
        for root, items in self._sets.groups().items():
            mentions = [span for item in items for span in self._mentions[item]]
            keys = [self._entities[item].key for item in items]
            kb_id, label = self._sets.marks(root)
            if mentions:
                key = next((key for key in keys if key in self._doc.spans), "")
                yield Entity(tuple(mentions), key, str(label or ""), str(kb_id or ""))
