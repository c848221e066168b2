"""Tables of aliases: rows of names that one entity has."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import srsly

from ..errors import Errors
from .languages import Language
from .names import NameRules, Words

# A table gives, for each name, the numbers of the rows in which the name stands.
AliasTable = dict[Words, set[int]]


def alias_table(rows: Iterable[Sequence[str]], rules: NameRules, language: Language) -> AliasTable:
    """Make a table of rows of names, which is looked up by the words that the rules compare in a language."""
    table: AliasTable = defaultdict(set)
    for number, row in enumerate(rows):
        for name in row:
            table[rules.name(name, language=language).words].add(number)
    return dict(table)


def read_aliases(aliases: dict[str, list[str]] | str | Path) -> list[list[str]]:
    """Read the rows of a table of aliases.

    :param aliases: The table as {name: [alias, ...]}; or the path of a JSON file that holds this, or of a TSV
        file with one entity a line, its names separated by tabs.
    :raises ValueError: Where the file cannot be read or has another form.
    """
    data: Any = aliases
    if isinstance(aliases, (str, Path)):
        path = Path(aliases)
        try:
            if path.suffix != ".json":
                lines = path.read_text(encoding="utf8").splitlines()
                return [line.split("\t") for line in lines if "\t" in line]
            data = srsly.read_json(path)
        except (OSError, ValueError) as error:
            raise ValueError(Errors.E400.format(path=path, error=error)) from error
    if not isinstance(data, dict):
        raise ValueError(Errors.E400.format(path=aliases, error=f"It holds a {type(data).__name__}."))
    for name, others in data.items():
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise ValueError(Errors.E401.format(name=name, value=others))
    return [[name, *others] for name, others in data.items()]
