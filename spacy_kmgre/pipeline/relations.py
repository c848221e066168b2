"""The component `kmgre_relations`, which reads the entities of a Doc and writes `doc._.relations`."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer
from torch import Tensor

from ..annotations import mention_offsets, store_relations
from ..entities import EntityReader
from ..errors import Errors, Warnings
from ..model.batch import PairScores
from ..model.network import KEY, RELATION
from ..model.phases import Phase
from ..model.pieces import Document, Gold
from ..model.thinc_shim import ModelInput, RelationModel
from ..types import Entity, label_words
from . import examples as reading
from . import notices
from .decode import Prediction, as_data, decode, evidence_of
from .entities import write_new_entities
from .second_reading import add_second, read_again
from .settings import Controls, Settings, check_labels
from .state import RelationComponent

Types = Sequence[Sequence[str]]


class KmgreRelations(RelationComponent):
    """Predicts relations between entities, each with the mention pairs responsible for it.

    :param entities: The reader of entities.
    :param settings: The settings that decide predictions, beside the model; each is an attribute of the
        component too.
    :param scorer: The scorer.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: RelationModel,
        name: str = "kmgre_relations",
        *,
        entities: EntityReader,
        settings: Settings,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ):
        super().__init__(vocab, model, name, settings)
        self.entities = entities
        self._shim.read = partial(reading.read_documents, entities)
        self.scorer = scorer

    # Prediction

    def predict(self, docs: Iterable[Doc]) -> list[tuple[list[Entity], list[Prediction]]]:
        """Find the entities of each Doc, and the relations between them by number.

        :raises ValueError: Where something is no Doc, the component has not been initialized, or a setting is wrong.
        """
        controls = self.controls
        docs = notices.checked_docs(self.name, docs)
        entities, chunks = self._score_pairs(docs, controls)
        types = [[entity.label for entity in of_doc] for of_doc in entities]
        found: list[list[Prediction]] = [[] for _ in entities]
        with self._shim.predicting():
            for scores in chunks:
                for prediction in self.decode(scores, types, controls):
                    found[prediction.document].append(prediction)
        return list(zip(entities, found))

    def score_pairs(self, docs: Iterable[Doc]) -> tuple[list[list[Entity]], Iterator[PairScores]]:
        """Score all pairs of some Docs, before key mention pairs are chosen and fused.

        :returns: The entities of each Doc, and scores in chunks that are computed as they are asked for.
            Their document numbers are positions in the Docs, their entity numbers are positions in the Doc's
            entities, and their mention numbers are positions in `mention_offsets` of these.
        :raises ValueError: Where the component has not been initialized, or a setting is wrong.
        """
        return self._score_pairs(list(docs), self.controls)

    def _score_pairs(
        self, docs: Sequence[Doc], controls: Controls
    ) -> tuple[list[list[Entity]], Iterator[PairScores]]:
        entities = [self.entities(doc) for doc in docs]
        notices.warn_of_entities(self._warn_once, docs, entities, self._shim.settings.far_pairs)
        numbers = [number for number, found in enumerate(entities) if len(found) > 1]
        with_sentences = self.settings.reads_sentences or self._shim.settings.reads_sentences
        documents = [reading.read_document(docs[i], entities[i], with_sentences) for i in numbers]
        documents = [self._with_known_types(document) for document in documents]
        self._warn_of_no_pairs(len(docs), len(documents))
        if not documents:
            return entities, iter(())
        self._choose_precision()
        chunks = self.model.predict(self._input(documents, with_inverse=controls.needs_inverse))
        if self.settings.second_reading:
            notices.warn_of_no_sentences(self._warn_once, [docs[i] for i in numbers])
            types = [[entity.label for entity in entities[i]] for i in numbers]
            chunks = read_again(
                chunks,
                documents,
                types,
                score=lambda excerpts: self.model.predict(
                    ModelInput(excerpts, self._shim.pieces(excerpts), with_inverse=controls.needs_inverse)
                ),
                decide=partial(self.relation_logits, controls=controls),
                limits=controls.limits,
                weight=self.settings.second_reading,
                both=controls.needs_inverse,
            )
        places = torch.tensor(numbers)
        return entities, (replace(scores, document=places[scores.document]) for scores in chunks)

    def _input(self, documents: Sequence[Document], **how: Any) -> ModelInput:
        pieces = self._shim.pieces(documents)
        reading.warn_of_unread(self.name, documents, pieces, self._shim.settings.encoder.max_pieces)
        return ModelInput(documents, pieces, **how)

    def decode(self, scores: PairScores, types: Types, controls: Controls) -> list[Prediction]:
        """Return the relations that follow from a chunk of scores.

        :param types: The types of each Doc's entities.
        """
        network = self._shim.require_network()
        return decode(
            scores,
            xi=network.xi,
            tau=network.tau,
            fusion=network.fusion,
            max_labels=self.settings.max_labels,
            threshold=controls.threshold,
            adjust=lambda logits: controls.adjust(logits, scores.document, scores.entities, types),
            calibrate=lambda logits: controls.calibrate(add_second(logits, scores)),
        )

    def relation_logits(self, scores: PairScores, types: Types, controls: Controls) -> tuple[Tensor, Tensor]:
        """Return the logits of the entity pairs before calibration, and which mention pairs are key.

        :param scores: A chunk of what `score_pairs` gives.
        :param types: The types of each Doc's entities.
        :param controls: The component's `controls`.
        :returns: *Shape:* (N, C), (P,)
        """
        network = self._shim.require_network()
        selected = scores.select(network.xi, network.tau)
        logits = scores.fuse(selected, network.fusion)
        logits = controls.adjust(logits, scores.document, scores.entities, types)
        return add_second(logits, scores), selected

    def set_annotations(
        self, docs: Iterable[Doc], scores: Iterable[tuple[list[Entity], list[Prediction]]]
    ) -> None:
        """Write `doc._.relations`, and the span groups of entities that the Doc does not hold yet."""
        labels, texts = self.labels, self._all_label_texts()
        for doc, (entities, predictions) in zip(docs, scores):
            keys, mentions = write_new_entities(doc, entities), mention_offsets(entities)
            bounds = reading.sentence_bounds(doc)
            sentences = reading.sentences_of_mentions(bounds, mentions)
            relations = []
            for prediction in predictions:
                found = evidence_of(prediction, sentences, self.settings) if bounds else ()
                evidence = [(bounds[number], bounds[number + 1]) for number in sorted(found)]
                label = labels[prediction.label - 1]
                relations.append(as_data(prediction, label, keys, mentions, evidence, texts.get(label, "")))
            merge = self.settings.merge_relations
            replaced = store_relations(doc, relations, self.name, merge=merge)
            notices.warn_of_replaced(self._warn_once, doc, replaced)

    # Training

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Load the encoders' pretrained weights and make an output for each label.

        It warns of a config under which no component gives the training Docs entities.

        :param get_examples: A function that gives examples. Their references' relations give the labels
            (unless some are passed), the labels in words, the facts that Ign F1 leaves out, and the types
            that a label relates. Their entities give the types that the component knows.
        :param labels: The relation labels, as `spacy init labels` writes them.
        :raises ValueError: Where there is no label, and where a setting names an unknown one.
        """
        validate_get_examples(get_examples, "KmgreRelations.initialize")
        notices.warn_of_order(self._warn_once, nlp)
        if nlp is not None and reading.reads_without_entities(nlp):
            warnings.warn(Warnings.W012.format(name=self.name), stacklevel=2)
        if isinstance(labels, str):
            raise ValueError(Errors.E093.format(name=self.name, value=labels))
        found = reading.learn(get_examples())
        for label in sorted(found.labels) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(Errors.E021.format(name=self.name))
        check_labels(self.labels, self.settings)
        self._remember(found)
        self.model.set_dim("nO", len(self.labels) + 1, force=True)
        self._shim.label_texts = [label_words(label, self.label_text(label)) for label in self.labels]
        self.model.initialize()

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
        :param losses: A dict to which the mean loss is added under the component's name, and its parts under
            the name with "_relation" and "_key".
        :raises ValueError: For an unknown label, and where a loss is not finite; nothing is learned then.
        """
        from ..training.objective import losses as losses_of  # Prediction does without it.

        losses = {} if losses is None else losses
        for key in (self.name, f"{self.name}_{RELATION}", f"{self.name}_{KEY}"):
            losses.setdefault(key, 0.0)
        examples = list(examples)
        validate_examples(examples, "KmgreRelations.update")
        self._begin_tau()
        objective = self._shim.settings.objective
        documents, gold = self._learnable(examples, objective.uses_evidence)
        if documents:
            network = self._shim.require_network()
            phase = self.phase if KEY in network.parts else Phase.JOINT
            given = self._input(documents, trainable=phase.trainable & set(network.parts))
            scores, backprop = self.model.begin_update(given)
            found = losses_of(scores, gold, phase, objective, network.tau)
            means = {RELATION: max(1, scores.num_pairs), KEY: max(1, len(scores.head))}
            values = torch.stack([*found.values()]).tolist() if found else []  # It waits for the GPU once.
            if not np.isfinite(values).all():
                self._shim.drop_gradients()
                names = [document.name for document in documents]
                what = {"name": self.name, "step": self.step, "phase": phase.value, "documents": names}
                raise ValueError(Errors.E022.format(**what))
            if found:
                backprop(torch.stack([*found.values()]).sum())
            for part, value in zip(found, values):
                losses[self.name] += value / means[part]
                losses[f"{self.name}_{part}"] += value / means[part]
        if sgd:
            self.finish_update(sgd)
        return losses

    def _learnable(self, examples: Sequence[Example], evidence: bool) -> tuple[list[Document], list[Gold]]:
        """Return the documents that have entity pairs, and what is known of each."""
        classes = {label: number for number, label in enumerate(self.labels, start=1)}
        documents, gold = [], []
        for given in examples:
            example, entities = reading.with_entities(given, self.entities)
            if example is not given:
                self._warn_once(Warnings.W013)
            known, lost = reading.read_gold(example, entities, classes, self.name, evidence)
            self._count_lost(example, lost)
            if len(entities) > 1:
                with_sentences = self._shim.settings.reads_sentences
                document = reading.read_document(example.predicted, entities, with_sentences)
                self.learned_relations += len(known.relations)
                self.learn_types(document.types)
                document = reading.without_some_types(document, self._shim.settings.encoder.untyped_rate)
                documents.append(reading.with_gold_sentences(document, example, known))
                gold.append(known)
        return documents, gold

    # Scores

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score the relations (see scoring/relations.py).

        `spacy evaluate` reads a plain corpus, whose Docs have no entities. Where none of the Docs has any, no
        component has looked for any, and the references have some, relations are predicted anew between the
        gold entities, with a warning.
        """
        if self.scorer is None:
            return {}
        examples = list(examples)
        validate_examples(examples, "KmgreRelations.score")
        notices.warn_of_unknown_labels(self._warn_once, examples, self.labels)
        docs = reading.docs_with_gold_entities(examples, self.entities, self.name)
        if docs:
            examples = [Example(doc, eg.reference) for doc, eg in zip(self.pipe(docs), examples)]
        return self.scorer(examples, **{"known_facts": self.known_facts, **kwargs})
