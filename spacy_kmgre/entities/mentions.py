"""Corrections of the spans of a small recogniser of named entities, which are trimmed, split, completed and
left out."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spacy.tokens import Doc, Span, Token

from .languages import Language, word_set
from .names import (
    CONJUNCTIONS,
    GENERATIONS,
    PERSON,
    PLACE,
    PREPOSITIONS,
    VALUE,
    Name,
    NameRules,
    Words,
    fold,
)
from .short_forms import is_legal_form
from .stated_aliases import LONGEST_DEFINITION, defined_terms

_POSSESSIVES = ("'s", "’s", "'", "’")
_JOINING = ("-", "–", "/")
_QUOTES = word_set("\" “ ” „ « » ` `` '' ‘")
_NEVER_FIRST = _QUOTES | word_set(", ; : ) ] / - – —")
_NEVER_LAST = _QUOTES | PREPOSITIONS | CONJUNCTIONS | word_set(", ; : ( [ / - – — the a an")
_BULLETS = word_set("- – — • * · > # |")
_SAINTS = word_set("st saint")
_YEAR = re.compile(r"\d{4}s?")
_DAY = re.compile(r"[12]?\d|3[01]")
_UNITS = word_set("km m cm mm mi ft kg ha mph hp km² m² MW GW kW GB MB GHz MHz nm")
# Types of OntoNotes, CoNLL-2003 and WikiNER that a small recogniser gives to places, and what these are.
_NO_PLACES, _PLACE = ("PERSON", "PER", "ORG"), "LOC"
_MOST_WORDS = 12  # Longer names are not looked for elsewhere.


@dataclass(frozen=True)
class MentionRules:
    """The rules that make mentions of a recogniser's spans. The comment on each shows what it does."""

    trim_articles: bool = (
        True  # "the Royal Navy" gives "Royal Navy"; "The Killers" within a sentence stays whole.
    )
    trim_possessives: bool = True  # "Oslo's" gives "Oslo".
    trim_edges: bool = True  # "( Oslo and" gives "Oslo": quotes, brackets, small words and line breaks go.
    whole_names: bool = (
        True  # "Acme" and "LLC" in "Acme, LLC" are one mention; a line of a list or a header ends one.
    )
    trim_amounts: bool = True  # "more than 3,000" gives "3,000"; "the late 1990s" gives "1990s".
    whole_values: bool = True  # Of "16 October 1891" and "15 km", "October 1891" and "15" are no mentions.
    periods: bool = True  # "1971 to 1997" gives two mentions.
    vague: bool = True  # "today", "the summer" and "one" are no mentions.
    # A name that was found once is a mention wherever it stands, and so is a person's surname.
    repeats: bool = True
    # All mentions of a name get its most frequent type, surnames the person's, and defined terms their name's.
    one_type: bool = True
    titles_before: bool = True  # "Whitfield" in "Mr. Whitfield" is a man.


class MentionFinder:
    """Mentions of a Doc, made of the spans that a recogniser has found.

    :param rules: What is done to them.
    :param kinds: The kinds of names that labels stand for.
    :param language: The language of the Doc.
    """

    def __init__(self, rules: MentionRules, kinds: Mapping[str, str], language: Language) -> None:
        self._rules = rules
        self._kinds = kinds
        self._language = language

    def find(self, doc: Doc, spans: Sequence[Span]) -> list[Span]:
        """Find the mentions, in text order."""
        found = [mention for span in self._whole_names(spans) for mention in self._mentions(span)]
        if self._rules.whole_values:
            found = self._without_parts_of_values(found)
        if self._rules.repeats:
            found += self._repeats(doc, found)
        return sorted(found, key=lambda span: (span.start, span.end))

    def _is_value(self, span: Span) -> bool:
        return self._kinds.get(span.label_) == VALUE

    def _mentions(self, span: Span) -> Iterator[Span]:
        """Yield the mentions in a span: mostly one, but two in a period and none in a vague value."""
        if not self._is_value(span):
            yield self._trimmed(span)
            return
        for part in self._parts(span) if self._rules.periods else [span]:
            trimmed = self._trimmed(part)
            if not self._rules.vague or self._is_definite(trimmed):
                yield trimmed

    def _trimmed(self, span: Span) -> Span:
        """Return the longest part of the span that no rule trims, which is at least a token."""
        start, end = span.start, span.end
        tokens = span.doc
        while True:
            before = start, end
            if end - start > 1 and self._rules.trim_articles and self._is_article(tokens[start], span.label_):
                start += 1
            if end - start > 1 and self._rules.trim_possessives and self._has_possessive(span):
                end -= tokens[end - 1].text in _POSSESSIVES
            if self._rules.trim_edges:
                start, end = self._without_edges(tokens, start, end)
            if self._rules.trim_amounts and self._is_value(span):
                start += self._words_before(tokens[start:end])
                if end - start > 1 and tokens[end - 2].text not in _JOINING:  # "67-year-old" stays.
                    end -= tokens[end - 1].lower_ in self._language.after_amounts
            if before == (start, end):
                break
        if self._rules.whole_values and self._is_value(span):
            start, end = self._completed(tokens, start, end)
        return _part(span, start, end)

    def _completed(self, doc: Doc, start: int, end: int) -> tuple[int, int]:
        """The place of a date with its day, of a number with its unit."""
        if start and doc[start].lower_ in self._language.months and _DAY.fullmatch(doc[start - 1].text):
            return start - 1, end
        after = end
        while after < len(doc) - 1 and doc[after].is_space:
            after += 1
        number = doc[end - 1].like_num and after < len(doc) and doc[after].text in _UNITS
        return start, after + 1 if number else end

    def _without_parts_of_values(self, mentions: Sequence[Span]) -> list[Span]:
        """The mentions that lie in no longer value."""
        longer = [span for span in mentions if len(span) > 1 and self._is_value(span)]
        inside = {token: span for span in longer for token in range(span.start, span.end)}
        return [
            span
            for span in mentions
            if (found := inside.get(span.start)) is None
            or len(found) <= len(span)
            or not self._is_value(span)
        ]

    def _without_edges(self, doc: Doc, start: int, end: int) -> tuple[int, int]:
        """The place without what is no part of a name at its ends."""
        if end - start > 1 and (doc[end - 1].is_space or doc[end - 1].text in _NEVER_LAST):
            return start, end - 1
        if end - start > 1 and (doc[start].is_space or doc[start].text in _NEVER_FIRST):
            return start + 1, end
        return start, end

    def _has_possessive(self, span: Span) -> bool:
        """Return whether "'s" at the end is a possessive. It is a part of "St. John's"."""
        saint = span[0].lower_.rstrip(".") in _SAINTS and self._kinds.get(span.label_) != PERSON
        return self._language.possessive and not saint

    def _whole_names(self, spans: Sequence[Span]) -> list[Span]:
        """The spans, in which a company has its legal form, and none goes from one line of a list or a header into
        the next."""
        if not self._rules.whole_names:
            return list(spans)
        found: list[Span] = []
        for span in map(_first_line, spans):
            last = found[-1] if found else None
            if last is not None and _is_form_of(span, last, self._kinds):
                found[-1] = Span(span.doc, last.start, span.end, label="ORG", kb_id=last.kb_id)
            else:
                found.append(span)
        return found

    def _is_article(self, token: Token, label: str) -> bool:
        """Return whether a token is an article that is no part of the name: it is in small letters, or begins
        a sentence. "De" is a part of a person's name."""
        word = token.lower_.replace("’", "'")
        if self._kinds.get(label) == PERSON and (word in PREPOSITIONS or word == "d'"):
            return False
        return word in self._language.determiners and (token.is_lower or bool(token.is_sent_start))

    def _words_before(self, span: Span) -> int:
        """Return the number of tokens before a date or a number that are no part of it."""
        words = [token.lower_ for token in span]
        for phrase in self._language.before_amounts:
            parts = phrase.split(" ")
            if len(parts) < len(words) and words[: len(parts)] == parts:
                return len(parts)
        return 0

    def _parts(self, span: Span) -> list[Span]:
        """Return the two ends of a period, or else the span."""
        for token in span[1:-1]:
            if token.lower_ in self._language.between_dates:
                ends = _part(span, span.start, token.i), _part(span, token.i + 1, span.end)
                if all(map(self._is_date, ends)):
                    return list(ends)
        return [span]

    def _is_date(self, span: Span) -> bool:
        """Return whether a span holds a year, or ends with a month or a day of the week."""
        months = all(token.lower_ in self._language.months for token in span[-1:])
        return months or any(_YEAR.fullmatch(token.text) for token in span)

    def _is_definite(self, span: Span) -> bool:
        """Return whether a value says which one it is: by a digit, a number word or a proper name."""
        if len(span) == 1 and span[0].lower_ in self._language.no_amounts:
            return False
        return any(
            token.like_num
            or any(map(str.isdigit, token.text))
            or token.lower_ in self._language.months
            or (not token.is_lower and token.is_alpha and not token.is_sent_start)
            for token in span
        )

    def _repeats(self, doc: Doc, mentions: Sequence[Span]) -> Iterator[Span]:
        """Yield names that stand elsewhere too, alone and outside of all mentions."""
        taken = {token for span in mentions for token in range(span.start, span.end)}
        names: dict[tuple[str, ...], Span] = {}
        for span in mentions:
            words = tuple(token.text for token in span)
            fits = words[0][0].isupper() and len(span.text) > 1 and len(words) <= _MOST_WORDS
            if fits and not self._is_value(span):
                names.setdefault(words, span)
                if self._kinds.get(span.label_) == PERSON and _ends_with_surname(words):
                    names.setdefault(words[-1:], span)
        by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for words in sorted(names, key=len, reverse=True):
            by_first[words[0]].append(words)
        for token in doc:
            for words in by_first.get(token.text, ()):
                if token.pos_ not in ("", "PROPN") and len(words) == 1:
                    continue
                start, end = token.i, token.i + len(words)
                if taken.isdisjoint(range(start, end)) and self._stands_alone(doc, start, words):
                    taken.update(range(start, end))
                    yield Span(doc, start, end, label=names[words].label)
                    break

    def _stands_alone(self, doc: Doc, start: int, words: tuple[str, ...]) -> bool:
        """Return whether these words stand at a place and are no part of a longer name there."""
        end = start + len(words)
        if tuple(token.text for token in doc[start:end]) != words:
            return False
        before, after = doc[start - 1] if start else None, doc[end] if end < len(doc) else None
        joined = before is not None and before.text in _JOINING
        if joined or (before is not None and _is_capital(before) and not before.is_sent_start):
            return False
        return after is None or not (after.text in _JOINING or _is_capital(after))


def vote(names: Sequence[tuple[Name, str, str]], kinds: Mapping[str, str]) -> list[str]:
    """Give all mentions of a name one type: the one that most of them have, the first of several such types.
    "Foots Creek" is a place whatever a recogniser says. A single word that is the surname of a person, and is
    called neither a place nor a value, has the person's type.

    :param names: The name of each mention, its identifier and its type.
    :param kinds: The kinds of names that types stand for.
    :returns: The type of each mention.
    """
    votes: dict[tuple[Words, str], Counter[str]] = defaultdict(Counter)
    for name, identity, label in names:
        if label in _NO_PLACES and len(name.words) > 1 and name.words[-1] in name.language.places:
            label = _PLACE
        votes[name.words, identity][label] += 1
    types = {key: counted.most_common(1)[0][0] for key, counted in votes.items()}
    surnames: dict[Words, str] = {
        part: label
        for name, identity, _ in names
        if kinds.get(label := types[name.words, identity]) == PERSON
        for part, has_surname in name.parts
        if has_surname and len(part) == 1
    }
    found = []
    for name, identity, _ in names:
        label = types[name.words, identity]
        if not identity and kinds.get(label) not in (PERSON, PLACE, VALUE):
            label = surnames.get(name.words, label)
        found.append(label)
    return found


def defined_types(doc: Doc, names: Sequence[tuple[Span, Name, str]], rules: NameRules) -> list[str]:
    """The types of mentions, in which terms have the type of the name that a bracket defines them for: 'Calder & Finch
    LLP (the "Contractor")'.

    :param names: The mentions, their names and the types that they had.
    """
    types: dict[Words, str] = {}
    for span, name, label in names:
        following = [token.text for token in doc[span.end : span.end + LONGEST_DEFINITION]]
        for term in defined_terms(name.text, name.kind, following):
            types.setdefault(rules.name(term, name.kind, name.language).words, label)
    return [label if name.kind == VALUE else types.get(name.words, label) for _, name, label in names]


def title_before(span: Span, language: Language) -> str:
    """Return the titles that stand right before a mention, such as "Mr.", or "" where there are none."""
    start = span.start
    while start and _is_title(span.doc[start - 1], language):
        start -= 1
    return str(span.doc[start : span.start].text)


def _is_title(token: Token, language: Language) -> bool:
    word = fold(token.text.rstrip("."))
    return word in language.titles and (language.lower_titles or token.text[0].isupper())


def _is_capital(token: Token) -> bool:
    return bool(token.text[0].isupper())


def _ends_with_surname(words: tuple[str, ...]) -> bool:
    """Return whether the last word of a person's name is a surname, and neither "Jr." nor a place as in "Eugene of
    Savoy"."""
    last = words[-1]
    return (
        len(words) > 1 and len(last) > 2 and words[-2] != "of" and fold(last.rstrip(".")) not in GENERATIONS
    )


def _first_line(span: Span) -> Span:
    """Return the span up to a line break where a new item begins there: after a blank line, before a bullet or before
    a word with a colon, as in a header. Text that is broken into lines has names over two lines."""
    doc = span.doc
    for token in span[1:]:
        if token.is_space and "\n" in token.text:
            rest = doc[token.i + 1 : span.end]
            header = span.end < len(doc) and doc[span.end].text == ":"
            bullet = len(rest) and rest[0].text in _BULLETS
            if token.text.count("\n") > 1 or header or bullet or any(part.text == ":" for part in rest):
                return _part(span, span.start, token.i)
    return span


def _is_form_of(span: Span, name: Span, kinds: Mapping[str, str]) -> bool:
    """Return whether a span is the legal form of the name right before it, perhaps after a comma."""
    between = span.doc[name.end : span.start].text if span.start >= name.end else "-"
    joined = between in ("", ",") and kinds.get(name.label_) != VALUE
    return joined and all(is_legal_form(token.text) for token in span) and not is_legal_form(name.text)


def _part(span: Span, start: int, end: int) -> Span:
    """Return the part of a span between two tokens, with the span's label and identifiers."""
    if (start, end) == (span.start, span.end):
        return span
    return Span(span.doc, start, end, label=span.label, kb_id=span.kb_id, span_id=span.ent_id)
