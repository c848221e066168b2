"""What tells entities of different documents apart, and joins those that are one."""

from collections.abc import Callable

from ..types import Entity

# A function that gives an entity's identifier, the same one in all documents, or "" where it knows none.
Identify = Callable[[Entity], str]


def kb_ids() -> Identify:
    """Make the function that gives an entity the identifier that it has in a knowledge base
    (`spacy_kmgre.kb_ids.v1`)."""
    return _kb_id


def _kb_id(entity: Entity) -> str:
    return entity.kb_id
