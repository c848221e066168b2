"""The project's scripts and its file."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from weasel.util.config import load_project_config

from .cli.test_cli import DOCUMENT
from .formats.samples import DWIE, PUBTATOR, SAMPLES

PROJECT = Path(__file__).parent.parent / "project"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROJECT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_project_file_is_valid_and_names_files_that_exist():
    config = load_project_config(PROJECT)
    assert set(config["workflows"]) == {"demo", "all", "end_to_end", "release"}
    commands = {command["name"]: command for command in config["commands"]}
    from_text = {"train_end_to_end", "evaluate_end_to_end", "predict_end_to_end"}
    release = {"assemble", "evaluate_text", "predict_text", "package_release"}
    own = {"corpus", "train", "evaluate", "view", "package", "predict", "clean"}
    assert set(commands) == own | from_text | release
    assert all(step in commands for steps in config["workflows"].values() for step in steps)
    assert all((PROJECT / config["vars"][text]).exists() for text in ("text", "plain_text", "card"))
    assert (PROJECT.parent / "configs" / f"{config['vars']['config']}.cfg").exists()
    for command in commands.values():
        for line in command["script"]:
            words = line.split()
            assert words[:2] != ["python", "scripts"] and all(
                (PROJECT / word).exists()
                for word in words
                if word.startswith("scripts/") or word == "../configs/end_to_end.cfg"
            )


def test_corpus_from_docred_files(tmp_path: Path):
    make_corpus = script("make_corpus").main
    for part in ("train_revised", "dev"):
        (tmp_path / f"{part}.json").write_text(json.dumps([DOCUMENT]))
    make_corpus(str(tmp_path), tmp_path / "out", None, 0, 0, False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev.spacy", "train.spacy"]
    for write, name in ((srsly.write_json, "rel_info.json"), (srsly.write_gzip_json, "rel_info.json.gz")):
        write(tmp_path / name, {DOCUMENT["labels"][0]["r"]: "in words"})
        make_corpus(str(tmp_path), tmp_path / name.replace(".", "_"), None, 0, 0, False)
        docs = (
            DocBin()
            .from_disk(tmp_path / name.replace(".", "_") / "dev.spacy")
            .get_docs(spacy.blank("en").vocab)
        )
        assert "in words" in [relation.label_text for doc in docs for relation in doc._.relations]
        (tmp_path / name).unlink()
    (tmp_path / "train_revised.json").unlink()
    make_corpus(str(tmp_path), tmp_path / "out", None, 0, 0, True)  # leaves what is there alone
    with pytest.raises(SystemExit):
        make_corpus(str(tmp_path), tmp_path / "out", None, 0, 0, False)


def test_corpus_from_files_of_any_format(tmp_path: Path):
    make_corpus = script("make_corpus").main
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.pubtator").write_text(PUBTATOR)
    SAMPLES["brat"](data / "dev")
    make_corpus(str(data), tmp_path / "out", None, 0, 0, False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev.spacy", "train.spacy"]


@pytest.mark.parametrize("folder", [True, False])
def test_corpus_of_documents_without_parts_is_divided(folder: bool, tmp_path: Path):
    make_corpus = script("make_corpus").main
    source = tmp_path / "data"
    source.mkdir()
    documents = [{**DOCUMENT, "sents": [["Ann", "founded", "Acme", str(n)]]} for n in range(20)]
    for start in (0, 10):
        (source / f"{start}.json").write_text(json.dumps(documents[start : start + 10]))
    make_corpus(str(source if folder else source / "0.json"), tmp_path / "out", None, 0, 1, False)
    vocab = spacy.blank("en").vocab
    sizes = {p.stem: len(list(DocBin().from_disk(p).get_docs(vocab))) for p in (tmp_path / "out").iterdir()}
    assert sizes == ({"train": 16, "dev": 2, "test": 2} if folder else {"train": 8, "dev": 1, "test": 1})
    with pytest.raises(SystemExit):
        make_corpus(str(tmp_path / "nowhere"), tmp_path / "other", None, 0, 0, False)


def test_corpus_from_dwie(tmp_path: Path, monkeypatch, capsys):
    make_corpus = script("make_corpus")
    texts = make_corpus.DWIE / make_corpus.DWIE_TEXTS
    monkeypatch.chdir(tmp_path)

    def fetch(command, **settings):
        """The authors' files, as git and their script leave them."""
        assert settings["check"]
        if command[0] == "git":
            make_corpus.DWIE.mkdir(parents=True)
            return
        assert (Path(settings["cwd"]), command[1]) == (make_corpus.DWIE, "src/dwie_download.py")
        texts.mkdir(parents=True)
        for number in range(12):
            data = {**DWIE[0], "id": f"DW_{number}", "tags": ["all", "test" if number < 3 else "train"]}
            (texts / f"DW_{number}.json").write_text(json.dumps(data))

    monkeypatch.setattr(make_corpus.subprocess, "run", fetch)
    make_corpus.main("dwie", tmp_path / "out", None, 0, 0, False)
    vocab = spacy.blank("en").vocab
    docs = {
        path.stem: list(DocBin().from_disk(path).get_docs(vocab)) for path in (tmp_path / "out").iterdir()
    }
    assert {part: len(found) for part, found in docs.items()} == {"train": 7, "dev": 2, "test": 3}
    assert all(doc._.relations for found in docs.values() for doc in found)
    (texts / "DW_0.json").write_text("{")
    capsys.readouterr()
    make_corpus.main("dwie", tmp_path / "again", None, 0, 0, False)
    assert "documents left out, as they cannot be read" in " ".join(capsys.readouterr().out.split())
    assert len(list(DocBin().from_disk(tmp_path / "again" / "test.spacy").get_docs(vocab))) == 2


def test_embedded_corpus(tmp_path: Path):
    script("make_corpus").main("embedded", tmp_path, None, 3, 0, False)
    vocab = spacy.blank("en").vocab
    docs = {path.stem: list(DocBin().from_disk(path).get_docs(vocab)) for path in tmp_path.iterdir()}
    assert {part: len(found) for part, found in docs.items()} == {"train": 3, "dev": 3, "test": 3}
    assert all(doc._.relations for found in docs.values() for doc in found)


def test_marked_text_is_read():
    predict = script("predict")
    doc = predict.read_marked(
        "[Ann Lee](1 PER) met [Bo](2 PER). [She](1) left [Oslo](3 LOC).", spacy.blank("en").vocab
    )
    assert doc.text == "Ann Lee met Bo. She left Oslo."
    assert {key: [span.text for span in group] for key, group in doc.spans.items()} == {
        "entity_1": ["Ann Lee", "She"],
        "entity_2": ["Bo"],
        "entity_3": ["Oslo"],
    }
    assert [span.label_ for span in doc.spans["entity_1"]] == ["PER", "PER"]
    assert len(list(doc.sents)) == 2


def test_prediction_prints_key_pairs_in_their_sentences(trained, tmp_path: Path, capsys):
    trained.to_disk(tmp_path / "model")
    (tmp_path / "text.txt").write_text("[Ann Lee](1) founded [Acme](2). [She](1) lives in [Oslo](3).")
    script("predict").main(tmp_path / "model", tmp_path / "text.txt", 2)
    out = capsys.readouterr().out
    assert "Ann Lee founded Acme. She lives in Oslo." in out
    assert "--founded-->" in out or "--lives_in-->" in out
