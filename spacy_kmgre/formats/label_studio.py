"""Label Studio's JSON export of text with labels and relations: one list of tasks.

A task's `data` hold the text; the `result` of an annotation holds regions (`value` with start, end, labels) and
relations (`from_id`, `to_id`, `direction`, `labels`). (Its JSON-MIN has no relations.)
https://labelstud.io/guide/task_format
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE
from ..errors import Errors
from .assemble import Offsets, TextDocs
from .base import KEY_PAIRS, SHARED, TEXT, Draft, Format, Options, coreferring_labels, squeeze, take, typed
from .counts import Counts
from .files import read_json_list, write_json_list
from .mentions import MentionGraph, part_mentions


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for index, (line, task) in enumerate(read_json_list(path)):
        yield Draft("", partial(_read_task, f"{path}[{index}] line {line}", task, docs))


def _annotation(where: str, task: dict[str, Any], docs: TextDocs) -> dict[str, Any] | None:
    """The annotation of a task to read: the one that is marked as ground truth, else the first. None where
    the task has none or its annotator has skipped it."""
    found = []
    for annotation in take(where, task, "annotations", list):
        if not take(
            where, typed(where, "annotation", annotation, dict), "was_cancelled", bool, default=False
        ):
            found.append(annotation)
    if not found:
        docs.counts.note("tasks without annotation (left out)")
        return None
    docs.counts.note("annotations beyond a task's first (left out)", len(found) - 1)
    return next((annotation for annotation in found if annotation.get("ground_truth") is True), found[0])


def _read_task(where: str, task: Any, docs: TextDocs) -> Doc | None:
    """The document of a task; None where it has no annotation."""
    data = take(where, typed(where, "task", task, dict), "data", dict)
    annotation = _annotation(where, task, docs)
    if annotation is None:
        return None
    text = _text(where, data)
    graph = MentionGraph(docs, text)
    relations: list[tuple[str, dict[str, Any]]] = []
    for number, item in enumerate(take(where, annotation, "result", list)):
        at = f"{where} result[{number}]"
        kind = take(at, typed(at, "result", item, dict), "type", str)
        if kind == "labels":
            _add_region(at, item, graph)
        elif kind == "relation":
            relations.append((at, item))
        else:
            docs.counts.note(f"results of type {kind} (left out)")
    for at, relation in relations:
        _relate(at, relation, graph)
    clusters, found = graph.assemble()
    title = data.get("title", task.get("id", ""))
    title = str(title) if type(title) is int else typed(where, "title", title, str)
    return docs.make(where, text, clusters, found, title=title)


def _text(where: str, data: dict[str, Any]) -> str:
    """The text among a task's data: under the name text, or the only string."""
    if "text" in data:
        return take(where, data, "text", str)
    strings = [value for key, value in data.items() if isinstance(value, str) and key != "title"]
    if len(strings) != 1:
        raise ValueError(Errors.E135.format(where=where, known=", ".join(data) or "none"))
    return typed(where, "text", strings[0], str)


def _add_region(where: str, item: dict[str, Any], graph: MentionGraph) -> None:
    value = take(where, item, "value", dict)
    labels = [typed(where, "labels", label, str) for label in take(where, value, "labels", list, default=[])]
    graph.docs.counts.note("labels beyond a region's first (left out)", max(0, len(labels) - 1))
    start, end = take(where, value, "start", int), take(where, value, "end", int)
    words = take(where, value, "text", str, default=graph.text[start:end])
    if squeeze(words) != squeeze(graph.text[start:end]):
        start, end = _from_utf16(graph.text, (start, end), words)
    graph.add(where, take(where, item, "id", str), start, end, labels[0] if labels else "", words)


def _from_utf16(text: str, offsets: Offsets, words: str) -> Offsets:
    """Offsets in characters, where those given count UTF-16 code units, as browsers do; else as given."""
    start, end = offsets
    data = text.encode("utf-16-le")
    if 0 <= start <= end:
        before = data[: 2 * start].decode("utf-16-le", "replace")
        found = data[2 * start : 2 * end].decode("utf-16-le", "replace")
        if squeeze(found) == squeeze(words):
            return len(before), len(before) + len(found)
    return offsets


def _relate(where: str, relation: dict[str, Any], graph: MentionGraph) -> None:
    head, tail = take(where, relation, "from_id", str), take(where, relation, "to_id", str)
    direction = take(where, relation, "direction", str, default="right")
    labels = [
        typed(where, "labels", label, str) for label in take(where, relation, "labels", list, default=[])
    ]
    graph.docs.counts.note("relations without a label (left out)", not labels)
    for label in labels:
        if direction in ("right", "bi"):
            graph.relate(where, head, tail, label)
        if direction in ("left", "bi"):
            graph.relate(where, tail, head, label)
        if direction not in ("right", "left", "bi"):
            kind = "right, left or bi"
            raise ValueError(Errors.E102.format(where=where, field="direction", kind=kind, value=direction))


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_list((_task(number, doc) for number, doc in enumerate(docs, 1)), path)


def _task(number: int, doc: Doc) -> dict[str, Any]:
    found = part_mentions(doc)
    regions = [
        {
            "id": f"m{name}",
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            "value": {
                "start": span.start_char,
                "end": span.end_char,
                "text": span.text,
                "labels": [span.label_] if span.label_ else [],
            },
        }
        for name, span in enumerate(found.mentions)
    ]
    relations = [
        {
            "type": "relation",
            "from_id": f"m{head}",
            "to_id": f"m{tail}",
            "direction": "right",
            "labels": [label],
        }
        for head, tail, label in found.all_links()
    ]
    return {
        "id": number,
        "data": {"text": doc.text, "title": doc.user_data.get(TITLE, "")},
        "annotations": [{"id": number, "result": [*regions, *relations]}],
    }


LABEL_STUDIO = Format(
    name="label_studio",
    description="Label Studio's JSON export: one list of tasks",
    reader=_read,
    writer=_write,
    options=TEXT | {"coref_label"},
    holds=frozenset({KEY_PAIRS, SHARED}),
    changes=coreferring_labels,
)
