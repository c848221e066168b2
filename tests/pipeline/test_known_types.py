"""Entity types that the training corpus lacks, and types that are left out in training."""

import warnings
from collections.abc import Callable, Sequence

import pytest
import torch
from spacy import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_kmgre.model.pieces import Document
from spacy_kmgre.pipeline.examples import without_some_types

from ..conftest import NAME, RELATIONS, component, make_doc, make_example

Make = Callable[..., Language]


def typed_doc(nlp: Language, types: Sequence[str]) -> Doc:
    """The Doc of `make_doc` with a type for each of its three entities."""
    doc = make_doc(nlp)
    for key, kind in zip(list(doc.spans), types):
        doc.spans[key] = [Span(doc, span.start, span.end, label=kind) for span in doc.spans[key]]
    return doc


def make_typed(make_nlp: Make, rate: float = 0.0, typed: bool = True, **config: object) -> Language:
    nlp = make_nlp(encoder={"typed_markers": typed, "untyped_rate": rate}, component=config)
    reference = typed_doc(nlp, ["PER", "ORG", "LOC"])
    reference._.relations = RELATIONS
    nlp.initialize(lambda: [Example(typed_doc(nlp, ["PER", "ORG", "LOC"]), reference)])
    return nlp


def told(nlp: Language, types: Sequence[str]) -> list[str]:
    """The warnings when a Doc with these types is read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlp(typed_doc(nlp, types))
    return [str(warning.message) for warning in caught]


def scores(nlp: Language, types: Sequence[str]) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, chunks = component(nlp).score_pairs([typed_doc(nlp, types)])
        return torch.cat([chunk.relation for chunk in chunks])


def test_an_unknown_type_is_told_once(make_nlp: Make):
    nlp = make_typed(make_nlp)
    assert told(nlp, ["PER", "ORG", "PER"]) == []
    (message,) = told(nlp, ["PERSON", "ORG", "LOC"])
    assert "W025" in message and "'PERSON'" in message and "kmgre_entities" in message
    assert message.endswith("Known types: LOC, ORG, PER.")
    assert told(nlp, ["PERSON", "ORG", "LOC"]) == []
    assert [message[:12] for message in told(nlp, ["GPE", "PERSON", ""])] == ["[KMGRE W026]", "[KMGRE W025]"]


def test_one_warning_names_all_that_a_document_has_of_unknown_types(make_nlp: Make):
    nlp = make_typed(make_nlp)
    (message,) = told(nlp, ["GPE", "PERSON", "DATE"])
    assert "('DATE', 'GPE', 'PERSON'; in " in message and '{"DATE": "..."}' in message
    (message,) = told(nlp, ["GPE", "NORP", "DATE"])
    assert "('NORP'; in " in message


def test_where_types_do_not_matter_nothing_is_told(make_nlp: Make):
    nlp = make_typed(make_nlp, typed=False)
    assert told(nlp, ["PERSON", "", "LOC"]) == []
    component(nlp).allowed_triples = "corpus"
    (message,) = told(nlp, ["PERSON", "", "LOC"])  # an entity without a type may have any relation
    assert "'PERSON'" in message


def test_known_types_are_saved(make_nlp: Make, tmp_path):
    nlp = make_typed(make_nlp)
    nlp.to_disk(tmp_path)
    fresh = make_nlp(encoder={"typed_markers": True}).from_disk(tmp_path)
    assert told(fresh, ["PER", "ORG", "LOC"]) == []
    assert len(told(fresh, ["PERSON", "ORG", "LOC"])) == 1


def test_a_pipeline_that_remembers_no_types_tells_of_none(make_nlp: Make):
    nlp = make_typed(make_nlp)
    del component(nlp).cfg["types"]
    assert told(nlp, ["PERSON", "", "LOC"]) == []
    example = make_example(nlp)
    nlp.update([example])
    assert told(nlp, ["PERSON", "", "LOC"]) == []


def test_types_of_later_updates_are_known(make_nlp: Make):
    nlp = make_typed(make_nlp)
    nlp.update([make_example(nlp)])
    assert told(nlp, ["X", "ORG", "LOC"]) == []


def test_an_unknown_type_is_read_as_none_where_the_model_has_seen_none(make_nlp: Make):
    nlp = make_typed(make_nlp, rate=0.2)
    assert torch.equal(scores(nlp, ["PERSON", "ORG", "LOC"]), scores(nlp, ["", "ORG", "LOC"]))
    assert not torch.equal(scores(nlp, ["PER", "ORG", "LOC"]), scores(nlp, ["", "ORG", "LOC"]))
    assert told(make_typed(make_nlp, rate=0.2), ["", "", ""]) == []
    assert len(told(make_typed(make_nlp, rate=0.2), ["PERSON", "", ""])) == 1


def test_an_unknown_type_is_read_as_it_is_where_the_model_has_only_seen_types(make_nlp: Make):
    nlp = make_typed(make_nlp)
    assert not torch.equal(scores(nlp, ["by", "ORG", "LOC"]), scores(nlp, ["", "ORG", "LOC"]))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.6, 1.0])
def test_the_rate_is_the_mean_of_what_documents_lose(rate: float):
    torch.manual_seed(0)
    document = Document("", [], [[]] * 50, ["PER", "LOC"] * 25)
    lost = [
        sum(not kind for kind in without_some_types(document, rate).types) / len(document.types)
        for _ in range(2000)
    ]
    assert sum(lost) / len(lost) == pytest.approx(rate, abs=0.02)
    if 0 < rate < 1:
        assert min(lost) == 0 and max(lost) > 0.9  # documents with all types and hardly any are among them


def test_types_are_left_out_in_training_alone(make_nlp: Make):
    nlp = make_typed(make_nlp, rate=1.0)
    assert not torch.equal(scores(nlp, ["PER", "ORG", "LOC"]), scores(nlp, ["", "", ""]))
    losses = {}
    for types in (["PER", "ORG", "LOC"], ["", "", ""]):
        reference = typed_doc(nlp, types)
        reference._.relations = RELATIONS
        torch.manual_seed(0)  # for dropout
        losses[types[0]] = component(nlp).update([Example(typed_doc(nlp, types), reference)])[NAME]
    assert losses["PER"] == pytest.approx(losses[""])


def test_leaving_out_is_repeatable(make_nlp: Make):
    document = Document("", [], [[]] * 9, ["PER"] * 9)
    torch.manual_seed(3)
    first = [without_some_types(document, 0.4).types for _ in range(5)]
    torch.manual_seed(3)
    assert first == [without_some_types(document, 0.4).types for _ in range(5)]
    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    without_some_types(document, 0.0)
    assert torch.equal(before, torch.rand(1))  # without a rate no number is drawn


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_that_is_none(make_nlp: Make, rate: float):
    with pytest.raises(ValueError, match=r"E023.*untyped_rate"):
        make_nlp(encoder={"untyped_rate": rate})
