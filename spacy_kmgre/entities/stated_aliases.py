"""Aliases that a text states: "General Lavalle (also known as Ajó)", "Norges Statsbaner (NSB)"."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from .languages import word_set
from .names import PERSON, PLACE, PREPOSITIONS, SMALL_WORDS, VALUE, fold

# A statement has few tokens, and at most one name stands within it: that of a language ("(Danish: ...").
LONGEST_STATEMENT = 8
NEXT_MENTIONS = 2
# The largest number of tokens after a name in which a bracket that defines terms must end.
LONGEST_DEFINITION = 30
# The largest number of tokens of a bracket with dates, as that of a life.
LONGEST_LIFE = 16

_ADVERB = (
    "(?:also|and|at|better|best|both|but|commonly|currently|first|formerly|generally|informally|initially|is|later|"
    "locally|now|officially|often|oftentimes|once|or|originally|popularly|previously|simply|sometimes|that|then|"
    "today|usually|was|were|which|who|widely)"
)
_VERB = (
    "(?:abbreviated|called|designated|dubbed|entitled|known|named|nicknamed|referred to|renamed|shortened|spelled|"
    "spelt|stylised|stylized|termed|titled|translated)"
)
_CALLED = re.compile(
    rf"[(),;: ]*(?:{_ADVERB} )*{_VERB}(?: {_ADVERB})*(?: to)?(?: as)?(?: simply)?(?: the| a)?"
)
_OR = re.compile(
    r"[(),;: ]*(?:aka|a\.k\.a ?\.?|alias|formerly|originally|previously|later|or just|or simply|short for)(?: the)?"
    r"|\( ?(?:abbr\.?|also|i\.e\.|lit\.?|literally|or)(?: the)?"
)
_BORN = re.compile(r"[(,;]* ?(?:born|née|nee)")
_NOW = re.compile(r"\( ?now(?: the)?")
_LANGUAGE = re.compile(r"[(;] ?(?:in )?[A-Z][\w.-]*(?: [A-Z][\w.-]*)? ?:")
_QUOTES = re.compile("[\"“”„«»‘’']|\\( ?\\)")
_STRAY = re.compile(r"(?<=\() ?[,;][ ,;]*")
_SPACES = re.compile(r"\s+")
# Between these, a name in another script is the same name: "Chupong (Thai: ชูพงษ์)", "Αλιάγας / Aliagas".
_OTHER_SCRIPT = re.compile(r",? ?\([^()]*|/")
# Contracts and filings define terms in this way; the quotes are what tells a definition from an aside.
_DEFINITION = re.compile(r"\s*(?:, an? [^(),;.\"“”]{1,80})?,?\s*\(([^()]*[\"“”][^()]*)\)")
_TERM = re.compile(r"[\"“”]\s*(?:[Tt]he )?([^\"“”]*[^\"“”\s,.])\s*[,.]?\s*[\"“”]")
# A person and a place are defined by "the" only; a bracket with a mere name in quotes may be what a person plays.
_OFFICE = re.compile(r"\b[Tt]he\s+[\"“”]\s*([^\"“”]*[^\"“”\s,.])\s*[,.]?\s*[\"“”]")
_YEAR = re.compile(r"\d{4}")
_PASSIVE = re.compile(r"\b(?:is|was|were|as)\b")
_SUBJECT = re.compile(r"\b(?:who|which|that)\b")
_CLOSING = word_set(") , ; /")


def is_stated_alias(
    first: str, between: Sequence[str], second: str, following: Sequence[str], kind: str
) -> bool:
    """Return whether a text states that the second of two names is another name of the first.

    :param between: The tokens between the names.
    :param following: A few tokens after the second name.
    :param kind: The kind of both names.
    """
    if kind == VALUE or not between or len(between) > LONGEST_STATEMENT:
        return False
    gap = _QUOTES.sub(" ", " ".join(between))
    gap = _SPACES.sub(" ", _STRAY.sub("", _SPACES.sub(" ", gap))).strip()
    lower = gap.lower()
    if _OTHER_SCRIPT.fullmatch(gap) and _script(first) != _script(second):
        return True
    if (
        (_CALLED.fullmatch(lower) and not _is_active(lower))
        or _OR.fullmatch(lower)
        or _LANGUAGE.fullmatch(gap)
    ):
        return True
    if _BORN.fullmatch(lower):
        return kind == PERSON
    if _NOW.fullmatch(lower):
        return kind != PLACE  # "Prussia (now Kaliningrad)" are two places.
    if lower in ("or", "or the"):  # "Kusha or Kusa" is one thing; different names joined by "or" are two.
        return _alike(_words(first), _words(second), kind)
    if lower == "(":
        # A place in a bracket says where the first place is, and a person in one says who plays the first.
        closed = next((token for token in following if not _QUOTES.fullmatch(token)), "") in _CLOSING
        return closed and kind not in (PERSON, PLACE) and not _explains_part(first, second)
    return False


def defined_terms(name: str, kind: str, following: Sequence[str]) -> list[str]:
    """Find the terms that a bracket after a name defines for it: '("Acme" or the "Company")'. What the name is may
    stand between: ', a Texas company ("Acme")'.

    :param kind: The kind of the name. A person gets a term with "the" only, and a place one that repeats a word of its
        name: 'at 4 Main Street, Austin (the "Premises")' does not define Austin.
    :param following: The tokens after the name.
    """
    bracket = _DEFINITION.match(" ".join(following)) if following and following[0] in "(," else None
    if kind == VALUE or not bracket:
        return []
    terms = [found[1] for found in (_OFFICE if kind == PERSON else _TERM).finditer(bracket[1])]
    if kind == PLACE:
        terms = [term for term in terms if {*_words(term)} & {*_words(name)}]
    return terms


def without_dates(between: Sequence[str]) -> Sequence[str]:
    """Return the tokens between two names without a bracket of dates at the beginning: "(12 May 1888 – 1961)"."""
    if between and between[0] == "(" and ")" in between:
        end = between.index(")")
        if end <= LONGEST_LIFE and any(map(_YEAR.fullmatch, between[:end])):
            return between[end + 1 :]
    return between


def _is_active(gap: str) -> bool:
    """Return whether the first name is the one that calls: "Ann called Bob", "Ann, who named Bob"."""
    if _PASSIVE.search(gap):
        return False
    return gap[0] not in "(),;:" or bool(_SUBJECT.search(gap))


def _words(name: str) -> list[str]:
    words = fold(name).split()
    return words[1:] if words[0] == "the" and len(words) > 1 else words


def _alike(first: Sequence[str], second: Sequence[str], kind: str) -> bool:
    """Return whether two names are forms of one. Then each word of one is a spelling of the word in the
    other, or the longer name goes on where the shorter ends. The latter is no sign for places ("Guinea or
    Guinea-Bissau")."""
    short, long = sorted((first, second), key=len)
    if len(short) != len(long):
        return kind != PLACE and long[: len(short)] == short
    pairs = list(zip(short, long))
    known = kind != PLACE or any(left == right for left, right in pairs)
    return all(_same_word(left, right, known) for left, right in pairs)


def _same_word(left: str, right: str, endings: bool) -> bool:
    """Return whether two words are spellings of one.

    :param endings: Whether one may have an ending that the other has not, as in "West" and "Western".
    """
    if endings and left[:4] == right[:4] and (left.startswith(right) or right.startswith(left)):
        return True
    if endings and len(left) == len(right) > 5 and left[:3] == right[:3]:
        return True  # So "mock vervain" is "mock verbena".
    close = SequenceMatcher(None, left, right).ratio() >= 0.85 and abs(len(left) - len(right)) <= 1
    return left == right or (close and left[:2] == right[:2])


def _explains_part(name: str, short: str) -> bool:
    """Return whether a short form stands for the end of a name, as NFL does for that of "Chiefs of the
    National Football League"."""
    words, letters = fold(name).split(), fold(short)
    for place, word in enumerate(words):
        if word in PREPOSITIONS:
            rest = words[place + 1 :]
            if letters in _all_initials(rest) and letters not in _all_initials(words):
                return True
    return False


def _all_initials(words: Sequence[str]) -> set[str]:
    """Return the first letters of all words, and of all but small ones."""
    return {
        "".join(word[0] for word in kept)
        for kept in (words, [word for word in words if word not in SMALL_WORDS])
    }


def _script(text: str) -> str:
    """Return the first word of the Unicode name of the first letter, such as LATIN, or "" without letters."""
    names = (unicodedata.name(character, "") for character in text if character.isalpha())
    return next(names, "").partition(" ")[0]
