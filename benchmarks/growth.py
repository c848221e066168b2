"""Time and memory of prediction against the length of a document and its number of mentions.

Documents are made by joining those of a corpus. Each figure comes from a process of its own, one thread.
"""

import subprocess
import sys
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, Dict, Iterable, List, Optional, Tuple

import numpy as np
import spacy
import srsly
import torch
import typer
from measure import Measure
from spacy import Language
from spacy.tokens import Doc, DocBin
from wasabi import table

from spacy_kmgre.docs import read_entities, write_entities
from spacy_kmgre.types import Entity

# Words and mentions at most; None is as many as the text has.
LENGTHS: List[Tuple[int, Optional[int]]] = [
    *((words, None) for words in (100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)),
    (50_000, 5_000),
]
MENTIONS: List[Tuple[int, Optional[int]]] = [
    (20_000, mentions) for mentions in (10, 50, 100, 500, 1_000, 2_000)
]
ALONG = {"words": LENGTHS, "mentions": MENTIONS}

app = typer.Typer(add_completion=False)


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True, file_okay=False)],
    corpus: Annotated[Path, typer.Argument(help="A .spacy corpus to join documents of", exists=True)],
    along: Annotated[str, typer.Option(help="words or mentions")] = "words",
    results: Annotated[Optional[Path], typer.Option(help="Append JSON lines to this file")] = None,
) -> None:
    """Measure every size along an axis, and print a table with the slopes of time and memory."""
    found = []
    for words, mentions in ALONG[along]:
        command = [sys.executable, __file__, "one", str(model), str(corpus), str(words), str(mentions or 0)]
        row = srsly.json_loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found.append(row)
        print(row, file=sys.stderr)
        if results is not None:
            srsly.write_jsonl(results, [{"date": f"{datetime.now():%Y-%m-%d}", **row}], append=True)
    columns = ["words", "mentions", "mention_pairs", "relations", "seconds", "megabytes"]
    print(table([[row[name] for name in columns] for row in found], header=columns, divider=True))
    for name in ("seconds", "megabytes"):
        for against in ("words", "mention_pairs"):
            print(
                f"slope of {name} against {against}, log-log, upper half: {_slope(found, against, name):.2f}"
            )


@app.command()
def one(model: Path, corpus: Path, words: int, mentions: int) -> None:
    """Measure one document, and print a JSON object."""
    torch.set_num_threads(1)
    nlp = spacy.load(model)
    doc = joined(nlp, DocBin().from_disk(corpus).get_docs(nlp.vocab), words, mentions or sys.maxsize)
    nlp(joined(nlp, DocBin().from_disk(corpus).get_docs(nlp.vocab), 100, sys.maxsize))
    with Measure() as measured:
        relations = nlp(doc)._.relations
    sizes = np.array([len(entity.mentions) for entity in read_entities(doc)])
    row: Dict[str, Any] = {
        "words": len(doc),
        "mentions": int(sizes.sum()),
        "entities": len(sizes),
        "mention_pairs": int(sizes.sum() ** 2 - (sizes**2).sum()),
        "relations": len(relations),
        "seconds": round(measured.seconds, 2),
        "cpu_seconds": round(measured.cpu_seconds, 2),
        "megabytes": round(measured.megabytes),
    }
    print(srsly.json_dumps(row))


def joined(nlp: Language, docs: Iterable[Doc], words: int, mentions: int) -> Doc:
    """A document of about so many words and at most so many mentions."""
    parts: List[Doc] = []
    for doc in cycle(docs):
        if parts and sum(map(len, parts)) + len(doc) > words:
            break
        parts.append(doc)
    whole = Doc.from_docs([part.copy() for part in parts], exclude=["user_data", "span_groups"])
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


def _slope(rows: List[Dict[str, Any]], against: str, name: str) -> float:
    rows = rows[len(rows) // 2 :]
    x, y = (np.log([max(row[key], 1) for row in rows]) for key in (against, name))
    return float(np.polyfit(x, y, 1)[0])


if __name__ == "__main__":
    app()
