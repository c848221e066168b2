"""`spacy kmgre extract --engine ray`."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from ..errors import Errors
from ..export import MakeExport, StreamExport, find_export
from ..export.parquet import ParquetExport
from ..extraction.annotate import Annotator
from ..extraction.cluster import Cluster, Opened, extract_on_cluster
from ..extraction.parts import Parts
from ..extraction.reader import splits_sentences
from ..extraction.records import RecordReader
from ..extraction.run import fingerprint
from ..extraction.sources import STDIN, count_items, find_sources
from .extract import SOME_FAILED, report, tell_passed_over
from .opening import Choice, Job, progress_bar
from .output import check_no_source
from .printing import failing
from .stopping import exit_status
from .terminal import msg


def extract_with_ray(choice: Choice, job: Job, cluster: Cluster) -> int:
    """Write the relations of documents with Ray, and say what went wrong.

    :returns: The exit status: 0, or 3 where documents failed.
    """
    with ExitStack() as stack:
        stack.enter_context(failing(f"Could not extract relations with {choice.model}"))
        if STDIN in (job.target, *job.sources):
            raise ValueError(Errors.E371)
        found = find_sources([path.absolute() for path in job.sources], job.source_format, job.columns)
        make_export = find_export(job.target, job.target_format, option="--to")
        nlp = choice.load(stack)
        choice.find_rule()
        export = make_export(nlp.meta)
        if not isinstance(export, (ParquetExport, StreamExport)):
            raise ValueError(Errors.E372.format(export=export.name))
        parts = Parts(job.target, fingerprint(nlp))
        split = splits_sentences(nlp)
        reader = RecordReader(nlp.lang or "xx", split, parts.paths, job.columns, nlp.max_length)
        files = list(reader.files(found))
        settings = {
            **choice.settings(nlp),
            "format": export.name,
            "columns": job.columns.names,
            "sources": [
                [file.name, file.path.stat().st_size if file.path.exists() else -1] for file in files
            ],
            "part_words": cluster.choose_part_words(files),
        }
        check_no_source(job.target, job.sources)
        cluster.check()
        if cluster.address:  # Nothing is begun or deleted before somebody answers.
            stack.enter_context(cluster.connect())
        free = ("part_words",) if cluster.part_words is None else ()
        known = parts.begin(settings, free=free, resume=job.resume, force=job.force)
        if known is None:
            summary = parts.complete()
        else:
            stack.enter_context(parts.locked())
            bar = stack.enter_context(progress_bar(count_items(found)))
            try:
                summary = extract_on_cluster(
                    partial(open_pipeline, choice.absolute(cluster.use_gpu), make_export),
                    files,
                    reader,
                    parts,
                    cluster=cluster,
                    plan=replace(job.plan, progress=bar.update),
                    part_words=known["part_words"],
                    export=export,
                )
            except KeyboardInterrupt as stop:
                bar.close()
                msg.warn("Interrupted. --resume goes on from here.", exits=exit_status(stop))
            bar.close()
        tell_passed_over(reader.passed_over)
        report(summary, job.target, export, piped=False)
    return SOME_FAILED if summary.failed else 0


def open_pipeline(choice: Choice, make_export: MakeExport) -> Opened:
    """Make a pipeline ready, for as long as the process lives."""
    stack = ExitStack()
    nlp = choice.load(stack)
    export = make_export(nlp.meta)
    annotator = Annotator(nlp, export.encode, choice.find_rule(), export.encode_failure)
    return Opened(annotator, export, stack)
