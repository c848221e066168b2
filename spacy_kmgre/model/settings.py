"""What the architectures' settings are, as frozen records. That of a network builds it once its encoder is loaded."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .context import Weigh
from .heads import HeadSettings

if TYPE_CHECKING:
    from .encoder import Encoder
    from .network import Network


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
    gradient_checkpointing: bool = False
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
    def reads_sentences(self) -> bool:
        """Whether the logits depend on where sentences are."""
        return False

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
    distance: bool = False

    @property
    def encoders(self) -> int:
        return 2 if self.key_classifier and not self.shared_encoder else 1

    @property
    def reads_sentences(self) -> bool:
        return self.distance

    @property
    def structure(self) -> dict[str, Any]:
        own = {"key_classifier": self.key_classifier, "shared_encoder": self.shared_encoder}
        return {"level": "mention", "distance": self.distance, **own, **super().structure}

    def build(self, encoders: Sequence["Encoder"], classes: int) -> "Network[Any]":
        from .classifiers import KeyInstanceClassifier, NoClassifier, SeparateClassifier, SharingClassifier
        from .distance import LearnedDistance
        from .network import KMGRE, RelationExtractor

        width = encoders[0].width
        head = self.head.build(width, classes, self.threshold_prior)
        of_relation, of_key = (LearnedDistance(count) if self.distance else None for count in (classes, 1))
        classifier: KeyInstanceClassifier
        if not self.key_classifier:
            classifier = NoClassifier()
        elif self.shared_encoder:
            classifier = SharingClassifier(width, of_key)
        else:
            classifier = SeparateClassifier(encoders[1], width, self.weigh, of_key)
        extractor = RelationExtractor(encoders[0], head, self.weigh, of_relation)
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
