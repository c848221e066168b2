"""doccano's JSON lines with relations ("JSONL (relation)"): a text, entities (mentions, really) and relations.

https://github.com/doccano/doccano/pull/1703
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE
from .assemble import TextDocs
from .base import KEY_PAIRS, SHARED, TEXT, Draft, Format, Options, coreferring_labels, take, typed
from .counts import Counts
from .files import read_json_lines, write_json_lines
from .mentions import MentionGraph, part_mentions


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for where, parse in read_json_lines(path):
        yield Draft("", partial(_read_document, where, parse, docs))


def _read_document(where: str, parse: Callable[[], Any], docs: TextDocs) -> Doc:
    data = typed(where, "document", parse(), dict)
    text = take(where, data, "text", str)
    title = data.get("title", data.get("id", ""))
    title = str(title) if type(title) is int else typed(where, "title", title, str)
    graph = MentionGraph(docs, text)
    for number, entity in enumerate(take(where, data, "entities", list)):
        at = f"{where} entities[{number}]"
        name = take(at, typed(at, "entity", entity, dict), "id", int)
        start, end = (take(at, entity, key, int) for key in ("start_offset", "end_offset"))
        graph.add(at, name, start, end, take(at, entity, "label", str))
    for number, relation in enumerate(take(where, data, "relations", list, default=[])):
        at = f"{where} relations[{number}]"
        typed(at, "relation", relation, dict)
        head, tail = (take(at, relation, key, int) for key in ("from_id", "to_id"))
        graph.relate(at, head, tail, take(at, relation, "type", str))
    clusters, relations = graph.assemble()
    return docs.make(where, text, clusters, relations, title=title)


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_lines((_document(number, doc) for number, doc in enumerate(docs, 1)), path)


def _document(number: int, doc: Doc) -> dict[str, Any]:
    found = part_mentions(doc)
    return {
        "id": number,
        "title": doc.user_data.get(TITLE, ""),
        "text": doc.text,
        "entities": [
            {"id": name, "label": span.label_, "start_offset": span.start_char, "end_offset": span.end_char}
            for name, span in enumerate(found.mentions)
        ],
        "relations": [
            {"id": name, "from_id": head, "to_id": tail, "type": label}
            for name, (head, tail, label) in enumerate(found.all_links())
        ],
    }


DOCCANO = Format(
    name="doccano",
    description="doccano's export of relations: JSON lines",
    reader=_read,
    writer=_write,
    options=TEXT | {"coref_label"},
    holds=frozenset({KEY_PAIRS, SHARED}),
    changes=coreferring_labels,
)
