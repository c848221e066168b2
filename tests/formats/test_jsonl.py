import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from spacy.tokens import Doc

from spacy_kmgre.annotations import relation_data
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.jsonl import SCHEMA, document_to_json, json_schema

from .samples import JSONL, clusters, lines, read, relations, sample, texts
from .test_formats import QUICK, any_documents

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf8")))


def changed(folder: Path, path: str, value: Any) -> Path:
    data: Any = deepcopy(JSONL)
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    target = data[0]
    for key in keys:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    file = folder / "docs.jsonl"
    file.write_text(lines(data))
    return file


def test_reads_all_there_is(tmp_path):
    first, second = read("jsonl", sample("jsonl", tmp_path))
    assert first.user_data["title"] == "j1" and "title" not in second.user_data
    assert [token.text for token in first] == [
        "Lee",
        "founded",
        " ",
        "Acme",
        "-Oslo",
        ".",
        "She",
        "left",
        ".",
    ]
    assert [sent.text for sent in first.sents] == ["Lee founded  Acme-Oslo.", "She left."]
    assert clusters(first) == [
        ("entity_2", "", "", [(13, 17)]),
        ("entity_4", "PER", "Q1", [(0, 3), (24, 27)]),
    ]
    best, other = first._.relations
    assert (other.head.text, other.label, other.score) == ("Lee", "founded", 0.75)
    assert [sent.text for sent in other.evidence] == ["Lee founded  Acme-Oslo."]
    (pair,) = other.key_mention_pairs
    assert (pair.head.text, pair.tail.text, pair.key_score, pair.relation_score) == ("Lee", "Acme", 0.5, 0.25)
    assert (best.label, best.score, best.evidence, best.key_mention_pairs) == ("founded_by", 1.0, (), ())
    assert [token.text for token in second] == ["Nothing", "."]
    assert [sent.text for sent in second.sents] == ["Nothing."]


def test_sentences_by_rule_or_none(tmp_path):
    path = changed(tmp_path, "sentences", ...)
    first, _ = read("jsonl", path)
    assert len(list(first.sents)) == 2
    first, _ = read("jsonl", path, sentences=False)
    assert not first.has_annotation("SENT_START")
    first, _ = read("jsonl", changed(tmp_path, "sentences", []))
    assert not first.has_annotation("SENT_START")


def test_tokens_by_the_tokenizer_fit_the_mentions(tmp_path):
    first, _ = read("jsonl", changed(tmp_path, "tokens", ...))
    assert texts(first) == [["Acme"], ["Lee", "She"]]
    assert [sent.text for sent in first.sents] == ["Lee founded  Acme-Oslo.", "She left."]


@QUICK
@given(any_documents())
def test_what_is_written_is_as_the_schema_says(doc: Doc):
    VALIDATOR.validate(document_to_json(doc))


def test_the_schema_is_one_and_knows_the_sample():
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)
    # python -c "import json; from spacy_kmgre.formats.jsonl import json_schema as s; print(json.dumps(s(), indent=2))"
    assert VALIDATOR.schema == json_schema()
    for data in JSONL:
        VALIDATOR.validate(data)


@pytest.mark.parametrize(
    "path, value, code, place",
    [
        ("text", None, "E102", "'j1': 'text'"),
        ("title", [3], "E102", "'title' should be a valid string"),
        ("tokens", [[0, 3]], "E123", "'j1': the token number 1"),
        ("tokens.0", [0], "E102", r"'tokens\[0\]' should have at least 2 items"),
        ("tokens.0", [0, "3"], "E102", r"'tokens\[0\]\[1\]' should be a valid integer"),
        ("tokens.1", [2, 11], "E123", "the token number 1"),
        ("tokens.1", [4, 4], "E123", "the token number 1"),
        ("tokens.6", [32, 99], "E123", "the token number 6"),
        ("sentences", [[0, 23]], "E123", "the sentence number 1"),
        ("sentences", [[4, 33]], "E123", "the sentence number 0"),
        ("entities", {}, "E102", "'entities' should be a valid list"),
        ("entities.1", None, "E102", r"'entities\[1\]' should be an object"),
        ("entities.1.mentions", ..., "E102", r"'entities\[1\]\.mentions' is missing"),
        ("entities.0.key", "person_1", "E102", r"'entities\[0\]\.key' should match.*entity_"),
        ("entities.0.key", "entity_2", "E134", r"entities\[1\]: 'entity_2'"),
        ("entities.1.mentions.0.text", "Acne", "E122", r"entities\[1\] mentions\[0\].*'Acme', not 'Acne'"),
        ("entities.1.mentions.0.end", 34, "E121", r"entities\[1\] mentions\[0\]"),
        ("entities.1.mentions.0.start", -1, "E121", r"entities\[1\] mentions\[0\]"),
        ("entities.0.label", 5, "E102", r"'entities\[0\]\.label'"),
        ("relations.0.head", 2, "E131", r"relations\[0\].*refers to 2.*2 entities"),
        ("relations.0.tail", -1, "E131", r"relations\[0\].*refers to -1"),
        ("relations.0.label", ..., "E102", r"'relations\[0\]\.label'"),
        (
            "relations.0.score",
            1.5,
            "E102",
            r"'relations\[0\]\.score' should be less than or equal to 1, got: 1.5",
        ),
        ("relations.0.score", float("nan"), "E102", r"'relations\[0\]\.score'"),
        ("relations.0.score", True, "E102", r"'relations\[0\]\.score'"),
        ("relations.0.score", 10**400, "E102", r"'relations\[0\]\.score'"),
        ("relations.0.evidence.0.end", 99, "E121", r"relations\[0\]"),
        (
            "relations.0.key_mention_pairs.0.head",
            None,
            "E102",
            r"'relations\[0\]\.key_mention_pairs\[0\]\.head'",
        ),
        (
            "relations.0.key_mention_pairs.0.share",
            ...,
            "E102",
            r"'relations\[0\]\.key_mention_pairs\[0\]\.share' is missing",
        ),
    ],
)
def test_what_cannot_be_right(tmp_path, path, value, code, place):
    file = changed(tmp_path, path, value)
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*docs.jsonl line 1.*{place}"):
        read("jsonl", file)
    if code in ("E102", "E121") and path not in ("relations.0.evidence.0.end", "entities.1.mentions.0.end"):
        data = json.loads(file.read_text().split("\n")[0])
        assert not VALIDATOR.is_valid(data) or isinstance(value, float)


def test_entities_without_mentions(tmp_path):
    counts = Counts()
    first, _ = read("jsonl", changed(tmp_path, "entities.1.mentions", []), counts)
    assert texts(first) == [["Lee", "She"]] and relations(first) == []
    assert counts.oddities == {
        "entities without mentions": 1,
        "relations left out, as an entity has no mentions": 2,
    }


def test_relations_listed_twice_become_one(tmp_path):
    data: Any = deepcopy(JSONL[0])
    again = deepcopy(data["relations"][0])
    again.update(score=0.5, evidence=[{"start": 24, "end": 33}])
    again["key_mention_pairs"].append(
        {"head": {"start": 24, "end": 27}, "tail": {"start": 13, "end": 17}, "share": 0.6}
    )
    data["relations"].append(again)
    counts = Counts()
    first, _ = read("jsonl", changed(tmp_path, "relations", data["relations"]), counts)
    (stored,) = (item for item in relation_data(first) if item["label"] == "founded")
    assert stored["score"] == 0.75
    assert [list(span) for span in stored["evidence"]] == [[0, 6], [6, 9]]
    assert [pair["share"] for pair in stored["key_mention_pairs"]] == pytest.approx([1 / 1.6, 0.6 / 1.6])
    assert counts.oddities == {"labels listed twice": 1}
