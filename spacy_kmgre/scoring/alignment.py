"""The gold entity of each predicted entity. Scores and training both find it here, so that they agree."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Doc

from ..types import Entity

# Character offsets [start, end) of mentions.
MentionSet = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Match:
    """The gold entity of a predicted one.

    :param gold: The number of the gold entity.
    :param same: Whether the two have the same mentions, and not only characters in common.
    """

    gold: int
    same: bool


def mention_set(entity: Entity) -> MentionSet:
    """Return the mentions of an entity as character offsets, which Docs with different tokens have in
    common."""
    return frozenset((span.start_char, span.end_char) for span in entity.mentions)


def align_entities(predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Match | None]:
    """Find the gold entity of each predicted one. Mentions are compared by characters.

    Entities with the same mentions belong together; of several such gold entities the one with the same
    type is chosen, then the one with the same key. The others are matched one to one, the pair with the
    largest overlap first. The overlap is the Dice coefficient of the characters that the two entities'
    mentions cover; ties go to the same key, then to the lower numbers.

    :returns: A match for each predicted entity; None where no gold entity is left that it overlaps.
    """
    found = _with_same_mentions(predicted, gold)
    for match_others in (_with_other_tokens, _with_most_overlap):
        taken = {match.gold for match in found.values()}
        left = {i: entity for i, entity in enumerate(predicted) if i not in found}
        free = {j: entity for j, entity in enumerate(gold) if j not in taken}
        found |= match_others(left, free)
    return [found.get(i) for i in range(len(predicted))]


def _with_same_mentions(predicted: Sequence[Entity], gold: Sequence[Entity]) -> dict[int, Match]:
    by_mentions: defaultdict[MentionSet, list[int]] = defaultdict(list)
    for j, entity in enumerate(gold):
        by_mentions[mention_set(entity)].append(j)
    found = {}
    for i, entity in enumerate(predicted):
        twins = by_mentions.get(mention_set(entity), []) if entity.mentions else []
        if twins:
            best = min(twins, key=lambda j: (gold[j].label != entity.label, gold[j].key != entity.key, j))
            found[i] = Match(best, same=True)
    return found


def _with_other_tokens(left: dict[int, Entity], free: dict[int, Entity]) -> dict[int, Match]:
    """Match an entity with one of the same key if the two share a mention and the others are missing only
    because they begin or end inside a token of the other Doc. An entity that was copied to a Doc with other
    tokens looks like that. With another key the likeness would be a coincidence."""
    by_key = {entity.key: j for j, entity in free.items()}
    found = {}
    for i, entity in left.items():
        j = by_key.get(entity.key)
        if j is not None and _differ_in_tokens(entity, free[j]):
            found[i] = Match(j, same=True)
    return found


def _differ_in_tokens(predicted: Entity, gold: Entity) -> bool:
    ours, theirs = mention_set(predicted), mention_set(gold)
    if not ours & theirs:
        return False
    here, there = predicted.mentions[0].doc, gold.mentions[0].doc
    return not _any_fits(here, theirs - ours) and not _any_fits(there, ours - theirs)


def _any_fits(doc: Doc, mentions: MentionSet) -> bool:
    return any(doc.char_span(start, end) is not None for start, end in mentions)


def _with_most_overlap(left: dict[int, Entity], free: dict[int, Entity]) -> dict[int, Match]:
    covered = {j: _characters(entity) for j, entity in free.items()}
    owners: defaultdict[int, list[int]] = defaultdict(list)
    for j, characters in covered.items():
        for position in characters:
            owners[position].append(j)
    candidates = []
    for i, entity in left.items():
        characters = _characters(entity)
        shared = Counter(j for position in characters for j in owners.get(position, ()))
        for j, count in shared.items():
            overlap = 2 * count / (len(characters) + len(covered[j]))
            candidates.append((-overlap, free[j].key != entity.key, j, i))
    found: dict[int, Match] = {}
    for _, _, j, i in sorted(candidates):
        if i not in found and j in covered:
            found[i] = Match(j, same=False)
            del covered[j]
    return found


def _characters(entity: Entity) -> set[int]:
    return {position for start, end in mention_set(entity) for position in range(start, end)}
