"""Parts of a corpus."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_kmgre.formats.split import PARTS, Split


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.0",
        "0.8",
        "0.8,0.1",
        "0.8;0.1;0.1",
        "80,10,10",
        "0.5,0.5,0.0",
        "a,b",
        "0.4,0.2,0.2,0.2",
        "nan,1",
    ],
)
def test_shares_that_cannot_be(text: str):
    with pytest.raises(ValueError, match=r"E023.*--split.*0.8,0.1,0.1"):
        Split.parse(text)


def test_sizes_are_those_of_the_shares():
    parts = Split.parse("0.8,0.1,0.1").divide(range(20))
    assert {part: len(numbers) for part, numbers in parts.items()} == {"train": 16, "dev": 2, "test": 2}
    assert set(Split.parse("0.75,0.25").divide(range(4))) == {"train", "dev"}


def test_the_seed_decides():
    first, again, other = (Split((0.5, 0.5), seed).divide(range(50)) for seed in (1, 1, 2))
    assert first == again != other
    assert first["train"] != list(range(25))


@pytest.mark.parametrize("texts", [[], ["a"], ["a"] * 9, ["a", "b"]])
def test_a_part_that_would_be_empty(texts: list[str]):
    with pytest.raises(ValueError, match=f"E023.*--split.*{len(set(texts))} different documents"):
        Split((0.8, 0.1, 0.1)).divide(texts)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=80),
    st.lists(st.integers(1, 9), min_size=2, max_size=3),
    st.integers(0, 9),
)
def test_every_document_in_one_part_and_equal_ones_together(documents, weights, seed):
    split = Split(tuple(weight / sum(weights) for weight in weights), seed)
    try:
        parts = split.divide(documents)
    except ValueError:
        return
    assert list(parts) == list(PARTS[: len(weights)])
    assert sorted(chain.from_iterable(parts.values())) == list(range(len(documents)))
    assert all(numbers == sorted(numbers) for numbers in parts.values())
    contents = [{documents[number] for number in numbers} for numbers in parts.values()]
    assert sum(map(len, contents)) == len(set(documents))
