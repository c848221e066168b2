"""Key mention pairs guided document-level relation extraction (KMGRE) for spaCy."""

from typing import TYPE_CHECKING, Any

from .annotations import install_extensions
from .joining import as_doc, from_docs
from .types import Entity, MentionPair, Relation

if TYPE_CHECKING:
    from .visualise import render

__version__ = "0.1.0"
__all__ = ["Entity", "MentionPair", "Relation", "as_doc", "from_docs", "render"]

install_extensions()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import what makes pages when it is first asked for."""
    if name != "render":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .visualise import render

    return render
