"""What commands print alike: tables, scores, and what went wrong."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spacy.cli._util import show_validation_error
from spacy.util import logger
from wasabi import msg, table

from ..evaluation.render import percent


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Ends the program with status 1 and a message, without a traceback, where the input or the settings
    are wrong. ImportError is a language that spaCy does not know, or a library that is missing."""
    try:
        with show_validation_error(title=what, show_config=False, hint_fill=False):
            yield
    except (ValueError, OSError, ImportError) as error:
        logger.debug(what, exc_info=True)
        msg.fail(what, error, exits=1)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], max_col: int = 60) -> None:
    """The first column to the left, the others, which are numbers, to the right."""
    aligns = ("l", *"r" * (len(header) - 1))
    print(table(rows, header=header, divider=True, aligns=aligns, max_col=max_col))


def precision_recall_f(scores: dict[str, Any], name: str) -> tuple[str, ...]:
    """The scores whose names begin so, "-" for those that are None or absent."""
    return tuple(percent(scores.get(f"{name}_{part}")) for part in "prf")
