from pathlib import Path
from typing import Any

import pytest
from spacy.tokens import Doc, Span

from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts

from .samples import BRAT, VOCAB, clusters, read, relations, sample, texts


def changed(folder: Path, old: str, new: str) -> Path:
    path = sample("brat", folder)
    assert old in BRAT["news/one.ann"]
    (path / "news" / "one.ann").write_text(BRAT["news/one.ann"].replace(old, new, 1))
    return path


def test_reads_a_folder(tmp_path):
    counts = Counts()
    first, second = read("brat", sample("brat", tmp_path), counts)
    assert (first.user_data["title"], second.user_data["title"]) == ("news/one", "two")
    assert first.text == BRAT["news/one.txt"]
    assert clusters(first) == [
        ("entity_1", "PER", "", [(0, 3), (19, 22)]),
        ("entity_2", "ORG", "", [(12, 16), (28, 36)]),
        ("entity_3", "LOC", "Wikidata:Q585", [(40, 44), (49, 65)]),
    ]
    assert texts(first)[2] == ["Oslo", "new and old Oslo"]
    assert [(r.head.key, r.label, r.tail.key) for r in first._.relations] == [
        ("entity_1", "founded", "entity_2"),
        ("entity_1", "lives_in", "entity_3"),
    ]
    pairs = {
        r.label: [(p.head.text, p.tail.text, p.share) for p in r.key_mention_pairs] for r in first._.relations
    }
    assert pairs == {"founded": [("Lee", "Acme", 1.0)], "lives_in": [("She", "Oslo", 1.0)]}
    assert counts.oddities == {
        "arguments of events (left out; --event-arguments makes relations of them)": 1,
        "attributes (left out)": 1,
        "discontinuous mentions, read from their first to their last part": 1,
        "events (left out)": 1,
        "notes (left out)": 1,
        "texts without a file of annotation": 1,
        "triggers of events (left out)": 1,
    }


def test_relations_of_events_and_of_triggers(tmp_path):
    counts = Counts()
    path = changed(tmp_path, "R3\tCoref Arg1:T4 Arg2:T2", "R3\tsays Arg1:E1 Arg2:T2\nR4\tof Arg1:T7 Arg2:T1")
    first, _ = read("brat", path, counts)
    assert ("left", "of", "Lee") in relations(first)
    assert counts.oddities["relations of events (left out; --events keeps them)"] == 1
    assert not counts.oddities["triggers of events (left out)"]


@pytest.mark.parametrize(
    "old, new, code, place",
    [
        ("T1\tPER 0 3\tLee", "T1\tPER 0 3\tLeo", "E122", "one.ann line 1: .*'Lee'.*'Leo'"),
        ("T1\tPER 0 3\tLee", "T1\tPER 0 99\tLee", "E121", "one.ann line 1: "),
        ("T1\tPER 0 3\tLee", "T1\tPER 0\tLee", "E137", "one.ann line 1: .*PER 0"),
        ("T1\tPER 0 3\tLee", "T1", "E137", "one.ann line 1: "),
        ("T2\t", "T1\t", "E134", "one.ann line 2: 'T1'"),
        ("new Oslo", "old Oslo", "E122", "one.ann line 12: "),
        ("Arg1:T1", "Arg1:T9", "E131", "one.ann line 6: refers to 'T9'.*T1, T2"),
        ("Arg1:T1", "T1", "E137", "one.ann line 6: "),
        ("Arg2:T2", "Arg2:T2\tR9", "E137", "one.ann line 6: "),
        ("Equiv T1 T3", "Equiv T1", "E137", "one.ann line 9: "),
        ("Equiv T1 T3", "Equiv T1 T9", "E131", "one.ann line 9: "),
        ("Reference T5", "Reference T55", "E131", "one.ann line 10: "),
        ("E1\tLeaving:T7 Who:T3", "E1\tLeaving", "E137", "one.ann line 14: "),
        ("#1\t", "X1\t", "E137", "one.ann line 16: "),
    ],
)
def test_what_cannot_be_right(tmp_path, old, new, code, place):
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*{place}"):
        read("brat", changed(tmp_path, old, new))


def test_annotation_without_its_text(tmp_path):
    path = sample("brat", tmp_path)
    (path / "news" / "one.txt").unlink()
    with pytest.raises(ValueError, match=r"E136.*one.ann.*one.txt"):
        read("brat", path)
    (path / "news" / "one.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"E120.*one.txt"):
        read("brat", path)


def test_lenient(tmp_path):
    counts = Counts()
    first, _ = read("brat", changed(tmp_path, "T1\tPER 0 3\tLee", "T1\tPER 0 3\tLeo"), counts, lenient=True)
    assert texts(first)[1] == ["She"]
    assert counts.oddities["mentions left out, as their text is elsewhere"] == 1
    assert counts.oddities["relations left out with their mention"] == 1
    assert counts.oddities["coreference left out with its mention"] == 1


def test_writes_documents_of_other_formats(tmp_path):
    doc: Any = Doc(VOCAB, words=["Ann", "Lee", "\n", "left", "."], spaces=[0, 0, 0, 1, 0])
    doc.user_data["title"] = "../Ann: 1"
    doc.spans["entity_1"] = [Span(doc, 0, 3, kb_id="Q 1"), Span(doc, 3, 4)]
    doc.spans["entity_2"] = [Span(doc, 4, 5, label="a b")]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "has mark"}]
    FORMATS["brat"].write([doc, doc], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Ann_1.ann",
        "Ann_1.txt",
        "Ann_1_2.ann",
        "Ann_1_2.txt",
    ]
    assert (tmp_path / "out" / "Ann_1.ann").read_text() == (
        "T1\tEntity 0 7\tAnnLee \nT2\tEntity 7 11\tleft\nT3\ta_b 12 13\t.\n"
        "R1\thas_mark Arg1:T2 Arg2:T3\n*\tEquiv T1 T2\nN1\tReference T1 Q 1\tAnnLee\n"
    )
    again, _ = read("brat", tmp_path / "out")
    assert again.text == doc.text
    assert relations(again) == [("AnnLee", "has_mark", ".")]
    assert clusters(again)[0][1:3] == ("Entity", "Q 1")
