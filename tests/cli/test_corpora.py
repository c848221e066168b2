"""convert and info."""

import json
import os
from itertools import chain
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.tokens import Doc, Span
from typer.testing import CliRunner

from spacy_kmgre.annotations import read_entities
from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.base import targets
from spacy_kmgre.formats.docbin import write_corpus

from ..formats.samples import PUBTATOR, SAMPLES, facts, path_for, read, relations, sample

NLP = spacy.blank("en")


def run(*args: object):
    return CliRunner().invoke(kmgre, [str(arg) for arg in args])


def rows(output: str):
    """The tables' last columns, by the first."""
    found: dict[str, str] = {}
    for line in output.splitlines():
        if "  " in line:
            found.setdefault(line.split("  ")[0], line.split()[-1])
    return found


def show_help(command: str) -> str:
    """As spaCy shows it, on one line."""
    shown = CliRunner().invoke(app, ["kmgre", command, "--help"], prog_name="spacy", env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    return " ".join(shown.output.split())


@pytest.mark.parametrize("command", ["convert", "info"])
def test_help_names_every_format_and_option(command):
    words = show_help(command)
    for form in FORMATS.values():
        assert f"{form.name} {form.description}" in words
        for option in form.options:
            assert f"--{option.replace('_', '-')}" in words
    assert "Exit status" in words


def test_help_says_which_formats_know_an_option():
    words = show_help("convert")
    for option, start in {
        "coref_label": "Relations that join two mentions",
        "novelty": "Keep BioRED",
        "all_types": "Keep all types",
        "part": "Read only documents",
    }.items():
        named = words.split(start)[1].split("(")[1].split(")")[0].split(", ")
        assert set(named) == {form.name for form in FORMATS.values() if option in form.options}


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"docred_submission"}))
def test_from_every_format_to_every_other(name, tmp_path: Path):
    source = sample(name, tmp_path)
    docs = read(name, source)
    for target in sorted(set(targets()) - {"docred_submission"}):
        path = path_for(target, tmp_path, f"to_{target}")
        result = run("convert", source, path, "--from", name, "--to", target, "--lang", "xx")
        assert result.exit_code == 0, result.output
        assert rows(result.output)["documents"] == "2"
        again = read(target, path)
        mentions = [
            sum(len(entity.mentions) for doc in found for entity in read_entities(doc))
            for found in (docs, again)
        ]
        assert mentions[0] == mentions[1] or "spans that belong to" in result.output, target


def test_formats_are_guessed_and_named(tmp_path: Path):
    source = tmp_path / "cdr.txt"
    source.write_text(PUBTATOR)
    result = run("convert", source, tmp_path / "cdr.jsonl")
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert "cdr.txt as pubtator (--from names another format)" in words and "cdr.jsonl (jsonl)" in words
    assert rows(result.output)["composite mentions, which belong to several entities"] == "1"
    assert [len(doc._.relations) for doc in read("jsonl", tmp_path / "cdr.jsonl")] == [2, 2]


def test_options_reach_the_reader(tmp_path: Path):
    source = tmp_path / "cdr.pubtator"
    source.write_text(PUBTATOR.replace("\tliver\t", "\tlever\t"))
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"CID": "induces", "Association:Novel": None}))
    target = tmp_path / "out.jsonl"
    options = ["--novelty", "--lenient", "--no-sentences", "--relation-names", names]
    result = run("convert", source, target, *options)
    assert result.exit_code == 0, result.output
    first, second = read("jsonl", target)
    assert not first.has_annotation("SENT_START")
    assert [label for _, label, _ in relations(first)] == ["induces", "induces"]
    assert [label for _, label, _ in relations(second)] == ["Positive_Correlation:No"]
    assert rows(result.output)["relations left out, as their name is null"] == "1"
    result = run("convert", source, target, "--force")
    assert result.exit_code == 1 and "E122" in result.output and "line 8" in " ".join(result.output.split())


def test_submissions_are_read_onto_documents(tmp_path: Path):
    docred = SAMPLES["docred"](tmp_path / "dev.json")
    submission = SAMPLES["docred_submission"](tmp_path / "result.json")
    result = run("convert", submission, tmp_path / "out.spacy", "--documents", docred)
    assert result.exit_code == 0, result.output
    docs = read("spacy", tmp_path / "out.spacy")
    assert [[label for _, label, _ in relations(doc)] for doc in docs] == [["P131", "P112"], ["P26"]]
    result = run("convert", tmp_path / "out.spacy", tmp_path / "again.json", "--to", "docred_submission")
    assert result.exit_code == 0, result.output
    key = ("title", "h_idx", "t_idx")
    ours, theirs = (
        sorted(json.loads(path.read_text()), key=lambda item: [item[name] for name in key])
        for path in (tmp_path / "again.json", submission)
    )
    assert ours == theirs
    result = run("convert", submission, tmp_path / "x.spacy")
    assert result.exit_code == 1 and "E107" in result.output
    other = SAMPLES["pubtator"](tmp_path / "other.pubtator")
    result = run("convert", submission, tmp_path / "x.spacy", "--documents", other)
    assert result.exit_code == 1 and "E108" in result.output and not (tmp_path / "x.spacy").exists()


def test_what_a_format_has_no_place_for_is_counted(tmp_path: Path):
    source = SAMPLES["jsonl"](tmp_path / "docs.jsonl")
    result = run("convert", source, tmp_path / "out.pubtator")
    assert {name: number for name, number in rows(result.output).items() if "no place" in name} == {
        "evidence, for which pubtator has no place": "1",
        "scores, for which pubtator has no place": "1",
        "key mention pairs, for which pubtator has no place": "1",
    }
    result = run("convert", source, tmp_path / "out.spacy")
    assert "no place" not in result.output


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["missing.jsonl", "out.jsonl"], 2, "does not exist"),
        (["docs.jsonl", "out.jsonl", "--from", "brut"], 2, "no format 'brut'"),
        (["docs.jsonl", "out.jsonl", "--to", "brut"], 2, "no format 'brut'"),
        (["docs.jsonl"], 2, "Missing argument"),
        (["docs.jsonl", "out.jsonl", "--limit", "-1"], 2, "--limit"),
        (["docs.jsonl", "out.json"], 1, "E145"),
        (["docs.jsonl", "out.jsonl", "--novelty"], 1, "E140"),
        (["docs.jsonl", "out.jsonl", "--from", "docred"], 1, "E102"),
        (["docs.jsonl", "out.jsonl", "--lang", "qq"], 1, "qq"),
        (["docs.jsonl", "out.jsonl", "--relation-names", "docs.jsonl"], 1, "names"),
        (["docs.jsonl", "docs.jsonl/out.jsonl"], 1, "docs.jsonl"),
        (["empty.json", "out.jsonl"], 1, "E145"),
        (["empty.pubtator", "out.jsonl"], 1, "E147"),
        (["ignored.jsonl", "out.jsonl"], 1, "ignored by the annotator (left out): 1"),
        (["docs.jsonl", "docs.jsonl"], 1, "E331"),
        (["docs.jsonl", "-"], 2, "standard output"),
        (["docs.jsonl", "pipe", "--to", "jsonl"], 1, "E149"),
        (["docs.jsonl", "pipe", "--to", "jsonl", "--force"], 1, "E149"),
        (["unlabelled.jsonl", "out.jsonl"], 1, "E148"),
        (["returns.pubtator", "out.jsonl"], 1, "E150"),
        (["docs.jsonl", "out.jsonl", "--relation-names", "broken.json"], 1, "broken.json"),
        (["broken.json", "out.jsonl"], 1, "E100"),
        ([".", "out.jsonl"], 1, "E100"),
        (["full", "out.jsonl"], 1, "E145"),
        (["nothing", "out.jsonl"], 1, "E132"),
        (["nothing.json", "out.jsonl"], 1, "E147"),
        (["docs.jsonl", "corpus"], 1, "--split 0.8,0.1,0.1"),
        (["docs.jsonl", "full", "--to", "brat"], 1, "E141"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(tmp_path: Path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    SAMPLES["jsonl"](tmp_path / "docs.jsonl")
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "empty.pubtator").write_text("\n")
    (tmp_path / "broken.json").write_text('[{"title" "x"}]')
    srsly.write_jsonl(
        tmp_path / "ignored.jsonl", [{"text": "a", "answer": "ignore", "_view_id": "relations"}]
    )
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "returns.pubtator").write_bytes(b"1|t|a\r1|a|b\r\r2|t|c\r\n")
    entities = [{"mentions": [{"start": start, "end": start + 1}]} for start in (0, 2)]
    relation = {"head": 0, "tail": 1, "label": " "}
    srsly.write_jsonl(
        tmp_path / "unlabelled.jsonl", [{"text": "a b", "entities": entities, "relations": [relation]}]
    )
    (tmp_path / "nothing.json").touch()
    for folder in ("full", "nothing"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "x").touch()
    before = sorted(tmp_path.rglob("*"))
    result = run("convert", *arguments)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.output.split()) and "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    assert sorted(tmp_path.rglob("*")) == before


def test_names_that_a_format_changes_are_counted(tmp_path: Path):
    doc = NLP("Acme\nBolt")
    doc.user_data["title"] = "a|b"
    for number, (start, label) in enumerate([(0, "big firm"), (2, "ORG")], 1):
        doc.spans[f"entity_{number}"] = [Span(doc, start, start + 1, label=label)]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "part\tof"}]
    FORMATS["jsonl"].write([doc], tmp_path / "docs.jsonl")
    changed = rows(run("convert", tmp_path / "docs.jsonl", tmp_path / "out.pubtator").output)
    assert {name: number for name, number in changed.items() if "has it" in name} == {
        "titles with _ in place of | and white space, as pubtator has it": "1",
        "texts with spaces in place of line ends and tabs, as pubtator has it": "1",
        "labels with spaces in place of line ends and tabs, as pubtator has it": "1",
    }
    changed = rows(run("convert", tmp_path / "docs.jsonl", tmp_path / "out", "--to", "brat").output)
    assert sum("as brat has it" in name for name in changed) == 2
    assert "has it" not in run("convert", tmp_path / "docs.jsonl", tmp_path / "out.xml").output


def test_what_becomes_one_entity_is_counted(tmp_path: Path):
    doc = NLP("Acme near Bolt")
    for number, start in enumerate((0, 2), 1):
        doc.spans[f"entity_{number}"] = [Span(doc, start, start + 1, label="ORG", kb_id="Q1")]
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "coref"}]
    FORMATS["jsonl"].write([doc], tmp_path / "docs.jsonl")
    counted = {
        "pubtator": 1,
        "bioc": 1,
        "brat": 2,
        "doccano": 1,
        "prodigy": 1,
        "label_studio": 1,
        "docred": 0,
    }
    for name, number in counted.items():
        shown = " ".join(
            run("convert", tmp_path / "docs.jsonl", tmp_path / name, "--to", name).output.split()
        )
        assert shown.count(f"as {name} has it") == number, shown
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "12"}]
    FORMATS["jsonl"].write([doc], tmp_path / "docs.jsonl")
    result = run("convert", tmp_path / "docs.jsonl", tmp_path / "digits.pubtator")
    assert result.exit_code == 1 and "E151" in result.output


def test_a_link_stays_one(tmp_path: Path):
    source = SAMPLES["jsonl"](tmp_path / "docs.jsonl")
    (tmp_path / "link.pubtator").symlink_to(tmp_path / "out.pubtator")
    assert run("convert", source, tmp_path / "link.pubtator").exit_code == 0
    assert (tmp_path / "link.pubtator").is_symlink() and "|t|" in (tmp_path / "out.pubtator").read_text()


def test_the_longest_name_of_a_file(tmp_path: Path):
    source = SAMPLES["jsonl"](tmp_path / "docs.jsonl")
    target = tmp_path / ("x" * 246 + ".pubtator")
    assert run("convert", source, target).exit_code == 0 and target.exists()


def test_a_target_is_replaced_only_by_force(tmp_path: Path):
    source = SAMPLES["jsonl"](tmp_path / "docs.jsonl")
    target = tmp_path / "out.pubtator"
    target.write_text("mine")
    assert run("convert", source, target).exit_code == 1 and target.read_text() == "mine"
    result = run("convert", source, target, "--force")
    assert result.exit_code == 0 and "|t|" in target.read_text()


@pytest.mark.parametrize(
    "name, annotation, line",
    [
        ("pubtator", "cdr.pubtator", "1|t|Aspirin\n1|a|\n1\t0\t7\tAspirin\tChemical\tD001241"),
        ("brat", "brat/a.ann", "T1\tChemical 0 7\tAspirin"),
    ],
)
def test_a_file_cut_inside_a_line_is_counted(tmp_path: Path, name, annotation, line):
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text("Aspirin")
    file = tmp_path / annotation
    source = file if name == "pubtator" else file.parent
    for content, cut in ((line + "\n", False), (line, True)):
        file.write_text(content)
        result = run("convert", source, tmp_path / "out.jsonl", "--from", name, "--force")
        assert result.exit_code == 0, result.output
        assert rows(result.output).get("files that end inside a line, as if cut off") == (
            "1" if cut else None
        )


def test_a_corpus_without_documents_is_said_to_be_one(tmp_path: Path):
    (tmp_path / "empty.pubtator").write_text("\n")
    assert "There are no documents" in run("info", tmp_path / "empty.pubtator").output


def test_info_shows_what_is_in_a_corpus(tmp_path: Path):
    docs = read("docred", sample("docred", tmp_path))
    twin = docs[1].copy()
    twin.user_data["title"] = "Bo again"
    bare = NLP.make_doc("Nobody is here, in a long text of many words.")
    write_corpus([*docs, twin, bare], tmp_path / "docs.spacy")
    result = run("info", tmp_path / "docs.spacy", "--long-words", "9")
    assert result.exit_code == 0, result.output
    found = rows(result.output)
    assert (found["documents"], found["words"], found["entities"], found["relations"]) == (
        "4",
        "33",
        "7",
        "3",
    )
    assert (found["P17"], found["PER"], found["LOC"]) == ("33.3%", "6", "1")
    assert (found["relations within a sentence"], found["relations across sentences"]) == ("2", "1")
    assert (found["Ann Lee"], found["Nobody is here, in a long text of many w"]) == ("16", "0")
    assert found["documents of more than 9 words"] == "2"
    assert found["documents without entities"] == "1"
    assert found["documents without relations"] == "3"
    assert found["documents without sentence boundaries"] == "1"
    assert found["documents with the text of another"] == "1"
    assert found["labels with fewer than 5 relations"] == found["labels without words"] == "3"


def test_info_shows_labels_in_words(tmp_path: Path):
    source = SAMPLES["docred"](tmp_path / "dev.json")
    srsly.write_json(tmp_path / "rel_info.json", {"P112": "founded by"})
    found = rows(run("info", source).output)
    assert found["founded by (P112)"] == "33.3%" and found["labels without words"] == "2"
    assert json.loads(run("info", source, "--json").output)["label_texts"] == {"P112": "founded by"}


def test_info_as_json(tmp_path: Path):
    source = SAMPLES["docred"](tmp_path / "dev.json")
    shown = json.loads(run("info", source, "--json").output)
    assert shown["sizes"] == {
        "documents": 2,
        "sentences": 4,
        "words": 17,
        "entities": 5,
        "mentions": 7,
        "mention_pairs": 18,
        "relations": 3,
        "relations_with_evidence": 2,
        "evidence_sentences": 3,
    }
    assert shown["per_document"]["words"] == {"least": 4, "median": 8.5, "mean": 8.5, "most": 13}
    assert shown["labels"] == {"P17": 1, "P112": 1, "P551": 1}
    assert shown["entity_types"]["PER"] == {"entities": 3, "mentions": 4}
    assert shown["oddities"] == {"entities without mentions": 1}
    assert shown["long_documents"] == []


@pytest.mark.filterwarnings("ignore:.*W120")
def test_info_says_where_entities_may_be(tmp_path: Path):
    doc = Doc(NLP.vocab, words=["a", "b"])
    doc.spans["coref_clusters_1"] = [Span(doc, 0, 1)]
    write_corpus([doc], tmp_path / "docs.spacy")
    assert "Those there are: coref_clusters_1" in " ".join(
        run("info", tmp_path / "docs.spacy").output.split()
    )


def test_info_says_what_is_wrong(tmp_path: Path):
    (tmp_path / "docs.xml").write_text("<collection>")
    result = run("info", tmp_path / "docs.xml")
    assert result.exit_code == 1 and "E127" in result.output and "Traceback" not in result.output


def test_progress_is_for_terminals(tmp_path: Path):
    source = SAMPLES["pubtator"](tmp_path / "cdr.pubtator")
    done = run("convert", source, tmp_path / "out.spacy")
    assert done.exit_code == 0 and "\r" not in done.output and "documents/s" not in done.output
    assert [facts(doc)["title"] for doc in read("spacy", tmp_path / "out.spacy")] == ["101", "102"]


# Parts and folders


def docred_file(path: Path, *titles: str) -> Path:
    sents = [["Ann", "founded", "Acme", "."]]
    mentions = [
        [{"name": name, "sent_id": 0, "pos": [pos, pos + 1], "type": "X"}]
        for name, pos in (("Ann", 0), ("Acme", 2))
    ]
    labels = [{"h": 0, "t": 1, "r": "founded", "evidence": [0]}]
    documents = [
        {"title": title, "sents": [*sents, [title]], "vertexSet": mentions, "labels": labels}
        for title in titles
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(path, documents)
    return path


def test_convert_splits_by_document(tmp_path: Path):
    source = docred_file(tmp_path / "all.json", *map(str, range(20)))
    result = run("convert", source, tmp_path / "corpus", "--split", "0.8,0.1,0.1", "--seed", 1)
    assert result.exit_code == 0, result.output
    found = {
        part: [d.user_data["title"] for d in read("spacy", tmp_path / "corpus" / f"{part}.spacy")]
        for part in ("train", "dev", "test")
    }
    assert {part: len(titles) for part, titles in found.items()} == {"train": 16, "dev": 2, "test": 2}
    assert sorted(chain.from_iterable(found.values()), key=int) == [str(number) for number in range(20)]
    assert "16 documents" in result.output and rows(result.output)["documents"] == "20"
    again = run("convert", source, tmp_path / "corpus", "--split", "0.8,0.1,0.1")
    assert again.exit_code == 1 and "E331" in again.output and "--force" in again.output
    assert run("convert", source, tmp_path / "corpus", "--split", "0.8,0.1,0.1", "--force").exit_code == 0
    assert [d.user_data["title"] for d in read("spacy", tmp_path / "corpus" / "dev.spacy")] != found["dev"]


@pytest.mark.parametrize(
    "name, ending", [("docred", ".json"), ("pubtator", ".pubtator"), ("brat", ""), ("prodigy", ".jsonl")]
)
def test_convert_splits_into_any_format(name: str, ending: str, tmp_path: Path):
    source = docred_file(tmp_path / "all.json", *"abcd")
    result = run("convert", source, tmp_path / "out", "--split", "0.5,0.5", "--to", name)
    assert result.exit_code == 0, result.output
    parts = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in parts] == [f"dev{ending}", f"train{ending}"]
    assert all(len(read(name, path)) == 2 for path in parts)


@pytest.mark.parametrize(
    "shares, target, status, words",
    [
        ("0.8,0.8", "out", 2, "sum to 1"),
        ("0.8,0.1,0.1", "out", 1, "2 different documents"),
        ("0.5,0.5", "all.json", 1, "is a file"),
    ],
)
def test_splits_that_cannot_be(shares, target, status, words, tmp_path: Path):
    source = docred_file(tmp_path / "all.json", "a", "b")
    result = run("convert", source, tmp_path / target, "--split", shares)
    assert result.exit_code == status and words in " ".join(result.output.replace("│", "").split())
    assert [path.name for path in tmp_path.iterdir()] == ["all.json"]


def test_a_folder_of_files_of_one_format(tmp_path: Path):
    docred_file(tmp_path / "in" / "b.json", "2")
    docred_file(tmp_path / "in" / "a" / "b.json", "1")
    srsly.write_json(tmp_path / "in" / "aaa_rel_info.json", {"P1": "founded"})
    (tmp_path / "in" / "README.md").write_text("# Files")
    result = run("convert", tmp_path / "in", tmp_path / "out.spacy")
    assert result.exit_code == 0, result.output
    assert "as docred" in " ".join(result.output.split())
    assert [doc.user_data["title"] for doc in read("spacy", tmp_path / "out.spacy")] == ["1", "2"]
    assert rows(result.output)["files in the folder of another format (left out)"] == "2"


@pytest.mark.parametrize("name, ending", [("pubtator", ".txt"), ("bioc", ".xml"), ("jsonl", ".jsonl")])
def test_folders_of_other_formats(name: str, ending: str, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    SAMPLES[name](folder / f"sample{ending}")
    result = run("info", folder, "--json")
    assert result.exit_code == 0, result.output
    assert srsly.json_loads(result.output)["sizes"]["documents"] == 2


def test_a_folder_without_files_of_the_format(tmp_path: Path):
    docred_file(tmp_path / "in" / "b.json", "2")
    result = run("convert", tmp_path / "in", tmp_path / "out.spacy", "--from", "pubtator")
    assert result.exit_code == 1 and "no file of the format pubtator" in " ".join(result.output.split())
