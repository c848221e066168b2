"""JSON of SpERT, in which CoNLL04 is: one list of sentences, with mentions and relations between them.

    tokens      words
    entities    {"type", "start", "end"} of each mention, in words; or `tags`, in the BILOU scheme
    relations   {"type", "head", "tail"}, numbers of mentions

Every mention is an entity of its own. https://github.com/lavis-nlp/spert
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.training.iob_utils import tags_to_entities
from spacy.vocab import Vocab

from ..errors import Errors
from .assemble import TextDocs
from .base import KEY_PAIRS, SHARED, Draft, Format
from .counts import Counts
from .files import read_json_list
from .mentions import MentionGraph, MentionOptions
from .models import LIST, Model, Text, Title, check
from .peek import Peek
from .words import Words


class Mention(Model):
    type: Text
    start: int
    end: int


class Relation(Model):
    type: Text
    head: int
    tail: int


class Document(Model):
    orig_id: Title | None = None
    tokens: list[Text]
    entities: list[Mention] | None = None
    tags: list[Text] | None = None
    relations: list[Relation] | None = LIST


def _read(path: Path, vocab: Vocab, counts: Counts, options: MentionOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for index, data in enumerate(read_json_list(path)):
        yield Draft("", partial(_read_document, f"{path}[{index}]", data, docs))


def _read_document(where: str, data: Any, docs: TextDocs[MentionOptions]) -> Doc:
    document = check(Document, where, data)
    words = Words.join(where, [document.tokens])
    graph: MentionGraph[int] = MentionGraph(docs, words.text)
    for number, mention in enumerate(_mentions(where, document)):
        at = f"{where} entities[{number}]"
        graph.add(at, number, *words.span(at, mention.start, mention.end), mention.type)
    for number, relation in enumerate(document.relations or ()):
        graph.relate(f"{where} relations[{number}]", relation.head, relation.tail, relation.type)
    return graph.make(where, document.orig_id or "", words.tokens, words.sentences)


def _mentions(where: str, document: Document) -> list[Mention]:
    if document.entities is not None:
        return document.entities
    tags = document.tags or []
    try:
        found = tags_to_entities(tags)
    except ValueError as error:
        raise ValueError(Errors.E602.format(where=where, error=error)) from error
    return [Mention(type=label, start=start, end=last + 1) for label, start, last in found]


def _sniff(peek: Peek) -> bool:
    found = [item for item in peek.objects if isinstance(item.get("tokens"), list)]
    fits = (
        {"tags", "entities"} & item.keys() and "relations" in item and "text" not in item for item in found
    )
    return any(fits)


SPERT = Format(
    name="spert",
    description="JSON of SpERT, in which CoNLL04 is: one list of sentences",
    reader=_read,
    settings=MentionOptions,
    sniff=_sniff,
    holds=frozenset({KEY_PAIRS, SHARED}),
)
