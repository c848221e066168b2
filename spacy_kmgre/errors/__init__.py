"""Every message that a user can meet, so that wording stays even and tests can match codes."""

from .commands import CommandErrors
from .corpora import CorpusErrors
from .pipeline import PipelineErrors
from .warnings import Reasons, Warnings

__all__ = ["Errors", "Reasons", "Warnings"]


class Errors(PipelineErrors, CorpusErrors, CommandErrors):
    """All errors, by their codes."""
