"""`spacy kmgre graph`. What it needs is imported when the command runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from spacy.cli._util import Opt
from wasabi import msg

from ..errors import Errors
from .arguments import CODE, COMPONENT, ENTITIES, GPU, RelatedEntities
from .view import FORMAT, LABELS, SOURCES, TITLE

if TYPE_CHECKING:
    from ..graph import Identify


def graph_cli(
    ctx: typer.Context,
    sources: list[str] = SOURCES,
    output: Path = Opt(..., "--output", "-o", help="The HTML file to write", dir_okay=False),
    identify: str = Opt(
        "kb_id",
        help="What entities of different documents have in common that are one node: kb_id; name (with the type; "
        "different things may have one name); or a function in the registry `misc`, of a Doc and an entity",
    ),
    threshold: float = Opt(0.0, help="Where the slider of the threshold stands at first", min=0.0, max=1.0),
    labels: list[str] = LABELS,
    limit: int = Opt(
        1000, help="The largest number of relations, those that are stated most often first", min=1
    ),
    title: str = TITLE,
    source_format: str | None = FORMAT,
    entities: RelatedEntities = ENTITIES,
    minify: bool = Opt(False, "--minify", help="Leave out white space"),
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Write a page that shows the graph of a corpus: entities, their relations, and the sentences that say so. It is
    one file that needs no network.

    \b
    spacy kmgre graph relations.jsonl -o graph.html       what `extract` has written, or a corpus
    spacy kmgre graph MODEL texts/ -o graph.html          what a pipeline predicts

    Entities of different documents are one node where they have the same identifier in a knowledge base. Formats:

    FORMATS

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.3`.
    """
    from spacy.tokens import Doc

    from ..visualise.network import render_graph
    from .documents import Shown

    shown = Shown.parse(ctx, sources, source_format, entities, component, code, use_gpu)

    def page() -> str | None:
        return render_graph(
            (doc if isinstance(doc, Doc) else doc.predicted for doc in shown.documents()),
            identify=_find_function(identify),
            limit=limit,
            page=True,
            minify=minify,
            jupyter=False,
            options={"title": title or shown.title, "threshold": threshold, "labels": labels},
        )

    shown.write(output, page)
    msg.good(f"{output} shows the graph")


def _find_function(name: str) -> "Identify":
    from catalogue import RegistryError
    from spacy.util import registry

    from ..graph import same_kb_id, same_name

    known = {"kb_id": same_kb_id, "name": same_name}
    if name in known:
        return known[name]
    try:
        found: Identify = registry.misc.get(name)
    except RegistryError as error:
        raise ValueError(Errors.E507.format(name=name)) from error
    return found
