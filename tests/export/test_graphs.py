"""Tables and graphs, read back by readers that know nothing of this package: each holds the same relations, with the
same characters, whatever strings a document has."""

import csv
import io
import json
import re
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
import networkx as nx
import pandas as pd
import pyarrow.parquet as pq
import pyoxigraph as ox
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import name_model
from spacy_kmgre.export import export_docs, find_export, to_networkx, to_pandas
from spacy_kmgre.export.csv import plain_cell
from spacy_kmgre.export.graph import NOT_IN_XML
from spacy_kmgre.export.neo4j import plain_name
from spacy_kmgre.export.rdf import BASE, VOCABULARY
from spacy_kmgre.formats import FORMATS

VOCAB = spacy.blank("en").vocab
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "a\rb\nc\td",
    "x`]->() DETACH DELETE n //",
    "\\u0027}) MATCH (n) DETACH DELETE n; //",
    "'; DROP TABLE x; --",
    "\x00\x1b[2J\x7f\x85\u2028",
    "]]> &amp; <!-- --> <![CDATA[",
    '"""\\',
    "> <urn:x> <urn:y> . }",
    "../../etc/passwd",
    "日本語 العربية 👩‍👩‍👧",
    "a;b,c|d",
    " ",
]


def make(strings: list[str], number: int) -> Doc:
    """Three entities, four mentions and two relations, all of whose names come from the strings in turn."""
    name = cycle(strings).__next__
    words = [name() for _ in range(6)]
    doc = Doc(VOCAB, words=words, spaces=[False] * 6, sent_starts=[True, False, False, True, False, False])
    doc.user_data["title"] = f"{name()}{number}"
    kind, kb_id = name(), name()
    doc.spans["entity_1"] = [
        Span(doc, 0, 1, label=kind, kb_id=kb_id),
        Span(doc, 4, 5, label=kind, kb_id=kb_id),
    ]
    doc.spans["entity_2"] = [Span(doc, 1, 3, label=name())]
    doc.spans["entity_3"] = [Span(doc, 5, 6)]
    pairs = [
        {"head": [0, 1], "tail": [1, 3], "share": 0.75, "key_score": 0.5, "relation_score": 0.25},
        {"head": [4, 5], "tail": [1, 3], "share": 0.25, "key_score": 0.5, "relation_score": 0.125},
    ]
    doc._.relations = [
        {
            "head": "entity_1",
            "tail": "entity_2",
            "label": name().strip() or "x",
            "label_text": name(),
            "score": 0.9973531961441041,
            "key_mention_pairs": pairs,
            "evidence": [[0, 3], [3, 6]],
        },
        {"head": "entity_3", "tail": "entity_1", "label": name().strip() or "x", "score": 0.625},
    ]
    name_model(doc, {"lang": "en", "name": name(), "version": "1.0"})
    return doc


@pytest.fixture(scope="module")
def docs() -> list[Doc]:
    """Every string in every place."""
    return [make(HOSTILE[i:] + HOSTILE[:i], i) for i in range(len(HOSTILE))]


def spans(found: Any) -> list[tuple[int, int]]:
    return [(int(span["start"]), int(span["end"])) for span in found]


def expected(docs: list[Doc]) -> Counter[Any]:
    """All that an export says of a relation."""
    found = []
    for doc in docs:
        for r in doc._.relations:
            pairs = [
                (
                    pair.head.start_char,
                    pair.head.end_char,
                    pair.tail.start_char,
                    pair.tail.end_char,
                    pair.share,
                )
                for pair in r.key_mention_pairs
            ]
            evidence = [(sentence.start_char, sentence.end_char) for sentence in r.evidence]
            names = (doc.user_data["title"], r.head.text, r.label, r.label_text, r.tail.text, r.tail.label)
            found.append((*names, r.score, tuple(pairs), tuple(evidence)))
    return Counter(found)


def of_row(row: Any) -> tuple[Any, ...]:
    pairs = [
        (*spans([pair["head"]])[0], *spans([pair["tail"]])[0], pair["share"])
        for pair in row["key_mention_pairs"]
    ]
    names = (row["document"], row["head"], row["label"], row["label_text"], row["tail"], row["tail_type"])
    return (*names, row["score"], tuple(pairs), tuple(spans(row["evidence"])))


def test_parquet(docs, tmp_path):
    export_docs(docs, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet" / "relations").to_pylist()
    assert Counter(map(of_row, rows)) == expected(docs)
    for row in rows:
        (doc,) = (doc for doc in docs if doc.user_data["title"] == row["document"])
        for span in (
            *row["evidence"],
            *(pair[side] for pair in row["key_mention_pairs"] for side in ("head", "tail")),
        ):
            assert doc.text[span["start"] : span["end"]] == span["text"]
        assert (row["model"], row["model_version"]) == (doc.user_data["model"]["name"], "1.0")
    texts = pq.read_table(tmp_path / "out.parquet" / "documents").to_pylist()
    assert [row["text"] for row in texts] == [doc.text for doc in docs]
    assert [len(row["entities"]) for row in texts] == [3] * len(docs)
    query = f"select count(*), max(score) from '{tmp_path}/out.parquet/relations/*.parquet'"
    assert duckdb.sql(query).fetchall() == [(2 * len(docs), 0.9973531961441041)]


def test_parquet_in_parts(docs, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_kmgre.export.parquet.BATCH", 2)
    monkeypatch.setattr("spacy_kmgre.export.parquet.PART", 6)
    export_docs(docs, tmp_path / "out.parquet")
    assert len(list((tmp_path / "out.parquet" / "documents").iterdir())) == 3
    assert len(pd.read_parquet(tmp_path / "out.parquet" / "relations")) == 2 * len(docs)
    export_docs([], tmp_path / "none.parquet")
    assert len(pq.read_table(tmp_path / "none.parquet" / "relations")) == 0


def test_pandas(docs, tmp_path):
    frame = to_pandas(docs)
    export_docs(docs, tmp_path / "out.parquet")
    assert list(frame.columns) == pq.read_schema(tmp_path / "out.parquet/relations/part-00000.parquet").names
    assert Counter(of_row(row) for _, row in frame.iterrows()) == expected(docs)
    assert list(to_pandas([]).columns) == list(frame.columns)


def of_edge(graph: Any, head: str, tail: str, data: Any) -> tuple[Any, ...]:
    ends = {"head": graph.nodes[head]["text"], "tail": graph.nodes[tail]["text"]}
    return of_row({**data, **ends, "tail_type": graph.nodes[tail]["type"]})


@pytest.mark.parametrize("name", ["memory", "node-link"])
def test_networkx(docs, tmp_path, name):
    graph = to_networkx(docs)
    if name != "memory":
        export_docs(docs, tmp_path / "out.json", name)
        graph = nx.node_link_graph(json.loads((tmp_path / "out.json").read_text()), edges="edges")
    found = Counter(of_edge(graph, head, tail, data) for head, tail, data in graph.edges(data=True))
    # The string of an identifier is in several documents: one node, with the name that it had first.
    assert sum(found.values()) == sum(expected(docs).values())
    assert {of[2:4] + of[6:] for of in found} == {of[2:4] + of[6:] for of in expected(docs)}


def test_graphml(docs, tmp_path):
    export_docs(docs, tmp_path / "out.graphml")
    read, graph = nx.read_graphml(tmp_path / "out.graphml"), to_networkx(docs)

    def facts(graph: Any, load: Any, clean: Any) -> Counter[Any]:
        found = []
        for head, tail, data in graph.edges(data=True):
            nodes = [graph.nodes[end] for end in (head, tail)]
            names = [clean(node[key]) for node in nodes for key in ("text", "type", "kb_id")]
            nested = [tuple(spans(load(data["evidence"]))), len(load(data["key_mention_pairs"]))]
            names += [clean(data[name]) for name in ("label", "label_text", "document", "model")]
            found.append((*names, data["score"], *nested))
        return Counter(found)

    def clean(text: str) -> str:
        return NOT_IN_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")

    assert facts(read, json.loads, clean) == facts(graph, lambda value: value, clean)
    assert {data["entity"] for _, data in read.nodes(data=True)} == {clean(n) for n in graph}


def test_trig(docs, tmp_path):
    export_docs(docs, tmp_path / "out.trig")
    store = ox.Store()
    store.load(path=str(tmp_path / "out.trig"), format=ox.RdfFormat.TRIG)
    query = f"""
        PREFIX k: <{VOCABULARY}> PREFIX oa: <http://www.w3.org/ns/oa#> PREFIX prov: <http://www.w3.org/ns/prov#>
        SELECT ?document ?label ?score ?share ?start ?end WHERE {{
            GRAPH ?g {{ ?head ?relation ?tail }}
            ?relation k:label ?label . ?g k:score ?score ; prov:wasGeneratedBy/prov:used ?d .
            ?d <http://purl.org/dc/terms/identifier> ?document .
            OPTIONAL {{
                ?g k:keyMentionPair ?p . ?p k:share ?share ; k:head/oa:hasSelector ?s .
                ?s oa:start ?start ; oa:end ?end
            }}
        }}"""
    found = {tuple(None if value is None else value.value for value in row) for row in store.query(query)}
    wanted = set()
    for doc in docs:
        for r in doc._.relations:
            first = (doc.user_data["title"], r.label, r.score)
            pairs = [(p.share, p.head.start_char, p.head.end_char) for p in r.key_mention_pairs] or [
                (None,) * 3
            ]
            wanted |= {(*first, *pair) for pair in pairs}
    found = {
        (d, label, float(score), *(None if x is None else float(x) for x in rest))
        for d, label, score, *rest in found
    }
    assert found == wanted
    texts = {quad.object.value for quad in store.quads_for_pattern(None, ox.NamedNode(RDF_VALUE), None)}
    assert texts == {doc.text for doc in docs}
    evidence = store.query("SELECT * WHERE { ?a a <http://www.w3.org/ns/oa#Annotation> }")
    assert len(list(evidence)) == sum(len(r.evidence) for doc in docs for r in doc._.relations)
    assert all(str(graph).startswith(f"<{BASE}") for graph in store.named_graphs())


RDF_VALUE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


def test_neo4j(docs, tmp_path):
    export_docs(docs, tmp_path / "out", "neo4j")
    tables = {path.stem: read_csv(path) for path in (tmp_path / "out").iterdir()}
    assert [row["text"] for row in tables["documents"]] == [doc.text for doc in docs]
    entities = {row["id:ID(Entity)"] for row in tables["entities"]}
    assert len(entities) == len(tables["entities"])
    found = Counter()
    for row in tables["relations"]:
        assert {row[":START_ID(Entity)"], row[":END_ID(Entity)"]} <= entities and row[":TYPE"].isidentifier()
        starts = row["head_starts:int[]"].split(";") if row["head_starts:int[]"] else []
        found[row["document"], row["label"], row["label_text"], float(row["score:float"]), len(starts)] += 1
    wanted = [(of[0], of[2], of[3], of[6], len(of[7])) for of in expected(docs).elements()]
    assert found == Counter(wanted)


def parse_cypher(text: str) -> Any:
    """The syntax tree of a statement, by openCypher's grammar."""
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.error.ErrorListener import ErrorListener
    from antlr4_cypher import CypherLexer, CypherParser

    class Raising(ErrorListener):
        def syntaxError(
            self, recognizer: Any, symbol: Any, line: int, column: int, message: str, error: Any
        ) -> None:
            raise ValueError(f"{line}:{column} {message}")

    lexer = CypherLexer(InputStream(text))
    parser = CypherParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(Raising())
    return parser.script()


def test_cypher(docs, tmp_path):
    export_docs(docs, tmp_path / "out.cypher")
    lines = (tmp_path / "out.cypher").read_text(encoding="utf8").split("\n")[:-1]
    of_docs = [doc for doc in docs for _ in doc._.relations]
    assert len(lines) == len(docs) * (1 + 2 * 3) + len(of_docs)
    for line in lines[::9] + lines[-2:]:  # The parser of the grammar is slow.
        parse_cypher(line)
    # Outside of texts there is nothing that a document says, but names of letters, digits and underscores.
    bare = [strip_texts(line) for line in lines]
    assert not any(re.search(r"\b(DELETE|DROP)\b", line) for line in bare)
    assert all(line.startswith(("MERGE (d:Document", "MERGE (e:Entity", "MATCH (")) for line in bare)
    relations = [line for line in lines if line.startswith("MATCH (h:")]
    expected = [(doc.user_data["title"], r) for doc in docs for r in doc._.relations]
    for line, (title, r) in zip(relations, expected, strict=True):
        values = texts_of(line)
        assert values[2:4] == [title, r.label] and r.label_text in values


def texts_of(line: str) -> list[str]:
    """The texts of a statement, by a scanner of its own."""
    found, at = [], 0
    while (at := line.find("'", at)) >= 0:
        text, at = "", at + 1
        while line[at] != "'":
            if line[at] == "\\":
                code = line[at + 1] == "u"
                text += chr(int(line[at + 2 : at + 6], 16)) if code else line[at + 1]
                at += 6 if code else 2
            else:
                text, at = text + line[at], at + 1
        found.append(text)
        at += 1
    return found


def strip_texts(line: str) -> str:
    found, inside, at = "", False, 0
    while at < len(line):
        if inside and line[at] == "\\":
            at += 1
        elif line[at] == "'":
            inside = not inside
        elif not inside:
            found += line[at]
        at += 1
    return found


def test_csv_is_inert(docs, tmp_path):
    export_docs(docs, tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert len(rows) == sum(len(doc._.relations) for doc in docs)
    assert not any(cell[:1] in "=+-@\t\r" for row in rows for cell in row.values() if cell)
    found = Counter(
        (plain_cell(row["document"]), plain_cell(row["head"]), plain_cell(row["relation"])) for row in rows
    )
    assert found == Counter(of[:3] for of in expected(docs).elements())


@settings(max_examples=50)
@given(st.text())
def test_a_cell_is_its_text_again(text):
    doc = make(["x"], 0)
    doc.user_data["title"] = text
    data = find_export(Path("a.csv"))({}).encode(doc).decode("utf8")
    if "\x00" not in text:  # Python's reader takes none before 3.11.
        assert plain_cell(next(csv.reader(io.StringIO(data, newline="")))[0]) == text


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=9
    )
)
def test_any_strings(tmp_path_factory, strings):
    """Cypher and TriG, whose texts are escaped in ways of their own, hold whatever a document says."""
    folder = tmp_path_factory.mktemp("out")
    docs = [make(strings, 0)]
    export_docs(docs, folder / "out.cypher")
    assert docs[0].text in texts_of((folder / "out.cypher").read_text(encoding="utf8"))
    export_docs(docs, folder / "out.trig")
    store = ox.Store()
    store.load(path=str(folder / "out.trig"), format=ox.RdfFormat.TRIG)
    (text,) = (quad.object.value for quad in store.quads_for_pattern(None, ox.NamedNode(RDF_VALUE), None))
    assert text == docs[0].text


def test_entities_are_one_only_by_identifier():
    first, second = make(["a", "b"], 1), make(["a", "b"], 2)
    graph = to_networkx([first, second])
    assert len(graph) == 5 and graph.number_of_edges() == 4
    (shared,) = (data for _, data in graph.nodes(data=True) if data["kb_id"])
    assert set(shared["mentions"]) == {first.user_data["title"], second.user_data["title"]}


def test_documents_of_one_name_stay_two():
    docs = [make(["a"], 1), make(["a"], 1), make(["b"], 1)]
    docs[2].user_data["title"] = ""
    frame = to_pandas(docs)
    assert list(frame["document"].unique()) == ["a1", "a1 (2)", "3"]
    assert frame["tail_id"].nunique() == 5


def test_the_model_is_known_from_files(tmp_path):
    docs = [make(["a"], 1)]
    for name in ("jsonl", "spacy"):
        FORMATS[name].write(docs, tmp_path / f"out.{name}")
        read = list(FORMATS[name].read(tmp_path / f"out.{name}", VOCAB))
        assert list(to_pandas(read)["model"].unique()) == ["en_a"]


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr("spacy_kmgre.export.base.find_spec", lambda _: None)
    for name, extra in (("parquet", "parquet"), ("graphml", "graph"), ("trig", "rdf")):
        with pytest.raises(ImportError, match=rf"E530.*spacy-kmgre\[{extra}\]"):
            find_export(Path("out"), name)
    with pytest.raises(ImportError, match=r"spacy-kmgre\[pandas\]"):
        to_pandas([])


def test_plain_names():
    assert [plain_name(text, "X") for text in ("works for", "P22", "1st", "--", "naïve `x`", "父")] == [
        "WORKS_FOR",
        "P22",
        "_1ST",
        "X",
        "NAÏVE_X",
        "父",
    ]


def test_one_document(tmp_path):
    doc = make(["a"], 1)
    assert to_pandas(doc).equals(to_pandas([doc]))
    assert nx.utils.graphs_equal(to_networkx(doc), to_networkx([doc]))
    export_docs(doc, tmp_path / "one.csv")
    assert len(read_csv(tmp_path / "one.csv")) == 2
