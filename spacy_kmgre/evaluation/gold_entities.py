"""How to run a pipeline's relation component alone, on entities that are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..annotations import ENTITY_PREFIX, get_entities, read_entities
from ..types import Entity


@contextmanager
def between_gold_entities(nlp: Language, component: str) -> Iterator[None]:
    """Let the pipeline run its relation component only, on the entities in the Docs' span groups. Other
    components would replace these entities by their own.

    :param component: The name of the relation component.
    """
    pipe: Any = nlp.get_pipe(component)
    reader = pipe.entities

    prefix = getattr(reader, "prefix", ENTITY_PREFIX)  # A reader of span groups has one.

    def given(doc: Doc) -> list[Entity]:
        """A file need not say which prefix its entities have."""
        return get_entities(doc) or read_entities(doc, prefix)

    pipe.entities = given
    try:
        with nlp.select_pipes(enable=[component]):
            yield
    finally:
        pipe.entities = reader
