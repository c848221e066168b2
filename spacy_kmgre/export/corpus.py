"""The formats of corpora that `spacy kmgre convert` writes, DocBin among them, as exports."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

from ..formats import FORMATS
from ..formats.base import EVERYTHING
from .base import Export

# The number of documents that share a vocabulary when they are written, as a vocabulary forgets nothing.
VOCAB_SIZE = 1000


class CorpusExport(Export):
    """An export in a format of corpora.

    :param form: The name of the format.
    """

    def __init__(self, form: str, meta: Mapping[str, Any]):
        super().__init__(meta)
        self.name = form
        self.description = FORMATS[form].description
        self.suffixes = FORMATS[form].endings
        self.lacks = tuple(sorted(EVERYTHING - FORMATS[form].holds))

    def encode(self, doc: Doc) -> bytes:
        return zlib.compress(doc.to_bytes(), 1)

    def write(self, documents: Iterable[bytes], path: Path) -> None:
        FORMATS[self.name].write(self._docs(documents), path)

    def _docs(self, documents: Iterable[bytes]) -> Iterator[Doc]:
        for number, data in enumerate(documents):
            if number % VOCAB_SIZE == 0:
                vocab = spacy.blank(self.meta.get("lang", "xx")).vocab
            yield Doc(vocab).from_bytes(zlib.decompress(data))
