"""Curves of an evaluation and of a training, as SVG. They need matplotlib."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import srsly

from ..errors import Errors
from ..evaluation.calibration import BINS, score_margins
from ..evaluation.thresholds import CENTRES, Candidates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Grey reads on white and on black alike; the colours are Okabe and Ito's, which colour-blind people tell apart.
INK, GRID = "#767b83", "#8886"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "spacy-kmgre",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "legend.frameon": False,
}
# The relation scores of a log that the learning curve shows, where they are there.
CURVES = {"rel_micro_f": ("F", BLUE), "rel_micro_p": ("precision", GREEN), "rel_micro_r": ("recall", ORANGE)}
# The losses of a component trained by EM: of the relation extractor and of the key instance classifier.
LOSSES = {"relation": "--", "key": ":"}


def plot_precision_recall(candidates: Candidates, threshold: float) -> str:
    """Precision against recall for all thresholds; a dot is the threshold that the pipeline has."""
    _, precision, recall, _ = _curves(candidates)
    with _figure("recall", "precision") as (axes, result):
        for f in (0.2, 0.4, 0.6, 0.8):
            x = np.linspace(f / (2 - f), 1, 50)
            axes.plot(x, f * x / (2 * x - f), color=GRID, linewidth=0.8)
            axes.annotate(f"F {f:g}", (1, f / (2 - f)), fontsize=8, ha="right", va="bottom")
        axes.plot(recall, precision, color=BLUE)
        tally = candidates.tally(threshold).scores()
        if tally["p"] is not None and tally["r"] is not None:
            axes.plot(tally["r"], tally["p"], "o", color=ORANGE, label=f"threshold {threshold:g}")
            axes.legend(loc="lower left")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return result()


def plot_thresholds(candidates: Candidates, threshold: float) -> str:
    """Precision, recall and F against the threshold; a line is the threshold that the pipeline has."""
    score, precision, recall, f = _curves(candidates)
    with _figure("threshold", "score") as (axes, result):
        for values, name, color in (
            (f, "F", BLUE),
            (precision, "precision", GREEN),
            (recall, "recall", ORANGE),
        ):
            axes.step(score, values, color=color, label=name, where="post")
        axes.axvline(threshold, color=INK, linewidth=0.8, linestyle="--")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(loc="lower center", ncols=3)
    return result()


def plot_calibration(candidates: Candidates, line: Sequence[float]) -> str:
    """How often relations of a score are right. Points on the diagonal are probabilities; larger points stand for more
    relations.

    :param line: The slope and the intercept of the component's calibration.
    """
    scores = score_margins(CENTRES, line)
    wrong, right = candidates.margins.sum(axis=0).T
    number = np.minimum((scores * BINS).astype(int), BINS - 1)
    size, hits, mean = (
        np.bincount(number, weights=weights, minlength=BINS)
        for weights in (wrong + right, right, scores * (wrong + right))
    )
    held = size > 0
    with _figure("score", "share of right relations") as (axes, result):
        axes.plot([0, 1], [0, 1], color=GRID)
        axes.plot(mean[held] / size[held], hits[held] / size[held], color=BLUE, linewidth=1)
        axes.scatter(
            mean[held] / size[held],
            hits[held] / size[held],
            s=12 + 12 * np.log1p(size[held]),
            color=BLUE,
            zorder=3,
        )
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    return result()


def plot_learning(rows: Sequence[dict[str, Any]]) -> str:
    """Scores of a training, and its losses, against the step.

    :param rows: The rows of `read_log`.
    """
    steps = [row["step"] for row in rows]
    with _figure("step", "score on the dev corpus, %") as (axes, result):
        for name, (title, color) in CURVES.items():
            values = [row["scores"].get(name) for row in rows]
            if any(value is not None for value in values):
                axes.plot(steps, values, color=color, label=title, marker="o", markersize=3)
        axes.set_ylim(0, 102)
        losses = axes.twinx()
        losses.set_ylabel("loss since the row before")
        for name in sorted({name for row in rows for name in row["losses"]}):
            for part, style in LOSSES.items():
                if name.endswith(f"_{part}"):
                    values = [row["losses"].get(name) for row in rows]
                    losses.plot(steps, values, style, color=INK, linewidth=1, label=f"loss, {name}")
        axes.figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return result()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the rows that `spacy_kmgre.EMLogger.v1` writes to its `output_file`.

    :raises ValueError: Where the file is no such log.
    """
    try:
        rows: list[dict[str, Any]] = list(srsly.read_jsonl(path))
        for row in rows:
            row["step"], row["scores"].get, row["losses"].get
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(Errors.E509.format(path=path, error=repr(error))) from error
    if not rows:
        raise ValueError(Errors.E509.format(path=path, error="it is empty"))
    return rows


def _curves(candidates: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores from high to low, with precision, recall and F of all relations down to each."""
    order = np.argsort(-candidates.score, kind="stable")
    correct = candidates.correct[order].cumsum()
    count = np.arange(1, len(order) + 1)
    gold = max(int(candidates.gold.sum()), 1)
    return candidates.score[order], correct / count, correct / gold, 2 * correct / (count + gold)


def check_matplotlib() -> None:
    """Check that plots can be drawn.

    :raises ImportError: Where matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401  # It may be there and broken.
    except ImportError as error:
        raise ImportError(Errors.E508) from error


@contextmanager
def _figure(x: str, y: str) -> Iterator[tuple["Axes", Callable[[], str]]]:
    """Axes to draw on, and a function that gives the picture afterwards.

    :raises ImportError: Where matplotlib is missing.
    """
    check_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    picture = io.StringIO()
    with rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.grid(color=GRID, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(xlabel=x, ylabel=y)
        yield axes, picture.getvalue
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
