"""The component that writes entities into span groups, where people can see and correct them."""

from collections.abc import Callable

from spacy.pipeline import Pipe
from spacy.tokens import Doc

from ..annotations import read_entities, replace_entities
from ..types import Entity


class KmgreEntities(Pipe):
    """Writes the entities that a reader finds into `doc.spans[prefix + number]`, one group an entity.

    Groups with the prefix that were there before are replaced, so that a Doc that comes again gets the same
    entities; an entity that is already there keeps its key.
    """

    def __init__(
        self,
        name: str = "kmgre_entities",
        *,
        entities: Callable[[Doc], list[Entity]],
        prefix: str,
        overwrite: bool = True,
        scorer: Callable | None = None,
    ) -> None:
        self.name = name
        self.entities = entities
        self.prefix = prefix
        self.overwrite = overwrite
        self.scorer = scorer

    def __call__(self, doc: Doc) -> Doc:
        """Write the entities of a Doc."""
        if self.overwrite or not read_entities(doc, self.prefix):
            replace_entities(doc, self.entities(doc), self.prefix)
        return doc
