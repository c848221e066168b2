"""spaCy's own corpus format: a `.spacy` file, which is a DocBin, or a folder of them."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..annotations import TITLE, check_stored, get_entities, read_entities, relation_data
from ..errors import Errors
from .assemble import annotate
from .base import Draft, Format, ReaderOptions, targets
from .compression import bare_name, check_zlib, open_file
from .counts import Counts
from .files import replacing, walk_files
from .peek import Peek

SUFFIX = ".spacy"
# Where spaCy keeps doc._.rel, whether or not the extension is registered, and the spans of spancat.
REL: Any = ("._.", "rel", None, None)
SPANS_KEY = "sc"
# A folder is written in files of this many documents.
FILE_SIZE = 1000


def write_corpus(docs: Iterable[Doc], path: str | Path) -> None:
    """Write Docs to a `.spacy` file with all that `spacy_kmgre.Corpus.v1` reads.

    Relations and titles are user data, which a DocBin leaves out by default. Missing parent folders are made.

    :raises ValueError: Where `docs` is a single Doc or has anything but Docs, or the file's name has the ending of
        another format.
    """
    path = Path(path)
    ending = path.suffix.lower()
    others = [form for form in targets().values() if ending in form.endings and form is not SPACY]
    if others or ending == ".json":
        names = ", ".join(form.name for form in others) or ", ".join(targets())
        raise ValueError(
            Errors.E081.format(path=path, ending=ending, spacy=path.with_suffix(SUFFIX), names=names)
        )
    if isinstance(docs, Doc):
        raise ValueError(Errors.E080.format(path=path, what="a Doc"))
    with replacing(path) as temporary:
        _write_file(_checked(docs, path), temporary)


def _checked(docs: Iterable[Doc], path: Path) -> Iterator[Doc]:
    for doc in docs:
        if not isinstance(doc, Doc):
            kind = type(doc).__name__
            hint = ", whose `reference` is the gold Doc" if kind == "Example" else ""
            raise ValueError(Errors.E080.format(path=path, what=f"a list with a value of type {kind}{hint}"))
        yield doc


def _write_file(docs: Iterable[Doc], path: Path) -> None:
    DocBin(store_user_data=True, docs=docs).to_disk(path)


def _write(docs: Iterable[Doc], path: Path) -> None:
    if path.suffix == SUFFIX:
        _write_file(docs, path)
        return
    path.mkdir()
    docs = iter(docs)
    for number in count(1):
        part = list(islice(docs, FILE_SIZE))
        if part:
            _write_file(part, path / f"{number:06}{SUFFIX}")
        if len(part) < FILE_SIZE:
            break


def _read(path: Path, vocab: Vocab, counts: Counts, options: ReaderOptions) -> Iterator[Draft]:
    for doc in read_docbins(path, vocab):
        if isinstance(doc, Draft):
            yield doc
        else:
            yield Draft(str(doc.user_data.get(TITLE, "")), partial(_named, doc, counts, options))


def read_docbins(path: Path, vocab: Vocab) -> Iterator[Doc | Draft]:
    """Read the Docs of a `.spacy` file, or of all in a folder. In the place of a file that is damaged comes a draft
    that says so."""
    files = [path]
    if path.is_dir():
        files = [file for file in walk_files(path) if bare_name(file).suffix.lower() == SUFFIX]
    if not files:
        raise ValueError(Errors.E132.format(path=path, kind=f"*{SUFFIX}"))
    for file in files:
        try:
            yield from _docs(file, vocab)
        except ValueError as error:
            yield Draft.broken("", error)


def holds_rel(peek: Peek) -> bool:
    """Whether Docs have relations in `doc._.rel`, and no entities of ours."""
    return any(doc.user_data.get(REL) for doc in peek.docs if not read_entities(doc))


def holds_spans(peek: Peek) -> bool:
    """Whether Docs have a flat span group, and neither entities of ours nor relations."""
    return not holds_rel(peek) and any(
        doc.spans.get(SPANS_KEY) for doc in peek.docs if not read_entities(doc)
    )


def _named(doc: Doc, counts: Counts, options: ReaderOptions) -> Doc:
    check_stored(doc)
    if not get_entities(doc):
        counts.note("named entities in doc.ents, which are not read as entities", len(doc.ents))
        counts.note("span groups that are not read as entities", len(doc.spans))
    if options == ReaderOptions():
        return doc
    return annotate(doc, get_entities(doc), relation_data(doc), counts, options)


def _docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    try:
        with open_file(path) as file:
            data = check_zlib(path, file.read())
        yield from DocBin().from_bytes(data).get_docs(vocab)
    except Exception as error:  # what a damaged DocBin raises depends on the place of the damage
        if str(error).startswith("[KMGRE"):
            raise
        raise ValueError(Errors.E113.format(path=path, error=error)) from error


SPACY = Format(
    name="spacy",
    description="spaCy's DocBin: a .spacy file, which memory must hold, or a folder of them",
    reader=_read,
    writer=_write,
    endings=(SUFFIX,),
    folders=True,
    # Of a file its ending tells, where nothing else does.
    sniff=lambda peek: SUFFIX in peek.files and not (holds_rel(peek) or holds_spans(peek)),
)
