"""Rules that say for which longer name a short name may stand."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from .names import ORGANISATION, OTHER, PERSON, PREPOSITIONS, SMALL_WORDS, VALUE, Name, Words, fold, word_set

_LEGAL_FORMS = word_set(
    "inc incorporated corp corporation co company ltd limited llc llp lp plc gmbh mbh ag kg kgaa ohg se sa sas "
    "sarl srl spa bv nv ab aktiebolag as asa oy oyj aps pty pte kk group holding holdings"
)
# These words say what a body, an agreement or an event is; many of their names end with one.
_HEADS = word_set(
    "academy agency alliance assembly association authority bank board bureau cabinet chamber church circuit "
    "club college commission committee commons commonwealth company confederation conference congress corporation "
    "council court department diocese federation foundation front fund government guild house institute institution "
    "league legislature ministry movement museum office orchestra order organisation organization parliament party "
    "school senate service society synod trust union university "
    "accord act agreement award championship charter code constitution convention cup declaration exhibition "
    "festival games pact plan prize programme program project protocol treaty war"
)


class ShortForms(NamedTuple):
    """A rule that joins a short form to its long form: the longer name for which it stands.

    :param offers: The short forms that a name has.
    :param asks: What is looked up for a name among the short forms, None where it cannot be one.
    :param rivals: Short forms that a name has by another rule; they make a short form ambiguous.
    :param after: Whether the short form has to come after the long form in the text.
    """

    offers: Callable[[Name], Iterable[Hashable]]
    asks: Callable[[Name], Hashable | None] = lambda name: name.core
    rivals: Callable[[Name], Iterable[Hashable]] = lambda _: ()
    after: bool = False


def _legal_forms(name: Name) -> Iterator[Words]:
    if name.kind in (ORGANISATION, OTHER):
        yield from _without_legal_form(name.words)


def _without_legal_form(words: Words) -> Iterator[Words]:
    """The words without the last legal form, without the last two ..., and without small words before them."""
    while len(words) > 1 and fold(words[-1]) in _LEGAL_FORMS:
        words = words[:-1]
        while len(words) > 1 and fold(words[-1]) in SMALL_WORDS:
            words = words[:-1]
        yield words


def _acronym(name: Name) -> str | None:
    """The name, if it is a single word in capitals, perhaps with a plural s."""
    word = name.written[-1]
    word = word[:-1] if word.endswith("s") else word
    fits = len(name.words) == 1 and len(word) > 1 and word.isalpha() and word.isupper()
    return fold(word) if fits and name.kind not in (PERSON, VALUE) else None


def _first_letters(name: Name) -> Iterator[str]:
    """The first letters of all words, or of all but small ones; with or without legal form and article."""
    if name.kind in (PERSON, VALUE):
        return
    written = tuple(map(fold, name.written))
    for words in (written, written[-len(name.words) :], *_without_legal_form(written)):
        for kept in (words, [word for word in words if word not in SMALL_WORDS]):
            if len(kept) > 1:
                yield "".join(word[0] for word in kept)


def _initials(name: Name) -> Iterator[Words]:
    """The name with initials for some or all of the given names, or without the middle names."""
    if name.kind == PERSON and len(name.core) > 1:
        first, *middle, last = name.core
        yield (first[0], last)
        if middle:
            letters = "".join(word[0] for word in middle)
            yield (first[0] + letters, last)
            yield (first, letters, last)
            yield (first, last)


def _surnames(name: Name) -> Iterator[Words]:
    return (part for part, has_surname in name.parts if has_surname)


def _given_names(name: Name) -> Iterator[Words]:
    return (part for part, has_surname in name.parts if not has_surname)


def _heads(name: Name) -> Iterator[Words]:
    """The last word, if it says what the whole is; "Clause of the Constitution" is no constitution."""
    if name.kind in (ORGANISATION, OTHER) and len(name.words) > 1:
        words = tuple(map(fold, name.words))
        if words[-1] in _HEADS and PREPOSITIONS.isdisjoint(words):
            yield name.words[-1:]


# The keys are names of `NameRules`. Rules are applied in this order, the surest first.
SHORT_FORMS: dict[str, ShortForms] = {
    "legal_forms": ShortForms(_legal_forms),
    "acronyms": ShortForms(_first_letters, asks=_acronym),
    "initials": ShortForms(_initials),
    "surnames": ShortForms(_surnames, rivals=_given_names),
    "given_names": ShortForms(_given_names, rivals=_surnames, after=True),
    "heads": ShortForms(_heads, after=True),
}
