"""The commands that run pipelines, as typer sees them. What they need is imported when they run."""

from collections.abc import Iterable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import typer
from spacy.cli._util import Arg, NoSuchOption, Opt, parse_config_overrides
from typer.core import TyperCommand

from .arguments import checked

# Arguments that are left over override the pipeline's config.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}


class ThresholdKind(str, Enum):
    global_ = "global"
    per_relation = "per-relation"


class RelatedEntities(str, Enum):
    pipeline = "pipeline"
    given = "given"


class EntitySource(str, Enum):
    gold = "gold"
    predicted = "predicted"


def known_source(name: str | None) -> str | None:
    """The format of sources, if there is one of that name."""
    from ..extraction.sources import check_source_format

    return checked(check_source_format, name)


def known_target(name: str) -> str:
    """The name of an export, if there is one of that name."""
    from ..export import find_export

    return checked(partial(find_export, Path()), name)


def python_file(path: Path | None) -> Path | None:
    if path is not None and path.suffix != ".py":
        raise typer.BadParameter(f"{path} is no Python file (.py)")
    return path


COMPONENT = Opt("kmgre_relations", help="Name of the relation component")
CODE = Opt(
    None,
    "--code",
    "-c",
    help="Python file with registered functions",
    exists=True,
    dir_okay=False,
    callback=python_file,
)
GPU = Opt(-1, "--gpu-id", "-g", help="GPU number, -1 for the CPU")
ENTITIES = Opt(
    RelatedEntities.pipeline,
    help="Entities to relate: as the pipeline has it, or those given with the documents, and then no component "
    "but the relations' runs",
)


def parse_overrides(ctx: typer.Context, arguments: list[str]) -> dict[str, Any]:
    """What the arguments that are left over override in the pipeline's config."""
    try:
        return parse_config_overrides(arguments)
    except NoSuchOption as error:  # typer does not know click's own errors in all versions
        return ctx.fail(error.format_message())


def split_overrides(arguments: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Sources, and what follows them as overrides: an argument that takes any number of values takes these too."""
    found = [str(argument) for argument in arguments]
    first = next((i for i, argument in enumerate(found) if argument.startswith("--")), len(found))
    return [Path(source) for source in found[:first]], found[first:]


def evaluate_cli(
    ctx: typer.Context,
    model: str = Arg(..., help="A trained pipeline: a folder, or an installed package"),
    corpus: Path = Arg(..., help="A .spacy file, or a folder of them", exists=True),
    output: list[Path] = Opt(
        [], "--output", "-o", help="Where to write the report: .json, .md, .html; may be given several times"
    ),
    baseline: str | None = Opt(
        None,
        "--baseline",
        "-b",
        help="Another pipeline to compare with, by a paired test on the same documents",
    ),
    per_type: bool = Opt(False, "--per-type", help="Show the scores of each label"),
    thresholds: bool = Opt(
        False,
        "--thresholds",
        help="Look for the thresholds with the best micro F, for all labels and for each, and for how far scores are "
        "from probabilities",
    ),
    write_thresholds: ThresholdKind | None = Opt(
        None,
        "--write-thresholds",
        help="Write the best thresholds into the pipeline's folder; use a dev corpus",
    ),
    write_calibration: bool = Opt(
        False,
        "--write-calibration",
        help="Write into the pipeline's folder what makes its scores probabilities, and thresholds to match; use a "
        "dev corpus",
    ),
    min_gold: int = Opt(
        10, help="A label with fewer gold relations in the corpus gets no threshold of its own", min=1
    ),
    entities: EntitySource = Opt(
        EntitySource.gold,
        help="Entities to relate: gold, or also those that the pipeline finds in the raw text",
    ),
    samples: int = Opt(1000, help="Bootstrap samples, and rounds of the paired test", min=1),
    confidence: float = Opt(0.95, help="Confidence of the intervals", min=0.0, max=1.0),
    seed: int = Opt(0, help="Seed of the samples", min=0),
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Score a pipeline's relations between gold entities: overall, by kind of relation and by label, with bootstrap
    intervals over documents. With `--entities predicted` from raw text too: mentions, entities, relations, and
    where relations are lost. Settings of the pipeline can be overridden, for example
    `--components.kmgre_relations.threshold 0.6`.
    """
    from .evaluate import evaluate

    evaluate(
        model,
        corpus,
        output=output,
        component=component,
        per_type=per_type,
        use_gpu=use_gpu,
        from_text=entities is EntitySource.predicted,
        baseline=baseline,
        samples=samples,
        confidence=confidence,
        seed=seed,
        thresholds=thresholds,
        write=None if write_thresholds is None else write_thresholds.value,
        calibrate=write_calibration,
        min_gold=min_gold,
        code=code,
        config=parse_overrides(ctx, ctx.args),
    )


class ExtractCommand(TyperCommand):
    """The command `extract`, whose help lists the exports."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # typer has click's classes inside or outside
        from ..export import describe_exports

        self.epilog = "\n\n".join(("Exports:", *describe_exports()))
        super().format_help(ctx, formatter)


def extract_cli(
    ctx: typer.Context,
    model: str = Arg(..., help="A trained pipeline: a folder, or an installed package"),
    sources: list[str] = Arg(
        ..., metavar="SOURCE", help="Files and folders to read, in this order; - is standard input"
    ),
    output: Path = Opt(
        Path("-"), "--output", "-o", help="File or folder to write; - is standard output (JSON Lines, or --to csv)"
    ),
    source_format: str | None = Opt(
        None,
        "--from",
        metavar="FORMAT",
        callback=known_source,
        help="Format of the sources: text, lines, or one of `convert`; where left out, endings and contents tell",
    ),
    target_format: str = Opt(
        "",
        "--to",
        metavar="FORMAT",
        callback=known_target,
        help="The export that writes the output, one of those below; where left out, the output's ending tells",
    ),
    resume: bool = Opt(
        False,
        "--resume",
        help="Go on where an earlier run was killed, with the same sources; begin where there is none, and do "
        "nothing where the output is complete",
    ),
    force: bool = Opt(
        False, "--force", help="Start again, and replace the output when the new one is complete"
    ),
    batch_size: int = Opt(16, help="Documents that go through the model at a time", min=1),
    n_process: int = Opt(1, "--n-process", "-n", help="Number of processes, -1 for one on each CPU core", min=-1),
    max_length: int | None = Opt(
        None, help="Most characters of a document; the pipeline's max_length where left out", min=1
    ),
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Write the relations of many documents.

    \b
    spacy kmgre extract MODEL texts/ -o relations.jsonl
    spacy kmgre extract MODEL corpus.jsonl more.spacy -o relations.csv --n-process 2
    cat text.txt | spacy kmgre extract MODEL - | jq .relations

    From a folder are read *.txt (a document each), *.jsonl and *.spacy. A line of JSON has a `text`, and may have
    `title` or `id`, `entities` and more, as jsonl.schema.json in spacy_kmgre/formats says.

    The output is complete or not there. Until then its documents are in OUTPUT.partial, and memory does not grow with
    their number (but where one .spacy file holds all of them). After a crash, or a kill, the same command with
    --resume goes on without losing or doubling a document. A document that fails is listed in OUTPUT.errors.jsonl and
    left out of the output; the others go on.

    Settings of the pipeline can be overridden after the sources, for example
    `--components.kmgre_relations.threshold 0.6`.

    Exit status: 0; 1 where nothing was written; 2 where the command cannot be read; 3 where the output is written
    and documents failed.
    """
    from .extract import extract_relations

    paths, overrides = split_overrides(sources)
    status = extract_relations(
        model,
        paths,
        output,
        source_format=source_format,
        target_format=target_format,
        resume=resume,
        force=force,
        batch_size=batch_size,
        n_process=n_process,
        max_length=max_length,
        given_entities=entities is RelatedEntities.given,
        component=component,
        code=code,
        use_gpu=use_gpu,
        config=parse_overrides(ctx, [*overrides, *ctx.args]),
    )
    raise typer.Exit(status)


def explain_cli(
    ctx: typer.Context,
    model: str = Arg(..., help="A trained pipeline: a folder, or an installed package"),
    source: Path = Arg(..., help="A file to read, as in `extract`; - is standard input"),
    head: str | None = Opt(
        None, "--head", help="The head entity: its key, or the text of one of its mentions"
    ),
    tail: str | None = Opt(None, "--tail", help="The tail entity"),
    labels: list[str] = Opt(
        [],
        "--label",
        "-l",
        help="A relation to explain; the predicted ones, or the most probable, where left out. Without both entities: "
        "the relations to list",
    ),
    document: str | None = Opt(None, "--document", "-d", help="Name of the document; else the first one"),
    as_json: bool = Opt(False, "--json", help="Print JSON instead of tables"),
    source_format: str | None = Opt(
        None, "--from", metavar="FORMAT", callback=known_source, help="Format of the file, as in `extract`"
    ),
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Show why a relation is predicted between two entities of a document, or is not.

    \b
    spacy kmgre explain MODEL text.txt                          the entities and relations of the document
    spacy kmgre explain MODEL text.txt --head Ann               those with this head
    spacy kmgre explain MODEL text.txt --head Ann --tail Acme   all that is known of these two

    For each mention pair: p_ω, that it is key; p_θ, that it has the relation; which are key, and their shares in the
    fused logit, which is compared with that of the threshold class TH. ATLOP scores entity pairs, not mention
    pairs: shares are parts of the attention that the two entities have in common.

    Settings of the pipeline can be overridden, for example `--components.kmgre_relations.threshold 0.6`.
    """
    from .explain import explain_pair

    explain_pair(
        model,
        source,
        head=head,
        tail=tail,
        labels=labels,
        document=document,
        as_json=as_json,
        source_format=source_format,
        given_entities=entities is RelatedEntities.given,
        component=component,
        code=code,
        use_gpu=use_gpu,
        config=parse_overrides(ctx, ctx.args),
    )
