"""Learning rates: how they rise and fall over a training, and which rates hold where an optimizer has none
for encoders.

This module does not know torch, since schedules of the config use it before there is a model.
"""

from thinc.optimizers import Optimizer

# The learning rate that spaCy's config has where nobody has set another. It suits small networks that begin
# at random, and undoes a pretrained encoder.
DEFAULT_RATE = 0.001
# An encoder's rate, in place of the default, is this number divided by the encoder's width. That gives 1e-4 for
# MiniLM, which is 384 wide, and 5e-5 for BERT-base, which is 768 wide. Our configs have the same rates.
ENCODER_RATE = 0.0384
# The share of a training in which rates rise, and the number of updates where its length is unknown.
WARMUP, WARMUP_UPDATES = 0.06, 20


def rate_factor(step: int, total: int | None, warmup: float = WARMUP) -> float:
    """Return the part of the highest rate that a step has. It rises linearly from 0 to 1 in the warm-up, and
    then falls linearly to 0. Where the length is unknown, the rate rises over 20 updates and then stays.

    :param step: The number of the step, from 0.
    :param total: The number of steps of the training, None where it is unknown.
    :param warmup: The share of the training in which the rate rises, in [0, 1].
    """
    if total is None:
        return min(1.0, (step + 1) / WARMUP_UPDATES)
    rising = round(warmup * total)
    return step / rising if step < rising else max(0.0, (total - step) / max(1, total - rising))


def is_default(optimizer: Optimizer) -> bool:
    """Return whether an optimizer has the one learning rate that spaCy begins with, for encoders too."""
    return optimizer.learn_rate == DEFAULT_RATE and not hasattr(optimizer, "head_learn_rate")


def encoder_rate(width: int) -> float:
    """Return the highest learning rate of a pretrained encoder where the optimizer has none for it.

    :param width: The width of the encoder's output.
    """
    return min(DEFAULT_RATE, ENCODER_RATE / width)


def find_rates(optimizer: Optimizer, width: int, step: int, total: int | None) -> tuple[float, float]:
    """Return the learning rates of heads and encoders in a step.

    :param width: The width of the encoder's output.
    :param step: The number of updates before this one.
    :param total: The number of steps of the training, None where it is unknown.
    """
    rate = optimizer.learn_rate
    if is_default(optimizer):
        factor = rate_factor(step, total)
        return rate * factor, encoder_rate(width) * factor
    # Only our own optimizer has several rates.
    return getattr(optimizer, "head_learn_rate", rate), getattr(optimizer, "encoder_learn_rate", rate)
