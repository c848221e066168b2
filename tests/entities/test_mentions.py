"""What a small recogniser needs: each rule by itself, on spans as spaCy's pipelines give them."""

from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.entities.languages import ENGLISH
from spacy_kmgre.entities.mentions import MentionFinder, MentionRules, title_before
from spacy_kmgre.entities.names import LABEL_KINDS
from spacy_kmgre.entities.ner import MENTION_RULES, ner_entities_by_rules
from spacy_kmgre.entities.spans import span_entities

from ..conftest import tries
from .test_ner import mark, texts

OFF = dict.fromkeys(MENTION_RULES, False)


def found(text: str, *rules: str) -> list[str]:
    """The mentions that some rules make of the marked ones, with their types."""
    doc = mark(text)
    doc[0].is_sent_start = True
    for token in doc[1:]:
        token.is_sent_start = doc[token.i - 1].text == "."
    finder = MentionFinder(MentionRules(**{**OFF, **dict.fromkeys(rules, True)}), LABEL_KINDS, ENGLISH)
    return [f"{span.text} {span.label_}" for span in finder.find(doc, doc.ents)]


def read(text: str, *rules: str, **settings: Any) -> set[tuple[str, ...]]:
    return texts(ner_entities_by_rules([*rules], **settings)(mark(text)))


@pytest.mark.parametrize(
    "rule, text, expected",
    [
        ("trim_articles", "of [the Royal Navy](ORG)", ["Royal Navy ORG"]),
        ("trim_articles", "[The Florida Court](ORG) ruled.", ["Florida Court ORG"]),
        ("trim_articles", "[an Army](ORG) of", ["Army ORG"]),
        ("trim_articles", "by [The Killers](ORG)", ["The Killers ORG"]),  # a part of the name
        ("trim_articles", "on [the](DATE)", ["the DATE"]),
        ("trim_possessives", "[Oslo's](GPE) port", ["Oslo GPE"]),
        ("trim_possessives", "the [Greens'](ORG) plan", ["Greens ORG"]),
        ("trim_possessives", "[St. John's](GPE) is east", ["St. John's GPE"]),
        ("trim_possessives", "[St. John's](PERSON) book", ["St. John PERSON"]),
        ("whole_names", "[Acme](ORG) , [L.P.](GPE) is here", ["Acme , L.P. ORG"]),
        ("whole_names", "[Acme Mills](PERSON), [LLC](ORG) and", ["Acme Mills, LLC ORG"]),
        ("whole_names", "[1990](DATE), [Inc.](ORG)", ["1990 DATE", "Inc. ORG"]),
        ("whole_names", "[Acme](ORG) and [LLC](ORG)", ["Acme ORG", "LLC ORG"]),
        ("whole_names", "[Emily Chen\nDate](PERSON): Monday", ["Emily Chen PERSON"]),
        ("whole_names", "[Lang\n- Audit: Lee](PERSON)", ["Lang PERSON"]),
        ("whole_names", "[Ann\n\nBob](PERSON)", ["Ann PERSON"]),
        ("whole_names", "[University of\nOslo](ORG)", ["University of\nOslo ORG"]),
        ("trim_amounts", "a [67-year-old](DATE) man", ["67-year-old DATE"]),
        ("trim_amounts", "[more than 3,000](CARDINAL) of", ["3,000 CARDINAL"]),
        ("trim_amounts", "[approximately six metres](QUANTITY)", ["six metres QUANTITY"]),
        ("trim_amounts", "[four years later](DATE)", ["four years DATE"]),
        ("trim_amounts", "[over](CARDINAL)", ["over CARDINAL"]),
        ("trim_amounts", "[Over the Rainbow](WORK_OF_ART)", ["Over the Rainbow WORK_OF_ART"]),
        ("periods", "[1971 to 1997](DATE)", ["1971 DATE", "1997 DATE"]),
        ("periods", "[May 19, 1896 - June 3, 1970](DATE)", ["May 19, 1896 DATE", "June 3, 1970 DATE"]),
        ("periods", "[March and October](DATE)", ["March DATE", "October DATE"]),
        ("periods", "[the 1950s and 1960s](DATE)", ["the 1950s DATE", "1960s DATE"]),
        ("periods", "[12 to 16 miles](QUANTITY)", ["12 to 16 miles QUANTITY"]),
        ("periods", "[1984 and 1985](WORK_OF_ART)", ["1984 and 1985 WORK_OF_ART"]),
        ("vague", "[today](DATE), [the summer](DATE), [one](CARDINAL), [hundreds](CARDINAL)", []),
        ("vague", "[May](DATE), [1990](DATE), [two](CARDINAL)", ["May DATE", "1990 DATE", "two CARDINAL"]),
        ("vague", "at [Christmas](DATE)", ["Christmas DATE"]),
        ("vague", "[one](ORG)", ["one ORG"]),
        ("repeats", "[Ann Lee](PERSON) came. Then Ann Lee left.", ["Ann Lee PERSON", "Ann Lee PERSON"]),
        ("repeats", "[Oslo](GPE) is not Oslo Brass, New Oslo or Oslo-Bergen.", ["Oslo GPE"]),
        ("repeats", "[red](ORG) is not red, and [1990](DATE) not 1990.", ["red ORG", "1990 DATE"]),
        ("trim_edges", '[" Second Heaven "](WORK_OF_ART)', ["Second Heaven WORK_OF_ART"]),
        ("trim_edges", "[Chihuahua and](GPE) Sonora", ["Chihuahua GPE"]),
        ("trim_edges", "[Leopold I](PERSON)", ["Leopold I PERSON"]),
        ("trim_edges", "[of](ORG)", ["of ORG"]),
        ("whole_values", "on [16](CARDINAL) [October 1891](DATE)", ["16 October 1891 DATE"]),
        ("whole_values", "[15](CARDINAL) km, [6](CARDINAL) trains", ["15 km CARDINAL", "6 CARDINAL"]),
        ("whole_values", "[of 3 May](DATE) [May](PERSON)", ["of 3 May DATE", "May PERSON"]),
        ("repeats", "[Ann Lee](PERSON) met Bo. Lee left Lee Street.", ["Ann Lee PERSON", "Lee PERSON"]),
        ("repeats", "[Ann](PERSON) of [Ann Lee](PERSON)", ["Ann PERSON", "Ann Lee PERSON"]),
    ],
)
def test_each_rule(rule: str, text: str, expected: list[str]):
    assert found(text, rule) == expected
    others = [other for other in MENTION_RULES if other != rule]
    if expected != found(text):
        assert found(text, *others) != expected


def test_defined_terms_have_the_type_of_their_name():
    text = '[Calder & Finch LLP](ORG) ( the " Contractor " ) pays . The [Contractor](PERSON) leaves .'
    assert read(text, "pretrained") == {("Calder & Finch LLP", "Contractor", "Contractor")}
    assert len(read(text, "pretrained", "-one_type")) == 2
    assert len(read(text.replace('"', ""), "pretrained")) == 2


def test_names_that_say_that_they_are_places():
    doc = mark("[Foots Creek](PERSON) and [Creek](PERSON) and [Lee Street](MISC)")
    assert [(e.text, e.label) for e in ner_entities_by_rules()(doc)] == [
        ("Foots Creek", "LOC"),
        ("Creek", "PERSON"),
        ("Lee Street", "MISC"),
    ]


def test_a_title_that_forbids_one_join_forbids_no_other():
    text = "Mr. [Ed Lee](PERSON) came. Mr. [Lee](PERSON) and Mrs. [Lee](PERSON). [Lee](PERSON)"
    found = [len(entity.mentions) for entity in ner_entities_by_rules()(mark(text))]
    assert found == [3, 1]


def test_rules_together():
    assert found("[the late 1990s](DATE)", "trim_articles", "trim_amounts") == ["1990s DATE"]
    text = "[between 1930 and the 1950s](DATE)"
    assert found(text, "trim_articles", "trim_amounts", "periods") == ["1930 DATE", "1950s DATE"]
    assert found("[at least one](CARDINAL)", "trim_amounts", "vague") == []


def test_parts_keep_label_and_identifiers():
    doc = mark("[the Oslo](GPE Q585 oslo)")
    (span,) = MentionFinder(MentionRules(), LABEL_KINDS, ENGLISH).find(doc, doc.ents)
    assert (span.text, span.label_, span.kb_id_, span.ent_id_) == ("Oslo", "GPE", "Q585", "oslo")


# Types


def test_a_name_has_the_type_that_most_of_its_mentions_have():
    text = "[Oslo](GPE), [Oslo](PERSON), [oslo](GPE), [Bergen](PERSON)"
    assert len(read(text, "case")) == 3
    (entity, _) = ner_entities_by_rules(["case", "one_type"])(mark(text))
    assert (entity.label, len(entity.mentions)) == ("GPE", 3)
    (entity,) = ner_entities_by_rules(["one_type"])(mark("[Oslo](GPE), [Oslo](PERSON)"))
    assert entity.label == "GPE"  # of several the first


def test_a_surname_has_the_type_of_the_person():
    text = "[Louis Lombardi](PERSON) acts. [Lombardi](ORG) sings."
    assert read(text, "surnames", "one_type") == {("Louis Lombardi", "Lombardi")}
    assert len(read(text, "surnames")) == 2
    assert len(read("[Jack London](PERSON) left [London](GPE).", "surnames", "one_type")) == 2


def test_identifiers_vote_apart():
    text = "[Paris](GPE Q90), [Paris](GPE Q90), [Paris](PERSON Q167646)"
    assert [entity.label for entity in ner_entities_by_rules()(mark(text))] == ["GPE", "PERSON"]


# Titles before a mention


def test_titles_before_a_mention_are_seen():
    text = "Mrs. [Eleanor Whitfield](PERSON) was ill. Mr. [Whitfield](PERSON), her husband, called."
    assert len(read(text, "gold")) == 1
    assert len(read(text, "gold", "titles_before")) == 2
    assert len(read(text.replace("Mr.", "Mrs."), "gold", "titles_before")) == 1
    assert len(read(text.replace("Mr.", "the"), "gold", "titles_before")) == 1
    names = [entity.text for entity in ner_entities_by_rules(["gold", "titles_before"])(mark(text))]
    assert names == ["Eleanor Whitfield", "Whitfield"]  # the mention is without the title


PEOPLE = "[Ann Sullivan](PERSON) met [John Sullivan](PERSON). "


@pytest.mark.parametrize(
    "text, count",
    [
        (
            PEOPLE + "Dr. [Sullivan](PERSON) and Mr. [Sullivan](PERSON) left.",
            4,
        ),  # two persons have the surname
        (PEOPLE + "Mr. [Sullivan](PERSON) left. [Sullivan](PERSON) wept.", 3),
        ("[Ann Sullivan](PERSON) came. Dr. [Sullivan](PERSON) left. Mrs. [Sullivan](PERSON) wept.", 1),
        ("[Ann Lee](PERSON) met Dr. [Sullivan](PERSON). Prof. [Sullivan](PERSON) left.", 2),
    ],
)
def test_different_titles_are_one_person_where_one_has_the_surname(text: str, count: int):
    assert len(ner_entities_by_rules(["gold", "titles_before"])(mark(text))) == count


def test_a_name_after_a_life_and_one_that_is_given():
    text = "[Ada Lindholm](PERSON) ([12 May 1888](DATE) – [1961](DATE)), known as [Maja](PERSON)."
    assert ("Ada Lindholm", "Maja") in read(text, "gold")
    assert len(read("[Carl Lee](PERSON) named [Saxifraga](PERSON).", "gold")) == 2


def test_generations_and_places_are_no_surnames():
    text = "[John Lee Jr.](PERSON) met [Anne of Savoy](PERSON). Lee Jr. went to Savoy."
    assert found(text, "repeats") == ["John Lee Jr. PERSON", "Anne of Savoy PERSON"]
    savoy = "[Anne of Savoy](PERSON) left [Savoy](ORG)."
    assert read(savoy, "one_type", "surnames") == {("Anne of Savoy",), ("Savoy",)}


def test_french_particles_are_parts_of_names():
    doc = spacy.blank("fr")("De Gaulle parle de Lille.")
    doc.ents = [Span(doc, 0, 2, label="PER"), Span(doc, 3, 5, label="LOC")]
    assert [entity.text for entity in ner_entities_by_rules()(doc)] == ["De Gaulle", "Lille"]


@pytest.mark.parametrize(
    "text, title",
    [
        ("Mr. [Lee](PERSON)", "Mr."),
        ("Prof. Dr. [Lee](PERSON)", "Prof. Dr."),
        ("the general [Lee](PERSON)", ""),
        ("General [Lee](PERSON)", "General"),
        ("[Lee](PERSON)", ""),
        ("met [Lee](PERSON)", ""),
    ],
)
def test_which_words_are_titles(text: str, title: str):
    doc = mark(text)
    assert title_before(doc.ents[0], ENGLISH) == title


# Flat span groups


def test_a_flat_span_group_has_a_reader():
    nlp = spacy.blank("en")
    reader = {"@misc": "spacy_kmgre.span_entities.v1", "key": "gliner"}
    nlp.add_pipe("kmgre_entities", config={"entities": reader, "types": {"person": "PER"}})
    doc = nlp.make_doc("the Ann Lee of Oslo met Lee.")
    doc.spans["gliner"] = [
        Span(doc, *span, label=label)
        for *span, label in ((0, 3, "person"), (4, 5, "GPE"), (6, 7, "person"), (1, 3, "person"))
    ]
    assert [(e.label, [m.text for m in e.mentions]) for e in nlp(doc)._.entities] == [
        ("PER", ["Ann Lee", "Lee"]),
        ("GPE", ["Oslo"]),
    ]


def test_kinds_of_labels_of_ones_own_in_a_span_group():
    doc = spacy.blank("en")("Ann Lee met Lee.")
    doc.spans["sc"] = [Span(doc, 0, 2, label="alien"), Span(doc, 3, 4, label="alien")]
    assert len(span_entities()(doc)) == 2
    assert len(span_entities(kinds={"alien": "person"})(doc)) == 1
    assert span_entities(key="other")(doc) == []
    with pytest.raises(ValueError, match=r"E023.*key"):
        span_entities(key="")


# Properties

WORDS = [
    "Ann",
    "Lee",
    "the",
    "The",
    "'s",
    "today",
    "1990",
    "to",
    "1997",
    "about",
    "more",
    "than",
    "one",
    "Mr.",
]
WORDS += ["Oslo", "and", "later", ",", "."]


@settings(deadline=None, max_examples=tries(20))
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=15),
    spans=st.lists(
        st.tuples(st.integers(0, 14), st.integers(1, 4), st.sampled_from(["PERSON", "DATE", "ORG"]))
    ),
)
def test_mentions_are_parts_of_spans_or_repeat_them(words: list[str], spans: list[tuple[int, int, str]]):
    doc = Doc(spacy.blank("en").vocab, words=words)
    given = [
        Span(doc, start, min(len(words), start + length), label=label)
        for start, length, label in spans
        if start < len(words)
    ]
    finder = MentionFinder(MentionRules(), LABEL_KINDS, ENGLISH)
    for mention in finder.find(doc, given):
        assert len(mention) and mention.label_
        inside = any(span.start <= mention.start and mention.end <= span.end for span in given)
        repeated = any(mention.text in span.text and span.label == mention.label for span in given)
        assert inside or repeated
    again = finder.find(doc, finder.find(doc, given))
    assert set(again) >= set(finder.find(doc, given)) - set(given)
