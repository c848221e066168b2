"""The registered architectures. Each makes a frozen record of the config's settings (settings.py). Hugging Face's
libraries are imported when a model is made, not with this module."""

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from torch import nn

from ..errors import Errors
from . import maths
from .choices import check_gone, check_range, chosen
from .context import Weigh
from .heads import HeadSettings, bilinear_head, label_text_bilinear_head, label_text_head, linear_head
from .settings import ATLOPSettings, EncoderSettings, KMGRESettings, NetworkSettings, Objective

if TYPE_CHECKING:
    from .thinc_shim import RelationModel


def build_encoder(
    name: str = "bert-base-uncased",
    max_length: int | None = None,
    overlap: int = 128,
    max_pieces: int | None = None,
    batch_pieces: int | None = None,
    typed_markers: bool = False,
    untyped_rate: float = 0.0,
    gradient_checkpointing: bool = False,
    tokenizer_config: dict[str, Any] | None = None,
    transformer_config: dict[str, Any] | None = None,
) -> EncoderSettings:
    """Choose an encoder and the way it reads (`spacy_kmgre.Encoder.v1`). It is loaded at `initialize`.

    :param name: A name on the Hugging Face hub, a folder, or `package:NAME` for a model that an installed
        Python package carries.
    :param max_length: The longest window in word pieces, special ones included; the encoder's limit where None.
    :param overlap: The word pieces that neighbouring windows share.
    :param max_pieces: The number of word pieces that are read of a document, None for all. A warning names
        the documents that lose entities.
    :param batch_pieces: The number of word pieces that go through the encoder at a time; None stands for 512
        on a CPU and 16,384 on a GPU.
    :param typed_markers: Whether the marker before a mention is the first word piece of its entity's type. Otherwise it
        is the same for all mentions, as in the papers.
    :param untyped_rate: The share of entities, between 0 and 1, whose type is left out in training where markers are
        typed: some documents lose no type, a few lose all. With a share above 0 the model knows entities without a
        type, and an entity of a type that the training corpus lacks is read as one.
    :param gradient_checkpointing: Whether the encoder's layers are computed again in the backward pass of an update. An
        update takes up to 1.6 times as long, and a third to a half of the memory.
    :param tokenizer_config: Settings for AutoTokenizer.from_pretrained; `trust_remote_code` stays off, whatever it
        says.
    :param transformer_config: Settings for AutoConfig.from_pretrained; `trust_remote_code` stays off here too.
    :raises ValueError: Where windows would not advance, or a number is outside its range.
    """
    if max_length is not None and max_length - 4 <= overlap:
        expected = "below max_length - 4"
        raise ValueError(Errors.E023.format(setting="overlap", value=overlap, expected=expected))
    check_range(0, overlap=overlap)
    check_range(1, max_pieces=max_pieces, batch_pieces=batch_pieces)
    check_range(0, 1, untyped_rate=untyped_rate)
    return EncoderSettings(
        name=name,
        max_length=max_length,
        overlap=overlap,
        max_pieces=max_pieces,
        batch_pieces=batch_pieces,
        typed_markers=typed_markers,
        untyped_rate=untyped_rate,
        gradient_checkpointing=gradient_checkpointing,
        tokenizer_config={"use_fast": True, **(tokenizer_config or {})},
        transformer_config=dict(transformer_config or {}),
    )


def per_head_context() -> Weigh:
    """Choose contexts as in the paper (4), for which each attention head is normalised by itself
    (`spacy_kmgre.PerHeadContext.v1`)."""
    return maths.per_head_weights


def pooled_context() -> Weigh:
    """Choose ATLOP's contexts, for which the sum of all attention heads is normalised
    (`spacy_kmgre.PooledContext.v1`)."""
    return maths.pooled_weights


CONTEXTS = {"per_head": maths.per_head_weights, "pooled": maths.pooled_weights}


def build_kmgre(
    encoder: EncoderSettings,
    head: Any = "linear",
    head_width: int | None = None,
    head_block: int | None = None,
    context: Any = "per_head",
    shared_encoder: bool = False,
    key_classifier: bool = True,
    fusion: bool = True,
    xi: float = 0.15,
    alpha: float = 0.3,
    gamma: float = 2.0,
    evidence_keys: bool = False,
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
    distance: bool = False,
    shared_layers: int = 0,
    pseudo_labels: str = "hard",
    key_pairs: str = "all",
    negative_weight: float = 1.0,
) -> "RelationModel":
    """Make the model of KMGRE, Jiang et al., COLING 2022 (`spacy_kmgre.KMGRE.v1`).

    :param head: A block of the config such as
        {"@architectures": "spacy_kmgre.BilinearHead.v1", "width": 768}; or one of the short names "linear",
        as in the paper, "label_text", which begins with the labels in words, "bilinear", as in ATLOP, and
        "label_text_bilinear", the sum of the last two.
    :param head_width: The width of the two projections that a bilinear head multiplies; where None, 768 for
        "bilinear" and 384 for "label_text_bilinear".
    :param head_block: The width of the groups within which it multiplies them; where None, 64 and 8.
    :param context: A block of the config such as {"@architectures": "spacy_kmgre.PooledContext.v1"}; or one
        of the short names "per_head" (4) and "pooled", as in ATLOP. The module context.py says what other
        packages can register.
    :param shared_encoder: Whether the key instance classifier reads the relation extractor's encoder, and its logits,
        instead of having an encoder of its own.
    :param key_classifier: Whether there is a key instance classifier. Without it all mention pairs are fused
        (ablation).
    :param fusion: Whether the logits of key mention pairs are fused. Without it each pair is compared with
        the labels by itself (ablation).
    :param xi: ξ of the key pairs' threshold (12).
    :param alpha: The weight of key pairs in the focal loss (11).
    :param gamma: The exponent of the focal loss (11).
    :param evidence_keys: Whether the key mention pairs are those in evidence sentences, where the corpus has some.
    :param evidence_focus: The weight of a loss that draws the contexts of key mention pairs to evidence
        sentences, where the corpus has them; DREEAM uses 0.1.
    :param far_pairs: Whether mention pairs that no window of a long text holds are scored too, with a zero context.
        Otherwise they do not count, and entities that are never read together have no relation.
    :param mixed_precision: Whether encoders run in bfloat16 where the device has it; on a CPU in training only.
    :param threshold_prior: The bias of the threshold class before training; that of a relation starts near 0. With
        0, as in the papers, an untrained model predicts about half of all relations of all pairs.
    :param distance: Whether a number is learned for each class and each range of distances between two mentions, in
        word pieces and in sentences, and added to the logits of their pair, those of the key instance classifier
        too (see distance.py). The paper has no such thing.
    :param shared_layers: A setting that is gone, as are the three after it. Each keeps its only value, so
        that saved pipelines load.
    :raises ValueError: For an unknown head or context, a number outside its range, or another value of a
        setting that is gone.
    """
    check_gone(
        shared_layers=shared_layers,
        pseudo_labels=pseudo_labels,
        key_pairs=key_pairs,
        negative_weight=negative_weight,
    )
    check_range(0, 1, xi=xi, alpha=alpha)
    check_range(0, gamma=gamma, evidence_focus=evidence_focus)
    check_range(-inf, threshold_prior=threshold_prior)
    return _model(
        "kmgre",
        KMGRESettings(
            encoder=encoder,
            head=_head(head, head_width, head_block),
            weigh=_context(context),
            objective=Objective(xi, fusion, alpha, gamma, evidence_keys, evidence_focus),
            far_pairs=far_pairs,
            mixed_precision=mixed_precision,
            threshold_prior=threshold_prior,
            shared_encoder=shared_encoder,
            key_classifier=key_classifier,
            distance=distance,
        ),
    )


def build_atlop(
    encoder: EncoderSettings,
    head: Any = "bilinear",
    head_width: int | None = None,
    head_block: int | None = None,
    context: Any = "pooled",
    evidence_focus: float = 0.0,
    far_pairs: bool = True,
    mixed_precision: bool = False,
    threshold_prior: float = 3.0,
    negative_weight: float = 1.0,
) -> "RelationModel":
    """Make the model of ATLOP, Zhou et al., AAAI 2021 (`spacy_kmgre.ATLOP.v1`), with one encoder, and
    entities in place of mentions.

    It has no mention pairs of its own. Those of a predicted relation carry, as `share`, their part in the
    attention that the two entities have in common. The settings are those of `build_kmgre`.
    """
    check_gone(negative_weight=negative_weight)
    check_range(0, evidence_focus=evidence_focus)
    check_range(-inf, threshold_prior=threshold_prior)
    return _model(
        "atlop",
        ATLOPSettings(
            encoder=encoder,
            head=_head(head, head_width, head_block),
            weigh=_context(context),
            objective=Objective(evidence_focus=evidence_focus),
            far_pairs=far_pairs,
            mixed_precision=mixed_precision,
            threshold_prior=threshold_prior,
        ),
    )


def _head(head: Any, width: int | None, block: int | None) -> HeadSettings:
    check_range(1, head_width=width, head_block=block)
    if isinstance(head, HeadSettings):
        return head
    given = {name: value for name, value in (("width", width), ("block", block)) if value is not None}
    heads = {
        "linear": linear_head,
        "label_text": label_text_head,
        "label_text_bilinear": partial(label_text_bilinear_head, **given),
        "bilinear": partial(bilinear_head, **given),
    }
    found: HeadSettings = chosen("head", head, heads)()
    return found


def _context(context: Any) -> Weigh:
    if isinstance(context, nn.Module):
        value, expected = type(context).__name__, "a function without weights, which θ and ω may share"
        raise ValueError(Errors.E023.format(setting="context", value=value, expected=expected))
    found: Weigh = context if callable(context) else chosen("context", context, CONTEXTS)
    return found


def _model(name: str, settings: NetworkSettings) -> "RelationModel":
    from .thinc_shim import build_model

    return build_model(name, settings)
