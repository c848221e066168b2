"""`spacy kmgre extract`."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm
from wasabi import msg

from ..entities.global_ids import find_rule
from ..evaluation.gold_entities import between_gold_entities
from ..export import Export, find_export
from ..extraction.journal import Journal
from ..extraction.reader import Reader, splits_sentences
from ..extraction.run import Plan, Summary, extract, stream
from ..extraction.sources import STDIN, count_items, find_sources
from ..extraction.tables import DEFAULT, Columns
from .common import load_pipeline
from .printing import failing, plural

STDOUT = STDIN
# The number of failed documents to name; the file of errors has all of them.
SHOWN = 5
# The exit status where some documents failed and the others are written.
SOME_FAILED = 3


def extract_relations(
    model: str,
    sources: Sequence[Path],
    target: Path,
    *,
    source_format: str | None = None,
    target_format: str = "",
    resume: bool = False,
    force: bool = False,
    batch_size: int = 16,
    batch_words: int = 10_000,
    n_process: int = 1,
    max_length: int | None = None,
    columns: Columns = DEFAULT,
    entity_ids: str = "",
    given_entities: bool = False,
    component: str = "kmgre_relations",
    code: Path | None = None,
    use_gpu: int = -1,
    config: dict[str, Any] | None = None,
) -> int:
    """Write the relations of documents, and say what went wrong.

    :param target: The file or folder to write; "-" is standard output.
    :param columns: The columns of tables that hold the texts and the names of documents.
    :param entity_ids: What gives entities identifiers over documents: "kb_id", or the name of a registered function.
    :param given_entities: Whether to relate the entities that the documents come with, and run no other component.
    :returns: The exit status: 0, or 3 where documents failed.
    """
    piped = target == STDOUT
    with ExitStack() as stack:
        file = sys.stdout.buffer
        if piped:  # Only the results go to standard output.
            stack.enter_context(redirect_stdout(sys.stderr))
            target_format = target_format or "jsonl"
        stack.enter_context(failing(f"Could not extract relations with {model}"))
        plan = Plan(batch_size, n_process, batch_words=batch_words)
        found = find_sources(sources, source_format, columns)
        make_export = find_export(target, target_format, option="--to")
        nlp = load_pipeline(model, component, config=config, code=code, use_gpu=use_gpu)
        plan = replace(plan, identify=find_rule(entity_ids) if entity_ids else None)
        export = make_export(nlp.meta)
        nlp.max_length = max_length or nlp.max_length
        if use_gpu >= 0 and plan.processes > 1:
            msg.warn("A GPU is for one process: several may not be able to use it (--n-process)")
        if given_entities:
            stack.enter_context(between_gold_entities(nlp, component))
        made = () if piped else Journal(target).paths
        reader = Reader(nlp, splits_sentences(nlp), made, columns)
        items = reader.read(found)
        total = count_items(found)
        bar = stack.enter_context(tqdm(total=total, unit=" documents", disable=None, smoothing=0.05))
        plan = replace(plan, progress=bar.update)
        try:
            if piped:
                summary = stream(nlp, items, file, export, plan=plan)
            else:
                settings: dict[str, str | int] = {"component": component, "max_length": nlp.max_length}
                settings["entities"] = given_entities
                if entity_ids:
                    settings["entity_ids"] = entity_ids
                summary = extract(
                    nlp, items, target, export, plan=plan, settings=settings, resume=resume, force=force
                )
        except KeyboardInterrupt:
            bar.close()
            msg.warn("Interrupted" if piped else "Interrupted. --resume goes on from here.", exits=130)
        bar.close()
        if reader.passed_over:
            first = reader.passed_over[0].name
            number = plural(len(reader.passed_over), "file")
            msg.warn(f"Not read: {number} with other endings in the folders, such as {first}")
        report(summary, target, export, piped)
    return SOME_FAILED if summary.failed else 0


def report(summary: Summary, target: Path, export: Export, piped: bool) -> None:
    """Say what a run has done, and what went wrong."""
    for failure in summary.failed[:SHOWN]:
        msg.fail(failure["id"], failure["error"])
    if summary.failed:
        rest = "" if piped else f"; all of them are in {target}.errors.jsonl"
        msg.fail(f"{plural(len(summary.failed), 'document')} failed{rest}")
    if summary.complete:
        msg.good(f"{target} is complete; nothing was read")
        return
    if not summary.documents:
        msg.warn("There are no documents to read")
    if summary.repeated:
        msg.warn(
            f"Names of documents that were met before: {summary.repeated:,}",
            "All documents are in the output, in the order of the sources.",
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
