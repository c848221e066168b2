"""A config for a corpus: one of those that come with the package, fitted to the corpus' size and the device.

The numbers are measured (benchmarks/README.md) or from the papers. Each comes with its reason, which becomes
a comment in the config.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import wrap
from typing import Any

from spacy.tokens import Doc
from thinc.api import Config

from ..annotations import get_entities, relation_data
from ..errors import Errors
from ..types import label_words

FOLDER = files(__package__.rpartition(".")[0]) / "configs"
COMPONENT = "kmgre_relations"
CPU_CONFIG, GPU_CONFIG = "kmgre_minilm_cpu", "kmgre_bert_gpu"
# The configs that a corpus can have, and the number of documents that each was made for; those that show that
# everything runs have None, and keep their few updates whatever the corpus.
DOCUMENTS: dict[str, int | None] = {
    CPU_CONFIG: 400,
    GPU_CONFIG: 3053,
    "atlop_minilm_cpu": 400,
    "atlop_bert_gpu": 3053,
    "end_to_end": 400,
    "kmgre_paper": 3053,
    "kmgre_demo_cpu": None,
    "kmgre_tiny": None,
}
# The encoder for languages other than English, and the highest learning rate that suits an encoder of BERT-base's size.
MULTILINGUAL = "bert-base-multilingual-cased"
BERT_RATE = 5e-5
# A training with fewer updates is too short, however small the corpus is.
LEAST_STEPS = 1000
# A corpus of at least so many documents may be learned in updates of several documents.
MANY = 1000
RATES = {
    "learn_rate": "The highest learning rate of encoders; it rises and falls with the number of steps.",
    "head_learn_rate": "The highest learning rate of the layers that begin at random.",
    "encoder_learn_rate": "The highest learning rate of the relation model's encoder.",
}
# The number of evaluations in a training.
EVALUATIONS = 4
# The width of comments in the config.
WIDTH = 110


@dataclass(frozen=True)
class CorpusFacts:
    """What a config has to know of a corpus.

    :param documents: The number of documents.
    :param entities: The number of entities.
    :param relations: The number of relations.
    :param typed: Whether any entity has a type.
    :param evidence: Whether any relation has evidence.
    :param in_words: Whether most labels have words.
    :param groups: The names of the span groups.
    """

    documents: int
    entities: int
    relations: int
    typed: bool
    evidence: bool
    in_words: bool
    groups: Sequence[str]


def look_at(docs: Iterable[Doc]) -> CorpusFacts:
    """Count what is in the documents of a corpus."""
    documents = entities = relations = 0
    typed = evidence = False
    groups: dict[str, None] = {}
    in_words: dict[str, bool] = {}
    for doc in docs:
        found, data = get_entities(doc), relation_data(doc)
        documents, entities, relations = documents + 1, entities + len(found), relations + len(data)
        typed = typed or any(entity.label for entity in found)
        evidence = evidence or any(relation["evidence"] for relation in data)
        for relation in data:
            label = relation["label"]
            in_words[label] = in_words.get(label, False) or bool(
                label_words(label, relation.get("label_text", ""))
            )
        groups.update(dict.fromkeys(doc.spans))
    most = sum(in_words.values()) > len(in_words) / 2
    return CorpusFacts(documents, entities, relations, typed, evidence, most, list(groups))


@dataclass(frozen=True)
class Choice:
    """What a user chooses.

    :param train: The path of the training corpus.
    :param dev: The path of the development corpus, None where it comes later.
    :param name: The name of a config that comes with the package; None for the one that suits the device.
    :param encoder: The name of the encoder; None for the config's.
    :param gpu: Whether the training is on a GPU.
    :param lang: The language of the texts.
    """

    train: Path
    dev: Path | None = None
    name: str | None = None
    encoder: str | None = None
    gpu: bool = False
    lang: str = "en"

    @property
    def config(self) -> str:
        """The name of the config."""
        return self.name or (GPU_CONFIG if self.gpu else CPU_CONFIG)


class Recipe:
    """A config, and the reasons for what was set in it.

    :param name: The name of the config that it begins as.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        text = (FOLDER / f"{name}.cfg").read_text(encoding="utf8")
        self.config = Config().from_str(text, interpolate=False)  # `${...}` stay in it.
        self.reasons: dict[str, str] = {}

    def get(self, place: str) -> Any:
        """Return the value at a place such as "training.max_steps", None where there is none."""
        value: Any = self.config
        for key in place.split("."):
            value = value.get(key) if value is not None else None
        return value

    def set(self, place: str, value: Any, reason: str = "") -> None:
        """Set a value, with a reason for it."""
        *sections, key = place.split(".")
        section = self.config
        for name in sections:
            section = section[name]
        section[key] = value
        if reason:
            self.explain(place, reason)

    def explain(self, place: str, reason: str) -> None:
        """Give a reason for a value that stays."""
        self.reasons[place] = reason

    def to_str(self, header: str) -> str:
        """Write the config as text.

        :param header: A comment at the beginning, line by line.
        """
        lines, section = [f"# {line}" for line in header.splitlines()], ""
        lines.append("")
        for line in self.config.to_str(interpolate=False).splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            place = f"{section}.{line.partition(' = ')[0]}"
            lines += [
                f"# {part}" for part in wrap(self.reasons.get(place, ""), WIDTH, break_on_hyphens=False)
            ]
            lines.append(line)
        return "\n".join(lines).rstrip() + "\n"


def fit(choice: Choice, facts: CorpusFacts) -> Recipe:
    """Fit the config of a choice to a corpus.

    :raises ValueError: For an unknown config, and for a corpus that nothing can be learned from.
    """
    if choice.config not in DOCUMENTS:
        raise ValueError(Errors.E061.format(name=choice.config, known=", ".join(DOCUMENTS)))
    if not facts.entities:
        raise ValueError(Errors.E062.format(path=choice.train, groups=", ".join(facts.groups) or "none"))
    if not facts.relations:
        raise ValueError(Errors.E063.format(path=choice.train))
    recipe = Recipe(choice.config)
    _set_paths(recipe, choice)
    made_for = DOCUMENTS[choice.config]
    if made_for is not None:
        _set_length(recipe, made_for, facts)
    _set_model(recipe, facts)
    return recipe


def _set_paths(recipe: Recipe, choice: Choice) -> None:
    recipe.set("paths.train", str(choice.train))
    recipe.set("paths.dev", None if choice.dev is None else str(choice.dev))
    recipe.set("nlp.lang", choice.lang)
    recipe.set("system.gpu_allocator", "pytorch" if choice.gpu else None)
    if choice.encoder is not None:
        recipe.set("paths.encoder", choice.encoder)
    elif choice.lang != "en":
        reason = f"The encoder of {choice.config} reads English; this one knows a hundred languages."
        recipe.set("paths.encoder", MULTILINGUAL, reason)
        _lower_rate(recipe)
    else:
        large = str(recipe.get("paths.encoder")).startswith("bert-base")
        reason = (
            "BERT-base, which a GPU trains in hours, and a CPU in days."
            if large
            else "A small encoder, which a CPU can train."
        )
        recipe.explain("paths.encoder", reason)


def _lower_rate(recipe: Recipe) -> None:
    """Lower the encoder's learning rate to one that suits BERT-base."""
    names = [
        name for name in ("encoder_learn_rate", "learn_rate") if recipe.get(f"training.optimizer.{name}")
    ]
    place = f"training.optimizer.{names[0]}.initial_rate"
    if recipe.get(place) > BERT_RATE:
        recipe.set(place, BERT_RATE, f"{RATES[names[0]]} An encoder as large as this one needs a lower one.")


def _set_length(recipe: Recipe, made_for: int, facts: CorpusFacts) -> None:
    """Set how many documents an update has, how many updates there are, and when the pipeline is
    evaluated.

    :param made_for: The number of documents that the config was made for.
    """
    documents, size = facts.documents, recipe.get("training.batcher.size")
    count = f"{documents} document{'' if documents == 1 else 's'}"
    passes = round(recipe.get("training.max_steps") * size / made_for)
    if documents < MANY and size > 1:
        size = 1
        reason = f"The corpus is small ({count}): updates of one document teach more than updates of several."
        recipe.set("training.batcher.size", size, reason)
    else:
        reason = f"As {recipe.name} has it, which was made for {made_for:,} documents."
        recipe.explain("training.batcher.size", reason)
    steps = passes * documents // size
    reason = f"{passes} passes over {count}, in updates of {size}."
    if steps < LEAST_STEPS:
        steps, passes = LEAST_STEPS, math.ceil(LEAST_STEPS * size / documents)
        reason = f"No fewer updates than that: {passes} passes over {count}, in updates of {size}."
    recipe.set("training.max_steps", steps, reason)
    reason = f"{EVALUATIONS} evaluations; the last step is evaluated whatever this is."
    recipe.set("training.eval_frequency", math.ceil(steps / EVALUATIONS), reason)
    for rate, what in RATES.items():
        place = f"training.optimizer.{rate}.initial_rate"
        if recipe.get(place) is not None and place not in recipe.reasons:
            recipe.explain(place, what)
    if recipe.get("training.before_update.warmup_epochs") is not None:
        reason = "A quarter of the passes, in which the relation extractor learns from all mention pairs."
        recipe.set("training.before_update.warmup_epochs", max(1, passes // 4), reason)


def _set_model(recipe: Recipe, facts: CorpusFacts) -> None:
    """Set what depends on annotations that not every corpus has."""
    model = f"components.{COMPONENT}.model"
    if not facts.typed and recipe.get(f"{model}.encoder.typed_markers"):
        recipe.set(f"{model}.encoder.typed_markers", False, "The entities of the corpus have no types.")
    if not facts.evidence and recipe.get(f"{model}.evidence_keys"):
        reason = "The relations of the corpus have no evidence sentences."
        recipe.set(f"{model}.evidence_keys", False, reason)
        recipe.set(f"{model}.evidence_focus", 0.0)
    if recipe.get(f"{model}.head") in ("label_text", "label_text_bilinear"):
        reason = (
            "What the model knows of a label begins with the label's words."
            if facts.in_words
            else "This head would begin with the labels' words, but few have any: `convert --label-texts` gives them."
        )
        recipe.explain(f"{model}.head", reason)
    threshold = f"components.{COMPONENT}.threshold"
    reason = (
        "F is best at a threshold of about half the F that is reached: "
        "`python -m spacy kmgre evaluate training/model-best DEV --thresholds` finds the best one."
    )
    recipe.explain(threshold, reason)
