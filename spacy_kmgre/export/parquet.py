"""Parquet: a table of relations and one of documents."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .records import COLUMNS, DOCUMENT, ENTITY, Record, RecordExport, failure_record, relation_rows

# The number of documents that memory holds, and of those in a file of each table.
BATCH, PART = 500, 50_000
# The version of the columns, in the metadata of each file under this key. It changes with their names or types.
# Version 2 has the column `error` of documents.
SCHEMA_KEY, SCHEMA_VERSION = "spacy_kmgre.schema", "2"
RELATIONS, DOCUMENTS = "relations", "documents"


@cache
def schemas() -> dict[str, Any]:
    """The pyarrow schemas of the tables, by name."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    span = pa.struct({"start": pa.int64(), "end": pa.int64(), "text": text})
    numbers = dict.fromkeys(("key_score", "relation_score", "share"), number)
    pair = pa.struct({"head": span, "tail": span, **numbers})
    entity = pa.struct({**dict.fromkeys((*ENTITY, "text"), text), "mentions": pa.list_(span)})
    nested = {"score": number, "key_mention_pairs": pa.list_(pair), "evidence": pa.list_(span)}
    columns = {
        RELATIONS: {name: nested.get(name, text) for name in COLUMNS},
        DOCUMENTS: {**dict.fromkeys((*DOCUMENT, "text"), text), "entities": pa.list_(entity), "error": text},
    }
    version = {SCHEMA_KEY: SCHEMA_VERSION}
    return {name: pa.schema(table, metadata=version) for name, table in columns.items()}


def tables(records: Sequence[Record]) -> dict[str, Any]:
    """Documents as pyarrow tables, by name.

    :param records: Documents with names of their own.
    """
    import pyarrow as pa

    rows = {RELATIONS: [row for record in records for row in relation_rows(record)], DOCUMENTS: list(records)}
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in schemas().items()}


class ParquetExport(RecordExport):
    """A folder of two tables, `relations` and `documents`, each a folder of files. Key mention pairs, evidence and
    entities are nested; the column `document` joins the tables. A document that failed is a row with its error."""

    name = "parquet"
    description = "two tables in Parquet, relations and documents, in a folder"
    suffixes = (".parquet",)
    requires = MappingProxyType({"pyarrow": "parquet"})

    def encode_failure(self, name: str, error: str) -> bytes:
        return json.dumps(failure_record(name, error)).encode("utf8")

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        batch = list(islice(records, BATCH))
        for part in count():
            with _writers(path, f"part-{part:05}.parquet") as write:
                for _ in range(PART // BATCH):
                    write(batch)
                    batch = list(islice(records, BATCH))
                    if not batch:
                        return


@contextmanager
def _writers(path: Path, name: str) -> Iterator[Callable[[Sequence[Record]], None]]:
    """A function that adds documents to the files of that name, one a table."""
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        writers = {}
        for table, schema in schemas().items():
            (path / table).mkdir(parents=True, exist_ok=True)
            writers[table] = stack.enter_context(pq.ParquetWriter(path / table / name, schema))

        def write(records: Sequence[Record]) -> None:
            for table, rows in tables(records).items():
                writers[table].write_table(rows)

        yield write
