"""The pictures of an evaluation: that they hold what was measured."""

import builtins
import json

import numpy as np
import pytest

from spacy_kmgre.evaluation.thresholds import CENTRES, Candidates
from spacy_kmgre.visualise import plots


@pytest.fixture
def candidates() -> Candidates:
    """Four relations in two documents, three of them right; five are gold."""
    margins = np.zeros((2, len(CENTRES), 2), dtype=np.int64)
    margins[0, len(CENTRES) // 2 + 60, 1] = 3
    margins[1, len(CENTRES) // 2 - 60, 0] = 9
    return Candidates(
        np.array([0, 0, 1, 1]),
        np.array([0.9, 0.8, 0.6, 0.3]),
        np.array([True, False, True, True]),
        np.array([2, 3]),
        margins,
    )


def test_curves(candidates):
    score, precision, recall, f = plots._curves(candidates)
    assert score.tolist() == [0.9, 0.8, 0.6, 0.3]
    assert precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert recall.tolist() == pytest.approx([1 / 5, 1 / 5, 2 / 5, 3 / 5])
    assert f.tolist() == pytest.approx([2 / 6, 2 / 7, 4 / 8, 6 / 9])


def test_pictures_are_svg_with_words(candidates):
    pictures = {
        "threshold 0.5": plots.plot_precision_recall(candidates, 0.5),
        "recall": plots.plot_thresholds(candidates, 0.5),
        "share of right relations": plots.plot_calibration(candidates, [1.0, 0.0]),
    }
    for words, picture in pictures.items():
        assert "<svg" in picture and f">{words}<" in picture
        assert "<script" not in picture
    # The same figures give the same file.
    assert plots.plot_thresholds(candidates, 0.5) == pictures["recall"]


def test_nothing_to_draw():
    nothing = np.zeros(0)
    empty = Candidates(
        nothing.astype(int),
        nothing,
        nothing.astype(bool),
        np.zeros(1, int),
        np.zeros((1, len(CENTRES), 2), int),
    )
    for picture in (
        plots.plot_precision_recall(empty, 0.5),
        plots.plot_thresholds(empty, 0.5),
        plots.plot_calibration(empty, [1.0, 0.0]),
    ):
        assert "<svg" in picture


def rows() -> list[dict]:
    return [
        {
            "step": step,
            "scores": {"rel_micro_f": 10.0 * step, "rel_micro_p": None},
            "losses": {"kmgre_relations": 3.0, "kmgre_relations_relation": 2.0, "kmgre_relations_key": 1.0},
        }
        for step in range(5)
    ]


def test_the_learning_curve(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    picture = plots.plot_learning(plots.read_log(path))
    assert ">F<" in picture and ">precision<" not in picture
    assert "loss, kmgre_relations_key" in picture


@pytest.mark.parametrize(
    "text", ["", "no json\n", '{"step": 1}\n', "[1]\n", '{"step": 1, "scores": 2, "losses": {}}\n']
)
def test_what_is_no_log(tmp_path, text):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"E509.*log\.jsonl"):
        plots.read_log(path)


def test_without_matplotlib(candidates, monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"E508.*spacy-kmgre\[plots\]"):
        plots.plot_thresholds(candidates, 0.5)
