"""`spacy kmgre evaluate`: reports, comparison, thresholds, overrides, and messages on mistakes."""

import math
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import Language
from spacy.tokens import Doc
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader

from ..conftest import NAME, component, make_examples


@pytest.fixture(scope="module")
def corpus(kmgre_nlp, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "dev.spacy"
    write_corpus([example.reference for example in make_examples(kmgre_nlp)], path)
    return path


@pytest.fixture(scope="module")
def kmgre_nlp(trained_folder):
    return spacy.load(trained_folder("KMGRE"))


def run(*args: object):
    return CliRunner().invoke(kmgre, ["evaluate", *map(str, args), "--samples", "20"])


def done(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.output


def failed(*args: object) -> str:
    result = run(*args)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return " ".join(result.output.split())


def test_reports_in_three_forms(trained_folder, corpus, tmp_path):
    outputs = [tmp_path / "new" / name for name in ("dev.json", "dev.md", "dev.html")]
    shown = done(trained_folder("KMGRE"), corpus, *[x for path in outputs for x in ("-o", path)])
    assert "95 % interval 100.0 to 100.0" in shown
    scores = srsly.read_json(outputs[0])
    assert scores["rel_micro_f"] == 1.0
    assert scores["report"]["documents"] == 2 and scores["report"]["samples"] == 20
    assert "| all relations | 100.0 | 100.0 | 100.0 |" in outputs[1].read_text(encoding="utf8")
    assert "<td>all relations</td><td>100.0</td>" in outputs[2].read_text(encoding="utf8")


def test_settings_can_be_overridden_and_compared(trained_folder, corpus, tmp_path):
    model, report = trained_folder("KMGRE"), tmp_path / "report.json"
    override = (f"--components.{NAME}.allowed_triples", '[["X", "founded", "X"]]')
    shown = done(model, corpus, "--baseline", model, "-o", report, *override)
    found = srsly.read_json(report)["report"]
    assert found["settings"]["allowed_triples"] == [["X", "founded", "X"]]
    (micro,) = (line for line in found["sections"][0]["lines"] if line["name"] == "micro")
    assert (micro["predicted"], micro["gold"]) == (2, 5)
    assert micro["difference"] == pytest.approx(micro["f"] - 1.0)
    assert f"F minus that of {model} -42.9" in shown


def test_the_best_threshold_is_found_and_written(trained_folder, corpus, tmp_path):
    model = tmp_path / "model"
    nlp = spacy.load(trained_folder("KMGRE"))
    component(nlp).threshold, component(nlp).thresholds = 0.999, {"founded": 0.99}
    nlp.to_disk(model)
    assert "in cross-validation" in done(model, corpus, "--thresholds")
    assert component(spacy.load(model)).thresholds == {"founded": 0.99}
    done(model, corpus, "--write-thresholds", "-o", tmp_path / "dev.json")
    found = srsly.read_json(tmp_path / "dev.json")["report"]["threshold"]
    pipe = component(spacy.load(model))
    assert pipe.threshold == found["threshold"] < 0.999 and pipe.thresholds == {}


def test_calibration_is_found_and_written(trained_folder, corpus, tmp_path):
    model = tmp_path / "model"
    before = spacy.load(trained_folder("KMGRE"))
    before.to_disk(model)
    # Its scores are close to probabilities already.
    assert "No calibration is written" in done(model, corpus, "--write-calibration")
    pipe = component(before)
    pipe.calibration = [0.1, -2.0]
    pipe.threshold = 1 / (1 + math.exp(2.0))
    before.to_disk(model)
    assert "from probabilities" in done(model, corpus, "--thresholds")
    done(model, corpus, "--write-calibration", "-o", tmp_path / "dev.json")
    after = spacy.load(model)
    found = srsly.read_json(tmp_path / "dev.json")["report"]["calibration"]
    assert component(after).calibration == pytest.approx([found["slope"], found["intercept"]])
    assert component(after).calibration != pipe.calibration
    assert component(after).threshold != component(before).threshold
    same = [predictions(nlp, corpus) for nlp in (before, after)]
    assert same[0] and same[0] == same[1]
    # With both at once, the threshold is one of calibrated scores.
    pipe.thresholds = {"founded": 0.6}
    before.to_disk(model)
    done(model, corpus, "--write-thresholds", "--write-calibration", "-o", tmp_path / "dev.json")
    both, best = component(spacy.load(model)), srsly.read_json(tmp_path / "dev.json")["report"]["threshold"]
    assert both.thresholds == {} and both.calibration == component(after).calibration
    margin = (math.log(best["threshold"] / (1 - best["threshold"])) + 2.0) / 0.1
    slope, intercept = both.calibration
    assert both.threshold == pytest.approx(1 / (1 + math.exp(-slope * margin - intercept)))


def predictions(nlp: Language, corpus: Path) -> list[tuple[object, ...]]:
    """The predicted relations without their scores."""
    docs = nlp.pipe(example.predicted for example in create_corpus_reader(corpus)(nlp))
    found = [(r.head.key, r.label, r.tail.key, r.evidence) for doc in docs for r in doc._.relations]
    return [(*names, [(span.start, span.end) for span in evidence]) for *names, evidence in found]


def test_mistakes(trained_folder, corpus, tmp_path):
    model = trained_folder("KMGRE")
    assert "E050" in failed(tmp_path / "nothing", corpus)
    assert "E330" in failed(model, corpus, "--component", "ner")
    assert "ends in one of" in failed(model, corpus, "-o", tmp_path / "report.pdf")
    assert "no folder" in failed("en_core_web_sm", corpus, "--write-thresholds")
    assert "no folder" in failed("en_core_web_sm", corpus, "--write-calibration")
    assert "E024" in failed(model, corpus, f"--components.{NAME}.symmetric", '["nonsense"]')
    wrong = failed(model, corpus, f"--components.{NAME}.threshold", "high")
    # The message does not show other settings.
    assert "-> threshold" in wrong and "'high' is not" in wrong and "factory" not in wrong
    (tmp_path / "broken.spacy").write_bytes(b"no DocBin")
    assert "E113" in failed(model, tmp_path / "broken.spacy")
    before = (model / "config.cfg").read_bytes()
    doc = Doc(spacy.load(model).vocab, words=["Acme"])
    doc.spans["entity_1"] = [doc[:]]
    write_corpus([doc], tmp_path / "silent.spacy")
    with pytest.warns(UserWarning, match="KMGRE W111"):
        assert "E349" in failed(model, tmp_path / "silent.spacy", "--write-thresholds")
    with pytest.warns(UserWarning, match="KMGRE W111"):
        assert "E349" in failed(model, tmp_path / "silent.spacy", "--write-calibration")
    (tmp_path / "silent.spacy").unlink()
    assert (model / "config.cfg").read_bytes() == before
    assert run(model, corpus, "--seed", -1).exit_code == 2
    assert run(model, corpus, "--nonsense").exit_code == 2
    assert run(model, tmp_path / "missing.spacy").exit_code == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "broken.spacy"]


def test_plots_that_cannot_be_drawn_are_told_of_before_anything_is_scored(
    trained_folder, corpus, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = failed(trained_folder("KMGRE"), corpus, "--plots", tmp_path / "plots")
    assert "E508" in told and "relations" not in told


def test_plots(trained_folder, corpus, tmp_path):
    log = tmp_path / "log.jsonl"
    row = {"step": 1, "scores": {"rel_micro_f": 50.0}, "losses": {f"{NAME}_key": 1.0}}
    srsly.write_jsonl(log, [row, {**row, "step": 2}])
    folder, report = tmp_path / "plots", tmp_path / "dev.html"
    shown = done(trained_folder("KMGRE"), corpus, "--plots", folder, "-o", report)
    assert "no learning curve" in shown
    names = ["calibration", "precision-recall", "thresholds"]
    assert sorted(path.stem for path in folder.iterdir()) == names
    assert report.read_text(encoding="utf8").count('src="data:image/svg+xml;base64,') == 3
    done(trained_folder("KMGRE"), corpus, "--plots", folder, "--log", log)
    assert "<svg" in (folder / "learning-curve.svg").read_text(encoding="utf8")
    log.write_text("{}\n")
    assert "E509" in failed(trained_folder("KMGRE"), corpus, "--plots", folder, "--log", log)
