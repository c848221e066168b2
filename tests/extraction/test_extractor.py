"""The extractor: tables in and out, in every kind that libraries hand over."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacy_kmgre.export import find_export
from spacy_kmgre.export.parquet import schemas
from spacy_kmgre.extraction.extractor import Extractor, load
from spacy_kmgre.extraction.reader import Reader, splits_sentences
from spacy_kmgre.extraction.run import Plan, extract
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.extraction.tables import DEFAULT, Columns

from .conftest import line, write_lines

LINES = [line(number) for number in range(12)]
COLUMNS = ("id", "text", "entities")
ENTITIES = "spacy_kmgre.span_group_entities.v1"


@pytest.fixture
def model(trained_folder) -> Path:
    return trained_folder("KMGRE")


@pytest.fixture
def table() -> pa.Table:
    return pa.Table.from_pylist(LINES).select(COLUMNS)


def triples(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((row["document"], row["head_key"], row["label"], row["tail_key"]) for row in rows)


def write_tables(nlp, source: Path, target: Path, columns: Columns = DEFAULT) -> dict[str, pa.Table]:
    """What the plain engine writes of a source."""
    items = Reader(nlp, splits_sentences(nlp), columns=columns).read(find_sources([source], None, columns))
    extract(nlp, items, target, find_export(target)(nlp.meta), plan=Plan(5))
    return {name: pq.read_table(target / name) for name in schemas()}


@pytest.fixture
def wanted(nlp, tmp_path) -> dict[str, pa.Table]:
    source = write_lines(tmp_path / "in.jsonl", LINES)
    return write_tables(nlp, source, tmp_path / "wanted.parquet")


def test_from_parquet_to_parquet(nlp, table, wanted, tmp_path):
    """Texts and entities go through Parquet as they go through JSON Lines, also from the table that was written."""
    pq.write_table(table, tmp_path / "in.parquet")
    columns = Columns("text", "id", "entities")
    found = write_tables(nlp, tmp_path / "in.parquet", tmp_path / "out.parquet", columns)
    assert found == wanted and found["relations"].num_rows > 12
    again = Columns("text", "document", "entities")
    source = tmp_path / "out.parquet" / "documents"
    source.rename(tmp_path / "documents.parquet")
    assert write_tables(nlp, tmp_path / "documents.parquet", tmp_path / "again.parquet", again) == wanted


@pytest.mark.parametrize("kind", ["pandas", "table", "batch", "numpy"])
def test_kinds_of_tables(model, table, wanted, kind: str):
    given = {
        "pandas": table.to_pandas(),
        "table": table,
        "batch": table.to_batches()[0],
        "numpy": {name: table[name].to_numpy(zero_copy_only=False) for name in COLUMNS},
    }[kind]
    extractor = Extractor(model, entities="entities", batch_size=5)
    found = extractor(given)
    assert type(found) is type(given)
    if kind == "pandas":
        rows = found.to_dict("records")
    elif kind == "numpy":
        assert isinstance(found["score"], np.ndarray)
        rows = [dict(zip(found, values)) for values in zip(*found.values())]
    else:
        assert found.schema == extractor.schema
        rows = found.to_pylist()
    assert triples(rows) == triples(wanted["relations"].to_pylist())
    scores = {(row["document"], row["head_key"], row["label"]): row["score"] for row in rows}
    for row in wanted["relations"].to_pylist():
        assert scores[row["document"], row["head_key"], row["label"]] == pytest.approx(row["score"], abs=1e-5)


def test_documents_and_those_that_fail(model, wanted, table):
    extractor = Extractor(model, entities="entities", table="documents", max_length=100)
    long = {"id": "long", "text": "x" * 101, "entities": []}
    none = {"id": "none", "text": None, "entities": []}
    rows = pa.Table.from_pylist([*table.to_pylist()[:2], long, none], table.schema)
    first, second, *failed = extractor(rows).to_pylist()
    assert [first, second] == wanted["documents"].to_pylist()[:2] and first["error"] is None
    assert [row["document"] for row in failed] == ["long", "none"]
    assert "E338" in failed[0]["error"] and "no text, but None" in failed[1]["error"]
    assert extractor(table.slice(0, 0)).num_rows == 0
    (empty,) = extractor.map([pa.RecordBatch.from_pylist([], table.schema)])
    assert empty.num_rows == 0 and empty.schema == extractor.schema


def test_a_process_loads_a_pipeline_once(model, table):
    load.cache_clear()
    extractor = pickle.loads(pickle.dumps(Extractor(model, entities="entities")))
    assert load.cache_info().currsize == 0
    for _ in range(2):
        assert extractor(table.slice(0, 1)).num_rows
    assert load.cache_info().misses == 1
    weaker = Extractor(model, entities="entities", config={"components.kmgre_relations.threshold": 1.0})
    assert weaker(table).num_rows == 0


def test_mistakes(model, table):
    with pytest.raises(ValueError, match=r"E365.*'edges'.*relations, documents"):
        Extractor(model, table="edges")
    with pytest.raises(ValueError, match=r"E366.*'body'.*id, text, entities"):
        Extractor(model, text="body")(table)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        ([1, 2], "it is a list"),
        (pa.chunked_array([[1]]), "it is a ChunkedArray"),
        (pd.DataFrame({"id": ["a", 1], "text": ["x", "y"]}), "E381.*column id"),
        (pd.DataFrame([["x", "y", "a"]], columns=["text", "text", "id"]), "E381"),
        ({"id": ["a"], "text": ["x", "y"]}, "E381"),
    ],
    ids=["list", "array", "types", "twice", "lengths"],
)
def test_what_is_no_table(model, batch, told):
    with pytest.raises(ValueError, match=told):
        Extractor(model)(batch)


def test_columns_that_are_not_read_may_hold_anything(model, table, wanted):
    frame = table.to_pandas().assign(other=[object(), *range(11)], more=[{1}] * 12)
    found = Extractor(model, entities="entities")(frame)
    assert triples(found.to_dict("records")) == triples(wanted["relations"].to_pylist())


def test_values_of_any_kind_in_the_config(model, table):
    config = {"nlp.disabled": [], "components.kmgre_relations.entities": {"@misc": ENTITIES}}
    extractor = Extractor(model, entities="entities", config=config)
    assert pickle.loads(pickle.dumps(extractor))(table.slice(0, 2)).num_rows


def test_threads_take_turns(model, table, wanted):
    extractor = Extractor(model, entities="entities")
    parts = [table.slice(start, 1) for start in range(12)]
    with ThreadPoolExecutor(4) as threads:
        found = pa.concat_tables(threads.map(extractor, parts))
    assert triples(found.to_pylist()) == triples(wanted["relations"].to_pylist())


def test_schemas_of_others(model):
    extractor = Extractor(model)
    assert extractor.spark_schema.startswith("`document` string, `model` string")
    assert (
        "`evidence` array<struct<`start`: bigint, `end`: bigint, `text`: string>>" in extractor.spark_schema
    )
    assert list(extractor.meta.columns) == extractor.schema.names and len(extractor.meta) == 0
