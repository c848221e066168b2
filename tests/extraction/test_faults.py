"""Runs that the world disturbs: full disks, files that others delete or change, and signals."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import srsly

from spacy_kmgre.export import find_export
from spacy_kmgre.extraction import cluster
from spacy_kmgre.extraction.annotate import Item
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.run import Plan, extract
from spacy_kmgre.extraction.sources import find_sources

from .conftest import line, read, write_lines
from .test_run import FORK, SMALL, Killed, count_documents, ids, killing, needs_fork, run, wait

resource = pytest.importorskip("resource", reason="limits of Unix")


@pytest.fixture
def source(tmp_path) -> Path:
    return write_lines(tmp_path / "in.jsonl", [line(number) for number in range(12)])


def begun(nlp, source: Path, target: Path, place: int = 9) -> None:
    """A run that was killed at a document."""
    with pytest.raises(Killed):
        extract(nlp, killing(read(nlp, source), place), target, find_export(target)(nlp.meta), plan=SMALL)


CHANGES: dict[str, Callable[[list[dict]], object]] = {
    "text": lambda lines: lines[2].update(text=lines[2]["text"].replace("founded", "bought!")),
    "entities": lambda lines: lines[2]["entities"].pop(),
    "label": lambda lines: lines[2]["entities"][0].update(label="Y"),
}


@pytest.mark.parametrize("ending", [".jsonl", ".spacy"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_contents_that_have_changed(nlp, tmp_path, change, ending: str):
    """The names of the documents are the same."""
    from spacy_kmgre.formats import FORMATS

    def write(lines: list[dict]) -> Path:
        source = write_lines(tmp_path / "in.jsonl", lines)
        if ending == ".jsonl":
            return source
        FORMATS["spacy"].write(list(FORMATS["jsonl"].read(source, nlp.vocab)), tmp_path / "in.spacy")
        source.unlink()
        return tmp_path / "in.spacy"

    lines = [line(number) for number in range(12)]
    for one in lines:
        one["title"] = one.pop("id")
    source, target = write(lines), tmp_path / "out.jsonl"
    begun(nlp, source, target)
    change(lines)
    (tmp_path / "in.spacy").unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"E355.*number 3, 'doc 2'"):
        run(nlp, write(lines), target, resume=True)
    assert not target.exists()


def test_texts_that_have_changed(nlp, tmp_path):
    folder, target = tmp_path / "in", tmp_path / "out.jsonl"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.txt").write_text(f"Acme works near Bolt {number}.")
    begun(nlp, folder, target)
    (folder / "03.txt").write_text("Acme works near Bolt 4.")
    with pytest.raises(ValueError, match=r"E355.*'03.txt'"):
        run(nlp, folder, target, resume=True)
    (folder / "03.txt").write_text("Acme works near Bolt 3.")
    assert run(nlp, folder, target, resume=True).documents == 12


def test_parts_of_other_contents(tmp_path):
    """Ray's parts are known by their numbers, and by a hash of what they were made of."""
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(6)])

    def parts(done: dict[str, str]) -> list[dict[str, str]]:
        units = cluster.pa.table({"number": [0], "sources": [pickle.dumps(find_sources([source]))]})
        found = cluster.read_parts(units, RecordReader("en", False), 30, done)
        return [row for table in found for row in table.to_pylist()]

    first = {row["name"]: row["digest"] for row in parts({})}
    assert len(first) > 1 and parts(first) == [] and parts(dict.fromkeys(first, "")) == []
    write_lines(source, [line(number) for number in (0, 1, 2, 3, 9, 5)])
    (row,) = parts(first)
    assert "E357" in row["error"]


@pytest.mark.parametrize("what", ["journal", "folder", "replaced"])
def test_a_journal_that_somebody_deletes(nlp, source, tmp_path, what: str):
    """The run ends at the next part, not at its end with all work lost."""
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "out.jsonl"
    items = read(nlp, source)

    def harm() -> object:
        if what == "folder":
            shutil.rmtree(folder)
        else:
            (folder / "out.jsonl.partial").unlink()
        if what == "replaced":
            (folder / "out.jsonl.partial").write_bytes(b"")
        return items[9].make()

    items_with = [*items[:9], Item(items[9].name, harm, digest=items[9].digest), *items[10:]]
    made = []
    progress = Plan(SMALL.batch_size, progress=made.append)
    with pytest.raises(OSError, match=r"E356|E351"):
        extract(nlp, items_with, target, find_export(target)(nlp.meta), plan=progress)
    assert sum(made) < len(items) or len(items) < 2 * SMALL.batch_size * 4
    assert not target.exists()


def fill(nlp, source: Path, target: Path, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # Python does so too; a write then fails as on a full disk.
    try:
        run(nlp, source, target, Plan(2))
    except OSError:
        os._exit(7)
    os._exit(0)


@needs_fork
@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.spacy"])
def test_no_file_may_grow(nlp, tmp_path, name: str):
    """What is finished when the disk is full is kept: the journal is whole, and the run goes on later."""
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(120)])
    whole, target = tmp_path / f"whole.{name}", tmp_path / name
    run(nlp, source, whole, Plan(2))
    for size in (4096, 20_000, 60_000):
        shutil.rmtree(tmp_path / "out.new", ignore_errors=True)
        process = FORK.Process(target=fill, args=(nlp, source, target, size))
        process.start()
        process.join(120)
        assert process.exitcode == 7 and not target.exists()
        kept = count_documents(target)
        assert kept < 120 and (size < 60_000 or kept)
        (tmp_path / f"{name}.partial").unlink() if size < 60_000 else None
        (tmp_path / f"{name}.partial-journal").unlink(missing_ok=True)
    run(nlp, source, target, Plan(2), resume=True)
    assert target.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(trained_folder, tmp_path, number: int, status: int):
    """The batches that are done are kept, temporary files are not, and the exit status tells."""
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(400)])
    target, log = tmp_path / "out.jsonl", tmp_path / "log"
    command = [sys.executable, "-m", "spacy", "kmgre", "extract", str(trained_folder("KMGRE")), str(source)]
    command += ["-o", str(target), "--batch-size", "2", "--resume"]
    # What runs in the background hears no Ctrl-C.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=file, preexec_fn=heard) as process,
    ):
        assert wait(lambda: count_documents(target) > 0, 120)
        process.send_signal(number)
        assert process.wait(60) == status and not target.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "log", "out.jsonl.partial"}
    assert "--resume" in log.read_text() and 0 < count_documents(target) < 400
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert ids(target) == [f"doc {number}" for number in range(400)]


def test_what_is_done_when_a_run_is_stopped(nlp, source, tmp_path):
    """All batches before the one in which it was stopped, also those of a part that is not full."""
    target = tmp_path / "out.jsonl"
    begun(nlp, source, target, 5)
    assert count_documents(target) == 5 // SMALL.batch_size * SMALL.batch_size
    assert [row["id"] for row in islice(srsly.read_jsonl(source), 1)] == ["doc 0"]
