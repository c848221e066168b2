"""The number of steps of a training, and the callback that tells it to a component that learns without EM."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from spacy.util import registry, resolve_dot_names

from ..errors import Errors


def planned_steps(nlp: Language) -> int | None:
    """Return the number of steps that `[training]` asks for. It is the lesser of `max_steps` and `max_epochs`
    times the number of batches in the training corpus, which are counted only where `max_epochs` is set.

    :returns: The number; None where the training has no end but `patience`.
    """
    config = nlp.config.interpolate()
    training = config["training"]
    limits = [training["max_steps"]] if training["max_steps"] > 0 else []
    if training["max_epochs"] > 0:
        (corpus,) = resolve_dot_names(config, [training["train_corpus"]])
        batcher = registry.resolve({"batcher": training["batcher"]})["batcher"]
        limits.append(training["max_epochs"] * sum(1 for _ in batcher(list(corpus(nlp)))))
    return min(limits, default=None)


def training_steps(component: str = "kmgre_relations") -> Callable[[Language, dict[str, Any]], None]:
    """Make the callback that tells a component how many steps the training has, which its optimizer's
    schedules need. `spacy_kmgre.em.v1` does so too; this callback is for models that are not trained by EM,
    such as ATLOP.

    :param component: The name of the component in the pipeline.
    """

    def before_update(nlp: Language, args: dict[str, Any]) -> None:
        if args["step"] == 0:
            learner(nlp, component, "spacy_kmgre.training_steps.v1").total_steps = planned_steps(nlp)

    return before_update


def learner(nlp: Language, component: str, callback: str) -> Any:
    """Return the component that a callback is for.

    :param callback: The callback's name, for the error.
    :raises ValueError: Where there is no relation component of that name.
    """
    if component in nlp.pipe_names and hasattr(nlp.get_pipe(component), "start_step"):
        return nlp.get_pipe(component)
    problem = "finds no relations" if component in nlp.component_names else "the pipeline does not have"
    found = [name for name, pipe in nlp.pipeline if hasattr(pipe, "start_step")]
    known = ", ".join(found) or "none"
    raise ValueError(Errors.E090.format(callback=callback, name=component, problem=problem, known=known))
