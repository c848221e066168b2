"""Scores of predicted relations against gold ones.

Relations are triples of head entity, tail entity and label. Where the predicted Docs have entities of their
own, each is aligned to a gold one first (see alignment.py). Ign F1 and evidence scores follow DocRED's
official evaluation (Yao et al., ACL 2019), and the groups M1 and M2 follow figure 3 of the KMGRE paper.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from spacy.strings import get_string_id
from spacy.training import Example
from spacy.util import registry

from ..annotations import get_entities, get_relations, sentence_starts
from ..types import Entity, Relation
from .alignment import align_entities, mention_set
from .tallies import CAUSES, LEVELS, RelationCounts, Tally

# An entity's name says which entity it is. It is the key of the gold entity that it counts as, or else
# something that is no key.
Name = Callable[[Entity], Hashable]
Triple = tuple[Hashable, Hashable, str]
# A grouper names a further group of a relation, or none. It gets the relation and the character offsets of the
# reference's sentences, None where it has none.
Grouper = Callable[[Relation, list[int] | None], str | None]


@registry.scorers("spacy_kmgre.relation_scorer.v1")  # type: ignore[untyped-decorator]  # catalogue has no types
def make_relation_scorer() -> Callable[..., dict[str, Any]]:
    """Make the scorer of `kmgre_relations` (see `score_relations`)."""
    return score_relations


def score_relations(
    examples: Iterable[Example], *, known_facts: Collection[int] = (), **_settings: Any
) -> dict[str, Any]:
    """Score `doc._.relations` of the predicted Docs against those of the references.

    A relation is right if its label is and both its entities are. With gold entities on the predicted side
    the entities are always right. With predicted ones there are three measures of that, from strict to
    lenient; they agree where the entities are gold:

    - `rel_strict_{p,r,f}`: the entity has exactly the mentions of a gold entity, by characters, and its type
      (where the gold entity has one).
    - `rel_micro_{p,r,f}`: it has exactly the mentions. All other scores below are of this kind.
    - `rel_overlap_{p,r,f}`: it is the one that `align_entities` aligns to the gold entity.

    A gold relation whose entities the predicted Doc lacks is a missed one; a relation that occurs twice
    counts once. All scores lie in [0, 1], or are None where there is nothing to score:

    - `rel_ign_{p,f}`: the precision without the correct relations that `known_facts` holds, which then count
      neither as right nor as wrong, and the F of this precision and the full recall. They are the micro
      scores where no facts are known.
    - `rel_macro_{p,r,f}`: means over the labels that are gold or predicted. A label that is predicted but
      never gold counts with 0, as in scikit-learn's macro average.
    - `rel_per_type`: `{label: {"p", "r", "f"}}`.
    - `rel_intra_{p,r,f}`, `rel_inter_{p,r,f}`: relations of entity pairs of which some mention pair lies in
      one sentence of the reference, and of the others. They are None where a document with relations has no
      sentence boundaries, as the score of the other documents would not be that of the corpus.
    - `rel_m1_{p,r,f}`, `rel_m2_{p,r,f}`: relations of entity pairs of which one entity, or both, has several
      mentions.
    - `rel_evidence_{p,r,f}`: pairs of a relation and an evidence sentence of it, right only if both are.
      They are None where no gold relation has evidence.
    - `rel_evidence_labelled_{p,r,f}`: the same, but evidence that is predicted for gold relations without
      evidence does not count. Corpora such as Re-DocRED annotate it for some relations only; for the others a
      sentence can be right and count as wrong.
    - `rel_unaligned_{gold,predicted,relations}`: the numbers of gold and of predicted entities that overlap no
      entity of the other side that is left for them, and of gold relations that have such an entity.
    - `rel_missed`: the numbers of gold relations that are not strictly found, by the first cause that applies:
      "mention", some mention of its entities is in no predicted entity; "cluster", the mentions are found
      but not as one entity, or with others; "type", only a type is wrong; "relation", the entities are right.
    - `rel_spurious`: the numbers of predicted relations that are not strictly right, by the same causes seen
      from the other side, such as a mention that is in no gold entity.
    - `rel_counts`: the integers behind the micro, Ign and evidence scores.

    :param examples: References with gold relations, predicted Docs with those to score.
    :param known_facts: The `relation_facts` of the training corpus.
    """
    known = frozenset(known_facts)
    return sum((count_relations(example, known) for example in examples), RelationCounts()).scores()


def count_relations(
    example: Example, known_facts: AbstractSet[int] = frozenset(), groupers: Sequence[Grouper] = ()
) -> RelationCounts:
    """Count the gold, predicted and correct relations of a document.

    :param known_facts: The `relation_facts` of the training corpus.
    :param groupers: Functions that put relations into further groups.
    """
    reference = example.reference
    gold_relations, predicted_relations = get_relations(reference), get_relations(example.predicted)
    entities = _compare(get_entities(example.predicted), get_entities(reference))
    starts = sentence_starts(reference)
    gold = _group(gold_relations, _key, starts, groupers)
    predicted = _group(predicted_relations, entities.name("micro"), starts, groupers)
    for level in ("strict", "overlap"):
        gold[level] = gold["micro"]
        predicted[level] = {_triple(relation, entities.name(level)) for relation in predicted_relations}

    without_evidence = gold["micro"] - {triple for triple, _ in gold["evidence"]}
    gold["evidence_labelled"] = gold["evidence"]
    predicted["evidence_labelled"] = {
        (triple, sentence) for triple, sentence in predicted["evidence"] if triple not in without_evidence
    }

    correct = gold["micro"] & predicted["micro"]
    known = {
        _triple(relation, _key)
        for relation in gold_relations
        if not known_facts.isdisjoint(relation_facts(relation))
    }
    right, ours, theirs = (
        Counter(label for *_, label in side) for side in (correct, predicted["micro"], gold["micro"])
    )
    return RelationCounts(
        groups={
            group: Tally(len(gold[group] & predicted[group]), len(predicted[group]), len(gold[group]))
            for group in {**gold, **predicted}
            if gold[group] or predicted[group]
        },
        labels={label: Tally(right[label], ours[label], theirs[label]) for label in ours | theirs},
        known=len(known & correct),
        unsplit=int(starts is None and bool(gold_relations or predicted_relations)),
        missed=Counter(map(entities.cause, gold["strict"] - predicted["strict"])),
        spurious=Counter(map(entities.cause, predicted["strict"] - gold["strict"])),
        unaligned=Counter(
            gold=len(entities.missed),
            predicted=entities.spurious,
            relations=sum(not entities.missed.isdisjoint(triple[:2]) for triple in gold["micro"]),
        ),
    )


def relation_facts(relation: Relation) -> Iterator[int]:
    """Yield the facts that a relation states. They are 64-bit hashes of a head mention's text, a tail
    mention's text and the label, one for each combination of texts. They are the same on all machines and
    with all vocabularies.
    """
    heads, tails = ({span.text for span in side.mentions} for side in (relation.head, relation.tail))
    for head in heads:
        for tail in tails:
            yield get_string_id("\x1f".join((head, tail, relation.label)))


def sentence_numbers(entity: Entity, starts: list[int]) -> set[int]:
    """Return the numbers, from 1, of the sentences that hold a mention of the entity whole.

    :param starts: The sentences' character offsets.
    """
    ends = (
        (bisect_right(starts, s.start_char), bisect_right(starts, s.end_char - 1)) for s in entity.mentions
    )
    return {first for first, last in ends if first == last}


@dataclass(frozen=True)
class _Comparison:
    """The entities of a predicted Doc beside those of its reference.

    :param gold_keys: For each of `LEVELS`, the gold key of each predicted entity that counts as a gold one,
        by its own key.
    :param faults: The causes that keep entities from being strictly right, by the entities' names.
    :param missed: The keys of the gold entities without a counterpart.
    :param spurious: The number of predicted entities without one.
    """

    gold_keys: dict[str, dict[str, str]]
    faults: dict[Hashable, str]
    missed: set[str]
    spurious: int

    def name(self, level: str) -> Name:
        return lambda entity: self.gold_keys[level].get(entity.key, _own_name(entity))

    def cause(self, triple: Triple) -> str:
        """Say why a gold relation is not predicted, or a predicted one is not gold, strictly."""
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
    for entities, others, right, name in (
        (gold, predicted, theirs, _key),
        (predicted, gold, ours, _own_name),
    ):
        mentions = frozenset().union(*map(mention_set, others))
        for entity in entities:
            if entity.key not in right["micro"]:
                faults[name(entity)] = "cluster" if mention_set(entity) <= mentions else "mention"
            elif entity.key not in right["strict"]:
                faults[name(entity)] = "type"
    missed = {entity.key for entity in gold} - theirs["overlap"]
    return _Comparison(keys, faults, missed, spurious=len(predicted) - len(ours["overlap"]))


def _key(entity: Entity) -> Hashable:
    return entity.key


def _own_name(entity: Entity) -> Hashable:
    """Return the name of a predicted entity that counts as no gold one."""
    return (None, entity.key)


def _triple(relation: Relation, name: Name) -> Triple:
    return (name(relation.head), name(relation.tail), relation.label)


def _group(
    relations: Iterable[Relation], name: Name, starts: list[int] | None, groupers: Sequence[Grouper]
) -> defaultdict[str, set[Any]]:
    """Return the members of each group. They are triples, but in the group `evidence` pairs of a triple and a
    sentence."""
    groups: defaultdict[str, set[Any]] = defaultdict(set)
    for relation in relations:
        triple = _triple(relation, name)
        several = sum(len(side.mentions) > 1 for side in (relation.head, relation.tail))
        names = ["micro", f"m{several}" if several else None, _place(relation, starts)]
        names += [grouper(relation, starts) for grouper in groupers]
        for group in names:
            if group is not None:
                groups[group].add(triple)
        groups["evidence"] |= {(triple, (sent.start_char, sent.end_char)) for sent in relation.evidence}
    return groups


def _place(relation: Relation, starts: list[int] | None) -> str | None:
    """Return "intra" if the relation's entities share a sentence, else "inter"; None without sentence
    boundaries."""
    if starts is None:
        return None
    heads, tails = sentence_numbers(relation.head, starts), sentence_numbers(relation.tail, starts)
    return "inter" if heads.isdisjoint(tails) else "intra"
