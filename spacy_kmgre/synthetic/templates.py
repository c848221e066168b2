"""Templates: sentences with slots, and the facts that they state."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

from .schema import SLOTS, Fact
from .things import Thing
from .wording import dev, test, train

WORDING: dict[str, Mapping[str, tuple[str, ...]]] = {
    "train": train.TEMPLATES,
    "dev": dev.TEMPLATES,
    "test": test.TEMPLATES,
}
SLOT = re.compile(r"\{([a-z])(?::([a-z]+))?\}")
NOUN_ROLES = ("child", "parent", "spouse", "job")

# The names of the things in the slots, by the letter of the slot.
Binding = dict[str, str]


@dataclass(frozen=True)
class Template:
    """One or two sentences with slots.

    :param sentences: The texts; `wording` describes how slots are written.
    :param facts: The facts that the sentences state, between slots; empty where they state nothing.
    """

    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The letters of the slots, sorted."""
        return tuple(sorted({slot for sentence in self.sentences for slot, _ in SLOT.findall(sentence)}))

    @cached_property
    def length(self) -> int:
        """The number of words; a slot counts as two."""
        return sum(len(sentence.split()) + len(SLOT.findall(sentence)) for sentence in self.sentences)


@cache
def templates(part: str) -> tuple[Template, ...]:
    """The templates of a part: "train", "dev" or "test"."""
    return tuple(
        Template(tuple(text.split(" | ")), tuple(Fact(*fact.split()) for fact in facts.split("; ") if fact))
        for facts, texts in WORDING[part].items()
        for text in texts
    )


def bind_facts(
    stated: Sequence[Fact], facts: Sequence[Fact], binding: Binding | None = None
) -> Iterator[Binding]:
    """All ways to fill the slots of the stated facts with things of which the facts hold."""
    binding = binding or {}
    if not stated:
        yield binding
        return
    slots = stated[0]
    for fact in (fact for fact in facts if fact.label == slots.label):
        bound = {**binding, slots.head: fact.head, slots.tail: fact.tail}
        kept = all(bound[slot] == name for slot, name in binding.items())
        if kept and len(set(bound.values())) == len(bound):
            yield from bind_facts(stated[1:], facts, bound)


def bind_things(slots: Sequence[str], things: Iterable[Thing]) -> Iterator[Binding]:
    """All ways to fill the slots with different things of their kinds."""
    by_kind: dict[str, list[str]] = {}
    for thing in things:
        by_kind.setdefault(thing.kind, []).append(thing.name)
    for names in product(*(by_kind.get(SLOTS[slot], []) for slot in slots)):
        if len(set(names)) == len(names):
            yield dict(zip(slots, names))
