"""Small corpora written by hand, one for each format, and what all formats have in common to be tested."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

from spacy_kmgre.annotations import read_entities
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.assemble import PASSAGES
from spacy_kmgre.formats.counts import Counts

NLP = spacy.blank("xx")  # made faster than "en"
VOCAB = NLP.vocab

# "heparin" lies inside a token, "renal and hepatic failure" belongs to two entities, "liver" has no identifier,
# "acute toxicity" holds "toxicity".
PUBTATOR = """\
101|t|Pre_heparinized lines and acute toxicity.
101|a|Heparin caused renal and hepatic failure. The liver recovered from toxicity. Heparin stayed.
101\t4\t11\theparin\tChemical\tD006493
101\t26\t40\tacute toxicity\tDisease\tD064420
101\t32\t40\ttoxicity\tDisease\tD064420
101\t42\t49\tHeparin\tChemical\tD006493
101\t57\t82\trenal and hepatic failure\tDisease\tD051437|D017093\trenal failure|hepatic failure
101\t88\t93\tliver\tAnatomy\t-1
101\t109\t117\ttoxicity\tDisease\tD064420
101\t119\t126\tHeparin\tChemical\tD006493
101\tCID\tD006493\tD051437
101\tCID\tD006493\tD017093

102|t|A BRAF variant in melanoma
102|a|
102\t2\t6\tBRAF\tGeneOrGeneProduct\t673
102\t7\t14\tvariant\tSequenceVariant\tp|SUB|V|600|E
102\t18\t26\tmelanoma\tDiseaseOrPhenotypicFeature\tD008545
102\tAssociation\t673\tD008545\tNovel
102\tPositive_Correlation\tp|SUB|V|600|E\tD008545\tNo
"""

BIOC = """\
<?xml version='1.0' encoding='UTF-8'?>
<!DOCTYPE collection SYSTEM 'BioC.dtd'>
<collection><source>test</source><date></date><key></key>
<document><id>101</id>
<passage><infon key="type">title</infon><offset>0</offset><text>Lithium &amp; hearts.</text>
<annotation id="0"><infon key="type">Chemical</infon><infon key="MESH">D008094</infon>
<location offset="0" length="7"/><text>Lithium</text></annotation>
</passage>
<passage><infon key="type">abstract</infon><offset>18</offset><text>Lithium made renal and hepatic failure.</text>
<annotation id="1"><infon key="type">Chemical</infon><infon key="MESH">D008094</infon>
<location offset="18" length="7"/><text>Lithium</text></annotation>
<annotation id="2"><infon key="type">Disease</infon><infon key="MESH">D051437|D017093</infon>
<infon key="CompositeRole">CompositeMention</infon>
<location offset="31" length="25"/><text>renal and hepatic failure</text></annotation>
<annotation id="3"><infon key="type">Disease</infon><infon key="MESH">D051437</infon>
<infon key="CompositeRole">IndividualMention</infon>
<location offset="31" length="5"/><location offset="49" length="7"/><text>renal failure</text></annotation>
</passage>
<relation id="R0"><infon key="relation">CID</infon><infon key="Chemical">D008094</infon>
<infon key="Disease">D051437</infon></relation>
</document>
<document><id>102</id>
<passage><infon key="type">title</infon><offset>0</offset>
<sentence><offset>0</offset><text>BRAF rose.</text>
<annotation id="a"><infon key="type">Gene</infon><infon key="identifier">673</infon>
<location offset="0" length="4"/><text>BRAF</text></annotation></sentence>
<sentence><offset>11</offset><text>Melanoma grew fast.</text>
<annotation id="b"><infon key="type">Disease</infon>
<location offset="11" length="8"/><text>Melanoma</text></annotation></sentence>
</passage>
<relation id="R0"><infon key="entity1">673</infon><infon key="entity2">673</infon>
<infon key="type">Bind</infon><infon key="novel">Novel</infon></relation>
<relation id="R1"><infon key="type">Causes</infon><node refid="a" role="Arg1"/><node refid="b" role="Arg2"/></relation>
</document>
</collection>
"""

DOCRED = [
    {
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
            [],
            [
                {"name": "Acme", "pos": [3, 4], "sent_id": 0, "type": "ORG"},
                {"name": "Acme", "pos": [0, 1], "sent_id": 1, "type": "ORG"},
            ],
            [{"name": "Oslo", "pos": [3, 4], "sent_id": 1, "type": "LOC"}],
        ],
        "labels": [
            {"h": 2, "t": 3, "r": "P17", "evidence": [1]},
            {"h": 0, "t": 2, "r": "P112", "evidence": [0, 2]},
            {"h": 0, "t": 3, "r": "P551", "evidence": []},
        ],
    },
    {
        "title": "Bo",
        "sents": [["Bo", "met", "Cy", "."]],
        "vertexSet": [
            [{"name": "Bo", "pos": [0, 1], "sent_id": 0, "type": "PER"}],
            [{"name": "Cy", "pos": [2, 3], "sent_id": 0, "type": "PER"}],
        ],
        "labels": [],
    },
]

SUBMISSION = [
    {"title": "Ann Lee", "h_idx": 2, "t_idx": 3, "r": "P131", "evidence": [1]},
    {"title": "Bo", "h_idx": 0, "t_idx": 1, "r": "P26", "evidence": []},
    {"title": "Ann Lee", "h_idx": 0, "t_idx": 2, "r": "P112", "evidence": [0, 2]},
]

DWIE: list[dict[str, Any]] = [
    {
        "id": "DW_1",
        "content": "Lee leaves\n\nAnn Lee left Berlin.\u00a0She is German.",
        "tags": ["all", "train"],
        "mentions": [
            {"begin": 0, "end": 3, "text": "Lee", "concept": 0},
            {"begin": 12, "end": 19, "text": "Ann Lee", "concept": 0, "candidates": [], "scores": []},
            {"begin": 25, "end": 31, "text": "Berlin", "concept": 2},
            {"begin": 40, "end": 46, "text": "German", "concept": None},
        ],
        "concepts": [
            {
                "concept": 0,
                "text": "Ann Lee",
                "keyword": True,
                "count": 2,
                "link": "Ann_Lee",
                "tags": ["topic::none", "type::entity", "type::head_of_state", "type::person"],
            },
            {"concept": 1, "keyword": False, "count": 0, "link": "Germany", "tags": []},
            {
                "concept": 2,
                "text": "Berlin",
                "keyword": False,
                "count": 1,
                "link": None,
                "tags": ["type::gpe2"],
            },
        ],
        "relations": [{"s": 0, "p": "based_in", "o": 2}, {"s": 2, "p": "in0", "o": 1}],
        "frames": [],
        "iptc": [],
    },
    {
        "id": "DW_2",
        "content": "Nothing here.",
        "tags": ["all", "test"],
        "mentions": [],
        "concepts": [],
        "relations": [],
        "frames": [],
        "iptc": [],
    },
]

# Two documents; "Lee" and "She" are one entity by Equiv, "Acme" and "the firm" by coreference, "Oslo" by reference.
BRAT = {
    "news/one.txt": "Lee founded Acme.\r\nShe left the firm in Oslo for new and old Oslo.\n",
    "news/one.ann": """\
T1\tPER 0 3\tLee
T2\tORG 12 16\tAcme
T3\tPER 19 22\tShe
T4\tORG 28 36\tthe firm
T5\tLOC 40 44\tOslo
R1\tfounded Arg1:T1 Arg2:T2
R2\tlives_in Arg2:T5 Arg1:T3\t
R3\tCoref Arg1:T4 Arg2:T2
*\tEquiv T1 T3
N1\tReference T5 Wikidata:Q585\tOslo
N2\tReference T6 Wikidata:Q585\tOslo
T6\tLOC 49 52;61 65\tnew Oslo
T7\tLeaving 23 27\tleft
E1\tLeaving:T7 Who:T3
A1\tNegated E1
#1\tAnnotatorNotes T1\tsure
""",
    "two.txt": "Nothing here.",
}

PRODIGY = [
    {
        "text": "Lee founded Acme-Oslo. She left.",
        "meta": {"title": "p1"},
        "tokens": [
            {"text": "Lee", "start": 0, "end": 3, "id": 0, "ws": True},
            {"text": "founded", "start": 4, "end": 11, "id": 1, "ws": True},
            {"text": "Acme-Oslo", "start": 12, "end": 21, "id": 2, "ws": False},
            {"text": ".", "start": 21, "end": 22, "id": 3, "ws": True},
            {"text": "She", "start": 23, "end": 26, "id": 4, "ws": True},
            {"text": "left", "start": 27, "end": 31, "id": 5, "ws": False},
            {"text": ".", "start": 31, "end": 32, "id": 6, "ws": False},
        ],
        "spans": [
            {"text": "Lee", "start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PER"},
            {"start": 12, "end": 16, "label": "ORG"},
            {"start": 23, "end": 26, "token_start": 4, "token_end": 4, "label": "PER"},
        ],
        "relations": [
            {
                "head": 0,
                "child": 2,
                "head_span": {"start": 0, "end": 3, "label": "PER"},
                "child_span": {"start": 12, "end": 16, "label": "ORG"},
                "label": "founded",
            },
            {"head": 4, "child": 0, "label": "COREF"},
            {"head": 4, "child": 5, "label": "does"},
        ],
        "answer": "accept",
    },
    {"text": "Nothing.", "spans": [], "relations": [], "answer": "accept"},
]

LABEL_STUDIO = [
    {
        "id": 7,
        "data": {"text": "😀 Lee founded Acme. She left."},
        "annotations": [
            {
                "id": 1,
                "was_cancelled": False,
                "result": [
                    # in UTF-16, where the first character counts twice
                    {
                        "id": "a",
                        "type": "labels",
                        "value": {"start": 3, "end": 6, "text": "Lee", "labels": ["PER"]},
                    },
                    {"id": "b", "type": "labels", "value": {"start": 14, "end": 18, "labels": ["ORG"]}},
                    {
                        "id": "c",
                        "type": "labels",
                        "value": {"start": 20, "end": 23, "text": "She", "labels": []},
                    },
                    {
                        "type": "relation",
                        "from_id": "b",
                        "to_id": "a",
                        "direction": "left",
                        "labels": ["founded"],
                    },
                    {
                        "type": "relation",
                        "from_id": "c",
                        "to_id": "a",
                        "direction": "right",
                        "labels": ["coref"],
                    },
                    {
                        "type": "relation",
                        "from_id": "a",
                        "to_id": "b",
                        "direction": "bi",
                        "labels": ["knows", "of"],
                    },
                ],
            }
        ],
    },
    {"id": 8, "data": {"text": "Nothing."}, "annotations": [{"result": []}]},
]

DOCCANO = [
    {
        "id": 3,
        "text": "Lee founded Acme. She left.",
        "entities": [
            {"id": 10, "start_offset": 0, "end_offset": 3, "label": "PER"},
            {"id": 11, "start_offset": 12, "end_offset": 16, "label": "ORG"},
            {"id": 12, "start_offset": 18, "end_offset": 21, "label": "PER"},
        ],
        "relations": [
            {"id": 1, "from_id": 10, "to_id": 11, "type": "founded"},
            {"id": 2, "from_id": 12, "to_id": 11, "type": "left"},
            {"id": 3, "from_id": 12, "to_id": 10, "type": "COREF"},
        ],
    },
    {"id": 4, "text": "Nothing.", "entities": [], "relations": []},
]

JSONL = [
    {
        "title": "j1",
        "text": "Lee founded  Acme-Oslo. She left.",
        "tokens": [[0, 3], [4, 11], [13, 22], [22, 23], [24, 27], [28, 32], [32, 33]],
        "sentences": [[0, 23], [24, 33]],
        "entities": [
            {
                "key": "entity_4",
                "label": "PER",
                "kb_id": "Q1",
                "mentions": [{"start": 0, "end": 3}, {"start": 24, "end": 27}],
            },
            {"mentions": [{"start": 13, "end": 17, "text": "Acme"}]},
        ],
        "relations": [
            {
                "head": 0,
                "tail": 1,
                "label": "founded",
                "score": 0.75,
                "evidence": [{"start": 0, "end": 23}],
                "key_mention_pairs": [
                    {
                        "head": {"start": 0, "end": 3},
                        "tail": {"start": 13, "end": 17},
                        "key_score": 0.5,
                        "relation_score": 0.25,
                        "share": 1.0,
                    }
                ],
            },
            {"head": 1, "tail": 0, "label": "founded_by"},
        ],
    },
    {"text": "Nothing."},
]


def lines(items: list[Any]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


def dwie(folder: Path) -> Path:
    folder.mkdir()
    for data in DWIE:
        (folder / f"{data['id']}.json").write_text(json.dumps(data, indent=4), encoding="utf8")
    return folder


def brat(folder: Path) -> Path:
    for name, text in BRAT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf8"))
    return folder


def spacy_file(path: Path) -> Path:
    FORMATS["spacy"].write(read("jsonl", SAMPLES["jsonl"](path.with_suffix(".jsonl"))), path)
    return path


def text_file(text: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(text.encode("utf8"))
        return path

    return write


# Each writes a corpus of two documents to a path that is not there.
SAMPLES: dict[str, Callable[[Path], Path]] = {
    "spacy": spacy_file,
    "jsonl": text_file(lines(JSONL)),
    "docred": text_file(json.dumps(DOCRED, indent=1)),
    "docred_submission": text_file(json.dumps(SUBMISSION)),
    "dwie": dwie,
    "pubtator": text_file(PUBTATOR),
    "bioc": text_file(BIOC),
    "brat": brat,
    "prodigy": text_file(lines(PRODIGY)),
    "label_studio": text_file(json.dumps(LABEL_STUDIO)),
    "doccano": text_file(lines(DOCCANO)),
}
SUFFIXES = {"spacy": ".spacy"}


def path_for(name: str, folder: Path, stem: str = "sample") -> Path:
    return folder / f"{stem}{SUFFIXES.get(name, '')}"


def sample(name: str, folder: Path) -> Path:
    return SAMPLES[name](path_for(name, folder))


def documents() -> list[Doc]:
    """The documents that the submission is about."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return read("docred", SAMPLES["docred"](Path(folder) / "docred.json"))


def read(name: str, path: Path, counts: Counts | None = None, **options: Any) -> list[Doc]:
    if name == "docred_submission":
        options.setdefault("documents", documents())
    return list(FORMATS[name].read(path, VOCAB, Counts() if counts is None else counts, **options))


def clusters(doc: Doc) -> list[tuple[str, str, str, list[tuple[int, int]]]]:
    """Key, label, identifier and characters of each entity."""
    return [
        (
            entity.key,
            entity.label,
            entity.kb_id,
            [(span.start_char, span.end_char) for span in entity.mentions],
        )
        for entity in read_entities(doc)
    ]


def texts(doc: Doc) -> list[list[str]]:
    """The mentions of each entity."""
    return [[span.text for span in entity.mentions] for entity in read_entities(doc)]


def relations(doc: Doc) -> list[tuple[str, str, str]]:
    """Head, label and tail of each relation, as texts."""
    return sorted((r.head.text, r.label, r.tail.text) for r in doc._.relations)


def facts(doc: Doc) -> Any:
    """All that a document says, as plain data."""

    def chars(span: Any) -> tuple[int, int]:
        return span.start_char, span.end_char

    return {
        "title": doc.user_data.get("title", ""),
        "text": doc.text,
        "sentences": [chars(sent) for sent in doc.sents] if doc.has_annotation("SENT_START") else None,
        "passages": [(*chars(span), span.label_) for span in doc.spans.get(PASSAGES, [])],
        "entities": clusters(doc),
        "relations": [
            (
                relation.head.key,
                relation.label,
                relation.tail.key,
                relation.score,
                [chars(sent) for sent in relation.evidence],
                [
                    (chars(pair.head), chars(pair.tail), pair.key_score, pair.relation_score, pair.share)
                    for pair in relation.key_mention_pairs
                ],
            )
            for relation in doc._.relations
        ],
    }
