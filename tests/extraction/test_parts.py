"""Parts: an output of a run on several machines is complete, or its checkpoints tell what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spacy_kmgre.export import Export, find_export
from spacy_kmgre.extraction.annotate import Outcome
from spacy_kmgre.extraction.journal import Journal
from spacy_kmgre.extraction.parts import Done, Parts, Total

SETTINGS: dict[str, Any] = {"format": "parquet", "part_words": 100, "sources": [["a", 1]]}


def export(name: str = "parquet") -> Export:
    return find_export(Path(), name)({})


def outcomes(*names: str) -> list[Outcome]:
    made = []
    for name in names:
        record = {
            "document": name,
            "model": "",
            "model_version": "",
            "text": name,
            "entities": [],
            "relations": [],
        }
        made.append(Outcome(name, json.dumps(record).encode(), entities=2, relations=1))
    return made


def failure(name: str) -> Outcome:
    return Outcome(name, export().encode_failure(name, "x"), error="x")


def test_one_process_at_a_time(tmp_path: Path):
    parts = Parts(tmp_path / "out.parquet", "aaa")
    parts.begin(SETTINGS)
    with parts.locked():
        for other in ({"resume": True}, {"force": True}):
            with pytest.raises(ValueError, match=r"E335.*out\.parquet"):
                Parts(tmp_path / "out.parquet", "aaa").begin(SETTINGS, **other)
    with Parts(tmp_path / "out.parquet", "aaa").locked():
        parts.finish([])
    assert list(tmp_path.iterdir()) == [tmp_path / "out.parquet"]


def test_a_run_from_begin_to_end(tmp_path: Path):
    target = tmp_path / "out.parquet"
    parts = Parts(target, "aaa")
    assert parts.begin(SETTINGS) == SETTINGS
    total = Total()
    for name, made in (("0-0", outcomes("a", "b")), ("0-1", [*outcomes("a"), failure("c")])):
        total.add(parts.write(name, made, export()))
    # A run that goes on knows what is done, and need not say how many words a part has.
    again = Parts(target, "aaa")
    assert again.begin({**SETTINGS, "part_words": 7}, free=["part_words"], resume=True) == SETTINGS
    assert dict(again.done()) == {
        "0-0": Done.of(outcomes("a", "b")),
        "0-1": Done.of([*outcomes("a"), failure("c")]),
    }
    # A part that is written again is there once.
    again.write("0-0", outcomes("a", "b"), export())
    summary = total.summary()
    assert (summary.documents, summary.entities, summary.relations, summary.repeated) == (4, 6, 3, 1)
    again.finish(summary.failed)
    assert sorted(pq.read_table(target / "documents")["document"].to_pylist()) == ["a", "a", "b", "c"]
    assert sorted(path.name for path in target.iterdir()) == ["documents", "relations"]
    assert Parts(target, "aaa").begin(SETTINGS, resume=True) is None
    assert again.complete().failed == [{"id": "c", "error": "x"}] and again.complete().complete
    assert {path.name for path in tmp_path.iterdir()} == {"out.parquet", "out.parquet.errors.jsonl"}


def test_a_run_that_differs_is_refused(tmp_path: Path):
    target = tmp_path / "out"
    Parts(target, "aaa").begin(SETTINGS)
    for other, settings, why in (
        ("bbb", SETTINGS, ": pipeline"),
        ("aaa", {**SETTINGS, "sources": []}, ": sources"),
        ("aaa", {**SETTINGS, "part_words": 99}, ": part_words"),
    ):
        with pytest.raises(ValueError, match=rf"E333.*{why}"):
            Parts(target, other).begin(settings, resume=True)
    with pytest.raises(ValueError, match=r"E332.*_checkpoints"):
        Parts(target, "aaa").begin(SETTINGS)
    with pytest.raises(ValueError, match="E367"):
        Journal(target).begin({}, resume=True)
    Parts(target, "aaa").write("0-0", outcomes("a"), export("jsonl"))
    assert Parts(target, "bbb").begin(SETTINGS, force=True) == SETTINGS
    assert [path.name for path in target.iterdir()] == ["_checkpoints"]


def test_what_is_there_is_not_lost(tmp_path: Path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").touch()
    with pytest.raises(ValueError, match="E141"):
        Parts(target, "aaa").begin(SETTINGS, force=True)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="E331"):
        Parts(tmp_path / "file", "aaa").begin(SETTINGS)
    assert Parts(tmp_path / "file", "aaa").begin(SETTINGS, force=True)
    with pytest.raises(OSError):
        Parts(target / "thesis.txt" / "out", "aaa").begin(SETTINGS)


class Killed(BaseException):
    pass


def test_killed_while_it_deletes(tmp_path: Path, monkeypatch):
    """An output of which a part is left is never taken for complete."""
    parts = Parts(tmp_path / "out", "aaa")
    parts.begin(SETTINGS)
    parts.write("a", outcomes("a"), export())
    rmtree = shutil.rmtree

    def die(path: Path, **settings: Any) -> None:
        rmtree(path, **settings)
        if path.parent == tmp_path / "out" and not settings:
            raise Killed

    for left in (2, 1):  # The checkpoints, and one of the two tables.
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(shutil, "rmtree", die)
            Parts(tmp_path / "out", "aaa").begin(SETTINGS, force=True)
        found = {path.name for path in (tmp_path / "out").iterdir()}
        assert "_checkpoints" in found and len(found) == left
    assert Parts(tmp_path / "out", "aaa").begin(SETTINGS, resume=True) == SETTINGS


@pytest.mark.parametrize("place", range(8))
def test_killed_at_any_moment(tmp_path: Path, monkeypatch, place: int):
    """Before any file comes to its place, or after: the run that goes on ends as one that was not disturbed."""
    count = 0
    replace = Path.replace

    def replace_or_die(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == place + 1:
            raise Killed
        return replace(path, target)

    def run() -> None:
        parts = Parts(tmp_path / "out", "aaa")
        if parts.begin(SETTINGS, resume=True) is None:
            return
        done = dict(parts.done())
        for name in "ab":
            if name not in done:
                parts.write(name, outcomes(name), export())
        parts.finish([])

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace_or_die)
        try:
            run()
        except Killed:
            assert count == place + 1
    run()
    assert pq.read_table(tmp_path / "out" / "documents")["document"].to_pylist() == ["a", "b"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["documents", "relations"]


def test_streams_are_parts_too(tmp_path: Path):
    parts = Parts(tmp_path / "out", "aaa")
    parts.begin(SETTINGS)
    for name in ("0", "1"):
        parts.write(
            name, [Outcome(name, f"{name}\n".encode()), failure("x")._replace(data=None)], export("jsonl")
        )
    parts.finish([])
    assert [path.read_text() for path in sorted((tmp_path / "out").iterdir())] == ["0\n", "1\n"]
