"""Engines for many machines, with a cluster on this one: `make test-engines`. Each part is skipped where its library is
not installed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.export import find_export
from spacy_kmgre.extraction import Extractor
from spacy_kmgre.extraction.cluster import Cluster, Opened, extract_on_cluster
from spacy_kmgre.extraction.parts import Parts
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.run import Plan, fingerprint
from spacy_kmgre.extraction.sources import find_sources

from .conftest import line, write_lines

pytestmark = pytest.mark.engines

# A pipeline that takes its time and stands still as long as there is a file, so that a run can be killed in the midst
# of it, and that fails where the text says so.
SLOW = """
import time
from pathlib import Path
from spacy import Language

@Language.factory("test_slow", default_config={"barrier": ""})
def make_slow(nlp, name, barrier: str):
    def slow(doc):
        time.sleep(0.05)
        while Path(barrier).is_file():
            time.sleep(0.1)
        if "explode" in doc.text:
            raise RuntimeError("It did explode.")
        return doc
    return slow
"""
COLUMNS = ("--id-column", "id", "--entities-column", "entities")


@pytest.fixture(scope="module")
def slow(trained_folder, tmp_path_factory) -> tuple[Path, Path]:
    """The folder of a slow pipeline, and its code. It stands still as long as there is a file `barrier` beside it."""
    folder = tmp_path_factory.mktemp("slow")
    code = folder / "slow.py"
    code.write_text(SLOW)
    exec(compile(SLOW, str(code), "exec"), {})
    nlp = spacy.load(trained_folder("KMGRE"))
    nlp.add_pipe("test_slow", first=True, config={"barrier": str(folder / "barrier")})
    nlp.to_disk(folder / "model")
    return folder / "model", code


def write_parquet(path: Path, lines: list[dict[str, Any]], row_group: int = 20) -> Path:
    pq.write_table(pa.Table.from_pylist(lines), path, row_group_size=row_group)
    return path


def run(*args: object, status: int = 0) -> str:
    """What a command says that ends with that status."""
    result = CliRunner().invoke(kmgre, ["extract", *map(str, args)])
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return " ".join(result.output.replace("│", " ").split())


def tables(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents and relations, in an order that is the same for all engines."""
    documents = pq.read_table(folder / "documents").to_pylist()
    relations = pq.read_table(folder / "relations").to_pylist()
    place = ("document", "head_key", "tail_key", "label")
    return (
        sorted(documents, key=lambda row: row["document"]),
        sorted(relations, key=lambda row: [row[name] for name in place]),
    )


def assert_same(found: Path, wanted: Path) -> None:
    """Each document once, with the same relations, whatever the order."""
    documents, relations = tables(found)
    wanted_documents, wanted_relations = tables(wanted)
    assert documents == wanted_documents
    assert len(relations) == len(wanted_relations) > 0
    for one, other in zip(relations, wanted_relations):
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
        assert {**one, "score": 0, "key_mention_pairs": 0} == {**other, "score": 0, "key_mention_pairs": 0}


def wait(condition: Callable[[], Any], seconds: float = 1200.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.2)  # A look at all processes takes time, which the workers have not.
    return found


# Ray


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """A cluster on this machine, as `extract --engine ray` starts one."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'spacy-kmgre[ray]'")
    folder = tempfile.mkdtemp(prefix="kmgre")  # paths of sockets are short
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_TMPDIR", folder)
        patched.setenv("RAY_worker_niceness", "0")  # The workers have what this process has.
        with Cluster((1, 2)).connect():
            import ray

            yield ray.get_runtime_context().gcs_address
    assert wait(lambda: not processes("raylet", "gcs_server", "ray::"))
    shutil.rmtree(folder, ignore_errors=True)


def processes(*names: str) -> list[psutil.Process]:
    """The processes that this one has started, with such a name in their command."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if any(name in command for name in names):
            found.append(process)
    return found


def test_ray_listens_on_loopback_only(ray_address):
    assert ray_address.startswith("127.0.0.")
    listening = set()
    for process in processes("raylet", "gcs_server", "ray"):
        for connection in process.net_connections():
            if connection.status == psutil.CONN_LISTEN:
                listening.add(connection.laddr.ip.removeprefix("::ffff:"))
    assert listening and all(ip_address(ip).is_loopback for ip in listening), listening


def test_ray_finds_what_the_plain_engine_finds(ray_address, slow, tmp_path):
    """A document that fails, a very long one, an empty one and two of one name among the others."""
    model, code = slow
    lines = [line(number) for number in range(60)]
    lines[7] = line(7, "Acme will explode near Bolt")
    lines[20] = line(20, "Acme works near Bolt . " + "the company works . " * 12_500)
    lines[30] = {"id": "doc 30", "text": "", "entities": []}
    lines[40] = {**line(40), "id": "doc 41"}
    source = write_parquet(tmp_path / "in.parquet", lines)
    common = (model, source, *COLUMNS, "--code", code)
    run(*common, "-o", tmp_path / "wanted.parquet", status=3)
    told = run(*common, "-o", tmp_path / "out.parquet", *RAY, "--part-words", 100, status=3)
    assert "doc 7" in told and "RuntimeError: It did explode." in told and "1 document failed" in told
    assert "Names of documents that were met before: 1" in told
    assert_same(tmp_path / "out.parquet", tmp_path / "wanted.parquet")
    errors = [list(srsly.read_jsonl(tmp_path / f"{name}.parquet.errors.jsonl")) for name in ("out", "wanted")]
    assert errors[0] == errors[1]
    (failed,) = [row for row in tables(tmp_path / "out.parquet")[0] if row["error"]]
    assert failed["document"] == "doc 7" and "It did explode." in failed["error"]
    assert sorted(path.name for path in (tmp_path / "out.parquet").iterdir()) == ["documents", "relations"]
    assert len(list((tmp_path / "out.parquet" / "documents").iterdir())) > 5
    assert "no unfinished run" in run(*common, "-o", tmp_path / "out.parquet", *RAY, "--resume", status=3)
    assert "E141" in run(*common, "-o", tmp_path / "out.parquet", *RAY, status=1)


RAY = ("--engine", "ray", "--workers", "2")


def test_ray_killed_and_resumed(ray_address, slow, tmp_path):
    """The driver is killed; then the run goes on with one worker, gets another, and one of the two is killed."""
    model, code = slow
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "empty.txt").touch()
    lines = [line(number) for number in range(60)]
    source = write_lines(tmp_path / "in.jsonl", lines)
    common = [model, tmp_path / "texts", source, "--code", code]
    run(*common, "-o", tmp_path / "wanted.parquet")
    target = tmp_path / "out.parquet"
    common += ["-o", target, "--engine", "ray", "--part-words", 50, "--resume"]
    checkpoints = target / "_checkpoints"
    command = [sys.executable, "-m", "spacy", "kmgre", "extract", *map(str, common), "--address", ray_address]
    # Ray holds what a killed driver has asked for, for three minutes, so that the next run would get no second worker.
    environment = {**os.environ, "RAY_DATA_AUTOSCALING_REQUEST_EXPIRE_TIME_S": "10"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **silent) as driver:
        assert wait(lambda: list(checkpoints.glob("*/*.part")))
        driver.kill()
    assert driver.returncode == -signal.SIGKILL and checkpoints.exists()
    assert wait(lambda: not processes("MapWorker"))
    # What is told of another pipeline, of other sources, of the plain engine.
    assert "E333" in run(*common, "--components.kmgre_relations.threshold=0.9", status=1)
    more = write_lines(tmp_path / "more.jsonl", lines)
    assert "differs from it in: sources" in run(model, more, *common[3:], status=1)
    assert "E332" in run(*common[:-1], status=1)
    assert "E367" in run(*common[:7], "--resume", status=1)

    def kill_a_worker() -> None:
        two = wait(lambda: len(found := processes("MapWorker")) > 1 and found, seconds=300)
        for worker in (two or [])[:1]:
            worker.kill()
            killed.append(worker)
        barrier.unlink()

    killed: list[psutil.Process] = []
    # The run is not over before there are two workers.
    (barrier := model.parent / "barrier").touch()
    killer = Thread(target=kill_a_worker)
    killer.start()
    told = run(*common, "--workers", "1:2")
    killer.join()
    assert killed and "in 61 documents" in told
    assert_same(target, tmp_path / "wanted.parquet")


def test_ray_stops_in_order(ray_address, slow, tmp_path):
    """SIGTERM is what a system sends before it kills."""
    model, code = slow
    source = write_lines(tmp_path / "in.jsonl", [line(number) for number in range(60)])
    target = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "spacy", "kmgre", "extract", model, source, "--code", code, "-o", target]
    command += ["--engine", "ray", "--part-words", "50", "--address", ray_address]
    assert wait(lambda: not processes("MapWorker"))  # Those of the test before.
    (barrier := model.parent / "barrier").touch()
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
            assert wait(lambda: processes("MapWorker"))
            driver.terminate()
            told, _ = driver.communicate()
    finally:
        barrier.unlink()
    assert driver.returncode == 143 and "--resume goes on from here" in told
    assert (target / "_checkpoints").is_dir()
    assert wait(lambda: not processes("MapWorker"))


def test_ray_deletes_nothing_before_it_begins(ray_address, slow, tmp_path):
    model, code = slow
    source = write_lines(tmp_path / "in.jsonl", [line(1)])
    before = source.read_text()
    (tmp_path / "out").touch()
    common = (model, source, "--code", code, "--engine", "ray", "--to", "jsonl", "--force")
    assert "E532" in run(*common, "-o", source, status=1)
    assert "E380" in run(*common, "-o", tmp_path / "out", "--address", "127.0.0.1:1", status=1)
    assert source.read_text() == before and (tmp_path / "out").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out"]


@pytest.mark.parametrize(
    ("killed_by", "told"),
    [(0, "E377.*The disk is on fire"), (signal.SIGKILL, "E378.*'doc 1' to 'doc 1'.*3 times")],
)
def test_ray_and_a_worker_that_cannot_go_on(ray_address, killed_by, told, nlp, tmp_path):
    """What is told is one message, and the run can go on."""

    def open_pipeline() -> Opened:
        if killed_by:
            os.kill(os.getpid(), killed_by)
        raise OSError("The disk is on fire.")

    source = write_lines(tmp_path / "in.jsonl", [line(1)])
    parts = Parts(tmp_path / "out", fingerprint(nlp))
    parts.begin({})
    with pytest.raises(OSError, match=told) as error:
        extract_on_cluster(
            open_pipeline,
            find_sources([source], None),
            RecordReader("xx", False),
            parts,
            cluster=Cluster(),
            plan=Plan(),
            part_words=100,
            export=find_export(tmp_path / "out", "jsonl")(nlp.meta),
        )
    assert "Traceback" not in str(error.value) and parts.checkpoints.exists()


def test_map_batches_of_ray(ray_address, trained_folder, wanted):
    import ray

    data = ray.data.from_arrow(wanted["given"])
    found = data.map_batches(
        Extractor,
        fn_constructor_args=[trained_folder("KMGRE")],
        fn_constructor_kwargs={"entities": "entities"},
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    assert_equal(found.take_all(), wanted)


# Spark and Dask


@pytest.fixture(scope="module")
def wanted(trained_folder) -> dict[str, Any]:
    """A table of documents, and their relations."""
    given = pa.Table.from_pylist([line(number) for number in range(1000)])
    extractor = Extractor(trained_folder("KMGRE"), entities="entities")
    return {"given": given, "relations": extractor(given).to_pylist()}


def assert_equal(rows: list[Any], wanted: dict[str, Any]) -> None:
    def key(row: Any) -> list[Any]:
        return [row[name] for name in ("document", "head_key", "tail_key", "label")]

    rows, expected = sorted(rows, key=key), sorted(wanted["relations"], key=key)
    assert list(map(key, rows)) == list(map(key, expected))
    for row, other in zip(rows, expected):
        assert row["score"] == pytest.approx(other["score"], abs=1e-5)


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="Spark is not installed: pip install pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("spark")),
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_map_in_pandas_of_spark(spark, trained_folder, wanted, tmp_path):
    pq.write_table(wanted["given"], tmp_path / "in.parquet")
    extractor = Extractor(trained_folder("KMGRE"), entities="entities")
    frame = spark.read.parquet(str(tmp_path / "in.parquet")).repartition(4)
    found = frame.mapInPandas(extractor.map, extractor.spark_schema)
    assert_equal(found.collect(), wanted)
    found = frame.limit(20).mapInArrow(extractor.map, extractor.spark_schema).collect()
    assert len({row["document"] for row in found}) == 20


def test_map_partitions_of_dask(trained_folder, wanted):
    dask = pytest.importorskip(
        "dask.dataframe", reason="Dask is not installed: pip install 'dask[dataframe]'"
    )
    extractor = Extractor(trained_folder("KMGRE"), entities="entities")
    given = wanted["given"].slice(0, 100)
    from dask import config

    with config.set({"dataframe.convert-string": False}):  # It would make strings of lists of entities.
        frame = dask.from_pandas(given.to_pandas(), npartitions=3).map_partitions(
            extractor, meta=extractor.meta
        )
        names = set(given["id"].to_pylist())
        expected = {"relations": [row for row in wanted["relations"] if row["document"] in names]}
        for scheduler in ("synchronous", "threads"):
            assert_equal(frame.compute(scheduler=scheduler).to_dict("records"), expected)
