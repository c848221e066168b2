"""The file of DocRED's official evaluation, which is read onto the documents that it is about.

It is a list of relations: `title`, `h_idx`, `t_idx`, `r`, `evidence`.
https://github.com/thunlp/DocRED/tree/master/code
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import document_name
from ..errors import Errors
from .assemble import annotate
from .base import EVIDENCE, SHARED, Draft, Format, ReaderOptions, option
from .counts import Counts
from .docred import DANGLING, Relation, entity_numbers, read_relation, submission
from .files import read_json_items, write_json_list
from .models import Title, check, named
from .recognise import guess_source
from .words import whole_sentences


class Submitted(Relation):
    """A relation of a submission."""

    title: Title
    h_idx: int
    t_idx: int


@dataclass(frozen=True)
class SubmissionOptions(ReaderOptions):
    """The options of DocRED's submissions.

    :param documents: The Docs that a submission is about.
    """

    documents: Iterable[Doc] | None = option(
        None,
        "The documents that a docred_submission is about, in any format",
        load=lambda path, vocab: guess_source(path).read(path, vocab, Counts()),
    )


def _read(path: Path, _vocab: Vocab, counts: Counts, options: SubmissionOptions) -> Iterator[Draft]:
    """Read a submission onto the documents that it is about, in place of the relations that they have."""
    if options.documents is None:
        raise ValueError(Errors.E107.format(path=path))
    relations: dict[str, list[tuple[str, Submitted]]] = {}
    for place, parse in read_json_items(path):
        with counts.leaving_out(DANGLING, options.lenient):
            data = parse()
            where = named(place, data)
            relation = check(Submitted, where, data)
            relations.setdefault(relation.title, []).append((where, relation))
    found = set()
    for doc in options.documents:
        title = document_name(doc)
        found.add(title)
        yield Draft(title, partial(_submitted, doc, relations.get(title, ()), counts, options))
    missing = [title for title in relations if title not in found]
    if missing:
        with counts.leaving_out("documents of a submission that are not among those given", options.lenient):
            raise ValueError(Errors.E108.format(path=path, count=len(missing), titles=missing[:3]))


def _submitted(
    doc: Doc, relations: Iterable[tuple[str, Submitted]], counts: Counts, options: SubmissionOptions
) -> Doc:
    numbers, sentences = entity_numbers(doc), whole_sentences(doc)
    data = []
    for where, relation in relations:
        with counts.leaving_out(DANGLING, options.lenient):
            data.append(
                read_relation(
                    where,
                    relation.h_idx,
                    relation.t_idx,
                    relation,
                    numbers,
                    sentences,
                    counts,
                    options,
                )
            )
    return annotate(doc, numbers.values(), data, counts, options)


SUBMISSION = Format(
    name="docred_submission",
    description="file of DocRED's official evaluation: one list of relations, read onto --documents",
    reader=_read,
    writer=lambda docs, path: write_json_list((item for doc in docs for item in submission(doc)), path),
    settings=SubmissionOptions,
    default_ending=".json",
    sniff=lambda peek: any({"h_idx", "t_idx", "r"} <= item.keys() for item in peek.objects),
    holds=frozenset({EVIDENCE, SHARED}),
)
