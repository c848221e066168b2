"""Entities of several readers in one: names from one, what else refers to them from others."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from spacy.tokens import Doc, Span
from spacy.util import registry

from ..annotations import document_name
from ..errors import Errors, Warnings
from ..types import Entity
from .chains import MentionIndex
from .grouping import Cluster, Grouping, make_entities

Reader = Callable[[Doc], list[Entity]]


@registry.misc("spacy_kmgre.merged_entities.v1")
def merged_entities(*readers: Reader, untyped: bool = False) -> Reader:
    """Joins the entities of a reader to those of the readers before it.

    An entity of a later reader (a chain) joins the entity that has a mention at the same place, or with the
    same head; only its other mentions are new. Where it meets several they become one, unless they differ
    in `kb_id` or label: then it joins none of them, with a warning, and is left out.

    :param readers: The surest first, `spacy_kmgre.ner_entities.v1` for instance. In a config:
        `[components.kmgre_entities.entities.*.NAME]`, one section each.
    :param untyped: Keep entities of later readers that meet none and have neither label nor `kb_id`: chains
        without a name.
    :raises ValueError: Without readers.
    """
    if not readers:
        raise ValueError(Errors.E404)
    return partial(_read, readers=readers, untyped=untyped)


def _read(doc: Doc, readers: Sequence[Reader], untyped: bool) -> list[Entity]:
    merging = _Merging(doc)
    first, *later = readers
    for entity in first(doc):
        merging.add(entity, entity.mentions)
    for reader in later:
        for chain in reader(doc):
            merging.merge(chain, untyped)
    return make_entities(doc, merging.clusters())


class _Merging:
    """The entities of a Doc while those of further readers join them."""

    def __init__(self, doc: Doc) -> None:
        self._doc = doc
        self._grouping = Grouping()
        self._numbers: MentionIndex[int] = MentionIndex(doc)
        self._entities: list[Entity] = []  # by number in the grouping
        self._mentions: list[list[Span]] = []  # those that are no others' before them
        self._taken: set[tuple[int, int]] = set()

    def add(self, entity: Entity, mentions: Iterable[Span]) -> int:
        """A new entity; of the mentions, those that no other has."""
        number = self._grouping.add(entity.kb_id or None, entity.label or None)
        self._entities.append(entity)
        self._mentions.append([])
        for span in mentions:
            if (span.start, span.end) not in self._taken:
                self._taken.add((span.start, span.end))
                self._mentions[number].append(span)
                self._numbers.add(span, number)
        return number

    def merge(self, chain: Entity, untyped: bool) -> None:
        """Join the entities that a chain meets, and give them its other mentions."""
        places = [self._numbers.find(span) for span in chain.mentions]
        met = [place for place in places if place is not None]
        if not met:
            if untyped or chain.label or chain.kb_id:
                self.add(chain, chain.mentions)
            return
        number = self.add(chain, ())
        if self._grouping.join((number, place) for place in met):
            entities = {self._grouping.find(place): self._entities[place] for place in met}
            told = ", ".join(
                f"{entity.text} {entity.label} {entity.kb_id}".rstrip() for entity in entities.values()
            )
            message = Warnings.W400.format(document=document_name(self._doc), chain=chain.text, entities=told)
            warnings.warn(message, stacklevel=2)
            return
        for span, place in zip(chain.mentions, places):
            if place is None:
                self._taken.add((span.start, span.end))
                self._mentions[number].append(span)
                self._numbers.add(span, number)

    def clusters(self) -> Iterator[Cluster]:
        """What has become of the entities. One that came from a span group keeps its key."""
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self._entities)):
            groups[self._grouping.find(number)].append(number)
        for root, numbers in groups.items():
            mentions = [span for number in numbers for span in self._mentions[number]]
            keys = [self._entities[number].key for number in numbers]
            kb_id, label = self._grouping.marks(root)
            if mentions:
                key = next((key for key in keys if key in self._doc.spans), "")
                yield Cluster(mentions, str(label or ""), str(kb_id or ""), key)
