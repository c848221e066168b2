"""`spacy kmgre convert`."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from ..annotations import mention_offsets, read_entities, relation_data
from ..errors import Errors
from ..formats import Format
from ..formats.base import (
    EVIDENCE,
    IDENTIFIERS,
    KEY_PAIRS,
    SCORES,
    SHARED,
    get_format,
    guess_source,
    guess_target,
)
from ..formats.counts import Counts
from .printing import failing


def convert(
    source: Path,
    target: Path,
    source_format: str | None = None,
    target_format: str | None = None,
    *,
    force: bool = False,
    limit: int = 0,
    lang: str = "en",
    options: dict[str, Any] | None = None,
) -> None:
    """Convert documents and print their counts. Where something is wrong, say it and exit.

    :param source_format: The name of a format; where None, the source is recognised.
    :param force: Replace a file that is there.
    :param options: Options of the reader as the command line gives them: a path where the option loads a file.
    """
    counts = Counts()
    with failing(f"Could not convert {source}"):
        written = guess_target(target) if target_format is None else get_format(target_format)
        if target.is_file() and not force:
            raise ValueError(Errors.E331.format(path=target))
        docs = read_source(source, source_format, counts, limit=limit, lang=lang, options=options)
        first = next(docs, None)
        if first is None:
            raise ValueError(Errors.E147.format(path=source))
        docs = chain([first], docs)
        written.write(_count_losses(tqdm(docs, unit=" documents", disable=None), written, counts), target)
    msg.good(f"{target} ({written.name})")
    print(counts)


def read_source(
    source: Path,
    source_format: str | None,
    counts: Counts,
    *,
    limit: int = 0,
    lang: str = "en",
    options: dict[str, Any] | None = None,
    quiet: bool = False,
) -> Iterator[Doc]:
    """Read the documents of a source in any format.

    :param options: See `convert`.
    :param quiet: Do not say which format was recognised.
    """
    form = guess_source(source) if source_format is None else get_format(source_format)
    if source_format is None and not quiet:
        msg.info(f"Reading {source} as {form.name} (--from names another format)")
    vocab = spacy.blank(lang).vocab
    loaded = dict(options or {})
    for name in loaded.keys() & form.options.keys():
        load = form.options[name].metadata["load"]
        if load is not None:
            loaded[name] = load(loaded[name], vocab)
    return islice(form.read(source, vocab, counts, **loaded), limit or None)


def _count_losses(docs: Iterable[Doc], form: Format, counts: Counts) -> Iterator[Doc]:
    """Hand Docs through and count what a format has no place for."""
    for doc in docs:
        entities, relations = read_entities(doc), relation_data(doc)
        mentions = sum(len(entity.mentions) for entity in entities)
        there = {
            IDENTIFIERS: sum(bool(entity.kb_id) for entity in entities),
            EVIDENCE: sum(bool(data["evidence"]) for data in relations),
            SCORES: sum(data["score"] != 1.0 for data in relations),
            KEY_PAIRS: sum(bool(data["key_mention_pairs"]) for data in relations),
            SHARED: mentions - len(mention_offsets(entities)),
        }
        for name, number in there.items():
            if name not in form.holds:
                counts.note(f"{name}, for which {form.name} has no place", number)
        for change in form.changes(doc):
            counts.note(f"{change}, as {form.name} has it")
        yield doc
