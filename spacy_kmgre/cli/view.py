"""`spacy kmgre view`. What it needs is imported when the command runs."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from spacy.cli._util import Arg, Opt

from .arguments import (
    CODE,
    COMPONENT,
    ENTITIES,
    GPU,
    ID_COLUMN,
    TEXT_COLUMN,
    RelatedEntities,
    known_source,
)
from .terminal import msg

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.training import Example

SOURCES = Arg(
    ...,
    metavar="[MODEL] SOURCE",
    help="A corpus or output of `extract`; or a trained pipeline, and the files and folders to predict",
)
FORMAT = Opt(
    None,
    "--from",
    metavar="FORMAT",
    callback=known_source,
    help="The format of the sources: text, lines, csv, parquet, or one of `convert`; without it, endings and contents "
    "tell",
)
FORCE = Opt(False, "--force", help="Replace a file that is there already")
TITLE = Opt("", help="The title of the page; without it, the names of the sources")
LABELS = Opt(
    [], "--label", "-l", help="A relation to show; may be given several times. Without it, all are shown"
)


def view_cli(
    ctx: typer.Context,
    sources: list[str] = SOURCES,
    output: Path = Opt(..., "--output", "-o", help="The HTML file to write", dir_okay=False),
    threshold: float = Opt(0.0, help="Where the slider of the threshold stands at first", min=0.0, max=1.0),
    labels: list[str] = LABELS,
    limit: int = Opt(1000, help="The largest number of documents in the page", min=1),
    title: str = TITLE,
    minify: bool = Opt(False, "--minify", help="Leave out white space"),
    force: bool = FORCE,
    source_format: str | None = FORMAT,
    text_column: str = TEXT_COLUMN,
    id_column: str = ID_COLUMN,
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Write a page with documents and their relations. It shows the mention pairs that say so, and is one file that
    needs no network.

    \b
    spacy kmgre view relations.jsonl -o page.html         what `extract` has written, or a corpus
    spacy kmgre view MODEL texts/ -o page.html            what a pipeline predicts
    spacy kmgre view MODEL dev.spacy -o page.html         its predictions beside gold relations: right, missed, wrong

    The formats of corpora:

    FORMATS

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.3`.
    """
    from ..extraction.tables import Columns
    from ..visualise.documents import render
    from .documents import Shown
    from .printing import plural
    from .tally import Tally

    columns = Columns(text_column, id_column)
    shown = Shown.parse(ctx, sources, source_format, entities, component, code, use_gpu, columns)
    docs: list[Doc | Example] = []

    def page(tally: Tally) -> str | None:
        docs.extend(islice(shown.documents(), limit + 1))
        options = {"title": title or shown.title, "threshold": threshold, "labels": labels}
        return render(tally.watch(docs[:limit]), page=True, minify=minify, jupyter=False, options=options)

    tally = shown.write(output, labels, page, force=force)
    if len(docs) > limit:
        msg.warn(f"The page has the first {plural(limit, 'document')} only (--limit)")
    msg.good(f"{output} shows {plural(tally.documents, 'document')}")
