"""From what a format says to a Doc: text and characters, or tokens, with entities and relations."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import get_lang_class, registry
from spacy.vocab import Vocab, create_vocab

from ..annotations import ENTITY_PREFIX, PASSAGES, TITLE, store_relations, write_entities, write_ents
from ..errors import Errors
from ..relation_input import relation_data_of
from ..retokenize import split_tokens
from ..types import Entity
from .counts import Counts
from .offsets import Offsets as Offsets
from .offsets import counted_otherwise
from .offsets import squeeze as squeeze
from .options import UNLABELLED, ReaderOptions, option

# Thai and Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class TextOptions(ReaderOptions):
    """The options of formats whose annotation is in characters of a text.

    :param sentences: Find sentence boundaries by rule (spaCy's `sentencizer`) where the format has none.
    """

    sentences: bool = option(True, "Find sentences by rule where the format has none")


Options_co = TypeVar("Options_co", bound=TextOptions, covariant=True)


class Cluster(NamedTuple):
    """An entity in characters.

    :param mentions: Offsets [start, end) in the text.
    """

    mentions: list[Offsets]
    label: str = ""
    kb_id: str = ""
    key: str = ""
    id: str = ""


class Passage(NamedTuple):
    """A part of a document, in characters."""

    start: int
    end: int
    label: str


def spaces_between(words: Sequence[str]) -> list[bool]:
    """Whether a space follows each word of a text that comes as words. Where half of the letters or more are of a
    script without spaces between words, one stands only between two words of other scripts."""
    text = "".join(words)
    unspaced = sum(map(len, _UNSPACED.findall(text)))
    if not unspaced or 2 * unspaced < sum(map(str.isalpha, text)):
        return [True] * (len(words) - 1) + [False] * bool(words)
    spaced = [word.isalnum() and not _UNSPACED.search(word) for word in words]
    return [*(left and right for left, right in pairwise(spaced)), *[False] * bool(words)]


def annotate(
    doc: Doc,
    entities: Iterable[Entity],
    relations: Iterable[Mapping[str, Any]],
    counts: Counts,
    options: ReaderOptions,
) -> Doc:
    """Write entities, relations and `doc.ents` (the mentions) to a Doc. All readers come through here.

    A relation listed twice becomes one, with the evidence and key mention pairs of both.

    :param relations: The relations in the form that `relation_data_of` takes.
    """
    names, texts = options.relation_names, options.label_texts
    entities = list(entities)
    write_entities(doc, entities)
    write_ents(doc, entities)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    no_relation = set(filter(None, map(str.strip, options.no_relation.split(","))))
    for relation in relations:
        label = relation["label"].strip() or options.default_label
        if label in no_relation:
            counts.note("relations left out, as their label says that there is none")
            continue
        if relation["head"] == relation["tail"] and not options.self_relations:
            counts.note("relations of an entity with itself (left out)")
            continue
        if not label and options.lenient:
            counts.note(UNLABELLED)
            continue
        text = (texts or {}).get(label) or relation.get("label_text", "")
        counts.note("labels without a text", texts is not None and not text)
        if names is not None:
            counts.note("labels without a relation name", label not in names)
            name = names.get(label, label)
            if name is None:
                counts.note("relations left out, as their name is null")
                continue
            label = name
        triple = (relation["head"], relation["tail"], label)
        counts.note("labels listed twice", triple in found)
        known = found.setdefault(triple, {"evidence": [], "key_mention_pairs": [], "score": 0.0})
        evidence = {tuple(span) for span in (*known["evidence"], *relation.get("evidence", ()))}
        found[triple] = {
            "head": relation["head"],
            "tail": relation["tail"],
            "label": label,
            "label_text": text,
            "score": max(known["score"], relation.get("score", 1.0)),
            "evidence": sorted(evidence),
            "key_mention_pairs": _join(known["key_mention_pairs"], relation.get("key_mention_pairs", ())),
        }
    store_relations(doc, [relation_data_of(doc, relation) for relation in found.values()])
    return doc


def _join(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Join the key mention pairs of two relations, each once; their shares sum to 1 again."""
    if not (left and right):
        return list(left or right)
    pairs: dict[tuple[Offsets, Offsets], Mapping[str, Any]] = {}
    for pair in (*left, *right):
        pairs.setdefault((tuple(pair["head"]), tuple(pair["tail"])), pair)
    total = sum(pair["share"] for pair in pairs.values()) or 1.0
    return [{**pair, "share": pair["share"] / total} for pair in pairs.values()]


class Tokenizing:
    """The tokenizer of a vocabulary's language, or of English. A blank `Language` has the same one; but making it
    imports all components that are installed, and torch and transformers with them."""

    def __init__(self, vocab: Vocab):
        self.vocab = vocab
        language = get_lang_class(vocab.lang or "en")
        config = {"tokenizer": language.default_config["nlp"]["tokenizer"]}
        make = registry.resolve(config)["tokenizer"]
        self.tokenizer = make(SimpleNamespace(vocab=vocab, Defaults=language.Defaults, lang=vocab.lang))

    def make_doc(self, text: str) -> Doc:
        """Make a Doc of the tokens of a text."""
        doc: Doc = self.tokenizer(text)
        return doc


def blank_vocab(lang: str) -> Vocab:
    """The vocabulary of a blank pipeline of a language.

    :raises ImportError: Where spaCy does not know the language.
    """
    return create_vocab(lang, get_lang_class(lang).Defaults)


class TextDocs(Generic[Options_co]):
    """Makes Docs of documents whose annotation is in characters, for all formats in the same way."""

    def __init__(self, vocab: Vocab, counts: Counts, options: Options_co):
        self.counts = counts
        self.options = options
        self.nlp: Tokenizing | Language = Tokenizing(vocab)
        self.find_sentences = Sentencizer(name="sentencizer")

    def mention(
        self,
        where: str,
        text: str,
        start: int,
        end: int,
        expected: str | None = None,
        *,
        strip: bool = True,
    ) -> Offsets | None:
        """Check the offsets of a mention.

        :param where: The place of the mention, for messages.
        :param expected: The mention's words, where the format repeats them.
        :param strip: Take white space off the mention's ends.
        :returns: The offsets, or None where the mention is left out, because its words are not there and the options
            are lenient.
        :raises ValueError: Where its words are not there and the options are not lenient.
        """
        if expected and squeeze(text[max(0, start) : max(0, end)]) != squeeze(expected):
            counted = counted_otherwise(text, start, end, expected)
            self.counts.note(
                "mentions whose offsets do not count characters (put right)", counted is not None
            )
            start, end = counted or (start, end)
        if not 0 <= start < end <= len(text):
            error = Errors.E121.format(where=where, start=start, end=end, length=len(text))
        elif expected is not None and squeeze(text[start:end]) != squeeze(expected):
            found = text[start:end]
            error = Errors.E122.format(where=where, start=start, end=end, found=found, expected=expected)
        else:
            words = text[start:end].strip()
            if strip and words and len(words) < end - start:
                self.counts.note("mentions with white space at their ends")
                start = text.index(words, start)
                end = start + len(words)
            return start, end
        with self.leaving_out("mentions left out, as their text is elsewhere"):
            raise ValueError(error)
        return None

    def leaving_out(self, oddity: str) -> AbstractContextManager[None]:
        """Leave out what a ValueError is raised for, and count it under that name, where the options are lenient."""
        return self.counts.leaving_out(oddity, self.options.lenient)

    @property
    def spared(self) -> Counts | None:
        """What `models.check` needs to leave out items that are wrong: the counts, where the options are lenient."""
        return self.counts if self.options.lenient else None

    def make(
        self,
        where: str,
        text: str,
        clusters: Sequence[Cluster],
        relations: Iterable[Mapping[str, Any]],
        *,
        title: str = "",
        tokens: Sequence[Offsets] | None = None,
        sentences: Sequence[Offsets] | None = None,
        passages: Sequence[Passage] = (),
    ) -> Doc:
        """Make a Doc with tokens that fit all mentions.

        :param clusters: The entities; one without a key is called by its place.
        :param relations: The relations in the form that `relation_data_of` takes, except that head and tail are places
            in `clusters`, and spans are in characters.
        :param tokens: Offsets of the tokens; where None, the tokenizer of the language finds them.
        :param sentences: Offsets of the sentences, none where empty; where None, they are found by rule if the
            options say so.
        """
        relations = list(relations)
        mentions = [offsets for cluster in clusters for offsets in cluster.mentions]
        spans = [*mentions, *(sentences or ()), *(passage[:2] for passage in passages)]
        for relation in relations:
            spans += relation.get("evidence", ())
            for pair in relation.get("key_mention_pairs", ()):
                spans += (pair["head"], pair["tail"])
        doc = self.nlp.make_doc(text) if tokens is None else self._from_tokens(where, text, tokens)
        by_rule = sentences is None and self.options.sentences
        if by_rule:
            doc = self.find_sentences(doc)
        doc = split_tokens(doc, spans)
        of_chars = _token_offsets(doc)
        if sentences or by_rule:
            parts = [*(sentences or ()), *(passage[:2] for passage in passages)]
            starts = {of_chars(part)[0] for part in parts}
            within = {i for offsets in mentions for i in range(*of_chars(offsets))[1:]}
            for token in doc:
                if token.i in starts or not by_rule:
                    token.is_sent_start = token.i in starts or token.i == 0
                elif token.i in within:  # no rule begins a sentence inside a mention
                    token.is_sent_start = False
        if title:
            doc.user_data[TITLE] = title
        if passages:
            group = [Span(doc, *of_chars((start, end)), label=label) for start, end, label in passages]
            doc.spans[PASSAGES] = SpanGroup(doc, name=PASSAGES, spans=group)
        entities = []
        for number, cluster in enumerate(clusters, 1):
            offsets = sorted(set(cluster.mentions))
            twice = len(cluster.mentions) - len(offsets)
            self.counts.note("mentions that their entity lists twice", twice)
            key = cluster.key or f"{ENTITY_PREFIX}{number}"
            found = tuple(Span(doc, *of_chars(mention)) for mention in offsets)
            entities.append(Entity(found, key, cluster.label, cluster.kb_id, cluster.id))
        data = [
            {
                **relation,
                "head": entities[relation["head"]].key,
                "tail": entities[relation["tail"]].key,
                "evidence": [of_chars(offsets) for offsets in relation.get("evidence", ())],
                "key_mention_pairs": [
                    {**pair, "head": of_chars(pair["head"]), "tail": of_chars(pair["tail"])}
                    for pair in relation.get("key_mention_pairs", ())
                ],
            }
            for relation in relations
        ]
        return annotate(doc, entities, data, self.counts, self.options)

    def _from_tokens(self, where: str, text: str, tokens: Sequence[Offsets]) -> Doc:
        """Make a Doc of given tokens. White space between them, except a single space, becomes tokens too."""
        check_order(where, "token", text, tokens)
        words: list[str] = []
        spaces: list[bool] = []
        at = 0
        for start, end in (*tokens, (len(text), len(text))):
            gap = text[at:start]
            if gap.startswith(" ") and words:
                spaces[-1] = True
                gap = gap[1:]
            for word in (gap, text[start:end]):
                if word:
                    words.append(word)
                    spaces.append(False)
            at = end
        return Doc(self.nlp.vocab, words=words, spaces=spaces)


def _token_offsets(doc: Doc) -> Callable[[Offsets], Offsets]:
    """A function from characters to tokens, for spans that are made of whole tokens."""
    first = {token.idx: token.i for token in doc}
    last = {token.idx + len(token): token.i + 1 for token in doc}
    return lambda offsets: (first[offsets[0]], last[offsets[1]])


def check_order(where: str, kind: str, text: str, spans: Sequence[Offsets]) -> None:
    """See that spans cover a text in its order, with nothing but white space between them.

    :raises ValueError: Where they do not.
    """
    before = 0
    for number, (start, end) in enumerate((*spans, (len(text), len(text)))):
        fits = before <= start and (start < end or number == len(spans)) and end <= len(text)
        if not fits or text[before:start].strip():
            raise ValueError(
                Errors.E123.format(where=where, kind=kind, number=number, start=start, end=end, before=before)
            )
        before = end
