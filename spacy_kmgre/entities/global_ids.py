"""Rules that say which entities of different documents are one.

A rule is made by a function without arguments in spaCy's registry `misc`. `spacy kmgre extract`, `export` and
`graph` take it by name.
"""

from collections.abc import Callable

from catalogue import RegistryError
from spacy.util import registry

from ..errors import Errors
from ..types import Entity

# A function that gives an entity's identifier, the same one in all documents, or "" where it knows none.
Identify = Callable[[Entity], str]
# Short names of the rules here.
NAMES = {"kb_id": "spacy_kmgre.kb_ids.v1", "name": "spacy_kmgre.same_names.v1"}


def known_id(entity: Entity) -> str:
    """Return the id that an entity has over documents, or else its identifier in a knowledge base."""
    return entity.id or entity.kb_id


def same_name(entity: Entity) -> str:
    """Return the type and the name of an entity, whatever its capitals. Different things may have one
    name."""
    return f"{entity.label}:{' '.join(entity.text.casefold().split())}"


def kb_ids() -> Identify:
    """Make the rule that entities are one where they have the same identifier in a knowledge base
    (`spacy_kmgre.kb_ids.v1`)."""
    return known_id


def same_names() -> Identify:
    """Make the rule that entities are one where they have the same type and name (`spacy_kmgre.same_names.v1`)."""
    return same_name


def find_rule(name: str) -> Identify:
    """Find the rule of a name: kb_id, name, or what `registry.misc` knows.

    :raises ValueError: Where there is none.
    """
    try:
        make = registry.misc.get(NAMES.get(name, name))
    except RegistryError:
        raise ValueError(Errors.E082.format(problem=f"no function {name!r} is registered")) from None
    found: Identify = make()
    return found
