"""The training log, with the phase, τ and the losses of both parts of KMGRE."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.training.loggers import setup_table
from spacy.util import ensure_path
from tqdm import tqdm
from wasabi.printer import Printer

from ..errors import Reasons
from .diagnosis import why_nothing_was_learned
from .last_step import LastStep, dev_corpus

LogStep = Callable[[dict[str, Any] | None], None]
Finalize = Callable[[], None]
Place = tuple[str, ...]

SPACING = 2
# The score that says whether anything was learned.
F = "rel_micro_f"


def em_logger(
    progress_bar: bool = False, output_file: str | Path | None = None
) -> Callable[..., tuple[LogStep, Finalize]]:
    """Make a logger that prints a row at each evaluation. The row has the epoch, the step, the scores and the
    seconds. For each component trained by EM it has the phase of the last update, τ, and the losses of the
    relation extractor and of the key instance classifier, summed since the row before; for any other
    trainable component it has the loss. "-" stands for what has no value.

    At the end the last step is evaluated too, where the loop has not done so, and saved as model-best where no
    evaluation was better; its row has no losses, which only the loop knows. Where no evaluation had an F above 0 the
    likely reasons follow.

    A component is trained by EM if it has the attributes `phase` and `tau`; it reports its two losses
    as `losses[name + "_relation"]` and `losses[name + "_key"]`.

    :param progress_bar: Whether the steps until the next evaluation are shown, where stderr is a terminal.
    :param output_file: The file that the rows are written to as JSON lines too. As with spaCy's ConsoleLogger scores
        are percentages there, and a file that exists is left alone, with a warning.
    """

    def setup_logger(
        nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr
    ) -> tuple[LogStep, Finalize]:
        log = _Log(
            nlp, stdout, stderr, progress_bar, None if output_file is None else ensure_path(output_file)
        )
        return log.step, log.finalize

    return setup_logger


class _Log:
    """The log of one training.

    :param path: The file for JSON lines.
    """

    def __init__(
        self, nlp: Language, stdout: IO[str], stderr: IO[str], progress_bar: bool, path: Path | None
    ) -> None:
        self.nlp, self.stdout, self.stderr, self.progress_bar = nlp, stdout, stderr, progress_bar
        config = nlp.config["training"]
        self.frequency = config["eval_frequency"]
        # This is not hasattr, which would read τ; a component has τ only once it is initialized.
        self.em: dict[str, Any] = {
            name: pipe for name, pipe in nlp.pipeline if {"phase", "tau"} <= set(dir(pipe))
        }
        self.trained = [name for name, pipe in nlp.pipeline if getattr(pipe, "is_trainable", False)]
        self.scores = [name for name, weight in config["score_weights"].items() if weight is not None]
        others = [name for name in self.trained if name not in self.em]
        self.columns = _columns(list(self.em), others, self.scores)
        headers, self.widths, self.aligns = setup_table(
            cols=[header for header, _, _ in self.columns], widths=[width for _, width, _ in self.columns]
        )
        self.printer = Printer(no_print=True)
        self.last_step = LastStep(nlp)
        self.highest_f = 0.0
        self.progress: tqdm[Any] | None = None
        self.lines = self._open(path)
        self._write_row(headers)
        self._write_row(["-" * width for width in self.widths])

    def _open(self, path: Path | None) -> IO[str] | None:
        if path is None:
            return None
        if path.exists():
            self._write(self.printer.warn(f"Saving logs is disabled because {path} already exists."))
            return None
        self._write(self.printer.info(f"Saving results to {path}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")

    def _write(self, text: str | None) -> None:
        print(text, file=self.stdout, flush=True)

    def _write_row(self, cells: list[str]) -> None:
        self._write(self.printer.row(cells, widths=self.widths, aligns=self.aligns, spacing=SPACING))

    def _make_record(self, info: dict[str, Any]) -> dict[str, Any]:
        losses = [*self.trained, *(f"{name}_{part}" for name in self.em for part in ("relation", "key"))]
        return {
            "epoch": info["epoch"],
            "step": info["step"],
            "phases": {name: str(getattr(pipe.phase, "value", pipe.phase)) for name, pipe in self.em.items()},
            "tau": {name: float(pipe.tau) for name, pipe in self.em.items()},
            "losses": {name: float(info["losses"][name]) for name in losses if name in info["losses"]},
            "scores": {name: _percent(name, info["other_scores"].get(name)) for name in self.scores},
            "score": float(info["score"]),
            "seconds": info["seconds"],
        }

    def step(self, info: dict[str, Any] | None) -> None:
        """Log a step. spaCy calls this after each one, with information after an evaluation."""
        self.last_step.see(info)
        if info is None:
            if self.progress is not None:
                self.progress.update(1)
            return
        self._write_evaluation(info)
        if self.progress_bar:
            # None stands for no bar where stderr is not a terminal.
            self.progress = tqdm(total=self.frequency, disable=None, leave=False, file=self.stderr)
            self.progress.set_description(f"Epoch {info['epoch'] + 1}")

    def _write_evaluation(self, info: dict[str, Any]) -> None:
        """Write the row of an evaluation."""
        if self.progress is not None:
            self.progress.close()
        record = self._make_record(info)
        self.highest_f = max(self.highest_f, info["other_scores"].get(F) or 0.0)
        self._write_row([_cell(record, place) for _, _, place in self.columns])
        if self.lines is not None:
            self.lines.write(srsly.json_dumps(record) + "\n")
            self.lines.flush()

    def finalize(self) -> None:
        """End the log. spaCy calls this at the end."""
        try:
            info = self.last_step.evaluate()
            if info is not None:
                self._write_evaluation(info)
            if self.last_step.ended and self.highest_f == 0.0:
                self._explain_zero()
        finally:
            if self.progress is not None:
                self.progress.close()
            if self.lines is not None:
                self.lines.close()

    def _explain_zero(self) -> None:
        """Write why the F of the relations may have stayed 0."""
        for name in (name for name, pipe in self.em.items() if hasattr(pipe, "learned_relations")):
            examples = list(dev_corpus(self.nlp)(self.nlp))
            self._write(self.printer.warn(Reasons.TITLE.format(name=name)))
            for reason in why_nothing_was_learned(self.nlp, name, examples, self.last_step.step + 1):
                self._write(f"- {reason}")


def _columns(em: list[str], others: list[str], scores: list[str]) -> list[tuple[str, int, Place]]:
    """Return the columns, each with its header, its width, and its place in the record."""
    columns: list[tuple[str, int, Place]] = [("E", 3, ("epoch",)), ("#", 6, ("step",))]
    for name in em:
        suffix = f" {name}" if len(em) > 1 else ""
        columns += [
            (f"Phase{suffix}", 7, ("phases", name)),
            (f"Tau{suffix}", 5, ("tau", name)),
            (f"Loss Rel{suffix}", 9, ("losses", f"{name}_relation")),
            (f"Loss Key{suffix}", 9, ("losses", f"{name}_key")),
        ]
    columns += [(f"Loss {name}", 8, ("losses", name)) for name in others]
    columns += [(name, 7, ("scores", name)) for name in scores]
    return [*columns, ("Score", 6, ("score",)), ("Sec", 6, ("seconds",))]


def _cell(record: dict[str, Any], place: Place) -> str:
    value: Any = record
    for key in place:
        value = value.get(key)
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if place[0] == "tau" else f"{value:.2f}"
    return str(value)


def _percent(name: str, score: float | None) -> float | None:
    return score if score is None or name == "speed" else 100.0 * score
