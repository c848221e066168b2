"""What the readers of coreference share: the way a mention is found by its head, and the way chains become
entities."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

from spacy.tokens import Doc, Span

from ..annotations import document_name
from ..errors import Errors
from ..types import Entity
from .grouping import DisjointSets, identifier, most_common, number_entities, offsets
from .languages import word_set
from .names import CONJUNCTIONS, PREPOSITIONS

T = TypeVar("T")

PRONOUNS = word_set(
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself "
    "we us our ours ourselves they them their theirs themselves themself one oneself this that these those who "
    "whom whose which"
)
_AFTER_HEAD = PREPOSITIONS | word_set(", ( ; : who whom whose which that")


class MentionIndex(Generic[T]):
    """Values of mentions, found by the offsets or by the head of a mention.

    Mentions of one thing may differ in length ("Genc Ruli", "the politician Genc Ruli") but have the same
    head. "Ann and Bob" has no head: it is neither Ann nor Bob.
    """

    def __init__(self, doc: Doc) -> None:
        self._parsed = doc.has_annotation("DEP")
        self._values: dict[tuple[int, int], T] = {}
        self._heads: dict[int, T | None] = {}

    def add(self, span: Span, value: T) -> None:
        """Add a mention. Where mentions with different values have the same head, none of them is found by
        it."""
        self._values.setdefault(offsets(span), value)
        head = self._head(span)
        if head is not None:
            self._heads[head] = value if self._heads.get(head, value) == value else None

    def find(self, span: Span) -> T | None:
        """Return the value of the mention at the same place, else the value of the mention with the same
        head."""
        value = self._values.get(offsets(span))
        head = None if value is not None else self._head(span)
        return value if head is None else self._heads.get(head)

    def at(self, head: int) -> T | None:
        """Return the value of the mention that has this token as its head."""
        return self._heads.get(head)

    def _head(self, span: Span) -> int | None:
        """Return the token that the other tokens of a mention depend on, None in "Ann and Bob".

        Without a parse, the word order of English says which token that is.
        """
        if self._parsed:
            root = span.root
            joined = any(token.dep_ == "conj" and span.start <= token.i < span.end for token in root.rights)
            return None if joined else int(root.i)
        head = span.start
        for token in span:
            word = token.lower_
            if word in CONJUNCTIONS:
                return None
            if head > span.start and word in _AFTER_HEAD:
                break
            if word not in ("'s", "’s", "'", "’"):
                head = token.i
        return head


def index_names(doc: Doc) -> MentionIndex[Span]:
    """Index the mentions in `doc.ents`."""
    names: MentionIndex[Span] = MentionIndex(doc)
    for span in doc.ents:
        names.add(span, span)
    return names


def is_pronoun(span: Span) -> bool:
    """Return whether a mention is a pronoun, by its part of speech or, without a tagger, by a list of English
    ones. Possessive determiners are pronouns too, as "son" is in French."""
    if len(span) != 1:
        return False
    token = span[0]
    possessive = token.pos_ == "DET" and "Yes" in token.morph.get("Poss", [])
    return token.pos_ == "PRON" or possessive or (not token.pos and token.lower_ in PRONOUNS)


def unread(doc: Doc, library: str, attribute: str, install: str) -> ValueError:
    """Make the error for a Doc that a library of coreference has not read.

    :param attribute: The extension attribute in which the library writes what it finds.
    :param install: The command that installs what is missing.
    """
    name = document_name(doc)
    return ValueError(
        Errors.E403.format(attribute=attribute, library=library, document=name, pipe=library, install=install)
    )


def chain_entities(doc: Doc, chains: Iterable[Sequence[Span]], pronouns: bool) -> list[Entity]:
    """Make entities of chains of mentions. Chains that share a mention are one entity.

    Label and `kb_id` come from the named mentions: those that are in `doc.ents` too, perhaps with other
    words around the same head. They are "" where a chain has no named mention.

    :param pronouns: Whether pronouns are mentions. Without them, a chain of pronouns alone is left out.
    """
    spans: list[Span] = []
    items: dict[tuple[int, int], int] = {}
    sets = DisjointSets()
    for chain in chains:
        mentions = [span for span in chain if len(span) and (pronouns or not is_pronoun(span))]
        for span in mentions:
            if offsets(span) not in items:
                items[offsets(span)] = sets.add()
                spans.append(span)
        sets.join(pairwise(items[offsets(span)] for span in mentions))
    names = index_names(doc)
    entities = []
    for group in sets.groups().values():
        mentions = sorted((spans[item] for item in group), key=offsets)
        named = [name for name in map(names.find, mentions) if name is not None]
        label = most_common(name.label_ for name in named)
        entities.append(Entity(tuple(mentions), "", label, most_common(map(identifier, named))))
    return number_entities(doc, entities)
