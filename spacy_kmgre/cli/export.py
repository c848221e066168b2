"""`spacy kmgre export`. What it needs is imported when the command runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spacy.cli._util import Arg, Opt

from .arguments import CODE, ENTITY_IDS_HELP, known_export
from .corpora import FROM, LANG, not_a_dash

if TYPE_CHECKING:
    from spacy.tokens import Doc


def export_cli(
    source: Path = Arg(
        ..., help="The file or folder to read: the output of `extract`, or a corpus", exists=True
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
    force: bool = Opt(False, "--force", help="Replace an output that is there already"),
    lang: str = LANG,
    entity_ids: str = Opt(
        "", metavar="NAME", help=f"{ENTITY_IDS_HELP}. Without it, the ids that documents have"
    ),
    code: Path | None = CODE,
) -> None:
    """Write the relations of documents as a table or graph: for databases, notebooks and graph tools.

    \b
    spacy kmgre extract MODEL texts/ -o relations.jsonl
    spacy kmgre export relations.jsonl -o relations.parquet
    spacy kmgre export relations.jsonl -o relations.cypher

    Every export holds the document, the entities, the label, the score, and the characters of key mention pairs and
    evidence; all but `csv` name the pipeline and its version. Entities of different documents are one only where they
    have the same id, or the same identifier in a knowledge base.
    """
    from spacy.cli._util import import_code
    from wasabi import msg

    from ..annotations import identify_entities
    from ..entities.global_ids import find_rule
    from ..errors import Errors
    from ..export import export_docs, find_export
    from ..formats.counts import Counts
    from .convert import read_source
    from .printing import failing, plural

    counts = Counts()

    def counted(docs: "Iterable[Doc]") -> "Iterator[Doc]":
        rule = find_rule(entity_ids) if entity_ids else None
        for doc in docs:
            if rule is not None:
                identify_entities(doc, rule)
            yield doc
        if not counts.relations:
            raise ValueError(Errors.E531.format(source=source))

    with failing(f"Could not export {source}"):
        import_code(code)
        if output.exists() and not force:
            raise ValueError(Errors.E331.format(path=output))
        export_docs(counted(read_source(source, source_format, counts, lang=lang)), output, target_format)
    lacks = find_export(output, target_format)({}).lacks
    if lacks:
        msg.info(f"{target_format or output.suffix} has no place for: {', '.join(lacks)}")
    documents, relations = plural(counts.documents, "document"), plural(counts.relations, "relation")
    msg.good(f"{output}: {relations} in {documents}")
