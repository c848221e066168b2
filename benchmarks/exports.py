"""Each export over many documents: its time, the memory that it takes, and how that grows.

The documents are those of a corpus with relations, such as Re-DocRED's with what a pipeline has predicted, again and
again under new titles. Each export runs in a process of its own.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import spacy
import srsly
import typer
from measure import Measure
from spacy.tokens import Doc
from wasabi import table

from spacy_kmgre.annotations import TITLE
from spacy_kmgre.export import export_docs
from spacy_kmgre.formats import FORMATS

NAMES = ("csv", "jsonl", "parquet", "trig", "neo4j", "cypher", "node-link", "graphml", "spacy")


def main(
    corpus: Annotated[Path, typer.Argument(help="A DocBin of documents with relations")],
    documents: Annotated[str, typer.Option(help="Numbers of documents")] = "500,2500,5000",
    export: Annotated[str, typer.Option(help="Names of exports")] = ",".join(NAMES),
    results: Annotated[Path | None, typer.Option(help="Append JSON lines to this file")] = None,
) -> None:
    """Measure exports."""
    rows = []
    for form in export.split(","):
        for count in map(int, documents.split(",")):
            # A process that is begun anew, so that its memory tells of this export alone.
            with get_context("spawn").Pool(1) as pool:
                row = {"export": form, **pool.apply(measure, (corpus, count, form))}
            rows.append(row)
            print(json.dumps(row), flush=True)
            if results is not None:
                line = {"date": f"{datetime.now():%Y-%m-%d}", "corpus": corpus.name, **row}
                srsly.write_jsonl(results, [line], append=True, append_new_line=False)
    header = tuple(rows[0])
    print(table([tuple(map(str, row.values())) for row in rows], header=header, divider=True))


def repeat(docs: Sequence[Doc], count: int) -> Iterator[Doc]:
    """Give documents again and again under new titles."""
    titles = [doc.user_data[TITLE] for doc in docs]
    for number, (doc, title) in enumerate(islice(cycle(zip(docs, titles)), count)):
        doc.user_data[TITLE] = f"{title} {number}"
        yield doc


def measure(corpus: Path, count: int, form: str) -> dict[str, Any]:
    """Export as many documents of a corpus.

    :returns: The numbers of documents and relations, seconds of the CPU, the highest use of memory above that with the
        corpus in it, and what was written.
    """
    docs = list(FORMATS["spacy"].read(corpus, spacy.blank("en").vocab))
    relations = sum(len(doc._.relations) for doc in repeat(docs, count))
    with TemporaryDirectory() as folder:
        target = Path(folder, "out")
        export_docs(docs[:1], target.with_name("first"), form)  # It imports what the export needs.
        with Measure() as measured:
            export_docs(repeat(docs, count), target, form)
        files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
        written = sum(path.stat().st_size for path in files)
    return {
        "documents": count,
        "relations": relations,
        "CPU seconds": round(measured.cpu_seconds, 1),
        "MiB": round(measured.megabytes),
        "MiB written": round(written / 2**20, 1),
    }


if __name__ == "__main__":
    typer.run(main)
