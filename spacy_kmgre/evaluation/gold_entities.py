"""How to run a pipeline's relation component alone, on entities that are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spacy.language import Language

from ..annotations import read_entities


@contextmanager
def between_gold_entities(nlp: Language, component: str) -> Iterator[None]:
    """Let the pipeline run its relation component only, on the entities in the Docs' span groups. Other
    components would replace these entities by their own.

    :param component: The name of the relation component.
    """
    pipe: Any = nlp.get_pipe(component)
    reader, pipe.entities = pipe.entities, read_entities
    try:
        with nlp.select_pipes(enable=[component]):
            yield
    finally:
        pipe.entities = reader
