"""The journal of a run: one sqlite3 file beside the output, from which a killed run goes on.

It holds a row for each document that is done, and its lock shows that a run is at work. The output comes into being by
a rename when all documents are done: it is complete or not there.
"""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..formats.files import check_replaceable
from .annotate import Outcome

# The folder in an output that a run on several machines has begun (see parts.py).
CHECKPOINTS = "_checkpoints"
TABLES = (
    "CREATE TABLE IF NOT EXISTS run (settings TEXT)",
    "CREATE TABLE IF NOT EXISTS documents"
    " (number INTEGER PRIMARY KEY, name TEXT, data BLOB, entities INTEGER, relations INTEGER, error TEXT, digest BLOB)",
)
# What the tables above are called in the settings of a run; a run of another version cannot be gone on with.
LAYOUT = {"journal": 2}


class Journal:
    """The journal of one output. `begin` opens it, and `close` lets another process go on.

    :param output: The file or folder that the run makes.
    """

    def __init__(self, output: Path):
        self.output = output.resolve()
        self.errors = self.output.with_name(f"{self.output.name}.errors.jsonl")
        self.path = self.output.with_name(f"{self.output.name}.partial")
        self.folder = self.output.with_name(f".{self.output.name}.new")
        # A file of sqlite3, which undoes a commit that was killed.
        self.rollback = self.path.with_name(f"{self.path.name}-journal")
        self._db: sqlite3.Connection
        self._file: tuple[int, int] | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders that a run makes."""
        return self.output, self.errors, self.path, self.folder, self.rollback

    def begin(self, settings: dict[str, str | int], *, resume: bool = False, force: bool = False) -> bool:
        """Begin a run, or go on with one.

        :param settings: The settings that must be the same when a run goes on.
        :param resume: Whether to go on with an earlier run.
        :param force: Whether to begin anew. An earlier output stays until the new one is complete.
        :returns: Whether there is something to do: not where the output is complete and is to be resumed.
        :raises ValueError: Where an earlier run is in the way and neither switch says what to do with it, where it
            had other settings, is damaged or still at work, and where the output is a folder that holds something.
        """
        if force:
            check_replaceable(self.output)
        elif self.path.is_dir():
            raise ValueError(Errors.E352.format(folder=self.path))
        elif (self.output / CHECKPOINTS).exists():
            raise ValueError(Errors.E367.format(path=self.output))
        elif self.path.exists() and not resume:
            raise ValueError(Errors.E332.format(path=self.output, journal=self.path))
        elif not self.path.exists() and _holds_something(self.output):
            if resume:
                return False
            check_replaceable(self.output)  # A folder that holds something never is.
            raise ValueError(Errors.E331.format(path=self.output))
        settings = {**settings, **LAYOUT}
        _delete(self.path)  # Older versions had a folder of parts.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()  # Its errors say more than those of sqlite3.
        self._db = sqlite3.connect(self.path, timeout=0)
        with self._transaction() as db:
            for table in ("run", "documents") if force else ():
                db.execute(f"DROP TABLE IF EXISTS {table}")
            for table in TABLES:
                db.execute(table)
            if db.execute("SELECT count(*) FROM run").fetchone() == (0,):
                db.execute("INSERT INTO run (settings) VALUES (?)", (json.dumps(settings),))
            (known,) = db.execute("SELECT settings FROM run").fetchone()
        changed = {name for name, _ in settings.items() ^ json.loads(known).items()}
        if changed:
            raise ValueError(Errors.E333.format(path=self.output, names=", ".join(sorted(changed))))
        self._file = self._which_file()
        return True

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add a part, whole or not at all.

        :raises OSError: Where it cannot be written, or another program has deleted the journal.
        """
        self._check_file()
        with self._transaction() as db:
            db.executemany("INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, ?)", outcomes)

    def outcomes(self) -> Iterator[Outcome]:
        """The documents that are done, in order, without their data."""
        rows = self._select(
            "SELECT name, NULL, entities, relations, error, digest FROM documents ORDER BY number"
        )
        return map(Outcome._make, rows)

    def finish(self, write: Callable[[Iterable[bytes], Path], None]) -> None:
        """Make the output, and the list of errors where there are any, and delete the journal.

        A run that is killed meanwhile does this again when it goes on.

        :param write: A function that writes the data of all documents to a file or folder.
        """
        self._check_file()
        _delete(self.folder)
        self.folder.mkdir()
        whole = self.folder / f"whole{self.output.suffix}"
        data = self._select("SELECT data FROM documents WHERE data IS NOT NULL ORDER BY number")
        write((row[0] for row in data), whole)
        errors = self.folder / self.errors.name
        with errors.open("w", encoding="ascii") as file:
            rows = self._select("SELECT name, error FROM documents WHERE error IS NOT NULL ORDER BY number")
            for name, error in rows:
                file.write(json.dumps({"id": name, "error": error}) + "\n")
        sync(self.folder)
        if errors.stat().st_size:
            errors.replace(self.errors)
        else:
            self.errors.unlink(missing_ok=True)
        if self.output.is_dir():
            self.output.rmdir()
        elif whole.is_dir():  # No system lets a folder take the place of a file.
            self.output.unlink(missing_ok=True)
        whole.replace(self.output)
        _sync_folder(self.output.parent)
        _delete(self.folder)
        self.close()
        self.rollback.unlink(missing_ok=True)
        self.path.unlink()

    def read_errors(self) -> list[dict[str, str]]:
        """What was wrong with the documents that are not in the output."""
        if not self.errors.exists():
            return []
        with self.errors.open(encoding="ascii") as file:
            return [json.loads(line) for line in file]

    def close(self) -> None:
        """Let another process go on."""
        if hasattr(self, "_db"):
            self._db.close()

    def _which_file(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _check_file(self) -> None:
        """See that the journal is still where it was: sqlite3 goes on with a file that was deleted."""
        if self._which_file() != self._file:
            raise OSError(Errors.E356.format(path=self.path))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the journal as a whole, under a lock that stays until this process ends, however it ends."""
        with explained(self.output, self.path), self._db as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            yield db

    def _select(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with explained(self.output, self.path):
            yield from self._db.execute(sql)


@contextmanager
def explained(output: Path, path: Path) -> Iterator[None]:
    """Raise errors of ours in place of those of sqlite3.

    :param output: The output of a run.
    :param path: The database that the run works on.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ValueError(Errors.E335.format(path=output)) from error
        raise OSError(Errors.E351.format(path=path, error=error)) from error
    except sqlite3.DatabaseError as error:
        raise ValueError(Errors.E347.format(path=path, error=error)) from error


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _delete(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def sync(path: Path) -> None:
    """Flush a file, or all of a folder, to the disk."""
    if path.is_dir():
        for inside in path.iterdir():
            sync(inside)
        _sync_folder(path)
    else:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if sys.platform == "win32":  # It has no handles of folders, and needs none.
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
