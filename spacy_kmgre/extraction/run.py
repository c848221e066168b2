"""Runs a pipeline over documents and writes what it finds, part by part."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
)

from spacy import Language
from spacy.tokens import Doc
from spacy.util import ignore_error, raise_error

from ..annotations import all_entities, relation_data
from ..errors import Errors
from .journal import Parts
from .outputs import Output
from .sources import Item

# Batches of each process between two parts. Worker processes are started anew for every part: that takes time,
# but what they remember goes with them.
BATCHES, BATCHES_OF_WORKERS = 4, 16
# Where a Doc says which of a part's documents it is.
PLACE = "spacy_kmgre.place"
Progress = Callable[[int], None]


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
    def part_size(self) -> int:
        """Documents of a part: a multiple of the batch size, so that a run that goes on has the same batches."""
        processes = self.n_process if self.n_process > 0 else os.cpu_count() or 1
        return self.batch_size * (BATCHES if processes == 1 else BATCHES_OF_WORKERS * processes)


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
    progress: Progress = lambda count: None,
) -> Summary:
    """Write the relations of documents to a file or folder, which is complete or not there.

    A document that fails is left out and listed in TARGET.errors.jsonl; the others go on. Memory does not grow with the
    number of documents, but for their names' hashes.

    :param settings: What must be the same where a run goes on, beside the pipeline and the output's format.
    :param resume: Go on where an earlier run was killed; the documents must be the same, in the same order.
    :param force: Start again.
    :param progress: Gets the number of documents done since the last call.
    :raises ValueError: Where an earlier run is in the way (see `Parts.start`), or had other documents.
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
        while True:
            part = list(islice(stream, begun["part_size"]))
            if not part:
                break
            for item in part:
                names.add(item.name)
            data, record = process(nlp, part, output, plan, progress)
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
    progress: Progress = lambda count: None,
) -> Summary:
    """Write the relations of documents to a stream, such as standard output.

    :raises ValueError: Where the format is no stream of lines.
    """
    if not output.streams:
        raise ValueError(Errors.E339.format(form=output.name, known="jsonl, csv"))
    file.write(output.header)
    summary, names, items = Summary(), _Names(), iter(items)
    while True:
        part = list(islice(items, plan.part_size))
        if not part:
            break
        for item in part:
            names.add(item.name)
        data, record = process(nlp, part, output, plan, progress)
        file.write(data)
        file.flush()
        summary.add(record)
    summary.repeated = names.repeated
    return summary


def process(
    nlp: Language, items: Sequence[Item], output: Output, plan: Plan, progress: Progress
) -> tuple[bytes, dict[str, Any]]:
    """Run the pipeline over a part.

    :returns: The part, and the record of it.
    """
    encoded: list[bytes] = []
    failed = []
    entities = relations = 0
    # Words that only these documents have are forgotten with them.
    with nlp.memory_zone():
        for item, result in zip(items, annotate(nlp, items, plan, progress)):
            if isinstance(result, Doc):
                try:
                    found = len(all_entities(result)), len(relation_data(result))
                    encoded.append(output.encode(result))
                    entities, relations = entities + found[0], relations + found[1]
                    continue
                except Exception as error:
                    result = describe(error)
            failed.append({"id": printable(item.name), "error": printable(result)})
        del result
        data = output.pack(encoded)
    record = {"documents": len(items), "entities": entities, "relations": relations, "failed": failed}
    return data, record


def annotate(
    nlp: Language, items: Sequence[Item], plan: Plan, progress: Progress = lambda count: None
) -> list[Doc | str]:
    """Run the pipeline over documents.

    Where a component fails, spaCy drops the batch that the document is in. Its documents are then run
    again, each by itself.

    :returns: For each item the Doc, or what is wrong with it.
    """
    results: list[Doc | str | None] = [None] * len(items)
    docs = []
    for place, item in enumerate(items):
        try:
            doc = item.make()
            doc.user_data[PLACE] = place
            docs.append(doc)
        except Exception as error:
            results[place] = describe(error)
            progress(1)
    with _errors(nlp, ignore_error), _ending_with_parent():
        try:
            for doc in nlp.pipe(docs, batch_size=plan.batch_size, n_process=plan.n_process):
                place = doc.user_data.pop(PLACE, None)
                if place is not None:
                    results[place] = doc
                    progress(1)
        except Exception:  # of a component that does not tell which document it is; each has its turn below
            pass
    for place, item in enumerate(items):
        if results[place] is None:
            try:
                with _errors(nlp, raise_error):
                    results[place] = nlp(item.make())
            except Exception as error:
                results[place] = describe(error)
            progress(1)
    return [result for result in results if result is not None]


def printable(text: str) -> str:
    """What can be written: names of files, and strings of JSON, may hold halves of characters."""
    return text.encode("utf8", "backslashreplace").decode("utf8")


def describe(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return text if text.startswith("[") else f"{type(error).__name__}: {text}"


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


@contextmanager
def _errors(nlp: Language, handler: Callable) -> Iterator[None]:
    """Has the components report errors to a handler, those that can. (spaCy's parser and ner have no place for
    one, which makes `nlp.set_error_handler` fail; they raise.)"""
    default, nlp.default_error_handler = nlp.default_error_handler, handler
    before = []
    pipe: Any
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "get_error_handler"):
            old = pipe.get_error_handler()
            with suppress(AttributeError):
                pipe.set_error_handler(handler)
                before.append((pipe, old))
    try:
        yield
    finally:
        nlp.default_error_handler = default
        for pipe, old in before:
            pipe.set_error_handler(old)


# The process whose forked workers are to end with it, 0 for none.
_parent = 0
_registered = False


@contextmanager
def _ending_with_parent() -> Iterator[None]:
    """Has forked worker processes end where this one is killed. They wait for work for ever otherwise, as each of
    them holds both ends of the others' pipes."""
    global _parent, _registered
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_watch_parent)
        _registered = True
    _parent = os.getpid()
    try:
        yield
    finally:
        _parent = 0


def _watch_parent() -> None:
    if _parent:
        threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    while os.getppid() == _parent:
        time.sleep(1.0)
    os._exit(1)
