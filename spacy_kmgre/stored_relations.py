"""Where a Doc keeps its relations: as plain data in `doc.user_data`, beside the component that has written them.

Where several components write relations, each has its own, whatever `doc._.relations` shows.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc

from .entity_groups import IDS, PREFIX_USED
from .errors import Errors
from .relation_input import relation_data_of
from .retokenize import move_relations, token_starts

Data = dict[str, Any]

_RELATIONS = "spacy_kmgre.relations"
_WRITER = "spacy_kmgre.relations_of"
_TOKENS = "spacy_kmgre.token_starts"
# What each of several components has written: {"relations": [...], "tokens": their `token_starts`}.
_BY_WRITER = "spacy_kmgre.relations_by"
# What else is kept: the title of the document, and the pipeline that has found the relations.
TITLE = "title"
MODEL = "model"
KINDS: dict[str, type | tuple[type, ...]] = {
    _RELATIONS: (list, tuple),
    _WRITER: str,
    _TOKENS: bytes,
    _BY_WRITER: Mapping,
    MODEL: Mapping,
    PREFIX_USED: str,
    IDS: Mapping,
}


def check_stored(doc: Doc) -> None:
    """See that what this package keeps on a Doc is right, and bring its relations into the form that it writes. A Doc
    that comes from a file may hold anything.

    :raises ValueError: Where something is wrong; the message names the field of `doc.user_data`.
    """
    document = str(doc.user_data.get(TITLE) or doc.text[:40])
    for name, kind in KINDS.items():
        value = doc.user_data.get(name)
        if value is not None and not isinstance(value, kind):
            raise ValueError(Errors.E155.format(document=document, name=name, error=f"{value!r:.80}"))
        texts = (doc.user_data.get(name) or {}).items() if name in (MODEL, IDS) else ()
        if not all(isinstance(text, str) for pair in texts for text in pair):
            raise ValueError(Errors.E155.format(document=document, name=name, error="it has what is no text"))
    tokens = token_starts(doc)
    name = _RELATIONS
    try:
        if not doc.spans:  # A corpus without entities is told of as a whole (W110).
            list(map(dict, relation_data(doc)))
        elif name in doc.user_data:
            doc.user_data[name] = [relation_data_of(doc, data) for data in relation_data(doc)]
        if (name := _BY_WRITER) in doc.user_data:
            doc.user_data[name] = {
                writer: {
                    "relations": [relation_data_of(doc, data) for data in relation_data_by(doc, writer)],
                    "tokens": tokens,
                }
                for writer in doc.user_data[name]
            }
    except Exception as error:  # Its class depends on what is wrong.
        raise ValueError(Errors.E155.format(document=document, name=name, error=error)) from error
    if _TOKENS in doc.user_data:
        doc.user_data[_TOKENS] = tokens


def relation_data(doc: Doc) -> list[Data]:
    """The stored form of the relations (`Relation.to_dict`), without making spans.

    Where the Doc has other tokens than when they were stored, as after `merge_entities`, its token offsets are those of
    the tokens that hold the same characters now.
    """
    return _at_tokens(doc, list(doc.user_data.get(_RELATIONS, ())), doc.user_data.get(_TOKENS))


def relation_data_by(doc: Doc, writer: str) -> list[Data]:
    """What a component has written, in the form of `relation_data`.

    :raises ValueError: Where no such component has written to the Doc.
    """
    by_writer = doc.user_data.get(_BY_WRITER, {})
    if writer in by_writer:
        return _at_tokens(doc, list(by_writer[writer]["relations"]), by_writer[writer]["tokens"])
    last = relations_writer(doc)
    if not writer or writer != last:
        known = ", ".join(by_writer) or last or "none"
        raise ValueError(Errors.E610.format(name=writer, known=known))
    return relation_data(doc)


def _at_tokens(doc: Doc, relations: list[Data], stored: bytes | None) -> list[Data]:
    if not relations or stored is None:
        return relations
    return move_relations(relations, stored, token_starts(doc))


def relations_writer(doc: Doc) -> str:
    """The name of the component that has written the relations on the Doc, "" where a person or a corpus has."""
    return str(doc.user_data.get(_WRITER, ""))


def model_of(doc: Doc) -> dict[str, str]:
    """The name and the version of the pipeline that has found the relations, "" where they are not known."""
    return {"name": "", "version": "", **doc.user_data.get(MODEL, {})}


def suggested_by(doc: Doc) -> str:
    """What has found the relations of a Doc: the name and the version of the pipeline, or the component; "" where a
    person or a corpus says them."""
    model = model_of(doc)
    return "-".join(filter(None, (model["name"], model["version"]))) or relations_writer(doc)


def store_relations(doc: Doc, relations: Iterable[Data], writer: str = "", *, merge: bool = False) -> str:
    """Replace the relations on the Doc by some that are right.

    :param relations: Complete dicts of the form of `Relation.to_dict`.
    :param writer: The name of the component that writes them, "" where a person does.
    :param merge: Whether the Doc also keeps what other components have written. Of a relation that several have found,
        it has the one with the highest score.
    :returns: The name of the component whose relations are replaced, "" where there is none.
    """
    found = _sorted(relations)
    before = str(doc.user_data.pop(_WRITER, ""))
    tokens = token_starts(doc)
    others = dict(doc.user_data.get(_BY_WRITER, {}))
    replaced = ""
    if before not in ("", writer):
        kept = relation_data(doc)
        replaced = before if kept and not merge else ""
        others.setdefault(before, {"relations": kept, "tokens": tokens})
    if others:
        own = {writer: {"relations": found, "tokens": tokens}} if writer else {}
        doc.user_data[_BY_WRITER] = {**others, **own}
    if merge:
        found = _merged([*found, *(data for name in others for data in relation_data_by(doc, name))])
    doc.user_data[_RELATIONS] = found
    doc.user_data[_TOKENS] = tokens
    if writer:
        doc.user_data[_WRITER] = writer
    return replaced


def forget_writers(doc: Doc) -> None:
    """Forget what components have written, where a person replaces all relations."""
    for name in (_WRITER, _BY_WRITER):
        doc.user_data.pop(name, None)


def _merged(relations: Iterable[Data]) -> list[Data]:
    """Each relation once, as the highest score has it."""
    found: dict[tuple[str, str, str], Data] = {}
    for data in _sorted(relations):
        found.setdefault((data["head"], data["tail"], data["label"]), data)
    return list(found.values())


def _sorted(relations: Iterable[Data]) -> list[Data]:
    return sorted(relations, key=lambda data: -data["score"])
