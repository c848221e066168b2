"""`spacy kmgre extract`: where things come from and go to, exit statuses, and what is said."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import spacy
import srsly
from spacy.tokens import Doc
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.cli.planning import duration

from ..conftest import NAME, component
from ..extraction.conftest import line, write_lines

FORGETS = """
from spacy import Language

@Language.component("forgets")
def forgets(doc):
    doc.spans.clear()
    return doc
"""


@pytest.fixture(scope="module")
def model(trained_folder) -> Path:
    return trained_folder("KMGRE")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl", [line(1), line(2), line(3)])


def run(*args: object, stdin: bytes = b""):
    return CliRunner().invoke(kmgre, ["extract", *map(str, args)], input=stdin)


def failed(*args: object, status: int = 1) -> str:
    result = run(*args)
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return " ".join(result.output.replace("│", " ").split())


def test_from_file_to_file(model, source, tmp_path):
    result = run(model, source, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    lines = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    relations = sum(len(data["relations"]) for data in lines)
    assert [data["title"] for data in lines] == ["doc 1", "doc 2", "doc 3"] and relations > 0
    assert f"{relations} relations in 3 documents" in " ".join(result.output.split())


def test_to_standard_output(model, source):
    result = run(model, source)
    assert result.exit_code == 0
    assert [json.loads(found)["title"] for found in result.stdout.splitlines()] == ["doc 1", "doc 2", "doc 3"]
    result = run(model, source, "--to", "csv", f"--components.{NAME}.threshold", "1.0")
    assert (
        result.stdout.splitlines()[0].startswith("document,model,") and len(result.stdout.splitlines()) == 1
    )


def test_from_standard_input(model, source):
    result = run(model, "-", stdin=source.read_bytes() + b"broken\n")
    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 3
    assert "stdin:4" in result.stderr and "1 document failed" in result.stderr


def test_several_sources_and_an_override(model, source, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Acme")
    result = run(
        model, tmp_path / "texts", source, f"--components.{NAME}.threshold=1.0", "-o", tmp_path / "out.jsonl"
    )
    assert result.exit_code == 0, result.output
    lines = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert [data["title"] for data in lines] == ["a.txt", "doc 1", "doc 2", "doc 3"]
    assert not any(data["relations"] for data in lines)


@pytest.mark.parametrize("processes", [1, 2])
def test_in_bfloat16(model, source, tmp_path, monkeypatch, processes):
    """The pipeline forgets the weights in float32; processes that it is forked into predict likewise."""
    monkeypatch.setattr("spacy_kmgre.pipeline.state.has_bfloat16", lambda device: True)
    found = {}
    for precision in ("float32", "bfloat16"):
        target = tmp_path / f"{precision}.jsonl"
        setting = (f"--components.{NAME}.precision", precision, f"--components.{NAME}.threshold", "0.0")
        run(model, source, "-o", target, "--n-process", processes, *setting)
        found[precision] = [
            relation["score"] for row in srsly.read_jsonl(target) for relation in row["relations"]
        ]
    assert found["float32"] != found["bfloat16"]
    assert found["float32"] == pytest.approx(found["bfloat16"], abs=0.05)


def test_an_override_comes_before_what_was_saved(model, source, tmp_path):
    """Also where it has the value that the config had before the setting was changed and saved."""
    nlp = spacy.load(model)
    before = component(nlp).threshold
    component(nlp).threshold = 1.0
    nlp.to_disk(tmp_path / "saved")
    counts = []
    for setting in ((), (f"--components.{NAME}.threshold", before)):
        result = run(tmp_path / "saved", source, *setting)
        assert result.exit_code == 0, result.output
        counts.append(sum(len(json.loads(found)["relations"]) for found in result.stdout.splitlines()))
    assert counts[0] == 0 < counts[1]


def test_entities_that_the_documents_come_with(trained_folder, source, tmp_path):
    nlp = spacy.load(trained_folder("KMGRE"))
    code = tmp_path / "code.py"
    code.write_text(FORGETS)
    exec(compile(code.read_text(), str(code), "exec"), {})
    nlp.add_pipe("forgets", first=True)
    nlp.to_disk(tmp_path / "model")
    arguments = (tmp_path / "model", source, "--code", code, "-o", tmp_path / "out.jsonl")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "No document has entities" in result.output
    assert run(*arguments, "--entities", "given", "--force").exit_code == 0
    assert all(data["relations"] for data in srsly.read_jsonl(tmp_path / "out.jsonl"))


def test_failures_and_going_on(model, source, tmp_path):
    with source.open("a") as file:
        file.write('{"id": "bad"}\n')
    target = tmp_path / "out.csv"
    shown = failed(model, source, "-o", target, status=3)
    assert "bad" in shown and "E102" in shown and f"{target.name}.errors.jsonl" in shown
    assert srsly.read_json(Path(f"{target}.errors.jsonl"))["id"] == "bad"
    before = target.read_bytes()
    assert "E331" in failed(model, source, "-o", target)
    assert "no unfinished run" in failed(model, source, "-o", target, "--resume", status=3)
    assert target.read_bytes() == before
    assert run(model, source, "-o", target, "--force").exit_code == 3
    assert target.read_bytes() == before


def test_a_source_that_is_the_target(model, source, tmp_path):
    before = source.read_bytes()
    assert "E532" in failed(model, source, "-o", source, "--force")
    assert source.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_tables_take_the_place_of_a_file(model, source, tmp_path):
    target = tmp_path / "out.parquet"
    target.touch()
    assert "E331" in failed(model, source, "-o", target)
    assert run(model, source, "-o", target, "--force").exit_code == 0
    assert pq.read_table(target / "documents").num_rows == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.parquet"]


def test_one_bad_document_of_a_corpus_does_not_hide_the_others(model, tmp_path):
    lines = [f"{n}|t|Acme works near Bolt .\n{n}|a|\n{n}\t0\t4\tAcme\tORG\t{n}\n\n" for n in range(4)]
    lines[1] = lines[1].replace("\t4\t", "\t6\t")
    (tmp_path / "in.pubtator").write_text("".join(lines))
    target = tmp_path / "out.jsonl"
    shown = failed(model, tmp_path / "in.pubtator", "-o", target, status=3)
    assert "E122" in shown and "1 document failed" in shown and "3 documents" in shown
    assert [data["title"] for data in srsly.read_jsonl(target)] == ["0", "2", "3"]
    assert srsly.read_json(Path(f"{target}.errors.jsonl"))["id"] == "1"
    (tmp_path / "in.pubtator").write_bytes("".join(lines).encode() + b"5|t|\xff\n\n6|t|a\n\n")
    shown = failed(model, tmp_path / "in.pubtator", "-o", target, "--force", status=3)
    assert "E348" in shown and "rest of the file is not read" in shown


def test_folders_and_what_is_not_read_of_them(model, source, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "elsewhere").mkdir()
    source.rename(tmp_path / "elsewhere" / "in.jsonl")
    (tmp_path / "corpus" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus" / "notes.docx").touch()
    result = run(model, tmp_path / "corpus", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "Not read: 1 file with other endings in the folders, such as notes.docx" in said
    assert len(list(srsly.read_jsonl(tmp_path / "out.jsonl"))) == 3


def test_what_a_run_makes_is_no_source(model, source, tmp_path):
    (tmp_path / "corpus").mkdir()
    source.rename(tmp_path / "corpus" / "in.jsonl")
    target = tmp_path / "corpus" / "out.jsonl"
    for _ in range(2):
        assert run(model, tmp_path / "corpus", "-o", target, "--force").exit_code == 0
        assert len(list(srsly.read_jsonl(target))) == 3


def test_names_that_are_no_text(model, source, tmp_path):
    with source.open("a") as file:
        file.write('{"title": "a\\ud800b", "text": "Acme"}\n{"id": "bad\\ud800"}\n')
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    target = tmp_path / "out.jsonl"
    shown = failed(model, tmp_path, "-o", target, status=3)
    assert "3 documents failed" in shown and "dangling.jsonl" in shown
    assert len(list(srsly.read_jsonl(target))) == 3
    names = [data["id"] for data in srsly.read_jsonl(Path(f"{target}.errors.jsonl"))]
    assert sorted(names) == ["a\\ud800b", "bad\\ud800", "dangling.jsonl"]


def test_nothing_to_read(model, tmp_path):
    (tmp_path / "in.jsonl").write_text("\n")
    result = run(model, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0 and "no documents" in result.output and "✔" not in result.output


def test_where_all_documents_fail(model, tmp_path):
    source = write_lines(tmp_path / "bad.jsonl", [{"id": "a"}, {"id": "b"}])
    target = tmp_path / "out.jsonl"
    shown = failed(model, source, "-o", target, status=3)
    assert "⚠" in shown and "✔" not in shown and target.read_bytes() == b""


def test_a_format_without_a_place_for_scores(model, source, tmp_path):
    result = run(model, source, "-o", tmp_path / "out.pubtator")
    assert result.exit_code == 0 and "no place for" in result.output and "scores" in result.output
    assert "doc_1|t|Acme works near Bolt ." in (tmp_path / "out.pubtator").read_text()


def test_long_documents(model, source, tmp_path):
    target = tmp_path / "out.jsonl"
    assert "E338" in failed(model, source, "-o", target, "--max-length", 10, status=3)
    assert run(model, source, "-o", target, "--max-length", 100, "--force").exit_code == 0


def test_mistakes(model, source, tmp_path):
    target = tmp_path / "out.jsonl"
    assert "E050" in failed(tmp_path / "nothing", source, "-o", target)
    assert "E336" in failed(model, tmp_path / "nothing.txt", "-o", target)
    shown = failed(model, source, "-o", target, "--from", "docx", status=2)
    assert "E144" in shown and "text, lines, bioc" in shown
    assert "E144" in failed(model, source, "-o", target, "--from", "docred_submission", status=2)
    assert "csv, cypher, " in failed(model, source, "-o", target, "--to", "docx", status=2)
    assert "not a Python file" in failed(model, source, "-o", target, "--code", source, status=2)
    assert "does not exist" in failed(model, source, "-o", target, "--code", tmp_path / "a.py", status=2)
    assert "E145" in failed(model, source, "-o", tmp_path / "out.json")
    assert "E339" in failed(model, source, "--to", "spacy")
    assert "E023" in failed(model, source, "-o", target, "--n-process", 0)
    assert "E330" in failed(model, source, "-o", target, "--component", "ner")
    assert run(model, source, "-o", target, "--nonsense").exit_code == 2
    assert run(model, "-o", target).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_what_is_written_is_read_again(model, source, tmp_path):
    assert run(model, source, "-o", tmp_path / "a.jsonl").exit_code == 0
    assert run(model, tmp_path / "a.jsonl", "-o", tmp_path / "b.jsonl").exit_code == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_documents_without_tokens(model, kmgre, tmp_path):
    assert kmgre(Doc(kmgre.vocab))._.relations == [] and component(kmgre)
    (tmp_path / "empty.txt").write_bytes(b"")
    result = run(model, tmp_path / "empty.txt", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    (data,) = srsly.read_jsonl(tmp_path / "out.jsonl")
    assert data["text"] == "" and data["entities"] == data["relations"] == []


def test_dry_run(model, source, tmp_path):
    result = run(model, source, "--dry-run", "--n-process", 3, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "documents/s" in said and "By a sample of 3 documents" in said and "1,024" in said
    # Three processes are a row, among the usual numbers.
    assert [row.split()[0] for row in result.output.splitlines() if row.startswith("3 ")]
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    assert "E374" in failed(model, "-", "--dry-run")
    (tmp_path / "none.jsonl").touch()
    assert "E375" in failed(model, tmp_path / "none.jsonl", "--dry-run")
    (tmp_path / "bad.jsonl").write_text('{"id": "bad"}\n')
    assert "E375" in (told := failed(model, tmp_path / "bad.jsonl", "--dry-run")) and "1 of it" in told


@pytest.mark.parametrize(
    "seconds, shown",
    [(0.2, "1 s"), (59, "59 s"), (3725, "1 h 2 min"), (90_000, "1 d 1 h"), (86_400, "1 d 0 h")],
)
def test_durations(seconds: float, shown: str):
    assert duration(seconds) == shown


def test_batches_of_words(model, source, tmp_path):
    result = run(model, source, "--batch-words", 1, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0 and len(list(srsly.read_jsonl(tmp_path / "out.jsonl"))) == 3
    assert run(model, source, "--batch-words", 0, "-o", tmp_path / "out.jsonl").exit_code == 2
