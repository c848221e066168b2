"""JSON lines of SciERC, DyGIE++ and PURE: documents of sentences, with coreference clusters and relations.

    sentences   the words of each sentence
    ner         [first, last, label] of the mentions of each sentence
    relations   [first, last, first, last, label] of head and tail, for each sentence
    clusters    [first, last] of the mentions of each entity that has several

Words are numbered over the whole document, and the last word belongs to the mention. What a model has found has the
same form, under names that begin with "predicted_", and ends in scores.
https://github.com/dwadden/dygiepp/blob/master/doc/data.md
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field
from spacy.tokens import Doc

from ..annotations import document_name
from ..errors import Errors
from .assemble import Offsets, TextDocs
from .base import KEY_PAIRS, Format, option
from .files import write_json_lines
from .mentions import MentionGraph, MentionOptions, leading_pairs, part_mentions
from .models import LIST, Model, Text, Title, check, json_reader
from .peek import Peek
from .words import Words, whole_sentences

GOLD = ("ner", "relations", "clusters")
RELATED = "[first, last, first, last, label], the words of head and tail"
PREDICTED = tuple(f"predicted_{name}" for name in GOLD)


@dataclass(frozen=True)
class DygieOptions(MentionOptions):
    """The options of DyGIE++'s JSON lines.

    :param predicted: Read what a model has found, not what people have said.
    """

    predicted: bool = option(False, "Read what a model has found (predicted_ner and so on)")


class Document(Model):
    """A document of DyGIE++."""

    doc_key: Title = Field("", validation_alias=AliasChoices("doc_key", "doc_id"))
    sentences: list[list[Text]]
    events: list[list[Any]] = LIST


class Annotation(Model):
    """Mentions and relations of each sentence, and the mentions of each cluster, as they are in the file."""

    ner: list[list[list[Any]]] = LIST
    relations: list[list[list[Any]]] = LIST
    clusters: list[list[list[Any]]] = LIST


def _read_document(where: str, data: Any, docs: TextDocs[DygieOptions]) -> Doc:
    key = data.get("doc_key") if isinstance(data, dict) else None
    where = f"{where} {key!r}" if key else where
    document = check(Document, where, data, docs.spared)
    names = PREDICTED if docs.options.predicted else GOLD
    found = check(Annotation, where, {name: data[given] for name, given in zip(GOLD, names) if given in data})
    docs.counts.note("events (left out)", sum(map(len, document.events)))
    reader = _Reader(Words.join(where, document.sentences), docs)
    reader.add_mentions(f"{where} {names[0]}", found.ner)
    reader.add_relations(f"{where} {names[1]}", found.relations)
    reader.add_clusters(f"{where} {names[2]}", found.clusters)
    return reader.graph.make(where, document.doc_key, reader.words.tokens, reader.words.sentences)


class _Reader:
    """Adds the annotation of a document to a graph, whose mentions are named by their characters."""

    def __init__(self, words: Words, docs: TextDocs[DygieOptions]):
        self.words = words
        self.docs = docs
        self.graph: MentionGraph[Offsets] = MentionGraph(docs, words.text)
        self.clusters: dict[Offsets, int] = {}

    def add_mentions(self, where: str, sentences: Sequence[Sequence[list[Any]]]) -> None:
        for at, item in _items(where, sentences):
            with self.docs.leaving_out("mentions left out, as their words are not there"):
                _check(at, item, 2, "[first word, last word, label]")
                self._add_mention(at, self._span(at, item), item[2])

    def _add_mention(self, where: str, offsets: Offsets, label: str) -> None:
        known = self.graph.mentions.get(offsets)
        if known is None:
            self.graph.add(where, offsets, *offsets, label)
        elif known.label == label:
            self.docs.counts.note("spans listed twice")
        else:
            self.docs.counts.note("types beyond a mention's first (left out)")

    def add_relations(self, where: str, sentences: Sequence[Sequence[list[Any]]]) -> None:
        for at, item in _items(where, sentences):
            with self.docs.leaving_out("relations left out, as they refer to nothing"):
                label = item[4] if len(item) > 4 else None
                _check(at, [*item[:4], label or ""], 4, RELATED)
                head, tail = self._mention(at, item[:2]), self._mention(at, item[2:4])
                score = item[-1] if isinstance(item[-1], float) and 0 <= item[-1] <= 1 else 1.0
                self.graph.relate(at, head, tail, label or "", score)

    def add_clusters(self, where: str, clusters: Sequence[Sequence[list[Any]]]) -> None:
        for number, cluster in enumerate(clusters):
            at = f"{where}[{number}]"
            found = []
            for item in cluster:
                with self.docs.leaving_out("mentions of clusters left out, as their words are not there"):
                    _check(at, item, 2, "[first word, last word]", label=False)
                    found.append(self._mention(at, item))
            for offsets in found:
                other = self.clusters.setdefault(offsets, number) != number
                self.docs.counts.note("mentions of several clusters, which become one", other)
            for one, other_one in pairwise(found):
                self.graph.join(at, one, other_one)

    def _span(self, where: str, item: Sequence[Any]) -> Offsets:
        return self.words.span(where, item[0], item[1] + 1)

    def _mention(self, where: str, item: Sequence[Any]) -> Offsets:
        """The mention of a relation or cluster, which has no type where it is not among those of `ner`."""
        offsets = self._span(where, item)
        if offsets not in self.graph.mentions:
            self.docs.counts.note("words that are related and no span")
            self.graph.add(where, offsets, *offsets)
        return offsets


def _items(where: str, sentences: Iterable[Iterable[list[Any]]]) -> Iterator[tuple[str, list[Any]]]:
    for sentence, items in enumerate(sentences):
        for number, item in enumerate(items):
            yield f"{where}[{sentence}][{number}]", item


def _check(where: str, item: Sequence[Any], numbers: int, expected: str, label: bool = True) -> None:
    """See that an item has so many numbers of words, and a label after them."""
    right = len(item) >= numbers + label and all(type(number) is int for number in item[:numbers])
    if not right or (label and not isinstance(item[numbers], str)):
        raise ValueError(Errors.E600.format(where=where, item=repr(item)[:80], expected=expected))


def _document(doc: Doc) -> dict[str, Any]:
    parts = part_mentions(doc)
    sentences = whole_sentences(doc)
    of_token = [number for number, (start, end) in enumerate(sentences) for _ in range(start, end)]
    ner: list[list[Any]] = [[] for _ in sentences]
    relations: list[list[Any]] = [[] for _ in sentences]
    places = [[span.start, span.end - 1] for span in parts.mentions]  # the last word belongs to the mention
    for place, span in zip(places, parts.mentions):
        if span.label_ and [*place, span.label_] not in ner[of_token[span.start]]:
            ner[of_token[span.start]].append([*place, span.label_])
    for link in parts.links:
        head, tail = places[link.head], places[link.tail]
        relations[of_token[head[0]]].append([*head, *tail, link.label])
    # A mention without a type has no place in `ner`: by itself, it is a cluster of one.
    joined = {number for chain_ in parts.chains for number in chain_}
    alone = [
        [number] for number, span in enumerate(parts.mentions) if not span.label_ and number not in joined
    ]
    return {
        "doc_key": document_name(doc),
        "sentences": [[token.text for token in doc[start:end]] for start, end in sentences],
        "ner": ner,
        "relations": relations,
        "clusters": [[places[number] for number in chain_] for chain_ in [*parts.chains, *alone]],
    }


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_lines(map(_document, docs), path)


def _sniff(peek: Peek) -> bool:
    fields = {*GOLD, *PREDICTED}
    return any(
        "sentences" in item and not fields.isdisjoint(item) and "text" not in item for item in peek.objects
    )


DYGIE = Format(
    name="dygie",
    description="JSON lines of SciERC, DyGIE++ and PURE: words, clusters, relations",
    reader=json_reader(_read_document),
    writer=_write,
    settings=DygieOptions,
    default_ending=".jsonl",
    sniff=_sniff,
    holds=frozenset({KEY_PAIRS}),
    changes=leading_pairs,
)
