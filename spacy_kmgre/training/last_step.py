"""The evaluation of the last step of a training, which spaCy leaves out where it is no multiple of `eval_frequency`."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from timeit import default_timer
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import (
    DIR_MODEL_BEST,
    create_before_to_disk_callback,
    create_evaluation_callback,
    update_meta,
)
from spacy.util import registry, resolve_dot_names

Corpus = Callable[[Language], Iterable[Example]]


def dev_corpus(nlp: Language) -> Corpus:
    """Return the reader of the corpus that evaluations score."""
    config = nlp.config.interpolate()
    (corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    found: Corpus = corpus
    return found


class LastStep:
    """Follows the steps of spaCy's training loop. When it has ended, for whatever reason but an error, the pipeline is
    evaluated unless that was just done, and is saved as model-best where no evaluation was better.

    spaCy evaluates steps 0, `eval_frequency`, twice that, and so on. A training with fewer steps than `eval_frequency`
    would leave the pipeline after one update as its model-best.

    :param nlp: The pipeline in training.
    :ivar step: The number of the last step, -1 before the first.
    """

    def __init__(self, nlp: Language) -> None:
        self.step = -1
        self._nlp = nlp
        self._evaluated = -1
        self._info: dict[str, Any] | None = None
        self._output: Path | None = None
        self._began = default_timer()
        self._error = sys.exc_info()[1]

    def see(self, info: dict[str, Any] | None) -> None:
        """Note a step that the loop has made.

        :param info: What the loop says of an evaluation; None where it has made none.
        """
        self.step += 1
        if info is not None:
            self.step = self._evaluated = info["step"]
            self._info = info
            if "output_path" in info:
                self._output = Path(info["output_path"]).parent

    @property
    def ended(self) -> bool:
        """Whether there was a training, and no error or interrupt has ended it."""
        # spaCy ends the log in a `finally`: an error that has ended the training is still being handled then.
        return self._info is not None and sys.exc_info()[1] is self._error

    def evaluate(self) -> dict[str, Any] | None:
        """Evaluate the last step.

        :returns: What the loop would have said of it, without its losses, which only the loop knows; None
            where there is nothing to evaluate.
        """
        if self._info is None or self._output is None or self._evaluated == self.step or not self.ended:
            return None
        nlp, training = self._nlp, self._nlp.config.interpolate()["training"]
        score, scores = create_evaluation_callback(nlp, dev_corpus(nlp), training["score_weights"])()
        checkpoints = [*self._info["checkpoints"], (score, self.step)]
        epochs = [getattr(pipe, "epoch", 0) for _, pipe in nlp.pipeline]
        info = {
            **self._info,
            "epoch": max([self._info["epoch"], *epochs]),
            "step": self.step,
            "score": score,
            "other_scores": scores,
            "losses": {},
            "checkpoints": checkpoints,
            "seconds": int(default_timer() - self._began),
        }
        with nlp.select_pipes(disable=training["frozen_components"]):
            update_meta(training, nlp, info)
        if score == max(checkpoints)[0]:
            self._save(self._output / DIR_MODEL_BEST, training["before_to_disk"])
        self._evaluated, self._info = self.step, info
        return info

    def _save(self, path: Path, before_to_disk: Any) -> None:
        callback = registry.resolve({"before_to_disk": before_to_disk})["before_to_disk"]
        shutil.rmtree(path, ignore_errors=True)
        create_before_to_disk_callback(callback)(self._nlp).to_disk(path)
