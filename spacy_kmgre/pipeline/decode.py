"""The way from scores of pairs to relations, and from relations to their evidence sentences."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..model import maths
from ..model.batch import PairScores
from .settings import Settings


@dataclass(frozen=True)
class Prediction:
    """A predicted relation in numbers.

    :param document: The number of its document.
    :param head: The entity number of the head.
    :param tail: The entity number of the tail.
    :param label: The class, 1..C-1.
    :param score: The calibrated score, which the threshold is compared with.
    :param model_score: The score before a second reading and calibration, by which evidence is chosen.
    :param mention_pairs: (head mention, tail mention, key score, relation score, share) of the key mention
        pairs, largest share first.
    :param sentence_weights: How much of these pairs' contexts, weighted by share, lies in each sentence;
        empty where the scores do not say. *Shape:* (S,)
    """

    document: int
    head: int
    tail: int
    label: int
    score: float
    model_score: float
    mention_pairs: list[tuple[int, int, float, float, float]]
    sentence_weights: np.ndarray


def decode(
    scores: PairScores,
    *,
    xi: float,
    tau: float,
    fusion: bool,
    max_labels: int,
    threshold: float | Tensor,
    adjust: Callable[[Tensor], Tensor] = lambda logits: logits,
    calibrate: Callable[[Tensor], Tensor] = lambda logits: logits,
) -> list[Prediction]:
    """Find the relations above the threshold, each with the key mention pairs responsible for it.

    :param threshold: One threshold for all classes, or one for each. *Shape:* (C,)
    :param adjust: A function that gets the logits of the entity pairs, and returns the logits that count.
    :param calibrate: A function that gets the result of `adjust`, and returns logits whose scores are
        compared with the threshold. What it changes does not count for evidence.
    """
    selected = scores.select(xi, tau)
    logits = adjust(scores.fuse(selected, fusion))
    calibrated = calibrate(logits)
    predicted = maths.predict_relations(calibrated, max_labels, threshold)
    related = predicted.any(dim=1)
    if not related.any():
        return []
    # From here on only the key mention pairs of related entity pairs matter. They are few, and are brought to
    # the CPU.
    kept = (related[scores.pair_index] & selected).nonzero().squeeze(1)
    rows = scores.rows_of(kept)
    owner = scores.pair_index[kept].cpu().numpy()
    relation = maths.wide(scores.relation[rows]).cpu()
    key = torch.sigmoid(scores.key[kept].float()).cpu().numpy()
    sentence_weights = scores.sentence_weights[rows].cpu().numpy()
    share_logits = scores.share_logits(kept).cpu()
    found = predicted.nonzero()
    relation_scores, model_scores = (
        maths.relation_scores(values)[tuple(found.T)].tolist() for values in (calibrated, logits)
    )
    pairs, labels = found.cpu().numpy().T
    # There is one line for each key mention pair of each relation.
    firsts, ends = np.searchsorted(owner, pairs), np.searchsorted(owner, pairs, side="right")
    starts = np.append(0, np.cumsum(ends - firsts))
    of_relation = np.repeat(np.arange(len(pairs)), ends - firsts)
    lines = np.arange(starts[-1]) - starts[of_relation] + firsts[of_relation]
    line_logits = relation[lines, labels[of_relation]]
    # ATLOP's share logits have one column for all classes, which every label is brought to.
    line_shares = share_logits[lines, labels[of_relation] % share_logits.shape[1]].unsqueeze(1)
    shares = (
        maths.mention_pair_share(line_shares, torch.from_numpy(of_relation), len(pairs)).squeeze(1).numpy()
    )
    weights = np.add.reduceat(shares[:, None] * sentence_weights[lines], starts[:-1])
    order = np.lexsort((-shares, of_relation))
    numbers = kept.cpu()[lines[order]]
    mention_pairs = list(
        zip(
            scores.head[numbers].tolist(),
            scores.tail[numbers].tolist(),
            key[lines[order]].tolist(),
            torch.sigmoid(line_logits[order]).tolist(),
            shares[order].tolist(),
        )
    )
    documents, (heads, tails) = scores.document[pairs].tolist(), scores.entities[pairs].T.tolist()
    return [
        Prediction(
            document=documents[number],
            head=heads[number],
            tail=tails[number],
            label=label,
            score=relation_scores[number],
            model_score=model_scores[number],
            mention_pairs=mention_pairs[starts[number] : starts[number + 1]],
            sentence_weights=weights[number],
        )
        for number, label in enumerate(labels.tolist())
    ]


def as_data(
    prediction: Prediction,
    label: str,
    keys: Sequence[str],
    mentions: Sequence[tuple[int, int]],
    evidence: Sequence[tuple[int, int]],
    label_text: str,
) -> dict[str, Any]:
    """Make the data of a relation as the Doc keeps them.

    :param label: The name of its label.
    :param keys: The keys of the entities.
    :param mentions: The token offsets of the mentions.
    :param evidence: The token offsets of its evidence sentences.
    :param label_text: The label in words, "" where they are not known.
    """
    return {
        "head": keys[prediction.head],
        "tail": keys[prediction.tail],
        "label": label,
        **({"label_text": label_text} if label_text else {}),
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
        "evidence": [list(sentence) for sentence in evidence],
    }


def evidence_of(prediction: Prediction, sentences: Sequence[int], settings: Settings) -> set[int]:
    """Find the evidence sentences of a predicted relation, by their numbers.

    :param sentences: The sentence of each mention.
    """
    pairs = [(sentences[head], sentences[tail], share) for head, tail, *_, share in prediction.mention_pairs]
    return evidence_sentences(
        pairs,
        prediction.model_score,
        prediction.sentence_weights,
        share=settings.evidence_share,
        least=settings.evidence_score,
    )


def evidence_sentences(
    pairs: Iterable[tuple[int, int, float]],
    score: float,
    sentence_weights: Sequence[float] | np.ndarray = (),
    *,
    share: float,
    least: float = 0.0,
) -> set[int]:
    """Return the sentences that hold the leading key mention pairs of a relation, and whose own score is high
    enough.

    The odds of a relation are exp(l_c - l_TH). By itself a sentence keeps a part of them: the sum of the
    shares of its leading key mention pairs, times the weight of the sentence in the relation's context,
    divided by the largest such weight. The sentence's own score is the score of the odds that it keeps.

    :param pairs: (sentence of the head, sentence of the tail, share) of the key mention pairs, largest share first.
    :param score: The relation's score, σ(l_c - l_TH).
    :param sentence_weights: How much of the context lies in each sentence; where it is empty, all sentences
        weigh the same. *Shape:* (S,)
    :param share: The sum of shares at which the leading pairs end.
    :param least: The least own score of an evidence sentence.
    :returns: Sentence numbers.
    """
    parts: dict[int, float] = defaultdict(float)
    total = 0.0
    for head, tail, part in pairs:
        if total >= share:
            break
        total += part
        for sentence in {head, tail}:
            parts[sentence] += part
    most = max(sentence_weights, default=0.0)
    if most > 0:
        parts = {
            sentence: part * float(sentence_weights[sentence] / most) for sentence, part in parts.items()
        }
    return {sentence for sentence, part in parts.items() if _own_score(score, part) >= least}


def _own_score(score: float, part: float) -> float:
    odds = score * part
    return odds / (odds + 1.0 - score) if odds else 0.0
