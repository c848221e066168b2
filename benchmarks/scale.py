"""What a cluster makes of a corpus: a simulation of the scheduler, whose costs are measured or given.

`simulate` deals parts out to workers as Ray Data does: the driver needs some time for each part, one after the other; a
worker has up to two parts; it takes as long as the words of a part say. What comes out is the time of the run and the
share of it in which workers work.
"""

import heapq
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import srsly
import typer
from wasabi import table

# The length of a document's text in words: most are short, few are very long (log-normal, with the mean of Re-DocRED).
MEAN_LOG, SPREAD = 5.1, 0.8


def main(
    documents: Annotated[int, typer.Option(help="Number of documents")] = 1_000_000,
    words_per_second: Annotated[float, typer.Option(help="Speed of a worker")] = 2_000.0,
    overhead: Annotated[float, typer.Option(help="Seconds of the driver for each part")] = 0.02,
    start: Annotated[float, typer.Option(help="Seconds until a worker has loaded its pipeline")] = 20.0,
    longest: Annotated[int, typer.Option(help="Words of one very long document, which comes last")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the lengths of documents")] = 0,
    results: Annotated[Path | None, typer.Option(help="Append a JSON line for each row to this file")] = None,
) -> None:
    """Show the time of a run by numbers of workers and sizes of parts."""
    rows = []
    for part_words in (20_000, 200_000, 1_000_000):
        parts = make_parts(documents, part_words, longest, seed)
        for workers in (1, 10, 100, 1_000):
            seconds = simulate(parts, workers, words_per_second, overhead, start)
            busy = sum(parts) / words_per_second / (workers * seconds)
            rows.append((part_words, workers, len(parts), round(seconds), round(busy, 3)))
    header = ("part_words", "workers", "parts", "seconds", "busy")
    print(table([tuple(f"{value:,}" for value in row) for row in rows], header=header, aligns=("r",) * 5))
    if results is not None:
        known = {"date": f"{datetime.now():%Y-%m-%d}", "documents": documents, "longest": longest}
        known |= {"words_per_second": words_per_second, "overhead": overhead, "start": start}
        srsly.write_jsonl(results, [{**known, **dict(zip(header, row))} for row in rows], append=True)


def make_parts(documents: int, part_words: int, longest: int, seed: int) -> list[int]:
    """The words of the parts of a corpus, as `split_by_words` makes them, to a document."""
    lengths = np.random.default_rng(seed).lognormal(MEAN_LOG, SPREAD, documents) + 1
    parts = np.bincount(np.cumsum(lengths).astype(int) // part_words, weights=lengths)
    return [*map(int, parts), *([longest] if longest else [])]


def simulate(
    parts: Sequence[int],
    workers: int,
    words_per_second: float,
    overhead: float,
    start: float,
    waiting: int = 2,
) -> float:
    """The seconds that a run takes.

    :param parts: The words of each part, in the order in which they are read.
    :param overhead: The seconds that the driver needs for each part.
    :param start: The seconds after which the workers are there.
    :param waiting: The number of parts that a worker may have.
    """
    # When a worker has a place for another part, and when it is done with those that it has.
    places = [(start, worker) for _ in range(waiting) for worker in range(workers)]
    heapq.heapify(places)
    free = [start] * workers
    driver = start
    for words in parts:
        place, worker = heapq.heappop(places)
        driver = max(driver, place) + overhead
        free[worker] = max(free[worker], driver) + words / words_per_second
        heapq.heappush(places, (free[worker], worker))
    return max(free)


if __name__ == "__main__":
    typer.run(main)
