"""Why a relation is predicted between two entities, or is not: all that the model says of their mention pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from spacy.tokens import Doc, Span
from torch import Tensor

from ..annotations import mention_offsets
from ..errors import Errors
from ..model import maths
from ..model.batch import EntityPairScores, PairScores
from ..model.thinc_shim import get_shim
from ..pipeline.relations import KmgreRelations
from ..pipeline.settings import Controls
from ..types import Entity


@dataclass(frozen=True)
class MentionPairReason:
    """A mention pair, and what it says of one relation.

    :param key_score: p_ω(z=1) (paper, eq. 8); None without a key instance classifier.
    :param key: Whether it is selected (15).
    :param relation_score: p_θ(y_c=1) (6); None, like both logits, where the model scores entity pairs only (ATLOP).
    :param logit: That of the relation.
    :param threshold_logit: That of the class TH.
    :param share: Its part in the fused logit; in ATLOP, in the attention that the two entities share.
    """

    head: Span
    tail: Span
    key_score: float | None
    key: bool
    relation_score: float | None
    logit: float | None
    threshold_logit: float | None
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the mentions in characters."""
        return {**vars(self), "head": _span(self.head), "tail": _span(self.tail)}


@dataclass(frozen=True)
class RelationReason:
    """A relation of an entity pair, predicted or not.

    :param logit: The fused logit (16). Without fusion, the best margin over TH.
    :param threshold_logit: The fused logit of TH. Without fusion 0.
    :param score: What is compared with the threshold: σ of their difference, after the controls and a second reading.
    :param notes: What else has decided.
    :param mention_pairs: All of the entity pair, key ones first, by share.
    """

    label: str
    label_text: str
    logit: float
    threshold_logit: float
    score: float
    threshold: float
    predicted: bool
    notes: list[str]
    mention_pairs: list[MentionPairReason]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "mention_pairs": [pair.to_dict() for pair in self.mention_pairs]}


@dataclass(frozen=True)
class Explanation:
    """What the model says of an entity pair.

    :param key_threshold: The p_ω from which a mention pair is key (14), or the best one's where that is lower; None
        without a key instance classifier.
    """

    head: Entity
    tail: Entity
    key_threshold: float | None
    relations: list[RelationReason]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "head": _entity(self.head),
            "tail": _entity(self.tail),
            "key_threshold": self.key_threshold,
            "relations": [relation.to_dict() for relation in self.relations],
        }


def explain(pipe: KmgreRelations, doc: Doc, head: str, tail: str, labels: Sequence[str] = ()) -> Explanation:
    """Explain the relations from one entity to another.

    :param doc: A Doc with entities; components before `pipe` have seen it.
    :param head: The entity's key, or the text of one of its mentions.
    :param labels: The relations to explain; where empty those above their thresholds, or the most probable one.
    :raises ValueError: Where there is no such entity, or several, or no such label, or where all mentions of
        an entity lie outside of what the encoder reads.
    """
    (entities,), chunks = pipe.score_pairs([doc])
    ends = find_entity(entities, head), find_entity(entities, tail)
    if ends[0] == ends[1]:
        raise ValueError(Errors.E342.format(key=entities[ends[0]].key))
    check_labels(labels, pipe.labels)
    for scores in chunks:
        found = (scores.entities == torch.tensor(ends)).all(dim=1).nonzero()
        if len(found):
            return _explain(pipe, doc, entities, scores, int(found), labels)
    raise ValueError(Errors.E344.format(head=head, tail=tail))


def check_labels(labels: Sequence[str], known: Sequence[str]) -> None:
    """See that labels are known.

    :raises ValueError: Where one is not.
    """
    for label in labels:
        if label not in known:
            raise ValueError(Errors.E343.format(label=label, known=", ".join(known)))


def find_entity(entities: Sequence[Entity], name: str) -> int:
    """The number of the entity with that key, or with a mention of that text, whatever its case.

    :raises ValueError: Where there is none, or several.
    """
    for number, entity in enumerate(entities):
        if entity.key == name:
            return number
    wanted = " ".join(name.split()).casefold()
    found = [
        number
        for number, entity in enumerate(entities)
        if any(" ".join(span.text.split()).casefold() == wanted for span in entity.mentions)
    ]
    if len(found) != 1:
        named = entities if not found else [entities[number] for number in found]
        known = "; ".join(f"{entity.key} ({entity.text})" for entity in named) or "none"
        raise ValueError((Errors.E341 if found else Errors.E340).format(name=name, known=known))
    return found[0]


def _explain(
    pipe: KmgreRelations,
    doc: Doc,
    entities: Sequence[Entity],
    scores: PairScores,
    row: int,
    labels: Sequence[str],
) -> Explanation:
    network = get_shim(pipe.model).require_network()
    tau = network.tau
    controls = pipe.controls
    adjusted, selected = pipe.relation_logits(scores, [[entity.label for entity in entities]], controls)
    fused = scores.fuse(selected, network.fusion)
    calibrated = controls.calibrate(adjusted)
    predicted = maths.predict_relations(calibrated, pipe.max_labels, controls.threshold)[row]
    score = maths.relation_scores(calibrated)[row].tolist()
    key_threshold = None
    if pipe.has_key_classifier:
        key_probs = torch.sigmoid(scores.key)
        limits = maths.key_threshold(key_probs, scores.pair_index, len(scores.entities), network.xi, tau)
        best = key_probs[scores.pair_index == row].max()
        key_threshold = min(limits[row], best).item()
    if not labels:
        ranked = sorted(range(1, len(score)), key=lambda number: -score[number])
        numbers = [n for n in ranked if predicted[n] or score[n] > _threshold(pipe, pipe.labels[n - 1])]
        labels = [pipe.labels[n - 1] for n in numbers or ranked[:1]]
    head, tail = (entities[number] for number in scores.entities[row].tolist())
    reasons = []
    for label in labels:
        number = pipe.labels.index(label) + 1
        threshold = _threshold(pipe, label)
        pairs = _mention_pairs(doc, entities, scores, selected, row, number)
        holds = bool(predicted[number])
        notes = _notes(pipe, controls, head, tail, label, fused[row], adjusted[row], number)
        added = scores.second[row, number].item() if scores.second.numel() else 0.0
        if added and isfinite(added):
            notes.append(f"a second reading has added {added:.2f} to the margin over TH (second_reading)")
        unread = len(head.mentions) * len(tail.mentions) - len(pairs)
        if unread:
            notes.append(
                f"{unread} mention pairs lie outside of what the encoder reads, or of one window of it "
                "(max_pieces, far_pairs)"
            )
        if score[number] > threshold and not holds:
            notes.append(
                f"{pipe.max_labels} other relations of the entity pair have a higher score (max_labels)"
            )
        reasons.append(
            RelationReason(
                label=label,
                label_text=pipe.label_text(label),
                logit=fused[row, number].item(),
                threshold_logit=fused[row, 0].item(),
                score=score[number],
                threshold=threshold,
                predicted=holds,
                notes=notes,
                mention_pairs=pairs,
            )
        )
    return Explanation(head, tail, key_threshold, reasons)


def _threshold(pipe: KmgreRelations, label: str) -> float:
    found: float = pipe.thresholds.get(label, pipe.threshold)
    return found


def _mention_pairs(
    doc: Doc,
    entities: Sequence[Entity],
    scores: PairScores,
    selected: Tensor,
    row: int,
    number: int,
) -> list[MentionPairReason]:
    mentions = mention_offsets(entities)
    rows = (scores.pair_index == row).nonzero().squeeze(1)
    share_logits = scores.share_logits(rows)
    share_logits = share_logits[:, [number % share_logits.shape[1]]]
    share = maths.mention_pair_share(share_logits, torch.zeros_like(rows), 1, selected[rows])[:, 0].tolist()
    key_scores = torch.sigmoid(scores.key[rows].float()).tolist()
    logits = scores.relation[scores.rows_of(rows)].float()
    # What a model says of entity pairs only is not what it says of their mention pairs.
    by_mention = not isinstance(scores, EntityPairScores)
    has_classifier = bool(torch.isfinite(scores.key).all())
    found = []
    for place, i in enumerate(rows.tolist()):
        start, end = (mentions[int(side[i])] for side in (scores.head, scores.tail))
        found.append(
            MentionPairReason(
                head=doc[start[0] : start[1]],
                tail=doc[end[0] : end[1]],
                key_score=key_scores[place] if has_classifier else None,
                key=bool(selected[i]),
                relation_score=torch.sigmoid(logits[place, number]).item() if by_mention else None,
                logit=logits[place, number].item() if by_mention else None,
                threshold_logit=logits[place, 0].item() if by_mention else None,
                share=share[place],
            )
        )
    return sorted(found, key=lambda pair: (-pair.share, -(pair.key_score or 0.0)))


def _notes(
    pipe: KmgreRelations,
    controls: Controls,
    head: Entity,
    tail: Entity,
    label: str,
    fused: Tensor,
    adjusted: Tensor,
    number: int,
) -> list[str]:
    """What the controls have changed.

    :param fused: *Shape:* (C,)
    :param adjusted: *Shape:* (C,)
    """
    notes = []
    if torch.isinf(adjusted[number]):
        notes.append(f"no allowed triple fits ({head.label}, {label}, {tail.label}) (allowed_triples)")
    inverse = controls.inverse_of(number)
    if inverse:
        other = pipe.labels[inverse - 1]
        own = (fused[number] - fused[0]).item()
        notes.append(
            f"averaged with {other} in the other direction: the margin over TH is {own:.2f} by itself "
            "(symmetric, inverse)"
        )
    if controls.calibrates:
        margin = adjusted[number] - adjusted[0]
        notes.append(f"calibrated: the margin over TH alone gives {torch.sigmoid(margin):.2f} (calibration)")
    return notes


def _span(span: Span) -> dict[str, Any]:
    return {"start": span.start_char, "end": span.end_char, "text": span.text}


def _entity(entity: Entity) -> dict[str, Any]:
    mentions = [_span(span) for span in entity.mentions]
    return {"key": entity.key, "text": entity.text, "label": entity.label, "mentions": mentions}
