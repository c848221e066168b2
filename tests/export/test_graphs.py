"""Tables and graphs: what is one in them and what is several, their columns, parts and names."""

import csv
import io
from pathlib import Path

import networkx as nx
import pandas as pd
import pyarrow.parquet as pq
import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_kmgre.export import export_docs, find_export, to_networkx, to_pandas
from spacy_kmgre.export.csv import COLUMNS as CSV_COLUMNS
from spacy_kmgre.export.csv import CsvExport, plain_cell
from spacy_kmgre.export.neo4j import plain_name
from spacy_kmgre.formats import FORMATS

from .conftest import HOSTILE, VOCAB, make
from .cypher import read_script


@pytest.fixture(scope="module")
def docs() -> list[Doc]:
    """Every string in every place."""
    return [make(HOSTILE[i:] + HOSTILE[:i], i) for i in range(len(HOSTILE))]


def test_parquet_in_parts(docs, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_kmgre.export.parquet.BATCH", 2)
    monkeypatch.setattr("spacy_kmgre.export.parquet.PART", 6)
    export_docs(docs, tmp_path / "out.parquet")
    assert len(list((tmp_path / "out.parquet" / "documents").iterdir())) == 3
    assert len(pd.read_parquet(tmp_path / "out.parquet" / "relations")) == 2 * len(docs)
    export_docs([], tmp_path / "none.parquet")
    assert len(pq.read_table(tmp_path / "none.parquet" / "relations")) == 0


def test_columns(docs, tmp_path):
    """The columns have one naming everywhere."""
    frame = to_pandas(docs)
    export_docs(docs, tmp_path / "out.parquet")
    columns = pq.read_schema(tmp_path / "out.parquet/relations/part-00000.parquet").names
    assert list(frame.columns) == list(to_pandas([]).columns) == columns
    assert set(columns) < set(CSV_COLUMNS)


RDF_VALUE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"


@settings(max_examples=50)
@given(st.text())
def test_a_cell_is_its_text_again(text):
    doc = make(["x"], 0)
    doc.user_data["title"] = text
    export = CsvExport({})
    data = b"".join(export.pieces([export.encode(doc)])).decode("utf8")
    wanted = text.replace("\0", "\ufffd") or "1"
    assert plain_cell(next(csv.reader(io.StringIO(data, newline="")))[0]) == wanted


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
    found = read_script((folder / "out.cypher").read_text(encoding="utf8"))
    (document,) = found.documents.values()
    assert document["text"] == docs[0].text
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
    assert len(pd.read_csv(tmp_path / "one.csv")) == 2
