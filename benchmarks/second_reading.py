"""What a second reading brings and costs: `python second_reading.py MODEL CORPUS.spacy --results FILE`.

Each weight of the setting `second_reading` scores the same documents with the same model; the differences from one
reading are paired by document.
"""

import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from wasabi import table

from spacy_kmgre.evaluation.report import count_examples, score_examples
from spacy_kmgre.evaluation.significance import compare
from spacy_kmgre.evaluation.table import count_tables
from spacy_kmgre.scoring.tallies import RelationCounts
from spacy_kmgre.training.corpus import create_corpus_reader

GROUPS = ("micro", "ign", "m2", "evidence")


def main(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True)],
    corpus: Annotated[Path, typer.Argument(help="A .spacy file to score", exists=True)],
    results: Annotated[Path | None, typer.Option(help="Append JSON lines to this file")] = None,
    weight: Annotated[list[float] | None, typer.Option(help="Weights of the second reading")] = None,
) -> None:
    """Score with one thread, once for each weight."""
    torch.set_num_threads(1)
    nlp = spacy.load(model)
    pipe = nlp.get_pipe("kmgre_relations")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=True, stdout=subprocess.PIPE, text=True
    )
    rows: list[dict[str, Any]] = []
    once: list[RelationCounts] | None = None
    for value in [0.0, *(weight or [0.2, 0.4, 0.6])]:
        pipe.second_reading = value
        examples = list(create_corpus_reader(corpus)(nlp))
        start = time.process_time()
        score_examples(nlp, examples)
        seconds = time.process_time() - start
        counts = count_examples(pipe, examples)
        scores = sum(counts, RelationCounts()).scores()
        once = once or counts
        found = compare(*count_tables(once, counts))
        rows.append(
            {
                "date": f"{datetime.now():%Y-%m-%d}",
                "commit": commit.stdout.strip(),
                "corpus": corpus.stem,
                "model": "/".join(model.parts[-2:]),
                "weight": value,
                **{f"{name}_f": round(100 * scores[f"rel_{name}_f"], 2) for name in GROUPS},
                "difference": [
                    round(100 * float(part[0, -1]), 2) for part in (found.difference, found.low, found.high)
                ],
                "cpu_seconds": round(seconds, 1),
            }
        )
    print(table([[str(row[name]) for name in rows[0]] for row in rows], header=list(rows[0])))
    if results is not None:
        srsly.write_jsonl(results, rows, append=True, append_new_line=False)


if __name__ == "__main__":
    typer.run(main)
