"""Readers of entities, which are registered functions from a Doc to its clusters of mentions, and what they
share."""

from collections.abc import Callable

from spacy.tokens import Doc

from ..types import Entity

EntityReader = Callable[[Doc], list[Entity]]
