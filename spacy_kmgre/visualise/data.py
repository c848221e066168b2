"""What the page of documents knows of a document, as plain data."""

from bisect import bisect_left
from collections.abc import Callable, Collection
from typing import Any

from spacy.tokens import Doc, Span

from ..annotations import document_name, get_entities
from ..types import Entity, Relation
from .compare import Comparison, compare, triple

Row = dict[str, Any]

# The digits of scores and shares, which are shown with two.
DIGITS = 5


def document_data(doc: Doc, gold: Doc | None = None, labels: Collection[str] = ()) -> Row:
    """What the page shows of a document. All offsets are in UTF-16 code units, by which JavaScript counts.

    :param gold: A Doc of the same text with the gold relations. Each relation then has a verdict: "right", "wrong" or
        "missed".
    :param labels: The labels of the relations to show; all where it is empty.
    :raises ValueError: Where the texts differ.
    """
    tables = _Tables(doc)
    relations = [(relation, "") for relation in doc._.relations]
    if gold is not None:
        found = compare(doc, gold)
        tables.predicted_key = found.predicted_key
        relations = [(relation, _verdict(relation, found)) for relation, _ in relations]
        relations += [(relation, "missed") for relation in found.missed]
    rows = [
        tables.relation(relation, verdict)
        for relation, verdict in relations
        if not labels or relation.label in labels or relation.label_name in labels
    ]
    related = {number for row in rows for number in (row["head"], row["tail"])}
    return {
        "title": document_name(doc) or "(no title)",
        "text": doc.text,
        "sentences": tables.sentences,
        "entities": [{**row, "related": number in related} for number, row in enumerate(tables.entities)],
        "relations": rows,
        "compared": gold is not None,
    }


class _Tables:
    """The entities and sentences of a document, each with a number by which relations name them.

    :ivar predicted_key: The keys of predicted entities by those of the gold entities that they stand for.
    """

    def __init__(self, doc: Doc):
        self.doc = doc
        self.offset = utf16_offset(doc.text)
        self.predicted_key: dict[str, str] = {}
        self.entities: list[Row] = []
        self._entity_numbers: dict[tuple[bool, str], int] = {}
        self._mention_places: list[dict[tuple[int, int], int]] = []
        self.sentences: list[list[int]] = []
        self._sentence_numbers: dict[tuple[int, int], int] = {}
        for entity in get_entities(doc):
            self.entity(entity)
        for sentence in doc.sents if doc.has_annotation("SENT_START") else ():
            self.sentence(sentence)

    def relation(self, relation: Relation, verdict: str) -> Row:
        head, tail = self.entity(relation.head), self.entity(relation.tail)
        return {
            "head": head,
            "tail": tail,
            "label": relation.label,
            "name": relation.label_name,
            "score": round(relation.score, DIGITS),
            "verdict": verdict,
            "pairs": [
                {
                    "head": self.mention(head, pair.head),
                    "tail": self.mention(tail, pair.tail),
                    "share": round(pair.share, DIGITS),
                    "key": round(pair.key_score, DIGITS),
                    "relation": round(pair.relation_score, DIGITS),
                }
                for pair in relation.key_mention_pairs
            ],
            "evidence": [self.sentence(sentence) for sentence in relation.evidence],
        }

    def entity(self, entity: Entity) -> int:
        """The number of an entity. A gold one has that of the predicted one that stands for it."""
        is_gold = any(mention.doc is not self.doc for mention in entity.mentions)
        key = (is_gold, entity.key)
        if is_gold and entity.key in self.predicted_key:
            key = (False, self.predicted_key[entity.key])
        if key not in self._entity_numbers:
            self._entity_numbers[key] = len(self.entities)
            row = {"text": entity.text or entity.key, "label": entity.label, "kb_id": entity.kb_id}
            self.entities.append({**row, "mentions": []})
            self._mention_places.append({})
            for mention in entity.mentions:
                self.mention(self._entity_numbers[key], mention)
        return self._entity_numbers[key]

    def mention(self, entity: int, mention: Span) -> int:
        """The place of a mention among those of an entity. A key mention pair may have one that the entity lacks."""
        characters = (mention.start_char, mention.end_char)
        places = self._mention_places[entity]
        if characters not in places:
            places[characters] = len(places)
            self.entities[entity]["mentions"].append(self._units(characters))
        return places[characters]

    def sentence(self, sentence: Span) -> int:
        """The number of a sentence. Evidence may have spans that are no sentences of the Doc."""
        characters = (sentence.start_char, sentence.end_char)
        if characters not in self._sentence_numbers:
            self._sentence_numbers[characters] = len(self.sentences)
            self.sentences.append(self._units(characters))
        return self._sentence_numbers[characters]

    def _units(self, characters: tuple[int, int]) -> list[int]:
        return [self.offset(place) for place in characters]


def utf16_offset(text: str) -> Callable[[int], int]:
    """Make a function from offsets in characters to offsets in UTF-16 code units, of which characters beyond U+FFFF
    have two."""
    wide = [place for place, character in enumerate(text) if character > "\uffff"]
    return lambda offset: offset + bisect_left(wide, offset)


def _verdict(relation: Relation, found: Comparison) -> str:
    return "right" if triple(relation) in found.right else "wrong"
