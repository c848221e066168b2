"""What most readers share: the way to join mentions that are one entity, and to give entities their keys."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace

from spacy.pipeline import EntityLinker
from spacy.tokens import Doc, Span

from ..annotations import ENTITY_PREFIX, free_keys, mention_offsets, read_entities
from ..types import Entity


class DisjointSets:
    """Numbered items in disjoint groups that links join (union-find).

    An item may carry marks: a value or None in each place. Items with different values in one place never
    come into one group. Joining n links takes almost linear time.
    """

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._marks: list[tuple[Hashable | None, ...]] = []

    def add(self, *marks: Hashable | None) -> int:
        """Add an item, in a group of its own.

        :param marks: The item's marks, as many as those of the other items.
        :returns: The item's number.
        """
        self._parents.append(len(self._parents))
        self._marks.append(marks)
        return len(self._parents) - 1

    def find(self, item: int) -> int:
        """Find the root of an item's group, which is its first item."""
        parents = self._parents
        while parents[item] != item:
            parents[item] = parents[parents[item]]
            item = parents[item]
        return item

    def join(self, links: Iterable[tuple[int, int]]) -> list[set[int]]:
        """Join the groups that the links connect, all at once, so that the order of the links does not matter.

        :returns: The sets of connected roots whose marks differ; none of these groups is joined.
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

    def fit(self, left: int, right: int) -> bool:
        """Whether the groups of two items may become one."""
        return all(len({*place} - {None}) < 2 for place in zip(self.marks(left), self.marks(right)))

    def marks(self, item: int) -> tuple[Hashable | None, ...]:
        """Return the marks of an item's group."""
        return self._marks[self.find(item)]

    def groups(self) -> dict[int, list[int]]:
        """Return the items of each group, by the group's root."""
        groups: dict[int, list[int]] = defaultdict(list)
        for item in range(len(self._parents)):
            groups[self.find(item)].append(item)
        return groups


def number_entities(doc: Doc, entities: Iterable[Entity]) -> list[Entity]:
    """Order entities, and the mentions of each, by their places in the text, and give keys to those without.

    An entity that the Doc holds already gets its key from there, so that reading a Doc again gives the same
    entities. Others get the first numbers that no span group has.

    :param entities: Entities without common mentions, each with a mention at least; the key may be "".
    """
    ordered = [replace(entity, mentions=tuple(sorted(entity.mentions, key=offsets))) for entity in entities]
    ordered.sort(key=lambda entity: offsets(entity.mentions[0]))
    stored = {_content(entity): entity.key for entity in reversed(read_entities(doc))}
    keys = [entity.key or (stored and stored.get(_content(entity))) or "" for entity in ordered]
    fresh = free_keys(ENTITY_PREFIX, {*doc.spans, *keys})
    return [replace(entity, key=key or next(fresh)) for entity, key in zip(ordered, keys)]


def offsets(span: Span) -> tuple[int, int]:
    """Return the token offsets [start, end) of a span."""
    return span.start, span.end


def identifier(span: Span) -> str:
    """Return the `kb_id_` of a mention, "" where it has none or an entity linker has found none."""
    return "" if span.kb_id_ == EntityLinker.NIL else str(span.kb_id_)


def most_common(values: Iterable[str]) -> str:
    """Return the most frequent value that is not "", the first of several such values, "" where there is
    none."""
    counted = Counter(value for value in values if value).most_common(1)
    return counted[0][0] if counted else ""


def _content(entity: Entity) -> Hashable:
    return (tuple(mention_offsets([entity])), entity.label, entity.kb_id)
