"""Which gold entity a predicted entity is. Scores and training ask here, so that they agree."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Doc

from ..types import Entity

Cluster = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Match:
    """The gold entity of a predicted one.

    :param gold: Its number.
    :param same: Whether the two have the same mentions, and not only characters in common.
    """

    gold: int
    same: bool


def cluster(entity: Entity) -> Cluster:
    """The mentions of an entity as character offsets [start, end)."""
    return frozenset((span.start_char, span.end_char) for span in entity.mentions)


def align_entities(predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Match | None]:
    """Find the gold entity of each predicted one. Mentions are compared by characters, as the two Docs may
    differ in tokens.

    Entities with the same mentions belong together; of several such gold entities the one with the same
    type, then the one with the same key. What is left is matched one to one, the pair with the largest
    overlap first. The overlap is the Dice coefficient of the characters that the two entities' mentions
    cover; ties go to the same key, then to the lower numbers.

    :returns: For each predicted entity its match, None where no gold entity is left that it overlaps.
    """
    ours, theirs = [cluster(entity) for entity in predicted], [cluster(entity) for entity in gold]
    identical: defaultdict[Cluster, list[int]] = defaultdict(list)
    for there, mentions in enumerate(theirs):
        identical[mentions].append(there)
    matches: list[Match | None] = [None] * len(predicted)
    free = set(range(len(gold)))

    def settle(here: int, there: int, same: bool) -> None:
        matches[here] = Match(there, same)
        free.discard(there)

    for here, entity in enumerate(predicted):
        twins = identical.get(ours[here]) if ours[here] else None
        if twins:
            there = min(twins, key=lambda i: (gold[i].label != entity.label, gold[i].key != entity.key, i))
            settle(here, there, same=True)
    left = [here for here, match in enumerate(matches) if match is None]
    if not left or not free:
        return matches

    keys = {gold[there].key: there for there in sorted(free)}
    for here in left:
        there = keys.get(predicted[here].key, -1)
        if there in free and _differ_in_tokens(predicted[here], gold[there]):
            settle(here, there, same=True)

    owners: defaultdict[int, list[int]] = defaultdict(list)
    sizes = {}
    for there in sorted(free):
        covered = _characters(theirs[there])
        sizes[there] = len(covered)
        for position in covered:
            owners[position].append(there)
    candidates = []
    for here in left:
        if matches[here] is None:
            covered = _characters(ours[here])
            shared = Counter(there for position in covered for there in owners.get(position, ()))
            for there, count in shared.items():
                overlap = 2 * count / (len(covered) + sizes[there])
                candidates.append((-overlap, gold[there].key != predicted[here].key, there, here))
    for _, _, there, here in sorted(candidates):
        if there in free and matches[here] is None:
            settle(here, there, same=False)
    return matches


def _differ_in_tokens(predicted: Entity, gold: Entity) -> bool:
    """Whether the two share a mention, and the others are missing only because they begin or end inside a
    token of the other Doc. An entity that was copied to a Doc with other tokens looks like that; it is
    asked of entities of the same key only, as it would be a coincidence otherwise."""
    ours, theirs = cluster(predicted), cluster(gold)
    if not ours & theirs:
        return False
    here, there = predicted.mentions[0].doc, gold.mentions[0].doc
    return not _any_fits(here, theirs - ours) and not _any_fits(there, ours - theirs)


def _any_fits(doc: Doc, offsets: Cluster) -> bool:
    return any(doc.char_span(start, end) is not None for start, end in offsets)


def _characters(mentions: Cluster) -> set[int]:
    return {position for start, end in mentions for position in range(start, end)}
