"""Thinc's view of the network: a Model that reads Documents and gives PairScores.

The network is made when the model is initialised or loaded, since only then its encoder is at hand.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from thinc.api import Model, Optimizer, Shim, get_torch_default_device
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from ..errors import Errors
from .huggingface import count_encoders, load_encoders, network_from_bytes, network_to_bytes
from .network import BOTH, KEY, RELATION, Network, PairScores, build_network
from .pieces import Document, Pieces, make_pieces

# Hashes of the training corpus' relations, kept with the model for Ign F1.
KNOWN_FACTS = "known_facts"

# Its output: for every document an iterable of PairScores in prediction, one PairScores in training.
RelationModel = Model[list[Document], Any]


def build_model(name: str, settings: dict[str, Any]) -> RelationModel:
    """A Thinc model around a network that does not exist yet.

    :param settings: Plain data: what `build_network` reads, and "encoder" for `load_encoders`.
    """
    return Model(
        name,
        _forward,
        init=_init,
        dims={"nO": None},
        attrs={KNOWN_FACTS: np.zeros(0, dtype=np.uint64)},
        shims=[NetworkShim(settings)],
    )


def get_shim(model: RelationModel) -> "NetworkShim":
    shim = model.shims[0]
    assert isinstance(shim, NetworkShim)
    return shim


def _init(model: RelationModel, X: Any = None, Y: Any = None) -> None:
    get_shim(model).load(model.get_dim("nO"))


def _forward(model: RelationModel, documents: list[Document], is_train: bool) -> tuple[Any, Callable]:
    return get_shim(model)(documents, is_train)


class NetworkShim(Shim):
    """Holds the network and its tokenizer; predicts, backpropagates, steps, and goes to bytes.

    Thinc's PyTorchShim serves one ready-made module, zeroes gradients where EM needs them dropped (Adam
    moves a parameter whose gradient is zero), and clips each tensor by itself.

    :ivar moving: The halves of the network ("relation" is θ, "key" is ω) that learn in the next update.
    :ivar mirrored: Whether predictions come with each entity pair in one part with its mirror.
    """

    def __init__(self, settings: dict[str, Any]):
        super().__init__(None)
        self.settings = settings
        self.network: Network | None = None
        self.tokenizer: Any = None
        self._limit = 0
        self.moving: frozenset[str] = BOTH
        self.mirrored = False
        self._optimizer: torch.optim.AdamW | None = None
        self._parameters: dict[str, list[nn.Parameter]] = {}
        self._units = {RELATION: 0, KEY: 0}
        self._process = os.getpid()

    def load(self, classes: int) -> None:
        """Make the network with the pretrained weights of its encoders."""
        self.tokenizer, encoders = load_encoders(self.settings["encoder"], count_encoders(self.settings))
        self._place(build_network(self.settings, encoders, classes))

    def _place(self, network: Network) -> None:
        encoder = self.settings["encoder"]
        self._limit = longest_input(network.extractor.encoder.transformer.config, self.tokenizer)
        check_windows(encoder["max_length"] or self._limit, encoder["overlap"], self._limit)
        self.network = network.to(get_torch_default_device())
        self._optimizer = None

    def require_network(self) -> Network:
        if self.network is None:
            raise ValueError(Errors.E014)
        return self.network

    def pieces(self, documents: Sequence[Document]) -> list[Pieces]:
        """Documents as the encoders read them."""
        encoder = self.settings["encoder"]
        return make_pieces(
            documents,
            self.tokenizer,
            max_length=encoder["max_length"] or self._limit,
            overlap=encoder["overlap"],
            max_pieces=encoder["max_pieces"],
            typed=encoder["typed_markers"],
        )

    def __call__(self, documents, is_train):
        if os.getpid() != self._process:
            # A forked worker has none of its parent's threads, and OpenMP waits for them for ever.
            torch.set_num_threads(1)
            self._process = os.getpid()
        return self.begin_update(documents) if is_train else (self.predict(documents), lambda d_scores: [])

    def predict(self, documents: list[Document]) -> list[Iterator[PairScores]]:
        network = self.require_network()
        return network.predict(documents, self.pieces(documents), self.mirrored)

    def begin_update(self, documents: list[Document]) -> tuple[list[PairScores], Callable]:
        """Scores, and a callback that takes a list of (gradient of `relation`, of `key`, of `focus`), each None
        where there is none."""
        network = self.require_network()
        scores = network(documents, self.pieces(documents), self.moving)
        for score in scores:
            self._units[RELATION] += len(score.entities)
            self._units[KEY] += len(score.head)

        def backprop(d_scores: Sequence[tuple[Tensor | None, ...]]) -> list:
            outputs, grads = [], []
            for score, gradients in zip(scores, d_scores):
                for output, grad in zip((score.relation, score.key, score.focus), gradients):
                    if output is not None and output.requires_grad and grad is not None:
                        outputs.append(output)
                        grads.append(grad)
            if outputs:
                torch.autograd.backward(outputs, grads)
            return []

        return scores, backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """One AdamW step with the values that the optimizer's schedules have now. A half without gradient
        is left alone to the bit: no momentum, no weight decay.

        Losses are sums; dividing here makes them means over the entity pairs (θ) or mention pairs (ω) of
        the whole batch, however it was cut up for gradient accumulation.
        """
        network = self.require_network()
        if self._optimizer is None:
            self._optimizer = make_optimizer(network)
            self._parameters = {name: list(network.part(name).parameters()) for name in network.halves}
        for name, parameters in self._parameters.items():
            gradients = [p.grad for p in parameters if p.grad is not None]
            if gradients:
                bring_to_mean(gradients, max(1, self._units[name]), optimizer.grad_clip)
        head, encoder = (  # only our own optimizer has them
            getattr(optimizer, f"{part}_learn_rate", optimizer.learn_rate) for part in ("head", "encoder")
        )
        for group in self._optimizer.param_groups:
            group["lr"] = head if group["is_head"] else encoder
            group["betas"] = (optimizer.b1, optimizer.b2)
            group["eps"] = optimizer.eps
            group["weight_decay"] = optimizer.L2 if group["decays"] else 0.0
        self._optimizer.step()
        for parameter in (p for group in self._optimizer.param_groups for p in group["params"]):
            increment_version(parameter)  # the fused step does not, and layers look at it
        self.drop_gradients()

    def drop_gradients(self) -> None:
        # The optimiser has a list of parameters; modules take long to make one.
        (self._optimizer or self.require_network()).zero_grad(set_to_none=True)
        self._units = {RELATION: 0, KEY: 0}

    def resize(self, classes: int) -> None:
        self.require_network().resize(classes)
        self._optimizer = None

    def to_device(self, device_type: str, device_id: int) -> None:
        if self.network is not None:
            self.network.to("cpu" if device_type == "cpu" else f"cuda:{device_id}")
            self._optimizer = None

    def to_bytes(self) -> bytes:
        if self.network is None:
            return b""
        return network_to_bytes(self.network, self.tokenizer, self.settings)

    def from_bytes(self, bytes_data: bytes) -> "NetworkShim":
        if bytes_data:
            with torch.inference_mode(False):  # tensors made in that mode can never be trained
                network, self.tokenizer = network_from_bytes(bytes_data, self.settings)
                self._place(network)
        return self


def bring_to_mean(gradients: list[Tensor], count: int, most: float) -> None:
    """Divide gradients of sums by the number of terms, and clip their global norm, in one pass over them.

    :param most: The largest norm; any where 0.
    """
    factor = torch.full((), 1.0 / count, device=gradients[0].device)
    if most:
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        factor *= (most / (factor * norm + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_ does
    torch._foreach_mul_(gradients, factor)


def make_optimizer(network: Network) -> torch.optim.AdamW:
    """AdamW over a network's parameters: heads and encoders apart, for their learning rates; biases and
    layer norms apart, for they do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = (".encoder." not in name, parameter.dim() > 1)
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "is_head": is_head, "decays": decays}
            for (is_head, decays), parameters in groups.items()
        ],
        fused=True,
    )


def longest_input(config: Any, tokenizer: Any) -> int:
    """The encoder's limit in word pieces, special pieces included."""
    limit = getattr(config, "max_position_embeddings", tokenizer.model_max_length)
    if limit <= 0:  # XLNet's are relative
        limit = tokenizer.model_max_length
    if config.model_type in ("camembert", "mpnet", "roberta", "xlm-roberta"):
        limit -= config.pad_token_id + 1  # their positions are counted from there
    return min(limit, tokenizer.model_max_length)


def check_windows(max_length: int, overlap: int, limit: int) -> None:
    """:raises ValueError: Where the encoder cannot read windows that long, or they would not advance."""
    if max_length > limit:
        expected = f"at most {limit}, which is what the encoder reads"
        raise ValueError(Errors.E023.format(setting="max_length", value=max_length, expected=expected))
    if max_length - 4 <= overlap:
        expected = f"below max_length - 4, and windows are {max_length} word pieces long"
        raise ValueError(Errors.E023.format(setting="overlap", value=overlap, expected=expected))
