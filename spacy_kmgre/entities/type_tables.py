"""Tables of entity types: what the types of a recogniser are called in the corpus of a relation model.

A table is a dict from types to types, in which None leaves the entities of a type out. Another package adds one with an
entry point of the group `spacy_kmgre_types`, or with `TYPE_TABLES.register(name, func=table)`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import catalogue
import srsly

from ..errors import Errors
from ..types import Entity

TypeTable = Mapping[str, str | None]

TYPE_TABLES = catalogue.create("spacy_kmgre", "types", entry_points=True)

# This follows how DocRED labels the mentions that spaCy's English pipelines find. An ordinal number is no
# mention there.
ONTONOTES_TO_DOCRED: TypeTable = {
    "PERSON": "PER",
    "ORG": "ORG",
    **dict.fromkeys(("GPE", "LOC", "FAC", "NORP"), "LOC"),
    **dict.fromkeys(("DATE", "TIME"), "TIME"),
    **dict.fromkeys(("CARDINAL", "QUANTITY", "PERCENT", "MONEY"), "NUM"),
    **dict.fromkeys(("WORK_OF_ART", "EVENT", "LAW", "LANGUAGE", "PRODUCT"), "MISC"),
    "ORDINAL": None,
}
# The corpora of these two have no times and no numbers.
CONLL_TO_DOCRED: TypeTable = {"PER": "PER", "ORG": "ORG", "LOC": "LOC", "MISC": "MISC"}
WIKINER_TO_DOCRED: TypeTable = dict(CONLL_TO_DOCRED)


def read_types(types: TypeTable | str | Path | None) -> dict[str, str | None]:
    """Read the table that a setting names.

    :param types: A table; the name of a registered one; the path of a JSON file that holds one; or None for the empty
        table, which changes nothing.
    :raises ValueError: Where there is no such table, and where it holds anything but strings and null.
    """
    if types is None:
        return {}
    table = types
    if isinstance(types, str) and types in TYPE_TABLES:
        table = TYPE_TABLES.get(types)
    elif isinstance(types, (str, Path)):
        try:
            table = srsly.read_json(types)
        except (OSError, ValueError) as error:
            known = ", ".join(sorted(TYPE_TABLES.get_all()))
            raise ValueError(Errors.E410.format(name=str(types), known=known, error=error)) from error
    if not isinstance(table, Mapping):
        raise ValueError(Errors.E411.format(name=str(types), key="", value=table))
    for kind, name in table.items():
        if not isinstance(kind, str) or not (name is None or isinstance(name, str)):
            raise ValueError(Errors.E411.format(name=str(types), key=kind, value=name))
    return dict(table)


def with_types(entities: list[Entity], table: TypeTable) -> list[Entity]:
    """Give entities the types of a table, and leave out those whose type it leaves out. Other types stay."""
    named = [(entity, table.get(entity.label, entity.label)) for entity in entities]
    return [replace(entity, label=kind) for entity, kind in named if kind is not None]
