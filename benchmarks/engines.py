"""`spacy kmgre extract --engine ray` on this machine: beside plain processes, killed at random, and without any work.

Documents are Re-DocRED's and generated ones in turn; the pipeline has a tiny random encoder (see extract.py), so that
many documents take minutes. Each process has one thread.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Annotated, Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import spacy
import srsly
import typer
from extract import make_pipeline, memory
from spacy.vocab import Vocab
from wasabi import msg, table
from watch import Checkpoints, Journals, Watch

from spacy_kmgre.export import find_export
from spacy_kmgre.extraction.annotate import Annotator, Outcome
from spacy_kmgre.extraction.cluster import Cluster, Opened, extract_on_cluster
from spacy_kmgre.extraction.parts import Parts
from spacy_kmgre.extraction.records import RecordReader
from spacy_kmgre.extraction.run import Plan, fingerprint
from spacy_kmgre.extraction.sources import find_sources
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.docred import read_docred
from spacy_kmgre.formats.jsonl import document_to_json
from spacy_kmgre.synthetic import generate_documents

COLUMNS = ("--id-column", "id", "--entities-column", "entities")
PLACE = ("document", "head_key", "tail_key", "label")

Folder = Annotated[Path, typer.Argument(help="The folder of Re-DocRED's train.json", exists=True)]
Results = Annotated[Path | None, typer.Option(help="Append a JSON line to this file")]

app = typer.Typer()


@app.command()
def compare(
    redocred: Folder,
    documents: Annotated[int, typer.Option(help="Number of documents")] = 20_000,
    workers: Annotated[int, typer.Option(help="Number of workers, and of plain processes")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the documents")] = 0,
    results: Results = None,
) -> None:
    """Compare Ray's workers with as many plain processes, one after the other: relations, speed, memory."""
    with prepare(redocred, documents, workers, seed) as (model, sources):
        folder = model.parent
        targets = [folder / f"plain{number}.parquet" for number in range(workers)]
        plain = Watch(Journals(targets))
        plain.run([command(model, [source], target) for source, target in zip(sources, targets)])
        target = folder / "ray.parquet"
        ray = Watch(Checkpoints(target))
        ray.run([command(model, sources, target, "--engine", "ray", "--workers", workers)])
        row = {
            "documents": documents,
            "workers": workers,
            **differences(target, targets),
            **{f"plain_{name}": value for name, value in plain.figures().items()},
            **{f"ray_{name}": value for name, value in ray.figures().items()},
            "ratio": round(ray.speed() / plain.speed(), 3),
            "cpu_ratio": round(plain.cpu_seconds() / ray.cpu_seconds(), 3),
            **{f"driver_{name}": value for name, value in memory(ray.samples).items()},
        }
        show("compare", row, results)


@app.command()
def kill(
    redocred: Folder,
    documents: Annotated[int, typer.Option(help="Number of documents")] = 2_000,
    kills: Annotated[int, typer.Option(help="Number of kills, of the driver and of a worker in turn")] = 10,
    pause: Annotated[float, typer.Option(help="The most seconds between a new part and a kill")] = 5.0,
    part_words: Annotated[int, typer.Option(help="Number of words of a part")] = 5_000,
    seed: Annotated[int, typer.Option(help="Seed of the documents and of the kills")] = 0,
    results: Results = None,
) -> None:
    """Kill the driver and a worker in turn (SIGKILL), go on, and compare with a run that nobody disturbed."""
    random.seed(seed)
    with prepare(redocred, documents, 1, seed) as (model, sources):
        wanted, target = model.parent / "wanted.parquet", model.parent / "ray.parquet"
        Watch(Journals([wanted])).run([command(model, sources, wanted)])
        line = command(model, sources, target, "--engine", "ray", "--workers", 2, "--resume")
        line += ["--part-words", str(part_words)]
        counter, killed, orphans = Checkpoints(target), 0, 0
        ended = False
        while killed < kills and not ended:
            with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
                while killed < kills and wait_for_part(counter, driver, pause):
                    below = workers_of(driver)
                    # The workers are killed at odd turns; a run whose driver is killed ends.
                    victim = random.choice(below) if killed % 2 and below else psutil.Process(driver.pid)
                    below = psutil.Process(driver.pid).children(recursive=True)
                    victim.kill()
                    killed += 1
                    msg.info(f"Killed {killed}: {'driver' if victim.pid == driver.pid else 'worker'}")
                    if victim.pid == driver.pid:
                        driver.wait()
                        orphans += len(psutil.wait_procs(below, timeout=30)[1])
                ended = driver.poll() == 0
        if ended:
            msg.warn(f"The run ended before all kills: more than {documents} documents are needed")
        else:
            subprocess.run(line, check=True, capture_output=True)
        names = pq.read_table(target / "documents", columns=["document"])["document"].to_pylist()
        row = {
            "documents": documents,
            "kills": killed,
            "processes_left": orphans,
            "written": len(names),
            "distinct": len(set(names)),
            **differences(target, [wanted]),
            "left": sorted(path.name for path in target.iterdir()),
        }
        show("kill", row, results)


@app.command()
def overhead(
    parts: Annotated[int, typer.Option(help="Number of parts")] = 2_000,
    documents: Annotated[int, typer.Option(help="Number of documents of a part")] = 20,
    results: Results = None,
) -> None:
    """Measure what the driver needs for a part: the workers read no document and write an empty one."""
    nlp = spacy.blank("xx")

    def open_pipeline() -> Opened:
        export = find_export(Path(), "jsonl")({})
        return Opened(Idle(spacy.blank("xx"), export.encode), export)

    with TemporaryDirectory() as name, short_paths():
        text = "word " * 50
        lines = ({"id": f"{i}", "text": text} for i in range(parts * documents))
        srsly.write_jsonl(source := Path(name) / "in.jsonl", lines)
        output = Parts(Path(name) / "out", fingerprint(nlp))
        output.begin({})
        moments = []
        with Cluster().connect():
            before, start = psutil.Process().cpu_times(), time.perf_counter()
            summary = extract_on_cluster(
                open_pipeline,
                find_sources([source], None),
                RecordReader("xx", False),
                output,
                cluster=Cluster(),
                plan=Plan(progress=lambda _: moments.append(time.perf_counter())),
                part_words=documents * (len(text) // 6 + 1),
                export=find_export(Path(), "jsonl")(nlp.meta),
            )
            after = psutil.Process().cpu_times()
        cpu = after.user + after.system - before.user - before.system
        row = {
            "documents": summary.documents,
            "parts": len(moments),
            "first_part_seconds": round(moments[0] - start, 2),
            "ms_per_part": round(1000 * (moments[-1] - moments[0]) / (len(moments) - 1), 2),
            "driver_cpu_ms_per_part": round(1000 * cpu / len(moments), 2),
        }
        show("overhead", row, results)


class Idle(Annotator):
    """An annotator that does nothing."""

    def run(self, batches: Any, _: Any) -> Iterator[list[Outcome]]:
        for batch in batches:
            yield [Outcome(item.name, b"{}\n") for item in batch]


@contextmanager
def prepare(redocred: Path, documents: int, files: int, seed: int) -> Iterator[tuple[Path, list[Path]]]:
    """A pipeline, and documents in so many Parquet files."""
    with TemporaryDirectory() as name, short_paths():
        folder = Path(name)
        make_pipeline(folder / "encoder", folder / "model", seed)
        vocab = spacy.blank("en").vocab
        gold = cycle(list(read_docred(redocred / "train.json", vocab, Counts())))
        rows = make_rows(vocab, gold, documents, seed)
        sources = []
        for number in range(files):
            lines = list(islice(rows, documents // files))
            sources.append(folder / f"in{number}.parquet")
            pq.write_table(pa.Table.from_pylist(lines), sources[-1], row_group_size=500)
        yield folder / "model", sources


def make_rows(vocab: Vocab, gold: Iterator[Any], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Documents of both corpora in turn."""
    for number, made in enumerate(generate_documents(vocab, count, "train", seed)):
        data = document_to_json(next(gold) if number % 2 else made)
        entities = [
            {"mentions": [{"start": m["start"], "end": m["end"]} for m in entity["mentions"]]}
            for entity in data["entities"]
        ]
        yield {"id": f"{number}", "text": data["text"], "entities": entities}


@contextmanager
def short_paths() -> Iterator[None]:
    """Have Ray's files in a folder of this run, with one thread in each process. The paths of sockets are short."""
    folder = mkdtemp(prefix="kmgre")
    os.environ.update(RAY_TMPDIR=folder, OMP_NUM_THREADS="1")
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command(model: Path, sources: Sequence[Path], target: Path, *options: object) -> list[str]:
    """A call of `extract`."""
    line = [sys.executable, "-m", "spacy", "kmgre", "extract", model, *sources, "-o", target, *COLUMNS]
    return [str(part) for part in (*line, *options)]


def differences(found: Path, wanted: Sequence[Path]) -> dict[str, float]:
    """What two outputs have in common, whatever the order."""
    scores = []
    for folders in ([found], wanted):
        tables = [pq.read_table(folder / "relations", columns=[*PLACE, "score"]) for folder in folders]
        rows = pa.concat_tables(tables).to_pylist()
        scores.append({tuple(row[name] for name in PLACE): row["score"] for row in rows})
        assert len(scores[-1]) == len(rows)
    one, other = scores
    common = one.keys() & other.keys()
    return {
        "relations": len(other),
        "in_one_only": len(one.keys() ^ other.keys()),
        "largest_difference": float(np.max([abs(one[key] - other[key]) for key in common])),
    }


def wait_for_part(count: Callable[[], int], driver: "subprocess.Popen[bytes]", pause: float) -> bool:
    """Wait until another part is done, and a random time more.

    :returns: Whether the driver is still there.
    """
    before = count()
    while driver.poll() is None and count() <= before:
        time.sleep(0.05)
    time.sleep(random.uniform(0, pause))
    return driver.poll() is None


def workers_of(driver: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The processes of a run's workers."""
    found = []
    for process in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process)
    return found


def show(program: str, row: dict[str, Any], results: Path | None) -> None:
    """Print the figures of a run, and keep them."""
    print(table([(name, str(value)) for name, value in row.items()], aligns=("l", "r")))
    if results is not None:
        line = {"date": f"{datetime.now():%Y-%m-%d}", "command": " ".join(sys.argv), "program": program}
        srsly.write_jsonl(results, [{**line, **row}], append=True, append_new_line=False)


if __name__ == "__main__":
    app()
