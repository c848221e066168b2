"""Reasons why a training may have taught nothing, as far as a pipeline whose F stayed 0 shows them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from spacy.language import Language
from spacy.training import Example

from ..annotations import get_entities, get_relations, relation_data
from ..errors import Reasons, listed

# The number of documents that are read once more, to see what the pipeline says of them.
DOCUMENTS = 20
# The largest number of labels and types that a reason lists.
SHOWN = 8
# The number of updates below which a training is short.
FEW_STEPS = 300
# Heads begin at random, and below this learning rate they learn nothing.
LOW_RATE = 1e-5
# A learning rate of more than so many times the usual one undoes an encoder.
TOO_FAST = 5


def why_nothing_was_learned(nlp: Language, name: str, examples: Sequence[Example], steps: int) -> list[str]:
    """Find the likely reasons for an F of 0, each as a sentence. Where the data show some, the training is
    not looked at.

    :param name: The name of the relation component.
    :param examples: The examples that it was scored on, with Docs that have not been through the pipeline.
    :param steps: The number of updates that the training had.
    """
    pipe: Any = nlp.get_pipe(name)
    found = [*_reasons_in_training_data(pipe), *_reasons_in_examples(pipe, examples)]
    if not found:
        found = [*_reasons_in_scores(nlp, pipe, examples), *_reasons_in_rates(pipe)]
        if steps < FEW_STEPS:
            found.append(Reasons.FEW_STEPS.format(steps=steps))
    return found or [Reasons.NONE]


def _reasons_in_training_data(pipe: Any) -> Iterator[str]:
    if not pipe.learned_relations:
        yield Reasons.NOTHING_MET.format(lost=pipe.lost_relations)


def _reasons_in_examples(pipe: Any, examples: Sequence[Example]) -> Iterator[str]:
    """Yield reasons that lie in the documents to score: what the pipeline does not know of them."""
    labels = Counter(data["label"] for eg in examples for data in relation_data(eg.reference))
    unknown = [label for label in labels if label not in pipe.labels]
    if not labels:
        yield Reasons.NO_GOLD
    elif unknown:
        count = sum(labels[label] for label in unknown)
        yield Reasons.LABELS.format(
            count=count, total=labels.total(), unknown=_some(unknown), known=_some(pipe.labels)
        )
    known = {kind for head, _, tail in pipe.cfg.get("triples", ()) for kind in (head, tail)}
    types = {entity.label for eg in examples for entity in get_entities(eg.reference)}
    if known and types and not types & known:
        yield Reasons.TYPES.format(unknown=_some(sorted(types)), known=_some(sorted(known)))


def _reasons_in_scores(nlp: Language, pipe: Any, examples: Sequence[Example]) -> Iterator[str]:
    """Yield reasons that lie in the scores of the first documents, which are predicted with the threshold
    0."""
    with _least_threshold(pipe):
        docs = list(nlp.pipe([eg.predicted for eg in islice(examples, DOCUMENTS)]))
    if all(len(pipe.entities(doc)) < 2 for doc in docs):
        yield Reasons.NO_ENTITIES
        return
    highest = max((relation.score for doc in docs for relation in get_relations(doc)), default=0.0)
    if highest < pipe.threshold:
        yield Reasons.BELOW_THRESHOLD.format(highest=highest, threshold=pipe.threshold, name=pipe.name)


@contextmanager
def _least_threshold(pipe: Any) -> Iterator[None]:
    settings = pipe.settings
    pipe.settings = replace(settings, threshold=0.0, thresholds={})
    try:
        yield
    finally:
        pipe.settings = settings


def _reasons_in_rates(pipe: Any) -> Iterator[str]:
    heads, encoders = pipe.highest_learn_rates
    if encoders > TOO_FAST * pipe.usual_encoder_rate:
        yield Reasons.RATE_HIGH.format(rate=encoders, usual=pipe.usual_encoder_rate)
    if heads < LOW_RATE:
        yield Reasons.RATE_LOW.format(rate=heads)


def _some(names: Iterable[str]) -> str:
    return listed(map(repr, names), SHOWN)
