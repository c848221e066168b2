"""The commands of `python -m spacy kmgre`.

Every `spacy` command imports this package, so a command imports what needs a model when it runs.
"""

import os

import typer
from spacy.cli._util import app
from wasabi import msg as spacys_msg

from .arguments import OVERRIDES, ExportCommand
from .corpora import CorpusCommand, convert_cli, info_cli
from .evaluate import evaluate_cli
from .explain import explain_cli
from .export import export_cli
from .graph import graph_cli
from .pipelines import extract_cli
from .suggest import suggest_cli
from .terminal import msg, write_what_can_be_written
from .training import init_cli
from .view import view_cli

kmgre = typer.Typer(
    name="kmgre", help="Document-level relation extraction with spacy-kmgre", no_args_is_help=True
)


@kmgre.callback()
def kmgre_cli() -> None:
    """Do what comes before every command."""
    write_what_can_be_written()
    # The printers of spaCy's commands know another name of this switch (https://no-color.org).
    if os.environ.get("NO_COLOR"):
        os.environ["ANSI_COLORS_DISABLED"] = "1"
        msg.show_color = spacys_msg.show_color = False


class CorpusExportCommand(ExportCommand, CorpusCommand):
    """A command that reads corpora and writes an export."""


app.add_typer(kmgre)

kmgre.command("init")(init_cli)
kmgre.command("convert", cls=CorpusCommand)(convert_cli)
kmgre.command("info", cls=CorpusCommand)(info_cli)
kmgre.command("evaluate", context_settings=OVERRIDES)(evaluate_cli)
kmgre.command("extract", cls=ExportCommand, context_settings=OVERRIDES)(extract_cli)
kmgre.command("suggest", cls=ExportCommand, context_settings=OVERRIDES)(suggest_cli)
kmgre.command("export", cls=CorpusExportCommand)(export_cli)
kmgre.command("explain", context_settings=OVERRIDES)(explain_cli)
kmgre.command("view", cls=CorpusCommand, context_settings=OVERRIDES)(view_cli)
kmgre.command("graph", cls=CorpusCommand, context_settings=OVERRIDES)(graph_cli)
