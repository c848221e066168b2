"""What the components say where their input makes them find nothing."""

import warnings
from itertools import islice

import pytest
import spacy
from spacy import Language
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import TITLE
from spacy_kmgre.pipeline import notices

from ..conftest import (
    NAME,
    annotate,
    component,
    make_doc,
    make_example,
    make_examples,
    make_other_doc,
    triples,
)


@pytest.fixture
def nlp(trained_folder) -> Language:
    return spacy.load(trained_folder("KMGRE"))


def with_groups(nlp: Language, prefix: str) -> Doc:
    doc = make_doc(nlp)
    found = {key: list(group) for key, group in doc.spans.items()}
    doc.spans.clear()
    for number, spans in enumerate(found.values()):
        doc.spans[f"{prefix}{number}"] = spans
    return doc


def with_pairs(nlp: Language, title: str, *sizes: int) -> Doc:
    """A document with so many mentions of each entity."""
    doc = Doc(nlp.vocab, words=["Ann"] * sum(sizes))
    places = iter(range(sum(sizes)))
    doc.user_data[TITLE] = title
    return annotate(doc, *([[at, at + 1] for at in islice(places, size)] for size in sizes))


def with_ents(nlp: Language) -> Doc:
    doc = Doc(nlp.vocab, words=["Ann", "founded", "Acme"])
    doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="ORG")]
    doc.user_data[TITLE] = "Ann and Acme"
    return doc


def test_named_entities_without_a_component_that_makes_entities(nlp):
    with pytest.warns(
        UserWarning, match=r"W015.*'Ann and Acme'.*2 named entities.*before='kmgre_relations'"
    ) as caught:
        assert nlp(with_ents(nlp))._.relations == ()
        list(nlp.pipe([with_ents(nlp), with_groups(nlp, "coref_")]))
    assert len(caught) == 1


def test_span_groups_of_another_name(nlp):
    with pytest.warns(UserWarning, match=r"W015.*coref_clusters_0, coref_clusters_1.*`prefix`"):
        nlp(with_groups(nlp, "coref_clusters_"))


def test_each_component_says_it_once(nlp, trained_folder):
    other = spacy.load(trained_folder("KMGRE"))
    for pipeline in (nlp, other):
        with pytest.warns(UserWarning, match="W015"):
            pipeline(with_ents(pipeline))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp(with_ents(nlp))


def test_a_document_with_very_many_mention_pairs(nlp, monkeypatch):
    """It is said of each such document, before it is read: the wait is about it alone."""
    monkeypatch.setattr(notices, "MANY_PAIRS", 3)
    docs = [with_pairs(nlp, "first", 2, 2), with_pairs(nlp, "second", 1, 1), with_pairs(nlp, "third", 3, 1)]
    with pytest.warns(UserWarning, match="W122") as caught:
        list(nlp.pipe(docs))
    said = [str(warning.message) for warning in caught if "W122" in str(warning.message)]
    assert len(said) == 2
    assert "'first' has 4 mentions of 2 entities, and so 8 mention pairs" in said[0]
    assert "'third' has 4 mentions of 2 entities, and so 6 mention pairs" in said[1]


def test_there_is_no_wait_for_pairs_that_are_not_read(make_nlp, monkeypatch):
    monkeypatch.setattr(notices, "MANY_PAIRS", 3)
    nlp = make_nlp(far_pairs=False)
    nlp.initialize(lambda: [make_example(nlp)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp(with_pairs(nlp, "many", 2, 2))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_said_where_nothing_is_amiss(nlp, count):
    doc = with_ents(nlp)
    doc.ents = doc.ents[:count]
    doc.spans["passages"] = [doc[0:3]]
    assert nlp(doc)._.relations == ()


def test_labels_that_the_pipeline_does_not_know(nlp):
    examples = make_examples(nlp)
    renamed = [
        {**relation.to_dict(), "label": f"P{len(relation.label)}"}
        for relation in examples[0].reference._.relations
    ]
    examples[0].reference._.relations = renamed
    with pytest.warns(
        UserWarning, match=r"W016.*3 of the 5 relations.*P8.*founded.*--relation-names"
    ) as caught:
        scores = nlp.evaluate(examples)
        nlp.evaluate(examples)
    assert len(caught) == 1 and 0 < scores["rel_micro_r"] < 1


def test_the_order_of_components(make_nlp):
    nlp = make_nlp()
    nlp.add_pipe("kmgre_entities")
    nlp.add_pipe("entity_ruler")
    examples = make_examples(nlp)
    with pytest.warns(UserWarning) as caught:
        nlp.initialize(lambda: examples)
    assert [str(warning.message)[:80] for warning in caught] == [
        "[KMGRE W017] 'kmgre_relations' needs what 'kmgre_entities' finds, which comes af"
    ]
    nlp.remove_pipe("kmgre_entities")
    nlp.add_pipe("kmgre_entities", first=True)
    component(nlp)._warn_once._given.clear()
    with pytest.warns(UserWarning, match="W017.*'kmgre_entities' needs what 'entity_ruler' finds"):
        nlp.initialize(lambda: examples)


def test_the_right_order(make_nlp):
    nlp = make_nlp()
    nlp.add_pipe("kmgre_entities", first=True)
    nlp.add_pipe("entity_ruler", first=True)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    assert not nlp.analyze_pipes()["problems"][NAME]


def test_spacy_finds_what_is_missing():
    nlp = spacy.blank("en")
    nlp.add_pipe(NAME)
    assert nlp.analyze_pipes()["problems"] == {NAME: ["doc.spans"]}
    nlp.add_pipe("kmgre_entities")
    assert nlp.analyze_pipes()["problems"] == {NAME: ["doc.spans"], "kmgre_entities": ["doc.ents"]}


def test_a_second_relation_component(nlp, trained_folder, tmp_path):
    nlp.add_pipe(NAME, name="other", source=spacy.load(trained_folder("KMGRE")))
    nlp.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    with pytest.warns(UserWarning, match=rf"W018.*those of 'other' now.*relations_of\('{NAME}'\)") as caught:
        for _ in range(2):
            assert triples(nlp(make_other_doc(nlp)))
    assert len(caught) == 1
    with nlp.select_pipes(disable=["other"]):
        nlp(nlp(make_other_doc(nlp)))  # a Doc that comes again is no second component


def test_no_named_entities_were_looked_for():
    nlp = spacy.blank("en")
    nlp.add_pipe("kmgre_entities")
    with pytest.warns(UserWarning, match=r"W019.*'kmgre_entities'.*'Ann founded Acme'.*ner"):
        nlp("Ann founded Acme")
    nlp("Ann founded Acme")
    nlp.add_pipe("entity_ruler", first=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*W036")  # no patterns
        nlp("")
        nlp("Nothing happens.")
