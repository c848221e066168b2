"""The `[training.before_update]` callback."""

from typing import Any, Callable, Dict

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
) -> Callable[[Language, Dict[str, Any]], None]:
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

    def before_update(nlp: Language, args: Dict[str, Any]) -> None:
        step, epoch = args["step"], args["epoch"]
        nlp.get_pipe(component).start_step(  # type: ignore[attr-defined]
            step=step,
            epoch=epoch,
            phase=phase_at(step, epoch, warmup_epochs, alternate),
            tau=tau_at(step, tau_max, tau_rate),
        )

    return before_update
