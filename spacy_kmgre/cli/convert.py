"""`spacy kmgre convert`."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from tqdm import tqdm

from ..annotations import get_entities, mention_offsets, relation_data
from ..errors import Errors
from ..export.corpus import CorpusExport
from ..formats import Format
from ..formats.assemble import blank_vocab
from ..formats.base import (
    EVIDENCE,
    IDENTIFIERS,
    KEY_PAIRS,
    SCORES,
    SHARED,
    get_format,
)
from ..formats.counts import Counts
from ..formats.docbin import SPACY
from ..formats.nothing import warn_of_nothing
from ..formats.recognise import guess_source, guess_target
from ..formats.split import PARTS, Split
from .output import check_output
from .printing import failing, plural
from .terminal import msg, say


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
    split: Split | None = None,
) -> None:
    """Convert documents and print their counts. Where something is wrong, say it and exit.

    :param source_format: The name of a format; where None, the source is recognised.
    :param force: Replace a file that is there.
    :param options: Options of the reader as the command line gives them: a path where the option loads a file.
    :param split: How the documents are divided into parts; the target is the folder of these then.
    """
    counts = Counts()
    with failing(f"Could not convert {source}"):
        if target_format is None:
            written = SPACY if split is not None else guess_target(target)
        else:
            written = get_format(target_format)
        targets = [target] if split is None else list(_part_paths(target, written, split).values())
        for path in targets:
            check_output(path, (), force=force)  # A corpus may take its own place.
        docs = read_source(source, source_format, counts, limit=limit, lang=lang, options=options)
        first = next(docs, None)
        if first is None:
            show_reasons(counts)
            left = ", ".join(f"{oddity}: {number:,}" for oddity, number in sorted(counts.oddities.items()))
            raise ValueError(Errors.E147.format(path=source, left=f" ({left})" if left else ""))
        docs = tqdm(chain([first], docs), unit=" documents", disable=None)
        docs = _count_losses(docs, written, counts)
        if split is None:
            written.write(docs, target)
            done = {target: written.name}
        else:
            done = _write_parts(docs, _part_paths(target, written, split), written, split, lang)
    for path, what in done.items():
        msg.good(f"{path} ({what})")
    say(counts)
    show_reasons(counts)


def show_reasons(counts: Counts) -> None:
    """Print the first error of each kind that lenient reading has left out."""
    for oddity, error in sorted(counts.reasons.items()):
        msg.warn(f"{oddity}: {counts.oddities[oddity]:,}, the first:", error)


def _part_paths(folder: Path, written: Format, split: Split) -> dict[str, Path]:
    """The file or folder of each part."""
    if folder.is_file():
        raise ValueError(Errors.E336.format(path=folder, why="is a file; --split writes a folder"))
    ending = written.endings[0] if written.endings else written.default_ending
    return {part: folder / f"{part}{ending}" for part, _ in zip(PARTS, split.shares)}


def _write_parts(
    docs: Iterable[Doc], paths: dict[str, Path], written: Format, split: Split, lang: str
) -> dict[Path, str]:
    """Write documents in parts.

    :returns: What each file or folder is.
    """
    export = CorpusExport(written.name, {"lang": lang})
    texts, kept = [], []
    for doc in docs:
        texts.append(doc.text)
        kept.append(export.encode(doc))
    parts = split.divide(texts)
    for part, numbers in parts.items():
        export.write((kept[number] for number in numbers), paths[part])
    return {
        paths[part]: f"{written.name}, {plural(len(numbers), 'document')}" for part, numbers in parts.items()
    }


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
    vocab = blank_vocab(lang)
    loaded = dict(options or {})
    for name in loaded.keys() & form.options.keys():
        load = form.options[name].metadata["load"]
        if load is not None:
            loaded[name] = load(loaded[name], vocab)
    yield from islice(form.read(source, vocab, counts, **loaded), limit or None)
    warn_of_nothing(source, form.name, counts)


def _count_losses(docs: Iterable[Doc], form: Format, counts: Counts) -> Iterator[Doc]:
    """Hand Docs through and count what a format has no place for."""
    for doc in docs:
        entities, relations = get_entities(doc), relation_data(doc)
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
