"""The reader with coreferee's own classes; its models are tested in raw_text."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import spacy
from coreferee.data_model import Chain, ChainHolder, Mention
from spacy.tokens import Doc, DocBin

from spacy_kmgre.annotations import mention_offsets
from spacy_kmgre.entities.coreferee import coreferee_entities
from spacy_kmgre.entities.merged import merged_entities
from spacy_kmgre.entities.ner import ner_entities

from .texts import make_doc

NLP = spacy.blank("en")


def make_chains(doc: Doc, *chains: Sequence[Sequence[int]]) -> Doc:
    """Write chains of heads to `doc._.coref_chains` as coreferee does."""
    doc._.coref_chains = ChainHolder()
    for token in doc:
        token._.coref_chains = ChainHolder()
    for number, heads in enumerate(chains):
        mentions = []
        for root, *siblings in heads:
            doc[root]._.coref_chains.temp_dependent_siblings = [doc[sibling] for sibling in siblings]
            mentions.append(Mention(doc[root], include_dependent_siblings=bool(siblings)))
        chain = Chain(mentions, 0)
        chain.index = number
        doc._.coref_chains.chains.append(chain)
    for token in doc:
        vars(token._.coref_chains).pop("temp_dependent_siblings", None)
    return doc


@pytest.fixture
def doc() -> Doc:
    return make_chains(make_doc(NLP.vocab), [[1], [8], [12]], [[6], [10]], [[12, 14], [18]], [[22], [16]])


EXPECTED = [
    ([(0, 2), (8, 9), (12, 13)], "PER"),  # a name, a pronoun, a name
    ([(6, 7), (10, 11)], "PER"),
    ([(12, 15), (18, 19)], ""),  # Ann and Bob: They
    ([(16, 17), (20, 23)], "ORG"),  # the young company
]


def found(doc: Doc, **settings: bool):
    return [(mention_offsets([entity]), entity.label) for entity in coreferee_entities(**settings)(doc)]


def by_docbin(doc: Doc) -> Doc:
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(iter(DocBin(store_user_data=True).from_bytes(data).get_docs(NLP.vocab)))


COPIES: dict[str, Callable[[Doc], Doc]] = {
    "itself": lambda doc: doc,
    "bytes": lambda doc: Doc(NLP.vocab).from_bytes(doc.to_bytes()),
    "docbin": by_docbin,
    "pickle": lambda doc: pickle.loads(pickle.dumps(doc)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_chains_are_read_wherever_coreferee_wrote_them(doc: Doc, copy: Callable[[Doc], Doc]):
    copied = copy(doc)
    assert isinstance(copied._.coref_chains, ChainHolder)
    assert found(copied) == EXPECTED


def test_without_pronouns(doc: Doc):
    assert found(doc, pronouns=False) == [
        ([(0, 2), (12, 13)], "PER"),
        ([(6, 7)], "PER"),
        ([(12, 15)], ""),
        ([(16, 17), (20, 23)], "ORG"),
    ]


def test_without_coordinated_mentions(doc: Doc):
    assert found(doc, coordinated=False) == [*EXPECTED[:2], EXPECTED[3], ([(18, 19)], "")]
    assert found(doc, coordinated=False, pronouns=False)[2:] == [([(16, 17), (20, 23)], "ORG")]


def test_a_doc_without_chains():
    assert found(make_chains(make_doc(NLP.vocab))) == []
    assert found(make_chains(NLP(""))) == []


def test_a_doc_that_coreferee_has_not_read():
    with pytest.raises(
        ValueError, match=r"E403.*coref_chains.*'Ann Lee.*add_pipe\('coreferee'\).*install en"
    ):
        coreferee_entities()(make_doc(NLP.vocab))


def test_the_command_names_the_language():
    with pytest.raises(ValueError, match=r"E403.*coreferee install fr"):
        coreferee_entities()(make_doc(spacy.blank("fr").vocab))


def test_errors_that_coreferee_swallows_are_told(doc: Doc):
    assert found(doc) == EXPECTED  # what is left after success is no sign of an error
    doc._.coref_chains.temp_sent_starts = [0]
    with pytest.warns(UserWarning, match=r"W410.*'Ann Lee met"):
        assert found(doc) == []
    names = merged_entities(ner_entities(), coreferee_entities())
    with pytest.warns(UserWarning, match="W410"):
        assert len(names(doc)) == 3


def test_quotes_and_brackets_are_no_part_of_a_description():
    words = ["Ann", "said", '"', "the", "firm", "grew", '"', "and", "(", "it", ")", "won"]
    heads = [1, 1, 4, 4, 5, 1, 5, 1, 9, 11, 9, 1]
    pos = [
        "PROPN",
        "VERB",
        "PUNCT",
        "DET",
        "NOUN",
        "VERB",
        "PUNCT",
        "CCONJ",
        "PUNCT",
        "PRON",
        "PUNCT",
        "VERB",
    ]
    quoted = make_chains(Doc(NLP.vocab, words=words, heads=heads, deps=["dep"] * 12, pos=pos), [[4], [9]])
    assert found(quoted) == [([(3, 5), (9, 10)], "")]


def test_possessives_that_are_determiners_are_pronouns():
    words = ["Ann", "aime", "sa", "mère", ".", "Elle", "rit", "."]
    heads = [1, 1, 3, 1, 1, 6, 6, 6]
    pos = ["PROPN", "VERB", "DET", "NOUN", "PUNCT", "PRON", "VERB", "PUNCT"]
    morphs = ["", "", "Poss=Yes", "", "", "", "", ""]
    vocab = spacy.blank("fr").vocab
    french = Doc(vocab, words=words, heads=heads, deps=["dep"] * 8, pos=pos, morphs=morphs)
    make_chains(french, [[0], [2], [5]])
    assert found(french)[0][0] == [(0, 1), (2, 3), (5, 6)]
    assert found(french, pronouns=False)[0][0] == [(0, 1)]


def test_coreferee_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "coreferee", None)
    with pytest.raises(ValueError, match=r"E402.*pip install coreferee"):
        coreferee_entities()


LATE = """
import sys
from spacy.tokens import Doc
from spacy.vocab import Vocab
from spacy_kmgre.annotations import mention_offsets

doc = Doc(Vocab()).from_disk(sys.argv[1])
assert "coreferee" not in sys.modules
from spacy_kmgre.entities.coreferee import coreferee_entities
print([(mention_offsets([entity]), entity.label) for entity in coreferee_entities()(doc)])
"""


def test_chains_that_were_loaded_before_coreferee(doc: Doc, tmp_path: Path):
    doc.to_disk(tmp_path / "doc")
    done = subprocess.run([sys.executable, "-c", LATE, tmp_path / "doc"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(EXPECTED)
