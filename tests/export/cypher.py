"""A reader of the Cypher that the export writes, of its own: it scans statements and does what they say."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Graph(NamedTuple):
    """A property graph.

    :param documents: The properties of (:Document) by id.
    :param entities: The properties of (:Entity) by id.
    :param mentioned: The properties of [:MENTIONED_IN] by the ids of entity and document, and the key.
    :param relations: The other relations: ids of head and tail, type, properties.
    """

    documents: dict[str, Any]
    entities: dict[str, Any]
    mentioned: dict[tuple[str, str, str], Any]
    relations: list[tuple[str, str, str, Any]]


TOKEN = re.compile(
    r"""(?P<space>[ ]+)|(?P<number>-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)|(?P<name>\w+)"""
    r"""|(?P<text>'(?:[^'\\]|\\.)*')|(?P<mark>->|\+=|[()\[\]{}:,;-])""",
    re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<plain>.))", re.DOTALL)
DOCUMENT = "MERGE ( d : Document { id : ? } ) SET d += ? ;"
ENTITY = re.compile(r"MERGE \( e : Entity \{ id : \? \} \) SET e \+= \?(?: , e : \w+)? ;")
MENTIONED = (
    "MATCH ( e : Entity { id : ? } ) , ( d : Document { id : ? } ) MERGE ( e ) - [ m : MENTIONED_IN ? ] -> ( d ) "
    "SET m += ? ;"
)
RELATION = re.compile(
    r"MATCH \( h : Entity \{ id : \? \} \) , \( t : Entity \{ id : \? \} \) "
    r"MERGE \( h \) - \[ r : (\w+) \? \] -> \( t \) SET r \+= \? ;"
)


def read_script(script: str) -> Graph:
    """What a script makes of an empty database. A statement of any other form than these four is an error."""
    graph = Graph({}, {}, {}, [])
    relations: dict[Any, Any] = {}
    for line in script.split("\n")[:-1]:
        form, values = shape(line)
        if form == DOCUMENT:
            graph.documents.setdefault(values[0], {}).update(values[1])
        elif ENTITY.fullmatch(form):
            graph.entities.setdefault(values[0], {}).update(values[1])
        elif form == MENTIONED:
            assert values[0] in graph.entities and values[1] in graph.documents
            key = (values[0], values[1], values[2]["key"])
            graph.mentioned.setdefault(key, values[2]).update(values[3])
        else:
            found = RELATION.fullmatch(form)
            assert found, line
            assert {values[0], values[1]} <= graph.entities.keys()
            relation = (values[0], values[1], found[1], tuple(values[2].items()))
            relations.setdefault(relation, dict(values[2])).update(values[3])
    graph.relations.extend((*key[:3], row) for key, row in relations.items())
    return graph


def shape(line: str) -> tuple[str, list[Any]]:
    """A statement with ? in the place of its values, and the values. The map of a node's key keeps its form."""
    tokens = list(scan(line))
    form: list[str] = []
    values: list[Any] = []
    place = 0
    while place < len(tokens):
        kind, token = tokens[place]
        is_map = (token == "{" and form[-1] in ("+=", "MENTIONED_IN")) or (
            token == "{" and form[-3:-1] == ["r", ":"]
        )
        if kind in ("text", "number") or is_map:
            value, place = literal(tokens, place)
            values.append(value)
            form.append("?")
        else:
            form.append(token)
            place += 1
    return " ".join(form), values


def scan(line: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(line):
        found = TOKEN.match(line, place)
        assert found and found.lastgroup, line[place:]
        if found.lastgroup != "space":
            yield found.lastgroup, found[0]
        place = found.end()


def literal(tokens: list[tuple[str, str]], place: int) -> tuple[Any, int]:
    """The value at a place, and the place after it."""
    kind, token = tokens[place]
    if kind == "text":
        return ESCAPE.sub(
            lambda f: chr(int(f["code"], 16)) if f["code"] else f["plain"], token[1:-1]
        ), place + 1
    if kind == "number":
        return float(token), place + 1
    found: Any = {} if token == "{" else []
    end = {"{": "}", "[": "]"}[token]
    place += 1
    while tokens[place][1] != end:
        if end == "}":
            name = tokens[place][1]
            assert tokens[place][0] == "name" and tokens[place + 1][1] == ":"
            found[name], place = literal(tokens, place + 2)
        else:
            value, place = literal(tokens, place)
            found.append(value)
        if tokens[place][1] == ",":
            place += 1
    return found, place + 1


def parse_by_grammar(text: str) -> Any:
    """The syntax tree of a statement, by openCypher's grammar."""
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.error.ErrorListener import ErrorListener
    from antlr4_cypher import CypherLexer, CypherParser

    class Raising(ErrorListener):
        def syntaxError(
            self, recognizer: Any, symbol: Any, line: int, column: int, message: str, error: Any
        ) -> None:
            raise ValueError(f"{line}:{column} {message}")

    lexer = CypherLexer(InputStream(text))
    parser = CypherParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(Raising())
    return parser.script()
