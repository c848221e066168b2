import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre import Entity, MentionPair, Relation

NLP = spacy.blank("en")


def make_entity(*mentions: str) -> Entity:
    """An entity with these mentions, in a text that holds nothing else."""
    doc = Doc(NLP.vocab, words=[word for mention in mentions for word in mention.split()])
    spans: list[Span] = []
    for mention in mentions:
        start = spans[-1].end if spans else 0
        spans.append(doc[start : start + len(mention.split())])
    return Entity(mentions=tuple(spans), key="entity_1")


@pytest.mark.parametrize(
    "mentions",
    [
        ("Genc Ruli", "Ruli", "the Albanian politician", "the politician", "He"),
        ("Ruli", "the Albanian politician", "He"),
        ("the politician", "he"),
        ("breast cancer", "cancer", "it"),  # nothing is capitalised: the longest
        ("the University of Tirana", "University", "it"),  # small words do not count
        ("12 May 1945", "1945", "that day"),
        ("Oslo", "OSLO"),  # equal: the first
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_text_is_the_most_specific_mention(mentions: tuple[str, ...], order: int):
    expected = mentions[0]
    if mentions[0].lower() == mentions[1].lower() and order == -1:
        expected = mentions[1]
    assert make_entity(*mentions[::order]).text == expected


def test_text_of_a_longer_description_does_not_beat_a_name():
    assert make_entity("the very well known politician from the capital", "Ruli").text == "Ruli"


def test_text_of_a_pronoun_alone():
    assert make_entity("It").text == "It"


def test_text_without_mentions():
    assert Entity(mentions=(), key="entity_1").text == ""


def test_to_dict_is_plain_data_with_offsets():
    doc = Doc(NLP.vocab, words=["Ann", "founded", "Acme", "."], sent_starts=[True, False, False, False])
    ann, acme = Entity((doc[0:1],), "entity_1"), Entity((doc[2:3],), "entity_2")
    pair = MentionPair(head=doc[0:1], tail=doc[2:3], key_score=0.75, relation_score=0.5, share=1.0)
    relation = Relation(ann, acme, "founded", 0.25, (pair,), (doc[0:4],))
    assert relation.to_dict() == {
        "head": "entity_1",
        "tail": "entity_2",
        "label": "founded",
        "score": 0.25,
        "key_mention_pairs": [
            {"head": [0, 1], "tail": [2, 3], "key_score": 0.75, "relation_score": 0.5, "share": 1.0}
        ],
        "evidence": [[0, 4]],
    }


def test_a_gold_relation_is_certain_and_bare():
    relation = Relation(make_entity("Ann"), make_entity("Acme"), "founded")
    assert (relation.score, relation.key_mention_pairs, relation.evidence) == (1.0, (), ())


@pytest.mark.parametrize("field", ["label", "score"])
def test_what_is_read_off_a_doc_cannot_be_changed(field: str):
    relation = Relation(make_entity("Ann"), make_entity("Acme"), "founded")
    with pytest.raises(AttributeError):
        setattr(relation, field, None)
