"""`spacy kmgre evaluate`. What needs a model is imported when the command runs."""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
import typer
from spacy.cli._util import Arg, Opt

from ..errors import Errors
from ..evaluation.groups import LABELS
from ..evaluation.render import TEMPLATES, difference, interval, percent, render, setting_notes
from .arguments import CODE, COMPONENT, GPU, MODEL, parse_overrides
from .printing import failing, plural, precision_recall_f, print_table
from .terminal import msg, say

if TYPE_CHECKING:
    from ..evaluation.report import Report

JSON = ".json"
ENTITY_SCORES = {
    "mention": "mentions",
    "muc": "MUC",
    "b3": "B³",
    "ceafe": "CEAF_e",
    "conll": "mean of MUC, B³ and CEAF_e (CoNLL)",
}
RELATION_SCORES = {
    "strict": "predicted entities, mentions and types right (strict)",
    "micro": "predicted entities, mentions right",
    "overlap": "predicted entities, mentions overlap",
}
CAUSES = {
    "mention": "a mention is missing, or is not gold",
    "cluster": "mentions are not clustered right",
    "type": "an entity has another type",
    "relation": "the entities are right, the relation is not",
}


class EntitySource(str, Enum):
    """The entities that relations are scored between."""

    gold = "gold"
    predicted = "predicted"


def evaluate_cli(
    ctx: typer.Context,
    model: str = MODEL,
    corpus: Path = Arg(..., help="A .spacy file, or a folder of such files", exists=True),
    output: list[Path] = Opt(
        [], "--output", "-o", help="A report to write: .json, .md or .html; may be given several times"
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
        help="Find the threshold with the best micro F, and the distance of scores from probabilities",
    ),
    write_thresholds: bool = Opt(
        False,
        "--write-thresholds",
        help="Write the best threshold into the pipeline's folder, for all labels; use a dev corpus",
    ),
    write_calibration: bool = Opt(
        False,
        "--write-calibration",
        help="Write a calibration into the pipeline's folder that makes its scores probabilities, and thresholds to "
        "match; use a dev corpus",
    ),
    plots: Path | None = Opt(
        None,
        "--plots",
        help="A folder for pictures (SVG): precision-recall, thresholds, calibration, and the learning curve where "
        "there is a log of the training. An .html report holds them too",
        file_okay=False,
    ),
    log: Path | None = Opt(
        None,
        "--log",
        help="The log of the training, the output_file of spacy_kmgre.EMLogger.v1; without it, the one that the "
        "pipeline's config names, or log.jsonl beside the pipeline",
        exists=True,
        dir_okay=False,
    ),
    entities: EntitySource = Opt(
        EntitySource.gold,
        help="The entities to relate: gold ones, or also those that the pipeline finds in the raw texts",
    ),
    samples: int = Opt(1000, help="The number of bootstrap samples, and of rounds of the paired test", min=1),
    confidence: float = Opt(0.95, help="The confidence of the intervals", min=0.0, max=1.0),
    seed: int = Opt(0, help="The seed of the samples", min=0),
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Score a pipeline's relations between gold entities. There are scores overall, by kind of relation and by label,
    with bootstrap intervals over documents. With `--entities predicted` also score it from raw text: mentions,
    entities, relations, and where relations are lost. Settings of the pipeline can be overridden, for example
    `--components.kmgre_relations.threshold 0.6`.
    """
    from ..evaluation.report import count_examples, make_report, relation_settings
    from ..evaluation.settings import write_settings
    from ..evaluation.significance import Resampling
    from ..visualise.plots import check_matplotlib
    from .common import load_pipeline
    from .measure import (
        draw_plots,
        find_log,
        find_settings,
        rank_pairs,
        score_between_gold_entities,
        score_from_text,
    )

    writes = write_thresholds or write_calibration
    _check_targets(output, Path(model) if writes else None)
    config = parse_overrides(ctx, ctx.args)
    with failing(f"Could not evaluate {model} on {corpus}"):
        _check_corpus(corpus)
        if plots is not None:
            check_matplotlib()
        nlp = load_pipeline(model, component, config=config, code=code, use_gpu=use_gpu)
        pipe: Any = nlp.get_pipe(component)
        examples, scores = score_between_gold_entities(nlp, component, corpus)
        counts = [count_examples(pipe, examples)]
        if baseline:
            other = load_pipeline(baseline, component)
            predicted, _ = score_between_gold_entities(other, component, corpus)
            counts.append(count_examples(other.get_pipe(component), predicted))
        report = make_report(
            *counts,
            resampling=Resampling(samples, confidence, seed),
            model=model,
            corpus=str(corpus),
            settings=relation_settings(pipe),
            baseline_name=baseline or "",
            label_text=pipe.label_text,
        )
        changed: dict[str, Any] = {}
        if thresholds or writes:
            best, calibration = find_settings(nlp, component, examples, seed)
            report = replace(report, threshold=best, calibration=calibration)
            changed = best.settings if write_thresholds else {}
            if write_calibration and calibration.cross_validated < calibration.before:
                changed = calibration.settings(pipe, changed)
            elif write_calibration:
                msg.warn("No calibration is written: the scores would not come nearer to probabilities")
        _print_report(report, per_type)
        say(f"{scores['speed']:,.0f} words a second, with entities given")
        ranking = rank_pairs(nlp, component, examples)
        if ranking is not None:
            scores["rel_ranking"] = ranking
            _print_ranking(ranking)
        if entities is EntitySource.predicted:
            scores["predicted_entities"] = found = score_from_text(nlp, corpus)
            _print_from_text(found, scores)
        pictures = {}
        if plots is not None:
            log = log or find_log(Path(model), nlp)
            pictures = draw_plots(nlp, component, examples, log)
            _write_pictures(plots, pictures, log)
        _write(output, report, {**scores, "report": report.to_dict()}, pictures)
        if changed:
            write_settings(Path(model), changed, component=component, config=config)
            values = ", ".join(f"{name} = {value}" for name, value in changed.items() if value)
            msg.good(f"{values}: written to {model}. The scores above are those before")


def _check_corpus(corpus: Path) -> None:
    """Check that a path is a corpus in spaCy's format, or a folder of such files.

    :raises ValueError: Where it is a pipeline, or a file in another format.
    """
    from ..extraction.sources import is_pipeline
    from ..formats.docbin import SUFFIX

    if is_pipeline(corpus):
        raise ValueError(Errors.E085.format(path=corpus, wanted="corpus", command="evaluate MODEL CORPUS"))
    if corpus.is_file() and corpus.suffix != SUFFIX:
        raise ValueError(Errors.E112.format(path=corpus))


def _check_targets(output: Sequence[Path], model: Path | None) -> None:
    for path in output:
        if path.suffix.lower() not in (JSON, *TEMPLATES):
            kinds = ", ".join((JSON, *TEMPLATES))
            msg.fail(f"Cannot write {path}", f"A report's name ends in one of {kinds}.", exits=1)
    if model is not None and not model.is_dir():
        msg.fail(f"Cannot write settings into {model}", "There is no folder of that name.", exits=1)


def _write_pictures(folder: Path, pictures: dict[str, str], log: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_text(picture, encoding="utf8")
    if log is None:
        msg.info("There is no learning curve, as no log of the training is found (--log)")
    msg.good(f"{', '.join(pictures)} drawn in {folder}")


def _write(
    output: Sequence[Path], report: "Report", scores: dict[str, Any], pictures: dict[str, str]
) -> None:
    for path in output:
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = path.suffix.lower()
        if suffix == JSON:
            srsly.write_json(path, scores)
        else:
            path.write_text(render(report, suffix, pictures), encoding="utf8")
        msg.good(f"Scores written to {path}")


def _print_report(report: "Report", per_type: bool) -> None:
    msg.divider(f"{report.model} on {report.corpus} ({plural(report.documents, 'document')})")
    for section in report.sections:
        if section.title != LABELS or per_type:
            rows = [(line.title, *map(percent, (line.p, line.r, line.f))) for line in section.lines]
            print_table((section.title, *"PRF"), rows)
    for note in report.notes:
        say(note)
    whole = report.sections[0].lines[0]
    sure = f"{100 * report.confidence:g} % interval"
    say(f"F of all relations {percent(whole.f)}, {sure} {interval(whole.intervals['f'])}")
    if report.baseline is not None:
        change, ends, p_value = difference(whole)
        say(f"F minus that of {report.baseline} {change}, {sure} {ends}, p = {p_value}")
    for note in setting_notes(report):
        say(note)


def _print_ranking(ranking: dict[str, float]) -> None:
    if ranking["entity_pairs"]:
        msg.text("Average precision of key mention pairs, per related entity pair")
        header = (
            "ranked by",
            f"all ({ranking['entity_pairs']})",
            f"some key, some not ({ranking['hard_entity_pairs']})",
        )
        rows = [
            (title, percent(ranking[f"{name}_ap"]), percent(ranking[f"{name}_hard_ap"]))
            for name, title in (
                ("key", "p_ω, the key instance classifier"),
                ("relation", "p_θ, the relation extractor alone"),
            )
        ]
        print_table(header, rows)


def _print_from_text(scores: dict[str, Any], gold: dict[str, Any]) -> None:
    """Print scores from raw text, those between gold entities beside them."""
    msg.divider("From raw text")
    rows = [(title, *precision_recall_f(scores, f"ent_{name}")) for name, title in ENTITY_SCORES.items()]
    print_table(("entities", *"PRF"), rows)
    rows = [(title, *precision_recall_f(scores, f"rel_{name}")) for name, title in RELATION_SCORES.items()]
    print_table(
        ("relations between ...", *"PRF"), [("gold entities", *precision_recall_f(gold, "rel_micro")), *rows]
    )
    missed, spurious = scores["rel_missed"], scores["rel_spurious"]
    if missed is None:
        return
    rows = [(title, str(missed[cause]), str(spurious[cause])) for cause, title in CAUSES.items()]
    total = ("together", str(sum(missed.values())), str(sum(spurious.values())))
    print_table(("why relations are not strictly right", "missed", "wrong"), [*rows, total])
    say(
        "Entities without a counterpart: {rel_unaligned_gold} gold ones, with {rel_unaligned_relations} "
        "relations, and {rel_unaligned_predicted} predicted ones".format(**scores)
    )
