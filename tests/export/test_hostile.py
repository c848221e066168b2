"""A hundred documents with hostile strings in every field: each export is read back by a reader that knows nothing of
this package, and has the same contents, all of them."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import duckdb
import networkx as nx
import pandas as pd
import pyarrow.parquet as pq
import pyoxigraph as ox
import pytest
from spacy.tokens import DocBin

from spacy_kmgre.export import export_docs, to_networkx, to_pandas
from spacy_kmgre.export.csv import plain_cell
from spacy_kmgre.export.rdf import VOCABULARY

from .conftest import VOCAB, Contents, contents, relation, span
from .cypher import Graph, parse_by_grammar, read_script

# XML 1.0 has no place for these characters.
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """A value with each of its strings replaced."""
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, Counter):
        return Counter(replaced(item, replace) for item in value.elements())
    if isinstance(value, dict):
        return {replaced(key, replace): replaced(item, replace) for key, item in value.items()}
    return (
        type(value)(replaced(item, replace) for item in value) if isinstance(value, list | tuple) else value
    )


def in_csv(value: Any) -> Any:
    """What cells leave of strings, those within their JSON apart."""
    return replaced(value, lambda text: text.replace("\0", "\ufffd"))


def of_rows(rows: Any, wanted: Contents) -> Counter[Any]:
    """The relations of a table; its other columns are compared here."""
    by_id = {(name, e[0], e[1]): e for name, entities in wanted.entities.items() for e in entities}
    found = Counter()
    for row in rows:
        name = row["document"]
        assert (row["model"], row["model_version"]) == wanted.documents[name][1:]
        for side in ("head", "tail"):
            entity = by_id[name, row[f"{side}_id"], row[f"{side}_key"]]
            assert (row[side], row[f"{side}_type"], row[f"{side}_kb_id"]) == entity[2:5]
        ends = (row["head_id"], row["tail_id"])
        found[relation(ends, row, "", row["key_mention_pairs"], row["evidence"])] += 1
    return found


@pytest.mark.parametrize("reader", ["pyarrow", "duckdb"])
def test_parquet(hostile_docs, wanted, tmp_path, reader):
    export_docs(hostile_docs, tmp_path / "out.parquet")
    tables = {}
    for name in ("relations", "documents"):
        if reader == "pyarrow":
            tables[name] = pq.read_table(tmp_path / "out.parquet" / name).to_pylist()
        else:
            table = duckdb.sql(f"select * from '{tmp_path}/out.parquet/{name}/*.parquet'")
            tables[name] = [dict(zip(table.columns, row)) for row in table.fetchall()]
    documents = {
        row["document"]: (row["text"], row["model"], row["model_version"]) for row in tables["documents"]
    }
    entities = {
        row["document"]: [
            (
                *(e[name] for name in ("id", "key", "text", "type", "kb_id")),
                [span(m, "") for m in e["mentions"]],
            )
            for e in row["entities"]
        ]
        for row in tables["documents"]
    }
    assert Contents(documents, entities, of_rows(tables["relations"], wanted)) == wanted


def test_pandas(hostile_docs, wanted):
    frame: pd.DataFrame = to_pandas(hostile_docs)
    assert of_rows(frame.to_dict("records"), wanted) == wanted.relations


def test_csv(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert not any(cell[:1] in "=+-@\t\r" for row in cells for cell in row.values() if cell)
    rows = []
    for row in cells:
        plain: dict[str, Any] = {name: plain_cell(cell) for name, cell in row.items()}
        pairs, evidence = json.loads(plain["key_mention_pairs"]), json.loads(plain["evidence"])
        sides = [(side, end) for side in ("head", "tail") for end in ("start", "end")]
        leading = {f"{side}_{end}": pairs[0][side][end] for side, end in sides} if pairs else {}
        leading |= {name: pairs[0][name] for name in ("share",) if pairs}
        for name in ("head_start", "head_end", "tail_start", "tail_end", "share"):
            assert plain[name] == str(leading.get(name, ""))
        assert plain["evidence_text"] == in_csv(" ".join(sentence["text"] for sentence in evidence))
        rows.append({**plain, "key_mention_pairs": pairs, "evidence": evidence})
    assert "\0" not in (tmp_path / "out.csv").read_text(encoding="utf8")
    assert in_csv(of_rows(rows, Contents(*map(in_csv, wanted)))) == in_csv(wanted.relations)


def check_graph(graph: Any, wanted: Contents, load: Any = lambda value: value) -> None:
    """Compare all that a networkx graph has.

    :param load: Reads an attribute that is nested.
    """
    name = {node: data.get("entity", node) for node, data in graph.nodes(data=True)}
    facts = {name[node]: (data["text"], data["type"], data["kb_id"]) for node, data in graph.nodes(data=True)}
    assert facts == wanted.nodes()
    mentions = {
        (name[node], document): [span(m, "") for m in found]
        for node, data in graph.nodes(data=True)
        for document, found in load(data["mentions"]).items()
    }
    assert mentions == wanted.mentions
    relations = Counter()
    for head, tail, data in graph.edges(data=True):
        assert (data["model"], data["model_version"]) == wanted.documents[data["document"]][1:]
        nested = (load(data[part]) for part in ("key_mention_pairs", "evidence"))
        relations[relation((name[head], name[tail]), data, "", *nested)] += 1
    assert relations == wanted.relations


@pytest.mark.parametrize("form", ["memory", "node-link"])
def test_networkx(hostile_docs, wanted, tmp_path, form):
    if form == "memory":
        graph = to_networkx(hostile_docs)
    else:
        export_docs(hostile_docs, tmp_path / "out.json", form)
        graph = nx.node_link_graph(json.loads((tmp_path / "out.json").read_text("utf8")), edges="edges")
    check_graph(graph, wanted)


def in_xml(value: Any) -> Any:
    """What XML leaves of strings: readers take a carriage return as a line feed."""
    return replaced(
        value, lambda text: NOT_IN_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
    )


def test_graphml(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.graphml")

    def load(text: str) -> Any:
        return in_xml(json.loads(text))

    check_graph(nx.read_graphml(tmp_path / "out.graphml"), Contents(*map(in_xml, wanted)), load)


def test_trig(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.trig")
    store = ox.Store()
    store.load(path=str(tmp_path / "out.trig"), format=ox.RdfFormat.TRIG)
    prefixes = f"""
        PREFIX k: <{VOCABULARY}> PREFIX oa: <http://www.w3.org/ns/oa#> PREFIX prov: <http://www.w3.org/ns/prov#>
        PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> PREFIX dc: <http://purl.org/dc/terms/>
        PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>"""

    def query(text: str) -> list[tuple[Any, ...]]:
        return [tuple(v and v.value for v in row) for row in store.query(f"{prefixes} SELECT {text}")]

    documents = {
        name: facts
        for name, *facts in query("""?name ?text ?model ?version {
            ?d dc:identifier ?name ; rdf:value ?text . ?run prov:used ?d ; prov:wasAssociatedWith ?m .
            ?m rdfs:label ?model ; k:version ?version }""")
    }
    assert {name: tuple(facts) for name, facts in documents.items()} == wanted.documents
    places = {
        place: (name, span({"start": start, "end": end}, documents[name][0]))
        for place, name, start, end in query("""?place ?name ?start ?end {
            ?place oa:hasSource/dc:identifier ?name ; oa:hasSelector ?s . ?s oa:start ?start ; oa:end ?end }""")
    }
    ids = {
        f"urn:spacy-kmgre:entity:{iri_part(e[0])}": e[0] for found in wanted.entities.values() for e in found
    }
    # An entity of several documents has the names, types and identifiers that it has in any of them.
    for place, path in enumerate(("rdfs:label", "rdf:type/rdfs:label", "k:kbId"), start=2):
        facts = {(e[0], e[place]) for found in wanted.entities.values() for e in found if e[place]}
        found = query(f"?node ?value {{ ?node {path} ?value }}")
        assert {(ids[node], value) for node, value in found if node in ids} == facts
    mentions: dict[Any, set[Any]] = {}
    for node, place in query("?node ?place { ?node k:mention ?place }"):
        mentions.setdefault((ids[node], places[place][0]), set()).add(places[place][1])
    assert mentions == {key: set(found) for key, found in wanted.mentions.items()}

    pairs: dict[str, list[Any]] = {}
    for graph, node, head, tail, *scores in query("""?g ?p ?head ?tail ?key ?relation ?share {
            ?g k:keyMentionPair ?p . ?p k:head ?head ; k:tail ?tail ; k:keyScore ?key ; k:relationScore ?relation ;
            k:share ?share }"""):
        number = int(node.rpartition("=")[2])
        pairs.setdefault(graph, []).append((number, (places[head][1], places[tail][1], *map(float, scores))))
    evidence: dict[str, list[Any]] = {}
    for graph, node, place in query(
        "?g ?a ?place { ?a a oa:Annotation ; oa:hasBody ?g ; oa:hasTarget ?place }"
    ):
        evidence.setdefault(graph, []).append((int(node.rpartition("=")[2]), places[place][1]))

    def ordered(found: dict[str, list[Any]], graph: str) -> tuple[Any, ...]:
        return tuple(item for _, item in sorted(found.get(graph, [])))

    relations = Counter(
        (name, ids[head], ids[tail], label, float(score), ordered(pairs, graph), ordered(evidence, graph))
        for graph, name, head, tail, label, score in query("""?g ?name ?head ?tail ?label ?score {
            GRAPH ?g { ?head ?relation ?tail } ?relation k:label ?label .
            ?g k:score ?score ; prov:wasGeneratedBy/prov:used/dc:identifier ?name }""")
    )
    assert relations == Counter((*r[:4], *r[5:]) for r in wanted.relations.elements())
    # A label is one resource for all documents, with the texts that it has in any of them.
    texts = set(query("?label ?text { ?r k:label ?label ; rdfs:label ?text }"))
    assert texts == {(r[3], r[4] or r[3]) for r in wanted.relations}


def iri_part(text: str) -> str:
    """A text as a part of an IRI: the bytes of UTF-8, of which only the unreserved are themselves (RFC 3986)."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in text.encode("utf8"))


def side_by_side(row: Any) -> tuple[list[Any], list[Any]]:
    """Key mention pairs and evidence from the lists of numbers that Neo4j has."""
    pairs = [
        {
            "head": {"start": hs, "end": he},
            "tail": {"start": ts, "end": te},
            **dict(zip(("key_score", "relation_score", "share"), scores)),
        }
        for hs, he, ts, te, *scores in zip(
            *(row[name] for name in ("head_starts", "head_ends", "tail_starts", "tail_ends")),
            *(row[name] for name in ("key_scores", "relation_scores", "shares")),
            strict=True,
        )
    ]
    ends = zip(row["evidence_starts"], row["evidence_ends"], strict=True)
    return pairs, [{"start": start, "end": end} for start, end in ends]


def check_neo4j(graph: Graph, wanted: Contents, nodes: dict[str, tuple[str, ...]]) -> None:
    """Compare all that a property graph has."""
    facts = {
        name: tuple(row[part] for part in ("text", "model", "model_version"))
        for name, row in graph.documents.items()
    }
    assert facts == wanted.documents
    assert {
        name: tuple(row[part] for part in ("text", "type", "kb_id")) for name, row in graph.entities.items()
    } == nodes
    keys = {(name, e[0], e[1]): e[-1] for name, found in wanted.entities.items() for e in found}
    assert {
        (document, entity, key): [
            span({"start": start, "end": end}, facts[document][0])
            for start, end in zip(row["starts"], row["ends"], strict=True)
        ]
        for (entity, document, key), row in graph.mentioned.items()
    } == keys
    found = Counter()
    for head, tail, kind, row in graph.relations:
        text, *model = facts[row["document"]]
        assert [row["model"], row["model_version"]] == model
        assert kind.isidentifier()
        assert {
            (row["document"], head, row["head_key"]),
            (row["document"], tail, row["tail_key"]),
        } <= keys.keys()
        found[relation((head, tail), row, text, *side_by_side(row))] += 1
    assert found == wanted.relations


def test_neo4j(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out", "neo4j")
    tables = {}
    for path in (tmp_path / "out").iterdir():
        with path.open(encoding="utf8", newline="") as file:
            header, *rows = csv.reader(file)
        tables[path.stem] = [dict(zip(header, row, strict=True)) for row in rows]

    def typed(row: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for column, cell in row.items():
            name, _, kind = column.partition(":")
            numbers = [float(part) for part in cell.split(";")] if kind.endswith("[]") and cell else []
            found[name] = numbers if kind.endswith("[]") else cell
        return found

    graph = Graph(
        {row["id:ID(Document)"]: row for row in tables["documents"]},
        {row["id:ID(Entity)"]: row for row in tables["entities"]},
        {
            (row[":START_ID(Entity)"], row[":END_ID(Document)"], row["key"]): typed(row)
            for row in tables["mentions"]
        },
        [
            (row[":START_ID(Entity)"], row[":END_ID(Entity)"], row[":TYPE"], typed(row))
            for row in tables["relations"]
        ],
    )
    assert len(graph.documents) == len(tables["documents"]) and len(graph.entities) == len(tables["entities"])
    assert {row[":TYPE"] for row in tables["mentions"]} == {"MENTIONED_IN"}
    written = Contents(*map(in_csv, wanted))
    check_neo4j(graph, written, written.nodes())


def test_cypher(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.cypher")
    script = (tmp_path / "out.cypher").read_text(encoding="utf8")
    graph = read_script(script)
    check_neo4j(graph, wanted, wanted.nodes(last=True))
    assert read_script(script + script) == graph  # Run again, it changes nothing.
    for line in script.split("\n")[:-1:60]:  # The parser of the grammar is slow.
        parse_by_grammar(line)


def test_json_lines(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.jsonl")
    documents, entities, relations = {}, {}, Counter()
    for line in (tmp_path / "out.jsonl").read_text(encoding="utf8").split("\n")[:-1]:
        data = json.loads(line)
        name, text, model = data["title"], data["text"], data["model"]
        documents[name] = (text, model["name"], model["version"])
        ids = [e.get("id") or e.get("kb_id") or f"{name}#{e['key']}" for e in data["entities"]]
        entities[name] = [
            (
                identity,
                *(e.get(part, "") for part in ("key", "text", "label", "kb_id")),
                [span(m, "") for m in e["mentions"]],
            )
            for identity, e in zip(ids, data["entities"])
        ]
        for row in data["relations"]:
            row |= {"document": name, "label_text": row.get("label_text", "")}
            ends = (ids[row["head"]], ids[row["tail"]])
            relations[relation(ends, row, text, row["key_mention_pairs"], row["evidence"])] += 1
    assert Contents(documents, entities, relations) == wanted


def test_docbin(hostile_docs, wanted, tmp_path):
    export_docs(hostile_docs, tmp_path / "out.spacy")
    assert contents(list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(VOCAB))) == wanted


def test_they_are_what_the_test_is_about(hostile_docs):
    """Among the documents are shared identifiers, ids, and every hostile string."""
    entities = [entity for doc in hostile_docs for entity in doc._.entities]
    assert any(entity.id for entity in entities) and any(not entity.kb_id for entity in entities)
    assert len(hostile_docs) == 100
