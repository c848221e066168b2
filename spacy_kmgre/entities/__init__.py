"""Readers of entities: functions from a Doc to its clusters of mentions, one a file, each registered."""

from collections.abc import Callable

from spacy.tokens import Doc

from ..types import Entity

EntityReader = Callable[[Doc], list[Entity]]
