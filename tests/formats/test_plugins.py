"""Formats that other packages bring."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import catalogue
import pytest
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre
from spacy_kmgre.formats import FORMATS, Format, ReaderOptions, option
from spacy_kmgre.formats.base import get_format
from spacy_kmgre.formats.recognise import guess_source, guess_target

from .samples import VOCAB, documents, facts, path_for, read, relations, sample, texts

# A format of another package: a mention a line, its entity before a tab; the relations are lines with an arrow.
PLUGIN = """
from dataclasses import dataclass

from spacy_kmgre.annotations import read_entities, relation_data
from spacy_kmgre.formats import Draft, Format, option
from spacy_kmgre.formats.assemble import Cluster, TextDocs, TextOptions


@dataclass(frozen=True)
class ArrowOptions(TextOptions):
    arrow: str = option("->", "What relates two entities")


def read(path, vocab, counts, options):
    docs = TextDocs(vocab, counts, options)

    def make():
        text, *lines = path.read_text().splitlines()
        clusters, relations, names = [], [], []
        for line in lines:
            head, label, tail = line.split("\\t")
            if options.arrow in label:
                label = label.replace(options.arrow, "")
                relations.append({"head": names.index(head), "tail": names.index(tail), "label": label})
            else:
                start = text.index(tail)
                names.append(head)
                clusters.append(Cluster([(start, start + len(tail))], label=label))
        return docs.make(str(path), text, clusters, relations, title=path.stem)

    yield Draft(path.stem, make)


def write(docs, path):
    for doc in docs:
        lines = [doc.text]
        for entity in read_entities(doc):
            lines += ["\\t".join((entity.key, span.label_, span.text)) for span in entity.mentions]
        for data in relation_data(doc):
            lines.append("\\t".join((data["head"], data["label"] + "->", data["tail"])))
        path.write_text("\\n".join(lines) + "\\n")


ARROWS = Format(
    name="arrows",
    description="a format from outside",
    reader=read,
    writer=write,
    settings=ArrowOptions,
    endings=(".arrows",),
    sniff=lambda peek: "\\nlee\\t" in peek.start,
    holds=frozenset(),
)
"""
TEXT = "Lee founded Acme.\nlee\tPER\tLee\nacme\tORG\tAcme\nlee\tfounded=>\tacme\n"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with an installed package that brings a format."""
    folder = tmp_path / "site"
    (folder / "kmgre_arrows-1.0.dist-info").mkdir(parents=True)
    (folder / "kmgre_arrows.py").write_text(PLUGIN)
    (folder / "kmgre_arrows-1.0.dist-info" / "METADATA").write_text("Name: kmgre-arrows\nVersion: 1.0\n")
    (folder / "kmgre_arrows-1.0.dist-info" / "entry_points.txt").write_text(
        "[spacy_kmgre_formats]\narrows = kmgre_arrows:ARROWS\n"
    )
    return folder


@pytest.fixture
def registered() -> Iterator[None]:
    """Takes back what a test registers."""
    before = dict(catalogue.REGISTRY)
    yield
    catalogue.REGISTRY.clear()
    catalogue.REGISTRY.update(before)


COMMANDS = """
import json, sys
from spacy.cli._util import app
from spacy.util import registry
from typer.testing import CliRunner

registry.cli.get_all()
results = [CliRunner().invoke(app, ["kmgre", *command]) for command in json.load(sys.stdin)]
print(json.dumps([[result.exit_code, result.output] for result in results]))
"""


def test_a_package_brings_a_format(plugin: Path, tmp_path: Path):
    """All commands run in one process that has the package, since a new one spends seconds on imports."""
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text(TEXT)
    commands = [
        ["convert", "--help"],
        ["convert", source, out, "--arrow", "=>"],
        ["convert", out, tmp_path / "again.arrows"],
        ["convert", out, tmp_path / "third.jsonl", "--arrow", "=>"],
    ]
    ran = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input=json.dumps([[str(argument) for argument in command] for command in commands]),
        env={**os.environ, "PYTHONPATH": str(plugin), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    (_, shown), (code, said), again, third = json.loads(ran.stdout.splitlines()[-1])
    assert "arrows             a format from outside (.arrows)" in shown
    assert "What relates two entities (arrows)" in " ".join(shown.split()) and "--arrow <str>" in shown
    assert code == 0, said
    assert "in.txt as arrows" in " ".join(said.split())
    (doc,) = read("jsonl", out)
    assert texts(doc) == [["Lee"], ["Acme"]] and relations(doc) == [("Lee", "founded", "Acme")]
    assert again[0] == 0, again[1]
    assert (tmp_path / "again.arrows").read_text() == TEXT.replace("=>", "->").replace(
        "\nlee", "\nentity_1"
    ).replace("acme", "entity_2")
    assert third[0] == 1
    assert "'jsonl' has no option 'arrow'" in " ".join(third[1].split())
    assert "Formats that have the option: arrows." in " ".join(third[1].split())


@pytest.mark.usefixtures("registered")
def test_a_format_that_is_only_written(tmp_path: Path):
    FORMATS.register(Format("titles", "titles", endings=(".titles",), writer=write_titles))
    assert guess_target(tmp_path / "x.titles") is get_format("titles") and "titles" in list(FORMATS)
    source = sample("docred", tmp_path).rename(tmp_path / "docs.json")
    result = CliRunner().invoke(kmgre, ["convert", str(source), str(tmp_path / "x.titles")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "x.titles").read_text() == "Ann Lee\nBo\n"
    with pytest.raises(ValueError, match=r"E152.*'titles' cannot be read"):
        FORMATS["titles"].read(tmp_path / "x.titles", VOCAB)
    with pytest.raises(ValueError, match="E145"):
        guess_source(tmp_path / "x.titles")
    result = CliRunner().invoke(kmgre, ["convert", "x.titles", "y.jsonl", "--from", "titles"])
    assert result.exit_code == 2


def write_titles(docs, path):
    path.write_text("".join(f"{doc.user_data['title']}\n" for doc in docs))


@pytest.mark.usefixtures("registered")
def test_a_format_that_is_only_read(tmp_path: Path):
    FORMATS.register(Format("twin", "twin", FORMATS["docred"].reader, sniff=FORMATS["docred"].sniff))
    path = sample("docred", tmp_path)
    assert [facts(doc) for doc in read("twin", path)] == [facts(doc) for doc in documents()]
    with pytest.raises(ValueError, match=r"E152.*'twin' cannot be written"):
        FORMATS["twin"].write([], path_for("docred", tmp_path, "copy"))
    with pytest.raises(ValueError, match=r"E145.*could have: docred, twin\."):
        guess_source(path.rename(tmp_path / "docs.json"))


@dataclass(frozen=True)
class Unlike(ReaderOptions):
    part: int = option(0, "a number")


@pytest.mark.usefixtures("registered")
def test_options_of_one_name_are_alike():
    FORMATS.register(Format("unlike", "unlike", FORMATS["docred"].reader, settings=Unlike))
    result = CliRunner().invoke(kmgre, ["convert", "--help"])
    assert "E153" in str(result.exception) and "'unlike' has an option 'part'" in str(result.exception)
