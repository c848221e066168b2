"""Documents in the order in which annotating them teaches most."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from typer.testing import CliRunner

from spacy_kmgre.annotations import TITLE, relation_data
from spacy_kmgre.cli import kmgre
from spacy_kmgre.export import find_export
from spacy_kmgre.extraction.suggest import RankedExport, Rule
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source

from ..conftest import NAME, annotate, component, tries
from .conftest import line, write_lines

NLP = spacy.blank("en")


def scored(name: str, *relations: tuple[str, float], words: int = 4) -> Doc:
    doc = annotate(Doc(NLP.vocab, words=["a"] * words), [(0, 1)], [(1, 2)])
    doc.user_data[TITLE] = name
    for label, score in relations:
        doc._.add_relation("entity_1", "entity_2", label, score=score)
    return doc


def rank(path: Path, rule: Rule, *docs: Doc, top: int = 0) -> RankedExport:
    export = RankedExport(find_export(path)({"lang": "en"}), rule, top)
    export.write(map(export.encode, docs), path)
    return export


def test_the_order_is_that_of_the_formula(tmp_path):
    docs = [
        scored("sure", ("born_in", 0.99)),
        scored("near", ("born_in", 0.55)),
        scored("below", ("born_in", 0.45), ("rare", 0.4)),
        scored("long", ("born_in", 0.5), words=400),
        scored("empty"),
    ]
    found = rank(tmp_path / "out.jsonl", Rule(0.5), *docs).ranking
    rare, frequent = 1 / 2**0.5, 1 / 5**0.5
    expected = {
        "below": 0.75 * frequent + 0.5 * rare,
        "near": 0.75 * frequent,
        "long": 0.25 * frequent,
        "sure": 0,
        "empty": 0,
    }
    assert {item.name: pytest.approx(item.value) for item in found} == expected
    assert [item.name for item in found] == list(expected)
    assert list(found[0].labels) == ["rare", "born_in"]
    lines = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert [data["title"] for data in lines] == list(expected)
    # What is written is what the pipeline predicts.
    assert [[relation["score"] for relation in data["relations"]] for data in lines] == [
        [],
        [0.55],
        [],
        [0.99],
        [],
    ]


def test_labels_that_are_annotated_already_come_later(tmp_path):
    docs = [scored("many", ("a", 0.5)), scored("few", ("b", 0.5)), scored("new", ("c", 0.5))]
    rule = Rule(0.5, annotated={"a": 99, "b": 3})
    found = rank(tmp_path / "out.jsonl", rule, *docs, top=2).ranking
    assert [(item.name, item.value) for item in found] == [("new", 1.0), ("few", 0.5)]
    assert len(list(srsly.read_jsonl(tmp_path / "out.jsonl"))) == 2


def test_each_label_has_its_threshold(tmp_path):
    docs = [scored("x", ("a", 0.5), ("b", 0.5)), scored("y", ("a", 0.3))]
    found = rank(tmp_path / "out.jsonl", Rule(0.5, {"a": 0.3}, margin=0.1), *docs).ranking
    assert {item.name: list(item.labels) for item in found} == {"x": ["b"], "y": ["a"]}
    first = next(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert [relation["label"] for relation in first["relations"]] == ["a"]


@settings(max_examples=tries(15), deadline=None)
@given(
    scores=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=12),
    margin=st.floats(0.001, 1),
    threshold=st.floats(0, 1),
)
def test_any_scores_give_an_order(scores, margin, threshold, tmp_path_factory):
    docs = [scored(str(number), score) for number, score in enumerate(scores)]
    folder = tmp_path_factory.mktemp("rank")
    rule = Rule(threshold, margin=margin)
    found, again = (rank(folder / f"{name}.jsonl", rule, *map(Doc.copy, docs)).ranking for name in "xy")
    assert found == again and sorted(item.name for item in found) == sorted(map(str, range(len(docs))))
    values = [item.value for item in found]
    assert values == sorted(values, reverse=True) and all(0 <= value <= 1 for value in values)


# The command


@pytest.fixture(scope="module")
def model(trained_folder) -> Path:
    return trained_folder("KMGRE")


def suggest(*args: object) -> Any:
    return CliRunner().invoke(kmgre, ["suggest", *map(str, args)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    more = "Acme works near Bolt . " * 3
    return write_lines(tmp_path / "in.jsonl", [line(1), line(2, more + "Bolt"), line(3, "Nothing here")])


def test_from_texts_to_tasks(model, source, tmp_path):
    target = tmp_path / "tasks.json"
    result = suggest(model, source, "-o", target, "--to", "label_studio", "--margin", 1)
    assert result.exit_code == 0, result.output
    assert "Unsure of" in result.output and "3 documents" in " ".join(result.output.split())
    tasks = json.loads(target.read_text())
    assert tasks[-1]["data"]["title"] == "doc 3"  # nothing to learn there
    assert all(task["annotations"] == [] and len(task["predictions"]) == 1 for task in tasks)
    # What is written is what extract finds.
    result = CliRunner().invoke(
        kmgre, ["extract", str(model), str(source), "-o", str(tmp_path / "plain.jsonl")]
    )
    assert result.exit_code == 0, result.output
    plain = {data["title"]: len(data["relations"]) for data in srsly.read_jsonl(tmp_path / "plain.jsonl")}
    read = FORMATS["label_studio"].read(target, NLP.vocab, predicted=True)
    again = {doc.user_data[TITLE]: doc for doc in read}
    assert {name: len(relation_data(doc)) for name, doc in again.items()} == plain


def test_twice_is_the_same_and_the_best_only(model, source, tmp_path):
    for name in ("one", "two"):
        assert suggest(model, source, "-o", tmp_path / f"{name}.jsonl", "--top", 2).exit_code == 0
    one, two = ((tmp_path / f"{name}.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two and len(one.splitlines()) == 2
    result = suggest(model, source, "-o", tmp_path / "one.jsonl")
    assert result.exit_code == 1 and "--force" in result.output


def test_what_is_annotated_already(model, source, tmp_path):
    nlp = spacy.load(model)
    labels = component(nlp).labels
    docs = [scored(str(number), (labels[0], 1.0)) for number in range(8)]
    FORMATS["spacy"].write(docs, tmp_path / "train.spacy")
    result = suggest(
        model,
        source,
        "-o",
        tmp_path / "o.jsonl",
        "--annotated",
        tmp_path / "train.spacy",
        "--component",
        NAME,
    )
    assert result.exit_code == 0, result.output


# Into the tools of annotation and back


@pytest.mark.parametrize("form", ["prodigy", "label_studio", "doccano", "brat", "dygie", "cas_json"])
def test_what_extract_finds_can_be_corrected(form, model, source, tmp_path):
    target, plain = tmp_path / "tasks", tmp_path / "plain.jsonl"
    for args in (["-o", target, "--to", form], ["-o", plain]):
        result = CliRunner().invoke(kmgre, ["extract", str(model), str(source), *map(str, args)])
        assert result.exit_code == 0, result.output
    docs = {doc.user_data[TITLE]: doc for doc in FORMATS["jsonl"].read(plain, NLP.vocab)}
    assert sum(len(doc._.relations) for doc in docs.values()) > 0
    # The same from the file of extract.
    copy = tmp_path / "copy"
    result = CliRunner().invoke(kmgre, ["convert", str(plain), str(copy), "--to", form])
    assert result.exit_code == 0, result.output
    for path in (target, copy):
        predicted = {"predicted": True} if form in ("prodigy", "label_studio") else {}
        again = list(FORMATS[form].read(path, NLP.vocab, Counts(), **predicted))
        assert len(again) == 3
        for doc in again:
            title = doc.user_data[TITLE]
            expected = docs[title.replace("_", " ")]  # brat's titles are names of files
            assert said(doc, scores=form in ("prodigy", "label_studio")) == said(
                expected, scores=form in ("prodigy", "label_studio")
            )
            assert all(len(relation.key_mention_pairs) == 1 for relation in doc._.relations)


def said(doc: Doc, scores: bool) -> list[Any]:
    return sorted(
        (
            [span.start_char for span in relation.head.mentions],
            relation.label,
            [span.start_char for span in relation.tail.mentions],
            round(relation.score, 4) if scores else 1.0,
            (relation.key_mention_pairs[0].head.start_char, relation.key_mention_pairs[0].tail.start_char),
        )
        for relation in doc._.relations
    )


def test_numbers_out_of_range_are_said(model, source, tmp_path):
    done = suggest(model, source, "-o", tmp_path / "a.jsonl", "--n-process", 0)
    assert done.exit_code in (1, 2) and isinstance(done.exception, SystemExit), done.output


def test_suggestions_are_no_answers(model, source, tmp_path):
    for form in ("prodigy", "label_studio", "brat"):
        result = CliRunner().invoke(
            kmgre, ["extract", str(model), str(source), "-o", str(tmp_path / form), "--to", form]
        )
        assert result.exit_code == 0, result.output
        assert guess_source(tmp_path / form).name == form
    tasks = list(srsly.read_jsonl(tmp_path / "prodigy"))
    assert not any("answer" in task for task in tasks) and all(task["meta"]["model"] for task in tasks)
    (prediction,) = json.loads((tmp_path / "label_studio").read_text())[0]["predictions"]
    given = [item["score"] for item in prediction["result"] if "score" in item]
    assert given and prediction["score"] == pytest.approx(sum(given) / len(given), abs=1e-6)
    notes = [row for row in (tmp_path / "brat" / "doc_1.ann").read_text().splitlines() if row.startswith("#")]
    assert len(notes) == len(given) and all("\tscore 0." in note or "\tscore 1." in note for note in notes)
