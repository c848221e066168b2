"""The component: entities of a Doc in, `doc._.relations` out."""

import json
import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import (
    Any,
)

import numpy as np
import torch
from spacy import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer
from torch import Tensor

from ..annotations import (
    all_entities,
    document_name,
    get_relations,
    mention_offsets,
    project_entities,
    relation_data,
    sentence_starts,
    store_relations,
    write_entities,
)
from ..errors import Errors, Warnings
from ..model.network import KEY, RELATION, PairScores, join_scores
from ..model.pieces import Document
from ..model.thinc_shim import KNOWN_FACTS, NetworkShim, RelationModel, build_model, get_shim
from ..scoring.alignment import align_entities
from ..scoring.relations import relation_facts
from ..training.objective import NO_EVIDENCE, Evidence, Objective, Phase, loss_and_gradients
from ..types import Entity, Relation
from .decode import Prediction, decode, fuse, selected_pairs
from .evidence import evidence_sentences
from .settings import Controls, check_calibration

Reader = Callable[[Doc], list[Entity]]

# Settings that may be changed on a component at any time.
SETTINGS = (
    "threshold",
    "max_labels",
    "evidence_share",
    "evidence_score",
    "thresholds",
    "allowed_triples",
    "symmetric",
    "inverse",
    "calibration",
)
CORPUS_TRIPLES = "corpus"


class KmgreRelations(TrainablePipe):
    """Predicts relations between entities, each with the mention pairs responsible for it.

    The constructor takes what the factory `make_relation_component` describes.

    :ivar phase: What the next update does; the callback `spacy_kmgre.em.v1` sets it. Joint without it.
    :ivar step: Number of the update, for messages.
    :ivar lost_relations: Gold relations of this epoch whose entities the predicted Docs lacked.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: RelationModel,
        name: str = "kmgre_relations",
        *,
        entities: Reader,
        threshold: float = 0.5,
        max_labels: int = 4,
        evidence_share: float = 0.8,
        evidence_score: float = 0.0,
        thresholds: Mapping[str, float] | Iterable[Sequence[Any]] = (),
        allowed_triples: str | Iterable[Sequence[str]] | None = None,
        symmetric: Iterable[str] = (),
        inverse: Iterable[Sequence[str]] = (),
        calibration: Sequence[float] = (1.0, 0.0),
        scorer: Callable | None = None,
    ):
        thresholds = dict(thresholds)  # type: ignore[arg-type]
        shares = {
            "threshold": threshold,
            "evidence_share": evidence_share,
            "evidence_score": evidence_score,
        }
        shares.update({f"thresholds[{label!r}]": value for label, value in thresholds.items()})
        for setting, value in shares.items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(Errors.E023.format(setting=setting, value=value, expected="between 0 and 1"))
        check_calibration(calibration)
        if max_labels < 1:
            raise ValueError(Errors.E023.format(setting="max_labels", value=max_labels, expected="1 or more"))
        self.vocab = vocab
        self.model = model
        self.name = name
        self.entities = entities
        self.threshold = threshold
        self.max_labels = max_labels
        self.evidence_share = evidence_share
        self.evidence_score = evidence_score
        self.thresholds: dict[str, float] = thresholds
        self.allowed_triples: list[list[str]] | str | None = _checked_triples(allowed_triples)
        self.symmetric: list[str] = list(symmetric)
        self.inverse: list[list[str]] = [list(pair) for pair in inverse]
        self.calibration: list[float] = list(calibration)
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": []}
        self._configured = {setting: deepcopy(getattr(self, setting)) for setting in SETTINGS}
        self.phase = Phase.JOINT
        self.step = 0
        self.epoch = 0
        self.lost_relations = 0
        self._next_tau: float | None = None
        self._tau_was_loaded = False

    @property
    def has_key_classifier(self) -> bool:
        """Whether the model has a key instance classifier."""
        return self._shim.require_network().classifier is not None

    # Labels

    @property
    def labels(self) -> tuple[str, ...]:
        """The relation labels; class number c of the model is labels[c - 1]."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and `initialize` takes."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a relation label; a trained model gets an untrained output for it.

        :returns: 1, or 0 where the label is known already.
        """
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.E002.format(field="label", value=label))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        if self._shim.network is not None:
            self._shim.resize(len(self.labels) + 1)
            self.model.set_dim("nO", len(self.labels) + 1, force=True)
        return 1

    @property
    def controls(self) -> Controls:
        """The settings that decide which relations are predicted, for the labels that the component knows.

        :raises ValueError: Where one of them names an unknown label, or needs triples that were not learned.
        """
        triples = _checked_triples(self.allowed_triples)
        if isinstance(triples, str):
            triples = self.cfg.get("triples")
            if not triples:
                raise ValueError(Errors.E026.format(name=self.name))
        return Controls(
            self.labels,
            threshold=self.threshold,
            thresholds=self.thresholds,
            triples=triples,
            symmetric=self.symmetric,
            inverse=self.inverse,
            calibration=self.calibration,
        )

    def learn_triples(self, examples: Iterable[Example]) -> None:
        """Remember the (head type, label, tail type) of the references' relations, in place of those known
        so far, for `allowed_triples = "corpus"`. `initialize` does so too."""
        relations = (relation for example in examples for relation in get_relations(example.reference))
        self._keep_triples({_triple(relation) for relation in relations})

    def _keep_triples(self, triples: set[tuple[str, str, str]]) -> None:
        self.cfg["triples"] = [list(triple) for triple in sorted(triples) if triple[1] in self.labels]

    # Prediction

    def predict(self, docs: Iterable[Doc]) -> list[tuple[list[Entity], list[Prediction]]]:
        """The entities of each Doc, and the relations between them by number."""
        controls = self.controls
        scored = self.score_pairs(docs)
        found: list[list[Prediction]] = [[] for _ in scored]
        for together in self._together([parts for _, parts in scored]):
            self._decode(together, [entities for entities, _ in scored], controls, found)
        return [(entities, predictions) for (entities, _), predictions in zip(scored, found)]

    def _together(self, parts: Sequence[Iterable[PairScores]]) -> Iterator[list[tuple[int, PairScores]]]:
        """Parts of the scores of several Docs, with the numbers of these, as many as are worth decoding at a time."""
        held: list[tuple[int, PairScores]] = []
        room = 0
        for number, of_doc in enumerate(parts):
            for scores in of_doc:
                if held and len(scores.head) > room:
                    yield held
                    held = []
                if not held:
                    room = self._shim.require_network().sizes.together
                held.append((number, scores))
                room -= len(scores.head)
        if held:
            yield held

    def _decode(
        self,
        together: Sequence[tuple[int, PairScores]],
        entities: Sequence[Sequence[Entity]],
        controls: Controls,
        found: list[list[Prediction]],
    ) -> None:
        """Add what parts of scores say to what is found in their Docs.

        :param together: Numbers of Docs, and scores.
        :param entities: Of all Docs.
        """
        network = self._shim.require_network()
        # The controls look for the mirrors of entity pairs: entities of different Docs need different numbers.
        starts = list(accumulate(map(len, entities), initial=0))
        numbers = torch.cat([scores.entities + starts[doc] for doc, scores in together])
        types = [entity.label for of_doc in entities for entity in of_doc]
        predictions = decode(
            join_scores([scores for _, scores in together]),
            xi=network.xi,
            tau=network.tau,
            fusion=network.fusion,
            max_labels=self.max_labels,
            threshold=controls.threshold,
            adjust=partial(controls.adjust, entities=numbers, types=types),
            calibrate=controls.calibrate,
        )
        ends = list(accumulate(len(scores.entities) for _, scores in together))
        for prediction in predictions:
            doc, _ = together[bisect_right(ends, prediction.row)]
            found[doc].append(prediction)

    def relation_logits(
        self, scores: PairScores, entities: Sequence[Entity], controls: Controls
    ) -> tuple[Tensor, Tensor | None]:
        """The logits of the entity pairs before calibration, and which mention pairs are key (None: all).

        :param scores: A part of what `score_pairs` gives.
        :param entities: The Doc's entities, from there too.
        :param controls: The component's own.
        :returns: *Shape:* (N, C), (P,)
        """
        network = self._shim.require_network()
        selected = selected_pairs(scores, xi=network.xi, tau=network.tau)
        logits = fuse(scores, selected, fusion=network.fusion)
        types = [entity.label for entity in entities]
        return controls.adjust(logits, scores.entities, types), selected

    def score_pairs(self, docs: Iterable[Doc]) -> list[tuple[list[Entity], Iterable[PairScores]]]:
        """What the model says of all pairs of each Doc, before key pairs are chosen and fused.

        :returns: For each Doc its entities, and scores in parts that are computed as they are asked for.
            Entity numbers are positions in the entities, mention numbers in `mention_offsets` of them.
        """
        docs = list(docs)
        entities = [self.entities(doc) for doc in docs]
        documents = [_document(doc, found) for doc, found in zip(docs, entities)]
        if self.evidence_score:
            documents = [
                replace(document, sentences=sentence_starts(doc) or ())
                for document, doc in zip(documents, docs)
            ]
        readable = [number for number, document in enumerate(documents) if len(document.clusters) > 1]
        parts: list[Iterable[PairScores]] = [()] * len(documents)
        if readable:
            self._shim.require_network()
            self._shim.mirrored = self.controls.mirrors
            self._warn_of_unread([documents[number] for number in readable])
            for number, scores in zip(readable, self.model.predict([documents[i] for i in readable])):
                parts[number] = scores
        return list(zip(entities, parts))

    def set_annotations(
        self, docs: Iterable[Doc], scores: Iterable[tuple[list[Entity], list[Prediction]]]
    ) -> None:
        """Write `doc._.relations`, and the span groups of entities that the Doc does not hold yet."""
        labels = self.labels
        for doc, (entities, predictions) in zip(docs, scores):
            write_entities(doc, [entity for entity in entities if entity.key not in doc.spans])
            mentions = mention_offsets(entities)
            sentences = _sentences(doc)
            of_mentions: list[int] = []
            if sentences is not None:
                starts = [start for start, _ in mentions]
                of_mentions = (np.searchsorted(sentences, starts, side="right") - 1).tolist()
            relations = []
            for prediction in predictions:
                evidence = []
                if sentences is not None:
                    evidence = [
                        [sentences[number], sentences[number + 1]]
                        for number in sorted(self._evidence(prediction, of_mentions))
                    ]
                relations.append(
                    {
                        "head": entities[prediction.head].key,
                        "tail": entities[prediction.tail].key,
                        "label": labels[prediction.label - 1],
                        "score": prediction.score,
                        "key_mention_pairs": [
                            {
                                "head": list(mentions[head]),
                                "tail": list(mentions[tail]),
                                "key_score": key_score,
                                "relation_score": relation_score,
                                "share": share,
                            }
                            for head, tail, key_score, relation_score, share in prediction.mention_pairs
                        ],
                        "evidence": evidence,
                    }
                )
            store_relations(doc, relations)

    def _evidence(self, prediction: Prediction, of_mentions: Sequence[int]) -> set[int]:
        """:param of_mentions: The sentence of each mention."""
        return evidence_sentences(
            [
                (of_mentions[head], of_mentions[tail], share)
                for head, tail, *_, share in prediction.mention_pairs
            ],
            prediction.model_score,
            prediction.focus,
            share=self.evidence_share,
            least=self.evidence_score,
        )

    def _warn_of_unread(self, documents: Sequence[Document]) -> None:
        limit = self._shim.settings["encoder"]["max_pieces"]
        if limit is None:
            return
        for document, pieces in zip(documents, self._shim.pieces(documents)):
            lost = sum((pieces.markers[list(cluster)] < 0).all() for cluster in document.clusters)
            if lost:
                message = Warnings.W001.format(
                    name=self.name, count=lost, document=document.name, limit=limit
                )
                warnings.warn(message, stacklevel=2)

    # Training

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Load the encoders' pretrained weights and make an output for each label.

        :param get_examples: Their references' relations give the labels, where none are passed, the
            facts that Ign F1 leaves out, and the types of the entities that a label has.
        :param labels: The relation labels, as `spacy init labels` writes them.
        :raises ValueError: Where there is no label.
        """
        validate_get_examples(get_examples, "KmgreRelations.initialize")
        found: set[str] = set()
        facts: set[int] = set()
        triples: set[tuple[str, str, str]] = set()
        for example in get_examples():
            for relation in get_relations(example.reference):
                found.add(relation.label)
                facts.update(relation_facts(example.reference, relation))
                triples.add(_triple(relation))
        for label in sorted(found) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(Errors.E021.format(name=self.name))
        self._keep_triples(triples)
        self.model.attrs[KNOWN_FACTS] = np.array(sorted(facts), dtype=np.uint64)
        self.model.set_dim("nO", len(self.labels) + 1, force=True)
        self.model.initialize()

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
        """τ, the upper limit of the key pairs' threshold; part of the trained model."""
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

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch, as the phase says.

        :param drop: Not used: dropout is the encoder's own, set in its `transformer_config`.
        :param losses: Gets the mean loss under the component's name, and its parts under the name with
            "_relation" and "_key".
        :raises ValueError: For an unknown label, and where a loss is not finite; nothing is learned then.
        """
        losses = {} if losses is None else losses
        for key in (self.name, f"{self.name}_{RELATION}", f"{self.name}_{KEY}"):
            losses.setdefault(key, 0.0)
        examples = list(examples)
        validate_examples(examples, "KmgreRelations.update")
        self._begin_tau()
        settings = self._shim.settings
        objective = Objective(settings["xi"], settings["fusion"], **settings["objective"])
        documents, gold, evidence = [], [], []
        for example in examples:
            entities = self.entities(example.predicted)
            document = _document(example.predicted, entities)
            relations, sentences = self._gold_relations(example, entities)
            if len(document.clusters) > 1:
                known = NO_EVIDENCE
                if objective.uses_evidence and sentences and example.reference.has_annotation("SENT_START"):
                    document, known = _with_evidence(document, example.reference, sentences)
                documents.append(document)
                gold.append(relations)
                evidence.append(known)
        if documents:
            network = self._shim.require_network()
            phase = self.phase if self.has_key_classifier else Phase.JOINT
            self._shim.moving = phase.moving & network.halves
            self._warn_of_unread(documents)
            scores, backprop = self.model.begin_update(documents)
            sums, counts, gradients = loss_and_gradients(
                scores, gold, phase, objective, tau=network.tau, evidence=evidence
            )
            if not all(math.isfinite(value) for value in sums.values()):
                self._shim.drop_gradients()
                message = Errors.E022.format(
                    name=self.name,
                    step=self.step,
                    phase=phase.value,
                    documents=[document.name for document in documents],
                )
                raise ValueError(message)
            backprop(gradients)
            for part in (RELATION, KEY):
                mean = sums[part] / max(1, counts[part])
                losses[self.name] += mean
                losses[f"{self.name}_{part}"] += mean
        if sgd not in (None, False):
            self.finish_update(sgd)
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """One optimiser step on what `update` has gathered; none before there is a network."""
        if self._shim.network is not None:
            self.model.finish_update(sgd)

    def _gold_relations(
        self, example: Example, entities: Sequence[Entity]
    ) -> tuple[list[tuple[int, int, int]], dict[tuple[int, int], set[int]]]:
        """The reference's relations as (head, tail, class) numbers of the predicted Doc's entities, which
        need not be the gold ones, and where each entity pair's evidence sentences start, as tokens."""
        gold = all_entities(example.reference)
        number: dict[str, int] = {}
        for i, match in enumerate(align_entities(entities, gold)):
            if match is not None:
                number.setdefault(gold[match.gold].key, i)
        classes = {label: i for i, label in enumerate(self.labels, start=1)}
        found, lost = [], []
        evidence: dict[tuple[int, int], set[int]] = {}
        for relation in relation_data(example.reference):
            head, tail, label = relation["head"], relation["tail"], relation["label"]
            if label not in classes:
                raise ValueError(
                    Errors.E020.format(label=label, name=self.name, known=", ".join(self.labels) or "none")
                )
            if head in number and tail in number:
                pair = number[head], number[tail]
                found.append((*pair, classes[label]))
                if relation["evidence"]:
                    evidence.setdefault(pair, set()).update(start for start, _ in relation["evidence"])
            else:
                lost.append(tail if head in number else head)
        if lost:
            if not self.lost_relations:
                message = Warnings.W002.format(
                    name=self.name, count=len(lost), document=document_name(example.reference), key=lost[0]
                )
                warnings.warn(message, stacklevel=3)
            self.lost_relations += len(lost)
        return found, evidence

    # Scores

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Scores of the relations (see scorer.py).

        `spacy evaluate` reads a plain corpus, whose Docs have no entities. Where none of the Docs has any,
        no component has looked for some, and the references have them, relations are predicted anew between
        the gold entities, with a warning.
        """
        if self.scorer is None:
            return {}
        examples = list(examples)
        validate_examples(examples, "KmgreRelations.score")
        if not any(self.entities(example.predicted) for example in examples) and any(
            self.entities(example.reference) for example in examples
        ):
            if any(len(eg.predicted) and eg.predicted.has_annotation("ENT_IOB") for eg in examples):
                warnings.warn(Warnings.W004.format(name=self.name), stacklevel=2)
            else:
                warnings.warn(Warnings.W003.format(name=self.name), stacklevel=2)
                docs = [project_entities(self.entities(eg.reference), eg.predicted) for eg in examples]
                examples = [Example(doc, eg.reference) for doc, eg in zip(self.pipe(docs), examples)]
        return self.scorer(examples, **{"known_facts": self.known_facts, **kwargs})

    @property
    def known_facts(self) -> frozenset[int]:
        """`relation_facts` of the training corpus."""
        return frozenset(self.model.attrs[KNOWN_FACTS].tolist())

    # Serialisation

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the component in a folder."""
        self._note_changes()
        super().to_disk(path, exclude=tuple(exclude))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "KmgreRelations":
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
        """The component as bytes."""
        self._note_changes()
        return super().to_bytes(exclude=tuple(exclude))

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "KmgreRelations":
        """Load the component from what `to_bytes` gave, as `from_disk` does."""
        exclude = tuple(exclude)
        with self._loading("bytes", exclude):
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def _note_changes(self) -> None:
        """Saves settings that differ from the config's, each as [the config's, its own]: as text, since numbers lose
        digits on the way through spaCy's JSON, and would be another config's."""
        values = {setting: [value, getattr(self, setting)] for setting, value in self._configured.items()}
        self.cfg["changed"] = {name: json.dumps(pair) for name, pair in values.items() if pair[0] != pair[1]}

    @contextmanager
    def _loading(self, source: str | Path, exclude: Sequence[str]) -> Iterator[None]:
        """Loads into a new model, which takes the old one's place when it is whole."""
        before = self.cfg, self.model
        if "cfg" not in exclude:
            self.cfg = {"labels": []}
        if "model" not in exclude:
            self.model = build_model(self.model.name, self._shim.settings)
        try:
            yield
            self._check_model(source, before[1].name)
        except Exception as error:
            self.cfg, self.model = before
            raise ValueError(Errors.E015.format(name=self.name, path=source, error=error)) from error
        self._next_tau, self._tau_was_loaded = None, self._shim.network is not None
        if "cfg" not in exclude:
            changes = {name: json.loads(pair) for name, pair in self.cfg.get("changed", {}).items()}
            for setting, value in self._configured.items():
                configured, changed = changes.get(setting, (value, value))
                setattr(self, setting, deepcopy(changed if configured == value else value))

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

    @property
    def _shim(self) -> NetworkShim:
        return get_shim(self.model)


def _document(doc: Doc, entities: Sequence[Entity]) -> Document:
    """A Doc as the model reads it: spans that several entities share are one mention."""
    numbers = {offsets: number for number, offsets in enumerate(mention_offsets(entities))}
    return Document(
        text=doc.text,
        mentions=[(doc[start].idx, doc[end - 1].idx + len(doc[end - 1])) for start, end in numbers],
        clusters=[[numbers[span.start, span.end] for span in entity.mentions] for entity in entities],
        types=[entity.label for entity in entities],
        name=document_name(doc),
    )


def _with_evidence(
    document: Document, reference: Doc, evidence: dict[tuple[int, int], set[int]]
) -> tuple[Document, Evidence]:
    """The document with the reference's sentences.

    :param evidence: Tokens at which the evidence sentences of entity pairs start.
    """
    sentences = list(reference.sents)
    starts = [sent.start_char for sent in sentences]
    tokens = [sent.start for sent in sentences]
    pairs = {pair: {bisect_right(tokens, token) - 1 for token in found} for pair, found in evidence.items()}
    mentions = [max(0, bisect_right(starts, start) - 1) for start, _ in document.mentions]
    return replace(document, sentences=starts), Evidence(pairs, mentions)


def _triple(relation: Relation) -> tuple[str, str, str]:
    return relation.head.label, relation.label, relation.tail.label


def _checked_triples(
    triples: str | Iterable[Sequence[str]] | None,
) -> list[list[str]] | str | None:
    """:raises ValueError: Where they are not what the setting `allowed_triples` may be."""
    if triples is None or triples == CORPUS_TRIPLES:
        return triples
    found = [] if isinstance(triples, str) else [list(triple) for triple in triples]
    if isinstance(triples, str) or any(len(triple) != 3 for triple in found):
        expected = f"null, {CORPUS_TRIPLES!r} or a list of [head type, label, tail type]"
        raise ValueError(Errors.E023.format(setting="allowed_triples", value=triples, expected=expected))
    return found


def _sentences(doc: Doc) -> list[int] | None:
    """Where sentences begin, and the Doc's length; None where the Doc does not say."""
    if not doc.has_annotation("SENT_START"):
        return None
    return [*(sent.start for sent in doc.sents), len(doc)]
