"""The journal: what is left after a crash at any moment, and how a run goes on from it."""

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from spacy_kmgre.extraction.annotate import Outcome
from spacy_kmgre.extraction.journal import Journal

SETTINGS: dict[str, str | int] = {"format": "jsonl"}
OUTCOMES = [
    Outcome("a", b"zero\n", 2, 1),
    Outcome("b", error="x"),
    Outcome("c", b"two\n"),
    Outcome("d", b"three\n", 1),
]
WHOLE = b"zero\ntwo\nthree\n"
# Opening, renaming and deleting files and folders.
OPERATIONS = ("open", "sqlite3.connect", "os.mkdir", "os.rename", "os.remove", "os.rmdir")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it has forked")


def join(documents: Iterable[bytes], path: Path) -> None:
    path.write_bytes(b"".join(documents))


def write_all(
    target: Path, outcomes: list[Outcome] = OUTCOMES, resume: bool = False, force: bool = False
) -> None:
    with closing(Journal(target)) as journal:
        if journal.begin(SETTINGS, resume=resume, force=force):
            for start in range(len(list(journal.outcomes())), len(outcomes), 2):
                journal.add(outcomes[start : start + 2])
            journal.finish(join)


def begin(target: Path, count: int = 2) -> Journal:
    """A run that ended after some documents."""
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS)
        journal.add(OUTCOMES[:count])
    return journal


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_documents_become_the_output(tmp_path: Path):
    target = tmp_path / "out.txt"
    write_all(target)
    assert target.read_bytes() == WHOLE
    assert Journal(target).read_errors() == [{"id": "b", "error": "x"}]
    assert names(tmp_path) == {"out.txt", "out.txt.errors.jsonl"}
    write_all(target, [Outcome("a", b"zero\n")], force=True)
    assert target.read_bytes() == b"zero\n" and Journal(target).read_errors() == []
    assert names(tmp_path) == {"out.txt"}


def test_a_run_goes_on_with_what_it_was_begun_with(tmp_path: Path):
    target = tmp_path / "out.txt"
    begin(target)
    with closing(Journal(target)) as journal:
        assert journal.begin(SETTINGS, resume=True)
        assert list(journal.outcomes()) == [Outcome("a", None, 2, 1), OUTCOMES[1]]
    write_all(target, resume=True)
    assert target.read_bytes() == WHOLE


def test_other_settings_are_refused(tmp_path: Path):
    target = tmp_path / "out.txt"
    begin(target)
    for other in ({"format": "csv"}, {}, {**SETTINGS, "more": 1}):
        with closing(Journal(target)) as journal, pytest.raises(ValueError, match=r"E333.*: (format|more)"):
            journal.begin(other, resume=True)
    with closing(Journal(target)) as journal:
        assert journal.begin({"format": "csv"}, force=True)
        assert list(journal.outcomes()) == []


def test_an_earlier_run_is_not_passed_over(tmp_path: Path):
    target = tmp_path / "out.txt"
    begin(target)
    with pytest.raises(ValueError, match=r"E332.*out\.txt\.partial.*--resume"):
        write_all(target)
    write_all(target, resume=True)
    for resume in (False, True):
        with closing(Journal(target)) as journal:
            if resume:
                assert not journal.begin(SETTINGS, resume=True)
            else:
                with pytest.raises(ValueError, match="E331"):
                    journal.begin(SETTINGS)
    assert target.read_bytes() == WHOLE


def test_force_keeps_the_output_until_another_is_complete(tmp_path: Path):
    target = tmp_path / "out.txt"
    write_all(target)
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS, force=True)
        journal.add([Outcome("new", b"new\n")])
    assert target.read_bytes() == WHOLE and journal.errors.exists()
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS, resume=True)
        assert [outcome.name for outcome in journal.outcomes()] == ["new"]
        assert target.read_bytes() == WHOLE
        journal.finish(join)
    assert target.read_bytes() == b"new\n" and names(tmp_path) == {"out.txt"}


def test_an_output_that_cannot_be_made_leaves_the_journal(tmp_path: Path):
    target = tmp_path / "out.txt"

    def fail(documents: Iterable[bytes], path: Path) -> None:
        path.write_bytes(next(iter(documents)))
        raise ValueError("no such relation")

    with closing(Journal(target)) as journal, pytest.raises(ValueError, match="no such relation"):
        journal.begin(SETTINGS)
        journal.add(OUTCOMES)
        journal.finish(fail)
    assert not target.exists()
    write_all(target, resume=True)
    assert target.read_bytes() == WHOLE and names(tmp_path) == {"out.txt", "out.txt.errors.jsonl"}


@pytest.mark.parametrize("place", [0, 100, 4096])
def test_a_damaged_journal_is_not_used(tmp_path: Path, place: int):
    target = tmp_path / "out.txt"
    path = begin(target).path
    data = bytearray(path.read_bytes())
    data[place : place + 1000] = b"?" * 1000
    path.write_bytes(data)
    for switch in ("resume", "force"):
        with pytest.raises(ValueError, match=r"E347.*out\.txt\.partial.*Delete it"):
            write_all(target, **{switch: True})
    assert not target.exists()


def test_what_older_versions_left(tmp_path: Path):
    target = tmp_path / "out.txt"
    (tmp_path / "out.txt.partial").mkdir()
    (tmp_path / "out.txt.partial" / "run.json").write_text("{}")
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"E352.*--force"):
            write_all(target, resume=resume)
    write_all(target, force=True)
    assert target.read_bytes() == WHOLE and names(tmp_path) == {"out.txt", "out.txt.errors.jsonl"}


def test_a_folder_that_holds_something_is_not_replaced(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious").touch()
    with pytest.raises(ValueError, match="E141"):
        write_all(tmp_path / "folder", force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "precious"]


def test_an_output_that_is_a_folder(tmp_path: Path):
    def write(documents: Iterable[bytes], path: Path) -> None:
        path.mkdir()
        for number, document in enumerate(documents):
            (path / str(number)).write_bytes(document)

    target = tmp_path / "out"
    target.mkdir()
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS)
        journal.add(OUTCOMES)
        journal.finish(write)
    assert (target / "1").read_bytes() == b"two\n" and names(target) == {"0", "1", "2"}


def test_a_full_disk(tmp_path: Path, monkeypatch):
    """The error says what is wrong, and the parts that were written are kept."""
    target = tmp_path / "out.txt"
    connect = sqlite3.connect

    def small(*args, **kwargs):
        found = connect(*args, **kwargs)
        found.execute("PRAGMA max_page_count = 8")
        return found

    monkeypatch.setattr(sqlite3, "connect", small)
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS)
        journal.add(OUTCOMES[:2])
        with pytest.raises(OSError, match=r"E351.*out\.txt\.partial.*full"):
            journal.add([OUTCOMES[2], Outcome("large", bytes(100_000))])
    monkeypatch.undo()
    with closing(Journal(target)) as journal:
        journal.begin(SETTINGS, resume=True)
        assert [outcome.name for outcome in journal.outcomes()] == ["a", "b"]
    write_all(target, resume=True)
    assert target.read_bytes() == WHOLE


def test_a_target_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_all(tmp_path / "file" / "out.txt")


# Killed for good


def kill_at(number: int, target: Path, force: bool) -> None:
    """Run, and be killed just before a file operation."""
    count = 0

    def kill(event: str, _: object) -> None:
        nonlocal count
        if event in OPERATIONS:
            count += 1
            if count > number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    write_all(target, resume=not force, force=force)


@needs_fork
@pytest.mark.parametrize("force", [False, True])
def test_killed_before_any_file_operation(tmp_path: Path, force: bool):
    """Every run is killed, and another one goes on: the output is complete, or not there or the old one."""
    context = multiprocessing.get_context("fork")
    number, killed = 0, True
    while killed:
        folder = tmp_path / str(number)
        target = folder / "out.txt"
        if force:
            folder.mkdir()
            target.write_bytes(b"old")
        process = context.Process(target=kill_at, args=(number, target, force))
        process.start()
        process.join()
        killed = process.exitcode == -signal.SIGKILL
        assert killed or process.exitcode == 0
        if target.exists():
            assert target.read_bytes() in ((WHOLE, b"old") if force else (WHOLE,))
        replaced = target.exists() and target.read_bytes() == WHOLE
        write_all(target, resume=True)
        if force and not replaced and target.read_bytes() == b"old":
            assert number < 3  # The run had not begun.
        else:
            assert target.read_bytes() == WHOLE
            assert names(folder) == {"out.txt", "out.txt.errors.jsonl"}
        number += 1
    assert number > 15


@needs_fork
def test_killed_at_random(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    outcomes = [Outcome(str(number), bytes([number % 256]) * 3000, 1, 1) for number in range(400)]
    target = tmp_path / "out.txt"
    random.seed(0)
    counts = []
    for _ in range(40):
        process = context.Process(target=write_all, args=(target, outcomes), kwargs={"resume": True})
        process.start()
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        process.join()
        if target.exists():
            break
        with closing(Journal(target)) as journal:
            journal.begin(SETTINGS, resume=True)
            counts.append(len(list(journal.outcomes())))
    assert counts == sorted(counts) and len(set(counts)) > 2 and not any(count % 2 for count in counts)
    write_all(target, outcomes, resume=True)
    assert target.read_bytes() == b"".join(outcome.data or b"" for outcome in outcomes)
    assert names(tmp_path) == {"out.txt"}


HOLD = """
import sys
from pathlib import Path
from spacy_kmgre.extraction.journal import Journal

journal = Journal(Path(sys.argv[1]))
journal.begin({}, resume=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_write_one_output(tmp_path: Path):
    target = tmp_path / "out.txt"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        for switch in ("resume", "force"):
            with pytest.raises(ValueError, match="E335"):
                write_all(target, **{switch: True})
        other.kill()
    with closing(Journal(target)) as journal:
        assert journal.begin({}, resume=True)
