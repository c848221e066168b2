"""DocRED's JSON, which Re-DocRED and others share.

A file is a list of documents: `sents` are their tokens, `vertexSet` the entities as lists of mentions,
`labels` the relations between entities, each with the numbers of its evidence sentences.
https://github.com/thunlp/DocRED/tree/master/data
"""

import re
from collections import Counter
from collections import Counter as CounterType
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, TITLE, document_name, get_entities, relation_data
from ..errors import Errors
from ..types import Entity
from .assemble import Offsets, annotate, spaces_between, squeeze
from .base import EVIDENCE, SHARED, Draft, Format, ReaderOptions
from .counts import Counts
from .files import write_json_list
from .models import LIST, Model, Spared, Text, Title, check, json_drafts, named, present
from .options import read_names
from .words import whole_sentences

DANGLING = "relations left out, as they refer to nothing"
# DocRED's labels in words.
LABEL_TEXTS = "rel_info.json"


class Mention(Model):
    """A mention, by its sentence and its words."""

    sent_id: int
    pos: list[int]
    name: Text = ""
    type: Text = ""


class Relation(Model):
    """The label of an entity pair and its evidence, the numbers of sentences."""

    r: Text = ""
    evidence: list[int] = LIST


class Label(Relation):
    """A relation between two entities, with its evidence."""

    h: int
    t: int


class Document(Model):
    """A document of DocRED."""

    title: Title = ""
    sents: list[list[Text]]
    vertexSet: list[Spared[list[Spared[Mention]]]]
    labels: list[Spared[Label]] = LIST


def read_docred(
    path: Path,
    vocab: Vocab,
    counts: Counts | None = None,
    relation_names: Mapping[str, str | None] | None = None,
) -> Iterator[Doc]:
    """Read documents with sentences, entities and gold relations; tokens are joined by single spaces, or by none in
    scripts that have none, such as those of Chinese and Thai.

    The entity vertexSet[0] lies in the span group `entity_1` and so on; its label is its mentions' most
    frequent type. The mentions are `doc.ents` too, for `ner` to learn. Documents without `labels` (DocRED's
    test part) have no relations.

    :param counts: Takes the sizes and the oddities. Without it the oddities come as one warning.
    :param relation_names: Names for the relations' ids (P17: country); an id without a name stays. Where none are given
        and rel_info.json lies beside the file, its names are the relations' `label_text`.
    :raises ValueError: Where the file is not a list of documents, or a document cannot be right: a mention
        outside its sentence, a label that points to no entity, evidence in no sentence, a field that is
        missing or of another type. The message names the file, the document and the place in it.
    """
    return DOCRED.read(path, vocab, counts, relation_names=relation_names)


def _read(path: Path, vocab: Vocab, counts: Counts, options: ReaderOptions) -> Iterator[Draft]:
    options = _with_texts(path, options)
    return json_drafts(path, lambda where, data: _read_document(where, data, vocab, counts, options))


def _with_texts(path: Path, options: ReaderOptions) -> ReaderOptions:
    """Take the labels in words from the file that DocRED comes with, where it lies beside the corpus and nobody has
    named another."""
    beside = path.parent / LABEL_TEXTS
    if options.label_texts is not None or options.relation_names is not None or not beside.is_file():
        return options
    try:
        return replace(options, label_texts=read_names(beside))
    except ValueError:  # It is another file of that name.
        return options


def _read_document(where: str, data: Any, vocab: Vocab, counts: Counts, options: ReaderOptions) -> Doc:
    where = named(where, data)
    document = check(Document, where, data, counts if options.lenient else None)
    sents = document.sents
    words = [word for sent in sents for word in sent]
    if not all(words):
        raise ValueError(Errors.E106.format(where=where))
    counts.note("sentences without words", sum(not sent for sent in sents))
    ends = list(accumulate(map(len, sents)))
    bounds = [(end - len(sent), end) for sent, end in zip(sents, ends)]
    doc = Doc(
        vocab,
        words=words,
        spaces=spaces_between(words),
        sent_starts=[position == 0 for sent in sents for position in range(len(sent))],
    )
    if document.title:
        doc.user_data[TITLE] = document.title
    entities: dict[int, Entity] = {}
    for number, mentions in enumerate(document.vertexSet):
        entity = _read_entity(
            f"{where} vertexSet[{number}]", number, mentions or (), doc, bounds, counts, options
        )
        if entity is not None:
            entities[number] = entity
    counts.note("documents without labels", "labels" not in document.model_fields_set)
    labels = []
    for number, label in present(document.labels):
        at = f"{where} labels[{number}]"
        with counts.leaving_out(DANGLING, options.lenient):
            labels.append(read_relation(at, label.h, label.t, label, entities, bounds, counts, options))
    return annotate(doc, entities.values(), labels, counts, options)


def _read_entity(
    where: str,
    number: int,
    mentions: Iterable[Mention | None],
    doc: Doc,
    sentences: list[Offsets],
    counts: Counts,
    options: ReaderOptions,
) -> Entity | None:
    """The entity, or None where it has no mentions."""
    spans: dict[Offsets, Span] = {}
    types: CounterType[str] = Counter()
    for mention in filter(None, mentions):
        with counts.leaving_out("mentions left out, as they are in no sentence", options.lenient):
            start, end = _offsets(where, mention, sentences)
            counts.note("mentions that their entity lists twice", (start, end) in spans)
            span = spans[start, end] = doc[start:end]
            named = "name" in mention.model_fields_set and squeeze(mention.name) != squeeze(span.text)
            counts.note("mentions with a name other than their words", named)
            types[mention.type] += 1
    counts.note("entities with mentions of several types", len(types) > 1)
    counts.note("entities without mentions", not spans)
    if not spans:
        return None
    return Entity(tuple(spans.values()), key=f"{ENTITY_PREFIX}{number + 1}", label=types.most_common(1)[0][0])


def _offsets(where: str, mention: Mention, sentences: list[Offsets]) -> Offsets:
    """The mention's token offsets in the document."""
    sent_id, pos = mention.sent_id, mention.pos
    first, last = sentences[sent_id] if 0 <= sent_id < len(sentences) else (0, 0)
    if len(pos) != 2 or not 0 <= pos[0] < pos[1] <= last - first:
        lengths = [end - start for start, end in sentences]
        raise ValueError(Errors.E103.format(where=where, pos=pos, sent_id=sent_id, lengths=lengths))
    return first + pos[0], first + pos[1]


def read_relation(
    where: str,
    head: int,
    tail: int,
    relation: Relation,
    entities: Mapping[int, Entity],
    sentences: list[Offsets],
    counts: Counts,
    options: ReaderOptions,
) -> dict[str, Any]:
    """The relation in the form that `relation_data_of` takes."""
    options.check_label(where, relation.r)
    for entity in (head, tail):
        if entity not in entities:
            raise ValueError(Errors.E104.format(where=where, entity=entity, known=sorted(entities)))
    evidence = set(relation.evidence)
    known = {sentence for sentence, (start, end) in enumerate(sentences) if start < end}
    unknown = sorted(evidence - known)
    with counts.leaving_out("evidence left out, as there is no such sentence", options.lenient):
        if unknown:
            raise ValueError(Errors.E105.format(where=where, sentence=unknown[0], known=sorted(known)))
    counts.note("evidence that its label lists twice", len(relation.evidence) - len(evidence))
    return {
        "head": entities[head].key,
        "tail": entities[tail].key,
        "label": relation.r,
        "evidence": [sentences[sentence] for sentence in sorted(evidence & known)],
    }


def _document(doc: Doc) -> dict[str, Any]:
    """Make DocRED's document of a Doc.

    A mention over a sentence's end makes one sentence of the two; a Doc without boundaries is one sentence.
    """
    sentences = whole_sentences(doc)
    of_token = {i: number for number, (start, end) in enumerate(sentences) for i in range(start, end)}
    vertices: dict[int, list[dict[str, Any]]] = {}
    for number, entity in entity_numbers(doc).items():
        vertices[number] = []
        for span in entity.mentions:
            sentence = of_token[span.start]
            first = sentences[sentence][0]
            pos = [span.start - first, span.end - first]
            vertices[number].append(
                {"name": span.text, "pos": pos, "sent_id": sentence, "type": entity.label}
            )
    return {
        "title": document_name(doc),
        "sents": [[token.text for token in doc[start:end]] for start, end in sentences],
        "vertexSet": [vertices.get(number, []) for number in range(max(vertices, default=-1) + 1)],
        "labels": [
            {
                "r": relation["r"],
                "h": relation["h_idx"],
                "t": relation["t_idx"],
                "evidence": relation["evidence"],
            }
            for relation in submission(doc)
        ],
    }


def entity_numbers(doc: Doc) -> dict[int, Entity]:
    """The Doc's entities by their numbers in DocRED: `entity_1` is number 0.

    They are numbered anew where a key has no number, or 0, or where two keys stand for one number.
    """
    entities = get_entities(doc)
    found = [re.search("[0-9]{1,18}$", entity.key) for entity in entities]
    numbers = [int(match[0]) - 1 if match else -1 for match in found]
    if -1 in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(len(entities)))
    return dict(zip(numbers, entities))


def submission(doc: Doc) -> Iterator[dict[str, Any]]:
    """The Doc's relations as the official evaluation takes them."""
    numbers = {entity.key: number for number, entity in entity_numbers(doc).items()}
    sentences = whole_sentences(doc)
    for relation in relation_data(doc):
        yield {
            "title": document_name(doc),
            "h_idx": numbers[relation["head"]],
            "t_idx": numbers[relation["tail"]],
            "r": relation["label"],
            "evidence": [
                number
                for number, (start, end) in enumerate(sentences)
                if any(first < end and start < last for first, last in relation["evidence"])
            ],
        }


DOCRED = Format(
    name="docred",
    description="JSON of DocRED and Re-DocRED: one list of documents, their words without the spaces between",
    reader=_read,
    writer=lambda docs, path: write_json_list(map(_document, docs), path),
    default_ending=".json",
    sniff=lambda peek: any("vertexSet" in item for item in peek.objects),
    holds=frozenset({EVIDENCE, SHARED}),
)
