"""Extraction with Ray Data: one machine or many, each worker with a pipeline of its own.

A reading task reads the files of a unit and gives parts, which are documents of so many words. A worker annotates a
part, writes it, and gives its counts. So no documents pass through the driver.
"""

import logging
import os
import pickle
import platform
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from ipaddress import ip_address
from itertools import chain, groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..errors import Errors
from ..export import Export
from .annotate import Annotator, Outcome
from .batches import split_by_words
from .parts import Done, Parts, Total
from .reader import Reader, splits_sentences
from .records import DIGEST, Record, RecordReader
from .run import Plan, Summary, fingerprint
from .sources import TEXT, Source

# The CPUs that Ray keeps for a task that reads, and for a worker.
READING, WORKING = 0.5, 1
# The words of a part where nobody says how many: as many as give each worker some parts, within these limits.
FEWEST, MOST, PARTS_EACH = 5_000, 200_000, 8
# The parts that wait at a worker, the one at work included: more would wait behind a long one.
WAITING = 2
# How often a part is tried. Ray would go on for ever with one whose workers are killed.
TRIES = 3
# What keeps Ray on this machine, where it is for this machine alone, and from reporting on itself to its makers.
# Without the first setting it takes 127.0.0.1 for a name of the machine, and listens at the address that others see.
LOCAL = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
# The seconds that the address of a cluster has to answer.
ANSWER = 10
# The parts of text files that one task reads, and the largest number of tasks.
UNIT, TASKS = 8, 10_000


class Opened(NamedTuple):
    """A pipeline that is ready to annotate.

    :param annotator: What annotates documents.
    :param export: What writes them.
    :param context: What must stay while the pipeline is used.
    """

    annotator: Annotator
    export: Export
    context: Any = None


@dataclass(frozen=True)
class Cluster:
    """Where the work is done.

    :param workers: The smallest and the largest number of workers.
    :param address: The address of a running cluster, "" for one on this machine alone.
    :param gpu_per_worker: The part of a GPU that a worker has.
    :param part_words: The number of words of a part, None for one that suits the sources.
    """

    workers: tuple[int, int] = (1, 1)
    address: str = ""
    gpu_per_worker: float = 0.0
    part_words: int | None = None

    def choose_part_words(self, sources: Iterable[Source]) -> int:
        """The number of words of a part.

        :raises ValueError: Where the sources would be fewer parts than there are workers.
        """
        words = sum(source.words for source in sources)
        if self.part_words is None:
            return int(np.clip(words // (PARTS_EACH * self.workers[1]), FEWEST, MOST))
        if words < self.part_words * self.workers[0] and self.part_words > FEWEST:
            most = max(words // (PARTS_EACH * self.workers[0]), FEWEST)
            raise ValueError(
                Errors.E368.format(words=self.part_words, total=words, workers=self.workers[0], most=most)
            )
        return self.part_words

    @property
    def use_gpu(self) -> int:
        """The number of the GPU in the process of a worker: Ray shows it no others."""
        return 0 if self.gpu_per_worker else -1

    def check(self) -> None:
        """See that this machine has enough CPUs, where no other is named.

        :raises ValueError: Where it has too few.
        """
        if not self.address:
            self._check("CPU", _local_cpus(), READING)

    @contextmanager
    def connect(self) -> Iterator[None]:
        """Connect with the cluster, or have one on this machine that listens on loopback only. Where this process is
        connected already, it stays so.

        :raises ValueError: Where it has too few CPUs or GPUs, so that Ray would wait for ever.
        :raises ConnectionError: Where there is no cluster at the address, or one on this machine would listen to
            others.
        """
        if self.address:
            check_address(self.address)
        else:
            os.environ.update(LOCAL)
        import ray  # It reads these variables.

        if not (connected := ray.is_initialized()):
            local = {"num_cpus": _local_cpus(), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            where = {"address": self.address} if self.address else {"address": "local", **local}
            with _own_signals():
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        try:
            if (
                not connected
                and not self.address
                and not ip_address(ray.util.get_node_ip_address()).is_loopback
            ):
                raise ConnectionError(Errors.E376)
            resources = ray.cluster_resources()
            self._check("CPU", resources.get("CPU", 0), READING)
            self._check("GPU", resources.get("GPU", 0), 0)
            yield
        finally:
            if not connected:
                ray.shutdown()

    def _check(self, name: str, there: float, reading: float) -> None:
        """See that the workers leave enough of a resource for those that read."""
        each = WORKING if name == "CPU" else self.gpu_per_worker
        if each * self.workers[1] + reading > there:
            most = int((there - reading) / each)
            raise ValueError(
                Errors.E369.format(workers=self.workers[1], each=each, name=name, there=there, most=most)
            )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does on SIGTERM, for which Ray has something of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        # Python gives signals to the main thread alone; None stands for what was not set from Python.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def check_address(address: str) -> None:
    """See that something listens at the address of a cluster: Ray tries for minutes.

    :raises ValueError: Where it is no address of a cluster that is running.
    :raises ConnectionError: Where nothing answers.
    """
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65536):
        raise ValueError(Errors.E379.format(address=address))
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
    except OSError as error:
        raise ConnectionError(Errors.E380.format(address=address, error=error)) from error


def _local_cpus() -> int:
    """The CPUs of this machine and one for reading, which takes little of it."""
    return (os.cpu_count() or 1) + 1


def read_parts(
    batch: pa.Table, reader: RecordReader, part_words: int, done: Mapping[str, str]
) -> Iterator[pa.Table]:
    """Read units of sources as parts. As with `Worker`, what cannot be read on is a row with an error.

    :param reader: What reads the files.
    :param part_words: The number of words of a part.
    :param done: The parts that are done, which are not given again: their names, each with its digest.
    """
    try:
        yield from _read_parts(batch, reader, part_words, done)
    except (OSError, ValueError) as error:
        yield _part("", [], "", str(error))


def _part(name: str, records: Sequence[Record], digest: str, error: str = "") -> pa.Table:
    return pa.table(
        {"name": [name], "records": [pickle.dumps(records)], "digest": [digest], "error": [error]}
    )


def _read_parts(
    batch: pa.Table, reader: RecordReader, part_words: int, done: Mapping[str, str]
) -> Iterator[pa.Table]:
    """Read units of sources as parts (see `read_parts`).

    :raises ValueError: Where a part that is done was made of other contents.
    """
    for unit in batch.to_pylist():
        records = reader.read(pickle.loads(unit["sources"]))  # noqa: S301  # Our driver has pickled it.
        count = -1
        for count, part in enumerate(split_by_words(records, part_words)):
            name = part_name(unit["number"], count)
            digest = blake2b(b"".join(record.digest for record in part), digest_size=DIGEST).hexdigest()
            if done.get(name, digest) not in ("", digest):
                raise ValueError(Errors.E357.format(name=name))
            if name not in done:
                yield _part(name, part, digest)
        if (name := part_name(unit["number"], count + 1)) in done:  # There is less to read than there was.
            raise ValueError(Errors.E357.format(name=name))


def part_name(unit: int, count: int) -> str:
    """The name of a part: the number of what one task reads, and the part's number in it."""
    return f"{unit:05}-{count:05}"


class Worker:
    """Annotates parts and writes them. It loads the pipeline when it has its first part.

    What keeps it from going on is a row, as Ray would try an error several times and show where in its own code it
    came from.

    :param open_pipeline: The function that makes the pipeline ready.
    :param parts: Where the parts are written.
    :param plan: How documents go through the pipeline.
    """

    def __init__(self, open_pipeline: Callable[[], Opened], parts: Parts, plan: Plan):
        self.open_pipeline = open_pipeline
        self.parts = parts
        self.plan = plan

    def __call__(self, batch: pa.Table) -> pa.Table:
        done, error = [], ""
        try:
            for part in batch.to_pylist():
                if part["error"]:
                    return pa.table({"done": [""], "error": [part["error"]]})
                records = pickle.loads(part["records"])  # noqa: S301  # One of our workers has pickled it.
                outcomes = self._annotate(part["name"], records)
                done.append(
                    self.parts.write(part["name"], outcomes, self.opened.export, part["digest"]).to_json()
                )
        except (ImportError, OSError, ValueError) as problem:
            error = Errors.E377.format(machine=platform.node(), error=problem)
            done.append("")
        return pa.table({"done": done, "error": [error] * len(done)})

    @cached_property
    def opened(self) -> Opened:
        """The pipeline.

        :raises ValueError: Where it is not the one with which the run was begun.
        """
        opened = self.open_pipeline()
        nlp = opened.annotator.nlp
        if fingerprint(nlp) != self.parts.checkpoints.name:
            raise ValueError(Errors.E370.format(machine=platform.node(), path=nlp.path))
        return opened

    @cached_property
    def reader(self) -> Reader:
        """What makes documents of records."""
        nlp = self.opened.annotator.nlp
        return Reader(nlp, splits_sentences(nlp))

    def _annotate(self, name: str, records: Sequence[Record]) -> list[Outcome]:
        tries = self.parts.count_try(name)
        if tries > TRIES:
            longest = max(records, key=lambda record: record.words)
            raise ValueError(
                Errors.E378.format(
                    times=TRIES,
                    first=records[0].name,
                    last=records[-1].name,
                    longest=longest.name,
                    words=longest.words,
                )
            )
        batches = self.plan.batches(map(self.reader.item, records))
        return list(chain.from_iterable(self.opened.annotator.run(batches, lambda _: None)))


def extract_on_cluster(
    open_pipeline: Callable[[], Opened],
    sources: Sequence[Source],
    reader: RecordReader,
    parts: Parts,
    *,
    cluster: Cluster,
    plan: Plan,
    part_words: int,
    export: Export,
) -> Summary:
    """Annotate documents and write them part by part.

    :param open_pipeline: A function that makes the pipeline ready, in the process of a worker.
    :param reader: What reads the sources.
    :param parts: The output of a run that was begun.
    :param part_words: The number of words of a part, with which the run was begun.
    :param export: What writes the output where there are no documents.
    :raises ValueError: Where the cluster is too small (see `Cluster.connect`).
    :raises OSError: Where a worker cannot go on, or a part kills its workers. The finished parts are kept.
    """
    total = Total()
    done = {}
    for name, part in parts.done():
        done[name] = part.digest
        total.add(part)
        plan.progress(part.documents)
    units = list(split_units(reader.files(sources), part_words))
    reading = reader, part_words, done
    working = open_pipeline, parts, Plan(plan.batch_size, batch_words=plan.batch_words)
    with cluster.connect():
        for part in _run(units, reading, working, cluster):
            total.add(part)
            plan.progress(part.documents)
    summary = total.summary()
    if not summary.documents:
        parts.write("00000-00000", [], export)
    parts.finish(summary.failed)
    return summary


def split_units(files: Iterable[Source], part_words: int) -> Iterator[list[Source]]:
    """What one task reads: a file, or many files of a text each."""
    for texts, group in groupby(files, lambda source: source.form == TEXT):
        yield from split_by_words(group, UNIT * part_words, None if texts else 1)


def _run(
    units: Sequence[Any], reading: tuple[Any, ...], working: tuple[Any, ...], cluster: Cluster
) -> Iterator[Done]:
    """What is known of each part, when it is done.

    :raises OSError: See `extract_on_cluster`.
    """
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current().copy()
    # Each part is a block of its own: what Ray hands to a worker, and repeats where the worker was killed.
    context.target_max_block_size = 1
    context.enable_progress_bars = context.print_on_execution_start = False
    least, most = cluster.workers
    workers = ActorPoolStrategy(min_size=least, max_size=most, max_tasks_in_flight_per_actor=WAITING)
    with DataContext.current(context), warnings.catch_warnings():
        # A source may have fewer parts than there are workers.
        warnings.filterwarnings("ignore", message="The minimum number of concurrent actors")
        numbered = [{"number": number, "sources": pickle.dumps(unit)} for number, unit in enumerate(units)]
        data = ray.data.from_items(numbered, override_num_blocks=min(len(units), TASKS) or 1)
        tables = {"batch_format": "pyarrow", "batch_size": 1}
        data = data.map_batches(read_parts, fn_args=reading, num_cpus=READING, **tables)
        data = data.map_batches(
            Worker,
            fn_constructor_args=working,
            compute=workers,
            num_cpus=WORKING,
            num_gpus=cluster.gpu_per_worker,
            **tables,
        )
        for row in data.iter_rows():
            if row["error"]:
                raise OSError(row["error"])
            yield Done.from_json(row["done"])
