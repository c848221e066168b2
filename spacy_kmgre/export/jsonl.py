"""JSON Lines with all that a Doc holds."""

import json

from spacy.tokens import Doc

from ..formats.jsonl import JSONL, document_to_json
from .base import StreamExport


class JsonLinesExport(StreamExport):
    """A line of spacy-kmgre's own JSON Lines for each document."""

    name = JSONL.name
    description = JSONL.description
    suffixes = (".jsonl",)

    def encode(self, doc: Doc) -> bytes:
        return (json.dumps(document_to_json(doc), ensure_ascii=False) + "\n").encode("utf8")
