import json
import pickle
import re
import string
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import write_entities
from spacy_kmgre.entities.names import NameRules
from spacy_kmgre.entities.ner import (
    MENTION_RULES,
    NAME_RULES,
    ner_entities,
    ner_entities_by_rules,
    read_rules,
)
from spacy_kmgre.types import Entity

NLP = spacy.blank("en")
RULES = [field.name for field in fields(NameRules)]
OFF = dict.fromkeys(RULES, False)


def read(text: str, **settings: Any) -> list[Entity]:
    """The entities of a text with marked mentions, such as [Ann](PER), [Oslo](LOC Q585), [Acme](ORG NIL acme)."""
    return ner_entities(**settings)(mark(text))


def mark(text: str) -> Doc:
    plain, spans, position = "", [], 0
    for match in re.finditer(r"\[(.+?)\]\((.+?)\)", text, re.DOTALL):
        plain += text[position : match.start()]
        spans.append((len(plain), len(plain) + len(match[1]), *match[2].split(" ")))
        plain += match[1]
        position = match.end()
    doc = NLP(plain + text[position:])
    ents = []
    for start, end, label, *ids in spans:
        kb_id, ent_id = [*ids, "", ""][:2]
        found = doc.char_span(start, end, alignment_mode="expand")
        kb_id = kb_id.replace("-", "")
        ents.append(Span(doc, found.start, found.end, label=label, kb_id=kb_id, span_id=ent_id))
    doc.ents = ents
    return doc


def texts(entities: list[Entity]) -> set[tuple[str, ...]]:
    return {tuple(span.text for span in entity.mentions) for entity in entities}


# Names


def test_equal_names_with_one_label_are_one_entity():
    found = read("[Oslo](LOC) and [Bergen](LOC). [Oslo](ORG) won, and [Oslo](LOC) slept.", **OFF)
    assert texts(found) == {("Oslo", "Oslo"), ("Bergen",), ("Oslo",)}
    assert [(entity.key, entity.label, entity.text) for entity in found] == [
        ("entity_1", "LOC", "Oslo"),
        ("entity_2", "LOC", "Bergen"),
        ("entity_3", "ORG", "Oslo"),
    ]


# A text for each rule, in which this rule alone joins two mentions.
JOINED: dict[str, str] = {
    "case": "[ENASA](ORG) is [Enasa](ORG).",
    "accents": "[Wałęsa](PER) is [Walesa](PER).",
    "articles": "[The Killers](ORG) are [Killers](ORG).",
    "possessives": "[Oslo's](LOC) port is in [Oslo](LOC).",
    "titles": "[Sir Victor Brooke](PER) is [Captain Victor Brooke](PER).",
    "countries": "The [USA](GPE) is the [United States](GPE).",
    "stated_aliases": "[General Lavalle](LOC) (also known as [Ajo](LOC)) is a town.",
    "legal_forms": "[Atari, Inc.](ORG) is [Atari](ORG).",
    "acronyms": "The [International Olympic Committee](ORG) meets. The [IOC](ORG) speaks.",
    "initials": "[William Hepburn Armstrong](PER) is [W. Armstrong](PER).",
    "surnames": "[Ruli](PER) is [Genc Ruli](PER).",
    "given_names": "[Genc Ruli](PER) is [Genc](PER).",
    "heads": "The [Rockefeller Brothers Fund](ORG) is the [Fund](ORG).",
}


def test_every_rule_has_its_text():
    assert list(JOINED) == RULES


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_switched(rule: str):
    apart = len(read(JOINED[rule], **OFF))
    assert len(read(JOINED[rule])) == len(read(JOINED[rule], **{**OFF, rule: True})) == apart - 1
    assert len(read(JOINED[rule], **{rule: False})) == apart


@pytest.mark.parametrize("rule", RULES)
def test_types_must_agree(rule: str):
    first, *_, last = re.findall(r"\((?:PER|ORG|LOC|GPE)\)", JOINED[rule])
    apart = len(read(JOINED[rule], **OFF))
    text = JOINED[rule].replace(first, "(FIRST)", apart - 1).replace(last, "(SECOND)", 1)
    kind = {"PER": "person", "ORG": "organisation", "LOC": "place", "GPE": "place"}[first[1:-1]]
    assert len(read(text, kinds={"FIRST": kind, "SECOND": kind})) == apart
    assert len(read(text.replace("SECOND", "FIRST"), kinds={"FIRST": kind})) == apart - 1


def test_labels_of_ones_own_have_a_kind():
    text = "[Genc Ruli](POLITICIAN) is [Ruli](POLITICIAN)."
    assert len(read(text)) == 2
    assert len(read(text, kinds={"POLITICIAN": "person"})) == 1
    assert len(read(JOINED["surnames"], kinds={"PER": "other"})) == 2
    with pytest.raises(ValueError, match=r"E023.*POLITICIAN.*'human'"):
        ner_entities(kinds={"POLITICIAN": "human"})


def test_only_the_labels_asked_for():
    assert texts(read("[Ann](PER) in [Oslo](LOC), [1990](DATE)", labels=["PER", "DATE"])) == {
        ("Ann",),
        ("1990",),
    }
    assert read("[Ann](PER)", labels=[]) == []


@pytest.mark.parametrize(
    "text",
    [
        "In [Oslo](LOC), [Ann Lee](PER) and [Bob Lee](PER): [Lee](PER).",
        "In [Oslo](LOC), [Ann Lee](PER) and [Lee Smith](PER): [Lee](PER).",  # a surname here, a given name there
        "[Lee](PER) is no word of [Ann Lee](PER) or [Bob Lee](PER).",
        "[Norwegian Parliament](ORG), [Danish Parliament](ORG): [Parliament](ORG).",
        "[Parliament](ORG) is not yet the [Norwegian Parliament](ORG).",
        "[International Olympic Committee](ORG), [Indian Oil Company](ORG): [IOC](ORG).",
        "[Atari, Inc.](ORG), [Atari GmbH](ORG): [Atari](ORG).",
        "[Ann Lee](PER) (also known as [Lee](PER)), [Bob Ray](PER) (also known as [Lee](PER)).",
        "[John Smith](PER), [Mr. Smith](PER) and [Mrs. Smith](PER).",
        "[Mr. Smith](PER), [Smith](PER) and [Mrs. Smith](PER).",
    ],
)
def test_what_may_mean_two_joins_nobody(text: str):
    assert all(len({span.text for span in entity.mentions}) == 1 for entity in read(text))


def test_two_names_of_one_person_are_not_ambiguous():
    text = "[Henrik August Angell](PER), [Henrik Angell](PER), [H. A. Angell](PER), [Capt. Angell](PER), [Henrik](PER)"
    assert len(read(text)) == 1


def test_a_short_form_of_a_short_form():
    text = "[US Airways Group Inc.](ORG), [US Airways Group](ORG), [US Airways](ORG)"
    assert len(read(text)) == 1
    assert len(read(f"[US Airways Ltd](ORG), {text}")) == 3


def test_what_comes_later_does_not_make_a_short_form_ambiguous():
    people = "In [Oslo](LOC), [Ann Lee](PER) spoke. [Lee](PER) met [Bob Lee](PER)."
    assert texts(read(people)) == {("Oslo",), ("Ann Lee", "Lee"), ("Bob Lee",)}
    assert len(read("[Brian Scully](PER) and [Brian](PER), [Brian Lee](PER)")) == 2
    assert len(read("[Atari, Inc.](ORG), [Atari](ORG), [Atari GmbH](ORG)")) == 2


def test_a_title_tells_two_persons_with_one_surname_apart():
    text = "[Ann Lee](PER) came. [President Lee](PER) spoke. [Bob Lee](PER) smiled. [Lee](PER) left."
    assert texts(read(text)) == {("Ann Lee", "President Lee", "Lee"), ("Bob Lee",)}


def test_a_short_form_of_many():
    text = " ".join(f"[{name}nn Lee](PER)" for name in string.ascii_uppercase)
    assert len(read(f"[Oslo](LOC) {text} [Lee](PER)")) == 28


def test_a_short_form_joins_once():
    text = "The [Women's Health Office](ORG) asked [World Help](ORG), or simply [WHO](ORG)."
    assert texts(read(text)) == {("Women's Health Office",), ("World Help", "WHO")}


def test_given_names_come_after_the_full_name():
    assert len(read("[Brian](PER) came. [Brian Scully](PER) wrote it.")) == 2
    assert len(read("[Scully](PER) came. [Brian Scully](PER) wrote it.")) == 1


def test_acronyms_of_people_and_values_are_none():
    assert len(read("[Ann Bell](PER) is [AB](PER).")) == 2
    assert len(read("[two miles](QUANTITY) is [TM](QUANTITY), [two Miles](QUANTITY)")) == 2


def test_a_gender_does_not_change():
    assert len(read("[Mrs. Brooke](PER) met [Sir Victor Brooke](PER).")) == 2
    assert len(read("[Lady Brooke](PER Q1), [Sir Victor Brooke](PER Q1) and [Mrs. Brooke](PER).")) == 1


def test_a_language_may_stand_between():
    text = "[Great Belt Bridge](FAC) ([Danish](LANGUAGE): [Storebaeltsbroen](FAC)) is long."
    assert texts(read(text)) == {("Great Belt Bridge", "Storebaeltsbroen"), ("Danish",)}


def test_a_title_within_a_mention_joins_no_two_persons():
    text = (
        "[Donald Trump](PERSON) arrived. [President Trump](PERSON) waved. [Melania Trump](PERSON) smiled. "
        "[Trump](PERSON) left."
    )
    assert ("Melania Trump",) in texts(read(text))
    text = "[Theresa May](PER), [Prime Minister May](PER), [Philip May](PER), [Mrs May](PER)"
    assert texts(read(text)) == {("Theresa May", "Prime Minister May"), ("Philip May",), ("Mrs May",)}
    text = "[Ann Lee](PER), [Bob Lee](PER), [Judge Lee](PER), [Captain Lee](PER)"
    assert ("Ann Lee",) in texts(read(text)) and ("Bob Lee",) in texts(read(text))


def defining(statement: str, term: str) -> set[tuple[str, ...]]:
    """The entities of a filing of Delphi."""
    text = f"[Delphi Automotive](ORG) {statement} sells to [General Motors Company](ORG). [{term}](ORG) grew."
    return texts(read(text))


@pytest.mark.parametrize(
    "statement, term",
    [
        ('(the "Company")', "The Company"),
        ('("Company")', "the Company"),
        ("(the “Company”)", "Company"),
        ('(hereinafter the "Buyer")', "the Buyer"),
        ('(together with its subsidiaries, the "Group")', "the Group"),
        ('("DPH" or the "Company")', "the Company"),
        ('("DPH" or the "Company")', "DPH"),
    ],
)
def test_a_defined_term_is_the_name_that_defines_it(statement: str, term: str):
    assert defining(statement, term) == {("Delphi Automotive", term), ("General Motors Company",)}


def test_a_term_that_nothing_or_too_much_defines_joins_no_name():
    assert len(defining("", "The Company")) == 3
    assert len(defining("(a company)", "The Company")) == 3
    text = '[Acme Works](ORG) (the "Buyer") and [Bolt Works](ORG) (the "Buyer"): [the Buyer](ORG)'
    assert len(read(text)) == 3
    assert len(read('[Acme Works](ORG) (the "Fund"). The [Bolt Fund](ORG) and [the Fund](ORG).')) == 2


# Rules and presets


def test_presets_are_lists_of_rules():
    assert read_rules("gold") == set(NAME_RULES)
    assert read_rules("pretrained") == {*NAME_RULES, *MENTION_RULES}
    assert read_rules(["case", "vague"]) == {"case", "vague"}
    assert read_rules(["gold", "vague", "-case"]) == {*NAME_RULES, "vague"} - {"case"}
    assert read_rules([]) == set()
    for wrong in ("silver", ["cases"], ["-gold"], ["-silver"]):
        with pytest.raises(ValueError, match=r"E412.*gold, pretrained, case, .*vague"):
            read_rules(wrong)


def test_the_first_version_is_the_preset_for_gold_mentions():
    assert ner_entities() == ner_entities_by_rules("gold")
    assert ner_entities(case=False, heads=False) == ner_entities_by_rules(["gold", "-case", "-heads"])


# Identifiers


def test_one_identifier_is_one_entity_whatever_it_is_called():
    (entity,) = read("[Big Blue](PER Q37156), [IBM](ORG Q37156), [IBM](ORG Q37156)", **OFF)
    assert (entity.kb_id, entity.label, len(entity.mentions)) == ("Q37156", "ORG", 3)


def test_different_identifiers_are_never_joined():
    found = read("[Paris](GPE Q90), [Paris](GPE Q830149) and [paris](GPE)")
    assert [entity.kb_id for entity in found] == ["Q90", "Q830149", ""]
    found = read("[Ann Lee](PER Q1) is not [Lee](PER Q2). [Lee](PER) is which?")
    assert texts(found) == {("Ann Lee",), ("Lee", "Lee")}
    assert len(read("[Ann Lee](PER Q1) is [Lee](PER).")) == 1


def test_two_short_forms_with_different_identifiers_join_nobody():
    found = read("[Ann Lee](PER) met [LEE](PER Q1) and [Lee](PER Q2).")
    assert [len(entity.mentions) for entity in found] == [1, 1, 1]


def test_an_identifier_reaches_mentions_without_one():
    (entity,) = read("[Oslo](GPE) is [oslo](GPE Q585).")
    assert entity.kb_id == "Q585"


def test_the_linkers_nil_is_no_identifier():
    found = read("[Oslo](GPE NIL) and [Bergen](GPE NIL) and [Oslo](GPE NIL)")
    assert texts(found) == {("Oslo", "Oslo"), ("Bergen",)}
    assert {entity.kb_id for entity in found} == {""}


def test_ids_of_an_entity_ruler():
    found = read("[SF](GPE - sf) and [Frisco](GPE - sf) and [LA](GPE - la) and [Frisco](GPE)", **OFF)
    assert texts(found) == {("SF", "Frisco", "Frisco"), ("LA",)}
    assert len(read("[Frisco](GPE - sf) is not [Frisco](GPE - tx)")) == 2


def test_ids_of_both_kinds():
    text = "[SF](GPE Q62 sf) and [Frisco](GPE - sf) and [The City](GPE - sf)"
    assert len(read(text, **OFF)) == 1
    text = "[SF](GPE Q62 sf) and [Frisco](GPE Q7 sf) and [The City](GPE - sf)"
    assert len(read(text, **OFF)) == 3
    assert len(read("[SF](GPE Q62) and [SF](GPE - sf)")) == 1
    assert len(read("[SF](GPE Q62 sf) and [SF](GPE - other)")) == 2


# Aliases

TABLE = {
    "International Business Machines": ["Big Blue", "the IBM"],
    "Apple Records": ["Apple"],
    "Apple Inc.": ["Apple"],
}


def write_json(folder: Path) -> Path:
    (folder / "aliases.json").write_text(json.dumps(TABLE), encoding="utf8")
    return folder / "aliases.json"


def write_tsv(folder: Path) -> Path:
    lines = ["\t".join([name, *others]) for name, others in TABLE.items()]
    (folder / "aliases.tsv").write_text("\n".join([*lines, "", "alone"]) + "\n", encoding="utf8")
    return folder / "aliases.tsv"


@pytest.mark.parametrize("form", ["dict", "json", "tsv"])
def test_aliases(form: str, tmp_path: Path):
    table = {"dict": lambda _: TABLE, "json": write_json, "tsv": lambda folder: str(write_tsv(folder))}[form](
        tmp_path
    )
    text = "[BIG BLUE](ORG) is [IBM](ORG), and [Big Blue](PER) a horse."
    assert texts(read(text, **{**OFF, "case": True, "articles": True}, aliases=table)) == {
        ("BIG BLUE", "IBM"),
        ("Big Blue",),
    }
    assert len(read("[Apple Inc.](ORG) is [Apple](ORG).", **OFF, aliases=table)) == 1
    found = read("[Apple Inc.](ORG), [Apple Records](ORG): [Apple](ORG)", **OFF, aliases=table)
    assert len(found) == 3


@pytest.mark.parametrize(
    "code, name, content",
    [
        ("E400", "no.json", None),
        ("E400", "broken.json", "{"),
        ("E400", "list.json", "[1]"),
        ("E401", "text.json", '{"IBM": "Big Blue"}'),
        ("E401", "numbers.json", '{"IBM": [1]}'),
        ("E400", "no.tsv", None),
    ],
)
def test_a_table_that_is_none(code: str, name: str, content, tmp_path: Path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=code) as error:
        ner_entities(aliases=tmp_path / name)
    assert name in str(error.value) or "IBM" in str(error.value)


# The reader


def test_a_doc_without_names():
    assert ner_entities()(NLP("")) == ner_entities()(NLP("Nothing here .")) == []


def test_reading_again_gives_the_same():
    doc = mark("[Ann Lee](PER), [Oslo](LOC), [Lee](PER)")
    doc.spans["entity_1"] = [doc[1:2]]  # This group is not an entity of the reader.
    first = ner_entities()(doc)
    assert [entity.key for entity in first] == ["entity_2", "entity_3"]
    write_entities(doc, first)
    assert ner_entities()(doc) == first
    assert len(doc.spans["entity_1"]) == 1


def test_the_reader_can_be_pickled():
    reader = ner_entities(aliases=TABLE, kinds={"POLITICIAN": "person"}, case=False)
    assert pickle.loads(pickle.dumps(reader)) == reader
