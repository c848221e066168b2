"""Small corpora written by hand, one for each format, and what all formats have in common to be tested."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin, Span

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

# As PubTator3's API gives it: identifiers in objects, and much that says nothing of the text.
BIOC_JSON: dict[str, Any] = {
    "PubTator3": [
        {
            "_id": "201|None",
            "id": "201",
            "infons": {},
            "passages": [
                {
                    "infons": {"type": "title", "year": "2020"},
                    "offset": 0,
                    "text": "Lithium and hearts.",
                    "sentences": [],
                    "annotations": [
                        {
                            "id": "3",
                            "infons": {
                                "identifier": "MESH:D008094",
                                "type": "Chemical",
                                "valid": True,
                                "normalized": ["D008094"],
                                "normalized_id": "D008094",
                                "accession": None,
                            },
                            "text": "Lithium",
                            "locations": [{"offset": 0, "length": 7}],
                        }
                    ],
                    "relations": [],
                },
                {
                    "infons": {"type": "abstract"},
                    "offset": 20,
                    "text": "Lithium made renal failure.",
                    "sentences": [],
                    "annotations": [
                        {
                            "id": "4",
                            "infons": {"identifier": "MESH:D008094", "type": "Chemical"},
                            "text": "Lithium",
                            "locations": [{"offset": 20, "length": 7}],
                        },
                        {
                            "id": "5",
                            "infons": {"identifier": "MESH:D051437", "type": "Disease"},
                            "text": "renal failure",
                            "locations": [{"offset": 33, "length": 13}],
                        },
                    ],
                    "relations": [],
                },
            ],
            "relations": [
                {
                    "id": "R1",
                    "infons": {
                        "score": "0.99",
                        "role1": {
                            "identifier": "MESH:D008094",
                            "type": "Chemical",
                            "normalized": ["D008094"],
                        },
                        "role2": {"identifier": "MESH:D051437", "type": "Disease", "normalized_id": None},
                        "type": "Positive_Correlation",
                    },
                    "nodes": [{"refid": "0", "role": "0,2"}],
                }
            ],
            "pmid": 201,
            "authors": ["A B"],
            "relations_display": [{"name": "positive_correlate|@CHEMICAL_Lithium|@DISEASE_Renal"}],
        },
        {
            "id": "202",
            "passages": [
                {
                    "infons": {"type": "title"},
                    "offset": 0,
                    "text": "Nothing.",
                    "sentences": None,
                    "annotations": None,
                }
            ],
            "relations": None,
        },
    ]
}

# "Lee" and "She" are a cluster; "Acme" has no type, as it is in a relation only.
DYGIE = [
    {
        "doc_key": "y1",
        "sentences": [["Lee", "founded", "Acme", "."], ["She", "left", "Oslo", "."]],
        "ner": [[[0, 0, "PER"]], [[4, 4, "PER"], [6, 6, "LOC"]]],
        "relations": [[[0, 0, 2, 2, "founded"]], [[4, 4, 6, 6, "left"]]],
        "clusters": [[[0, 0], [4, 4]]],
    },
    {"doc_key": "y2", "sentences": [["Nothing", "."]], "ner": [[]], "relations": [[]], "clusters": []},
]

SPERT: list[dict[str, Any]] = [
    {
        "tokens": ["Ann", "Lee", "founded", "Acme", "."],
        "entities": [{"type": "Peop", "start": 0, "end": 2}, {"type": "Org", "start": 3, "end": 4}],
        "relations": [{"type": "Founded", "head": 0, "tail": 1}],
        "orig_id": 7,
    },
    {
        "tokens": ["Bo", "lives", "in", "New", "York", "."],
        "tags": ["U-Peop", "O", "O", "B-Loc", "L-Loc", "O"],
        "relations": [{"type": "Live_In", "head": 0, "tail": 1}],
    },
]

# Types and annotations as INCEpTION exports them; the offsets of XMI count UTF-16, in which the first character is two.
CAS_TYPES = """\
<?xml version="1.0" encoding="UTF-8"?>
<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>
<typeDescription><name>de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence</name>
<supertypeName>uima.tcas.Annotation</supertypeName></typeDescription>
<typeDescription><name>de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceChain</name>
<supertypeName>uima.cas.AnnotationBase</supertypeName><features>
<featureDescription><name>first</name>
<rangeTypeName>de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink</name>
<supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>next</name>
<rangeTypeName>de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>webanno.custom.Thing</name><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>kind</name><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>identifier</name><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>webanno.custom.Does</name><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>Governor</name><rangeTypeName>webanno.custom.Thing</rangeTypeName></featureDescription>
<featureDescription><name>Dependent</name><rangeTypeName>webanno.custom.Thing</rangeTypeName></featureDescription>
<featureDescription><name>how</name><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
</features></typeDescription>
</types></typeSystemDescription>
"""
XMI_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmi:version="2.0"
xmlns:cas="http:///uima/cas.ecore" xmlns:custom="http:///webanno/custom.ecore"
xmlns:coref="http:///de/tudarmstadt/ukp/dkpro/core/api/coref/type.ecore"
xmlns:seg="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore"><cas:NULL xmi:id="0"/>
"""
CAS_XMI = {
    "TypeSystem.xml": CAS_TYPES,
    "c1.xmi": XMI_HEAD
    + """\
<seg:Sentence xmi:id="20" sofa="1" begin="0" end="21"/><seg:Sentence xmi:id="21" sofa="1" begin="22" end="31"/>
<custom:Thing xmi:id="2" sofa="1" begin="3" end="6" kind="PER"/>
<custom:Thing xmi:id="3" sofa="1" begin="16" end="20" kind="ORG" identifier="Q1"/>
<custom:Thing xmi:id="4" sofa="1" begin="22" end="25"/>
<custom:Does xmi:id="5" sofa="1" begin="16" end="20" Governor="2" Dependent="3" how="founded"/>
<custom:Does xmi:id="6" sofa="1" begin="16" end="20" Governor="4" Dependent="3"/>
<coref:CoreferenceLink xmi:id="8" sofa="1" begin="22" end="25"/>
<coref:CoreferenceLink xmi:id="9" sofa="1" begin="3" end="6" next="8"/>
<coref:CoreferenceChain xmi:id="7" sofa="1" first="9"/>
<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text"
sofaString="\U0001f600 Lee founded: Acme. She left."/>
<cas:View sofa="1" members="20 21 2 3 4 5 6 7 8 9"/></xmi:XMI>
""",
    "c2.xmi": XMI_HEAD
    + '<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="Nothing."/>'
    + '<cas:View sofa="1" members=""/></xmi:XMI>\n',
}

CAS_JSON: dict[str, Any] = {
    "%TYPES": {
        "custom.Span": {
            "%NAME": "custom.Span",
            "%SUPER_TYPE": "uima.tcas.Annotation",
            "label": {"%NAME": "label", "%RANGE": "uima.cas.String"},
        },
        "custom.Relation": {
            "%NAME": "custom.Relation",
            "%SUPER_TYPE": "uima.tcas.Annotation",
            "Governor": {"%NAME": "Governor", "%RANGE": "custom.Span"},
            "Dependent": {"%NAME": "Dependent", "%RANGE": "custom.Span"},
            "label": {"%NAME": "label", "%RANGE": "uima.cas.String"},
        },
    },
    "%FEATURE_STRUCTURES": [
        {
            "%ID": 1,
            "%TYPE": "uima.cas.Sofa",
            "sofaNum": 1,
            "sofaID": "_InitialView",
            "mimeType": "text",
            "sofaString": "Lee founded Acme.",
        },
        {"%ID": 2, "%TYPE": "custom.Span", "@sofa": 1, "begin": 0, "end": 3, "label": "PER"},
        {"%ID": 3, "%TYPE": "custom.Span", "@sofa": 1, "begin": 12, "end": 16, "label": "ORG"},
        {
            "%ID": 4,
            "%TYPE": "custom.Relation",
            "@sofa": 1,
            "begin": 12,
            "end": 16,
            "@Governor": 2,
            "@Dependent": 3,
            "label": "founded",
        },
    ],
    "%VIEWS": {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2, 3, 4]}},
}

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


def cas_xmi(folder: Path) -> Path:
    folder.mkdir()
    for name, text in CAS_XMI.items():
        (folder / name).write_text(text, encoding="utf8")
    return folder


def cas_json(folder: Path) -> Path:
    folder.mkdir()
    nothing = json.loads(json.dumps(CAS_JSON))
    nothing["%FEATURE_STRUCTURES"] = [{**CAS_JSON["%FEATURE_STRUCTURES"][0], "sofaString": "Nothing."}]
    nothing["%VIEWS"]["_InitialView"]["%MEMBERS"] = []
    for number, data in enumerate((CAS_JSON, nothing), 1):
        (folder / f"k{number}.json").write_text(json.dumps(data, indent=1), encoding="utf8")
    return folder


def spans_docs() -> list[Doc]:
    """Docs as other components of spaCy write them."""
    doc = Doc(VOCAB, words=["Lee", "founded", "Acme", ".", "Lee", "left", "."])
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "ORG", kb_id="Q1"), Span(doc, 4, 5, "PER")]
    doc.user_data["title"] = "s1"
    return [doc, Doc(VOCAB, words=["Nothing", "."], user_data={"title": "s2"})]


def rel_component(path: Path) -> Path:
    docs = spans_docs()
    rel = {(0, 2): {"founded": 1.0, "left": 0.0}, (2, 0): {"founded": 0.2}, (4, 2): {"left": 0.75}}
    docs[0].user_data["._.", "rel", None, None] = rel
    docs[1].user_data["._.", "rel", None, None] = {}
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def spancat(path: Path) -> Path:
    docs = spans_docs()
    docs[0].spans["sc"] = [*docs[0].ents, Span(docs[0], 1, 3, "VP")]
    docs[0].ents = []
    DocBin(docs=docs, store_user_data=True).to_disk(path)
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
    "bioc_json": text_file(json.dumps(BIOC_JSON, indent=1)),
    "cas_json": cas_json,
    "cas_xmi": cas_xmi,
    "dygie": text_file(lines(DYGIE)),
    "spert": text_file(json.dumps(SPERT)),
    "rel_component": rel_component,
    "spancat": spancat,
    "brat": brat,
    "prodigy": text_file(lines(PRODIGY)),
    "label_studio": text_file(json.dumps(LABEL_STUDIO)),
    "doccano": text_file(lines(DOCCANO)),
}
SUFFIXES = {"spacy": ".spacy", "rel_component": ".spacy", "spancat": ".spacy"}


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
