"""Entities from the clusters of fastcoref (https://github.com/shon-otmazgin/fastcoref)."""

from collections.abc import Callable
from functools import partial

from spacy.tokens import Doc
from spacy.util import registry

from ..annotations import document_name
from ..errors import Errors
from ..types import Entity
from .chains import chain_entities


@registry.misc("spacy_kmgre.fastcoref_entities.v1")
def fastcoref_entities(pronouns: bool = True) -> Callable[[Doc], list[Entity]]:
    """Reads `doc._.coref_clusters`: lists of [start, end) character offsets, one list an entity.

    A mention that begins or ends within a token gets the whole token. A named mention, one that `doc.ents`
    has too, gives the entity its type. fastcoref need not be installed to read what it has written.

    :param pronouns: Whether pronouns are mentions.
    :raises ValueError: When it reads, where fastcoref has not read the Doc before.
    """
    if not Doc.has_extension("coref_clusters"):
        Doc.set_extension("coref_clusters", default=None)  # as fastcoref does
    return partial(_read, pronouns=pronouns)


def _read(doc: Doc, pronouns: bool) -> list[Entity]:
    clusters = doc._.coref_clusters
    if clusters is None:
        raise ValueError(
            Errors.E403.format(
                attribute="coref_clusters",
                library="fastcoref",
                document=document_name(doc),
                pipe="fastcoref",
                install="pip install fastcoref",
            )
        )
    found = [
        [doc.char_span(start, end, alignment_mode="expand") for start, end in cluster] for cluster in clusters
    ]
    chains = [[span for span in cluster if span is not None] for cluster in found]
    return chain_entities(doc, chains, pronouns)
