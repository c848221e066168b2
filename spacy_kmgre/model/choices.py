"""Checks of settings that have one of a few values, or only one that is left."""

from collections.abc import Mapping
from typing import Any

from ..errors import Errors

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
    if value not in choices:
        expected = f"one of {tuple(choices)}, or a block of its own"
        raise ValueError(Errors.E023.format(setting=setting, value=value, expected=expected))
    return choices[value]
