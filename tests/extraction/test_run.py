"""Runs: no document is lost or doubled, whatever fails and whenever the run is killed."""

import gc
import multiprocessing
import os
import platform
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest
import spacy
import srsly
from spacy import Language
from spacy.tokens import Doc

from spacy_kmgre.export import find_export
from spacy_kmgre.extraction.annotate import Annotator, Item, Outcome, annotate, failure
from spacy_kmgre.extraction.run import Plan, Summary, extract, fingerprint
from spacy_kmgre.extraction.workers import start_workers

from ..conftest import component
from .conftest import line, read, write_lines

SMALL = Plan(batch_size=2)


def run(nlp: Language, source: Path, target: Path, plan: Plan = SMALL, **switches: bool) -> Summary:
    return extract(nlp, read(nlp, source), target, find_export(target)(nlp.meta), plan=plan, **switches)


def ids(path: Path) -> list[str]:
    return [data["title"] for data in srsly.read_jsonl(path)]


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="Other C libraries give memory back by themselves."
)
def test_the_memory_of_a_batch_is_given_back():
    """glibc keeps free memory below a block that is in use: here 100 MB below what each batch leaves behind."""
    kept = []

    def encode(doc: Doc) -> bytes:
        room = [bytes(1000) for _ in range(100_000)]
        kept.append(room[-1])
        return b""

    nlp = spacy.blank("en")
    items = [Item("x", lambda: nlp.make_doc("One two."))]
    process = psutil.Process()
    before = process.memory_info().rss
    assert [len(batch) for batch in Annotator(nlp, encode).run([items, items], abs)] == [1, 1]
    assert process.memory_info().rss - before < 50e6


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl", [line(number) for number in range(21)])


def test_every_document_once_and_in_order(nlp, source, tmp_path):
    done = []
    summary = run(nlp, source, tmp_path / "out.jsonl", Plan(2, progress=done.append))
    assert ids(tmp_path / "out.jsonl") == [f"doc {number}" for number in range(21)]
    assert summary == Summary(documents=21, entities=42, relations=summary.relations)
    assert sum(done) == 21
    lines = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert summary.relations == sum(len(data["relations"]) for data in lines) > 0
    for data, item in zip(lines, read(nlp, source)):
        relations = nlp(item.make())._.relations
        assert [r["label"] for r in data["relations"]] == [r.label for r in relations]
        assert [r["score"] for r in data["relations"]] == pytest.approx(
            [r.score for r in relations], abs=1e-5
        )
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}


def test_parts_hold_whole_batches():
    assert Plan(16).part_size == 4 and Plan(3, 2).part_size == 8
    assert Plan(4, -1).part_size == 4 * (os.cpu_count() or 1)
    for n_process in (0, -2):
        with pytest.raises(ValueError, match="E023"):
            Plan(4, n_process)


def mixed(tmp_path: Path) -> Path:
    """Documents that fail, in a batch, in a line, in a component, and one that is empty."""
    lines: list[Any] = [line(number) for number in range(9)]
    lines[1] = line(1, "Acme will explode near Bolt")
    lines[4]["text"] = 7
    lines[6]["text"], lines[6]["entities"] = "", []
    lines.append(line(9, "explode"))
    return write_lines(tmp_path / "in.jsonl", lines)


@pytest.mark.parametrize("n_process", [1, 2])
def test_documents_that_fail_take_no_others_with_them(fragile, tmp_path, n_process: int):
    target = tmp_path / "out.jsonl"
    summary = run(fragile, mixed(tmp_path), target, Plan(4, n_process))
    assert ids(target) == [f"doc {number}" for number in (0, 2, 3, 5, 6, 7, 8)]
    failed = list(srsly.read_jsonl(tmp_path / "out.jsonl.errors.jsonl"))
    assert [failure["id"] for failure in failed] == ["doc 1", "doc 4", "doc 9"]
    assert failed == summary.failed
    assert "It did explode." in failed[0]["error"] and failed[1]["error"].startswith("[KMGRE E102]")
    assert summary.documents == 10
    # The pipeline is as it was.
    with pytest.raises(RuntimeError, match="explode"):
        list(fragile.pipe(["explode"]))


def test_a_batch_that_fails_as_one(nlp, source, tmp_path, monkeypatch):
    """The relation component drops all documents of a batch in which one fails."""
    pipe = component(nlp)
    predict = pipe.predict

    def fragile(docs):
        docs = list(docs)
        if any(doc.user_data["title"] == "doc 5" for doc in docs):
            raise RuntimeError("CUDA out of memory")
        return predict(docs)

    monkeypatch.setattr(pipe, "predict", fragile)
    summary = run(nlp, source, tmp_path / "out.jsonl", Plan(8))
    assert ids(tmp_path / "out.jsonl") == [f"doc {number}" for number in range(21) if number != 5]
    assert summary.failed == [{"id": "doc 5", "error": "RuntimeError: CUDA out of memory"}]


class Stops:
    """A component whose own `pipe` fails without telling which document it was."""

    def __call__(self, doc):
        if doc.text.endswith(" 2"):
            raise RuntimeError("no more")
        return doc

    def pipe(self, stream, batch_size):
        for doc in stream:
            yield self(doc)


@Language.factory("test_stops")
def make_stops(nlp, name):
    return Stops()


@Language.component("test_renews")
def renews(doc):
    """Hands on a Doc that knows nothing of the old one's user data."""
    other = spacy.tokens.Doc(doc.vocab, words=[token.text for token in doc])
    for key, group in doc.spans.items():
        other.spans[key] = [other[span.start : span.end] for span in group]
    other.user_data["title"] = "renewed" if doc.user_data["title"] == "doc 3" else doc.user_data["title"]
    return other


@pytest.mark.parametrize("name", ["test_stops", "test_renews"])
def test_components_that_break_the_stream(nlp, source, tmp_path, name: str):
    nlp.add_pipe(name, first=True)
    summary = run(nlp, source, tmp_path / "out.jsonl")
    lost = {"doc 2"} if name == "test_stops" else set()
    expected = [f"doc {number}" for number in range(21) if f"doc {number}" not in lost]
    assert ids(tmp_path / "out.jsonl") == [
        x if name == "test_stops" or x != "doc 3" else "renewed" for x in expected
    ]
    assert {failure["id"] for failure in summary.failed} == lost


def test_a_document_that_cannot_be_written(nlp, source, tmp_path):
    @Language.component("test_odd")
    def odd(doc):
        if doc.user_data["title"] == "doc 3":
            doc.user_data["odd"] = {1, 2}
        return doc

    nlp.add_pipe("test_odd")
    summary = run(nlp, source, tmp_path / "out.spacy")
    assert [failure["id"] for failure in summary.failed] == ["doc 3"]
    docs = list(spacy.tokens.DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab))
    assert len(docs) == 20 and all(doc._.relations for doc in docs)


def test_what_only_the_documents_say_is_forgotten(nlp, tmp_path):
    lines = [line(number, f"Acme works near Bolt xyzzy{number}") for number in range(20)]
    before = len(nlp.vocab.strings)
    run(nlp, write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl")
    gc.collect()
    assert len(nlp.vocab.strings) == before
    assert nlp("Acme works near Bolt")[0].text == "Acme"


def test_repeated_names_are_counted(nlp, tmp_path):
    lines = [line(number) for number in (1, 2, 1, 3, 1)]
    summary = run(nlp, write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl")
    assert summary.repeated == 2
    assert ids(tmp_path / "out.jsonl") == [f"doc {number}" for number in (1, 2, 1, 3, 1)]


def test_nothing_to_read(nlp, tmp_path):
    (tmp_path / "in.jsonl").write_text("\n")
    assert run(nlp, tmp_path / "in.jsonl", tmp_path / "out.jsonl") == Summary()
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_errors_in_one_line():
    item = Item("a\ud800", spacy.blank("xx"))
    assert failure(item, ValueError("a\n  b")) == Outcome("a\\ud800", error="ValueError: a b")
    assert failure(item, ValueError("[E088] a\nb")).error == "[E088] a b"


# Going on


class Killed(BaseException):
    pass


def killing(items: list[Item], place: int) -> list[Item]:
    """The run ends, without any clean-up of its own, when it comes to this document."""

    def kill():
        raise Killed

    return [Item(item.name, kill) if number == place else item for number, item in enumerate(items)]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.spacy"])
def test_a_run_that_goes_on_equals_one_that_was_not_disturbed(fragile, tmp_path, name: str):
    source = mixed(tmp_path)
    run(fragile, source, tmp_path / f"whole.{name}")
    target = tmp_path / name
    export = find_export(target)(fragile.meta)
    for place in (0, 1, 8, 9):
        with pytest.raises(Killed):
            extract(fragile, killing(read(fragile, source), place), target, export, plan=SMALL, resume=True)
        assert not target.exists()
    done = []
    summary = run(fragile, source, target, Plan(2, progress=done.append), resume=True)
    assert target.read_bytes() == (tmp_path / f"whole.{name}").read_bytes()
    errors = (tmp_path / f"{name}.errors.jsonl").read_bytes()
    assert errors == (tmp_path / f"whole.{name}.errors.jsonl").read_bytes()
    assert sum(done) == summary.documents == 10 and len(summary.failed) == 3
    # And again: there is nothing left to do.
    again = run(fragile, source, target, resume=True)
    assert again.complete and again.failed == summary.failed


def test_a_run_that_goes_on_needs_the_same_documents(nlp, source, tmp_path):
    target = tmp_path / "out.jsonl"
    with pytest.raises(Killed):
        extract(nlp, killing(read(nlp, source), 9), target, find_export(target)(nlp.meta), plan=SMALL)
    lines = [line(number) for number in range(21)]
    for other in ([line(99), *lines], lines[1:], lines[:3], [*lines[:7], line(99), *lines[8:]]):
        with pytest.raises(ValueError, match="E334"):
            run(nlp, write_lines(tmp_path / "other.jsonl", other), target, resume=True)
    # More documents at the end are no harm.
    more = write_lines(tmp_path / "more.jsonl", [*lines, line(21)])
    assert run(nlp, more, target, resume=True).documents == 22


def test_a_run_that_goes_on_needs_the_same_pipeline(nlp, source, tmp_path, trained_folder):
    target = tmp_path / "out.jsonl"
    with pytest.raises(Killed):
        extract(nlp, killing(read(nlp, source), 9), target, find_export(target)(nlp.meta), plan=SMALL)
    other = spacy.load(trained_folder("KMGRE"), config={"components.kmgre_relations.threshold": 0.9})
    with pytest.raises(ValueError, match=r"E333.*: pipeline"):
        run(other, source, target, resume=True)
    same = spacy.load(trained_folder("KMGRE"))
    # Other batches, and so another size of parts, are allowed; the size stays.
    assert run(same, source, target, Plan(1, 1), resume=True).documents == 21
    assert ids(target) == [f"doc {number}" for number in range(21)]


def test_fingerprints_see_weights(trained_folder, tmp_path):
    nlp = spacy.load(trained_folder("KMGRE"))
    assert fingerprint(nlp) == fingerprint(spacy.load(trained_folder("KMGRE")))
    component(nlp).tau = 0.25
    nlp.to_disk(tmp_path / "other")
    assert fingerprint(spacy.load(tmp_path / "other")) != fingerprint(nlp)


# Killed for good

FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
needs_fork = pytest.mark.skipif(FORK is None, reason="kills processes that it has forked")


def wait(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def count_documents(target: Path) -> int:
    """The documents in the journal of a run, which may be at work."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{target.as_uri()}.partial?mode=ro&immutable=1", uri=True)) as db,
    ):
        return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])
    return 0


@needs_fork
@pytest.mark.parametrize("n_process", [1, 2])
def test_killed_at_random_and_resumed(nlp, tmp_path, n_process: int):
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(160)])
    whole, target = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    plan = Plan(1, n_process)
    run(nlp, source, whole, plan)
    random.seed(n_process)
    kills, resumed = 0, []
    for _ in range(10):
        process = FORK.Process(target=run, args=(nlp, source, target, plan), kwargs={"resume": True})
        before = count_documents(target)
        process.start()
        # Anywhere in the making of a part, and now and then before or after all of them.
        wait(lambda: count_documents(target) > before or not process.is_alive())  # noqa: B023
        time.sleep(random.uniform(0, 0.03))
        kills += process.is_alive()
        process.kill()
        process.join()
        resumed.append(before)
    assert kills >= 3 and len(set(resumed)) >= 3
    run(nlp, source, target, plan, resume=True)
    assert target.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "whole.jsonl", "out.jsonl"}


def wait_in_workers(folder: Path) -> None:
    @Language.component("test_waits")
    def waits(doc):
        (folder / str(os.getpid())).touch()
        time.sleep(600)
        return doc

    nlp = spacy.blank("xx")
    nlp.add_pipe("test_waits")
    with start_workers(Annotator(nlp, Doc.to_bytes), 2) as workers:
        list(workers.run([[Item(text, partial(nlp.make_doc, text))] for text in "ab"], print))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@needs_fork
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")
def test_workers_end_with_their_parent(tmp_path):
    process = FORK.Process(target=wait_in_workers, args=(tmp_path,))
    process.start()
    assert wait(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert all(map(alive, workers)) and process.pid not in workers
    process.kill()
    process.join()
    assert wait(lambda: not any(map(alive, workers)))


def test_results_are_those_of_the_items(nlp, source):
    items = read(nlp, source)
    with nlp.memory_zone():
        docs = annotate(nlp, items, print)
        assert [doc.user_data["title"] for doc in docs] == [item.name for item in items]
        assert all(set(doc.user_data) == set(nlp(item.make()).user_data) for doc, item in zip(docs, items))
        del docs


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & {*multiprocessing.get_all_start_methods()}))
def test_a_killed_worker_ends_the_run(nlp, tmp_path, monkeypatch, method: str):
    """The run ends with an error and goes on later, at whatever moment the worker is killed."""
    context = multiprocessing.get_context(method)
    monkeypatch.setattr(multiprocessing, "Process", context.Process)
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(80)])
    whole, target = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(nlp, source, whole, Plan(1))
    killed = 0.0

    def kill(_: int) -> None:
        nonlocal killed
        if not killed and count_documents(target):  # after the first part, which may be done after others
            killed = time.monotonic()
            multiprocessing.active_children()[0].kill()

    with pytest.raises(ChildProcessError, match=r"E346.*--resume") as error:
        run(nlp, source, target, Plan(1, 2, kill))
    assert time.monotonic() - killed < 10
    assert "SIGKILL" in str(error.value) or os.name == "nt"
    assert not multiprocessing.active_children() and not target.exists()
    assert 0 < count_documents(target) < 80
    run(nlp, source, target, Plan(1), resume=True)
    assert target.read_bytes() == whole.read_bytes()


def bulky(doc: Doc) -> bytes:
    """Encode a document as more than fits into a pipe."""
    return doc.to_bytes() + bytes(1 << 26)


@needs_fork
def test_a_worker_killed_while_it_answers(nlp, source):
    items = read(nlp, source)
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        with start_workers(Annotator(nlp, bulky), 2) as workers:
            victim = multiprocessing.active_children()[0]
            timer = Timer(delay, victim.kill)
            timer.start()
            with suppress(ChildProcessError):
                list(workers.run([[item] for item in items], print))
            timer.join()
        assert not victim.is_alive() and not multiprocessing.active_children()


def test_a_long_document_does_not_hold_others_back(nlp, tmp_path):
    """Other workers go on with what comes after it, and the order stays."""

    @Language.component("test_lingers")
    def lingers(doc):
        """The first document takes until the last one is done."""
        last = tmp_path / "last"
        if doc.text.endswith(" 29"):
            last.touch()
        assert "linger" not in doc.text or wait(last.exists)
        return doc

    nlp.add_pipe("test_lingers", first=True)
    lines = [line(0, "Acme lingers near Bolt"), *(line(number) for number in range(1, 30))]
    items = read(nlp, write_lines(tmp_path / "in.jsonl", lines))
    with start_workers(Annotator(nlp, Doc.to_bytes), 2) as workers:
        done: list[int] = []
        found = workers.run(([item] for item in items), done.append)
        (first,) = next(found)
        assert first.name == "doc 0" and first.error is None and sum(done) >= 29
        assert [outcome.name for batch in found for outcome in batch] == [item.name for item in items[1:]]
