import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_kmgre.formats import FORMATS, docbin
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader

from .samples import NLP, VOCAB, facts, read, sample


def test_a_folder_holds_what_memory_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(docbin, "FILE_SIZE", 2)
    for number, files in ((0, 0), (1, 1), (2, 1), (3, 2), (4, 2)):
        docs = [Doc(VOCAB, words=[f"w{n}"]) for n in range(number)]
        folder = tmp_path / f"corpus{number}"
        FORMATS["spacy"].write(iter(docs), folder)
        assert [path.name for path in sorted(folder.iterdir())] == [
            f"00000{n}.spacy" for n in range(1, files + 1)
        ]
        if files:
            assert [doc.text for doc in read("spacy", folder)] == [doc.text for doc in docs]
        else:
            with pytest.raises(ValueError, match=r"E132.*corpus0.*spacy"):
                read("spacy", folder)


def test_a_path_may_be_a_string(tmp_path):
    docs = read("spacy", sample("spacy", tmp_path))
    write_corpus(docs, str(tmp_path / "new" / "train.spacy"))
    assert [facts(doc) for doc in read("spacy", tmp_path / "new" / "train.spacy")] == [
        facts(doc) for doc in docs
    ]


def test_the_corpus_reader_reads_a_folder_too(tmp_path):
    docs = read("spacy", sample("spacy", tmp_path))
    FORMATS["spacy"].write(docs, tmp_path / "folder")
    examples = list(create_corpus_reader(tmp_path / "folder")(NLP))
    assert [facts(example.reference) for example in examples] == [facts(doc) for doc in docs]


@pytest.mark.parametrize("mangle", [lambda data: data[:-20], lambda _: b"", lambda data: b"[]" + data])
def test_what_is_no_docbin(tmp_path, mangle):
    path = sample("spacy", tmp_path)
    path.write_bytes(mangle(path.read_bytes()))
    with pytest.raises(ValueError, match=r"E113.*sample.spacy"):
        read("spacy", path)


def test_write_corpus_takes_any_name(tmp_path):
    docs = read("spacy", sample("spacy", tmp_path))
    write_corpus(docs, tmp_path / "a" / "corpus.bin")
    again = FORMATS["spacy"].read(tmp_path / "a" / "corpus.bin", Vocab())
    assert [facts(doc) for doc in again] == [facts(doc) for doc in docs]


@pytest.mark.parametrize(
    "name, form", [("x.json", "docred"), ("x.jsonl", "jsonl"), ("x.PubTator", "pubtator")]
)
def test_write_corpus_writes_no_docbin_with_the_ending_of_another_format(tmp_path, name, form):
    with pytest.raises(ValueError, match=f"E081.*x.spacy.*{form}"):
        write_corpus([], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_write_corpus_of_a_single_doc(tmp_path):
    with pytest.raises(ValueError, match=r"E080.*write_corpus\(\[doc\], "):
        write_corpus(Doc(VOCAB, words=["Ann"]), tmp_path / "train.spacy")
