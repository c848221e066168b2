"""The world that a document describes: a few things and the facts between them."""

from collections import Counter
from dataclasses import dataclass
from random import Random

from .schema import (
    CITY,
    COMPANY,
    COUNTRY,
    DAY,
    PERSON,
    RELATIONS,
    SIGNATURES,
    SOCIETY,
    UNIVERSITY,
    WORK,
    YEAR,
    Fact,
    with_implied,
)
from .things import Namer, Thing

# The most things of each kind; with more of them, nouns and pronouns would be ambiguous.
_MOST = {PERSON: 3, COMPANY: 2, UNIVERSITY: 2, SOCIETY: 1, CITY: 3, COUNTRY: 1, DAY: 1, YEAR: 2, WORK: 2}
_MOST_THINGS = 9
_BYSTANDERS = (PERSON, COMPANY, UNIVERSITY, CITY, CITY, DAY, YEAR)
# The labels of a second fact about the same two things, each with whether it has the other direction.
_SECOND: dict[str, tuple[tuple[str, bool], ...]] = {
    "born_in": (("died_in", False),),
    "founded_by": (("chief_executive", False), ("employer", True)),
}
# The weights of labels, 1 for those not listed: some are rarely possible, others are also implied.
_WEIGHTS = {
    "capital_of": 3,
    "child_of": 2,
    "subsidiary_of": 2,
    "located_in": 1.5,
    "died_in": 1.5,
    "inception": 1.5,
    "born_in": 1.5,
    "date_of_birth": 1.5,
    "educated_at": 1.5,
    "member_of": 1.5,
    "author_of": 1.5,
    "employer": 0.5,
}
# The kinds of things in one fact only: no two things share a day, a year or a work.
_EXCLUSIVE = (DAY, YEAR, WORK)
_OF_THE_LIVING = ("employer", "member_of", "spouse")


@dataclass
class World:
    """The things that a document mentions and the facts that it states.

    :param things: The things by name, in the order in which they were made.
    """

    things: dict[str, Thing]
    facts: list[Fact]

    def add(self, thing: Thing) -> str:
        """Add a thing.

        :returns: The name of the thing.
        """
        self.things[thing.name] = thing
        return thing.name

    def full(self, kind: str) -> bool:
        """Whether another thing of the kind would be one too many."""
        count = Counter(thing.kind for thing in self.things.values())
        return count[kind] >= _MOST[kind] or len(self.things) >= _MOST_THINGS

    def related(self, one: str, other: str) -> bool:
        """Whether a fact holds between two things."""
        return any({fact.head, fact.tail} == {one, other} for fact in self.facts)


def make_world(part: str, rng: Random) -> World:
    """Draw a world of four to six facts, each about a thing of an earlier one, and up to two other things."""
    namer = Namer(part, rng)
    world = World({}, [])
    world.add(namer.make(rng.choice((PERSON, PERSON, COMPANY))))
    size = rng.randint(4, 5)
    while len(world.facts) < size or len(world.things) < 5:
        _add_fact(world, namer, rng)
    for kind in rng.sample(_BYSTANDERS, rng.choice((0, 1, 1, 2))):
        if not world.full(kind):
            world.add(namer.make(kind))
    return world


def _add_fact(world: World, namer: Namer, rng: Random) -> None:
    """Draw a fact, and perhaps a second one about the same things; add those that the other facts allow."""
    label = rng.choices(RELATIONS, [_WEIGHTS.get(label, 1) for label in RELATIONS])[0]
    ends: list[str] = []
    for kind in SIGNATURES[label]:
        known = [name for name, thing in world.things.items() if thing.kind == kind]
        old = known and kind not in _EXCLUSIVE and (world.full(kind) or rng.random() < 0.4)
        if not old and world.full(kind):
            return
        ends.append(rng.choice(known) if old else "")
    fact = Fact(ends[0], label, ends[1])
    if not any(ends) or not _possible(fact, world.facts):
        return
    head, tail = (end or world.add(namer.make(kind)) for end, kind in zip(ends, SIGNATURES[label]))
    world.facts.append(Fact(head, label, tail))
    if label in _SECOND and rng.random() < 0.4:
        second, reverse = rng.choice(_SECOND[label])
        fact = Fact(tail, second, head) if reverse else Fact(head, second, tail)
        if _possible(fact, world.facts):
            world.facts.append(fact)


def _possible(fact: Fact, facts: list[Fact]) -> bool:
    """Whether the fact is consistent with the others.

    Nobody is born twice, works for two firms or marries a parent, a country has one capital, and the dead
    hold no office.
    """
    known, new = with_implied(facts), with_implied([fact])
    told = {(head, label) for head, label, _ in known}
    of_one_kind = len(set(SIGNATURES[fact.label])) == 1
    return not (
        fact.head == fact.tail
        or any((head, label) in told for head, label, _ in new)
        or (fact.label == "capital_of" and any(fact[1:] == other[1:] for other in known))
        or (of_one_kind and _relatives(fact.head, known) & (_relatives(fact.tail, known) | {fact.tail}))
        or {head for head, label, _ in known + new if label == "died_in"}
        & {head for head, label, _ in known + new if label in _OF_THE_LIVING}
    )


def _relatives(name: str, facts: list[Fact]) -> set[str]:
    """The related things of a thing's own kind."""
    return {
        end
        for head, label, tail in facts
        if name in (head, tail) and len(set(SIGNATURES[label])) == 1
        for end in (head, tail)
        if end != name
    }
