"""Memory over a long run of documents of mixed lengths: `python soak.py run MODEL --results FILE --minutes 60`.

Each way runs in a process of its own: plain `nlp.pipe`, the same within `nlp.memory_zone()`, `extract` to a file, and
`nlp.pipe` of a blank pipeline, which shows what spaCy itself keeps.
Each document has words of its own, as real texts have, which spaCy's string store keeps outside of a memory zone.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import psutil
import spacy
import srsly
import torch
import typer
from spacy import Language
from spacy.tokens import Doc, Span

from spacy_kmgre.export import find_export
from spacy_kmgre.extraction.annotate import Item
from spacy_kmgre.extraction.run import Plan, extract

WAYS = ("pipe", "memory_zone", "extract", "blank")
# The words of a document, most of which are short; and the share of words that no other document has.
LENGTHS = (30, 60, 120, 250, 600)
WEIGHTS = (40, 30, 20, 9, 1)
NEW = 0.1
BATCH = 64
QUARTERS = 4

app = typer.Typer(add_completion=False)


@app.command()
def run(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True)],
    results: Annotated[Path, typer.Option(help="Append JSON lines to this file")],
    minutes: Annotated[float, typer.Option(help="Of all ways together")] = 8.0,
    way: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(WAYS)}; all")] = None,
) -> None:
    """Run each way for its share of the time."""
    ways = way or list(WAYS)
    for name in ways:
        command = [sys.executable, __file__, "one", str(model), name, str(60 * minutes / len(ways))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row = {"date": f"{datetime.now():%Y-%m-%d}", **srsly.json_loads(done.stdout)}
        srsly.write_jsonl(results, [row], append=True, append_new_line=False)
        print(row)


@app.command(hidden=True)
def one(model: Path, way: str, seconds: float) -> None:
    """Run one way, and print a JSON object."""
    torch.set_num_threads(1)
    nlp = spacy.blank("en") if way == "blank" else spacy.load(model)
    start, memory, documents = time.monotonic(), [], 0
    # What is made once, such as caches, is not growth: one batch comes before the first measurement.
    docs = items(nlp)
    process(nlp, list(islice(docs, BATCH)), way)
    strings = len(nlp.vocab.strings)
    began = megabytes()
    while len(memory) < QUARTERS:
        process(nlp, list(islice(docs, BATCH)), way)
        documents += BATCH
        if time.monotonic() - start > seconds * (len(memory) + 1) / QUARTERS:
            memory.append({"documents": documents, "megabytes": megabytes()})
    first, last = memory[0], memory[-1]
    more = last["megabytes"] - first["megabytes"]
    row: dict[str, Any] = {
        "way": way,
        "seconds": round(time.monotonic() - start),
        "documents": documents,
        "at_start": began,
        "quarters": [quarter["megabytes"] for quarter in memory],
        "growth_percent": round(100 * more / first["megabytes"], 2),
        "kilobytes_per_1000_documents": round(1e6 * more / max(1, last["documents"] - first["documents"])),
        "new_strings": len(nlp.vocab.strings) - strings,
    }
    print(srsly.json_dumps(row))


def process(nlp: Language, batch: list[Item], way: str) -> None:
    """Annotate a batch, and forget it."""
    if way == "extract":
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "out.jsonl"
            extract(nlp, batch, target, find_export(target)(nlp.meta), plan=Plan(16))
    elif way == "memory_zone":
        with nlp.memory_zone():
            list(nlp.pipe(item.make() for item in batch))
    else:
        list(nlp.pipe(item.make() for item in batch))


def items(nlp: Language) -> Iterator[Item]:
    """Documents without end, each other than all before."""
    for number in count():
        yield Item(f"document {number}", lambda number=number: document(nlp, number))


def document(nlp: Language, number: int) -> Doc:
    """A document of two to six entities."""
    random = Random(number)
    (length,) = random.choices(LENGTHS, WEIGHTS)
    words = [
        f"w{number}x{i}" if random.random() < NEW else f"word{random.randrange(2000)}" for i in range(length)
    ]
    doc = Doc(nlp.vocab, words=words, sent_starts=[i % 20 == 0 for i in range(length)])
    for key in range(1, random.randrange(3, 7)):
        places = random.sample(range(length), random.randrange(1, 4))
        doc.spans[f"entity_{key}"] = [Span(doc, at, at + 1, label="X") for at in sorted(places)]
    return doc


def megabytes() -> float:
    """The resident memory of this process."""
    return round(psutil.Process().memory_info().rss / 1e6, 1)


if __name__ == "__main__":
    app()
