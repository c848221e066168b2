"""`spacy kmgre info`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1
from pathlib import Path
from statistics import mean, median
from typing import Any

from spacy.tokens import Doc

from ..annotations import document_name, get_entities, relation_data
from ..formats.counts import Counts
from ..types import Entity, label_title, label_words
from .convert import read_source, show_reasons
from .printing import failing, print_table
from .terminal import msg, say, say_json

# A label with fewer relations is hard to learn.
FEW = 5
# The largest number of rows of tables that can get long.
ROWS = 10
WITHIN, ACROSS = "relations_within_a_sentence", "relations_across_sentences"
RELATED, SEVERAL = "related_entity_pairs", "related_entity_pairs_with_several_labels"
KINDS = (WITHIN, ACROSS, RELATED, SEVERAL)
# Names of documents and of problems are long.
_print = partial(print_table, max_col=70)


@dataclass
class Profile:
    """What is in a corpus beside its sizes.

    :param long_words: The number of words beyond which a document is long.
    :param labels: The number of relations of each label.
    :param label_texts: Each label in words, "" where the corpus has none.
    :param entities: The number of entities of each type.
    :param mentions: The number of mentions of each type.
    :param per_document: The words, entities, mentions, mention pairs and relations of each document.
    :param long_documents: The words, mention pairs and name of each long document.
    :param relations: The numbers of relations and of related entity pairs, by `KINDS`.
    :param problems: What a training run may stumble over.
    """

    long_words: int
    labels: Counter[str] = field(default_factory=Counter)
    label_texts: dict[str, str] = field(default_factory=dict)
    entities: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    per_document: dict[str, list[int]] = field(default_factory=dict)
    long_documents: list[tuple[int, int, str]] = field(default_factory=list)
    relations: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    texts: set[bytes] = field(default_factory=set)
    span_groups: set[str] = field(default_factory=set)

    def add(self, doc: Doc) -> None:
        """Look at one more document."""
        entities, relations = get_entities(doc), relation_data(doc)
        sizes = [len(entity.mentions) for entity in entities]
        pairs = sum(sizes) ** 2 - sum(size**2 for size in sizes)
        document = {
            "words": len(doc),
            "entities": len(sizes),
            "mentions": sum(sizes),
            "mention pairs": pairs,
            "relations": len(relations),
        }
        for name, number in document.items():
            self.per_document.setdefault(name, []).append(number)
        for entity, size in zip(entities, sizes):
            self.entities[entity.label] += 1
            self.mentions[entity.label] += size
        for data in relations:
            self.labels[data["label"]] += 1
            self.label_texts[data["label"]] = self.label_texts.get(data["label"]) or data.get(
                "label_text", ""
            )
        related = Counter((data["head"], data["tail"]) for data in relations)
        self.relations[RELATED] += len(related)
        self.relations[SEVERAL] += sum(n > 1 for n in related.values())
        split = doc.has_annotation("SENT_START")
        if split:
            self.relations.update(_places(doc, entities, relations))
        long = len(doc) > self.long_words
        if long:
            self.long_documents.append((len(doc), pairs, document_name(doc)))
        text = sha1(doc.text.encode("utf8"), usedforsecurity=False).digest()
        self.problems += Counter(
            {
                "documents without entities": not entities,
                "documents without relations": not relations,
                "documents without sentence boundaries": len(doc) > 1 and not split,
                "documents with the text of another": text in self.texts,
                f"documents of more than {self.long_words} words": long,
                "entities without a type": sum(not entity.label for entity in entities),
            }
        )
        self.texts.add(text)
        self.span_groups.update(doc.spans)

    def summary(self) -> dict[str, Any]:
        """Plain data, the most frequent and the longest first."""
        of_labels = {
            f"labels with fewer than {FEW} relations": sum(number < FEW for number in self.labels.values()),
            "labels without words": sum(not label_words(*named) for named in self.label_texts.items()),
        }
        return {
            "per_document": {name: _spread(numbers) for name, numbers in self.per_document.items()},
            **{kind: self.relations[kind] for kind in KINDS},
            "labels": dict(self.labels.most_common()),
            "label_texts": {label: text for label, text in self.label_texts.items() if text},
            "entity_types": {
                kind: {"entities": number, "mentions": self.mentions[kind]}
                for kind, number in sorted(self.entities.items(), key=lambda item: (-item[1], item[0]))
            },
            "long_documents": [
                {"document": name, "words": words, "mention_pairs": pairs}
                for words, pairs, name in sorted(self.long_documents, reverse=True)
            ],
            "problems": dict(self.problems + Counter(of_labels)),
        }


def _places(doc: Doc, entities: Iterable[Entity], relations: Iterable[dict[str, Any]]) -> Counter[str]:
    """Count the relations with a mention pair in one sentence, and the others."""
    sentence = {token.i: number for number, sent in enumerate(doc.sents) for token in sent}
    of_entity = {entity.key: {sentence[span.start] for span in entity.mentions} for entity in entities}
    return Counter(
        WITHIN if of_entity.get(data["head"], set()) & of_entity.get(data["tail"], set()) else ACROSS
        for data in relations
    )


def _spread(numbers: Sequence[int]) -> dict[str, float]:
    return {
        "least": min(numbers),
        "median": median(numbers),
        "mean": round(mean(numbers), 1),
        "most": max(numbers),
    }


def info(
    source: Path,
    source_format: str | None = None,
    *,
    as_json: bool = False,
    long_words: int = 350,
    limit: int = 0,
    lang: str = "en",
    options: dict[str, Any] | None = None,
) -> None:
    """Print what is in a corpus, or what is wrong with it, and exit then (see `convert`)."""
    counts, profile = Counts(), Profile(long_words)
    with failing(f"Could not read {source}"):
        docs = read_source(
            source, source_format, counts, limit=limit, lang=lang, options=options, quiet=as_json
        )
        for doc in docs:
            profile.add(doc)
    summary = profile.summary()
    if as_json:
        sizes = dict(vars(counts))
        oddities, reasons = dict(sizes.pop("oddities")), sizes.pop("reasons")
        data = {"source": str(source), "sizes": sizes, **summary, "oddities": oddities, "reasons": reasons}
        say_json(data)
        return
    msg.divider(str(source))
    say(counts.sizes())
    if counts.documents:
        _show(summary, counts, long_words)
    else:
        msg.warn("There are no documents")
    show_reasons(counts)
    if not counts.entities and profile.span_groups:
        known = ", ".join(sorted(profile.span_groups))
        msg.warn(f"No span group is called entity_ and a number. Those there are: {known}")


def _show(summary: dict[str, Any], counts: Counts, long_words: int) -> None:
    """Print the tables of a corpus that has documents."""
    spreads = summary["per_document"]
    rows = [(name, *(f"{number:,.0f}" for number in spread.values())) for name, spread in spreads.items()]
    _print(("per document", *next(iter(spreads.values()))), rows)
    if counts.relations:
        labels, texts = summary["labels"], summary["label_texts"]
        rows = [
            (label_title(label, texts.get(label, "")), f"{number:,}", f"{number / counts.relations:.1%}")
            for label, number in labels.items()
        ]
        _print((f"label ({len(labels)})", "relations", ""), _cut(rows))
        rows = [(kind.replace("_", " "), f"{summary[kind]:,}") for kind in KINDS]
        _print(("relations", ""), rows)
    types = summary["entity_types"]
    rows = [
        (kind or "(none)", *(f"{number:,}" for number in numbers.values())) for kind, numbers in types.items()
    ]
    _print((f"entity type ({len(types)})", "entities", "mentions"), _cut(rows))
    documents = summary["long_documents"]
    if documents:
        rows = [
            (found["document"][:50], f"{found['words']:,}", f"{found['mention_pairs']:,}")
            for found in documents
        ]
        _print((f"more than {long_words} words ({len(documents)})", "words", "mention pairs"), _cut(rows))
    noted = [*summary["problems"].items(), *sorted(counts.oddities.items())]
    if noted:
        _print(("to look at", ""), [(name, f"{number:,}") for name, number in noted])


def _cut(rows: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """The first rows, and the number of those that are not shown."""
    rest = len(rows) - ROWS
    return [*rows[:ROWS], (f"... {rest} more", "", "")] if rest > 0 else rows
