"""Prodigy's JSON lines, as `rel.manual` writes them: a text, tokens, spans, and relations between spans.

Spans are told apart by their offsets, so entities that share one become a single entity when they are read again.

https://prodi.gy/docs/api-interfaces#relations
"""

from typing import Any

from spacy.tokens import Doc, Span

from ..annotations import TITLE, suggested_by
from ..errors import Errors
from .assemble import Offsets, TextDocs
from .base import KEY_PAIRS, SCORES, Format
from .files import write_json_lines
from .mentions import SUGGESTED, Link, MentionGraph, TaskOptions, coreferring_labels, part_mentions
from .models import LIST, Model, Score, Spared, Text, check, json_reader, present
from .peek import Peek


class Characters(Model):
    """A stretch of characters."""

    start: int
    end: int

    @property
    def offsets(self) -> Offsets:
        return self.start, self.end


class JsonSpan(Characters):
    """A span of Prodigy."""

    text: Text = ""
    label: Text = ""


class JsonRelation(Model):
    """A relation of Prodigy."""

    head: int | None = None
    child: int | None = None
    head_span: JsonSpan | None = None
    child_span: JsonSpan | None = None
    label: Text = ""
    score: Score = 1.0


class Answered(Model):
    """A task as far as it has an answer; None stands for none."""

    answer: str | None = None
    meta: Any = None

    @property
    def suggested(self) -> bool:
        """Whether a model has made the task, and nobody has answered yet."""
        return self.answer is None and isinstance(self.meta, dict) and bool(self.meta.get("model"))


class Document(Answered):
    """A task with text, spans and relations."""

    text: Text
    tokens: list[Characters] = LIST
    spans: list[Spared[JsonSpan]] = LIST
    relations: list[Spared[JsonRelation]] = LIST

    @property
    def title(self) -> str:
        """The title, where `meta`, which may hold anything, has one."""
        title = self.meta.get("title") if isinstance(self.meta, dict) else None
        return str(title) if isinstance(title, str | int) else ""


def _read_document(where: str, data: Any, docs: TextDocs[TaskOptions]) -> Doc | None:
    """Make the document of a line, or None where nobody has accepted it."""
    answered = check(Answered, where, data)
    if answered.suggested and not docs.options.predicted:
        docs.counts.note(SUGGESTED)
        return None
    if answered.answer not in (None, "accept"):
        docs.counts.note("documents rejected or ignored by the annotator (left out)")
        return None
    document = check(Document, where, data, docs.spared)
    tokens = [token.offsets for token in document.tokens]
    graph: MentionGraph[Offsets] = MentionGraph(docs, document.text)
    for number, span in present(document.spans):
        words = span.text if "text" in span.model_fields_set else None
        docs.counts.note("spans listed twice", span.offsets in graph.mentions)
        if span.offsets not in graph.mentions:
            graph.add(f"{where} spans[{number}]", span.offsets, *span.offsets, span.label, words)
    for number, relation in present(document.relations):
        at = f"{where} relations[{number}]"
        with docs.leaving_out("relations left out, as they refer to nothing"):
            head = _end(at, relation.head_span, relation.head, tokens, graph)
            child = _end(at, relation.child_span, relation.child, tokens, graph)
            for offsets, end in ((head, relation.head_span), (child, relation.child_span)):
                if offsets not in graph.mentions:
                    docs.counts.note("words that are related and no span")
                    graph.add(at, offsets, *offsets, end.label if end else "")
            graph.relate(at, head, child, relation.label, relation.score)
    return graph.make(where, document.title, tokens or None)


def _end(
    where: str,
    span: Characters | None,
    number: int | None,
    tokens: list[Offsets],
    graph: MentionGraph[Offsets],
) -> Offsets:
    """The offsets of a relation's head or child: its span, or the shortest span that its token is in, or the token."""
    if span is not None:
        return span.offsets
    if number is None or not 0 <= number < len(tokens):
        raise ValueError(Errors.E131.format(where=where, reference=number, known=f"{len(tokens)} tokens"))
    start, stop = tokens[number]
    around = [span for span in graph.mentions if span[0] <= start and stop <= span[1]]
    return min(around, key=lambda span: span[1] - span[0], default=(start, stop))


def _document(doc: Doc) -> dict[str, Any]:
    found = part_mentions(doc)
    mentions = found.mentions
    title, model = doc.user_data.get(TITLE), suggested_by(doc)
    return {
        "text": doc.text,
        "meta": {**({"title": title} if title else {}), **({"model": model} if model else {})},
        "tokens": [
            {
                "text": token.text,
                "start": token.idx,
                "end": token.idx + len(token),
                "id": token.i,
                "ws": bool(token.whitespace_),
            }
            for token in doc
        ],
        "spans": [{"text": span.text, **_span(span), "type": "span"} for span in mentions],
        "relations": [
            _relation(mentions[link.head], mentions[link.tail], link) for link in found.all_links()
        ],
        # What a model has found has not been accepted by anybody.
        **({} if model else {"answer": "accept"}),
        "_view_id": "relations",
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "start": span.start_char,
        "end": span.end_char,
        "token_start": span.start,
        "token_end": span.end - 1,  # Prodigy's is the last token
        "label": span.label_,
    }


def _relation(head: Span, child: Span, link: Link) -> dict[str, Any]:
    return {
        "head": head.end - 1,
        "child": child.end - 1,
        "head_span": _span(head),
        "child_span": _span(child),
        "label": link.label,
        **({"score": link.score} if link.score != 1.0 else {}),
    }


def _sniff(peek: Peek) -> bool:
    marked = any({"_task_hash", "_input_hash", "_view_id"} & item.keys() for item in peek.objects)
    spans = any({"start", "end"} <= span.keys() for span in peek.first("spans"))
    return marked or spans or any("child" in relation for relation in peek.first("relations"))


PRODIGY = Format(
    name="prodigy",
    description="JSON lines of Prodigy's relation annotation",
    reader=json_reader(_read_document),
    writer=lambda docs, path: write_json_lines(map(_document, docs), path),
    settings=TaskOptions,
    default_ending=".jsonl",
    sniff=_sniff,
    holds=frozenset({KEY_PAIRS, SCORES}),
    changes=coreferring_labels,
)
