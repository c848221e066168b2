"""What the readers of coreference share: finding a mention by its head, and chains as entities."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from spacy.tokens import Doc, Span

from ..types import Entity
from .grouping import Cluster, Grouping, identifier, make_entities, most_common
from .names import CONJUNCTIONS, PREPOSITIONS, word_set

T = TypeVar("T")

PRONOUNS = word_set(
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself "
    "we us our ours ourselves they them their theirs themselves themself one oneself this that these those who "
    "whom whose which"
)
_AFTER_HEAD = PREPOSITIONS | word_set(", ( ; : who whom whose which that")


class MentionIndex(Generic[T]):
    """Values that belong to the mentions of a Doc, found by offsets or by the mention's head.

    Mentions of one thing need not have the same length ("Genc Ruli", "the politician Genc Ruli"), but they
    have the same head. "Ann and Bob" has none: it is neither Ann nor Bob.
    """

    def __init__(self, doc: Doc) -> None:
        self._parsed = doc.has_annotation("DEP")
        self._offsets: dict[tuple[int, int], T] = {}
        self._heads: dict[int, T | None] = {}

    def add(self, span: Span, value: T) -> None:
        """Values of several mentions with one head cannot be found by it."""
        self._offsets.setdefault((span.start, span.end), value)
        head = self._head(span)
        if head is not None:
            self._heads[head] = value if self._heads.get(head, value) == value else None

    def find(self, span: Span) -> T | None:
        """The value of the mention at the same place, else of that with the same head."""
        value = self._offsets.get((span.start, span.end))
        head = None if value is not None else self._head(span)
        return value if head is None else self._heads.get(head)

    def at(self, head: int) -> T | None:
        """The value of the mention with that token as its head."""
        return self._heads.get(head)

    def _head(self, span: Span) -> int | None:
        """The token that the others of a mention belong to, by the parse or, without one, by the word order of
        English; None where several are joined by "and"."""
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


def is_pronoun(span: Span) -> bool:
    """By the part of speech, or without it by a list of English pronouns."""
    if len(span) != 1:
        return False
    token = span[0]
    return token.pos_ == "PRON" or (not token.pos and token.lower_ in PRONOUNS)


def chain_entities(doc: Doc, chains: Iterable[Sequence[Span]], pronouns: bool) -> list[Entity]:
    """The entities that chains of mentions stand for; chains that share a mention are one.

    Label and `kb_id` come from the named mentions: those that `doc.ents` has too, perhaps with other words
    around the same head. Without any they are "".

    :param pronouns: Whether pronouns are mentions. Without them, a chain of pronouns only is no entity.
    """
    names: MentionIndex[Span] = MentionIndex(doc)
    for span in doc.ents:
        names.add(span, span)
    spans: list[Span] = []
    numbers: dict[tuple[int, int], int] = {}
    grouping = Grouping()
    for chain in chains:
        mentions = [span for span in chain if len(span) and (pronouns or not is_pronoun(span))]
        for span in mentions:
            if (span.start, span.end) not in numbers:
                numbers[span.start, span.end] = grouping.add()
                spans.append(span)
        places = [numbers[span.start, span.end] for span in mentions]
        grouping.join(itertools.pairwise(places))
    groups: dict[int, list[Span]] = defaultdict(list)
    for number, span in enumerate(spans):
        groups[grouping.find(number)].append(span)
    clusters = []
    for mentions in groups.values():
        mentions.sort(key=lambda span: (span.start, span.end))
        named = [name for name in map(names.find, mentions) if name is not None]
        label = most_common(name.label_ for name in named)
        clusters.append(Cluster(mentions, label, kb_id=most_common(map(identifier, named))))
    return make_entities(doc, clusters)
