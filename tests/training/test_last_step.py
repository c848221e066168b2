"""`spacy train` as a newcomer runs it: what is saved as model-best, and what is said of an F of 0."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, registry
from thinc.api import Config

from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.model.thinc_shim import get_shim
from spacy_kmgre.training.steps import planned_steps

from ..conftest import component, make_examples, same_state, state

CONFIGS = Path(__file__).parents[2] / "spacy_kmgre" / "configs"
CALLED: list[Language] = []


@registry.callbacks("test_last_step.v1")
def note() -> Any:
    def before_to_disk(nlp: Language) -> Language:
        CALLED.append(nlp)
        nlp.meta["noted"] = True
        return nlp

    return before_to_disk


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.spacy"
    write_corpus([example.reference for example in make_examples(spacy.blank("en"))], path)
    return path


@pytest.fixture
def run(tiny_encoder, corpus, tmp_path):
    """Trains with a config and overrides; gives the pipeline, the folder and the log."""

    def train_with(name: str = "kmgre_tiny", **overrides: Any) -> tuple[Language, Path, str]:
        settings = {
            "paths.train": str(corpus),
            "paths.dev": str(corpus),
            "paths.encoder": tiny_encoder,
            "system.gpu_allocator": None,
            "components.kmgre_relations.model.encoder.overlap": 16,
            **{key.replace("__", "."): value for key, value in overrides.items()},
        }
        config = load_config(CONFIGS / f"{name}.cfg", overrides=settings)
        nlp, out = init_nlp(config), io.StringIO()
        (tmp_path / "out").mkdir(exist_ok=True)
        train(nlp, tmp_path / "out", stdout=out)
        return nlp, tmp_path / "out", out.getvalue()

    return train_with


def steps(log: str) -> list[int]:
    return [int(row.split()[1]) for row in log.splitlines() if re.match(r" *\d+ +\d+ ", row)]


@pytest.mark.parametrize("name", ["kmgre_tiny", "atlop_minilm_cpu", "kmgre_paper"])
@pytest.mark.parametrize("length", [1, 3, 5])
def test_the_best_model_is_the_trained_one_however_short_the_training(run, name, length):
    nlp, out, log = run(name, training__max_steps=length, training__eval_frequency=800)
    assert steps(log) == [0, length]
    best = spacy.load(out / "model-best")
    assert same_state(state(best), state(nlp))
    assert same_state(state(spacy.load(out / "model-last")), state(nlp))


@pytest.mark.parametrize("frequency, expected", [(2, [0, 2, 4]), (3, [0, 3, 4]), (4, [0, 4])])
def test_the_last_step_is_evaluated_once(run, frequency, expected):
    _, _, log = run(training__max_steps=4, training__eval_frequency=frequency)
    assert steps(log) == expected


def test_a_training_by_epochs_ends_with_an_evaluation(run):
    """Two documents make one batch of `kmgre_tiny`; spaCy counts steps from 0."""
    nlp, out, log = run(training__max_steps=0, training__max_epochs=3, training__eval_frequency=100)
    assert steps(log) == [0, 2]
    assert component(nlp).total_steps == planned_steps(nlp) == 3
    assert same_state(state(spacy.load(out / "model-best")), state(nlp))


def test_a_better_model_is_kept(run, monkeypatch):
    scores = iter([0.1, 0.9, 0.5])
    monkeypatch.setattr(
        Language, "evaluate", lambda nlp, examples: {"rel_micro_f": next(scores), "rel_micro_p": 0.0}
    )
    nlp, out, log = run(training__max_steps=3, training__eval_frequency=2)
    assert steps(log) == [0, 2, 3]
    best, last = spacy.load(out / "model-best"), spacy.load(out / "model-last")
    assert (best.meta["performance"]["rel_micro_f"], last.meta["performance"]["rel_micro_f"]) == (0.9, 0.5)
    assert same_state(state(last), state(nlp)) and not same_state(state(best), state(nlp))


def test_what_is_done_before_saving_is_done_before_this_too(run):
    CALLED.clear()
    callback = {"@callbacks": "test_last_step.v1"}
    _, out, _ = run(training__max_steps=1, training__before_to_disk=callback)
    assert spacy.load(out / "model-best").meta["noted"]
    assert len(CALLED) == 3  # step 0, the last step, and model-last


class Stopped(Exception):
    pass


def test_a_training_that_fails_is_not_evaluated(run, monkeypatch, tmp_path):
    def stop(self, *args: Any, **kwargs: Any) -> None:
        if self.step == 2:
            raise Stopped
        return update(self, *args, **kwargs)

    pipe = type(component(spacy.load(run(training__max_steps=1)[1] / "model-best")))
    update = pipe.update
    monkeypatch.setattr(pipe, "update", stop)
    with pytest.raises(Stopped):
        run(training__max_steps=5, training__eval_frequency=100)
    assert spacy.load(tmp_path / "out" / "model-last")


def test_rates_rise_and_fall_within_the_steps_of_the_training(run, monkeypatch):
    seen: list[tuple[float, float]] = []
    nlp, _, _ = run(training__max_steps=1)
    finish = type(get_shim(component(nlp).model)).finish_update

    def look(self, optimizer):
        finish(self, optimizer)
        seen.append((optimizer.learn_rate, optimizer.head_learn_rate))

    monkeypatch.setattr(type(get_shim(component(nlp).model)), "finish_update", look)
    warm_up = {f"training__optimizer__{kind}learn_rate__warmup": 0.5 for kind in ("", "head_")}
    run(training__max_steps=4, **warm_up)
    assert [rate for rate, _ in seen] == pytest.approx([0.0, 5e-5, 1e-4, 5e-5, 0.0])
    assert [rate for _, rate in seen] == pytest.approx([0.0, 5e-4, 1e-3, 5e-4, 0.0])


LONG = {"training__max_steps": 60, "training__eval_frequency": 100}
FAST = {f"training__optimizer__{kind}learn_rate__initial_rate": 3e-3 for kind in ("", "head_")}


def test_nothing_is_said_of_a_training_that_has_taught_something(run):
    torch.manual_seed(0)
    _, out, log = run(**LONG, **FAST)
    assert spacy.load(out / "model-best").meta["performance"]["rel_micro_f"] > 0
    assert "W011" not in log


def said(log: str) -> str:
    assert "W011" in log and "stayed 0" in log
    return " ".join(log[log.index("W011") :].split())


def test_a_short_training_says_so(run):
    found = said(run(training__max_steps=2, components__kmgre_relations__threshold=0.99)[2])
    assert "below the threshold 0.99" in found and "no more than 3 updates" in found
    assert "components.kmgre_relations.threshold" in found


def test_a_corpus_without_relations_says_so(run, tmp_path):
    docs = [example.predicted for example in make_examples(spacy.blank("en"))]
    write_corpus(docs, tmp_path / "dev.spacy")
    with pytest.warns(UserWarning, match="W111"):
        log = run(training__max_steps=1, paths__dev=str(tmp_path / "dev.spacy"))[2]
    assert "development corpus has no relations" in said(log)


@pytest.mark.filterwarnings("ignore:.*W016")
def test_labels_and_types_of_another_corpus_say_so(run, tmp_path):
    docs = [example.reference for example in make_examples(spacy.blank("en"))]
    for doc in docs:
        for key, group in doc.spans.items():
            doc.spans[key] = [spacy.tokens.Span(doc, span.start, span.end, label="OTHER") for span in group]
        doc._.relations = [{**relation.to_dict(), "label": "P17"} for relation in doc._.relations]
    write_corpus(docs, tmp_path / "dev.spacy")
    found = said(run(training__max_steps=1, paths__dev=str(tmp_path / "dev.spacy"))[2])
    assert "labels that the training corpus lacks: 'P17'" in found and "'founded'" in found
    assert "It has: 'OTHER'" in found and "corpus: 'X'" in found


def test_a_development_corpus_without_entities_says_so(run):
    setting = {"corpora__dev__gold_entities": False}
    with pytest.warns(UserWarning, match="W00[34]"):
        found = run(training__max_steps=1, **setting)[2]
    assert steps(found) == [0, 1]


def test_rates_that_teach_nothing_or_undo_say_so(run):
    slow = {f"training__optimizer__{kind}learn_rate__initial_rate": 1e-9 for kind in ("", "head_")}
    high = {"components__kmgre_relations__threshold": 0.99}
    assert "heads learned at no more than" in said(run(training__max_steps=3, **slow, **high)[2])
    fast = {"training__optimizer__learn_rate__initial_rate": 0.5}
    found = said(run(training__max_steps=3, **fast, **high)[2])
    assert "undoes what it knew; 0.001 is usual" in found


@pytest.mark.parametrize(
    "max_steps, max_epochs, expected", [(7, 0, 7), (0, 5, 5), (7, 5, 5), (3, 5, 3), (0, 0, None), (9, -1, 9)]
)
def test_the_length_of_a_training(corpus, max_steps, max_epochs, expected):
    nlp = spacy.blank("en")
    reader = {"@readers": "spacy_kmgre.Corpus.v1", "path": str(corpus)}
    batcher = {"@batchers": "spacy.batch_by_sequence.v1", "size": 2}
    nlp.config["corpora"].update(train=reader, dev=reader)
    nlp.config["training"].update(max_steps=max_steps, max_epochs=max_epochs, batcher=batcher)
    assert planned_steps(nlp) == expected
    assert isinstance(nlp.config, Config)
