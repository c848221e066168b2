from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.formats.assemble import Cluster, Passage, TextDocs, TextOptions, check_order
from spacy_kmgre.formats.counts import Counts

from ..conftest import tries
from .samples import VOCAB, clusters


def docs(**options: Any) -> TextDocs[TextOptions]:
    return TextDocs(VOCAB, Counts(), TextOptions(**options))


TEXTS = st.text("ab .-é😀\n\t", min_size=1, max_size=25)
DOCS = docs()


@settings(max_examples=tries(80), deadline=None)
@given(text=TEXTS, data=st.data())
def test_offsets_are_exact_whatever_the_tokens(text: str, data: Any):
    offsets = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text))).filter(
        lambda pair: pair[0] < pair[1]
    )
    found = data.draw(st.lists(st.lists(offsets, min_size=1, max_size=3), min_size=1, max_size=3))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text)))) | {len(text)})
    tokens = data.draw(st.sampled_from([None, list(zip([0, *cuts], cuts))]))
    passages = [Passage(*data.draw(offsets), "x")]
    relation = {"head": 0, "tail": 0, "label": "r", "evidence": [data.draw(offsets)]}
    pair = {"head": found[0][0], "tail": data.draw(offsets), "share": 1.0}
    relation["key_mention_pairs"] = [pair]
    given_clusters = [Cluster(mentions) for mentions in found]
    doc = DOCS.make("x", text, given_clusters, [relation], tokens=tokens, passages=passages)
    assert doc.text == text
    assert [mentions for *_, mentions in clusters(doc)] == [sorted(set(mentions)) for mentions in found]
    assert [(span.start_char, span.end_char) for span in doc.spans["passages"]] == [passages[0][:2]]
    (stored,) = doc._.relations
    assert [(span.start_char, span.end_char) for span in stored.evidence] == relation["evidence"]
    (kept,) = stored.key_mention_pairs
    assert ((kept.head.start_char, kept.head.end_char), (kept.tail.start_char, kept.tail.end_char)) == (
        pair["head"],
        pair["tail"],
    )
    mentions = {i for entity in found for start, end in entity for i in range(start + 1, end)}
    starts = {sent.start_char for sent in doc.sents} - {0, passages[0].start}
    assert not starts & mentions


def test_mentions_lose_white_space_at_their_ends():
    maker = docs()
    assert maker.mention("x", " a b ", 0, 5) == (1, 4)
    assert maker.mention("x", " a b ", 0, 5, strip=False) == (0, 5)
    assert maker.mention("x", "a  ", 1, 3) == (1, 3)  # nothing else would be left
    assert maker.mention("x", "a\u00a0b", 0, 3, "a b") == (0, 3)
    assert maker.counts.oddities == {"mentions with white space at their ends": 1}


def test_texts_longer_than_spacy_allows_by_default():
    text = "word " * 210_000
    doc = docs(sentences=False).make("x", text, [Cluster([(1_000_000, 1_000_004)])], [])
    assert len(text) > 1_000_000 and doc.text == text
    assert clusters(doc)[0][3] == [(1_000_000, 1_000_004)]


@pytest.mark.parametrize(
    "spans", [[], [(0, 3)], [(0, 2), (1, 3)], [(1, 3), (4, 6)], [(4, 6), (0, 3)], [(0, 3), (4, 7)]]
)
def test_order(spans):
    with pytest.raises(ValueError, match=r"E123.*here: the word number"):
        check_order("here", "word", "abc de", spans)


def test_order_leaves_white_space_aside():
    check_order("here", "word", " abc \n de ", [(1, 4), (7, 9)])
    check_order("here", "word", " \n", [])
    check_order("here", "word", "", [])


def test_language_of_the_vocabulary():
    assert docs().nlp.vocab.lang == "xx"
