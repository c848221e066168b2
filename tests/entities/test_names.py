from dataclasses import fields, replace

import pytest

from spacy_kmgre.entities.names import (
    KINDS,
    LABEL_KINDS,
    ORGANISATION,
    OTHER,
    PERSON,
    PLACE,
    VALUE,
    NameRules,
    fold,
)
from spacy_kmgre.entities.short_forms import SHORT_FORMS

ALL = NameRules()
NONE = NameRules(**dict.fromkeys((field.name for field in fields(NameRules)), False))


def only(rule: str) -> NameRules:
    return replace(NONE, **{rule: True})


def explains(rule: str, kind: str, short: str, long: str) -> bool:
    """Whether a rule takes a name for a short form of another."""
    form = SHORT_FORMS[rule]
    key = form.asks(ALL.name(short, kind))
    return key is not None and key in set(form.offers(ALL.name(long, kind)))


EQUAL = [
    ("case", "ENASA", "Enasa"),
    ("case", "velociferox", "Velociferox"),
    ("accents", "Wałęsa", "Walesa"),
    ("accents", "Søren Øst", "Soren Ost"),
    ("accents", "İzmir", "Izmir"),
    ("articles", "The Killers", "Killers"),
    ("articles", "the Hague", "Hague"),
    ("possessives", "Oslo's", "Oslo"),
    ("possessives", "Oslo ’s", "Oslo"),
]


@pytest.mark.parametrize("rule, left, right", EQUAL)
def test_spelling_rules_make_names_equal(rule: str, left: str, right: str):
    assert only(rule).name(left).words == only(rule).name(right).words
    assert ALL.name(left).words == ALL.name(right).words
    assert NONE.name(left).words != NONE.name(right).words


@pytest.mark.parametrize(
    "left, right",
    [
        ("U.S.", "US"),
        ("U.S", "U. S."),
        ("J.R.R. Tolkien", "J. R. R. Tolkien"),
        ("Atari , Inc.", "Atari, Inc."),
        ("Nexus   Q", "Nexus Q"),
        ("Flor - de - Lis", "Flor-de-Lis"),
        ("O'Neill", "O’Neill"),
        ("People 's Republic", "People's Republic"),
        ("ｉＯＳ", "iOS"),
    ],
)
def test_punctuation_is_no_part_of_a_name(left: str, right: str):
    assert NONE.name(left).words == NONE.name(right).words


@pytest.mark.parametrize(
    "left, right",
    [("C", "C++"), ("Galaxy S9", "Galaxy S9+"), ("AT&T", "AT T"), ("The", "A"), ("1990", "1991"), ("$", "€")],
)
def test_different_names_stay_different(left: str, right: str):
    assert ALL.name(left).words != ALL.name(right).words


@pytest.mark.parametrize("text", ["", "the", "'s", "...", "$", "京", "ชูพงษ์", "’"])
def test_every_text_is_a_name(text: str):
    for kind in KINDS:
        name = ALL.name(text, kind)
        assert name.words and name.core and name.written
        for form in SHORT_FORMS.values():
            form.asks(name)
            assert all(form.offers(name)) and all(form.rivals(name))


@pytest.mark.parametrize(
    "text, core, gender",
    [
        ("Sir Victor Brooke", "victor brooke", "male"),
        ("Mrs. Ann Lee", "ann lee", "female"),
        ("Prof. Dr. Ann Lee", "ann lee", None),
        ("President Ann Lee", "ann lee", None),
        ("Prime Minister Theresa May", "theresa may", None),
        ("Former Vice President Ann Lee", "ann lee", None),
        ("Lt. Gen. Ann Lee", "ann lee", None),
        ("Chief Justice Ann Lee", "ann lee", None),
        ("First Lady Ann Lee", "ann lee", "female"),
        ("Secretary of State Ann Lee", "ann lee", None),
        ("Prof. Mrs. Ann Lee", "ann lee", "female"),
        ("Prime Ann Lee", "prime ann lee", None),  # such a word is part of a title only before one
        ("Duke of York", "of york", "male"),
        ("Queen", "queen", None),  # a title alone is a name
        ("Saint Peter", "saint peter", None),
        ('James Llewellyn " Jimmy " Frise', "james llewellyn frise", None),
        ("Jacqueline ( Maranger ) Desmarais", "jacqueline desmarais", None),
        ("(Ann)", "ann", None),
    ],
)
def test_the_core_of_a_person_is_without_titles(text: str, core: str, gender):
    name = ALL.name(text, PERSON)
    assert (" ".join(name.core), name.gender) == (core, gender)
    other = ALL.name(text, OTHER)
    assert other.core == other.words and other.gender is None
    assert only("case").name(text, PERSON).core == only("case").name(text, PERSON).words


SHORT = [
    ("legal_forms", ORGANISATION, "Atari", "Atari , Inc."),
    ("legal_forms", ORGANISATION, "Atari", "Atari Holdings Ltd"),
    ("legal_forms", ORGANISATION, "Grand Wing", "Grand Wing Co. , Ltd."),
    ("legal_forms", ORGANISATION, "Siemens", "Siemens AG"),
    ("legal_forms", OTHER, "Acme", "Acme GmbH & Co. KG"),
    ("legal_forms", ORGANISATION, "Acme Steel Co.", "Acme Steel Company"),
    ("legal_forms", ORGANISATION, "Acme Corporation", "Acme Corp."),
    ("heads", ORGANISATION, "Lockheed", "Lockheed Martin Corp."),
    ("heads", ORGANISATION, "JPMorgan", "JPMorgan Chase & Co."),
    ("heads", ORGANISATION, "Blue Heron", "Blue Heron Coffee Roasters, LLC"),
    ("acronyms", ORGANISATION, "IOC", "International Olympic Committee"),
    ("acronyms", ORGANISATION, "USGS", "United States Geological Survey"),
    ("acronyms", ORGANISATION, "OPEC", "Organization of the Petroleum Exporting Countries"),
    ("acronyms", ORGANISATION, "APEC", "Asia - Pacific Economic Cooperation"),
    ("acronyms", ORGANISATION, "IRT", "Interborough Rapid Transit Company"),
    ("acronyms", OTHER, "TMF", "The Music Factory"),
    ("acronyms", OTHER, "MSAs", "metropolitan statistical area"),
    ("acronyms", PLACE, "the U.S.", "United States"),
    ("acronyms", PLACE, "UAE", "United Arab Emirates"),
    ("acronyms", ORGANISATION, "DOE", "the US Department of Energy"),
    ("acronyms", ORGANISATION, "FAA", "United States Federal Aviation Administration"),
    ("acronyms", ORGANISATION, "MOD", "U.K. Ministry of Defence"),
    ("acronyms", ORGANISATION, "DND", "Canadian Department of National Defence"),
    ("acronyms", PERSON, "JFK", "John F. Kennedy"),
    ("acronyms", PERSON, "FDR", "Franklin Delano Roosevelt"),
    ("acronyms", PERSON, "MLK", "Martin Luther King"),
    ("acronyms", PERSON, "LBJ", "President Lyndon B. Johnson"),
    ("acronyms", PERSON, "JMO", "J. M. Okonkwo"),
    ("acronyms", PERSON, "JRRT", "J.R.R. Tolkien"),
    ("initials", PERSON, "W. H. Armstrong", "William Hepburn Armstrong"),
    ("initials", PERSON, "William H. Armstrong", "William Hepburn Armstrong"),
    ("initials", PERSON, "W. Armstrong", "William Hepburn Armstrong"),
    ("initials", PERSON, "J.R.R. Tolkien", "John Ronald Reuel Tolkien"),
    ("initials", PERSON, "Henrik Angell", "Henrik August Angell"),
    ("surnames", PERSON, "Ruli", "Genc Ruli"),
    ("surnames", PERSON, "Mr. Ruli", "President Genc Ruli"),
    ("surnames", PERSON, "Van As", "Naomi van As"),
    ("surnames", PERSON, "de la Rocha", "Zack de la Rocha"),
    ("surnames", PERSON, "Balboa Boneke", "Juan Balboa Boneke"),
    ("surnames", PERSON, "Desmarais", "Paul Desmarais Jr."),
    ("surnames", PERSON, "Ted Kennedy", 'Edward "Ted" Kennedy'),
    ("given_names", PERSON, "Peggy", "Margaret “Peggy” Ann Sullivan"),
    ("given_names", PERSON, "Catherine", "Catherine of Aragon"),
    ("given_names", PERSON, "Samantha", "Samantha Mumba"),
    ("given_names", PERSON, "Leonardo", "Leonardo da Vinci"),
    ("given_names", PERSON, "Endara", "Guillermo David Endara Galimany"),
    ("given_names", PERSON, "Paul", "Paul Desmarais Jr."),
    ("heads", ORGANISATION, "the Fund", "Rockefeller Brothers Fund"),
    ("heads", OTHER, "Games", "Asian Games"),
    ("heads", ORGANISATION, "the Chiefs", "Kansas City Chiefs"),
    ("heads", ORGANISATION, "Supreme Court", "Supreme Court of Pakistan"),
    ("heads", ORGANISATION, "Supreme Court", "United States Supreme Court"),
]


@pytest.mark.parametrize("rule, kind, short, long", SHORT)
def test_short_forms(rule: str, kind: str, short: str, long: str):
    assert explains(rule, kind, short, long)
    assert not explains(rule, VALUE, short, long)


@pytest.mark.parametrize(
    "kind, short, long",
    [
        (PERSON, "Paul Desmarais", "Paul Desmarais Jr."),  # the son is another
        (PERSON, "Elizabeth", "Elizabeth II"),
        (PERSON, "W.", "W. Armstrong"),
        (PERSON, "Yaqub", "Yusuf ibn Yaqub ibn Ishaq"),  # his father
        (PERSON, "Lee Ann", "Ann Lee"),
        (PERSON, "Ann Lee", "Ann Lee"),
        (PERSON, "IOC", "International Olympic Committee"),
        (ORGANISATION, "ioc", "International Olympic Committee"),
        (ORGANISATION, "IO", "International Olympic Committee"),
        (ORGANISATION, "Sony", "Sony Pictures"),
        (ORGANISATION, "Inc.", "Atari , Inc."),
        (PLACE, "Mexico", "New Mexico"),
        (PLACE, "Korea", "South Korea"),
        (PLACE, "Missouri", "Missouri River"),
        (PLACE, "Finland", "Gulf of Finland"),
        (ORGANISATION, "General Motors", "General Motors of Detroit"),
        (PLACE, "Financial District", "Financial District of Lower Manhattan"),
        (OTHER, "Constitution", "Clause of the Constitution"),
        (ORGANISATION, "Brothers Fund", "Rockefeller Brothers Fund"),
        (OTHER, "This Little Girl", "This Little Girl of Mine"),
        (PLACE, "Karelia", "Republic of Karelia"),
        (ORGANISATION, "Yale", "Yale University"),
        (ORGANISATION, "the Company", "General Motors Company"),  # a term that a filing defines
        (ORGANISATION, "the Corporation", "Intel Corporation"),
        (ORGANISATION, "Acme Corp.", "Acme Ltd."),
        (ORGANISATION, "General", "General Motors Corp."),
        (ORGANISATION, "Deutsche", "Deutsche Bank AG"),
        (ORGANISATION, "Ernst", "Ernst & Young LLP"),
        (PERSON, "Aragon", "Catherine of Aragon"),
        (PERSON, "Martin", "Martin & Sons"),
        (PERSON, "Hall", "Ann (Hall) Lee"),  # the name that she had before she married
        (PERSON, "JO", "J. Okonkwo"),
        (PERSON, "AB", "Ann Bell"),
        (PERSON, "jfk", "John F. Kennedy"),
        (ORGANISATION, "Health", "Norwegian Ministry of Health"),
    ],
)
def test_what_is_no_short_form(kind: str, short: str, long: str):
    found: list[str] = [rule for rule in SHORT_FORMS if explains(rule, kind, short, long)]
    assert not found


def test_known_labels_are_of_a_known_kind():
    assert set(LABEL_KINDS.values()) < set(KINDS)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Ærø", "aero"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("Łódź", "lodz"),
        ("İzmir", "izmir"),
        ("Álvaro", "alvaro"),
        ("ガナ", "ガナ"),
    ],
)
def test_fold(text: str, expected: str):
    assert fold(text) == expected
