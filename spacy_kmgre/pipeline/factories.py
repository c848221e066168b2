"""The registered factories, with their defaults.

torch and transformers are imported when a component is made, not when spaCy lists factories.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.pipeline import Pipe, TrainablePipe
from spacy.tokens import Doc
from thinc.api import Model

from ..annotations import ENTITY_PREFIX
from ..types import Entity

DEFAULT_CONFIG = {
    "model": {
        "@architectures": "spacy_kmgre.KMGRE.v1",
        "encoder": {"@architectures": "spacy_kmgre.Encoder.v1", "name": "bert-base-uncased"},
    },
    "entities": {"@misc": "spacy_kmgre.span_group_entities.v1", "prefix": ENTITY_PREFIX},
    "threshold": 0.5,
    "max_labels": 4,
    "evidence_share": 0.8,
    "evidence_score": 0.0,
    "second_reading": 0.0,
    "precision": "float32",
    "thresholds": [],
    "allowed_triples": None,
    "symmetric": [],
    "inverse": [],
    "calibration": [1.0, 0.0],
    "label_texts": {},
    "merge_relations": False,
    "scorer": {"@scorers": "spacy_kmgre.relation_scorer.v1"},
}

ENTITIES_CONFIG = {
    "entities": {"@misc": "spacy_kmgre.ner_entities.v2", "rules": "pretrained"},
    "prefix": ENTITY_PREFIX,
    "types": None,
    "overwrite": True,
    "scorer": None,
}

SCORE_WEIGHTS: dict[str, float | None] = {
    "rel_micro_f": 1.0,
    "rel_micro_p": 0.0,
    "rel_micro_r": 0.0,
    "rel_ign_f": 0.0,
    "rel_evidence_f": 0.0,
}


@Language.factory(
    "kmgre_relations",
    requires=["doc.spans"],
    assigns=["doc._.relations"],
    default_config=DEFAULT_CONFIG,
    default_score_weights=SCORE_WEIGHTS,
)
def make_relation_component(
    nlp: Language,
    name: str,
    model: Model[Any, Any],
    entities: Callable[[Doc], list[Entity]],
    threshold: float,
    max_labels: int,
    evidence_share: float,
    evidence_score: float,
    second_reading: float,
    precision: str,
    thresholds: dict[str, float] | list[list[Any]],
    allowed_triples: str | list[list[str]] | None,
    symmetric: list[str],
    inverse: list[list[str]],
    calibration: list[float],
    label_texts: dict[str, str],
    merge_relations: bool,
    scorer: Callable[..., Any] | None,
) -> TrainablePipe:
    """Make the component that writes `doc._.relations`.

    :param model: `spacy_kmgre.KMGRE.v1` or `spacy_kmgre.ATLOP.v1`.
    :param entities: The reader of entity clusters.
    :param threshold: The score above which a relation is predicted, in [0, 1]. Labels in `thresholds` have
        their own.
    :param max_labels: The largest number of relations of an entity pair.
    :param evidence_share: The sentences of the leading key mention pairs are evidence until the pairs'
        shares reach this, in [0, 1].
    :param evidence_score: The least own score of such a sentence, in [0, 1]. It is the score of the part of
        the relation's odds that the sentence keeps by itself (see `evidence_sentences` in decode.py). A
        relation may have no such sentence.
    :param second_reading: The weight of a second reading, in [0, 1]; 0 for none. Entity pairs with a relation near its
        threshold are read again in the sentences of their leading key mention pair alone, and the margins over the
        threshold class that they get there, times this, are added (see second_reading.py). Docs need sentences.
    :param precision: What the encoders compute in when they predict, "float32" or "bfloat16"; "auto" stands for
        bfloat16 on a device that has instructions for it; a CPU with AMX takes less than half of the time then. In
        bfloat16 a Doc's scores depend a little on the Docs that are read with it.
    :param thresholds: Thresholds of single labels, as a section of the config or as pairs; only pairs take
        labels with a colon or an equals sign. The other labels have `threshold`. `Controls` in settings.py
        makes one tensor of both.
    :param allowed_triples: Predict only these (head type, label, tail type); "corpus" for those of the
        training corpus, None for all. The empty type, of an entity or in a triple, stands for any.
    :param symmetric: Labels that hold in both directions. Their margins over the threshold class are averaged
        over both directions, so that both are predicted or neither is.
    :param inverse: Pairs of labels of which one holds from head to tail where the other holds from tail to
        head. Their margins are averaged in the same way.
    :param calibration: [slope, intercept], which make scores probabilities: σ(slope (l_c - l_TH) + intercept). What
        thresholds mean changes with them; evidence does not. `spacy kmgre evaluate --write-calibration` finds them.
    :param label_texts: Labels in words (P22: father), for people who read relations, and at `initialize` for heads that
        begin with them. They take precedence over the words that the training corpus has.
    :param merge_relations: Whether `doc._.relations` also keeps what other relation components before this one have
        found. Otherwise it has those of this one only. `doc._.relations_of(name)` has those of each.
    :param scorer: What `nlp.evaluate` and `spacy evaluate` score the relations with; null for no scores.
    """
    from .relations import KmgreRelations
    from .settings import Settings

    settings = Settings(
        threshold=threshold,
        max_labels=max_labels,
        evidence_share=evidence_share,
        evidence_score=evidence_score,
        second_reading=second_reading,
        precision=precision,
        thresholds=thresholds,
        allowed_triples=allowed_triples,
        symmetric=symmetric,
        inverse=inverse,
        calibration=calibration,
        label_texts=label_texts,
        merge_relations=merge_relations,
    )
    return KmgreRelations(nlp.vocab, model, name, entities=entities, settings=settings, scorer=scorer)


@Language.factory(
    "kmgre_entities",
    requires=["doc.ents"],
    assigns=["doc.spans", "doc._.entities", "span._.entity"],
    default_config=ENTITIES_CONFIG,
)
def make_entity_component(
    nlp: Language,
    name: str,
    entities: Callable[[Doc], list[Entity]],
    prefix: str,
    types: dict[str, str | None] | str | Path | None,
    overwrite: bool,
    scorer: Callable[..., Any] | None,
) -> Pipe:
    """Make the component that writes entities into span groups, before `kmgre_relations`.

    :param entities: The reader that finds them.
    :param prefix: What the groups' keys begin with, followed by a number.
    :param types: What entity types become, so that they are those that the relations were trained with: a table by
        name ("ontonotes_docred", "conll_docred", "wikiner_docred", or another package's), {type: type}, or the path of
        a JSON file that holds this. Null leaves a type out; types that are not named stay.
    :param overwrite: Whether groups that have the prefix are replaced. Otherwise a Doc that has any is left
        as it is, for instance as people have corrected it.
    :param scorer: What `nlp.evaluate` and `spacy evaluate` score the entities with; null for no scores.
    """
    from ..entities.type_tables import read_types
    from .entities import KmgreEntities

    return KmgreEntities(
        name,
        entities=entities,
        prefix=prefix,
        types=read_types(types),
        overwrite=overwrite,
        scorer=scorer,
    )
