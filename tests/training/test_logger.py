import io
from enum import Enum
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import train_while_improving
from spacy.util import registry
from thinc.api import Config, Model, Optimizer

from spacy_kmgre.training.logger import em_logger

WEIGHTS = {"rel_micro_f": 1.0, "rel_ign_f": 0.0, "speed": 0.0, "hidden": None}


class Phase(Enum):
    E_STEP = "e-step"


class Trained:
    """A component that learns nothing and reports losses."""

    is_trainable = True

    def __init__(self, name: str):
        self.name = name
        self.model = Model("nothing", lambda model, X, is_train: (X, lambda dY: dY))

    def __call__(self, doc):
        return doc

    def update(self, examples, *, drop, sgd, losses) -> dict[str, float]:
        losses[self.name] = losses.get(self.name, 0.0) + 1.5
        return losses

    def finish_update(self, optimizer: Optimizer) -> None:
        pass


class TrainedByEM(Trained):
    def __init__(self, name: str):
        super().__init__(name)
        self.phase: Any = "warm-up"
        self.tau = 0.0

    def update(self, examples, *, drop, sgd, losses) -> dict[str, float]:
        for key in (f"{self.name}_relation", f"{self.name}_key"):
            losses[key] = losses.get(key, 0.0) + 0.25
        return super().update(examples, drop=drop, sgd=sgd, losses=losses)


class Frozen:
    def __init__(self, name: str):
        pass

    def __call__(self, doc):
        return doc


Language.factory("logged_plain", func=lambda nlp, name: Trained(name))
Language.factory("logged_rule", func=lambda nlp, name: Frozen(name))
Language.factory("logged_em", func=lambda nlp, name: TrainedByEM(name), default_score_weights=WEIGHTS)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pipeline(**pipes: str) -> Language:
    nlp = spacy.blank("en")
    for name, factory in pipes.items():
        nlp.add_pipe(f"logged_{factory}", name=name)
    return nlp


def step_info(step: int = 40, **changes: Any) -> dict[str, Any]:
    info = {
        "epoch": 2,
        "step": step,
        "score": 0.4321,
        "other_scores": {"rel_micro_f": 0.4321, "speed": 1234.5, "hidden": 0.9},
        "losses": {"rel": 9.0, "rel_relation": 8.125, "rel_key": 0.875, "tag": 3.0},
        "checkpoints": [],
        "seconds": 61,
        "words": 1000,
    }
    return {**info, **changes}


def rows(stream: io.StringIO) -> list[list[str]]:
    return [line.split() for line in stream.getvalue().splitlines()]


def unwrapped(stream: io.StringIO) -> str:
    return "".join(stream.getvalue().split())


def test_the_table_shows_phase_tau_and_both_losses():
    nlp, out = pipeline(rule="rule", rel="em", tag="plain"), io.StringIO()
    log_step, finalize = em_logger()(nlp, out, io.StringIO())
    nlp.get_pipe("rel").phase, nlp.get_pipe("rel").tau = Phase.E_STEP, 0.12345
    log_step(None)
    log_step(step_info())
    finalize()
    header, rule, row = out.getvalue().splitlines()
    titles = "E # PHASE TAU LOSS REL LOSS KEY LOSS TAG REL_MICRO_F REL_IGN_F SPEED SCORE SEC"
    assert header.split() == titles.split()
    assert set(rule) == {"-", " "}
    assert len(header) == len(rule) == len(row)
    cells = ["2", "40", "e-step", "0.123", "8.12", "0.88", "3.00", "43.21", "-", "1234.50", "0.43", "61"]
    assert row.split() == cells


def test_a_loss_of_another_phase_has_no_value():
    out = io.StringIO()
    log_step, finalize = em_logger()(pipeline(rel="em"), out, io.StringIO())
    log_step(step_info(losses={"rel": 1.0, "rel_key": 1.0}))
    finalize()
    assert rows(out)[-1][2:6] == ["warm-up", "0.000", "-", "1.00"]


def test_two_components_have_their_own_columns(tmp_path):
    out, path = io.StringIO(), tmp_path / "log.jsonl"
    log_step, finalize = em_logger(output_file=path)(pipeline(one="em", two="em"), out, io.StringIO())
    log_step(step_info(losses={"one_relation": 1.0, "one_key": 2.0, "two_relation": 3.0, "two_key": 4.0}))
    finalize()
    assert "PHASE ONE" in out.getvalue() and "LOSS KEY TWO" in out.getvalue()
    expected = ["warm-up", "0.000", "1.00", "2.00", "warm-up", "0.000", "3.00", "4.00"]
    assert rows(out)[-1][2:10] == expected
    assert next(iter(srsly.read_jsonl(path)))["tau"] == {"one": 0.0, "two": 0.0}


def test_json_lines(tmp_path):
    path = tmp_path / "logs" / "first" / "log.jsonl"
    nlp, out = pipeline(rel="em", tag="plain"), io.StringIO()
    log_step, finalize = em_logger(output_file=path)(nlp, out, io.StringIO())
    log_step(step_info(0))
    log_step(None)
    log_step(step_info(40))
    assert len(list(srsly.read_jsonl(path))) == 2  # readable while training goes on
    finalize()
    first, second = srsly.read_jsonl(path)
    assert (first["step"], second["step"]) == (0, 40)
    assert second == {
        "epoch": 2,
        "step": 40,
        "phases": {"rel": "warm-up"},
        "tau": {"rel": 0.0},
        "losses": {"rel": 9.0, "tag": 3.0, "rel_relation": 8.125, "rel_key": 0.875},
        "scores": {"rel_micro_f": pytest.approx(43.21), "rel_ign_f": None, "speed": 1234.5},
        "score": pytest.approx(0.4321),
        "seconds": 61,
    }
    assert str(path) in unwrapped(out)


def test_an_older_log_is_left_alone(tmp_path):
    path, out = tmp_path / "log.jsonl", io.StringIO()
    path.write_text("before\n")
    log_step, finalize = em_logger(output_file=path)(pipeline(rel="em"), out, io.StringIO())
    log_step(step_info())
    finalize()
    assert path.read_text() == "before\n"
    assert "alreadyexists" in unwrapped(out)
    assert rows(out)[-1][:2] == ["2", "40"]


def test_progress_bar_only_on_terminals():
    for progress_bar, stderr, shown in (
        (True, Terminal(), True),
        (True, io.StringIO(), False),
        (False, Terminal(), False),
    ):
        nlp, out = pipeline(rel="em"), io.StringIO()
        nlp.config["training"]["eval_frequency"] = 7
        log_step, finalize = em_logger(progress_bar=progress_bar)(nlp, out, stderr)
        log_step(None)
        log_step(step_info())
        log_step(None)
        log_step(step_info())
        finalize()
        assert ("Epoch 3" in stderr.getvalue() and "/7" in stderr.getvalue()) is shown
        assert "Epoch" not in out.getvalue()


def test_without_em_it_is_a_console_log():
    out = io.StringIO()
    log_step, finalize = em_logger()(pipeline(rule="rule", tag="plain"), out, io.StringIO())
    log_step(step_info())
    finalize()
    header, _, row = rows(out)
    assert header == ["E", "#", "LOSS", "TAG", "SCORE", "SEC"]
    assert row == ["2", "40", "3.00", "0.43", "61"]


def test_tau_is_not_read_before_the_first_row():
    class Uninitialized(TrainedByEM):
        @property
        def tau(self) -> float:
            raise ValueError("not initialized")

        @tau.setter
        def tau(self, value: float) -> None:
            pass

    Language.factory("logged_uninitialized", func=lambda nlp, name: Uninitialized(name))
    out = io.StringIO()
    em_logger()(pipeline(rel="uninitialized"), out, io.StringIO())
    assert "TAU" in out.getvalue()


def test_in_a_training_loop_from_a_config(tmp_path):
    path = tmp_path / "log.jsonl"
    config = f"""
    [logger]
    @loggers = "spacy_kmgre.EMLogger.v1"
    output_file = "{path}"
    """
    nlp, out = pipeline(rel="em", tag="plain"), io.StringIO()
    log_step, finalize = registry.resolve(Config().from_str(config))["logger"](nlp, out, io.StringIO())

    def before_update(nlp: Language, args: dict[str, Any]) -> None:
        nlp.get_pipe("rel").phase = "e-step" if args["step"] % 2 else "m-step"
        nlp.get_pipe("rel").tau = args["step"] / 10

    examples = [Example.from_dict(nlp.make_doc("A text."), {})]
    steps = train_while_improving(
        nlp,
        Optimizer(0.001),
        iter([(0, examples)] * 5),
        lambda: (0.5, {"rel_micro_f": 0.5}),
        dropout=0.0,
        eval_frequency=3,
        accumulate_gradient=1,
        patience=0,
        max_steps=0,
        exclude=[],
        annotating_components=[],
        before_update=before_update,
    )
    for _, info, is_best in steps:
        log_step(info if is_best is not None else None)
    finalize()
    records = list(srsly.read_jsonl(path))
    assert [record["step"] for record in records] == [0, 3]
    assert [record["phases"]["rel"] for record in records] == ["m-step", "e-step"]
    assert [record["tau"]["rel"] for record in records] == pytest.approx([0.0, 0.3])
    assert [record["losses"]["rel_key"] for record in records] == [0.25, 0.75]
    assert [record["losses"]["tag"] for record in records] == [1.5, 4.5]
    assert [row[:2] for row in rows(out)[-2:]] == [["0", "0"], ["0", "3"]]
