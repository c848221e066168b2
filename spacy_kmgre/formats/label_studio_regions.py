"""Where the regions of a Label Studio task are in its text.

The text may be in any field of a task's data, plain, HTML or a dialogue of several turns. Offsets are what a browser
counts: UTF-16 code units, with a line end of two characters as one; other tools count characters. What a region's words
are, where it says so, tells them apart.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from itertools import accumulate
from typing import Any, NamedTuple

from ..errors import Errors
from .models import LIST, Model, Text, Title
from .offsets import Offsets, is_whole, squeeze

# Fields of a task's data that are not its text, although they may be strings.
NO_TEXT = ("title", "id", "meta_info")
# The front end writes line ends and tabs within a region's words with a backslash.
ESCAPED = re.compile(r"\\[nrt]")
TURN_END = "\n"


class Span(Model):
    """A stretch of characters, or of what else a region counts."""

    start: int
    end: int


class Value(Model):
    """A place in a text. `start` and `end` are characters, or name turns of a dialogue or elements of HTML, which
    `startOffset` and `endOffset` count within."""

    start: int | Text
    end: int | Text
    startOffset: int | None = None
    endOffset: int | None = None
    globalOffsets: Span | None = None
    text: Text | None = None
    labels: list[Text] = LIST
    hypertextlabels: list[Text] = LIST
    paragraphlabels: list[Text] = LIST

    @property
    def all_labels(self) -> list[str]:
        return [*self.labels, *self.hypertextlabels, *self.paragraphlabels]

    @property
    def in_html(self) -> bool:
        """Whether it is a place in what a browser shows of HTML: it has such a label, or names elements."""
        return bool(self.hypertextlabels) or str(self.start).startswith("/")


class Region(Model):
    """A region of text with its labels."""

    id: Title
    to_name: Title = ""
    value: Value


class TaskText(NamedTuple):
    """The text of a task.

    :param turns: Where each turn of a dialogue begins.
    :param shown: Whether it is what a browser shows of HTML.
    """

    text: str
    turns: tuple[int, ...] = ()
    shown: bool = False

    def offsets(self, value: Value) -> Offsets | None:
        """What a region gives as its offsets in the whole text; None where it gives none."""
        if value.globalOffsets is not None:
            return value.globalOffsets.start, value.globalOffsets.end
        inner = (value.startOffset, value.endOffset)
        if self.turns and None not in inner:
            starts = [self._turn(name) for name in (value.start, value.end)]
            found = [
                start + offset
                for start, offset in zip(starts, inner)
                if start is not None and offset is not None
            ]
        elif isinstance(value.start, int) and isinstance(value.end, int):
            found = [value.start, value.end]
        else:
            found = [offset for offset in inner if offset is not None]
        return (found[0], found[1]) if len(found) == 2 else None

    def _turn(self, name: int | str) -> int | None:
        number = int(name) if str(name).isdecimal() else -1
        return self.turns[number] if 0 <= number < len(self.turns) else None

    def fits(self, value: Value) -> bool:
        """Whether a region's words are at its offsets."""
        offsets = self.offsets(value)
        return offsets is not None and same_words(
            self.text[max(0, offsets[0]) : offsets[1]], value.text or ""
        )

    def holds(self, value: Value) -> bool:
        """Whether a region's words are in the text, where it says them."""
        return value.text is None or squeeze(_unescaped(value.text)) in squeeze(self.text)


def find_text(
    where: str, data: Mapping[str, Any], regions: Sequence[Value], field: str, seen: str
) -> tuple[str, TaskText]:
    """The field with the text, and the text: the field that the options name, else `text`, else the only string, else
    the only one that holds the words of all regions, else the field of the tasks before.

    :param field: The field that the options name, or "".
    :param seen: The field that the tasks before have their text in, or "".
    :raises ValueError: Where there is no such field, or none can be chosen.
    """
    found = {
        name: list(_texts(value)) for name, value in data.items() if name not in NO_TEXT or name == field
    }
    texts = {name: forms for name, forms in found.items() if forms}
    if field:
        names = [field] if field in texts else []
    elif "text" in data:
        names = ["text"] if "text" in texts else []
    else:
        names = list(texts)
    if len(names) > 1 and regions:
        fitting = [name for name in names if any(_holds_all(form, regions) for form in texts[name])]
        names = fitting if len(fitting) < 2 or seen not in fitting else [seen]
    if len(names) > 1 and seen in names:
        names = [seen]
    if len(names) != 1:
        raise ValueError(Errors.E135.format(where=where, known=", ".join(data) or "none"))
    forms = texts[names[0]]
    html = any(region.in_html for region in regions)  # such regions may come without their words
    return names[0], max(forms, key=lambda form: (sum(map(form.fits, regions)), form.shown and html))


def choose_text(data: Mapping[str, Any], texts: Mapping[str, Sequence[Value]], field: str) -> str:
    """Which of a task's texts is read, by the name that its regions have for it: one whose regions are in the field
    that the options name, else the one with most regions.

    :param texts: The regions of each text.
    :param field: The field that the options name, or "".
    """

    def rank(name: str) -> tuple[bool, int]:
        forms = _texts(data.get(field))
        return any(_holds_all(form, texts[name]) for form in forms), len(texts[name])

    return max(texts, key=rank, default="")


def _holds_all(text: TaskText, regions: Iterable[Value]) -> bool:
    return all(text.holds(value) for value in regions)


def _texts(value: Any) -> Iterator[TaskText]:
    """The texts that a field may stand for: itself, or what a browser shows of it as HTML, or a dialogue's turns."""
    if isinstance(value, str):
        yield TaskText(value)
        if "<" in value:
            yield TaskText(_Shown.of(value), shown=True)
    elif isinstance(value, list) and value:
        turns = [turn.get("text") if isinstance(turn, dict) else None for turn in value]
        texts = [turn for turn in turns if isinstance(turn, str)]
        if len(texts) == len(turns):
            starts = accumulate((len(text) + len(TURN_END) for text in texts[:-1]), initial=0)
            yield TaskText(TURN_END.join(texts), tuple(starts))


class _Shown(HTMLParser):
    """Collects the text of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, _attributes: Any) -> None:
        if tag == "br":
            self.parts.append("\n")

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        parser.feed(html)
        parser.close()
        return "".join(parser.parts)


class Readings:
    """Turns the offsets of the regions of one text into characters.

    :ivar maps: For each way to count, the characters by their offsets.
    """

    def __init__(self, text: str, regions: Iterable[tuple[Offsets, str | None]]):
        """:param regions: The offsets of all regions, and their words where they say them."""
        self.text = text
        wide, two = any(character > "\uffff" for character in text), "\r\n" in text
        ways = [(wide_too, two_too) for two_too in {False, two} for wide_too in {False, wide}]
        self.maps = [self._map(*way) for way in sorted(ways)]
        regions = list(regions)
        proven = Counter(self._proven(offsets, words) for offsets, words in regions if words is not None)
        whole = Counter(way for offsets, words in regions if words is None for way in self._whole(offsets))
        self.order = sorted(range(len(self.maps)), key=lambda way: (-proven[way], -whole[way]))

    def _map(self, wide: bool, two: bool) -> dict[int, int] | None:
        """The characters by their offsets, where some count twice or not at all; None where each counts once."""
        if not wide and not two:
            return None
        starts = accumulate(
            (
                0
                if two and self.text.startswith("\r\n", place)
                else 2
                if wide and character > "\uffff"
                else 1
                for place, character in enumerate(self.text)
            ),
            initial=0,
        )
        return {start: place for place, start in enumerate(starts)}

    def _read(self, way: int, offsets: Offsets) -> Offsets | None:
        places = self.maps[way]
        start, end = offsets if places is None else (places.get(offset, -1) for offset in offsets)
        return (start, end) if 0 <= start < end <= len(self.text) else None

    def _proven(self, offsets: Offsets, words: str | None) -> int | None:
        """The first way to count in which the words are there."""
        for way in range(len(self.maps)):
            found = self._read(way, offsets)
            if found and words is not None and same_words(self.text[slice(*found)], words):
                return way
        return None

    def _whole(self, offsets: Offsets) -> list[int]:
        """The ways to count in which no word is cut."""
        found = ((way, self._read(way, offsets)) for way in range(len(self.maps)))
        return [way for way, place in found if place and is_whole(self.text, *place)]

    def characters(self, offsets: Offsets, words: str | None) -> Offsets:
        """The offsets in characters: where the words are; without words, where no word is cut, or as those of the other
        regions count; else as they are."""
        way = self._proven(offsets, words)
        if way is None and words is None:
            whole = self._whole(offsets)
            way = next((way for way in self.order if way in whole), self.order[0])
        return offsets if way is None else self._read(way, offsets) or offsets


def same_words(found: str, words: str) -> bool:
    """Whether a region's words are those of the text, white space aside."""
    return squeeze(found) in (squeeze(words), squeeze(_unescaped(words)))


def _unescaped(words: str) -> str:
    return ESCAPED.sub(" ", words)
