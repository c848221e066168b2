from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.tokens import Doc, Span

from spacy_kmgre.formats import FORMATS, bioc
from spacy_kmgre.formats.counts import Counts

from .samples import BIOC, VOCAB, clusters, read, relations, texts

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "docs.xml"
        path.write_bytes(text.encode("utf8"))
        return path

    return write


def test_reads_the_ways_of_cdr_of_biored_and_of_nodes(write):
    counts = Counts()
    first, second = read("bioc", write(BIOC), counts)
    assert first.text == "Lithium & hearts. Lithium made renal and hepatic failure."
    assert clusters(first) == [
        ("entity_1", "Chemical", "D008094", [(0, 7), (18, 25)]),
        ("entity_2", "Disease", "D051437", [(31, 56)]),
        ("entity_3", "Disease", "D017093", [(31, 56)]),
    ]
    assert relations(first) == [("Lithium", "CID", "renal and hepatic failure")]
    assert [(span.label_, span.text) for span in first.spans["passages"]] == [
        ("title", "Lithium & hearts."),
        ("abstract", "Lithium made renal and hepatic failure."),
    ]
    assert second.text == "BRAF rose. Melanoma grew fast."
    assert [sent.text for sent in second.sents] == ["BRAF rose.", "Melanoma grew fast."]
    assert clusters(second)[1] == ("entity_2", "Disease", "", [(11, 19)])
    assert relations(second) == [("BRAF", "Bind", "BRAF"), ("BRAF", "Causes", "Melanoma")]
    assert counts.oddities == {
        "composite mentions whose parts are named (left out)": 1,
        "composite mentions, which belong to several entities": 1,
        "mentions without an identifier, each an entity of its own": 1,
        "relations of an entity with itself": 1,
        "relations whose novelty is left out": 1,
        "spans that belong to several entities": 1,
    }
    assert relations(read("bioc", write(BIOC), novelty=True)[1])[0][1] == "Bind:Novel"


def test_reads_what_pubtator_has_too(write, tmp_path):
    docs = read("bioc", write(BIOC))
    FORMATS["pubtator"].write(docs, tmp_path / "docs.pubtator")
    again = read("pubtator", tmp_path / "docs.pubtator")
    assert [clusters(doc) for doc in again] == [clusters(doc) for doc in docs]
    assert [relations(doc) for doc in again] == [relations(doc) for doc in docs]
    assert [doc.text for doc in again] == [doc.text for doc in docs]


ANNOTATION = '<annotation id="0"><infon key="type">Chemical</infon><infon key="MESH">D008094</infon>'
LOCATION = '<location offset="0" length="7"/>'


@pytest.mark.parametrize(
    "old, new, code, place",
    [
        (LOCATION, "", "E130", "line 6 '101': an annotation without a location"),
        (LOCATION, LOCATION.replace("7", "seven"), "E130", "line 6 '101'.*'seven'"),
        (LOCATION, LOCATION.replace("7", "6"), "E122", "line 6 '101'.*'Lithiu', not 'Lithium'"),
        (LOCATION, LOCATION.replace("7", "99"), "E121", "line 6 '101'"),
        ("<offset>18</offset>", "<offset>17</offset>", "E122", "line 10 '101'"),
        ("<offset>18</offset>", "<offset>16</offset>", "E129", "line 9 '101'.*16"),
        ("<offset>18</offset>", "<offset>999999999</offset>", "E129", "line 9 '101'"),
        ("<offset>18</offset>", "", "E130", "line 9 '101'.*offset ''"),
        ('<infon key="relation">CID</infon>', "", "E148", "line 19 '101': a relation without a label"),
        ('<annotation id="b">', '<annotation id="a">', "E134", "line 33 '102': 'a' is the name of several"),
        ('refid="b"', 'refid="z"', "E131", "line 33 '102'.*'z'.*a, b"),
        ("</passage>", "", "E127", " is not XML: mismatched tag: line"),
        ("&amp;", "&nbsp;", "E127", "undefined entity"),
        ("<collection>", "<documents>", "E128", "begins with documents"),
        (
            "<document><id>101</id>",
            "<document><id>101</id><document/>",
            "E130",
            "line 4 '101': a document within",
        ),
    ],
)
def test_what_cannot_be_right(write, old, new, code, place):
    assert old in BIOC
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*docs.xml.*{place}"):
        read("bioc", write(BIOC.replace(old, new, 1)))


def test_entities_are_refused_before_they_grow(write):
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    text = BIOC.replace("<!DOCTYPE collection SYSTEM 'BioC.dtd'>", f"<!DOCTYPE collection [{bomb}]>")
    with pytest.raises(ValueError, match=r"E128.*!ENTITY"):
        read("bioc", write(text.replace("hearts", "&a11;")))
    outside = '<!DOCTYPE collection [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    text = BIOC.replace("<!DOCTYPE collection SYSTEM 'BioC.dtd'>", outside)
    with pytest.raises(ValueError, match=r"E128.*!ENTITY"):
        read("bioc", write(text.replace("hearts", "&x;")))


def test_default_values_of_attributes_are_refused(write):
    bomb = f'<!DOCTYPE collection [<!ATTLIST infon more CDATA "{"ha" * 100}">]>'
    text = BIOC.replace("<!DOCTYPE collection SYSTEM 'BioC.dtd'>", bomb)
    with pytest.raises(ValueError, match=r"E128.*begins with !ATTLIST"):
        read("bioc", write(text))


def test_gaps_between_passages_are_limited_in_sum(write):
    def document(gap: int, passages: int, words: str) -> str:
        size = gap + len(words)
        parts = (
            f"<passage><offset>{number * size}</offset><text>{words}</text></passage>"
            for number in range(passages)
        )
        return f"<collection><document><id>1</id>{''.join(parts)}</document></collection>"

    (doc,) = read("bioc", write(document(90_000, 2, "word")))
    assert len(doc.text) == 90_008
    (doc,) = read("bioc", write(document(100, 2_000, "some words of text")))
    assert len(doc.text) == 1_999 * 118 + 18
    for gap, passages in [(90_000, 3), (100, 2_000)]:
        with pytest.raises(ValueError, match=r"E129.*'1': the offset is"):
            read("bioc", write(document(gap, passages, "word")))


@pytest.mark.parametrize("encoding", ["utf-99", "utf-32"])
def test_encodings_that_are_none(tmp_path, encoding):
    path = tmp_path / "docs.xml"
    path.write_text(BIOC.replace("UTF-8", encoding))
    with pytest.raises(ValueError, match="E127"):
        read("bioc", path)
    path.write_text(BIOC.replace("UTF-8", "ISO-8859-1").replace("hearts", "héarts"), encoding="latin1")
    assert read("bioc", path)[0].text.startswith("Lithium & héarts.")


def test_discontinuous_mentions_and_relations_of_three(write):
    text = BIOC.replace('<infon key="CompositeRole">IndividualMention</infon>', "")
    text = text.replace(
        '<infon key="Chemical">D008094</infon>', '<infon key="a">1</infon><infon key="b">2</infon>'
    )
    counts = Counts()
    first, _ = read("bioc", write(text), counts)
    assert texts(first)[1] == ["renal and hepatic failure"]
    assert counts.oddities["discontinuous mentions, read from their first to their last part"] == 1
    assert counts.oddities["mentions that their entity lists twice"] == 1
    assert counts.oddities["relations left out, as they have not two arguments"] == 1


def test_lenient(write):
    counts = Counts()
    text = BIOC.replace('<location offset="11" length="8"/>', '<location offset="3" length="8"/>')
    _, second = read("bioc", write(text), counts, lenient=True)
    assert texts(second) == [["BRAF"]]
    assert counts.oddities["mentions left out, as their text is elsewhere"] == 1
    assert counts.oddities["relations left out with their mention"] == 1


def test_lines_in_a_file_of_one_line(write, monkeypatch):
    monkeypatch.setattr(bioc, "CHUNK", 10)
    start, rest = BIOC.split("<collection>")
    text = start + "<collection>" + rest.replace("\n", " ") * 1
    text = text.replace('length="25"', 'length="99"')
    with pytest.raises(ValueError, match=r"E121.*line 3 '101'"):
        read("bioc", write(text))


def test_characters_and_passages_of_other_formats(tmp_path):
    doc = Doc(VOCAB, words=["a<b", "\r", "\n", "&", "c", "😀"], spaces=[1, 0, 0, 1, 0, 0])
    doc.spans["entity_1"] = [Span(doc, 0, 1, label='"x"', kb_id="<&>")]
    doc.spans["passages"] = [Span(doc, 4, 5, label="late"), Span(doc, 0, 1, label="early")]
    FORMATS["bioc"].write([doc], tmp_path / "docs.xml")
    (again,) = read("bioc", tmp_path / "docs.xml", sentences=False)
    assert again.text == doc.text == "a<b \r\n& c😀"
    assert clusters(again) == clusters(doc)
    assert [span.label_ for span in again.spans["passages"]] == ["early", "late"]
    bad = Doc(VOCAB, words=["a\x01b"])
    with pytest.raises(ValueError, match=r"E142.*'1'.*x01"):
        FORMATS["bioc"].write([bad], tmp_path / "bad.xml")
