"""The schedule `spacy_kmgre.warmup_linear.v1`, which need not be told in the config how long the training is."""

from collections.abc import Iterator

from ..errors import Errors
from ..model.rates import WARMUP, rate_factor


class WarmupLinear(Iterator[float]):
    """Learning rates that rise linearly from 0 in the first part of the training and then fall linearly to 0.

    The length of the training comes from `plan`. As long as it is unknown, the rate rises over 20 updates and
    then stays where it is. It stays unknown in a training loop of one's own that does not set the component's
    `total_steps`.

    :param initial_rate: The highest rate.
    :param warmup: The share of the training in which the rate rises, in [0, 1].
    """

    def __init__(self, initial_rate: float, warmup: float):
        self.initial_rate = initial_rate
        self.warmup = warmup
        self._step = -1
        self._total: int | None = None

    def __next__(self) -> float:
        self._step += 1
        return self.rate

    def plan(self, total_steps: int) -> None:
        """Fit the rates, from the current one on, to a training of that many steps."""
        self._total = total_steps

    @property
    def rate(self) -> float:
        """The rate of the current step."""
        return self.initial_rate * rate_factor(max(0, self._step), self._total, self.warmup)


def warmup_linear(initial_rate: float, warmup: float = WARMUP) -> WarmupLinear:
    """Make a learning rate that rises from 0 and falls to 0 again, as `warmup_linear.v1` does, but takes the
    length of the training from `[training]`. The callback `spacy_kmgre.em.v1` or
    `spacy_kmgre.training_steps.v1` tells it to the relation component, which tells `spacy_kmgre.AdamW.v1`.

    :param initial_rate: The highest rate.
    :param warmup: The share of the training in which the rate rises, in [0, 1].
    :raises ValueError: For a share outside [0, 1].
    """
    if not 0.0 <= warmup <= 1.0:
        expected = "a share of the training, between 0 and 1"
        raise ValueError(Errors.E023.format(setting="warmup", value=warmup, expected=expected))
    return WarmupLinear(initial_rate, warmup)
