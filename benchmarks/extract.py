"""`spacy kmgre extract` over many documents: its memory, and whether it survives being killed.

The benchmark generates documents and makes a pipeline with a tiny random encoder. It extracts once undisturbed and once
killed (SIGKILL) at random moments and resumed, and compares the two outputs byte for byte.
"""

import random
import sqlite3
import string
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import psutil
import spacy
import srsly
import torch
import typer
from spacy.training import Example
from spacy.util import minibatch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast
from wasabi import msg, table

from spacy_kmgre.annotations import project_entities, read_entities
from spacy_kmgre.formats.jsonl import document_to_json
from spacy_kmgre.synthetic import generate_documents

NAME = "kmgre_relations"
# The seconds between two looks at a process.
INTERVAL = 0.1
# The share of the runs that are killed while they still load the pipeline.
EARLY = 0.2
# Seconds, documents done, and MiB of the process and its children.
Sample = tuple[float, int, float]


def main(
    documents: Annotated[int, typer.Option(help="Number of documents to generate")] = 5000,
    kills: Annotated[int, typer.Option(help="Number of times that the second run is killed")] = 10,
    n_process: Annotated[int, typer.Option(help="Number of processes of each run")] = 1,
    batch_size: Annotated[
        int, typer.Option(help="Number of documents that go through the model at a time")
    ] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the documents and of the kills")] = 0,
    results: Annotated[Path | None, typer.Option(help="Append a JSON line to this file")] = None,
) -> None:
    """Measure memory and speed, and fail where the two outputs differ."""
    random.seed(seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_pipeline(folder / "encoder", folder / "model", seed)
        source = make_documents(folder / "documents.jsonl", documents, seed)
        command = [sys.executable, "-m", "spacy", "kmgre", "extract", str(folder / "model"), str(source)]
        command += ["--batch-size", str(batch_size), "--n-process", str(n_process), "--resume", "-o"]
        whole, target = folder / "whole.jsonl", folder / "killed.jsonl"
        samples = watch(command, whole)
        start, end = samples[0][0], samples[-1][0]
        msg.good(f"Undisturbed: {documents / (end - start):.0f} documents a second")
        killed = 0
        while killed < kills:
            wait = random.uniform(0, 0.9 * (end - start) / kills)
            if not kill(command, target, wait, early=random.random() < EARLY):
                break
            killed += 1
        subprocess.run([*command, str(target)], check=True, capture_output=True)
        same = whole.read_bytes() == target.read_bytes()
        titles = [data["title"] for data in srsly.read_jsonl(target)]
        relations = sum(len(data["relations"]) for data in srsly.read_jsonl(target))
        left = sorted(path.name for path in folder.iterdir() if path.name.startswith(target.name))

    row = {
        "documents": documents,
        "relations": relations,
        "n_process": n_process,
        "batch_size": batch_size,
        "seconds": round(end - start, 1),
        **memory(samples),
        "kills": killed,
        "written": len(titles),
        "distinct": len(set(titles)),
        "equal": same,
    }
    print(table([(name, str(value)) for name, value in row.items()], aligns=("l", "r")))
    if results is not None:
        line = {"date": f"{datetime.now():%Y-%m-%d}", "command": " ".join(sys.argv), **row}
        srsly.write_jsonl(results, [line], append=True)
    if not same or killed < kills or len(titles) != documents or left != [target.name]:
        msg.fail("The run that was killed did not end as the other one did", exits=1)


def make_pipeline(encoder: Path, model: Path, seed: int) -> None:
    """Save a KMGRE pipeline with a random encoder of two layers, trained for a moment to predict relations."""
    torch.manual_seed(seed)
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *("##" + c for c in characters)]
    wordpiece = BertWordPieceTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, lowercase=True)
    BertTokenizerFast(tokenizer_object=wordpiece, model_max_length=512).save_pretrained(encoder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    BertModel(BertConfig(vocab_size=len(pieces), **sizes)).save_pretrained(encoder)
    nlp = spacy.blank("en")
    settings = {"@architectures": "spacy_kmgre.Encoder.v1", "name": str(encoder)}
    architecture = {"@architectures": "spacy_kmgre.KMGRE.v1", "encoder": settings, "shared_encoder": True}
    nlp.add_pipe(NAME, config={"model": architecture})
    examples = []
    for gold in generate_documents(nlp.vocab, 40, "dev", seed):
        examples.append(Example(project_entities(read_entities(gold), nlp.make_doc(gold.text)), gold))
    optimizer = nlp.initialize(lambda: examples)
    for batch in minibatch(examples, 4):
        nlp.update(batch, sgd=optimizer)
    # This threshold gives about ten relations a document.
    pipe: Any = nlp.get_pipe(NAME)
    pipe.threshold = 0.0
    docs = list(nlp.pipe(example.predicted.copy() for example in islice(examples, 10)))
    scores = sorted((relation.score for doc in docs for relation in doc._.relations), reverse=True)
    pipe.threshold = scores[10 * len(docs)]
    nlp.to_disk(model)


def make_documents(path: Path, count: int, seed: int) -> Path:
    """Write texts and entities as JSON Lines."""
    nlp = spacy.blank("en")
    with path.open("w", encoding="utf8") as file:
        for number, doc in enumerate(generate_documents(nlp.vocab, count, "train", seed)):
            data = document_to_json(doc)
            line = {"id": f"{number}", "text": data["text"], "entities": data["entities"]}
            file.write(srsly.json_dumps(line) + "\n")
    return path


def watch(command: list[str], target: Path) -> list[Sample]:
    """Run a command, and look at it again and again from its first part on."""
    samples: list[Sample] = []
    with subprocess.Popen([*command, str(target)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            done = count_documents(target)
            if done:
                used = resident(run.pid) / 2**20
                samples.append((time.perf_counter(), done, used))
            time.sleep(INTERVAL)
        if run.returncode:
            assert run.stderr is not None
            msg.fail("extract failed", run.stderr.read().decode(), exits=1)
    return samples


def kill(command: list[str], target: Path, wait: float, early: bool) -> bool:
    """Run a command, and kill it.

    :param wait: The seconds until then, from its first new part on, or from its start.
    :param early: Whether to wait from its start.
    :returns: Whether it was still there to be killed.
    """
    before = count_documents(target)
    with subprocess.Popen(
        [*command, str(target)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        while not early and run.poll() is None and count_documents(target) <= before:
            time.sleep(INTERVAL / 10)
        time.sleep(wait)
        alive = run.poll() is None
        run.kill()
    msg.info(f"Killed after {count_documents(target) - before} documents, {count_documents(target)} in all")
    return alive


def count_documents(target: Path) -> int:
    """The documents in the journal of a run, which may be at work: its lock is not asked for."""
    journal = f"{target.as_uri()}.partial?mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(journal, uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])
    return 0


def memory(samples: list[Sample]) -> dict[str, float]:
    """The MiB after a tenth of the documents, in the middle, at the end and at most; and the slope of a line
    through the samples of the second half."""
    _, done, sizes = (np.array(column) for column in zip(*samples))
    tenth, half = (int(np.searchsorted(done, share * done[-1])) for share in (0.1, 0.5))
    figures = {
        "mib_tenth": sizes[tenth],
        "mib_half": sizes[half],
        "mib_end": sizes[-1],
        "mib_most": sizes.max(),
        "mib_per_1000_documents": np.polyfit(done[half:] / 1000, sizes[half:], 1)[0],
    }
    return {name: round(float(value), 2) for name, value in figures.items()}


def resident(pid: int) -> int:
    """The bytes of memory of a process and its children, 0 once it is gone."""
    try:
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (process, *process.children()))
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    typer.run(main)
