"""configs/end_to_end.cfg on a tiny encoder: from raw text to relations."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy import Language
from spacy.lang.en import English
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_kmgre.annotations import ENTITY_PREFIX, read_entities, write_ents
from spacy_kmgre.cli import kmgre
from spacy_kmgre.evaluation.gold_entities import between_gold_entities
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader

from .test_project import script

CONFIG = Path(__file__).parent.parent / "configs" / "end_to_end.cfg"
FOUNDED, LIVES = "founded", "lives_in"
# Entities are (name, type), and in each text a name stands for one entity.
TEXTS: list[tuple[str, dict[str, str], list[tuple[str, str, str]]]] = [
    (
        "Ann founded Acme. Ann lives in Oslo.",
        {"Ann": "PER", "Acme": "ORG", "Oslo": "LOC"},
        [("Ann", FOUNDED, "Acme"), ("Ann", LIVES, "Oslo")],
    ),
    (
        "Acme was founded by Bob. Bob lives in Rome.",
        {"Acme": "ORG", "Bob": "PER", "Rome": "LOC"},
        [("Bob", FOUNDED, "Acme"), ("Bob", LIVES, "Rome")],
    ),
    (
        "Bob founded Bolt near Oslo. Ann lives in Rome.",
        {"Bob": "PER", "Bolt": "ORG", "Oslo": "LOC", "Ann": "PER", "Rome": "LOC"},
        [("Bob", FOUNDED, "Bolt"), ("Ann", LIVES, "Rome")],
    ),
    ("It was in the company near Oslo.", {"Oslo": "LOC"}, []),
]
Triples = list[tuple[str, str, str]]


@Language.component("careless")
def careless(doc: Doc) -> Doc:
    """Forgets a named entity, and gives another the wrong type."""
    kept = [ent for ent in doc.ents if not (ent.text == "Rome" and "Bob lives" in doc.text)]
    types = {"Bolt": "LOC"}
    doc.ents = [Span(doc, ent.start, ent.end, label=types.get(ent.text, ent.label_)) for ent in kept]
    return doc


def make_gold(nlp: Language) -> list[Doc]:
    docs = []
    for text, types, relations in TEXTS:
        doc = nlp.make_doc(text)
        for token in doc:
            token.is_sent_start = token.i == 0 or doc[token.i - 1].text == "."
        keys = {}
        for number, (name, label) in enumerate(types.items(), 1):
            keys[name] = key = f"{ENTITY_PREFIX}{number}"
            spans = [Span(doc, t.i, t.i + 1, label=label) for t in doc if t.text == name]
            doc.spans[key] = SpanGroup(doc, name=key, spans=spans)
        doc._.relations = [{"head": keys[h], "label": r, "tail": keys[t]} for h, r, t in relations]
        write_ents(doc, read_entities(doc))
        docs.append(doc)
    return docs


def named(doc: Doc) -> Triples:
    return sorted((relation.head.text, relation.label, relation.tail.text) for relation in doc._.relations)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.spacy"
    write_corpus(make_gold(spacy.blank("en")), path)
    return path


@pytest.fixture(scope="module")
def trained_path(tiny_encoder, corpus, tmp_path_factory) -> Path:
    """The folder of the pipeline that `spacy train` makes of the config."""
    folder = tmp_path_factory.mktemp("end_to_end")
    overrides: dict[str, Any] = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.encoder": tiny_encoder,
        "components.transformer.model.get_spans": {
            "@span_getters": "spacy-transformers.strided_spans.v1",
            "window": 10,
            "stride": 8,
        },
        "components.kmgre_relations.model.encoder.overlap": 16,
        # A wrong type alone must not lose a relation.
        "components.kmgre_relations.model.encoder.typed_markers": False,
        "training.max_steps": 200,
        "training.eval_frequency": 199,
        "training.optimizer.learn_rate": 3e-3,
        "training.optimizer.encoder_learn_rate": 3e-3,
        "training.optimizer.head_learn_rate": 3e-3,
    }
    nlp = init_nlp(load_config(CONFIG, overrides=overrides))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*W004")  # at step 0, with an untrained ner
        train(nlp, folder)
    return folder / "model-best"


@pytest.fixture
def nlp(trained_path) -> Language:
    return spacy.load(trained_path)


def check(nlp: Language) -> None:
    for text, types, relations in TEXTS:
        doc = nlp(text)
        assert {ent.text: ent.label_ for ent in doc.ents} == types
        assert named(doc) == sorted(relations)
        assert all(relation.evidence for relation in doc._.relations)


def test_from_raw_text_to_relations(nlp):
    check(nlp)
    docs = list(nlp.pipe([text for text, *_ in TEXTS], batch_size=3))
    assert [named(doc) for doc in docs] == [sorted(relations) for *_, relations in TEXTS]


def test_saved_and_loaded_again(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    check(spacy.load(tmp_path))
    check(English.from_config(nlp.config).from_bytes(nlp.to_bytes()))


def test_scores_from_raw_text(nlp, corpus):
    examples = list(create_corpus_reader(corpus, gold_entities=False, gold_tokens=False)(nlp))
    assert not any(example.predicted.spans or example.predicted.ents for example in examples)
    scores = nlp.evaluate(examples)
    for name in ("ents_f", "sents_f", "rel_strict_f", "rel_micro_f", "rel_overlap_f"):
        assert scores[name] == 1.0, name
    assert set(scores["rel_missed"].values()) == set(scores["rel_spurious"].values()) == {0}
    # `spacy evaluate` says the same: the pipeline has entities of its own, and needs no gold ones.
    plain = nlp.evaluate(list(Corpus(corpus)(nlp)))
    assert {key: value for key, value in plain.items() if key != "speed"} == {
        key: value for key, value in scores.items() if key != "speed"
    }


def test_what_the_pipeline_misses_is_explained(nlp, corpus):
    """One of six relations is of an entity that is not found, one of an entity whose type is wrong."""
    nlp.add_pipe("careless", after="ner")
    scores = nlp.evaluate(list(Corpus(corpus)(nlp)))
    assert scores["rel_missed"] == {"mention": 1, "cluster": 0, "type": 1, "relation": 0}
    assert scores["rel_unaligned_gold"] == scores["rel_unaligned_relations"] == 1
    recalls = [scores[f"rel_{level}_r"] for level in ("strict", "micro", "overlap")]
    assert recalls == pytest.approx([4 / 6, 5 / 6, 5 / 6])


def test_encoders_and_relations_learn_what_their_config_says(nlp):
    assert nlp.pipe_names == ["sentencizer", "transformer", "ner", "kmgre_entities", "kmgre_relations"]
    assert nlp.get_pipe("kmgre_relations").labels == (FOUNDED, LIVES)
    assert nlp.get_pipe("ner").labels == ("LOC", "ORG", "PER")
    assert nlp.get_pipe("kmgre_relations").lost_relations == 0  # trained between gold entities


def test_gold_entities_are_not_replaced(nlp, corpus):
    """`kmgre_entities` would; between gold entities it does not run, nor does anything else."""
    pipe: Any = nlp.get_pipe("kmgre_relations")
    reader = pipe.entities
    (example, *_) = create_corpus_reader(corpus)(nlp)
    example.predicted.spans["entity_3"] = [example.predicted[5:6]]  # "lives"
    with between_gold_entities(nlp, "kmgre_relations"):
        assert nlp.pipe_names == ["kmgre_relations"]
        doc = nlp(example.predicted.copy())
    assert [span.text for span in doc.spans["entity_3"]] == ["lives"] and not doc.ents
    assert len(nlp.pipe_names) == 5 and pipe.entities is reader
    assert [span.text for span in nlp(example.predicted).spans["entity_3"]] == ["Oslo"]


def evaluate(*args: object) -> str:
    result = CliRunner().invoke(kmgre, ["evaluate", *map(str, args)])
    assert result.exit_code == 0, result.output
    return result.output


def rows(output: str) -> dict[str, list[str]]:
    cells = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines() if line.strip()]
    return {name: values for name, *values in cells}


def test_evaluate_shows_gold_and_predicted_entities(trained_path, corpus, tmp_path):
    found = rows(evaluate(trained_path, corpus, "--output", tmp_path / "gold.json"))
    assert found["all relations"] == ["100.0"] * 3
    assert "gold entities" not in found
    found = rows(
        evaluate(trained_path, corpus, "--entities", "predicted", "--output", tmp_path / "both.json")
    )
    for name in ("all relations", "gold entities", "mentions", "B³"):
        assert found[name] == ["100.0"] * 3, name
    assert found["mean of MUC, B³ and CEAF_e (CoNLL)"] == ["-", "-", "100.0"]
    assert found["predicted entities, mentions and types right (strict)"] == ["100.0"] * 3
    assert found["together"] == ["0", "0"]
    gold, both = (srsly.read_json(tmp_path / f"{name}.json") for name in ("gold", "both"))
    predicted = both.pop("predicted_entities")
    assert {**gold, "speed": 0} == {**both, "speed": 0}
    assert predicted["ent_conll_f"] == predicted["rel_strict_f"] == predicted["ents_f"] == 1.0
    assert predicted["rel_missed"] == {"mention": 0, "cluster": 0, "type": 0, "relation": 0}


def test_evaluate_says_where_no_entities_are_found(trained_folder, corpus):
    """A pipeline with relations only cannot be scored from raw text."""
    result = CliRunner().invoke(
        kmgre, ["evaluate", str(trained_folder("KMGRE")), str(corpus), "--entities", "predicted"]
    )
    assert result.exit_code == 1
    assert "finds no entities" in result.output


def test_a_plain_text_is_read(trained_path, tmp_path, capsys):
    (tmp_path / "text.txt").write_text(TEXTS[0][0])
    script("predict").main(trained_path, tmp_path / "text.txt", 2)
    out = capsys.readouterr().out
    assert "Ann (PER): Ann | Ann" in out and "Oslo (LOC): Oslo" in out
    assert "Ann  --lives_in-->  Oslo" in out
    (tmp_path / "text.txt").write_text("[Ann](1 PER) founded [Acme](2 ORG). [Ann](1) lives in Oslo.")
    script("predict").main(trained_path, tmp_path / "text.txt", 2)
    out = capsys.readouterr().out
    assert "Ann  --founded-->  Acme" in out and "entities" not in out and "lives_in" not in out


def test_relations_are_extracted_from_raw_texts(trained_path, tmp_path):
    """In several parts, whose words are forgotten after each."""
    nlp = spacy.load(trained_path)
    lines = [{"id": str(number), "text": TEXTS[number % len(TEXTS)][0]} for number in range(20)]
    srsly.write_jsonl(tmp_path / "in.jsonl", lines)
    command = [
        "extract",
        trained_path,
        tmp_path / "in.jsonl",
        "-o",
        tmp_path / "out.jsonl",
        "--batch-size",
        2,
    ]
    result = CliRunner().invoke(kmgre, [str(argument) for argument in command])
    assert result.exit_code == 0, result.output
    for line, data in zip(lines, srsly.read_jsonl(tmp_path / "out.jsonl")):
        names = [entity["text"] for entity in data["entities"]]
        found = sorted((names[r["head"]], r["label"], names[r["tail"]]) for r in data["relations"])
        assert found == named(nlp(line["text"])) and data["title"] == line["id"]
        assert all(relation["evidence"] for relation in data["relations"])
