"""The reader `spacy_kmgre.Corpus.v1`."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.util import ensure_path
from spacy.vocab import Vocab

from ..annotations import (
    ENTITY_PREFIX,
    TITLE,
    check_stored,
    note_prefix,
    project_entities,
    read_entities,
    relation_data,
)
from ..errors import Errors, Warnings


def create_corpus_reader(
    path: str | Path | None,
    gold_entities: bool = True,
    gold_tokens: bool = True,
    limit: int = 0,
    prefix: str = ENTITY_PREFIX,
) -> Callable[[Language], Iterable[Example]]:
    """Make a reader of examples for training and evaluation from a `.spacy` file, or from a folder of them.

    The reference is the corpus's Doc. The predicted Doc gets its title, and its tokens, sentences and
    entities as the switches say. It never gets its relations and `doc.ents`.

    :param gold_entities: Whether the predicted Docs get the gold entities. Otherwise a component before
        `kmgre_relations` has to find them.
    :param gold_tokens: Whether the predicted Docs get the gold tokens and sentences. Otherwise the tokenizer
        splits the text, tokens in which a gold mention begins or ends are split further, and sentences are up
        to the pipeline.
    :param limit: The largest number of documents that are read, 0 for all.
    :param prefix: The prefix of the span groups that hold the gold entities.

    Errors come from the reader, when its examples are asked for. It raises a `ValueError` where there is no
    path, where a file is no DocBin, and where no document has tokens; and a `FileNotFoundError` where there is
    nothing at the path. At the end it warns of a corpus without entities, and of one without relations.
    """

    def read(nlp: Language) -> Iterator[Example]:
        if path is None:
            raise ValueError(Errors.E110)
        folder_or_file = ensure_path(path)
        if not folder_or_file.exists():
            raise FileNotFoundError(Errors.E111.format(path=path))
        reference = None
        entities = relations = 0
        for reference in islice(_read_docs(folder_or_file, nlp.vocab), limit if limit > 0 else None):
            check_stored(reference)
            predicted = _predicted(nlp, reference, gold_tokens)
            if TITLE in reference.user_data:
                predicted.user_data[TITLE] = reference.user_data[TITLE]
            gold = read_entities(reference, prefix)
            if gold:
                note_prefix(reference, prefix)
            if gold_entities:
                predicted = project_entities(gold, predicted)
            entities += len(gold)
            relations += len(relation_data(reference))
            yield Example(predicted, reference)
        if reference is None:
            raise ValueError(Errors.E112.format(path=path))
        if not entities:
            known = list(reference.spans)
            warnings.warn(Warnings.W110.format(path=path, prefix=prefix, known=known), stacklevel=2)
        if not relations:
            warnings.warn(Warnings.W111.format(path=path), stacklevel=2)

    return read


def _read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Yield the Docs that have tokens, file by file."""
    for file in walk_corpus(path, FILE_TYPE):
        try:
            yield from Corpus(file).read_docbin(vocab, [file])
        except Exception as error:  # Its class depends on where the DocBin is mangled.
            raise ValueError(Errors.E113.format(path=file, error=error)) from error


def _predicted(nlp: Language, reference: Doc, gold_tokens: bool) -> Doc:
    if not (gold_tokens or reference.has_unknown_spaces):
        return nlp.make_doc(reference.text)
    split = reference.has_annotation("SENT_START")
    return Doc(
        nlp.vocab,
        words=[token.text for token in reference],
        spaces=[bool(token.whitespace_) for token in reference],
        sent_starts=[token.is_sent_start for token in reference] if split else None,
    )
