"""Prodigy's JSON lines, as `rel.manual` writes them: a text, tokens, spans, and relations between spans.

A span is told by its offsets, so that entities which share one are a single entity when they are read again.

https://prodi.gy/docs/api-interfaces#relations
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import TITLE
from ..errors import Errors
from .assemble import Offsets, TextDocs
from .base import KEY_PAIRS, TEXT, Draft, Format, Options, coreferring_labels, take, typed
from .counts import Counts
from .files import read_json_lines, write_json_lines
from .mentions import MentionGraph, part_mentions


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for where, parse in read_json_lines(path):
        yield Draft("", partial(_read_document, where, parse, docs))


def _read_document(where: str, parse: Callable[[], Any], docs: TextDocs) -> Doc | None:
    """The document of a line; None where the annotator has not accepted it."""
    data = typed(where, "document", parse(), dict)
    if take(where, data, "answer", str, default="accept") != "accept":
        docs.counts.note("documents rejected or ignored by the annotator (left out)")
        return None
    text = take(where, data, "text", str)
    tokens = [
        _offsets(f"{where} tokens[{number}]", token)
        for number, token in enumerate(take(where, data, "tokens", list, default=[]))
    ]
    graph = MentionGraph(docs, text)
    for number, span in enumerate(take(where, data, "spans", list, default=[])):
        at = f"{where} spans[{number}]"
        start, end = _offsets(at, span)
        words = take(at, span, "text", str, default=text[start:end])
        docs.counts.note("spans listed twice", (start, end) in graph.mentions)
        if (start, end) not in graph.mentions:
            graph.add(at, (start, end), start, end, take(at, span, "label", str, default=""), words)
    for number, relation in enumerate(take(where, data, "relations", list, default=[])):
        at = f"{where} relations[{number}]"
        typed(at, "relation", relation, dict)
        ends = [_end(at, relation, end, tokens, graph) for end in ("head", "child")]
        for start, end in ends:
            if (start, end) not in graph.mentions:
                docs.counts.note("words that are related and no span")
                graph.add(at, (start, end), start, end)
        graph.relate(at, ends[0], ends[1], take(at, relation, "label", str))
    clusters, relations = graph.assemble()
    meta = take(where, data, "meta", dict, default={})
    title = take(where, meta, "title", str, default="")
    return docs.make(where, text, clusters, relations, title=title, tokens=tokens or None)


def _offsets(where: str, data: Any) -> Offsets:
    typed(where, "span", data, dict)
    return take(where, data, "start", int), take(where, data, "end", int)


def _end(
    where: str, relation: dict[str, Any], end: str, tokens: list[Offsets], graph: MentionGraph
) -> Offsets:
    """The offsets of a relation's head or child: its span, or the span that its token is in, or the token."""
    span = relation.get(f"{end}_span")
    if span is not None:
        return _offsets(where, span)
    number = take(where, relation, end, int)
    if not 0 <= number < len(tokens):
        raise ValueError(Errors.E131.format(where=where, reference=number, known=f"{len(tokens)} tokens"))
    start, stop = tokens[number]
    spans: list[Offsets] = list(graph.mentions)  # type: ignore[arg-type]
    return next((span for span in spans if span[0] <= start and stop <= span[1]), (start, stop))


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_lines(map(_document, docs), path)


def _document(doc: Doc) -> dict[str, Any]:
    found = part_mentions(doc)
    mentions = found.mentions
    title = doc.user_data.get(TITLE)
    return {
        "text": doc.text,
        "meta": {"title": title} if title else {},
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
            _relation(mentions[head], mentions[tail], label) for head, tail, label in found.all_links()
        ],
        "answer": "accept",
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


def _relation(head: Span, child: Span, label: str) -> dict[str, Any]:
    return {
        "head": head.end - 1,
        "child": child.end - 1,
        "head_span": _span(head),
        "child_span": _span(child),
        "label": label,
    }


PRODIGY = Format(
    name="prodigy",
    description="JSON lines of Prodigy's relation annotation",
    reader=_read,
    writer=_write,
    options=TEXT | {"coref_label"},
    holds=frozenset({KEY_PAIRS}),
    changes=coreferring_labels,
)
