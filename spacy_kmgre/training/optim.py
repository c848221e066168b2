"""An optimiser for spaCy's training config with learning rates for encoders, heads, and other components."""

from typing import Any

from spacy.util import registry
from thinc.optimizers import FloatOrSeq, Optimizer

from .schedules import WarmupLinear


class AdamW(Optimizer):
    """Thinc's optimizer with two more schedules. `kmgre_relations` reads the values and steps with torch's
    AdamW; other components of the pipeline use it as Thinc's Adam with weight decay."""

    def __init__(
        self,
        learn_rate: FloatOrSeq,
        head_learn_rate: FloatOrSeq,
        encoder_learn_rate: FloatOrSeq | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learn_rate, use_averages=False, **kwargs)
        self._set_attr_or_schedule("head_learn_rate", head_learn_rate)  # type: ignore[no-untyped-call]  # thinc
        if encoder_learn_rate is not None:
            self._set_attr_or_schedule("encoder_learn_rate", encoder_learn_rate)  # type: ignore[no-untyped-call]  # thinc

    def plan(self, total_steps: int) -> None:
        """Tell the schedules that need it how many steps the training has. `kmgre_relations` does so before
        each of its steps, where a callback of the config has told it the number."""
        for name, schedule in self.schedules.items():
            if isinstance(schedule, WarmupLinear):
                schedule.plan(total_steps)
                setattr(self, name, schedule.rate)


@registry.optimizers("spacy_kmgre.AdamW.v1")
def create_adamw(
    learn_rate: FloatOrSeq = 5e-5,
    head_learn_rate: FloatOrSeq = 1e-4,
    encoder_learn_rate: FloatOrSeq | None = None,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.999,
    eps: FloatOrSeq = 1e-6,
    L2: FloatOrSeq = 0.0,
    grad_clip: FloatOrSeq = 1.0,
) -> AdamW:
    """Make AdamW with learning rates for encoders, heads, and other components. Each may be a number or a
    schedule.

    :param learn_rate: The rate of the relation model's encoders, and of the pipeline's other components.
    :param head_learn_rate: The rate of everything else in the relation model.
    :param encoder_learn_rate: The rate of the relation model's encoders, where it is to differ from `learn_rate`.
    :param L2: The weight decay; biases, layer norms and the relation model's word embeddings have none.
    :param grad_clip: The largest global norm of the gradient, of θ and ω together; 0 for no limit.
    """
    return AdamW(
        learn_rate,
        head_learn_rate,
        encoder_learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        grad_clip=grad_clip,
    )
