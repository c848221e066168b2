"""The equations of KMGRE (Jiang et al., COLING 2022) and of ATLOP (Zhou et al., AAAI 2021).

Pure functions on torch tensors. Shapes: L word pieces, d width, M mentions, K attention heads, P mention
pairs, N entity pairs, C classes, of which class 0 is the threshold class TH. `pair_index` [P] gives the
entity pair, 0..N-1, of each mention pair. Numbers in brackets are equations of the KMGRE paper.

Three things are called a threshold: TH is a class, whose logit a relation's has to exceed; the key threshold (12)-(14),
made of ξ and τ, is for mention pairs; and the threshold of the component's settings is for scores.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CONTEXT_MODES = ("per_head", "pooled")


def per_head_weights(products: Tensor, totals: Tensor) -> Tensor:
    """Compute the weights of word pieces in contexts (4). Each attention head's products are brought to sum
    1, then the heads are averaged. A head whose products sum to nothing adds nothing.

    :param products: The products of two mentions' attention rows. *Shape:* (P, K, L)
    :param totals: The sums that the products are divided by: those of the products, or with ATLOP those of
        the whole entity pair, of which the products may be a part. *Shape:* (P, K)
    :returns: *Shape:* (P, L)
    """
    return (_reciprocal(totals * totals.shape[1]).unsqueeze(1) @ products).squeeze(1)


def pooled_weights(products: Tensor, totals: Tensor) -> Tensor:
    """Compute the weights of word pieces in ATLOP's localised contexts (Zhou et al. 2021, section 3.2).
    The heads' products are added up, then brought to sum 1. Arguments and result are those of
    `per_head_weights`."""
    scale = _reciprocal(totals.sum(dim=1, keepdim=True)).expand_as(totals)
    return (scale.unsqueeze(1) @ products).squeeze(1)


def context_weights(attention: Tensor, head: Tensor, tail: Tensor, mode: str = "per_head") -> Tensor:
    """Compute how much each word piece matters to both mentions of a pair (4). This is the normalised product
    of their attention rows. All weights are zero where the rows share no piece. The model computes the same in
    `context.weigh_pieces`, which makes no tensor of pairs by heads by pieces.

    :param attention: The attention rows of the mentions' markers. *Shape:* (M, K, L)
    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    :param mode: "per_head" for `per_head_weights`, "pooled" for `pooled_weights`.
    :returns: *Shape:* (P, L)
    :raises ValueError: For another mode.
    """
    if mode not in CONTEXT_MODES:
        raise ValueError(f"Context is one of {CONTEXT_MODES}, got: {mode!r}")
    rows = wide(attention)
    if rows.requires_grad and attention.dtype == torch.float16:
        # The gradient of a small probability overflows float16. Half of its range is left to other paths.
        limit = torch.finfo(attention.dtype).max / 2
        rows.register_hook(lambda grad: grad.clamp(-limit, limit))  # type: ignore[no-untyped-call]  # torch does not type it.
    products = rows[head] * rows[tail]
    normalise = per_head_weights if mode == "per_head" else pooled_weights
    return normalise(products, products.sum(dim=2))


def mention_pair_context(
    hidden: Tensor, attention: Tensor, head: Tensor, tail: Tensor, mode: str = "per_head"
) -> Tensor:
    """Compute the context c_ij of each mention pair (4).

    :param hidden: The hidden states of the word pieces. *Shape:* (L, d)
    :param attention: The attention rows of the mentions' markers. *Shape:* (M, K, L)
    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    :param mode: As in `context_weights`.
    :returns: *Shape:* (P, d)
    """
    weights = context_weights(attention, head, tail, mode)
    return (weights @ hidden.to(weights.dtype)).to(hidden.dtype)


def key_pseudo_labels(pair_probs: Tensor, pair_index: Tensor, labels: Tensor) -> Tensor:
    """Find the pseudo label of each mention pair (9). A pair is key if and only if it is, for some gold
    relation of its entity pair, at least as probable as the mention pairs of that entity pair are on average.
    TH is no relation.

    :param pair_probs: p_θ(y_c=1). *Shape:* (P, C)
    :param labels: Gold relations of the entity pairs, bool. *Shape:* (N, C)
    :returns: bool. *Shape:* (P,)
    """
    probs = wide(pair_probs)
    # A mean of equal values may be rounded to just above them, and then none of them would be key.
    mean = _segment_mean(probs, pair_index, len(labels))
    mean = torch.minimum(mean, _segment_max(probs, pair_index, len(labels)))
    key = labels.bool()[pair_index] & (probs >= mean[pair_index])
    return key[:, 1:].any(dim=1)


def key_focal_loss(
    key_logits: Tensor, pseudo_labels: Tensor, alpha: float = 0.3, gamma: float = 2.0
) -> Tensor:
    """Compute the binary focal loss of the key instance classifier (10), (11), one value a mention pair.

    :param key_logits: *Shape:* (P,)
    :param pseudo_labels: Whether each pair is key (9), bool or 0 and 1. *Shape:* (P,)
    :param alpha: Weight of the key pairs; the others weigh 1 - alpha.
    :param gamma: How strongly pairs that are right already are discounted.
    :returns: *Shape:* (P,)
    """
    logits = wide(key_logits)
    yes, no = F.logsigmoid(logits), F.logsigmoid(-logits)
    # (1 - p)^gamma is computed by its logarithm, as the power has no gradient at 0 where gamma < 1.
    one, zero = -alpha * torch.exp(gamma * no) * yes, (alpha - 1.0) * torch.exp(gamma * yes) * no
    return torch.lerp(zero, one, pseudo_labels.to(logits))


def key_threshold(key_probs: Tensor, pair_index: Tensor, num_pairs: int, xi: float, tau: float) -> Tensor:
    """Compute the threshold of each entity pair (12)-(14), min(mean + xi (max - min), tau).

    :param key_probs: p_ω(z=1). *Shape:* (P,)
    :param xi: ξ (12), a setting of the model.
    :param tau: τ (14), the upper limit, which `training.em.tau_at` raises in training.
    :returns: At most 0 for an entity pair without mention pairs. *Shape:* (N,)
    """
    probs = wide(key_probs)
    high = _segment_max(probs, pair_index, num_pairs)
    low = -_segment_max(-probs, pair_index, num_pairs)
    mean = _segment_mean(probs, pair_index, num_pairs)
    return (mean + xi * (high - low)).clamp(max=tau)


def select_key_pairs(key_probs: Tensor, pair_index: Tensor, num_pairs: int, xi: float, tau: float) -> Tensor:
    """Select the key mention pairs (15). They are those that reach the threshold of their entity pair, and
    always the best one, which the paper leaves open.

    :param key_probs: p_ω(z=1). *Shape:* (P,)
    :returns: bool. *Shape:* (P,)
    """
    probs = wide(key_probs)
    threshold = key_threshold(probs, pair_index, num_pairs, xi, tau)
    best = _segment_max(probs, pair_index, num_pairs)
    return probs >= torch.minimum(threshold, best)[pair_index]


def fuse_mention_logits(
    logits: Tensor, pair_index: Tensor, num_pairs: int, selected: Tensor | None = None
) -> Tensor:
    """Compute the logits of the entity pairs (16), for each class the logsumexp over their key mention pairs.

    :param logits: *Shape:* (P, C)
    :param selected: Which mention pairs count, bool; all where None. *Shape:* (P,)
    :returns: *Shape:* (N, C), -inf for an entity pair without a selected mention pair
    """
    if selected is not None:
        (rows,) = selected.nonzero(as_tuple=True)
        logits, pair_index = logits.index_select(0, rows), pair_index[rows]
    logits = wide(logits)
    # The peak only keeps numbers in range; it has no gradient.
    peak = _segment_max(logits.detach(), pair_index, num_pairs)
    total = torch.zeros_like(peak).index_add(0, pair_index, torch.exp(logits - peak[pair_index]))
    return peak + torch.log(total)


def adaptive_threshold_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute ATLOP's loss, one value an entity pair. Gold relations are to be above TH, and TH above all
    others (17)-(19). The paper's "NT = C \\ NT" is read as C \\ PT.

    :param logits: *Shape:* (N, C)
    :param labels: Gold relations, bool; column 0 is ignored. *Shape:* (N, C)
    :returns: *Shape:* (N,)
    """
    logits = wide(logits)
    positive = labels.bool().clone()
    positive[:, 0] = False
    threshold = torch.zeros_like(positive)
    threshold[:, 0] = True
    lowest = torch.finfo(logits.dtype).min
    above = logits.masked_fill(~(positive | threshold), lowest)
    below = logits.masked_fill(positive, lowest)
    loss_positive = (torch.logsumexp(above, dim=1, keepdim=True) - logits).masked_fill(~positive, 0.0)
    return loss_positive.sum(dim=1) + torch.logsumexp(below, dim=1) - logits[:, 0]


def mention_pair_share(
    logits: Tensor, pair_index: Tensor, num_pairs: int, selected: Tensor | None = None
) -> Tensor:
    """Compute what each key mention pair contributes to the fused logits. This is, for each class, the
    softmax over the entity pair's key mention pairs, which is the gradient of the logsumexp (16).

    :param logits: *Shape:* (P, C)
    :param selected: Which mention pairs are key, bool; all where None. *Shape:* (P,)
    :returns: *Shape:* (P, C), zero for pairs that are not key
    """
    logits = wide(logits)
    if selected is not None:
        logits = logits.masked_fill(~selected[:, None], -torch.inf)
    peak = _segment_max(logits, pair_index, num_pairs)
    weights = torch.exp(logits - peak[pair_index]).nan_to_num(0.0)
    total = torch.zeros_like(peak).index_add(0, pair_index, weights)
    return weights / total.clamp(min=torch.finfo(weights.dtype).tiny)[pair_index]


def margins(logits: Tensor) -> Tensor:
    """Compute how far each relation is above TH, l_c - l_TH, in float32 at least. *Shape:* (N, C), 0 in
    column 0"""
    logits = wide(logits)
    return logits - logits[:, :1]


def predict_relations(logits: Tensor, max_labels: int = 4, threshold: float | Tensor = 0.5) -> Tensor:
    """Find the predicted relations of each entity pair, those whose score σ(l_c - l_TH) is above the
    threshold, at most `max_labels`.

    :param logits: *Shape:* (N, C)
    :param threshold: One for all classes, or one for each. *Shape:* (C,)
    :returns: bool, column 0 False. *Shape:* (N, C)
    """
    # Margins are compared, and not scores, since the sigmoid rounds small margins to 0.5.
    margin = margins(logits)
    # Thresholds are in float64, since in float32 those near 1 would be 1.
    limit = torch.logit(torch.as_tensor(threshold, dtype=torch.float64, device="cpu"), eps=0.0)
    predicted = margin > limit.to(margin)
    predicted[:, 0] = False
    # The sort is stable, so that equal logits keep their order at every threshold.
    ranked = logits.masked_fill(~predicted, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return predicted & torch.zeros_like(predicted).scatter_(1, ranked[:, :max_labels], True)


def relation_scores(logits: Tensor) -> Tensor:
    """Compute the score of each relation, σ(l_c - l_TH).

    :param logits: *Shape:* (N, C)
    :returns: *Shape:* (N, C), 0.5 in column 0
    """
    return torch.sigmoid(margins(logits))


def segment_sizes(pair_index: Tensor, num_pairs: int) -> Tensor:
    """Count how many mention pairs each entity pair has. *Shape:* (N,)"""
    # With torch.bincount the CPU would wait for the GPU.
    return pair_index.new_zeros(num_pairs).index_add(0, pair_index, torch.ones_like(pair_index))


def wide(values: Tensor) -> Tensor:
    """Bring values to float32 at least, as exponentials and products of small probabilities leave the range
    of half precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _reciprocal(totals: Tensor) -> Tensor:
    """Return 1 / total, and 1 where a total is next to nothing: there 1 / total would lose digits, and its
    gradient would overflow."""
    limits = torch.finfo(totals.dtype)
    divisor = totals.masked_fill(totals < limits.tiny / limits.eps, 1.0)
    return torch.exp(-torch.log(divisor))  # The gradient of 1 / x has x squared, which leaves the range.


def _segment_max(values: Tensor, pair_index: Tensor, num_pairs: int) -> Tensor:
    """Return the maximum of each entity pair's values, zero for an entity pair without mention pairs."""
    out = values.new_zeros((num_pairs, *values.shape[1:]))
    index = pair_index.view(-1, *[1] * (values.dim() - 1)).expand_as(values)
    return out.scatter_reduce(0, index, values, "amax", include_self=False)


def _segment_mean(values: Tensor, pair_index: Tensor, num_pairs: int) -> Tensor:
    total = values.new_zeros((num_pairs, *values.shape[1:])).index_add(0, pair_index, values)
    count = segment_sizes(pair_index, num_pairs).clamp(min=1)
    return total / count.view(-1, *[1] * (values.dim() - 1))
