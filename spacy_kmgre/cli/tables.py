"""Scores as cells of a table."""

from typing import Any, Dict, Tuple


def percent(scores: Dict[str, Any], name: str) -> Tuple[str, ...]:
    """Precision, recall and F of the scores whose names begin so, "-" for those that are None or absent."""
    values = [scores.get(f"{name}_{part}" if name else part) for part in "prf"]
    return tuple("-" if value is None else f"{100 * value:.1f}" for value in values)
