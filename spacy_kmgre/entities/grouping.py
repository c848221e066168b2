"""What all readers share: joining what is one entity, and giving entities their keys."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from spacy.pipeline import EntityLinker
from spacy.tokens import Doc, Span

from ..annotations import ENTITY_PREFIX, free_keys, mention_offsets, read_entities
from ..types import Entity

Link = tuple[int, int]


class Grouping:
    """Disjoint groups of numbered things, joined by links (union-find).

    A thing may carry marks: in each place a value, or None. Two different values in one place never come
    into one group. Joining n links takes almost linear time.
    """

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._marks: list[tuple[Hashable | None, ...]] = []

    def add(self, *marks: Hashable | None) -> int:
        """A new thing, in a group of its own; as many marks each time.

        :returns: Its number.
        """
        self._parents.append(len(self._parents))
        self._marks.append(marks)
        return len(self._parents) - 1

    def find(self, number: int) -> int:
        """The first thing of a thing's group."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, links: Iterable[Link]) -> list[set[int]]:
        """Join the groups that the links connect, all at once, so that their order does not matter.

        :returns: The sets of groups that are connected, but whose marks differ: none of them is joined.
        """
        connected: dict[int, set[int]] = {}
        for link in links:
            left, right = (connected.setdefault(root, {root}) for root in map(self.find, link))
            if left is not right:
                small, large = sorted((left, right), key=len)
                large |= small
                connected.update(dict.fromkeys(small, large))
        refused = []
        for roots in {id(roots): roots for roots in connected.values()}.values():
            values = [set(place) - {None} for place in zip(*(self._marks[root] for root in roots))]
            if any(len(place) > 1 for place in values):
                refused.append(roots)
                continue
            first = min(roots)
            for root in roots:
                self._parents[root] = first
            self._marks[first] = tuple(next(iter(place), None) for place in values)
        return refused

    def marks(self, number: int) -> tuple[Hashable | None, ...]:
        """The marks of a thing's group."""
        return self._marks[self.find(number)]


class Cluster(NamedTuple):
    """The mentions of an entity that has no key yet.

    :param key: The key to take where the cluster grew out of an entity on the Doc.
    """

    mentions: Sequence[Span]
    label: str = ""
    kb_id: str = ""
    key: str = ""


def make_entities(doc: Doc, clusters: Iterable[Cluster]) -> list[Entity]:
    """Entities in the order of their first mentions.

    A cluster that the Doc holds already keeps its key, so that reading a Doc again gives the same
    entities. Others get the first numbers that no span group has.

    :param clusters: Disjoint, none without mentions.
    """
    found = sorted(
        (
            Entity(tuple(sorted(cluster.mentions, key=_offsets)), cluster.key, cluster.label, cluster.kb_id)
            for cluster in clusters
        ),
        key=lambda entity: _offsets(entity.mentions[0]),
    )
    stored = {_content(entity): entity.key for entity in reversed(read_entities(doc))}
    keys = [entity.key or (stored and stored.get(_content(entity))) or "" for entity in found]
    fresh = free_keys(ENTITY_PREFIX, {*doc.spans, *keys})
    return [
        Entity(entity.mentions, key or next(fresh), entity.label, entity.kb_id)
        for entity, key in zip(found, keys)
    ]


def most_common(values: Iterable[str]) -> str:
    """The most frequent of the values that are not empty, the first of several; "" of none."""
    counted = Counter(value for value in values if value).most_common(1)
    return counted[0][0] if counted else ""


def identifier(span: Span) -> str:
    """The `kb_id_` of a mention, "" also where an entity linker has found none."""
    return "" if span.kb_id_ == EntityLinker.NIL else str(span.kb_id_)


def _content(entity: Entity) -> Hashable:
    return (tuple(mention_offsets([entity])), entity.label, entity.kb_id)


def _offsets(span: Span) -> tuple[int, int]:
    return span.start, span.end
