"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, whose cells are Markdown without line breaks."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """Text that fits into a cell of a table."""
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("|", "\\|")


def code(value: str) -> str:
    """Text as code. Backticks within are kept."""
    return f"`` {value} ``" if "`" in value else f"`{value}`"


def page(title: str, introduction: str, sections: Iterable[str]) -> str:
    """A page."""
    return "\n\n".join([f"# {title}", introduction, *sections]) + "\n"
