"""Documents, their relations and the graph of a corpus as pages that need no network."""

from .documents import render

__all__ = ["render"]
