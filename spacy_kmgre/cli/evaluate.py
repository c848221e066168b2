"""`spacy kmgre evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy import Language
from spacy.training import Example
from wasabi import msg

from ..annotations import relation_data
from ..errors import Errors
from ..evaluation.calibration import find_calibration
from ..evaluation.render import (
    TEMPLATES,
    calibration_note,
    interval,
    own_thresholds,
    percent,
    render,
    threshold_rows,
)
from ..evaluation.report import (
    Report,
    between_gold_entities,
    count_examples,
    make_report,
    relation_settings,
    score_examples,
)
from ..evaluation.settings import write_settings
from ..evaluation.thresholds import collect_candidates, find_thresholds
from ..scoring.key_pairs import rank_key_pairs
from ..training.corpus import create_corpus_reader
from .common import load_pipeline
from .end_to_end import evaluate_predicted
from .printing import failing, print_table

GLOBAL, PER_RELATION = "global", "per-relation"
JSON = ".json"
RELATIONS = "Relations"


def evaluate(
    model: str,
    corpus: Path,
    *,
    output: Sequence[Path] = (),
    component: str = "kmgre_relations",
    per_type: bool = False,
    use_gpu: int = -1,
    from_text: bool = False,
    baseline: str | None = None,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    thresholds: bool = False,
    write: str | None = None,
    calibrate: bool = False,
    min_gold: int = 10,
    code: Path | None = None,
    config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a pipeline on a corpus with gold entities, print tables, and write the scores.

    Where the corpus knows key mention pairs and the model has a key instance classifier, it is also told
    how well they are ranked.

    :param output: Files to write: .json, .md, .html.
    :param from_text: Score it on the raw texts too, with predicted entities.
    :param baseline: Another pipeline to compare with.
    :param thresholds: Look for the best ones, and for how far scores are from probabilities.
    :param write: Put the best thresholds into the pipeline: "global" or "per-relation".
    :param calibrate: Put what makes scores probabilities into the pipeline.
    :param config: Overrides of the pipeline's config.
    :returns: The scores of `score_examples`, with `rel_ranking` those of `rank_key_pairs`, with
        `predicted_entities` those of `evaluate_predicted`, and with `report` `Report.to_dict()`.
    """
    for path in output:
        if path.suffix.lower() not in (JSON, *TEMPLATES):
            kinds = ", ".join((JSON, *TEMPLATES))
            msg.fail(f"Cannot write {path}", f"A report's name ends in one of {kinds}.", exits=1)
    writes = write is not None or calibrate
    if writes and not Path(model).is_dir():
        msg.fail(f"Cannot write settings into {model}", "It is no folder with a pipeline.", exits=1)
    with failing(f"Could not evaluate {model} on {corpus}"):
        nlp = load_pipeline(model, component, config=config, code=code, use_gpu=use_gpu)
        pipe: Any = nlp.get_pipe(component)
        examples = list(create_corpus_reader(corpus)(nlp))
        if writes and not any(relation_data(example.reference) for example in examples):
            raise ValueError(Errors.E349.format(path=corpus))
        with between_gold_entities(nlp, component):
            scores = score_examples(nlp, examples)
        counts = count_examples(pipe, examples)
        report = make_report(
            counts,
            model=model,
            corpus=str(corpus),
            settings=relation_settings(pipe),
            baseline=_count_baseline(baseline, corpus, component) if baseline else None,
            baseline_name=baseline or "",
            samples=samples,
            confidence=confidence,
            seed=seed,
        )
        changed: dict[str, Any] = {}
        if thresholds or writes:
            with between_gold_entities(nlp, component):
                candidates = collect_candidates(pipe, examples)
            found = {
                kind: find_thresholds(
                    candidates, per_relation=kind == PER_RELATION, min_gold=min_gold, seed=seed
                )
                for kind in (GLOBAL, PER_RELATION)
            }
            if writes and not candidates.margins[..., 1].any():
                raise ValueError(Errors.E349.format(path=corpus))
            calibration = find_calibration(candidates, pipe.calibration, seed=seed)
            report = report.with_settings(found, calibration)
            if write is not None:
                changed = found[write].settings
            if calibrate and calibration.cross_validated < calibration.before:
                changed = calibration.settings(pipe, changed)
            elif calibrate:
                msg.warn("No calibration is written: the scores would be no nearer to probabilities")
        _print(report, per_type)
        _rank(nlp, component, examples, scores)
        if from_text:
            scores["predicted_entities"] = evaluate_predicted(nlp, corpus, scores)
        scores["report"] = report.to_dict()
        for path in output:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() == JSON:
                srsly.write_json(path, scores)
            else:
                path.write_text(render(report, path.suffix.lower()), encoding="utf8")
            msg.good(f"Scores written to {path}")
        if changed:
            write_settings(Path(model), changed, component=component, config=config)
            msg.good(f"{', '.join(changed)} written to {model}")
    return scores


def _count_baseline(model: str, corpus: Path, component: str) -> list[Any]:
    nlp = load_pipeline(model, component)
    examples = list(create_corpus_reader(corpus)(nlp))
    with between_gold_entities(nlp, component):
        score_examples(nlp, examples)
    return count_examples(nlp.get_pipe(component), examples)


def _print(report: Report, per_type: bool) -> None:
    msg.divider(f"{report.model} on {report.corpus} ({report.documents} documents)")
    for section in report.sections:
        if section.title != RELATIONS or per_type:
            rows = [(line.title, *map(percent, (line.p, line.r, line.f))) for line in section.lines]
            print_table((section.title, "P", "R", "F"), rows)
    for note in report.notes:
        print(note)
    whole = report.sections[0].lines[0]
    sure = f"{100 * report.confidence:g} % interval"
    print(f"F of all relations {percent(whole.f)}, {sure} {interval(whole.intervals['f'])}")
    if report.baseline is not None:
        difference = percent(whole.difference, sign=True)
        ends = interval(whole.difference_interval, sign=True)
        p_value = "-" if whole.p_value is None else f"{whole.p_value:.3f}"
        print(f"F less that of {report.baseline} {difference}, {sure} {ends}, p = {p_value}")
    if report.thresholds:
        header = ("best thresholds", "threshold", "F here", "F, cross-validated")
        print_table(header, threshold_rows(report))
        print(calibration_note(report))
        own = [(label, f"{value:g}") for label, value in own_thresholds(report).items()]
        if own and per_type:
            print_table(("relation", "threshold"), own)


def _rank(nlp: Language, component: str, examples: Sequence[Example], scores: dict[str, Any]) -> None:
    pipe: Any = nlp.get_pipe(component)
    known = any(data["key_mention_pairs"] for eg in examples for data in relation_data(eg.reference))
    if not known or not pipe.has_key_classifier:
        return
    with between_gold_entities(nlp, component):
        scores["rel_ranking"] = ranking = rank_key_pairs(pipe, examples)
    if ranking["entity_pairs"]:
        shown = [
            ("p_ω, the key instance classifier", ranking["key_ap"], ranking["key_hard_ap"]),
            ("p_θ, the relation extractor alone", ranking["relation_ap"], ranking["relation_hard_ap"]),
        ]
        msg.text("Average precision of key mention pairs, per related entity pair")
        header = (
            "ranked by",
            f"all ({ranking['entity_pairs']})",
            f"some key, some not ({ranking['hard_entity_pairs']})",
        )
        print_table(header, [(name, percent(ap), percent(hard)) for name, ap, hard in shown])
