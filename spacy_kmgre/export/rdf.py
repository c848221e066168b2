"""RDF as TriG, by rdflib: each relation is a named graph of one triple, so that statements can be made of it.

The default graph says of each such graph its score, the activity that made it (PROV-O), its key mention pairs, and its
evidence (Web Annotation). Places in a text are IRIs with a fragment of RFC 5147, such as `#char=12,20`, each with a
selector. rdflib 7 knows no triple terms, so named graphs are the way that all readers understand.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .records import Record, RecordExport

if TYPE_CHECKING:
    from rdflib import URIRef

BASE = "urn:spacy-kmgre:"
VOCABULARY = f"{BASE}vocabulary#"


class TrigExport(RecordExport):
    """TriG, for triple stores. The documents are written one by one: a blank line, prefixes, and what they say."""

    name = "trig"
    description = "RDF as TriG: a named graph a relation, with PROV-O and Web Annotation"
    suffixes = (".trig",)
    requires = MappingProxyType({"rdflib": "rdf"})

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        with path.open("wb") as file:
            for record in records:
                file.write(_Statements(record).serialize())


def _iri(kind: str, name: str) -> "URIRef":
    from rdflib import URIRef

    return URIRef(f"{BASE}{kind}:{quote(name, safe='')}")


def _predicate(label: str) -> "URIRef":
    """The IRI of a relation label. rdflib cuts the IRIs of predicates to make prefixes, and may do so after a percent
    sign: here the underscore stands for it, and is escaped itself."""
    from rdflib import URIRef

    return URIRef(f"{BASE}relation:{quote(label, safe='').replace('_', '%5F').replace('%', '_')}")


class _Statements:
    """The statements of one document."""

    def __init__(self, record: Record):
        from rdflib import Dataset, Namespace

        self.kmgre, self.oa = Namespace(VOCABULARY), Namespace("http://www.w3.org/ns/oa#")
        self.prov = Namespace("http://www.w3.org/ns/prov#")
        self.data = Dataset()
        for prefix, space in (("kmgre", self.kmgre), ("oa", self.oa), ("prov", self.prov)):
            self.data.bind(prefix, space)
        self.record = record
        self.document = _iri("document", record["document"])
        self._add_document()
        entities = [self._add_entity(entity) for entity in record["entities"]]
        for number, relation in enumerate(record["relations"], start=1):
            self._add_relation(number, relation, entities[relation["head"]], entities[relation["tail"]])

    def serialize(self) -> bytes:
        found: bytes = self.data.serialize(format="trig", encoding="utf8")
        return found

    def _say(self, subject: "URIRef", predicate: "URIRef", value: Any) -> None:
        from rdflib import Literal, URIRef

        if isinstance(value, float):  # rdflib writes doubles with six places.
            value = Decimal(format(Decimal(repr(value)), "f"))
        self.data.add((subject, predicate, value if isinstance(value, URIRef) else Literal(value)))

    def _part(self, name: str) -> "URIRef":
        from rdflib import URIRef

        return URIRef(f"{self.document}#{name}")

    def _add_document(self) -> None:
        from rdflib.namespace import DCTERMS, RDF, RDFS

        self.run = self._part("run")
        model = _iri("model", f"{self.record['model']} {self.record['model_version']}")
        self._say(self.document, RDF.type, self.kmgre.Document)
        self._say(self.document, DCTERMS.identifier, self.record["document"])
        self._say(self.document, RDF.value, self.record["text"])
        self._say(self.run, RDF.type, self.prov.Activity)
        self._say(self.run, self.prov.used, self.document)
        self._say(self.run, self.prov.wasAssociatedWith, model)
        self._say(model, RDF.type, self.prov.SoftwareAgent)
        self._say(model, RDFS.label, self.record["model"])
        self._say(model, self.kmgre.version, self.record["model_version"])

    def _add_entity(self, entity: Record) -> "URIRef":
        from rdflib.namespace import RDF, RDFS

        node = _iri("entity", entity["id"])
        self._say(node, RDFS.label, entity["text"])
        if entity["type"]:
            kind = _iri("type", entity["type"])
            self._say(node, RDF.type, kind)
            self._say(kind, RDFS.label, entity["type"])
        if entity["kb_id"]:
            self._say(node, self.kmgre.kbId, entity["kb_id"])
        for mention in entity["mentions"]:
            self._say(node, self.kmgre.mention, self._place(mention))
        return node

    def _place(self, span: Record) -> "URIRef":
        """The IRI of a span of the text."""
        from rdflib.namespace import RDF

        ends = f"{span['start']},{span['end']}"
        place, selector = self._part(f"char={ends}"), self._part(f"selector={ends}")
        self._say(place, RDF.type, self.oa.SpecificResource)
        self._say(place, self.oa.hasSource, self.document)
        self._say(place, self.oa.hasSelector, selector)
        self._say(selector, RDF.type, self.oa.TextPositionSelector)
        self._say(selector, self.oa.start, span["start"])
        self._say(selector, self.oa.end, span["end"])
        return place

    def _add_relation(self, number: int, relation: Record, head: "URIRef", tail: "URIRef") -> None:
        from rdflib.namespace import RDF, RDFS

        graph, label = self._part(f"relation={number}"), _predicate(relation["label"])
        self.data.graph(graph).add((head, label, tail))
        self._say(label, self.kmgre.label, relation["label"])
        self._say(label, RDFS.label, relation["label_text"] or relation["label"])
        self._say(graph, self.prov.wasGeneratedBy, self.run)
        self._say(graph, self.kmgre.score, relation["score"])
        for place, pair in enumerate(relation["key_mention_pairs"], start=1):
            node = self._part(f"relation={number};pair={place}")
            self._say(graph, self.kmgre.keyMentionPair, node)
            for side in ("head", "tail"):
                self._say(node, self.kmgre[side], self._place(pair[side]))
            for name, score in (("share", "share"), ("keyScore", "key_score")):
                self._say(node, self.kmgre[name], pair[score])
            self._say(node, self.kmgre.relationScore, pair["relation_score"])
        for place, sentence in enumerate(relation["evidence"], start=1):
            node = self._part(f"relation={number};evidence={place}")
            self._say(node, RDF.type, self.oa.Annotation)
            self._say(node, self.oa.hasBody, graph)
            self._say(node, self.oa.hasTarget, self._place(sentence))
