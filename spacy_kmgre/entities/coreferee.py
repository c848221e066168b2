"""Entities from the chains of coreferee (https://github.com/richardpaulhudson/coreferee)."""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from spacy.tokens import Doc, Span

from ..annotations import document_name
from ..errors import Errors, Warnings
from ..types import Entity
from . import EntityReader
from .chains import MentionIndex, chain_entities, index_names, is_pronoun, unread


def coreferee_entities(pronouns: bool = True, coordinated: bool = True) -> EntityReader:
    """Make a reader of `doc._.coref_chains`, one entity a chain.

    coreferee marks heads only. A mention is the name in `doc.ents` with that head; where there is none, it
    is the head with the words on its left that belong to it ("the old company"). A named mention gives the
    entity its type.

    :param pronouns: Whether pronouns are mentions.
    :param coordinated: Whether "Ann and Bob" is a mention, from the first to the last of them.
    :raises ValueError: Where coreferee is not installed, and when it reads a Doc that coreferee has not read.
    """
    try:
        import_module("coreferee")  # This registers the extension, and how chains are read from bytes.
    except ImportError as error:
        raise ValueError(Errors.E402.format(library="coreferee", package="coreferee")) from error
    return partial(_read, pronouns=pronouns, coordinated=coordinated)


def _read(doc: Doc, pronouns: bool, coordinated: bool) -> list[Entity]:
    names = index_names(doc)
    chains = [
        [
            _mention(doc, mention.token_indexes, names)
            for mention in chain
            if coordinated or len(mention.token_indexes) == 1
        ]
        for chain in _chains(doc)
    ]
    return chain_entities(doc, chains, pronouns)


def _chains(doc: Doc) -> Iterator[Any]:
    holder = doc._.coref_chains
    if any(_is_interrupted(place._.coref_chains) for place in (doc, *doc)):
        warnings.warn(Warnings.W410.format(document=document_name(doc)), stacklevel=2)
        return iter(())
    if isinstance(holder, dict):  # The Doc was read from bytes before coreferee was imported.
        from coreferee.data_model import ChainHolder

        holder = ChainHolder.deserialize_obj(holder)
    if holder is None:
        raise unread(doc, "coreferee", "coref_chains", f"python -m coreferee install {doc.vocab.lang}")
    return iter(holder)


def _is_interrupted(holder: Any) -> bool:
    """Return whether coreferee has stopped at an error, which it catches and prints. Then it has left
    temporary attributes, which it deletes when it ends well."""
    from coreferee.data_model import ChainHolder

    left = set(vars(holder)) - set(vars(ChainHolder())) if isinstance(holder, ChainHolder) else set()
    return any(name.startswith("temp_") for name in left)


def _description(span: Span) -> Span:
    """Return the span without quotes, brackets and white space at its beginning."""
    start = span.start
    while start < span.end - 1 and (span.doc[start].is_punct or span.doc[start].is_space):
        start += 1
    return span.doc[start : span.end]


def _mention(doc: Doc, heads: Sequence[int], names: MentionIndex[Span]) -> Span:
    """Return the mention with these heads, of which a coordinated one has several."""
    spans = []
    for head in heads:
        span, alone = names.at(head), doc[head : head + 1]
        if span is None:
            span = alone if is_pronoun(alone) else _description(doc[doc[head].left_edge.i : head + 1])
        spans.append(span)
    return doc[min(span.start for span in spans) : max(span.end for span in spans)]
