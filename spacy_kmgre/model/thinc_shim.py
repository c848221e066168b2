"""Thinc's view of the network: a Model that reads documents and gives the scores of their pairs.

The network is made when the model is initialised or loaded, since only then its encoder is at hand.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import srsly
import torch
from thinc.api import Model, Optimizer, Shim, get_torch_default_device
from torch import Tensor, nn

from ..errors import Errors, MismatchError
from .batch import PairScores
from .encoder import Encoder
from .huggingface import (
    describe,
    embed,
    empty_transformer,
    load_pretrained,
    longest_input,
    tokenizer_from_files,
    tokenizer_to_files,
)
from .network import KEY, RELATION, Network
from .optimizer import NetworkOptimizer
from .pieces import Document, Pieces, make_pieces
from .rates import find_rates
from .settings import EncoderSettings, NetworkSettings
from .turns import Turns
from .weights import check_layers, check_shapes, check_vocabulary, load_weights, save_weights

# The hashes of the training corpus' relations, kept with the model for Ign F1.
KNOWN_FACTS = "known_facts"
# What earlier versions called some settings in the weights that they saved.
FORMER_NAMES = {"head.inner": "head_width", "head.block": "head_block"}
# These are the names that configs have for settings and for architectures; weights have their own.
CONFIG_NAMES = {**FORMER_NAMES, "level": "@architectures"}
ARCHITECTURES = {"mention": "spacy_kmgre.KMGRE.v1", "entity": "spacy_kmgre.ATLOP.v1"}
# Weights that were saved before there was a setting lack it; these are the values that it had for all of them.
FORMERLY = {"distance": False}


@dataclass(frozen=True)
class ModelInput:
    """Documents to be scored, and the way to score them.

    :param documents: The documents; each has at least two entities.
    :param pieces: Their word pieces.
    :param trainable: The parts of the network that learn in this update.
    :param with_inverse: Whether a prediction has each entity pair in one chunk with its inverse.
    """

    documents: Sequence[Document]
    pieces: Sequence[Pieces]
    trainable: Collection[str] = ()
    with_inverse: bool = False


Reader = Callable[[Any], list[Document]]
# Its output is chunks of scores in prediction, and the scores of all pairs in training.
RelationModel = Model[ModelInput, Any]


def build_model(name: str, settings: NetworkSettings, read: Reader | None = None) -> RelationModel:
    """Make a Thinc model around a network that does not exist yet.

    :param read: The function that makes documents of Docs, for callers that give the model Docs, as
        `spacy debug model` does.
    :raises ValueError: Where the encoder is a layer of Thinc, such as a listener.
    """
    if not isinstance(settings.encoder, EncoderSettings):
        value = getattr(settings.encoder, "name", settings.encoder)
        raise ValueError(Errors.E060.format(value=value))
    return Model(
        name,
        _forward,
        init=_init,
        dims={"nO": None},
        attrs={KNOWN_FACTS: np.zeros(0, dtype=np.uint64)},
        shims=[NetworkShim(settings, read)],
    )


def get_shim(model: RelationModel) -> "NetworkShim":
    """Return the shim of a relation model."""
    shim = model.shims[0]
    assert isinstance(shim, NetworkShim)
    return shim


def _init(model: RelationModel, *_: Any, **__: Any) -> None:
    get_shim(model).load(model.get_dim("nO"))


def _forward(model: RelationModel, given: ModelInput, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    return get_shim(model)(given, is_train)


class NetworkShim(Shim):
    """Holds the network and its tokenizer; it predicts, backpropagates, makes steps, and saves itself as
    bytes.

    :param read: The function that makes documents of Docs.
    :ivar label_texts: The labels in words, "" where there are none, for heads that begin with them.
    :ivar total_steps: The number of steps of the training, None where it is unknown.
    :ivar highest_learn_rates: The highest learning rates of heads and of encoders so far.

    It takes the place of Thinc's PyTorchShim, which serves one ready-made module, zeroes gradients where EM
    needs them dropped (Adam moves a parameter whose gradient is zero), and clips each tensor by itself.
    """

    def __init__(self, settings: NetworkSettings, read: Reader | None = None):
        super().__init__(None)
        self.read = read
        self.settings = settings
        self.network: Network[Any] | None = None
        self.tokenizer: Any = None
        self.label_texts: Sequence[str] = ()
        self._limit = 0
        self._optimizer: NetworkOptimizer | None = None
        self._updates = 0
        self.total_steps: int | None = None
        self.highest_learn_rates = (0.0, 0.0)
        self._counts = {RELATION: 0, KEY: 0}
        self._process = os.getpid()
        self._only_predicts = False

    def require_network(self) -> Network[Any]:
        """Return the network.

        :raises ValueError: Where there is none yet.
        """
        if self.network is None:
            raise ValueError(Errors.E014)
        return self.network

    def load(self, classes: int) -> None:
        """Make the network with the pretrained weights of its encoders.

        :param classes: The number C of classes, TH included.
        """
        encoder = self.settings.encoder
        self.tokenizer, transformers = load_pretrained(
            encoder.name, encoder.tokenizer_config, encoder.transformer_config, self.settings.encoders
        )
        check_vocabulary(self.tokenizer, transformers[0])
        network = self._build(transformers, classes)
        head = network.extractor.head
        if head.reads_texts and any(self.label_texts):
            texts = embed(transformers[0], self.tokenizer, self.label_texts)
            head.read_texts(nn.functional.pad(texts, (0, 0, 1, 0)))  # TH has no text.
        self._place(network)

    def _build(self, transformers: Sequence[Any], classes: int) -> Network[Any]:
        how, mixed = self.settings.encoder, self.settings.mixed_precision
        encoders = [Encoder(one, how.batch_pieces, mixed, how.gradient_checkpointing) for one in transformers]
        return self.settings.build(encoders, classes)

    def _place(self, network: Network[Any]) -> None:
        encoder = self.settings.encoder
        self._limit = longest_input(network.extractor.encoder.transformer.config, self.tokenizer)
        check_windows(encoder.max_length or self._limit, encoder.overlap, self._limit)
        self.network = network.to(get_torch_default_device())
        self._only_predicts = False
        self._optimizer = None

    def pieces(self, documents: Sequence[Document]) -> list[Pieces]:
        """Make word pieces of documents, as the encoders read them."""
        self.require_network()
        encoder = self.settings.encoder
        return make_pieces(
            documents,
            self.tokenizer,
            max_length=encoder.max_length or self._limit,
            overlap=encoder.overlap,
            max_pieces=encoder.max_pieces,
            typed=encoder.typed_markers,
        )

    def __call__(self, given: ModelInput, is_train: bool) -> tuple[Any, Callable[..., Any]]:
        if os.getpid() != self._process:
            # A forked worker has none of its parent's threads, and OpenMP would wait for them for ever. So would a
            # lock that one of them held.
            torch.set_num_threads(1)
            self.require_network().turns = Turns()
            self._process = os.getpid()
        if self.read is not None and not isinstance(given, ModelInput):
            documents = self.read(given)
            return list(self.predict(ModelInput(documents, self.pieces(documents)))), lambda _: []
        if is_train:
            return self.begin_update(given)
        return self.predict(given), lambda _: []

    def choose_precision(self, precision: str) -> None:
        """Choose what the encoders compute in when they predict.

        :param precision: One of `PRECISIONS` in choices.py.
        """
        for encoder in self.require_network().encoders:
            encoder.precision = precision

    def forget_float32(self) -> None:
        """Forget the encoders' weights in float32 where predictions are in bfloat16 on a CPU. Then the network can be
        neither trained nor saved."""
        network = self.require_network()
        with network.turns.updating():
            forgotten = [encoder.forget_float32() for encoder in network.encoders]
        self._only_predicts = any(forgotten)

    def check_exact(self) -> None:
        """Check that the weights in float32 are there.

        :raises ValueError: Where they were forgotten.
        """
        if self._only_predicts:
            raise ValueError(Errors.E030)

    def predict(self, given: ModelInput) -> Iterator[PairScores]:
        """Score all pairs, chunk by chunk as they are asked for."""
        return self.require_network().predict(given.documents, given.pieces, given.with_inverse)

    def predicting(self) -> AbstractContextManager[None]:
        """Keep updates of other threads out, so that all scores of a prediction come from the same weights."""
        return nullcontext() if self.network is None else self.network.turns.predicting()

    def begin_update(self, given: ModelInput) -> tuple[PairScores, Callable[[Tensor], list[Any]]]:
        """Score all pairs. The callback that is returned with the scores takes one scalar, the sum of the
        losses of the parts that learn."""
        self.check_exact()
        network = self.require_network()
        scores: PairScores = network(given.documents, given.pieces, given.trainable)
        self._counts[RELATION] += scores.num_pairs
        self._counts[KEY] += len(scores.head)

        def backprop(loss: Tensor) -> list[Any]:
            if loss.requires_grad:
                with network.learning(given.trainable):
                    loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it.
            return []

        return scores, backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """Make one step of AdamW.

        Losses are sums; dividing their gradients by the number of pairs makes them means over the entity pairs (θ) or
        mention pairs (ω) of the whole batch, however it was cut up for gradient accumulation.
        """
        network = self.require_network()
        if self._optimizer is None:
            self._optimizer = NetworkOptimizer(network)
            self._updates = 0
        found = find_rates(optimizer, self.width, self._updates, self.total_steps)
        with network.turns.updating():
            self._optimizer.step(optimizer, network.parts, self._counts, found)
            for part in network.parts.values():
                part.train(part.training)  # Fast layers drop their copies of the old weights.
        heads, encoders = self.highest_learn_rates
        self.highest_learn_rates = max(heads, found[0]), max(encoders, found[1])
        self._updates += 1
        self.drop_gradients()

    @property
    def width(self) -> int:
        """The width of the encoder's output."""
        width: int = self.require_network().extractor.encoder.width
        return width

    def drop_gradients(self) -> None:
        """Forget the gradients, and the counts of the pairs that they come from."""
        # The optimiser has a list of parameters; modules take long to make one.
        (self._optimizer or self.require_network()).zero_grad()
        self._counts = {RELATION: 0, KEY: 0}

    def resize(self, classes: int) -> None:
        """Give the network more classes."""
        self.require_network().resize(classes)
        self._optimizer = None

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the network; spaCy calls it."""
        if self.network is not None:
            self.network.to("cpu" if device_type == "cpu" else f"cuda:{device_id}")
            self._optimizer = None

    def to_bytes(self) -> bytes:
        """Save everything that is needed to build the network again without the hub. Weights are stored as
        safetensors.

        :raises ValueError: Where those in float32 were forgotten.
        """
        if self.network is None:
            return b""
        self.check_exact()
        message = {
            "settings": self.settings.structure,
            "classes": self.network.extractor.head.classes,
            "tokenizer": tokenizer_to_files(self.tokenizer),
            **save_weights(self.network, self.network.tau),
            **describe(self.network.extractor.encoder.transformer),
        }
        found: bytes = srsly.msgpack_dumps(message)
        return found

    def from_bytes(self, bytes_data: bytes) -> "NetworkShim":
        """Load what `to_bytes` has saved. Settings may differ from the saved ones where no weight depends on
        them.

        :raises ValueError: Where the data are truncated, come from something else, or do not fit the
            settings; the shim stays as it was.
        """
        if not bytes_data:
            return self
        try:
            with torch.inference_mode(False):  # Tensors made in inference mode can never be trained.
                message = srsly.msgpack_loads(bytes_data)
                self._check_structure(message["settings"])
                weights, tau = load_weights(message)
                check_layers(message["encoder"], weights)
                with torch.device("meta"):  # It takes no memory.
                    empty = self._empty(message)
                empty.complete(weights)
                check_shapes(empty, weights)
                tokenizer = tokenizer_from_files(message["tokenizer"])
                network = self._empty(message)
                network.load_state_dict(weights)
                network.tau = tau
                check_vocabulary(tokenizer, network.extractor.encoder.transformer)
        except MismatchError:
            raise
        except Exception as error:  # Its class depends on what is broken.
            raise ValueError(Errors.E013.format(error=error)) from error
        self.tokenizer = tokenizer
        self._place(network)
        return self

    def _empty(self, message: dict[str, Any]) -> Network[Any]:
        """Make the network that a message of `to_bytes` describes, with random weights."""
        transformers = [
            empty_transformer(message["encoder"], message["attention"]) for _ in range(self.settings.encoders)
        ]
        return self._build(transformers, message["classes"])

    def _check_structure(self, saved: dict[str, Any]) -> None:
        for key, now in self.settings.structure.items():
            known = saved.get(key, saved.get(FORMER_NAMES.get(key, key), FORMERLY.get(key)))
            if known is None:
                raise KeyError(key)
            if known != now:
                name = CONFIG_NAMES.get(key, key)
                raise MismatchError(Errors.E016.format(key=name, saved=_named(known), now=_named(now)))


def _named(value: Any) -> Any:
    """Return a value as configs have it."""
    return ARCHITECTURES.get(value, value) if isinstance(value, str) else value


def check_windows(max_length: int, overlap: int, limit: int) -> None:
    """Check the length of windows and their overlap.

    :raises ValueError: Where the encoder cannot read windows of that length, or they would not advance.
    """
    if max_length > limit:
        expected = f"at most {limit}, which is what the encoder reads"
        raise ValueError(Errors.E023.format(setting="max_length", value=max_length, expected=expected))
    if max_length - 4 <= overlap:
        expected = f"below max_length - 4, and windows are {max_length} word pieces long"
        raise ValueError(Errors.E023.format(setting="overlap", value=overlap, expected=expected))
