"""Entities from one flat span group, such as `doc.spans["sc"]` of spancat or GLiNER, clustered by name."""

from pathlib import Path

from spacy import util

from ..errors import Errors
from .ner import NerEntities, make_reader, read_rules


def span_entities(
    key: str = "sc",
    rules: str | list[str] = "pretrained",
    labels: list[str] | None = None,
    kinds: dict[str, str] = util.SimpleFrozenDict(),  # noqa: B008 (spaCy's immutable default)
    aliases: dict[str, list[str]] | str | Path | None = None,
) -> NerEntities:
    """Make a reader that clusters the spans of `doc.spans[key]` as `spacy_kmgre.ner_entities.v2` clusters `doc.ents`;
    the other arguments are the same. Spans may overlap. A Doc without the group has no entities.

    :param key: The key of the group, `spans_key` of spancat.
    :raises ValueError: For an empty key, and as `spacy_kmgre.ner_entities.v2` says.
    """
    if not key:
        raise ValueError(Errors.E023.format(setting="key", value=key, expected="the key of a span group"))
    return make_reader(read_rules(rules), labels, kinds, aliases, key)
