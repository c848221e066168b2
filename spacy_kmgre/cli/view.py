"""`spacy kmgre view`. What it needs is imported when the command runs."""

from itertools import islice
from pathlib import Path

import typer
from spacy.cli._util import Arg, Opt
from wasabi import msg

from .arguments import CODE, COMPONENT, ENTITIES, GPU, RelatedEntities, known_source, parse_overrides
from .pipelines import split_overrides
from .printing import failing

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
    help="The format of the sources: text, lines, or one of `convert`; without it, endings and contents tell",
)
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
    source_format: str | None = FORMAT,
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Write a page that shows documents, their relations, and the mention pairs that say so. It is one file that needs
    no network.

    \b
    spacy kmgre view relations.jsonl -o page.html         what `extract` has written, or a corpus
    spacy kmgre view MODEL texts/ -o page.html            what a pipeline predicts
    spacy kmgre view MODEL dev.spacy -o page.html         its predictions beside the gold relations: right, missed, wrong

    The formats of corpora:

    FORMATS

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.3`.
    """
    from ..formats.files import replacing
    from ..visualise.documents import render
    from .documents import Shown

    paths, overrides = split_overrides(sources)
    names = [str(path) for path in paths]
    shown = Shown(
        names,
        source_format=source_format,
        given_entities=entities is RelatedEntities.given,
        component=component,
        code=code,
        use_gpu=use_gpu,
        config=parse_overrides(ctx, [*overrides, *ctx.args]),
        options=ctx.obj or {},
    )
    with failing(f"Could not show {', '.join(names)}"):
        docs = list(islice(shown.documents(), limit + 1))
        more = len(docs) > limit
        options = {
            "title": title or ", ".join(path.name for path in paths),
            "threshold": threshold,
            "labels": labels,
        }
        page = render(docs[:limit], page=True, minify=minify, jupyter=False, options=options)
        with replacing(output) as temporary:
            temporary.write_text(page or "", encoding="utf8")
    if more:
        msg.warn(f"The page has the first {limit} documents only (--limit)")
    msg.good(f"{output} shows {min(len(docs), limit)} documents")
