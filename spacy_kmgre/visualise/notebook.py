"""How relations show themselves in a notebook: as plain HTML with styles of its own, which needs no script."""

from collections.abc import Sequence

from ..types import Relation
from .labels import label_hint
from .page import ENVIRONMENT
from .quotes import quote_pair

# The number of relations in a table, and of key mention pairs of a relation. What is left out is counted.
RELATIONS = 50
PAIRS = 5


def relations_to_html(relations: Sequence[Relation]) -> str:
    """A table of relations, best first."""
    return ENVIRONMENT.get_template("relations.html").render(
        relations=relations[:RELATIONS],
        more=max(0, len(relations) - RELATIONS),
        hint=label_hint(relations),
    )


def relation_to_html(relation: Relation) -> str:
    """A relation with its key mention pairs, each in its sentences."""
    pairs = [(pair, quote_pair(pair)) for pair in relation.key_mention_pairs[:PAIRS]]
    return ENVIRONMENT.get_template("relation.html").render(
        relation=relation,
        pairs=pairs,
        more=max(0, len(relation.key_mention_pairs) - PAIRS),
        hint=label_hint([relation]),
    )
