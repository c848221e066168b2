"""The training log, with the phase, τ and the losses of both parts of KMGRE."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.training.loggers import setup_table
from spacy.util import ensure_path, registry
from tqdm import tqdm
from wasabi import Printer

LogStep = Callable[[dict[str, Any] | None], None]
Finalize = Callable[[], None]
Place = tuple[str, ...]

SPACING = 2


@registry.loggers("spacy_kmgre.EMLogger.v1")
def em_logger(
    progress_bar: bool = False, output_file: str | Path | None = None
) -> Callable[..., tuple[LogStep, Finalize]]:
    """Print a row at each evaluation: epoch, step, scores and seconds, and for each component trained by EM
    the phase of the last update, τ, and the losses of the relation extractor and of the key instance
    classifier, summed since the row before; for any other trainable component its loss. "-" stands for
    what has no value.

    A component is trained by EM if it has the attributes `phase` and `tau`; it reports its two losses
    as `losses[name + "_relation"]` and `losses[name + "_key"]`.

    :param progress_bar: Show the steps until the next evaluation, where stderr is a terminal.
    :param output_file: Where to write the rows as JSON lines too. As with spaCy's ConsoleLogger scores are
        percentages there, and a file that exists is left alone, with a warning.
    """

    def setup_logger(
        nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr
    ) -> tuple[LogStep, Finalize]:
        config = nlp.config["training"]
        # Not hasattr: it would read τ, which a component has only once it is initialized.
        em: dict[str, Any] = {name: pipe for name, pipe in nlp.pipeline if {"phase", "tau"} <= set(dir(pipe))}
        trained = [name for name, pipe in nlp.pipeline if getattr(pipe, "is_trainable", False)]
        scores = [name for name, weight in config["score_weights"].items() if weight is not None]
        columns = _columns(list(em), [name for name in trained if name not in em], scores)
        headers, widths, aligns = setup_table(
            cols=[header for header, _, _ in columns], widths=[width for _, width, _ in columns]
        )
        printer = Printer(no_print=True)
        lines: IO[str] | None = None
        progress: tqdm | None = None

        def write(text: str) -> None:
            print(text, file=stdout, flush=True)

        def write_row(cells: list[str]) -> None:
            write(printer.row(cells, widths=widths, aligns=aligns, spacing=SPACING))

        def read(info: dict[str, Any]) -> dict[str, Any]:
            losses = [*trained, *(f"{name}_{part}" for name in em for part in ("relation", "key"))]
            return {
                "epoch": info["epoch"],
                "step": info["step"],
                "phases": {name: str(getattr(pipe.phase, "value", pipe.phase)) for name, pipe in em.items()},
                "tau": {name: float(pipe.tau) for name, pipe in em.items()},
                "losses": {name: float(info["losses"][name]) for name in losses if name in info["losses"]},
                "scores": {name: _percent(name, info["other_scores"].get(name)) for name in scores},
                "score": float(info["score"]),
                "seconds": info["seconds"],
            }

        def log_step(info: dict[str, Any] | None) -> None:
            nonlocal progress
            if info is None:
                if progress is not None:
                    progress.update(1)
                return
            if progress is not None:
                progress.close()
            record = read(info)
            write_row([_cell(record, place) for _, _, place in columns])
            if lines is not None:
                lines.write(srsly.json_dumps(record) + "\n")
                lines.flush()
            if progress_bar:
                # None: no bar where stderr is no terminal.
                progress = tqdm(total=config["eval_frequency"], disable=None, leave=False, file=stderr)
                progress.set_description(f"Epoch {info['epoch'] + 1}")

        def finalize() -> None:
            if progress is not None:
                progress.close()
            if lines is not None:
                lines.close()

        path = None if output_file is None else ensure_path(output_file)
        if path is not None and path.exists():
            write(printer.warn(f"Saving logs is disabled because {path} already exists."))
        elif path is not None:
            write(printer.info(f"Saving results to {path}"))
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.open("w", encoding="utf-8")
        write_row(headers)
        write_row(["-" * width for width in widths])
        return log_step, finalize

    return setup_logger


def _columns(em: list[str], others: list[str], scores: list[str]) -> list[tuple[str, int, Place]]:
    """Header, width and place in the record of each column."""
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
