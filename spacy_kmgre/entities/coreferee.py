"""Entities from the chains of coreferee (https://github.com/richardpaulhudson/coreferee)."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

from spacy.tokens import Doc, Span
from spacy.util import registry

from ..annotations import document_name
from ..errors import Errors
from ..types import Entity
from .chains import MentionIndex, chain_entities, is_pronoun


@registry.misc("spacy_kmgre.coreferee_entities.v1")
def coreferee_entities(pronouns: bool = True, coordinated: bool = True) -> Callable[[Doc], list[Entity]]:
    """Reads `doc._.coref_chains`, one entity a chain.

    coreferee marks heads only. A mention is the name in `doc.ents` with that head, else the head and what
    belongs to it on its left ("the old company"). A named mention gives the entity its type.

    :param pronouns: Whether pronouns are mentions.
    :param coordinated: Whether "Ann and Bob" is a mention, from the first to the last of them.
    :raises ValueError: Where coreferee is not installed and, when it reads, where coreferee has not read the
        Doc before.
    """
    try:
        import_module("coreferee")  # registers the extension, and how chains are read from bytes
    except ImportError as error:
        raise ValueError(Errors.E402.format(library="coreferee", package="coreferee")) from error
    return partial(_read, pronouns=pronouns, coordinated=coordinated)


def _read(doc: Doc, pronouns: bool, coordinated: bool) -> list[Entity]:
    names: MentionIndex[Span] = MentionIndex(doc)
    for span in doc.ents:
        names.add(span, span)
    chains = [
        [
            _span(doc, mention.token_indexes, names)
            for mention in chain
            if coordinated or len(mention.token_indexes) == 1
        ]
        for chain in _chains(doc)
    ]
    return chain_entities(doc, chains, pronouns)


def _chains(doc: Doc) -> Iterator[Any]:
    holder = doc._.coref_chains
    if isinstance(holder, dict):  # the Doc was read from bytes before coreferee was imported
        from coreferee.data_model import ChainHolder

        holder = ChainHolder.deserialize_obj(holder)
    if holder is None:
        raise ValueError(
            Errors.E403.format(
                attribute="coref_chains",
                library="coreferee",
                document=document_name(doc),
                pipe="coreferee",
                install="python -m coreferee install en",
            )
        )
    return iter(holder)


def _span(doc: Doc, heads: list[int], names: "MentionIndex[Span]") -> Span:
    spans = []
    for head in heads:
        name, alone = names.at(head), doc[head : head + 1]
        if name is None:
            name = alone if is_pronoun(alone) else doc[doc[head].left_edge.i : head + 1]
        spans.append(name)
    return doc[min(span.start for span in spans) : max(span.end for span in spans)]
