"""The graph of a corpus: entities as nodes, relations as edges that know where they are said.

It is plain data, which pages and exports share.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from spacy.tokens import Doc

from .annotations import checked_entities, document_name
from .entities.global_ids import Identify, known_id
from .types import Entity, Relation


@dataclass
class Node:
    """An entity, in one document or in several.

    :param id: The number of the node, by which edges name it.
    :param identity: What the rule gave; None for an entity of one document.
    :param texts: The names of the entity in its documents, the most frequent first.
    :param documents: The numbers of the documents that mention it.
    :param mentions: The number of its mentions.
    """

    id: int
    identity: str | None
    label: str
    kb_id: str
    texts: dict[str, int] = field(default_factory=dict)
    documents: list[int] = field(default_factory=list)
    mentions: int = 0

    @property
    def text(self) -> str:
        """The most frequent name; of equally frequent ones the first."""
        return max(self.texts, key=lambda text: self.texts[text], default="")


@dataclass(frozen=True)
class Statement:
    """A relation of one document.

    :param document: The number of the document.
    """

    document: int
    relation: Relation


@dataclass
class Edge:
    """All relations of one label between two nodes.

    :param head: The id of a node.
    :param tail: The id of a node.
    :param name: The label in words.
    :param statements: The relations, best first.
    """

    head: int
    tail: int
    label: str
    name: str
    statements: list[Statement] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The best score."""
        return max(statement.relation.score for statement in self.statements)

    @property
    def documents(self) -> list[int]:
        """The numbers of the documents that state it, each once."""
        return list(dict.fromkeys(statement.document for statement in self.statements))


@dataclass(frozen=True)
class CorpusGraph:
    """The entities and relations of documents.

    :param documents: The names of the documents.
    :param nodes: The entities; the id of each is its place.
    :param edges: The relations, those that are stated most often first, then by score.
    """

    documents: list[str]
    nodes: list[Node]
    edges: list[Edge]


def build_graph(docs: Iterable[Doc], identify: Identify = known_id) -> CorpusGraph:
    """Make the graph of documents. It keeps their relations, so the Docs stay in memory.

    :param identify: The rule of which entities are one node: those for which it gives the same string, unless that is
        empty.
    :raises ValueError: Where a relation's entity has no mentions.
    """
    builder = _Builder(identify)
    for doc in docs:
        builder.add(doc)
    edges = list(builder.edges.values())
    for edge in edges:
        edge.statements.sort(key=lambda statement: -statement.relation.score)
    edges.sort(key=lambda edge: (-len(edge.statements), -edge.score))
    return CorpusGraph(builder.documents, builder.nodes, edges)


class _Builder:
    def __init__(self, identify: Identify):
        self.identify = identify
        self.documents: list[str] = []
        self.nodes: list[Node] = []
        self.edges: dict[tuple[int, int, str], Edge] = {}
        self.by_identity: dict[str, Node] = {}

    def add(self, doc: Doc) -> None:
        number = len(self.documents)
        self.documents.append(document_name(doc))
        nodes = {entity.key: self._node(number, entity) for entity in checked_entities(doc)}
        for relation in doc._.relations:
            head, tail = nodes[relation.head.key].id, nodes[relation.tail.key].id
            edge = Edge(head, tail, relation.label, relation.label_name)
            edge = self.edges.setdefault((head, tail, relation.label), edge)
            edge.statements.append(Statement(number, relation))

    def _node(self, number: int, entity: Entity) -> Node:
        identity = self.identify(entity) or None
        node = self.by_identity.get(identity) if identity is not None else None
        if node is None:
            node = Node(len(self.nodes), identity, entity.label, entity.kb_id)
            self.nodes.append(node)
            if identity is not None:
                self.by_identity[identity] = node
        node.texts[entity.text] = node.texts.get(entity.text, 0) + 1
        node.mentions += len(entity.mentions)
        if number not in node.documents[-1:]:
            node.documents.append(number)
        return node
