"""Tables of texts as sources."""

import csv
import math
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_kmgre.annotations import TITLE
from spacy_kmgre.extraction.reader import Reader
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.extraction.tables import Columns, read_table

NLP = spacy.blank("en")
ROWS = [("a", "Ann founded Acme."), ("b", 'She said: "Oslo, 3",\nand left.'), ("c", "")]


def write_csv(path: Path, rows: Any = ROWS, header: Any = ("id", "body"), **settings: Any) -> Path:
    with path.open("w", newline="", encoding="utf8") as file:
        csv.writer(file, **settings).writerows([header, *rows])
    return path


def write_parquet(path: Path, rows: Any = ROWS, header: Any = ("id", "body")) -> Path:
    pq.write_table(pa.table(dict(zip(header, map(list, zip(*rows))))), path)
    return path


def read(path: Path, columns: Columns, form: str | None = None) -> dict[str, Doc | str]:
    """The Docs by their names, or what is wrong with them."""
    found: dict[str, Doc | str] = {}
    for item in Reader(NLP, split=True, columns=columns).read(find_sources([path], form, columns)):
        try:
            found[item.name] = item.make()
        except ValueError as error:
            found[item.name] = str(error)
    return found


WRITERS = {
    "texts.csv": write_csv,
    "texts.tsv": lambda path: write_csv(path, delimiter="\t"),
    "semicolons.csv": lambda path: write_csv(path, delimiter=";"),
    "texts.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_columns_by_name(tmp_path, name: str):
    path = WRITERS[name](tmp_path / name)
    found = read(path, Columns("body", "id"))
    assert {key: doc.text for key, doc in found.items()} == dict(ROWS)
    assert [doc.user_data[TITLE] for doc in found.values()] == ["a", "b", "c"]
    assert list(read(path, Columns("body"))) == [f"{name}:{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("name", WRITERS)
def test_a_column_that_is_not_there(tmp_path, name: str):
    path = WRITERS[name](tmp_path / name)
    with pytest.raises(ValueError, match=r"E083.*'text'.*'id', 'body'.*--text-column"):
        find_sources([path])
    with pytest.raises(ValueError, match=r"E083.*'key'.*--id-column"):
        find_sources([path], None, Columns("body", "key"))


def test_a_folder_of_tables_is_read_where_tables_are_asked_for(tmp_path):
    write_csv(tmp_path / "b.csv", header=("id", "text"))
    write_csv(tmp_path / "a.tsv", header=("id", "text"), delimiter="\t")
    with pytest.raises(ValueError, match=r"E336.*no files to read.*--from csv"):
        find_sources([tmp_path])
    assert list(read(tmp_path, Columns(id=""), "csv")) == [
        f"{n}:{i}" for n in ("a.tsv", "b.csv") for i in (1, 2, 3)
    ]


def test_broken_rows_do_not_hide_the_others(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text,id\nOne,1\n\nTwo\nThree,3,x\nFour,4\n")
    found = read(path, Columns(id="id"))
    assert [doc.text if isinstance(doc, Doc) else doc.split("E086] ")[1][-50:] for doc in found.values()] == [
        "One",
        f"{path}, row 2: 1 fields, and the first line has 2."[-50:],
        f"{path}, row 3: 3 fields, and the first line has 2."[-50:],
        "Four",
    ]


@pytest.mark.parametrize(
    "rest, expected",
    [(b'"never closed\n', "unexpected end"), (b"caf\xe9\n", "decode"), (b'"a" b\n', "expected")],
)
def test_what_is_not_csv_ends_the_file_with_an_error(tmp_path, rest: bytes, expected: str):
    path = tmp_path / "texts.csv"
    path.write_bytes(b"text\n" + b"fine\n" * 5000 + rest)
    *found, last = read(path, Columns()).values()
    assert found[0].text == "fine"
    assert "E348" in last and "E088" in last and expected in last


def test_a_long_text(tmp_path):
    path = write_csv(tmp_path / "texts.csv", [("a", "word " * 100_000)])
    (doc,) = read(path, Columns("body")).values()
    assert len(doc) == 100_000


def test_an_empty_table(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"E083.*columns: none"):
        find_sources([tmp_path / "empty.csv"])
    (tmp_path / "header.csv").write_text("text\n")
    assert read(tmp_path / "header.csv", Columns()) == {}


def test_parquet_values_that_are_no_text(tmp_path):
    found = read(write_parquet(tmp_path / "x.parquet", [(1, "One"), (2, None)]), Columns("body", "id"))
    assert found["1"].text == "One" and "row 2: no text, but None" in found["2"]
    (tmp_path / "y.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(ValueError, match=r"E087.*y.parquet"):
        find_sources([tmp_path / "y.parquet"])


def test_a_damaged_part_of_a_parquet_file(tmp_path):
    """What is read before it stays, and the error names the file."""
    path = tmp_path / "x.parquet"
    texts = [f"One {number} {'word ' * 20}" for number in range(2000)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=1000, use_dictionary=False)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data[start + 40 : start + 400] = b"\xff" * 360
    path.write_bytes(data)
    *found, last = read(path, Columns()).values()
    assert [doc.text for doc in found] == texts[:1000]
    assert "E348" in last and "E087" in last and "x.parquet" in last


def test_parquet_values_that_others_have_not(tmp_path):
    far = pa.array([2**62], pa.timestamp("us"))
    pq.write_table(pa.table({"text": ["One"], "id": far}), tmp_path / "x.parquet")
    (told,) = read(tmp_path / "x.parquet", Columns(id="id")).values()
    assert "E087" in told
    entities = [
        [{"mentions": [{"start": 0, "end": 3}], "seen": date(2020, 1, 1), "raw": b"1", "cost": Decimal(1)}]
    ]
    pq.write_table(pa.table({"text": ["One"], "e": entities}), tmp_path / "y.parquet")
    (doc,) = read(tmp_path / "y.parquet", Columns(entities="e")).values()
    assert doc.text == "One" and len(doc.spans) == 1


@pytest.mark.parametrize(
    "column, values, kind",
    [
        ("text", [b"One"], "binary"),
        ("text", [1], "int64"),
        ("text", [["One"]], "list"),
        ("id", [{"number": 1}], "struct"),
        ("id", [["One"]], "list"),
    ],
)
def test_columns_of_other_types_are_told_at_once(tmp_path, column, values, kind):
    cells = {"text": ["One"], "id": ["a"], column: values}
    pq.write_table(pa.table(cells), tmp_path / "x.parquet")
    told = rf"E160.*'{column}' holds values of the type {kind}.*--{column}-column"
    with pytest.raises(ValueError, match=told):
        find_sources([tmp_path / "x.parquet"], columns=Columns(id="id"))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_columns_of_texts(tmp_path, kind):
    pq.write_table(pa.table({"text": pa.array(["One"], kind)}), tmp_path / "x.parquet")
    (doc,) = read(tmp_path / "x.parquet", Columns()).values()
    assert isinstance(doc, Doc) and doc.text == "One"


def test_two_columns_of_one_name(tmp_path):
    table = pa.Table.from_arrays([pa.array(["One"]), pa.array(["Two"])], ["text", "text"])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"E160.*'text' is there more than once"):
        find_sources([tmp_path / "x.parquet"])


@pytest.mark.parametrize("value, name", [(b"a", "a"), ("a", "a"), (7, "7"), (math.nan, "")])
def test_names_of_documents(tmp_path, value, name):
    pq.write_table(pa.table({"text": ["One"], "id": [value]}), tmp_path / "x.parquet")
    (row,) = read_table(tmp_path / "x.parquet", "parquet", Columns(id="id"))
    assert row.name == name


def test_a_long_value_that_is_no_text():
    told = Columns().row(1, {"text": b"x" * 10_000}).error
    assert told is not None
    assert "no text, but b'xxx" in told and len(told) < 500


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"E084.*spacy-kmgre\[parquet\]"):
        find_sources([path])


def test_columns_are_for_tables(tmp_path):
    (tmp_path / "a.txt").write_text("Ann")
    with pytest.raises(ValueError, match=r"E336.*--text-column.*table"):
        find_sources([tmp_path / "a.txt"], None, Columns("body"))


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_any_cells_come_back(tmp_path_factory, rows: list[tuple[str, str]]):
    folder = tmp_path_factory.mktemp("tables")
    expected = [body for _, body in rows]
    path = write_csv(folder / "x.csv", rows, quoting=csv.QUOTE_ALL)
    assert [row.text for row in read_table(path, "csv", Columns("body"))] == expected
    if rows:
        path = write_parquet(folder / "x.parquet", rows)
        assert [(row.name, row.text) for row in read_table(path, "parquet", Columns("body", "id"))] == rows
