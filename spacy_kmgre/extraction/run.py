"""Runs a pipeline over documents and writes what it finds, part by part."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from spacy.language import Language

from ..errors import Errors
from .annotate import Annotator, Maker, Progress, Written
from .journal import Parts
from .outputs import Output
from .sources import Item
from .workers import Workers, start_workers

# The batches of each process between two parts.
BATCHES, BATCHES_OF_WORKERS = 4, 16


@dataclass
class Summary:
    """What a run has done, with what it has found done.

    :param repeated: Documents whose name an earlier one has.
    :param failed: Documents that are not in the output: {"id", "error"}.
    :param complete: The output was there already; of the others only `failed` is known then.
    """

    documents: int = 0
    entities: int = 0
    relations: int = 0
    repeated: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    complete: bool = False

    def add(self, record: dict[str, Any]) -> None:
        self.documents += record["documents"]
        self.entities += record["entities"]
        self.relations += record["relations"]
        self.failed += record["failed"]


@dataclass(frozen=True)
class Plan:
    """How documents go through the pipeline.

    :param batch_size: Documents that go through a component at a time.
    :param n_process: Processes, -1 for one a processor.
    """

    batch_size: int = 16
    n_process: int = 1

    def __post_init__(self) -> None:
        if self.n_process < -1 or self.n_process == 0:
            raise ValueError(
                Errors.E023.format(setting="n_process", value=self.n_process, expected="-1, 1 or more")
            )

    @property
    def processes(self) -> int:
        return self.n_process if self.n_process > 0 else os.cpu_count() or 1

    @property
    def part_size(self) -> int:
        """Documents of a part: a multiple of the batch size, so that a run that goes on has the same batches."""
        return self.batch_size * (BATCHES if self.processes == 1 else BATCHES_OF_WORKERS * self.processes)


def extract(
    nlp: Language,
    items: Iterable[Item],
    target: Path,
    output: Output,
    *,
    plan: Plan = Plan(),
    settings: dict[str, Any] | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> Summary:
    """Write the relations of documents to a file or folder, which is complete or not there.

    A document that fails is left out and listed in TARGET.errors.jsonl; the others go on. Memory does not grow with the
    number of documents, but for their names' hashes.

    :param settings: What must be the same where a run goes on, beside the pipeline and the output's format.
    :param resume: Go on where an earlier run was killed; the documents must be the same, in the same order.
    :param force: Start again.
    :param progress: Gets the number of documents done since the last call.
    :raises ValueError: Where an earlier run is in the way (see `Parts.start`), or had other documents.
    :raises ChildProcessError: Where a worker process was killed. The finished parts are kept.
    """
    parts = Parts(target)
    if resume and not force and parts.finished:
        parts.clear()
        return Summary(failed=parts.read_errors(), complete=True)
    fixed = {"format": output.name, "pipeline": fingerprint(nlp), **(settings or {})}
    begun = parts.start(fixed, {"part_size": plan.part_size}, resume=resume, force=force)
    try:
        summary = Summary()
        names = _Names()
        stream = iter(items)
        records = parts.records()
        for record in records:
            for item in islice(stream, record["documents"]):
                names.add(item.name)
            if names.digest != record["names"]:
                raise ValueError(Errors.E334.format(count=names.count, name=record["last"]))
            summary.add(record)
            progress(record["documents"])
        number = len(records)
        with annotating(nlp, output, plan) as annotator:
            while part := list(islice(stream, begun["part_size"])):
                for item in part:
                    names.add(item.name)
                data, record = process(annotator.run, part, output, progress)
                record.update(names=names.digest, last=printable(part[-1].name))
                parts.add(number, data, record)
                summary.add(record)
                number += 1
        summary.repeated = names.repeated
        parts.finish(lambda data, path: output.assemble(data, path, nlp.lang or "xx"), summary.failed)
        return summary
    finally:
        parts.release()


def stream(
    nlp: Language,
    items: Iterable[Item],
    file: BinaryIO,
    output: Output,
    *,
    plan: Plan = Plan(),
    progress: Progress = lambda _: None,
) -> Summary:
    """Write the relations of documents to a stream, such as standard output.

    :raises ValueError: Where the format is no stream of lines.
    """
    if not output.streams:
        raise ValueError(Errors.E339.format(form=output.name, known="jsonl, csv"))
    file.write(output.header)
    summary, names, items = Summary(), _Names(), iter(items)
    with annotating(nlp, output, plan) as annotator:
        while part := list(islice(items, plan.part_size)):
            for item in part:
                names.add(item.name)
            data, record = process(annotator.run, part, output, progress)
            file.write(data)
            file.flush()
            summary.add(record)
    summary.repeated = names.repeated
    return summary


def process(
    run: Callable[[Sequence[Maker], Progress], list[Written | str]],
    items: Sequence[Item],
    output: Output,
    progress: Progress,
) -> tuple[bytes, dict[str, Any]]:
    """Annotate a part.

    :returns: The part, and the record of it.
    """
    results = run([item.make for item in items], progress)
    written = [result for result in results if isinstance(result, Written)]
    failed = [
        {"id": printable(item.name), "error": printable(result)}
        for item, result in zip(items, results)
        if isinstance(result, str)
    ]
    record = {
        "documents": len(items),
        "entities": sum(result.entities for result in written),
        "relations": sum(result.relations for result in written),
        "failed": failed,
    }
    return output.pack([result.data for result in written]), record


@contextmanager
def annotating(nlp: Language, output: Output, plan: Plan) -> Iterator[Annotator | Workers]:
    """What annotates the documents of a run: this process, or several others."""
    annotator = Annotator(nlp, output.encode, plan.batch_size)
    if plan.processes == 1:
        yield annotator
    else:
        with start_workers(annotator, plan.processes) as workers:
            yield workers


def printable(text: str) -> str:
    """What can be written: names of files, and strings of JSON, may hold halves of characters."""
    return text.encode("utf8", "backslashreplace").decode("utf8")


def fingerprint(nlp: Language) -> str:
    """A hash of a pipeline: its config and all its files."""
    digest = hashlib.blake2b(nlp.config.to_str(interpolate=False).encode("utf8"), digest_size=16)
    folder = nlp.path
    for path in sorted(folder.rglob("*")) if folder is not None else ():
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode("utf8"))
            with path.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
    return digest.hexdigest()


class _Names:
    """The names of documents, in order: how many, a hash of them, and how many came before."""

    def __init__(self) -> None:
        self.count = self.repeated = 0
        self._all = hashlib.blake2b(digest_size=16)
        self._known: set[int] = set()

    @property
    def digest(self) -> str:
        return self._all.hexdigest()

    def add(self, name: str) -> None:
        data = name.encode("utf8", "surrogatepass")
        self._all.update(len(data).to_bytes(8, "little") + data)
        key = hash(name)
        self.repeated += key in self._known
        self._known.add(key)
        self.count += 1
