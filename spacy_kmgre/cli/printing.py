"""What commands print alike: tables, scores, and errors."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from spacy.cli._util import show_validation_error
from spacy.util import logger
from wasabi.printer import Printer
from wasabi.tables import table

from ..errors.inert import inert, inert_line
from ..evaluation.render import percent
from .stopping import exit_status, stoppable
from .terminal import discard_output, msg

Align = Literal["l", "r"]
# The exit status that a shell gives a command which a closed pipe has ended.
PIPE_CLOSED = 141


@contextmanager
def failing(what: str) -> Iterator[None]:
    """End the program with status 1 and a message, without a traceback, where the input or the settings
    are wrong. An ImportError comes from a language that spaCy does not know, or from a missing library.
    Warnings are messages too, on standard error, without the line of code that they come from.

    :param what: What could not be done.
    """
    before, warnings.formatwarning = warnings.formatwarning, _format_warning
    try:
        with stoppable(), show_validation_error(title=what, show_config=False, hint_fill=False):
            yield
    except KeyboardInterrupt as stop:
        msg.warn("Interrupted", exits=exit_status(stop))
    except BrokenPipeError:  # Whoever reads the output, such as head, has seen enough.
        discard_output()
        sys.exit(PIPE_CLOSED)
    except (ValueError, OSError, ImportError) as error:
        logger.debug(what, exc_info=True)
        msg.fail(what, error, exits=1)
    finally:
        warnings.formatwarning = before


def _format_warning(message: Warning | str, *_where: Any, **_line: Any) -> str:
    return f"{Printer(no_print=True).warn(inert(message))}\n"


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, max_col: int = 60
) -> None:
    """Print a table.

    :param left: The number of columns that are aligned to the left. The others, which hold numbers, are aligned to
        the right.
    :param max_col: The largest width of a column, in characters.
    """
    aligns: list[Align] = ["l" if column < left else "r" for column in range(len(header))]
    cells = [list(map(inert_line, row)) for row in (header, *rows)]
    print(table(cells[1:], header=cells[0], divider=True, aligns=aligns, max_col=max_col))


def plural(number: int, name: str, several: str = "") -> str:
    """A number with the name of what is counted: "1 document", "2 documents".

    :param several: The plural of the name, where it is not the name and an s.
    """
    return f"{number:,} {name if number == 1 else several or f'{name}s'}"


def precision_recall_f(scores: dict[str, Any], name: str) -> tuple[str, ...]:
    """The scores `{name}_p`, `{name}_r` and `{name}_f` in percent, "-" for those that are None or absent."""
    return tuple(percent(scores.get(f"{name}_{part}")) for part in "prf")
