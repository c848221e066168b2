"""Prodigy, Label Studio and doccano."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import relation_data, store_relations
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.mentions import part_mentions
from spacy_kmgre.formats.recognise import guess_source

from .samples import DOCCANO, LABEL_STUDIO, PRODIGY, VOCAB, clusters, lines, read, relations, sample, texts

SAMPLE = {"prodigy": PRODIGY, "label_studio": LABEL_STUDIO, "doccano": DOCCANO}


def changed(name: str, folder: Path, path: str, value: Any) -> Path:
    """The sample with the value at a dotted path in its first document replaced; deleted where it is ..."""
    data: Any = deepcopy(SAMPLE[name])
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    target = data[0]
    for key in keys:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    file = folder / f"{name}.json"
    file.write_text(json.dumps(data) if name == "label_studio" else lines(data))
    return file


def pairs(doc: Doc) -> list[Any]:
    return [[(p.head.text, p.tail.text, p.share) for p in r.key_mention_pairs] for r in doc._.relations]


def test_prodigy(tmp_path):
    counts = Counts()
    first, _ = read("prodigy", sample("prodigy", tmp_path), counts)
    assert first.user_data["title"] == "p1"
    assert [token.text for token in first] == ["Lee", "founded", "Acme", "-Oslo", ".", "She", "left", "."]
    assert clusters(first) == [
        ("entity_1", "PER", "", [(0, 3), (23, 26)]),
        ("entity_2", "ORG", "", [(12, 16)]),
        ("entity_3", "", "", [(27, 31)]),
    ]
    assert relations(first) == [("Lee", "does", "left"), ("Lee", "founded", "Acme")]
    assert pairs(first) == [[("Lee", "Acme", 1.0)], [("She", "left", 1.0)]]
    assert counts.oddities == {"words that are related and no span": 1}


def test_prodigy_answers(tmp_path):
    counts = Counts()
    docs = read("prodigy", changed("prodigy", tmp_path, "answer", "reject"), counts)
    assert [doc.text for doc in docs] == ["Nothing."]
    assert counts.oddities == {"documents rejected or ignored by the annotator (left out)": 1}


def test_the_label_of_coreference_is_a_choice(tmp_path):
    first, _ = read("prodigy", sample("prodigy", tmp_path), coref_label="does")
    assert texts(first) == [["Lee"], ["Acme"], ["She", "left"]]
    assert [label for _, label, _ in relations(first)] == ["founded", "COREF"]


def test_prodigy_names_its_last_token(tmp_path):
    nlp = spacy.blank("xx")
    doc = nlp.make_doc("Ann Lee left.")
    doc.spans["entity_1"], doc.spans["entity_2"] = [Span(doc, 0, 2, label="P")], [Span(doc, 2, 3, label="V")]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "did"}]
    FORMATS["prodigy"].write([doc], tmp_path / "out")
    data = json.loads((tmp_path / "out").read_text())
    assert data["spans"][0] == {
        "text": "Ann Lee",
        "start": 0,
        "end": 7,
        "token_start": 0,
        "token_end": 1,
        "label": "P",
        "type": "span",
    }
    (relation,) = data["relations"]
    assert (relation["head"], relation["child"], relation["label"]) == (1, 2, "did")
    for end in ("head", "child"):  # tokens alone say the same
        del relation[f"{end}_span"]
    (tmp_path / "out").write_text(json.dumps(data))
    assert relations(read("prodigy", tmp_path / "out")[0]) == [("Ann Lee", "did", "left")]


def test_label_studio(tmp_path):
    counts = Counts()
    first, _ = read("label_studio", sample("label_studio", tmp_path), counts)
    assert first.user_data["title"] == "7"
    assert texts(first) == [["Lee", "She"], ["Acme"]]
    assert [label for _, label, _, _ in clusters(first)] == ["PER", "ORG"]
    assert relations(first) == [
        ("Acme", "knows", "Lee"),
        ("Acme", "of", "Lee"),
        ("Lee", "founded", "Acme"),
        ("Lee", "knows", "Acme"),
        ("Lee", "of", "Acme"),
    ]
    assert counts.oddities == {"entities with mentions of several types": 1}


def test_label_studio_chooses_an_annotation(tmp_path):
    counts = Counts()
    value = [{"result": [], "was_cancelled": True}, {"result": []}, {"result": [], "ground_truth": True}]
    value[2]["result"] = [
        {"id": "a", "type": "labels", "value": {"start": 2, "end": 5, "labels": ["A", "B"]}}
    ]
    value[2]["result"].append({"id": "c", "type": "choices", "value": {"choices": ["x"]}})
    value[2]["result"].append({"type": "relation", "from_id": "a", "to_id": "a"})
    first, _ = read("label_studio", changed("label_studio", tmp_path, "annotations", value), counts)
    assert texts(first) == [["Lee"]]
    assert counts.oddities == {
        "annotations beyond a task's first (left out)": 1,
        "labels beyond a region's first (left out)": 1,
        "relations without a label (left out; --default-label names them)": 1,
        "results of type choices (left out)": 1,
    }
    counts = Counts()
    docs = read("label_studio", changed("label_studio", tmp_path, "annotations", value[:1]), counts)
    assert len(docs) == 1 and counts.oddities == {"tasks without annotation (left out)": 1}


@pytest.mark.parametrize(
    "annotator, label", [("", "founded"), ("3", "founded"), ("5", "left"), ("ann@example.org", "owns")]
)
def test_label_studio_reads_one_annotator(tmp_path, annotator: str, label: str):
    (given,) = LABEL_STUDIO[0]["annotations"]
    value = []
    for person, name in ((3, "founded"), (5, "left"), ({"id": 7, "email": "ann@example.org"}, "owns")):
        text = json.dumps({**given, "completed_by": person}).replace("founded", name)
        value.append(json.loads(text))
    path = changed("label_studio", tmp_path, "annotations", value)
    first, *_ = read("label_studio", path, annotator=annotator)
    assert label in {relation.label for relation in first._.relations}


def test_label_studio_gets_what_a_component_found_as_predictions(tmp_path):
    docs = read("label_studio", sample("label_studio", tmp_path))
    for doc in docs:
        store_relations(doc, relation_data(doc), "kmgre_relations")
    FORMATS["label_studio"].write(docs, tmp_path / "out.json")
    for task in json.loads((tmp_path / "out.json").read_text()):
        assert task["annotations"] == []
        assert [found["model_version"] for found in task["predictions"]] == ["kmgre_relations"]
    again = read("label_studio", tmp_path / "out.json", predicted=True)
    assert [relations(doc) for doc in again] == [relations(doc) for doc in docs]
    assert guess_source(tmp_path / "out.json").name == "label_studio"


@pytest.mark.parametrize("name", ["label_studio", "prodigy"])
def test_what_only_a_model_has_annotated_is_no_gold(name, tmp_path):
    """Tasks that nobody has looked at stay in a tool's export beside those that are done."""
    docs = read("jsonl", sample("jsonl", tmp_path))
    FORMATS[name].write(docs, tmp_path / "done.json")
    for doc in docs:
        store_relations(doc, relation_data(doc), "kmgre_relations")
    FORMATS[name].write(docs, tmp_path / "open.json")
    assert len(read(name, tmp_path / "done.json")) == len(docs) > 0
    counts = Counts()
    assert read(name, tmp_path / "open.json", counts) == []
    told = "tasks that only a model has annotated (left out; --predicted reads them)"
    assert counts.oddities == {told: len(docs)}
    assert len(read(name, tmp_path / "open.json", predicted=True)) == len(docs)


def test_label_studio_finds_its_text(tmp_path):
    text = LABEL_STUDIO[0]["data"]["text"]
    first, _ = read("label_studio", changed("label_studio", tmp_path, "data", {"Full_Text": text, "n": 1}))
    assert texts(first) == [["Lee", "She"], ["Acme"]]
    with pytest.raises(ValueError, match=r"E135.*one, two"):
        read("label_studio", changed("label_studio", tmp_path, "data", {"one": text, "two": text}))


def test_doccano(tmp_path):
    first, second = read("doccano", sample("doccano", tmp_path))
    assert (first.user_data["title"], second.user_data["title"]) == ("3", "4")
    assert texts(first) == [["Lee", "She"], ["Acme"]]
    assert relations(first) == [("Lee", "founded", "Acme"), ("Lee", "left", "Acme")]
    assert pairs(first) == [[("Lee", "Acme", 1.0)], [("She", "Acme", 1.0)]]


@pytest.mark.parametrize(
    "name, path, value, code, place",
    [
        ("prodigy", "text", 3, "E102", "line 1: 'text'"),
        ("prodigy", "tokens.2.start", 13, "E123", "line 1: the token number 2"),
        ("prodigy", "tokens.1", ..., "E123", "line 1: the token number 1"),
        ("prodigy", "tokens.6", ..., "E123", "line 1: the token number 6"),
        ("prodigy", "spans.0.start", 1, "E122", r"spans\[0\].*'ee', not 'Lee'"),
        ("prodigy", "spans.0.text", "Leo", "E122", r"spans\[0\].*'Leo'"),
        ("prodigy", "spans.1.end", 99, "E121", r"spans\[1\]"),
        ("prodigy", "relations.1.child", 7, "E131", r"relations\[1\].*refers to 7.*7 tokens"),
        ("prodigy", "relations.0.label", None, "E148", ""),
        ("prodigy", "spans", 3, "E102", "'spans'"),
        ("label_studio", "data", ..., "E102", r"\[0\]: 'data' is missing"),
        ("label_studio", "annotations.0.result.0.value.text", "Leo", "E122", r"result\[0\].*'Leo'"),
        ("label_studio", "annotations.0.result.1.value.end", 99, "E121", r"result\[1\]"),
        ("label_studio", "annotations.0.result.1.id", "a", "E134", r"result\[1\]: 'a'"),
        ("label_studio", "annotations.0.result.3.from_id", "z", "E131", r"result\[3\].*'z'.*a, b, c"),
        ("label_studio", "annotations.0.result.3.direction", "up", "E102", r"result\[3\]: 'direction'"),
        (
            "label_studio",
            "annotations.0.result.2.value.labels",
            "PER",
            "E102",
            r"result\[2\]: 'value\.labels' should be a valid list",
        ),
        ("doccano", "entities.0.end_offset", 99, "E121", r"line 1 entities\[0\]"),
        ("doccano", "entities.1.id", 10, "E134", r"entities\[1\]: '10'"),
        ("doccano", "entities.1.id", [10], "E102", r"'entities\[1\]\.id' should be a valid string"),
        ("doccano", "relations.0.to_id", 99, "E131", r"relations\[0\].*refers to '99'"),
        ("doccano", "relations.0.type", ..., "E148", ""),
        ("doccano", "text", "Lee \ud800", "E120", "line 1"),
    ],
)
def test_what_cannot_be_right(tmp_path, name, path, value, code, place):
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*{name}.json.*({place})"):
        read(name, changed(name, tmp_path, path, value))


@pytest.mark.parametrize(
    "name, path, value",
    [
        ("prodigy", "spans.1.end", 99),
        ("label_studio", "annotations.0.result.1.value.end", 99),
        ("doccano", "entities.1.end_offset", 99),
    ],
)
def test_lenient(tmp_path, name, path, value):
    counts = Counts()
    first, _ = read(name, changed(name, tmp_path, path, value), counts, lenient=True)
    assert counts.oddities["mentions left out, as their text is elsewhere"] == 1
    if name == "prodigy":  # whose relations give offsets of their own
        assert clusters(first)[1] == ("entity_2", "ORG", "", [(12, 16)])
    else:
        assert ["Acme"] not in texts(first) and not first._.relations
        assert counts.oddities["relations left out with their mention"] == (
            5 if name == "label_studio" else 2
        )


def test_a_relation_without_key_pairs_is_of_the_closest_mentions():
    doc = Doc(VOCAB, words=list("abcdefgh"))
    doc.spans["entity_1"] = [doc[0:1], doc[4:5], doc[7:8]]
    doc.spans["entity_2"] = [doc[2:3], doc[5:6]]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x"}]
    found = part_mentions(doc)
    assert [(found.mentions[h].text, found.mentions[t].text) for h, t, *_ in found.links] == [("e", "f")]
    assert [[found.mentions[n].text for n in chain] for chain in found.chains] == [
        ["a", "e", "h"],
        ["c", "f"],
    ]
    assert [
        (found.mentions[h].text, found.mentions[t].text)
        for h, t, label, _ in found.all_links()
        if label == "COREF"
    ] == [
        ("e", "a"),
        ("h", "e"),
        ("f", "c"),
    ]
