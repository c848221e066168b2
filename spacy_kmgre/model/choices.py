"""Checks of settings that have one of a few values, values within a range, or only one that is left."""

from collections.abc import Mapping
from math import inf, isfinite
from numbers import Real
from typing import Any

from ..errors import Errors

# What encoders may compute in when they predict; "auto" is bfloat16 where the device has instructions for it.
FLOAT32, BFLOAT16, AUTO = PRECISIONS = ("float32", "bfloat16", "auto")

# These settings are gone, as they brought nothing. Saved configs may name them, with the one value that each
# has now.
GONE = {"shared_layers": 0, "pseudo_labels": "hard", "key_pairs": "all", "negative_weight": 1.0}


def check_gone(**settings: Any) -> None:
    """Check that settings which are gone have the only value that is left.

    :raises ValueError: Where one has another value.
    """
    for setting, value in settings.items():
        if value != GONE[setting]:
            expected = f"{GONE[setting]!r}: the setting brought nothing and is gone"
            raise ValueError(Errors.E023.format(setting=setting, value=value, expected=expected))


def chosen(setting: str, value: Any, choices: Mapping[str, Any]) -> Any:
    """Return what a value of a setting stands for.

    :param choices: What each possible value stands for.
    :raises ValueError: For another value.
    """
    if not isinstance(value, str) or value not in choices:
        expected = f"one of {tuple(choices)}, or a block of its own"
        raise ValueError(Errors.E023.format(setting=setting, value=value, expected=expected))
    return choices[value]


def check_range(low: float, high: float = inf, **settings: float | None) -> None:
    """Check that settings are numbers within a range, or None.

    :raises ValueError: Where one is below `low` or above `high`, or is not a finite number.
    """
    for setting, value in settings.items():
        if value is not None and not (isinstance(value, Real) and low <= value <= high and isfinite(value)):
            expected = f"between {low:g} and {high:g}" if isfinite(high) else f"a number from {low:g} on"
            raise ValueError(Errors.E023.format(setting=setting, value=value, expected=expected))
