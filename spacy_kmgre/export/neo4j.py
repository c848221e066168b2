"""Neo4j: CSV files for `neo4j-admin database import`, and a script in Cypher.

Both make nodes (:Entity) and (:Document), relations between entities, and [:MENTIONED_IN] from an entity to a document.
Neo4j holds lists of numbers and texts, so that key mention pairs and evidence are lists side by side.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from .csv import without_nul
from .records import DOCUMENT, Record, RecordExport

Value = str | float | int | Sequence[str] | Sequence[float] | Sequence[int]
SCORES = {"shares": "share", "key_scores": "key_score", "relation_scores": "relation_score"}
# What each property of a relation is in the header of a CSV file.
RELATION_TYPES = {
    **dict.fromkeys(("document", "label", "head_key", "tail_key"), ""),
    **dict.fromkeys(("label_text", "model", "model_version"), ""),
    "score": "float",
    **dict.fromkeys(("head_starts", "head_ends", "tail_starts", "tail_ends"), "int[]"),
    **dict.fromkeys(SCORES, "float[]"),
    **dict.fromkeys(("evidence_starts", "evidence_ends"), "int[]"),
}
MENTIONED_TYPES = {"key": "", "starts": "int[]", "ends": "int[]"}
# What tells the relations of two entities apart: entities of one id are one node, and may be several in a document.
RELATION_KEY = ("document", "label", "head_key", "tail_key")


def _relation_properties(record: Record, relation: Record) -> dict[str, Value]:
    pairs, evidence = relation["key_mention_pairs"], relation["evidence"]
    found: dict[str, Value] = {name: relation[name] for name in ("label", "label_text", "score")}
    found.update({name: record[name] for name in DOCUMENT})
    found.update({f"{side}_key": record["entities"][relation[side]]["key"] for side in ("head", "tail")})
    for side in ("head", "tail"):
        for end in ("start", "end"):
            found[f"{side}_{end}s"] = [pair[side][end] for pair in pairs]
    found.update({name: [pair[score] for pair in pairs] for name, score in SCORES.items()})
    found.update({f"evidence_{end}s": [sentence[end] for sentence in evidence] for end in ("start", "end")})
    return {name: found[name] for name in RELATION_TYPES}


def _mention_properties(entity: Record) -> dict[str, Value]:
    places = {f"{end}s": [mention[end] for mention in entity["mentions"]] for end in ("start", "end")}
    return {"key": entity["key"], **places}


def plain_name(text: str, otherwise: str) -> str:
    """A name of letters, digits and underscores for a type of nodes or relations, such as WORKS_FOR. So nothing in a
    label can end a name in Cypher; the label itself is a property.

    :param otherwise: The name where the text has no letter or digit.
    """
    name = re.sub(r"\W+", "_", text).strip("_").upper()
    return f"_{name}" if name[:1].isdigit() else name or otherwise


def relation_type(relation: Record) -> str:
    """The type of a relation: its label in words, or else its label."""
    return plain_name(relation["label_text"] or relation["label"], "RELATED_TO")


class Neo4jExport(RecordExport):
    """A folder of CSV files with the headers of `neo4j-admin database import full`. Texts may hold line breaks:
    the import needs `--multiline-fields=true`. U+FFFD stands for a NUL character."""

    name = "neo4j"
    description = "a folder of CSV files for neo4j-admin database import"

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        path.mkdir(parents=True)
        ends = (":START_ID(Entity)", ":END_ID(Entity)", ":TYPE")
        mentioned = (":START_ID(Entity)", ":END_ID(Document)", ":TYPE")
        headers = {
            "documents": ("id:ID(Document)", "text", "model", "model_version", ":LABEL"),
            "entities": ("id:ID(Entity)", "text", "type", "kb_id", ":LABEL"),
            "mentions": (*mentioned, *_typed(MENTIONED_TYPES)),
            "relations": (*ends, *_typed(RELATION_TYPES)),
        }
        with ExitStack() as stack:
            rows = {}
            for name, header in headers.items():
                file = stack.enter_context((path / f"{name}.csv").open("w", encoding="utf8", newline=""))
                rows[name] = _row_writer(file)
                rows[name](header)
            met: set[str] = set()
            for record in records:
                own = [record[name] for name in ("document", "text", "model", "model_version")]
                rows["documents"]([*own, "Document"])
                ids = [entity["id"] for entity in record["entities"]]
                for entity in record["entities"]:
                    if entity["id"] not in met:
                        met.add(entity["id"])
                        labels = ";".join(filter(None, ("Entity", plain_name(entity["type"], ""))))
                        rows["entities"](
                            [entity["id"], entity["text"], entity["type"], entity["kb_id"], labels]
                        )
                    places = map(_cell, _mention_properties(entity).values())
                    rows["mentions"]([entity["id"], record["document"], "MENTIONED_IN", *places])
                for relation in record["relations"]:
                    head, tail = (ids[relation[side]] for side in ("head", "tail"))
                    cells = map(_cell, _relation_properties(record, relation).values())
                    rows["relations"]([head, tail, relation_type(relation), *cells])


def _row_writer(file: TextIO) -> Callable[[Iterable[Any]], None]:
    write = csv.writer(file).writerow
    return lambda cells: write(map(without_nul, cells))


def _typed(types: Mapping[str, str]) -> list[str]:
    return [f"{name}:{kind}" if kind else name for name, kind in types.items()]


def _cell(value: Value) -> str | float:
    return value if isinstance(value, str | int | float) else ";".join(map(str, value))


class CypherExport(RecordExport):
    """A script in Cypher, a statement a line, for `cypher-shell`. Run again, it changes nothing."""

    name = "cypher"
    description = "a script in Cypher, for Neo4j, Memgraph and others"
    suffixes = (".cypher", ".cql")

    def write_records(self, records: Iterator[Record], path: Path) -> None:
        with path.open("w", encoding="utf8", newline="\n") as file:
            for record in records:
                _write_statements(record, file)


def _write_statements(record: Record, file: TextIO) -> None:
    document = f"(d:Document {{id: {_literal(record['document'])}}})"
    own = {name: record[name] for name in ("text", "model", "model_version")}
    file.write(f"MERGE {document} SET d += {_literal(own)};\n")
    for entity in record["entities"]:
        node = f"(e:Entity {{id: {_literal(entity['id'])}}})"
        given = _literal({name: entity[name] for name in ("text", "type", "kb_id")})
        kind = plain_name(entity["type"], "")
        file.write(f"MERGE {node} SET e += {given}{f', e:{kind}' if kind else ''};\n")
        places = _mention_properties(entity)
        mentioned = f"[m:MENTIONED_IN {_literal({'key': places.pop('key')})}]"
        file.write(f"MATCH {node}, {document} MERGE (e)-{mentioned}->(d) SET m += {_literal(places)};\n")
    for relation in record["relations"]:
        head, tail = (_literal(record["entities"][relation[side]]["id"]) for side in ("head", "tail"))
        properties = _relation_properties(record, relation)
        key = _literal({name: properties.pop(name) for name in RELATION_KEY})
        file.write(
            f"MATCH (h:Entity {{id: {head}}}), (t:Entity {{id: {tail}}}) "
            f"MERGE (h)-[r:{relation_type(relation)} {key}]->(t) SET r += {_literal(properties)};\n"
        )


def _literal(value: Any) -> str:
    """A value as Cypher writes it."""
    if isinstance(value, str):
        return "'" + re.sub(r"[\\'\x00-\x1f\x7f\x85\u2028\u2029]", _escape, value) + "'"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, int | float):
        return repr(value)
    return "[" + ", ".join(map(_literal, value)) + "]"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in "\\'" else f"\\u{ord(character):04x}"
