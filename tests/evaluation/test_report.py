"""Reports: their contents, and how Markdown and HTML show them."""

import html
import json
import re
from dataclasses import replace

import pytest
from spacy.training import Example

from spacy_kmgre.evaluation.calibration import Calibration
from spacy_kmgre.evaluation.render import render
from spacy_kmgre.evaluation.report import (
    Report,
    count_examples,
    make_report,
    relation_settings,
    score_examples,
)
from spacy_kmgre.evaluation.significance import Resampling
from spacy_kmgre.evaluation.thresholds import BestThreshold
from spacy_kmgre.scoring.tallies import RelationCounts, Tally

from ..conftest import component, make_doc, make_examples

ODD = "a|b <i>*"


def counted(*tallies: Tally, label: str = "founded", **groups: Tally) -> list[RelationCounts]:
    return [RelationCounts({"micro": tally, **groups}, {label: tally}) for tally in tallies]


def lines(report: Report):
    return {(section.title, line.name): line for section in report.sections for line in section.lines}


@pytest.fixture(scope="module")
def counts(kmgre):
    across = make_doc(kmgre)
    across._.relations = [{"head": "entity_2", "tail": "entity_3", "label": "founded"}]
    examples = [*make_examples(kmgre), Example(make_doc(kmgre), across)]
    scores = score_examples(kmgre, examples)
    return scores, count_examples(component(kmgre), examples)


def test_a_report_says_what_the_scores_say(counts):
    scores, documents = counts
    report = make_report(documents, model="m", corpus="c", resampling=Resampling(50))
    found = lines(report)
    assert report.documents == 3
    for section, name in (
        ("Overall", "micro"),
        ("Overall", "macro"),
        ("Within and across sentences", "intra"),
        ("Within and across sentences", "inter"),
        ("Entities with several mentions", "m1"),
        ("Entities with several mentions", "m2"),
    ):
        line = found[section, name]
        assert [line.p, line.r, line.f] == pytest.approx([scores[f"rel_{name}_{x}"] for x in "prf"])
    ign = found["Overall", "ign"]
    assert (ign.p, ign.r, ign.f) == (scores["rel_ign_p"], scores["rel_micro_r"], scores["rel_ign_f"])
    assert ("Overall", "evidence") not in found  # there is no gold evidence
    for label, expected in scores["rel_per_type"].items():
        assert found["Relations", label].f == pytest.approx(expected["f"])
    micro = found["Overall", "micro"]
    counts_of = scores["rel_counts"]
    assert (micro.correct, micro.predicted, micro.gold) == tuple(
        counts_of[name] for name in ("correct", "predicted", "gold")
    )
    low, high = micro.intervals["p"]
    assert low < micro.p < high
    # Every relation has some number of mention pairs, and some distance.
    for title in ("Mention pairs of the entity pair", "Distance between the nearest mentions, in sentences"):
        of_section = [line for (section, _), line in found.items() if section == title]
        assert sum(line.gold for line in of_section) == micro.gold
        assert sum(line.predicted for line in of_section) == micro.predicted


def test_labels_come_by_frequency(counts):
    report = make_report(counts[1], resampling=Resampling(10))
    golds = [line.gold for line in report.sections[-1].lines]
    assert report.sections[-1].title == "Relations" and golds == sorted(golds, reverse=True)


def test_without_sentence_boundaries_nothing_is_said_of_sentences():
    documents = counted(Tally(1, 1, 2), intra=Tally(1, 1, 1), distance_0=Tally(1, 1, 1))
    assert ("Within and across sentences", "intra") in lines(make_report(documents, resampling=Resampling(5)))
    report = make_report([*documents, RelationCounts(unsplit=1)], resampling=Resampling(5))
    titles = [section.title for section in report.sections]
    assert titles == ["Overall", "Relations"]
    assert "without sentence boundaries: 1" in report.notes[0]


def test_a_report_against_a_baseline():
    ours, theirs = counted(*[Tally(3, 3, 4)] * 30), counted(*[Tally(1, 3, 4)] * 30)
    report = make_report(ours, baseline=theirs, baseline_name="old", resampling=Resampling(99))
    line = lines(report)["Overall", "micro"]
    assert line.difference == pytest.approx(6 / 7 - 2 / 7)
    assert line.difference_interval == pytest.approx([line.difference] * 2)
    assert line.p_value == pytest.approx(0.01)
    for suffix in (".md", ".html"):
        text = render(report, suffix)
        assert "+57.1" in text and "0.010" in text and "old" in text


def full_report() -> Report:
    documents = counted(Tally(1, 2, 3), Tally(2, 2, 2), label=ODD)
    report = make_report(
        documents,
        model="models/<best>",
        corpus="dev.spacy",
        settings={"threshold": 0.4},
        resampling=Resampling(20),
    )
    return replace(
        report,
        threshold=BestThreshold(0.37, Tally(3, 4, 5), Tally(2, 4, 5)),
        calibration=Calibration(0.5, -1.0, 0.25, 0.031),
    )


def test_markdown():
    text = render(full_report(), ".md")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {8}
    named = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert named["all relations"] == ["75.0", "60.0", "66.7", named["all relations"][3], "3", "4", "5"]
    assert "\\|".join(["a", "b \\<i>\\*"]) in named
    assert "0.37, with F 66.7 on this corpus, and F 44.4 in cross-validation" in text
    assert "threshold = 0.4." in text and "dev.spacy" in text
    assert "25.0 % away from probabilities" in text and "3.1 % if calibrated" in text
    assert "\n\n\n" not in text


def test_html():
    text = render(full_report(), ".html")
    assert html.escape(ODD) in text and "<i>" not in text and "models/&lt;best&gt;" in text
    assert text.count("<table>") == text.count("</table>") == 2
    assert "3.1 % if calibrated, in cross-validation.</p>" in text
    assert "<td>66.7</td>" in text and "<p>Best threshold for micro F: 0.37, " in text


def test_plain_data():
    data = json.loads(json.dumps(full_report().to_dict()))
    assert data["sections"][0]["lines"][0]["name"] == "micro"
    assert data["threshold"]["tally"] == {"correct": 3, "predicted": 4, "gold": 5}


def test_settings_that_are_off_are_left_out(load):
    pipe = component(load())
    assert relation_settings(pipe) == {"threshold": 0.5, "max_labels": 8}
    pipe.symmetric = ["lives_in"]
    assert relation_settings(pipe)["symmetric"] == ["lives_in"]
