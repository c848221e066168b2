"""`python -m spacy kmgre`. Every spacy command imports this module, so what a command needs is imported by it."""

import typer
from spacy.cli._util import app

from .corpora import convert_cli, info_cli
from .pipelines import OVERRIDES, ExtractCommand, evaluate_cli, explain_cli, extract_cli

kmgre = typer.Typer(
    name="kmgre", help="Document-level relation extraction with spacy-kmgre", no_args_is_help=True
)
app.add_typer(kmgre)


kmgre.command("convert")(convert_cli)
kmgre.command("info")(info_cli)
kmgre.command("evaluate", context_settings=OVERRIDES)(evaluate_cli)
kmgre.command("extract", cls=ExtractCommand, context_settings=OVERRIDES)(extract_cli)
kmgre.command("explain", context_settings=OVERRIDES)(explain_cli)
