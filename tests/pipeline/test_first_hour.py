"""spaCy's habits in Python: its default optimizer, Examples of plain Docs, listeners, loaded pipelines."""

import warnings
from typing import Any

import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from spacy_kmgre.model.rates import DEFAULT_RATE, encoder_rate, find_rates, is_default
from spacy_kmgre.training.optim import create_adamw

from ..conftest import GOLD, component, make_doc, make_empty_doc, make_example, make_examples, triples


def test_an_encoder_keeps_what_it_knows_under_the_default_optimizer():
    default = Adam(DEFAULT_RATE)
    assert is_default(default)
    # The rates of the configs for MiniLM and BERT-base.
    assert [encoder_rate(width) for width in (384, 768, 8)] == pytest.approx([1e-4, 5e-5, 1e-3])
    assert find_rates(default, 384, 100, None) == pytest.approx((1e-3, 1e-4))
    first, rising = (find_rates(default, 384, step, None)[1] for step in (0, 10))
    assert 0 < first < rising < 1e-4


def test_rates_fall_to_the_end_of_a_training_whose_length_is_known():
    rates = [find_rates(Adam(DEFAULT_RATE), 384, step, 100) for step in range(101)]
    assert rates[0] == rates[100] == (0.0, 0.0)
    assert max(rates) == rates[6] == pytest.approx((1e-3, 1e-4))


@pytest.mark.parametrize(
    "optimizer, expected", [(Adam(5e-5), (5e-5, 5e-5)), (create_adamw(1e-3, 1e-2), (1e-2, 1e-3))]
)
def test_rates_that_somebody_has_chosen_stay(optimizer, expected):
    assert not is_default(optimizer)
    for total in (None, 10):
        assert find_rates(optimizer, 384, 0, total) == expected


def test_a_loop_with_the_default_optimizer_learns(make_nlp):
    torch.manual_seed(0)
    nlp = make_nlp()
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    component(nlp).total_steps = 150
    for _ in range(150):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(make_examples(nlp))["rel_micro_f"] > 0.9


def test_the_rate_is_said_once(make_nlp, monkeypatch):
    monkeypatch.setattr("spacy_kmgre.model.rates.ENCODER_RATE", 0.0032)  # as if it were wide
    nlp = make_nlp()
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    with pytest.warns(UserWarning, match=r"W010.*0\.001.*encoder learns at 0\.0001") as caught:
        nlp.update([example], sgd=optimizer)
        nlp.update([example], sgd=optimizer)
    assert len([warning for warning in caught if "W010" in str(warning.message)]) == 1
    assert component(nlp).highest_learn_rates == pytest.approx((1e-4, 1e-5))


def plain_example(nlp) -> Example:
    """As `Example(nlp.make_doc(text), gold)` makes it."""
    reference = make_example(nlp).reference
    predicted = Doc(nlp.vocab, words=[token.text for token in reference])
    return Example(predicted, reference)


def test_plain_docs_are_learned_from_with_the_gold_entities(make_nlp):
    torch.manual_seed(0)
    nlp = make_nlp()
    example = plain_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    with pytest.warns(UserWarning, match="W013") as caught:
        for _ in range(80):
            nlp.update([example], sgd=optimizer)
    assert len(caught) == 1
    assert triples(nlp(make_doc(nlp))) == GOLD
    assert not example.predicted.spans


def test_where_a_component_has_looked_nothing_is_given(make_nlp):
    nlp = make_nlp()
    example = plain_example(nlp)
    example.predicted.ents = []
    nlp.initialize(lambda: [example])
    with pytest.warns(UserWarning, match="W002"):
        nlp.update([example])
    assert component(nlp).learned_relations == 0


def test_a_config_that_was_only_filled_in_is_told_what_to_do(make_nlp, tmp_path):
    nlp = make_nlp()
    example = make_example(nlp)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.initialize(lambda: [example])  # in Python nobody reads a corpus
    nlp.config["corpora"]["train"]["path"] = str(tmp_path)
    with pytest.warns(UserWarning, match=r"W012.*python -m spacy kmgre init"):
        nlp.initialize(lambda: [example])
    nlp.config["corpora"]["train"] = {"@readers": "spacy_kmgre.Corpus.v1", "path": str(tmp_path)}
    nlp.config["corpora"]["dev"] = {"@readers": "spacy_kmgre.Corpus.v1", "path": str(tmp_path)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.initialize(lambda: [example])


@pytest.mark.parametrize(
    "encoder",
    [
        {"@architectures": "spacy.Tok2VecListener.v1", "width": 96},
        {
            "@architectures": "spacy-transformers.TransformerListener.v1",
            "grad_factor": 1.0,
            "pooling": {"@layers": "reduce_mean.v1"},
        },
    ],
    ids=lambda encoder: encoder["@architectures"],
)
@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_a_listener_cannot_be_the_encoder(architecture, encoder):
    model: dict[str, Any] = {"@architectures": f"spacy_kmgre.{architecture}.v1", "encoder": encoder}
    with pytest.raises(ValueError, match=r"E060.*encoder of its own.*spacy_kmgre\.Encoder\.v1"):
        spacy.blank("en").add_pipe("kmgre_relations", config={"model": model})


def test_a_model_that_has_had_nothing_to_do_says_so_once(load):
    nlp = load()
    with pytest.warns(UserWarning, match=r"W014.*first 64 documents.*kmgre evaluate") as caught:
        list(nlp.pipe([make_empty_doc(nlp) for _ in range(200)], batch_size=32))
    assert len(caught) == 1


def test_a_model_that_has_had_something_to_do_stays_silent(load):
    nlp = load()
    list(nlp.pipe([make_doc(nlp), *(make_empty_doc(nlp) for _ in range(200))], batch_size=32))


def test_the_model_takes_docs_too(load):
    """`spacy debug model` calls it with Docs."""
    nlp = load()
    (scores,) = component(nlp).model.predict([make_doc(nlp), make_empty_doc(nlp)])
    assert scores.num_pairs == 6
