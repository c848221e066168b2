"""What a task and a worker do with parts, without a cluster."""

import pickle
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pyarrow as pa
import pytest
import spacy

from spacy_kmgre.export import find_export
from spacy_kmgre.extraction.annotate import Annotator
from spacy_kmgre.extraction.cluster import (
    TRIES,
    Cluster,
    Opened,
    Worker,
    check_address,
    read_parts,
    split_units,
)
from spacy_kmgre.extraction.parts import Done, Parts
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.run import Plan, fingerprint
from spacy_kmgre.extraction.sources import find_sources

from .conftest import line, write_lines


def open_pipeline(folder: Path) -> Opened:
    nlp = spacy.load(folder)
    export = find_export(Path(), "jsonl")(nlp.meta)
    return Opened(Annotator(nlp, export.encode, None, export.encode_failure), export)


def read(path: Path, part_words: int, done: Mapping[str, str] = MappingProxyType({})) -> pa.Table:
    """The parts of a source."""
    reader = RecordReader("xx", False)
    units = list(split_units(reader.files(find_sources([path], None)), part_words))
    rows = [{"number": number, "sources": pickle.dumps(unit)} for number, unit in enumerate(units)]
    return pa.concat_tables(read_parts(pa.Table.from_pylist(rows), reader, part_words, done))


@pytest.fixture
def source(tmp_path) -> Path:
    return write_lines(tmp_path / "in.jsonl", [line(number) for number in range(10)])


@pytest.fixture
def parts(nlp, tmp_path) -> Parts:
    parts = Parts(tmp_path / "out", fingerprint(nlp))
    parts.begin({})
    return parts


def test_a_worker_writes_parts(trained_folder, source, parts):
    table = read(source, 40)
    worker = Worker(partial(open_pipeline, trained_folder("KMGRE")), parts, Plan())
    found = [row for part in table.to_batches() for row in worker(pa.Table.from_batches([part])).to_pylist()]
    assert not any(row["error"] for row in found)
    done = [Done.from_json(row["done"]) for row in found]
    assert sum(part.documents for part in done) == 10 and len(done) == len(table) > 1
    assert dict(parts.done()) == dict(zip(table["name"].to_pylist(), done))
    names = dict(list(zip(table["name"].to_pylist(), table["digest"].to_pylist()))[1:])
    assert read(source, 40, names)["name"].to_pylist() == table["name"].to_pylist()[:1]


def test_a_worker_says_why_it_cannot_go_on(trained_folder, source, nlp, parts, tmp_path):
    """Another pipeline, one that is not there, a target that cannot be written."""

    def error(worker: Worker) -> str:
        (row,) = worker(read(source, 1000)).to_pylist()
        assert row["done"] == ""
        return str(row["error"])

    open_it = partial(open_pipeline, trained_folder("KMGRE"))
    other = Parts(tmp_path / "out", "another pipeline")
    other.checkpoints.mkdir()
    assert "E377" in (told := error(Worker(open_it, other, Plan()))) and "E370" in told
    assert "no_model" in error(Worker(partial(open_pipeline, tmp_path / "no_model"), parts, Plan()))
    parts.checkpoints.rename(tmp_path / "moved")
    parts.checkpoints.touch()
    assert "Not a directory" in error(Worker(open_it, parts, Plan()))


def test_what_cannot_be_read_is_one_message(trained_folder, source, parts):
    """Ray would show where in its own code it came from, and try it again."""
    table = read(source, 40, {"00000-00000": "the hash of something else"})
    worker = Worker(partial(open_pipeline, trained_folder("KMGRE")), parts, Plan())
    (row,) = worker(table).to_pylist()
    assert row["done"] == "" and "E357" in row["error"] and not list(parts.done())


def test_a_part_whose_workers_are_killed_is_given_up(trained_folder, source, parts):
    worker = Worker(partial(open_pipeline, trained_folder("KMGRE")), parts, Plan())
    table = read(source, 1000)
    (name,) = table["name"].to_pylist()
    for _ in range(TRIES):
        parts.count_try(name)
    (row,) = worker(table).to_pylist()
    assert "E378" in row["error"] and "'doc 0' to 'doc 9'" in row["error"]
    assert parts.begin({}, resume=True) == {}
    (row,) = worker(table).to_pylist()
    assert not row["error"] and not list(parts.checkpoints.glob("*.tries"))


def test_less_to_read_than_there_was(source):
    found = read(source, 20)
    digests = dict(zip(found["name"].to_pylist(), found["digest"].to_pylist()))
    write_lines(source, [line(number) for number in range(5)])
    *_, last = read(source, 20, digests).to_pylist()
    assert "E357" in last["error"]


@pytest.mark.parametrize("address", ["local", "nonsense", ":6379", "10.0.0.1:", "ray://host", "host:99999"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match=rf"E379.*'{address}'"):
        check_address(address)


def test_nobody_at_the_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=rf"E380.*{address}"):
            check_address(address)
        free.listen()
        check_address(f"ray://{address}")
    check_address("auto")


def test_parts_that_suit_the_sources(tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(20_000)])
    sources = find_sources([path], None)
    words = sum(file.words for file in sources)
    assert Cluster((1, 4)).choose_part_words(sources) == words // 32
    assert Cluster((1, 1000)).choose_part_words(sources) == 5_000
    assert Cluster((2, 2), part_words=words // 2).choose_part_words(sources) == words // 2
    with pytest.raises(ValueError, match="E368"):
        Cluster((3, 3), part_words=words // 2).choose_part_words(sources)


@pytest.mark.parametrize("fails", [True, False])
def test_connecting_leaves_what_the_process_does_on_sigterm(monkeypatch, fails):
    """Ray has a handler of its own, whether it starts or not."""

    def init(**_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if fails:
            raise RuntimeError("no room")

    ray = SimpleNamespace(
        is_initialized=lambda: False,
        init=init,
        shutdown=lambda: None,
        util=SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1"),
        cluster_resources=lambda: {"CPU": 9.0, "GPU": 0.0},
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(RuntimeError, match="no room") if fails else nullcontext(), Cluster().connect():
            assert signal.getsignal(signal.SIGTERM) == before
        assert signal.getsignal(signal.SIGTERM) == before
    finally:
        signal.signal(signal.SIGTERM, before)
