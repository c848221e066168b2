import json
from pathlib import Path
from typing import Any

import pytest

from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts

from .samples import DWIE, clusters, read, relations, sample, texts


def changed(folder: Path, old: str, new: str) -> Path:
    path = sample("dwie", folder)
    file = path / "DW_1.json"
    text = json.dumps(DWIE[0], ensure_ascii=False)
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf8")
    return path


def test_reads_a_folder(tmp_path):
    counts = Counts()
    first, second = read("dwie", sample("dwie", tmp_path), counts)
    assert (first.user_data["title"], second.user_data["title"]) == ("DW_1", "DW_2")
    assert first.text == DWIE[0]["content"]
    assert clusters(first) == [
        ("entity_1", "person", "Ann_Lee", [(0, 3), (12, 19)]),
        ("entity_3", "gpe2", "", [(25, 31)]),
        ("entity_4", "", "", [(40, 46)]),
    ]
    assert texts(first) == [["Lee", "Ann Lee"], ["Berlin"], ["German"]]
    assert relations(first) == [("Ann Lee", "based_in", "Berlin")]
    assert counts.oddities == {
        "entities without mentions": 1,
        "mentions without a concept, each an entity of its own": 1,
        "relations left out, as an entity has no mentions": 1,
        "types beyond an entity's first (left out)": 2,
    }


def test_options(tmp_path):
    path = sample("dwie", tmp_path)
    counts = Counts()
    (doc,) = read("dwie", path, counts, part="test")
    assert doc.user_data["title"] == "DW_2"
    assert counts.oddities == {"documents of other parts than test (left out)": 1}
    first, _ = read("dwie", path, all_types=True)
    assert [label for _, label, _, _ in clusters(first)] == ["entity+head_of_state+person", "gpe2", ""]
    FORMATS["dwie"].write([first], tmp_path / "copy")
    assert clusters(read("dwie", tmp_path / "copy", all_types=True)[0]) == clusters(first)
    assert read("dwie", path / "DW_2.json")[0].text == "Nothing here."


@pytest.mark.parametrize(
    "tags, label",
    [
        (["type::entity", "type::gpe", "type::gpe0", "type::location"], "location"),
        (["type::entity"], "entity"),
        (["type::value", "type::time"], "time"),
        (["topic::none", "type::other", "type::gpe0-x"], "gpe0-x"),
        (["topic::none"], ""),
    ],
)
def test_the_most_general_type_is_the_label(tmp_path, tags, label):
    path = changed(tmp_path, '["type::gpe2"]', json.dumps(tags))
    assert clusters(read("dwie", path)[0])[1][1] == label


def test_invisible_characters_of_the_published_texts(tmp_path):
    path = changed(tmp_path, "Berlin.", "Ber\u00adl\u200bin.")
    data: Any = json.loads((path / "DW_1.json").read_text())
    data["mentions"][2].update(end=33)
    for mention in data["mentions"][3:]:
        mention.update(begin=mention["begin"] + 2, end=mention["end"] + 2)
    (path / "DW_1.json").write_text(json.dumps(data))
    assert texts(read("dwie", path)[0])[1] == ["Ber\u00adl\u200bin"]


@pytest.mark.parametrize(
    "old, new, code, place",
    [
        ('"content": "Lee', '"no": "Lee', "E133", "'DW_1' has no `content`"),
        ('"id": "DW_1"', '"id": [1]', "E102", "'id' should be a valid string"),
        ('"begin": 12', '"begin": 13', "E122", r"'DW_1' mentions\[1\].*'nn Lee', not 'Ann Lee'"),
        ('"begin": 12', '"begin": -12', "E121", r"mentions\[1\]"),
        ('"end": 46', '"end": 99', "E121", r"mentions\[3\]"),
        ('"concept": null', '"concept": 9', "E131", r"mentions\[3\].*refers to 9.*\[0, 1, 2\]"),
        ('"concept": 1,', '"concept": 0,', "E134", r"concepts\[1\]: 0"),
        ('"o": 2', '"o": 3', "E131", r"relations\[0\].*refers to 3"),
        ('"p": "in0"', '"p": null', "E148", r"relations\[1\]: a relation without a label"),
        ("Berlin", "Bonn", "E122", r"mentions\[2\].*not 'Berlin'"),
    ],
)
def test_what_cannot_be_right(tmp_path, old, new, code, place):
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*DW_1.json.*{place}"):
        read("dwie", changed(tmp_path, old, new))
