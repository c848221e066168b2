"""Runs a pipeline over documents, of which each may fail by itself."""

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import ignore_error, raise_error

from ..annotations import TITLE, get_entities, identify_entities, name_model, relation_data
from ..types import Entity

# A function that gets the number of documents that are done since its last call.
Progress = Callable[[int], Any]


@dataclass(frozen=True)
class Item:
    """A document that is made when it is needed, as often as it is needed.

    :param name: Its title, or its place in the source.
    :param make: The function that makes it, or raises what is wrong with it.
    :param words: The number of its words, by estimate.
    :param digest: A hash of its contents, which tells whether a run that goes on reads the same; empty for none.
    """

    name: str
    make: Callable[[], Doc]
    words: int = 0
    digest: bytes = b""


class Outcome(NamedTuple):
    """A document that is done.

    :param name: Its name.
    :param data: What the export made of it, None for a document that is not in the output.
    :param entities: The number of its entities.
    :param relations: The number of its relations.
    :param error: What is wrong with it in one line, None for a document that did not fail.
    :param digest: A hash of its contents before it was annotated, as the item has it.
    """

    name: str
    data: bytes | None = None
    entities: int = 0
    relations: int = 0
    error: str | None = None
    digest: bytes = b""


def predict_only(nlp: Language) -> Language:
    """Let a pipeline's components forget what predictions do not need (see `KmgreRelations.predict_only`)."""
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "predict_only"):
            pipe.predict_only()
    give_back()
    return nlp


def give_back() -> None:
    """Give free memory back to the system, which glibc would keep: that of forgotten weights, of what loading has
    needed, and of the last batch. It takes 3 ms of a process of 600 MB."""
    if sys.platform == "linux":
        trim = getattr(_c_library(), "malloc_trim", None)
        if trim is not None:  # Other C libraries lack it.
            trim(0)


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def leave_out(name: str, error: str) -> None:
    """Return nothing in place of bytes: the output does not hold documents that failed."""


@dataclass(frozen=True)
class Annotator:
    """Annotates documents and encodes them.

    :param nlp: The pipeline.
    :param encode: The function that makes bytes of an annotated Doc.
    :param identify: What gives entities identifiers over documents, None for none.
    :param encode_failure: The function that makes bytes of the name and the error of a document that failed, or None
        where the output does not hold such documents.
    """

    nlp: Language
    encode: Callable[[Doc], bytes]
    identify: Callable[[Entity], str] | None = None
    encode_failure: Callable[[str, str], bytes | None] = leave_out

    def run(self, batches: Iterable[Sequence[Item]], progress: Progress) -> Iterator[list[Outcome]]:
        """Annotate and encode documents.

        :param batches: Documents that go through the pipeline together.
        :returns: The outcomes of each batch, in order; each is in the place of its item.
        """
        for items in batches:
            # Words that only these documents have are forgotten with them.
            with self.nlp.memory_zone():
                docs = annotate(self.nlp, items, progress)
                outcomes = [self._outcome(item, doc) for item, doc in zip(items, docs)]
                del docs
            give_back()
            yield outcomes

    def failure(self, item: Item, error: Exception) -> Outcome:
        """The outcome of a document that failed."""
        outcome = failure(item, error)
        return outcome._replace(data=self.encode_failure(outcome.name, outcome.error or ""))

    def _outcome(self, item: Item, doc: Doc | Exception) -> Outcome:
        if isinstance(doc, Exception):
            return self.failure(item, doc)
        try:
            doc.user_data.setdefault(TITLE, item.name)
            if self.identify is not None:
                identify_entities(doc, self.identify)
            name_model(doc, self.nlp.meta)
            sizes = len(get_entities(doc)), len(relation_data(doc))
            return Outcome(printable(item.name), self.encode(doc), *sizes)
        except Exception as error:
            return self.failure(item, error)


def annotate(nlp: Language, items: Sequence[Item], progress: Progress) -> list[Doc | Exception]:
    """Run the pipeline over documents that go through it together.

    Where a component fails, spaCy drops the batch that the document is in. The documents of that batch are then
    made again, and run one by one.

    :returns: Each Doc, or what is wrong with it, in the place of its item.
    """
    results: dict[int, Doc | Exception] = {}
    docs = []
    for place, item in enumerate(items):
        try:
            docs.append((item.make(), place))
        except Exception as error:
            results[place] = error
            progress(1)
    # An error of a component may not say which document it is about. So each document that has no result is run
    # by itself below.
    with _errors(nlp, ignore_error), suppress(Exception):
        for doc, found in nlp.pipe(docs, as_tuples=True, batch_size=len(items)):
            if found is not None:  # A component may hand on another Doc, which has no place.
                results[found] = doc
                progress(1)
    for place, item in enumerate(items):
        if place not in results:
            try:
                with _errors(nlp, raise_error):
                    results[place] = nlp(item.make())
            except Exception as error:
                results[place] = error
            progress(1)
    return [results[place] for place in range(len(items))]


def failure(item: Item, error: Exception) -> Outcome:
    """The outcome of a document that failed."""
    text = " ".join(str(error).split())
    text = text if text.startswith("[") else f"{type(error).__name__}: {text}"
    return Outcome(printable(item.name), error=printable(text))


def printable(text: str) -> str:
    """A text that can be written: names of files, and strings of JSON, may hold halves of characters."""
    return text.encode("utf8", "backslashreplace").decode("utf8")


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
