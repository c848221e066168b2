"""What commands print on a terminal. What comes from outside does nothing to it, whatever it holds."""

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

from wasabi.printer import Printer

from ..errors.inert import inert, inert_line


class Terminal(Printer):
    """wasabi's printer for titles and texts from outside."""

    def text(self, title: Any = "", text: Any = "", *args: Any, **kwargs: Any) -> Any:
        """Print a message; the other methods come through here."""
        return super().text(inert_line(title), text and inert(text), *args, **kwargs)

    def divider(self, text: str = "", *args: Any, **kwargs: Any) -> Any:
        """Print a heading."""
        return super().divider(inert_line(text), *args, **kwargs)


msg = Terminal()


def say(text: object = "") -> None:
    """Print a text of any number of lines."""
    print(inert(text))


def say_json(data: Any) -> None:
    """Print JSON. The characters that would act on a terminal are escaped as JSON does it."""
    print(inert(json.dumps(data, ensure_ascii=False, indent=2)))


def write_what_can_be_written() -> None:
    """Have standard output and error spell out what their encodings have no place for, such as Chinese in cp1252. Where
    one of them is closed, what goes there is lost."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It stays open as long as the program runs.
            setattr(sys, name, open(os.devnull, "w", encoding="utf8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Have standard output go nowhere, where nobody reads it any more: Python flushes it once more at its end."""
    with suppress(OSError, io.UnsupportedOperation), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
