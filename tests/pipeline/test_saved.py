"""The `cfg` of a saved component is checked when it is loaded."""

import shutil
from typing import Any

import pytest
import spacy
import srsly

from ..conftest import GOLD, NAME, component, make_doc, triples

BROKEN: list[dict[str, Any]] = [
    *({"labels": bad} for bad in ("abc", [1, 2, 3, 4], [None] * 4, ["a"] * 4, ["a", "b", "c", ""], 5)),
    *({"types": bad} for bad in (5, [1], "PER")),
    *({"triples": bad} for bad in ("x", [[1]], [["a", "b"]], [["a", "b", 3]])),
    *({"label_texts": bad} for bad in ([1], {"founded": 3}, "x")),
    *({"changed": bad} for bad in ("broken", [1], {"threshold": "x"}, {"threshold": 7}, {"nosuch": 1})),
]


@pytest.mark.parametrize("values", BROKEN, ids=str)
def test_a_damaged_cfg(trained_folder, tmp_path, values: dict[str, Any]):
    folder = tmp_path / "model"
    shutil.copytree(trained_folder("KMGRE"), folder)
    nlp = spacy.load(folder)
    path = folder / NAME / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), **values})
    with pytest.raises(ValueError, match=r"E015.*"):
        spacy.load(folder)
    with pytest.raises(ValueError, match="E015"):
        component(nlp).from_disk(folder / NAME)
    assert triples(nlp(make_doc(nlp))) == GOLD  # Nothing of it is loaded.


def test_what_later_versions_add(trained_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(trained_folder("KMGRE"), folder)
    path = folder / NAME / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), "later": [1]})
    nlp = spacy.load(folder)
    assert triples(nlp(make_doc(nlp))) == GOLD
