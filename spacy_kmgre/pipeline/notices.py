"""Warnings, each given once, of input for which a component finds nothing, or nothing that could be right."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..annotations import PASSAGES, document_name, relation_data
from ..errors import Errors, Warnings, listed
from ..types import Entity

# The largest number of labels and span groups that a message lists.
SHOWN = 10

# So many mention pairs take about two minutes on a CPU core (benchmarks/results/growth.jsonl).
MANY_PAIRS = 50_000_000


class WarnOnce:
    """Gives each warning of a component once.

    :param component: The component. A pipeline that takes it from another one may give it another name.
    """

    def __init__(self, component: Any):
        self._component = component
        self._given: set[tuple[str, str]] = set()

    @property
    def name(self) -> str:
        """The component's name, for the messages."""
        return str(self._component.name)

    def __call__(self, message: str, **values: Any) -> None:
        """Give a warning, unless it was given before, even with other values.

        :param message: One of `Warnings`, with places for the component's name and the values.
        """
        self.of_new(message, [""], **values)

    def of_new(self, message: str, things: Iterable[str], **values: Any) -> None:
        """Give a warning of the things that it has not named yet, if there are any.

        :param message: As above, with places for the names of these things and for the first of them.
        """
        found = [thing for thing in things if (message, thing) not in self._given]
        self._given.update((message, thing) for thing in found)
        if found:
            values = {"things": ", ".join(map(repr, found)), "first": found[0], **values}
            warnings.warn(message.format(name=self.name, **values), stacklevel=4)


def checked_docs(name: str, docs: Iterable[Doc]) -> list[Doc]:
    """Return the Docs that a component has got.

    :param name: The component's name.
    :raises ValueError: Where something is no Doc, such as a text.
    """
    found = list(docs)
    for doc in found:
        if not isinstance(doc, Doc):
            raise ValueError(Errors.E095.format(name=name, expected="Docs", value=doc))
    return found


def warn_of_entities(
    warn: WarnOnce, docs: Sequence[Doc], entities: Sequence[Sequence[Entity]], far_pairs: bool
) -> None:
    """Warn of Docs where no entities are read although there is something like entities, and of Docs with so many
    mentions that the prediction takes minutes.

    :param entities: What the reader has found in each Doc.
    :param far_pairs: Whether all mention pairs of a Doc are read, and not only those that a window holds.
    """
    for doc, found in zip(docs, entities):
        if found and far_pairs:
            _warn_of_many_pairs(warn.name, doc, found)
        elif not found:
            _warn_of_other_entities(warn, doc)


def _warn_of_many_pairs(name: str, doc: Doc, entities: Sequence[Entity]) -> None:
    """Warn of each Doc whose mentions make very many pairs."""
    sizes = [len(entity.mentions) for entity in entities]
    pairs = sum(sizes) ** 2 - sum(size**2 for size in sizes)
    if pairs > MANY_PAIRS:
        message = Warnings.W122.format(
            name=name, document=document_name(doc), pairs=pairs, mentions=sum(sizes), entities=len(sizes)
        )
        warnings.warn(message, stacklevel=7)


def _warn_of_other_entities(warn: WarnOnce, doc: Doc) -> None:
    """Warn of a Doc without entities that has named entities or span groups."""
    groups = [key for key, group in doc.spans.items() if len(group) and key != PASSAGES]
    there = [f"{len(doc.ents)} named entities (doc.ents)"] if len(doc.ents) > 1 else []
    there += [f"the span groups {listed(groups, SHOWN)}"] if groups else []
    if there:
        warn(Warnings.W015, document=document_name(doc), there=" and ".join(there))


def warn_of_no_sentences(warn: WarnOnce, docs: Sequence[Doc]) -> None:
    """Warn of a Doc of which nothing can be read again, since nobody says where its sentences are."""
    for doc in docs:
        if not doc.has_annotation("SENT_START"):
            warn(Warnings.W021, document=document_name(doc))


def warn_of_unknown_labels(warn: WarnOnce, examples: Iterable[Example], known: Collection[str]) -> None:
    """Warn that relations to be scored have labels that cannot be predicted."""
    labels = Counter(data["label"] for example in examples for data in relation_data(example.reference))
    unknown = Counter({label: number for label, number in labels.items() if label not in known})
    if unknown:
        warn(
            Warnings.W016,
            count=unknown.total(),
            total=labels.total(),
            unknown=listed((label for label, _ in unknown.most_common()), SHOWN),
            known=listed(known, SHOWN),
        )


def warn_of_replaced(warn: WarnOnce, doc: Doc, other: str) -> None:
    """Warn that a component replaces the relations that another one has written.

    :param other: The name of the component that has written them, "" for none.
    """
    if other:
        warn(Warnings.W018, document=document_name(doc), other=other)


def warn_of_order(warn: WarnOnce, nlp: Language | None) -> None:
    """Warn that a component whose entities are needed comes too late."""
    if nlp is None:
        return
    for needed, by in _too_late(nlp, warn.name):
        warn(Warnings.W017, late=needed, early=by)


def _too_late(nlp: Language, relations: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of a component that comes too late and an earlier one that needs what it finds."""
    makes = {name: nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names}
    place = {name: number for number, name in enumerate(nlp.pipe_names)}
    entities = [name for name, assigned in makes.items() if "doc._.entities" in assigned]
    for name in entities:
        if relations in place and place[name] > place[relations]:
            yield name, relations
        named = [other for other, assigned in makes.items() if "doc.ents" in assigned]
        if named and min(place[other] for other in named) > place[name]:
            yield named[0], name
