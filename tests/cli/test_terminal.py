"""Nothing from outside acts on the terminal: neither documents, nor names of files, nor what errors say."""

import io
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.cli.printing import failing, print_table
from spacy_kmgre.cli.terminal import msg, say, say_json
from spacy_kmgre.errors import Errors, Reasons, Warnings
from spacy_kmgre.errors.inert import inert, inert_line
from spacy_kmgre.formats.docbin import write_corpus

# A title of the window, a colour, a line taken back, an answer to a question, an eight-bit sequence, writing turned
# round, the bell, and a line that looks like ours.
EVIL = "\x1b]0;owned\x07\x1b[31m\x1b[1A\x1b[2K\x1b[6n\x9b31m\u202egpj.exe\x07\r\b\x00\x7f\n✔ all is well\t"
ACTIVE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


# What wasabi puts around texts of ours: bold, a colour, and their end; the colour of EVIL is another one.
OWN = re.compile(r"\x1b\[(?!31m)[\d;]*m")


def quiet(output: str) -> bool:
    return not ACTIVE.search(OWN.sub("", output)) and "\n✔ all is well" not in output


def run(*args: object) -> Any:
    return CliRunner().invoke(kmgre, [str(arg) for arg in args])


@given(st.text() | st.text(alphabet=list(EVIL)))
def test_texts_are_inert_and_keep_what_does_nothing(text: str):
    assert not ACTIVE.search(inert(text)) and not re.search(r"[\n\t]", inert_line(text))
    assert inert(inert(text)) == inert(text)
    inert(text).encode("utf8")
    if text.isprintable():
        assert inert_line(text) == text


def test_text_of_all_scripts_stays():
    for text in ("北京", "Zoë", "שלום\u200f", "naïve — “quoted”", "👩\u200d🔬"):
        assert inert_line(text) == text


CODES = [
    (name, text)
    for owner in (Errors, Warnings, Reasons)
    for name, text in ((name, getattr(owner, name)) for name in dir(owner))
    if isinstance(text, str) and name.isupper()
]


@pytest.mark.parametrize("name, text", CODES, ids=[name for name, _ in CODES])
def test_messages(name: str, text: str):
    """Each value of each message is hostile: a text, a path, or what another error says."""
    fields = set(re.findall(r"(?<!\{)\{(\w+)", text))
    plain = not re.search(
        r":[,.\d]*[dfg,]", re.sub(r"KMGRE \w+", "", "".join(re.findall(r"\{\w+[^}]*\}", text)))
    )
    for value in (EVIL, Path(EVIL.replace("\0", "")), ValueError(EVIL)) if fields and plain else ():
        said = text.format(**dict.fromkeys(fields, value))
        assert not ACTIVE.search(said), name
        assert isinstance(value, ValueError) or quiet(said)


def test_what_is_printed(capsys):
    msg.fail(EVIL, EVIL.replace("\n", ""))
    msg.divider(EVIL)
    print_table([EVIL, "n"], [[EVIL, "1"]], max_col=200)
    say(EVIL.replace("\n", ""))
    say_json({EVIL: [EVIL]})
    printed = capsys.readouterr().out
    assert quiet(printed) and "✘" in printed
    assert json.loads(printed[printed.rindex("{\n") :]) == {EVIL: [EVIL]}


def test_errors_and_warnings_of_commands(capsys):
    with pytest.raises(SystemExit), failing(f"Could not read {EVIL}"):
        raise OSError(2, "No such file", EVIL)
    assert not ACTIVE.search(re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out))
    with warnings.catch_warnings(), failing("a"):
        warnings.simplefilter("always")
        warnings.showwarning = warnings._showwarning_orig  # type: ignore[attr-defined]  # pytest keeps them.
        warnings.warn(EVIL, UserWarning, stacklevel=1)
    assert not ACTIVE.search(re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err))


@pytest.fixture
def hostile_corpus(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    words = ["Acme", EVIL, "Bolt"]
    doc = spacy.tokens.Doc(nlp.vocab, words=words)
    doc.spans["entity_1"] = [Span(doc, 0, 1, label=EVIL)]
    doc.spans["entity_2"] = [Span(doc, 1, 2, label="X")]
    doc._.add_relation("entity_1", "entity_2", EVIL, label_text=EVIL)
    doc.user_data["title"] = EVIL
    write_corpus([doc], path := tmp_path / f"a{EVIL[:20].replace('/', '')}.spacy")
    return path


@pytest.mark.skipif(os.name == "nt", reason="such names of files are not possible")
def test_commands(hostile_corpus, trained_folder, tmp_path):
    """Each command that prints what documents say, and each that fails."""
    model = trained_folder("KMGRE")
    broken = tmp_path / f"b{EVIL[:20]}.json"
    broken.write_text("{")
    for args in (
        ["info", hostile_corpus],
        ["info", hostile_corpus, "--json"],
        ["explain", model, hostile_corpus],
        ["explain", model, hostile_corpus, "--head", "entity_1", "--tail", "entity_2"],
        ["explain", model, hostile_corpus, "--head", EVIL, "--tail", "entity_2"],
        ["explain", model, hostile_corpus, "--document", EVIL],
        ["convert", hostile_corpus, tmp_path / "out.jsonl"],
        ["convert", broken, tmp_path / "out2.jsonl"],
        ["convert", tmp_path / EVIL[:20], tmp_path / "out3.jsonl"],
        ["view", hostile_corpus, "-o", tmp_path / "out.html"],
        ["export", hostile_corpus, "-o", tmp_path / "out.csv"],
        ["evaluate", model, hostile_corpus],
        ["extract", model, broken, "-o", tmp_path / "x.jsonl"],
        ["extract", model, hostile_corpus, "-o", tmp_path / "y.jsonl"],
    ):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            result = run(*args)
        assert result.exception is None or isinstance(result.exception, SystemExit), (args, result.exception)
        assert result.output and quiet(result.output), (args, result.output)


def test_output_in_a_narrow_encoding(monkeypatch):
    """A terminal of Windows that has no place for Chinese shows it spelled out."""
    from spacy_kmgre.cli.terminal import write_what_can_be_written

    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    write_what_can_be_written()
    say("北京 é")
    say_json({"城": "北京"})
    stream.flush()
    first, rest = stream.buffer.getvalue().decode("cp1252").replace("\r", "").split("\n", 1)
    assert first == r"\u5317\u4eac é" and json.loads(rest) == {"城": "北京"}


COMMAND = [sys.executable, "-m", "spacy", "kmgre"]


def shell(script: str, *values: object) -> "subprocess.CompletedProcess[str]":
    """Run a script of the shell, with the command as $K and values as $1 and so on."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *map(str, values)],
        env={**os.environ, "K": " ".join(COMMAND)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix")
@pytest.mark.parametrize(
    "script, codes, said",
    [
        (
            "$K extract $1 $2 --batch-size 1 2>&3 | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}",
            {"141", "0"},
            "",
        ),
        ("$K extract $1 $2 >&- 2>&3; echo $? >&2", {"1"}, ""),
        ("$K extract $1 - <&- 2>&3; echo $?", {"1"}, "E354"),
        ("$K extract $1 $2 -o $3/o.jsonl >&- 2>&3; echo $? >&2; test -s $3/o.jsonl", {"0"}, ""),
    ],
)
def test_closed_pipes(kmgre, trained_folder, tmp_path, script: str, codes: set[str], said: str):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "Acme works near Bolt"}\n' * 40)
    done = shell(f"exec 3>{tmp_path}/log; {script}", trained_folder("KMGRE"), source, tmp_path)
    log = (tmp_path / "log").read_text()
    assert (done.stdout + done.stderr).split()[-1] in codes, (done, log)
    assert "Traceback" not in log + done.stderr and said in log + done.stdout + done.stderr
