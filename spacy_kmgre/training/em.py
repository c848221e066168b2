"""The phases of EM in training (Jiang et al. 2022, section 3.4), and the callback that tells the component of
them.

The callback knows the component, not the other way round: a component is saved and loaded without it.
"""

from collections.abc import Callable
from typing import Any

from spacy.language import Language

from ..errors import Errors
from ..model.phases import Phase
from .steps import learner, training_steps

ALTERNATE = ("epoch", "step", "joint")


def phase_at(step: int, epoch: int, warmup_epochs: int, alternate: str) -> Phase:
    """Return the phase of an update. Where phases change with epochs, an E-step follows the warm-up, in which
    ω catches up with θ.

    :param step: The number of the update, from 0.
    :param epoch: The number of complete passes over the corpus.
    :param alternate: "epoch" and "step" change between E and M; "joint" does both at once.
    """
    if epoch < warmup_epochs:
        return Phase.WARMUP
    if alternate == "joint":
        return Phase.JOINT
    turn = epoch - warmup_epochs if alternate == "epoch" else step
    return Phase.M_STEP if turn % 2 else Phase.E_STEP


def tau_at(step: int, tau_max: float, tau_rate: float) -> float:
    """Return the upper limit of the key threshold, τ = τ_max (1 - rate^step) (paper, eq. 14)."""
    return tau_max * (1.0 - tau_rate**step)


def em_callback(
    component: str = "kmgre_relations",
    warmup_epochs: int = 2,
    alternate: str = "joint",
    tau_max: float = 0.5,
    tau_rate: float = 0.999,
) -> Callable[[Language, dict[str, Any]], None]:
    """Make the callback that tells the component, before each update, which phase of EM it is in and the
    value of τ. Before the first one it also tells how many steps the training has.

    :param component: The name of the component in the pipeline.
    :param warmup_epochs: The number of epochs in which θ learns from all mention pairs.
    :param alternate: "epoch" or "step" to change between E-step and M-step, "joint" for both at once.
    :param tau_max: The limit of τ.
    :param tau_rate: How fast it gets there: τ = tau_max (1 - tau_rate^step).
    :raises ValueError: For an unknown way to alternate.
    """
    if alternate not in ALTERNATE:
        raise ValueError(
            Errors.E023.format(setting="alternate", value=alternate, expected=f"one of {ALTERNATE}")
        )

    tell_steps = training_steps(component)

    def before_update(nlp: Language, args: dict[str, Any]) -> None:
        pipe = learner(nlp, component, "spacy_kmgre.em.v1")
        tell_steps(nlp, args)
        step, epoch = args["step"], args["epoch"]
        pipe.start_step(
            step=step,
            epoch=epoch,
            phase=phase_at(step, epoch, warmup_epochs, alternate),
            tau=tau_at(step, tau_max, tau_rate),
        )

    return before_update
