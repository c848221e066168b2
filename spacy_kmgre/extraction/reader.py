"""Makes the Docs that a pipeline is to read."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import set_relations
from ..errors import Errors
from ..formats.assemble import TextDocs, TextOptions
from ..formats.counts import Counts
from ..formats.jsonl import document_from_json
from .annotate import Item
from .records import Record, RecordReader
from .sources import Source
from .tables import DEFAULT, Columns


class Reader:
    """Reads sources for a pipeline.

    :param split: Whether the pipeline finds sentences. Otherwise they are found by rule where a document has none.
    :param made: The files that the run itself makes. They are not read, although a folder of sources may hold them.
    :param columns: The columns of tables that are read.
    """

    def __init__(self, nlp: Language, split: bool, made: Iterable[Path] = (), columns: Columns = DEFAULT):
        self.nlp = nlp
        self.records = RecordReader(nlp.lang or "xx", split, made, columns, nlp.max_length)
        self.docs = TextDocs(nlp.vocab, Counts(), TextOptions(sentences=not split))
        self.docs.nlp = nlp  # The pipeline's own tokenizer splits texts.

    @property
    def passed_over(self) -> list[Path]:
        """The files of folders that are not read, as their endings stand for no source."""
        return self.records.passed_over

    def read(self, sources: Iterable[Source]) -> Iterator[Item]:
        """The documents one by one. What cannot be read is an item that raises."""
        return map(self.item, self.records.read(sources))

    def item(self, record: Record) -> Item:
        """The document of a record."""
        return Item(record.name, partial(record.make, self), record.words, record.digest)

    def from_utf8(self, name: str, data: bytes) -> Doc:
        """The Doc of a text in UTF-8.

        :raises ValueError: Where the bytes are something else, or the text is longer than `nlp.max_length`.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(Errors.E120.format(where=name, error=error)) from error
        return self.from_text(name, text)

    def from_text(self, name: str, text: str) -> Doc:
        """The Doc of a text.

        :raises ValueError: Where the text is longer than `nlp.max_length`.
        """
        self._check_length(text)
        return self.docs.make(name, text, [], [], title=name)

    def from_json(self, where: str, data: Any) -> Doc:
        """The Doc of a line of JSON Lines."""
        if isinstance(data, dict) and isinstance(data.get("text"), str):
            self._check_length(data["text"])
        doc = document_from_json(where, data, self.docs)
        return to_annotate(self.nlp, doc)

    def from_bytes(self, data: bytes) -> Doc:
        """The Doc that a format of corpora has made."""
        doc = Doc(self.nlp.vocab).from_bytes(data)
        self._check_length(doc.text)
        return to_annotate(self.nlp, doc)

    def fail(self, error: Exception) -> NoReturn:
        """Raise what is wrong with a document that could not be read."""
        raise error

    def _check_length(self, text: str) -> None:
        if len(text) > self.nlp.max_length:
            raise ValueError(Errors.E338.format(length=len(text), limit=self.nlp.max_length))


def splits_sentences(nlp: Language) -> bool:
    """Whether one of the components sets sentence boundaries."""
    assigned = {name for pipe in nlp.pipe_names for name in nlp.get_pipe_meta(pipe).assigns}
    return not assigned.isdisjoint({"doc.sents", "token.is_sent_start"})


def to_annotate(nlp: Language, doc: Doc) -> Doc:
    """The Doc without what a pipeline is to find: relations, and named entities where one of its components finds them.
    That one would keep those that are there, such as the gold ones of a corpus."""
    set_relations(doc, [])
    if any("doc.ents" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names):
        doc.set_ents([], default="missing")
    return doc
