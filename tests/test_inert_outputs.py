"""The same hostile strings in every field of Docs, sent through every writer, every page and every report.

Exports are read back and compared in tests/export/test_hostile.py, pages run in a browser in tests/visualise, and
tests/cli/test_terminal.py has the terminal. Here is what is left: corpora, names of files, and the structure of pages.
"""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from unicodedata import normalize
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spacy_kmgre
from spacy_kmgre.evaluation.render import render as render_report
from spacy_kmgre.evaluation.report import make_report
from spacy_kmgre.evaluation.significance import Resampling
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.base import targets
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.names import file_name
from spacy_kmgre.scoring.tallies import RelationCounts, Tally
from spacy_kmgre.visualise import render_graph

from .export.conftest import HOSTILE, VOCAB, make, make_hostile

EVIL = [
    *HOSTILE,
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}{%raw%}",
    "[x](javascript:alert(1)) ![](http://e.example/a.png) | a | b |",
    "\n# Heading\n\n<iframe src=//e.example>",
    "&lt;b&gt;",
    "T1\tPER 0 4\tAnn\nR1\tfounded Arg1:T1 Arg2:T2",
    "1|t|title",
    "CON",
    "aux.txt",
    "a" * 300,
    "é" * 300,
    "\u202egpj",
    "\ud800",
]
# What Windows refuses in a name, and what means something to other systems.
PORTABLE = re.compile(r"[^\0-\x1f<>:\"|?*\\]{1,255}")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def check_names(folder: Path, names: list[str]) -> None:
    """Each name can be had on every system, stays in the folder, and is not another one where case does not count."""
    assert len({normalize("NFC", name).casefold() for name in names}) == len(names)
    for name in names:
        assert (folder / name).resolve().is_relative_to(folder.resolve()) and len(name) < 3000
        for part in name.split("/"):
            assert PORTABLE.fullmatch(part) and not DEVICE.match(part), name
            assert not part.startswith((".", "-")) or part.startswith("-"), name
            assert not part.endswith((".", " ")) and len(part.encode("utf8")) <= 255, name


@given(st.lists(st.text() | st.sampled_from(EVIL) | st.text(alphabet="aA./\\ con:\u0301é"), max_size=20))
def test_names_of_files(titles: list[str]):
    taken: set[str] = set()
    names = [f"{file_name(title, taken)}.txt" for title in titles]
    check_names(Path("/out"), names)
    folders = {"/".join(name.split("/")[:count]) for name in names for count in range(1, name.count("/") + 1)}
    assert not {folder.casefold() for folder in folders} & {name.casefold() for name in names}


def test_names_that_were_attacks():
    taken: set[str] = set()
    found = [
        file_name(title, taken)
        for title in ("CON", "nul.txt", "a.txt/b", "a", "A", "e\u0301", "é", "x/" * 3000)
    ]
    assert (
        found[:5] == ["_CON", "_nul.txt", "a.txt_/b", "a", "A_2"]
        and found[6] == "é_2"
        and len(found[7]) < 100
    )


@pytest.mark.parametrize("name", sorted(targets()))
def test_corpora(name: str, tmp_path):
    """A writer says what it cannot hold, or writes what its reader reads again, in files below its target."""
    form = FORMATS[name]
    written = 0
    for number, text in enumerate(EVIL):
        docs = [make_hostile(number)]
        docs[0].user_data["title"] = text
        docs[0].user_data["model"] = {"name": text, "version": text}
        target = tmp_path / str(number) / ("out" + (form.default_ending or (form.endings or ("",))[0]))
        try:
            form.write(docs, target)
        except ValueError as error:
            assert re.match(r"\[KMGRE E\d+\]", str(error)) or isinstance(error, UnicodeEncodeError), error
            continue
        finally:
            assert {path.name for path in tmp_path.iterdir()} <= {str(i) for i in range(len(EVIL))}
        written += 1
        files = [path for path in target.rglob("*") if path.is_file()] if target.is_dir() else [target]
        if target.is_dir():
            check_names(target, [path.relative_to(target).as_posix() for path in files])
        for file in files:
            check_syntax(file)
        if form.reader and "documents" not in form.options:
            counts = Counts()
            found = {"predicted": True} if "predicted" in form.options else {}
            list(form.read(target, VOCAB, counts, **found))
            assert counts.documents == 1
    assert written or name in ("bioc", "cas_xmi", "pubtator")


def check_syntax(file: Path) -> None:
    if file.suffix == ".json":
        json.loads(file.read_bytes())
    if file.suffix in (".xml", ".xmi"):
        parser = expat.ParserCreate()
        parser.EntityDeclHandler = parser.ProcessingInstructionHandler = lambda *_: pytest.fail(str(file))
        parser.Parse(file.read_bytes(), True)


class Tags(HTMLParser):
    """Counts the elements of a page with the names of their attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.found: Counter[tuple[str, ...]] = Counter()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found[(tag, *(name for name, _ in attrs))] += 1
        for name, value in attrs:
            assert not (name in ("href", "src") and re.match(r"\s*(javascript|https?|//)", value or ""))


def harmless(strings: list[str]) -> list[str]:
    """Other strings, which are alike where these are."""
    return [f"text{strings.index(text)}" for text in strings]


PAGES = {
    "view": lambda docs: spacy_kmgre.render(docs, page=True, jupyter=False),
    "graph": lambda docs: render_graph(docs, page=True, jupyter=False),
    "relations": lambda docs: "".join(doc._.relations._repr_html_() for doc in docs),
}


@pytest.mark.parametrize("name, start", product(PAGES, range(0, len(EVIL), 5)))
def test_pages(name: str, start: int):
    """A page of hostile documents has the elements of a page of harmless ones, and no more."""
    strings = [
        text
        for text in [*EVIL[start:], *EVIL[:start]]
        if text.isprintable() and text.strip() and "\ud800" not in text
    ]
    assert (
        Tags(PAGES[name]([make(strings, 1)])).found == Tags(PAGES[name]([make(harmless(strings), 1)])).found
    )


@pytest.mark.parametrize("text", EVIL)
def test_pages_of_any_characters(text: str):
    if text != "\ud800":  # A Doc cannot hold half a character.
        for page in PAGES.values():
            Tags(page([make([text, "a"], 1)]))


@pytest.mark.parametrize("text", EVIL)
def test_reports(text: str):
    tally = Tally(correct=1, predicted=2, gold=2)
    counts = [RelationCounts({"micro": tally}, {text: tally}), RelationCounts({"micro": tally}, {"b": tally})]
    report = make_report(counts, model=text, corpus=text, resampling=Resampling(5))
    harmless = make_report(counts, model="m", corpus="c", resampling=Resampling(5))
    markdown = render_report(report, ".md")
    first = RelationCounts({"micro": tally}, {"a": tally})
    plain = render_report(
        make_report([first, counts[1]], model="m", corpus="c", resampling=Resampling(5)), ".md"
    )
    # As many lines, headings and cells, and no element, link or picture.
    assert len(markdown.splitlines()) == len(plain.splitlines())
    for pattern in (r"^#+ ", r"(?<!\\)\|", r"(?<!\\)<", r"(?<!\\)\[", r"(?<!\\)`"):
        assert len(re.findall(pattern, markdown, re.MULTILINE)) == len(
            re.findall(pattern, plain, re.MULTILINE)
        )
    if text.isprintable():
        assert Tags(render_report(report, ".html")).found == Tags(render_report(harmless, ".html")).found
