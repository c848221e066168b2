"""Formats of corpora and results, by name.

docs = FORMATS["pubtator"].read(path, vocab, counts, sentences=True)
FORMATS["jsonl"].write(docs, path)
"""

from .base import FORMATS, Draft, Format, ReaderOptions, option

__all__ = ["FORMATS", "Draft", "Format", "ReaderOptions", "option"]
