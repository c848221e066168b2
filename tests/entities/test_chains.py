import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import mention_offsets
from spacy_kmgre.entities.chains import MentionIndex, chain_entities, is_pronoun

from .texts import TOKENS, make_doc

NLP = spacy.blank("en")
Chains = list[list[tuple[int, int]]]

ANN = [(0, 2), (8, 9), (12, 13)]
BOB = [(3, 7), (10, 11), (14, 15)]
BOTH = [(12, 15), (18, 19)]


def read(doc: Doc, chains: Chains, pronouns: bool = True):
    found = chain_entities(doc, [[doc[start:end] for start, end in chain] for chain in chains], pronouns)
    return [(mention_offsets([entity]), entity.label) for entity in found]


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize(
    "span, found",
    [
        ((0, 2), "Ann Lee"),
        ((1, 2), "Ann Lee"),  # the same head
        ((0, 1), None),
        ((3, 7), "Bob"),
        ((6, 7), "Bob"),
        ((12, 15), None),  # neither Ann nor Bob
        ((16, 17), "Acme"),
        ((20, 25), None),  # the company, not Acme
        ((8, 9), None),
    ],
)
def test_a_mention_is_found_by_its_place_or_its_head(parsed: bool, span: tuple[int, int], found):
    doc = make_doc(NLP.vocab, parsed)
    index: MentionIndex[str] = MentionIndex(doc)
    for ent in doc.ents:
        index.add(ent, ent.text)
    assert index.find(doc[span[0] : span[1]]) == found


def test_two_values_at_one_head_are_found_by_their_places_only():
    doc = make_doc(NLP.vocab)
    index: MentionIndex[str] = MentionIndex(doc)
    index.add(doc[1:2], "Lee")
    index.add(doc[0:2], "Ann Lee")
    assert (index.find(doc[1:2]), index.find(doc[0:2]), index.at(1)) == ("Lee", "Ann Lee", None)
    index.add(doc[1:2], "another")
    assert index.find(doc[1:2]) == "Lee"


def test_heads_without_a_parse():
    text = "the president of France , a friend of Ann 's company that Bob founded"
    doc = Doc(NLP.vocab, words=text.split())
    index: MentionIndex[int] = MentionIndex(doc)
    for number, token in enumerate(doc):
        index.add(doc[token.i : token.i + 1], number)
    spans = [(0, 4), (3, 4), (5, 9), (8, 10), (8, 14), (0, 5)]
    assert [index.find(doc[start:end]) for start, end in spans] == [1, 3, 6, 8, 10, 1]


@pytest.mark.parametrize("parsed", [True, False])
def test_pronouns(parsed: bool):
    doc = make_doc(NLP.vocab, parsed)
    found = [token.i for token in doc if is_pronoun(doc[token.i : token.i + 1])]
    assert found == [position for position, token in enumerate(TOKENS) if token[1] == "PRON"]
    assert not is_pronoun(doc[8:10])


def test_a_named_mention_gives_the_type():
    doc = make_doc(NLP.vocab)
    doc.ents = [
        Span(doc, ent.start, ent.end, label=ent.label, kb_id="Q7" if ent.text == "Bob" else "NIL")
        for ent in doc.ents
    ]
    found = chain_entities(doc, [[doc[a:b] for a, b in chain] for chain in (BOTH, ANN, BOB)], True)
    assert [(mention_offsets([entity]), entity.label, entity.kb_id) for entity in found] == [
        (ANN, "PER", ""),
        (BOB, "PER", "Q7"),
        (BOTH, "", ""),
    ]
    assert [entity.key for entity in found] == ["entity_1", "entity_2", "entity_3"]


def test_the_most_frequent_type_of_the_named_mentions():
    doc = make_doc(NLP.vocab)
    assert read(doc, [[(0, 2), (16, 17), (24, 25)]]) == [([(0, 2), (16, 17), (24, 25)], "ORG")]


def test_without_pronouns():
    doc = make_doc(NLP.vocab)
    assert read(doc, [ANN, BOB, [(8, 9), (10, 11)]], pronouns=False) == [
        ([(0, 2), (12, 13)], "PER"),
        ([(3, 7), (14, 15)], "PER"),
    ]


def test_a_chain_of_one_mention_is_an_entity_and_an_empty_one_is_none():
    assert read(make_doc(NLP.vocab), [[(16, 17)], [], [(3, 3)]]) == [([(16, 17)], "ORG")]


def test_chains_that_share_a_mention_are_one():
    doc = make_doc(NLP.vocab)
    assert read(doc, [[(0, 2), (8, 9)], [(3, 7)], [(8, 9), (12, 13), (8, 9)]]) == [
        (ANN, "PER"),
        ([(3, 7)], "PER"),
    ]
