"""A pandas DataFrame with a row for each relation."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from spacy.tokens import Doc

from .base import require
from .records import COLUMNS, records_of, relation_rows

if TYPE_CHECKING:
    import pandas


def to_pandas(docs: Doc | Iterable[Doc]) -> "pandas.DataFrame":
    """The relations of documents as a DataFrame, with the columns of the table `relations` that `parquet` writes.

    :param docs: Docs that have relations, or one.
    :raises ImportError: Where pandas is not installed.
    """
    require({"pandas": "pandas"})
    import pandas as pd

    records = records_of(docs)
    rows = [row for record in records for row in relation_rows(record)]
    return pd.DataFrame(rows, columns=list(COLUMNS))
