"""The callbacks of `[training.before_update]` and `[initialize.before_init]`."""

from collections.abc import Callable
from typing import Any

from spacy import Language
from spacy.util import registry

from ..errors import Errors
from .em import ALTERNATE, phase_at, tau_at


@registry.callbacks("spacy_kmgre.em.v1")
def em_callback(
    component: str = "kmgre_relations",
    warmup_epochs: int = 2,
    alternate: str = "joint",
    tau_max: float = 0.5,
    tau_rate: float = 0.999,
) -> Callable[[Language, dict[str, Any]], None]:
    """Tells the component before each update which phase of EM it is in, and the value of τ.

    :param component: Name of the component in the pipeline.
    :param warmup_epochs: Epochs in which θ learns from all mention pairs.
    :param alternate: "epoch" or "step" to change between E-step and M-step, "joint" for both at once.
    :param tau_max: Limit of τ.
    :param tau_rate: How fast it gets there: τ = tau_max (1 - tau_rate^step).
    :raises ValueError: For an unknown way to alternate.
    """
    if alternate not in ALTERNATE:
        raise ValueError(
            Errors.E023.format(setting="alternate", value=alternate, expected=f"one of {ALTERNATE}")
        )

    def before_update(nlp: Language, args: dict[str, Any]) -> None:
        step, epoch = args["step"], args["epoch"]
        nlp.get_pipe(component).start_step(  # type: ignore[attr-defined]
            step=step,
            epoch=epoch,
            phase=phase_at(step, epoch, warmup_epochs, alternate),
            tau=tau_at(step, tau_max, tau_rate),
        )

    return before_update


@registry.callbacks("spacy_kmgre.resolve_encoders.v1")
def resolve_encoders() -> Callable[[Language], Language]:
    """Lets the models of spacy-transformers take the names that `spacy_kmgre.Encoder.v1` takes: where one is
    named `package:NAME`, it is told, before it loads, the folder in that Python package. The config keeps the
    name, which means the same on every machine.

    :raises ValueError: When the pipeline is initialised and the package is not installed.
    """

    def before_init(nlp: Language) -> Language:
        from ..model.huggingface import resolve_encoder

        for _, pipe in nlp.pipeline:
            model: Any = getattr(pipe, "model", None)
            for node in model.walk() if hasattr(model, "walk") else ():
                if "set_transformer" in node.attrs:
                    node.attrs["name"] = resolve_encoder(node.attrs["name"])
        return nlp

    return before_init
