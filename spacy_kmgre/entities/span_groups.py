"""Entities from span groups, the default reader."""

from dataclasses import dataclass

from spacy.tokens import Doc

from ..annotations import ENTITY_PREFIX, read_entities
from ..types import Entity
from . import EntityReader


@dataclass(frozen=True)
class SpanGroupEntities:
    """Reads the clusters in `doc.spans[prefix + number]`, one span group an entity.

    :param prefix: The prefix of the groups' names.
    """

    prefix: str

    def __call__(self, doc: Doc) -> list[Entity]:
        return read_entities(doc, self.prefix)


def span_group_entities(prefix: str = ENTITY_PREFIX) -> EntityReader:
    """Make a reader of the clusters in `doc.spans[prefix + number]`, one span group an entity.

    :param prefix: The prefix of the groups' names; "coref_clusters_" for the clusters of spacy-experimental.
    """
    return SpanGroupEntities(prefix)
