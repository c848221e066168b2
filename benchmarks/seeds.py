"""What the runs of several seeds say together: means, and differences between recipes on the same seeds."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from spacy_kmgre.evaluation.significance import compare
from spacy_kmgre.evaluation.table import count_tables
from spacy_kmgre.scoring.tallies import RelationCounts, Tally

# What is counted of every document.
COUNTED = ("micro", "evidence", "m2")

Row = dict[str, Any]


def spread(values: Sequence[float]) -> str:
    """Show the mean and, of several values, the standard deviation; "" of none."""
    if not values:
        return ""
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def pairs_of_seeds(rows: Sequence[Row], baseline: str, recipe: str) -> list[tuple[Row, Row]]:
    """Return the rows of two recipes, seed by seed, as far as both have the seed."""
    of_baseline = {row["seed"]: row for row in rows if row["recipe"] == baseline}
    return [
        (of_baseline[row["seed"]], row)
        for row in rows
        if row["recipe"] == recipe and row["seed"] in of_baseline
    ]


def difference(pairs: Sequence[tuple[Row, Row]], name: str) -> str:
    """Say how much F the second rows have more than the first, over all seeds together: with a 95 % interval of the
    paired bootstrap over documents, and the p-value of the paired randomisation test.

    :param name: One of `COUNTED`.
    """
    tables = [
        [
            sum((RelationCounts({"micro": Tally(*tally)}) for tally in tallies), RelationCounts())
            for tallies in zip(*(pair[side]["documents"][name] for pair in pairs))
        ]
        for side in (0, 1)
    ]
    found = compare(*count_tables(*tables))
    change, low, high = (100 * values[0, -1] for values in (found.difference, found.low, found.high))
    return f"{change:+.1f} ({low:+.1f} to {high:+.1f}, p = {found.p_value[0, -1]:.3f})"
