"""Heads and contexts of other packages: each is one registered function, used as a block of the config."""

from collections.abc import Callable
from functools import partial

import pytest
import spacy
import torch
from spacy import Language
from spacy.util import registry
from torch import Tensor, nn

from spacy_kmgre.model import maths
from spacy_kmgre.model.architectures import build_encoder, build_kmgre
from spacy_kmgre.model.context import Contexts, Weigh
from spacy_kmgre.model.heads import (
    Head,
    HeadSettings,
    Projected,
    bilinear_head,
    label_text_bilinear_head,
)
from spacy_kmgre.model.thinc_shim import get_shim

from ..conftest import NAME, component, make_example, make_examples, state, triples

ENCODER = "spacy_kmgre.Encoder.v1"


# Begin: what a package that knows only our public classes and functions would hold.


class DistanceHead(Head):
    """Scores a pair by how far its projected sides are apart, and by its context."""

    def __init__(self, width: int, classes: int, size: int):
        super().__init__(2 * size, classes)
        self.side = nn.Linear(width, size)
        self.of_context = nn.Linear(width, size, bias=False)

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        sides = self.side(rows)
        return Projected(sides, sides, self.of_context(hidden))

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        apart = projected.head.index_select(0, head) - projected.tail.index_select(0, tail)
        logits: Tensor = self.output(torch.cat([apart, contexts(projected.context)], dim=1))
        return logits


@registry.architectures("test.DistanceHead.v1")
def distance_head(size: int = 16) -> HeadSettings:
    return HeadSettings("distance", DistanceHead, {"size": size})


@registry.architectures("test.RawContext.v1")
def raw_context() -> Weigh:
    """The products as they are, summed over the attention heads."""

    def weigh(products: Tensor, totals: Tensor) -> Tensor:
        return products.sum(dim=1)

    return weigh


# End.


@pytest.fixture
def make_custom(tiny_encoder) -> Callable[..., Language]:
    def make(size: int = 16, architecture: str = "KMGRE") -> Language:
        nlp = spacy.blank("en")
        model = {
            "@architectures": f"spacy_kmgre.{architecture}.v1",
            "encoder": {"@architectures": ENCODER, "name": tiny_encoder, "overlap": 16},
            "head": {"@architectures": "test.DistanceHead.v1", "size": size},
            "context": {"@architectures": "test.RawContext.v1"},
        }
        nlp.add_pipe(NAME, config={"model": model})
        return nlp

    return make


@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_a_head_and_a_context_from_outside_the_package(make_custom, architecture, tmp_path):
    torch.manual_seed(0)
    nlp = make_custom(architecture=architecture)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 3e-3
    losses = []
    for _ in range(20):
        losses.append(nlp.update(examples, sgd=optimizer)[NAME])
    assert losses[-1] < losses[0] / 2
    network = component(nlp).model.shims[0].require_network()
    assert type(network.extractor.head) is DistanceHead

    nlp.to_disk(tmp_path / "custom")
    loaded = spacy.load(tmp_path / "custom")
    assert state(loaded).keys() == state(nlp).keys()
    docs = [pipeline(make_example(nlp).predicted.copy()) for pipeline in (nlp, loaded)]
    assert triples(docs[0]) == triples(docs[1])
    assert [relation.score for relation in docs[0]._.relations] == [
        relation.score for relation in docs[1]._.relations
    ]
    assert docs[0]._.relations


def test_weights_load_into_the_same_head_only(make_custom, make_nlp):
    nlp = make_custom()
    nlp.initialize(lambda: [make_example(nlp)])
    data = nlp.to_bytes()
    with pytest.raises(ValueError, match=r"KMGRE E016.*size = 16, the config says 8"):
        make_custom(size=8).from_bytes(data)
    with pytest.raises(ValueError, match=r"KMGRE E016.*head = 'distance', the config says 'linear'"):
        make_nlp().from_bytes(data)


HEADS = {
    "linear": {"@architectures": "spacy_kmgre.LinearHead.v1"},
    "bilinear": {"@architectures": "spacy_kmgre.BilinearHead.v1", "width": 32, "block": 64},
}
CONTEXTS = {
    "per_head": {"@architectures": "spacy_kmgre.PerHeadContext.v1"},
    "pooled": {"@architectures": "spacy_kmgre.PooledContext.v1"},
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_short_names_are_the_blocks(make_nlp, architecture, head, context):
    weights, relations, functions = [], [], []
    for settings in ({"head": head, "context": context}, {"head": HEADS[head], "context": CONTEXTS[context]}):
        nlp = make_nlp(architecture, **settings)
        torch.manual_seed(0)
        example = make_example(nlp)
        nlp.initialize(partial(list, [example]))
        weights.append(state(nlp))
        functions.append(component(nlp).model.shims[0].require_network().extractor.weigh)
        _, chunks = component(nlp).score_pairs([example.predicted])
        relations.append(torch.cat([scores.relation for scores in chunks]))
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert torch.equal(*relations)
    assert functions == [maths.per_head_weights if context == "per_head" else maths.pooled_weights] * 2


def test_a_context_has_no_weights_of_its_own():
    """Both parts would share them."""
    encoder = build_encoder("encoder")
    with pytest.raises(ValueError, match=r"E023.*context.*Bilinear.*without weights"):
        build_kmgre(encoder, context=nn.Bilinear(2, 2, 1))


@pytest.mark.parametrize("setting, value", [("head", "hidden"), ("context", "per head"), ("head", 3)])
def test_unknown_heads_and_contexts_are_named(setting, value):
    with pytest.raises(ValueError, match=f"KMGRE E023.*{setting} = {value!r} is not one of"):
        build_kmgre(build_encoder(), **{setting: value})


@pytest.mark.parametrize(
    "setting, value",
    [("shared_layers", 1), ("pseudo_labels", "soft"), ("key_pairs", "related"), ("negative_weight", 0.5)],
)
def test_settings_that_are_gone(setting, value):
    with pytest.raises(ValueError, match=f"KMGRE E023.*{setting} = {value!r}"):
        build_kmgre(build_encoder(), **{setting: value})


@pytest.mark.parametrize(
    "setting, value",
    [
        ("xi", 1.5),
        ("xi", -0.1),
        ("alpha", 2.0),
        ("gamma", -1.0),
        ("evidence_focus", -0.1),
        ("head_width", 0),
        ("head_block", -8),
        ("head_block", "8"),
        ("threshold_prior", float("nan")),
    ],
)
def test_numbers_outside_their_range(tiny_encoder, setting, value):
    with pytest.raises(ValueError, match=f"E023.*{setting} = {value!r}"):
        build_kmgre(build_encoder(tiny_encoder), **{setting: value})


@pytest.mark.parametrize("make", [bilinear_head, label_text_bilinear_head])
@pytest.mark.parametrize("setting, value", [("width", 0), ("width", -32), ("block", 0), ("block", -8)])
def test_numbers_of_a_head_outside_their_range(make, setting, value):
    with pytest.raises(ValueError, match=f"E023.*{setting} = {value}"):
        make(**{setting: value})


@pytest.mark.parametrize("head", [{}, [], 3, None])
def test_a_head_that_is_none(tiny_encoder, head):
    with pytest.raises(ValueError, match=r"E023.*head = "):
        build_kmgre(build_encoder(tiny_encoder), head=head)


@pytest.mark.parametrize(
    "head, options",
    [
        ("bilinear", {"inner": 768, "block": 64}),
        ("label_text_bilinear", {"inner": 384, "block": 8}),
    ],
)
def test_short_names_of_heads_stand_for_their_blocks(tiny_encoder, head, options):
    """What is not given is as the head itself has it."""
    encoder = build_encoder(tiny_encoder)
    assert get_shim(build_kmgre(encoder, head=head)).settings.head.options == options
    wide = get_shim(build_kmgre(encoder, head=head, head_width=96)).settings.head.options
    assert wide == {**options, "inner": 96}


@pytest.mark.parametrize(
    "setting, value",
    [("overlap", -1), ("max_pieces", 0), ("batch_pieces", 0), ("untyped_rate", 1.5), ("max_length", 100)],
)
def test_numbers_of_the_encoder_outside_their_range(tiny_encoder, setting, value):
    wrong = "overlap = 128" if setting == "max_length" else f"{setting} = {value}"
    with pytest.raises(ValueError, match=f"E023.*{wrong}"):
        build_encoder(tiny_encoder, **{setting: value})
