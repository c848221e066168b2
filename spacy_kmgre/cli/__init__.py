"""`python -m spacy kmgre`. Every spacy command imports this module, so what a command needs is imported by it."""

from pathlib import Path
from typing import Optional

import typer
from spacy.cli._util import Arg, Opt, app

kmgre = typer.Typer(
    name="kmgre", help="Document-level relation extraction with spacy-kmgre", no_args_is_help=True
)
app.add_typer(kmgre)


@kmgre.command("convert")
def convert_cli(
    source: Path = Arg(..., help="A file in DocRED's JSON", exists=True, dir_okay=False),
    target: Path = Arg(..., help="The .spacy file to write", dir_okay=False),
    relation_names: Optional[Path] = Opt(
        None, help="rel_info.json: labels become names (country), not ids (P17)", exists=True, dir_okay=False
    ),
    limit: int = Opt(0, help="Convert no more documents than that; 0 is all", min=0),
    lang: str = Opt("en", help="Language of the documents"),
) -> None:
    """Convert a DocRED file (DocRED, Re-DocRED) to a .spacy corpus, and print what is in it."""
    from .convert import convert

    convert(source, target, relation_names=relation_names, limit=limit, lang=lang)


@kmgre.command("evaluate")
def evaluate_cli(
    model: Path = Arg(..., help="A trained pipeline", exists=True, file_okay=False),
    corpus: Path = Arg(..., help="A .spacy file, or a folder of them", exists=True),
    output: Optional[Path] = Opt(None, help="Where to write the scores as JSON", dir_okay=False),
    component: str = Opt("kmgre_relations", help="Name of the relation component"),
    per_type: bool = Opt(False, "--per-type", help="Show the scores of each label"),
    use_gpu: int = Opt(-1, "--gpu-id", "-g", help="GPU number, -1 for the CPU"),
) -> None:
    """Score a pipeline's relations between gold entities, as a table and as JSON."""
    from .evaluate import evaluate

    evaluate(model, corpus, output=output, component=component, per_type=per_type, use_gpu=use_gpu)
