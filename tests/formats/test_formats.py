"""What holds for every format."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import read_entities, store_relations
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.base import (
    EVIDENCE,
    IDENTIFIERS,
    KEY_PAIRS,
    SCORES,
    get_format,
    targets,
)
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source
from spacy_kmgre.relation_input import relation_data_of

from ..conftest import tries
from .samples import SAMPLES, VOCAB, documents, facts, path_for, read, sample

NAMES = list(FORMATS)
WRITTEN = list(targets())
# Formats whose files have no name of their own for the documents, or are folders of them.
FOLDERS = ("dwie", "brat", "cas_xmi", "cas_json")


def test_every_format_has_a_sample():
    assert set(SAMPLES) == set(FORMATS)
    assert all(form.name == name and form.description for name, form in FORMATS.items())
    assert all(option.metadata["help"] for form in FORMATS.values() for option in form.options.values())


@pytest.mark.parametrize("name", NAMES)
def test_reads_two_documents_and_counts_them(name, tmp_path):
    counts = Counts()
    docs = read(name, sample(name, tmp_path), counts)
    assert len(docs) == counts.documents == 2
    assert counts.mentions == sum(len(entity.mentions) for doc in docs for entity in read_entities(doc)) > 0
    assert counts.relations == sum(len(doc._.relations) for doc in docs)
    assert counts.relations > 0 or name == "spancat"


@pytest.mark.parametrize("name", WRITTEN)
def test_read_write_read_is_the_same(name, tmp_path):
    docs = read(name, sample(name, tmp_path))
    copy = path_for(name, tmp_path / "folder", "copy")
    FORMATS[name].write(docs, copy)
    again = read(name, copy)
    assert [facts(doc) for doc in again] == [facts(doc) for doc in docs]
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    FORMATS[name].write(again, path_for(name, tmp_path, "third"))
    third = path_for(name, tmp_path, "third")
    for one in sorted(path for path in [copy, *copy.rglob("*")] if path.is_file()) if name != "spacy" else ():
        assert one.read_bytes() == (third / one.relative_to(copy) if copy.is_dir() else third).read_bytes()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_corpus_of_no_documents(name, tmp_path):
    if name in FOLDERS:
        with pytest.raises(ValueError, match="E132"):
            read(name, tmp_path)
        return
    empty = path_for(name, tmp_path, "empty")
    FORMATS[name].write([], str(empty))  # A path may be a text.
    assert read(name, empty, documents=[]) == [] if name == "docred_submission" else read(name, empty) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_oddity_is_warned_of_without_counts(name, tmp_path):
    counts = Counts()
    path = sample(name, tmp_path)
    read(name, path, counts)
    options = {"documents": documents()} if name == "docred_submission" else {}
    if counts.oddities:
        with pytest.warns(UserWarning, match=r"W100\]"):
            list(FORMATS[name].read(path, VOCAB, **options))
    else:
        list(FORMATS[name].read(path, VOCAB, **options))


@pytest.mark.parametrize("name", NAMES)
def test_options_that_a_format_does_not_know(name, tmp_path):
    having = {
        option: [form.name for form in FORMATS.values() if option in form.options]
        for form in FORMATS.values()
        for option in form.options
    }
    for option in sorted(having.keys() - FORMATS[name].options.keys()):
        others = ", ".join(having[option])
        with pytest.raises(ValueError, match=rf"E140.*{name!r}.*{option!r}.*have the option: {others}\."):
            FORMATS[name].read(tmp_path, VOCAB, **{option: True})
    with pytest.raises(ValueError, match=rf"E140.*{name!r}.*'nonsense'.*have the option: none\."):
        FORMATS[name].read(tmp_path, VOCAB, nonsense=True)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"spancat"}))
def test_relation_names(name, tmp_path):
    path = sample(name, tmp_path)
    labels = sorted({relation.label for doc in read(name, path) for relation in doc._.relations})
    names = {labels[0]: "first", **dict.fromkeys(labels[1:])}
    counts = Counts()
    named = read(name, path, counts, relation_names=names)
    assert {relation.label for doc in named for relation in doc._.relations} == {"first"}
    before = sum(len(doc._.relations) for doc in read(name, path))
    left_out = counts.oddities["relations left out, as their name is null"]
    assert left_out + counts.oddities["labels listed twice"] + counts.relations == before


@pytest.mark.parametrize(
    "name",
    sorted({*NAMES} - {"spacy", "rel_component", "spancat", "docred_submission", "bioc_json", *FOLDERS}),
)
def test_reads_one_document_at_a_time(name, tmp_path):
    """What is wrong with a later document does not keep an earlier one from being read."""
    path = sample(name, tmp_path)
    first, _ = read(name, path)
    path.write_bytes(path.read_bytes()[:-12])
    docs = FORMATS[name].read(path, VOCAB, Counts())
    assert facts(next(docs)) == facts(first)
    with pytest.raises(ValueError, match=r"KMGRE E1\d\d\]"):
        list(docs)


@pytest.mark.parametrize("name", WRITTEN)
def test_an_error_leaves_no_file_behind(name, tmp_path):
    docs = read(name, sample(name, tmp_path))

    def failing() -> Any:
        yield docs[0]
        raise RuntimeError("stop")

    target = path_for(name, tmp_path / "out", "copy")
    with pytest.raises(RuntimeError, match="stop"):
        FORMATS[name].write(failing(), target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_is_replaced_and_a_full_folder_is_not(name, tmp_path):
    docs = read(name, sample(name, tmp_path))
    target = path_for(name, tmp_path, "copy")
    FORMATS[name].write(docs[:1], target)
    if target.is_dir():
        with pytest.raises(ValueError, match=r"E141.*copy"):
            FORMATS[name].write(docs, target)
    else:
        FORMATS[name].write(docs, target)
        assert len(read(name, target)) == 2


@pytest.mark.parametrize("name", WRITTEN)
def test_a_relation_of_an_entity_without_mentions_is_not_written(name, tmp_path):
    doc = Doc(VOCAB, words=["a", "b"])
    doc.spans["entity_1"], doc.spans["entity_2"] = [doc[:1]], []
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "x"}]
    with pytest.raises(ValueError, match=r"E143.*'a b.*'x'.*'entity_2'"):
        FORMATS[name].write([doc], path_for(name, tmp_path, "copy"))


def test_names_of_formats():
    assert get_format("bioc") is FORMATS["bioc"]
    with pytest.raises(ValueError, match=r"E144.*'bioxx'.*pubtator"):
        get_format("bioxx")


@pytest.mark.parametrize("name", NAMES)
def test_formats_are_told_by_what_is_in_them(name, tmp_path):
    suffix = {"bioc": ".xml", "pubtator": ".txt", "jsonl": ".jsonl", "prodigy": ".jsonl", "doccano": ".jsonl"}
    path = sample(name, tmp_path)
    if path.is_file() and not path.suffix:
        path = path.rename(path.with_suffix(suffix.get(name, ".json")))
    assert guess_source(path).name == name
    if name not in WRITTEN:
        return
    copy = path_for(name, tmp_path, "copy")
    FORMATS[name].write(read(name, path), copy)
    if copy.is_file() and name != "spacy":
        copy = copy.rename(copy.with_suffix(suffix.get(name, ".json")))
    assert guess_source(copy).name == name


# Any document


# Shrinking takes minutes here, as each example writes and reads files.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
QUICK = settings(
    max_examples=tries(10), deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES
)
LABELS = st.sampled_from(["born_in", "a b", "Association:Novel", "é|ü", "COREFX"])


@st.composite
def any_documents(draw) -> Doc:
    """Documents with odd characters, overlapping mentions, and entities that share spans."""
    words = draw(st.lists(st.text('ab.-|,;%<&"é😀', min_size=1, max_size=4), min_size=1, max_size=12))
    spaces = draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    starts = draw(st.none() | st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    doc = Doc(VOCAB, words=words, spaces=spaces, sent_starts=starts and [True, *starts[1:]])
    doc.user_data["title"] = draw(st.text("abc1", min_size=1, max_size=3))
    tokens = st.integers(0, len(words) - 1)
    kinds = st.sampled_from(["PER", "LOC"])
    for number in range(1, draw(st.integers(1, 4)) + 1):
        spans = draw(st.sets(st.tuples(tokens, tokens).map(sorted).map(tuple), min_size=1, max_size=3))
        label, kb_id = (
            draw(kinds),
            draw(st.sampled_from(["", f"D{number}", f"p|SUB|V|{number}|E", f"a,{number}|; %"])),
        )
        doc.spans[f"entity_{number}"] = [
            Span(doc, s, e + 1, label=label, kb_id=kb_id) for s, e in sorted(spans)
        ]
    keys = st.sampled_from(sorted(key for key in doc.spans))
    found: dict[Any, Any] = {}
    for head, tail, label in draw(st.lists(st.tuples(keys, keys, LABELS), max_size=4)):
        evidence = [[sent.start, sent.end] for sent in doc.sents][:1] if starts else []
        pair = {"head": [doc.spans[head][0].start, doc.spans[head][0].end]}
        pair.update(tail=[doc.spans[tail][0].start, doc.spans[tail][0].end], share=1.0, key_score=0.25)
        found[head, tail, label] = {
            "head": head,
            "tail": tail,
            "label": label,
            "score": draw(st.floats(0, 1)),
            "evidence": evidence,
            "key_mention_pairs": [pair],
        }
    # As corpora are read: they hold relations of an entity with itself.
    store_relations(doc, [relation_data_of(doc, relation) for relation in found.values()])
    return doc


def outline(doc: Doc, holds: Any) -> Any:
    """What a format should keep of a document, whatever the entities' names."""
    found = facts(doc)
    identifiers = IDENTIFIERS in holds
    names = {
        key: (label, kb_id if identifiers else "", tuple(mentions))
        for key, label, kb_id, mentions in found["entities"]
    }
    return (
        found["text"],
        sorted(names.values()),
        sorted(
            (
                names[head],
                label,
                names[tail],
                score if SCORES in holds else 1.0,
                evidence if EVIDENCE in holds else [],
                [pair[:2] for pair in pairs] if KEY_PAIRS in holds else [],
            )
            for head, label, tail, score, evidence, pairs in found["relations"]
        ),
    )


@QUICK
@given(docs=st.lists(any_documents(), min_size=1, max_size=2, unique_by=lambda doc: doc.user_data["title"]))
@pytest.mark.parametrize("name", ["jsonl", "spacy", "dwie", "label_studio", "doccano"])
def test_any_document_is_kept(name, docs: list[Doc], tmp_path_factory):
    path = path_for(name, tmp_path_factory.mktemp("any"))
    FORMATS[name].write(docs, path)
    again = {doc.user_data["title"]: doc for doc in read(name, path)}
    holds = FORMATS[name].holds
    assert [outline(again[doc.user_data["title"]], holds) for doc in docs] == [
        outline(doc, holds) for doc in docs
    ]


@QUICK
@given(docs=st.lists(any_documents(), min_size=1, max_size=2, unique_by=lambda doc: doc.user_data["title"]))
@pytest.mark.parametrize(
    "name", ["docred", "pubtator", "bioc", "bioc_json", "brat", "prodigy", "dygie", "cas_xmi", "cas_json"]
)
def test_any_document_reads_the_same_ever_after(name, docs: list[Doc], tmp_path_factory):
    """These formats change some things once: identifiers are made up, white space becomes a space."""
    folder = tmp_path_factory.mktemp("any")
    first, second = (path_for(name, folder, stem) for stem in ("first", "second"))
    FORMATS[name].write(docs, first)
    once = read(name, first)
    FORMATS[name].write(once, second)
    assert [facts(doc) for doc in read(name, second)] == [facts(doc) for doc in once]
    if name not in ("prodigy", "dygie"):  # which join entities that share a span
        for doc in once:
            source = next(one for one in docs if one.user_data["title"] == doc.user_data["title"])
            assert len(doc._.relations) == len(source._.relations)
            if name == "docred":  # which joins tokens by single spaces
                assert [[span.text.split() for span in found] for found in spans(doc)] == [
                    [[token.text for token in span] for span in found] for found in spans(source)
                ]
            else:
                assert doc.text == source.text
                assert sorted(map(offsets, spans(doc))) == sorted(map(offsets, spans(source)))


def spans(doc: Doc) -> list[list[Span]]:
    return [list(entity.mentions) for entity in read_entities(doc)]


def offsets(spans: list[Span]) -> list[Any]:
    return [(span.start_char, span.end_char) for span in spans]
