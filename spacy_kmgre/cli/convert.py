"""`spacy kmgre convert`."""

from itertools import islice
from pathlib import Path
from typing import Optional

import spacy
import srsly
from wasabi import msg

from ..formats.counts import Counts
from ..formats.docbin import write_corpus
from ..formats.docred import read_docred


def convert(
    source: Path, target: Path, *, relation_names: Optional[Path] = None, limit: int = 0, lang: str = "en"
) -> None:
    """Convert DocRED's JSON to a .spacy corpus; print its counts, or what is wrong with it, and exit then."""
    counts = Counts()
    try:
        names = None if relation_names is None else srsly.read_json(relation_names)
        docs = read_docred(source, spacy.blank(lang).vocab, counts, names)
        write_corpus(islice(docs, limit or None), target)
    except ValueError as error:
        msg.fail(f"Could not convert {source}", error, exits=1)
    msg.good(str(target))
    print(counts)
