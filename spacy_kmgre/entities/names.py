"""Which names may mean the same: rules about strings.

Some rules make names equal: they say which words are compared. Others say which short forms a name has; a
short form joins a long one only where it can come from no other. All of it is general knowledge of names,
mostly English ones.
"""

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

Words = tuple[str, ...]

PERSON, ORGANISATION, PLACE, VALUE, OTHER = KINDS = ("person", "organisation", "place", "value", "other")

# The labels of OntoNotes, CoNLL-2003 and DocRED; what is not here is "other".
LABEL_KINDS: dict[str, str] = {
    **dict.fromkeys(("PERSON", "PER"), PERSON),
    "ORG": ORGANISATION,
    **dict.fromkeys(("GPE", "LOC", "FAC"), PLACE),
    **dict.fromkeys(("DATE", "TIME", "NUM", "CARDINAL", "ORDINAL", "PERCENT", "MONEY", "QUANTITY"), VALUE),
}


def word_set(words: str) -> frozenset[str]:
    """The words of a text, for lists of them."""
    return frozenset(words.split())


PREPOSITIONS = word_set(
    "of for in on at against to from with by de del di da do du des della dos van von für"
)
CONJUNCTIONS = word_set("and or et ou und oder y e i oraz &")
SMALL_WORDS = PREPOSITIONS | CONJUNCTIONS | word_set("the a an la le les el los las der die das den")
PARTICLES = word_set(
    "de del della der den des di da do dos du la le van von ten ter al el bin ibn ben san y e"
)
PATRONYMIC = word_set("ibn bin ben bint")
GENERATIONS = word_set("jr jnr sr snr i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi")
MALE_TITLES = word_set("mr sir lord king prince emperor duke count baron father brother don señor herr pope")
FEMALE_TITLES = word_set(
    "mrs ms miss lady dame queen princess empress duchess countess baroness sister doña señora frau"
)
TITLES = (
    MALE_TITLES
    | FEMALE_TITLES
    | word_set(
        "dr prof capt col lt sgt gen adm maj gov sen hon rev professor president chancellor minister premier "
        "governor senator mayor judge justice general colonel major captain lieutenant sergeant admiral marshal "
        "commander bishop archbishop cardinal reverend rabbi imam sheikh crown agent officer secretary ambassador"
    )
)
LEGAL_FORMS = word_set(
    "inc incorporated corp corporation co company ltd limited llc llp lp plc gmbh mbh ag kg kgaa ohg se sa sas "
    "sarl srl spa bv nv ab aktiebolag as asa oy oyj aps pty pte kk group holding holdings"
)
# What a body, an agreement or an event is: the head of many of their names.
HEADS = word_set(
    "academy agency alliance assembly association authority bank board bureau cabinet chamber church circuit "
    "club college commission committee commons commonwealth company confederation conference congress corporation "
    "council court department diocese federation foundation front fund government guild house institute institution "
    "league legislature ministry movement museum office orchestra order organisation organization parliament party "
    "school senate service society synod trust union university "
    "accord act agreement award championship charter code constitution convention cup declaration exhibition "
    "festival games pact plan prize programme program project protocol treaty war"
)
# A person whose name has more words is none.
MOST_NAMES = 8
# Names of a country that no other rule connects.
COUNTRIES = [
    ["United States", "United States of America", "US", "USA"],
    ["United Kingdom", "UK", "Great Britain", "Britain"],
    ["Soviet Union", "Union of Soviet Socialist Republics", "USSR"],
    ["China", "People's Republic of China", "PRC"],
    ["Russia", "Russian Federation"],
]

_WORD = re.compile(r"[^\W_]+(?:&[^\W_]+)*[+#]*|[&+#]+")
_INITIALS = re.compile(r"\b[^\W\d_](?:\.\s?[^\W\d_])+\b\.?")
_POSSESSIVE = re.compile(r"(?<=\w)\s*['’]s?\s*$")
_APOSTROPHES = re.compile(r"\s+(?=['’]s\b)|['’‘ʼ`ʾʿ]")
_ASIDE = re.compile(r"[\"“„«(\[]\s*(.*?)\s*[\"”»)\]]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_LETTERS = str.maketrans(dict(zip("łŁøØđĐðı", "lLoOdDdi"), **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}))


def without_accents(text: str) -> str:
    """The text in plain letters, where letters have a plain form; か and が stay two."""
    if text.isascii():
        return text
    parts = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.translate(_LETTERS)))
    return unicodedata.normalize("NFC", parts)


def fold(text: str) -> str:
    """The text without accents and case."""
    return without_accents(text).casefold()


@dataclass(frozen=True)
class Name:
    """A name as the rules see it.

    :param kind: One of KINDS.
    :param written: Its words, as they stand in the text.
    :param words: The words that are compared: names with equal ones are equal.
    :param core: The same without a person's titles, and without what stands in quotes or brackets.
    """

    text: str
    kind: str
    written: Words
    words: Words
    core: Words

    @property
    def gender(self) -> str | None:
        """What a person's title tells, None where it tells nothing."""
        title = fold(self.words[0]) if self.kind == PERSON and len(self.words) > 1 else ""
        return "male" if title in MALE_TITLES else "female" if title in FEMALE_TITLES else None

    @cached_property
    def parts(self) -> list[tuple[Words, bool]]:
        """Words at the beginning or the end of a person's name, and single ones, each with whether they hold
        the surname (the last word).

        None begins with an initial or with the father's name (after ibn), or ends with a particle (von, van
        der). None is all that stands before Jr. or II, which tell two persons apart.
        """
        if self.kind != PERSON or not 1 < len(self.core) <= MOST_NAMES:
            return []
        folded = tuple(map(fold, self.core))
        end = len(folded) - (folded[-1] in GENERATIONS)
        runs = {(0, stop) for stop in range(1, end)}
        runs.update((start, end) for start in range(1, end))
        runs.update((place, place + 1) for place in range(1, end))
        return [
            (self.core[start:stop], stop == end)
            for start, stop in sorted(runs)
            if len(folded[start]) > 1
            and (not start or folded[start - 1] not in PATRONYMIC)
            and folded[stop - 1] not in PARTICLES
        ]


@dataclass(frozen=True)
class Spelling:
    """Rules that make names equal.

    :param case: "ENASA" is "Enasa".
    :param accents: "Wałęsa" is "Walesa".
    :param articles: "The Killers" is "Killers".
    :param possessives: "Oslo's" is "Oslo".
    :param titles: "Sir Victor Brooke" is "Victor Brooke".
    """

    case: bool
    accents: bool
    articles: bool
    possessives: bool
    titles: bool

    def name(self, text: str, kind: str = OTHER) -> Name:
        """The name of an entity of that kind."""
        written = self._written(text)
        words = self._compared(written)
        core = words
        if kind == PERSON and self.titles:
            rest = _ASIDE.sub(" ", text)
            core = self._compared(self._written(rest)) if _WORD.search(rest) else words
            while len(core) > 1 and fold(core[0]) in TITLES:
                core = core[1:]
        return Name(text, kind, written, words, core)

    def _written(self, text: str) -> Words:
        text = unicodedata.normalize("NFKC", text)
        if self.possessives:
            text = _POSSESSIVE.sub("", text)
        text = _INITIALS.sub(lambda found: re.sub(r"[.\s]", "", found.group()) + " ", text)
        return tuple(_WORD.findall(_APOSTROPHES.sub("", text))) or (text,)

    def _compared(self, words: Words) -> Words:
        if self.articles and len(words) > 1 and words[0].casefold() == "the":
            words = words[1:]
        if self.accents:
            words = tuple(map(without_accents, words))
        return tuple(map(str.casefold, words)) if self.case else words


def _core(name: Name) -> Hashable | None:
    return name.core


class ShortForms(NamedTuple):
    """A rule that finds the long form of a short one.

    :param offers: The short forms that a name has.
    :param asks: What a name would be as a short form, None where it is none.
    :param rivals: Short forms that a name has by another rule; they make a short form ambiguous.
    :param after: Whether the short form has to come after the long one in the text.
    """

    offers: Callable[[Name], Iterator[Hashable]]
    asks: Callable[[Name], Hashable | None] = _core
    rivals: Callable[[Name], Iterator[Hashable]] = lambda name: iter(())
    after: bool = False


def _without_ending(words: Words, endings: frozenset[str]) -> Iterator[Words]:
    """What is left without the last ending, the last two ...; no small word stays behind at the end."""
    while len(words) > 1 and fold(words[-1]) in endings:
        words = words[:-1]
        while len(words) > 1 and fold(words[-1]) in SMALL_WORDS:
            words = words[:-1]
        yield words


def _legal_forms(name: Name) -> Iterator[Words]:
    if name.kind in (ORGANISATION, OTHER):
        yield from _without_ending(name.words, LEGAL_FORMS)


def _heads(name: Name) -> Iterator[Words]:
    """The last word, if it says what the whole is: not that of "Clause of the Constitution"."""
    if name.kind in (ORGANISATION, OTHER) and len(name.words) > 1:
        words = tuple(map(fold, name.words))
        if words[-1] in HEADS and PREPOSITIONS.isdisjoint(words):
            yield name.words[-1:]


def _acronym(name: Name) -> str | None:
    """A single word in capitals, its plural s aside."""
    word = name.written[-1]
    word = word[:-1] if word.endswith("s") else word
    fits = len(name.words) == 1 and len(word) > 1 and word.isalpha() and word.isupper()
    return fold(word) if fits and name.kind not in (PERSON, VALUE) else None


def _first_letters(name: Name) -> Iterator[str]:
    """Those of all words, or of all but the small ones; with or without the legal form and the article."""
    if name.kind in (PERSON, VALUE):
        return
    written = tuple(map(fold, name.written))
    for words in (written, written[-len(name.words) :], *_without_ending(written, LEGAL_FORMS)):
        for kept in (words, [word for word in words if word not in SMALL_WORDS]):
            if len(kept) > 1:
                yield "".join(word[0] for word in kept)


def _initials(name: Name) -> Iterator[Words]:
    """Shorter given names: initials for some or all of them, or no middle names."""
    if name.kind == PERSON and len(name.core) > 1:
        first, *middle, last = name.core
        yield (first[0], last)
        if middle:
            letters = "".join(word[0] for word in middle)
            yield (first[0] + letters, last)
            yield (first, letters, last)
            yield (first, last)


def _surnames(name: Name) -> Iterator[Words]:
    return (part for part, final in name.parts if final)


def _given_names(name: Name) -> Iterator[Words]:
    return (part for part, final in name.parts if not final)


# By the name of the rule, the surest first: that is the order in which they are applied.
SHORT_FORMS: dict[str, ShortForms] = {
    "legal_forms": ShortForms(_legal_forms),
    "acronyms": ShortForms(_first_letters, asks=_acronym),
    "initials": ShortForms(_initials),
    "surnames": ShortForms(_surnames, rivals=_given_names),
    "given_names": ShortForms(_given_names, rivals=_surnames, after=True),
    "heads": ShortForms(_heads, after=True),
}
