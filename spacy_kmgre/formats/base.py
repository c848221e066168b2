"""What all formats have in common: one interface, the options of readers, checks of fields."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from reprlib import repr as short_repr
from typing import (
    Any,
    NamedTuple,
    TypeVar,
)

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import TITLE, document_name, read_entities, relation_data
from ..errors import Errors, Warnings
from .counts import Counts
from .files import replacing

T = TypeVar("T")

# What a Doc can hold and a format may have no place for.
IDENTIFIERS = "identifiers"
EVIDENCE = "evidence"
SCORES = "scores"
KEY_PAIRS = "key mention pairs"
SHARED = "spans that belong to several entities"
EVERYTHING = frozenset({IDENTIFIERS, EVIDENCE, SCORES, KEY_PAIRS, SHARED})


@dataclass(frozen=True)
class Options:
    """What readers can be told. Each format knows a part of it (`Format.options`).

    :param sentences: Find sentence boundaries by rule (spaCy's `sentencizer`) where the format has none.
    :param relation_names: Names for relation labels (P17 -> country). A label without one stays; one whose
        name is None is left out, and counted.
    :param lenient: Leave out, and count, mentions whose text is not at their offsets, instead of an error.
    :param coref_label: Relations of this label, in any case, say that two mentions are one entity.
    :param novelty: Keep BioRED's novelty as part of the label: Association -> Association:Novel.
    :param all_types: Keep all types of a DWIE entity, joined by "+", not just the most general one.
    :param part: Read only the DWIE documents with this tag: train or test.
    :param documents: The Docs that a DocRED submission is about.
    """

    sentences: bool = True
    relation_names: Mapping[str, str | None] | None = None
    lenient: bool = False
    coref_label: str = "COREF"
    novelty: bool = False
    all_types: bool = False
    part: str = ""
    documents: Iterable[Doc] | None = None


# Soft hyphen, zero-width space, byte order mark.
INVISIBLE = dict.fromkeys((0xAD, 0x200B, 0xFEFF))

NAMES = frozenset({"relation_names"})
# Of formats that give text and characters.
TEXT = NAMES | {"sentences", "lenient"}


class Draft(NamedTuple):
    """A document that is yet to be made, so that one that cannot be does not hide those after it.

    :param title: "" where it is not known before.
    :param make: Gives the Doc, None where it is left out, or raises what is wrong with it. To be called before the
        next draft is asked for.
    """

    title: str
    make: Callable[[], Doc | None]

    @classmethod
    def broken(cls, title: str, error: Exception) -> "Draft":
        """A draft of a document of which is known already what is wrong with it."""

        def fail() -> Doc:
            raise error

        return cls(title, fail)


Reader = Callable[[Path, Vocab, Counts, Options], Iterator[Draft]]
Writer = Callable[[Iterable[Doc], Path], None]


@dataclass(frozen=True)
class Format:
    """How files of one kind become Docs, and Docs such files.

    :param name: What the command line calls it.
    :param description: One line for people who choose a format.
    :param reader: Yields drafts of the Docs of a file or folder, and notes oddities in the counts.
    :param writer: Writes Docs to a file or folder that is not there yet.
    :param options: The names of the `Options` that the reader looks at.
    :param holds: What the format has a place for, of `EVERYTHING`.
    :param changes: Tells what of a Doc is written otherwise than it is.
    """

    name: str
    description: str
    reader: Reader
    writer: Writer
    options: frozenset[str] = NAMES
    holds: frozenset[str] = field(default=EVERYTHING)
    changes: Callable[[Doc], Iterable[str]] = lambda doc: ()

    def read(self, path: Path, vocab: Vocab, counts: Counts | None = None, **options: Any) -> Iterator[Doc]:
        """Read Docs one by one, with entities, relations and what else the format holds.

        :param vocab: Its language, English where it has none, tokenizes texts that come without tokens.
        :param counts: Takes the sizes and the oddities; without it the oddities come as one warning.
        :param options: Those of `Options` that the format knows.
        :raises ValueError: For an unknown option, and where the file cannot be right; the message names
            the file, the document and, in formats of lines, the line.
        """
        noted = Counts() if counts is None else counts
        return self._read(self.drafts(path, vocab, noted, **options), path, counts, noted)

    def drafts(self, path: Path, vocab: Vocab, counts: Counts, **options: Any) -> Iterator[Draft]:
        """As `read`, for those who go on where a document cannot be right. Oddities are counted, sizes are not."""
        for option in options:
            if option not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                raise ValueError(Errors.E140.format(name=self.name, option=option, known=known))
        return (
            Draft(draft.title, partial(_labelled, path, draft.make))
            for draft in self.reader(path, vocab, counts, Options(**options))
        )

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
        if counts is None and noted.oddities:
            warnings.warn(Warnings.W100.format(path=path, oddities=dict(noted.oddities)), stacklevel=3)

    def write(self, docs: Iterable[Doc], path: Path) -> None:
        """Write Docs to a file or folder, which is complete or not there. Folders on the way are made.

        :raises ValueError: Where a Doc cannot be written in this format.
        """
        with replacing(path) as temporary:
            self.writer(map(_checked, docs), temporary)


def shared_identifiers(doc: Doc) -> Iterator[str]:
    """A change of formats that say by identifiers which mentions are one entity."""
    found = [(entity.label, entity.kb_id) for entity in read_entities(doc) if entity.kb_id]
    if len(set(found)) < len(found):
        yield "documents in which entities of one identifier become one"


def coreferring_labels(doc: Doc) -> Iterator[str]:
    """A change of formats that say by a relation which mentions are one entity."""
    if any(data["label"].lower() == Options.coref_label.lower() for data in relation_data(doc)):
        yield f"documents in which a relation {Options.coref_label} makes one of two entities"


def doc_labels(doc: Doc) -> set[str]:
    """The labels of a Doc's entities and relations."""
    return {entity.label for entity in read_entities(doc)} | {data["label"] for data in relation_data(doc)}


def _labelled(path: Path, make: Callable[[], Doc | None]) -> Doc | None:
    """The Doc, if its relations have labels."""
    doc = make()
    if doc is not None and not all(data["label"].strip() for data in relation_data(doc)):
        raise ValueError(Errors.E148.format(where=f"{path} {document_name(doc)!r}"))
    return doc


def _checked(doc: Doc) -> Doc:
    """The Doc, if its relations have labels and are between entities that have mentions."""
    known = {entity.key for entity in read_entities(doc)}
    for data in relation_data(doc):
        if not data["label"].strip():
            raise ValueError(Errors.E148.format(where=repr(document_name(doc))))
        for key in (data["head"], data["tail"]):
            if key not in known:
                name = document_name(doc)
                raise ValueError(Errors.E143.format(name=name, label=data["label"], key=key))
    return doc


def typed(where: str, name: str, value: Any, kind: type[T]) -> T:
    """The value, if it is of a type. JSON's true is no int; half a surrogate pair is no text.

    :raises ValueError: Names the place and the field.
    """
    if type(value) is not kind:
        got = short_repr(value)
        raise ValueError(Errors.E102.format(where=where, field=name, kind=kind.__name__, value=got))
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode("utf8")
        except UnicodeEncodeError as error:
            raise ValueError(Errors.E120.format(where=where, error=error)) from error
    return value


def take(where: str, data: dict[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """A field of a JSON object, if it is of a type."""
    return typed(where, name, data.get(name, default), kind)


def take_share(where: str, data: dict[str, Any], name: str, default: float | None = None) -> float:
    """A number between 0 and 1 from a JSON object."""
    value = data.get(name, default)
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(Errors.E102.format(where=where, field=name, kind="number in [0, 1]", value=value))
    return float(value)  # type: ignore[arg-type]


def squeeze(text: str) -> str:
    """The text without white space and invisible characters, to compare what differs in nothing else."""
    return "".join(text.translate(INVISIBLE).split())
