"""Work split by words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.extraction.annotate import Item
from spacy_kmgre.extraction.batches import split_by_words
from spacy_kmgre.extraction.run import Plan

from .conftest import line, read, write_lines


def test_batches_are_split_by_words(nlp, tmp_path):
    words = [100, 100, 100, 900, 100, 2000, 100, 100, 100]
    items = [Item(str(number), print, count) for number, count in enumerate(words)]
    batches = list(Plan(3, batch_words=1000).batches(items))
    assert [[item.words for item in batch] for batch in batches] == [
        [100, 100, 100],
        [900, 100],
        [2000],
        [100, 100, 100],
    ]
    lines = [line(1), line(2, "Acme works near Bolt " * 200)]
    counts = [item.words for item in read(nlp, write_lines(tmp_path / "in.jsonl", lines))]
    assert counts[0] == pytest.approx(10, abs=2) and counts[1] == pytest.approx(800, rel=0.2)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50)), st.integers(1, 60), st.integers(1, 5), st.data())
def test_batches_do_not_depend_on_what_came_before(words, most_words: int, most: int, data):
    items = [Item(str(number), print, count) for number, count in enumerate(words)]
    batches = list(split_by_words(items, most_words, most))
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) <= most for batch in batches)
    assert all(len(batch) == 1 or sum(item.words for item in batch) <= most_words for batch in batches)
    start = data.draw(st.integers(0, len(batches)))
    rest = items[sum(map(len, batches[:start])) :]
    assert list(split_by_words(rest, most_words, most)) == batches[start:]
