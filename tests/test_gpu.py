"""What only a GPU can show: the same predictions as on the CPU, training in bfloat16, EM's invariants."""

import pytest
import spacy
import torch
from thinc.api import use_ops

from spacy_kmgre.model import context
from spacy_kmgre.model.phases import Phase

from .conftest import component, make_doc, make_example, make_other_doc
from .model.tiny import joined

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def on_gpu():
    with use_ops("numpy"):
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device on this machine")
        if not spacy.prefer_gpu():
            pytest.skip("spaCy sees no GPU: cupy is not installed")
        yield


def _network(nlp):
    return component(nlp).model.shims[0].require_network()


def _scores(nlp):
    """The scores of all pairs of some Docs, on the device of the network.

    The Docs have different lengths, and are read together.
    """
    _, chunks = component(nlp).score_pairs([make_doc(nlp), make_other_doc(nlp), make_doc(nlp)])
    return joined(chunks)


def _assert_close(found, expected, fields, **tolerance):
    assert found.document.tolist() == expected.document.tolist()
    assert found.entities.tolist() == expected.entities.tolist()
    for field in fields:
        on_gpu = getattr(found, field)
        assert on_gpu.device.type == "cuda"
        torch.testing.assert_close(on_gpu.cpu(), getattr(expected, field), **tolerance)


@pytest.mark.parametrize("most", [context.PRODUCTS["cuda"], 1])
@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_same_scores_as_on_the_cpu(make_nlp, architecture, most, monkeypatch):
    """The pairs are multiplied together, or one by one."""
    monkeypatch.setitem(context.PRODUCTS, "cuda", most)
    nlp = make_nlp(architecture)
    nlp.initialize(lambda: [make_example(nlp)])
    assert _network(nlp).device.type == "cuda"
    on_gpu = _scores(nlp)
    component(nlp).model.to_cpu()
    assert _network(nlp).device.type == "cpu"
    fields = ("relation", "key") if architecture == "KMGRE" else ("relation", "attention")
    _assert_close(on_gpu, _scores(nlp), fields, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"shared_encoder": True}], ids=str)
def test_nearly_the_same_scores_in_bfloat16(make_nlp, settings):
    nlp = make_nlp("KMGRE", mixed_precision=True, **settings)
    nlp.initialize(lambda: [make_example(nlp)])
    on_gpu = _scores(nlp)
    component(nlp).model.to_cpu()
    _assert_close(on_gpu, _scores(nlp), ("relation", "key"), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_learns_its_example_and_saves_it(make_nlp, architecture, mixed_precision):
    torch.manual_seed(0)
    nlp = make_nlp(architecture, mixed_precision=mixed_precision)
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    assert nlp.evaluate([example])["rel_micro_f"] == 1.0
    again = make_nlp(architecture, mixed_precision=mixed_precision).from_bytes(nlp.to_bytes())
    assert again.evaluate([example])["rel_micro_f"] == 1.0


@pytest.mark.parametrize("phase, still", [(Phase.E_STEP, "extractor"), (Phase.M_STEP, "classifier")])
def test_the_part_that_stands_still_keeps_every_bit(make_nlp, phase, still):
    nlp = make_nlp(mixed_precision=True)
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    nlp.update([example], sgd=optimizer)
    before = {name: value.clone() for name, value in _network(nlp).named_parameters()}
    component(nlp).start_step(step=1, epoch=0, phase=phase, tau=0.1)
    nlp.update([example], sgd=optimizer)
    for name, value in _network(nlp).named_parameters():
        if name.startswith(still):
            assert torch.equal(value, before[name])
    assert any(not torch.equal(value, before[name]) for name, value in _network(nlp).named_parameters())
