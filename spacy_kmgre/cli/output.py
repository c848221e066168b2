"""What a command may write to."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import Errors
from ..formats.files import check_replaceable


def check_output(output: Path, sources: Iterable[str | Path], *, force: bool) -> None:
    """Check that a command may write an output. It replaces a file only where it is told to, and never a folder that
    holds something.

    :param sources: What the command reads, which stays whatever it is told.
    :raises ValueError: Where something is in the way.
    """
    check_no_source(output, sources)
    check_replaceable(output)
    if output.is_file() and not force:
        raise ValueError(Errors.E331.format(path=output))


def check_no_source(output: Path, sources: Iterable[str | Path]) -> None:
    """Check that an output is none of the sources.

    :raises ValueError: Where it is one.
    """
    if output.resolve() in (Path(source).resolve() for source in sources):
        raise ValueError(Errors.E532.format(path=output))
