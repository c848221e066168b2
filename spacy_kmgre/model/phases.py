"""The phases of EM, and which parts of the network move in each (Jiang et al. 2022, section 3.4)."""

from enum import Enum

# The two parts that EM trains in turn: θ and ω.
RELATION, KEY = "relation", "key"


class Phase(str, Enum):
    """What an update does."""

    WARMUP = "warmup"
    E_STEP = "e-step"
    M_STEP = "m-step"
    JOINT = "joint"

    @property
    def trainable(self) -> frozenset[str]:
        """The parts that learn: ω in an E-step, θ in an M-step, otherwise both."""
        if self is Phase.E_STEP:
            return frozenset((KEY,))
        return frozenset((RELATION,)) if self is Phase.M_STEP else frozenset((RELATION, KEY))
