"""Names as strings: which words of a name are compared, and which parts a person's name has."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from .languages import ENGLISH, Language, word_set

Words = tuple[str, ...]

PERSON, ORGANISATION, PLACE, VALUE, OTHER = KINDS = ("person", "organisation", "place", "value", "other")

# The labels of OntoNotes, CoNLL-2003 and DocRED, and those that models with free labels are mostly asked for; a label
# that is missing here is of the kind "other".
LABEL_KINDS: dict[str, str] = {
    **dict.fromkeys(("PERSON", "PER", "person"), PERSON),
    **dict.fromkeys(("ORG", "organization", "organisation", "company"), ORGANISATION),
    **dict.fromkeys(("GPE", "LOC", "FAC", "location", "place", "city", "country"), PLACE),
    "date": VALUE,
    **dict.fromkeys(("DATE", "TIME", "NUM", "CARDINAL", "ORDINAL", "PERCENT", "MONEY", "QUANTITY"), VALUE),
}


PREPOSITIONS = word_set(
    "of for in on at against to from with by de del di da do du des della dos van von für"
)
CONJUNCTIONS = word_set("and or et ou und oder y e i oraz &")
SMALL_WORDS = PREPOSITIONS | CONJUNCTIONS | word_set("the a an la le les el los las der die das den")
_NO_SURNAME_AFTER = word_set("ibn bin ben bint of")
GENERATIONS = word_set("jr jnr sr snr i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi")
# A longer name is hardly a person's, so it has no parts.
_MOST_WORDS = 8

_WORD = re.compile(r"[^\W_]+(?:&[^\W_]+)*[+#]*|[&+#]+")
_INITIALS = re.compile(r"\b[^\W\d_](?:\.\s?[^\W\d_])+\b\.?")
_POSSESSIVE = re.compile(r"(?<=\w)\s*['’]s?\s*$")
_APOSTROPHES = re.compile(r"\s+(?=['’]s\b)|['’‘ʼ`ʾʿ]")
_NO_LETTERS = re.compile(r"[.\s]")
_NICKNAME = re.compile(r"(?<=\w )[\"“„«]\s*([^\"“”„«»]*?)\s*[\"”»](?= \w)")
_ASIDE = re.compile(r"[\"“„«(\[]\s*(.*?)\s*[\"”»)\]]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_LETTERS = str.maketrans(dict(zip("łŁøØđĐðı", "lLoOdDdi"), æ="ae", Æ="AE", œ="oe", Œ="OE"))


def without_accents(text: str) -> str:
    """Write a text in plain letters, where letters have a plain form. か and が stay different."""
    if text.isascii():
        return text
    parts = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.translate(_LETTERS)))
    return unicodedata.normalize("NFC", parts)


def fold(text: str) -> str:
    """Return the text without accents and case."""
    return without_accents(text).casefold()


@dataclass(frozen=True)
class Name:
    """A name as the rules see it.

    :param text: The name as it stands in the text.
    :param kind: One of KINDS.
    :param written: The words of the text.
    :param words: The words that are compared: names with the same words are equal.
    :param core: The words without a person's titles and without asides in quotes or brackets.
    :param gender: "male" or "female" where a person's title tells it, else None.
    :param language: The language of the text.
    :param nickname: The words in quotes within a person's name.
    """

    text: str
    kind: str
    written: Words
    words: Words
    core: Words
    gender: str | None = None
    language: Language = ENGLISH
    nickname: Words = ()

    @cached_property
    def letters(self) -> Words:
        """The core, in which each initial is a word: "J. M. Okonkwo" has three words here."""
        joined = {fold(_NO_LETTERS.sub("", found)) for found in _INITIALS.findall(self.text)}
        words = (tuple(word) if fold(word) in joined else (word,) for word in self.core)
        return tuple(part for word in words for part in word)

    @cached_property
    def parts(self) -> list[tuple[Words, bool]]:
        """The parts of a person's name, each with whether it ends with the last word, the surname.

        A part is a beginning, an end or a word of the name. It begins neither with an initial nor with the
        father's name (after "ibn") nor with a place (after "of"). "Jr." or "II" belongs to no part, and the rest of
        such a name is no part either: it is the name of another person. A nickname stands for the given names.
        "Martin & Sons" has no parts.
        """
        if self.kind != PERSON or not 1 < len(self.core) <= _MOST_WORDS or "&" in self.core:
            return []
        folded = tuple(map(fold, self.core))
        end = len(folded) - (folded[-1] in GENERATIONS)
        runs = {(0, stop) for stop in range(1, end)}
        runs.update((start, stop) for start in range(1, end) for stop in (start + 1, end))
        parts = [
            (self.core[start:stop], stop == end)
            for start, stop in sorted(runs)
            if len(folded[start]) > 1 and (not start or folded[start - 1] not in _NO_SURNAME_AFTER)
        ]
        if self.nickname:
            parts += [(self.nickname, False), ((*self.nickname, self.core[end - 1]), True)]
        return parts


@dataclass(frozen=True)
class NameRules:
    """The rules that make two names one entity. The comment on each shows what it does."""

    case: bool = True  # "ENASA" is "Enasa".
    accents: bool = True  # "Wałęsa" is "Walesa".
    articles: bool = True  # "The Killers" is "Killers".
    possessives: bool = True  # "Oslo's" is "Oslo".
    titles: bool = True  # "Sir Victor Brooke" is "Victor Brooke"; "Mr Brooke" never is "Mrs Brooke".
    countries: bool = True  # "USA" is "United States"; a few other countries have such rows.
    stated_aliases: bool = True  # The text says so: "General Lavalle (also known as Ajó)".
    legal_forms: bool = True  # "Atari" is "Atari, Inc.".
    acronyms: bool = True  # "IOC" is "International Olympic Committee".
    initials: bool = True  # "W. Armstrong" and "William Armstrong" are "William Hepburn Armstrong".
    surnames: bool = True  # "Ruli" is "Genc Ruli".
    given_names: bool = True  # "Genc" is "Genc Ruli", where the longer name comes first.
    heads: bool = True  # "the Fund" is "Rockefeller Brothers Fund", where the longer name comes first.

    def name(self, text: str, kind: str = OTHER, language: Language = ENGLISH) -> Name:
        """Make the name in a text, for an entity of this kind."""
        written = self._written(text, language)
        words = self._compared(written, language)
        core, gender = words, None
        nickname: Words = ()
        if kind == PERSON:
            gender = _gender(words, language)
            if self.titles:
                rest = _ASIDE.sub(" ", text)
                core = (
                    self._compared(self._written(rest, language), language) if _WORD.search(rest) else words
                )
                core = core[count_titles(core, language) :]
                if found := _NICKNAME.search(text):
                    nickname = self._compared(self._written(found[1], language), language)
        return Name(text, kind, written, words, core, gender, language, nickname)

    def _written(self, text: str, language: Language) -> Words:
        text = unicodedata.normalize("NFKC", text)
        if self.possessives and language.possessive:
            text = _POSSESSIVE.sub("", text)
        if self.articles:
            text = _without_elided(text, language)
        text = _INITIALS.sub(lambda found: _NO_LETTERS.sub("", found.group()) + " ", text)
        return tuple(_WORD.findall(_APOSTROPHES.sub("", text))) or (text,)

    def _compared(self, words: Words, language: Language) -> Words:
        if self.articles and len(words) > 1 and words[0].casefold() in language.articles:
            words = words[1:]
        if self.accents:
            words = tuple(map(without_accents, words))
        return tuple(map(str.casefold, words)) if self.case else words


def count_titles(words: Words, language: Language) -> int:
    """Count the words at the beginning of a person's name that are titles. The last word never is one."""
    folded = tuple(map(fold, words))
    count = 0
    while True:
        end = count
        while end < len(folded) - 2 and folded[end] in language.before_titles:
            end += 1
        if end >= len(folded) - 1 or folded[end] not in language.titles:
            return count
        count = end + 1
        if folded[end] == "secretary" and folded[count] == "of" and len(folded) > count + 2:
            count += 2  # This is as in "Secretary of State Ann Lee".


def _gender(words: Words, language: Language) -> str | None:
    """Return the gender that the titles of a person's name tell."""
    for word in map(fold, words[: count_titles(words, language)]):
        if word in language.male or word in language.female:
            return "male" if word in language.male else "female"
    return None


def _without_elided(text: str, language: Language) -> str:
    """Return the text without an article that is written as one word with it."""
    for article in language.elided:
        beginning = text[: len(article)].casefold().replace("’", "'")
        if beginning == article and _WORD.search(text, len(article)):
            return text[len(article) :]
    return text
