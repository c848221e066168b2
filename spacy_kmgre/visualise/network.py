"""The page of a corpus's graph."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc

from ..entities.global_ids import Identify, known_id
from ..errors import Warnings
from ..graph import CorpusGraph, Statement, build_graph
from .data import DIGITS
from .labels import label_hint
from .layout import place_nodes
from .options import Options
from .page import make_frame_or_page, make_page
from .quotes import quote_relation

# The number of statements of an edge that the page quotes. The others are counted.
QUOTED = 20
# The number of key mention pairs of a statement that the page names. The others are counted.
PAIRS = 3
LIMIT = 1000


def render_graph(
    docs: Iterable[Doc],
    *,
    identify: Identify = known_id,
    limit: int = LIMIT,
    page: bool = False,
    minify: bool = False,
    jupyter: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> str | None:
    """Show the graph of documents: entities as nodes, relations as edges, each with the sentences that say so.

    :param identify: The rule of which entities of different documents are one node: a function from an entity to a
        string, the same for the same thing, or "" for a node of its own. By default the identifier in a knowledge base;
        `spacy_kmgre.entities.global_ids.same_name` joins by type and name.
    :param limit: The largest number of edges, those that are stated most often first.
    :param page: See `render`, as for `minify`, `jupyter`, `options` and the result.
    """
    chosen = Options.read(options)
    title = chosen.title or "Graph of relations"
    html = make_page(
        "graph.html",
        {
            **graph_data(build_graph(docs, identify), limit, chosen.labels),
            "colors": dict(chosen.colors),
            "threshold": chosen.threshold,
        },
        title=title,
        styles=("base.css", "document.css", "page.css", "graph.css"),
        scripts=("cytoscape.min.js", "dom.js", "graph.js"),
        minify=minify,
        open_styles=True,
    )
    return make_frame_or_page(html, title, page=page, jupyter=jupyter)


def graph_data(graph: CorpusGraph, limit: int = LIMIT, labels: Iterable[str] = ()) -> dict[str, Any]:
    """What the page shows of a graph. Nodes without an edge on show are left out, and counted.

    :param labels: The labels of the relations to show; all where it is empty.
    """
    wanted = set(labels)
    edges = [edge for edge in graph.edges if not wanted or wanted & {edge.label, edge.name}]
    shown = edges[:limit]
    if len(edges) > limit:
        warnings.warn(Warnings.W117.format(shown=limit, total=len(edges)), stacklevel=3)
    used = sorted({node for edge in shown for node in (edge.head, edge.tail)})
    number = {node: place for place, node in enumerate(used)}
    places = place_nodes(len(used), [(number[edge.head], number[edge.tail]) for edge in shown])
    return {
        "hint": label_hint(statement.relation for edge in shown for statement in edge.statements),
        "documents": graph.documents,
        "all": {"nodes": len(graph.nodes), "edges": len(edges)},
        "nodes": [
            {
                "text": node.text or "?",
                "names": sorted(node.texts, key=lambda text: -node.texts[text]),
                "label": node.label,
                "kb_id": node.kb_id,
                "documents": len(node.documents),
                "mentions": node.mentions,
                "x": round(float(x), 1),
                "y": round(float(y), 1),
            }
            for node, (x, y) in zip((graph.nodes[place] for place in used), places)
        ],
        "edges": [
            {
                "head": number[edge.head],
                "tail": number[edge.tail],
                "label": edge.label,
                "name": edge.name,
                "score": edge.score,
                "count": len(edge.statements),
                "statements": [_statement_data(statement) for statement in edge.statements[:QUOTED]],
            }
            for edge in shown
        ],
    }


def _statement_data(statement: Statement) -> dict[str, Any]:
    pairs = statement.relation.key_mention_pairs
    return {
        "document": statement.document,
        "score": statement.relation.score,
        "pairs": [
            {"head": pair.head.text, "tail": pair.tail.text, "share": round(pair.share, DIGITS)}
            for pair in pairs[:PAIRS]
        ],
        "more": max(0, len(pairs) - PAIRS),
        "quotes": quote_relation(statement.relation),
    }
