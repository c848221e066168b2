"""Checks of arguments that need more than typer does."""

from collections.abc import Callable
from typing import Any

import typer


def checked(check: Callable[[Any], Any], value: Any) -> Any:
    """The value, if the check of one that is given raises no ValueError.

    :raises typer.BadParameter: With the message of the check.
    """
    try:
        if value:
            check(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return value
