"""`spacy kmgre extract`."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path

from ..errors import Errors
from ..export import Export, find_export
from ..extraction.journal import Journal
from ..extraction.reader import Reader, splits_sentences
from ..extraction.run import Summary, extract, stream
from ..extraction.sources import STDIN, count_items, find_sources
from .opening import Choice, Job, progress_bar
from .output import check_no_source
from .printing import failing, plural
from .stopping import exit_status
from .terminal import msg

STDOUT = STDIN
# The number of failed documents to name; the file of errors has all of them.
SHOWN = 5
# The exit status where some documents failed and the others are written.
SOME_FAILED = 3


def extract_relations(choice: Choice, job: Job) -> int:
    """Write the relations of documents, and say what went wrong.

    :returns: The exit status: 0, or 3 where documents failed.
    """
    target, plan, target_format = job.target, job.plan, job.target_format
    piped = target == STDOUT
    with ExitStack() as stack:
        stack.enter_context(failing(f"Could not extract relations with {choice.model}"))
        if piped and sys.__stdout__ is None:
            raise ValueError(Errors.E353)
        file = sys.stdout.buffer
        if piped:  # Only the results go to standard output.
            stack.enter_context(redirect_stdout(sys.stderr))
            target_format = target_format or "jsonl"
        found = find_sources(job.sources, job.source_format, job.columns)
        make_export = find_export(target, target_format, option="--to")
        if not piped:
            check_no_source(target, job.sources)
        nlp = choice.load(stack)
        export = make_export(nlp.meta)
        if choice.use_gpu >= 0 and plan.processes > 1:
            msg.warn("A GPU is for one process: several may not be able to use it (--n-process)")
        made = () if piped else Journal(target).paths
        reader = Reader(nlp, splits_sentences(nlp), made, job.columns)
        items = reader.read(found)
        bar = stack.enter_context(progress_bar(count_items(found)))
        plan = replace(plan, progress=bar.update, identify=choice.find_rule())
        try:
            if piped:
                summary = stream(nlp, items, file, export, plan=plan)
            else:
                settings = choice.settings(nlp)
                summary = extract(
                    nlp,
                    items,
                    target,
                    export,
                    plan=plan,
                    settings=settings,
                    resume=job.resume,
                    force=job.force,
                )
        except KeyboardInterrupt as stop:
            bar.close()
            msg.warn(
                "Interrupted" if piped else "Interrupted. --resume goes on from here.",
                exits=exit_status(stop),
            )
        bar.close()
        tell_passed_over(reader.passed_over)
        report(summary, target, export, piped)
    return SOME_FAILED if summary.failed else 0


def tell_passed_over(files: Sequence[Path]) -> None:
    """Say which files of folders were not read."""
    if files:
        number = plural(len(files), "file")
        msg.warn(f"Not read: {number} with other endings in the folders, such as {files[0].name}")


def report(summary: Summary, target: Path, export: Export, piped: bool) -> None:
    """Say what a run has done, and what went wrong."""
    for failure in summary.failed[:SHOWN]:
        msg.fail(failure["id"], failure["error"])
    if summary.failed:
        rest = "" if piped else f"; all of them are in {target}.errors.jsonl"
        msg.fail(f"{plural(len(summary.failed), 'document')} failed{rest}")
    if summary.complete:
        msg.good(f"{target} is there, and no unfinished run of it; nothing was read")
        return
    if not summary.documents:
        msg.warn("There are no documents to read")
    if summary.repeated:
        msg.warn(
            f"Names of documents that were met before: {summary.repeated:,}",
            "All of these documents are in the output.",
        )
    if not summary.entities and summary.documents > len(summary.failed):
        msg.warn(
            "No document has entities, so there are no relations",
            "Give entities with the documents (JSON Lines, DocBin), or a pipeline that finds them.",
        )
    if export.lacks:
        msg.info(f"{export.name} has no place for: {', '.join(export.lacks)}")
    if not piped:
        read = summary.documents - len(summary.failed)
        show = msg.good if read else msg.warn
        show(f"{target}: {plural(summary.relations, 'relation')} in {plural(read, 'document')}")
