import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import write_entities
from spacy_kmgre.entities.grouping import DisjointSets, identifier, most_common, number_entities
from spacy_kmgre.types import Entity

NLP = spacy.blank("en")


def make_doc(length: int = 12) -> Doc:
    return Doc(NLP.vocab, words=[f"w{number}" for number in range(length)])


def groups(sets: DisjointSets, size: int) -> set[frozenset]:
    found: dict[int, set[int]] = {}
    for number in range(size):
        found.setdefault(sets.find(number), set()).add(number)
    return {frozenset(group) for group in found.values()}


def connected(size: int, links: list[tuple[int, int]]) -> set[frozenset]:
    """The components of a graph, by spreading until nothing changes."""
    component = list(range(size))
    for _ in range(size):
        for left, right in links:
            component[left] = component[right] = min(component[left], component[right])
    return {frozenset(i for i in range(size) if component[i] == c) for c in set(component)}


LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12)


@given(LINKS, LINKS)
def test_groups_are_the_components_of_all_links(first, second):
    sets = DisjointSets()
    for _ in range(8):
        sets.add()
    assert sets.join(first) == [] == sets.join(second)
    assert groups(sets, 8) == connected(8, first + second)
    assert all(items[0] == root for root, items in sets.groups().items())
    assert {frozenset(items) for items in sets.groups().values()} == groups(sets, 8)
    for group in groups(sets, 8):
        assert {sets.find(number) for number in group} == {min(group)}


@given(st.lists(st.sampled_from([None, "a", "b"]), min_size=8, max_size=8), LINKS, st.randoms())
def test_different_marks_never_meet_and_the_order_of_links_is_nothing(marks, links, random):
    shuffled = [link[::-1] for link in links]
    random.shuffle(shuffled)
    results = []
    for given_links in (links, shuffled):
        sets = DisjointSets()
        for mark in marks:
            sets.add(mark)
        refused = sets.join(given_links)
        results.append((groups(sets, 8), {frozenset(roots) for roots in refused}))
    assert results[0] == results[1]
    found, refused = results[0]
    for component in connected(8, links):
        distinct = {marks[number] for number in component} - {None}
        if len(distinct) > 1:
            assert component in refused
            assert all(frozenset([number]) in found for number in component)
        else:
            assert component in found


def test_a_group_has_the_marks_of_its_members():
    sets = DisjointSets()
    numbers = [
        sets.add(None, None),
        sets.add("Q1", None),
        sets.add(None, "m"),
        sets.add("Q2", "m"),
    ]
    assert sets.join([(0, 1), (0, 2)]) == []
    assert [sets.marks(number) for number in numbers[:3]] == [("Q1", "m")] * 3
    assert sets.join([(0, 3)]) == [{0, 3}]
    assert sets.marks(0) == ("Q1", "m")


def cluster(*mentions: Span, label: str = "", kb_id: str = "", key: str = "") -> Entity:
    return Entity(mentions, key, label, kb_id)


def test_entities_are_numbered_by_their_first_mentions():
    doc = make_doc()
    found = number_entities(
        doc,
        [cluster(doc[5:6], doc[2:3], label="B", kb_id="Q2"), cluster(doc[7:8]), cluster(doc[0:2], label="A")],
    )
    assert [(entity.key, entity.label, entity.kb_id) for entity in found] == [
        ("entity_1", "A", ""),
        ("entity_2", "B", "Q2"),
        ("entity_3", "", ""),
    ]
    assert [span.start for span in found[1].mentions] == [2, 5]


def test_a_stored_cluster_keeps_its_key_and_others_avoid_taken_ones():
    doc = make_doc()
    doc.spans["entity_1"] = [doc[9:10]]  # This group is not an entity of the reader.
    doc.spans["entity_3"] = [Span(doc, 0, 1, label="A"), Span(doc, 4, 5, label="A")]
    doc.spans["entity_x"] = [doc[1:2]]
    clusters = [
        cluster(doc[2:3], label="A"),
        cluster(doc[4:5], doc[0:1], label="A"),
        cluster(doc[6:7], label="A"),
    ]
    first = number_entities(doc, clusters)
    assert [entity.key for entity in first] == ["entity_3", "entity_2", "entity_4"]
    write_entities(doc, first)
    assert [entity.key for entity in number_entities(doc, clusters)] == ["entity_3", "entity_2", "entity_4"]
    assert [span.start for span in doc.spans["entity_1"]] == [9]


def test_a_stored_cluster_of_another_label_is_another():
    doc = make_doc()
    doc.spans["entity_1"] = [Span(doc, 0, 1, label="A")]
    (entity,) = number_entities(doc, [cluster(doc[0:1], label="B")])
    assert entity.key == "entity_2"


def test_a_key_that_a_cluster_brings_stays():
    doc = make_doc()
    doc.spans["coref_clusters_4"] = [doc[0:1]]
    clusters = [
        cluster(doc[0:1], doc[3:4], key="coref_clusters_4"),
        cluster(doc[1:2], key="entity_1"),
        cluster(doc[2:3]),
    ]
    assert [entity.key for entity in number_entities(doc, clusters)] == [
        "coref_clusters_4",
        "entity_1",
        "entity_2",
    ]


@pytest.mark.parametrize(
    "values, expected", [([], ""), (["", ""], ""), (["a", "b", "b"], "b"), (["", "b", "a"], "b")]
)
def test_most_common(values, expected):
    assert most_common(values) == expected


@pytest.mark.parametrize("kb_id, expected", [("Q1", "Q1"), ("NIL", ""), ("", "")])
def test_what_no_linker_has_linked_has_no_identifier(kb_id, expected):
    assert identifier(Span(make_doc(), 0, 1, kb_id=kb_id)) == expected
