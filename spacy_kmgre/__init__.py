"""Key mention pairs guided document-level relation extraction (KMGRE) for spaCy."""

from .annotations import install_extensions
from .types import Entity, MentionPair, Relation

__version__ = "0.1.0"
__all__ = ["Entity", "MentionPair", "Relation"]

install_extensions()
