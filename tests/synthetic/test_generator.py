"""What each document of the generated corpus promises."""

import os
import subprocess
import sys
from collections import Counter

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_kmgre.annotations import read_entities, relation_data
from spacy_kmgre.synthetic import RELATIONS, generate_documents
from spacy_kmgre.synthetic.schema import ENTITY_TYPES, SIGNATURES
from spacy_kmgre.types import Entity, Relation

PARTS = ("train", "dev", "test")
NLP = spacy.blank("en")


@pytest.fixture(scope="module", params=PARTS)
def docs(request) -> list[Doc]:
    return list(generate_documents(NLP.vocab, 150, request.param))


def content(doc: Doc):
    groups = {
        key: [(span.start, span.end, span.label_) for span in group] for key, group in doc.spans.items()
    }
    return doc.text, doc.user_data["title"], groups, relation_data(doc), [sent.start for sent in doc.sents]


def offsets(span: Span) -> tuple[int, int]:
    return span.start, span.end


def key_offsets(relation: Relation) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    return {(offsets(pair.head), offsets(pair.tail)) for pair in relation.key_mention_pairs}


def mention_pairs(head: Entity, tail: Entity):
    return [(one, other) for one in head.mentions for other in tail.mentions]


def test_same_arguments_same_documents():
    first, second = (map(content, generate_documents(NLP.vocab, 8, "dev", seed=3)) for _ in range(2))
    assert list(first) == list(second)


def test_document_does_not_depend_on_count_or_vocab():
    few = [content(doc) for doc in generate_documents(NLP.vocab, 3)]
    many = [content(doc) for doc in generate_documents(Vocab(), 9)]
    assert few == many[:3]


def test_a_thing_that_no_sentence_is_left_to_mention():
    """The planner must end where the sentences that could mention a bystander are all used."""
    for number, doc in enumerate(generate_documents(NLP.vocab, 56, "dev", seed=1)):
        if number == 55:
            check(doc)


def test_another_seed_or_part_gives_other_documents():
    texts = {
        doc.text
        for other in PARTS
        for seed in (0, 1)
        for doc in generate_documents(NLP.vocab, 20, other, seed)
    }
    assert len(texts) == 20 * 2 * len(PARTS)


def test_hash_seed_changes_nothing():
    """This process has a seed of its own, and another one has one that gives other hashes."""
    program = (
        "import spacy; from spacy_kmgre.synthetic import generate_documents as g; "
        "print(hash('a'), [(d.text, d.user_data) for d in g(spacy.blank('en').vocab, 5)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"},
        capture_output=True,
        check=True,
        text=True,
    )
    number, _, there = done.stdout.partition(" ")
    assert int(number) != hash("a")
    assert there.strip() == str([(doc.text, doc.user_data) for doc in generate_documents(NLP.vocab, 5)])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), part=st.sampled_from(PARTS))
def test_any_seed_gives_sound_documents(seed, part):
    for doc in generate_documents(NLP.vocab, 3, part, seed):
        check(doc)


def test_documents_are_sound(docs):
    for doc in docs:
        check(doc)


def check(doc: Doc) -> None:
    """Check the invariants of every document."""
    words = len(doc.text.split())
    entities = {entity.key: entity for entity in read_entities(doc)}
    assert 50 <= words <= 125
    assert 5 <= len(entities) <= 9
    assert list(entities) == [f"entity_{number}" for number in range(1, len(entities) + 1)]
    assert len({entity.text for entity in entities.values()}) == len(entities)
    fresh = NLP.make_doc(doc.text)
    assert [(token.text, token.whitespace_) for token in fresh] == [
        (token.text, token.whitespace_) for token in doc
    ]
    assert doc.has_annotation("SENT_START")
    for sentence in doc.sents:
        assert sentence[-1].text == "." and sentence.text[0] == sentence.text[0].upper()
    check_mentions(doc, list(entities.values()))
    relations = doc._.relations
    assert 3 <= len(relations) <= 10
    assert len({(r.head.key, r.label, r.tail.key) for r in relations}) == len(relations)
    for relation in relations:
        check_relation(relation)


def check_mentions(doc: Doc, entities: list[Entity]) -> None:
    spans = [(mention.start, mention.end) for entity in entities for mention in entity.mentions]
    assert len(set(spans)) == len(spans)
    assert sum(len(group) for group in doc.spans.values()) == len(spans)
    taken = Counter(token for start, end in spans for token in range(start, end))
    assert set(taken.values()) == {1}
    first = [entity.mentions[0].start for entity in entities]
    assert first == sorted(first)
    for entity in entities:
        assert entity.label in ENTITY_TYPES.values()
        for mention in entity.mentions:
            assert mention.label_ == entity.label


def check_relation(relation: Relation) -> None:
    head, tail = SIGNATURES[relation.label]
    assert (relation.head.label, relation.tail.label) == (ENTITY_TYPES[head], ENTITY_TYPES[tail])
    assert relation.head.key != relation.tail.key
    pairs = relation.key_mention_pairs
    assert pairs and sum(pair.share for pair in pairs) == pytest.approx(1)
    assert len({pair.share for pair in pairs}) == 1 and len(key_offsets(relation)) == len(pairs)
    for pair in pairs:
        assert offsets(pair.head) in map(offsets, relation.head.mentions)
        assert offsets(pair.tail) in map(offsets, relation.tail.mentions)
        # One sentence states it, or two neighbours.
        earlier, later = sorted((pair.head.sent, pair.tail.sent))
        assert earlier == later or earlier.end == later.start
        assert {earlier, later} <= set(relation.evidence)
    assert len(relation.evidence) <= 2 * len(pairs)


def test_every_relation_is_common(docs):
    count = Counter(relation.label for doc in docs for relation in doc._.relations)
    assert set(count) == set(RELATIONS) and len(RELATIONS) >= 12
    assert min(count.values()) >= 10


def test_implied_relations_are_gold(docs):
    for doc in docs:
        gold = {(r.head.key, r.label, r.tail.key): r for r in doc._.relations}
        for (head, label, tail), relation in gold.items():
            implied = {
                "spouse": (tail, "spouse", head),
                "chief_executive": (tail, "employer", head),
                "capital_of": (head, "located_in", tail),
            }.get(label)
            if implied is None:
                continue
            pairs = key_offsets(relation)
            if implied[0] == tail:
                pairs = {(other, one) for one, other in pairs}
            assert pairs <= key_offsets(gold[implied])


def test_facts_do_not_contradict_each_other(docs):
    for doc in docs:
        facts = [(relation.head.key, relation.label) for relation in doc._.relations]
        single = [fact for fact in facts if fact[1] != "author_of"]
        assert len(set(single)) == len(single)
        dead = {head for head, label in facts if label == "died_in"}
        busy = {head for head, label in facts if label in ("employer", "member_of", "spouse")}
        assert not dead & busy


def test_two_labels_of_one_pair_in_one_sentence_and_in_two(docs):
    kinds = Counter()
    for doc in docs:
        by_pair = {}
        for relation in doc._.relations:
            by_pair.setdefault((relation.head.key, relation.tail.key), []).append(relation)
        for relations in by_pair.values():
            if len(relations) == 2:
                kinds["one" if relations[0].evidence == relations[1].evidence else "two"] += 1
    assert kinds["one"] >= 5 and kinds["two"] >= 5


def test_relations_cross_sentences(docs):
    pairs = [pair for doc in docs for r in doc._.relations for pair in r.key_mention_pairs]
    crossing = sum(pair.head.sent != pair.tail.sent for pair in pairs)
    assert 0.08 <= crossing / len(pairs) <= 0.35
    assert any(pair.head.sent.start > pair.tail.sent.start for pair in pairs)
    assert any(pair.head.sent.start < pair.tail.sent.start for pair in pairs)


def test_some_relations_are_stated_twice(docs):
    assert any(len(relation.key_mention_pairs) == 2 for doc in docs for relation in doc._.relations)


def test_sentences_mention_two_things_and_state_nothing(docs):
    idle = {"related": 0, "unrelated": 0}
    for doc in docs:
        relations = doc._.relations
        related = {frozenset((r.head.key, r.tail.key)) for r in relations}
        evidence = {sentence.start for relation in relations for sentence in relation.evidence}
        entities = read_entities(doc)
        for number, one in enumerate(entities):
            for other in entities[:number]:
                kind = "related" if frozenset((one.key, other.key)) in related else "unrelated"
                idle[kind] += sum(
                    a.sent == b.sent and a.sent.start not in evidence for a, b in mention_pairs(one, other)
                )
    assert min(idle.values()) >= 0.7 * len(docs)


def test_key_pairs_are_few_of_the_mention_pairs(docs):
    relations = [relation for doc in docs for relation in doc._.relations]
    counts = [len(mention_pairs(relation.head, relation.tail)) for relation in relations]
    assert sum(counts) / len(counts) >= 3
    several = [count > len(r.key_mention_pairs) for r, count in zip(relations, counts)]
    assert sum(several) >= 0.9 * len(relations)


def test_mentions_take_every_form(docs):
    people = [entity for doc in docs for entity in read_entities(doc) if entity.label == "PER"]
    firms = [entity for doc in docs for entity in read_entities(doc) if entity.label == "ORG"]
    for entities, pronouns in ((people, {"he", "she", "him", "her", "his"}), (firms, {"it", "its"})):
        forms = {mention.text.lower() for entity in entities for mention in entity.mentions}
        assert pronouns <= forms
        assert any(form.startswith("the ") for form in forms)
        assert any(
            mention.text != entity.text and mention.text in entity.text
            for entity in entities
            for mention in entity.mentions
        )
    acronyms = {mention.text for entity in firms for mention in entity.mentions if mention.text.isupper()}
    assert acronyms


def test_ents_are_the_mentions_by_name(docs):
    for doc in docs:
        mentions = {offsets(span): span for entity in read_entities(doc) for span in entity.mentions}
        assert all(
            offsets(ent) in mentions and ent.label_ == mentions[offsets(ent)].label_ for ent in doc.ents
        )
        unnamed = set(mentions) - {offsets(ent) for ent in doc.ents}
        # An article or a pronoun begins such a mention. A name begins with "The" at most, and has a capital after it.
        assert all(mentions[key].text[1:].islower() for key in unnamed)
        assert not any(ent.text[1:].islower() and ent.text[0].islower() for ent in doc.ents)
    assert len({ent.label_ for doc in docs for ent in doc.ents}) == len(set(ENTITY_TYPES.values()))
    assert sum(len(doc.ents) for doc in docs) > 8 * len(docs)


def test_pronouns_have_one_antecedent(docs):
    """Nothing else with the same pronoun stands in the sentence so far or in the one before."""
    classes = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she", "it": "it", "its": "it"}
    for doc in docs:
        entities = read_entities(doc)
        used = {
            entity.key: {classes[m.text.lower()] for m in entity.mentions if m.text.lower() in classes}
            for entity in entities
        }
        assert all(len(pronouns) <= 1 for pronouns in used.values())
        sentences = list(doc.sents)
        for entity in entities:
            for mention in entity.mentions:
                pronoun = classes.get(mention.text.lower())
                if pronoun is None:
                    continue
                place = sentences.index(mention.sent)
                start = sentences[max(0, place - 1)].start
                near = {
                    other.key
                    for other in entities
                    for earlier in other.mentions
                    if start <= earlier.start < mention.start
                }
                assert entity.key in near
                assert not any(pronoun in used[key] for key in near - {entity.key})


def test_relations_survive_a_docbin():
    docs = list(generate_documents(NLP.vocab, 5))
    binary = DocBin(docs=docs, store_user_data=True).to_bytes()
    again = list(DocBin().from_bytes(binary).get_docs(spacy.blank("en").vocab))
    assert [[r.to_dict() for r in doc._.relations] for doc in again] == [
        [r.to_dict() for r in doc._.relations] for doc in docs
    ]


def test_no_documents():
    assert list(generate_documents(NLP.vocab, 0)) == []


def test_unknown_part_is_refused_at_once():
    with pytest.raises(ValueError, match=r"E300.*'training'.*train"):
        generate_documents(NLP.vocab, 1, "training")


def test_negative_count_is_refused_at_once():
    with pytest.raises(ValueError, match=r"E301.*-1"):
        generate_documents(NLP.vocab, -1)
