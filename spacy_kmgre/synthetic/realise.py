"""How templates become text: the form that each mention takes, and its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from .schema import COMPANY
from .templates import NOUN_ROLES, SLOT, Binding, Template
from .things import Thing

_PRONOUN_ROLES = ("he", "him", "his")
_WEIGHTS = {"pronoun": 8, "description": 4, "short": 4, "full": 1}


@dataclass(frozen=True)
class PlacedMention:
    """A mention of a thing, given by its name, with character offsets [start, end) in the text."""

    thing: str
    start: int
    end: int


@dataclass
class Text:
    """A text as it is written, sentence by sentence.

    :param things: The things that it may mention, by name.
    :param sentences: The sentences so far.
    :param mentions: The mentions so far, in text order.
    """

    things: dict[str, Thing]
    rng: Random
    sentences: list[str] = field(default_factory=list)
    mentions: list[PlacedMention] = field(default_factory=list)
    _named: set[str] = field(default_factory=set)
    _introduced: set[str] = field(default_factory=set)
    _previous: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return " ".join(self.sentences)

    def write(self, template: Template, binding: Binding) -> dict[str, PlacedMention]:
        """Add the template's sentences.

        :returns: The mention in each slot, the last one where there are several.
        """
        placed: dict[str, PlacedMention] = {}
        for sentence in template.sentences:
            placed.update(self._write_sentence(sentence, binding))
        return placed

    def _write_sentence(self, sentence: str, binding: Binding) -> dict[str, PlacedMention]:
        offset = len(str(self)) + 1 if self.sentences else 0
        text, end = "", 0
        current: set[str] = set()
        placed: dict[str, PlacedMention] = {}
        for match in SLOT.finditer(sentence):
            slot, role = match[1], match[2] or ("he" if match.start() == 0 else "")
            text += sentence[end : match.start()]
            end = match.end()
            thing = self.things[binding[slot]]
            if role in NOUN_ROLES:
                text += thing.word(role)
                continue
            before, form = self._form(thing, role, current)
            start = offset + len(text) + len(before)
            placed[slot] = PlacedMention(thing.name, start, start + len(form))
            # A possessive pronoun needs no "'s".
            text += before + form + ("'s" if role == "his" and form != thing.word("his") else "")
            self.mentions.append(placed[slot])
            current.add(thing.name)
        text += sentence[end:]
        self.sentences.append(text[0].upper() + text[1:])
        self._previous = current
        return placed

    def _form(self, thing: Thing, role: str, current: set[str]) -> tuple[str, str]:
        """The words before a mention, and the mention."""
        if role == "own":
            return "", thing.word("his")
        if thing.name not in self._named:
            self._named.add(thing.name)
            introduced = bool(thing.introduction) and role != "name" and self.rng.random() < 0.6
            if introduced or not thing.introduction:
                self._introduced.add(thing.name)
            return thing.article + (f"{thing.introduction} " if introduced else ""), thing.name
        forms = {"full": thing.name}
        if thing.short:
            forms["short"] = thing.short
        if thing.noun and thing.name in self._introduced and role != "name":
            forms["description"] = f"the {self._noun(thing)}"
        if role in _PRONOUN_ROLES and thing.word(role) and self._alone(thing, current):
            forms["pronoun"] = thing.word(role)
        form = self._choose(list(forms))
        return thing.article if form in ("full", "short") else "", forms[form]

    def _noun(self, thing: Thing) -> str:
        companies = sum(other.kind == COMPANY for other in self.things.values())
        sole = thing.kind == COMPANY and companies == 1
        return "company" if sole and self.rng.random() < 0.5 else thing.noun

    def _alone(self, thing: Thing, current: set[str]) -> bool:
        """Whether this sentence and the one before mention the thing and nothing else with its pronoun."""
        near = {name for name in self._previous | current if self.things[name].word("he") == thing.word("he")}
        return near == {thing.name}

    def _choose(self, forms: Sequence[str]) -> str:
        return self.rng.choices(forms, [_WEIGHTS[form] for form in forms])[0]
