"""`spacy kmgre graph`. What it needs is imported when the command runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from spacy.cli._util import Opt
from wasabi import msg

from ..errors import Errors
from .arguments import CODE, COMPONENT, ENTITIES, GPU, RelatedEntities, parse_overrides
from .pipelines import split_overrides
from .printing import failing
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
    minify: bool = Opt(False, "--minify", help="Leave out white space"),
    source_format: str | None = FORMAT,
    entities: RelatedEntities = ENTITIES,
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
    from spacy.cli._util import import_code
    from spacy.tokens import Doc

    from ..formats.files import replacing
    from ..visualise.network import render_graph
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
    with failing(f"Could not show the graph of {', '.join(names)}"):
        import_code(code)
        docs = (doc if isinstance(doc, Doc) else doc.predicted for doc in shown.documents())
        options = {
            "title": title or ", ".join(path.name for path in paths),
            "threshold": threshold,
            "labels": labels,
        }
        page = render_graph(
            docs,
            identify=_find_function(identify),
            limit=limit,
            page=True,
            minify=minify,
            jupyter=False,
            options=options,
        )
        with replacing(output) as temporary:
            temporary.write_text(page or "", encoding="utf8")
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
