"""Label Studio's JSON export of text with labels and relations: one list of tasks.

A task's `data` hold the text; the `result` of an annotation holds regions (`value` with start, end, labels) and
relations (`from_id`, `to_id`, `direction`, `labels`). What a model has found is a prediction, which has a `result` too,
and which people correct. (JSON-MIN has no relations.)
https://labelstud.io/guide/task_format
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, relation_data, suggested_by
from ..errors import Errors
from .assemble import TextDocs
from .base import KEY_PAIRS, SCORES, SHARED, Draft, Format
from .counts import Counts
from .files import write_json_list
from .label_studio_regions import Readings, Region, Value, choose_text, find_text, same_words
from .mentions import SUGGESTED, MentionGraph, TaskOptions, coreferring_labels, part_mentions
from .models import LIST, Model, Score, Spared, Text, Title, check, json_drafts
from .offsets import Offsets
from .options import option

# The types of results that are mentions: of plain text, HTML and dialogues, with a label or without.
LABELLED = ("labels", "hypertextlabels", "paragraphlabels")
UNLABELLED = ("text", "hypertext", "paragraphs")
DRAWN = {"start", "startOffset", "globalOffsets"}


class Annotation(Model):
    """What one person has annotated in a task."""

    was_cancelled: bool = False
    completed_by: Any = None
    ground_truth: Any = False
    result: list[Any] = LIST


class Task(Model):
    """A task of Label Studio."""

    data: dict[str, Any]
    id: Title = ""
    annotations: list[Spared[Annotation]] = Field(
        default_factory=list, validation_alias=AliasChoices("annotations", "completions")
    )
    predictions: list[Spared[Annotation]] = LIST

    @property
    def title(self) -> str:
        title = self.data.get("title")
        return title if isinstance(title, str) and title else self.id


@dataclass(frozen=True)
class LabelStudioOptions(TaskOptions):
    """The options of Label Studio's tasks.

    :param annotator: The id or the email address of the person whose annotations are read; "" for the first one's.
    :param text_field: The field of a task's data that holds the text; "" where the reader finds it.
    """

    annotator: str = option(
        "", "Read what this person has annotated (an id or an email address), not the first one"
    )
    text_field: str = option(
        "",
        "The field of the tasks' data that holds the text; without it, text, or the one that fits the regions",
    )


class Result(Model):
    """A region or a relation of an annotation."""

    type: Text
    id: Title = ""


def _listed(labels: Any) -> Any:
    """A list of labels where there is one label, and without null."""
    return [label for label in labels if label is not None] if isinstance(labels, list) else [labels]


class Link(Model):
    """A relation between two regions."""

    from_id: Title
    to_id: Title
    direction: Literal["right", "left", "bi"] = "right"
    labels: Annotated[list[Text], BeforeValidator(_listed)] = LIST
    score: Score = 1.0


def _read(path: Path, vocab: Vocab, counts: Counts, options: LabelStudioOptions) -> Iterator[Draft]:
    reader = _Tasks(TextDocs(vocab, counts, options))
    return json_drafts(path, reader.read)


class _Tasks:
    """Reads tasks one after another.

    :ivar field: The field that the last task had its text in.
    """

    def __init__(self, docs: TextDocs[LabelStudioOptions]):
        self.docs = docs
        self.field = ""

    def read(self, where: str, data: Any) -> Doc | None:
        """Make the document of a task, or None where nobody has annotated it, nor a model.

        Of several annotations the one that is marked as ground truth is read, else the first one. A model's prediction
        is read where there is no annotation, if the options say so.
        """
        task = check(Task, where, data, self.docs.spared)
        annotation = self._choose(task)
        if annotation is None:
            return None
        regions: list[tuple[str, Region]] = []
        links: list[tuple[str, Link]] = []
        others: list[str] = []
        for number, item in enumerate(annotation.result):
            at = f"{where} result[{number}]"
            with self.docs.leaving_out("results left out, as they are not as Label Studio has them"):
                result = check(Result, at, item)
                if result.type == "relation":
                    links.append((at, check(Link, at, item)))
                elif (result.type in LABELLED and not _is_timed(item)) or (
                    result.type in UNLABELLED and _is_drawn(item)
                ):
                    regions.append((at, check(Region, at, item)))
                else:
                    self.docs.counts.note(f"results of type {result.type} (left out)")
                    others.append(result.id)
        graph = self._graph(where, task, regions)
        for name in filter(None, others):
            graph.leave_out(name)
        for at, link in links:
            _add_link(at, link, graph)
        return graph.make(where, task.title)

    def _graph(self, where: str, task: Task, regions: list[tuple[str, Region]]) -> MentionGraph[str]:
        """A graph of the regions of a task, in its text."""
        wanted = self.docs.options.text_field
        texts: dict[str, list[Value]] = {}
        for _, region in regions:
            texts.setdefault(region.to_name, []).append(region.value)
        name = choose_text(task.data, texts, wanted)
        self.field, text = find_text(where, task.data, texts.get(name, []), wanted, self.field)
        graph: MentionGraph[str] = MentionGraph(self.docs, text.text)
        others = {
            other for other, values in texts.items() if other != name and not all(map(text.fits, values))
        }
        for _, region in regions:
            if region.to_name in others:
                self.docs.counts.note("regions of another text of the task (left out)")
                graph.leave_out(region.id)
        regions = [(at, region) for at, region in regions if region.to_name not in others]
        values = [region.value for _, region in regions]
        given = [(text.offsets(value), value.text) for value in values]
        readings = Readings(text.text, [(offsets, words) for offsets, words in given if offsets])
        places: dict[str, Offsets | None] = {}
        for (offsets, words), (at, region) in zip(given, regions):
            if region.id in places and places[region.id] == offsets:
                # A region has a result for each control that labels it.
                self.docs.counts.note("labels beyond a region's first (left out)")
                continue
            places[region.id] = offsets
            with self.docs.leaving_out("regions left out, as they have no offsets in the text"):
                graph.leave_out(region.id)
                if offsets is None:
                    raise ValueError(Errors.E364.format(where=at))
                _add_region(at, region, readings.characters(offsets, words), graph)
        return graph

    def _choose(self, task: Task) -> Annotation | None:
        wanted = self.docs.options.annotator
        given = [annotation for annotation in task.annotations if annotation and not annotation.was_cancelled]
        found = [annotation for annotation in given if not wanted or wanted in _names(annotation)]
        if not task.annotations and any(task.predictions):
            if not self.docs.options.predicted:
                self.docs.counts.note(SUGGESTED)
                return None
            found = [prediction for prediction in task.predictions if prediction]
        if not found:
            self.docs.counts.note("tasks without annotation (left out)")
            return None
        self.docs.counts.note("annotations beyond a task's first (left out)", len(found) - 1)
        return next((annotation for annotation in found if annotation.ground_truth is True), found[0])


def _names(annotation: Annotation) -> set[str]:
    """What the person who has made an annotation may be called by."""
    person = annotation.completed_by
    return {str(person.get(name)) for name in ("id", "email")} if isinstance(person, dict) else {str(person)}


def _is_drawn(item: Any) -> bool:
    """Whether a result marks a part of a text."""
    value = item.get("value")
    return isinstance(value, dict) and not DRAWN.isdisjoint(value)


def _is_timed(item: Any) -> bool:
    """Whether a result marks a part of audio: its offsets are seconds, or it has a channel."""
    value = item.get("value")
    return isinstance(value, dict) and (
        "channel" in value or any(isinstance(value.get(name), float) for name in ("start", "end"))
    )


def _add_region(where: str, region: Region, offsets: tuple[int, int], graph: MentionGraph[str]) -> None:
    labels = region.value.all_labels
    graph.docs.counts.note("labels beyond a region's first (left out)", max(0, len(labels) - 1))
    start, end = offsets
    words, found = region.value.text, graph.text[max(0, start) : max(0, end)]
    if words is None or same_words(found, words):
        words = found
    graph.add(where, region.id, start, end, labels[0] if labels else "", words)


def _add_link(where: str, link: Link, graph: MentionGraph[str]) -> None:
    labels = link.labels or list(filter(None, [graph.docs.options.default_label]))
    graph.docs.counts.note("relations without a label (left out; --default-label names them)", not labels)
    for label in labels:
        if link.direction in ("right", "bi"):
            graph.relate(where, link.from_id, link.to_id, label, link.score)
        if link.direction in ("left", "bi"):
            graph.relate(where, link.to_id, link.from_id, label, link.score)


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
    description="Label Studio's JSON export: tasks",
    reader=_read,
    writer=lambda docs, path: write_json_list(map(_task, itertools.count(1), docs), path),
    settings=LabelStudioOptions,
    default_ending=".json",
    sniff=lambda peek: any(
        isinstance(item.get("data"), dict)
        and not {"annotations", "predictions", "completions"}.isdisjoint(item)
        for item in peek.objects
    ),
    holds=frozenset({KEY_PAIRS, SCORES, SHARED}),
    changes=coreferring_labels,
)
