"""`spacy kmgre extract --dry-run`."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from tqdm import tqdm

from ..errors import Errors
from ..export import find_export
from ..extraction.annotate import Annotator
from ..extraction.planning import Measured, estimate_total, forecast, measure, sample
from ..extraction.reader import Reader, splits_sentences
from ..extraction.run import Plan
from ..extraction.sources import STDIN, find_sources
from ..extraction.tables import DEFAULT, Columns
from .opening import Choice
from .printing import failing, plural, print_table
from .terminal import msg, say

# The numbers of workers that a forecast shows.
WORKERS = (1, 2, 4, 8, 16, 64, 256, 1024)


def plan_extraction(
    choice: Choice,
    sources: Sequence[Path],
    *,
    plan: Plan,
    source_format: str | None = None,
    columns: Columns = DEFAULT,
    workers: int = 0,
) -> None:
    """Run the pipeline over a sample of documents, and say how long workers take for all of them.

    :param workers: A number of workers to show among the usual ones, 0 for none.
    """
    with ExitStack() as stack:
        stack.enter_context(failing(f"Could not measure {choice.model}"))
        if STDIN in sources:
            raise ValueError(Errors.E374)
        found = find_sources(sources, source_format, columns)
        start = perf_counter()
        nlp = choice.load(stack)
        loading = perf_counter() - start
        export = find_export(Path(), "jsonl")(nlp.meta)
        reader = Reader(nlp, splits_sentences(nlp), columns=columns)
        files = list(reader.records.files(found))
        items = [reader.item(record) for record in sample(reader.records, files)]
        if not items:
            raise ValueError(Errors.E375.format(why=""))
        annotator = Annotator(nlp, export.encode, choice.find_rule())
        with tqdm(total=2 * len(items), unit=" documents", disable=None) as bar:
            measured = measure(annotator, items, Plan(plan.batch_size, 1, bar.update, None, plan.batch_words))
        if not measured.words:
            why = f" The sample has no words, and {measured.failed:,} of it could not be read."
            raise ValueError(Errors.E375.format(why=why))
        report(measured, *estimate_total(files, measured), loading, workers)


def report(measured: Measured, documents: int, words: int, loading: float, workers: int) -> None:
    """Say what was measured, and what follows from it."""
    if measured.failed:
        msg.warn(f"{plural(measured.failed, 'document')} of the sample failed")
    speed = measured.documents / measured.seconds
    msg.info(
        f"One process: {speed:.1f} documents/s, {measured.words_per_second:,.0f} words/s, "
        f"{measured.memory:,.0f} MiB, loaded in {loading:.0f} s",
        f"By a sample of {plural(measured.documents, 'document')}, the longest of {measured.longest:,} words.",
    )
    msg.info(f"In all about {plural(documents, 'document')} and {plural(words, 'word')}")
    rows = []
    for count in sorted({*WORKERS, workers} - {0}):
        seconds = forecast(measured, words, count) + loading
        rows.append((f"{count:,}", duration(seconds), f"{count * measured.memory / 1024:,.1f} GiB"))
    print_table(("Workers", "Time", "Memory"), rows)
    say(
        'Each worker needs a CPU core of this kind of its own. "From a laptop to a cluster" of the docs says more.'
    )


def duration(seconds: float) -> str:
    """A time that a person reads: the two largest of days, hours, minutes and seconds."""
    left = max(round(seconds), 1)
    parts: list[str] = []
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= size or parts:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts[:2])
