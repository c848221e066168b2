"""Arguments that several commands have, and checks of arguments that need more than typer does."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer
from click import NoSuchOption
from spacy.cli._util import Arg, Opt, parse_config_overrides
from typer.core import TyperCommand

Value = TypeVar("Value")

# Arguments that are left over override the pipeline's config.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}


class RelatedEntities(str, Enum):
    """The entities between which a command looks for relations."""

    pipeline = "pipeline"
    given = "given"


class Engine(str, Enum):
    """What runs a pipeline over documents."""

    plain = "plain"
    ray = "ray"


class ExportCommand(TyperCommand):
    """A command whose help lists the exports at its end."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from ..export import describe_exports

        self.epilog = "\n\n".join(("Exports:", *describe_exports()))
        super().format_help(ctx, formatter)


def checked(check: Callable[[Any], Any], value: Value) -> Value:
    """Check a value, unless it is empty.

    :param check: A function that raises a ValueError for a wrong value.
    :returns: The value.
    :raises typer.BadParameter: Where the value is wrong, with the message of the check.
    """
    try:
        if value:
            check(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return value


def known_source(name: str | None) -> str | None:
    """Check the name of a format of sources."""
    from ..extraction.sources import check_source_format

    return checked(check_source_format, name)


def known_export(name: str) -> str:
    """Check the name of an export."""
    from ..export import find_export

    return checked(partial(find_export, Path()), name)


def parse_workers(value: str) -> tuple[int, int]:
    """Read a number of workers, "2", or the smallest and the largest, "1:8"; one where nothing is given.

    :raises ValueError: Where it is neither.
    """
    least, colon, most = (value or "1").partition(":")
    most = most if colon else least
    if least.isdecimal() and most.isdecimal() and 0 < int(least) <= int(most):
        return int(least), int(most)
    raise ValueError(f"{value!r} is neither a number of workers, such as 2, nor a range, such as 1:8")


def known_workers(value: str) -> str:
    """Check a number of workers."""
    return checked(parse_workers, value)


def check_engine(engine: Engine, options: Mapping[str, Any], n_process: int) -> None:
    """Check that a run has no options of another engine.

    :param options: The options of Ray, by name.
    :raises ValueError: Where it has such options.
    """
    from ..errors import Errors

    given = [name for name, value in options.items() if value] if engine is Engine.plain else []
    if engine is Engine.ray and n_process != 1:
        given = ["--n-process"]
    if given:
        raise ValueError(Errors.E373.format(options=", ".join(given), engine=engine.value))


def python_file(path: Path | None) -> Path | None:
    """Check the name of a Python file."""
    if path is not None and path.suffix != ".py":
        raise typer.BadParameter(f"{path} is not a Python file (.py)")
    return path


def parse_overrides(ctx: typer.Context, arguments: list[str]) -> dict[str, Any]:
    """Read overrides of the pipeline's config from arguments that are left over."""
    try:
        return parse_config_overrides(arguments)
    except NoSuchOption as error:  # typer does not know click's own errors in all versions
        ctx.fail(error.format_message())


MODEL = Arg(..., help="A trained pipeline: a folder, or an installed package")
COMPONENT = Opt("kmgre_relations", help="The name of the relation component")
CODE = Opt(
    None,
    "--code",
    "-c",
    help="A Python file with registered functions",
    exists=True,
    dir_okay=False,
    callback=python_file,
)
TEXT_COLUMN = Opt("text", help="The column of a CSV or Parquet source that holds the texts")
ID_COLUMN = Opt(
    "",
    help="The column of a CSV or Parquet source that names the documents; without it, the rows' numbers do",
)
ENTITIES_COLUMN = Opt(
    "",
    help="The column of a CSV or Parquet source that holds the entities, as in JSON Lines; in CSV it holds JSON",
)
GPU = Opt(-1, "--gpu-id", "-g", help="The number of the GPU, -1 for the CPU")
ENTITIES = Opt(
    RelatedEntities.pipeline,
    help="The entities to relate: those that the pipeline finds, or those given with the documents; with these no "
    "component but the relations' runs",
)
ENTITY_IDS_HELP = (
    "The rule of which entities of different documents are one: kb_id, the same identifier in a knowledge base; name, "
    "the same type and name (different things may have one name); or a function that --code registers"
)
