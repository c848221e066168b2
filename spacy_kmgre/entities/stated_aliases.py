"""Aliases that a text states: "General Lavalle (also known as Ajó)", "Norges Statsbaner (NSB)"."""

import re
import unicodedata
from collections.abc import Sequence

from .names import PERSON, PLACE, VALUE, fold, word_set

# A statement has few tokens, and at most one name stands within it: that of a language ("(Danish: ...").
LONGEST_STATEMENT = 8
NEXT_MENTIONS = 2

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
_CLOSING = word_set(") , ; /")


def is_stated_alias(
    first: str, between: Sequence[str], second: str, following: Sequence[str], kind: str
) -> bool:
    """Whether a text states that the second of two names is another name of the first.

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
    if _CALLED.fullmatch(lower) or _OR.fullmatch(lower) or _LANGUAGE.fullmatch(gap):
        return True
    if _BORN.fullmatch(lower):
        return kind == PERSON
    if _NOW.fullmatch(lower):
        return kind != PLACE  # "Prussia (now Kaliningrad)" are two places.
    if lower == "or":  # "Kusha or Kusa" is one thing; different names joined by "or" are two.
        return fold(first)[:3] == fold(second)[:3]
    if lower == "(":
        # In a bracket, a place says where the first one is, and a person who plays the part of the first.
        closed = next((token for token in following if not _QUOTES.fullmatch(token)), "") in _CLOSING
        return closed and kind not in (PERSON, PLACE)
    return False


def _script(text: str) -> str:
    """The first word of the Unicode name of the first letter, such as LATIN; "" without letters."""
    names = (unicodedata.name(character, "") for character in text if character.isalpha())
    return next(names, "").partition(" ")[0]
