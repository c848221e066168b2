"""Properties of the readers that hold for any names and any chains."""

import random
import warnings
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from spacy_kmgre.annotations import mention_offsets, read_entities, replace_entities
from spacy_kmgre.entities.chains import chain_entities
from spacy_kmgre.entities.merged import merged_entities
from spacy_kmgre.entities.ner import ner_entities
from spacy_kmgre.entities.span_groups import span_group_entities
from spacy_kmgre.types import Entity

NLP = spacy.blank("en")
NAMES = "Ann Lee lee Mr. Mrs. Jr. van de of United States US U.S. Acme Inc. Ltd University"
WORDS = [*NAMES.split(), *["the", "The", "(", ")", "also", "known", "as", "or", ",", "it"]]
LABELS = ("PER", "ORG", "LOC", "DATE", "X")
KB_IDS = ("", "", "", "NIL", "Q1", "Q2")
ENT_IDS = ("", "", "", "a", "b")


class Case(NamedTuple):
    doc: Doc
    chains: list[list[Span]]


@st.composite
def cases(draw) -> Case:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30))
    doc = Doc(NLP.vocab, words=words)
    if draw(st.booleans()):
        heads = [draw(st.integers(max(0, i - 2), min(len(words) - 1, i + 2))) for i in range(len(words))]
        for position, head in enumerate(
            heads
        ):  # A token that is a head becomes a root, so that there are no cycles.
            if heads[head] != head:
                heads[position] = position
        deps = draw(
            st.lists(st.sampled_from(["nsubj", "conj", "det"]), min_size=len(words), max_size=len(words))
        )
        doc = Doc(NLP.vocab, words=words, heads=heads, deps=deps)
    offsets = st.tuples(st.integers(0, len(words) - 1), st.integers(1, 4)).map(
        lambda span: (span[0], min(len(words), span[0] + span[1]))
    )
    names = draw(st.lists(st.tuples(offsets, *map(st.sampled_from, (LABELS, KB_IDS, ENT_IDS))), max_size=12))
    doc.ents = filter_spans(
        [Span(doc, *span, label=label, kb_id=kb_id, span_id=ent_id) for span, label, kb_id, ent_id in names]
    )
    groups = draw(st.lists(st.lists(offsets, max_size=4), max_size=3))
    for number, group in enumerate(groups):
        doc.spans[f"chain_{number}"] = [
            Span(doc, *span, label="PER" if number == 1 else "") for span in group
        ]
    chains = draw(st.lists(st.lists(offsets, max_size=4), max_size=5))
    return Case(doc, [[doc[start:end] for start, end in chain] for chain in chains])


def readers(case: Case) -> list[Callable[[Doc], list[Entity]]]:
    def chains(doc: Doc) -> list[Entity]:
        return chain_entities(doc, case.chains, True)

    names, groups = ner_entities(), span_group_entities("chain_")
    return [
        names,
        chains,
        lambda doc: chain_entities(doc, case.chains, False),
        merged_entities(names, chains),
        merged_entities(names, groups, chains, untyped=True),
        merged_entities(groups, names, chains),
        merged_entities(chains, names, groups),
    ]


def describe(entities: list[Entity]) -> list[tuple]:
    return [(entity.key, mention_offsets([entity]), entity.label, entity.kb_id) for entity in entities]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_clusters_are_disjoint_and_the_same_each_time(case: Case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for reader in readers(case):
            found = reader(case.doc)
            spans = [(span.start, span.end) for entity in found for span in entity.mentions]
            assert len(set(spans)) == len(spans)
            assert all(entity.mentions for entity in found)
            assert len({entity.key for entity in found}) == len(found)
            assert [e.mentions[0].start for e in found] == sorted(e.mentions[0].start for e in found)
            assert describe(reader(case.doc)) == describe(found)
            copy = case.doc.copy()
            replace_entities(copy, found)
            stored = describe(copy._.entities)
            assert sorted(offsets for _, offsets, _, _ in stored) == sorted(e[1] for e in describe(found))
            replace_entities(copy, read_entities(copy))
            assert describe(copy._.entities) == stored


@settings(max_examples=100, deadline=None)
@given(cases(), st.booleans())
def test_names_and_identifiers(case: Case, simple: bool):
    reader = ner_entities(surnames=not simple, acronyms=not simple, stated_aliases=not simple)
    found = reader(case.doc)
    assert sorted(mention_offsets(found)) == [(ent.start, ent.end) for ent in case.doc.ents]
    where = {
        (span.start, span.end): number for number, entity in enumerate(found) for span in entity.mentions
    }
    number = {ent: where[ent.start, ent.end] for ent in case.doc.ents}
    linked = {ent: ent.kb_id_ for ent in case.doc.ents if ent.kb_id_ not in ("", "NIL")}
    for left in case.doc.ents:
        for right in case.doc.ents:
            together = number[left] == number[right]
            if left in linked and right in linked:
                assert together == (linked[left] == linked[right])
            plain = not any(ent in linked or ent.ent_id_ for ent in (left, right))
            if plain and left.text == right.text and left.label == right.label:
                assert together
    for entity in found:
        mentions = [ent for ent in case.doc.ents if number[ent] == found.index(entity)]
        assert entity.kb_id == next((linked[ent] for ent in mentions if ent in linked), "")
        assert Counter(ent.label_ for ent in mentions)[entity.label] == max(
            Counter(ent.label_ for ent in mentions).values()
        )
        if not any(ent in linked or ent.ent_id_ for ent in mentions):
            assert len({ent.label for ent in mentions}) == 1


@settings(max_examples=60, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_chains_is_nothing(case: Case, shuffle: random.Random):
    found = describe(chain_entities(case.doc, case.chains, True))
    shuffled = [sorted(chain, key=lambda _: shuffle.random()) for chain in case.chains]
    shuffle.shuffle(shuffled)
    assert describe(chain_entities(case.doc, shuffled, True)) == found
