"""What a corpus format is, and the registry of all formats.

A format is one file with one `Format`, and one line that registers it: an entry point of the group
`spacy_kmgre_formats`, in this package or any other.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import catalogue
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, checked_entities, document_name, relation_data
from ..errors import Errors, Warnings
from .compression import is_archive, renaming, unpacked
from .counts import Counts
from .files import replacing, walk_files
from .nothing import warn_of_nothing
from .options import ReaderOptions as ReaderOptions
from .options import option as option
from .peek import Peek

GROUP = "spacy_kmgre_formats"  # of entry points

# What a Doc can hold and a format may have no place for.
IDENTIFIERS = "identifiers"
EVIDENCE = "evidence"
SCORES = "scores"
KEY_PAIRS = "key mention pairs"
SHARED = "spans that belong to several entities"
# What lenient reading leaves out of a file of which the rest cannot be read.
REST = "files of which the rest is left out, as it cannot be read"
EVERYTHING = frozenset({IDENTIFIERS, EVIDENCE, SCORES, KEY_PAIRS, SHARED})


class Draft(NamedTuple):
    """A document that is yet to be made, so that a broken one does not hide those after it.

    :param title: The document's title, "" where it is not known before the document is made.
    :param make: Makes the Doc, or gives None where it is left out, or raises what is wrong with it. To be called
        before the next draft is asked for.
    """

    title: str
    make: Callable[[], Doc | None]

    @classmethod
    def broken(cls, title: str, error: Exception) -> "Draft":
        """A draft of a document that is known to be broken."""

        def fail() -> Doc:
            raise error

        return cls(title, fail)


# The options are of the class that the format names.
Reader = Callable[[Path, Vocab, Counts, Any], Iterator[Draft]]
Writer = Callable[[Iterable[Doc], Path], None]


@dataclass(frozen=True)
class Format:
    """How files of one kind become Docs, and Docs such files.

    :param name: What the command line calls the format.
    :param description: One line for people who choose a format.
    :param reader: Yields drafts of the Docs of a file or folder, and notes oddities in the counts. None where the
        format is only written.
    :param writer: Writes Docs to a file or folder that is not there yet. None where the format is only read.
    :param settings: The class of the reader's options.
    :param endings: The endings, such as ".xml", that name the format of a target, and of a source that no format
        recognises by its contents.
    :param sniff: Tells whether a file or a folder has this format by its contents. Nothing else decides what is read:
        neither for a source without a name of a format, nor for the files of a folder.
    :param default_ending: The ending of files that are written without a name of one's own, where `endings` is empty;
        "" for folders.
    :param folders: Whether the reader takes a folder as a whole. Otherwise its files are read one after another.
    :param holds: What the format has a place for, of `EVERYTHING`.
    :param changes: Names what will not be written as it is on the Doc.
    """

    name: str
    description: str
    reader: Reader | None = None
    writer: Writer | None = None
    settings: type[ReaderOptions] = ReaderOptions
    endings: tuple[str, ...] = ()
    sniff: Callable[[Peek], bool] = lambda _: False
    default_ending: str = ""
    folders: bool = False
    holds: frozenset[str] = EVERYTHING
    changes: Callable[[Doc], Iterable[str]] = lambda _: ()

    @property
    def options(self) -> dict[str, "Field[Any]"]:
        """The reader's options by name, as `option` makes them."""
        return {item.name: item for item in fields(self.settings)} if self.reader else {}

    def read(
        self, path: Path | str, vocab: Vocab, counts: Counts | None = None, **options: Any
    ) -> Iterator[Doc]:
        """Read Docs one by one, with entities, relations and what else the format holds.

        :param vocab: The vocabulary; its language, or English, tokenizes texts that come without tokens.
        :param counts: Takes the sizes and the oddities. Without it the oddities come as one warning, and a corpus
            without entities or relations as another.
        :param options: Values for the format's `options`.
        :raises ValueError: For an unknown option, and where the file cannot be right; the message names
            the file, the document and, in formats of lines, the line.
        """
        noted = Counts() if counts is None else counts
        path = Path(path)
        return self._read(self.drafts(path, vocab, noted, **options), path, counts, noted)

    def drafts(self, path: Path, vocab: Vocab, counts: Counts, **options: Any) -> Iterator[Draft]:
        """Read drafts of Docs, to go on where a document is broken. Only oddities are counted, not sizes.

        :raises ValueError: Where the format cannot be read, and for an unknown option.
        """
        if self.reader is None:
            raise ValueError(Errors.E152.format(name=self.name, done="read"))
        for name in options:
            if name not in self.options:
                having = [form.name for form in FORMATS.values() if name in form.options]
                known, others = ", ".join(self.options), ", ".join(having) or "none"
                raise ValueError(Errors.E140.format(name=self.name, option=name, known=known, others=others))
        return self._drafts(path, vocab, counts, self.settings(**options))

    def _drafts(self, path: Path, vocab: Vocab, counts: Counts, settings: ReaderOptions) -> Iterator[Draft]:
        if is_archive(path):
            with unpacked(path) as folder:
                for draft in self._drafts(folder, vocab, counts, settings):
                    yield Draft(draft.title, partial(_renamed, folder, path, draft.make))
            return
        several = path.is_dir() and not self.folders
        for file in self._files(path, counts) if several else [path]:
            try:
                if several and is_archive(file):
                    yield from self._drafts(file, vocab, counts, settings)
                    continue
                for draft in self.reader(file, vocab, counts, settings) if self.reader else ():
                    yield Draft(draft.title, partial(_made, file, draft.make, counts, settings))
            except ValueError as error:
                if not several and not settings.lenient:
                    raise
                broken = Draft.broken(file.name, ValueError(Errors.E348.format(error=error)))
                yield Draft(broken.title, partial(_made, file, broken.make, counts, settings, REST))

    def _files(self, folder: Path, counts: Counts) -> list[Path]:
        """The files in a folder, and in the folders within, that have this format. Of JSON, files whose fields are all
        fields of others that have it do too: their documents may have no annotation to tell them by."""
        peeks = [Peek(file) for file in walk_files(folder)]
        known = {peek.path for peek in peeks if self.recognises(peek)}
        if not known:
            raise ValueError(Errors.E132.format(path=folder, kind=f"of the format {self.name}"))
        fields = {name for peek in peeks if peek.path in known for name in peek.fields}
        found = [peek.path for peek in peeks if peek.path in known or (peek.fields and peek.fields <= fields)]
        counts.note("files in the folder of another format (left out)", len(peeks) - len(found))
        return found

    def recognises(self, peek: Peek) -> bool:
        """Whether a file has the format by its contents, or by an ending that tells, or is an archive that holds such
        files. What is broken may have it."""
        try:
            if is_archive(peek.path):
                with unpacked(peek.path) as folder:
                    return any(self.recognises(Peek(file)) for file in walk_files(folder))
            return self.sniff(peek) or (peek.ending in self.endings and not peek.is_json)
        except ValueError:
            return True

    def _read(
        self, drafts: Iterable[Draft], path: Path, counts: Counts | None, noted: Counts
    ) -> Iterator[Doc]:
        titles: set[str] = set()
        for draft in drafts:
            doc = draft.make()
            if doc is None:
                continue
            title = doc.user_data.get(TITLE)
            if title:
                noted.note("titles met before", title in titles)
                titles.add(title)
            noted.add(doc)
            yield doc
        if counts is None:
            warn_of_nothing(path, self.name, noted)
        if counts is None and noted.oddities:
            warnings.warn(Warnings.W100.format(path=path, oddities=dict(noted.oddities)), stacklevel=3)

    def write(self, docs: Iterable[Doc], path: Path | str) -> None:
        """Write Docs to a file or folder, which is complete or not there. Missing parent folders are made.

        :raises ValueError: Where a Doc cannot be written in this format.
        """
        if self.writer is None:
            raise ValueError(Errors.E152.format(name=self.name, done="written"))
        with replacing(Path(path)) as temporary:
            self.writer(map(_checked, docs), temporary)


class Formats(Mapping[str, Format]):
    """The registered formats by name, in alphabetical order. A format is imported when it is asked for."""

    def __init__(self) -> None:
        self._registry = catalogue.create(GROUP)  # what this process registers
        # Packages bring the others. To look at all that is installed takes milliseconds, so that it is done once.
        self._installed = {point.name: point for point in entry_points(group=GROUP)}

    def register(self, form: Format) -> Format:
        """Register a format for this process. A package registers its formats by entry points instead."""
        self._registry.register(form.name, func=form)
        return form

    def __getitem__(self, name: str) -> Format:
        form: Format = self._registry.get_all().get(name) or self._installed[name].load()
        return form

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._installed, *self._registry.get_all()}))

    def __len__(self) -> int:
        return sum(1 for _ in self)


FORMATS = Formats()


def sources() -> dict[str, Format]:
    """The formats that can be read."""
    return {name: form for name, form in FORMATS.items() if form.reader}


def targets() -> dict[str, Format]:
    """The formats that can be written."""
    return {name: form for name, form in FORMATS.items() if form.writer}


def check_format(name: str, known: Iterable[str]) -> None:
    """See that a format has one of the known names.

    :raises ValueError: Where it has not; the message lists the names.
    """
    known = list(known)
    if name not in known:
        raise ValueError(Errors.E144.format(name=name, known=", ".join(known)))


def get_format(name: str) -> Format:
    """The format of that name.

    :raises ValueError: Where there is none; the message names all formats.
    """
    check_format(name, FORMATS)
    return FORMATS[name]


def _made(
    path: Path,
    make: Callable[[], Doc | None],
    counts: Counts,
    options: ReaderOptions,
    loss: str = "documents left out, as they cannot be read",
) -> Doc | None:
    """Make a Doc and see that its relations have labels.

    :returns: The Doc, or None where it is left out, because it cannot be right and reading is lenient.
    """
    with counts.leaving_out(loss, options.lenient):
        try:
            doc = make()
            _check_labels(path, doc)
        except UnicodeEncodeError:  # It is in what a format leaves free, such as an infon of BioC.
            error = Errors.E120.format(where=path, error="half a surrogate pair")
            raise ValueError(Errors.E363.format(error=error)) from None
        except ValueError as error:
            raise ValueError(Errors.E363.format(error=error)) from error
        return doc
    return None


def _renamed(folder: Path, path: Path, make: Callable[[], Doc | None]) -> Doc | None:
    """Make a Doc of a file of an archive."""
    with renaming(folder, path):
        return make()


def _check_labels(path: Path | str, doc: Doc | None) -> None:
    """See that the relations of a Doc, if there is one, have labels."""
    if doc is not None and not all(data["label"].strip() for data in relation_data(doc)):
        raise ValueError(Errors.E148.format(where=f"{path} {document_name(doc)!r}".lstrip()))


def _checked(doc: Doc) -> Doc:
    """See that a Doc's relations have labels and are between entities that have mentions."""
    _check_labels("", doc)
    checked_entities(doc)
    return doc
