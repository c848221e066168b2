"""The command line of `spacy kmgre extract`, whose work extract.py does. It is imported when the command runs."""

from collections.abc import Iterable
from pathlib import Path

import typer
from spacy.cli._util import Arg, Opt

from .arguments import (
    CODE,
    COMPONENT,
    ENTITIES,
    ENTITIES_COLUMN,
    ENTITY_IDS_HELP,
    GPU,
    ID_COLUMN,
    MODEL,
    TEXT_COLUMN,
    Engine,
    RelatedEntities,
    check_engine,
    known_export,
    known_source,
    known_workers,
    parse_overrides,
    parse_workers,
)


def split_overrides(arguments: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Part sources from the overrides that follow them, as an argument with any number of values takes both."""
    found = [str(argument) for argument in arguments]
    first = next((i for i, argument in enumerate(found) if argument.startswith("--")), len(found))
    return [Path(source) for source in found[:first]], found[first:]


def extract_cli(
    ctx: typer.Context,
    model: str = MODEL,
    sources: list[str] = Arg(
        ..., metavar="SOURCE", help="Files and folders to read, in this order; - is standard input"
    ),
    output: Path = Opt(
        Path("-"),
        "--output",
        "-o",
        help="The file or folder to write; - is standard output (jsonl, or --to csv)",
    ),
    source_format: str | None = Opt(
        None,
        "--from",
        metavar="FORMAT",
        callback=known_source,
        help="The format of the sources: text, lines, csv, parquet, or one of `convert`; without it, endings and "
        "contents tell",
    ),
    text_column: str = TEXT_COLUMN,
    id_column: str = ID_COLUMN,
    entities_column: str = ENTITIES_COLUMN,
    target_format: str = Opt(
        "",
        "--to",
        metavar="FORMAT",
        callback=known_export,
        help="The export that writes the output, one of those below; where left out, the output's ending tells",
    ),
    resume: bool = Opt(
        False,
        "--resume",
        help="Continue an earlier run that was killed, with the same sources; start where there is none, and do "
        "nothing where the output is complete",
    ),
    force: bool = Opt(
        False,
        "--force",
        help="Start again, and replace an output that is a file when the new one is complete; a folder that holds "
        "something, such as Parquet, is never replaced",
    ),
    batch_size: int = Opt(
        16, help="The largest number of documents that go through the model together", min=1
    ),
    batch_words: int = Opt(
        10_000, help="The largest number of words of these documents; a longer document goes alone", min=1
    ),
    n_process: int = Opt(1, "--n-process", "-n", help="The number of processes, -1 for one per CPU", min=-1),
    max_length: int | None = Opt(
        None,
        help="The largest number of characters of a document; without it, the pipeline's max_length",
        min=1,
    ),
    entity_ids: str = Opt(
        "",
        metavar="NAME",
        help=f"{ENTITY_IDS_HELP}. Each entity gets an id; those of which the rule knows none get one of their own",
    ),
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
    engine: Engine = Opt(
        Engine.plain, help="What runs the pipeline: this machine alone, or Ray Data, which has many machines"
    ),
    workers: str = Opt(
        "",
        metavar="N or N:M",
        callback=known_workers,
        help="Ray: the number of workers, or the least and the most",
    ),
    address: str = Opt("", help="Ray: the address of a running cluster; without it, this machine alone"),
    gpu_per_worker: float = Opt(0.0, help="Ray: the part of a GPU that each worker has", min=0),
    dry_run: bool = Opt(
        False,
        "--dry-run",
        help="Run a sample of the documents, write nothing, and say how long so many workers take and what they need",
    ),
    part_words: int | None = Opt(
        None,
        help="Ray: the number of words of a part, which is written whole; without it, a suitable one",
        min=1,
    ),
) -> None:
    """Write the relations of many documents.

    \b
    spacy kmgre extract MODEL texts/ -o relations.jsonl
    spacy kmgre extract MODEL corpus.jsonl more.spacy -o relations.csv --n-process 2
    cat text.txt | spacy kmgre extract MODEL - | jq .relations

    In a folder, the files *.txt (a document each), *.jsonl and *.spacy are read. A line of JSON has a `text`, and may
    have `title` or `id`, `entities` and more, as jsonl.schema.json in spacy_kmgre/formats says. A row of a table
    (*.csv, *.tsv, *.parquet) is a document: --text-column, --id-column and --entities-column name its columns. A folder
    whose name ends in .parquet is read as one table.

    The output is complete or not there. Until then its documents are in OUTPUT.partial, and memory does not grow with
    their number (but where one .spacy file holds all of them). After a crash, or a kill, the same command with
    --resume goes on without losing or doubling a document. A document that fails is listed in OUTPUT.errors.jsonl and
    left out of the output; the others go on.

    With --engine ray, the output is a folder of parts (--to parquet, jsonl or csv), in any order, and what is finished
    of it stays there; each machine must see the pipeline, the sources and the output under the same names.

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.6`.

    Exit status: 0; 1 where nothing was written; 2 where the command cannot be read; 3 where the output is written
    and documents failed.
    """
    from ..extraction.run import Plan
    from ..extraction.tables import Columns
    from .opening import Choice, Job
    from .printing import failing

    given = {
        "--workers": workers,
        "--address": address,
        "--gpu-per-worker": gpu_per_worker,
        "--part-words": part_words,
    }
    paths, overrides = split_overrides(sources)
    config = parse_overrides(ctx, [*overrides, *ctx.args])
    related = entities is RelatedEntities.given
    choice = Choice(
        model,
        component=component,
        config=config,
        code=code,
        use_gpu=use_gpu,
        max_length=max_length,
        entity_ids=entity_ids,
        given_entities=related,
    )
    with failing(f"Could not extract relations with {model}"):
        check_engine(engine, {} if dry_run else given, n_process)
        plan = Plan(batch_size, n_process, batch_words=batch_words)
    columns = Columns(text_column, id_column, entities_column)
    if dry_run:
        from .planning import plan_extraction

        most = parse_workers(workers)[1] if workers else plan.processes
        plan_extraction(choice, paths, plan=plan, source_format=source_format, columns=columns, workers=most)
        return
    job = Job(
        paths,
        output,
        plan,
        source_format=source_format,
        target_format=target_format,
        columns=columns,
        resume=resume,
        force=force,
    )
    if engine is Engine.ray:
        with failing(f"Could not extract relations with {model}"):
            from ..export.base import require

            require({"ray": "ray", "pyarrow": "parquet"})
        from ..extraction.cluster import Cluster
        from .cluster import extract_with_ray

        cluster = Cluster(parse_workers(workers), address, gpu_per_worker, part_words)
        raise typer.Exit(extract_with_ray(choice, job, cluster))
    from .extract import extract_relations

    raise typer.Exit(extract_relations(choice, job))
