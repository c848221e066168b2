"""Runs a pipeline over documents and writes what it finds, part by part."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from spacy.language import Language

from ..errors import Errors
from ..export import Export, StreamExport
from ..types import Entity
from .annotate import Annotator, Item, Outcome, Progress, printable
from .batches import split_by_words
from .journal import Journal
from .workers import Workers, start_workers

# The batches of each process in a part, which is written as a whole.
BATCHES = 4


@dataclass
class Summary:
    """What a run has done, and what it has found done.

    :param documents: The number of documents, those that failed included.
    :param repeated: The number of documents that have the name of an earlier one.
    :param failed: The documents that failed: {"id", "error"}.
    :param complete: Whether the output was there already; only `failed` is known of it then.
    """

    documents: int = 0
    entities: int = 0
    relations: int = 0
    repeated: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    complete: bool = False
    _names: set[int] = field(default_factory=set, repr=False, compare=False)

    def add(self, outcome: Outcome) -> None:
        """Count a document."""
        self.documents += 1
        self.entities += outcome.entities
        self.relations += outcome.relations
        if outcome.error is not None:
            self.failed.append({"id": outcome.name, "error": outcome.error})
        key = hash(outcome.name)
        self.repeated += key in self._names
        self._names.add(key)


@dataclass(frozen=True)
class Plan:
    """How documents go through the pipeline.

    :param batch_size: The largest number of documents that go through the pipeline together.
    :param n_process: The number of processes, -1 for one on each CPU core.
    :param progress: A function that gets the number of documents that are done since its last call.
    :param identify: What gives entities identifiers over documents (see `identify_entities`), None for none.
    :param batch_words: The largest number of words of these documents. A document that has more goes alone.
    """

    batch_size: int = 16
    n_process: int = 1
    progress: Progress = lambda _: None
    identify: Callable[[Entity], str] | None = None
    batch_words: int = 10_000

    def __post_init__(self) -> None:
        if self.n_process < -1 or self.n_process == 0:
            raise ValueError(
                Errors.E023.format(setting="n_process", value=self.n_process, expected="-1, 1 or more")
            )

    @property
    def processes(self) -> int:
        """The number of processes."""
        return self.n_process if self.n_process > 0 else os.cpu_count() or 1

    @property
    def part_size(self) -> int:
        """The number of batches in a part. A part ends where a batch does, so a run that goes on has the same
        batches."""
        return BATCHES * self.processes

    def batches(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        """The documents in batches of like numbers of words."""
        return split_by_words(items, self.batch_words, self.batch_size)


def extract(
    nlp: Language,
    items: Iterable[Item],
    target: Path,
    export: Export,
    *,
    plan: Plan = Plan(),
    settings: dict[str, str | int] | None = None,
    resume: bool = False,
    force: bool = False,
) -> Summary:
    """Write the relations of documents to a file or folder, which is complete or not there.

    A document that fails is listed in TARGET.errors.jsonl, and left out where the export has no place for its error;
    the others go on. Memory does not grow with the number of documents, but for the hashes of their names.

    :param settings: What must be the same when a run goes on, beside the pipeline and the export.
    :param resume: Whether to go on where an earlier run was killed; the documents must be the same, in the same order.
    :param force: Whether to start again.
    :raises ValueError: Where an earlier run is in the way (see `Journal.begin`), or had other documents.
    :raises OSError: Where the target cannot be written. The finished parts are kept.
    :raises ChildProcessError: Where a worker process was killed. The finished parts are kept.
    """
    settings = {"format": export.name, "pipeline": fingerprint(nlp), **(settings or {})}
    summary = Summary()
    with closing(Journal(target)) as journal:
        if not journal.begin(settings, resume=resume, force=force):
            return Summary(failed=journal.read_errors(), complete=True)
        rest = iter(items)
        for outcome in journal.outcomes():
            summary.add(outcome)
            _check_same(next(rest, None), outcome, summary.documents)
            plan.progress(1)
        digests: deque[bytes] = deque()
        with _annotating(nlp, export, plan) as annotator:
            batches = annotator.run(plan.batches(_noting(rest, digests)), plan.progress)
            for part in _parts(batches, plan.part_size):
                journal.add(outcome._replace(digest=digests.popleft()) for outcome in part)
                for outcome in part:
                    summary.add(outcome)
        journal.finish(export.write)
    return summary


def _check_same(item: Item | None, outcome: Outcome, number: int) -> None:
    """See that a document is the one that an earlier run has read."""
    name = printable(item.name) if item is not None else None
    if item is None or name != outcome.name:
        found = "the sources end before it" if name is None else f"is {name!r} now"
        raise ValueError(Errors.E334.format(number=number, expected=outcome.name, found=found))
    if item.digest != outcome.digest:
        raise ValueError(Errors.E355.format(number=number, name=name))


def _noting(items: Iterable[Item], digests: "deque[bytes]") -> Iterator[Item]:
    """The items, whose hashes are noted in their order."""
    for item in items:
        digests.append(item.digest)
        yield item


def _parts(batches: Iterable[list[Outcome]], size: int) -> Iterator[list[Outcome]]:
    """The outcomes of so many batches at a time. Where a run is stopped, those of the batches that are done."""
    part: list[list[Outcome]] = []
    try:
        for batch in batches:
            part.append(batch)
            if len(part) == size:
                done, part = part, []
                yield list(chain.from_iterable(done))
    finally:
        if part:
            yield list(chain.from_iterable(part))


def stream(
    nlp: Language,
    items: Iterable[Item],
    file: BinaryIO,
    export: Export,
    *,
    plan: Plan = Plan(),
) -> Summary:
    """Write the relations of documents to a stream, such as standard output.

    :raises ValueError: Where the export needs a file.
    """
    if not isinstance(export, StreamExport):
        raise ValueError(Errors.E339.format(export=export.name))
    file.write(export.header)
    summary = Summary()

    def encoded() -> Iterator[bytes]:
        for batch in annotator.run(plan.batches(items), plan.progress):
            for outcome in batch:
                summary.add(outcome)
                if outcome.data is not None:
                    yield outcome.data
            file.flush()

    with _annotating(nlp, export, plan) as annotator:
        file.writelines(export.pieces(encoded()))
    return summary


@contextmanager
def _annotating(nlp: Language, export: Export, plan: Plan) -> Iterator[Annotator | Workers]:
    """What annotates the documents: this process, or several others."""
    annotator = Annotator(nlp, export.encode, plan.identify, export.encode_failure)
    if plan.processes == 1:
        yield annotator
    else:
        with start_workers(annotator, plan.processes) as workers:
            yield workers


def fingerprint(nlp: Language) -> str:
    """A hash of a pipeline: its config and all its files."""
    digest = hashlib.blake2b(nlp.config.to_str(interpolate=False).encode("utf8"), digest_size=16)
    folder = nlp.path
    if folder is None:
        return digest.hexdigest()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode("utf8"))
            with path.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
    return digest.hexdigest()
