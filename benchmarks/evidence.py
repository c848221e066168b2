"""Scores of evidence, for several ways to choose the sentences that a relation comes from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import torch
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.annotations import mention_offsets, relation_data
from spacy_kmgre.model import maths
from spacy_kmgre.pipeline.decode import evidence_sentences
from spacy_kmgre.scoring.key_pairs import average_precision
from spacy_kmgre.scoring.tallies import Tally
from spacy_kmgre.types import Entity

# The parts of all shares that the leading key mention pairs must reach, and the least scores of a sentence alone.
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
OWN_SCORES = (0.3, 0.4, 0.5, 0.6)
BATCH = 8

Triple = tuple[str, str, str]


def evidence_scores(pipe: Any, examples: Iterable[Example]) -> dict[str, Any]:
    """Score the evidence of predicted relations between gold entities.

    - `official`: DocRED's score, in which a sentence counts only with a right relation; `labelled`: the same without
      what is predicted for gold relations that carry no evidence. Both have precision, recall and F for each way to
      choose sentences: those of `all` mention pairs; those that hold both entities (`same_sentence`); those of the best
      mention pair by `key` (p_ω), by `relation` (p_θ), and by `share`; those of the leading key pairs until their
      shares reach 0.5, 0.6 ... (`share_0.5`); and those of all key pairs that have a score of 0.3, 0.4 ... by
      themselves (`own_0.3`).
    - `ap`: the mean average precision of ranking an entity pair's mention pairs by p_ω, by p_θ and by share, over gold
      relations with evidence. A mention pair is relevant if both mentions are in evidence sentences. Relations with
      only relevant mention pairs, or with none, are left out.

    :param pipe: The relation component.
    """
    tallies: dict[str, dict[str, Tally]] = {"official": defaultdict(Tally), "labelled": defaultdict(Tally)}
    precisions: dict[str, list[float]] = defaultdict(list)
    examples = list(examples)
    for start in range(0, len(examples), BATCH):
        batch = examples[start : start + BATCH]
        with _own_scores(pipe):
            entities, chunks = pipe.score_pairs([example.predicted for example in batch])
            documents = [_Document(example.reference, own) for example, own in zip(batch, entities)]
            for scores in chunks:
                _read_scores(pipe, scores, documents, precisions)
        for document in documents:
            known = {(triple, sent) for triple, sents in document.gold.items() for sent in sents}
            silent = {triple for triple, sents in document.gold.items() if not sents}
            for name, found in document.chosen.items():
                labelled = {pair for pair in found if pair[0] not in silent}
                for kind, predicted in (("official", found), ("labelled", labelled)):
                    tallies[kind][name] += Tally(len(predicted & known), len(predicted), len(known))
    result: dict[str, Any] = {
        kind: {name: _percent(tally) for name, tally in by_name.items()} for kind, by_name in tallies.items()
    }
    result["ap"] = {name: round(100 * fmean(values), 2) for name, values in precisions.items()}
    result["ap_relations"] = len(next(iter(precisions.values()), ()))
    return result


@contextmanager
def _own_scores(pipe: Any) -> Iterator[None]:
    """Let the component say where contexts lie, which it does only if sentences need scores of their own."""
    before = pipe.evidence_score
    pipe.evidence_score = before or OWN_SCORES[0]
    try:
        yield
    finally:
        pipe.evidence_score = before


class _Document:
    """A document with its gold evidence, and what is chosen as evidence.

    :ivar bounds: The token offsets [start, end) of the sentences.
    :ivar of_mention: The number of each mention's sentence.
    :ivar gold: The evidence sentences of each gold relation.
    :ivar chosen: The sentences of relations that each way to choose has found.
    """

    def __init__(self, doc: Doc, entities: Sequence[Entity]):
        bounds = [(sent.start, sent.end) for sent in doc.sents]
        number = [number for number, (start, end) in enumerate(bounds) for _ in range(start, end)]
        self.entities = entities
        self.bounds = bounds
        self.of_mention = [number[start] for start, _ in mention_offsets(entities)]
        self.gold = {
            (data["head"], data["tail"], data["label"]): {tuple(sent) for sent in data["evidence"]}
            for data in relation_data(doc)
        }
        self.chosen: dict[str, set[tuple[Triple, tuple[int, int]]]] = defaultdict(set)

    def sentences_of(self, heads: Iterable[int], tails: Iterable[int]) -> set[int]:
        return {self.of_mention[mention] for mention in (*heads, *tails)}


def _read_scores(pipe, scores, documents: Sequence[_Document], precisions) -> None:
    controls = pipe.controls
    types = [[entity.label for entity in document.entities] for document in documents]
    logits, selected = pipe.relation_logits(scores, types, controls)
    predicted = maths.predict_relations(controls.calibrate(logits), pipe.max_labels, controls.threshold)
    certainty = maths.relation_scores(logits)
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, pair in enumerate(scores.pair_index.tolist()):
        rows_of[pair].append(row)
    labels = {label: number for number, label in enumerate(pipe.labels, start=1)}
    for (number_of_document, head, tail), number in scores.row_of_pair().items():
        document = documents[number_of_document]
        keys = document.entities[head].key, document.entities[tail].key
        wanted = {label for label in pipe.labels if document.gold.get((*keys, label))}
        wanted |= {pipe.labels[label - 1] for label in predicted[number].nonzero().flatten().tolist()}
        rows = torch.tensor(rows_of[number])
        heads, tails = scores.head[rows].tolist(), scores.tail[rows].tolist()
        for name in wanted:
            label = labels[name]
            column = scores.share_logits(rows)
            column = column[:, [label % column.shape[1]]]
            share = maths.mention_pair_share(column, torch.zeros_like(rows), 1, selected[rows])[:, 0]
            values = {"key": scores.key[rows], "relation": column[:, 0], "share": share}
            evidence = document.gold.get((*keys, name), set())
            inside = [
                all(document.bounds[document.of_mention[mention]] in evidence for mention in pair)
                for pair in zip(heads, tails)
            ]
            if any(inside) and not all(inside):
                for ranking, value in values.items():
                    precisions[ranking].append(average_precision(value.tolist(), inside))
            if predicted[number, label]:
                weights = share @ scores.sentence_weights[scores.rows_of(rows)]
                score = float(certainty[number, label])
                for way, found in _choose(values, heads, tails, document, score, weights.numpy()).items():
                    document.chosen[way] |= {((*keys, name), document.bounds[sentence]) for sentence in found}


def _choose(values, heads, tails, document: _Document, score, weights) -> dict[str, set[int]]:
    of_mention = document.of_mention
    found = {
        "all": document.sentences_of(heads, tails),
        "same_sentence": {of_mention[i] for i in set(heads)} & {of_mention[j] for j in set(tails)},
    }
    for ranking, value in values.items():
        best = int(value.argmax())
        found[ranking] = document.sentences_of([heads[best]], [tails[best]])
    share = values["share"].tolist()
    pairs = [
        (of_mention[heads[row]], of_mention[tails[row]], share[row])
        for row in sorted(range(len(share)), key=lambda row: -share[row])
        if share[row]
    ]
    for enough in SHARES:
        found[f"share_{enough}"] = evidence_sentences(pairs, score, share=enough)
    for least in OWN_SCORES:
        found[f"own_{least}"] = evidence_sentences(pairs, score, weights, share=1.0, least=least)
    return found


def _percent(tally: Tally) -> dict[str, float]:
    return {name: round(100 * (value or 0.0), 2) for name, value in tally.scores().items()}
