"""The wording and the names: what train, dev and test have in common, and what they do not."""

import re
from collections import Counter
from itertools import combinations
from random import Random

import pytest

from spacy_kmgre.synthetic.schema import (
    CITY,
    COMPANY,
    COUNTRY,
    PERSON,
    RELATIONS,
    SIGNATURES,
    SLOTS,
    SOCIETY,
    UNIVERSITY,
    WORK,
    Fact,
    with_implied,
)
from spacy_kmgre.synthetic.templates import NOUN_ROLES, SLOT, bind_facts, bind_things, templates
from spacy_kmgre.synthetic.things import Namer, part_of
from spacy_kmgre.synthetic.world import make_world

PARTS = ("train", "dev", "test")


def sentences(part, roles=True):
    texts = [" | ".join(template.sentences) for template in templates(part)]
    return texts if roles else [SLOT.sub(_without_pronoun_role, text) for text in texts]


def _without_pronoun_role(slot):
    return slot[0] if slot[2] in NOUN_ROLES else f"{{{slot[1]}}}"


@pytest.mark.parametrize("roles", [True, False])
def test_no_template_in_two_parts(roles):
    for one, other in combinations(PARTS, 2):
        assert not set(sentences(one, roles)) & set(sentences(other, roles))


@pytest.mark.parametrize("part", PARTS)
def test_no_template_twice(part):
    count = Counter(sentences(part))
    assert [text for text, times in count.items() if times > 1] == []


@pytest.mark.parametrize("part, least", [("train", 5), ("dev", 3), ("test", 3)])
def test_every_relation_has_several_wordings(part, least):
    alone = Counter(t.facts[0].label for t in templates(part) if len(t.facts) == 1)
    crossing = {t.facts[0].label for t in templates(part) if len(t.sentences) == 2 and t.facts}
    assert all(alone[label] >= least for label in RELATIONS)
    assert crossing == set(RELATIONS)


@pytest.mark.parametrize("part", PARTS)
def test_facts_fit_their_slots(part):
    for template in templates(part):
        stated = {slot for fact in template.facts for slot in (fact.head, fact.tail)}
        assert not template.facts or stated == set(template.slots)
        for head, label, tail in template.facts:
            assert (SLOTS[head], SLOTS[tail]) == SIGNATURES[label]


@pytest.mark.parametrize("part", PARTS)
def test_slots_are_well_formed(part):
    roles = {"", "he", "him", "his", "own", "name", *NOUN_ROLES}
    for template in templates(part):
        assert 1 <= len(template.sentences) <= 2 and 1 <= len(template.slots) <= 3
        for sentence in template.sentences:
            assert sentence.endswith(".") and not re.search("[{}|]", SLOT.sub("", sentence))
            assert {match[2] or "" for match in SLOT.finditer(sentence)} <= roles


@pytest.mark.parametrize("part", PARTS)
def test_no_pronoun_but_those_of_slots(part):
    """A pronoun in the wording would be a mention that no cluster holds."""
    pronouns = {"she", "he", "her", "him", "his", "hers", "its", "they", "their", "them", "who", "whose"}
    for text in sentences(part):
        found = pronouns & set(re.findall(r"[a-z]+", SLOT.sub("", text).lower()))
        assert not found or re.match(r"It was \{p\} who", text), text


@pytest.mark.parametrize("kind", [PERSON, COMPANY, UNIVERSITY, SOCIETY, CITY, COUNTRY, WORK])
def test_parts_share_no_names(kind):
    names = {part: [Namer(part, Random(seed)).make(kind) for seed in range(200)] for part in PARTS}
    for one, other in combinations(PARTS, 2):
        for form in ("name", "short"):
            first, second = ({getattr(thing, form) for thing in names[part]} - {""} for part in (one, other))
            assert not {name for name in first & second if not name.isupper()}


def test_shares_of_a_list_are_disjoint_and_complete():
    words = [str(number) for number in range(23)]
    shares = [word for part in PARTS for word in part_of(words, part)]
    assert sorted(shares) == sorted(words)


def test_things_of_one_document_share_no_noun_and_no_name():
    for seed in range(100):
        things = list(make_world("test", Random(seed)).things.values())
        for attribute in ("name", "short", "noun"):
            count = Counter(filter(None, (getattr(thing, attribute) for thing in things)))
            assert set(count.values()) == {1}


def test_worlds_are_connected():
    for seed in range(100):
        world = make_world("train", Random(seed))
        reached = {world.facts[0].head}
        for _ in world.facts:
            reached |= {end for f in world.facts if reached & {f.head, f.tail} for end in (f.head, f.tail)}
        assert reached == {end for fact in world.facts for end in (fact.head, fact.tail)}


def test_parents_and_spouses_are_no_relatives_otherwise():
    """The facts between things of one kind form a forest: nobody marries a parent or a sibling."""
    for seed in range(300):
        facts = make_world("train", Random(seed)).facts
        for labels in ({"child_of", "spouse"}, {"subsidiary_of"}):
            edges = {(fact.head, fact.tail) for fact in facts if fact.label in labels}
            nodes = {node for edge in edges for node in edge}
            groups = {node: {node} for node in nodes}
            for head, tail in sorted(edges):
                assert groups[head] is not groups[tail]
                merged = groups[head] | groups[tail]
                groups.update(dict.fromkeys(merged, merged))


def test_implied():
    facts = [Fact("o", "chief_executive", "p"), Fact("p", "spouse", "q"), Fact("c", "capital_of", "n")]
    assert with_implied(facts) == [
        Fact("o", "chief_executive", "p"),
        Fact("p", "employer", "o"),
        Fact("p", "spouse", "q"),
        Fact("q", "spouse", "p"),
        Fact("c", "capital_of", "n"),
        Fact("c", "located_in", "n"),
    ]


def test_bind_facts_keeps_slots_apart_and_consistent():
    facts = [Fact("Ann", "spouse", "Bob"), Fact("Bob", "employer", "Acme"), Fact("Cid", "employer", "Acme")]
    stated = [Fact("p", "spouse", "q"), Fact("q", "employer", "o")]
    assert list(bind_facts(stated, facts)) == [{"p": "Ann", "q": "Bob", "o": "Acme"}]
    same = [Fact("p", "employer", "o"), Fact("q", "employer", "o")]
    assert len(list(bind_facts(same, facts))) == 2
    assert list(bind_facts([Fact("p", "born_in", "c")], facts)) == []


def test_bind_things_fills_slots_with_different_things():
    namer = Namer("train", Random(0))
    things = [namer.make(kind) for kind in (PERSON, PERSON, CITY)]
    names = [thing.name for thing in things]
    assert list(bind_things(("p", "q"), things)) == [
        {"p": names[0], "q": names[1]},
        {"p": names[1], "q": names[0]},
    ]
    assert list(bind_things(("c", "k"), things)) == []
