"""Entities from span groups, the default reader."""

from functools import partial

from ..annotations import ENTITY_PREFIX, read_entities
from . import EntityReader


def span_group_entities(prefix: str = ENTITY_PREFIX) -> EntityReader:
    """Make a reader of the clusters in `doc.spans[prefix + number]`, one span group an entity.

    :param prefix: The prefix of the groups' names; "coref_clusters_" for the clusters of spacy-experimental.
    """
    return partial(read_entities, prefix=prefix)
