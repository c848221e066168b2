"""UIMA CAS, as XMI and as JSON: what INCEpTION and WebAnno export, and import.

A document is a file of its own. XMI needs the types beside it, in a TypeSystem.xml; JSON carries them. A source is a
file, a zip archive as INCEpTION's export is one, or a folder of these, such as an exported project.

    spans        NamedEntity and the span layers of the project: mentions, with the label of a string feature
    relations    relation layers of the project (Governor, Dependent), and links of span layers (role, target)
    coreference  CoreferenceChain and CoreferenceLink: the mentions of one entity

https://inception-project.github.io/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors
from .assemble import Offsets, TextDocs, check_order
from .base import IDENTIFIERS, KEY_PAIRS, SHARED, Draft, Format, option
from .cas_writer import (
    CHAIN,
    CORE,
    ENDS,
    METADATA,
    NAMED_ENTITY,
    SENTENCE,
    STRING,
    TOKEN,
    import_cassis,
    write_json,
    write_xmi,
)
from .compression import bare_name, is_archive, open_file, unpacked
from .counts import Counts
from .files import walk_files
from .identifiers import shared_identifiers
from .mentions import MentionGraph, MentionOptions, coreferring_labels
from .peek import Peek
from .xml import first_element

# What layers of others begin with that say how text is built, not what is annotated.
BUILT_IN = (CORE, "uima.", "org.apache.", "de.tudarmstadt.ukp.inception.", "de.tudarmstadt.ukp.clarin.")
# The features that hold a label, in the order of preference; without them it is the first string feature.
LABELS = ("value", "label")
TYPES = "typesystem.xml"


@dataclass(frozen=True)
class CasOptions(MentionOptions):
    """The options of UIMA CAS.

    :param layers: The layers to read, with commas between: full names, or what comes after the last dot. Without it
        NamedEntity and all layers of the project are read.
    :param label_feature: The feature that holds labels; without it `value`, `label` or the first string feature.
    """

    layers: str = option(
        "", "The layers to read, with commas between: NamedEntity,Span; without it, all of a project"
    )
    label_feature: str = option(
        "", "The feature of layers that holds the label; without it, value, label or the first"
    )


class Source(NamedTuple):
    """A CAS that is yet to be read.

    :param name: The name of its file without the ending.
    :param data: A function that gives the contents of the file.
    :param types: A function that gives those of its TypeSystem.xml; None where there is none.
    """

    where: str
    name: str
    data: Callable[[], bytes]
    types: Callable[[], bytes] | None = None


def _read(ending: str, path: Path, vocab: Vocab, counts: Counts, options: CasOptions) -> Iterator[Draft]:
    import_cassis()
    docs = TextDocs(vocab, counts, options)
    found = False
    for source in _sources(path, ending):
        found = True
        yield Draft("", partial(_read_document, source, docs))
    if not found:
        raise ValueError(Errors.E132.format(path=path, kind=f"*{ending}"))


def _sources(path: Path, ending: str) -> Iterator[Source]:
    """The files of a kind at a path, in its folders and in the archives there."""
    folder = path if path.is_dir() else path.parent
    near = walk_files(folder) if path.is_dir() else folder.iterdir()
    types = {file.parent: file for file in sorted(near) if file.name.lower() == TYPES}
    for file in walk_files(path) if path.is_dir() else [path]:
        if is_archive(file):
            with unpacked(file) as inner:
                yield from _sources(inner, ending)
        elif file == path or bare_name(file).suffix.lower() == ending:
            beside = next((types[above] for above in file.parents if above in types), None)
            yield Source(
                str(file),
                bare_name(file).stem,
                partial(_bytes, file),
                partial(_bytes, beside) if beside else None,
            )


def _bytes(path: Path) -> bytes:
    with open_file(path) as file:
        return file.read()


def _read_document(source: Source, docs: TextDocs[CasOptions]) -> Doc:
    cas = _load(source, docs.options.lenient)
    text = cas.sofa_string or ""
    graph: MentionGraph[int] = MentionGraph(docs, text)
    layers = _Layers(cas, docs.options)
    places: dict[Offsets, int] = {}
    for layer in layers.spans:
        for number, span in enumerate(cas.select(layer)):
            at = f"{source.where} {layer.name}[{number}]"
            places[span.begin, span.end] = span.xmiID
            with docs.leaving_out("mentions left out, as their text is elsewhere"):
                graph.add(at, span.xmiID, span.begin, span.end, layers.label(span))
                if identifier := _text(span, "identifier"):
                    graph.identify(at, span.xmiID, identifier)
    for at, head, tail, label in layers.links():
        if head in graph.mentions and tail in graph.mentions:
            graph.relate(f"{source.where} {at}", head, tail, label)
        else:
            docs.counts.note("relations left out, as an end is in no layer that is read")
    _add_chains(source.where, cas, graph, places)
    tokens, sentences = _offsets(cas, TOKEN), _offsets(cas, SENTENCE)
    if tokens and not _covers(text, tokens):
        docs.counts.note("documents whose tokens leave out text (found anew)")
        tokens = []
    if sentences and not _covers(text, sentences):
        docs.counts.note("documents whose sentences leave out text (found anew)")
        sentences = []
    return graph.make(source.where, _title(cas) or source.name, tokens or None, sentences or None)


def _load(source: Source, lenient: bool) -> Any:
    cassis = import_cassis()
    try:
        data = source.data()
        if data.lstrip()[:1] == b"{":
            return cassis.load_cas_from_json(BytesIO(data), lenient=lenient)
        if source.types is None:
            raise ValueError(Errors.E604.format(where=source.where))
        types = source.types()
        for part, expected in ((data, "xmi:XMI"), (types, "typeSystemDescription")):
            found = first_element(source.where, BytesIO(part))
            if found != expected:
                raise ValueError(f"<{found}> is there, in place of <{expected}>")
        return cassis.load_cas_from_xmi(
            BytesIO(data), cassis.load_typesystem(BytesIO(types)), lenient=lenient
        )
    except Exception as error:  # what a damaged file raises depends on the place of the damage
        if str(error).startswith("[KMGRE"):
            raise
        raise ValueError(Errors.E603.format(where=source.where, error=error)) from error


class _Layers:
    """The layers of a CAS that hold mentions and relations."""

    def __init__(self, cas: Any, options: CasOptions):
        self.cas = cas
        self.feature = options.label_feature
        self.default_label = options.default_label
        wanted = {name.strip() for name in options.layers.split(",")} - {""}
        self.spans: list[Any] = []
        self.relations: list[Any] = []
        for kind in cas.typesystem.get_types():
            names = {kind.name, kind.name.rpartition(".")[2]}
            own = kind.name == NAMED_ENTITY or not kind.name.startswith(BUILT_IN)
            if (wanted & names if wanted else own) and _is_annotation(kind):
                related = set(ENDS) <= {feature.name for feature in kind.all_features}
                (self.relations if related else self.spans).append(kind)
        # A layer that another one is derived from selects that one's annotations too.
        self.spans = [kind for kind in self.spans if not _derived(kind, self.spans)]

    def label(self, annotation: Any) -> str:
        """The label of an annotation; the name of its layer where that has no string features."""
        kind = annotation.type
        strings = [feature.name for feature in kind.all_features if feature.rangeType.name == STRING]
        order = [self.feature] if self.feature else [name for name in LABELS if name in strings] or strings
        if not strings:
            return str(kind.name.rpartition(".")[2])
        return _text(annotation, order[0])

    def links(self) -> Iterator[tuple[str, int, int, str]]:
        """The place, head, tail and label of each relation and link."""
        for layer in self.relations:
            for number, relation in enumerate(self.cas.select(layer)):
                head, tail = (getattr(relation, end, None) for end in ENDS)
                label = self.label(relation) or self.default_label or layer.name.rpartition(".")[2]
                yield f"{layer.name}[{number}]", _number(head), _number(tail), label
        for layer in self.spans:
            for number, host in enumerate(self.cas.select(layer)):
                for name, link in _links_of(host):
                    at = f"{layer.name}[{number}].{name}"
                    yield at, host.xmiID, _number(link.target), _text(link, "role") or name


def _derived(kind: Any, kinds: Iterable[Any]) -> bool:
    above = kind.supertype
    while above is not None:
        if above in kinds:
            return True
        above = above.supertype
    return False


def _is_annotation(kind: Any) -> bool:
    while kind is not None:
        if kind.name == "uima.tcas.Annotation":
            return True
        kind = kind.supertype
    return False


def _number(annotation: Any) -> int:
    return int(annotation.xmiID) if annotation is not None else -1


def _text(annotation: Any, feature: str) -> str:
    value = getattr(annotation, feature, None)
    return value if isinstance(value, str) else ""


def _links_of(host: Any) -> Iterator[tuple[str, Any]]:
    """The links of a span, each with the name of its feature."""
    for feature in host.type.all_features:
        value = getattr(host, feature.name, None)
        for link in getattr(value, "elements", None) or ():
            if hasattr(link, "role") and getattr(link, "target", None) is not None:
                yield feature.name, link


def _add_chains(where: str, cas: Any, graph: MentionGraph[int], places: Mapping[Offsets, int]) -> None:
    """Join the mentions of each chain of coreference. A link that is no mention yet becomes one without a type.

    :param places: The names of the mentions by their offsets.
    """
    if not cas.typesystem.contains_type(CHAIN):
        return
    for number, chain in enumerate(cas.select(CHAIN)):
        found: list[int] = []
        link = chain.first
        seen: set[int] = set()
        while link is not None and link.xmiID not in seen:
            seen.add(link.xmiID)
            name = places.get((link.begin, link.end), link.xmiID)
            with graph.docs.leaving_out("mentions left out, as their text is elsewhere"):
                if name not in graph.mentions:
                    graph.add(f"{where} {CHAIN}[{number}]", name, link.begin, link.end)
                found.append(name)
            link = link.next
        for one, other in pairwise(found):
            graph.join(where, one, other)


def _offsets(cas: Any, kind: str) -> list[Offsets]:
    if not cas.typesystem.contains_type(kind):
        return []
    return [(item.begin, item.end) for item in cas.select(kind) if item.begin < item.end]


def _covers(text: str, spans: list[Offsets]) -> bool:
    try:
        check_order("", "", text, spans)
    except ValueError:
        return False
    return True


def _title(cas: Any) -> str:
    found = cas.select(METADATA) if cas.typesystem.contains_type(METADATA) else []
    titles = (_text(item, name) for item in found for name in ("documentTitle", "documentId"))
    return next(filter(None, titles), "")


def _holds_json(peek: Peek) -> bool:
    first = Peek(peek.files[".json"]) if ".json" in peek.files else peek
    return any("%FEATURE_STRUCTURES" in item for item in first.objects)


_cas_format = partial(
    Format,
    settings=CasOptions,
    folders=True,
    holds=frozenset({IDENTIFIERS, KEY_PAIRS, SHARED}),
    changes=lambda doc: (*shared_identifiers(doc), *coreferring_labels(doc)),
)
CAS_XMI = _cas_format(
    name="cas_xmi",
    description="UIMA CAS XMI of INCEpTION and WebAnno: .xmi with TypeSystem.xml, a folder or zip of these",
    reader=partial(_read, ".xmi"),
    writer=write_xmi,
    sniff=lambda peek: ".xmi" in (peek.ending, *peek.files),
)
CAS_JSON = _cas_format(
    name="cas_json",
    description="UIMA CAS JSON of INCEpTION: a folder of .json, or a file",
    reader=partial(_read, ".json"),
    writer=write_json,
    sniff=_holds_json,
)
