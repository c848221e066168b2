"""Predicted relations beside gold ones."""

from typing import NamedTuple

from spacy.tokens import Doc

from ..annotations import document_name, get_entities
from ..errors import Errors
from ..scoring.alignment import align_entities
from ..types import Relation

Triple = tuple[str | None, str, str | None]


class Comparison(NamedTuple):
    """How a document's predictions compare with its gold relations.

    :param right: The triples of the predicted Doc's entity keys and labels that are gold.
    :param missed: The gold relations that are not predicted.
    :param predicted_key: The predicted entity of each gold one, by their keys, where it has one.
    """

    right: set[Triple]
    missed: list[Relation]
    predicted_key: dict[str, str]


def compare(predicted: Doc, gold: Doc) -> Comparison:
    """Compare the relations of two Docs of the same text.

    An entity stands for the gold one that `align_entities` finds for it, so that a relation between entities that
    only overlap gold ones can be right: it is the score `rel_overlap`.

    :raises ValueError: Where the texts differ.
    """
    if predicted.text != gold.text:
        raise ValueError(Errors.E504.format(name=document_name(predicted)))
    ours, theirs = get_entities(predicted), get_entities(gold)
    gold_key = {
        entity.key: theirs[match.gold].key
        for entity, match in zip(ours, align_entities(ours, theirs))
        if match is not None
    }
    wanted: dict[Triple, Relation] = {}
    for relation in gold._.relations:
        wanted.setdefault(triple(relation), relation)
    right: set[Triple] = set()
    hit: set[Triple] = set()
    for relation in predicted._.relations:
        as_gold = (gold_key.get(relation.head.key), relation.label, gold_key.get(relation.tail.key))
        if as_gold in wanted:
            right.add(triple(relation))
            hit.add(as_gold)
    missed = [relation for key, relation in wanted.items() if key not in hit]
    return Comparison(right, missed, {theirs: ours for ours, theirs in gold_key.items()})


def triple(relation: Relation) -> Triple:
    """Head, label and tail of a relation, the entities by their keys."""
    return relation.head.key, relation.label, relation.tail.key
