"""`spacy kmgre explain`. What needs a model is imported when the command runs."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from spacy.cli._util import Arg, Opt
from spacy.tokens import Doc, Span

from ..annotations import get_entities
from ..errors import Errors
from ..errors.inert import inert_line
from ..types import Entity, Relation, label_title
from .arguments import CODE, COMPONENT, ENTITIES, GPU, MODEL, RelatedEntities, known_source, parse_overrides
from .printing import failing, plural, print_table
from .terminal import msg, say, say_json

if TYPE_CHECKING:
    from ..evaluation.explain import Explanation, RelationReason
    from ..extraction.annotate import Item

# The largest number of characters that a table shows of a mention.
WIDTH = 30


def explain_cli(
    ctx: typer.Context,
    model: str = MODEL,
    source: Path = Arg(..., help="A file to read, as in `extract`; - is standard input"),
    head: str | None = Opt(None, help="The head entity: its key, or the text of one of its mentions"),
    tail: str | None = Opt(None, help="The tail entity"),
    labels: list[str] = Opt(
        [],
        "--label",
        "-l",
        help="A relation to explain; without it those above the threshold, or the most probable. Without both "
        "entities: a relation to list. May be given several times",
    ),
    document: str | None = Opt(
        None, "--document", "-d", help="The name of the document; without it the first one is read"
    ),
    as_json: bool = Opt(False, "--json", help="Print JSON instead of tables"),
    source_format: str | None = Opt(
        None,
        "--from",
        metavar="FORMAT",
        callback=known_source,
        help="The format of the file, as in `extract`",
    ),
    entities: RelatedEntities = ENTITIES,
    component: str = COMPONENT,
    code: Path | None = CODE,
    use_gpu: int = GPU,
) -> None:
    """Show why a relation is predicted, or why not. It is a relation between two entities of a document.

    \b
    spacy kmgre explain MODEL text.txt                          the entities and relations of the document
    spacy kmgre explain MODEL text.txt --head Ann               its relations with this head
    spacy kmgre explain MODEL text.txt --head Ann --tail Acme   all that the model says of these two

    For each mention pair: p_ω, the probability that it is key; p_θ, the probability that it has the relation; whether
    it is key; and its share in the fused logit, which is compared with that of the threshold class TH. ATLOP scores
    entity pairs, not mention pairs: shares are parts of the attention that the two entities have in common.

    Settings of the pipeline can be overridden, for example `--components.kmgre_relations.threshold 0.6`.
    """
    from ..evaluation.explain import check_labels, explain
    from ..evaluation.gold_entities import between_gold_entities
    from ..extraction.reader import Reader, splits_sentences
    from ..extraction.sources import find_sources
    from .common import load_pipeline

    config = parse_overrides(ctx, ctx.args)
    with failing(f"Could not explain {source} with {model}"):
        sources = find_sources([source], source_format)
        nlp = load_pipeline(model, component, config=config, code=code, use_gpu=use_gpu)
        pipe: Any = nlp.get_pipe(component)
        reader = Reader(nlp, split=splits_sentences(nlp))
        item = _choose(reader.read(sources), document, source)
        given = entities is RelatedEntities.given
        with between_gold_entities(nlp, component) if given else nullcontext():
            doc = nlp(item.make())
        if head is None or tail is None:
            check_labels(labels, pipe.labels)
            _print_document(doc, _choose_relations(doc, head, tail, labels), item.name, as_json)
            return
        found = explain(pipe, doc, head, tail, labels)
    if as_json:
        say_json({"document": item.name, **found.to_dict()})
    else:
        _print_explanation(found, doc, item.name, tau=pipe.tau)


def _choose(items: Iterable["Item"], name: str | None, source: Path) -> "Item":
    for item in items:
        if name is None or item.name == name:
            return item
    if name is None:
        raise ValueError(Errors.E147.format(path=source, left=""))
    raise ValueError(Errors.E345.format(name=name, path=source))


def _choose_relations(doc: Doc, head: str | None, tail: str | None, labels: Sequence[str]) -> list[Relation]:
    """The Doc's relations with that head, that tail and one of those labels, where these are given."""
    from ..evaluation.explain import find_entity

    entities = get_entities(doc)
    head_key, tail_key = (
        None if name is None else entities[find_entity(entities, name)].key for name in (head, tail)
    )
    return [
        relation
        for relation in doc._.relations
        if head_key in (None, relation.head.key)
        and tail_key in (None, relation.tail.key)
        and (not labels or relation.label in labels)
    ]


def _print_document(doc: Doc, relations: Sequence[Relation], name: str, as_json: bool) -> None:
    from ..visualise.labels import label_hint

    entities = get_entities(doc)
    if as_json:
        say_json(
            {
                "document": name,
                "entities": [{"key": e.key, "text": e.text, "label": e.label} for e in entities],
                "relations": [
                    {"head": r.head.key, "label": r.label, "tail": r.tail.key, "score": r.score}
                    for r in relations
                ],
            }
        )
        return
    msg.divider(name)
    rows = [(e.key, e.label, _short(e.text), str(len(e.mentions))) for e in entities]
    print_table(("entity", "type", "text", "mentions"), rows, left=3)
    rows = [
        (_named(r.head), label_title(r.label, r.label_text), _named(r.tail), f"{r.score:.3f}")
        for r in relations
    ]
    print_table(("head", "relation", "tail", "score"), rows, left=3)
    if hint := label_hint(relations):
        msg.info(hint)
    msg.info("--head and --tail name two entities to explain")


def _print_explanation(found: "Explanation", doc: Doc, name: str, tau: float) -> None:
    msg.divider(name)
    for side, entity in (("head", found.head), ("tail", found.tail)):
        kind = f" ({inert_line(entity.label)})" if entity.label else ""
        names = "  ".join(map(inert_line, (side, entity.key, entity.text)))
        say(f"{names}{kind}, {plural(len(entity.mentions), 'mention')}")
    if found.key_threshold is None:
        say("No key instance classifier: all mention pairs count.")
    else:
        limit = f"{found.key_threshold:.3f}"
        say(f"A mention pair is key if its p_ω is at least {limit}, or the best (τ = {tau:.3f}).")
    for relation in found.relations:
        verb = "predicted" if relation.predicted else "not predicted"
        say(f"\n{inert_line(label_title(relation.label, relation.label_text))}: {verb}")
        say(
            f"  score {relation.score:.3f}, threshold {relation.threshold:g} "
            f"(fused logit {relation.logit:.2f}, of TH {relation.threshold_logit:.2f})"
        )
        for note in relation.notes:
            say(f"  {note}")
        _print_pairs(relation, doc)


def _print_pairs(relation: "RelationReason", doc: Doc) -> None:
    scores = [
        ("p_ω", "key_score", "{:.3f}"),
        ("p_θ", "relation_score", "{:.3f}"),
        ("logit", "logit", "{:.2f}"),
        ("TH", "threshold_logit", "{:.2f}"),
    ]
    shown = [score for score in scores if getattr(relation.mention_pairs[0], score[1]) is not None]
    split = doc.has_annotation("SENT_START")
    starts = [sent.start for sent in doc.sents] if split else []

    def sentence(mention: Span) -> str:
        """The number of its sentence, from 1 on."""
        return str(sum(start <= mention.start for start in starts)) if split else "-"

    rows = []
    for pair in relation.mention_pairs:
        row = [_short(pair.head.text), _short(pair.tail.text)]
        row.append(f"{sentence(pair.head)}, {sentence(pair.tail)}")
        row += ["yes" if pair.key else "", f"{pair.share:.3f}" if pair.key else ""]
        rows.append([*row, *(form.format(getattr(pair, name)) for _, name, form in shown)])
    header = ("head", "tail", "sentences", "key", "share", *(title for title, _, _ in shown))
    print_table(header, rows, left=4)


def _named(entity: Entity) -> str:
    return f"{entity.key} {_short(entity.text)}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
