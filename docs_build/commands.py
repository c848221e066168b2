"""The page of the commands: what each says of itself with --help."""

from spacy.cli._util import app
from typer.main import get_command
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre

from .markdown import page

# The columns of the help texts.
WIDTH = 96


def help_of(*command: str) -> str:
    """What `python -m spacy kmgre COMMAND --help` prints."""
    result = CliRunner().invoke(
        app,
        ["kmgre", *command, "--help"],
        prog_name="python -m spacy",
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    return result.output.rstrip()


def commands() -> list[str]:
    """The names of the commands."""
    return list(get_command(kmgre).commands)  # type: ignore[attr-defined]  # It is a group.


def commands_page() -> str:
    """The page."""
    sections = [f"## {name}\n\n```text\n{help_of(name)}\n```" for name in commands()]
    return page(
        "Commands",
        "`python -m spacy kmgre COMMAND --help` says the same. Which of spaCy's own commands do what is on "
        "[a page of its own](spacy_commands.md).",
        sections,
    )
