"""`Extractor`: a pipeline as a function from tables to tables, for programs that spread tables over machines."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import spacy
import srsly
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language

from ..errors import Errors
from ..export.base import require
from ..export.parquet import RELATIONS, ParquetExport, schemas, tables
from ..export.records import decode_records
from .annotate import Annotator, predict_only
from .batches import split_by_words
from .reader import Reader, splits_sentences
from .records import row_record
from .tables import Columns

Batch = TypeVar("Batch")
# Threads, such as Dask's, take turns: they share a process's pipeline, which serves one at a time.
TURN = Lock()


class Settings(NamedTuple):
    """What decides which pipeline a process loads.

    :param model: The folder of a trained pipeline, or the name of its package.
    :param config: Overrides of its config, as JSON, since a key of a cache has to be hashable.
    :param code: A Python file with registered functions, None for none.
    :param use_gpu: The number of the GPU, -1 for the CPU.
    :param max_length: The largest number of characters of a document, None for the pipeline's own.
    """

    model: str
    config: str = "{}"
    code: str | None = None
    use_gpu: int = -1
    max_length: int | None = None


@lru_cache(maxsize=1)
def load(settings: Settings) -> Language:
    """Load a pipeline, once in a process."""
    from ..pipeline.state import override  # The process that spreads the tables does without torch.

    import_code(settings.code)
    setup_gpu(settings.use_gpu, silent=True)
    overrides = srsly.json_loads(settings.config)
    nlp = spacy.load(settings.model, config=overrides)
    override(nlp, overrides)
    nlp.max_length = settings.max_length or nlp.max_length
    return predict_only(nlp)


class Extractor:
    """Finds the relations of the documents in a table, and gives a table of what it finds.

    It takes a pandas DataFrame, a pyarrow Table or RecordBatch, or a dict of arrays, and gives the same kind. So it
    fits the functions that map parts of a table in Ray, Spark and Dask:

        dataset.map_batches(Extractor, fn_constructor_args=["training/model-best"], compute=ActorPoolStrategy(size=2))
        frame.mapInPandas(extractor.map, extractor.spark_schema)
        frame.map_partitions(extractor, meta=extractor.meta)

    It can be pickled: a process loads the pipeline when it gets its first documents, and then keeps it. A document that
    fails is a row of the table `documents` with its error. Names are told apart within a part only: give documents
    names of their own.

    :param model: The folder of a trained pipeline, which each machine must see, or the name of its package.
    :param text: The column of texts.
    :param id: The column of the documents' names. Where it is "", the names are numbers from 1 on in each part.
    :param entities: The column of entities, as in JSON Lines or the table `documents`; "" where the pipeline finds
        them.
    :param table: The table to give: "relations" with a row for each relation, or "documents" with one for each
        document.
    :param batch_size: The largest number of documents that go through the pipeline together.
    :param batch_words: The largest number of words of these documents.
    :param max_length: The largest number of characters of a document, None for the pipeline's own.
    :param config: Overrides of the pipeline's config, such as {"components.kmgre_relations.threshold": 0.6}.
    :param code: A Python file with registered functions.
    :param use_gpu: The number of the GPU, -1 for the CPU.
    :raises ValueError: Where there is no such table.
    :raises ImportError: Where pyarrow is not installed.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        text: str = "text",
        id: str = "id",
        entities: str = "",
        table: str = RELATIONS,
        batch_size: int = 16,
        batch_words: int = 10_000,
        max_length: int | None = None,
        config: dict[str, Any] | None = None,
        code: str | Path | None = None,
        use_gpu: int = -1,
    ):
        require(ParquetExport.requires)
        if table not in schemas():
            raise ValueError(Errors.E365.format(table=table, known=", ".join(schemas())))
        overrides = srsly.json_dumps(config or {}, sort_keys=True)
        file = None if code is None else str(code)
        self.settings = Settings(str(model), overrides, file, use_gpu, max_length)
        self.columns = Columns(text, id, entities)
        self.table = table
        self.batch_size = batch_size
        self.batch_words = batch_words

    @property
    def schema(self) -> Any:
        """The pyarrow schema of what it gives."""
        return schemas()[self.table]

    @property
    def spark_schema(self) -> str:
        """The schema of what it gives, as Spark writes schemas."""
        return ", ".join(f"`{field.name}` {_spark_type(field.type)}" for field in self.schema)

    @property
    def meta(self) -> Any:
        """An empty DataFrame of what it gives, as Dask wants."""
        return self.schema.empty_table().to_pandas()

    def __call__(self, batch: Batch) -> Batch:
        """The table of a part of the documents.

        :raises ValueError: Where the part lacks a column, or is no table.
        """
        table, restore = _to_arrow(batch, self.columns.names)
        with TURN:
            found = self._extract(table.to_pylist())
        restored: Batch = restore(found)
        return restored

    def map(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The tables of many parts, one by one."""
        return map(self, batches)

    def _extract(self, rows: list[dict[str, Any]]) -> Any:
        nlp = load(self.settings)
        reader = Reader(nlp, splits_sentences(nlp))
        export = ParquetExport(nlp.meta)
        annotator = Annotator(nlp, export.encode, encode_failure=export.encode_failure)
        records = (
            row_record(str(number), self.columns.row(number, row)) for number, row in enumerate(rows, 1)
        )
        batches = split_by_words(map(reader.item, records), self.batch_words, self.batch_size)
        outcomes = (outcome for batch in annotator.run(batches, lambda _: None) for outcome in batch)
        found = decode_records(outcome.data for outcome in outcomes if outcome.data is not None)
        return tables(list(found))[self.table]


def _to_arrow(batch: Any, names: Sequence[str]) -> tuple[Any, Callable[[Any], Any]]:
    """Some columns of a table of any kind as a table of pyarrow, and a function that gives another table of pyarrow as
    that kind.

    :raises ValueError: Where it lacks one of the columns, or is no table.
    """
    import pyarrow as pa

    known = _column_names(batch)
    for name in names:
        if name not in known:
            raise ValueError(Errors.E366.format(name=name, known=", ".join(map(str, known))))
    try:
        if isinstance(batch, pa.Table):
            return batch.select(names), lambda table: table
        if isinstance(batch, pa.RecordBatch):
            return pa.Table.from_batches([batch.select(names)]), _to_record_batch
        if isinstance(batch, dict):
            return pa.table({name: list(batch[name]) for name in names}), _to_arrays
        chosen = pa.Table.from_pandas(batch[list(names)], preserve_index=False)
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ValueError(Errors.E381.format(error=error)) from error
    return chosen, lambda table: table.to_pandas()


def _column_names(batch: Any) -> list[Any]:
    """The names of a table's columns.

    :raises ValueError: Where it is no table.
    """
    for attribute in ("column_names", "columns"):
        if hasattr(batch, attribute) and not callable(getattr(batch, attribute)):
            return list(getattr(batch, attribute))
    if isinstance(batch, dict):
        return list(batch)
    raise ValueError(Errors.E381.format(error=f"it is a {type(batch).__name__}"))


def _to_record_batch(table: Any) -> Any:
    from pyarrow import RecordBatch

    return next(iter(table.combine_chunks().to_batches()), RecordBatch.from_pylist([], table.schema))


def _to_arrays(table: Any) -> dict[str, Any]:
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}


def _spark_type(kind: Any) -> str:
    import pyarrow.types as types

    if types.is_list(kind):
        return f"array<{_spark_type(kind.value_type)}>"
    if types.is_struct(kind):
        return f"struct<{', '.join(f'`{field.name}`: {_spark_type(field.type)}' for field in kind)}>"
    return {"int64": "bigint", "double": "double"}.get(str(kind), str(kind))
