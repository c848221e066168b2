"""Documents of two entities each, and a component that fails where the text says so."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy import Language
from spacy.tokens import Doc

from spacy_kmgre.extraction.annotate import Item
from spacy_kmgre.extraction.reader import Reader, splits_sentences
from spacy_kmgre.extraction.sources import find_sources


@Language.component("test_fails")
def fails(doc: Doc) -> Doc:
    if "explode" in doc.text:
        raise RuntimeError("It did\nexplode.")
    return doc


@pytest.fixture
def nlp(trained_folder) -> Language:
    return spacy.load(trained_folder("KMGRE"))


@pytest.fixture
def fragile(nlp) -> Language:
    nlp.add_pipe("test_fails", first=True)
    return nlp


def line(
    number: int, text: str = "Acme works near Bolt . Bolt was founded by Acme", **more: Any
) -> dict[str, Any]:
    """A document as a line of JSON: its text is its own."""
    text = f"{text} {number}"
    names = [name for name in ("Acme", "Bolt") if name in text]
    entities = []
    for name in names:
        starts = [i for i in range(len(text)) if text.startswith(name, i)]
        entities.append({"mentions": [{"start": i, "end": i + 4} for i in starts], "label": "X"})
    return {"id": f"doc {number}", "text": text, "entities": entities, **more}


def write_lines(path: Path, lines: list[Any]) -> Path:
    srsly.write_jsonl(path, lines)
    return path


def read(nlp: Language, *paths: Path, form: str = "") -> list[Item]:
    return list(Reader(nlp, splits_sentences(nlp)).read(find_sources(paths, form or None)))
