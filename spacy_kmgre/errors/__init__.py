"""Every message that a user can meet, so that wording stays even and tests can match codes."""

from collections.abc import Iterable

from .commands import CommandErrors
from .corpora import CorpusErrors
from .inert import make_inert
from .pipeline import PipelineErrors
from .warnings import Reasons, Warnings

__all__ = ["Errors", "MismatchError", "Reasons", "Warnings", "listed"]


@make_inert
class Errors(PipelineErrors, CorpusErrors, CommandErrors):
    """All errors, by their codes."""


class MismatchError(ValueError):
    """What is saved is whole, but the config asks for something else."""


make_inert(Warnings)
make_inert(Reasons)


def listed(names: Iterable[str], most: int) -> str:
    """Return the first names for a message, and the number of the others; "none" where there are none.

    :param most: The largest number of names that are shown.
    """
    found = list(names)
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return (", ".join(found[:most]) or "none") + rest
