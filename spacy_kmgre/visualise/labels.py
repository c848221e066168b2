"""What a page says of relation labels that nobody can read."""

import re
from collections.abc import Iterable

from ..types import Relation

# What Wikidata calls a property, such as P17 (country).
PROPERTY = re.compile(r"P\d+")
HINT = (
    "{label} is an identifier of Wikidata whose words are not known here. A corpus gets them from "
    "`spacy kmgre convert --label-texts FILE`, a trained pipeline from the setting `label_texts` of its component, "
    "such as {{{label!r}: 'its words'}}."
)


def label_hint(relations: Iterable[Relation]) -> str:
    """Return how to give labels words, where one of them is the bare identifier of a Wikidata property; else ""."""
    for relation in relations:
        if not relation.label_text and PROPERTY.fullmatch(relation.label):
            return HINT.format(label=relation.label)
    return ""
