"""What a caller may choose about a page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import Errors

# A hexadecimal colour, a name, or a function of numbers: nothing that could load or hide anything.
COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(?:rgb|hsl|hwb|lab|lch|oklab|oklch)a?\([0-9a-z.,%/ +-]*\)")


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
        """Read options from a dictionary, in which any may be absent.

        :raises ValueError: Where an option is unknown, or its value is wrong.
        """
        options = dict(options or {})
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                raise ValueError(Errors.E500.format(name=name, known=", ".join(known)))
        labels = options.get("labels") or ()
        options["labels"] = (labels,) if isinstance(labels, str) else tuple(labels)
        found = cls(**options)
        for label, color in found.colors.items():
            if not COLOR.fullmatch(color):
                raise ValueError(Errors.E501.format(label=label, color=color))
        if not 0.0 <= found.threshold <= 1.0:
            raise ValueError(Errors.E502.format(threshold=found.threshold))
        return found
