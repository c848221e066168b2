"""Docs as the model reads them, and Examples as it learns from them."""

import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..annotations import (
    document_name,
    get_entities,
    get_relations,
    mention_offsets,
    project_entities,
    relation_data,
    sentence_starts,
)
from ..errors import Errors, Warnings
from ..model.pieces import Document, Gold, Pieces
from ..scoring.alignment import align_entities
from ..scoring.relations import relation_facts
from ..types import Entity, Relation

Triple = tuple[str, str, str]


def read_document(doc: Doc, entities: Sequence[Entity], with_sentences: bool = False) -> Document:
    """Read a Doc as the model does, for which a span that several entities share is one mention.

    :param entities: The Doc's entities.
    :param with_sentences: Whether the document gets its sentences, which the model needs to say how much of a
        context lies in each, and how many of them are between two mentions.
    """
    numbers = {offsets: number for number, offsets in enumerate(mention_offsets(entities))}
    return Document(
        text=doc.text,
        mentions=[(doc[start].idx, doc[end - 1].idx + len(doc[end - 1])) for start, end in numbers],
        clusters=[[numbers[span.start, span.end] for span in entity.mentions] for entity in entities],
        types=[entity.label for entity in entities],
        sentences=(sentence_starts(doc) or ()) if with_sentences else (),
        name=document_name(doc),
    )


def read_documents(entities: Callable[[Doc], list[Entity]], docs: Iterable[Doc]) -> list[Document]:
    """Read those of some Docs that have entity pairs, as the model does.

    :param entities: The reader of entities.
    """
    found = ((doc, entities(doc)) for doc in docs)
    return [read_document(doc, of_doc) for doc, of_doc in found if len(of_doc) > 1]


def warn_of_unread(
    component: str, documents: Sequence[Document], pieces: Sequence[Pieces], limit: int | None
) -> None:
    """Warn of the documents that have entities outside of the encoded text.

    :param limit: The setting `max_pieces`.
    """
    if limit is None:
        return
    for document, own in zip(documents, pieces):
        lost = sum((own.markers[list(cluster)] < 0).all() for cluster in document.clusters)
        if lost:
            message = Warnings.W001.format(name=component, count=lost, document=document.name, limit=limit)
            warnings.warn(message, stacklevel=2)


@dataclass(frozen=True)
class Learned:
    """What a component remembers of its training corpus.

    :param labels: The labels of the references' relations.
    :param label_texts: The labels in words, where the references have them.
    :param facts: The hashed facts (`relation_facts`), which Ign F1 leaves out.
    :param triples: The (head type, label, tail type) of the relations.
    :param types: The types of the references' entities, "" where some have none.
    """

    labels: set[str] = field(default_factory=set)
    label_texts: dict[str, str] = field(default_factory=dict)
    facts: set[int] = field(default_factory=set)
    triples: set[Triple] = field(default_factory=set)
    types: set[str] = field(default_factory=set)


def learn(examples: Iterable[Example]) -> Learned:
    """Learn what the references of a training corpus show."""
    found = Learned()
    for example in examples:
        found.types.update(entity.label for entity in get_entities(example.reference))
        for relation in get_relations(example.reference):
            found.labels.add(relation.label)
            if relation.label_text:
                found.label_texts.setdefault(relation.label, relation.label_text)
            found.facts.update(relation_facts(relation))
            found.triples.add(triple_of(relation))
    return found


def without_some_types(document: Document, rate: float) -> Document:
    """Leave out the types of some of a document's entities, by torch's generator of random numbers.

    The part of the entities that lose their types is drawn anew for each document. Where its mean is small,
    most documents lose few types, and a few lose all.

    :param rate: The mean of that part, in [0, 1].
    """
    if not rate:
        return document
    part = torch.rand(()) ** (1 / rate - 1)
    left_out = (torch.rand(len(document.types)) < part).tolist()
    return replace(document, types=["" if out else kind for out, kind in zip(left_out, document.types)])


def triple_of(relation: Relation) -> Triple:
    """Return the types of a relation's entities, with its label between them."""
    return relation.head.label, relation.label, relation.tail.label


def read_gold(
    example: Example, entities: Sequence[Entity], classes: Mapping[str, int], component: str, evidence: bool
) -> tuple[Gold, list[str]]:
    """Read the reference's relations between the predicted Doc's entities, which need not be the gold ones.

    :param entities: The predicted Doc's entities.
    :param classes: The class of each label.
    :param component: The component's name, for the error.
    :param evidence: Whether gold evidence is asked for.
    :returns: What is known, and the keys of gold entities that the predicted Doc lacks, one for each relation lost.
    :raises ValueError: For an unknown label.
    """
    gold = get_entities(example.reference)
    number: dict[str, int] = {}
    for i, match in enumerate(align_entities(entities, gold)):
        if match is not None:
            number.setdefault(gold[match.gold].key, i)
    relations, lost = [], []
    tokens: dict[tuple[int, int], set[int]] = {}
    for relation in relation_data(example.reference):
        head, tail, label = relation["head"], relation["tail"], relation["label"]
        if label not in classes:
            known = ", ".join(classes) or "none"
            raise ValueError(Errors.E020.format(label=label, name=component, known=known))
        if head in number and tail in number:
            pair = number[head], number[tail]
            relations.append((*pair, classes[label]))
            if relation["evidence"]:
                tokens.setdefault(pair, set()).update(start for start, _ in relation["evidence"])
        else:
            lost.append(tail if head in number else head)
    if not (evidence and tokens and example.reference.has_annotation("SENT_START")):
        return Gold(relations), lost
    starts = [sent.start for sent in example.reference.sents]
    characters = sentence_starts(example.reference) or []
    sentences = {pair: {bisect_right(starts, token) - 1 for token in own} for pair, own in tokens.items()}
    mentions = [example.predicted[start].idx for start, _ in mention_offsets(entities)]
    return Gold(relations, sentences, [max(0, bisect_right(characters, at) - 1) for at in mentions]), lost


def with_gold_sentences(document: Document, example: Example, gold: Gold) -> Document:
    """Give the document the reference's sentences, where there is gold evidence."""
    if not gold.evidence:
        return document
    return replace(document, sentences=sentence_starts(example.reference) or ())


def sentence_bounds(doc: Doc) -> list[int]:
    """Return the tokens at which sentences begin, and the Doc's length at the end. The list is empty where
    the Doc does not say."""
    if not doc.has_annotation("SENT_START"):
        return []
    return [*(sent.start for sent in doc.sents), len(doc)]


def sentences_of_mentions(bounds: Sequence[int], mentions: Sequence[tuple[int, int]]) -> list[int]:
    """Return the sentence of each mention. The list is empty where the Doc does not say where sentences are.

    :param mentions: The token offsets of the mentions.
    """
    if not bounds:
        return []
    found: list[int] = (np.searchsorted(bounds, [start for start, _ in mentions], side="right") - 1).tolist()
    return found


def with_entities(example: Example, reader: Callable[[Doc], list[Entity]]) -> tuple[Example, list[Entity]]:
    """Return an example and the entities of its predicted Doc. Where the predicted Doc has no entities and no
    component has looked for any, the example is a new one, whose predicted Doc has the entities of the
    reference. Such Docs without entities come from `Example(nlp.make_doc(text), gold)` and from the reader
    spacy.Corpus.v1.

    :param reader: The component's reader of entities.
    """
    entities = reader(example.predicted)
    if entities or example.predicted.has_annotation("ENT_IOB"):
        return example, entities
    gold = reader(example.reference)
    if not gold:
        return example, entities
    example = Example(project_entities(gold, example.predicted), example.reference)
    return example, reader(example.predicted)


def reads_without_entities(nlp: Language) -> bool:
    """Return whether the config has spaCy's own reader of a corpus for training, and no component finds
    entities in training. `init config` and `init fill-config` write such configs."""
    config = nlp.config.interpolate()
    training, corpus = config["training"], config
    for name in training["train_corpus"].split("."):
        corpus = corpus.get(name, {})
    plain = corpus.get("@readers") == "spacy.Corpus.v1" and bool(corpus.get("path"))
    return plain and not training["annotating_components"]


def docs_with_gold_entities(
    examples: Sequence[Example], reader: Callable[[Doc], list[Entity]], component: str
) -> list[Doc]:
    """Return the predicted Docs with the references' entities and sentences, where `spacy evaluate` has read a plain
    corpus: none of the Docs has entities, no component has looked for any, and the references have them.
    Otherwise return no Docs, with a warning where a component has looked for entities and found none.

    :param reader: The component's reader of entities.
    :param component: The component's name, for the warnings.
    """
    if any(reader(eg.predicted) for eg in examples) or not any(reader(eg.reference) for eg in examples):
        return []
    if any(len(eg.predicted) and eg.predicted.has_annotation("ENT_IOB") for eg in examples):
        warnings.warn(Warnings.W004.format(name=component), stacklevel=3)
        return []
    warnings.warn(Warnings.W003.format(name=component), stacklevel=3)
    return [
        _with_sentences(project_entities(reader(eg.reference), eg.predicted), eg.reference) for eg in examples
    ]


def _with_sentences(doc: Doc, reference: Doc) -> Doc:
    """Give a Doc without sentence boundaries those of another Doc of its text: without them there is no evidence."""
    starts = sentence_starts(reference)
    if starts is not None and not doc.has_annotation("SENT_START"):
        for token in doc:
            token.is_sent_start = token.idx in starts
    return doc
