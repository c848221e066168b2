"""Learning rates that need not be told in the config how long the training is."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.util import registry
from thinc.api import Config
from thinc.api import warmup_linear as thinc_warmup_linear

from spacy_kmgre.training.optim import create_adamw
from spacy_kmgre.training.schedules import warmup_linear

CONFIG = """
[optimizer]
@optimizers = "{optimizer}"

[optimizer.learn_rate]
@schedules = "spacy_kmgre.warmup_linear.v1"
initial_rate = 0.1
warmup = 0.25
"""


@given(total=st.integers(1, 300), warmup=st.floats(0.0, 1.0))
def test_rates_are_those_of_thinc_for_a_length_that_it_is_told(total, warmup):
    schedule = warmup_linear(0.5, warmup)
    schedule.plan(total)
    expected = islice(thinc_warmup_linear(0.5, round(warmup * total), total), total + 2)
    assert list(islice(schedule, total + 2)) == pytest.approx(list(expected))


@pytest.mark.parametrize("told_after", [0, 1, 5, 30])
def test_the_length_may_come_late(told_after):
    schedule, planned = warmup_linear(1.0), warmup_linear(1.0)
    planned.plan(100)
    expected = list(islice(planned, 101))
    list(islice(schedule, told_after))
    schedule.plan(100)
    if told_after:
        assert schedule.rate == expected[told_after - 1]
    assert list(islice(schedule, 101 - told_after)) == expected[told_after:]


def test_without_a_length_rates_rise_and_stay():
    rates = list(islice(warmup_linear(0.2), 500))
    assert 0 < rates[0] < rates[10] < rates[30] == rates[-1] == 0.2


@pytest.mark.parametrize("warmup", [-0.1, 1.5])
def test_a_warm_up_is_a_share(warmup):
    with pytest.raises(ValueError, match=r"E023.*warmup.*between 0 and 1"):
        warmup_linear(0.1, warmup)


@pytest.mark.parametrize("optimizer", ["spacy_kmgre.AdamW.v1", "Adam.v1"])
def test_optimizers_take_it_from_a_config(optimizer):
    found = registry.resolve(Config().from_str(CONFIG.format(optimizer=optimizer)))["optimizer"]
    rates = [found.learn_rate]
    for _ in range(100):
        found.step_schedules()
        rates.append(found.learn_rate)
    assert 0 < rates[0] < rates[-1] == 0.1


def test_a_plan_is_for_the_schedules_that_need_it():
    optimizer = create_adamw(warmup_linear(0.1, 0.5), [3.0, 2.0], 0.7)
    optimizer.plan(4)
    rates = []
    for _ in range(5):
        rates.append((optimizer.learn_rate, optimizer.head_learn_rate, optimizer.encoder_learn_rate))
        optimizer.step_schedules()
        optimizer.plan(4)  # as often as one likes
    assert [rate for rate, *_ in rates] == pytest.approx([0.0, 0.05, 0.1, 0.05, 0.0])
    assert [rest for _, *rest in rates] == [[3.0, 0.7], [2.0, 0.7], [2.0, 0.7], [2.0, 0.7], [2.0, 0.7]]
