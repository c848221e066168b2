"""The graph of a corpus: what is one node, and what edges know."""

import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.entities.global_ids import same_name
from spacy_kmgre.graph import build_graph


def make_doc(title: str, kb_id: str = "", score: float = 1.0, name: str = "Ann Lee") -> Doc:
    words = [*name.split(), "founded", "Acme", "."]
    doc = Doc(spacy.blank("en").vocab, words=words)
    end = len(words)
    doc.spans["entity_1"] = [Span(doc, 0, end - 3, label="PER", kb_id=kb_id)]
    doc.spans["entity_2"] = [Span(doc, end - 2, end - 1, label="ORG", kb_id=f"{kb_id}-" if kb_id else "")]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "founded", "score": score}]
    doc.user_data["title"] = title
    return doc


def test_identifiers_join_documents_and_names_do_not():
    graph = build_graph(
        [make_doc("a", "Q1"), make_doc("b", "Q1", name="A. Lee"), make_doc("c"), make_doc("d")]
    )
    assert graph.documents == ["a", "b", "c", "d"]
    assert [(node.text, node.identity, node.documents) for node in graph.nodes][:1] == [
        ("Ann Lee", "Q1", [0, 1])
    ]
    assert [node.documents for node in graph.nodes] == [[0, 1], [0, 1], [2], [2], [3], [3]]
    assert graph.nodes[0].texts == {"Ann Lee": 1, "A. Lee": 1}
    assert [(edge.head, edge.tail, len(edge.statements)) for edge in graph.edges] == [
        (0, 1, 2),
        (2, 3, 1),
        (4, 5, 1),
    ]


def test_a_function_says_what_is_one_node():
    docs = [make_doc("a", score=0.4), make_doc("b", score=0.9), make_doc("c", name="ann  LEE")]
    graph = build_graph(docs, same_name)
    assert [node.text for node in graph.nodes] == ["Ann Lee", "Acme"]
    (edge,) = graph.edges
    assert edge.score == 1.0 and edge.documents == [2, 1, 0]
    assert [statement.relation.score for statement in edge.statements] == [1.0, 0.9, 0.4]
    graph = build_graph(docs, lambda entity: entity.text if entity.label == "ORG" else "")
    assert [node.documents for node in graph.nodes] == [[0], [0, 1, 2], [1], [2]]


def test_documents_without_relations():
    graph = build_graph([Doc(spacy.blank("en").vocab, words=["x"])])
    assert (graph.nodes, graph.edges, graph.documents) == ([], [], ["x "])
    assert build_graph([]).documents == []
