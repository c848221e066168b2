"""Time and memory of prediction against the length of a document, its mentions and entities, the labels, and the batch.

Documents are made by joining those of a corpus. Each figure comes from a process of its own, one thread.
"""

import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import srsly
import torch
import typer
from measure import Measure
from spacy import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from wasabi import table

from spacy_kmgre.annotations import read_entities, write_entities
from spacy_kmgre.types import Entity

COMPONENT = "kmgre_relations"
# Per axis what it is against, and its points; what a point does not say is as in `Point`.
AXES: dict[str, dict[str, Any]] = {
    "words": {
        "against": "words",
        "points": [{"words": words} for words in (150, 300, 1_000, 3_000, 10_000, 30_000)]
        + [{"words": 50_000, "mentions": 5_000}],
    },
    "mentions": {
        "against": "mention_pairs",
        "points": [{"words": 20_000, "mentions": n, "entities": n // 3} for n in (10, 50, 200, 1_000, 5_000)],
    },
    "entities": {
        "against": "entity_pairs",
        "points": [{"words": 2_000, "mentions": 300, "entities": n} for n in (3, 10, 30, 100, 300)],
    },
    "labels": {
        "against": "labels",
        "points": [{"words": 1_000, "labels": n} for n in (2, 10, 100, 1_000)],
    },
    "batch": {
        "against": "batch",
        "points": [{"documents": 64, "batch": n} for n in (1, 4, 16, 64)],
    },
}
COLUMNS = ("words", "mentions", "entities", "mention_pairs", "labels", "batch", "relations")
MEASURED = ("seconds", "cpu_seconds", "megabytes")
SEED = 0

app = typer.Typer(add_completion=False)


class Point(NamedTuple):
    """The size of what is measured.

    :param words: About the number of words of the document.
    :param mentions: The largest number of mentions of the corpus; with `entities`, the number of words that
        are drawn as mentions.
    :param entities: The number of entities into which the drawn mentions are put evenly; None for those of the corpus.
    :param labels: The number of untrained labels, none of which is predicted; None for the pipeline's own.
    :param documents: The number of documents of the corpus that are read in place of one that is joined.
    :param batch: The number of documents that `nlp.pipe` holds at a time.
    """

    words: int = 0
    mentions: int | None = None
    entities: int | None = None
    labels: int | None = None
    documents: int = 0
    batch: int = 1


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True, file_okay=False)],
    corpus: Annotated[Path, typer.Argument(help="A .spacy corpus to join documents of", exists=True)],
    results: Annotated[Path, typer.Option(help="Append JSON lines to this file")],
    axis: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(AXES)}; all")] = None,
) -> None:
    """Measure every point of each axis."""
    for name in axis or AXES:
        for point in AXES[name]["points"]:
            command = [sys.executable, __file__, "one", str(model), str(corpus), srsly.json_dumps(point)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row = {"date": f"{datetime.now():%Y-%m-%d}", "axis": name, **srsly.json_loads(done.stdout)}
            srsly.write_jsonl(results, [row], append=True, append_new_line=False)
            print(row, file=sys.stderr)
    show(results)


@app.command(hidden=True)
def one(model: Path, corpus: Path, point: str) -> None:
    """Measure one point, and print a JSON object."""
    torch.set_num_threads(1)
    at = Point(**srsly.json_loads(point))
    nlp = spacy.load(model)
    docs = list(DocBin().from_disk(corpus).get_docs(nlp.vocab))
    if at.labels is not None:
        nlp = relabelled(nlp, docs, at.labels)
    if at.documents:
        read = [unread(doc) for doc in docs[: at.documents]]
    elif at.entities is not None:
        assert at.mentions is not None
        read = [drawn(joined(docs, at.words), at.mentions, at.entities)]
    else:
        read = [joined(docs, at.words, at.mentions or sys.maxsize)]
    nlp(joined(docs, 100))
    with Measure() as measured:
        relations = sum(len(doc._.relations) for doc in nlp.pipe(read, batch_size=at.batch))
    sizes = [np.array([len(entity.mentions) for entity in read_entities(doc)]) for doc in read]
    row: dict[str, Any] = {
        "words": sum(map(len, read)),
        "mentions": sum(int(size.sum()) for size in sizes),
        "entities": sum(map(len, sizes)),
        "entity_pairs": sum(len(size) * (len(size) - 1) for size in sizes),
        "mention_pairs": sum(int(size.sum() ** 2 - (size**2).sum()) for size in sizes),
        "labels": len(nlp.get_pipe(COMPONENT).labels),  # type: ignore[attr-defined]
        "documents": len(read),
        "batch": at.batch,
        "relations": relations,
        "seconds": round(measured.seconds, 2),
        "cpu_seconds": round(measured.cpu_seconds, 2),
        "megabytes": round(measured.megabytes),
    }
    print(srsly.json_dumps(row))


def relabelled(nlp: Language, docs: list[Doc], count: int) -> Language:
    """The same untrained, with that many labels, of which it predicts none."""
    fresh = spacy.blank("en", vocab=nlp.vocab)
    config = dict(nlp.config.interpolate()["components"][COMPONENT])
    del config["factory"]
    pipe: Any = fresh.add_pipe(COMPONENT, config=config)
    labels = [f"label_{number}" for number in range(count)]
    pipe.initialize(lambda: [Example(doc, doc) for doc in docs[:1]], nlp=fresh, labels=labels)
    pipe.threshold = 1.0
    return fresh


def unread(doc: Doc) -> Doc:
    """A Doc with its entities and without its relations."""
    copy = doc.copy()
    copy._.relations = []
    return copy


def joined(docs: Iterable[Doc], words: int, mentions: int = sys.maxsize) -> Doc:
    """A document of about so many words and at most so many mentions."""
    parts: list[Doc] = []
    docs = list(docs)
    for doc in cycle([doc for doc in docs if len(doc) <= words] or docs[:1]):
        if parts and sum(map(len, parts)) + len(doc) > words:
            break
        parts.append(doc)
    whole = Doc.from_docs([part.copy() for part in parts], exclude=["user_data", "spans"])
    start, left = 0, mentions
    entities = []
    for part in parts:
        for entity in read_entities(part):
            if len(entity.mentions) <= left:
                left -= len(entity.mentions)
                spans = tuple(whole[span.start + start : span.end + start] for span in entity.mentions)
                entities.append(Entity(spans, key=f"entity_{len(entities) + 1}", label=entity.label))
        start += len(part)
    write_entities(whole, entities)
    return whole


def drawn(doc: Doc, mentions: int, entities: int) -> Doc:
    """The document with words drawn at random as mentions, evenly shared among entities."""
    places = np.random.default_rng(SEED).choice(len(doc), mentions, replace=False)
    doc.spans.clear()
    parts = np.array_split(places, entities)
    write_entities(
        doc,
        [
            Entity(tuple(doc[int(i) : int(i) + 1] for i in sorted(part)), key=f"entity_{number}", label="")
            for number, part in enumerate(parts, start=1)
        ],
    )
    return doc


@app.command()
def show(
    results: Annotated[Path, typer.Argument(help="What `measure` has written", exists=True)],
    plot: Annotated[Path | None, typer.Option(help="Draw it to this .svg file")] = None,
) -> None:
    """Print a table of each axis with its slopes, and draw them."""
    rows = list(srsly.read_jsonl(results))
    measured = {axis: [row for row in rows if row["axis"] == axis] for axis in AXES}
    measured = {axis: found for axis, found in measured.items() if found}
    columns = (*COLUMNS, *MEASURED)
    for axis, found in measured.items():
        print(
            table([[f"{row[name]:.8g}" for name in columns] for row in found], header=columns, divider=True)
        )
        for name in MEASURED:
            against = AXES[axis]["against"]
            slope = _slope(found, against, name)
            print(f"slope of {name} against {against}, log-log, upper half: {slope:.2f}")
    if plot is not None:
        draw(measured, plot)


def draw(measured: dict[str, list[dict[str, Any]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot

    names = ("cpu_seconds", "megabytes")
    figure, axes = pyplot.subplots(
        len(names), len(measured), figsize=(3 * len(measured), 5), squeeze=False, layout="constrained"
    )
    for column, (axis, rows) in enumerate(measured.items()):
        against = AXES[axis]["against"]
        for row, name in enumerate(names):
            place = axes[row][column]
            place.loglog([r[against] for r in rows], [max(r[name], 0.1) for r in rows], marker="o")
            place.set_xlabel(against.replace("_", " "))
            place.set_ylabel({"cpu_seconds": "processor seconds", "megabytes": "MB above idle"}[name])
            place.grid(True, which="major", alpha=0.3)
        axes[0][column].set_title(axis)
    figure.savefig(path, metadata={"Date": None})


def _slope(rows: list[dict[str, Any]], against: str, name: str) -> float:
    rows = rows[len(rows) // 2 :]
    x, y = (np.log([max(row[key], 0.01) for row in rows]) for key in (against, name))
    return float(np.polyfit(x, y, 1)[0]) if len(rows) > 1 else 0.0


if __name__ == "__main__":
    app()
