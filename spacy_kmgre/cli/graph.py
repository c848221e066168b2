"""`spacy kmgre graph`. What it needs is imported when the command runs."""

from pathlib import Path

import typer
from spacy.cli._util import Opt

from .arguments import (
    CODE,
    COMPONENT,
    ENTITIES,
    ENTITY_IDS_HELP,
    GPU,
    ID_COLUMN,
    TEXT_COLUMN,
    RelatedEntities,
)
from .terminal import msg
from .view import FORCE, FORMAT, LABELS, SOURCES, TITLE


def graph_cli(
    ctx: typer.Context,
    sources: list[str] = SOURCES,
    output: Path = Opt(..., "--output", "-o", help="The HTML file to write", dir_okay=False),
    entity_ids: str = Opt("kb_id", metavar="NAME", help=ENTITY_IDS_HELP),
    threshold: float = Opt(0.0, help="Where the slider of the threshold stands at first", min=0.0, max=1.0),
    labels: list[str] = LABELS,
    limit: int = Opt(
        1000, help="The largest number of relations, those that are stated most often first", min=1
    ),
    title: str = TITLE,
    force: bool = FORCE,
    source_format: str | None = FORMAT,
    text_column: str = TEXT_COLUMN,
    id_column: str = ID_COLUMN,
    entities: RelatedEntities = ENTITIES,
    minify: bool = Opt(False, "--minify", help="Leave out white space"),
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Write a page with the graph of a corpus. It shows entities, their relations, and the sentences that say so, and
    is one file that needs no network.

    \b
    spacy kmgre graph relations.jsonl -o graph.html       what `extract` has written, or a corpus
    spacy kmgre graph MODEL texts/ -o graph.html          what a pipeline predicts

    Entities of different documents are one node where they have the same identifier in a knowledge base. Formats:

    FORMATS

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.3`.
    """
    from spacy.tokens import Doc

    from ..entities.global_ids import find_rule
    from ..extraction.tables import Columns
    from ..visualise.network import render_graph
    from .documents import Shown
    from .printing import plural
    from .tally import Tally

    columns = Columns(text_column, id_column)
    shown = Shown.parse(ctx, sources, source_format, entities, component, code, use_gpu, columns)

    def page(tally: Tally) -> str | None:
        docs = (doc if isinstance(doc, Doc) else doc.predicted for doc in shown.documents())
        return render_graph(
            (doc for doc in tally.watch(docs) if isinstance(doc, Doc)),
            identify=find_rule(entity_ids),
            limit=limit,
            page=True,
            minify=minify,
            jupyter=False,
            options={"title": title or shown.title, "threshold": threshold, "labels": labels},
        )

    tally = shown.write(output, labels, page, force=force)
    msg.good(f"{output} shows the graph of {plural(tally.documents, 'document')}")
