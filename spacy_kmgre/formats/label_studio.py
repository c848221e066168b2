"""Label Studio's JSON export of text with labels and relations: one list of tasks.

A task's `data` hold the text; the `result` of an annotation holds regions (`value` with start, end, labels) and
relations (`from_id`, `to_id`, `direction`, `labels`). What a model has found is a prediction, which has a `result` too,
and which people correct. (JSON-MIN has no relations.)
https://labelstud.io/guide/task_format
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, AliasPath, Field
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, relation_data, suggested_by
from ..errors import Errors
from .assemble import Offsets, TextDocs, squeeze
from .base import KEY_PAIRS, SCORES, SHARED, Draft, Format, option
from .counts import Counts
from .files import read_json_list, write_json_list
from .mentions import MentionGraph, MentionOptions, coreferring_labels, part_mentions
from .models import LIST, Model, Score, Text, Title, check


class Annotation(Model):
    was_cancelled: bool = False
    completed_by: Any = None
    ground_truth: Any = False
    result: Any = None


class Task(Model):
    data: dict[str, Any]
    title: Title = Field("", validation_alias=AliasChoices(AliasPath("data", "title"), "id"))
    annotations: list[Annotation] = LIST
    predictions: list[Annotation] = LIST


@dataclass(frozen=True)
class LabelStudioOptions(MentionOptions):
    """The options of Label Studio's tasks.

    :param annotator: The id or the email address of the person whose annotations are read; "" for the first one's.
    """

    annotator: str = option(
        "", "Read what this person has annotated (an id or an email address), not the first one"
    )


class TaskText(Model):
    text: Text


class Result(Model):
    type: Text


class Results(Model):
    result: list[Result]


class Value(Model):
    start: int
    end: int
    text: Text = ""
    labels: list[Text] = LIST


class Region(Model):
    id: Text
    value: Value


class Link(Model):
    from_id: Text
    to_id: Text
    direction: Literal["right", "left", "bi"] = "right"
    labels: list[Text] = LIST
    score: Score = 1.0


def _read(path: Path, vocab: Vocab, counts: Counts, options: LabelStudioOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for index, task in enumerate(read_json_list(path)):
        yield Draft("", partial(_read_task, f"{path}[{index}]", task, docs))


def _read_task(where: str, data: Any, docs: TextDocs[LabelStudioOptions]) -> Doc | None:
    """Make the document of a task, or None where nobody has annotated it, nor a model.

    Of several annotations the one that is marked as ground truth is read, else the first one. A prediction is read
    where there is no annotation.
    """
    task = check(Task, where, data)
    wanted = docs.options.annotator
    given = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    found = [annotation for annotation in given if not wanted or wanted in _names(annotation)]
    if not task.annotations and not wanted:
        found = task.predictions
    if not found:
        docs.counts.note("tasks without annotation (left out)")
        return None
    docs.counts.note("annotations beyond a task's first (left out)", len(found) - 1)
    annotation = next((annotation for annotation in found if annotation.ground_truth is True), found[0])
    graph: MentionGraph[str] = MentionGraph(docs, _text(where, task.data))
    links: list[tuple[str, Link]] = []
    results = check(Results, where, {"result": annotation.result}).result
    for number, (result, item) in enumerate(zip(results, annotation.result)):
        at = f"{where} result[{number}]"
        if result.type == "labels":
            _add_region(at, check(Region, at, item), graph)
        elif result.type == "relation":
            links.append((at, check(Link, at, item)))
        else:
            docs.counts.note(f"results of type {result.type} (left out)")
    for at, link in links:
        docs.counts.note("relations without a label (left out)", not link.labels)
        for label in link.labels:
            if link.direction in ("right", "bi"):
                graph.relate(at, link.from_id, link.to_id, label, link.score)
            if link.direction in ("left", "bi"):
                graph.relate(at, link.to_id, link.from_id, label, link.score)
    return graph.make(where, task.title)


def _names(annotation: Annotation) -> set[str]:
    """What the person who has made an annotation may be called by."""
    person = annotation.completed_by
    return {str(person.get(name)) for name in ("id", "email")} if isinstance(person, dict) else {str(person)}


def _text(where: str, data: dict[str, Any]) -> str:
    """The text among a task's data: under the name text, or the only string."""
    strings = [value for key, value in data.items() if isinstance(value, str) and key != "title"]
    if "text" not in data and len(strings) != 1:
        raise ValueError(Errors.E135.format(where=where, known=", ".join(data) or "none"))
    return check(TaskText, where, {"text": data["text"] if "text" in data else strings[0]}).text


def _add_region(where: str, region: Region, graph: MentionGraph[str]) -> None:
    start, end, labels = region.value.start, region.value.end, region.value.labels
    graph.docs.counts.note("labels beyond a region's first (left out)", max(0, len(labels) - 1))
    words = region.value.text if "text" in region.value.model_fields_set else graph.text[start:end]
    if squeeze(words) != squeeze(graph.text[start:end]):
        start, end = _from_utf16(graph.text, (start, end), words)
    graph.add(where, region.id, start, end, labels[0] if labels else "", words)


def _from_utf16(text: str, offsets: Offsets, words: str) -> Offsets:
    """Turn offsets in UTF-16 code units, which browsers count, into characters, if the words are there."""
    start, end = offsets
    data = text.encode("utf-16-le")
    if 0 <= start <= end:
        before = data[: 2 * start].decode("utf-16-le", "replace")
        found = data[2 * start : 2 * end].decode("utf-16-le", "replace")
        if squeeze(found) == squeeze(words):
            return len(before), len(before) + len(found)
    return offsets


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
            "from_id": f"m{link.head}",
            "to_id": f"m{link.tail}",
            "direction": "right",
            "labels": [link.label],
            **({"score": link.score} if link.score != 1.0 else {}),
        }
        for link in found.all_links()
    ]
    return {
        "id": number,
        "data": {"text": doc.text, "title": doc.user_data.get(TITLE, "")},
        **_made_by(doc, number, [*regions, *relations]),
    }


def _made_by(doc: Doc, number: int, result: list[dict[str, Any]]) -> dict[str, Any]:
    """The result as an annotation, or as a prediction, whose score is the mean of its relations' scores."""
    model = suggested_by(doc)
    if not model:
        return {"annotations": [{"id": number, "result": result}]}
    scores = [data["score"] for data in relation_data(doc)]
    score = {"score": sum(scores) / len(scores)} if scores else {}
    return {"annotations": [], "predictions": [{"model_version": model, **score, "result": result}]}


LABEL_STUDIO = Format(
    name="label_studio",
    description="Label Studio's JSON export: one list of tasks",
    reader=_read,
    writer=lambda docs, path: write_json_list(map(_task, itertools.count(1), docs), path),
    settings=LabelStudioOptions,
    default_ending=".json",
    sniff=lambda peek: any(
        "data" in item and not {"annotations", "predictions"}.isdisjoint(item) for item in peek.objects
    ),
    holds=frozenset({KEY_PAIRS, SCORES, SHARED}),
    changes=coreferring_labels,
)
