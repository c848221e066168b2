"""`spacy kmgre suggest`. What it needs is imported when the command runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from spacy.cli._util import Arg, Opt

from .arguments import CODE, COMPONENT, GPU, MODEL, known_export, known_source, parse_overrides
from .corpora import not_a_dash
from .pipelines import split_overrides

if TYPE_CHECKING:
    from ..extraction.suggest import RankedExport

# The number of documents, and of labels of each, that the table shows.
SHOWN, SHOWN_LABELS = 10, 3


def suggest_cli(
    ctx: typer.Context,
    model: str = MODEL,
    sources: list[str] = Arg(
        ..., metavar="SOURCE", help="Files and folders of texts, as `extract` reads them"
    ),
    output: Path = Opt(..., "--output", "-o", help="The file or folder to write", callback=not_a_dash),
    source_format: str | None = Opt(
        None,
        "--from",
        metavar="FORMAT",
        callback=known_source,
        help="The format of the sources, as in `extract`",
    ),
    target_format: str = Opt(
        "",
        "--to",
        metavar="FORMAT",
        callback=known_export,
        help="What to write: prodigy, label_studio, doccano, brat, or any other of `extract`; where left out, the "
        "output's ending tells",
    ),
    top: int = Opt(0, help="Write only this many documents, the best ones; 0 writes all", min=0),
    margin: float = Opt(
        0.2, help="How far from its threshold a score may be to count as unsure", min=0.001, max=1.0
    ),
    annotated: Path | None = Opt(
        None, help="A corpus of what is annotated already, whose rare labels come first", exists=True
    ),
    force: bool = Opt(False, "--force", help="Replace an output that is there already"),
    resume: bool = Opt(
        False, "--resume", help="Continue an earlier run that was killed, with the same sources"
    ),
    batch_size: int = Opt(16, help="The number of documents that go through the model at a time", min=1),
    n_process: int = Opt(1, "--n-process", "-n", help="The number of processes, -1 for one per CPU", min=-1),
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Rank documents for annotation. They are written with what the pipeline finds, for people to correct.

    \b
    spacy kmgre suggest MODEL texts/ -o tasks.jsonl --to prodigy --top 50
    spacy kmgre suggest MODEL texts/ -o tasks.json --to label_studio --annotated train.spacy

    First come documents with many relations whose score is near the threshold, of rare labels, in few words:

    \b
    near(r)  = 1 - |score - threshold| / margin, at least 0
    rare(l)  = 1 / sqrt(1 + relations of the label in --annotated, or found in these documents, down to the margin)
    value(d) = 100 / max(words, 100) * sum of near(r) * rare(label of r) over the relations of the document

    The same sources give the same order. Memory does not grow with the texts, but for some numbers of each document.

    Exit status: 0; 1 where nothing was written; 2 where the command cannot be read; 3 where the output is written
    and documents failed.
    """
    paths, overrides = split_overrides(sources)
    status = _suggest(
        model,
        paths,
        output,
        source_format=source_format,
        target_format=target_format,
        top=top,
        margin=margin,
        annotated=annotated,
        how={"resume": resume, "force": force},
        work=(batch_size, n_process),
        pipeline={"component": component, "code": code, "use_gpu": use_gpu},
        config=parse_overrides(ctx, [*overrides, *ctx.args]),
    )
    raise typer.Exit(status)


def _suggest(
    model: str,
    sources: list[Path],
    target: Path,
    *,
    source_format: str | None,
    target_format: str,
    top: int,
    margin: float,
    annotated: Path | None,
    how: dict[str, bool],
    work: tuple[int, int],
    pipeline: dict[str, Any],
    config: dict[str, Any],
) -> int:
    """Rank documents and say what was found.

    :param work: The number of documents of a batch, and the number of processes.
    :returns: The exit status: 0, or 3 where documents failed.
    """
    from dataclasses import replace

    from tqdm import tqdm

    from ..export import find_export
    from ..extraction.journal import Journal
    from ..extraction.reader import Reader, splits_sentences
    from ..extraction.run import Plan, extract
    from ..extraction.sources import count_items, find_sources
    from ..extraction.suggest import RankedExport, Rule
    from .common import load_pipeline
    from .extract import SOME_FAILED, report
    from .printing import failing

    with failing(f"Could not rank documents with {model}"):
        plan = Plan(*work)
        found = find_sources(sources, source_format)
        make_export = find_export(target, target_format)
        known = _label_counts(annotated) if annotated else None
        nlp = load_pipeline(model, config=config, **pipeline)
        pipe: Any = nlp.get_pipe(pipeline["component"])
        settings = pipe.settings
        rule = Rule(settings.threshold, settings.thresholds, margin, known)
        pipe.settings = replace(
            settings,
            threshold=max(0.0, settings.threshold - margin),
            thresholds={label: max(0.0, value - margin) for label, value in settings.thresholds.items()},
        )
        export = RankedExport(make_export(nlp.meta), rule, top)
        reader = Reader(nlp, splits_sentences(nlp), Journal(target).paths)
        with tqdm(total=count_items(found), unit=" documents", disable=None) as bar:
            summary = extract(
                nlp,
                reader.read(found),
                target,
                export,
                plan=replace(plan, progress=bar.update),
                settings={"component": pipeline["component"], "margin": str(margin), "top": top},
                **how,
            )
        report(summary, target, export, piped=False)
        _show(export)
    return SOME_FAILED if summary.failed else 0


def _label_counts(corpus: Path) -> dict[str, int]:
    from collections import Counter

    from ..annotations import relation_data
    from ..formats.counts import Counts
    from .convert import read_source

    docs = read_source(corpus, None, Counts(), quiet=True)
    return Counter(data["label"] for doc in docs for data in relation_data(doc))


def _show(export: "RankedExport") -> None:
    from .printing import print_table

    rows = [
        (suggestion.name, ", ".join(list(suggestion.labels)[:SHOWN_LABELS]), f"{suggestion.value:.3f}")
        for suggestion in export.ranking[:SHOWN]
    ]
    if rows:
        print_table(("Document", "Unsure of", "Value"), rows, left=2)
