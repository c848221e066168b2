"""What only a GPU can show: the same predictions as on the CPU, training in bfloat16, EM's invariants."""

import pytest
import spacy
import torch
from thinc.api import use_ops

from spacy_kmgre.model import products
from spacy_kmgre.training.objective import Phase

from .conftest import make_doc, make_example, make_other_doc

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
    return nlp.get_pipe("kmgre_relations").model.shims[0].require_network()


def _scores(pipe, docs, field):
    return [[getattr(part, field).cpu() for part in parts] for _, parts in pipe.score_pairs(docs)]


@pytest.mark.parametrize("most", [products.MOST, 1])
@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_same_scores_as_on_the_cpu(make_nlp, architecture, most, monkeypatch):
    """Of documents of different lengths that are read together, all pairs of which are looked at together or one by
    one."""
    monkeypatch.setattr(products, "MOST", most)
    nlp = make_nlp(architecture)
    nlp.initialize(lambda: [make_example(nlp)])
    pipe = nlp.get_pipe("kmgre_relations")
    assert _network(nlp).device.type == "cuda"
    docs = [make_doc(nlp), make_other_doc(nlp), make_doc(nlp)]

    on_gpu = _scores(pipe, docs, "relation")
    pipe.model.to_cpu()
    for found, expected in zip(on_gpu, _scores(pipe, docs, "relation")):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"shared_layers": 1}, {"shared_encoder": True}], ids=str)
def test_nearly_the_same_scores_in_bfloat16(make_nlp, settings):
    nlp = make_nlp("KMGRE", mixed_precision=True, **settings)
    nlp.initialize(lambda: [make_example(nlp)])
    pipe = nlp.get_pipe("kmgre_relations")
    docs = [make_doc(nlp), make_other_doc(nlp), make_doc(nlp)]

    fields = ("relation", "key")
    on_gpu = {field: _scores(pipe, docs, field) for field in fields}
    pipe.model.to_cpu()
    for field in fields:
        for found, expected in zip(on_gpu[field], _scores(pipe, docs, field)):
            torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


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
def test_the_half_that_stands_still_keeps_every_bit(make_nlp, phase, still):
    nlp = make_nlp(mixed_precision=True)
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    nlp.update([example], sgd=optimizer)
    before = {name: value.clone() for name, value in _network(nlp).named_parameters()}
    nlp.get_pipe("kmgre_relations").start_step(step=1, epoch=0, phase=phase, tau=0.1)
    nlp.update([example], sgd=optimizer)
    for name, value in _network(nlp).named_parameters():
        if name.startswith(still):
            assert torch.equal(value, before[name])
    assert any(not torch.equal(value, before[name]) for name, value in _network(nlp).named_parameters())
