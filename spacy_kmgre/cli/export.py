"""`spacy kmgre export`. What it needs is imported when the command runs."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from spacy.cli._util import Arg, Opt

from .arguments import CODE, ENTITY_IDS_HELP, known_export
from .corpora import FROM, LANG, LIMIT, not_a_dash
from .view import FORCE

if TYPE_CHECKING:
    from spacy.tokens import Doc


def export_cli(
    ctx: typer.Context,
    sources: list[Path] = Arg(
        ...,
        metavar="SOURCE",
        help="Files and folders to read, in this order: the output of `extract`, or corpora",
        exists=True,
    ),
    output: Path = Opt(..., "--output", "-o", help="The file or folder to write", callback=not_a_dash),
    source_format: str | None = FROM,
    target_format: str = Opt(
        "",
        "--to",
        metavar="EXPORT",
        callback=known_export,
        help="One of the exports below; where left out, the output's ending tells",
    ),
    force: bool = FORCE,
    labels: list[str] = Opt(
        [],
        "--label",
        "-l",
        help="A relation to write; may be given several times. Without it, all are written",
    ),
    limit: int = LIMIT,
    lang: str = LANG,
    entity_ids: str = Opt(
        "", metavar="NAME", help=f"{ENTITY_IDS_HELP}. Without it, the ids that documents have"
    ),
    code: Path | None = CODE,
) -> None:
    """Write the relations of documents as a table or graph. Databases, notebooks and graph tools read it.

    \b
    spacy kmgre extract MODEL texts/ -o relations.jsonl
    spacy kmgre export relations.jsonl -o relations.parquet
    spacy kmgre export relations.jsonl -o relations.cypher

    Every export holds the document, the entities, the label, the score, and the characters of key mention pairs and
    evidence, and names the pipeline and its version. Entities of different documents are one only where they
    have the same id, or the same identifier in a knowledge base. The formats of sources:

    FORMATS
    """
    from spacy.cli._util import import_code

    from ..annotations import identify_entities, set_relations
    from ..entities.global_ids import find_rule
    from ..errors import Errors
    from ..export import export_docs, find_export
    from ..extraction.sources import is_pipeline
    from ..formats.counts import Counts
    from .convert import read_source
    from .output import check_output
    from .printing import failing, plural
    from .terminal import msg

    names = ", ".join(map(str, sources))
    written = {"document": 0, "relation": 0}

    def documents() -> "Iterator[Doc]":
        for source in sources:
            if is_pipeline(source):
                made = "extract MODEL TEXTS -o relations.jsonl"
                raise ValueError(Errors.E085.format(path=source, wanted="corpus", command=made))
            yield from read_source(source, source_format, Counts(), lang=lang, options=ctx.obj)

    def chosen(docs: "Iterable[Doc]") -> "Iterator[Doc]":
        rule = find_rule(entity_ids) if entity_ids else None
        for doc in docs:
            if rule is not None:
                identify_entities(doc, rule)
            if labels:
                shown = (found for found in doc._.relations if {found.label, found.label_name} & set(labels))
                set_relations(doc, list(shown))
            written["document"] += 1
            written["relation"] += len(doc._.relations)
            yield doc
        if not written["relation"]:
            of = f" of the labels {', '.join(labels)}" if labels else ""
            raise ValueError(Errors.E531.format(source=names, of=of))

    with failing(f"Could not export {names}"):
        import_code(code)
        lacks = find_export(output, target_format, option="--to")({}).lacks
        check_output(output, sources, force=force)
        export_docs(chosen(islice(documents(), limit or None)), output, target_format)
    if lacks:
        msg.info(f"{target_format or output.suffix} has no place for: {', '.join(lacks)}")
    counts = " in ".join(plural(written[name], name) for name in ("relation", "document"))
    msg.good(f"{output}: {counts}")
