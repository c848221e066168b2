"""`spacy kmgre evaluate --entities predicted`."""

from pathlib import Path
from typing import Any

from spacy import Language
from spacy.scorer import Scorer
from wasabi import msg

from ..annotations import all_entities
from ..scoring.entities import score_entities
from ..training.corpus import create_corpus_reader
from .printing import precision_recall_f, print_table

ENTITIES = {
    "mention": "mentions",
    "muc": "MUC",
    "b3": "B³",
    "ceafe": "CEAF_e",
    "conll": "mean of MUC, B³ and CEAF_e (CoNLL)",
}
RELATIONS = {
    "strict": "predicted entities, mentions and types right (strict)",
    "micro": "predicted entities, mentions right",
    "overlap": "predicted entities, mentions overlap",
}
LOSSES = {
    "mention": "a mention is missing, or is none",
    "cluster": "mentions are not put together right",
    "type": "an entity has another type",
    "relation": "the entities are right, the relation is not",
}


def evaluate_predicted(nlp: Language, corpus: Path, gold: dict[str, Any]) -> dict[str, Any]:
    """Score a pipeline on the raw texts of a corpus, with tokens and entities of its own, and print tables.

    :param gold: The scores between gold entities, shown beside.
    :returns: The scores of all components, and those of `score_entities`.
    """
    examples = list(create_corpus_reader(corpus, gold_entities=False, gold_tokens=False)(nlp))
    for example, doc in zip(examples, nlp.pipe(example.predicted for example in examples)):
        example.predicted = doc
    if not any(all_entities(example.predicted) for example in examples):
        msg.fail(
            "The pipeline finds no entities in these texts: kmgre_entities is missing, or untrained", exits=1
        )
    scores = {**score_entities(examples), **Scorer(nlp).score(examples)}

    msg.divider(f"From raw text ({len(examples)} documents)")
    print_table(
        ["entities", *"PRF"],
        [(text, *precision_recall_f(scores, f"ent_{name}")) for name, text in ENTITIES.items()],
    )
    rows = [(text, *precision_recall_f(scores, f"rel_{name}")) for name, text in RELATIONS.items()]
    print_table(
        ["relations between ...", *"PRF"], [("gold entities", *precision_recall_f(gold, "rel_micro")), *rows]
    )
    missed, spurious = scores["rel_missed"], scores["rel_spurious"]
    if missed is not None:
        rows = [(text, str(missed[cause]), str(spurious[cause])) for cause, text in LOSSES.items()]
        total = ("together", str(sum(missed.values())), str(sum(spurious.values())))
        print_table(["why relations are not strictly right", "missed", "wrong"], [*rows, total])
        print(
            "Entities without a counterpart: {rel_unaligned_gold} gold ones, with {rel_unaligned_relations} "
            "relations, and {rel_unaligned_predicted} predicted ones".format(**scores)
        )
    return scores
