import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import mention_offsets, read_entities, write_entities
from spacy_kmgre.entities.chains import chain_entities
from spacy_kmgre.entities.merged import merged_entities
from spacy_kmgre.entities.ner import ner_entities
from spacy_kmgre.entities.span_groups import span_group_entities
from spacy_kmgre.types import Entity

from .test_chains import ANN, BOB, BOTH
from .texts import make_doc

NLP = spacy.blank("en")
Reader = Callable[[Doc], list[Entity]]


def chains(*offsets: list[tuple[int, int]]) -> Reader:
    """A reader of these chains."""
    return lambda doc: chain_entities(
        doc, [[doc[start:end] for start, end in chain] for chain in offsets], True
    )


def link(doc: Doc, **kb_ids: str) -> Doc:
    """Link the names in `doc.ents` by their last words."""
    doc.ents = [
        Span(doc, e.start, e.end, label=e.label, kb_id=kb_ids.get(e.text.split()[-1], "")) for e in doc.ents
    ]
    return doc


def found(doc: Doc, *readers: Reader, **settings: Any):
    return [
        (mention_offsets([entity]), entity.label) for entity in merged_entities(*readers, **settings)(doc)
    ]


def describe(entities: list[Entity]):
    return [(entity.key, mention_offsets([entity]), entity.label, entity.kb_id) for entity in entities]


@pytest.mark.parametrize("parsed", [True, False])
def test_chains_join_the_names_that_they_hold(parsed: bool):
    doc = make_doc(NLP.vocab, parsed)
    assert found(doc, ner_entities(), chains(ANN, BOB, BOTH, [(20, 23), (24, 25)])) == [
        ([(0, 2), (8, 9), (12, 13)], "PER"),
        ([(6, 7), (10, 11), (14, 15)], "PER"),  # "the old singer Bob" is the mention Bob
        ([(16, 17), (20, 23), (24, 25)], "ORG"),
    ]


def test_chains_without_a_name_are_left_out_unless_asked_for():
    doc = make_doc(NLP.vocab)
    readers = ner_entities(), chains(BOTH, [(20, 23)])
    assert len(found(doc, *readers)) == 3
    assert found(doc, *readers, untyped=True)[2:] == [
        ([(12, 15), (18, 19)], ""),
        ([(16, 17), (24, 25)], "ORG"),
        ([(20, 23)], ""),
    ]


def test_typed_entities_of_later_readers_are_kept():
    doc = make_doc(NLP.vocab)
    doc.spans["mine_1"] = [Span(doc, 5, 6, label="JOB")]
    doc.spans["mine_2"] = [Span(doc, 22, 23, kb_id="Q783794")]
    merged = merged_entities(ner_entities(), span_group_entities("mine_"))(doc)
    assert [
        (entity.text, entity.label, entity.kb_id) for entity in merged if entity.key.startswith("mine_")
    ] == [
        ("singer", "JOB", ""),
        ("company", "", "Q783794"),
    ]


def test_a_chain_never_makes_one_entity_of_two():
    doc = link(make_doc(NLP.vocab), Lee="Q1")
    names = ner_entities(given_names=False)  # Ann Lee, Bob, Ann, Acme
    before = found(doc, names)
    for chain in ([(0, 2), (12, 13)], [(0, 2), (6, 7)], [(0, 2), (16, 17)], [(12, 13), (1, 2), (24, 25)]):
        assert found(doc, names, chains(chain)) == before


@pytest.mark.parametrize(
    "chain, ann, bob",
    [
        ([(0, 2), (8, 9), (10, 11)], [(8, 9), (10, 11)], []),
        ([(0, 2), (6, 7), (8, 9)], [], [(8, 9)]),  # the nearest name before
        ([(8, 9), (6, 7), (0, 2)], [], [(8, 9)]),  # in the order of the text
        ([(0, 2), (5, 6), (6, 7), (8, 9)], [(5, 6)], [(8, 9)]),
        ([(8, 9), (14, 15), (18, 19)], [], [(8, 9), (18, 19)]),  # no name before the first pronoun
        ([(8, 9), (18, 19)], [], []),
    ],
)
def test_a_chain_gives_to_the_nearest_name_before(chain, ann, bob):
    entities = found(make_doc(NLP.vocab), ner_entities(), chains(chain))
    assert entities[0] == (sorted([(0, 2), (12, 13), *ann]), "PER")
    assert entities[1] == (sorted([(6, 7), (14, 15), *bob]), "PER")
    assert len(entities) == 3


def test_dates_and_numbers_get_no_mentions():
    doc = make_doc(NLP.vocab)
    doc.ents = [Span(doc, 0, 2, label="DATE"), Span(doc, 6, 7, label="PER")]
    assert found(doc, ner_entities(), chains([(0, 2), (8, 9)])) == [([(0, 2)], "DATE"), ([(6, 7)], "PER")]
    assert found(doc, ner_entities(), chains([(6, 7), (0, 2), (8, 9)]))[1] == ([(6, 7), (8, 9)], "PER")
    assert found(doc, ner_entities(), chains([(0, 2), (8, 9)]), untyped=True)[2] == ([(8, 9)], "")


def test_a_chain_has_no_name_with_another_identifier():
    doc = link(make_doc(NLP.vocab), Lee="Q1")
    doc.spans["mine_1"] = [Span(doc, *span, kb_id="Q2") for span in ((1, 2), (8, 9))]
    doc.spans["mine_2"] = [Span(doc, *span, kb_id="Q3") for span in ((6, 7), (10, 11))]
    merged = merged_entities(ner_entities(), span_group_entities("mine_"))(doc)
    ids = {mention_offsets([entity])[0]: entity.kb_id for entity in merged}
    assert ids[0, 2] == "Q1" and ids[6, 7] == "Q3"  # a name without an identifier gets that of its chain
    assert {entity.kb_id: mention_offsets([entity]) for entity in merged}["Q2"] == [(8, 9)]
    assert {entity.kb_id: mention_offsets([entity]) for entity in merged}["Q3"][:2] == [(6, 7), (10, 11)]


def test_further_readers_join_what_is_there_by_then():
    doc = make_doc(NLP.vocab)
    first, second = chains([(0, 2), (8, 9)]), chains([(8, 9), (18, 19)])
    assert found(doc, ner_entities(), first, second)[0] == ([(0, 2), (8, 9), (12, 13), (18, 19)], "PER")


def test_a_span_of_two_entities_stays_with_the_first():
    doc = make_doc(NLP.vocab)
    doc.spans["entity_1"] = [doc[0:2], doc[6:7]]
    doc.spans["entity_2"] = [doc[6:7], doc[16:17]]
    doc.spans["entity_3"] = [doc[6:7]]
    merged = merged_entities(span_group_entities())(doc)
    assert [(entity.key, mention_offsets([entity])) for entity in merged] == [
        ("entity_1", [(0, 2), (6, 7)]),
        ("entity_2", [(16, 17)]),
    ]


def test_an_entity_of_a_span_group_keeps_its_key():
    doc = make_doc(NLP.vocab)
    doc.spans["entity_7"] = [Span(doc, 6, 7, label="PER")]
    doc.spans["entity_2"] = [Span(doc, 16, 17, label="ORG")]
    merged = merged_entities(span_group_entities(), chains(BOB, ANN))(doc)
    assert [(entity.key, mention_offsets([entity])) for entity in merged] == [
        ("entity_1", ANN),
        ("entity_7", [(6, 7), (10, 11), (14, 15)]),
        ("entity_2", [(16, 17)]),
    ]


def test_merging_again_gives_the_same():
    doc = make_doc(NLP.vocab)
    reader = merged_entities(ner_entities(), chains(ANN, BOB, BOTH), untyped=True)
    first = reader(doc)
    write_entities(doc, first)
    assert describe(reader(doc)) == describe(first) == describe(read_entities(doc))


def test_one_reader_and_none():
    doc = make_doc(NLP.vocab)
    assert describe(merged_entities(ner_entities())(doc)) == describe(ner_entities()(doc))
    with pytest.raises(ValueError, match="E404"):
        merged_entities()


def test_empty_docs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert merged_entities(ner_entities(), chains())(NLP("")) == []
        assert merged_entities(partial(chain_entities, chains=[], pronouns=True))(NLP("Ann.")) == []
