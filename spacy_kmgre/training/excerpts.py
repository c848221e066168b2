"""Excerpts of documents to learn from: the sentences that are evidence of a relation, and nothing else. EIDER (Xie et
al., Findings of ACL 2022) learns from such pseudo documents too, in the same pass as from the whole ones.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from random import Random
from typing import Any

from spacy.tokens import Doc, Span

from ..annotations import ENTITY_PREFIX, TITLE, read_entities, relation_data

# Evidence of more sentences than that is nearly a document by itself.
MOST_SENTENCES = 3

# The first token of a sentence, and the one behind its last.
Offsets = tuple[int, int]


def evidence_excerpts(doc: Doc, count: int, prefix: str = ENTITY_PREFIX) -> Iterator[Doc]:
    """Yield excerpts of a document, each of which holds the evidence sentences of a gold relation. Chance says which
    relations these are, but they are the same in every reading.

    :param count: The largest number of excerpts. No two have the same sentences, and none has more than three of them,
        or all of the document.
    :param prefix: The prefix of the span groups that hold the entities.
    """
    if not doc.has_annotation("SENT_START"):
        return
    sentences = sum(1 for _ in doc.sents)
    known = {tuple(sorted(_evidence(data))) for data in relation_data(doc)}
    chosen = sorted(own for own in known if 0 < len(own) <= MOST_SENTENCES and len(own) < sentences)
    Random(len(doc)).shuffle(chosen)
    yield from islice((found for own in chosen if (found := cut(doc, own, prefix))._.relations), count)


def cut(doc: Doc, sentences: Sequence[Offsets], prefix: str = ENTITY_PREFIX) -> Doc:
    """Make a Doc of some sentences of another. It has the mentions in them, and the relations that they say: those
    whose evidence is among them, and of those without evidence the ones whose entities are mentioned in one of them.

    :param sentences: One or several sentences, in their order.
    :param prefix: The prefix of the span groups that hold the entities.
    """
    parts = [doc[start:end].as_doc() for start, end in sentences]
    found = parts[0] if len(parts) == 1 else Doc.from_docs(parts)
    begins = accumulate(map(len, parts), initial=0)
    shifts = {own: begin - own[0] for own, begin in zip(sentences, begins)}
    if TITLE in doc.user_data:
        found.user_data[TITLE] = doc.user_data[TITLE]
    places: dict[str, set[Offsets]] = {}
    for entity in read_entities(doc, prefix):
        mentions = [
            (span, own)
            for own in sentences
            for span in entity.mentions
            if own[0] <= span.start and span.end <= own[1]
        ]
        if mentions:
            places[entity.key] = {own for _, own in mentions}
            found.spans[entity.key] = [
                Span(found, span.start + shifts[own], span.end + shifts[own], span.label, kb_id=span.kb_id)
                for span, own in mentions
            ]
    relations = []
    for data in relation_data(doc):
        head, tail, evidence = data["head"], data["tail"], _evidence(data)
        if head not in places or tail not in places:
            continue
        if evidence <= shifts.keys() if evidence else places[head] & places[tail]:
            moved = [(own[0] + shifts[own], own[1] + shifts[own]) for own in sorted(evidence)]
            relations.append({**data, "evidence": moved, "key_mention_pairs": []})
    found._.relation_data = relations
    return found


def _evidence(data: dict[str, Any]) -> set[Offsets]:
    """Return the evidence of a relation in its stored form."""
    return {(start, end) for start, end in data["evidence"]}
