"""Forecasts: which documents are measured, and what follows from it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacy_kmgre.extraction.annotate import Annotator
from spacy_kmgre.extraction.planning import Measured, estimate_total, forecast, measure, sample
from spacy_kmgre.extraction.reader import Reader
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.run import Plan
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.extraction.tables import Columns

from .conftest import line, write_lines

MEASURED = Measured(documents=10, words=1000, longest=300, failed=0, seconds=2.0, memory=512.0)


def test_a_forecast_shares_words_out_but_not_those_of_a_document():
    assert MEASURED.words_per_second == 500
    assert forecast(MEASURED, 100_000, 1) == 200 and forecast(MEASURED, 100_000, 10) == 20
    assert forecast(MEASURED, 100_000, 10_000) == pytest.approx(0.6)


def test_a_sample_is_spread_over_the_files(tmp_path: Path):
    for number in range(50):
        write_lines(tmp_path / f"{number:02}.jsonl", [line(1000 * number + i) for i in range(5)])
    reader = RecordReader("xx", False)
    files = list(reader.files(find_sources([tmp_path])))
    names = [record.name for record in sample(reader, files, 10)]
    assert names == [f"doc {1000 * number}" for number in range(0, 50, 5)]
    assert len(list(sample(reader, files, 100))) == 100
    assert len(list(sample(reader, files[:3], 100))) == 15
    assert list(sample(reader, [], 10)) == []


def test_totals(tmp_path: Path):
    pq.write_table(pa.table({"text": ["a b c"] * 70}), tmp_path / "x.parquet")
    (tmp_path / "a.txt").write_text("one")
    files = find_sources([tmp_path / "x.parquet", tmp_path / "a.txt"])
    assert estimate_total(files, MEASURED) == (71, 7100)
    path = write_lines(tmp_path / "y.jsonl", [{"text": "word " * 1200} for _ in range(10)])
    documents, words = estimate_total(find_sources([path]), MEASURED)
    assert documents == 10 and words == pytest.approx(1000)


def test_documents_are_measured(fragile, tmp_path: Path):
    source = write_lines(tmp_path / "in.jsonl", [line(1), line(2, "explode"), line(3)])
    reader = Reader(fragile, False, columns=Columns())
    items = list(reader.read(find_sources([source])))
    done: list[int] = []
    found = measure(Annotator(fragile, lambda doc: b""), items, Plan(2, progress=done.append))
    assert found.documents == 3 and found.failed == 1 and sum(done) == 6
    assert found.seconds > 0 and found.memory > 100 and found.longest <= found.words
