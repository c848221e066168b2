"""The types of UIMA CAS that INCEpTION knows, and a Doc as a CAS of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..annotations import TITLE, document_name, get_entities
from ..errors import Errors
from .identifiers import doc_labels
from .mentions import COREF, Link, part_mentions
from .names import file_name
from .xml import check_characters

CORE = "de.tudarmstadt.ukp.dkpro.core.api."
METADATA = CORE + "metadata.type.DocumentMetaData"
TOKEN = CORE + "segmentation.type.Token"
SENTENCE = CORE + "segmentation.type.Sentence"
NAMED_ENTITY = CORE + "ner.type.NamedEntity"
CHAIN = CORE + "coref.type.CoreferenceChain"
COREF_LINK = CORE + "coref.type.CoreferenceLink"
# The layers that INCEpTION's project template "Basic annotation" has.
SPAN, RELATION = "custom.Span", "custom.Relation"
ENDS = ("Governor", "Dependent")
STRING = "uima.cas.String"


def import_cassis() -> Any:
    """The library for CAS, which is installed by an extra.

    :raises ImportError: Where it is not there.
    """
    try:
        import cassis
    except ImportError:
        raise ImportError(Errors.E530.format(module="dkpro-cassis", extra="cas")) from None
    return cassis


def write_xmi(docs: Iterable[Doc], path: Path) -> None:
    """Write Docs as UIMA CAS XMI."""
    path.mkdir()
    types = _types()
    types.to_xml(path / "TypeSystem.xml")
    for doc, file in _files(docs, path, ".xmi"):
        for text in _texts(doc):
            check_characters(document_name(doc), text)
        _cas(doc, types).to_xmi(file)


def _texts(doc: Doc) -> Iterator[str]:
    """All that a file has of a Doc."""
    yield from (doc.text, document_name(doc), *doc_labels(doc))
    for entity in get_entities(doc):
        yield from (entity.label, *(span.kb_id_ for span in entity.mentions))


def write_json(docs: Iterable[Doc], path: Path) -> None:
    """Write Docs as UIMA CAS JSON."""
    path.mkdir()
    types = _types()
    for doc, file in _files(docs, path, ".json"):
        _cas(doc, types).to_json(file)


def _files(docs: Iterable[Doc], path: Path, ending: str) -> Iterator[tuple[Doc, Path]]:
    taken: set[str] = set()
    for doc in docs:
        file = path / (file_name(document_name(doc), taken) + ending)
        file.parent.mkdir(parents=True, exist_ok=True)
        yield doc, file


def _types() -> Any:
    types = import_cassis().load_dkpro_core_typesystem()
    span = types.create_type(SPAN, supertypeName="uima.tcas.Annotation")
    relation = types.create_type(RELATION, supertypeName="uima.tcas.Annotation")
    metadata = types.create_type(METADATA, supertypeName="uima.tcas.DocumentAnnotation")
    for kind, name, values in (
        *((metadata, name, STRING) for name in ("documentTitle", "documentId")),
        (span, "label", STRING),
        (span, "identifier", STRING),
        (relation, "label", STRING),
        *((relation, end, span) for end in ENDS),
    ):
        types.create_feature(domainType=kind, name=name, rangeType=values)
    return types


def _cas(doc: Doc, types: Any) -> Any:
    cas = import_cassis().Cas(typesystem=types)
    cas.sofa_string, cas.sofa_mime = doc.text, "text/plain"
    kinds = {
        name: types.get_type(name) for name in (METADATA, TOKEN, SENTENCE, SPAN, RELATION, CHAIN, COREF_LINK)
    }

    def add(kind: str, start: int, end: int, **features: Any) -> Any:
        annotation = kinds[kind](begin=start, end=end, **features)
        cas.add(annotation)
        return annotation

    add(
        METADATA,
        0,
        len(doc.text),
        documentTitle=str(doc.user_data.get(TITLE) or ""),
        documentId=document_name(doc),
    )
    for token in doc:
        if not token.is_space:
            add(TOKEN, token.idx, token.idx + len(token))
    for sentence in doc.sents if doc.has_annotation("SENT_START") else ():
        add(SENTENCE, sentence.start_char, sentence.end_char)
    found = part_mentions(doc)
    spans = [
        add(SPAN, span.start_char, span.end_char, label=span.label_ or None, identifier=span.kb_id_ or None)
        for span in found.mentions
    ]
    # A link of a chain says by its characters alone which mention it is. Where two mentions share them, relations tell.
    shared = Counter((span.begin, span.end) for span in spans)
    links, chains = list(found.links), []
    for chain in found.chains:
        if all(shared[spans[number].begin, spans[number].end] == 1 for number in chain):
            chains.append(chain)
        else:
            links += [Link(later, earlier, COREF) for earlier, later in pairwise(chain)]
    for link in links:
        head, tail = spans[link.head], spans[link.tail]
        add(RELATION, tail.begin, tail.end, Governor=head, Dependent=tail, label=link.label)
    for chain in chains:
        link_after = None
        for number in reversed(chain):
            link_after = add(COREF_LINK, spans[number].begin, spans[number].end, next=link_after)
        cas.add(kinds[CHAIN](first=link_after))
    return cas
