import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import write_entities
from spacy_kmgre.entities.grouping import Cluster, Grouping, identifier, make_entities, most_common

NLP = spacy.blank("en")


def make_doc(length: int = 12) -> Doc:
    return Doc(NLP.vocab, words=[f"w{number}" for number in range(length)])


def groups(grouping: Grouping, size: int) -> set[frozenset]:
    found: dict[int, set[int]] = {}
    for number in range(size):
        found.setdefault(grouping.find(number), set()).add(number)
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
    grouping = Grouping()
    for _ in range(8):
        grouping.add()
    assert grouping.join(first) == [] == grouping.join(second)
    assert groups(grouping, 8) == connected(8, first + second)
    for group in groups(grouping, 8):
        assert {grouping.find(number) for number in group} == {min(group)}


@given(st.lists(st.sampled_from([None, "a", "b"]), min_size=8, max_size=8), LINKS, st.randoms())
def test_different_marks_never_meet_and_the_order_of_links_is_nothing(marks, links, random):
    shuffled = [link[::-1] for link in links]
    random.shuffle(shuffled)
    results = []
    for given_links in (links, shuffled):
        grouping = Grouping()
        for mark in marks:
            grouping.add(mark)
        refused = grouping.join(given_links)
        results.append((groups(grouping, 8), {frozenset(roots) for roots in refused}))
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
    grouping = Grouping()
    numbers = [
        grouping.add(None, None),
        grouping.add("Q1", None),
        grouping.add(None, "m"),
        grouping.add("Q2", "m"),
    ]
    assert grouping.join([(0, 1), (0, 2)]) == []
    assert [grouping.marks(number) for number in numbers[:3]] == [("Q1", "m")] * 3
    assert grouping.join([(0, 3)]) == [{0, 3}]
    assert grouping.marks(0) == ("Q1", "m")


def test_entities_are_numbered_by_their_first_mentions():
    doc = make_doc()
    found = make_entities(
        doc, [Cluster([doc[5:6], doc[2:3]], "B", "Q2"), Cluster([doc[7:8]]), Cluster([doc[0:2]], "A")]
    )
    assert [(entity.key, entity.label, entity.kb_id) for entity in found] == [
        ("entity_1", "A", ""),
        ("entity_2", "B", "Q2"),
        ("entity_3", "", ""),
    ]
    assert [span.start for span in found[1].mentions] == [2, 5]


def test_a_stored_cluster_keeps_its_key_and_others_avoid_taken_ones():
    doc = make_doc()
    doc.spans["entity_1"] = [doc[9:10]]  # of another origin
    doc.spans["entity_3"] = [Span(doc, 0, 1, label="A"), Span(doc, 4, 5, label="A")]
    doc.spans["entity_x"] = [doc[1:2]]
    clusters = [Cluster([doc[2:3]], "A"), Cluster([doc[4:5], doc[0:1]], "A"), Cluster([doc[6:7]], "A")]
    first = make_entities(doc, clusters)
    assert [entity.key for entity in first] == ["entity_3", "entity_2", "entity_4"]
    write_entities(doc, first)
    assert [entity.key for entity in make_entities(doc, clusters)] == ["entity_3", "entity_2", "entity_4"]
    assert [span.start for span in doc.spans["entity_1"]] == [9]


def test_a_stored_cluster_of_another_label_is_another():
    doc = make_doc()
    doc.spans["entity_1"] = [Span(doc, 0, 1, label="A")]
    (entity,) = make_entities(doc, [Cluster([doc[0:1]], "B")])
    assert entity.key == "entity_2"


def test_a_key_that_a_cluster_brings_stays():
    doc = make_doc()
    doc.spans["coref_clusters_4"] = [doc[0:1]]
    clusters = [
        Cluster([doc[0:1], doc[3:4]], key="coref_clusters_4"),
        Cluster([doc[1:2]], key="entity_1"),
        Cluster([doc[2:3]]),
    ]
    assert [entity.key for entity in make_entities(doc, clusters)] == [
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
