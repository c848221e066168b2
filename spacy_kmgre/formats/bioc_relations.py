"""The relations of BioC: between two identifiers that infons name, or between two annotations that nodes name."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from ..errors import Errors
from .assemble import TextDocs
from .identifiers import IdentifierOptions, Triple, add_novelty

# Infons that hold a relation's label, in the order of preference, and labels that only say that it is a relation.
LABEL_INFONS = ("type", "relation type", "relation_type", "relation", "predicate", "label")
EMPTY_LABELS = frozenset({"", "relation", "relations", "relationship", "rel"})
# Pairs of infons that name a relation's two identifiers. In CDR, any two that are neither these nor a label do.
ROLE_INFONS = (
    ("role1", "role2"),
    ("entity1", "entity2"),
    ("subject", "object"),
    ("head", "tail"),
    ("arg1", "arg2"),
)
OTHER_INFONS = ("novel", "score", "note", "file", "annotator", "updated_at")
# The names of mentions in a part of a document: the number of each one, None where it is left out.
Names = dict[str, list[int | None]]


class Place(NamedTuple):
    """The place of a document, for messages.

    :param spots: Where in the file each element is: " line 7" in XML, "[0].passages[1]" in JSON.
    """

    path: Path
    spots: Mapping[ET.Element, str]
    name: str

    def of(self, element: ET.Element) -> str:
        """The place of an element."""
        return f"{self.path}{self.spots[element]} {self.name!r}"


def read_infons(element: ET.Element) -> dict[str, str]:
    """Read the infons of an element, its text by their keys."""
    return {infon.get("key", ""): infon.text or "" for infon in element.findall("infon")}


def read_triples(
    relation: ET.Element,
    scopes: Sequence[Names],
    identifiers: Container[str],
    place: Place,
    docs: TextDocs[IdentifierOptions],
) -> Iterator[Triple]:
    """The relations that an element states: between two identifiers in its infons, or between two annotations.

    :param scopes: The names of mentions around the relation, the nearest part of the document first.
    :param identifiers: Those of the mentions of the document.
    """
    where = place.of(relation)
    infons = read_infons(relation)
    labels = [infons[key] for key in LABEL_INFONS if infons.get(key)] or [docs.options.default_label]
    label = next((label for label in labels if label.lower() not in EMPTY_LABELS), labels[0])
    if not label:
        raise ValueError(Errors.E148.format(where=where))
    if "novel" in infons:
        label = add_novelty(label, infons["novel"], docs.options.novelty, docs.counts)
    score = _score(infons.get("score", ""), docs)
    nodes = [node.get("refid", "") for node in relation.findall("node")]
    named = _named_arguments(infons, len(nodes) == 2, identifiers)
    if named and all(name not in identifiers and any(name in names for names in scopes) for name in named):
        nodes, named = list(named), ()  # the infons name annotations
    if named:
        yield Triple(unquote(named[0]), unquote(named[1]), label, score)
    elif len(nodes) != 2:
        docs.counts.note("relations left out, as they have not two arguments")
    else:
        head, tail = (_argument(where, node, scopes) for node in nodes)
        if head is None or tail is None:
            docs.counts.note("relations left out with their mention")
        else:
            yield Triple(head, tail, label, score)


def _score(text: str, docs: TextDocs[IdentifierOptions]) -> float:
    """The score of a relation, 1 where there is none that is a probability."""
    try:
        score = float(text or 1)
    except ValueError:
        score = math.nan
    if 0 <= score <= 1:
        return score
    docs.counts.note("scores of relations that are no probabilities (left out)")
    return 1.0


def _named_arguments(infons: Mapping[str, str], nodes: bool, identifiers: Container[str]) -> tuple[str, ...]:
    """The two identifiers that the infons of a relation name; none where they do not.

    :param nodes: Whether there are two nodes, which count more than infons whose names say nothing.
    :param identifiers: Those of mentions, by which two of several infons are told from the others.
    """
    found = {key.lower(): value for key, value in infons.items()}
    for pair in ROLE_INFONS:
        if all(found.get(key) for key in pair):
            return tuple(found[key] for key in pair)
    named = tuple(
        value for key, value in found.items() if key not in (*LABEL_INFONS, *OTHER_INFONS) and value
    )
    if len(named) > 2:
        named = tuple(value for value in named if value in identifiers)
    return named if len(named) == 2 and not nodes else ()


def _argument(where: str, name: str, scopes: Sequence[Names]) -> int | None:
    """The number of the annotation of that name in the nearest part of the document that has one; None where it is
    left out.

    :raises ValueError: Where there is none, or several in that part.
    """
    found = next((names[name] for names in scopes if name in names), None)
    if found is None:
        known = ", ".join(scopes[-1])[:80] or "none"
        raise ValueError(Errors.E131.format(where=where, reference=name, known=known))
    if len(found) > 1:
        raise ValueError(Errors.E134.format(where=where, name=name))
    return found[0]
