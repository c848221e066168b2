"""What the documents speak of: kinds of things and the relations between them.

A kind is named by the letters of the template slots it fills, e.g. "{p} married {q}.": p and q are persons.
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
# In the order in which a text tells them of one thing.
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
    """A relation between two things (by name), or between two slots of a template (by letter)."""

    head: str
    label: str
    tail: str


def with_implied(facts: Iterable[Fact]) -> list[Fact]:
    """The facts and what they say besides. Nothing else is ever inferred: gold is what a sentence states."""
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
