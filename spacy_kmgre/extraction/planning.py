"""How long a run takes, by a sample of its documents: what `extract --dry-run` says."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from ..formats.compression import bare_name
from .annotate import Annotator, Item
from .records import Record, RecordReader
from .run import Plan
from .sources import JSON_LINES, LINES, Source, count_items

# The number of documents of a sample.
SAMPLE = 100
# The bytes of a file of lines by which its lines are counted.
HEAD = 1 << 16


@dataclass(frozen=True)
class Measured:
    """What a sample of documents takes in one process.

    :param documents: Their number.
    :param words: The number of their words, by estimate.
    :param longest: The number of words of the longest one.
    :param failed: The number of those that failed.
    :param seconds: The time that they took.
    :param memory: The largest memory of the process until then, in MiB.
    """

    documents: int
    words: int
    longest: int
    failed: int
    seconds: float
    memory: float

    @property
    def words_per_second(self) -> float:
        """The speed of one process."""
        return self.words / self.seconds


def sample(reader: RecordReader, files: Sequence[Source], most: int = SAMPLE) -> Iterator[Record]:
    """The first documents of files that are spread evenly over all.

    :param most: The largest number of documents.
    """
    if not files:
        return
    chosen = files[:: -(-len(files) // most)]
    each = -(-most // len(chosen))
    for file in chosen:
        yield from islice(reader.read([file]), each)


def measure(annotator: Annotator, items: Sequence[Item], plan: Plan) -> Measured:
    """Annotate documents twice, and take the time of the second time: the first one warms up."""
    seconds = 0.0
    failed = 0
    for _ in range(2):
        start = perf_counter()
        outcomes = [
            outcome for batch in annotator.run(plan.batches(items), plan.progress) for outcome in batch
        ]
        seconds = perf_counter() - start
        failed = sum(outcome.error is not None for outcome in outcomes)
    words = [item.words for item in items]
    return Measured(len(items), sum(words), max(words), failed, seconds, _memory())


def _memory() -> float:
    """The largest memory of this process until now, in MiB; NaN on Windows, which does not tell."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def estimate_total(files: Sequence[Source], measured: Measured) -> tuple[int, int]:
    """The number of documents and of words of all files: by the numbers of rows, files and lines where these tell,
    otherwise by sizes, which count what is no text, too."""
    mean = measured.words / measured.documents
    documents = count_items(files)
    if documents is None:
        documents = round(sum(_documents(file, mean) for file in files))
    return documents, round(documents * mean)


def _documents(file: Source, mean: float) -> float:
    """The number of documents of a file, by estimate.

    :param mean: The mean number of words of a document.
    """
    known = count_items([file])
    if known is not None:
        return known
    if file.form in (LINES, JSON_LINES) and bare_name(file.path) == file.path:
        with file.path.open("rb") as lines:
            start = lines.read(HEAD)
        return file.path.stat().st_size / max(1, len(start)) * max(1, start.count(b"\n"))
    return file.words / mean


def forecast(measured: Measured, words: int, workers: int) -> float:
    """The seconds that workers take for words, without the loading of the pipeline. The longest document that was seen
    is a lower limit, as one worker has it."""
    return max(words / workers, measured.longest) / measured.words_per_second
