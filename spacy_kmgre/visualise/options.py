"""What a caller may choose about a page."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any

from ..errors import Errors

# A hexadecimal colour, a name, or a function of numbers: nothing that could load or hide anything.
COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(?:rgb|hsl|hwb|lab|lch|oklab|oklch)a?\([0-9a-z.,%/ +-]*\)")


def _are_labels(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, Collection) and all(isinstance(label, str) for label in value)
    )


# What each option has to be, and a test of it.
WANTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "colors": ("a dict of CSS colours by entity type", lambda value: isinstance(value, Mapping)),
    "labels": ("a list of relation labels", _are_labels),
    "threshold": ("a number", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    "title": ("a string", lambda value: isinstance(value, str)),
}


@dataclass(frozen=True)
class Options:
    """What a caller may choose about a page.

    :param colors: CSS colours of entity types. Entities of other types have a colour each.
    :param labels: The labels of the relations to show; all where empty.
    :param threshold: Where the slider of the threshold stands at first, in [0, 1].
    :param title: The title of the page.
    """

    colors: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    threshold: float = 0.0
    title: str = ""

    @classmethod
    def read(cls, options: Mapping[str, Any] | None) -> "Options":
        """Read options from a dictionary, in which any may be absent or None.

        :raises ValueError: Where an option is unknown, or its value is wrong.
        """
        if not isinstance(options, Mapping | None):
            raise ValueError(Errors.E541.format(value=options))
        options = dict(options or {})
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                raise ValueError(Errors.E500.format(name=name, known=", ".join(known)))
        for name, (wanted, fits) in WANTED.items():
            value = options.get(name)
            if value is None:
                options.pop(name, None)
            elif not fits(value):
                raise ValueError(Errors.E540.format(name=name, wanted=wanted, value=value))
        labels = options.get("labels", ())
        options["labels"] = (labels,) if isinstance(labels, str) else tuple(labels)
        found = cls(**options)
        for label, color in found.colors.items():
            if not isinstance(color, str) or not COLOR.fullmatch(color):
                raise ValueError(Errors.E501.format(label=label, color=color))
        if not 0.0 <= found.threshold <= 1.0:
            raise ValueError(Errors.E502.format(threshold=found.threshold))
        return found
