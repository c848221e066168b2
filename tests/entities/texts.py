"""A Doc with the annotation of a tagger, a parser and a named entity recogniser."""

from collections.abc import Sequence

from spacy.tokens import Doc
from spacy.vocab import Vocab

# The columns are the word, the part of speech, the head and the dependency.
TOKENS: list[tuple[str, str, int, str]] = [
    ("Ann", "PROPN", 1, "compound"),  # 0
    ("Lee", "PROPN", 2, "nsubj"),
    ("met", "VERB", 2, "ROOT"),
    ("the", "DET", 5, "det"),
    ("old", "ADJ", 5, "amod"),
    ("singer", "NOUN", 6, "compound"),  # 5
    ("Bob", "PROPN", 2, "dobj"),
    (".", "PUNCT", 2, "punct"),
    ("She", "PRON", 9, "nsubj"),
    ("liked", "VERB", 9, "ROOT"),
    ("him", "PRON", 9, "dobj"),  # 10
    (".", "PUNCT", 9, "punct"),
    ("Ann", "PROPN", 15, "nsubj"),
    ("and", "CCONJ", 12, "cc"),
    ("Bob", "PROPN", 12, "conj"),
    ("founded", "VERB", 15, "ROOT"),  # 15
    ("Acme", "PROPN", 15, "dobj"),
    (".", "PUNCT", 15, "punct"),
    ("They", "PRON", 19, "nsubj"),
    ("sold", "VERB", 19, "ROOT"),
    ("the", "DET", 22, "det"),  # 20
    ("young", "ADJ", 22, "amod"),
    ("company", "NOUN", 19, "dobj"),
    ("of", "ADP", 22, "prep"),
    ("Acme", "PROPN", 23, "pobj"),
    (".", "PUNCT", 19, "punct"),  # 25
]
_NAMES = {0: "B-PER", 1: "I-PER", 6: "B-PER", 12: "B-PER", 14: "B-PER", 16: "B-ORG", 24: "B-ORG"}
ENTS = [_NAMES.get(position, "") for position in range(len(TOKENS))]


def make_doc(vocab: Vocab, parsed: bool = True, ents: Sequence[str] | None = None) -> Doc:
    """The Doc; without a parse it has neither heads nor parts of speech."""
    words, tags, heads, deps = zip(*TOKENS)
    annotation = {"pos": tags, "heads": heads, "deps": deps} if parsed else {}
    return Doc(vocab, words=words, ents=list(ENTS if ents is None else ents), **annotation)
