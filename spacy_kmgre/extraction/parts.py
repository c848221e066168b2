"""The output of a run on several machines: a folder of parts, each of which is written whole or not at all.

A part is the same documents in each run over the same sources, and has the same name. So a part that is done is known
by its checkpoint, and one that was killed is written again, over what it has left. The checkpoints lie in the output
folder, under the pipeline's fingerprint, until all parts are done: an output without them is complete.
"""

import json
import shutil
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import Errors
from ..export import Export
from ..formats.files import check_replaceable
from .annotate import Outcome
from .journal import CHECKPOINTS, explained, sync
from .run import Summary

# The folder of checkpoints after the last part, until it is deleted.
FINISHED = "_finished"
SETTINGS = "run.json"
# A database of nothing, which the driver of a run locks.
LOCK = "lock"


@dataclass
class Done:
    """What is known of a part that is done.

    :param names: Hashes of its documents' names, 8 bytes each.
    :param digest: A hash of what its documents were made of, "" where an earlier version has not written it.
    """

    documents: int = 0
    entities: int = 0
    relations: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    names: bytes = b""
    digest: str = ""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], digest: str = "") -> "Done":
        """What is known of documents that are done."""
        return cls(
            len(outcomes),
            sum(outcome.entities for outcome in outcomes),
            sum(outcome.relations for outcome in outcomes),
            [
                {"id": outcome.name, "error": outcome.error}
                for outcome in outcomes
                if outcome.error is not None
            ],
            b"".join(blake2b(outcome.name.encode("utf8"), digest_size=8).digest() for outcome in outcomes),
            digest,
        )

    def to_json(self) -> str:
        """The contents of a checkpoint."""
        return json.dumps({**asdict(self), "names": b64encode(self.names).decode()})

    @classmethod
    def from_json(cls, text: str) -> "Done":
        """Read a checkpoint."""
        data = json.loads(text)
        return cls(**{**data, "names": b64decode(data["names"])})


class Total:
    """What a run has done. Memory holds 8 bytes for each document, and the failures."""

    def __init__(self) -> None:
        self.done = Done()
        self.names = bytearray()

    def add(self, part: Done) -> None:
        """Count a part."""
        self.done.documents += part.documents
        self.done.entities += part.entities
        self.done.relations += part.relations
        self.done.failed += part.failed
        self.names += part.names

    def summary(self) -> Summary:
        """The summary of the run."""
        found = self.done
        repeated = len(self.names) // 8 - len(np.unique(np.frombuffer(bytes(self.names), dtype=np.uint64)))
        return Summary(found.documents, found.entities, found.relations, repeated, found.failed)


class Parts:
    """The parts of one output.

    :param output: The folder that the run makes. Each machine must see it under this name.
    :param fingerprint: The pipeline's fingerprint.
    """

    def __init__(self, output: Path, fingerprint: str):
        self.output = output.resolve()
        self.errors = self.output.with_name(f"{self.output.name}.errors.jsonl")
        self.root = self.output / CHECKPOINTS
        self.checkpoints = self.root / fingerprint

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders that a run makes."""
        return self.output, self.errors

    def begin(
        self,
        settings: dict[str, Any],
        *,
        free: Collection[str] = (),
        resume: bool = False,
        force: bool = False,
    ) -> dict[str, Any] | None:
        """Begin a run, or go on with one.

        :param settings: The settings that must be the same when a run goes on.
        :param free: The names of those that need not be, as nobody has asked for a value.
        :param resume: Whether to go on with an earlier run.
        :param force: Whether to delete what an earlier run has left, and begin anew.
        :returns: The settings that the run was begun with; None where the output is complete and is to be resumed.
        :raises ValueError: Where an earlier run is in the way and neither switch says what to do with it, where it
            had other settings or another pipeline, where another process is at work on the output, and where it is a
            folder of something else.
        """
        for lock in self.root.glob(f"*/{LOCK}"):
            with self._holding(lock):
                pass
        shutil.rmtree(self.output / FINISHED, ignore_errors=True)
        if force and self.root.exists():
            self._delete_all()
        if self.root.exists() and not resume:
            raise ValueError(Errors.E332.format(path=self.output, journal=self.root))
        if not self.root.exists():
            if resume and self.output.is_dir() and any(self.output.iterdir()):
                return None
            check_replaceable(self.output)
            if self.output.is_file() and not force:
                raise ValueError(Errors.E331.format(path=self.output))
            if self.output.is_file():
                self.output.unlink()
        others = [path.name for path in self.root.iterdir()] if self.root.exists() else []
        if others and self.checkpoints.name not in others:
            raise ValueError(Errors.E333.format(path=self.output, names="pipeline"))
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        for tried in self.checkpoints.glob("*.tries"):
            tried.unlink(missing_ok=True)
        file = self.checkpoints / SETTINGS
        if not file.exists():
            self._write(file, json.dumps(settings))
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf8"))
        changed = [name for name in settings if name not in free and settings[name] != known.get(name)]
        if changed:
            raise ValueError(Errors.E333.format(path=self.output, names=", ".join(changed)))
        return known

    def _delete_all(self) -> None:
        """Delete what a run has written, its checkpoints last: an output without them would be taken for complete."""
        for path in sorted(self.output.iterdir(), key=self.root.__eq__):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from a run that was begun. The system lets go of it where this one is killed.

        :raises ValueError: Where another process is at work on the output.
        """
        with self._holding(self.checkpoints / LOCK):
            yield

    def done(self) -> Iterator[tuple[str, Done]]:
        """The parts that are done, by name."""
        for path in self.checkpoints.glob("*.part"):
            yield path.stem, Done.from_json(path.read_text(encoding="utf8"))

    def count_try(self, name: str) -> int:
        """Note that a part is begun.

        :returns: How often it was begun in this run, this time included, and not finished.
        """
        with self._tries(name).open("ab") as file:
            file.write(b".")
            return file.tell()

    def write(self, name: str, outcomes: Sequence[Outcome], export: Export, digest: str = "") -> Done:
        """Write a part, and then its checkpoint.

        :param digest: A hash of what its documents were made of.
        """
        with TemporaryDirectory(prefix="new-", dir=self.checkpoints) as folder:
            whole = Path(folder) / f"{name}{export.suffixes[0] if export.suffixes else ''}"
            export.write((outcome.data for outcome in outcomes if outcome.data is not None), whole)
            sync(Path(folder))
            for file in _files(whole):
                inside = file.relative_to(whole)
                target = (
                    self.output / inside.parent / (f"{name}.{inside.name}" if whole.is_dir() else whole.name)
                )
                target.parent.mkdir(exist_ok=True)
                file.replace(target)
        found = Done.of(outcomes, digest)
        self._write(self.checkpoints / f"{name}.part", found.to_json())
        self._tries(name).unlink(missing_ok=True)
        return found

    def finish(self, failed: Iterable[dict[str, str]]) -> None:
        """Write the list of errors where there are any, and delete the checkpoints. The output is complete."""
        lines = "".join(json.dumps(failure) + "\n" for failure in failed)
        if lines:
            self._write(self.errors, lines)
        else:
            self.errors.unlink(missing_ok=True)
        self.root.rename(self.output / FINISHED)
        shutil.rmtree(self.output / FINISHED)

    def complete(self) -> Summary:
        """The summary of an output that was complete: what was wrong with the documents that failed."""
        lines = self.errors.read_text(encoding="utf8").splitlines() if self.errors.exists() else []
        return Summary(failed=[json.loads(line) for line in lines], complete=True)

    @contextmanager
    def _holding(self, lock: Path) -> Iterator[None]:
        with ExitStack() as stack:
            with explained(self.output, lock):
                database = stack.enter_context(
                    closing(sqlite3.connect(lock, timeout=0, isolation_level=None))
                )
                database.execute("BEGIN EXCLUSIVE")
            yield

    def _tries(self, name: str) -> Path:
        """A file of a byte for each time that a part was begun."""
        return self.checkpoints / f"{name}.tries"

    def _write(self, path: Path, text: str) -> None:
        """Write a file whole or not at all."""
        with TemporaryDirectory(prefix="new-", dir=self.checkpoints) as folder:
            new = Path(folder) / path.name
            new.write_text(text, encoding="utf8")
            sync(new)
            new.replace(path)


def _files(whole: Path) -> list[Path]:
    """The files of a part, the table of relations before that of documents."""
    return (
        sorted((path for path in whole.rglob("*") if path.is_file()), reverse=True)
        if whole.is_dir()
        else [whole]
    )
