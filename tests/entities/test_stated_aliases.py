import re

import pytest

from spacy_kmgre.entities.names import ORGANISATION, OTHER, PERSON, PLACE, VALUE
from spacy_kmgre.entities.stated_aliases import (
    LONGEST_STATEMENT,
    defined_terms,
    is_stated_alias,
    without_dates,
)


def stated(text: str, kind: str) -> bool:
    """Whether a text, whose names are in square brackets, states that they are one."""
    match = re.fullmatch(r"\[(.*?)\](.*)\[(.*?)\](.*)", text)
    assert match
    first, between, second, following = match.groups()
    return is_stated_alias(first, between.split(), second, following.split(), kind)


@pytest.mark.parametrize(
    "kind, text",
    [
        (PLACE, "[General Lavalle] ( also known as [Ajó] )"),
        (PLACE, "[Klamath Falls] was originally named [Linkville] ."),
        (PLACE, "[White Nile] , and known locally as the [Bahr al Jabal] ,"),
        (PLACE, "[Kunene] ; formerly [Cunene] ."),
        (PLACE, "[Great Belt Bridge] ( Danish : [Storebæltsbroen] )"),
        (PLACE, "[Osaka Bay] ( [大阪湾] )"),
        (PLACE, "[Kusha City] or [Kusa City] is"),
        (PERSON, "[Ali Ahmed] , also known as [Salah] ,"),
        (PERSON, "[Zevs] ( born [Christophe Schwarz] on"),
        (PERSON, "[Trinity Fatu] ( née [McCray] ; born"),
        (PERSON, "[Kusha] or [Kusa] ,"),
        (PERSON, "[Edgar Rothermich] ( a.k.a . [Richard Roth] )"),
        (PERSON, "[Kusa] ( Sanskrit : [कुश] )"),
        (PERSON, "[Chupong] ( Thai ; [ชูพงษ์] ; born"),
        (PERSON, "[Νικόλαος Αλιάγας] / [Nikos Aliagas] on"),
        (ORGANISATION, "[Beijing Ducks] ( simplified Chinese : [北京鸭] )"),
        (ORGANISATION, "[Norges Statsbaner] ( [NSB] )"),
        (ORGANISATION, '[Norges Statsbaner] ( " [NSB] " )'),
        (ORGANISATION, "[Outright Distribution] ( formerly [Screentime] )"),
        (ORGANISATION, "[Adventure Network] ( now [Antarctic Logistics] ,"),
        (ORGANISATION, "[the Agitation] , later renamed [Agitation Free] ,"),
        (ORGANISATION, "[Grand Wing Works] or [Grand Wing] ,"),
        (PLACE, "[Western Ukraine] or [West Ukraine]"),
        (OTHER, "[mock vervain] or the [mock verbena]"),
        (ORGANISATION, "[University of California] ( [UC] )"),
        (ORGANISATION, "[National Football League] ( [NFL] )"),
        (ORGANISATION, "[Organization of the Petroleum Exporting Countries] ( [OPEC] )"),
        (ORGANISATION, "[Carey School] , or simply [Carey] ,"),
        (OTHER, "[metropolitan statistical area] ( [MSA] )"),
        (OTHER, "[Khooni Khanjar] ( ; [Fighting Blade] )"),
        (OTHER, "[Le Ventre de Paris] ( [The Belly of Paris] ,"),
    ],
)
def test_statements(kind: str, text: str):
    assert stated(text, kind)
    assert not stated(text, VALUE)


@pytest.mark.parametrize(
    "kind, text",
    [
        (PLACE, "[Paris] ( [France] )"),  # where it is
        (PLACE, "[Prussia] ( now [Kaliningrad] )"),
        (PLACE, "[Oslo] or [Bergen] ."),
        (PLACE, "[Arizona] ; also [California]"),
        (PERSON, "[Hamlet] ( [Kenneth Branagh] )"),  # who plays him
        (PERSON, "[Ann] and [Bob]"),
        (PERSON, "[Ann] , [Bob]"),
        (PERSON, "[Ann] knows [Bob]"),
        (PERSON, "[Ann] called [Bob]"),
        (PERSON, "[Carl Lee] named [Saxifraga]"),
        (PERSON, "[Ann] later called [Bob]"),
        (PERSON, "[Ann] , who named [Bob] his heir"),
        (ORGANISATION, "[Acme] renamed [Bolt]"),
        (PERSON, "[Ann] [Bob]"),
        (PERSON, "[Ann] ( 1992 ) met [कुश] )"),
        (PERSON, "[Ann] met [कुश] )"),
        (PERSON, "[Ann] ( mother of [Bob] )"),
        (PERSON, "[Mary] ( mother of [Jesus] )"),
        (ORGANISATION, "[Acme] or [Bolt] ."),
        (ORGANISATION, "[the High Court of Justice] or [the Court of Appeal]"),
        (ORGANISATION, "[the Court of Appeal] or the [Court of Justice]"),
        (ORGANISATION, "[The Hague Group] or [The Hamburg Group]"),
        (ORGANISATION, "[European Parliament] or the [European Commission]"),
        (ORGANISATION, "[Supreme Court] or the [Superior Court]"),
        (PERSON, "[John Smith] or [Joan Smith]"),
        (PLACE, "[Iran] or [Iraq]"),
        (PLACE, "[Austria] or [Australia]"),
        (PLACE, "[Slovenia] or [Slovakia]"),
        (PLACE, "[Niger] or [Nigeria]"),
        (PLACE, "[Guinea] or [Guinea Bissau]"),
        (PLACE, "[North Korea] or [South Korea]"),
        (ORGANISATION, "[the Kansas City Chiefs of the National Football League] ( [NFL] )"),
        (ORGANISATION, "[the Department of Physics at the Massachusetts Institute of Technology] ( [MIT] )"),
        (OTHER, "[Knights of the Order of the Golden Fleece] ( [OGF] )"),
        (ORGANISATION, "[Acme] ( [Bolt] owns it )"),
        (ORGANISATION, "[Acme] ( including [Bolt] )"),
        (OTHER, "[Fortress] ( 1992 ) and [The Temp] ("),
    ],
)
def test_what_states_no_alias(kind: str, text: str):
    assert not stated(text, kind)


@pytest.mark.parametrize(
    "kind, name, following, terms",
    [
        (
            ORGANISATION,
            "Acme",
            '( together with its parts , " Acme , " " we " or the " Company " )',
            ["Acme", "we", "Company"],
        ),
        (ORGANISATION, "Acme", ', a Texas limited partnership ( " Landlord " )', ["Landlord"]),
        (ORGANISATION, "Acme", ', an agency ( the " Agency " )', ["Agency"]),
        (ORGANISATION, "Acme", ', Ann and a company ( " Bolt " )', []),
        (ORGANISATION, "Acme", 'is here ( " Bolt " )', []),
        (PLACE, "Austin", '( the " Premises " )', []),
        (PLACE, "State of Texas", '( the " State " )', ["State"]),
        (PERSON, "Ann Lee", '( the " Guarantor " )', ["Guarantor"]),
        (PERSON, "Ann Lee", '( " Jaws " )', []),
        (VALUE, "1990", '( the " Date " )', []),
        (ORGANISATION, "Acme", "", []),
    ],
)
def test_what_a_bracket_defines(kind: str, name: str, following: str, terms: list[str]):
    assert defined_terms(name, kind, following.split()) == terms


@pytest.mark.parametrize(
    "between, left",
    [
        ("( 12 May 1888 – 9 July 1961 ) , known as", ", known as"),
        ("( born 1970 ) also known as", "also known as"),
        ("( in Oslo ) , known as", "( in Oslo ) , known as"),
        ("( 1970", "( 1970"),
        (", known as", ", known as"),
    ],
)
def test_dates_of_a_life_may_stand_between(between: str, left: str):
    assert list(without_dates(between.split())) == left.split()


def test_a_long_way_is_no_statement():
    words = ["also"] * (LONGEST_STATEMENT - 2) + ["known", "as"]
    assert is_stated_alias("Ann", words, "Bob", [], PERSON)
    assert not is_stated_alias("Ann", ["also", *words], "Bob", [], PERSON)


def test_names_that_touch_state_nothing():
    assert not is_stated_alias("Ann", [], "Ann Lee", [], PERSON)


@pytest.mark.parametrize("name", ["", "1992", "(", "١٩"])
def test_names_without_letters(name: str):
    assert not is_stated_alias(name, ["("], "7", [")"], PERSON)
    assert is_stated_alias("Ann", ["("], name, [")"], ORGANISATION)
