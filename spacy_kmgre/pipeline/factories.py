"""The registered factory and architectures, with their defaults.

torch models and transformers are imported when one is made, not when spaCy lists factories.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spacy import Language, util
from spacy.pipeline import Pipe, TrainablePipe
from spacy.tokens import Doc
from spacy.util import registry

from ..annotations import ENTITY_PREFIX
from ..errors import Errors
from ..types import Entity

if TYPE_CHECKING:
    from ..model.thinc_shim import RelationModel

DEFAULT_CONFIG = {
    "model": {
        "@architectures": "spacy_kmgre.KMGRE.v1",
        "encoder": {"@architectures": "spacy_kmgre.Encoder.v1", "name": "bert-base-uncased"},
    },
    "entities": {"@misc": "spacy_kmgre.span_group_entities.v1", "prefix": "entity_"},
    "threshold": 0.5,
    "max_labels": 4,
    "evidence_share": 0.8,
    "evidence_score": 0.0,
    "thresholds": [],
    "allowed_triples": None,
    "symmetric": [],
    "inverse": [],
    "calibration": [1.0, 0.0],
    "scorer": {"@scorers": "spacy_kmgre.relation_scorer.v1"},
}

ENTITIES_CONFIG = {
    "entities": {"@misc": "spacy_kmgre.ner_entities.v1"},
    "prefix": ENTITY_PREFIX,
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
    assigns=["doc._.relations"],
    default_config=DEFAULT_CONFIG,
    default_score_weights=SCORE_WEIGHTS,
)
def make_relation_component(
    nlp: Language,
    name: str,
    model: "RelationModel",
    entities: Callable[[Doc], list[Entity]],
    threshold: float,
    max_labels: int,
    evidence_share: float,
    evidence_score: float,
    thresholds: dict[str, float] | list[list[Any]],
    allowed_triples: str | list[list[str]] | None,
    symmetric: list[str],
    inverse: list[list[str]],
    calibration: list[float],
    scorer: Callable | None,
) -> TrainablePipe:
    """The component that writes `doc._.relations`.

    :param model: `spacy_kmgre.KMGRE.v1` or `spacy_kmgre.ATLOP.v1`.
    :param entities: The reader of entity clusters.
    :param threshold: Score above which a relation is predicted, in [0, 1].
    :param max_labels: Most relations of an entity pair.
    :param evidence_share: The sentences of the leading key mention pairs are evidence until the pairs'
        shares reach this, in [0, 1].
    :param evidence_score: The least score of its own that such a sentence has, in [0, 1]: the score that
        is left where the odds of the relation keep only the part of the sentence's key pairs and context (see
        evidence.py). A relation may have no such sentence.
    :param thresholds: Thresholds of single labels, as a section of the config or as pairs; only pairs take labels
        with a colon or an equals sign. The other labels have `threshold`.
    :param allowed_triples: Predict only these (head type, label, tail type); "corpus" for those of the training
        corpus, None for all. The empty type stands for any, on an entity as in a triple.
    :param symmetric: Labels that hold in both directions. Their margins over the threshold class are averaged
        over both, so that both are predicted or neither.
    :param inverse: Pairs of labels of which one holds from head to tail where the other holds from tail to
        head; averaged in the same way.
    :param calibration: [slope, intercept], which make scores probabilities: σ(slope (l_c - l_TH) + intercept). What
        thresholds mean changes with them; evidence does not. `spacy kmgre evaluate --write-calibration` finds them.
    """
    from .relations import KmgreRelations

    return KmgreRelations(
        nlp.vocab,
        model,
        name,
        entities=entities,
        threshold=threshold,
        max_labels=max_labels,
        evidence_share=evidence_share,
        evidence_score=evidence_score,
        thresholds=thresholds,
        allowed_triples=allowed_triples,
        symmetric=symmetric,
        inverse=inverse,
        calibration=calibration,
        scorer=scorer,
    )


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
    overwrite: bool,
    scorer: Callable | None,
) -> Pipe:
    """The component that writes entities into span groups, before `kmgre_relations`.

    :param entities: The reader that finds them.
    :param prefix: What the groups' keys begin with, followed by a number.
    :param overwrite: Replace groups that have the prefix. Otherwise a Doc that has any is left as it is,
        for instance as people have corrected it.
    """
    from .entities import KmgreEntities

    return KmgreEntities(name, entities=entities, prefix=prefix, overwrite=overwrite, scorer=scorer)


@registry.architectures("spacy_kmgre.Encoder.v1")
def build_encoder(
    name: str = "bert-base-uncased",
    max_length: int | None = None,
    overlap: int = 128,
    max_pieces: int | None = None,
    batch_pieces: int | None = None,
    typed_markers: bool = False,
    tokenizer_config: dict[str, Any] = util.SimpleFrozenDict(),  # noqa: B008
    transformer_config: dict[str, Any] = util.SimpleFrozenDict(),  # noqa: B008
) -> dict[str, Any]:
    """Which encoder, and how it reads; it is loaded at `initialize`.

    :param name: A name on the Hugging Face hub, a folder, or `package:NAME` for a model that an installed
        Python package carries.
    :param max_length: Longest window in word pieces, special ones included; the encoder's limit where None.
    :param overlap: Word pieces that neighbouring windows share.
    :param max_pieces: Read no more of a document, with a warning where entities are lost; all where None.
    :param batch_pieces: Word pieces that go through the encoder at a time; where None 512 on a processor and
        16,384 on a GPU.
    :param typed_markers: The marker before a mention is the first word piece of its entity's type. Otherwise it
        is the same for all mentions, as in the papers.
    :param tokenizer_config: Passed to AutoTokenizer.from_pretrained; `trust_remote_code` stays off, whatever it says.
    :param transformer_config: Passed to AutoConfig.from_pretrained; `trust_remote_code` stays off here too.
    """
    if max_length is not None and max_length - 4 <= overlap:
        raise ValueError(
            Errors.E023.format(setting="overlap", value=overlap, expected="below max_length - 4")
        )
    return {
        "name": name,
        "max_length": max_length,
        "overlap": overlap,
        "max_pieces": max_pieces,
        "batch_pieces": batch_pieces,
        "typed_markers": typed_markers,
        "tokenizer_config": {"use_fast": True, **tokenizer_config},
        "transformer_config": dict(transformer_config),
    }


@registry.architectures("spacy_kmgre.KMGRE.v1")
def build_kmgre(
    encoder: dict[str, Any],
    head: str = "linear",
    head_width: int = 768,
    head_block: int = 64,
    context: str = "per_head",
    shared_encoder: bool = False,
    shared_layers: int = 0,
    key_classifier: bool = True,
    fusion: bool = True,
    xi: float = 0.15,
    alpha: float = 0.3,
    gamma: float = 2.0,
    pseudo_labels: str = "hard",
    key_pairs: str = "all",
    negative_weight: float = 1.0,
    evidence_keys: bool = False,
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
) -> "RelationModel":
    """KMGRE (Jiang et al., COLING 2022).

    :param head: "linear" as in the paper, "hidden" with a hidden layer, or "bilinear" as in ATLOP.
    :param head_width: Of the hidden layer, or the projections that a bilinear head multiplies; 768 in ATLOP's
        code, whatever the encoder.
    :param head_block: Width of the groups within which a bilinear head multiplies.
    :param context: "per_head" (eq. 4), or "pooled" as in ATLOP.
    :param shared_encoder: The key instance classifier reads the relation extractor's encoder.
    :param shared_layers: If not, it reads this many of its lowest layers, and has its own above them.
    :param key_classifier: Without it all mention pairs are fused (ablation).
    :param fusion: Without it labels are given straight to the key mention pairs (ablation).
    :param xi: ξ of the key pairs' threshold (eq. 12).
    :param alpha: Weight of key pairs in the focal loss (eq. 11).
    :param gamma: Its exponent.
    :param pseudo_labels: "hard" as in the paper (eq. 9), or "soft": the posterior p(z | y) ∝ p_ω p_θ.
    :param key_pairs: Entity pairs whose mention pairs the classifier learns from: "all" as in the paper, or only
        the "related".
    :param negative_weight: Weight of entity pairs without relation in the relation extractor's loss.
    :param evidence_keys: Where the corpus has evidence sentences, mention pairs in them are the key ones.
    :param evidence_focus: Weight of a loss that draws the contexts of key mention pairs to evidence sentences,
        where the corpus has them; DREEAM's has 0.1.
    :param far_pairs: Score mention pairs, too, that no window of a long text holds, with a zero context. Otherwise they
        do not count, and entities that are never read together have no relation.
    :param mixed_precision: Encoders in bfloat16, where the device has it; on a processor in training only.
    :param threshold_prior: The bias of the threshold class before training; that of a relation starts near 0. With 0, as
        in the papers, an untrained model predicts about half of all relations of all pairs.
    """
    if shared_layers and (shared_encoder or not key_classifier):
        expected = "0, where the classifier has no encoder of its own"
        raise ValueError(Errors.E023.format(setting="shared_layers", value=shared_layers, expected=expected))
    return _build(
        "kmgre",
        encoder=encoder,
        head=head,
        head_width=head_width,
        head_block=head_block,
        context=context,
        level="mention",
        shared_encoder=shared_encoder,
        shared_layers=shared_layers,
        key_classifier=key_classifier,
        fusion=fusion,
        xi=xi,
        far_pairs=far_pairs,
        mixed_precision=mixed_precision,
        threshold_prior=threshold_prior,
        objective={
            "alpha": alpha,
            "gamma": gamma,
            "pseudo_labels": pseudo_labels,
            "key_pairs": key_pairs,
            "negative_weight": negative_weight,
            "evidence_keys": evidence_keys,
            "evidence_focus": evidence_focus,
        },
    )


@registry.architectures("spacy_kmgre.ATLOP.v1")
def build_atlop(
    encoder: dict[str, Any],
    head: str = "bilinear",
    head_width: int = 768,
    head_block: int = 64,
    context: str = "pooled",
    negative_weight: float = 1.0,
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
) -> "RelationModel":
    """ATLOP (Zhou et al., AAAI 2021): one encoder, entities in place of mentions.

    It has no mention pairs of its own. Those of a predicted relation carry, as `share`, their part in the
    attention that the two entities have in common.

    :param head: "bilinear", "hidden" with a hidden layer, or "linear".
    :param head_width: Of the hidden layer, or the projections that a bilinear head multiplies; 768 as in the
        authors' code, whatever the encoder.
    :param head_block: Width of the groups within which a bilinear head multiplies.
    :param context: "pooled", or "per_head".
    :param negative_weight: Weight of entity pairs without relation in the loss.
    :param evidence_focus: Weight of a loss that draws the contexts of entity pairs to evidence sentences, where the
        corpus has them; DREEAM's has 0.1.
    :param far_pairs: Score entity pairs, too, of which no window of a long text holds both.
    :param mixed_precision: The encoder in bfloat16, where the device has it; on a processor in training only.
    :param threshold_prior: The bias of the threshold class before training; that of a relation starts near 0. With 0, as
        in the papers, an untrained model predicts about half of all relations of all pairs.
    """
    return _build(
        "atlop",
        encoder=encoder,
        head=head,
        head_width=head_width,
        head_block=head_block,
        context=context,
        level="entity",
        shared_encoder=False,
        shared_layers=0,
        key_classifier=False,
        fusion=True,
        xi=0.0,
        far_pairs=far_pairs,
        mixed_precision=mixed_precision,
        threshold_prior=threshold_prior,
        objective={"negative_weight": negative_weight, "evidence_focus": evidence_focus},
    )


def _build(name: str, **settings: Any) -> "RelationModel":
    from ..model.heads import HEADS
    from ..model.maths import CONTEXT_MODES
    from ..model.thinc_shim import build_model

    for setting, choices in (
        ("head", HEADS),
        ("context", CONTEXT_MODES),
        ("pseudo_labels", ("hard", "soft")),
        ("key_pairs", ("all", "related")),
    ):
        value = {**settings, **settings["objective"]}.get(setting, choices[0])
        if value not in choices:
            raise ValueError(Errors.E023.format(setting=setting, value=value, expected=f"one of {choices}"))
    return build_model(name, settings)
