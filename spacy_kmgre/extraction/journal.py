"""The parts of an output that is being made, on disk, so that a killed run goes on where it was.

Beside the output lies a folder, OUTPUT.partial, with two files for each part: its data, and a record of it, which is
written last: a part without one never was. Every file is written under another name, flushed to the disk and
renamed. The output comes into being by a rename too, when all is done: it is complete or not there.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..formats.files import SHORT, check_replaceable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SETTINGS = "run.json"
# That the output has been put together, and only has to be renamed.
ASSEMBLED = "assembled"
# In the record of a part, the size of its data.
BYTES = "bytes"
LOCK = "lock"


class Parts:
    """The parts of one output.

    :param output: The file or folder to be.
    """

    def __init__(self, output: Path):
        self.output = output.resolve()
        self.errors = self.output.with_name(f"{self.output.name}.errors.jsonl")
        self.folder = self.output.with_name(f"{self.output.name}.partial")
        self._lock: int | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that a run makes."""
        return self.output, self.errors, self.folder

    @property
    def finished(self) -> bool:
        """Whether the output is there, and no run has begun to replace it."""
        if not self.output.exists() or (self.output.is_dir() and not any(self.output.iterdir())):
            return False
        return not self.folder.exists() or ((self.folder / ASSEMBLED).exists() and not self._whole.exists())

    @property
    def _whole(self) -> Path:
        return self.folder / f"whole{self.output.suffix}"

    def start(
        self, settings: dict[str, Any], begin: dict[str, Any], *, resume: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Begin, or go on.

        :param settings: What has to be the same when a run goes on.
        :param begin: What a run that goes on takes over from the one that began.
        :param force: Begin anew, whatever an earlier run has made. Its output stays until the new one is whole.
        :returns: Both, as the parts were begun with them.
        :raises ValueError: Where there is an earlier run and neither switch says what to do with it, where it
            had other settings, is damaged, or still runs, and where the output is a folder that holds something.
        """
        if self.finished and not force:
            raise ValueError(Errors.E331.format(path=self.output))
        check_replaceable(self.output)
        if self.folder.exists() and not (resume or force):
            raise ValueError(Errors.E332.format(path=self.output, folder=self.folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._acquire()
        if force:
            # First what makes a run of the others.
            for path in (self.folder / ASSEMBLED, self.folder / SETTINGS, *self._made()):
                _delete(path)
        known = self._read(SETTINGS)
        if known is None:  # killed before the first part
            for path in self._made():
                _delete(path)
            known = {**begin, **settings}
            _replace(self.folder / SETTINGS, _dump(known))
            return known
        changed = sorted(name for name in settings if settings[name] != known.get(name))
        if changed:
            raise ValueError(Errors.E333.format(path=self.output, names=", ".join(changed)))
        return known

    def records(self) -> list[dict[str, Any]]:
        """The records of the parts that are there, in order."""
        found: list[dict[str, Any]] = []
        while True:
            record = self._read(f"{len(found):08}.json")
            if record is None:
                return found
            found.append(record)

    def add(self, number: int, data: bytes, record: dict[str, Any]) -> None:
        """Add a part."""
        _replace(self.folder / f"{number:08}.part", data)
        _replace(self.folder / f"{number:08}.json", _dump({**record, BYTES: len(data)}))

    def data(self) -> Iterator[bytes]:
        """The parts, in order."""
        for number, record in enumerate(self.records()):
            path = self.folder / f"{number:08}.part"
            data = path.read_bytes() if path.exists() else b""
            if len(data) != record[BYTES]:
                raise ValueError(Errors.E347.format(folder=self.folder, name=path.name))
            yield data

    def finish(
        self, assemble: Callable[[Iterable[bytes], Path], None], errors: Iterable[dict[str, Any]]
    ) -> None:
        """Make the output, and the list of errors where there are any, and delete the parts."""
        _delete(self.folder / ASSEMBLED)
        _delete(self._whole)
        assemble(self.data(), self._whole)
        _sync(self._whole)
        _replace(self.folder / ASSEMBLED, b"")
        lines = b"".join(_dump(error) for error in errors)
        if lines:
            _replace(self.errors, lines)
        else:
            _delete(self.errors)
        if self.output.is_dir():
            self.output.rmdir()
        self._whole.replace(self.output)
        _sync_folder(self.output.parent)
        self.clear()

    def read_errors(self) -> list[dict[str, Any]]:
        """What was wrong with documents that are not in the output."""
        if not self.errors.exists():
            return []
        with self.errors.open(encoding="utf8") as file:
            return [json.loads(line) for line in file]

    def clear(self) -> None:
        """Delete what is left of the parts of an output that is there."""
        self.release()
        done = self.output.with_name(f".{self.output.name[-SHORT:]}.done")
        _delete(done)
        if self.folder.exists():
            self.folder.replace(done)  # at once: half of the parts would look like an earlier run
            _delete(done)

    def release(self) -> None:
        """Let another process go on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _acquire(self) -> None:
        """Hold a lock that ends with this process, however that ends."""
        handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT)
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:  # unlike those of flock, not inherited by worker processes, which may live a moment longer
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise ValueError(Errors.E335.format(path=self.output)) from None
        self._lock = handle

    def _made(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name != LOCK]

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(Errors.E347.format(folder=self.folder, name=name)) from error


def _dump(data: Any) -> bytes:
    # In ASCII, as names of files need not be text.
    return (json.dumps(data) + "\n").encode("ascii")


def _replace(path: Path, data: bytes) -> None:
    """Write a file: after a crash it has its old content or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync(path: Path) -> None:
    """Flush a file, or all of a folder, to the disk."""
    if path.is_dir():
        for inside in path.iterdir():
            _sync(inside)
        _sync_folder(path)
    else:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if sys.platform == "win32":  # which has no handle of a folder, and needs none
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
