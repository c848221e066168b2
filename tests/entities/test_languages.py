"""Rules that know words of a language follow `nlp.lang`."""

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.entities.languages import ENGLISH, FRENCH, OTHER_LANGUAGE, language
from spacy_kmgre.entities.mentions import title_before
from spacy_kmgre.entities.names import PERSON, NameRules
from spacy_kmgre.entities.ner import ner_entities_by_rules

from .test_ner import texts


def read(lang: str, words: str, *spans: tuple[int, int, str]) -> set[tuple[str, ...]]:
    """The entities of a text of words, with these spans as `doc.ents`."""
    doc = Doc(spacy.blank(lang).vocab, words=words.split())
    doc.ents = [Span(doc, start, end, label=label) for start, end, label in spans]
    return texts(ner_entities_by_rules()(doc))


def test_languages_by_their_codes():
    assert language("en") is language("xx") is language("") is ENGLISH
    assert language("fr") is FRENCH
    assert language("de") is language("zh") is OTHER_LANGUAGE


@pytest.mark.parametrize(
    "words, first, second",
    [
        ("The Fund and Fund", (0, 2, "ORG"), (3, 4, "ORG")),  # an article
        ("Oslo 's and Oslo", (0, 2, "LOC"), (3, 4, "LOC")),  # a possessive
        ("Ajo , also known as Lavalle", (0, 1, "ORG"), (5, 6, "ORG")),  # a statement
        ("Nobel Fund , Fund", (0, 2, "ORG"), (3, 4, "ORG")),  # a head
        ("United States , USA", (0, 2, "LOC"), (3, 4, "LOC")),  # a country
    ],
)
def test_english_rules_are_off_in_other_languages(words, first, second):
    assert len(read("en", words, first, second)) == 1
    if words.startswith("United"):
        assert len(read("de", "Soviet Union , UdSSR", (0, 2, "LOC"), (3, 4, "LOC"))) == 2
    else:
        assert len(read("de", words, first, second)) == 2


def test_rules_without_words_of_a_language_work_everywhere():
    for lang in ("en", "fr", "de", "zh"):
        assert len(read(lang, "Genc Ruli , Ruli", (0, 2, "PER"), (3, 4, "PER"))) == 1
        assert len(read(lang, "Dr. Genc Ruli , Genc Ruli", (0, 3, "PER"), (4, 6, "PER"))) == 1
        assert len(read(lang, "Siemens AG , Siemens", (0, 2, "ORG"), (3, 4, "ORG"))) == 1


NAMES = [
    ("M. Dupont", "dupont", "male"),
    ("Mme Curie", "curie", "female"),
    ("Mlle Marie Curie", "marie curie", "female"),
    ("le général de Gaulle", "de gaulle", None),
    ("le président Emmanuel Macron", "emmanuel macron", None),
    ("Premier ministre Jean Castex", "jean castex", None),
    ("l'abbé Pierre", "pierre", "male"),
    ("Sa Majesté", "sa majeste", None),
]


@pytest.mark.parametrize("text, core, gender", NAMES)
def test_french_titles(text: str, core: str, gender: str | None):
    name = NameRules().name(text, PERSON, FRENCH)
    assert (" ".join(name.core), name.gender) == (core, gender)


@pytest.mark.parametrize(
    "left, right",
    [
        ("l'Assemblée nationale", "Assemblée nationale"),
        ("L’Oréal", "Oréal"),
        ("les Républicains", "Républicains"),
        ("la Banque de France", "Banque de France"),
    ],
)
def test_french_articles(left: str, right: str):
    rules = NameRules()
    assert rules.name(left, language=FRENCH).words == rules.name(right, language=FRENCH).words
    assert rules.name(left).words != rules.name(right).words


def test_french_particles_and_surnames():
    words = "Charles de Gaulle parla . Le général de Gaulle partit . De Gaulle revint ."
    spans = (0, 3, "PER"), (6, 9, "PER"), (11, 13, "PER")
    assert len(read("fr", words, *spans)) == 1
    words = "Marie Curie et Pierre Curie . M. Curie rit . Mme Curie aussi ."
    spans = (0, 2, "PER"), (3, 5, "PER"), (7, 8, "PER"), (11, 12, "PER")
    found = read("fr", words, *spans)
    assert ("Marie Curie",) in found and ("Pierre Curie",) in found  # nothing says who is who


def test_french_titles_before_a_mention_are_small():
    doc = Doc(spacy.blank("fr").vocab, words=["le", "général", "Leclerc", "et", "M.", "Leclerc"])
    assert title_before(doc[2:3], FRENCH) == "général"
    assert title_before(doc[5:6], FRENCH) == "M."
    assert title_before(doc[2:3], ENGLISH) == ""


def test_french_mentions_are_trimmed():
    found = read("fr", "l' Assemblée nationale et la France", (0, 3, "ORG"), (4, 6, "LOC"))
    assert found == {("Assemblée nationale",), ("France",)}
