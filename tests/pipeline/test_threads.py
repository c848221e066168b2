"""What threads and processes may do with one pipeline: predict together, predict beside an update, fork, spawn."""

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from spacy import Language
from spacy.tokens import Doc

from spacy_kmgre.annotations import get_entities
from spacy_kmgre.model.optimizer import NetworkOptimizer
from spacy_kmgre.model.thinc_shim import ModelInput, get_shim
from spacy_kmgre.model.turns import Turns
from spacy_kmgre.pipeline.examples import read_document

from ..conftest import component, make_doc, make_examples, pipeline_with


def relations(doc: Doc) -> list[dict[str, Any]]:
    return [relation.to_dict() for relation in doc._.relations]


@contextmanager
def quick_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@contextmanager
def beside(work: Callable[[], Any]) -> Iterator[None]:
    """Repeats a piece of work in another thread meanwhile; it has to go well, and to come to its turn."""
    stop, failed, done = threading.Event(), [], 0

    def repeat() -> None:
        nonlocal done
        while not stop.is_set():
            try:
                work()
                done += 1
            except Exception as error:
                failed.append(error)
                return

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        with quick_switches():
            yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive() and not failed and done


def test_threads_that_predict(load):
    nlp = load()
    wanted = relations(nlp(make_doc(nlp)))
    with quick_switches(), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: relations(nlp(make_doc(nlp))), range(40)))
    assert found == [wanted] * 40


def test_no_dropout_in_predictions_beside_training(load):
    """The gradients of the updates are thrown away, so each prediction has to be the same."""
    nlp = load()
    wanted = relations(nlp(make_doc(nlp)))
    examples = make_examples(nlp)

    def train() -> None:
        nlp.update(examples, sgd=False)
        get_shim(component(nlp).model).drop_gradients()

    with beside(train):
        found = [relations(nlp(make_doc(nlp))) for _ in range(60)]
    assert found == [wanted] * 60


def test_a_prediction_has_the_weights_of_one_moment(tiny_encoder):
    """A step moves all weights by half; a prediction is that of the old weights or of the new ones."""
    nlp = pipeline_with(tiny_encoder, component={"threshold": 0.0})
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    shim = get_shim(component(nlp).model)
    shim.require_network().chunk = 1  # Each entity pair is scored by itself.
    weights = {name: value.clone() for name, value in shim.require_network().state_dict().items()}
    moments = [relations(nlp(make_doc(nlp)))]
    factor = 0.5

    def halve(*_: Any) -> None:
        nonlocal factor
        with torch.no_grad():
            for name, value in shim.require_network().state_dict().items():
                value.copy_(weights[name] * factor)
        factor = 1.5 - factor

    halve()
    shim.require_network().eval()
    for part in shim.require_network().parts.values():
        part.train(part.training)
    moments.append(relations(nlp(make_doc(nlp))))
    assert moments[0] != moments[1]
    with pytest.MonkeyPatch.context() as patch:
        shim._optimizer = NetworkOptimizer(shim.require_network())
        patch.setattr(shim._optimizer, "step", halve)
        patch.setattr(shim, "drop_gradients", lambda: None)
        with beside(lambda: shim.finish_update(optimizer)):
            found = [relations(nlp(make_doc(nlp))) for _ in range(60)]
    assert all(one in moments for one in found)
    assert all(moment in found for moment in moments)


def test_updates_are_not_starved():
    turns = Turns()
    log = []
    ready = threading.Event()

    def update() -> None:
        ready.set()
        with turns.updating():
            log.append("update")

    def predict() -> None:
        with turns.predicting():
            log.append("predict")

    threads = [threading.Thread(target=update), threading.Thread(target=predict)]
    with turns.predicting():
        threads[0].start()
        ready.wait()
        while not turns._waiting:
            pass
        threads[1].start()
        with turns.predicting():  # A thread that predicts already goes on.
            log.append("within")
    for thread in threads:
        thread.join(30)
    assert log == ["within", "update", "predict"]


def test_copies_have_turns_of_their_own(load):
    nlp = load()
    network = get_shim(component(nlp).model).require_network()
    with network.turns.updating(), deepcopy(network).turns.updating():
        pass


def predict_in_child(nlp: Language, results: Any) -> None:
    results.put(relations(nlp(make_doc(nlp))))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fork_while_a_thread_trains(load):
    """The child has a lock that no thread of its own will ever let go."""
    nlp = load()
    wanted = relations(nlp(make_doc(nlp)))
    context = multiprocessing.get_context("fork")
    network = get_shim(component(nlp).model).require_network()
    held, stop = threading.Event(), threading.Event()

    def hold() -> None:
        with network.turns.updating(), network.turns.switching:
            held.set()
            stop.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    results = context.Queue()
    child = context.Process(target=predict_in_child, args=(nlp, results))
    child.start()
    try:
        assert results.get(timeout=60) == wanted
    finally:
        child.kill()
        child.join()
        stop.set()
        thread.join()


SPAWNED = """
import multiprocessing, sys, torch, spacy
sys.path.insert(0, {tests!r})
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    from tests.conftest import make_doc
    torch.set_num_threads(1)
    nlp = spacy.load({model!r})
    docs = lambda: [make_doc(nlp) for _ in range(6)]
    one = [[r.to_dict() for r in doc._.relations] for doc in nlp.pipe(docs())]
    two = [[r.to_dict() for r in doc._.relations] for doc in nlp.pipe(docs(), n_process=2, batch_size=2)]
    near = lambda a, b: abs(a["score"] - b["score"]) < 1e-5 and a["label"] == b["label"]
    assert all(one) and len(one) == len(two)
    assert all(near(a, b) for left, right in zip(one, two) for a, b in zip(left, right, strict=True))
    print("the same")
"""


def test_spawned_processes(trained_folder, tmp_path):
    script = tmp_path / "spawned.py"
    root = Path(__file__).parent.parent.parent
    script.write_text(SPAWNED.format(model=str(trained_folder("KMGRE")), tests=str(root)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.stdout == "the same\n", done.stderr[-2000:]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_prediction_between_the_passes_of_an_update(make_nlp, checkpointing: bool):
    """With gradient checkpointing the encoder runs again in the backward pass, with the dropout that it had."""

    def gradients(predicts: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        nlp = make_nlp(encoder={"gradient_checkpointing": checkpointing})
        nlp.initialize(lambda: make_examples(nlp))
        pipe = component(nlp)
        documents = [read_document(doc, get_entities(doc)) for doc in (make_doc(nlp), make_doc(nlp))]
        shim = get_shim(pipe.model)
        given = ModelInput(documents, shim.pieces(documents), trainable={"relation", "key"})
        torch.manual_seed(1)
        scores, backprop = pipe.model.begin_update(given)
        if predicts:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(pipe.predict, [make_doc(nlp)]).result()
        backprop(scores.relation.sum() + scores.key.sum())
        found = {name: value.grad for name, value in shim.require_network().named_parameters()}
        return {name: grad.to_dense() for name, grad in found.items() if grad is not None}

    wanted, found = gradients(predicts=False), gradients(predicts=True)
    assert wanted.keys() == found.keys()
    for name, grad in wanted.items():
        torch.testing.assert_close(found[name], grad, rtol=0.0, atol=0.0)
