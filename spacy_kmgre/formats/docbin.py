"""spaCy's own corpus format."""

from pathlib import Path
from typing import Iterable

from spacy.tokens import Doc, DocBin


def write_corpus(docs: Iterable[Doc], path: Path) -> None:
    """Write Docs to a `.spacy` file with all that `spacy_kmgre.Corpus.v1` reads: relations and titles
    are user data, which a DocBin leaves out unless told. Folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(store_user_data=True, docs=docs).to_disk(path)
