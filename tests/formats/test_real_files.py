"""What files of other people look like: every kind that has once lost something in silence or stopped a corpus."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from spacy_kmgre.annotations import store_relations
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats import compression as packing
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source
from spacy_kmgre.relation_input import relation_data_of

from .samples import (
    DOCCANO,
    DOCRED,
    DWIE,
    JSONL,
    LABEL_STUDIO,
    NLP,
    PRODIGY,
    PUBTATOR,
    SAMPLES,
    VOCAB,
    clusters,
    facts,
    path_for,
    read,
    relations,
    sample,
    texts,
)

JSON_SAMPLES: dict[str, list[Any]] = {
    "docred": DOCRED,
    "dwie": DWIE,
    "jsonl": JSONL,
    "prodigy": PRODIGY,
    "label_studio": LABEL_STUDIO,
    "doccano": DOCCANO,
}
LAYOUTS: dict[str, Callable[[list[Any]], str]] = {
    "list": json.dumps,
    "pretty list": lambda items: json.dumps(items, indent=2),
    "lines": lambda items: "".join(json.dumps(item) + "\n" for item in items),
    "values": lambda items: "\n".join(json.dumps(item, indent=2) for item in items),
}


def write(folder: Path, text: str, name: str = "in.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")
    return path


# JSON in every layout, compressed files, archives


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", JSON_SAMPLES)
def test_every_layout_of_json_is_recognised_and_read(name: str, layout: str, tmp_path: Path):
    expected = [facts(doc) for doc in read(name, sample(name, tmp_path))]
    path = write(
        tmp_path, LAYOUTS[layout](JSON_SAMPLES[name]), f"in{'.jsonl' if 'list' in layout else '.json'}"
    )
    assert guess_source(path).name == name
    assert [facts(doc) for doc in read(name, path)] == expected
    one = write(tmp_path, LAYOUTS[layout](JSON_SAMPLES[name][:1]), "one.json")
    assert guess_source(one).name == name
    assert [facts(doc) for doc in read(name, one)] == expected[:1]


@pytest.mark.parametrize("name", JSON_SAMPLES)
def test_folders_of_json_lines(name: str, tmp_path: Path):
    folder = tmp_path / "in"
    for number, item in enumerate(JSON_SAMPLES[name]):
        write(folder, json.dumps(item) + "\n", f"part{number}.jsonl")
    write(folder, "mac", "._part0.jsonl")
    assert guess_source(folder).name == name
    assert len(read(name, folder)) == 2


def zstd(data: bytes) -> bytes:
    """Compress with Python's own module, which 3.14 brings, or with the library zstandard."""
    if find_spec("compression"):
        compress = import_module("compression.zstd").compress
    else:
        compress = pytest.importorskip("zstandard").ZstdCompressor().compress
    return bytes(compress(data))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("name", ["pubtator", "bioc", "docred", "doccano", "spacy"])
def test_compressed_files(name: str, ending: str, tmp_path: Path):
    path = sample(name, tmp_path)
    expected = [facts(doc) for doc in read(name, path)]
    packed = tmp_path / f"packed{path.suffix or '.x'}{ending}"
    packed.write_bytes(COMPRESS[ending](path.read_bytes()))
    assert guess_source(packed).name == name
    assert [facts(doc) for doc in read(name, packed)] == expected
    packed.write_bytes(packed.read_bytes()[: -len(packed.read_bytes()) // 2])
    with pytest.raises(ValueError, match=r"E(360|113|127).*packed"):
        read(name, packed)


def test_compressed_files_of_brat(tmp_path: Path):
    folder = sample("brat", tmp_path)
    expected = [facts(doc) for doc in read("brat", folder)]
    for file in [*folder.rglob("*.txt"), *folder.rglob("*.ann")]:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert guess_source(folder).name == "brat"
    assert [facts(doc) for doc in read("brat", folder)] == expected


def pack(files: dict[str, bytes], path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("archive", ["docs.zip", "docs.tar.gz"])
@pytest.mark.parametrize("name", ["brat", "pubtator", "docred"])
def test_archives(name: str, archive: str, tmp_path: Path):
    path = sample(name, tmp_path)
    expected = [facts(doc) for doc in read(name, path)]
    found = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    files = {file.relative_to(root).as_posix(): file.read_bytes() for file in found}
    packed = pack({**files, "__MACOSX/._sample": b"\0", "../../outside.md": b"# no"}, tmp_path / archive)
    assert guess_source(packed).name == name
    assert [facts(doc) for doc in read(name, packed)] == expected
    assert not (tmp_path.parent / "outside.md").exists()


def test_errors_of_archives_name_the_archive(tmp_path: Path):
    path = pack({"a/x.pubtator": b"1|t|Aspirin\n1\t0\t3\tAspirin\tChemical\tD1\n"}, tmp_path / "in.zip")
    with pytest.raises(ValueError, match=r"E122\] .*in.zip/a/x.pubtator line 2 '1'.*--lenient"):
        read("pubtator", path)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match=r"E360.*in.zip"):
        read("pubtator", path)


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packing, "SMALL", 1 << 16)
    bomb = b"1|t|" + b"a" * (1 << 22)
    for ending, compress in COMPRESS.items():
        path = tmp_path / f"bomb.pubtator{ending}"
        path.write_bytes(compress(bomb))
        with pytest.raises(ValueError, match=r"E361.*bomb"):
            read("pubtator", path)
    with pytest.raises(ValueError, match=r"E361.*bomb.zip"):
        read("pubtator", pack({"a": bomb}, tmp_path / "bomb.zip"))


def test_zstandard_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "in.pubtator.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd data")

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(packing, "import_module", absent)
    with pytest.raises(ValueError, match=r"E362.*in.pubtator.zst.*spacy-kmgre\[zstd\]"):
        read("pubtator", path)


# null, lenient reading, warnings


def nulls(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values of fields."""
    found: list[tuple[Any, ...]] = []
    for key, value in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        found += [(*path, key)] if isinstance(data, dict) else []
        found += nulls(value, (*path, key))
    return found


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    data = json.loads(json.dumps(data))
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return data


# Fields that a document cannot do without.
REQUIRED: dict[str, set[str]] = {
    "docred": {"title", "sents", "vertexSet", "sent_id", "pos", "h", "t", "r"},
    "dwie": {"id", "content", "concepts", "mentions", "begin", "end", "concept", "s", "p", "o"},
    "jsonl": {"text", "entities", "mentions", "start", "end", "head", "tail", "label", "share"},
    "prodigy": {"text", "start", "end", "head", "child", "label"},
    "label_studio": {
        "annotations",
        "data",
        "text",
        "id",
        "type",
        "value",
        "start",
        "end",
        "from_id",
        "to_id",
    },
    "doccano": {"text", "entities", "id", "start_offset", "end_offset", "from_id", "to_id", "type"},
}


@pytest.mark.parametrize("name", JSON_SAMPLES)
def test_null_in_every_optional_field(name: str, tmp_path: Path):
    places = [place for place in nulls(JSON_SAMPLES[name][0]) if place[-1] not in REQUIRED[name]]
    assert len(places) > 3
    items = [changed(JSON_SAMPLES[name][0], place, None) for place in places]
    options = {"lenient": True} if name in ("label_studio", "prodigy") else {}
    assert len(read(name, write(tmp_path, json.dumps(items)), **options)) == len(places)


@pytest.mark.parametrize("name", JSON_SAMPLES)
def test_lenient_reading_never_stops(name: str, tmp_path: Path):
    """Whatever field is wrong: what is lost is counted with its reason, and the error without it names the way out."""
    places = nulls(JSON_SAMPLES[name][0])
    for value in (-7, [3]):
        items = [changed(JSON_SAMPLES[name][0], place, value) for place in places]
        path = write(tmp_path, json.dumps([*items, JSON_SAMPLES[name][1]]))
        counts = Counts()
        assert read(name, path, counts, lenient=True) and counts.reasons
        with pytest.raises(ValueError, match=r"in.txt\[\d+\].*--lenient"):
            read(name, path)


def test_a_broken_line_is_left_out(tmp_path: Path):
    lines = LAYOUTS["lines"](DOCCANO).splitlines()
    path = write(tmp_path, "\n".join((lines[0], lines[0][:40], lines[1])))
    with pytest.raises(ValueError, match=r"E100.*line 2.*--lenient"):
        read("doccano", path)
    counts = Counts()
    assert len(read("doccano", path, counts, lenient=True)) == 2
    (reason,) = counts.reasons.items()
    assert reason[0].startswith("documents left out") and "line 2" in reason[1]


def test_the_rest_of_a_broken_list_is_left_out(tmp_path: Path):
    text = json.dumps(DOCRED)
    path = write(tmp_path, text[: text.index('"Bo"') + 20])
    counts = Counts()
    assert len(read("docred", path, counts, lenient=True)) == 1
    assert counts.oddities["files of which the rest is left out, as it cannot be read"] == 1


@pytest.mark.parametrize(
    "line",
    [
        "R9\tknows Arg1:T99 Arg2:T1",
        "R9\tknows Arg1:T1",
        "*\tEquiv T1 T99",
        "*\tEquiv T1",
        "N9\tReference T99 Q:1\tx",
        "N9\tReference",
        "T9\tPER 0 3\tOther",
        "T9\tPER zero",
        "T1\tPER 0 3\tLee",
        "X9\twhat",
        "nothing",
        "E9\tLeaving",
    ],
)
def test_brat_leaves_out_one_line(line: str, tmp_path: Path):
    path = sample("brat", tmp_path)
    expected = [facts(doc) for doc in read("brat", path)]
    with (path / "news" / "one.ann").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"one.ann line 17.*--lenient"):
        read("brat", path)
    counts = Counts()
    assert [facts(doc) for doc in read("brat", path, counts, lenient=True)] == expected
    assert "line 17" in next(iter(counts.reasons.values()))


def test_references_of_events_to_nothing(tmp_path: Path):
    path = sample("brat", tmp_path)
    with (path / "news" / "one.ann").open("a") as file:
        file.write("E2\tLeaving:T99 Who:T1\nE3\tLeaving:T7 Who:T98\nA2\tNegated E77\n#2\tNote T66\tx\n")
    assert len(read("brat", path)) == 2
    with pytest.raises(ValueError, match=r"E131.*line 17.*'T99'"):
        read("brat", path, event_arguments=True)
    first, _ = read("brat", path, event_arguments=True, lenient=True)
    assert ("left", "Who", "Lee") in relations(first)


@pytest.mark.parametrize(
    "line", ["1\tx", "2\t0\t7\tAspirin\tChemical\tD1", "1\t0\t7\tAspirin", "1\t0\t99\tAspirin\tChemical\tD1"]
)
def test_pubtator_leaves_out_one_line(line: str, tmp_path: Path):
    good = "1|t|Aspirin and ulcer.\n1|a|\n1\t0\t7\tAspirin\tChemical\tD1\n"
    good += "1\t12\t17\tulcer\tDisease\tD2\n1\tCID\tD1\tD2\n"
    path = write(tmp_path, good + line + "\n")
    with pytest.raises(ValueError, match=r"line 6 '1'.*--lenient"):
        read("pubtator", path)
    counts = Counts()
    (doc,) = read("pubtator", path, counts, lenient=True)
    assert relations(doc) == [("Aspirin", "CID", "ulcer")] and counts.oddities.total() == 1


def test_nothing_read_is_a_warning(tmp_path: Path):
    path = write(tmp_path, '{"text": "Ann met Bob.", "spans": [[0, 3]], "rels": [[0, 1]]}\n', "in.jsonl")
    with pytest.warns(UserWarning, match=r"W120.*in.jsonl.*as jsonl.*spans, rels, rels \(1\)"):
        list(FORMATS["jsonl"].read(path, VOCAB))
    items = [{"text": "Ann.", "entities": [{"mentions": [{"start": 0, "end": 3}]}], "edges": [{"from": 0}]}]
    path = write(tmp_path, json.dumps(items), "in.json")
    with pytest.warns(UserWarning, match=r"W121.*in.json.*edges \(1\)"):
        list(FORMATS["jsonl"].read(path, VOCAB))
    xml = "<collection><document><id>1</id><passage><offset>0</offset><text>a</text></passage></document></collection>"
    with pytest.warns(UserWarning, match=r"W120.*nothing but text"):
        list(FORMATS["bioc"].read(write(tmp_path, xml), VOCAB))
    doc = NLP("Ann met Bob.")
    FORMATS["spacy"].write([doc], tmp_path / "docs.spacy")
    doc.set_ents([doc.char_span(0, 3, label="PER")])
    FORMATS["spacy"].write([doc], tmp_path / "docs.spacy")
    with pytest.warns(UserWarning) as caught:
        list(FORMATS["spacy"].read(tmp_path / "docs.spacy", VOCAB))
    assert "named entities in doc.ents" in str(caught[0].message)


# Options


def test_labels_that_are_missing_or_say_no(tmp_path: Path):
    items = json.loads(json.dumps(DOCCANO))
    items[0]["relations"][0]["type"], items[0]["relations"][1]["type"] = None, "No-rel"
    path = write(tmp_path, json.dumps(items))
    with pytest.raises(ValueError, match=r"E148.*in.txt.*--default-label.*--lenient"):
        read("doccano", path)
    counts = Counts()
    first, _ = read("doccano", path, counts, default_label="related", no_relation="NA, No-rel")
    assert relations(first) == [("Lee", "related", "Acme")]
    assert counts.oddities["relations left out, as their label says that there is none"] == 1
    first, _ = read("doccano", path, lenient=True)
    assert relations(first) == [("Lee", "No-rel", "Acme")]


@pytest.mark.parametrize("name", ["bioc", "doccano", "jsonl"])
def test_relations_of_an_entity_with_itself(name: str, tmp_path: Path):
    docs = read(name, sample(name, tmp_path))
    key = clusters(docs[0])[0][0]
    store_relations(docs[0], [relation_data_of(docs[0], {"head": key, "tail": key, "label": "self"})])
    path = path_for(name, tmp_path, "self")
    FORMATS[name].write(docs[:1], path)
    counts = Counts()
    (doc,) = read(name, path, counts)
    assert len(doc._.relations) == 1 and counts.oddities["relations of an entity with itself"] == 1
    counts = Counts()
    (doc,) = read(name, path, counts, self_relations=False)
    assert not doc._.relations and counts.oddities["relations of an entity with itself (left out)"] == 1


# Identifiers


def identified(mentions: list[tuple[str, str]], *named: tuple[str, str], form: str = "pubtator") -> str:
    """A document of words with identifiers, and relations between identifiers."""
    words = [f"word{number}" for number, _ in enumerate(mentions)]
    text = " ".join(words)
    places = [(text.index(word), word, kind, name) for word, (kind, name) in zip(words, mentions)]
    if form == "pubtator":
        rows = [f"1\t{at}\t{at + len(word)}\t{word}\t{kind}\t{name}" for at, word, kind, name in places]
        rows += [f"1\trel\t{head}\t{tail}" for head, tail in named]
        return "\n".join((f"1|t|{text}", "1|a|", *rows)) + "\n"
    body = "".join(
        f'<annotation id="{at}"><infon key="type">{kind}</infon><infon key="identifier">{name}</infon>'
        f'<location offset="{at}" length="{len(word)}"/><text>{word}</text></annotation>'
        for at, word, kind, name in places
    )
    links = "".join(
        f'<relation id="R"><infon key="score">0.9</infon><infon key="role1">{head}</infon><infon key="role2">{tail}'
        '</infon><infon key="type">rel</infon><node refid="0" role="0,1"/></relation>'
        for head, tail in named
    )
    return (
        f"<collection><document><id>1</id><passage><offset>0</offset><text>{text}</text>{body}</passage>{links}"
        "</document></collection>"
    )


@pytest.mark.parametrize("form", ["pubtator", "bioc"])
@pytest.mark.parametrize(
    "mentions, named, found",
    [
        (
            [("Chemical", "MESH:D1"), ("Disease", "MESH:D2")],
            [("Chemical|MESH:D1", "Disease|MESH:D2")],
            [[0, 1]],
        ),
        ([("Species", "9606"), ("Gene", "9606"), ("Gene", "7")], [("Gene|9606", "Gene|7")], [[1, 2]]),
        ([("Gene", "1;2"), ("Gene", "3")], [("Gene|1;2", "3")], [[0, 1]]),
        ([("X", "A|B"), ("X", "B|A"), ("X", "C|D")], [("A|B", "C|D")], [[0, 2]]),
        ([("X", "A;B"), ("X", "A;B"), ("X", "C")], [("A;B", "C")], [[0, 2]]),
        ([("X", "A,B"), ("X", "A,B"), ("X", "C")], [("C", "A,B")], [[2, 0]]),
        ([("X", "A"), ("X", "B"), ("X", "C")], [("A,B", "C")], [[0, 2], [1, 2]]),
        ([("X", "A|B"), ("X", "C")], [("A", "C")], [[0, 1]]),
        (
            [("Variant", "tmVar:p|SUB|V|600|E;HGVS:p.V600E;RS#:113488022"), ("X", "C")],
            [("Variant|rs113488022", "C")],
            [[0, 1]],
        ),
        (
            [("Variant", "tmVar:p|SUB|V|600|E;HGVS:p.V600E"), ("X", "C")],
            [("Variant|HGVS:p.V600E", "C")],
            [[0, 1]],
        ),
    ],
)
def test_what_relations_call_their_arguments(form, mentions, named, found, tmp_path):
    (doc,) = read(form, write(tmp_path, identified(mentions, *named, form=form)))
    assert relations(doc) == sorted((f"word{head}", "rel", f"word{tail}") for head, tail in found)


def test_what_several_identifiers_are_is_a_choice(tmp_path: Path):
    path = write(tmp_path, identified([("X", "A|B"), ("X", "A|B")]))
    assert len(clusters(read("pubtator", path)[0])) == 2
    assert [kb_id for _, _, kb_id, _ in clusters(read("pubtator", path, composites="whole")[0])] == ["A|B"]
    path = write(tmp_path, identified([("X", "A|B"), ("X", "C|D")], ("A|B", "C|D")))
    assert len(clusters(read("pubtator", path)[0])) == 2
    assert len(clusters(read("pubtator", path, composites="split")[0])) == 4
    with pytest.raises(ValueError, match=r"--composites.*'both'"):
        read("pubtator", path, composites="both")


@pytest.mark.parametrize("form", ["pubtator", "bioc"])
@pytest.mark.parametrize("none", ["-", "-1", "None", "null", "NA", "MESH:-1", "MESH:", "CUI-less"])
def test_what_is_no_identifier(form: str, none: str, tmp_path: Path):
    (doc,) = read(form, write(tmp_path, identified([("X", none), ("X", none), ("X", "A")], form=form)))
    assert [(kb_id, len(found)) for _, _, kb_id, found in clusters(doc)] == [("", 1), ("", 1), ("A", 1)]


@pytest.mark.parametrize(
    "line", ["1\tA\tC\tSubject:A", "1\tMESH:D1\tMESH:D2\tSubject:MESH:D1", "1\trel\tA\tC\tNovel\tSubject:C"]
)
def test_directions_of_pubtator(line: str, tmp_path: Path):
    text = identified([("X", "A"), ("X", "C")], ("A", "C"))
    counts = Counts()
    (doc,) = read("pubtator", write(tmp_path, text + line + "\n"), counts)
    assert relations(doc) == [("word0", "rel", "word1")]
    assert counts.oddities["statements which argument of a relation is its subject (left out)"] == 1


def bioc(relation: str) -> str:
    words = "".join(
        f'<annotation id="{name}"><infon key="type">PER</infon><location offset="{at}" length="3"/></annotation>'
        for name, at in (("T1", 0), ("T2", 8))
    )
    return (
        "<collection><document><id>1</id><passage><offset>0</offset><text>Ann met Bob.</text>"
        f'{words}<relation id="R1">{relation}<node refid="T1" role="x"/><node refid="T2" role="y"/></relation>'
        "</passage></document></collection>"
    )


@pytest.mark.parametrize(
    "infons, label",
    [
        ({"type": "Relation", "relation type": "knows"}, "knows"),
        ({"relation type": "knows", "file": "a", "annotator": "b", "type": "Relation"}, "knows"),
        ({"type": "relation", "relation": "knows"}, "knows"),
        ({"type": "knows", "one": "x", "two": "y"}, "knows"),
        ({"type": "Relation"}, "Relation"),
        ({"predicate": "knows"}, "knows"),
        ({}, "related"),
    ],
)
def test_labels_of_bioc(infons: dict[str, str], label: str, tmp_path: Path):
    text = "".join(f'<infon key="{key}">{value}</infon>' for key, value in infons.items())
    (doc,) = read("bioc", write(tmp_path, bioc(text)), default_label="related")
    assert relations(doc) == [("Ann", label, "Bob")]


def test_names_of_bioc_are_those_of_the_nearest_part(tmp_path: Path):
    def sentence(at: int, one: str, other: str) -> str:
        words = "".join(
            f'<annotation id="T{number}"><infon key="type">PER</infon><location offset="{at + start}" length="3"/>'
            f"<text>{name}</text></annotation>"
            for number, (start, name) in enumerate([(0, one), (8, other)])
        )
        return (
            f"<sentence><offset>{at}</offset><text>{one} met {other}.</text>{words}<relation><infon key='type'>met"
            "</infon><node refid='T0'/><node refid='T1'/></relation></sentence>"
        )

    text = (
        "<collection><document><id>1</id><passage><offset>0</offset>"
        f"{sentence(0, 'Ann', 'Bob')}{sentence(13, 'Eva', 'Tom')}</passage></document></collection>"
    )
    (doc,) = read("bioc", write(tmp_path, text))
    assert relations(doc) == [("Ann", "met", "Bob"), ("Eva", "met", "Tom")]
    outside = (
        "<relation><infon key='type'>met</infon><node refid='T0'/><node refid='T1'/></relation></document>"
    )
    path = write(tmp_path, text.replace("</document>", outside))
    with pytest.raises(ValueError, match=r"E134.*'T0'.*--lenient"):
        read("bioc", path)
    assert len(relations(read("bioc", path, lenient=True)[0])) == 2


# brat


def brat(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        write(folder, text, name)
    return folder


MET = "Ann met Bob in Rome."
MENTIONS = "T1\tPER 0 3\tAnn\nT2\tPER 8 11\tBob\nT3\tMeet 4 7\tmet\n"


def test_events_can_be_mentions(tmp_path: Path):
    lines = MENTIONS + "E1\tMeet:T3 Agent:T1 With:T2\nR1\tafter Arg1:E1 Arg2:T1\nN1\tReference E1 Q:7\tmet\n"
    path = brat(tmp_path / "in", {"d.txt": MET, "d.ann": lines})
    counts = Counts()
    (doc,) = read("brat", path, counts)
    assert texts(doc) == [["Ann"], ["Bob"]] and not relations(doc)
    assert counts.oddities["relations of events (left out; --events keeps them)"] == 1
    counts = Counts()
    (doc,) = read("brat", path, counts, events=True)
    assert relations(doc) == [("met", "after", "Ann")]
    assert clusters(doc)[1][1:3] == ("Meet", "Q:7")
    assert counts.oddities == {"arguments of events (left out; --event-arguments makes relations of them)": 2}
    (doc,) = read("brat", path, event_arguments=True)
    assert relations(doc) == [("met", "Agent", "Ann"), ("met", "With", "Bob"), ("met", "after", "Ann")]


def test_files_of_bionlp(tmp_path: Path):
    files = {"d.txt": MET, "d.a1": MENTIONS, "d.a2": "R1\tknows Arg1:T1 Arg2:T2\n*\tEquiv T1 T2\n"}
    path = brat(tmp_path / "in", {**files, "e.txt": MET, "e.ann": MENTIONS})
    assert guess_source(path).name == "brat"
    docs = read("brat", path)
    assert [texts(doc)[0] for doc in docs] == [["Ann", "Bob"], ["Ann"]] and len(relations(docs[0])) == 1
    for name in ("d.a1", "e.ann", "e.txt"):
        assert [doc.user_data["title"] for doc in read("brat", path / name)] == [name[0]]
    assert guess_source(path / "d.a2").name == "brat"


@pytest.mark.parametrize("name", ["Equiv", "Synonym-of", "Alias", "Same-as"])
def test_equivalences_of_any_name(name: str, tmp_path: Path):
    path = brat(tmp_path / "in", {"d.txt": MET, "d.ann": MENTIONS + f"*\t{name} T1 T2 T3\n"})
    assert texts(read("brat", path)[0]) == [["Ann", "met", "Bob"]]


# Label Studio


def task(data: Any, *regions: dict[str, Any], links: Any = (), **fields: Any) -> dict[str, Any]:
    results = [
        {"id": f"r{number}", "from_name": "label", "to_name": "text", **region}
        for number, region in enumerate(regions)
    ]
    return {"id": 1, "data": data, "annotations": [{"result": [*results, *links]}], **fields}


def region(
    start: Any, end: Any, text: str | None = None, kind: str = "labels", **more: Any
) -> dict[str, Any]:
    words = {} if text is None else {"text": text}
    return {"type": kind, "value": {"start": start, "end": end, **words, kind: ["X"], **more}}


LINK = {"type": "relation", "from_id": "r0", "to_id": "r1", "direction": "right", "labels": ["knows"]}


def read_task(tmp_path: Path, item: Any, **options: Any) -> Any:
    counts = Counts()
    (doc,) = read("label_studio", write(tmp_path, json.dumps([item])), counts, **options)
    return doc, counts.oddities


@pytest.mark.parametrize(
    "kind, value",
    [
        ("labels", {}),
        ("hypertextlabels", {"globalOffsets": {"start": 8, "end": 11}}),
        (
            "hypertextlabels",
            {"start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "startOffset": 8, "endOffset": 11},
        ),
        ("paragraphlabels", {"globalOffsets": {"start": 8, "end": 11}, "start": "0", "end": "0"}),
        ("hypertext", {"startOffset": 8, "endOffset": 11}),
    ],
)
def test_every_kind_of_region(kind: str, value: dict[str, Any], tmp_path: Path):
    item = task(
        {"text": "Ann met Bob."},
        region(0, 3),
        {"type": kind, "value": {"start": 8, "end": 11, kind: ["X"], **value}},
        links=[LINK],
    )
    doc, _ = read_task(tmp_path, item)
    assert relations(doc) == [("Ann", "knows", "Bob")]


@pytest.mark.parametrize(
    "kind", ["taxonomy", "choices", "textarea", "rating", "number", "rectanglelabels", "pairwise"]
)
def test_relations_to_what_is_no_mention(kind: str, tmp_path: Path):
    other = {"type": kind, "value": {"start": 8, "end": 11, kind: ["x"]}}
    doc, oddities = read_task(tmp_path, task({"text": "Ann met Bob."}, region(0, 3), other, links=[LINK]))
    assert texts(doc) == [["Ann"]] and not relations(doc)
    assert oddities == {f"results of type {kind} (left out)": 1, "relations left out with their mention": 1}


def test_controls_of_a_region(tmp_path: Path):
    """Their results have the id of the region."""
    controls = [{"id": "r0", "type": "choices", "value": {"start": 0, "end": 3, "choices": ["sure"]}}]
    doc, _ = read_task(
        tmp_path, task({"text": "Ann met Bob."}, region(0, 3), region(8, 11), links=[*controls, LINK])
    )
    assert relations(doc) == [("Ann", "knows", "Bob")]


@pytest.mark.parametrize("words", [None, "Bob"])
@pytest.mark.parametrize("text", ["😀 Ann met Bob.", "😀😀\r\nAnn met Bob.", "x\r\n\r\nAnn met Bob."])
def test_offsets_as_browsers_count(text: str, words: str | None, tmp_path: Path):
    shown = text.replace("\r\n", "\n")
    at = [len(shown[: shown.index(name)].encode("utf-16-le")) // 2 for name in ("Ann", "Bob")]
    item = task({"text": text}, region(at[0], at[0] + 3), region(at[1], at[1] + 3, words), links=[LINK])
    doc, _ = read_task(tmp_path, item)
    assert relations(doc) == [("Ann", "knows", "Bob")]
    at = [text.index(name) for name in ("Ann", "Bob")]
    item = task({"text": text}, region(at[0], at[0] + 3), region(at[1], at[1] + 3, words), links=[LINK])
    doc, _ = read_task(tmp_path, item)
    assert relations(doc) == [("Ann", "knows", "Bob")]


@pytest.mark.parametrize(
    "text, words",
    [
        ("Bob\nRay", "Bob\\nRay"),
        ("Bob\r\nRay", "Bob\\r\\nRay"),
        ("Bob\tRay", "Bob\\tRay"),
        ("a\\nb", "a\\nb"),
    ],
)
def test_words_over_line_ends(text: str, words: str, tmp_path: Path):
    doc, _ = read_task(tmp_path, task({"text": f"{text} left."}, region(0, len(text), words)))
    assert texts(doc) == [[text]]


@pytest.mark.parametrize(
    "data, options",
    [
        ({"Full_Text": "Ann met Bob.", "source": "wiki"}, {}),
        ({"ref": "Bob", "body": "Ann met Bob.", "title": "News"}, {}),
        ({"text": "other", "body": "Ann met Bob."}, {"text_field": "body"}),
        ({"body": "<p><b>Ann</b> met Bob.</p>"}, {}),
        ({"title": "Ann met Bob."}, {"text_field": "title"}),
        ({"dialogue": [{"author": "a", "text": "Ann met Bob."}]}, {}),
    ],
)
def test_the_text_is_in_any_field(data: Any, options: Any, tmp_path: Path):
    doc, _ = read_task(
        tmp_path, task(data, region(0, 3, "Ann"), region(8, 11, "Bob"), links=[LINK]), **options
    )
    assert doc.text == "Ann met Bob." and relations(doc) == [("Ann", "knows", "Bob")]
    with pytest.raises(ValueError, match=r"E135.*--text-field"):
        read_task(tmp_path, task(data), text_field="absent")


def test_regions_of_a_dialogue(tmp_path: Path):
    turns = [{"author": "a", "text": "Ann left."}, {"author": "b", "text": "Bob too."}]
    regions = [
        region(turn, turn, name, "paragraphlabels", startOffset=0, endOffset=3)
        for turn, name in (("0", "Ann"), ("1", "Bob"))
    ]
    doc, _ = read_task(tmp_path, task({"dialogue": turns}, *regions, links=[LINK]))
    assert doc.text == "Ann left.\nBob too." and relations(doc) == [("Ann", "knows", "Bob")]


def test_relations_without_labels_and_older_exports(tmp_path: Path):
    item = task({"text": "Ann met Bob."}, region(0, 3), region(8, 11), links=[{**LINK, "labels": None}])
    item["completions"] = item.pop("annotations")
    doc, oddities = read_task(tmp_path, item)
    assert oddities == {"relations without a label (left out; --default-label names them)": 1}
    doc, _ = read_task(tmp_path, item, default_label="related")
    assert relations(doc) == [("Ann", "related", "Bob")]


def test_spans_of_doccano_without_relations(tmp_path: Path):
    lines = [{"id": 1, "data": "Ann met Bob.", "label": [[0, 3, "PER"], [8, 11, "PER"]]}]
    path = write(tmp_path, json.dumps(lines[0]) + "\n", "in.jsonl")
    assert guess_source(path).name == "doccano"
    assert texts(read("doccano", path)[0]) == [["Ann"], ["Bob"]]


def test_hidden_files_of_a_folder_are_no_corpus(tmp_path: Path):
    write(tmp_path / "in", PUBTATOR, "a.pubtator")
    write(tmp_path / "in", "\0\5\26\7", "._a.pubtator")
    assert len(read("pubtator", tmp_path / "in")) == 2


def test_a_broken_file_of_a_folder_does_not_hide_the_others(tmp_path: Path):
    SAMPLES["bioc"](tmp_path / "b.xml")
    write(tmp_path, "<collection><document>", "a.xml")
    counts = Counts()
    assert len(read("bioc", tmp_path, counts, lenient=True)) == 2 and counts.reasons
    with pytest.raises(ValueError, match=r"E127.*a\.xml"):
        read("bioc", tmp_path)


def test_no_descriptor_stays_open(tmp_path: Path):
    path = tmp_path / "a.pubtator.gz"
    path.write_bytes(gzip.compress(PUBTATOR.encode()))
    before = psutil.Process().num_fds()
    for _ in range(3):
        read("pubtator", path)
    assert psutil.Process().num_fds() == before
