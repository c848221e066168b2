"""A `.spacy` file may hold anything where this package keeps its data: the error has a code and names the document."""

import re
from typing import Any

import pytest
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

import spacy_kmgre.cli  # noqa: F401  # It adds the commands.
from spacy_kmgre.annotations import TITLE, check_stored, relation_data
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.stored_relations import _BY_WRITER, _RELATIONS, _TOKENS, _WRITER, IDS, MODEL, PREFIX_USED

from ..conftest import RELATIONS, make_doc

PAIR = {"head": [0, 2], "tail": [3, 4], "key_score": 1.0, "relation_score": 1.0, "share": 1.0}
GOOD = {
    "head": "entity_1",
    "tail": "entity_2",
    "label": "founded",
    "score": 1.0,
    "key_mention_pairs": [PAIR],
    "evidence": [[0, 5]],
}
FIELDS: list[tuple[str, Any]] = [
    *(
        (_RELATIONS, bad)
        for bad in ("x", 5, [5], [{}], [None], {"head": "entity_1"}, [{"head": 1, "tail": 2, "label": 3}])
    ),
    *(
        (_RELATIONS, [{**GOOD, name: bad}])
        for name, values in {
            "head": (7, "entity_99", None),
            "label": (None, 5),
            "score": ("x", float("nan"), 7, None),
            "evidence": ("ab", [[0, 99]], [[2, 1]], 5),
            "key_mention_pairs": ([{}], 5, [{**PAIR, "head": [0, 99]}], [{**PAIR, "share": float("inf")}]),
            "label_text": (5,),
            "other": (1,),
        }.items()
        for bad in values
    ),
    *((_TOKENS, bad) for bad in ("x", 5, [1], b"\0", b"\0" * 8)),
    *((_BY_WRITER, bad) for bad in (5, [1], {"a": 1}, {"a": {}}, {"a": {"relations": 5, "tokens": None}})),
    *((MODEL, bad) for bad in (5, "x", {"name": 5}, {"name": ["x"]})),
    *((PREFIX_USED, bad) for bad in (5, ["x"])),
    *((IDS, bad) for bad in (5, {"entity_1": 5}, ["x"])),
    (_WRITER, 5),
]


def hostile(nlp: Any, name: str, value: Any) -> Doc:
    doc = make_doc(nlp)
    doc._.relations = RELATIONS
    doc.user_data |= {_RELATIONS: [GOOD], _TOKENS: b"\0" * 56 if name == _TOKENS else doc.user_data[_TOKENS]}
    doc.user_data |= {TITLE: "Ann Lee", name: value}
    return doc


@pytest.mark.parametrize("name, value", FIELDS, ids=map(repr, range(len(FIELDS))))
def test_readers(kmgre, tmp_path, name: str, value: Any):
    path = tmp_path / "in.spacy"
    DocBin(store_user_data=True, docs=[hostile(kmgre, name, value), make_doc(kmgre)]).to_disk(path)
    field = (
        _RELATIONS if isinstance(value, bytes) else name
    )  # With such places of tokens the relations are wrong.
    with pytest.raises(ValueError, match=rf"^.KMGRE E155. .*'Ann Lee'.*{re.escape(field)}"):
        list(FORMATS["spacy"].read(path, kmgre.vocab, Counts()))


def test_what_is_right_stays(kmgre):
    doc = hostile(kmgre, MODEL, {"name": "a", "version": "1"})
    doc.user_data[_RELATIONS] = ({**GOOD, "evidence": ((0, 5),)},)  # A DocBin makes tuples.
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    check_stored(doc)
    (data,) = relation_data(doc)
    assert data["evidence"] == [[0, 4]] and data["key_mention_pairs"][0]["tail"] == [2, 3]


@pytest.mark.parametrize("command", ["convert", "info", "export", "view", "evaluate", "extract"])
def test_commands(kmgre, trained_folder, tmp_path, command: str):
    path = tmp_path / "in.spacy"
    DocBin(store_user_data=True, docs=[hostile(kmgre, _RELATIONS, [{}])]).to_disk(path)
    model = [str(trained_folder("KMGRE"))] if command in ("evaluate", "extract") else []
    target = {"convert": [str(tmp_path / "out.jsonl")], "info": [], "evaluate": []}.get(
        command, ["-o", str(tmp_path / {"view": "out.html"}.get(command, "out.csv"))]
    )
    result = CliRunner().invoke(app, ["kmgre", command, *model, str(path), *target])
    assert isinstance(result.exception, SystemExit) and result.exit_code in (1, 3), result.output
    assert "E155" in result.output


def test_numbers_of_other_scripts_and_of_many_digits(kmgre):
    doc = make_doc(kmgre)
    for key in ("entity_٣", "entity_²", f"entity_{'9' * 5000}"):
        doc.spans[key] = [doc[0:1]]
    assert [entity.key for entity in doc._.entities] == ["entity_1", "entity_2", "entity_3"]
