"""The commands of `python -m spacy kmgre`.

Every `spacy` command imports this package, so a command imports what needs a model when it runs.
"""

import typer
from spacy.cli._util import app

from .arguments import OVERRIDES
from .corpora import CorpusCommand, convert_cli, info_cli
from .evaluate import evaluate_cli
from .explain import explain_cli
from .pipelines import ExtractCommand, extract_cli
from .training import init_cli

kmgre = typer.Typer(
    name="kmgre", help="Document-level relation extraction with spacy-kmgre", no_args_is_help=True
)
app.add_typer(kmgre)

kmgre.command("init")(init_cli)
kmgre.command("convert", cls=CorpusCommand)(convert_cli)
kmgre.command("info", cls=CorpusCommand)(info_cli)
kmgre.command("evaluate", context_settings=OVERRIDES)(evaluate_cli)
kmgre.command("extract", cls=ExtractCommand, context_settings=OVERRIDES)(extract_cli)
kmgre.command("explain", context_settings=OVERRIDES)(explain_cli)
