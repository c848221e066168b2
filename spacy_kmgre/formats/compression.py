"""Compressed files, which are read as if they were not, and archives, which are read as folders.

What a file is, its first bytes tell, not its name. A few kilobytes can unpack to many gigabytes, so that nothing may
grow beyond `LARGEST_RATIO`; archives within an archive share its bounds.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, BinaryIO, cast

from ..errors import Errors

# The endings of names that say how a file is compressed, and nothing about its format.
ENDINGS = (".gz", ".bz2", ".xz", ".zst")
# Text shrinks to a fifth, or to a hundredth where it says the same again and again. What is small may grow more.
LARGEST_RATIO = 200
SMALL = 1 << 27
# The largest number of files in an archive, and of archives within each other.
MEMBERS = 1_000_000
NESTED = 3
# What is unpacked at once: a byte of zstandard's format may stand for 32 kB.
ZSTD_CHUNK = 1 << 10
# The number of bytes that are copied at a time.
BLOCK = 1 << 16
UNZIPPED = 1 << 20
# The number of first bytes that tell what a file is.
HEAD = 262
ZIP = re.compile(rb"PK(\x03\x04|\x05\x06)")
TAR = re.compile(rb".{257}ustar", re.DOTALL)


def _open_zstd(file: BinaryIO) -> Any:
    """Open zstandard's format with Python's own module, which 3.14 brings, or with the library zstandard."""
    try:
        return import_module("compression.zstd").ZstdFile(file)
    except ImportError:
        pass
    try:
        zstandard = import_module("zstandard")
    except ImportError as error:
        raise ValueError(Errors.E362.format(path=file.name)) from error
    return _ZstdFile(file, zstandard.ZstdDecompressor().decompressobj)


class _ZstdFile:
    """A stream of zstandard's frames that knows where the last one is cut off. (The library's own does not.)"""

    def __init__(self, file: BinaryIO, frame: Callable[[], Any]):
        self.file = file
        self.frame = frame
        self.current = frame()
        self.begun = False
        self.data = b""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        while not self.data and (packed := self.file.read(ZSTD_CHUNK)):
            parts = []
            while packed:
                parts.append(self.current.decompress(packed))
                packed, self.begun = self.current.unused_data, not self.current.eof
                if self.current.eof:
                    self.current = self.frame()
            self.data = b"".join(parts)
        if not self.data and self.begun:
            raise EOFError("the last frame is cut off")
        found, self.data = self.data[:size], self.data[size:]
        return found


class _Utf16File:
    """A stream of UTF-16, as UTF-8."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.decoder = codecs.getincrementaldecoder("utf-16")()
        self.data = b""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        while not self.data and (packed := self.file.read(BLOCK)):
            self.data = self.decoder.decode(packed).encode("utf8")
        if not self.data:
            self.decoder.decode(b"", final=True)  # it raises an error where the file ends within a character
        found, self.data = self.data[:size], self.data[size:]
        return found


OPENERS: dict[re.Pattern[bytes], Callable[[Any], Any]] = {
    re.compile(rb"\x1f\x8b\x08"): lambda file: gzip.GzipFile(fileobj=file),
    re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"): bz2.BZ2File,
    re.compile(rb"\xfd7zXZ\0"): lzma.LZMAFile,
    re.compile(rb"\x28\xb5\x2f\xfd"): _open_zstd,
    # XML says itself how it is encoded.
    re.compile(rb"\xff\xfe(?!<\0)|\xfe\xff(?!\0<)"): _Utf16File,
}


def bare_name(path: Path) -> Path:
    """The path without an ending that only says how the file is compressed: a.json for a.json.gz."""
    return path.with_suffix("") if path.suffix.lower() in ENDINGS else path


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes, which are unpacked on the way where it is compressed. Text in UTF-16, as programs
    on Windows write it, is read as UTF-8.

    :raises ValueError: Where it is in zstandard's format and nothing is there to read it. Reading raises one where the
        file is damaged, or grows too much.
    """
    file = path.open("rb")
    try:
        head = file.peek(HEAD)
        for magic, opener in OPENERS.items():
            if magic.match(head):
                return cast(
                    BinaryIO, io.BufferedReader(_Bounded(path, opener(file), file), io.DEFAULT_BUFFER_SIZE)
                )
    except BaseException:
        file.close()
        raise
    return file


class _Bounded(io.RawIOBase):
    """A stream that may not grow without bounds, and whose errors have a code and name the file."""

    def __init__(self, path: Path, stream: IO[bytes], file: IO[bytes]):
        self.path = path
        self.stream = stream
        self.file = file
        self.budget = Budget(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.stream.read(len(buffer))
        except UnicodeError as error:
            raise ValueError(Errors.E120.format(where=self.path, error=error)) from error
        except Exception as error:  # what a damaged file raises depends on the library
            raise ValueError(Errors.E360.format(path=self.path, error=error)) from error
        self.budget.spend(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()


class Budget:
    """The number of bytes and of files that a compressed file, with all archives in it, may yet unpack to."""

    def __init__(self, path: Path):
        self.path = path
        self.left = max(SMALL, LARGEST_RATIO * path.stat().st_size)
        self.files = MEMBERS

    def spend(self, number: int) -> None:
        """Take bytes off.

        :raises ValueError: Where there are not as many left.
        """
        self.left -= number
        if self.left < 0 or self.files < 0:
            raise ValueError(Errors.E361.format(path=self.path, ratio=LARGEST_RATIO))


def check_zlib(path: Path, data: bytes) -> bytes:
    """See that what zlib has packed, as spaCy does a DocBin, does not grow without bounds when it is unpacked.

    :returns: The data, still packed.
    :raises ValueError: Where they do.
    """
    budget, stream, rest = Budget(path), zlib.decompressobj(), data
    while rest and not stream.eof:
        budget.spend(len(stream.decompress(rest, UNZIPPED)))
        rest = stream.unconsumed_tail
    return data


def is_archive(path: Path) -> bool:
    """Whether a path is a zip or tar archive, by its first bytes."""
    if not path.is_file():
        return False
    if path.name.lower().endswith(
        (".tar", ".tgz", ".tbz2", ".txz", *(".tar" + ending for ending in ENDINGS))
    ):
        return True
    with path.open("rb") as file:
        head = file.read(HEAD)
    return bool(ZIP.match(head) or TAR.match(head))


# The folders of archives that are unpacked now, each with its budget, and with the number of archives that it lies in.
_UNPACKED: dict[Path, tuple[Budget, int]] = {}


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a temporary folder with the files of an archive. Errors raised meanwhile name the archive in its place.

    :raises ValueError: Where the archive is damaged, or grows too much.
    """
    with TemporaryDirectory(prefix="spacy-kmgre-") as name:
        folder = Path(name)
        outer = [found for other, found in _UNPACKED.items() if other in path.parents]
        budget, depth = outer[0] if outer else (Budget(path), 0)
        if depth == NESTED:
            raise ValueError(Errors.E156.format(path=path, most=NESTED))
        _UNPACKED[folder] = budget, depth + 1
        try:
            for member, file in _members(path):
                budget.files -= 1
                _copy(file, _inside(folder, member), budget)
            yield folder
        except ValueError as error:
            raise ValueError(str(error).replace(str(folder), str(path))) from error
        finally:
            del _UNPACKED[folder]


@contextmanager
def renaming(folder: Path, path: Path) -> Iterator[None]:
    """Name an archive instead of the temporary folder that its files are in, in the errors raised meanwhile."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace(str(folder), str(path))) from error


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The names and the open files of an archive."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        with archive.open(info) as file:
                            yield info.filename, file
            return
        with open_file(path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isfile() and (found := tar.extractfile(member)):
                    yield member.name, found
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ValueError(Errors.E360.format(path=path, error=error)) from error


def _inside(folder: Path, name: str) -> Path:
    """The path of a member, which never leaves the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return folder.joinpath(*(part for part in parts if part not in ("..", "/") and ":" not in part))


def _copy(file: IO[bytes], path: Path, budget: Budget) -> None:
    """Copy a member to its path.

    :raises ValueError: Where the budget is spent, or no file can have the name, as it is too long or a folder's.
    """
    budget.spend(0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("wb")
    except (OSError, ValueError) as error:
        raise ValueError(Errors.E360.format(path=budget.path, error=error)) from error
    with target:
        while data := file.read(BLOCK):
            budget.spend(len(data))
            target.write(data)
