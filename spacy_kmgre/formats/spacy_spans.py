"""DocBins of other spaCy components, whose Docs have spans and no clusters.

`rel_component`, of explosion/projects, has mentions in `doc.ents`, and in `doc._.rel` the relations between the
entities that begin at two tokens: {(token, token): {label: value}}. `spancat` has mentions in `doc.spans["sc"]`, and
no relations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, TITLE, document_name
from ..errors import Errors
from ..types import Entity
from .assemble import annotate
from .base import IDENTIFIERS, KEY_PAIRS, SCORES, Draft, Format, ReaderOptions, option
from .counts import Counts
from .docbin import REL, SPANS_KEY, holds_rel, holds_spans, read_docbins

MALFORMED = "relations left out, as they are not what doc._.rel holds"


@dataclass(frozen=True)
class SpanOptions(ReaderOptions):
    """The options of Docs without clusters.

    :param same_names: Make one entity of mentions with the same words and type. Mentions with the same identifier and
        type are one anyway.
    """

    same_names: bool = option(False, "Make one entity of mentions that have the same words and type")


@dataclass(frozen=True)
class RelComponentOptions(SpanOptions):
    """The options of Docs with `doc._.rel`.

    :param least_value: The least value of a relation that is read.
    """

    least_value: float = option(0.5, "The least value in doc._.rel of a relation that is read")


@dataclass(frozen=True)
class SpancatOptions(SpanOptions):
    """The options of Docs with a flat span group.

    :param spans_key: The key of the group.
    """

    spans_key: str = option(SPANS_KEY, "The key of the span group that holds the mentions")


def _read_rel(path: Path, vocab: Vocab, counts: Counts, options: RelComponentOptions) -> Iterator[Draft]:
    for doc in read_docbins(path, vocab):
        yield doc if isinstance(doc, Draft) else Draft(_title(doc), partial(_related, doc, counts, options))


def _read_spans(path: Path, vocab: Vocab, counts: Counts, options: SpancatOptions) -> Iterator[Draft]:
    for doc in read_docbins(path, vocab):
        yield doc if isinstance(doc, Draft) else Draft(_title(doc), partial(_grouped, doc, counts, options))


def _title(doc: Doc) -> str:
    return str(doc.user_data.get(TITLE, ""))


def _related(doc: Doc, counts: Counts, options: RelComponentOptions) -> Doc:
    spans = list(doc.ents)
    keys, entities = _entities(spans, options.same_names)
    begins = {span.start: (span, key) for span, key in zip(spans, keys)}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for head, tail, label, value in _values(doc, counts, options.lenient):
        if value < options.least_value:
            continue
        if head not in begins or tail not in begins:
            counts.note("relations left out, as no entity begins at their tokens")
            continue
        pair = [(span.start, span.end) for span in (begins[head][0], begins[tail][0])]
        triple = (begins[head][1], begins[tail][1], label)
        known = found.setdefault(triple, {"score": 0.0, "pairs": []})
        known["score"] = max(known["score"], value)
        known["pairs"].append(pair)
    relations = [
        {
            "head": head,
            "tail": tail,
            "label": label,
            "score": known["score"],
            "key_mention_pairs": [
                {"head": h, "tail": t, "share": 1 / len(known["pairs"])} for h, t in known["pairs"]
            ],
        }
        for (head, tail, label), known in found.items()
    ]
    doc.user_data.pop(REL, None)
    return annotate(doc, entities, relations, counts, options)


def _values(doc: Doc, counts: Counts, lenient: bool) -> Iterator[tuple[int, int, str, float]]:
    """The tokens of head and tail, the label and the value of what `doc._.rel` says."""
    found = doc.user_data.get(REL) or {}

    def check(right: bool, item: str) -> None:
        if not right:
            raise ValueError(Errors.E605.format(name=document_name(doc), item=item[:80]))

    pairs: Iterable[tuple[Any, Any]] = found.items() if isinstance(found, Mapping) else [(found, None)]
    for pair, labels in pairs:
        tokens = isinstance(pair, Sequence) and len(pair) == 2 and all(type(token) is int for token in pair)
        with counts.leaving_out(MALFORMED, lenient):
            check(tokens and isinstance(labels, Mapping), f"{pair!r}: {labels!r}")
            for label, value in labels.items():
                right = isinstance(label, str) and isinstance(value, int | float) and 0 <= value <= 1
                with counts.leaving_out(MALFORMED, lenient):
                    check(right, f"{label!r}: {value!r}")
                    yield pair[0], pair[1], label, float(value)


def _grouped(doc: Doc, counts: Counts, options: SpancatOptions) -> Doc:
    if options.spans_key not in doc.spans:
        counts.note(f"documents without a span group {options.spans_key!r}")
        return doc
    group = sorted(doc.spans[options.spans_key], key=lambda span: (span.start, span.end))
    spans = [span for span in group if len(span)]
    return annotate(doc, _entities(spans, options.same_names)[1], [], counts, options)


def _entities(spans: Sequence[Span], same_names: bool) -> tuple[list[str], list[Entity]]:
    """The entities of spans, and the key of each span's."""
    groups: dict[tuple[Any, ...], list[Span]] = {}
    names = []
    for number, span in enumerate(spans):
        name: tuple[Any, ...] = (number,)
        if span.kb_id_:
            name = (span.label_, "id", span.kb_id_)
        elif same_names:
            name = (span.label_, "words", " ".join(span.text.split()).casefold())
        groups.setdefault(name, []).append(span)
        names.append(name)
    keys = {name: f"{ENTITY_PREFIX}{number}" for number, name in enumerate(groups, 1)}
    entities = [
        Entity(tuple(found), keys[name], found[0].label_, found[0].kb_id_) for name, found in groups.items()
    ]
    return [keys[name] for name in names], entities


REL_COMPONENT = Format(
    name="rel_component",
    description="DocBin of spaCy's project rel_component: mentions in doc.ents, relations in doc._.rel",
    reader=_read_rel,
    settings=RelComponentOptions,
    folders=True,
    sniff=holds_rel,
    holds=frozenset({IDENTIFIERS, KEY_PAIRS, SCORES}),
)
SPANCAT = Format(
    name="spancat",
    description=f"DocBin whose mentions are in doc.spans[{SPANS_KEY!r}], without relations",
    reader=_read_spans,
    settings=SpancatOptions,
    folders=True,
    sniff=holds_spans,
    holds=frozenset({IDENTIFIERS}),
)
