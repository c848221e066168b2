"""Every code block of the README and of docs/ runs, from the top of its page to its end, in one folder."""

import re
import shlex
import shutil
from configparser import ConfigParser
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pytest_examples import CodeExample, EvalExample, find_examples
from spacy.cli._util import app
from spacy.util import registry
from typer.main import get_command
from typer.testing import CliRunner

from spacy_kmgre.cli import kmgre

from .conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w+)(?P<rest>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
OUTPUTS = ("-o", "--output")


class Block(NamedTuple):
    """A block of code.

    :param line: The line in the page on which it begins.
    :param title: The file that it is, "" for none.
    :param example: What pytest-examples makes of it, where it is Python.
    """

    line: int
    language: str
    title: str
    code: str
    example: CodeExample | None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf8")
    examples = {example.start_line: example for example in find_examples(page)}
    found = []
    for match in FENCE.finditer(text):
        line = text[: match.start()].count("\n") + 1
        title = re.search(r'title="(.+?)"', match["rest"])
        example = examples.get(line)
        assert (example is not None) == (match["language"] == "python"), f"{page}:{line}"
        found.append(Block(line, match["language"], title[1] if title else "", match["code"], example))
    return found


def run_python(block: Block, evaluation: EvalExample, known: dict[str, Any]) -> dict[str, Any]:
    """Run a block and compare what it prints with its comments, where it has some."""
    assert block.example is not None
    if block.title:
        Path(block.title).write_text(block.code)
    run = evaluation.run_print_check if "#>" in block.code else evaluation.run
    return run(block.example, module_globals=known)


def run_spacy(arguments: list[str]) -> None:
    """Run a command of spaCy's. What it writes may be there from the page's last command."""
    written = [later for name, later in pairwise(arguments) if name in OUTPUTS]
    if arguments[:2] == ["kmgre", "convert"]:
        written.append(arguments[3])
    for path in map(Path, written):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    command, rest = (kmgre, arguments[1:]) if arguments[0] == "kmgre" else (app, arguments)
    result = CliRunner().invoke(command, rest)
    assert result.exit_code == 0, f"{shlex.join(arguments)}\n{result.output}\n{result.exception!r}"


def check_train(arguments: list[str]) -> None:
    """`spacy train` takes long: see that its config is there, and that it has these options."""
    config, *options = arguments
    assert Path(config).is_file()
    assert {option for option in options if option.startswith("--")} <= {"--output", "--gpu-id"}


def check_project(arguments: list[str]) -> None:
    """A workflow of the project takes long: see that the project has it, and the variables."""
    project = yaml.safe_load((ROOT / "project" / "project.yml").read_text(encoding="utf8"))
    run, name, place, *options = arguments
    assert (run, place) == ("run", ".") and name in project["workflows"]
    variables = {option.removeprefix("--vars.") for option in options if option.startswith("--")}
    assert variables <= set(project["vars"])


def released() -> str:
    """The wheel that the project's workflow `release` makes."""
    known = yaml.safe_load((ROOT / "project" / "project.yml").read_text(encoding="utf8"))["vars"]
    name = f"en_{known['release']}-{known['version']}"
    return f"packages/{name}/dist/{name}-py3-none-any.whl"


def check_ray(arguments: list[str]) -> None:
    """Ray is not everywhere: see that `extract` takes these options. tests/extraction/test_engines.py runs it."""
    command: Any = get_command(kmgre)
    command.commands["extract"].make_context("extract", arguments)


def check_other(arguments: list[str]) -> None:
    """See that what a line of the shell names is there."""
    match arguments:
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ["cd", folder]:
            assert (ROOT / folder).is_dir()
        case ["mkdir", folder]:
            Path(folder).mkdir()
        case ["pip", "install", "."]:
            assert (ROOT / "setup.cfg").is_file()
        case ["pip", "install", wanted] if extra := re.fullmatch(r"spacy-kmgre\[(\w+)\]", wanted):
            assert re.search(rf"^{extra[1]} =", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
        case ["pip", "install", wheel] if wheel.endswith(".whl"):
            assert wheel == released() or Path(wheel).is_file()
        case _:
            raise AssertionError(f"unknown command: {shlex.join(arguments)}")


def run_shell(code: str) -> None:
    for line in code.replace("\\\n", " ").splitlines():
        match shlex.split(line, comments=True):
            case []:
                pass
            case ["python", "-m", "spacy", "train", *arguments]:
                check_train(arguments)
            case ["python", "-m", "spacy", "project", *arguments]:
                check_project(arguments)
            case ["python", "-m", "spacy", "kmgre", "extract", *arguments] if "ray" in arguments:
                check_ray(arguments)
            case ["python", "-m", "spacy", *arguments]:
                run_spacy(arguments)
            case arguments:
                check_other(arguments)


def check_config(code: str) -> None:
    """See that a piece of a config can be read, and that the functions that it names are registered."""
    ConfigParser(interpolation=None).read_string(code)
    for kind, name in re.findall(r'^@(\w+) = "(.+)"$', code, re.MULTILINE):
        assert registry.has(kind, name), name


@pytest.mark.filterwarnings("ignore")  # Warnings are part of what some pages show.
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page: Path, eval_example: EvalExample, request: pytest.FixtureRequest):
    blocks = blocks_of(page)
    if not blocks:
        return
    request.getfixturevalue("desk")
    known: dict[str, Any] = {}
    for block in blocks:
        match block.language:
            case "python" if (
                block.example is not None and block.example.prefix_settings().get("test") == "skip"
            ):
                compile(block.code, str(page), "exec")  # It needs a cluster.
            case "python":
                known.update(run_python(block, eval_example, known))
            case "bash":
                run_shell(block.code)
            case "ini":
                check_config(block.code)
            case "text":
                pass
            case language:
                raise AssertionError(f"{page}:{block.line}: nothing is known of {language}")
