"""The kinds of things in the documents, and the relations between them.

Each letter of a template's slots stands for a kind: p and q in "{p} married {q}." are persons.
"""

from collections.abc import Iterable
from typing import NamedTuple

PERSON, COMPANY, UNIVERSITY, SOCIETY = "person", "company", "university", "society"
CITY, COUNTRY, DAY, YEAR, WORK = "city", "country", "day", "year", "work"

SLOTS = {
    "p": PERSON,
    "q": PERSON,
    "o": COMPANY,
    "r": COMPANY,
    "u": UNIVERSITY,
    "g": SOCIETY,
    "c": CITY,
    "k": CITY,
    "n": COUNTRY,
    "d": DAY,
    "y": YEAR,
    "w": WORK,
}
ENTITY_TYPES = {
    PERSON: "PER",
    COMPANY: "ORG",
    UNIVERSITY: "ORG",
    SOCIETY: "ORG",
    CITY: "LOC",
    COUNTRY: "LOC",
    DAY: "TIME",
    YEAR: "TIME",
    WORK: "MISC",
}
# The kinds of head and tail of each relation, in the order in which a text states relations of one thing.
SIGNATURES: dict[str, tuple[str, str]] = {
    "date_of_birth": (PERSON, DAY),
    "born_in": (PERSON, CITY),
    "child_of": (PERSON, PERSON),
    "educated_at": (PERSON, UNIVERSITY),
    "employer": (PERSON, COMPANY),
    "member_of": (PERSON, SOCIETY),
    "founded_by": (COMPANY, PERSON),
    "inception": (COMPANY, YEAR),
    "headquarters": (COMPANY, CITY),
    "chief_executive": (COMPANY, PERSON),
    "subsidiary_of": (COMPANY, COMPANY),
    "spouse": (PERSON, PERSON),
    "author_of": (PERSON, WORK),
    "capital_of": (CITY, COUNTRY),
    "located_in": (CITY, COUNTRY),
    "died_in": (PERSON, CITY),
}
RELATIONS = tuple(SIGNATURES)


class Fact(NamedTuple):
    """A relation between two things, given by name, or between two slots of a template, given by letter."""

    head: str
    label: str
    tail: str


def with_implied(facts: Iterable[Fact]) -> list[Fact]:
    """The facts, each followed by the fact that it implies, if any. Nothing else is inferred."""
    known: dict[Fact, None] = {}
    for fact in facts:
        head, label, tail = fact
        known[fact] = None
        if label == "spouse":
            known[Fact(tail, "spouse", head)] = None
        elif label == "chief_executive":
            known[Fact(tail, "employer", head)] = None
        elif label == "capital_of":
            known[Fact(head, "located_in", tail)] = None
    return list(known)
