"""`spacy kmgre explain`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from wasabi import msg, table

from ..annotations import all_entities
from ..errors import Errors
from ..evaluation.explain import Explanation, RelationReason, check_labels, explain, find_entity
from ..evaluation.report import between_gold_entities
from ..extraction.annotate import Item
from ..extraction.sources import Reader, find_sources, splits_sentences
from ..types import Relation
from .common import load_pipeline
from .printing import failing

# Characters of a mention in a table.
WIDTH = 30


def explain_pair(
    model: str,
    source: Path,
    *,
    head: str | None = None,
    tail: str | None = None,
    labels: Sequence[str] = (),
    document: str | None = None,
    as_json: bool = False,
    source_format: str | None = None,
    given_entities: bool = False,
    component: str = "kmgre_relations",
    code: Path | None = None,
    use_gpu: int = -1,
    config: dict[str, Any] | None = None,
) -> None:
    """Print why relations are predicted between two entities of a document, or are not. Without both entities,
    print the document's entities and its relations, those of the one entity where one is given.

    :param document: Name of the document; the first one where None.
    """
    with failing(f"Could not explain {source} with {model}"):
        sources = find_sources([source], source_format)
        nlp = load_pipeline(model, component, config=config, code=code, use_gpu=use_gpu)
        pipe: Any = nlp.get_pipe(component)
        reader = Reader(nlp, split=splits_sentences(nlp))
        item = _choose(reader.read(sources), document, source)
        if given_entities:
            with between_gold_entities(nlp, component):
                doc = nlp(item.make())
        else:
            doc = nlp(item.make())
        if head is None or tail is None:
            relations = _choose_relations(doc, head, tail, labels, pipe.labels)
            _print_document(doc, relations, item.name, as_json)
            return
        found = explain(pipe, doc, head, tail, labels)
    if as_json:
        print(json.dumps({"document": item.name, **found.to_dict()}, ensure_ascii=False, indent=2))
    else:
        _print(found, doc, item.name, tau=pipe.tau)


def _choose(items: Any, name: str | None, source: Path) -> Item:
    for item in items:
        if name is None or item.name == name:
            return item
    if name is None:
        raise ValueError(Errors.E147.format(path=source))
    raise ValueError(Errors.E345.format(name=name, path=source))


def _choose_relations(
    doc: Doc, head: str | None, tail: str | None, labels: Sequence[str], known: Sequence[str]
) -> list[Relation]:
    """The Doc's relations with that head, that tail and one of those labels, as far as they are given."""
    check_labels(labels, known)
    entities = all_entities(doc)
    ends = [None if name is None else entities[find_entity(entities, name)].key for name in (head, tail)]
    return [
        relation
        for relation in doc._.relations
        if ends[0] in (None, relation.head.key)
        and ends[1] in (None, relation.tail.key)
        and (not labels or relation.label in labels)
    ]


def _print_document(doc: Doc, relations: Sequence[Relation], name: str, as_json: bool) -> None:
    entities = all_entities(doc)
    if as_json:
        data = {
            "document": name,
            "entities": [{"key": e.key, "text": e.text, "label": e.label} for e in entities],
            "relations": [
                {"head": r.head.key, "label": r.label, "tail": r.tail.key, "score": r.score}
                for r in relations
            ],
        }
        print(json.dumps(data, ensure_ascii=False, indent=2))
        return
    msg.divider(name)
    rows = [(e.key, e.label, _short(e.text), str(len(e.mentions))) for e in entities]
    print(
        table(rows, header=("entity", "type", "text", "mentions"), divider=True, aligns=("l", "l", "l", "r"))
    )
    found = [(r.head.key, r.label, r.tail.key, f"{r.score:.3f}") for r in relations]
    print(
        table(found, header=("head", "relation", "tail", "score"), divider=True, aligns=("l", "l", "l", "r"))
    )
    msg.info("--head and --tail say which two entities to explain")


def _print(found: Explanation, doc: Doc, name: str, tau: float) -> None:
    msg.divider(name)
    for side, entity in (("head", found.head), ("tail", found.tail)):
        kind = f" ({entity.label})" if entity.label else ""
        print(f"{side}  {entity.key}  {entity.text}{kind}, {len(entity.mentions)} mentions")
    if found.key_threshold is None:
        print("No key instance classifier: all mention pairs count.")
    else:
        limit = f"{found.key_threshold:.3f}"
        print(f"A mention pair is key from p_ω = {limit} on, or if it is the best (τ = {tau:.3f}).")
    sentences = _Sentences(doc)
    for relation in found.relations:
        print()
        verb = "predicted" if relation.predicted else "not predicted"
        print(
            f"{relation.label}: {verb}, score {relation.score:.3f}, threshold {relation.threshold:g} "
            f"(fused logit {relation.logit:.2f}, of TH {relation.threshold_logit:.2f})"
        )
        for note in relation.notes:
            print(f"  {note}")
        print(_pair_table(relation, sentences))


def _pair_table(relation: RelationReason, sentences: "_Sentences") -> str:
    header = ["head", "tail", "sentences", "key", "share"]
    scores = [
        ("p_ω", "key_score", "{:.3f}"),
        ("p_θ", "relation_score", "{:.3f}"),
        ("logit", "logit", "{:.2f}"),
        ("TH", "threshold_logit", "{:.2f}"),
    ]
    shown = [score for score in scores if getattr(relation.mention_pairs[0], score[1]) is not None]
    rows: list[Sequence[str]] = []
    for pair in relation.mention_pairs:
        row = [_short(pair.head.text), _short(pair.tail.text)]
        row.append(f"{sentences.number(pair.head)}, {sentences.number(pair.tail)}")
        row += ["yes" if pair.key else "", f"{pair.share:.3f}" if pair.key else ""]
        rows.append((*row, *(form.format(getattr(pair, name)) for _, name, form in shown)))
    aligns = ("l", "l", "r", "l", *"r" * (1 + len(shown)))
    names = (*header, *(title for title, _, _ in shown))
    return table(rows, header=names, divider=True, aligns=aligns).strip("\n")


class _Sentences:
    """The numbers of a Doc's sentences, from 1 on."""

    def __init__(self, doc: Doc):
        split = doc.has_annotation("SENT_START")
        self.starts = [sent.start for sent in doc.sents] if split else None

    def number(self, span: Span) -> str:
        if self.starts is None:
            return "-"
        return str(sum(start <= span.start for start in self.starts))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
