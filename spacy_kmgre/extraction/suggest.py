"""Documents in the order in which annotating them teaches most.

    near(r)   = 1 - |score(r) - threshold(r)| / margin, 0 where that is below 0
    rare(l)   = 1 / sqrt(1 + n(l)), where n(l) is the number of relations of the label l that are annotated already, or,
                where none are given, of those that the pipeline finds in these documents, down to the margin below the
                threshold
    value(d)  = 100 / max(words of d, 100) * sum over the relations r of d: near(r) * rare(label of r)

So a document comes first that has many relations of which the pipeline is unsure, of rare labels, for little to read.
Documents of equal value stay in the order of the sources.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from spacy.tokens import Doc

from ..annotations import document_name, relation_data, relations_writer, store_relations
from ..export import Export

# A shorter document takes as long to open as one of this many words to read.
LEAST_WORDS = 100
HEADER = 8


@dataclass(frozen=True)
class Rule:
    """What makes a document worth annotating.

    :param threshold: The score above which a relation is predicted.
    :param thresholds: Those of single labels.
    :param margin: How far from its threshold a score may be to count as unsure, above 0.
    :param annotated: The number of relations of each label that are annotated already; None counts those that are
        found.
    """

    threshold: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.2
    annotated: Mapping[str, int] | None = None

    def threshold_of(self, label: str) -> float:
        """The threshold of a label."""
        return self.thresholds.get(label, self.threshold)

    def near(self, label: str, score: float) -> float:
        """How near a score is to the threshold of its label: 1 at the threshold, 0 at the margin and beyond."""
        return max(0.0, 1.0 - abs(score - self.threshold_of(label)) / self.margin)

    def rare(self, label: str, found: Mapping[str, int]) -> float:
        """How rare a label is, from 1 down.

        :param found: The number of relations of each label that the pipeline finds, down to the margin.
        """
        return 1.0 / sqrt(1 + (found if self.annotated is None else self.annotated).get(label, 0))


class Suggestion(NamedTuple):
    """A document in the order of its value.

    :param labels: The parts of the value that single labels have, largest first.
    """

    name: str
    value: float
    labels: dict[str, float]


class RankedExport(Export):
    """An export whose documents come in the order of their value, with the relations that the pipeline predicts.

    The documents have relations with scores down to the margin below their thresholds; these are left out of what is
    written. Memory holds some numbers of each document; the documents lie in a temporary file.

    :param inner: What writes the documents.
    :param top: The number of documents to write, 0 for all.
    :ivar ranking: The documents that were written, best first.
    """

    def __init__(self, inner: Export, rule: Rule, top: int = 0):
        super().__init__(inner.meta)
        self.inner = inner
        self.rule = rule
        self.top = top
        self.name = inner.name
        self.description = inner.description
        self.suffixes, self.lacks, self.requires = inner.suffixes, inner.lacks, inner.requires
        self.ranking: list[Suggestion] = []

    def encode(self, doc: Doc) -> bytes:
        near: dict[str, float] = {}
        found: Counter[str] = Counter()
        kept = []
        for data in relation_data(doc):
            label, score = data["label"], data["score"]
            near[label] = near.get(label, 0.0) + self.rule.near(label, score)
            if score > self.rule.threshold_of(label):
                kept.append(data)
            found[label] += 1
        words = sum(not (token.is_space or token.is_punct) for token in doc)
        header = json.dumps(
            {"name": document_name(doc), "words": words, "near": near, "found": found}
        ).encode()
        store_relations(doc, kept, relations_writer(doc))
        return len(header).to_bytes(HEADER, "big") + header + self.inner.encode(doc)

    def write(self, documents: Iterable[bytes], path: Path) -> None:
        headers, places = [], []
        with TemporaryFile() as file:
            for data in documents:
                start = HEADER + int.from_bytes(data[:HEADER], "big")
                headers.append(json.loads(data[HEADER:start]))
                places.append((file.tell(), len(data) - start))
                file.write(data[start:])
            suggestions = self._suggestions(headers)
            order = sorted(range(len(headers)), key=lambda number: (-suggestions[number].value, number))
            order = order[: self.top or None]
            self.ranking = [suggestions[number] for number in order]
            self.inner.write(_pieces(file, [places[number] for number in order]), path)

    def _suggestions(self, headers: list[dict[str, Any]]) -> list[Suggestion]:
        found: Counter[str] = Counter()
        for header in headers:
            found.update(header["found"])
        suggestions = []
        for header in headers:
            scale = LEAST_WORDS / max(header["words"], LEAST_WORDS)
            near = header["near"]
            parts = {
                label: scale * near[label] * self.rule.rare(label, found) for label in near if near[label]
            }
            order = sorted(parts, key=lambda label: (-parts[label], label))
            labels = {label: parts[label] for label in order}
            suggestions.append(Suggestion(header["name"], sum(labels.values()), labels))
        return suggestions


def _pieces(file: IO[bytes], places: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    for start, length in places:
        file.seek(start)
        yield file.read(length)
