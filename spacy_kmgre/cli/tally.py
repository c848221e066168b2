"""What a page is about to show, counted, and warnings where that is less than one may think. It is imported when a
command runs."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from spacy.tokens import Doc
from spacy.training import Example

from ..annotations import get_entities
from ..errors import Warnings, listed

# The number of names that a message lists.
NAMES = 12


@dataclass
class Tally:
    """Counts of documents.

    :param documents: The number of documents.
    :param entities: The number of their entities, predicted ones where there are predicted and gold ones.
    :param labels: The labels of their relations with their numbers, as they are and in words.
    :param gold: The labels of gold relations that predictions are compared with, with their numbers.
    :param compared: The number of documents with such relations.
    """

    documents: int = 0
    entities: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    compared: int = 0

    def watch(self, docs: Iterable[Doc | Example]) -> Iterator[Doc | Example]:
        """Hand documents through and count them."""
        for doc in docs:
            sides = [doc.predicted, doc.reference] if isinstance(doc, Example) else [doc]
            self.documents += 1
            self.entities += len(get_entities(sides[0]))
            for side in sides:
                for relation in side._.relations:
                    self.labels.update({relation.label, relation.label_name})
            if isinstance(doc, Example):
                self.compared += 1
                self.gold.update(relation.label for relation in doc.reference._.relations)
            yield doc

    def warn(self, source: str, known: Collection[str], wanted: Collection[str]) -> None:
        """Warn of what is missing.

        :param source: What has been read, for messages.
        :param known: The labels of the pipeline, empty where there is none.
        :param wanted: The labels that the page is to show, empty for all.
        """
        unknown = Counter({label: number for label, number in self.gold.items() if label not in known})
        if not self.documents:
            return
        if not self.entities:
            warnings.warn(Warnings.W113.format(source=source), stacklevel=2)
        elif not self.labels:
            warnings.warn(Warnings.W114.format(source=source), stacklevel=2)
        elif wanted and not self.labels.keys() & set(wanted):
            names = listed(self.labels, NAMES)
            warnings.warn(Warnings.W116.format(labels=listed(wanted, NAMES), known=names), stacklevel=2)
        if unknown:
            counted = (f"{label} ({number})" for label, number in unknown.most_common())
            names = listed(counted, NAMES)
            text = Warnings.W112.format(count=unknown.total(), unknown=names, known=listed(known, NAMES))
            warnings.warn(text, stacklevel=2)
        if self.compared and self.compared < self.documents:
            count = self.documents - self.compared
            warnings.warn(Warnings.W115.format(count=count, total=self.documents), stacklevel=2)
