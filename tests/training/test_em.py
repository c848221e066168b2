"""The phases of EM: which part moves, when, and that the other keeps every bit."""

import warnings

import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.train import train
from spacy.tokens import DocBin, Span
from thinc.api import Adam

from spacy_kmgre.model.phases import Phase
from spacy_kmgre.model.thinc_shim import ModelInput, get_shim
from spacy_kmgre.training.em import em_callback, phase_at, tau_at
from spacy_kmgre.training.optim import create_adamw

from ..conftest import make_example, make_examples

NO_DROPOUT = {"transformer_config": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}}
OPTIMIZERS = {
    "Adam.v1": lambda: Adam(3e-3, L2=0.1, use_averages=True),
    "AdamW.v1": lambda: create_adamw(3e-3, 1e-2, L2=0.1),
}


def network_of(nlp):
    return nlp.get_pipe("kmgre_relations").model.shims[0].require_network()


def snapshot(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def changed(module, before):
    return {name for name, parameter in module.named_parameters() if not torch.equal(parameter, before[name])}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shared", [{}, {"shared_encoder": True}], ids=str)
def test_each_step_moves_its_part_and_no_bit_of_the_other(make_nlp, optimizer, shared):
    torch.manual_seed(0)
    nlp = make_nlp(**shared)
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe, network, sgd = nlp.get_pipe("kmgre_relations"), network_of(nlp), OPTIMIZERS[optimizer]()
    for step in range(5):  # momentum for both parts
        pipe.start_step(step=step, epoch=0, phase=Phase.WARMUP, tau=0.0)
        nlp.update([example], sgd=sgd)
    parts = {Phase.E_STEP: (network.classifier, network.extractor)}
    parts[Phase.M_STEP] = parts[Phase.E_STEP][::-1]
    for phase in (Phase.E_STEP, Phase.M_STEP, Phase.E_STEP):
        moving, still = parts[phase]
        before_moving, before_still = snapshot(moving), snapshot(still)
        for step in range(3):
            pipe.start_step(step=step, epoch=1, phase=phase, tau=0.1)
            nlp.update([example], sgd=sgd)
        assert not changed(still, before_still)
        assert changed(moving, before_moving) == set(before_moving)


@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.JOINT])
def test_both_parts_move_in_warm_up_and_joint_steps(make_nlp, phase):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    network = network_of(nlp)
    before = snapshot(network)
    nlp.get_pipe("kmgre_relations").start_step(step=0, epoch=0, phase=phase, tau=0.1)
    nlp.update([example], sgd=OPTIMIZERS["AdamW.v1"]())
    assert changed(network, before) == set(before)


@pytest.mark.parametrize("shared", [True, False])
def test_a_joint_step_has_the_gradients_of_both_losses(make_nlp, shared):
    """Those of the relation loss for θ, which an M-step has too, and those of the key loss for ω, as in an E-step."""
    nlp = make_nlp(encoder=NO_DROPOUT, shared_encoder=shared)
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe, network = nlp.get_pipe("kmgre_relations"), network_of(nlp)
    gradients = []
    for phase in (Phase.M_STEP, Phase.E_STEP, Phase.JOINT):
        pipe.start_step(step=0, epoch=0, phase=phase, tau=0.1)
        nlp.update([example], sgd=False)
        parameters = network.named_parameters()
        gradients.append({name: p.grad.clone() for name, p in parameters if p.grad is not None})
        pipe.model.shims[0].drop_gradients()
    theta, omega, joint = gradients
    assert theta.keys() == {name for name, _ in network.named_parameters() if name.startswith("extractor")}
    assert omega.keys() == {name for name, _ in network.named_parameters() if name.startswith("classifier")}
    assert joint.keys() == theta.keys() | omega.keys()
    for name, gradient in {**theta, **omega}.items():
        torch.testing.assert_close(gradient, joint[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("phase", [Phase.E_STEP, Phase.M_STEP])
def test_the_part_that_is_still_records_no_graph(make_nlp, monkeypatch, phase):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe, seen = nlp.get_pipe("kmgre_relations"), []
    shim = get_shim(pipe.model)
    begin_update = shim.begin_update

    def look(given: ModelInput):
        scores, backprop = begin_update(given)
        seen.append((scores.relation.requires_grad, scores.key.requires_grad))
        return scores, backprop

    monkeypatch.setattr(shim, "begin_update", look)
    pipe.start_step(step=0, epoch=0, phase=phase, tau=0.1)
    nlp.update([example], sgd=False)
    assert seen == [(phase is Phase.M_STEP, phase is Phase.E_STEP)]


def gradients_at_the_step(nlp, sgd):
    """What AdamW is given: its step hides the gradients' scale."""
    pipe, seen = nlp.get_pipe("kmgre_relations"), {}
    shim = pipe.model.shims[0]
    parameters = dict(network_of(nlp).named_parameters())
    shim.drop_gradients = lambda: seen.update(
        {name: p.grad.to_dense().clone() for name, p in parameters.items()}
    )
    pipe.finish_update(sgd)
    assert seen
    return seen


@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_accumulated_gradients_equal_those_of_one_batch(make_nlp, architecture):
    results = []
    for batches in ([2], [1, 1]):
        torch.manual_seed(0)
        nlp = make_nlp(architecture, encoder=NO_DROPOUT)
        small = make_example(nlp)
        del small.predicted.spans["entity_2"], small.reference.spans["entity_2"]
        small.reference._.relations = [
            {"head": "entity_1", "tail": "entity_3", "label": label} for label in ("founded", "lives_in")
        ]
        examples = [make_example(nlp), small]
        nlp.initialize(lambda examples=examples: examples)
        start = 0
        for size in batches:
            nlp.update(examples[start : start + size], sgd=False)
            start += size
        sgd = create_adamw(0.0, 0.0, grad_clip=0.0)
        results.append(gradients_at_the_step(nlp, sgd))
    for name, gradient in results[0].items():
        torch.testing.assert_close(gradient, results[1][name], rtol=1e-4, atol=1e-6)


def test_gradients_are_clipped_by_one_norm(make_nlp):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    nlp.update([example], sgd=False)
    gradients = gradients_at_the_step(nlp, create_adamw(grad_clip=1e-3))
    norm = torch.cat([gradient.flatten() for gradient in gradients.values()]).norm().item()
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_encoder_and_head_have_their_own_rates_and_only_matrices_decay(make_nlp):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    network = network_of(nlp)
    encoder_rates, head_rates = [1e-3, 2e-3], [1e-2, 5e-2]
    sgd = create_adamw(list(encoder_rates), list(head_rates), L2=0.5, grad_clip=0.0)
    for encoder_rate, head_rate in zip(encoder_rates, head_rates):
        nlp.update([example], sgd=sgd)
        names = {id(p): name for name, p in network.named_parameters()}
        groups = nlp.get_pipe("kmgre_relations").model.shims[0]._optimizer.groups
        for group in groups:
            for parameter in group["params"]:
                is_head = ".encoder." not in names[id(parameter)]
                assert group["lr"] == (head_rate if is_head else encoder_rate)
                decays = parameter.dim() > 1 and "word_embeddings" not in names[id(parameter)]
                assert group["weight_decay"] == (0.5 if decays else 0.0)
        assert sum(len(group["params"]) for group in groups) == len(names)
        sgd.step_schedules()


@given(st.integers(0, 500), st.integers(0, 50), st.integers(0, 5))
def test_phases(step, epoch, warmup):
    by_epoch = phase_at(step, epoch, warmup, "epoch")
    by_step = phase_at(step, epoch, warmup, "step")
    joint = phase_at(step, epoch, warmup, "joint")
    if epoch < warmup:
        assert {by_epoch, by_step, joint} == {Phase.WARMUP}
    else:
        assert joint is Phase.JOINT
        assert by_epoch is (Phase.E_STEP if (epoch - warmup) % 2 == 0 else Phase.M_STEP)
        assert by_step is (Phase.E_STEP if step % 2 == 0 else Phase.M_STEP)
    assert tau_at(step, 0.5, 0.999) == pytest.approx(0.5 * (1 - 0.999**step))


def test_callback_sets_phase_and_tau(make_nlp):
    nlp = make_nlp()
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    pipe = nlp.get_pipe("kmgre_relations")
    before_update = em_callback(warmup_epochs=1, alternate="epoch")
    seen = []
    for step, epoch in enumerate([0, 1, 2, 3]):
        before_update(nlp, {"step": step * 100, "epoch": epoch})
        phase, before = pipe.phase.value, pipe.tau
        nlp.update([example])
        seen.append((phase, round(pipe.tau, 4)))
        assert before != pipe.tau  # τ changes with the update, not with the announcement
    assert seen == [("warmup", 0.0), ("e-step", 0.0476), ("m-step", 0.0907), ("e-step", 0.1296)]
    with pytest.raises(ValueError, match="E023"):
        em_callback(alternate="never")


def test_a_component_that_is_not_updated_keeps_its_tau(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    example, pipe = make_example(nlp), nlp.get_pipe("kmgre_relations")
    before = pipe.tau
    em_callback()(nlp, {"step": 10, "epoch": 0})
    nlp.update([example], exclude=["kmgre_relations"])
    assert pipe.tau == before
    with pytest.warns(
        UserWarning, match=rf"W005.*begins anew at 0\.0050.*had {before:.4f}.*frozen_components"
    ):
        nlp.update([example])
    assert pipe.tau == pytest.approx(tau_at(10, 0.5, 0.999))
    em_callback()(nlp, {"step": 11, "epoch": 0})
    nlp.update([example])  # says nothing a second time
    assert pipe.tau == pytest.approx(tau_at(11, 0.5, 0.999))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_component_predicts_the_same_after_training(trained_folder, tmp_path, frozen):
    """A sourced relation component beside one that learns, through `spacy train`."""
    nlp = spacy.load(trained_folder("KMGRE"))
    examples = make_examples(nlp)
    for example in examples:
        example.reference.ents = [
            example.reference.char_span(0, 3, label="PER") or Span(example.reference, 0, 1, "PER")
        ]
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(
        tmp_path / "train.spacy"
    )
    expected = [[relation.to_dict() for relation in nlp(make_example(nlp).predicted)._.relations]]
    assert expected[0]
    new = spacy.blank("xx")
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 8, "depth": 1}
    tok2vec.update(embed_size=50, window_size=1, maxout_pieces=2, subword_features=False)
    new.add_pipe("ner", config={"model": {"tok2vec": tok2vec}})
    config = new.config
    config["nlp"]["pipeline"] = ["ner", "kmgre_relations"]
    config["components"]["kmgre_relations"] = {"source": str(trained_folder("KMGRE"))}
    reader = {"@readers": "spacy_kmgre.Corpus.v1", "path": str(tmp_path / "train.spacy")}
    config["corpora"] = {"train": reader, "dev": reader}
    training = {"max_steps": 3, "eval_frequency": 3, "before_update": {"@callbacks": "spacy_kmgre.em.v1"}}
    config["training"].update(training, frozen_components=["kmgre_relations"] if frozen else [])
    config.to_disk(tmp_path / "config.cfg")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(tmp_path / "config.cfg", tmp_path / "out")
    assert any("W005" in str(warning.message) for warning in caught) is not frozen
    after = spacy.load(tmp_path / "out" / "model-last")
    found = [[relation.to_dict() for relation in after(make_example(after).predicted)._.relations]]
    assert (found == expected) is frozen
    assert (after.get_pipe("kmgre_relations").tau == nlp.get_pipe("kmgre_relations").tau) is frozen
