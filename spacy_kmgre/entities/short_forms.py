"""Rules that say for which longer name a short name may stand."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from .languages import word_set
from .names import ORGANISATION, OTHER, PERSON, PREPOSITIONS, SMALL_WORDS, VALUE, Name, Words, fold

_LEGAL_FORMS = word_set(
    "inc incorporated corp corporation co company ltd limited llc llp lp plc gmbh mbh ag kg kgaa ohg se sa sas "
    "sarl srl spa records associates bv nv ab aktiebolag as asa oy oyj aps pty pte kk group holding holdings"
)


# Words with which the names of many companies begin.
_COMMON = word_set(
    "first new general united american british international national global standard royal great north south east "
    "west northern southern eastern western central pacific atlantic bank saint deutsche banque societe china us uk"
)
# The words that these forms shorten.
_SHORTENED = {
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "limited": "ltd",
    "aktiebolag": "ab",
}


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


def is_legal_form(word: str) -> bool:
    """Return whether a word is a legal form of a company, such as "Inc." or "L.P."."""
    return fold(word.replace(".", "")) in _LEGAL_FORMS


def _shortened(name: Name) -> Words:
    """Return the words of a name with a short legal form: "Acme Corporation" is "Acme Corp.\""""
    last = name.core[-1]
    return (*name.core[:-1], _SHORTENED.get(fold(last), last)) if len(name.core) > 1 else name.core


def _legal_forms(name: Name) -> Iterator[Words]:
    if name.kind in (ORGANISATION, OTHER):
        yield _shortened(name)
        yield from _without_legal_form(name.words)


def _without_legal_form(words: Words) -> Iterator[Words]:
    """Yield the words without the last legal form, then without the last two, and so on; small words before
    these go too."""
    while len(words) > 1 and fold(words[-1]) in _LEGAL_FORMS:
        words = words[:-1]
        while len(words) > 1 and fold(words[-1]) in SMALL_WORDS:
            words = words[:-1]
        yield words


def _acronym(name: Name) -> str | None:
    """Return the name, if it is a single word in capitals, perhaps with a plural s, else None."""
    word = name.written[-1]
    word = word[:-1] if word.endswith("s") else word
    least = 3 if name.kind == PERSON else 2
    fits = len(name.words) == 1 and len(word) >= least and word.isalpha() and word.isupper()
    return fold(word) if fits and name.kind != VALUE else None


def _first_letters(name: Name) -> Iterator[str]:
    """Yield the first letters of all words, and of all but small ones, with and without legal form, article
    and country. A person's name needs three words or more for that."""
    if name.kind == VALUE or (name.kind == PERSON and not _has_initials(name)):
        return
    written = tuple(map(fold, name.letters if name.kind == PERSON else name.written))
    for words in (written, written[-len(name.words) :], *_without_legal_form(written), *_bodies(name)):
        for kept in (words, [word for word in words if word not in SMALL_WORDS]):
            if len(kept) > 1:
                yield "".join(word[0] for word in kept)


def _has_initials(name: Name) -> bool:
    """Return whether a person may be called by the first letters of the name, as JFK is. A word such as
    "Committee" is no surname."""
    return len(name.letters) >= 3 and fold(name.core[-1]) not in name.language.heads


def _bodies(name: Name) -> Iterator[Words]:
    """Yield the name of a body without its country, as in "US Department of Energy" and "Danish Ministry of
    Health"."""
    words = tuple(map(fold, name.words))
    for end in range(1, len(words) - 1):
        if words[:end] in name.language.country_names:
            yield words[end:]
    for start in (1, 2):
        named = len(words) > start + 1 and words[start] in name.language.heads
        if named and words[start + 1] in PREPOSITIONS:
            yield words[start:]


def _initials(name: Name) -> Iterator[Words]:
    """Yield the name with initials for some or all of the given names, or without the middle names."""
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
    """Yield what may be left of the name of a body, an agreement or an event: its last word, the name without
    its country, or what stands before "of". "Clause of the Constitution" is no constitution. A company with a
    legal form may be called by the beginning of its name, as Lockheed Martin Corp. is."""
    if name.kind not in (ORGANISATION, OTHER) or len(name.words) == 1:
        return
    if name.kind == ORGANISATION and (stems := list(_without_legal_form(name.words))):
        yield from (stems[-1][:end] for end in range(1, len(stems[-1])) if _begins_company(stems[-1], end))
    words, heads = tuple(map(fold, name.words)), name.language.heads
    preposition = next((place for place, word in enumerate(words) if word in PREPOSITIONS), len(words))
    if preposition < len(words):
        if words[preposition - 1] in heads:
            yield name.words[:preposition]
    elif words[-1] in heads or (name.kind == ORGANISATION and _is_plural(words[-1], name)):
        yield name.words[-1:]
        for end in range(1, len(words) - 1):
            if words[:end] in name.language.country_names:
                yield name.words[end:]


def _begins_company(words: Words, end: int) -> bool:
    """Return whether the first words of a company's name may stand for it: they say more than "First", "General" or
    a country, and no word that joins follows."""
    left, right = tuple(map(fold, words[:end])), fold(words[end])
    return (
        len(left[-1]) > 2
        and left[-1] not in SMALL_WORDS | _COMMON
        and (end > 1 or left[0] not in _COMMON)
        and right not in SMALL_WORDS
    )


def _is_plural(word: str, name: Name) -> bool:
    """Return whether the last word of a name is in the plural, and the name does not begin with a small
    word."""
    plural = name.language.plural and len(word) > 4 and word.endswith("s") and not word.endswith("ss")
    return plural and fold(name.words[0]) not in SMALL_WORDS


# The keys are names of `NameRules`. Rules are applied in this order, the surest first.
SHORT_FORMS: dict[str, ShortForms] = {
    "legal_forms": ShortForms(_legal_forms, asks=_shortened),
    "acronyms": ShortForms(_first_letters, asks=_acronym),
    "initials": ShortForms(_initials),
    "surnames": ShortForms(_surnames, rivals=_given_names),
    "given_names": ShortForms(_given_names, rivals=_surnames, after=True),
    "heads": ShortForms(_heads, after=True),
}
