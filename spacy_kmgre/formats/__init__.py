"""Formats of corpora and results, by name.

docs = FORMATS["pubtator"].read(path, vocab, counts, sentences=True)
FORMATS["jsonl"].write(docs, path)
"""

from .base import Format
from .bioc import BIOC
from .brat import BRAT
from .docbin import SPACY
from .doccano import DOCCANO
from .docred import DOCRED, SUBMISSION
from .dwie import DWIE
from .jsonl import JSONL
from .label_studio import LABEL_STUDIO
from .prodigy import PRODIGY
from .pubtator import PUBTATOR

__all__ = ["FORMATS", "Format"]

FORMATS = {
    form.name: form
    for form in (
        SPACY,
        JSONL,
        DOCRED,
        SUBMISSION,
        DWIE,
        PUBTATOR,
        BIOC,
        BRAT,
        PRODIGY,
        LABEL_STUDIO,
        DOCCANO,
    )
}
