"""DocRED's JSON, which Re-DocRED and others share, and the file of its official evaluation.

A file is a list of documents: `sents` are their tokens, `vertexSet` the entities as lists of mentions,
`labels` the relations between entities, each with the numbers of its evidence sentences. A submission is
a list of relations: `title`, `h_idx`, `t_idx`, `r`, `evidence`.
https://github.com/thunlp/DocRED/tree/master/data
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, TITLE, document_name, read_entities, relation_data
from ..errors import Errors
from ..types import Entity
from .assemble import Offsets, annotate
from .base import EVIDENCE, NAMES, SHARED, Draft, Format, Options, squeeze, take, typed
from .counts import Counts
from .files import read_json_list, write_json_list


def read_docred(
    path: Path,
    vocab: Vocab,
    counts: Counts | None = None,
    relation_names: Mapping[str, str | None] | None = None,
) -> Iterator[Doc]:
    """Read documents with sentences, entities and gold relations; tokens are joined by single spaces.

    The entity vertexSet[0] lies in the span group `entity_1` and so on; its label is its mentions' most
    frequent type. The mentions are `doc.ents` too, for `ner` to learn. Documents without `labels` (DocRED's
    test part) have no relations.

    :param counts: Takes the sizes and the oddities; without it the oddities come as one warning.
    :param relation_names: Names for the relations' ids (P17 -> country); an id without one stays.
    :raises ValueError: Where the file is no list of documents, or a document cannot be right: a mention
        outside its sentence, a label that points to no entity, evidence in no sentence, a field that is
        missing or of another type. The message names the file, the document and the place in it.
    """
    return DOCRED.read(path, vocab, counts, relation_names=relation_names)


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    for index, (line, data) in enumerate(read_json_list(path)):
        title = data.get("title", "") if isinstance(data, dict) else ""
        yield Draft(
            title if isinstance(title, str) else "",
            partial(_read_document, f"{path}[{index}]", f"line {line}", data, vocab, counts, options),
        )


def _read_document(where: str, line: str, data: Any, vocab: Vocab, counts: Counts, options: Options) -> Doc:
    title = take(f"{where} {line}", typed(where, "document", data, dict), "title", str)
    where = f"{where} {title!r} {line}"
    sents = [
        typed(where, f"sents[{number}]", sent, list)
        for number, sent in enumerate(take(where, data, "sents", list))
    ]
    words = [word for sent in sents for word in sent]
    for word in words:
        if not typed(where, "word", word, str):
            raise ValueError(Errors.E106.format(where=where))
    counts.note("sentences without words", sum(not sent for sent in sents))
    ends = list(accumulate(map(len, sents)))
    bounds = [(end - len(sent), end) for sent, end in zip(sents, ends)]
    doc = Doc(
        vocab,
        words=words,
        spaces=[True] * (len(words) - 1) + [False] * bool(words),
        sent_starts=[position == 0 for sent in sents for position in range(len(sent))],
    )
    doc.user_data[TITLE] = title
    entities: dict[int, Entity] = {}
    for number, mentions in enumerate(take(where, data, "vertexSet", list)):
        entity = _read_entity(f"{where} vertexSet[{number}]", number, mentions, doc, bounds, counts)
        if entity is not None:
            entities[number] = entity
    labels = _read_labels(where, data, entities, bounds, counts)
    return annotate(doc, entities.values(), labels, counts, options.relation_names)


def _read_entity(
    where: str, number: int, data: Any, doc: Doc, sentences: list[Offsets], counts: Counts
) -> Entity | None:
    """The entity; None where it has no mentions."""
    spans: dict[Offsets, Span] = {}
    types: list[str] = []
    for mention in typed(where, "entity", data, list):
        start, end = _read_mention(where, mention, sentences)
        counts.note("mentions that their entity lists twice", (start, end) in spans)
        span = spans[start, end] = doc[start:end]
        name = take(where, mention, "name", str, default=span.text)
        counts.note("mentions with a name other than their words", squeeze(name) != squeeze(span.text))
        types.append(take(where, mention, "type", str, default=""))
    counts.note("entities with mentions of several types", len(set(types)) > 1)
    counts.note("entities without mentions", not spans)
    if not spans:
        return None
    label = Counter(types).most_common(1)[0][0]
    return Entity(mentions=tuple(spans.values()), key=_key(number), label=label)


def _read_mention(where: str, data: Any, sentences: list[Offsets]) -> Offsets:
    """The mention's token offsets in the document."""
    typed(where, "mention", data, dict)
    sent_id = take(where, data, "sent_id", int)
    pos = [typed(where, "pos", offset, int) for offset in take(where, data, "pos", list)]
    first, last = sentences[sent_id] if 0 <= sent_id < len(sentences) else (0, 0)
    if len(pos) != 2 or not 0 <= pos[0] < pos[1] <= last - first:
        lengths = [end - start for start, end in sentences]
        raise ValueError(Errors.E103.format(where=where, pos=pos, sent_id=sent_id, lengths=lengths))
    return first + pos[0], first + pos[1]


def _read_labels(
    where: str, data: dict[str, Any], entities: dict[int, Entity], sentences: list[Offsets], counts: Counts
) -> Iterator[dict[str, Any]]:
    counts.note("documents without labels", "labels" not in data)
    for number, label in enumerate(take(where, data, "labels", list, default=[])):
        at = f"{where} labels[{number}]"
        typed(at, "label", label, dict)
        head, tail = (take(at, label, end, int) for end in "ht")
        yield _relation(at, head, tail, label, entities, sentences, counts)


def _relation(
    where: str,
    head: int,
    tail: int,
    data: dict[str, Any],
    entities: Mapping[int, Entity],
    sentences: list[Offsets],
    counts: Counts,
) -> dict[str, Any]:
    """A relation in the form that `set_relations` takes."""
    for entity in (head, tail):
        if entity not in entities:
            raise ValueError(Errors.E104.format(where=where, entity=entity, known=sorted(entities)))
    evidence = take(where, data, "evidence", list, default=[])
    known = {sentence for sentence, (start, end) in enumerate(sentences) if start < end}
    for sentence in evidence:
        if typed(where, "evidence", sentence, int) not in known:
            raise ValueError(Errors.E105.format(where=where, sentence=sentence, known=sorted(known)))
    counts.note("evidence that its label lists twice", len(evidence) - len(set(evidence)))
    return {
        "head": entities[head].key,
        "tail": entities[tail].key,
        "label": take(where, data, "r", str),
        "evidence": [sentences[sentence] for sentence in sorted(set(evidence))],
    }


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_list(map(_document, docs), path)


def _document(doc: Doc) -> dict[str, Any]:
    """A Doc as DocRED has it. A mention over a sentence's end makes one sentence of the two; a Doc without
    boundaries is one sentence."""
    sentences = _sentences(doc)
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
            for relation in _submission(doc)
        ],
    }


def _sentences(doc: Doc) -> list[Offsets]:
    starts = [0] if len(doc) else []
    if doc.has_annotation("SENT_START"):
        starts = [sent.start for sent in doc.sents]
    within = {
        i
        for entity in read_entities(doc)
        for span in entity.mentions
        for i in range(span.start + 1, span.end)
    }
    starts = [start for start in starts if start not in within]
    return list(zip(starts, [*starts[1:], len(doc)]))


def entity_numbers(doc: Doc) -> dict[int, Entity]:
    """The Doc's entities by their numbers in DocRED: `entity_1` is number 0. Where there is an `entity_0`
    they are counted anew."""
    entities = read_entities(doc)
    numbers = [int(entity.key[len(ENTITY_PREFIX) :]) - 1 for entity in entities]
    if -1 in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(len(entities)))
    return dict(zip(numbers, entities))


def _submission(doc: Doc) -> Iterator[dict[str, Any]]:
    """The Doc's relations as the official evaluation takes them."""
    numbers = {entity.key: number for number, entity in entity_numbers(doc).items()}
    sentences = _sentences(doc)
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


def _write_submission(docs: Iterable[Doc], path: Path) -> None:
    write_json_list((relation for doc in docs for relation in _submission(doc)), path)


def _read_submission(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    """The Docs of the option `documents` with the relations of a submission in place of their own."""
    if options.documents is None:
        raise ValueError(Errors.E107.format(path=path))
    relations: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for index, (line, data) in enumerate(read_json_list(path)):
        where = f"{path}[{index}] line {line}"
        title = take(where, typed(where, "relation", data, dict), "title", str)
        relations.setdefault(title, []).append((f"{where} {title!r}", data))
    found = set()
    for doc in options.documents:
        title = document_name(doc)
        found.add(title)
        yield Draft(title, partial(_submitted, doc, relations.get(title, ()), counts, options))
    missing = [title for title in relations if title not in found]
    if missing:
        raise ValueError(Errors.E108.format(path=path, count=len(missing), titles=missing[:3]))


def _submitted(
    doc: Doc, relations: Iterable[tuple[str, dict[str, Any]]], counts: Counts, options: Options
) -> Doc:
    numbers, sentences = entity_numbers(doc), _sentences(doc)
    data = []
    for where, item in relations:
        head, tail = (take(where, item, end, int) for end in ("h_idx", "t_idx"))
        data.append(_relation(where, head, tail, item, numbers, sentences, counts))
    return annotate(doc, numbers.values(), data, counts, options.relation_names)


def _key(number: int) -> str:
    return f"{ENTITY_PREFIX}{number + 1}"


DOCRED = Format(
    name="docred",
    description="JSON of DocRED and Re-DocRED: one list of documents",
    reader=_read,
    writer=_write,
    holds=frozenset({EVIDENCE, SHARED}),
)
SUBMISSION = Format(
    name="docred_submission",
    description="file of DocRED's official evaluation: one list of relations, read onto --documents",
    reader=_read_submission,
    writer=_write_submission,
    options=NAMES | {"documents"},
    holds=frozenset({EVIDENCE, SHARED}),
)
