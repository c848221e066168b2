"""Runs a pipeline over documents, of which each may fail by itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import ignore_error, raise_error

from ..annotations import all_entities, relation_data

# Where a Doc says which of the documents it is.
PLACE = "spacy_kmgre.place"
# Makes a Doc, as often as it is called, or raises what is wrong with it.
Maker = Callable[[], Doc]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Written:
    """An annotated document.

    :param data: The document as the output encodes it.
    :param entities: The number of its entities.
    :param relations: The number of its relations.
    """

    data: bytes
    entities: int
    relations: int


@dataclass(frozen=True)
class Annotator:
    """Annotates documents and encodes them.

    :param nlp: The pipeline.
    :param encode: The function that makes bytes of an annotated Doc.
    :param batch_size: The number of documents that go through a component at a time.
    """

    nlp: Language
    encode: Callable[[Doc], bytes]
    batch_size: int

    def run(self, makers: Sequence[Maker], progress: Progress = lambda _: None) -> list[Written | str]:
        """Annotate and encode documents.

        :param progress: A function that gets the number of documents done since the last call.
        :returns: Each document in its place, or a line that says what is wrong with it.
        """
        # Words that only these documents have are forgotten with them.
        with self.nlp.memory_zone():
            return [self._write(doc) for doc in annotate(self.nlp, makers, self.batch_size, progress)]

    def _write(self, doc: Doc | str) -> Written | str:
        if isinstance(doc, str):
            return doc
        try:
            return Written(self.encode(doc), len(all_entities(doc)), len(relation_data(doc)))
        except Exception as error:
            return describe(error)


def annotate(
    nlp: Language, makers: Sequence[Maker], batch_size: int, progress: Progress = lambda _: None
) -> list[Doc | str]:
    """Run the pipeline over documents.

    Where a component fails, spaCy drops the batch that the document is in. The documents of that batch are then
    made again, and run one by one.

    :returns: Each Doc in its place, or a line that says what is wrong with it.
    """
    results: list[Doc | str | None] = [None] * len(makers)
    docs = []
    for place, make in enumerate(makers):
        try:
            doc = make()
            doc.user_data[PLACE] = place
            docs.append(doc)
        except Exception as error:
            results[place] = describe(error)
            progress(1)
    # A component may raise without a word on which document it was; each of them has its turn below.
    with _errors(nlp, ignore_error), suppress(Exception):
        for doc in nlp.pipe(docs, batch_size=batch_size):
            place = doc.user_data.pop(PLACE, None)
            if place is not None:
                results[place] = doc
                progress(1)
    for place, make in enumerate(makers):
        if results[place] is None:
            try:
                with _errors(nlp, raise_error):
                    results[place] = nlp(make())
            except Exception as error:
                results[place] = describe(error)
            progress(1)
    return [result for result in results if result is not None]


def describe(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return text if text.startswith("[") else f"{type(error).__name__}: {text}"


@contextmanager
def _errors(nlp: Language, handler: Callable[..., Any]) -> Iterator[None]:
    """Have the components report their errors to a handler.

    spaCy's parser and ner have no place for one and raise; `nlp.set_error_handler` fails where they are present.
    """
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
