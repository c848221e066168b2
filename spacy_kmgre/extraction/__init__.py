"""Relations of many documents, from files to files: bounded in memory, and resumed where it was killed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .extractor import Extractor

__all__ = ["Extractor"]


def __getattr__(name: str) -> Any:
    """Import what runs pipelines when it is first asked for."""
    if name != "Extractor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .extractor import Extractor

    return Extractor
