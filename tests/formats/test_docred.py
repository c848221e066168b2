import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_kmgre.annotations import read_entities, write_entities
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.formats.docred import read_docred
from spacy_kmgre.types import Entity

from ..conftest import tries

DOCUMENT = {
    "title": "Ann Lee",
    "sents": [
        ["Ann", "Lee", "founded", "Acme", "."],
        ["Acme", "sits", "in", "Oslo", "."],
        ["Lee", "left", "."],
    ],
    "vertexSet": [
        [
            {"name": "Lee", "pos": [0, 1], "sent_id": 2, "type": "PER"},
            {"name": "Ann Lee", "pos": [0, 2], "sent_id": 0, "type": "PER"},
        ],
        [
            {"name": "Acme", "pos": [3, 4], "sent_id": 0, "type": "ORG"},
            {"name": "Acme", "pos": [0, 1], "sent_id": 1, "type": "ORG"},
        ],
        [{"name": "Oslo", "pos": [3, 4], "sent_id": 1, "type": "LOC"}],
    ],
    "labels": [
        {"h": 1, "t": 2, "r": "P17", "evidence": [1]},
        {"h": 0, "t": 1, "r": "P112", "evidence": [2, 0]},
        {"h": 0, "t": 2, "r": "P551", "evidence": []},
    ],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def write(data: Any) -> Path:
        path = tmp_path / "docs.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf8")
        return path

    return write


def document(**changes: Any) -> Any:
    return {**deepcopy(DOCUMENT), **changes}


def changed(path: str, value: Any) -> Any:
    """DOCUMENT with the value at a dotted path replaced."""
    data: Any = document()
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    target = data
    for key in keys:
        target = target[key]
    target[last] = value
    return data


def read(path: Path, **settings: Any) -> list[Doc]:
    return list(read_docred(path, Vocab(), **settings))


def facts(doc: Doc) -> Any:
    """All that a document says, as plain data."""
    entities = [
        (entity.key, entity.label, entity.kb_id, [(span.start, span.end) for span in entity.mentions])
        for entity in read_entities(doc)
    ]
    relations = [
        (relation.head.key, relation.label, relation.tail.key, [sent.text for sent in relation.evidence])
        for relation in doc._.relations
    ]
    return [sent.text for sent in doc.sents], entities, relations, doc.user_data["title"]


def test_reads_a_document(write):
    counts = Counts()
    (doc,) = read(write([document()]), counts=counts)
    assert doc.text == "Ann Lee founded Acme . Acme sits in Oslo . Lee left ."
    first, second, third = "Ann Lee founded Acme .", "Acme sits in Oslo .", "Lee left ."
    assert facts(doc) == (
        [first, second, third],
        [
            ("entity_1", "PER", "", [(0, 2), (10, 11)]),
            ("entity_2", "ORG", "", [(3, 4), (5, 6)]),
            ("entity_3", "LOC", "", [(8, 9)]),
        ],
        [
            ("entity_2", "P17", "entity_3", [second]),
            ("entity_1", "P112", "entity_2", [first, third]),
            ("entity_1", "P551", "entity_3", []),
        ],
        "Ann Lee",
    )
    assert counts == Counts(
        documents=1,
        sentences=3,
        words=13,
        entities=3,
        mentions=5,
        mention_pairs=2 * (2 * 2 + 2 * 1 + 2 * 1),
        relations=3,
        relations_with_evidence=2,
        evidence_sentences=3,
    )


def test_mentions_are_ents_too(write):
    """With their entity's type; of those that overlap the longest."""
    data = document()
    data["vertexSet"].append([{"name": "founded Acme", "sent_id": 0, "pos": [2, 4], "type": "MISC"}])
    data["vertexSet"].append([{"name": "Lee", "sent_id": 0, "pos": [1, 2], "type": "LOC"}])
    (doc,) = read(write([data]))
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("Ann Lee", "PER"),
        ("founded Acme", "MISC"),
        ("Acme", "ORG"),
        ("Oslo", "LOC"),
        ("Lee", "PER"),
    ]
    assert [token.text for token in doc if token.ent_iob_ == "O"][:2] == [".", "sits"]
    (doc,) = read(write([document(vertexSet=[], labels=[])]))
    assert not doc.ents and doc.has_annotation("ENT_IOB")


def test_optional_fields(write):
    data = document()
    del data["labels"][0]["evidence"]
    for mention in data["vertexSet"][0]:
        del mention["type"], mention["name"]
    (doc,) = read(write([data]))
    _, entities, relations, _ = facts(doc)
    assert entities[0] == ("entity_1", "", "", [(0, 2), (10, 11)])
    assert relations[0] == ("entity_2", "P17", "entity_3", [])


def test_labels_in_words_lie_beside_the_corpus(write):
    path = write([DOCUMENT])
    label = DOCUMENT["labels"][0]["r"]
    (path.parent / "rel_info.json").write_text(json.dumps({label: "country of it"}))
    (doc,) = read_docred(path, Vocab(), Counts())
    assert {r.label_text for r in doc._.relations if r.label == label} == {"country of it"}
    (doc,) = read_docred(path, Vocab(), Counts(), relation_names={label: "land"})
    assert {r.label_text for r in doc._.relations} <= {""}
    (path.parent / "rel_info.json").write_text("[1]")
    (doc,) = read_docred(path, Vocab())
    assert {r.label_text for r in doc._.relations} <= {""}


def test_relation_names(write):
    counts = Counts()
    (doc,) = read(write([document()]), counts=counts, relation_names={"P17": "country", "P112": "founder"})
    assert [relation.label for relation in doc._.relations] == ["country", "founder", "P551"]
    assert counts.oddities == {"labels without a relation name": 1}


def test_corpus_keeps_everything(write, tmp_path):
    vocab = Vocab()
    docs = list(read_docred(write([document(), document(title="Another")]), vocab))
    for doc in docs:
        entities = read_entities(doc)
        write_entities(doc, [Entity(entities[0].mentions, "entity_1", label="PER", kb_id="Q42")])
    path = tmp_path / "a" / "b" / "docs.spacy"
    write_corpus(iter(docs), path)
    loaded = list(DocBin().from_disk(path).get_docs(Vocab()))
    assert [facts(doc) for doc in loaded] == [facts(doc) for doc in docs]
    assert read_entities(loaded[0])[0].kb_id == "Q42"


@pytest.mark.parametrize(
    "content, code",
    [
        ("", "E100"),
        ('[{"title"', "E100"),
        ("[" * 100_000, "E100"),
        ('{"title": "x"}', "E102"),
        ("null", "E102"),
    ],
)
def test_no_list_of_documents(write, content, code):
    path = write(content)
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] {re.escape(str(path))} "):
        read(path)


def test_not_text(tmp_path):
    path = tmp_path / "docs.json"
    path.write_bytes(b"\xff\xff[]")
    with pytest.raises(ValueError, match="E120"):
        read(path)


@pytest.mark.parametrize(
    "path, value, code, place",
    [
        ("title", ["x"], "E102", r"'title' should be a valid string, got: \['x'\]"),
        ("sents", None, "E102", "'sents' should be a valid list"),
        ("sents.1", "Acme .", "E102", r"'sents\[1\]' should be a valid list"),
        ("sents.1.0", 3, "E102", r"'sents\[1\]\[0\]' should be a valid string, got: 3"),
        ("sents.1.0", "", "E106", "a word is the empty string"),
        ("vertexSet", {}, "E102", "'vertexSet' should be a valid list"),
        ("vertexSet.0", None, "E102", r"'vertexSet\[0\]' should be a valid list"),
        ("vertexSet.0.1", 3, "E102", r"'vertexSet\[0\]\[1\]' should be an object, got: 3"),
        ("vertexSet.0.1.pos", None, "E102", r"'vertexSet\[0\]\[1\]\.pos' should be a valid list"),
        (
            "vertexSet.0.1.pos",
            [0, 1.5],
            "E102",
            r"'vertexSet\[0\]\[1\]\.pos\[1\]' should be a valid integer, got: 1.5",
        ),
        (
            "vertexSet.0.1.sent_id",
            True,
            "E102",
            r"'vertexSet\[0\]\[1\]\.sent_id' should be a valid integer, got: True",
        ),
        ("vertexSet.0.1.type", 7, "E102", r"'vertexSet\[0\]\[1\]\.type' should be a valid string, got: 7"),
        ("vertexSet.1.0.pos", [3, 6], "E103", r"vertexSet\[1\]: a mention at words \[3, 6\] of sentence 0"),
        ("vertexSet.1.0.pos", [-1, 1], "E103", r"numbers of words: \[5, 5, 3\]"),
        ("vertexSet.1.0.pos", [2, 2], "E103", "start < end"),
        ("vertexSet.1.0.pos", [3, 2], "E103", "start < end"),
        ("vertexSet.1.0.pos", [1], "E103", "start, end"),
        ("vertexSet.1.0.pos", [1, 2, 3], "E103", "start, end"),
        ("vertexSet.1.0.sent_id", 3, "E103", "of sentence 3"),
        ("vertexSet.1.0.sent_id", -1, "E103", "of sentence -1"),
        ("labels.2", [0, 1], "E102", r"'labels\[2\]' should be an object"),
        ("labels.2.r", None, "E148", r"labels\[2\]: a relation without a label"),
        ("labels.2.r", 17, "E102", r"'labels\[2\]\.r' should be a valid string"),
        ("labels.2.h", "0", "E102", r"'labels\[2\]\.h' should be a valid integer"),
        ("labels.2.h", 3, "E104", r"labels\[2\]: the label points to the entity 3.*\[0, 1, 2\]"),
        ("labels.2.t", -1, "E104", r"labels\[2\]: the label points to the entity -1"),
        ("vertexSet.0", [], "E104", r"labels\[1\]: the label points to the entity 0.*\[1, 2\]"),
        ("labels.0.evidence", 1, "E102", r"'labels\[0\]\.evidence' should be a valid list"),
        ("labels.0.evidence", ["1"], "E102", r"'labels\[0\]\.evidence\[0\]' should be a valid integer"),
        ("labels.0.evidence", [3], "E105", r"labels\[0\]: evidence in sentence 3.*\[0, 1, 2\]"),
        ("labels.0.evidence", [-1], "E105", r"labels\[0\]: evidence in sentence -1"),
    ],
)
def test_what_cannot_be_right(write, path, value, code, place):
    file = write([document(title="Fine"), changed(path, value)])
    title = "" if path == "title" else " 'Ann Lee'"
    with pytest.raises(ValueError, match=place) as caught:
        read(file, counts=Counts())
    assert str(caught.value).startswith(f"[KMGRE {code}] {file}[1]{title}")


def test_missing_keys_and_evidence_in_an_empty_sentence(write):
    for key in ("sents", "vertexSet"):
        data = document()
        del data[key]
        with pytest.raises(ValueError, match=rf"E102.*'{key}' is missing"):
            read(write([data]))
    data = document(sents=[*DOCUMENT["sents"], []])
    data["labels"][0]["evidence"] = [3]
    with pytest.raises(ValueError, match=r"E105.*sentence 3"):
        read(write([data]))
    with pytest.raises(ValueError, match=r"E102.*'document' should be an object"):
        read(write(["document"]))


MENTION = DOCUMENT["vertexSet"][1][0]


@pytest.mark.parametrize(
    "data, oddities",
    [
        ([document(), document()], {"titles met before": 1}),
        ([document(sents=[*DOCUMENT["sents"], []])], {"sentences without words": 1}),
        ([document(sents=[], vertexSet=[], labels=[])], {"documents without words": 1}),
        ([document(vertexSet=[*DOCUMENT["vertexSet"], []])], {"entities without mentions": 1}),
        (
            [document(vertexSet=[*DOCUMENT["vertexSet"], [MENTION]])],
            {"spans that belong to several entities": 1},
        ),
        (
            [document(vertexSet=[[MENTION, MENTION, MENTION]], labels=[])],
            {"mentions that their entity lists twice": 2},
        ),
        (
            [changed("vertexSet.1.0.name", "4. Acme")],
            {"mentions with a name other than their words": 1},
        ),
        ([changed("vertexSet.1.0.name", "Ac\nme")], {}),
        ([changed("vertexSet.1.0.type", "LOC")], {"entities with mentions of several types": 1}),
        ([changed("labels.0.t", 1)], {"relations of an entity with itself": 1}),
        ([changed("labels.2.r", "P112"), changed("labels.0.evidence", [1, 1, 1])], None),
        ([{key: DOCUMENT[key] for key in ("title", "sents", "vertexSet")}], {"documents without labels": 1}),
    ],
)
def test_oddities_are_counted(write, data, oddities):
    if oddities is None:
        oddities = {"titles met before": 1, "evidence that its label lists twice": 2}
    counts = Counts()
    docs = read(write(data), counts=counts)
    assert counts.oddities == oddities
    assert len(docs) == counts.documents == len(data)
    for name in oddities:
        assert name in str(counts)


def test_oddities_without_counts_are_warned_of(write):
    path = write([document(), document()])
    with pytest.warns(UserWarning, match=r"W100\].*docs.json.*'titles met before': 1"):
        read(path)


def test_duplicates_are_merged(write):
    labels = [
        {"h": 0, "t": 1, "r": "P112", "evidence": [2]},
        {"h": 1, "t": 0, "r": "P112", "evidence": []},
        {"h": 0, "t": 1, "r": "P112", "evidence": [0, 2]},
    ]
    counts = Counts()
    (doc,) = read(write([document(vertexSet=[*DOCUMENT["vertexSet"][:2]], labels=labels)]), counts=counts)
    _, _, relations, _ = facts(doc)
    assert relations == [
        ("entity_1", "P112", "entity_2", ["Ann Lee founded Acme .", "Lee left ."]),
        ("entity_2", "P112", "entity_1", []),
    ]
    assert counts.oddities == {"labels listed twice": 1}
    data = document(vertexSet=[[MENTION, MENTION, {**MENTION, "sent_id": 1, "pos": [0, 1]}]], labels=[])
    (doc,) = read(write([data]), counts=counts)
    assert [(span.start, span.end) for span in doc.spans["entity_1"]] == [(3, 4), (5, 6)]


def test_most_frequent_type_is_the_entitys(write):
    types = ["MISC", "PER", "PER"]
    mentions = [{"pos": [i, i + 1], "sent_id": 0, "type": kind} for i, kind in enumerate(types)]
    (doc,) = read(write([document(vertexSet=[mentions], labels=[])]), counts=Counts())
    assert [span.label_ for span in doc.spans["entity_1"]] == ["PER"] * 3


def test_empty_entity_keeps_the_numbers_of_the_others(write):
    data = document(vertexSet=[[], *DOCUMENT["vertexSet"]], labels=[{"h": 1, "t": 3, "r": "P551"}])
    (doc,) = read(write([data]), counts=Counts())
    assert [entity.key for entity in read_entities(doc)] == ["entity_2", "entity_3", "entity_4"]
    assert [(r.head.text, r.tail.text) for r in doc._.relations] == [("Ann Lee", "Oslo")]


def test_counts_add_up_and_hand_docs_through(write):
    docs = read(write([document(title=str(number)) for number in range(3)]))
    counts = Counts()
    assert list(counts.count(docs)) == docs
    counts.add(Doc(Vocab(), words=["No", "sentences"]))
    assert (counts.documents, counts.sentences, counts.words) == (4, 9, 3 * 13 + 2)
    assert (counts.mention_pairs, counts.relations, counts.evidence_sentences) == (48, 9, 9)
    rows = dict(re.split(r"  +", line) for line in str(counts).splitlines())
    assert rows["mention pairs"] == "48"
    assert rows["relations with evidence"] == "6"


PLACES = [
    "title sents sents.0 sents.0.0 vertexSet vertexSet.0 vertexSet.0.0 vertexSet.0.0.pos",
    "vertexSet.0.0.pos.0 vertexSet.0.0.pos.1 vertexSet.0.0.sent_id vertexSet.0.0.type labels labels.0",
    "labels.0.h labels.0.t labels.0.r labels.0.evidence labels.0.evidence.0",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 4)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=tries(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(" ".join(PLACES).split()), value=JSON)
def test_mangled_documents_give_a_named_error_or_a_document(write, place, value):
    path = write([changed(place, value)])
    counts = Counts()
    try:
        (doc,) = read(path, counts=counts)
    except ValueError as error:
        assert re.match(r"\[KMGRE E1(0\d|48)\] .*docs\.json\[0\]", str(error))
    else:
        assert len(doc._.relations) == counts.relations
        assert sum(len(entity.mentions) for entity in read_entities(doc)) == counts.mentions


# Writing, and submissions


def written(doc: Doc, path: Path) -> Any:
    FORMATS["docred"].write([doc], path)
    (data,) = json.loads(path.read_text(encoding="utf8"))
    return data


def test_writes_what_it_has_read(write, tmp_path):
    data = document(
        vertexSet=[[], *DOCUMENT["vertexSet"]], labels=[{"h": 1, "t": 3, "r": "P551", "evidence": [0]}]
    )
    (doc,) = read(write([data]), counts=Counts())
    for entity in data["vertexSet"]:
        entity.sort(key=lambda mention: (mention["sent_id"], mention["pos"]))
    assert written(doc, tmp_path / "out.json") == data


def test_a_mention_over_the_end_of_a_sentence_joins_the_two(tmp_path):
    doc = Doc(
        Vocab(), words=["St", ".", "Johns", "fell", ".", "Ann", "left"], sent_starts=[1, 0, 1, 0, 0, 1, 0]
    )
    write_entities(doc, [Entity((doc[0:3],), "entity_1"), Entity((doc[5:6],), "entity_2")])
    doc._.relations = [{"head": "entity_2", "tail": "entity_1", "label": "x", "evidence": [[2, 5], [5, 7]]}]
    data = written(doc, tmp_path / "out.json")
    assert data["sents"] == [["St", ".", "Johns", "fell", "."], ["Ann", "left"]]
    assert [entity[0]["pos"] for entity in data["vertexSet"]] == [[0, 3], [0, 1]]
    assert data["labels"] == [{"r": "x", "h": 1, "t": 0, "evidence": [0, 1]}]


def test_documents_without_sentences_or_words(tmp_path):
    doc = Doc(Vocab(), words=["Ann", "left", "."])
    write_entities(doc, [Entity((doc[0:1],), "entity_1")])
    data = written(doc, tmp_path / "out.json")
    assert (data["title"], data["sents"]) == ("Ann left . ", [["Ann", "left", "."]])
    data = written(Doc(Vocab()), tmp_path / "out.json")
    assert (data["title"], data["sents"], data["vertexSet"], data["labels"]) == ("", [], [], [])


@pytest.mark.parametrize(
    "keys, numbers",
    [
        (["entity_1", "entity_2"], [0, 1]),
        (["entity_3", "entity_9"], [2, 8]),
        (["entity_0", "entity_2"], [0, 1]),
    ],
)
def test_numbers_of_entities(keys, numbers, tmp_path):
    doc = Doc(Vocab(), words=["Ann", "left"])
    write_entities(doc, [Entity((doc[i : i + 1],), key) for i, key in enumerate(keys)])
    doc._.relations = [{"head": keys[1], "tail": keys[0], "label": "P1"}]
    FORMATS["docred_submission"].write([doc], tmp_path / "out.json")
    (relation,) = json.loads((tmp_path / "out.json").read_text())
    assert relation == {
        "title": "Ann left ",
        "h_idx": numbers[1],
        "t_idx": numbers[0],
        "r": "P1",
        "evidence": [],
    }
    assert len(written(doc, tmp_path / "docs.json")["vertexSet"]) == max(numbers) + 1
    doc._.relations = []
    (again,) = FORMATS["docred_submission"].read(tmp_path / "out.json", Vocab(), Counts(), documents=[doc])
    assert again is doc and [(r.head.key, r.tail.key) for r in doc._.relations] == [(keys[1], keys[0])]


@pytest.mark.parametrize(
    "change, code, place",
    [
        ({"title": None}, "E102", r"\[0\]: 'title'"),
        ({"h_idx": 3}, "E104", r"\[0\] 'Ann Lee': .* entity 3.*\[0, 1, 2\]"),
        ({"t_idx": "1"}, "E102", "'t_idx'"),
        ({"evidence": [7]}, "E105", "sentence 7"),
        ({"r": 17}, "E102", "'r'"),
        ({"title": "Nobody"}, "E108", r"1 documents .*\['Nobody'\]"),
    ],
)
def test_submissions_that_cannot_be_right(write, tmp_path, change, code, place):
    docs = read(write([document()]))
    path = tmp_path / "result.json"
    path.write_text(
        json.dumps([{"title": "Ann Lee", "h_idx": 0, "t_idx": 1, "r": "P1", "evidence": [0], **change}])
    )
    with pytest.raises(ValueError, match=rf"KMGRE {code}\] .*result.json.*{place}"):
        list(FORMATS["docred_submission"].read(path, Vocab(), Counts(), documents=docs))
    with pytest.raises(ValueError, match=r"E107.*--documents"):
        list(FORMATS["docred_submission"].read(path, Vocab(), Counts()))


@pytest.mark.parametrize(
    "words, text",
    [
        (
            ["安", "李", "于", "2008", "年", "創", "立", "了", "Acme", "Inc", "。"],
            "安李于2008年創立了Acme Inc。",
        ),
        (["แอน", "ก่อตั้ง", "แอคมี"], "แอนก่อตั้งแอคมี"),
        (["アン", "は", "住", "む"], "アンは住む"),
        (["Osaka", "Bay", "(", "大阪湾", ")"], "Osaka Bay ( 大阪湾 )"),  # most letters are Latin
        (["앤은", "오슬로에", "산다"], "앤은 오슬로에 산다"),
        (["1", "2", "."], "1 2 ."),
    ],
)
def test_words_are_joined_as_their_script_is_written(words: list[str], text: str, tmp_path: Path):
    names = [{"name": words[0], "pos": [0, 1], "sent_id": 0, "type": "PER"}]
    path = tmp_path / "docs.json"
    path.write_text(json.dumps([{"title": "t", "sents": [words], "vertexSet": [names], "labels": []}]))
    (doc,) = read_docred(path, Vocab())
    assert doc.text == text
    assert [token.text for token in doc] == words
    assert doc.spans["entity_1"][0].text == words[0]
