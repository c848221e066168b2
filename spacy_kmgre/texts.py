"""What a text has to be to be written to a file."""

from typing import Any


def is_text(value: Any) -> bool:
    """Return whether a value is a string that can be written, which half a surrogate pair cannot."""
    return isinstance(value, str) and value == value.encode("utf8", "ignore").decode("utf8")
