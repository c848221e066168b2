"""What a user reads off a Doc: entities, mention pairs and relations."""

import re
from collections.abc import Iterable
from dataclasses import FrozenInstanceError, dataclass
from itertools import pairwise
from typing import Any, NoReturn, SupportsIndex, TypeVar

from spacy.tokens import Span

from .errors import Errors

Self = TypeVar("Self", bound="_View")


class _View:
    """What is made of spans, and so belongs to a Doc."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise NotImplementedError(Errors.E078.format(kind=type(self).__name__.lower()))

    def __copy__(self: Self) -> Self:
        return self


# What to do instead of changing a field.
_WAYS = {
    "Entity": "Change the mentions in doc.spans, or assign all entities to doc._.entities.",
    "MentionPair": "Assign all relations to doc._.relations; dataclasses.replace makes a changed one.",
    "Relation": "doc._.add_relation(head, tail, label) adds a relation, in place of one with the same head, tail and "
    "label; doc._.relations = [...] replaces all, and dataclasses.replace(relation, ...) makes a changed one.",
}
V = TypeVar("V", bound=type)


def _frozen(kind: V) -> V:
    """Let the error of a frozen dataclass say what to do instead."""

    def refuse(_view: Any, field: str, *_value: Any) -> NoReturn:
        name = kind.__name__
        words = {"MentionPair": "mention pair"}.get(name, name.lower())
        raise FrozenInstanceError(Errors.E091.format(field=field, kind=words, way=_WAYS[name]))

    kind.__setattr__ = kind.__delattr__ = refuse  # type: ignore[assignment,method-assign]  # mypy wants one class
    return kind


@_frozen
@dataclass(frozen=True)
class Entity(_View):
    """A cluster of mentions of one thing.

    :param mentions: The mentions in text order, each span once.
    :param key: The span group in `doc.spans` that holds the mentions.
    :param label: The entity type, "" where unknown.
    :param kb_id: An identifier in a knowledge base, "" where unknown.
    :param id: An identifier that is the same in all documents of a corpus, "" where none was given (see
        `identify_entities`).
    """

    mentions: tuple[Span, ...]
    key: str
    label: str = ""
    kb_id: str = ""
    id: str = ""

    @property
    def text(self) -> str:
        """The text of the most specific mention: the one with the largest share of capitalised
        or numeric words (stop words aside), then the longest, then the first. "" without mentions."""
        return max(self.mentions, key=_specificity).text if self.mentions else ""


@_frozen
@dataclass(frozen=True)
class MentionPair(_View):
    """A mention of the head entity with one of the tail entity.

    :param key_score: p(z=1), the probability that the pair is key; it knows no relation (paper, eq. 8).
    :param relation_score: p(y_c=1) of the relation for this mention pair (eq. 6).
    :param share: The pair's part in the fused logit of the relation; the shares of a relation's
        key mention pairs sum to 1.
    """

    head: Span
    tail: Span
    key_score: float
    relation_score: float
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the mentions as token offsets [start, end)."""
        return {
            "head": [self.head.start, self.head.end],
            "tail": [self.tail.start, self.tail.end],
            "key_score": self.key_score,
            "relation_score": self.relation_score,
            "share": self.share,
        }


@_frozen
@dataclass(frozen=True)
class Relation(_View):
    """A labelled, directed relation between two entities of a Doc.

    :param score: In [0, 1]; 1 for gold relations.
    :param key_mention_pairs: The mention pairs responsible for the relation, largest share first.
    :param evidence: The sentences that say so, in text order.
    :param label_text: The label in words, such as "father" for P22; "" where none is known.
    """

    head: Entity
    tail: Entity
    label: str
    score: float = 1.0
    key_mention_pairs: tuple[MentionPair, ...] = ()
    evidence: tuple[Span, ...] = ()
    label_text: str = ""

    @property
    def label_name(self) -> str:
        """What a person reads: the label in words, or the label itself where no words are known."""
        return self.label_text or self.label

    def to_dict(self) -> dict[str, Any]:
        """Plain data that the setter of `doc._.relations` takes back: entities as span group keys,
        mentions and sentences as token offsets [start, end)."""
        return {
            "head": self.head.key,
            "tail": self.tail.key,
            "label": self.label,
            **({"label_text": self.label_text} if self.label_text else {}),
            "score": self.score,
            "key_mention_pairs": [pair.to_dict() for pair in self.key_mention_pairs],
            "evidence": [[sent.start, sent.end] for sent in self.evidence],
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from .visualise.notebook import relation_to_html

        return relation_to_html(self)


class Relations(tuple[Relation, ...]):
    """The relations of a Doc, best first: a tuple that equals the list of the same, takes more by `+`, and is a table
    in a notebook."""

    def __getattr__(self, name: str) -> NoReturn:
        """What a tuple lacks, such as `append`, is an error that says how to add a relation."""
        raise AttributeError(Errors.E070.format(name=name))

    def __setitem__(self, place: Any, _value: Any) -> NoReturn:
        raise TypeError(Errors.E070.format(name=f"[{place!r}] = ..."))

    def __delitem__(self, place: Any) -> NoReturn:
        raise TypeError(Errors.E070.format(name=f"del [{place!r}]"))

    def __eq__(self, other: object) -> bool:
        return super().__eq__(tuple(other) if isinstance(other, list) else other)

    def __hash__(self) -> int:
        return super().__hash__()

    def __add__(self, others: Iterable[Any]) -> tuple[Any, ...]:
        return (*self, *others)

    def _repr_html_(self) -> str:
        from .visualise.notebook import relations_to_html

        return relations_to_html(self)


def label_title(label: str, text: str) -> str:
    """A relation label as tables show it: its words, then itself in brackets.

    :param text: The label in words, "" where none are known.
    """
    return f"{text} ({label})" if text not in ("", label) else label


def label_words(label: str, text: str = "") -> str:
    """Return a label in words: the text that it has, else the words that it is made of, such as "place of birth" of
    "placeOfBirth" and "PLACE_OF_BIRTH"; "" where it has none, as P22.

    :param text: The label in words, "" where none are known.
    """
    if text.strip():
        return text
    cut = "".join(
        f" {now}" if before.islower() and now.isupper() else now for before, now in pairwise(f" {label}")
    )
    words = re.sub(r"[\W\d_]+", " ", cut).strip()
    # One or two letters are no word in most scripts, but one in Chinese.
    return words.lower() if sum(map(str.isalpha, words)) > 2 or not words.isascii() else ""


def _specificity(mention: Span) -> tuple[float, int, int]:
    words = [token for token in mention if not (token.is_stop or token.is_punct or token.is_space)]
    named = sum(token.text[0].isupper() or token.like_num for token in words)
    return (named / len(words) if words else 0.0, len(mention.text), -mention.start)
