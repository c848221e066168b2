"""What happens to input that is not as it should be, and to saved pipelines that are not whole."""

import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from spacy import Language
from spacy.lang.xx import MultiLanguage
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Linear, Model, chain, softmax_activation

from spacy_kmgre.annotations import TITLE, store_relations
from spacy_kmgre.model.phases import Phase
from spacy_kmgre.model.thinc_shim import get_shim
from spacy_kmgre.relation_input import relation_data_of

from .conftest import (
    GOLD,
    NAME,
    OTHER_GOLD,
    RELATIONS,
    annotate,
    component,
    make_doc,
    make_empty_doc,
    make_example,
    make_examples,
    make_lonely_doc,
    make_other_doc,
    same_state,
    state,
    triples,
)

Loader = Callable[..., Language]


def gradients(nlp: Language) -> list[torch.Tensor]:
    parameters = get_shim(component(nlp).model).require_network().parameters()
    return [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]


# No tokens, no entities, one entity


@pytest.mark.parametrize("make", [lambda nlp: Doc(nlp.vocab), make_empty_doc, make_lonely_doc])
def test_nothing_to_relate(make_nlp, architecture, make: Callable[[Language], Doc]):
    """No relations and no model call: there is not even a model yet."""
    nlp = make_nlp(architecture)
    assert nlp(make(nlp))._.relations == []
    assert [doc._.relations for doc in nlp.pipe([make(nlp), make(nlp)])] == [[], []]
    assert nlp.update([Example(make(nlp), make(nlp))], sgd=False)[NAME] == 0.0


def test_something_to_relate_but_no_model(make_nlp, architecture):
    nlp = make_nlp(architecture)
    component(nlp).add_label("founded")
    with pytest.raises(ValueError, match=r"E014.*initialize"):
        nlp(make_doc(nlp))
    with pytest.raises(ValueError, match="E014"):
        component(nlp).update([Example(make_doc(nlp), make_doc(nlp))])
    with pytest.raises(ValueError, match="E014"):
        _ = component(nlp).tau


# Entities outside the encoded text


@pytest.fixture
def cut(trained_folder, architecture) -> Callable[[int], Language]:
    """Loads the trained pipeline so that it reads so many word pieces."""
    override = f"components.{NAME}.model.encoder.max_pieces"
    return lambda pieces: spacy.load(trained_folder(architecture), config={override: pieces})


def test_entities_outside_the_encoded_text(cut):
    """The text begins with all mentions of two entities; a third and a fourth come after the limit."""
    nlp = cut(60)
    words = [*(token.text for token in make_other_doc(nlp)), *["the"] * 60, "Oslo", "in", "Bergen"]
    doc = annotate(Doc(nlp.vocab, words=words), [(0, 1), (9, 10)], [(3, 4), (5, 6)], [(70, 71)], [(72, 73)])
    doc.user_data[TITLE] = "Acme and Bolt"
    component(nlp).threshold = 0.0
    with pytest.warns(UserWarning, match=f"W001.*{NAME}.*2 entities of 'Acme and Bolt'.*60") as caught:
        nlp(doc)
    assert len(caught) == 1
    found = triples(doc)
    assert {key for head, _, tail in found for key in (head, tail)} == {"entity_1", "entity_2"}
    assert set(OTHER_GOLD) <= set(found)


def test_mentions_outside_the_encoded_text(cut):
    """An entity with a mention inside is read; the others of its mentions are not."""
    nlp = cut(60)
    words = [*(token.text for token in make_other_doc(nlp)), *["the"] * 60, "Acme"]
    doc = annotate(Doc(nlp.vocab, words=words), [(0, 1), (9, 10), (70, 71)], [(3, 4), (5, 6)])
    assert triples(nlp(doc)) == OTHER_GOLD
    assert {pair.head.start for pair in doc._.relations[0].key_mention_pairs} <= {0, 9, 3, 5}


@pytest.mark.parametrize("pieces, count", [(1, 2), (6, 1)])
def test_fewer_than_two_entities_inside(cut, pieces: int, count: int):
    nlp = cut(pieces)
    before = state(nlp)
    with pytest.warns(UserWarning, match=f"W001.*{count} entities"):
        assert nlp(annotate(make_other_doc(nlp), [(1, 2)], [(9, 10)]))._.relations == []
    (_, example) = make_examples(nlp)
    for doc in (example.predicted, example.reference):
        annotate(doc, [(1, 2)], [(9, 10)])
    optimizer = nlp.resume_training()
    with pytest.warns(UserWarning, match="W001"):
        assert nlp.update([example], sgd=optimizer)[NAME] == 0.0
    assert same_state(state(nlp), before)


def test_no_warning_where_all_is_read(cut):
    nlp = cut(1000)
    assert triples(nlp(make_doc(nlp))) == GOLD


# Odd mentions


@pytest.mark.parametrize(
    "clusters",
    [
        [[(0, 2), (1, 3)], [(2, 4)]],
        [[(0, 14)], [(3, 4)], [(0, 1), (13, 14)]],
        [[(0, 2), (0, 2)], [(0, 2)]],
        [[(0, 2), (10, 11)], [(0, 2), (3, 4)]],
        [[(0, 1)], [(1, 2)], [(4, 5)]],
    ],
    ids=["overlapping", "nested", "the same", "shared", "side by side"],
)
def test_odd_mentions(load, clusters: list[list[tuple[int, int]]]):
    nlp = load()
    doc = make_doc(nlp)
    doc.spans.clear()
    annotate(doc, *clusters)
    component(nlp).threshold = 0.0
    relations = nlp(doc)._.relations
    count = len(clusters)
    assert len(relations) == 4 * count * (count - 1)
    assert all(0.0 < relation.score < 1.0 for relation in relations)
    for relation in relations:
        assert len(set(relation.head.mentions)) == len(relation.head.mentions)
        pairs = [
            (pair.head.start, pair.head.end, pair.tail.start, pair.tail.end)
            for pair in relation.key_mention_pairs
        ]
        assert len(set(pairs)) == len(pairs) > 0
    reference = doc.copy()
    reference._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "founded"}]
    assert 0 < nlp.update([Example(doc, reference)])[NAME] < float("inf")


def test_duplicates_change_nothing(load):
    nlp = load()
    doc = annotate(make_doc(nlp), [(0, 2), (5, 6), (10, 11), (0, 2), (5, 6)])
    expected = nlp(make_doc(nlp))
    assert [relation.to_dict() for relation in nlp(doc)._.relations] == [
        relation.to_dict() for relation in expected._.relations
    ]


def test_mentions_of_white_space_and_empty_ones(load):
    nlp = load()
    words = ["Acme", "works", "\n\n", "near", "Bolt", " "]
    doc = annotate(Doc(nlp.vocab, words=words), [(0, 1)], [(2, 3)], [(5, 6), (4, 5)])
    doc.spans["entity_4"] = [Span(doc, 1, 1), Span(doc, 0, 0)]
    component(nlp).threshold = 0.0
    relations = nlp(doc)._.relations
    assert {relation.head.key for relation in relations} == {"entity_1", "entity_2", "entity_3"}
    assert all(0.0 < relation.score < 1.0 for relation in relations)
    blank = annotate(Doc(nlp.vocab, words=["\n", " "]), [(0, 1)], [(1, 2)])
    assert len(nlp(blank)._.relations) == 8


# Labels and gold relations


def test_an_unknown_label(load):
    nlp = load()
    (example, other) = make_examples(nlp)
    example.reference._.relations = [*RELATIONS, {"head": "entity_2", "tail": "entity_1", "label": "owns"}]
    before = state(nlp)
    with pytest.raises(ValueError, match=f"E020.*'owns'.*{NAME}.*founded, founded_by, lives_in.*initialize"):
        nlp.update([other, example])
    assert same_state(state(nlp), before)
    assert gradients(nlp) == []


def test_an_unknown_label_in_a_document_without_pairs(load):
    nlp = load()
    reference = make_lonely_doc(nlp)
    # Corpora hold relations of an entity with itself.
    data = {"head": "entity_1", "tail": "entity_1", "label": "owns"}
    store_relations(reference, [relation_data_of(reference, data)])
    with pytest.raises(ValueError, match=r"E020.*'owns'"):
        nlp.update([Example(make_lonely_doc(nlp), reference)])


def lossy_example(nlp: Language) -> Example:
    """The predicted Doc lacks an entity that two gold relations point at."""
    example = make_example(nlp)
    del example.predicted.spans["entity_3"]
    example.reference.user_data[TITLE] = "Ann Lee"
    return example


def test_lost_relations_are_counted_and_warned_of_once_per_epoch(load):
    nlp = load()
    pipe = component(nlp)
    with pytest.warns(
        UserWarning, match=f"W002.*{NAME}.*2 gold relations of 'Ann Lee'.*'entity_3'"
    ) as caught:
        nlp.update([lossy_example(nlp), lossy_example(nlp)], sgd=False)
        nlp.update([lossy_example(nlp)], sgd=False)
    assert len(caught) == 1
    assert pipe.lost_relations == 6
    pipe.start_step(step=3, epoch=0, phase=Phase.JOINT, tau=0.5)
    nlp.update([lossy_example(nlp)], sgd=False)  # a warning would be an error here
    assert pipe.lost_relations == 8
    pipe.start_step(step=4, epoch=1, phase=Phase.JOINT, tau=0.5)
    assert pipe.lost_relations == 0
    with pytest.warns(UserWarning, match="W002") as caught:
        nlp.update([make_example(nlp), lossy_example(nlp)], sgd=False)
        pipe.start_step(step=5, epoch=1, phase=Phase.JOINT, tau=0.5)
        nlp.update([lossy_example(nlp)], sgd=False)
    assert len(caught) == 1
    assert pipe.lost_relations == 4


def test_lost_relations_of_a_document_without_pairs_count_too(load):
    nlp = load()
    example = make_example(nlp)
    for key in ("entity_2", "entity_3"):
        del example.predicted.spans[key]
    with pytest.warns(UserWarning, match=r"W002.*3 gold relations"):
        assert nlp.update([example], sgd=False)[NAME] == 0.0
    assert component(nlp).lost_relations == 3


def test_what_is_left_of_the_relations_is_learned(make_nlp):
    nlp = make_nlp()
    example = lossy_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    with pytest.warns(UserWarning, match="W002") as caught:
        for _ in range(30):
            nlp.update([example], sgd=optimizer)
    assert len(caught) == 1
    doc = make_doc(nlp)
    del doc.spans["entity_3"]
    assert triples(nlp(doc)) == [("entity_1", "founded", "entity_2")]


# Saved pipelines that are not whole


def truncate(size: float) -> Callable[[Path, Path], None]:
    def damage(file: Path, other: Path) -> None:
        file.write_bytes(file.read_bytes()[: int(size * file.stat().st_size)])

    return damage


def foreign(model: Model) -> Callable[[Path, Path], None]:
    return lambda file, other: file.write_bytes(model.initialize().to_bytes())


def edit_weights(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path, Path], None]:
    """Changes the message that holds the network."""

    def damage(file: Path, other: Path) -> None:
        model = srsly.msgpack_loads(file.read_bytes())
        network = srsly.msgpack_loads(model["shims"][0][0])
        change(network)
        model["shims"][0][0] = srsly.msgpack_dumps(network)
        file.write_bytes(srsly.msgpack_dumps(model))

    return damage


class Bomb:
    """Unpickling it is an error that no test overlooks."""

    def __reduce__(self):
        return (pytest.exit, ("something was unpickled",))


DAMAGE: dict[str, Callable[[Path, Path], Any]] = {
    "missing": lambda file, other: file.unlink(),
    "empty": truncate(0.0),
    "first half": truncate(0.5),
    "all but the end": truncate(0.999),
    "text": lambda file, other: file.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "another component's": foreign(Linear(2, 2)),
    "one without weights": foreign(softmax_activation()),
    "a deeper one": foreign(chain(Linear(2, 2), Linear(2, 2))),
    "the other architecture's": lambda file, other: shutil.copy(other / NAME / "model", file),
    "a pickle": lambda file, other: file.write_bytes(pickle.dumps(Bomb())),
    "pickled weights": edit_weights(lambda network: network.update(weights=pickle.dumps(Bomb()))),
    "truncated weights": edit_weights(lambda network: network.update(weights=network["weights"][:-100])),
    "weights without a tensor": edit_weights(lambda network: network.pop("weights")),
    "another number of classes": edit_weights(lambda network: network.update(classes=4)),
    "without a tokenizer": edit_weights(lambda network: network.update(tokenizer={})),
    "labels missing": lambda file, other: (file.parent / "cfg").unlink(),
    "labels of another": lambda file, other: (file.parent / "cfg").write_text('{"labels": ["founded"]}'),
    "labels truncated": lambda file, other: (file.parent / "cfg").write_text('{"labels": ["founded", '),
    "the folder missing": lambda file, other: shutil.rmtree(file.parent),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder(trained_folder, tmp_path, damage: Callable[[Path, Path], Any]):
    folder = tmp_path / "damaged"
    shutil.copytree(trained_folder("KMGRE"), folder)
    nlp = spacy.load(folder)
    pipe = component(nlp)
    pipe.tau, pipe.threshold = 0.125, 0.625
    before, labels, facts = state(nlp), pipe.labels, dict(pipe.model.attrs)
    damage(folder / NAME / "model", trained_folder("ATLOP"))

    with pytest.raises(ValueError, match=r"E015|E018") as error:
        spacy.load(folder)
    assert NAME in str(error.value) and str(folder / NAME) in str(error.value)
    # Nothing half loaded: a component that was there is as it was.
    with pytest.raises(ValueError, match=r"E015|E018"):
        pipe.from_disk(folder / NAME)
    assert same_state(state(nlp), before)
    assert (pipe.labels, pipe.threshold, pipe.model.name) == (labels, 0.625, "kmgre")
    assert pipe.model.attrs == facts and pipe.model.get_dim("nO") == len(labels) + 1
    assert triples(nlp(make_doc(nlp))) == GOLD


def test_labels_that_do_not_fit_the_weights(trained_folder, tmp_path):
    shutil.copytree(trained_folder("KMGRE"), tmp_path / "model")
    cfg = tmp_path / "model" / NAME / "cfg"
    data = srsly.read_json(cfg)
    assert len(data["labels"]) == 4
    srsly.write_json(cfg, {**data, "labels": data["labels"][1:]})
    with pytest.raises(ValueError, match=rf"E017.*{NAME} know 4 relation labels, but the component 3\."):
        spacy.load(tmp_path / "model")


def test_damaged_bytes(load):
    nlp = load()
    data = component(nlp).to_bytes()
    before = state(nlp)
    for damaged in (b"", data[: len(data) // 2], data[:-100]):
        with pytest.raises(ValueError, match="E015"):
            component(nlp).from_bytes(damaged)
        assert same_state(state(nlp), before)
        assert triples(nlp(make_doc(nlp))) == GOLD


@pytest.mark.parametrize(
    "setting", [{"head": "bilinear"}, {"key_classifier": False}, {"shared_encoder": True}], ids=str
)
def test_a_config_that_does_not_fit_the_weights(trained_folder, setting: dict[str, Any]):
    ((key, value),) = setting.items()
    with pytest.raises(ValueError, match=rf"(?s)^\[KMGRE E018\].*E016.*{key}.*{value!r}") as error:
        spacy.load(trained_folder("KMGRE"), config={f"components.{NAME}.model.{key}": value})
    assert "copy" not in str(error.value)  # It is whole.


def test_weights_are_never_unpickled(load, monkeypatch, tmp_path):
    nlp = load()

    def fail(*args, **kwargs):
        raise AssertionError("something was unpickled")

    for module, name in (
        (pickle, "loads"),
        (pickle, "load"),
        (pickle, "Unpickler"),
        (torch, "load"),
        (torch, "save"),
    ):
        monkeypatch.setattr(module, name, fail)
    nlp.to_disk(tmp_path)
    assert triples(spacy.load(tmp_path)(make_doc(nlp))) == GOLD
    other = MultiLanguage.from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert triples(other(make_doc(other))) == GOLD


# Losses that are not finite


@pytest.mark.parametrize("part", ["relation", "key"])
@pytest.mark.parametrize("phase", [Phase.WARMUP, Phase.JOINT])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite(trained_folder, phase: Phase, part: str, value: float):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe = component(nlp)
    module = get_shim(pipe.model).require_network().parts[part]
    with torch.no_grad():
        module.head.output.weight[0, 0] = value
    pipe.start_step(step=41, epoch=1, phase=phase, tau=0.5)
    example = make_example(nlp)
    example.predicted.user_data[TITLE] = "Ann Lee"
    optimizer = nlp.resume_training()
    before = state(nlp)
    losses = {NAME: 1.0}
    with pytest.raises(ValueError, match=f"E022.*{NAME}.*step 41, phase {phase.value}.*Ann Lee"):
        nlp.update([example], sgd=optimizer, losses=losses)
    assert all(
        torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))
        for a, b in zip(state(nlp).values(), before.values())
    )
    assert gradients(nlp) == []
    assert losses[NAME] == 1.0


def test_a_refused_update_leaves_no_trace(make_nlp, architecture):
    """The next one is the same as without it."""
    results = []
    for refuse in (False, True):
        torch.manual_seed(0)
        nlp = make_nlp(architecture)
        examples = make_examples(nlp)
        optimizer = nlp.initialize(lambda: examples)  # noqa: B023
        nlp.update(examples, sgd=optimizer)
        if refuse:
            network = get_shim(component(nlp).model).require_network()
            weight = network.extractor.head.output.weight
            kept = weight.detach().clone()
            with torch.no_grad():
                weight.fill_(float("nan"))
            with pytest.raises(ValueError, match="E022"):
                nlp.update(examples, sgd=optimizer)
            with torch.no_grad():
                weight.copy_(kept)
        torch.manual_seed(1)
        nlp.update(examples, sgd=optimizer)
        results.append(state(nlp))
    assert same_state(*results)


def test_no_relation_out_of_broken_weights(load):
    nlp = load()
    network = get_shim(component(nlp).model).require_network()
    with torch.no_grad():
        network.extractor.head.output.weight.fill_(float("nan"))
    assert nlp(make_doc(nlp))._.relations == []


def test_good_input_is_quiet(load):
    nlp = load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.update(make_examples(nlp))
        nlp.evaluate(make_examples(nlp))
