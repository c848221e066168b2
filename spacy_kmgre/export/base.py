"""What every export is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spacy.tokens import Doc

from ..errors import Errors


def require(modules: Mapping[str, str]) -> None:
    """See that optional libraries are there.

    :param modules: Modules, each with the extra of spacy-kmgre that installs it.
    :raises ImportError: Where one is missing; the message names the extra.
    """
    for module, extra in modules.items():
        if find_spec(module) is None:
            raise ImportError(Errors.E530.format(module=module, extra=extra))


class Export(ABC):
    """A way to write documents with relations to a file or folder, made for one run of a pipeline.

    A document becomes bytes in the process that has annotated it. The bytes lie in the journal of the run, from which a
    killed run goes on, until those of all documents become the output. An export is pickled to get to worker processes.

    :param meta: The pipeline's meta, as in `nlp.meta`.
    :cvar name: The name of the export, by which it is registered.
    :cvar description: One line for people who choose an export.
    :cvar suffixes: The file endings that stand for this export.
    :cvar lacks: What a Doc holds and the export has no place for.
    :cvar requires: The modules that the export imports, each with the extra of spacy-kmgre that installs it.
    """

    name: str
    description: str
    suffixes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    requires: Mapping[str, str] = MappingProxyType({})

    def __init__(self, meta: Mapping[str, Any]):
        self.meta = meta

    @abstractmethod
    def encode(self, doc: Doc) -> bytes:
        """What the output needs of one document, whose id is `doc.user_data["title"]`."""

    def encode_failure(self, name: str, error: str) -> bytes | None:
        """What the output needs of a document that failed. None, where it does not hold such documents.

        :param name: The id of the document.
        :param error: What is wrong with it, in one line.
        """
        return None

    @abstractmethod
    def write(self, documents: Iterable[bytes], path: Path) -> None:
        """Write the output.

        :param documents: The encoded documents in order. Memory need not hold them all.
        :param path: A file or folder that is not there yet.
        """


class StreamExport(Export):
    """An export whose output is a header and a piece for each document: it can go to standard output.

    :cvar header: How the output begins.
    """

    header = b""

    def pieces(self, documents: Iterable[bytes]) -> Iterable[bytes]:
        """The pieces of the output, by default what `encode` gives.

        :param documents: The encoded documents in order.
        """
        return documents

    def write(self, documents: Iterable[bytes], path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(chain([self.header], self.pieces(documents)))
