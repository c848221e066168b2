"""Tiny encoders made on the spot: 2 layers, width 32, random weights, a vocabulary of characters and words."""

import os
import string
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from hypothesis import settings
from spacy import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

from spacy_kmgre.model.thinc_shim import get_shim
from spacy_kmgre.pipeline.relations import KmgreRelations

# One thread a process, also of those that tests start: threads that wait for a core spin.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

# The same examples every time, so that a red run is about the change. `--hypothesis-profile random` searches on, and
# THOROUGH=1 tries more examples of what takes long.
settings.register_profile("random", derandomize=False)
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def tries(count: int) -> int:
    """How many examples of something slow to try: `count`, or ten times as many with THOROUGH=1."""
    return count * 10 if os.environ.get("THOROUGH") else count


NAME = "kmgre_relations"

WORDS = [
    "the",
    "a",
    "of",
    "in",
    "is",
    "was",
    "by",
    "and",
    "founded",
    "works",
    "born",
    "company",
    "he",
    "she",
    "it",
    "born",
    "lives",
    "near",
    "*",
    "?",
]


def write_tokenizer(folder: Path, model_max_length: int = 64) -> int:
    """A BERT tokenizer that knows a few words and every ASCII character; returns the vocabulary's size."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS), *characters]
    vocab = list(dict.fromkeys([*vocab, *("##" + c for c in characters)]))
    wordpiece = BertWordPieceTokenizer(vocab={piece: i for i, piece in enumerate(vocab)}, lowercase=True)
    tokenizer = BertTokenizerFast(tokenizer_object=wordpiece, model_max_length=model_max_length)
    tokenizer.save_pretrained(folder)
    return len(vocab)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory) -> str:
    """The folder of a tiny BERT that reads at most 64 word pieces."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    size = write_tokenizer(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


def pipeline_with(
    name: str,
    architecture: str = "KMGRE",
    encoder: dict[str, Any] | None = None,
    component: dict[str, Any] | None = None,
    **settings: Any,
) -> Language:
    """A blank pipeline with the component on the encoder of that name."""
    settings.setdefault("head_width", 32)
    if architecture == "ATLOP":
        settings.setdefault("head", "linear")
    nlp = spacy.blank("en")
    model = {
        "@architectures": f"spacy_kmgre.{architecture}.v1",
        "encoder": {
            "@architectures": "spacy_kmgre.Encoder.v1",
            "name": name,
            "overlap": 16,
            **(encoder or {}),
        },
        **settings,
    }
    nlp.add_pipe("kmgre_relations", config={"model": model, **(component or {})})
    return nlp


@pytest.fixture
def make_nlp(tiny_encoder) -> Callable[..., Language]:
    """Makes a blank pipeline with the component on the tiny encoder.

    Keyword arguments: `architecture` ("KMGRE" or "ATLOP"), `encoder` and `component` (settings), and those
    of the architecture.
    """
    return partial(pipeline_with, tiny_encoder)


def annotate(doc: Doc, *clusters: Sequence[Sequence[int]], label: str = "X") -> Doc:
    """Write clusters of token offsets [start, end] to the span groups entity_1, entity_2 ..."""
    for number, cluster in enumerate(clusters, start=1):
        doc.spans[f"entity_{number}"] = [Span(doc, start, end, label=label) for start, end in cluster]
    return doc


def make_doc(nlp: Language) -> Doc:
    """Three entities, the first with three mentions, in three sentences."""
    words = [
        "Ann",
        "Lee",
        "founded",
        "Acme",
        ".",
        "She",
        "lives",
        "in",
        "Oslo",
        ".",
        "Lee",
        "works",
        "near",
        "Oslo",
    ]
    doc = Doc(nlp.vocab, words=words, sent_starts=[i in (0, 5, 10) for i in range(len(words))])
    return annotate(doc, [(0, 2), (5, 6), (10, 11)], [(3, 4)], [(8, 9), (13, 14)])


RELATIONS: list[dict[str, Any]] = [
    {"head": "entity_1", "tail": "entity_2", "label": "founded"},
    {"head": "entity_1", "tail": "entity_3", "label": "lives_in"},
    {"head": "entity_1", "tail": "entity_3", "label": "works_in"},
]


def make_example(nlp: Language) -> Example:
    """The Doc of `make_doc` with gold entities on the predicted side, and three gold relations."""
    reference = make_doc(nlp)
    reference._.relations = RELATIONS
    return Example(make_doc(nlp), reference)


@pytest.fixture(scope="session")
def one_example_folder(tiny_encoder, tmp_path_factory) -> Path:
    """The saved pipeline that has learned the example of `make_example` by heart."""
    torch.manual_seed(0)
    nlp = pipeline_with(tiny_encoder)
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    nlp.to_disk(folder := tmp_path_factory.mktemp("trained") / "model")
    return folder


@pytest.fixture
def trained(one_example_folder) -> Language:
    """A component of one's own that has learned the example of `make_example` by heart."""
    return spacy.load(one_example_folder)


def make_other_doc(nlp: Language) -> Doc:
    """Two entities with two mentions each, in two sentences."""
    words = ["Acme", "works", "near", "Bolt", ".", "Bolt", "was", "founded", "by", "Acme"]
    doc = Doc(nlp.vocab, words=words, sent_starts=[i in (0, 5) for i in range(len(words))])
    return annotate(doc, [(0, 1), (9, 10)], [(3, 4), (5, 6)])


OTHER_RELATIONS: list[dict[str, Any]] = [
    {"head": "entity_1", "tail": "entity_2", "label": "founded"},
    {"head": "entity_2", "tail": "entity_1", "label": "founded_by"},
]


def make_examples(nlp: Language) -> list[Example]:
    """The Docs of `make_doc` and `make_other_doc`, whose relations go in both directions."""
    reference = make_other_doc(nlp)
    reference._.relations = OTHER_RELATIONS
    return [make_example(nlp), Example(make_other_doc(nlp), reference)]


def triples(doc: Doc) -> list[tuple[str, str, str]]:
    """Head, label and tail of the relations on a Doc, sorted."""
    return sorted((relation.head.key, relation.label, relation.tail.key) for relation in doc._.relations)


GOLD = sorted((relation["head"], relation["label"], relation["tail"]) for relation in RELATIONS)
OTHER_GOLD = sorted((relation["head"], relation["label"], relation["tail"]) for relation in OTHER_RELATIONS)


def make_lonely_doc(nlp: Language) -> Doc:
    """One entity."""
    return annotate(Doc(nlp.vocab, words=["Ann", "is", "Ann", "."]), [(0, 1), (2, 3)])


def make_empty_doc(nlp: Language) -> Doc:
    """No entity."""
    return Doc(nlp.vocab, words=["It", "works", "."])


def component(nlp: Language) -> KmgreRelations:
    """The component of a pipeline."""
    pipe = nlp.get_pipe(NAME)
    assert isinstance(pipe, KmgreRelations)
    return pipe


def state(nlp: Language) -> dict[str, torch.Tensor]:
    """A copy of all weights, τ included."""
    network = get_shim(component(nlp).model).require_network()
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    return {**weights, "τ": torch.tensor(network.tau, dtype=torch.float64)}


def same_state(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Equal to the bit."""
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.fixture(params=["KMGRE", "ATLOP"])
def architecture(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def trained_folder(tiny_encoder, tmp_path_factory) -> Callable[[str], Path]:
    """Gives the saved pipeline of an architecture ("KMGRE" or "ATLOP") that has learned both Docs of
    `make_examples` by heart. Each is trained once, with `max_labels = 8` and else the defaults."""
    folders: dict[str, Path] = {}

    def train(architecture: str) -> Path:
        if architecture not in folders:
            torch.manual_seed(0)
            nlp = spacy.blank("xx")  # loads several times faster than "en"
            encoder = {"@architectures": "spacy_kmgre.Encoder.v1", "name": tiny_encoder, "overlap": 16}
            model = {
                "@architectures": f"spacy_kmgre.{architecture}.v1",
                "encoder": encoder,
                "head_width": 32,  # a wider one learns two documents until scores round to 1
            }
            nlp.add_pipe("kmgre_relations", config={"model": model, "max_labels": 8})
            examples = make_examples(nlp)
            optimizer = nlp.initialize(lambda: examples)
            optimizer.learn_rate = 3e-3
            for _ in range(50):
                nlp.update(examples, sgd=optimizer)
            folders[architecture] = tmp_path_factory.mktemp(architecture) / "model"
            nlp.to_disk(folders[architecture])
        return folders[architecture]

    return train


@pytest.fixture
def load(trained_folder, architecture) -> Callable[..., Language]:
    """Loads the trained pipeline of the architecture."""
    return lambda **settings: spacy.load(trained_folder(architecture), **settings)


@pytest.fixture(scope="session")
def kmgre(trained_folder) -> Language:
    """The trained KMGRE pipeline, for tests that leave it as it is."""
    return spacy.load(trained_folder("KMGRE"))
