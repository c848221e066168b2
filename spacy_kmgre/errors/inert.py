"""Texts from outside, in a form that does nothing to the terminal or the log that shows them."""

import re
from pathlib import PurePath
from typing import Any, TypeVar

# Control characters move the cursor, set colours and titles, or answer in the user's place; marks that turn the
# direction of writing show another text than there is; halves of characters cannot be written at all.
ACTIVE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BREAKS = re.compile("[\t\n]")


def _visible(found: "re.Match[str]") -> str:
    return f"\\u{ord(found[0]):04x}"


def inert(text: object) -> str:
    r"""A text of several lines in which every character that acts on a terminal is spelled out, as \u001b."""
    return ACTIVE.sub(_visible, str(text))


def inert_line(text: object) -> str:
    """A text of one line, in which line breaks and tabs are spelled out too."""
    return BREAKS.sub(_visible, inert(text))


Class = TypeVar("Class", bound=type)


class Message(str):
    """A message whose values come from outside: from files, from their names, or from what libraries say of them."""

    def format(self, *args: Any, **values: Any) -> str:
        """Fill in the values, in an inert form. Only what is said by other errors keeps its line breaks."""
        return str(self).format(*map(_quiet, args), **{name: _quiet(value) for name, value in values.items()})


class _Quiet(str):
    """A text in an inert form. Its representation, for `{value!r}`, is that of the text as it was: it is inert too."""

    was: str

    def __repr__(self) -> str:
        return inert_line(repr(self.was))


def _quiet(value: Any) -> Any:
    if isinstance(value, BaseException):
        return inert(value)
    if isinstance(value, str | PurePath):
        quiet = _Quiet(inert_line(value))
        quiet.was = str(value)
        return quiet
    return value


def make_inert(owner: Class) -> Class:
    """Make the values in all messages of a class inert. It decorates the class."""
    for name in dir(owner):
        text = getattr(owner, name)
        if name.isupper() or (name[:1] in "EW" and name[1:].isdecimal()):
            setattr(owner, name, Message(text))
    return owner
