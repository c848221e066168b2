"""`spacy kmgre init`."""

from importlib.util import find_spec
from pathlib import Path
from shlex import join

import spacy
import torch

from ..errors import Errors
from ..training.corpus import create_corpus_reader
from ..training.recipe import Choice, CorpusFacts, fit, look_at
from .output import check_output
from .printing import failing, plural
from .terminal import msg, say

PACKAGE = "package:"


def write_config(
    corpus: Path,
    output: Path,
    *,
    dev: Path | None,
    config: str | None,
    encoder: str | None,
    gpu: bool | None,
    lang: str,
    force: bool,
) -> None:
    """Write a config for a corpus and say how to train with it, or what is wrong, and exit then.

    :param gpu: Whether the training is on a GPU; where None, whether there is one.
    """
    with failing(f"Could not write {output}"):
        corpus, dev = _find_parts(corpus, dev)
        check_output(output, [corpus, *([dev] if dev else [])], force=force)
        on_gpu = torch.cuda.is_available() if gpu is None else gpu
        choice = Choice(corpus, dev=dev, name=config, encoder=encoder, gpu=on_gpu, lang=lang)
        facts = _look(corpus, lang)
        recipe = fit(choice, facts)
        train = ["python", "-m", "spacy", "train", str(output), "--output", "training"]
        train += [] if dev else ["--paths.dev", "dev.spacy"]
        train += ["--gpu-id", "0"] if on_gpu else []
        size = ", ".join(
            (
                plural(facts.documents, "document"),
                plural(facts.entities, "entity", "entities"),
                plural(facts.relations, "relation"),
            )
        )
        device = "GPU" if on_gpu else "CPU"
        header = f"Made from {choice.config} by `spacy kmgre init`, for {size}, on a {device}.\n{join(train)}"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(recipe.to_str(header), encoding="utf8")
    msg.good(f"{output} ({choice.config})")
    say(size)
    for place, reason in recipe.reasons.items():
        say(f"{place} = {recipe.get(place)}: {reason}")
    name = str(recipe.get("paths.encoder"))
    if name.startswith(PACKAGE) and find_spec(name.removeprefix(PACKAGE)) is None:
        msg.warn(Errors.E010.format(name=name, package=name.removeprefix(PACKAGE).replace("_", "-")))
    msg.info(f"Train with: {join(train)}")


def _find_parts(corpus: Path, dev: Path | None) -> tuple[Path, Path | None]:
    """Return the parts train and dev of a folder that `convert --split` has written; other corpora as they are."""
    train, other = corpus / "train.spacy", corpus / "dev.spacy"
    if not train.is_file():
        return corpus, dev
    if dev is None and other.is_file():
        dev = other
    msg.info(f"Training with {train}, evaluating with {dev or 'nothing yet'}")
    return train, dev


def _look(corpus: Path, lang: str) -> CorpusFacts:
    if corpus.is_file() and corpus.suffix != ".spacy":
        raise ValueError(Errors.E064.format(path=corpus, target=corpus.with_suffix(".spacy")))
    read = create_corpus_reader(corpus, gold_entities=False)
    return look_at(example.reference for example in read(spacy.blank(lang)))
