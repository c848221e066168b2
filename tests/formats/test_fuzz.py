"""Truncated, shuffled and mangled files: an error that has a code, or all that the file still says.

What a file says is counted here by other means than the readers': by splitting lines, and by json and ElementTree
on the whole file. Each mention and relation there must be on a Doc or among the oddities. FUZZ_EXAMPLES=2000 in
the environment makes it thorough.
"""

import json
import os
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from spacy_kmgre.annotations import read_entities, relation_data
from spacy_kmgre.formats.counts import Counts

from .samples import SAMPLES, documents, path_for, read, spans_docs

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", 30)),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
JUNK = [
    b"",
    b"\n",
    b"\t",
    b'"',
    b"{",
    b"]",
    b"|",
    b"|t|",
    b"-1",
    b"0",
    b"99",
    b"\xff",
    b"\x00",
    b"\xc3\xa9",
    b"<",
    b"T1",
]
JUNK += [b"\r\n", b"null", b"\\ud800", b"1e999", b"&x;", b"D006493", b"entity_1", b"9" * 30, b"[" * 5000]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 60)
    | st.sampled_from(
        [10**20, 0.5, float("nan"), "", "text", "a", "\ud83d", "entity_2", "entity_9", "COREF", "T1"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["start", "end", "id"]), inner)
    ),
    max_leaves=3,
)


@st.composite
def mangled(draw: Any, data: bytes) -> bytes:
    """A file that has been cut, shuffled or overwritten somewhere."""
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(
            st.sampled_from(["cut", "delete", "double", "swap lines", "overwrite", "overwrite", "insert"])
        )
        at = draw(st.integers(0, max(0, len(data) - 1)))
        size = draw(st.integers(1, 12))
        if kind == "cut":
            data = data[:at]
        elif kind == "delete":
            data = data[:at] + data[at + size :]
        elif kind == "double":
            data = data[: at + size] + data[at:]
        elif kind == "swap lines":
            rows = data.splitlines(keepends=True) or [b""]
            numbers = st.integers(0, len(rows) - 1)
            one, other = draw(numbers), draw(numbers)
            rows[one], rows[other] = rows[other], rows[one]
            data = b"".join(rows)
        else:
            gone = size if kind == "overwrite" else 0
            data = data[:at] + draw(st.sampled_from(JUNK)) + data[at + gone :]
    return data


def places(data: Any) -> list[tuple[Any, Any]]:
    """Each container in JSON data with each of its keys."""
    found = []
    for key in range(len(data)) if isinstance(data, list) else list(data) if isinstance(data, dict) else ():
        found += [(data, key), *places(data[key])]
    return found


@st.composite
def mangled_json(draw: Any, items: list[Any]) -> list[Any]:
    """JSON in which values are replaced, deleted, doubled or shuffled."""
    items = json.loads(json.dumps(items))
    for _ in range(draw(st.integers(1, 2))):
        found = places(items)
        if not found:
            break
        container, key = found[draw(st.integers(0, len(found) - 1))]
        kind = draw(st.sampled_from(["replace", "replace", "delete", "double", "shuffle"]))
        if kind == "delete":
            del container[key]
        elif kind == "double" and isinstance(container, list):
            container.append(json.loads(json.dumps(container[key])))
        elif kind == "shuffle" and isinstance(container[key], list):
            container[key] = draw(st.permutations(container[key]))
        else:
            container[key] = draw(VALUES)
    return items


# The oddities that stand for mentions and relations of a file which are not on the Docs as such.
MENTIONS = {
    "mentions that their entity lists twice",
    "spans listed twice",
    "types beyond a mention's first (left out)",
    "triggers of events (left out)",
    "lines listed twice",
    "composite mentions whose parts are named (left out)",
}
RELATIONS = {
    "labels listed twice",
    "relations listed twice",
    "relations left out, as no mention has the identifier",
    "relations left out, as an entity has no mentions",
    "relations left out with their mention",
    "relations left out, as they have not two arguments",
    "relations of events (left out; --events keeps them)",
    "relations without a label (left out; --default-label names them)",
    "lines listed twice",
}


def numbers(docs: list[Doc], pairs: bool) -> tuple[int, int]:
    """Mentions and relations on the Docs; of relations between mentions, the pairs."""
    mentions = sum(len(entity.mentions) for doc in docs for entity in read_entities(doc))
    relations = [data for doc in docs for data in relation_data(doc)]
    found = sum(len(data["key_mention_pairs"]) if pairs else 1 for data in relations)
    return mentions, found


def account(docs: list[Doc], counts: Counts, said: tuple[int, int], pairs: bool) -> None:
    """Nothing that the file says is neither on a Doc nor counted."""
    mentions, relations = numbers(docs, pairs)
    left_out = [sum(counts.oddities[name] for name in names) for names in (MENTIONS, RELATIONS)]
    composites = counts.oddities["composite mentions, which belong to several entities"]
    words = counts.oddities["words that are related and no span"]
    assert mentions - words + left_out[0] >= said[0]
    assert mentions - words <= said[0] + 9 * composites
    assert relations + left_out[1] >= said[1]
    assert relations <= said[1]


def survives(name: str, path: Path, said: Callable[[Path], tuple[int, int]], pairs: bool) -> None:
    counts = Counts()
    try:
        docs = read(name, path, counts)
    except ValueError as error:
        assert re.match(r"\[KMGRE E\d\d\d\] ", str(error)), error
        assert path.name in str(error) or path.is_dir()
    else:
        assert len(docs) == counts.documents
        account(docs, counts, said(path), pairs)


def said_in_pubtator(path: Path) -> tuple[int, int]:
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    rows = [line.split("\t") for line in lines if not re.match(r"[^|\t]+\|[ta]\|", line)]
    rows = [row for row in rows if len(row) > 3]
    mentions = [row for row in rows if row[1].isdigit()]
    return len(mentions), len(rows) - len(mentions)


def said_in_bioc(path: Path) -> tuple[int, int]:
    root = ET.parse(path).getroot()
    elements = {kind: list(root.iter(kind)) for kind in ("annotation", "relation")}
    parents = {child: parent for parent in root.iter() for child in parent}
    known = {"document", "passage", "sentence"}
    inside = {
        kind: [element for element in found if parents[element].tag in known]
        for kind, found in elements.items()
    }
    return len(inside["annotation"]), len(inside["relation"])


def said_in_brat(path: Path) -> tuple[int, int]:
    text = (path / "news" / "one.ann").read_bytes().decode("utf-8-sig")
    rows = [line for line in text.split("\n") if line.strip()]
    coref = [line for line in rows if line[0] == "R" and re.search(r"\tcoref ", line, re.IGNORECASE)]
    return sum(line[0] == "T" for line in rows), sum(line[0] == "R" for line in rows) - len(coref)


def plain(path: Path) -> list[Any]:
    """The values of a file: those of its list, or those that stand one after another."""
    text = path.read_text(encoding="utf-8-sig").strip()
    found, at = [], 0
    while at < len(text):
        value, end = json.JSONDecoder().raw_decode(text, at)
        if isinstance(value, list) and not found:
            return without_nulls(value)  # What follows a list is refused, or is half a value without content.
        found.append(without_nulls(value))
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def without_nulls(data: Any) -> Any:
    """Without the fields that are null, which is as good as leaving them out."""
    if isinstance(data, dict):
        return {name: without_nulls(value) for name, value in data.items() if value is not None}
    return [without_nulls(item) for item in data] if isinstance(data, list) else data


def said_in_docred(path: Path) -> tuple[int, int]:
    return (
        sum(len(entity) for data in plain(path) for entity in data["vertexSet"]),
        sum(len(data.get("labels", [])) for data in plain(path)),
    )


def said_in_submission(path: Path) -> tuple[int, int]:
    return sum(len(entity.mentions) for doc in documents() for entity in read_entities(doc)), len(plain(path))


def said_in_jsonl(path: Path) -> tuple[int, int]:
    entities = [entity for data in plain(path) for entity in data.get("entities", [])]
    return sum(len(entity["mentions"]) for entity in entities), sum(
        len(d.get("relations", [])) for d in plain(path)
    )


def said_in_prodigy(path: Path) -> tuple[int, int]:
    found = [data for data in plain(path) if data.get("answer", "accept") == "accept"]
    relations = [relation for data in found for relation in data.get("relations", [])]
    return (
        sum(len(data.get("spans", [])) for data in found),
        sum(relation.get("label", "").upper() != "COREF" for relation in relations),
    )


def said_in_doccano(path: Path) -> tuple[int, int]:
    relations = [relation for data in plain(path) for relation in data.get("relations", [])]
    return (
        sum(len(data.get("entities", [])) for data in plain(path)),
        sum(relation.get("type", "").upper() != "COREF" for relation in relations),
    )


def said_in_label_studio(path: Path) -> tuple[int, int]:
    counts: Counter[str] = Counter()
    for task in plain(path):
        there = [
            annotation for annotation in task.get("annotations", []) if not annotation.get("was_cancelled")
        ]
        chosen = [annotation for annotation in there if annotation.get("ground_truth") is True] or there
        for item in chosen[0].get("result", []) if chosen else ():
            labels = [
                label for label in item.get("labels", []) if label is not None and label.upper() != "COREF"
            ]
            sides = 2 if item.get("direction") == "bi" else 1
            counts[item["type"]] += 1 if item["type"] == "labels" else len(labels) * sides
    return counts["labels"], counts["relation"]


def said_in_dwie(path: Path) -> tuple[int, int]:
    files = [file for file in path.glob("*.json") if file.read_text(encoding="utf-8-sig").startswith("{")]
    found = [data for file in files for data in plain(file)]
    found = [data for data in found if isinstance(data, dict) and {"concepts", "mentions"} <= data.keys()]
    return sum(len(data["mentions"]) for data in found), sum(len(data.get("relations", [])) for data in found)


def said_in_bioc_json(path: Path) -> tuple[int, int]:
    def documents(item: Any) -> list[Any]:
        return next(
            (item[name] for name in ("PubTator3", "documents") if isinstance(item.get(name), list)), [item]
        )

    found = [document for item in plain(path) for document in documents(item)]
    parts = [part for data in found for part in (data, *data["passages"])]
    parts += [
        part for data in found for passage in data["passages"] for part in passage.get("sentences") or ()
    ]
    sizes = [[len(part.get(name) or ()) for part in parts] for name in ("annotations", "relations")]
    return sum(sizes[0]), sum(sizes[1])


def said_in_dygie(path: Path) -> tuple[int, int]:
    mentions = [item for data in plain(path) for items in data.get("ner") or () for item in items]
    relations = [item for data in plain(path) for items in data.get("relations") or () for item in items]
    return len(mentions), sum(item[4].lower() != "coref" for item in relations)


def said_in_spert(path: Path) -> tuple[int, int]:
    found = [
        (data.get("entities"), data.get("tags") or (), data.get("relations") or ()) for data in plain(path)
    ]
    mentions = [len(e) if e is not None else sum(tag[:1] in "BU" for tag in tags) for e, tags, _ in found]
    return sum(mentions), sum(item["type"].lower() != "coref" for *_, items in found for item in items)


SAID: dict[str, Callable[[Path], tuple[int, int]]] = {
    "jsonl": said_in_jsonl,
    "docred": said_in_docred,
    "docred_submission": said_in_submission,
    "dwie": said_in_dwie,
    "pubtator": said_in_pubtator,
    "bioc": said_in_bioc,
    "bioc_json": said_in_bioc_json,
    "dygie": said_in_dygie,
    "spert": said_in_spert,
    "brat": said_in_brat,
    "prodigy": said_in_prodigy,
    "label_studio": said_in_label_studio,
    "doccano": said_in_doccano,
}
PAIRS = {"brat", "prodigy", "label_studio", "doccano", "dygie", "spert"}
MANGLED_FILE = {"dwie": "DW_1.json", "brat": "news/one.ann"}


def the_file(name: str, path: Path) -> Path:
    return path / MANGLED_FILE[name] if name in MANGLED_FILE else path


@pytest.mark.parametrize("name", SAID)
def test_whole_files_are_accounted_for(name, tmp_path):
    path = SAMPLES[name](path_for(name, tmp_path))
    counts = Counts()
    docs = read(name, path, counts)
    account(docs, counts, SAID[name](path), name in PAIRS)
    assert min(SAID[name](path)) > 0


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("name", SAID)
def test_mangled_bytes(name, data, tmp_path_factory):
    path = SAMPLES[name](path_for(name, tmp_path_factory.mktemp("fuzz")))
    file = the_file(name, path)
    file.write_bytes(data.draw(mangled(file.read_bytes())))
    survives(name, path, SAID[name], name in PAIRS)


JSON = sorted(set(SAID) - {"pubtator", "bioc", "brat"})


def write_json(name: str, file: Path, items: list[Any]) -> None:
    if name in ("docred", "docred_submission", "label_studio", "spert"):
        file.write_text(json.dumps(items))
    else:
        file.write_text("".join(json.dumps(item) + "\n" for item in items))


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("name", JSON)
def test_mangled_json(name, data, tmp_path_factory):
    path = SAMPLES[name](path_for(name, tmp_path_factory.mktemp("fuzz")))
    file = the_file(name, path)
    write_json(name, file, data.draw(mangled_json(plain(file))))
    survives(name, path, SAID[name], name in PAIRS)


@pytest.mark.parametrize("name", JSON)
def test_half_a_surrogate_pair(name, tmp_path):
    """Any string of a format may end in half a surrogate pair, which no Doc can hold."""
    path = SAMPLES[name](path_for(name, tmp_path))
    file = the_file(name, path)
    items = plain(file)
    fields = {key: container for container, key in places(items) if isinstance(container[key], str)}
    for key, container in fields.items():
        value = container[key]
        container[key] = value + "\ud800"
        write_json(name, file, items)
        survives(name, path, SAID[name], name in PAIRS)
        container[key] = value


@FUZZ
@given(data=st.data())
def test_mangled_docbins(data, tmp_path_factory):
    path = SAMPLES["spacy"](path_for("spacy", tmp_path_factory.mktemp("fuzz")))
    path.write_bytes(data.draw(mangled(path.read_bytes())))
    try:
        read("spacy", path)
    except ValueError as error:
        assert re.match(r"\[KMGRE E113\] .*sample.spacy", str(error))


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize(
    "name, file", [("cas_xmi", "c1.xmi"), ("cas_xmi", "TypeSystem.xml"), ("cas_json", "k1.json")]
)
def test_mangled_cas(name, file, data, tmp_path_factory):
    """A CAS is read by a library, whose own errors name the file too."""
    path = SAMPLES[name](path_for(name, tmp_path_factory.mktemp("fuzz")))
    file = path / file
    if data.draw(st.booleans()) and name == "cas_json":
        file.write_text(json.dumps(data.draw(mangled_json(plain(file)))[0]))
    else:
        file.write_bytes(data.draw(mangled(file.read_bytes())))
    try:
        read(name, path)
    except ValueError as error:
        assert re.match(r"\[KMGRE E\d\d\d\] ", str(error)), error
        assert path.name in str(error)


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("name", ["rel_component", "spancat"])
def test_mangled_docbins_of_other_components(name, data, tmp_path_factory):
    path = SAMPLES[name](path_for(name, tmp_path_factory.mktemp("fuzz")))
    path.write_bytes(data.draw(mangled(path.read_bytes())))
    try:
        read(name, path)
    except ValueError as error:
        assert re.match(r"\[KMGRE E(113|605)\] ", str(error))


TOKENS = st.one_of(st.integers(-1, 8), st.none(), st.text(max_size=2))
REL = st.dictionaries(
    st.one_of(st.tuples(TOKENS, TOKENS), TOKENS),
    st.one_of(st.dictionaries(st.text(max_size=3), VALUES), VALUES),
    max_size=3,
)


@FUZZ
@given(rel=REL)
def test_any_doc_rel(rel, tmp_path_factory):
    docs = spans_docs()
    docs[0].user_data["._.", "rel", None, None] = rel
    path = tmp_path_factory.mktemp("fuzz") / "sample.spacy"
    try:
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    except (ValueError, TypeError, OverflowError):  # a DocBin cannot hold everything
        return
    counts = Counts()
    try:
        first, _ = read("rel_component", path, counts)
    except ValueError as error:
        assert re.match(r"\[KMGRE E(605|148)\] ", str(error)), error
        return
    said = sum(value >= 0.5 for labels in rel.values() for value in labels.values())
    left_out = counts.oddities["relations left out, as no entity begins at their tokens"]
    assert len(relation_data(first)) + left_out == said
