"""The state of the component: its model, labels, settings and τ. It is saved, and loaded whole or not at
all."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Optimizer

from ..annotations import document_name, get_relations
from ..errors import Errors, MismatchError, Warnings
from ..model.choices import BFLOAT16
from ..model.phases import KEY, Phase
from ..model.pieces import Document
from ..model.precision import has_bfloat16
from ..model.rates import encoder_rate, is_default
from ..model.thinc_shim import KNOWN_FACTS, NetworkShim, RelationModel, build_model, get_shim
from ..texts import is_text
from . import examples as reading
from .notices import WarnOnce
from .saved import check_saved
from .settings import CORPUS_TRIPLES, NAMES, Controls, Setting, Settings, changes, merge, misspelt

TYPES = "types"
Self = TypeVar("Self", bound="RelationComponent")

# After so many Docs without entity pairs their lack looks like a mistake.
IDLE = 50


class RelationComponent(TrainablePipe):  # type: ignore[misc]  # spaCy's class is compiled and has no types
    """A trainable component with relation labels, and with settings that may be changed at any time.

    :ivar settings: The settings; each is an attribute of the component too, and checked when it is set.
    :ivar cfg: The labels, and what the training corpus has shown.
    :ivar phase: What the next update does; the callback `spacy_kmgre.em.v1` sets it. It is joint without the callback.
    :ivar step: The number of the update, for messages.
    :ivar epoch: The number of the epoch.
    :ivar total_steps: The number of steps of the training, within which learning rates rise and fall; None
        where it is unknown. A callback of `[training.before_update]` sets it, and so may a training loop of
        one's own.
    :ivar learned_relations: The number of gold relations that all updates so far have had.
    :ivar lost_relations: The number of gold relations of this epoch whose entities the predicted Docs lacked.
    """

    threshold = Setting()
    max_labels = Setting()
    evidence_share = Setting()
    evidence_score = Setting()
    second_reading = Setting()
    precision = Setting()
    thresholds = Setting()
    allowed_triples = Setting()
    symmetric = Setting()
    inverse = Setting()
    calibration = Setting()
    label_texts = Setting()
    merge_relations = Setting()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. A name that is nearly a setting's is an error, as nothing would read it."""
        close = misspelt(name)
        if close and not hasattr(self, name):
            raise AttributeError(
                Errors.E094.format(name=self.name, setting=name, close=close, known=", ".join(NAMES))
            )
        super().__setattr__(name, value)

    def __init__(self, vocab: Vocab, model: RelationModel, name: str, settings: Settings):
        self.vocab = vocab
        self.model = model
        self.name = name
        self.settings = settings
        self._configured = deepcopy(settings)  # Lists and tables of the settings may be changed in place.
        self.cfg: dict[str, Any] = {"labels": []}
        self.phase = Phase.JOINT
        self.step = self.epoch = self.lost_relations = self.learned_relations = 0
        self.total_steps: int | None = None
        # The number of Docs so far, while none had entity pairs; None once a Doc had some, or the warning was
        # given.
        self._idle: int | None = 0
        self._next_tau: float | None = None
        self._tau_was_loaded = False
        self._warn_once = WarnOnce(self)

    @property
    def _shim(self) -> NetworkShim:
        return get_shim(self.model)

    @property
    def labels(self) -> tuple[str, ...]:
        """The relation labels; class number c of the model is labels[c - 1]."""
        return tuple(self.cfg["labels"])

    def label_text(self, label: str) -> str:
        """Return the label in words: those of the setting `label_texts`, else those of the training corpus,
        else ""."""
        return self._all_label_texts().get(label, "")

    def _all_label_texts(self) -> dict[str, str]:
        return {**self.cfg.get("label_texts", {}), **self.label_texts}

    @property
    def has_key_classifier(self) -> bool:
        """Whether the model has a key instance classifier."""
        return KEY in self._shim.require_network().parts

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and `initialize` takes."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a relation label; a trained model gets an untrained output for it.

        :param label: The name of the relation.
        :returns: 1, or 0 where the label is known already.
        :raises ValueError: Where it is no string, is blank, or cannot be written.
        """
        if not is_text(label) or not label.strip():
            raise ValueError(Errors.E002.format(field="label", expected="a string", value=label))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        if self._shim.network is not None:
            self._shim.resize(len(self.labels) + 1)
            self.model.set_dim("nO", len(self.labels) + 1, force=True)
        return 1

    @property
    def known_facts(self) -> frozenset[int]:
        """The hashed facts (`relation_facts`) of the training corpus."""
        return frozenset(self.model.attrs[KNOWN_FACTS].tolist())

    @property
    def entity_types(self) -> tuple[str, ...]:
        """The entity types of the training corpus; none where a version that remembered none has trained it."""
        return tuple(self.cfg.get(TYPES, ()))

    def learn_types(self, types: Iterable[str]) -> None:
        """Add types to those that the component knows, which `initialize` takes from the training corpus. A
        pipeline that an earlier version saved without types learns none, and warns of none."""
        if TYPES in self.cfg:
            self.cfg[TYPES] = sorted({*self.cfg[TYPES], *types})

    @property
    def controls(self) -> Controls:
        """The settings that decide which relations are predicted, for the labels that the component knows.

        :raises ValueError: Where one of them is wrong, names an unknown label, or needs triples that were not learned.
        """
        settings = replace(self.settings)  # This checks what was changed in place.
        triples = settings.allowed_triples
        if triples == CORPUS_TRIPLES:
            triples = self.cfg.get("triples")
            if not triples:
                raise ValueError(Errors.E026.format(name=self.name))
        return Controls(self.labels, settings, triples)

    def _remember(self, found: reading.Learned) -> None:
        """Remember what the training corpus has shown, beside its labels."""
        self._keep_triples(found.triples)
        self.cfg["label_texts"] = found.label_texts
        self.cfg[TYPES] = sorted(found.types)
        self.model.attrs[KNOWN_FACTS] = np.array(sorted(found.facts), dtype=np.uint64)

    def learn_triples(self, examples: Iterable[Example]) -> None:
        """Remember the (head type, label, tail type) of the references' relations, in place of those known
        so far, for `allowed_triples = "corpus"`. `initialize` does so too."""
        relations = (relation for example in examples for relation in get_relations(example.reference))
        self._keep_triples({reading.triple_of(relation) for relation in relations})

    def _keep_triples(self, triples: set[reading.Triple]) -> None:
        self.cfg["triples"] = [list(triple) for triple in sorted(triples) if triple[1] in self.labels]

    def _with_known_types(self, document: Document) -> Document:
        """Return the document without the types that the training corpus lacks, if the model knows entities
        without a type; otherwise the document stays as it is. Where types matter, since markers are typed or
        triples restricted, there is one warning of the types that no earlier one has named."""
        encoder = self._shim.settings.encoder
        if TYPES not in self.cfg or not (encoder.typed_markers or self.settings.allowed_triples is not None):
            return document
        known = {*self.cfg[TYPES], *([""] if encoder.untyped_rate or not encoder.typed_markers else [])}
        shown = ", ".join(filter(None, sorted(known)))
        unknown = {*document.types} - known
        if "" in unknown:
            self._warn_once(Warnings.W026, document=document.name, known=shown)
        of_types = sorted(unknown - {""})
        self._warn_once.of_new(Warnings.W025, of_types, document=document.name, known=shown)
        if not encoder.untyped_rate:
            return document
        return replace(document, types=[kind if kind in known else "" for kind in document.types])

    def start_step(self, *, step: int, epoch: int, phase: Phase, tau: float) -> None:
        """Set what the next update does; the callback `spacy_kmgre.em.v1` calls it.

        :param tau: τ from the next update on. A component that is not updated, since it is frozen, keeps its own.
        """
        if epoch != self.epoch:
            self.lost_relations = 0
        self.step, self.epoch, self.phase = step, epoch, phase
        self._next_tau = tau

    @property
    def tau(self) -> float:
        """τ, the upper limit of the key mention pairs' threshold (14); part of the trained model."""
        return self._shim.require_network().tau

    @tau.setter
    def tau(self, value: float) -> None:
        self._shim.require_network().tau = value

    def _begin_tau(self) -> None:
        """Set τ as the callback said. A model that was loaded with a τ of its own says once that it begins anew."""
        if self._next_tau is None:
            return
        if self._tau_was_loaded and self.tau != self._next_tau:
            warnings.warn(
                Warnings.W005.format(name=self.name, old=self.tau, new=self._next_tau), stacklevel=3
            )
        self._tau_was_loaded = False
        self.tau, self._next_tau = self._next_tau, None

    def finish_update(self, sgd: Optimizer) -> None:
        """Make one optimiser step on the gradients that `update` has gathered, or none before there is a
        network.

        Where `sgd` has the learning rate that spaCy begins with, 0.001, which undoes a pretrained encoder, the encoder
        learns at a rate of its own (see model/rates.py), with a warning.
        """
        if self._shim.network is None:
            return
        self._shim.total_steps = self.total_steps
        if self.total_steps is not None and hasattr(sgd, "plan"):
            sgd.plan(self.total_steps)
        self._warn_of_own_rate(sgd)
        self.model.finish_update(sgd)

    @property
    def highest_learn_rates(self) -> tuple[float, float]:
        """The highest learning rates so far, of heads and of encoders."""
        return self._shim.highest_learn_rates

    @property
    def usual_encoder_rate(self) -> float:
        """The learning rate that suits a pretrained encoder of this width."""
        return encoder_rate(self._shim.width)

    def _warn_of_own_rate(self, sgd: Optimizer) -> None:
        """Warn once that the encoder has a learning rate of its own, and not the optimizer's."""
        rate = self.usual_encoder_rate
        if is_default(sgd) and rate < sgd.learn_rate:
            self._warn_once(Warnings.W010, own=rate, default=sgd.learn_rate)

    def _warn_of_no_pairs(self, read: int, with_pairs: int) -> None:
        """Say once that the model has had nothing to do so far.

        :param read: The number of Docs of a batch.
        :param with_pairs: The number of those that have entity pairs.
        """
        if with_pairs:
            self._idle = None
        if self._idle is not None:
            self._idle += read
            if self._idle >= IDLE:
                warnings.warn(Warnings.W014.format(name=self.name, count=self._idle), stacklevel=5)
                self._idle = None

    def _count_lost(self, example: Example, lost: Sequence[str]) -> None:
        """Count gold relations that are lost, and warn of the first ones in an epoch.

        :param lost: For each of them, the key of a gold entity that the predicted Doc lacks.
        """
        if lost and not self.lost_relations:
            name = document_name(example.reference)
            message = Warnings.W002.format(name=self.name, count=len(lost), document=name, key=lost[0])
            warnings.warn(message, stacklevel=4)
        self.lost_relations += len(lost)

    def predict_only(self) -> None:
        """Forget what only training and saving need: the encoders' weights in float32, where `precision` means bfloat16
        on this CPU. The component keeps this precision, and can neither learn nor be saved from then on."""
        if self._shim.network is not None:
            self._choose_precision()
            self._shim.forget_float32()

    def _choose_precision(self) -> None:
        """Let the encoders predict in the precision that the settings have; warn where that makes them slower."""
        precision, device = self.settings.precision, self._shim.require_network().device
        self._shim.choose_precision(precision)
        if precision == BFLOAT16 and device.type == "cpu" and not has_bfloat16(device):
            self._warn_once(Warnings.W020)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the component in a folder.

        :raises ValueError: Where it was made for predictions alone; what is in the folder stays.
        """
        self._shim.check_exact()  # Thinc empties the file before it asks for what to write.
        self.cfg["changed"] = changes(self._configured, self.settings)
        super().to_disk(path, exclude=tuple(exclude))

    def from_disk(self: Self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Load the component from the folder that `to_disk` wrote.

        A setting that was changed after the component was made keeps its value, unless the config has
        another one for it by now.

        :raises ValueError: Where a file is missing, truncated or foreign; it names the folder. The component
            is as it was before then.
        """
        exclude = tuple(exclude)
        with self._loading(path, exclude):
            super().from_disk(path, exclude=exclude)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save the component as bytes."""
        self.cfg["changed"] = changes(self._configured, self.settings)
        found: bytes = super().to_bytes(exclude=tuple(exclude))
        return found

    def from_bytes(self: Self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Load the component from what `to_bytes` gave, as `from_disk` does."""
        exclude = tuple(exclude)
        with self._loading("bytes", exclude):
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    @contextmanager
    def _loading(self, source: str | Path, exclude: Sequence[str]) -> Iterator[None]:
        """Load into a new model, which takes the old one's place when it is whole."""
        before = self.cfg, self.model
        if "cfg" not in exclude:
            self.cfg = {"labels": []}
        if "model" not in exclude:
            self.model = build_model(self.model.name, self._shim.settings, self._shim.read)
        try:
            yield
            check_saved(self.cfg)
            self._check_model(source, before[1].name)
            settings = merge(self._configured, self.cfg.get("changed", {}))
        except Exception as error:
            self.cfg, self.model = before
            if isinstance(error, MismatchError):
                raise MismatchError(Errors.E018.format(name=self.name, path=source, error=error)) from error
            raise ValueError(Errors.E015.format(name=self.name, path=source, error=error)) from error
        self._next_tau, self._tau_was_loaded = None, self._shim.network is not None
        if "cfg" not in exclude:
            self.settings = settings

    def _check_model(self, source: str | Path, name: str) -> None:
        if self.model.name != name:
            raise ValueError(
                Errors.E013.format(error=f"they belong to a model {self.model.name!r}, not {name!r}")
            )
        network = self._shim.network
        if network is not None:
            classes = network.extractor.head.classes - 1
            if classes != len(self.labels):
                raise ValueError(Errors.E017.format(path=source, classes=classes, known=len(self.labels)))


def override(nlp: Language, overrides: Mapping[str, Any]) -> None:
    """Set what overrides of a config name on the components of a pipeline that was loaded with them. `merge` cannot
    tell a value that somebody asks for now from one that stood in the config before, and lets what was saved win.

    :param overrides: The values by their places, such as "components.kmgre_relations.threshold".
    """
    for place, value in overrides.items():
        section, _, rest = place.partition(".")
        name, _, setting = rest.partition(".")
        if section == "components" and setting in NAMES and name in nlp.pipe_names:
            pipe = nlp.get_pipe(name)
            if isinstance(getattr(type(pipe), setting, None), Setting):
                setattr(pipe, setting, value)
