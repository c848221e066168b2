"""What is in a corpus, and what was odd about it."""

from collections import Counter
from collections import Counter as CounterType
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from spacy.tokens import Doc
from wasabi.tables import table

from ..annotations import get_entities, relation_data


@dataclass
class Counts:
    """Sizes of a corpus; `str()` gives a table.

    :param sentences: The sentences of Docs that have sentence boundaries.
    :param mention_pairs: The mention pairs of all ordered pairs of different entities of a Doc.
    :param evidence_sentences: The evidence sentences of all relations; one may count several times.
    :param oddities: How often something that looks like a mistake was kept, merged or left out, by its name.
    :param reasons: The first error of each oddity that is one.
    """

    documents: int = 0
    sentences: int = 0
    words: int = 0
    entities: int = 0
    mentions: int = 0
    mention_pairs: int = 0
    relations: int = 0
    relations_with_evidence: int = 0
    evidence_sentences: int = 0
    oddities: CounterType[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, doc: Doc) -> None:
        """Count a Doc and the oddities that show on the Doc itself."""
        sizes = []
        spans: CounterType[tuple[int, int]] = Counter()
        for entity in get_entities(doc):
            sizes.append(len(entity.mentions))
            spans.update((mention.start, mention.end) for mention in entity.mentions)
        relations = relation_data(doc)
        self.documents += 1
        self.sentences += sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 0
        self.words += len(doc)
        self.entities += len(sizes)
        self.mentions += sum(sizes)
        self.mention_pairs += sum(sizes) ** 2 - sum(size**2 for size in sizes)
        self.relations += len(relations)
        self.relations_with_evidence += sum(bool(data["evidence"]) for data in relations)
        self.evidence_sentences += sum(len(data["evidence"]) for data in relations)
        self.note("documents without words", not len(doc))
        self.note("spans that belong to several entities", sum(n > 1 for n in spans.values()))
        self.note("relations of an entity with itself", sum(r["head"] == r["tail"] for r in relations))

    def count(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Pass Docs on and count each."""
        for doc in docs:
            self.add(doc)
            yield doc

    def note(self, oddity: str, times: int = 1) -> None:
        """Count an oddity, if there is any."""
        if times:
            self.oddities[oddity] += times

    @contextmanager
    def leaving_out(self, oddity: str, lenient: bool) -> Iterator[None]:
        """Count a ValueError under the name of an oddity, and go on after it, where reading is lenient."""
        try:
            yield
        except ValueError as error:
            if not lenient:
                raise
            self.note(oddity)
            self.reasons.setdefault(oddity, str(error))

    def sizes(self) -> str:
        """A table without the oddities."""
        return _table(
            (f.name.replace("_", " "), getattr(self, f.name)) for f in fields(self) if f.type is int
        )

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.sizes(), _table(sorted(self.oddities.items())))))


def _table(numbers: Iterable[tuple[str, int]]) -> str:
    rows = [(name, f"{number:,}") for name, number in numbers]
    return table(rows, aligns=("l", "r"), max_col=70).strip("\n") if rows else ""
