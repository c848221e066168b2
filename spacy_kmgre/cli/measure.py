"""What `spacy kmgre evaluate` computes, without its tables."""

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Example

from ..annotations import get_entities, relation_data
from ..errors import Errors
from ..evaluation.calibration import Calibration, find_calibration
from ..evaluation.gold_entities import between_gold_entities
from ..evaluation.report import score_examples
from ..evaluation.thresholds import BestThreshold, collect_candidates, find_threshold
from ..scoring.entities import score_entities
from ..scoring.key_pairs import rank_key_pairs
from ..training.corpus import create_corpus_reader
from ..visualise.plots import (
    plot_calibration,
    plot_learning,
    plot_precision_recall,
    plot_thresholds,
    read_log,
)


def score_between_gold_entities(
    nlp: Language, component: str, corpus: Path
) -> tuple[list[Example], dict[str, Any]]:
    """Predict the relations between the gold entities of a corpus.

    :returns: The examples with their predictions, and the scores of `score_examples`.
    """
    examples = list(create_corpus_reader(corpus)(nlp))
    with between_gold_entities(nlp, component):
        return examples, score_examples(nlp, examples)


def rank_pairs(nlp: Language, component: str, examples: list[Example]) -> dict[str, float] | None:
    """Rank the mention pairs of a corpus (see `rank_key_pairs`). None where the corpus does not know the key
    mention pairs, or the model has no key instance classifier."""
    pipe: Any = nlp.get_pipe(component)
    known = any(data["key_mention_pairs"] for eg in examples for data in relation_data(eg.reference))
    if not known or not pipe.has_key_classifier:
        return None
    with between_gold_entities(nlp, component):
        return rank_key_pairs(pipe, examples)


def find_settings(
    nlp: Language, component: str, examples: list[Example], seed: int
) -> tuple[BestThreshold, Calibration]:
    """Find the threshold and the calibration that suit a corpus best.

    :raises ValueError: Where no relation of the corpus could be predicted.
    """
    pipe: Any = nlp.get_pipe(component)
    with between_gold_entities(nlp, component):
        candidates = collect_candidates(pipe, examples)
    if not candidates.margins[..., 1].any():
        raise ValueError(Errors.E349)
    return find_threshold(candidates, seed=seed), find_calibration(candidates, pipe.calibration, seed=seed)


def draw_plots(nlp: Language, component: str, examples: list[Example], log: Path | None) -> dict[str, str]:
    """Draw the curves of a pipeline on a corpus.

    :param log: The log of its training, for the learning curve.
    :returns: Pictures in SVG, by their names.
    :raises ImportError: Where matplotlib is missing.
    """
    pipe: Any = nlp.get_pipe(component)
    with between_gold_entities(nlp, component):
        candidates = collect_candidates(pipe, examples)
    pictures = {
        "precision-recall": plot_precision_recall(candidates, pipe.threshold),
        "thresholds": plot_thresholds(candidates, pipe.threshold),
        "calibration": plot_calibration(candidates, pipe.calibration),
    }
    if log is not None:
        pictures["learning-curve"] = plot_learning(read_log(log))
    return pictures


def find_log(model: Path, nlp: Language) -> Path | None:
    """The log of a pipeline's training: where its config says, or log.jsonl beside it. None where neither is there."""
    written = nlp.config["training"].get("logger", {}).get("output_file")
    places = [Path(written)] if isinstance(written, str) else []
    return next((path for path in (*places, model.resolve().parent / "log.jsonl") if path.is_file()), None)


def score_from_text(nlp: Language, corpus: Path) -> dict[str, Any]:
    """Score a pipeline on the raw texts of a corpus, with tokens and entities of its own.

    :returns: The scores of all components, and those of `score_entities`.
    :raises ValueError: Where the pipeline finds no entities.
    """
    examples = list(create_corpus_reader(corpus, gold_entities=False, gold_tokens=False)(nlp))
    for example, doc in zip(examples, nlp.pipe(example.predicted for example in examples)):
        example.predicted = doc
    if not any(get_entities(example.predicted) for example in examples):
        raise ValueError(Errors.E350)
    return {**score_entities(examples), **Scorer(nlp).score(examples)}
