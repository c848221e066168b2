"""JSON of SpERT, in which CoNLL04 is: a list of sentences, with mentions and relations between them.

    tokens      words
    entities    {"type", "start", "end"} of each mention, in words; or `tags`, in the BILOU or BIO scheme
    relations   {"type", "head", "tail"}, numbers of mentions

Every mention is an entity of its own. https://github.com/lavis-nlp/spert
"""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.tokens import Doc
from spacy.training.iob_utils import iob_to_biluo, tags_to_entities

from ..errors import Errors
from .assemble import TextDocs
from .base import KEY_PAIRS, SHARED, Format
from .mentions import MentionGraph, MentionOptions
from .models import LIST, Model, Spared, Text, Title, check, json_reader, present
from .peek import Peek
from .words import Words


class Mention(Model):
    """A mention, by its words."""

    type: Text = ""
    start: int
    end: int


class Relation(Model):
    """A relation between two mentions."""

    type: Text = ""
    head: int
    tail: int


class Document(Model):
    """A sentence of SpERT."""

    orig_id: Title = ""
    tokens: list[Text]
    entities: list[Spared[Mention]] | None = None
    tags: list[Text] | None = None
    relations: list[Spared[Relation]] = LIST


def _read_document(where: str, data: Any, docs: TextDocs[MentionOptions]) -> Doc:
    document = check(Document, where, data, docs.spared)
    words = Words.join(where, [document.tokens])
    graph: MentionGraph[int] = MentionGraph(docs, words.text)
    for number, mention in present(_mentions(where, document, docs)):
        at = f"{where} entities[{number}]"
        with docs.leaving_out("mentions left out, as their words are not there"):
            graph.add(at, number, *words.span(at, mention.start, mention.end), mention.type)
    for number, relation in present(document.relations):
        with docs.leaving_out("relations left out, as they refer to nothing"):
            graph.relate(f"{where} relations[{number}]", relation.head, relation.tail, relation.type)
    return graph.make(where, document.orig_id, words.tokens, words.sentences)


def _mentions(where: str, document: Document, docs: TextDocs[MentionOptions]) -> Sequence[Mention | None]:
    if document.entities is not None:
        return document.entities
    found = []
    with docs.leaving_out("documents whose tags are not in the BILOU scheme (read without mentions)"):
        try:
            found = tags_to_entities(_bilou(document.tags or []))
        except ValueError as error:
            raise ValueError(Errors.E602.format(where=where, error=error)) from error
    return [Mention(type=label, start=start, end=last + 1) for label, start, last in found]


def _bilou(tags: list[str]) -> Iterable[str]:
    """Tags in the BILOU scheme, of those in it or in the simpler BIO."""
    return tags if any(tag.startswith(("L-", "U-")) for tag in tags) else iob_to_biluo(tags)


def _sniff(peek: Peek) -> bool:
    found = [item for item in peek.objects if isinstance(item.get("tokens"), list)]
    fits = (
        {"tags", "entities"} & item.keys() and "relations" in item and "text" not in item for item in found
    )
    return any(fits)


SPERT = Format(
    name="spert",
    description="JSON of SpERT, in which CoNLL04 is: a list of sentences",
    reader=json_reader(_read_document),
    settings=MentionOptions,
    sniff=_sniff,
    holds=frozenset({KEY_PAIRS, SHARED}),
)
