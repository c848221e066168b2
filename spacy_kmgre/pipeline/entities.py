"""The component that writes entities into span groups, where people can see and correct them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from string import digits
from types import MappingProxyType
from typing import Any

from spacy.pipeline import Pipe
from spacy.tokens import Doc

from ..annotations import (
    document_name,
    free_keys,
    note_prefix,
    read_entities,
    replace_entities,
    used_prefix,
    write_entities,
)
from ..entities import EntityReader
from ..entities.ner import NerEntities
from ..entities.type_tables import TypeTable, with_types
from ..errors import Warnings
from ..retokenize import group_spans
from ..types import Entity
from .notices import WarnOnce, checked_docs


class KmgreEntities(Pipe):
    """Writes the entities that a reader finds into `doc.spans[prefix + number]`, one span group an entity.

    Entities replace all of the Doc's groups with the prefix, so that a Doc that is processed again gets the
    same entities. An entity that is one of these groups keeps its key.

    :param entities: The reader of the entities.
    :param prefix: The prefix of the groups' names.
    :param types: A table from the reader's entity types to the types that are written. None leaves the
        entities of a type out; types that the table does not name stay.
    :param overwrite: Whether Docs that have entities with this prefix get new ones.
    :param scorer: The scorer of `Pipe.score`, None for no scores.
    """

    def __init__(
        self,
        name: str = "kmgre_entities",
        *,
        entities: EntityReader,
        prefix: str,
        types: TypeTable = MappingProxyType({}),
        overwrite: bool = True,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.entities = entities
        self.prefix = prefix
        self.types = dict(types)
        self.overwrite = overwrite
        self.scorer = scorer
        self._warn_once = WarnOnce(self)

    def __call__(self, doc: Doc) -> Doc:
        """Write the entities of a Doc."""
        checked_docs(self.name, [doc])
        if self.overwrite or not read_entities(doc, self.prefix):
            found = with_types(self.entities(doc), self.types)
            reads_ents = isinstance(self.entities, NerEntities)
            if reads_ents and not found and len(doc) and not doc.has_annotation("ENT_IOB"):
                self._warn_once(Warnings.W019, document=document_name(doc))
            replace_entities(doc, found, self.prefix)
        return doc


def write_new_entities(doc: Doc, entities: Iterable[Entity]) -> list[str]:
    """Write the entities whose span groups a Doc does not have yet.

    A group of the same name that shares no mention with an entity is another entity, which another component has
    written: the entity then gets a name that is free.

    If the Doc had no entities that it knows of, the prefix of these becomes the one it knows.

    :returns: The name of the span group of each entity.
    """
    keys: list[str] = []
    for entity in entities:
        key = entity.key
        held = {(span.start, span.end) for span in group_spans(doc.spans[key])} if key in doc.spans else set()
        if held and held.isdisjoint((span.start, span.end) for span in entity.mentions):
            key = next(free_keys(key.rstrip(digits), doc.spans))
        if key not in doc.spans:
            write_entities(doc, [replace(entity, key=key)])
        keys.append(key)
    prefixes = {key.rstrip(digits) for key in keys}
    known = used_prefix(doc)
    if len(prefixes) == 1 and known not in prefixes and not read_entities(doc, known):
        note_prefix(doc, prefixes.pop())
    return keys
