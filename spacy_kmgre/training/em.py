"""When EM does what (Jiang et al. 2022, section 3.4)."""

from .objective import Phase

ALTERNATE = ("epoch", "step", "joint")


def phase_at(step: int, epoch: int, warmup_epochs: int, alternate: str) -> Phase:
    """The phase of an update. In turns of an epoch an E-step follows the warm-up: ω has to catch up with θ.

    :param step: Number of the update, from 0.
    :param epoch: Passes over the corpus that are complete.
    :param alternate: "epoch" and "step" change between E and M; "joint" does both at once.
    """
    if epoch < warmup_epochs:
        return Phase.WARMUP
    if alternate == "joint":
        return Phase.JOINT
    turn = epoch - warmup_epochs if alternate == "epoch" else step
    return Phase.M_STEP if turn % 2 else Phase.E_STEP


def tau_at(step: int, tau_max: float, tau_rate: float) -> float:
    """The upper limit of the key threshold, τ = τ_max (1 - rate^step) (paper, eq. 14)."""
    return tau_max * (1.0 - tau_rate**step)
