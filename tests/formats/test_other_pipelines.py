"""Odd cases of the formats of words (SciERC, SpERT), of UIMA CAS, and of other components' DocBins."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import DocBin, Span

from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source

from .samples import CAS_JSON, clusters, read, relations, sample, spans_docs, texts
from .test_kinds import write

# SciERC

DYGIE: dict[str, Any] = {
    "doc_key": "d",
    "sentences": [["Ann", "met", "Bob", "."], ["She", "left", "."]],
    "ner": [[[0, 0, "P"], [2, 2, "P"]], [[4, 4, "P"]]],
    "relations": [[[0, 0, 2, 2, "met"]], []],
    "clusters": [[[0, 0], [4, 4]]],
}


def dygie(folder: Path, *changes: Any, **options: Any) -> tuple[Any, Any]:
    counts = Counts()
    lines = [json.dumps({**DYGIE, **change}) for change in changes or [{}]]
    return read("dygie", write(folder, "\n".join(lines), "in.jsonl"), counts, **options), counts.oddities


@pytest.mark.parametrize(
    "change, found",
    [
        ({}, [["Ann", "She"], ["Bob"]]),
        ({"ner": None, "relations": None, "clusters": None, "doc_key": None}, []),
        ({"ner": [[], []], "relations": None}, [["Ann", "She"]]),
        ({"clusters": [[[0, 0]], [[2, 2], [2, 2]]]}, [["Ann"], ["Bob"], ["She"]]),
        ({"ner": [[[2, 4, "P"]], []], "clusters": None, "relations": None}, [["Bob . She"]]),
        ({"clusters": [[[0, 0], [4, 4]], [[4, 4], [2, 2]]]}, [["Ann", "Bob", "She"]]),
    ],
)
def test_documents_of_scierc(change: Any, found: Any, tmp_path: Path):
    (doc,), _ = dygie(tmp_path, change)
    assert texts(doc) == found


@pytest.mark.parametrize(
    "change",
    [
        {"ner": [[[0, 99, "P"]], []]},
        {"ner": [[[2, 0, "P"]], []]},
        {"ner": [[[0, 0, None]], []]},
        {"ner": [[["0", 0, "P"]], []]},
        {"relations": [[[0, 0, 99, 99, "met"]], []]},
        {"relations": [[[0, 0, 2]], []]},
        {"clusters": [[[0, 0], [9, 9]]]},
        {"clusters": [[[0], [4, 4]]]},
        {"ner": [None]},
        {"sentences": ["Ann met Bob ."]},
    ],
)
def test_one_mistake_does_not_spoil_scierc(change: Any, tmp_path: Path):
    with pytest.raises(ValueError, match=r"in\.jsonl line 1 'd'.*--lenient"):
        dygie(tmp_path, change, {})
    docs, oddities = dygie(tmp_path, change, {}, lenient=True)
    assert relations(docs[-1]) == [("Ann", "met", "Bob")] and oddities


def test_self_relations_of_scierc(tmp_path: Path):
    change = {"relations": [[[0, 0, 4, 4, "same"]], []]}
    (doc,), oddities = dygie(tmp_path, change)
    assert len(relations(doc)) == 1 and oddities["relations of an entity with itself"] == 1
    (doc,), oddities = dygie(tmp_path, change, self_relations=False)
    assert not relations(doc) and oddities["relations of an entity with itself (left out)"] == 1


def test_what_a_model_has_found(tmp_path: Path):
    found = {
        "predicted_ner": [[[0, 0, "Q", 7.5, 0.9]], []],
        "predicted_relations": [[[0, 0, 2, 2, "saw", 3.1, 0.75]], []],
    }
    (doc,), _ = dygie(tmp_path, found, predicted=True)
    assert relations(doc) == [("Ann", "saw", "Bob")] and doc._.relations[0].score == 0.75


# SpERT

SPERT: dict[str, Any] = {
    "tokens": ["Ann", "Lee", "met", "Bob"],
    "entities": [{"type": "P", "start": 0, "end": 2}, {"type": "P", "start": 3, "end": 4}],
    "relations": [{"type": "met", "head": 0, "tail": 1}],
    "orig_id": 3,
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"entities": None, "tags": ["B-P", "I-P", "O", "B-P"]},
        {"entities": None, "tags": ["B-P", "L-P", "O", "U-P"]},
        {"entities": None, "tags": ["I-P", "I-P", "O", "I-P"]},
        {"entities": [{**entity, "type": None} for entity in SPERT["entities"]]},
    ],
)
def test_sentences_of_spert(change: Any, tmp_path: Path):
    path = write(tmp_path, [{**SPERT, **change}], "in.json")
    assert guess_source(path).name == "spert"
    (doc,) = read("spert", path)
    assert relations(doc) == [("Ann Lee", "met", "Bob")] and doc.user_data["title"] == "3"


@pytest.mark.parametrize(
    "change",
    [
        {"entities": [{"type": "P", "start": 0, "end": 9}]},
        {"entities": [{"type": "P", "start": 0}]},
        {"relations": [{"type": "met", "head": 0, "tail": 9}]},
        {"relations": [[0, 1]]},
        {"entities": None, "tags": ["B-P", "X", "O", "B-P"]},
        {"tokens": ["Ann", "", "met", "Bob"]},
    ],
)
def test_one_mistake_does_not_spoil_spert(change: Any, tmp_path: Path):
    path = write(tmp_path, [{**SPERT, **change}, SPERT], "in.json")
    with pytest.raises(ValueError, match=r"in\.json\[0\].*--lenient"):
        read("spert", path)
    counts = Counts()
    docs = read("spert", path, counts, lenient=True)
    assert relations(docs[-1]) == [("Ann Lee", "met", "Bob")] and counts.oddities


# UIMA CAS

Change = Callable[[dict[str, Any]], None]


def cas(folder: Path, change: Change, **options: Any) -> tuple[Any, Any]:
    """Change each annotation of the sample, and read it."""
    data = copy.deepcopy(CAS_JSON)
    for structure in data["%FEATURE_STRUCTURES"]:
        change(structure)
    counts = Counts()
    (doc,) = read("cas_json", write(folder, data, "in.json"), counts, **options)
    return doc, counts.oddities


def is_mention(structure: dict[str, Any]) -> bool:
    return structure["%TYPE"].endswith(("NamedEntity", "Span"))


def test_characters_outside_the_basic_plane(tmp_path: Path):
    """A CAS counts UTF-16 code units."""
    before, _ = cas(tmp_path, lambda _: None)

    def move(structure: dict[str, Any]) -> None:
        if "sofaString" in structure:
            structure["sofaString"] = "😀" + structure["sofaString"]
        for name in {"begin", "end"} & structure.keys():
            structure[name] += 2

    doc, _ = cas(tmp_path, move)
    assert texts(doc) == texts(before) and relations(doc) == relations(before)


def test_mentions_without_characters(tmp_path: Path):
    def shrink(structure: dict[str, Any]) -> None:
        if is_mention(structure):
            structure["end"] = structure["begin"]

    with pytest.raises(ValueError, match=r"E121.*in\.json.*--lenient"):
        cas(tmp_path, shrink)
    doc, oddities = cas(tmp_path, shrink, lenient=True)
    assert not relations(doc) and oddities["mentions left out, as their text is elsewhere"]


def test_labels_that_are_null(tmp_path: Path):
    def clear(structure: dict[str, Any]) -> None:
        structure.update(dict.fromkeys({"value", "label", "identifier"} & structure.keys()))

    doc, _ = cas(tmp_path, clear, default_label="related")
    assert len(texts(doc)) == len(texts(cas(tmp_path, lambda _: None)[0]))
    assert {label for _, label, _, _ in clusters(doc)} == {""}
    assert relations(doc) == [("Lee", "related", "Acme")]
    assert relations(cas(tmp_path, clear)[0]) == [("Lee", "Relation", "Acme")]


def test_a_broken_file_beside_a_cas(tmp_path: Path):
    folder = sample("cas_xmi", tmp_path)
    write(folder, "<broken", "broken.xmi")
    with pytest.raises(ValueError, match=r"E127.*broken\.xmi.*--lenient"):
        read("cas_xmi", folder)
    counts = Counts()
    assert len(read("cas_xmi", folder, counts, lenient=True)) == 2
    assert counts.oddities["documents left out, as they cannot be read"] == 1


# DocBins

REL: Any = ("._.", "rel", None, None)


def rel_component(folder: Path, rel: Any, **options: Any) -> tuple[Any, Any]:
    docs = spans_docs()
    docs[0].user_data[REL] = rel
    path = folder / "in.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    counts = Counts()
    return read("rel_component", path, counts, **options)[0], counts.oddities


@pytest.mark.parametrize(
    "rel",
    [
        {(0, 2): {"founded": 1.0, "left": 7}},
        {(0, 2): {"founded": 1.0, "left": None}},
        {(0, 2): {"founded": 1.0}, (2, 0): None},
        {(0, 2): {"founded": 1.0}, (2, 0): {3: 1.0}},
        {(0, 2): {"founded": 1.0}, (2,): {"left": 1.0}},
        {(0, 2): {"founded": 1.0}, "0-2": {"left": 1.0}},
    ],
)
def test_one_mistake_does_not_spoil_rel(rel: Any, tmp_path: Path):
    with pytest.raises(ValueError, match=r"E605.*'s1'.*--lenient"):
        rel_component(tmp_path, rel)
    doc, oddities = rel_component(tmp_path, rel, lenient=True)
    assert relations(doc) == [("Lee", "founded", "Acme")]
    assert oddities == {"relations left out, as they are not what doc._.rel holds": 1}


def test_labels_of_rel(tmp_path: Path):
    doc, _ = rel_component(
        tmp_path, {(0, 2): {"": 1}, (2, 0): {"No-rel": True}}, default_label="x", no_relation="No-rel"
    )
    assert relations(doc) == [("Lee", "x", "Acme")]
    doc, oddities = rel_component(tmp_path, {(1, 2): {"x": 1}, (0, 0): {"x": 1}})
    assert relations(doc) == [("Lee", "x", "Lee")]
    assert oddities["relations left out, as no entity begins at their tokens"] == 1


def test_spans_in_other_groups(tmp_path: Path):
    (doc, _) = spans_docs()
    doc.spans["mine"] = [Span(doc, 0, 1, "A"), Span(doc, 0, 3, "B"), Span(doc, 4, 5, "A")]
    path = tmp_path / "in.spacy"
    DocBin(docs=[doc]).to_disk(path)
    counts = Counts()
    assert (
        not texts(read("spacy", path, counts)[0])
        and counts.oddities["span groups that are not read as entities"]
    )
    assert len(texts(read("spancat", path, spans_key="mine")[0])) == 3
    assert texts(read("spancat", path, spans_key="mine", same_names=True)[0]) == [
        ["Lee", "Lee"],
        ["Lee founded Acme"],
    ]
    counts = Counts()
    assert not texts(read("spancat", path, counts)[0])
    assert counts.oddities == {"documents without a span group 'sc'": 1}
