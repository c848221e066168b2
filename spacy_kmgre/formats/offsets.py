"""Offsets in a text, which programs count in different ways."""

Offsets = tuple[int, int]

# Soft hyphen, zero-width space, byte order mark.
INVISIBLE = dict.fromkeys((0xAD, 0x200B, 0xFEFF))
# How a text is counted, and the bytes that count as one: code units, as Java, JavaScript and C# do, or bytes.
UNITS = (("utf-16-le", 2), ("utf8", 1))


def squeeze(text: str) -> str:
    """Remove white space and invisible characters, to compare texts that may differ in nothing else."""
    return "".join(text.translate(INVISIBLE).split())


def counted_otherwise(text: str, start: int, end: int, expected: str) -> Offsets | None:
    """The characters that offsets stand for where they count UTF-16 code units or bytes, line ends of two characters as
    one, or leave out a byte order mark.

    :param expected: The words that are there, white space aside.
    :returns: None where the words are not there, however offsets are counted.
    """
    if not 0 <= start < end:
        return None
    wanted = squeeze(expected)
    for unit, size in UNITS if not text.isascii() else ():
        data = text.encode(unit)
        try:
            before, words = (data[size * a : size * b].decode(unit) for a, b in ((0, start), (start, end)))
        except UnicodeDecodeError:
            continue
        if squeeze(words) == wanted:
            return len(before), len(before) + len(words)
    short = text.replace("\r\n", "\n")
    if (
        len(short) < len(text)
        and "\n" not in text.replace("\r\n", "")
        and squeeze(short[start:end]) == wanted
    ):
        return start + short.count("\n", 0, start), end + short.count("\n", 0, end)
    if text.startswith("\ufeff") and squeeze(text[start + 1 : end + 1]) == wanted:
        return start + 1, end + 1
    return None


def whole_words(text: str, offsets: list[Offsets]) -> list[Offsets]:
    """The characters that the offsets of a text's mentions stand for, where nothing says what their words are: UTF-16
    code units if these, and not the characters, are whole words throughout."""
    if text.isascii() or all(is_whole(text, *span) for span in offsets):
        return offsets
    units = text.encode("utf-16-le")
    try:
        found = [
            (len(units[: 2 * start].decode("utf-16-le")), len(units[: 2 * end].decode("utf-16-le")))
            for start, end in offsets
            if 0 <= start < end <= len(units) // 2
        ]
    except UnicodeDecodeError:  # an offset within a character
        return offsets
    right = len(found) == len(offsets) and all(is_whole(text, *span) for span in found)
    return found if right else offsets


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether a part of a text has white space at neither end, and cuts no word."""
    words = text[start:end] if 0 <= start < end <= len(text) else " "
    cut = any(text[at - 1 : at + 1].isalnum() and 0 < at < len(text) for at in (start, end))
    return words == words.strip() and not cut
