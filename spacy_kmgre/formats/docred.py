"""DocRED's JSON, which Re-DocRED and others share.

A file is a list of documents: `sents` are their tokens, `vertexSet` the entities as lists of mentions,
`labels` the relations between entities, each with the numbers of its evidence sentences.
https://github.com/thunlp/DocRED/tree/master/data
"""

import json
import warnings
from collections import Counter
from itertools import accumulate
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple, Type, TypeVar

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..docs import ENTITY_PREFIX, TITLE, set_relations, write_entities
from ..errors import Errors, Warnings
from ..types import Entity
from .counts import Counts

T = TypeVar("T")
Offsets = Tuple[int, int]


def read_docred(
    path: Path,
    vocab: Vocab,
    counts: Optional[Counts] = None,
    relation_names: Optional[Mapping[str, str]] = None,
) -> Iterator[Doc]:
    """Read documents with sentences, entities and gold relations; tokens are joined by single spaces.

    The entity vertexSet[0] lies in the span group `entity_1` and so on; its label is its mentions' most
    frequent type. Documents without `labels` (DocRED's test part) have no relations.

    :param counts: Takes the sizes and the oddities; without it the oddities come as one warning.
    :param relation_names: Names for the relations' ids (P17 -> country); an id without one stays.
    :raises ValueError: Where the file is no list of documents, or a document cannot be right: a mention
        outside its sentence, a label that points to no entity, evidence in no sentence, a field that is
        missing or of another type. The message names the file, the document and the place in it.
    """
    noted = Counts() if counts is None else counts
    titles: Set[str] = set()
    for index, data in enumerate(_load(path)):
        doc = _read_document(f"{path}[{index}]", data, vocab, noted, relation_names)
        title = doc.user_data[TITLE]
        noted.note("titles met before", title in titles)
        titles.add(title)
        noted.add(doc)
        yield doc
    if counts is None and noted.oddities:
        warnings.warn(Warnings.W100.format(path=path, oddities=dict(noted.oddities)), stacklevel=2)


def _load(path: Path) -> List[Any]:
    try:
        with path.open(encoding="utf8") as file:
            data = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=path, error=error)) from error
    if not isinstance(data, list):
        raise ValueError(Errors.E101.format(path=path, kind=type(data).__name__))
    return data


def _read_document(
    where: str, data: Any, vocab: Vocab, counts: Counts, relation_names: Optional[Mapping[str, str]]
) -> Doc:
    _typed(where, "document", data, dict)
    title = _field(where, data, "title", str)
    where = f"{where} {title!r}"
    sents = [
        _typed(where, f"sents[{number}]", sent, list)
        for number, sent in enumerate(_field(where, data, "sents", list))
    ]
    words = [word for sent in sents for word in sent]
    for word in words:
        if not _typed(where, "word", word, str):
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
    entities: Dict[int, Entity] = {}
    for number, mentions in enumerate(_field(where, data, "vertexSet", list)):
        entity = _read_entity(f"{where} vertexSet[{number}]", number, mentions, doc, bounds, counts)
        if entity is not None:
            entities[number] = entity
    write_entities(doc, entities.values())
    set_relations(doc, _read_labels(where, data, entities, bounds, counts, relation_names))
    return doc


def _read_entity(
    where: str, number: int, data: Any, doc: Doc, sentences: List[Offsets], counts: Counts
) -> Optional[Entity]:
    """The entity; None where it has no mentions."""
    spans: Dict[Offsets, Span] = {}
    types: List[str] = []
    for mention in _typed(where, "entity", data, list):
        start, end = _read_mention(where, mention, sentences)
        counts.note("mentions that their entity lists twice", (start, end) in spans)
        span = spans[start, end] = doc[start:end]
        name = _field(where, mention, "name", str, default=span.text)
        counts.note("mentions with a name other than their words", _squeeze(name) != _squeeze(span.text))
        types.append(_field(where, mention, "type", str, default=""))
    counts.note("entities with mentions of several types", len(set(types)) > 1)
    counts.note("entities without mentions", not spans)
    if not spans:
        return None
    label = Counter(types).most_common(1)[0][0]
    return Entity(mentions=tuple(spans.values()), key=_key(number), label=label)


def _read_mention(where: str, data: Any, sentences: List[Offsets]) -> Offsets:
    """The mention's token offsets in the document."""
    _typed(where, "mention", data, dict)
    sent_id = _field(where, data, "sent_id", int)
    pos = [_typed(where, "pos", offset, int) for offset in _field(where, data, "pos", list)]
    first, last = sentences[sent_id] if 0 <= sent_id < len(sentences) else (0, 0)
    if len(pos) != 2 or not 0 <= pos[0] < pos[1] <= last - first:
        lengths = [end - start for start, end in sentences]
        raise ValueError(Errors.E103.format(where=where, pos=pos, sent_id=sent_id, lengths=lengths))
    return first + pos[0], first + pos[1]


def _read_labels(
    where: str,
    data: Dict[str, Any],
    entities: Dict[int, Entity],
    sentences: List[Offsets],
    counts: Counts,
    relation_names: Optional[Mapping[str, str]],
) -> List[Dict[str, Any]]:
    """The relations in the form that `set_relations` takes, each once."""
    counts.note("documents without labels", "labels" not in data)
    known = [sentence for sentence, (start, end) in enumerate(sentences) if start < end]
    found: Dict[Tuple[int, int, str], Set[int]] = {}
    for number, label in enumerate(_field(where, data, "labels", list, default=[])):
        at = f"{where} labels[{number}]"
        _typed(at, "label", label, dict)
        head, tail = (_field(at, label, end, int) for end in "ht")
        for entity in (head, tail):
            if entity not in entities:
                raise ValueError(Errors.E104.format(where=at, entity=entity, known=sorted(entities)))
        name = _field(at, label, "r", str)
        if relation_names is not None:
            counts.note("labels without a relation name", name not in relation_names)
            name = relation_names.get(name, name)
        evidence = _field(at, label, "evidence", list, default=[])
        for sentence in evidence:
            if _typed(at, "evidence", sentence, int) not in known:
                raise ValueError(Errors.E105.format(where=at, sentence=sentence, known=known))
        counts.note("labels listed twice", (head, tail, name) in found)
        counts.note("evidence that its label lists twice", len(evidence) - len(set(evidence)))
        found.setdefault((head, tail, name), set()).update(evidence)
    return [
        {
            "head": _key(head),
            "tail": _key(tail),
            "label": name,
            "evidence": [sentences[sentence] for sentence in sorted(evidence)],
        }
        for (head, tail, name), evidence in found.items()
    ]


def _key(number: int) -> str:
    return f"{ENTITY_PREFIX}{number + 1}"


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _field(where: str, data: Dict[str, Any], field: str, kind: Type[T], default: Optional[T] = None) -> T:
    return _typed(where, field, data.get(field, default), kind)


def _typed(where: str, field: str, value: Any, kind: Type[T]) -> T:
    if type(value) is not kind:  # isinstance would take JSON's true for an int
        got = short_repr(value)
        raise ValueError(Errors.E102.format(where=where, field=field, kind=kind.__name__, value=got))
    return value
