"""Entities from the clusters of fastcoref (https://github.com/shon-otmazgin/fastcoref)."""

from functools import partial

from spacy.tokens import Doc

from ..types import Entity
from . import EntityReader
from .chains import chain_entities, unread


def fastcoref_entities(pronouns: bool = True) -> EntityReader:
    """Make a reader of `doc._.coref_clusters`: lists of [start, end) character offsets, one list an entity.

    A mention that begins or ends within a token gets the whole token. A named mention, one that is in
    `doc.ents` too, gives the entity its type. The reader works where fastcoref is not installed.

    :param pronouns: Whether pronouns are mentions.
    :raises ValueError: When it reads a Doc that fastcoref has not read.
    """
    if not Doc.has_extension("coref_clusters"):
        Doc.set_extension("coref_clusters", default=None)  # fastcoref registers it in the same way.
    return partial(_read, pronouns=pronouns)


def _read(doc: Doc, pronouns: bool) -> list[Entity]:
    clusters = doc._.coref_clusters
    if clusters is None:
        raise unread(doc, "fastcoref", "coref_clusters", "pip install fastcoref")
    found = [
        [doc.char_span(start, end, alignment_mode="expand") for start, end in cluster] for cluster in clusters
    ]
    chains = [[span for span in cluster if span is not None] for cluster in found]
    return chain_entities(doc, chains, pronouns)
