"""What commands print alike: tables, scores, and errors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from spacy.cli._util import show_validation_error
from spacy.util import logger
from wasabi import msg
from wasabi.tables import table

from ..evaluation.render import percent

Align = Literal["l", "r"]


@contextmanager
def failing(what: str) -> Iterator[None]:
    """End the program with status 1 and a message, without a traceback, where the input or the settings
    are wrong. An ImportError comes from a language that spaCy does not know, or from a missing library.

    :param what: What could not be done.
    """
    try:
        with show_validation_error(title=what, show_config=False, hint_fill=False):
            yield
    except (ValueError, OSError, ImportError) as error:
        logger.debug(what, exc_info=True)
        msg.fail(what, error, exits=1)


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, max_col: int = 60
) -> None:
    """Print a table.

    :param left: The number of columns that are aligned to the left. The others, which hold numbers, are aligned to
        the right.
    :param max_col: The largest width of a column, in characters.
    """
    aligns: list[Align] = ["l" if column < left else "r" for column in range(len(header))]
    print(table(rows, header=header, divider=True, aligns=aligns, max_col=max_col))


def precision_recall_f(scores: dict[str, Any], name: str) -> tuple[str, ...]:
    """The scores `{name}_p`, `{name}_r` and `{name}_f` in percent, "-" for those that are None or absent."""
    return tuple(percent(scores.get(f"{name}_{part}")) for part in "prf")
