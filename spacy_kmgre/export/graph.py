"""networkx graphs: entities are nodes, and each relation of a document is an edge.

GraphML and node-link JSON are written by networkx, which holds the whole graph in memory.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from spacy.tokens import Doc

from .base import require
from .records import DOCUMENT, Record, RecordExport, records_of

if TYPE_CHECKING:
    import networkx

NETWORKX = MappingProxyType({"networkx": "graph"})
NODE = ("text", "type", "kb_id")
EDGE = ("label", "label_text", "score", "key_mention_pairs", "evidence")
# XML 1.0 has no place for these characters.
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_networkx(docs: Doc | Iterable[Doc]) -> "networkx.MultiDiGraph[str]":
    """The relations of documents as a directed graph, in which two entities may have several edges.

    A node is an entity; it has `text`, `type`, `kb_id`, and in `mentions` the characters of its mentions by document.
    An edge is a relation of one document; it has `label`, `label_text`, `score`, `document`, `model`, `model_version`,
    `key_mention_pairs` and `evidence`. Entities of several documents are one node where they have the same `kb_id`.

    :param docs: Docs that have relations, or one.
    :raises ImportError: Where networkx is not installed.
    """
    require(NETWORKX)
    return _graph(records_of(docs))


def _graph(records: Iterable[Record]) -> "networkx.MultiDiGraph[str]":
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for record in records:
        entities = record["entities"]
        for entity in entities:
            if entity["id"] not in graph:
                graph.add_node(entity["id"], **{name: entity[name] for name in NODE}, mentions={})
            mentions = graph.nodes[entity["id"]]["mentions"]
            mentions.setdefault(record["document"], []).extend(entity["mentions"])
        for relation in record["relations"]:
            ends = [entities[relation[side]]["id"] for side in ("head", "tail")]
            given = {name: relation[name] for name in EDGE} | {name: record[name] for name in DOCUMENT}
            graph.add_edge(*ends, **given)
    return graph


class NodeLinkExport(RecordExport):
    """networkx's node-link form in JSON, which many graph tools read."""

    name = "node-link"
    description = "a graph as node-link JSON, for networkx, D3 and others"
    requires = NETWORKX

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        import networkx as nx

        data = nx.node_link_data(_graph(records), edges="edges")
        path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf8")


class GraphMLExport(RecordExport):
    """GraphML, for Gephi, yEd, Cytoscape and others. GraphML holds no lists: `mentions`, `key_mention_pairs` and
    `evidence` are JSON texts. XML holds few control characters: the others become U+FFFD, and readers
    take a carriage return as a line feed. Nodes are numbered, and have
    their id as the attribute `entity`."""

    name = "graphml"
    description = "a graph as GraphML, for Gephi, yEd, Cytoscape and others"
    suffixes = (".graphml",)
    requires = NETWORKX

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        import networkx as nx

        graph = _graph(records)
        flat: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        numbers = {node: f"n{number}" for number, node in enumerate(graph)}
        for node, given in graph.nodes(data=True):
            flat.add_node(numbers[node], entity=_flat(node), **{k: _flat(v) for k, v in given.items()})
        for number, (head, tail, given) in enumerate(graph.edges(data=True)):
            flat.add_edge(
                numbers[head], numbers[tail], f"e{number}", **{k: _flat(v) for k, v in given.items()}
            )
        nx.write_graphml_xml(flat, path, encoding="utf-8")


def _flat(value: Any) -> str | float:
    if isinstance(value, float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return NOT_IN_XML.sub("\ufffd", text)
