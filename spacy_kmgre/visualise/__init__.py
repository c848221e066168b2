"""Documents, their relations and the graph of a corpus as pages that need no network."""

from .documents import render
from .network import render_graph

__all__ = ["render", "render_graph"]
