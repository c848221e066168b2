"""Entities from span groups, the default reader."""

from collections.abc import Callable
from functools import partial

from spacy.tokens import Doc
from spacy.util import registry

from ..annotations import ENTITY_PREFIX, read_entities
from ..types import Entity


@registry.misc("spacy_kmgre.span_group_entities.v1")
def span_group_entities(prefix: str = ENTITY_PREFIX) -> Callable[[Doc], list[Entity]]:
    """Reads clusters from `doc.spans[prefix + number]`, one span group an entity.

    :param prefix: For instance "coref_clusters_" for the clusters of spacy-experimental.
    """
    return partial(read_entities, prefix=prefix)
