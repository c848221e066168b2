import itertools

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_kmgre.annotations import project_entities, read_entities
from spacy_kmgre.retokenize import split_tokens

NLP = spacy.blank("en")


def words_and_spaces(doc: Doc) -> list[tuple[str, str]]:
    return [(token.text, token.whitespace_) for token in doc]


def test_tokens_that_fit_are_left_alone():
    doc = NLP.make_doc("Ann Lee founded Acme.")
    assert split_tokens(doc, [(0, 7), (4, 7), (16, 20)]) is doc
    assert split_tokens(doc, []) is doc


def test_a_token_is_split_where_a_mention_begins_or_ends():
    doc = Doc(NLP.vocab, words=["pre-heparinized", "(aPTT)", "."], spaces=[True, False, False])
    split = split_tokens(doc, [(4, 11), (17, 21)])
    assert split.text == doc.text
    assert words_and_spaces(split) == [
        ("pre-", ""),
        ("heparin", ""),
        ("ized", " "),
        ("(", ""),
        ("aPTT", ""),
        (")", ""),
        (".", ""),
    ]
    assert split.char_span(4, 11).text == "heparin"
    assert split.char_span(17, 21).text == "aPTT"
    assert not split.has_annotation("SENT_START")


def test_sentences_and_user_data_stay():
    doc = Doc(NLP.vocab, words=["a-b", "c.", "d-e", "f"], sent_starts=[True, False, True, False])
    doc.user_data["title"] = "x"
    split = split_tokens(doc, [(2, 3), (9, 10)])
    assert [sent.text for sent in split.sents] == [sent.text for sent in doc.sents] == ["a-b c.", "d-e f"]
    assert split.user_data["title"] == "x"
    partly = Doc(NLP.vocab, words=["a-b", "c", "d-e"], sent_starts=[True, None, True])
    assert [token.is_sent_start for token in split_tokens(partly, [(0, 1), (6, 7)])] == [
        True,
        False,
        None,
        True,
        False,
    ]


@pytest.mark.parametrize("span, found", [((1, 2), " "), ((0, 2), "a "), ((1, 3), " b"), ((1, 4), " b ")])
def test_a_mention_may_reach_over_the_space_of_a_token(span, found):
    doc = Doc(NLP.vocab, words=["a", "b", "c"])
    split = split_tokens(doc, [span])
    assert split.text == "a b c "
    assert split.char_span(*span).text == found


@st.composite
def texts_and_tokens(draw):
    """A text in two tokenizations: cut anywhere, single spaces sometimes tokens of their own."""
    text = draw(st.text("ab-é😀 \n", min_size=1, max_size=20))

    def tokenize() -> Doc:
        cuts = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=8))})
        words, spaces = [], []
        for start, end in itertools.pairwise(cuts):
            piece = text[start:end]
            ends_in_space = len(piece) > 1 and piece[-1] == " " and draw(st.booleans())
            words.append(piece[:-1] if ends_in_space else piece)
            spaces.append(ends_in_space)
        return Doc(NLP.vocab, words=words, spaces=spaces)

    return tokenize(), tokenize()


@settings(max_examples=300, deadline=None)
@given(texts_and_tokens(), st.data())
def test_no_mention_is_lost_between_two_tokenizations(docs: tuple[Doc, Doc], data):
    source, target = docs
    numbers = st.integers(0, len(source) - 1)
    for key in ("entity_1", "entity_2"):
        pairs = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
        source.spans[key] = [source[min(pair) : max(pair) + 1] for pair in pairs]
    found = project_entities(read_entities(source), target)
    assert found.text == source.text == target.text
    assert [[(m.start_char, m.end_char) for m in entity.mentions] for entity in read_entities(found)] == [
        [(m.start_char, m.end_char) for m in entity.mentions] for entity in read_entities(source)
    ]
    bounds = {token.idx for token in target} | {token.idx + len(token) for token in target}
    assert bounds <= {token.idx for token in found} | {token.idx + len(token) for token in found}
