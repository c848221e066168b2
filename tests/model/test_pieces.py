"""Markers around mentions of every kind, and windows over texts of every length."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, RobertaTokenizerFast

from spacy_kmgre.model.pieces import Document, insert_markers, make_pieces, make_windows

from ..conftest import tries
from .tiny import random_pieces

Offsets = Sequence[tuple[int, int]]

law = settings(deadline=None, derandomize=True, max_examples=tries(50))
MARK = -7  # no piece has this number


def covered(offsets: Offsets, mention: tuple[int, int]) -> list[int]:
    """The pieces that share a character with the mention."""
    return [i for i, (start, end) in enumerate(offsets) if start < mention[1] and end > mention[0]]


def read_back(
    ids: Sequence[int], markers: Sequence[int]
) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """The ids without markers; and in front of each of them, and at the end, which mentions open, and
    which close if every closing marker belongs to the mention that opened last."""
    mention_at = {int(place): mention for mention, place in enumerate(markers)}
    plain: list[int] = []
    opened: list[list[int]] = [[]]
    closed: list[list[int]] = [[]]
    stack = []
    for place, number in enumerate(ids):
        if number != MARK:
            plain.append(int(number))
            opened.append([])
            closed.append([])
        elif place in mention_at:
            opened[-1].append(mention_at[place])
            stack.append(mention_at[place])
        else:
            closed[-1].append(stack.pop())
    assert not stack
    return plain, opened, closed


def draw(text: str, mentions: Offsets, pieces: Any = None) -> str:
    """The pieces of a text in a row, the marker that stands for a mention as [number and the other as ]."""
    offsets, end = [], 0
    for piece in pieces or text.split():
        start = text.index(piece, end)
        end = start + len(piece)
        offsets.append((start, end))
    ids, markers, _ = insert_markers(range(len(offsets)), offsets, mentions, [MARK] * len(mentions), MARK)
    names = {place: f"[{mention}" for mention, place in enumerate(markers.tolist())}
    return " ".join(
        names.get(place, "]") if number == MARK else text[slice(*offsets[number])]
        for place, number in enumerate(ids.tolist())
    )


@pytest.mark.parametrize(
    "mentions, expected",
    [
        ([], "aa bb cc"),
        ([(3, 5)], "aa [0 bb ] cc"),
        ([(0, 2), (6, 8)], "[0 aa ] bb [1 cc ]"),
        ([(6, 8), (0, 2)], "[1 aa ] bb [0 cc ]"),
        ([(0, 2), (3, 5)], "[0 aa ] [1 bb ] cc"),
        # nested: at the start, at the end, in the middle, threefold
        ([(0, 8), (0, 2)], "[0 [1 aa ] bb cc ]"),
        ([(0, 2), (0, 8)], "[1 [0 aa ] bb cc ]"),
        ([(6, 8), (0, 8)], "[1 aa bb [0 cc ] ]"),
        ([(0, 8), (3, 5)], "[0 aa [1 bb ] cc ]"),
        ([(3, 5), (0, 5), (0, 8)], "[2 [1 aa [0 bb ] ] cc ]"),
        # crossing
        ([(0, 5), (3, 8)], "[0 aa [1 bb ] cc ]"),
        # a part of a word, two parts of one word, a part and the whole
        ([(1, 2)], "[0 aa ] bb cc"),
        ([(0, 1), (1, 2)], "[0 [1 aa ] ] bb cc"),
        ([(1, 2), (0, 2)], "[0 [1 aa ] ] bb cc"),
        ([(1, 4)], "[0 aa bb ] cc"),
        # white space: between words, before and after a mention, twice, at the end
        ([(2, 3)], "aa [0 ] bb cc"),
        ([(2, 3), (3, 5), (0, 2)], "[2 aa ] [1 [0 ] bb ] cc"),
        ([(8, 9), (6, 8)], "aa bb [1 cc ] [0 ]"),
        ([(8, 9), (8, 10)], "aa bb cc [0 ] [1 ]"),
        ([(2, 6)], "aa [0 bb ] cc"),
    ],
)
def test_a_marker_before_and_after_each_mention(mentions, expected):
    assert draw("aa bb cc  ", mentions) == expected


def test_what_markers_are_nearest_to():
    offsets = [(0, 2), (3, 5), (6, 8)]
    mentions = [(3, 8), (3, 5), (8, 9)]
    ids, markers, nearest = insert_markers([0, 1, 2], offsets, mentions, [10, 11, 12], 20)
    assert ids.tolist() == [0, 10, 11, 1, 20, 2, 20, 12, 20]
    assert markers.tolist() == [1, 2, 7]
    # That of white space at the end has no piece of its own behind it.
    assert nearest.tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_mentions_between_the_pieces_of_a_word():
    assert draw("abcd", [(0, 2), (2, 4), (1, 3)], ["ab", "cd"]) == "[2 [0 ab ] [1 cd ] ]"


def test_a_text_without_pieces():
    assert draw("   ", [(0, 1), (1, 2)], []) == "[0 ] [1 ]"
    assert draw("", [], []) == ""


@st.composite
def marked_texts(draw):
    """Offsets of pieces with gaps between them, and any different spans of characters."""
    end = 0
    offsets = []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=8)):
        offsets.append((end + gap, end + gap + length))
        end += gap + length
    places = st.integers(0, end + 2)
    spans = st.tuples(places, places).filter(lambda span: span[0] < span[1])
    return offsets, draw(st.lists(spans, max_size=6, unique=True))


@law
@given(marked_texts())
@example(([(0, 2)], [(0, 1), (1, 2), (0, 2)]))
@example(([(1, 2), (2, 4)], [(0, 1), (0, 4), (2, 3), (4, 5), (5, 6)]))
def test_markers_of_any_mentions(text):
    offsets, mentions = text
    before = list(range(len(offsets)))
    ids, markers, _ = insert_markers(before, offsets, mentions, [MARK] * len(mentions), MARK)
    plain, opened, closed = read_back(ids, markers)
    assert plain == before
    assert len(ids) == len(before) + 2 * len(mentions)
    assert len(set(markers.tolist())) == len(mentions)
    ends = [0] * len(closed)
    for mention, span in enumerate(mentions):
        inside = covered(offsets, span)
        (place,) = (i for i, numbers in enumerate(opened) if mention in numbers)
        if inside:
            # Only other markers stand between a mention's marker and its first piece.
            assert place == inside[0]
            ends[inside[-1] + 1] += 1
        else:
            ends[place] += 1
            assert ids[markers[mention] + 1] == MARK
            assert all(end <= span[0] for _, end in offsets[:place])
            assert all(start >= span[1] for start, _ in offsets[place:])
    assert [len(numbers) for numbers in closed] == ends


@law
@given(marked_texts())
@example(([(0, 2)], [(0, 1), (1, 2), (0, 2)]))
@example(([(0, 1), (1, 2), (2, 3)], [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]))
def test_brackets_of_nested_mentions_belong_together(text):
    offsets, spans = text
    mentions: list[tuple[int, int]] = []
    pieces: list[list[int]] = []
    for span in spans:  # without those that cross another one, in pieces
        inside = covered(offsets, span)
        if inside and all(
            set(inside) <= set(other) or set(other) <= set(inside) or not set(inside) & set(other)
            for other in pieces
        ):
            mentions.append(span)
            pieces.append(inside)
    ids, markers, _ = insert_markers(range(len(offsets)), offsets, mentions, [MARK] * len(mentions), MARK)
    _, _, closed = read_back(ids, markers)
    for mention, inside in enumerate(pieces):
        assert mention in closed[inside[-1] + 1]


@pytest.fixture(scope="module")
def byte_level() -> RobertaTokenizerFast:
    """A tokenizer of RoBERTa's kind, which splits characters into bytes and keeps white space in pieces."""
    lines = ["Ann founded Acme in Oslo .", "Ann Lee works near the café in Oslo .", "she founded it"]
    bpe = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(
        lines, vocab_size=330, min_frequency=1, special_tokens=special, show_progress=False
    )
    return RobertaTokenizerFast(tokenizer_object=bpe, model_max_length=64)


@pytest.fixture(scope="module")
def word_pieces(tiny_encoder):
    return AutoTokenizer.from_pretrained(tiny_encoder)


@pytest.fixture(params=["byte_level", "word_pieces"], scope="module")
def tokenizer(request) -> Any:
    return request.getfixturevalue(request.param)


def pieces_of(tokenizer: Any, text: str, mentions: Offsets = (), **settings: Any):
    (pieces,) = make_pieces(
        [Document(text, mentions, [])], tokenizer, **{"max_length": 500, "overlap": 8, **settings}
    )
    return pieces


def marker_of(tokenizer: Any) -> int:
    return tokenizer(" *", add_special_tokens=False)["input_ids"][-1]


TEXT = "Ann Lee founded the café 😀🇳🇴 in Oslo ."


@pytest.mark.parametrize("mention", ["Ann", "Ann Lee", "Lee", "café", "😀", "🇳🇴", "😀🇳🇴", "Oslo", "."])
def test_bytes_of_a_mention_stand_between_its_markers(byte_level, mention):
    start = TEXT.index(mention)
    pieces = pieces_of(byte_level, TEXT, [(start, start + len(mention))])
    marker = marker_of(byte_level)
    first, last = (pieces.ids == marker).nonzero()[0]
    assert pieces.markers.tolist() == [first]
    assert byte_level.decode(pieces.ids[first + 1 : last]).strip() == mention


def test_what_a_tokenizer_of_bytes_makes_of_a_text(byte_level):
    pieces = pieces_of(byte_level, "Ann in Oslo", [(7, 11), (0, 3), (0, 11)])
    shown = byte_level.convert_ids_to_tokens(pieces.ids)
    assert shown == ["<s>", "*", "*", "Ann", "*", "Ġin", "*", "ĠOslo", "*", "*", "</s>"]
    assert pieces.markers.tolist() == [6, 2, 1]
    assert (pieces.prefix, pieces.suffix, pieces.windows) == (1, 1, [(1, 10)])


def test_what_a_tokenizer_of_word_pieces_makes_of_a_text(word_pieces):
    pieces = pieces_of(word_pieces, "he founded it", [(11, 13), (0, 2)])
    shown = word_pieces.convert_ids_to_tokens(pieces.ids)
    assert shown == ["[CLS]", "*", "he", "*", "founded", "*", "it", "*", "[SEP]"]
    assert pieces.markers.tolist() == [5, 1]


def test_typed_markers(word_pieces):
    document = Document("he founded it", [(0, 2), (3, 10), (11, 13)], [[0], [2], [1]], ["in", "", "  "])
    (pieces,) = make_pieces([document], word_pieces, max_length=64, overlap=8, typed=True)
    shown = word_pieces.convert_ids_to_tokens(pieces.ids)
    # Nothing tells an entity without a type, or one whose type has no piece.
    assert shown == ["[CLS]", "in", "he", "*", "*", "founded", "*", "*", "it", "*", "[SEP]"]
    assert pieces.markers.tolist() == [1, 4, 7]
    (plain,) = make_pieces([document], word_pieces, max_length=64, overlap=8)
    assert word_pieces.convert_ids_to_tokens(plain.ids)[1] == "*"


def test_sentences_of_pieces_and_markers(word_pieces):
    document = Document("he founded it . it . ", [(0, 2), (16, 20), (20, 21)], [], sentences=[0, 16])
    (pieces,) = make_pieces([document], word_pieces, max_length=64, overlap=8)
    shown = word_pieces.convert_ids_to_tokens(pieces.ids)
    assert [f"{piece}{number}" for piece, number in zip(shown, pieces.sentences)] == [
        *("[CLS]-1", "*0", "he0", "*0", "founded0", "it0", ".0"),
        *("*1", "it1", ".1", "*1", "*1", "*1", "[SEP]-1"),
    ]
    (plain,) = make_pieces([replace(document, sentences=())], word_pieces, max_length=64, overlap=8)
    assert set(plain.sentences) == {-1}
    (empty,) = make_pieces(
        [Document(" ", [(0, 1)], [], sentences=[0])], word_pieces, max_length=64, overlap=8
    )
    assert set(empty.sentences) == {-1}


def test_a_text_that_holds_the_marker(tokenizer):
    pieces = pieces_of(tokenizer, "in * the * *", [(5, 8), (9, 10)])
    marker = marker_of(tokenizer)
    assert (pieces.ids == marker).sum() == 7
    after = tokenizer.convert_ids_to_tokens(pieces.ids[pieces.markers + 1])
    assert [piece.strip("Ġ") for piece in after] == ["the", "*"]


@law
@given(st.text("ab é😀\n.日", max_size=20), st.data())
def test_markers_in_any_text(tokenizer, text, data):
    places = st.integers(0, len(text))
    spans = st.tuples(places, places).filter(lambda span: span[0] < span[1])
    mentions = data.draw(st.lists(spans, max_size=5, unique=True)) if text else []
    plain = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    pieces = pieces_of(tokenizer, text, mentions)
    marker = marker_of(tokenizer)
    assert marker not in plain["input_ids"]
    ids = np.where(pieces.ids == marker, MARK, pieces.ids)
    without, opened, _ = read_back(ids, pieces.markers)
    assert without == tokenizer.build_inputs_with_special_tokens(plain["input_ids"])
    for mention, span in enumerate(mentions):
        inside = covered(plain["offset_mapping"], span)
        if inside:
            assert mention in opened[inside[0] + 1]


def test_a_batch_is_its_documents_one_by_one(tokenizer):
    documents = [Document(TEXT, [(0, 3), (4, 7)], []), Document("", [], []), Document("  ", [(0, 1)], [])]
    together = make_pieces(documents, tokenizer, max_length=16, overlap=4)
    assert len(together) == 3
    for document, pieces in zip(documents, together):
        alone = pieces_of(tokenizer, document.text, document.mentions, max_length=16, overlap=4)
        assert pieces.ids.tolist() == alone.ids.tolist()
        assert pieces.markers.tolist() == alone.markers.tolist()
        assert pieces.windows == alone.windows
    assert make_pieces([], tokenizer, max_length=16, overlap=4) == []
    assert [len(pieces.ids) for pieces in together[1:]] == [2, 2 + len(tokenizer.tokenize("  ")) + 2]


@pytest.mark.parametrize("limit", [0, 1, 4, 5, 20, 500])
def test_pieces_beyond_the_limit_have_no_marker(tokenizer, limit: int):
    mentions = [(match, match + 3) for match in range(0, 80, 8)]
    whole = pieces_of(tokenizer, "the in, " * 10, mentions)
    pieces = pieces_of(tokenizer, "the in, " * 10, mentions, max_pieces=limit)
    length = min(limit, len(whole.ids) - 2)
    assert pieces.ids.tolist() == [*whole.ids[: length + 1], whole.ids[-1]]
    inside = whole.markers < length + 1
    assert pieces.markers.tolist() == np.where(inside, whole.markers, -1).tolist()
    assert pieces.windows == [(1, length + 1)]


def test_the_limit_in_numbers(word_pieces):
    documents = [Document("he in he", [(0, 2), (3, 5), (6, 8)], [])]
    expected = {0: [-1, -1, -1], 1: [1, -1, -1], 3: [1, -1, -1], 4: [1, 4, -1], 9: [1, 4, 7], 99: [1, 4, 7]}
    for limit, markers in expected.items():
        (pieces,) = make_pieces(documents, word_pieces, max_length=64, overlap=8, max_pieces=limit)
        assert pieces.markers.tolist() == markers


def test_windows_leave_room_for_special_pieces(tokenizer):
    pieces = pieces_of(tokenizer, TEXT * 5, [(0, 3)], max_length=20, overlap=6)
    assert pieces.windows[0][0] == pieces.prefix == 1
    assert pieces.windows[-1][1] == len(pieces.ids) - pieces.suffix
    assert {end - start + pieces.prefix + pieces.suffix for start, end in pieces.windows} == {20}
    limited = pieces_of(tokenizer, TEXT * 5, [(0, 3)], max_length=20, overlap=6, max_pieces=30)
    assert limited.windows == [(1, 19), (13, 31)]


@law
@given(st.integers(0, 400), st.integers(1, 40), st.data())
@example(41, 40, None)
def test_windows_cover_everything(length, capacity, data):
    overlap = capacity - 1 if data is None else data.draw(st.integers(0, capacity - 1))
    windows = make_windows(length, capacity, overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    if length <= capacity:
        assert windows == [(0, length)]
        return
    assert {end - start for start, end in windows} == {capacity}
    for (start, end), (next_start, _) in itertools.pairwise(windows):
        assert start < next_start <= end - overlap
    # No more of them than needed.
    assert len(windows) == 1 - (capacity - length) // (capacity - overlap)


def test_windows_of_mentions():
    pieces = random_pieces(62, markers=[2, 25, 35, 50, 60], windows=[(1, 31), (21, 51), (31, 61)])
    assert pieces.mention_windows().tolist() == [[0, 0], [0, 1], [1, 2], [1, 2], [2, 2]]
