"""Siblings of what other people's files have been seen to hold: the same kinds of oddities, in every format."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source

from .samples import clusters, read, relations, texts

ONCE = {"identifiers that relations write otherwise than mentions": 1}
RIGHTED = "mentions whose offsets do not count characters (put right)"


def write(folder: Path, content: Any, name: str = "in.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def pubtator(*lines: str, head: str = "A", tail: str = "B") -> str:
    mentions = [f"1\t0\t3\tAnn\tPER\t{head}", f"1\t8\t11\tBob\tPER\t{tail}"]
    return "\n".join(["1|t|Ann met Bob.", "1|a|", *mentions, *lines]) + "\n"


def bioc(annotations: str, relation: str = "", text: str = "Ann met Bob.") -> str:
    return (
        f"<collection><document><id>1</id><passage><offset>0</offset><text>{text}</text>{annotations}</passage>"
        f"{relation and f'<relation>{relation}</relation>'}</document></collection>"
    )


def annotation(name: int, start: int, words: str, **infons: str) -> str:
    found = "".join(f'<infon key="{key}">{value}</infon>' for key, value in infons.items())
    return (
        f'<annotation id="{name}">{found}<location offset="{start}" length="{len(words)}"/>'
        f"<text>{words}</text></annotation>"
    )


# PubTator and BioC


@pytest.mark.parametrize(
    "head, tail, named, oddities",
    [
        ("H1/C1", "B", "H1/C1\tB", {}),
        ("H1/C1", "B", "C1\tB", ONCE),
        ("D1+D3", "B", "D3\tB", ONCE),
        ("H1 C1", "B", "H1\tB", ONCE),
        ("MESH:D1", "B", "D1\tB", ONCE),
        ("D1", "B", "MESH:D1\tB", ONCE),
        ("MESH:D1", "B", "Chemical:MESH:D1\tB", ONCE),
        ("MESH:D1", "B", "Chemical|D1\tB", ONCE),
    ],
)
def test_identifiers_that_are_written_otherwise(head, tail, named, oddities, tmp_path: Path):
    counts = Counts()
    path = write(tmp_path, pubtator(f"1\tmet\t{named}", head=head, tail=tail))
    (doc,) = read("pubtator", path, counts)
    assert relations(doc) == [("Ann", "met", "Bob")] and counts.oddities == oddities


@pytest.mark.parametrize("named", ["OMIM:1\tB", "-\tB", "1\tB"])
def test_identifiers_of_other_databases_are_others(named: str, tmp_path: Path):
    text = pubtator(f"1\tmet\t{named}", "1\t4\t7\tmet\tX\tGO:1", head="MESH:1")
    counts = Counts()
    (doc,) = read("pubtator", write(tmp_path, text), counts)
    assert not relations(doc)
    assert counts.oddities["relations left out, as no mention has the identifier"] == 1


def test_columns_after_a_relation(tmp_path: Path):
    (doc,) = read("pubtator", write(tmp_path, pubtator("1\tmet\tA\tB\t0.25", "1\tsaw\tA\tB\t\t")))
    assert [(relation.label, relation.score) for relation in doc._.relations] == [("saw", 1.0), ("met", 0.25)]


def test_columns_after_a_mention(tmp_path: Path):
    counts = Counts()
    (doc,) = read("pubtator", write(tmp_path, pubtator("1\t4\t7\tmet\tX\tC\tone\ttwo")), counts)
    assert len(texts(doc)) == 3
    assert counts.oddities == {"mentions with columns that PubTator has not (left out)": 1}


@pytest.mark.parametrize("place, documents", [("\n\n2|t", 2), ("1|t", 1)])
def test_one_line_that_is_not_utf8(place: str, documents: int, tmp_path: Path):
    text = pubtator("1\tmet\tA\tB")
    data = (text + "\n" + text.replace("1|", "2|").replace("1\t", "2\t", 1)).encode()
    data = data.replace(place.encode(), b"1\t0\t3\t\xe9\tX\tY\n" + place.encode(), 1)
    path = write(tmp_path, data)
    with pytest.raises(ValueError, match=r"E120.*in.txt line \d+.*--lenient"):
        read("pubtator", path)
    counts = Counts()
    assert len(read("pubtator", path, counts, lenient=True)) >= documents
    assert counts.oddities["lines left out, as they are not text in UTF-8"] == 1


@pytest.mark.parametrize(
    "key", ["identifier", "Identifier", "MESH", "mesh", "NCBIGene", "NCBI Gene", "cui", "concept_id"]
)
def test_infons_that_hold_identifiers(key: str, tmp_path: Path):
    words = annotation(1, 0, "Ann", type="P", **{key: "A"}) + annotation(2, 8, "Bob", type="P", **{key: "B"})
    named = '<infon key="type">met</infon><infon key="entity1">A</infon><infon key="entity2">B</infon>'
    (doc,) = read("bioc", write(tmp_path, bioc(words, named)))
    assert relations(doc) == [("Ann", "met", "Bob")]


@pytest.mark.parametrize(
    "infons",
    [
        {"type": "met", "Arg1": "1", "Arg2": "2"},  # they name annotations
        {"relation": "met", "Chemical": "A", "Disease": "B", "confidence": "3"},
        {"type": "met", "role1": "P|A", "role2": "P|B", "score": "0.5"},
    ],
)
def test_infons_of_relations(infons: dict[str, str], tmp_path: Path):
    words = annotation(1, 0, "Ann", identifier="A") + annotation(2, 8, "Bob", identifier="B")
    text = "".join(f'<infon key="{key}">{value}</infon>' for key, value in infons.items())
    (doc,) = read("bioc", write(tmp_path, bioc(words, text)))
    assert relations(doc) == [("Ann", "met", "Bob")]
    assert doc._.relations[0].score == float(infons.get("score", 1))


def test_scores_that_are_no_probabilities(tmp_path: Path):
    words = annotation(1, 0, "Ann", identifier="A") + annotation(2, 8, "Bob", identifier="B")
    infons = {"type": "met", "entity1": "A", "entity2": "B", "score": "high"}
    text = "".join(f'<infon key="{key}">{value}</infon>' for key, value in infons.items())
    counts = Counts()
    (doc,) = read("bioc", write(tmp_path, bioc(words, text)), counts)
    assert doc._.relations[0].score == 1
    assert counts.oddities == {"scores of relations that are no probabilities (left out)": 1}


@pytest.mark.parametrize("offset", [5, 0])
def test_offsets_that_count_from_the_passage(offset: int, tmp_path: Path):
    passages = "".join(
        f"<passage><offset>{start}</offset><text>{name} left.</text>{annotation(1, 0, name)}</passage>"
        for start, name in ((0, "Ann"), (offset and 10, "Bob"))
    )
    counts = Counts()
    text = f"<collection><document><id>1</id>{passages}</document></collection>"
    (doc,) = read("bioc", write(tmp_path, text), counts)
    assert doc.text == "Ann left. Bob left." and texts(doc) == [["Ann"], ["Bob"]]
    assert counts.oddities["mentions whose offsets count from their passage"] == 1


def test_json_that_was_made_of_xml(tmp_path: Path):
    """Numbers are strings, objects without fields are empty lists, and identifiers are lists."""
    words = [
        {
            "id": number,
            "infons": {"type": "P", "identifier": [name, "X"]},
            "text": name,
            "locations": [{"offset": str(start), "length": "3"}],
        }
        for number, (start, name) in enumerate([(0, "Ann"), (8, "Bob")])
    ]
    relation = {"infons": {"type": "met", "role1": {"accession": "Ann"}, "role2": {"normalized_id": "Bob"}}}
    passage = {"infons": [], "offset": "0", "text": "Ann met Bob.", "annotations": words}
    path = write(tmp_path, {"documents": [{"id": 1, "passages": [passage], "relations": [relation]}]})
    assert guess_source(path).name == "bioc_json"
    (doc,) = read("bioc_json", path)
    assert relations(doc) == [("Ann", "met", "Bob")]


# Offsets that count something else


@pytest.mark.parametrize(
    "text, count",
    [
        ("😀 Ann met Bob.", lambda text: len(text.encode("utf-16-le")) // 2),
        ("é😀 Ann met Bob.", lambda text: len(text.encode())),
        ("x\r\nAnn met Bob.", lambda text: len(text.replace("\r\n", "\n"))),
        ("\ufeffAnn met Bob.", lambda text: len(text.strip("\ufeff"))),
    ],
)
def test_offsets_that_do_not_count_characters(text: str, count: Any, tmp_path: Path):
    places = [(count(text[: text.index(name)]), name) for name in ("Ann", "Bob")]
    lines = [f"T{number}\tP {start} {start + 3}\t{name}\n" for number, (start, name) in enumerate(places)]
    write(tmp_path, text, "d.txt")
    write(tmp_path, "".join(lines) + "R1\tmet Arg1:T0 Arg2:T1\n", "d.ann")
    counts = Counts()
    (doc,) = read("brat", tmp_path, counts)
    assert relations(doc) == [("Ann", "met", "Bob")] and counts.oddities == {RIGHTED: 2}
    if text.isprintable():
        words = "".join(annotation(start, start, name) for start, name in places)
        assert texts(read("bioc", write(tmp_path, bioc(words, text=text), "b.xml"))[0]) == [["Ann"], ["Bob"]]


@pytest.mark.parametrize("more", [0, 1])
def test_offsets_of_doccano(more: int, tmp_path: Path):
    """They come without words: UTF-16 where otherwise words would be cut."""
    spans = [[2 + more, 5 + more, "P"], [10 + more, 13 + more, "P"]]
    counts = Counts()
    (doc,) = read("doccano", write(tmp_path, {"text": "😀 Ann met Bob.", "label": spans}), counts)
    assert texts(doc) == [["Ann"], ["Bob"]]
    assert counts.oddities == (
        {"documents whose offsets count UTF-16 code units (put right)": 1} if more else {}
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_text_of_windows(encoding: str, tmp_path: Path):
    lines = json.dumps({"text": "Ann left é.", "label": [[0, 3, "P"]]}, ensure_ascii=False) + "\r\n"
    path = write(tmp_path, (lines * 2).encode(encoding), "in.jsonl")
    assert guess_source(path).name == "doccano"
    assert [doc.text for doc in read("doccano", path)] == ["Ann left é."] * 2
    xml = '<?xml version="1.0" encoding="UTF-16"?>' + bioc(annotation(1, 0, "Ann"))
    assert texts(read("bioc", write(tmp_path, xml.encode("utf-16"), "b.xml"))[0]) == [["Ann"]]
    cut = (lines * 2).encode("utf-16")[:-1]
    with pytest.raises(ValueError, match="KMGRE E1"):
        read("doccano", write(tmp_path, cut, "cut.jsonl"))


# brat

MET = "T1\tPER 0 3\tAnn\nT2\tPER 8 11\tBob\nT3\tLOC 15 19\tRome\n"


def read_brat(folder: Path, lines: str, **options: Any) -> tuple[Any, Any]:
    write(folder, "Ann met Bob in Rome.", "d.txt")
    write(folder, MET + lines, "d.ann")
    counts = Counts()
    (doc,) = read("brat", folder, counts, **options)
    return doc, counts.oddities


def test_relations_of_three(tmp_path: Path):
    doc, oddities = read_brat(tmp_path, "R1\tmet Arg1:T1 Arg2:T2 Arg3:T3\nR2\tsaw Arg1:T1 Arg2:T2\n")
    assert relations(doc) == [("Ann", "saw", "Bob")]
    assert oddities == {"relations left out, as they have not two arguments": 1}


def test_equivalences_keep_those_that_are_there(tmp_path: Path):
    doc, oddities = read_brat(tmp_path, "*\tEquiv T1 T9 T2\n", lenient=True)
    assert texts(doc) == [["Ann", "Bob"], ["Rome"]]
    assert oddities == {"mentions left out of coreference, as they are not there": 1}
    doc, _ = read_brat(tmp_path, "T4\tMeet 4 7\tmet\nE1\tMeet:T4\n*\tEquiv T1 E1 T2\n")
    assert texts(doc) == [["Ann", "Bob"], ["Rome"]]


def test_identifiers_of_bionlp(tmp_path: Path):
    doc, _ = read_brat(tmp_path, "N1\tOntoBiotope Annotation:T1 Referent:OBT:7\n*\tSame Arg1:T2 Arg2:T3\n")
    assert [kb_id for _, _, kb_id, _ in clusters(doc)] == ["OBT:7", ""]


def test_mentions_without_words_and_swapped_arguments(tmp_path: Path):
    doc, oddities = read_brat(tmp_path, "T4\tX 4 7\nR1\tk arg2:T4 arg1:T1\n")
    assert relations(doc) == [("Ann", "k", "met")] and not oddities


def test_a_line_of_annotation_that_is_not_utf8(tmp_path: Path):
    write(tmp_path, "Ann met Bob in Rome.", "d.txt")
    write(tmp_path, MET.encode() + b"#1\tNote T1\t\xe9\nR1\tk Arg1:T1 Arg2:T2\n", "d.ann")
    with pytest.raises(ValueError, match=r"E120.*d\.ann line 4.*--lenient"):
        read("brat", tmp_path)
    (doc,) = read("brat", tmp_path, lenient=True)
    assert relations(doc) == [("Ann", "k", "Bob")]


# Label Studio, doccano, Prodigy


def region(name: Any, start: Any, words: str | None, kind: str = "labels", **more: Any) -> dict[str, Any]:
    value = {
        "start": start,
        "end": start + (len(words) if words else 3),
        kind: ["P"],
        **more.pop("value", {}),
    }
    text = {} if words is None else {"text": words}
    return {
        "id": name,
        "type": kind,
        "from_name": "label",
        "to_name": "text",
        "value": {**value, **text},
        **more,
    }


def link(head: Any, tail: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "relation",
        "from_id": head,
        "to_id": tail,
        "direction": "right",
        "labels": ["met"],
        **more,
    }


def read_task(folder: Path, data: Any, *results: Any, **options: Any) -> tuple[Any, Any]:
    counts = Counts()
    path = write(folder, [{"id": 1, "data": data, "annotations": [{"result": results}]}])
    (doc,) = read("label_studio", path, counts, **options)
    return doc, counts.oddities


DATA = {"text": "Ann met Bob."}
ANN, BOB = region("a", 0, "Ann"), region("b", 8, "Bob")


@pytest.mark.parametrize("labels", ["met", ["met", None]])
def test_labels_of_relations(labels: Any, tmp_path: Path):
    doc, oddities = read_task(tmp_path, DATA, ANN, BOB, link("a", "b", labels=labels))
    assert relations(doc) == [("Ann", "met", "Bob")] and not oddities


def test_regions_of_audio(tmp_path: Path):
    sound = [region("z", 0.5, None), {**region("y", 1, None, value={"channel": 0})}]
    doc, oddities = read_task(tmp_path, DATA, ANN, BOB, *sound, link("a", "z"), link("a", "b"))
    assert relations(doc) == [("Ann", "met", "Bob")]
    assert oddities == {"results of type labels (left out)": 2, "relations left out with their mention": 1}


def test_a_region_with_several_controls(tmp_path: Path):
    again = {**region("a", 0, "Ann"), "from_name": "other"}
    doc, oddities = read_task(tmp_path, DATA, ANN, again, BOB, link("a", "b"))
    assert relations(doc) == [("Ann", "met", "Bob")] and len(texts(doc)) == 2
    assert oddities == {"labels beyond a region's first (left out)": 1}


def test_regions_of_two_texts(tmp_path: Path):
    data = {"premise": "Ann met Bob.", "hypothesis": "Eva left."}
    results = [
        *({**found, "to_name": "premise"} for found in (ANN, BOB)),
        {**region("c", 0, "Eva"), "to_name": "hypothesis"},
        link("a", "b"),
        link("a", "c"),
    ]
    doc, oddities = read_task(tmp_path, data, *results)
    assert relations(doc) == [("Ann", "met", "Bob")]
    left = "regions of another text of the task (left out)"
    assert oddities == {left: 1, "relations left out with their mention": 1}
    doc, oddities = read_task(tmp_path, data, *results, text_field="hypothesis")
    assert texts(doc) == [["Eva"]] and oddities[left] == 2


def test_regions_of_html_without_words(tmp_path: Path):
    results = [
        region(name, 0, None, "hypertextlabels", value={"globalOffsets": {"start": at, "end": at + 3}})
        for name, at in (("a", 3), ("b", 10))
    ]
    doc, _ = read_task(tmp_path, {"html": "<p>😀 Ann</p><p>met Bob</p>"}, *results, link("a", "b"))
    assert relations(doc) == [("Ann", "met", "Bob")]


def test_first_items_that_tell_nothing(tmp_path: Path):
    """The format of a list shows in any of its first items."""
    task = {"data": DATA, "annotations": [{"result": [ANN]}]}
    for name, items in {
        "label_studio": [{"data": {"text": "x"}}, task],
        "doccano": [{"text": "x", "entities": []}, {"text": "Ann", "label": [[0, 3, "P"]]}],
        "spert": [{"tokens": ["x"]}, {"tokens": ["x"], "entities": [], "relations": []}],
        "dygie": [None, {"sentences": [["x"]], "ner": [[]]}],
    }.items():
        assert guess_source(write(tmp_path, items, "in.json")).name == name


SPANS = [
    {"id": "e1", "start_offset": 0, "end_offset": 3, "label": "P"},
    {"id": 2, "start_offset": 8, "end_offset": 11},
]


@pytest.mark.parametrize(
    "fields",
    [
        {"entities": SPANS, "relations": [{"from_id": "e1", "to_id": "2", "type": "met"}]},
        {"entities": SPANS, "relations": [{"from_id": "e1", "to_id": 2, "label": "met"}]},
        {"entities": [], "label": SPANS, "relations": [{"from_id": "e1", "to_id": 2, "type": "met"}]},
        {
            "annotations": [{**span, "label": 7} for span in SPANS],
            "relations": [{"from_id": "e1", "to_id": 2, "type": "met"}],
        },
    ],
)
def test_exports_of_doccano(fields: dict[str, Any], tmp_path: Path):
    path = write(tmp_path, {"text": "Ann met Bob.", **fields}, "in.jsonl")
    assert guess_source(path).name == "doccano"
    assert relations(read("doccano", path)[0]) == [("Ann", "met", "Bob")]


def test_spans_of_doccano_without_ids(tmp_path: Path):
    spans = [{key: value for key, value in span.items() if key != "id"} for span in SPANS]
    assert len(texts(read("doccano", write(tmp_path, {"text": "Ann met Bob.", "entities": spans}))[0])) == 2


def prodigy(**fields: Any) -> dict[str, Any]:
    tokens = [{"start": start, "end": end} for start, end in ((0, 3), (4, 7), (8, 11), (11, 12))]
    return {"text": "Ann met Bob.", "tokens": tokens, **fields}


def test_prodigy_names_the_shortest_span(tmp_path: Path):
    spans = [{"start": start, "end": end, "label": "P"} for start, end in ((0, 11), (0, 3), (8, 11))]
    path = write(tmp_path, prodigy(spans=spans, relations=[{"head": 0, "child": 2, "label": "met"}]))
    assert relations(read("prodigy", path)[0]) == [("Ann", "met", "Bob")]


def test_prodigy_without_spans(tmp_path: Path):
    ends = {
        f"{name}_span": {"start": start, "end": start + 3, "label": "P"}
        for name, start in (("head", 0), ("child", 8))
    }
    path = write(tmp_path, prodigy(spans=None, relations=[{"head": 0, "child": 2, "label": "met", **ends}]))
    assert [label for _, label, _, _ in clusters(read("prodigy", path)[0])] == ["P", "P"]


@pytest.mark.parametrize(
    "meta, title", [(None, None), ("x", None), ({"title": 3}, "3"), ({"title": ["x"]}, None)]
)
def test_meta_of_prodigy(meta: Any, title: Any, tmp_path: Path):
    path = write(tmp_path, prodigy(spans=[{"start": 0, "end": 3, "label": "P"}], meta=meta))
    assert guess_source(path).name == "prodigy"
    assert read("prodigy", path)[0].user_data.get("title") == title


# Relations without a label, and those that say that there is none

DOCRED: dict[str, Any] = {
    "sents": [["Ann", "met", "Bob"]],
    "vertexSet": [[{"sent_id": 0, "pos": [0, 1]}], [{"sent_id": 0, "pos": [2, 3]}]],
}
PLACES = [{"start_offset": at, "end_offset": at + 3, "id": at} for at in (0, 8)]
DWIE: dict[str, Any] = {
    "id": 5,
    "content": "Ann met Bob.",
    "concepts": [{"concept": 0}, {"concept": 1}],
    "mentions": [{"begin": 0, "end": 3, "concept": 0}, {"begin": 8, "end": 11, "concept": 1}],
}
UNLABELLED: dict[str, Any] = {
    "docred": lambda label: {**DOCRED, "labels": [{"h": 0, "t": 1, "r": label}]},
    "dwie": lambda label: {**DWIE, "relations": [{"s": 0, "o": 1, "p": label}]},
    "doccano": lambda label: {
        "text": "Ann met Bob.",
        "entities": PLACES,
        "relations": [{"from_id": 0, "to_id": 8, "type": label}],
    },
    "prodigy": lambda label: prodigy(relations=[{"head": 0, "child": 2, "label": label}]),
    "spert": lambda label: {
        "tokens": ["Ann", "met", "Bob"],
        "entities": [{"start": 0, "end": 1}, {"start": 2, "end": 3}],
        "relations": [{"head": 0, "tail": 1, "type": label}],
    },
    "dygie": lambda label: {
        "sentences": [["Ann", "met", "Bob"]],
        "relations": [[[0, 0, 2, 2, *([] if label is None else [label])]]],
    },
    "pubtator": lambda label: pubtator(f"1\t{label or ''}\tA\tB"),
    "bioc": lambda label: bioc(
        annotation(1, 0, "Ann", identifier="A") + annotation(2, 8, "Bob", identifier="B"),
        f'<infon key="type">{label or ""}</infon><infon key="entity1">A</infon><infon key="entity2">B</infon>',
    ),
}


@pytest.mark.parametrize("name", UNLABELLED)
def test_relations_without_a_label(name: str, tmp_path: Path):
    path = write(tmp_path, UNLABELLED[name](None))
    with pytest.raises(ValueError, match=r"E148.*in\.txt.*--default-label.*--lenient"):
        read(name, path)
    counts = Counts()
    (doc,) = read(name, path, counts, lenient=True)
    assert not relations(doc) and len(texts(doc)) == 2 and "E148" in " ".join(counts.reasons.values())
    assert relations(read(name, path, default_label="related")[0]) == [("Ann", "related", "Bob")]
    assert not relations(read(name, path, default_label="NA", no_relation="No-rel,NA")[0])


@pytest.mark.parametrize("name", UNLABELLED)
def test_relations_that_are_none(name: str, tmp_path: Path):
    counts = Counts()
    (doc,) = read(name, write(tmp_path, UNLABELLED[name]("No-rel")), counts, no_relation="No-rel")
    assert not relations(doc)
    assert counts.oddities["relations left out, as their label says that there is none"] == 1


# Titles


@pytest.mark.parametrize("title, found", [(None, None), (5, "5"), ("x", "x")])
def test_titles_of_docred(title: Any, found: Any, tmp_path: Path):
    (doc,) = read("docred", write(tmp_path, [{**DOCRED, "title": title}]))
    assert doc.user_data.get("title") == found


def test_entities_of_one_key(tmp_path: Path):
    entities = [{"key": "entity_1", "mentions": [{"start": at, "end": at + 3}]} for at in (0, 8)]
    line = {
        "title": 3,
        "text": "Ann met Bob.",
        "entities": entities,
        "relations": [{"head": 0, "tail": 1, "label": "x"}],
    }
    path = write(tmp_path, [line])
    with pytest.raises(ValueError, match=r"E134.*entities\[1\]"):
        read("jsonl", path)
    counts = Counts()
    (doc,) = read("jsonl", path, counts, lenient=True)
    assert texts(doc) == [["Ann"]] and counts.oddities.total() == 2


# Archives


def test_archives_in_folders_and_archives(tmp_path: Path):
    def archive(path: Path, files: dict[str, bytes]) -> Path:
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as found:
            for name, data in files.items():
                found.writestr(name, data)
        return path

    one = archive(tmp_path / "in" / "one.zip", {"a.pubtator": pubtator("1\tmet\tA\tB").encode()})
    archive(tmp_path / "in" / "two.zip", {"inner.zip": one.read_bytes(), "b.txt": b"Nothing."})
    archive(tmp_path / "in" / "three.zip", {"c.png": b"\x89PNG"})
    write(tmp_path / "in", gzip.compress(pubtator().encode()), "four.pubtator.gz")
    assert guess_source(tmp_path / "in").name == "pubtator"
    counts = Counts()
    docs = read("pubtator", tmp_path / "in", counts)
    assert sorted(len(relations(doc)) for doc in docs) == [0, 1, 1]
    assert counts.oddities["files in the folder of another format (left out)"] == 2
    broken = one.read_bytes().replace(b"1\tmet", b"1\t\xe9et")
    write(tmp_path / "in", broken[:60], "five.zip")
    with pytest.raises(ValueError, match=r"E360.*five\.zip"):
        read("pubtator", tmp_path / "in")
    assert len(read("pubtator", tmp_path / "in", Counts(), lenient=True)) == 3
