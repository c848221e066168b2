"""Splits work by words: documents are of very different lengths, and a long one must not hold others back."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

# The bytes of a word and the space after it: about 6 in English; in Chinese, a word of two characters.
WORD_BYTES = 6


class Worded(Protocol):
    """What has a number of words."""

    @property
    def words(self) -> int: ...


Some = TypeVar("Some", bound=Worded)


def estimate_words(text: str | bytes) -> int:
    """The number of words of a text, by the bytes that it has in UTF-8, whatever its language.

    :returns: At least 1.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf8", "replace"))
    return size // WORD_BYTES + 1


def split_by_words(
    items: Iterable[Some], most_words: int, most_items: int | None = None
) -> Iterator[list[Some]]:
    """Split items into groups, in order. Where a group ends depends on nothing before its beginning.

    :param most_words: The largest number of words of a group. An item that has more is a group of its own.
    :param most_items: The largest number of its items, None for any.
    """
    group: list[Some] = []
    words = 0
    for item in items:
        if group and (words + item.words > most_words or len(group) == most_items):
            yield group
            group, words = [], 0
        group.append(item)
        words += item.words
    if group:
        yield group
