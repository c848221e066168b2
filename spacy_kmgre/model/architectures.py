"""The registered architectures. Each makes a frozen record of the config's settings, which builds the
network once its encoder is loaded. Hugging Face's libraries are imported when a model is made, not with
this module."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from torch import nn

from ..errors import Errors
from . import maths
from .choices import check_gone, check_range, chosen
from .context import Weigh
from .heads import HeadSettings, bilinear_head, label_text_head, linear_head

if TYPE_CHECKING:
    from .encoder import Encoder
    from .network import Network
    from .thinc_shim import RelationModel


@dataclass(frozen=True)
class EncoderSettings:
    """The encoder and the way it reads; `build_encoder` says what the fields are."""

    name: str
    max_length: int | None = None
    overlap: int = 128
    max_pieces: int | None = None
    batch_pieces: int | None = None
    typed_markers: bool = False
    untyped_rate: float = 0.0
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    transformer_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """The settings of the losses.

    :param xi: ξ of the key pairs' threshold (12).
    :param fusion: Whether the relation loss is that of the key mention pairs' fused logits (16), and not of
        each pair's own.
    :param alpha: The weight of key pairs in the focal loss (11).
    :param gamma: The exponent of the focal loss (11).
    :param evidence_keys: Whether the key pairs are those that lie in gold evidence, where that is known.
    :param evidence_focus: The weight of a further loss of θ. It is the mean, over the entity pairs with gold
        evidence, of -log p, where p is the part of the key pairs' contexts that lies in the evidence.
    """

    xi: float = 0.15
    fusion: bool = True
    alpha: float = 0.3
    gamma: float = 2.0
    evidence_keys: bool = False
    evidence_focus: float = 0.0

    @property
    def uses_evidence(self) -> bool:
        """Whether gold evidence has a part in the losses."""
        return self.evidence_keys or self.evidence_focus > 0


@dataclass(frozen=True)
class NetworkSettings(ABC):
    """The settings that KMGRE and ATLOP have in common.

    :param encoder: The settings of the encoders.
    :param head: The head of the relation extractor.
    :param weigh: The function that makes context weights.
    :param objective: The settings of the losses.
    :param far_pairs: Whether pairs that no window of a long text holds are scored.
    :param mixed_precision: Whether encoders run in bfloat16 where the device has it.
    :param threshold_prior: The bias of TH before training.
    """

    encoder: EncoderSettings
    head: HeadSettings
    weigh: Weigh
    objective: Objective
    far_pairs: bool
    mixed_precision: bool
    threshold_prior: float

    @property
    def encoders(self) -> int:
        """The number of encoders."""
        return 1

    @property
    def structure(self) -> dict[str, Any]:
        """The settings that weights depend on."""
        options = {f"head.{name}": value for name, value in self.head.options.items()}
        return {"head": self.head.name, **options}

    @abstractmethod
    def build(self, encoders: Sequence["Encoder"], classes: int) -> "Network[Any]":
        """Build the network, in evaluation mode.

        :param encoders: As many as `encoders` says.
        :param classes: The number C of classes, TH included.
        """


@dataclass(frozen=True)
class KMGRESettings(NetworkSettings):
    """The settings of KMGRE; `build_kmgre` says what the fields are."""

    shared_encoder: bool = False
    key_classifier: bool = True

    @property
    def encoders(self) -> int:
        return 2 if self.key_classifier and not self.shared_encoder else 1

    @property
    def structure(self) -> dict[str, Any]:
        own = {"key_classifier": self.key_classifier, "shared_encoder": self.shared_encoder}
        return {"level": "mention", **own, **super().structure}

    def build(self, encoders: Sequence["Encoder"], classes: int) -> "Network[Any]":
        from .network import KMGRE, KeyInstanceClassifier, NoClassifier, RelationExtractor, SharingClassifier

        width = encoders[0].width
        head = self.head.build(width, classes, self.threshold_prior)
        classifier: KeyInstanceClassifier
        if not self.key_classifier:
            classifier = NoClassifier()
        elif self.shared_encoder:
            classifier = SharingClassifier(width)
        else:
            classifier = KeyInstanceClassifier(encoders[1], width, self.weigh)
        extractor = RelationExtractor(encoders[0], head, self.weigh)
        xi, fusion = self.objective.xi, self.objective.fusion
        return KMGRE(extractor, classifier, xi=xi, fusion=fusion, far_pairs=self.far_pairs).eval()


@dataclass(frozen=True)
class ATLOPSettings(NetworkSettings):
    """The settings of ATLOP; `build_atlop` says what the fields are."""

    @property
    def structure(self) -> dict[str, Any]:
        return {"level": "entity", **super().structure}

    def build(self, encoders: Sequence["Encoder"], classes: int) -> "Network[Any]":
        from .atlop import ATLOP
        from .network import RelationExtractor

        head = self.head.build(encoders[0].width, classes, self.threshold_prior)
        return ATLOP(RelationExtractor(encoders[0], head, self.weigh), far_pairs=self.far_pairs).eval()


def build_encoder(
    name: str = "bert-base-uncased",
    max_length: int | None = None,
    overlap: int = 128,
    max_pieces: int | None = None,
    batch_pieces: int | None = None,
    typed_markers: bool = False,
    untyped_rate: float = 0.0,
    tokenizer_config: dict[str, Any] | None = None,
    transformer_config: dict[str, Any] | None = None,
) -> EncoderSettings:
    """Choose an encoder and the way it reads (`spacy_kmgre.Encoder.v1`). It is loaded at `initialize`.

    :param name: A name on the Hugging Face hub, a folder, or `package:NAME` for a model that an installed
        Python package carries.
    :param max_length: The longest window in word pieces, special ones included; the encoder's limit where None.
    :param overlap: The word pieces that neighbouring windows share.
    :param max_pieces: The number of word pieces that are read of a document, None for all. A warning names
        the documents that lose entities.
    :param batch_pieces: The number of word pieces that go through the encoder at a time; None stands for 512
        on a CPU and 16,384 on a GPU.
    :param typed_markers: Whether the marker before a mention is the first word piece of its entity's type. Otherwise it
        is the same for all mentions, as in the papers.
    :param untyped_rate: The share of entities, between 0 and 1, whose type is left out in training where markers are
        typed: some documents lose no type, a few lose all. With a share above 0 the model knows entities without a
        type, and an entity of a type that the training corpus lacks is read as one.
    :param tokenizer_config: Settings for AutoTokenizer.from_pretrained; `trust_remote_code` stays off, whatever it
        says.
    :param transformer_config: Settings for AutoConfig.from_pretrained; `trust_remote_code` stays off here too.
    :raises ValueError: Where windows would not advance, or a number is outside its range.
    """
    if max_length is not None and max_length - 4 <= overlap:
        expected = "below max_length - 4"
        raise ValueError(Errors.E023.format(setting="overlap", value=overlap, expected=expected))
    check_range(0, overlap=overlap)
    check_range(1, max_pieces=max_pieces, batch_pieces=batch_pieces)
    check_range(0, 1, untyped_rate=untyped_rate)
    return EncoderSettings(
        name=name,
        max_length=max_length,
        overlap=overlap,
        max_pieces=max_pieces,
        batch_pieces=batch_pieces,
        typed_markers=typed_markers,
        untyped_rate=untyped_rate,
        tokenizer_config={"use_fast": True, **(tokenizer_config or {})},
        transformer_config=dict(transformer_config or {}),
    )


def per_head_context() -> Weigh:
    """Choose contexts as in the paper (4), for which each attention head is normalised by itself
    (`spacy_kmgre.PerHeadContext.v1`)."""
    return maths.per_head_weights


def pooled_context() -> Weigh:
    """Choose ATLOP's contexts, for which the sum of all attention heads is normalised
    (`spacy_kmgre.PooledContext.v1`)."""
    return maths.pooled_weights


CONTEXTS = {"per_head": maths.per_head_weights, "pooled": maths.pooled_weights}


def build_kmgre(
    encoder: EncoderSettings,
    head: Any = "linear",
    head_width: int = 768,
    head_block: int = 64,
    context: Any = "per_head",
    shared_encoder: bool = False,
    key_classifier: bool = True,
    fusion: bool = True,
    xi: float = 0.15,
    alpha: float = 0.3,
    gamma: float = 2.0,
    evidence_keys: bool = False,
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
    shared_layers: int = 0,
    pseudo_labels: str = "hard",
    key_pairs: str = "all",
    negative_weight: float = 1.0,
) -> "RelationModel":
    """Make the model of KMGRE, Jiang et al., COLING 2022 (`spacy_kmgre.KMGRE.v1`).

    :param head: A block of the config such as
        {"@architectures": "spacy_kmgre.BilinearHead.v1", "width": 768}; or one of the short names "linear",
        as in the paper, "label_text", which begins with the labels in words, and "bilinear", as in ATLOP.
    :param head_width: The width of a "bilinear" head.
    :param head_block: The width of the groups of a "bilinear" head.
    :param context: A block of the config such as {"@architectures": "spacy_kmgre.PooledContext.v1"}; or one
        of the short names "per_head" (4) and "pooled", as in ATLOP. The module context.py says what other
        packages can register.
    :param shared_encoder: Whether the key instance classifier reads the relation extractor's encoder.
    :param key_classifier: Whether there is a key instance classifier. Without it all mention pairs are fused
        (ablation).
    :param fusion: Whether the logits of key mention pairs are fused. Without it each pair is compared with
        the labels by itself (ablation).
    :param xi: ξ of the key pairs' threshold (12).
    :param alpha: The weight of key pairs in the focal loss (11).
    :param gamma: The exponent of the focal loss (11).
    :param evidence_keys: Whether the key mention pairs are those in evidence sentences, where the corpus has some.
    :param evidence_focus: The weight of a loss that draws the contexts of key mention pairs to evidence
        sentences, where the corpus has them; DREEAM uses 0.1.
    :param far_pairs: Whether mention pairs that no window of a long text holds are scored too, with a zero context.
        Otherwise they do not count, and entities that are never read together have no relation.
    :param mixed_precision: Whether encoders run in bfloat16 where the device has it; on a CPU in training only.
    :param threshold_prior: The bias of the threshold class before training; that of a relation starts near 0. With
        0, as in the papers, an untrained model predicts about half of all relations of all pairs.
    :param shared_layers: A setting that is gone, as are the three after it. Each keeps its only value, so
        that saved pipelines load.
    :raises ValueError: For an unknown head or context, a number outside its range, or another value of a
        setting that is gone.
    """
    check_gone(
        shared_layers=shared_layers,
        pseudo_labels=pseudo_labels,
        key_pairs=key_pairs,
        negative_weight=negative_weight,
    )
    check_range(0, 1, xi=xi, alpha=alpha)
    check_range(0, gamma=gamma, evidence_focus=evidence_focus)
    check_range(-inf, threshold_prior=threshold_prior)
    return _model(
        "kmgre",
        KMGRESettings(
            encoder=encoder,
            head=_head(head, head_width, head_block),
            weigh=_context(context),
            objective=Objective(xi, fusion, alpha, gamma, evidence_keys, evidence_focus),
            far_pairs=far_pairs,
            mixed_precision=mixed_precision,
            threshold_prior=threshold_prior,
            shared_encoder=shared_encoder,
            key_classifier=key_classifier,
        ),
    )


def build_atlop(
    encoder: EncoderSettings,
    head: Any = "bilinear",
    head_width: int = 768,
    head_block: int = 64,
    context: Any = "pooled",
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
    negative_weight: float = 1.0,
) -> "RelationModel":
    """Make the model of ATLOP, Zhou et al., AAAI 2021 (`spacy_kmgre.ATLOP.v1`), with one encoder, and
    entities in place of mentions.

    It has no mention pairs of its own. Those of a predicted relation carry, as `share`, their part in the
    attention that the two entities have in common. The settings are those of `build_kmgre`.
    """
    check_gone(negative_weight=negative_weight)
    check_range(0, evidence_focus=evidence_focus)
    check_range(-inf, threshold_prior=threshold_prior)
    return _model(
        "atlop",
        ATLOPSettings(
            encoder=encoder,
            head=_head(head, head_width, head_block),
            weigh=_context(context),
            objective=Objective(evidence_focus=evidence_focus),
            far_pairs=far_pairs,
            mixed_precision=mixed_precision,
            threshold_prior=threshold_prior,
        ),
    )


def _head(head: Any, width: int, block: int) -> HeadSettings:
    check_range(1, head_width=width, head_block=block)
    if isinstance(head, HeadSettings):
        return head
    heads = {
        "linear": linear_head(),
        "label_text": label_text_head(),
        "bilinear": bilinear_head(width, block),
    }
    found: HeadSettings = chosen("head", head, heads)
    return found


def _context(context: Any) -> Weigh:
    if isinstance(context, nn.Module):
        value, expected = type(context).__name__, "a function without weights, which θ and ω may share"
        raise ValueError(Errors.E023.format(setting="context", value=value, expected=expected))
    found: Weigh = context if callable(context) else chosen("context", context, CONTEXTS)
    return found


def _model(name: str, settings: NetworkSettings) -> "RelationModel":
    from .thinc_shim import build_model

    return build_model(name, settings)
