from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import Doc, Span

from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.identifiers import join_identifiers, split_identifiers

from .samples import PUBTATOR, VOCAB, clusters, read, relations, texts

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "docs.pubtator"
        path.write_bytes(text.encode("utf8"))
        return path

    return write


def one(write: Write, text: str, **options: Any) -> Doc:
    (doc,) = read("pubtator", write(text), **options)
    return doc


HEAD = "7|t|Aspirin.\n7|a|It made fever.\n"
FEVER = "7\t17\t22\tfever\tDisease\tD005334\n"


def test_reads_titles_composites_and_nested_mentions(write):
    counts = Counts()
    first, second = read("pubtator", write(PUBTATOR), counts)
    assert first.text.startswith("Pre_heparinized lines and acute toxicity. Heparin caused")
    assert clusters(first) == [
        ("entity_1", "Chemical", "D006493", [(4, 11), (42, 49), (119, 126)]),
        ("entity_2", "Disease", "D064420", [(26, 40), (32, 40), (109, 117)]),
        ("entity_3", "Disease", "D051437", [(57, 82)]),
        ("entity_4", "Disease", "D017093", [(57, 82)]),
        ("entity_5", "Anatomy", "", [(88, 93)]),
    ]
    assert texts(first)[0] == ["heparin", "Heparin", "Heparin"]
    assert [token.text for token in first][:3] == ["Pre_", "heparin", "ized"]
    assert [(r.head.key, r.label, r.tail.key) for r in first._.relations] == [
        ("entity_1", "CID", "entity_3"),
        ("entity_1", "CID", "entity_4"),
    ]
    assert [(span.label_, span.text[:12]) for span in first.spans["passages"]] == [
        ("title", "Pre_heparini"),
        ("abstract", "Heparin caus"),
    ]
    assert [sent.text for sent in first.sents][1] == "Heparin caused renal and hepatic failure."
    assert second.text == "A BRAF variant in melanoma"
    assert [kb_id for _, _, kb_id, _ in clusters(second)] == ["673", "p|SUB|V|600|E", "D008545"]
    assert relations(second) == [
        ("BRAF", "Association", "melanoma"),
        ("variant", "Positive_Correlation", "melanoma"),
    ]
    assert counts.oddities == {
        "composite mentions, which belong to several entities": 1,
        "composite mentions whose parts are named (left out)": 1,
        "mentions without an identifier, each an entity of its own": 1,
        "relations whose novelty is left out": 2,
        "spans that belong to several entities": 1,
    }


def test_novelty_can_be_a_part_of_labels(write, tmp_path):
    docs = read("pubtator", write(PUBTATOR), novelty=True)
    assert [label for _, label, _ in relations(docs[1])] == ["Association:Novel", "Positive_Correlation:No"]
    FORMATS["pubtator"].write(docs, tmp_path / "copy")
    assert (
        (tmp_path / "copy")
        .read_text()
        .endswith(
            "102\tAssociation\t673\tD008545\tNovel\n102\tPositive_Correlation\tp|SUB|V|600|E\tD008545\tNo\n\n"
        )
    )
    assert [label for _, label, _ in relations(docs[0])] == ["CID", "CID"]


def test_writes_what_it_has_read(write, tmp_path):
    docs = read("pubtator", write(PUBTATOR), novelty=True)
    FORMATS["pubtator"].write(docs, tmp_path / "copy")
    copied = (tmp_path / "copy").read_text().split("\n")
    assert sorted(filter(None, copied)) == sorted(
        line.replace("\trenal failure|hepatic failure", "") for line in PUBTATOR.split("\n") if line
    )


def test_a_mention_without_an_identifier_is_an_entity_of_its_own(write):
    doc = one(
        write, HEAD + "7\t0\t7\tAspirin\tChemical\t-1\n7\t9\t11\tIt\tChemical\t-1\n" + "7\t12\t16\tmade\tX\n"
    )
    assert clusters(doc) == [
        ("entity_1", "Chemical", "", [(0, 7)]),
        ("entity_2", "Chemical", "", [(9, 11)]),
        ("entity_3", "X", "", [(12, 16)]),
    ]


@pytest.mark.parametrize(
    "text, identifiers",
    [
        ("D1", ["D1"]),
        ("D1|D2", ["D1", "D2"]),
        ("D1,D2;D3", ["D1", "D2", "D3"]),
        ("D1|D1", ["D1"]),
        ("D1|-1", ["D1", "-1"]),
        ("", ["-1"]),
        ("p|SUB|R|252|W", ["p|SUB|R|252|W"]),
        ("c|DEL|12|A,rs1234", ["c|DEL|12|A", "rs1234"]),
        ("|Allele|C|677,D1|D2", ["|Allele|C|677", "D1", "D2"]),
        ("tmVar:p|SUB|V|600|E;HGVS:p.V600E", ["tmVar:p|SUB|V|600|E;HGVS:p.V600E"]),
        ("a%2Cb|c%7Cd", ["a,b", "c|d"]),
    ],
)
def test_identifiers(text, identifiers):
    assert split_identifiers(text) == identifiers
    assert split_identifiers(join_identifiers(identifiers)) == identifiers


def test_one_identifier_of_two_types(write):
    counts = Counts()
    text = (
        HEAD
        + "7\t0\t7\tAspirin\tGene\t9606\n7\t9\t11\tIt\tSpecies\t9606\n"
        + FEVER
        + "7\tBind\t9606\tD005334\n"
    )
    (doc,) = read("pubtator", write(text), counts)
    assert [label for _, label, _, _ in clusters(doc)] == ["Gene", "Species", "Disease"]
    assert relations(doc) == [("Aspirin", "Bind", "fever")]
    assert counts.oddities == {"relations with an identifier of several types": 1}


def test_a_relation_of_what_is_not_mentioned_is_counted(write):
    counts = Counts()
    (doc,) = read("pubtator", write(HEAD + FEVER + "7\tCID\tD001241\tD005334\n"), counts)
    assert not doc._.relations
    assert counts.oddities == {"relations left out, as no mention has the identifier": 1}


@pytest.mark.parametrize(
    "text, code, place",
    [
        ("7|a|Abstract first.\n", "E124", "line 1"),
        ("no document\n", "E124", "line 1"),
        (HEAD + "8\t17\t22\tfever\tDisease\tD1\n", "E125", "line 3 '7'"),
        (HEAD + "7|a|Another abstract.\n", "E125", "line 3 '7'"),
        (HEAD + "\n" + FEVER, "E124", "line 4"),
        (HEAD + FEVER + "7\tx\n", "E126", "line 4 '7'"),
        (HEAD + "7\t17\tx\tfever\tDisease\tD1\n", "E126", "line 3 '7'"),
        (HEAD + "7\tCID\tD1\t\n", "E126", "line 3 '7'"),
        (HEAD + "7\tCID\tD1\tD2\tMaybe\n", "E126", "line 3 '7'"),
        (HEAD + "7\t17\t22\tfe", "E126", "line 3 '7'"),
        (HEAD + "7\t17\t99\tfever\tDisease\tD1\n", "E121", "line 3 '7'.*has 23"),
        (HEAD + "7\t17\t17\t\tDisease\tD1\n", "E121", "line 3 '7'"),
        (HEAD + "7\t16\t21\tfever\tDisease\tD1\n", "E122", "line 3 '7'.*' feve'.*'fever'"),
    ],
)
def test_what_cannot_be_right(write, text, code, place):
    path = write("6|t|Fine.\n6|a|\n\n" + text)
    place = (
        place.replace("line 1", "line 4").replace("line 3 ", "line 6 ").replace("line 4 '7'", "line 7 '7'")
    )
    if text.startswith(HEAD + "\n"):
        place = "line 7"
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] {path} {place}"):
        read("pubtator", path)


def test_lenient_reading_counts_what_it_leaves_out(write):
    counts = Counts()
    text = (
        HEAD + FEVER + "7\t0\t5\tAspirin\tChemical\tD001241\n7\t9\t99\tIt\tX\tD3\n7\tCID\tD001241\tD005334\n"
    )
    (doc,) = read("pubtator", write(text), counts, lenient=True)
    assert texts(doc) == [["fever"]] and not doc._.relations
    assert counts.oddities == {
        "mentions left out, as their text is elsewhere": 2,
        "relations left out, as no mention has the identifier": 1,
    }


def test_documents_without_an_empty_line_between_or_a_last_line_end(write):
    text = HEAD + FEVER + HEAD.replace("7|", "8|") + FEVER.replace("7\t17", "8\t17").strip()
    assert [doc.user_data["title"] for doc in read("pubtator", write(text))] == ["7", "8"]
    assert [texts(doc) for doc in read("pubtator", write(text.replace("\n", "\r\n")))] == [[["fever"]]] * 2


def test_white_space_at_the_ends_of_mentions(write):
    counts = Counts()
    (doc,) = read("pubtator", write(HEAD + "7\t16\t22\t fever\tDisease\tD005334\n"), counts)
    assert clusters(doc)[0][3] == [(17, 22)]
    assert counts.oddities == {"mentions with white space at their ends": 1}


def test_sentences_by_rule_never_begin_in_a_mention(write):
    text = "7|t|He took St. Johns wort. It helped.\n7|a|\n7\t8\t22\tSt. Johns wort\tChemical\tD1\n"
    found = [sent.text for sent in one(write, text).sents]
    assert found == ["He took St. Johns wort.", "It helped."]
    assert not one(write, text, sentences=False).has_annotation("SENT_START")


def test_documents_of_other_formats(tmp_path):
    doc = Doc(VOCAB, words=["Ann", "met", "\n", "Bo", "Lee", "\t", "."], sent_starts=[1, 0, 0, 0, 0, 0, 0])
    doc.spans["entity_3"] = [Span(doc, 0, 1, label="PER")]
    doc.spans["entity_5"] = [
        Span(doc, 3, 5, label="PER", kb_id="Q1,2"),
        Span(doc, 4, 5, label="PER", kb_id="Q1,2"),
    ]
    doc.spans["entity_6"] = [Span(doc, 1, 2, label="X")]
    doc._.relations = [{"head": "entity_3", "tail": "entity_5", "label": "met"}]
    FORMATS["pubtator"].write([doc], tmp_path / "out")
    assert (tmp_path / "out").read_text() == (
        "1|t|Ann met   Bo Lee   . \n1|a|\n1\t0\t3\tAnn\tPER\tentity_3\n1\t4\t7\tmet\tX\t-1\n"
        "1\t10\t16\tBo Lee\tPER\tQ1%2C2\n1\t13\t16\tLee\tPER\tQ1%2C2\n1\tmet\tentity_3\tQ1%2C2\n\n"
    )
    (again,) = read("pubtator", tmp_path / "out")
    assert [(label, kb_id, mentions) for _, label, kb_id, mentions in clusters(again)] == [
        ("PER", "", [(0, 3)]),
        ("X", "", [(4, 7)]),
        ("PER", "Q1,2", [(10, 16), (13, 16)]),
    ]
    assert relations(again) == [("Ann", "met", "Bo Lee")]


@pytest.mark.parametrize("name", ["pubtator", "bioc"])
def test_entities_without_identifiers_may_share_their_only_mention(name, tmp_path):
    doc = Doc(VOCAB, words=["Fever", "rose", "."])
    for number in (1, 2, 3):
        doc.spans[f"entity_{number}"] = [Span(doc, 0, 1, label="Disease")]
    FORMATS[name].write([doc], tmp_path / "out")
    (again,) = read(name, tmp_path / "out")
    assert [(label, identifier, found) for _, label, identifier, found in clusters(again)] == [
        ("Disease", "", [(0, 5)])
    ] * 3
