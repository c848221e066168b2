"""Scores of predicted relations against gold ones.

Relations are triples of head entity, tail entity and label, counted per document in tallies that add up.
Ign F1 and evidence scores follow DocRED's official evaluation (Yao et al., ACL 2019), the groups M1 and M2
figure 3 of the KMGRE paper.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import fmean
from typing import (
    AbstractSet,
    Any,
    Callable,
    Collection,
    DefaultDict,
    Dict,
    FrozenSet,
    Hashable,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from .docs import get_relations, read_entities
from .types import Entity, Relation

RelationScorer = Callable[..., Dict[str, Any]]
Cluster = FrozenSet[Tuple[int, int]]
Groups = DefaultDict[str, Set[Any]]

SENTENCE_GROUPS = ("intra", "inter")
EVIDENCE_GROUPS = ("evidence", "evidence_labelled")
GROUPS = ("micro", *SENTENCE_GROUPS, "m1", "m2", *EVIDENCE_GROUPS)


@dataclass(frozen=True)
class Tally:
    """Counts behind a precision, a recall and their F; they add up over documents."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.correct + other.correct, self.predicted + other.predicted, self.gold + other.gold)

    def scores(self) -> Dict[str, Optional[float]]:
        """`p`, `r` and `f`: None with nothing gold and nothing predicted, else 0 for a zero denominator."""
        if not self.predicted and not self.gold:
            return {"p": None, "r": None, "f": None}
        precision, recall = _ratio(self.correct, self.predicted), _ratio(self.correct, self.gold)
        return {"p": precision, "r": recall, "f": _harmonic_mean(precision, recall)}


@dataclass(frozen=True)
class RelationCounts:
    """All that is counted in a document. Sums are the counts of a corpus, or of a bootstrap sample of it.

    :param groups: A tally for each of `GROUPS` that has members.
    :param labels: A tally for each label, gold or predicted.
    :param known: How many correct relations are facts of the training corpus.
    :param unsplit: How many documents have relations but no sentence boundaries.
    """

    groups: Dict[str, Tally] = field(default_factory=dict)
    labels: Dict[str, Tally] = field(default_factory=dict)
    known: int = 0
    unsplit: int = 0

    def __add__(self, other: "RelationCounts") -> "RelationCounts":
        return RelationCounts(
            _add(self.groups, other.groups),
            _add(self.labels, other.labels),
            self.known + other.known,
            self.unsplit + other.unsplit,
        )

    def scores(self) -> Dict[str, Any]:
        """The scores that `score_relations` describes."""
        result: Dict[str, Any] = {}
        tallies = {group: self.groups.get(group, Tally()) for group in GROUPS}
        for group, tally in tallies.items():
            unknown = (group in SENTENCE_GROUPS and self.unsplit) or (
                group in EVIDENCE_GROUPS and not tally.gold
            )
            for name, value in (Tally() if unknown else tally).scores().items():
                result[f"rel_{group}_{name}"] = value

        micro, evidence = tallies["micro"], tallies["evidence"]
        recall = result["rel_micro_r"]
        unseen = _ratio(micro.correct - self.known, micro.predicted - self.known)
        result["rel_ign_p"] = None if recall is None else unseen
        result["rel_ign_f"] = None if recall is None else _harmonic_mean(unseen, recall)

        per_type = {label: self.labels[label].scores() for label in sorted(self.labels)}
        for name in ("p", "r", "f"):
            values = [scores[name] or 0.0 for scores in per_type.values()]
            result[f"rel_macro_{name}"] = fmean(values) if values else None
        result["rel_per_type"] = per_type or None

        result["rel_counts"] = {
            "gold": micro.gold,
            "predicted": micro.predicted,
            "correct": micro.correct,
            "known": self.known,
            "evidence_gold": evidence.gold,
            "evidence_predicted": evidence.predicted,
            "evidence_correct": evidence.correct,
        }
        return result


@registry.scorers("spacy_kmgre.relation_scorer.v1")
def make_relation_scorer() -> RelationScorer:
    """The scorer of `kmgre_relations`, see `score_relations`."""
    return score_relations


def score_relations(
    examples: Iterable[Example], *, known_facts: Collection[int] = (), **cfg: Any
) -> Dict[str, Any]:
    """Score `doc._.relations` of the predicted Docs against those of the references.

    An entity is the same on both sides if it has the same mentions, by characters. A gold relation whose
    entities the predicted Doc lacks is a missed one; a relation that occurs twice counts once. All scores
    lie in [0, 1], or are None where there is nothing to score:

    - `rel_micro_{p,r,f}`: over all relations.
    - `rel_ign_{p,f}`: precision without the correct relations that `known_facts` holds, neither right
      nor wrong then, and its F with the full recall. The micro scores where no facts are known.
    - `rel_macro_{p,r,f}`: means over the labels that are gold or predicted. A label predicted but never
      gold counts with 0, as scikit-learn's macro average has it.
    - `rel_per_type`: `{label: {"p", "r", "f"}}`.
    - `rel_intra_{p,r,f}`, `rel_inter_{p,r,f}`: entity pairs of which some mention pair lies in one
      sentence of the reference, and the others. None where a document with relations has no sentence
      boundaries: the score of the rest would not be the corpus's.
    - `rel_m1_{p,r,f}`, `rel_m2_{p,r,f}`: entity pairs of which one side, or both, has several mentions.
    - `rel_evidence_{p,r,f}`: over pairs of a relation and an evidence sentence of it, right only if both
      are. None where no gold relation has evidence.
    - `rel_evidence_labelled_{p,r,f}`: the same without what is predicted for gold relations that carry no
      evidence. Corpora such as Re-DocRED annotate it for some relations only; elsewhere a sentence can
      be right and count as wrong.
    - `rel_counts`: the integers behind the micro, Ign and evidence scores.

    :param examples: References with gold relations, predicted Docs with those to score.
    :param known_facts: `relation_facts` of the training corpus.
    """
    known = frozenset(known_facts)
    return sum((count_relations(example, known) for example in examples), RelationCounts()).scores()


def count_relations(example: Example, known_facts: AbstractSet[int] = frozenset()) -> RelationCounts:
    """Count the gold, predicted and correct relations of a document.

    :param known_facts: `relation_facts` of the training corpus.
    """
    reference = example.reference
    gold_relations, predicted_relations = get_relations(reference), get_relations(example.predicted)
    starts = _sentence_starts(reference)
    reference_name = _reference_names(example, gold_relations)
    gold = _group(gold_relations, lambda entity: entity.key, starts)
    predicted = _group(predicted_relations, reference_name, starts)
    unsplit = starts is None and bool(gold_relations or predicted_relations)

    without_evidence = gold["micro"] - {triple for triple, _ in gold["evidence"]}
    gold["evidence_labelled"] = gold["evidence"]
    predicted["evidence_labelled"] = {
        (triple, sent) for triple, sent in predicted["evidence"] if triple not in without_evidence
    }

    correct = gold["micro"] & predicted["micro"]
    known = {
        (relation.head.key, relation.tail.key, relation.label)
        for relation in gold_relations
        if not known_facts.isdisjoint(relation_facts(reference, relation))
    }
    by_label = [
        Counter(label for _, _, label in side) for side in (correct, predicted["micro"], gold["micro"])
    ]
    return RelationCounts(
        groups={
            group: Tally(len(gold[group] & predicted[group]), len(predicted[group]), len(gold[group]))
            for group in GROUPS
            if gold[group] or predicted[group]
        },
        labels={label: Tally(*(side[label] for side in by_label)) for label in by_label[1] | by_label[2]},
        known=len(known & correct),
        unsplit=int(unsplit),
    )


def relation_facts(doc: Doc, relation: Relation) -> Iterator[int]:
    """The facts that a relation states in a Doc: 64-bit hashes, stable between machines and vocabularies,
    of a head mention's text, a tail mention's text and the label, for every combination of mentions.

    :param doc: The Doc that holds the mentions of the relation's entities.
    """
    heads, tails = ({span.text for span in doc.spans[side.key]} for side in (relation.head, relation.tail))
    for head in heads:
        for tail in tails:
            yield get_string_id("\x1f".join((head, tail, relation.label)))


def _reference_names(example: Example, gold: Sequence[Relation]) -> Callable[[Entity], Hashable]:
    """The function that gives a predicted entity the key it has in the reference, or where the
    reference lacks it a name that is no key."""
    reference, predicted = example.reference, example.predicted
    entities = [*read_entities(reference), *(side for rel in gold for side in (rel.head, rel.tail))]
    clusters = {entity.key: _cluster(entity) for entity in entities}
    keys: DefaultDict[Cluster, Set[str]] = defaultdict(set)
    for key, cluster in clusters.items():
        keys[cluster].add(key)

    def name(entity: Entity) -> Hashable:
        cluster = _cluster(entity)
        if cluster in keys:
            return entity.key if entity.key in keys[cluster] else min(keys[cluster])
        # Where the two Docs differ in tokens, a mention that begins or ends inside a token of the other
        # Doc is missing there. The key then tells that the clusters are one, if what they do not share
        # is all of that kind; otherwise the number is a coincidence.
        there = clusters.get(entity.key, frozenset())
        if cluster & there and not _fit(predicted, there - cluster) and not _fit(reference, cluster - there):
            return entity.key
        return (None, entity.key)

    return name


def _cluster(entity: Entity) -> Cluster:
    return frozenset((span.start_char, span.end_char) for span in entity.mentions)


def _fit(doc: Doc, offsets: Cluster) -> bool:
    """Whether any of the character offsets begin and end with tokens of the Doc."""
    return any(doc.char_span(start, end) is not None for start, end in offsets)


def _group(
    relations: Iterable[Relation], name: Callable[[Entity], Hashable], starts: Optional[List[int]]
) -> Groups:
    """The members of each group, each once: triples, and in the group `evidence` (triple, sentence)."""
    groups: Groups = defaultdict(set)
    for relation in relations:
        triple = (name(relation.head), name(relation.tail), relation.label)
        groups["micro"].add(triple)
        several = sum(len(side.mentions) > 1 for side in (relation.head, relation.tail))
        if several:
            groups[f"m{several}"].add(triple)
        if starts is not None:
            apart = _sentences(relation.head, starts).isdisjoint(_sentences(relation.tail, starts))
            groups["inter" if apart else "intra"].add(triple)
        groups["evidence"] |= {(triple, (sent.start_char, sent.end_char)) for sent in relation.evidence}
    return groups


def _sentence_starts(doc: Doc) -> Optional[List[int]]:
    """Character offsets, None where the Doc has no sentence boundaries."""
    return [sent.start_char for sent in doc.sents] if doc.has_annotation("SENT_START") else None


def _sentences(entity: Entity, starts: List[int]) -> Set[int]:
    """The numbers of the sentences that hold a mention whole."""
    ends = (
        (bisect_right(starts, s.start_char), bisect_right(starts, s.end_char - 1)) for s in entity.mentions
    )
    return {first for first, last in ends if first == last}


def _add(left: Dict[str, Tally], right: Dict[str, Tally]) -> Dict[str, Tally]:
    return {**left, **{name: left.get(name, Tally()) + tally for name, tally in right.items()}}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _harmonic_mean(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
