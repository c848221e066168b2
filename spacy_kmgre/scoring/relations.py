"""Scores of predicted relations against gold ones.

Relations are triples of head entity, tail entity and label, counted per document in tallies that add up.
Where the predicted Docs have entities of their own, each is aligned to a gold one first (see alignment.py).
Ign F1 and evidence scores follow DocRED's official evaluation (Yao et al., ACL 2019), the groups M1 and M2
figure 3 of the KMGRE paper.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections import Counter as CounterType
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from ..annotations import all_entities, get_relations, sentence_starts
from ..types import Entity, Relation
from .alignment import align_entities, cluster

RelationScorer = Callable[..., dict[str, Any]]
Groups = defaultdict[str, set[Any]]
Name = Callable[[Entity], Hashable]
Triple = tuple[Hashable, Hashable, str]
# Gets a relation and the character offsets of the reference's sentences, None where it has none.
Grouping = Callable[[Relation, list[int] | None], str | None]

# When a predicted entity counts as a gold one: it has the same mentions, the same type too, or it is aligned.
LEVELS = ("micro", "strict", "overlap")
SENTENCE_GROUPS = ("intra", "inter")
EVIDENCE_GROUPS = ("evidence", "evidence_labelled")
GROUPS = (*LEVELS, *SENTENCE_GROUPS, "m1", "m2", *EVIDENCE_GROUPS)
# Why a relation is not strictly right, in the order of the pipeline.
CAUSES = ("mention", "cluster", "type", "relation")
UNALIGNED = ("gold", "predicted", "relations")


@dataclass(frozen=True)
class Tally:
    """Counts behind a precision, a recall and their F; they add up over documents."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.correct + other.correct, self.predicted + other.predicted, self.gold + other.gold)

    def scores(self) -> dict[str, float | None]:
        """`p`, `r` and `f`: None with nothing gold and nothing predicted, else 0 for a zero denominator."""
        return precision_recall_f(self.correct, self.predicted, self.correct, self.gold)


@dataclass(frozen=True)
class RelationCounts:
    """All that is counted in a document. Sums are the counts of a corpus, or of a bootstrap sample of it.

    :param groups: A tally for each of `GROUPS`, and of what `groupings` give, that has members.
    :param labels: A tally for each label, gold or predicted.
    :param known: How many correct relations are facts of the training corpus.
    :param unsplit: How many documents have relations but no sentence boundaries.
    :param missed: Gold relations that are not strictly found, by `CAUSES`.
    :param spurious: Predicted relations that are not strictly right, by `CAUSES`.
    :param unaligned: By `UNALIGNED`: gold and predicted entities without a counterpart, and gold relations
        of such entities.
    """

    groups: dict[str, Tally] = field(default_factory=dict)
    labels: dict[str, Tally] = field(default_factory=dict)
    known: int = 0
    unsplit: int = 0
    missed: CounterType[str] = field(default_factory=Counter)
    spurious: CounterType[str] = field(default_factory=Counter)
    unaligned: CounterType[str] = field(default_factory=Counter)

    def __add__(self, other: "RelationCounts") -> "RelationCounts":
        return RelationCounts(
            _add(self.groups, other.groups),
            _add(self.labels, other.labels),
            self.known + other.known,
            self.unsplit + other.unsplit,
            self.missed + other.missed,
            self.spurious + other.spurious,
            self.unaligned + other.unaligned,
        )

    def scores(self) -> dict[str, Any]:
        """The scores that `score_relations` describes."""
        result: dict[str, Any] = {}
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

        for side in UNALIGNED:
            result[f"rel_unaligned_{side}"] = None if recall is None else self.unaligned[side]
        for name, lost in (("missed", self.missed), ("spurious", self.spurious)):
            result[f"rel_{name}"] = None if recall is None else {cause: lost[cause] for cause in CAUSES}

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
) -> dict[str, Any]:
    """Score `doc._.relations` of the predicted Docs against those of the references.

    A relation is right if its label is and both its entities are. With gold entities on the predicted side
    they always are; with predicted ones there are three answers, from strict to lenient, the same figures
    where the entities are gold:

    - `rel_strict_{p,r,f}`: the entity has exactly the mentions of a gold entity, by characters, and its type
      (where the gold entity has one).
    - `rel_micro_{p,r,f}`: it has exactly the mentions. All other scores below are of this kind.
    - `rel_overlap_{p,r,f}`: it is the one aligned to the gold entity by the overlap of their mentions
      (`align_entities`).

    A gold relation whose entities the predicted Doc lacks is a missed one; a relation that occurs twice
    counts once. All scores lie in [0, 1], or are None where there is nothing to score:

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
    - `rel_unaligned_{gold,predicted,relations}`: how many gold and predicted entities overlap no entity of
      the other side that is left for them, and how many gold relations are of such entities.
    - `rel_missed`: how many gold relations are not strictly found, by the first cause that applies:
      "mention", some mention of its entities is in no predicted entity; "cluster", the mentions are found
      but not as one entity, or with others; "type", only a type is wrong; "relation", the entities are
      right. `rel_spurious`: how many predicted relations are not strictly right, by the same causes seen
      from the other side, such as a mention that is in no gold entity.
    - `rel_counts`: the integers behind the micro, Ign and evidence scores.

    :param examples: References with gold relations, predicted Docs with those to score.
    :param known_facts: `relation_facts` of the training corpus.
    """
    known = frozenset(known_facts)
    return sum((count_relations(example, known) for example in examples), RelationCounts()).scores()


def count_relations(
    example: Example, known_facts: AbstractSet[int] = frozenset(), groupings: Sequence[Grouping] = ()
) -> RelationCounts:
    """Count the gold, predicted and correct relations of a document.

    :param known_facts: `relation_facts` of the training corpus.
    :param groupings: Each puts a relation into a further group, or into none.
    """
    reference = example.reference
    gold_relations, predicted_relations = get_relations(reference), get_relations(example.predicted)
    entities = _compare(all_entities(example.predicted), all_entities(reference))
    starts = sentence_starts(reference)
    gold = _group(gold_relations, _key, starts, groupings)
    predicted = _group(predicted_relations, entities.name("micro"), starts, groupings)
    for level in ("strict", "overlap"):
        gold[level] = gold["micro"]
        predicted[level] = {_triple(relation, entities.name(level)) for relation in predicted_relations}
    unsplit = starts is None and bool(gold_relations or predicted_relations)

    without_evidence = gold["micro"] - {triple for triple, _ in gold["evidence"]}
    gold["evidence_labelled"] = gold["evidence"]
    predicted["evidence_labelled"] = {
        (triple, sent) for triple, sent in predicted["evidence"] if triple not in without_evidence
    }

    correct = gold["micro"] & predicted["micro"]
    known = {
        _triple(relation, _key)
        for relation in gold_relations
        if not known_facts.isdisjoint(relation_facts(reference, relation))
    }
    by_label = [
        Counter(label for _, _, label in side) for side in (correct, predicted["micro"], gold["micro"])
    ]
    return RelationCounts(
        groups={
            group: Tally(len(gold[group] & predicted[group]), len(predicted[group]), len(gold[group]))
            for group in {**gold, **predicted}
            if gold[group] or predicted[group]
        },
        labels={label: Tally(*(side[label] for side in by_label)) for label in by_label[1] | by_label[2]},
        known=len(known & correct),
        unsplit=int(unsplit),
        missed=Counter(map(entities.cause, gold["strict"] - predicted["strict"])),
        spurious=Counter(map(entities.cause, predicted["strict"] - gold["strict"])),
        unaligned=Counter(
            gold=len(entities.lost),
            predicted=entities.extra,
            relations=sum(not entities.lost.isdisjoint(triple[:2]) for triple in gold["micro"]),
        ),
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


@dataclass(frozen=True)
class _Comparison:
    """The entities of a predicted Doc beside those of its reference. A name is the key of a gold entity, or
    what `_no_key` gives for a predicted one that counts as none.

    :param keys: For each of `LEVELS`, by key, the predicted entities that count as a gold one, and its key.
    :param faults: What keeps an entity from being strictly right, by name.
    :param lost: Keys of the gold entities without a counterpart.
    :param extra: How many predicted entities have none.
    """

    keys: dict[str, dict[str, str]]
    faults: dict[Hashable, str]
    lost: set[str]
    extra: int

    def name(self, level: str) -> Name:
        return lambda entity: self.keys[level].get(entity.key, _no_key(entity))

    def cause(self, triple: Triple) -> str:
        """Why a gold relation was not predicted, or a predicted one is not gold, strictly."""
        faults = (self.faults[name] for name in triple[:2] if name in self.faults)
        return min(faults, key=CAUSES.index, default="relation")


def _compare(predicted: Sequence[Entity], gold: Sequence[Entity]) -> _Comparison:
    keys: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    for entity, match in zip(predicted, align_entities(predicted, gold)):
        if match is not None:
            there = gold[match.gold]
            keys["overlap"][entity.key] = there.key
            if match.same:
                keys["micro"][entity.key] = there.key
                if there.label in ("", entity.label):
                    keys["strict"][entity.key] = there.key
    ours = {level: set(keys[level]) for level in LEVELS}
    theirs = {level: set(keys[level].values()) for level in LEVELS}
    faults: dict[Hashable, str] = {}
    for entities, others, right, name in ((gold, predicted, theirs, _key), (predicted, gold, ours, _no_key)):
        mentions = frozenset().union(*map(cluster, others))
        for entity in entities:
            if entity.key not in right["micro"]:
                faults[name(entity)] = "cluster" if cluster(entity) <= mentions else "mention"
            elif entity.key not in right["strict"]:
                faults[name(entity)] = "type"
    return _Comparison(
        keys,
        faults,
        lost={entity.key for entity in gold} - theirs["overlap"],
        extra=len(predicted) - len(ours["overlap"]),
    )


def _key(entity: Entity) -> Hashable:
    return entity.key


def _no_key(entity: Entity) -> Hashable:
    return (None, entity.key)


def _triple(relation: Relation, name: Name) -> Triple:
    return (name(relation.head), name(relation.tail), relation.label)


def _group(
    relations: Iterable[Relation],
    name: Name,
    starts: list[int] | None,
    groupings: Sequence[Grouping],
) -> Groups:
    """The members of each group, each once: triples, and in the group `evidence` (triple, sentence)."""
    groups: Groups = defaultdict(set)
    for relation in relations:
        triple = _triple(relation, name)
        groups["micro"].add(triple)
        several = sum(len(side.mentions) > 1 for side in (relation.head, relation.tail))
        if several:
            groups[f"m{several}"].add(triple)
        if starts is not None:
            apart = sentence_numbers(relation.head, starts).isdisjoint(
                sentence_numbers(relation.tail, starts)
            )
            groups["inter" if apart else "intra"].add(triple)
        groups["evidence"] |= {(triple, (sent.start_char, sent.end_char)) for sent in relation.evidence}
        for grouping in groupings:
            group = grouping(relation, starts)
            if group is not None:
                groups[group].add(triple)
    return groups


def sentence_numbers(entity: Entity, starts: list[int]) -> set[int]:
    """The numbers, from 1, of the sentences that hold a mention of the entity whole.

    :param starts: The sentences' character offsets.
    """
    ends = (
        (bisect_right(starts, s.start_char), bisect_right(starts, s.end_char - 1)) for s in entity.mentions
    )
    return {first for first, last in ends if first == last}


def _add(left: dict[str, Tally], right: dict[str, Tally]) -> dict[str, Tally]:
    return {**left, **{name: left.get(name, Tally()) + tally for name, tally in right.items()}}


def precision_recall_f(
    correct: float, predicted: float, found: float, gold: float
) -> dict[str, float | None]:
    """`p` = correct / predicted, `r` = found / gold and `f`: None with nothing gold and nothing predicted, else
    0 for a zero denominator."""
    if not predicted and not gold:
        return {"p": None, "r": None, "f": None}
    precision, recall = _ratio(correct, predicted), _ratio(found, gold)
    return {"p": precision, "r": recall, "f": _harmonic_mean(precision, recall)}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _harmonic_mean(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
