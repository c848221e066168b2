"""What encoders compute in when a pipeline predicts: float32, bfloat16, or what suits the device."""

import copy
import gc
import pickle
import warnings
from collections.abc import Callable

import pytest
import spacy
import torch
from spacy import Language
from spacy.tokens import Doc

from spacy_kmgre.model.precision import has_bfloat16
from spacy_kmgre.pipeline import second_reading
from spacy_kmgre.training.optim import create_adamw

from ..conftest import component, make_doc, make_examples, same_state, state

Scores = dict[tuple[str, str, str], float]


@pytest.fixture
def nlp(load) -> Language:
    """A trained pipeline that shows each relation's score."""
    nlp: Language = load()
    component(nlp).threshold, component(nlp).max_labels = 0.0, 9
    return nlp


@pytest.fixture
def instructions(monkeypatch) -> Callable[[bool], None]:
    """Says whether this CPU has instructions for bfloat16."""

    def have(them: bool) -> None:
        for module in ("spacy_kmgre.model.encoder", "spacy_kmgre.pipeline.state"):
            monkeypatch.setattr(f"{module}.has_bfloat16", lambda device: them)

    return have


def scores_of(doc: Doc) -> Scores:
    return {(r.head.key, r.label, r.tail.key): r.score for r in doc._.relations}


def predicted(nlp: Language, precision: str) -> Scores:
    component(nlp).precision = precision
    return scores_of(nlp(make_doc(nlp)))


def test_bfloat16_is_near_and_leaves_the_weights_alone(nlp: Language, instructions):
    instructions(True)
    before = {name: weight.clone() for name, weight in state(nlp).items()}
    exact = predicted(nlp, "float32")
    found = predicted(nlp, "bfloat16")
    assert found != exact
    assert found == pytest.approx(exact, abs=0.05)
    assert predicted(nlp, "auto") == found
    assert predicted(nlp, "float32") == exact
    assert same_state(before, state(nlp))


def test_auto_is_float32_where_a_cpu_has_no_instructions(nlp: Language, instructions):
    instructions(False)
    assert predicted(nlp, "auto") == predicted(nlp, "float32")


def test_bfloat16_without_instructions_is_done_and_told_once(nlp: Language, instructions):
    instructions(False)
    exact = predicted(nlp, "float32")
    with pytest.warns(UserWarning, match=r"W020.*kmgre_relations.*CPU.*auto"):
        found = predicted(nlp, "bfloat16")
    assert found != exact
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predicted(nlp, "bfloat16") == found


def test_predictions_follow_what_is_learned(nlp: Language, instructions):
    """The copy in bfloat16 is made anew of weights that have moved."""
    instructions(True)
    before = predicted(nlp, "bfloat16")
    examples = make_examples(nlp)
    for example in examples:
        example.reference._.relations = []
    optimizer = create_adamw(1e-2, 1e-2)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    exact, found = predicted(nlp, "float32"), predicted(nlp, "bfloat16")
    assert found == pytest.approx(exact, abs=0.05)
    assert max(abs(exact[key] - before[key]) for key in before) > 0.1


def test_it_is_saved_with_the_pipeline(nlp: Language, instructions, tmp_path):
    instructions(True)
    expected = predicted(nlp, "bfloat16")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert component(loaded).precision == "bfloat16"
    assert scores_of(loaded(make_doc(loaded))) == expected


def test_copies_and_pickles_are_without_the_rounded_weights(nlp: Language, instructions):
    instructions(True)
    network = component(nlp).model.shims[0].require_network()
    before = len(pickle.dumps(network))
    predicted(nlp, "bfloat16")
    assert (
        len(pickle.dumps(network))
        == len(pickle.dumps(copy.deepcopy(network)))
        == pytest.approx(before, abs=99)
    )


def test_several_documents_are_read_as_near_as_one(nlp: Language, instructions):
    """Padding changes the last digits of bfloat16."""
    instructions(True)
    component(nlp).precision = "bfloat16"
    alone = scores_of(nlp(make_doc(nlp)))
    docs = [make_doc(nlp), make_examples(nlp)[-1].predicted, make_doc(nlp)]
    for doc in list(nlp.pipe(docs, batch_size=3))[::2]:
        assert scores_of(doc) == pytest.approx(alone, abs=0.05)


def weights(nlp: Language) -> dict[torch.dtype, int]:
    """The bytes of a pipeline's encoders, by what they are in."""
    found: dict[torch.dtype, int] = {}
    for name, parameter in component(nlp).model.shims[0].require_network().named_parameters():
        if ".encoder." not in name:
            continue
        found[parameter.dtype] = found.get(parameter.dtype, 0) + parameter.nbytes
    return found


def bytes_in_bfloat16() -> int:
    """The bytes of all weights in bfloat16 that are in memory."""
    gc.collect()
    kept = [found for found in gc.get_objects() if type(found) is torch.nn.Parameter]
    return sum(weight.nbytes for weight in kept if weight.dtype is torch.bfloat16)


def test_the_copy_goes_with_its_precision(nlp: Language, instructions):
    instructions(True)
    before = bytes_in_bfloat16()
    predicted(nlp, "bfloat16")
    assert bytes_in_bfloat16() == before + weights(nlp)[torch.float32] / 2
    predicted(nlp, "float32")
    assert bytes_in_bfloat16() == before


@pytest.mark.parametrize("early", [True, False])
def test_predictions_alone_need_one_copy_of_the_weights(nlp: Language, instructions, tmp_path, early: bool):
    """They are the same predictions; what needs the exact weights says so."""
    instructions(True)
    expected = predicted(nlp, "bfloat16") if early else None
    before = weights(nlp)
    component(nlp).precision = "bfloat16"
    component(nlp).predict_only()
    component(nlp).predict_only()
    found = predicted(nlp, "bfloat16")
    assert found == (expected or found)
    assert weights(nlp) == {torch.bfloat16: before[torch.float32] / 2}
    network = component(nlp).model.shims[0].require_network()
    assert len(pickle.dumps(network)) == pytest.approx(len(pickle.dumps(copy.deepcopy(network))), abs=99)
    assert predicted(nlp, "float32") == found  # There is nothing else.
    with pytest.raises(ValueError, match=r"KMGRE E030.*predict_only"):
        nlp.update(make_examples(nlp), sgd=create_adamw())
    with pytest.raises(ValueError, match=r"KMGRE E030"):
        nlp.to_disk(tmp_path / "saved")
    with pytest.raises(ValueError, match=r"KMGRE E030"):
        nlp.to_bytes()


def test_a_refused_save_leaves_what_was_there(nlp: Language, instructions, tmp_path):
    instructions(True)
    nlp.to_disk(tmp_path)
    expected = predicted(nlp, "bfloat16")
    component(nlp).predict_only()
    with pytest.raises(ValueError, match=r"KMGRE E030"):
        nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    component(loaded).precision = "bfloat16"
    assert scores_of(loaded(make_doc(loaded))) == expected


def test_weights_are_forgotten_after_an_update_too(nlp: Language, instructions):
    instructions(True)
    component(nlp).precision = "bfloat16"
    nlp.update(make_examples(nlp), sgd=create_adamw())
    component(nlp).predict_only()
    assert set(weights(nlp)) == {torch.bfloat16}


def test_a_pipeline_in_float32_has_nothing_to_forget(nlp: Language, instructions, tmp_path):
    instructions(False)
    component(nlp).precision = "auto"
    before = weights(nlp)
    component(nlp).predict_only()
    assert weights(nlp) == before
    nlp.update(make_examples(nlp), sgd=create_adamw())
    nlp.to_disk(tmp_path)
    component(nlp).from_disk(tmp_path / component(nlp).name, exclude=["vocab"])


def test_a_pipeline_that_is_loaded_again_can_learn(nlp: Language, instructions, tmp_path):
    instructions(True)
    nlp.to_disk(tmp_path)
    component(nlp).precision = "bfloat16"
    component(nlp).predict_only()
    component(nlp).from_disk(tmp_path / component(nlp).name, exclude=["vocab"])
    nlp.update(make_examples(nlp), sgd=create_adamw())
    assert set(weights(nlp)) == {torch.float32}


def test_a_second_reading_has_the_same_precision(nlp: Language, instructions, monkeypatch):
    instructions(True)
    component(nlp).second_reading = 0.4
    monkeypatch.setattr(
        second_reading, "is_near", lambda logits, limits: torch.ones(len(logits), dtype=torch.bool)
    )
    exact = predicted(nlp, "float32")
    found = predicted(nlp, "bfloat16")
    assert found != exact
    assert found == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("precision", ["half", "float16", "", None, 16, ["auto"]])
def test_other_values(nlp: Language, precision):
    with pytest.raises(ValueError, match=r"KMGRE E023.*precision.*float32.*bfloat16.*auto"):
        component(nlp).precision = precision


@pytest.mark.parametrize("of_intel, of_arm", [(True, False), (False, True), (False, False)])
def test_what_a_cpu_has(monkeypatch, of_intel: bool, of_arm: bool):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: of_intel, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": of_arm}, raising=False)
    assert has_bfloat16(torch.device("cpu")) == (of_intel or of_arm)
