"""Which part of the package imports which: data flow one way, and nothing heavy before it is needed."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from graphlib import TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest

import spacy_kmgre

ROOT = Path(spacy_kmgre.__file__).parent
NAME = ROOT.name


class Import(NamedTuple):
    """:param module: The module that imports, without the package's name: "model.network"; "" the package.
    :param target: What it imports: as `module` within the package, else a whole name: "torch.nn".
    :param late: Whether only a function or a type checker does so.
    """

    module: str
    target: str
    local: bool
    late: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def find_imports(name: str) -> Iterator[Import]:
    package = name.split(".") if FILES[name].name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]

    def local(target: list[str], late: bool) -> Import:
        while ".".join(target) not in FILES:  # the rest names something in the module
            target = target[:-1]
        return Import(name, ".".join(target), True, late)

    def walk(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    parts = alias.name.split(".")
                    yield (
                        local(parts[1:], late) if parts[0] == NAME else Import(name, alias.name, False, late)
                    )
            elif isinstance(child, ast.ImportFrom):
                parts = child.module.split(".") if child.module else []
                if child.level:
                    parts = [NAME, *package[: len(package) + 1 - child.level], *parts]
                for alias in child.names:
                    if parts[0] == NAME:
                        yield local([*parts[1:], alias.name], late)
                    else:
                        yield Import(name, ".".join(parts), False, late)
            else:
                checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, late or checking or isinstance(child, (ast.FunctionDef, ast.Lambda)))

    yield from walk(ast.parse(FILES[name].read_text(encoding="utf8")), False)


IMPORTS = [found for name in FILES for found in find_imports(name)]


def within(name: str, *parents: str) -> bool:
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def test_the_walk_finds_imports_of_every_form():
    assert Import("", "annotations", True, False) in IMPORTS
    assert Import("pipeline.relations", "training.objective", True, False) in IMPORTS
    assert Import("pipeline.decode", "model.maths", True, False) in IMPORTS  # from .model import maths
    assert Import("model.network", "model.maths", True, False) in IMPORTS  # from . import maths
    assert Import("model.network", "model.pieces", True, False) in IMPORTS
    assert Import("pipeline.factories", "pipeline.relations", True, True) in IMPORTS  # in a function
    assert Import("pipeline.factories", "model.thinc_shim", True, True) in IMPORTS  # and for type checkers
    assert Import("model.maths", "torch.nn.functional", False, False) in IMPORTS
    assert {found.module for found in IMPORTS} <= set(FILES)
    assert {found.target for found in IMPORTS if found.local} <= set(FILES)


# What each part of the core may import of the package; everything else is not for it.
CORE: dict[str, set[str]] = {
    "types": {"errors"},
    "errors": {"types"},
    "retokenize": set(),
    "annotations": {"errors", "retokenize", "types"},
    "scoring.alignment": {"types"},
    "model.pieces": {"errors"},
    "model": {"errors", "model.pieces", "model"},
    "pipeline.settings": {"errors"},
    "pipeline.decode": {"errors", "model"},
}


@pytest.mark.parametrize("part", CORE)
def test_the_core_keeps_to_itself(part):
    assert any(within(name, part) for name in FILES)
    wrong = [
        found
        for found in IMPORTS
        if found.local and within(found.module, part) and not within(found.target, *CORE[part])
    ]
    assert not wrong


@pytest.mark.parametrize(
    "inner, outer",
    [
        # What predicts knows nothing of what is around it.
        (
            "entities",
            ["training", "formats", "synthetic", "cli", "pipeline.relations", "model", "pipeline.decode", "scoring.relations", "pipeline.factories"],
        ),
        # Names are strings, whoever reads them.
        ("entities.names", ["annotations", "types", "entities"]),
        ("entities.stated_aliases", ["annotations", "types", "entities.ner", "entities.grouping"]),
        ("scoring.relations", ["training", "formats", "synthetic", "cli", "pipeline.relations", "model", "pipeline.decode", "pipeline.factories"]),
        ("scoring.entities", ["training", "formats", "synthetic", "cli", "pipeline.relations", "model", "pipeline.decode", "pipeline.factories"]),
        ("pipeline.relations", ["formats", "synthetic", "cli", "pipeline.factories", "scoring.key_pairs", "scoring.entities"]),
        ("pipeline.factories", ["training", "formats", "synthetic", "cli"]),
        # Learning, reading and making corpora know nothing of each other.
        ("training", ["pipeline.relations", "pipeline.factories", "formats", "synthetic", "cli"]),
        ("training.objective", ["annotations", "scoring.relations", "types"]),
        ("training.em", ["annotations", "scoring.relations", "types", "model"]),
        ("formats", ["training", "synthetic", "cli", "pipeline.relations", "pipeline.factories", "model", "pipeline.decode", "model.pieces"]),
        ("synthetic", ["training", "cli", "pipeline.relations", "pipeline.factories", "model", "pipeline.decode", "model.pieces"]),
        # What the command line shows, Python can have without it.
        ("evaluation", ["training", "formats", "synthetic", "cli", "pipeline.factories", "scoring.key_pairs"]),
        ("evaluation.explain", ["training", "formats", "synthetic", "cli", "pipeline.factories"]),
        ("extraction", ["training", "synthetic", "cli", "evaluation", "pipeline", "model", "scoring"]),
        ("export", ["training", "synthetic", "cli", "evaluation", "extraction", "pipeline", "model", "scoring"]),
        # The package itself is imported with all of them.
        ("", ["training", "formats", "synthetic", "cli", "pipeline.relations", "model", "pipeline.decode", "scoring.relations", "pipeline.factories"]),
    ],
)
def test_no_arrow_points_outwards(inner, outer):
    assert any(within(name, inner) for name in FILES)
    modules = [inner] if not inner else [name for name in FILES if within(name, inner)]
    assert not [x for x in IMPORTS if x.local and x.module in modules and within(x.target, *outer)]


@pytest.mark.parametrize("part", ["evaluation", "evaluation.explain", "extraction"])
def test_parts_that_only_the_command_line_needs(part):
    importers = {x.module for x in IMPORTS if x.local and within(x.target, part)}
    outside = {name for name in importers if not within(name, part)}
    assert outside and all(within(name, "cli") for name in outside)


@pytest.mark.parametrize(
    "library, modules",
    [
        ("transformers", {"model.huggingface"}),
        ("spacy_transformers", {"model.huggingface"}),
        ("safetensors", {"model.huggingface"}),
        ("coreferee", {"entities.coreferee"}),
        ("fastcoref", set()),
        ("thinc", {"model.thinc_shim", "pipeline.relations", "training.optim"}),
    ],
)
def test_libraries_that_few_modules_know(library, modules):
    assert {found.module for found in IMPORTS if within(found.target, library) and not found.local} <= modules


def test_spacy_stays_out_of_the_model():
    quiet = [
        name
        for name in FILES
        if within(name, "model.pieces", "pipeline.settings", "pipeline.decode", "model", "errors", "entities.names")
    ]
    quiet += ["training.objective", "training.em"]
    assert not [found for found in IMPORTS if found.module in quiet and within(found.target, "spacy")]
    plain = [
        f"model.{name}" for name in ("maths", "products", "heads", "context", "batch", "encoder", "network")
    ]
    libraries = ("spacy_transformers", "transformers", "thinc", "srsly")
    assert not [found for found in IMPORTS if found.module in plain and within(found.target, *libraries)]
    # What has gradients is torch alone; numpy is for numbers of pairs and word pieces.
    torch_alone = ("model.maths", "model.heads", "model.context")
    assert not [found for found in IMPORTS if found.module in torch_alone and within(found.target, "numpy")]


def test_no_cycles():
    """Late imports aside, which are late in order not to be needed."""
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for found in IMPORTS:
        # A module's own package is there before it: `from . import maths` in it is no cycle.
        if found.local and not found.late and not within(found.module, found.target or NAME):
            graph[found.module].add(found.target)
    assert set(TopologicalSorter(graph).static_order()) == set(FILES)


def loaded_with(name: str) -> set[str]:
    """The modules of the package that are loaded with one of them."""
    todo, found = [name], set()
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += [x.target for x in IMPORTS if x.module == module and x.local and not x.late]
            if module:
                todo.append(module.rpartition(".")[0])
    return found


@pytest.mark.parametrize(
    "name",
    [
        "pipeline.factories",
        "scoring.relations",
        "scoring.entities",
        "entities.span_groups",
        "pipeline.entities",
        "entities.coreferee",
        "entities.fastcoref",
        "entities.merged",
        "entities.ner",
        "cli",
        "training.corpus",
    ],
)
def test_torch_waits_until_a_model_is_made(name):
    heavy = {x.module for x in IMPORTS if within(x.target, "torch", "transformers", "spacy_transformers")}
    assert heavy >= {"model.maths", "model.huggingface"}
    assert not loaded_with(name) & heavy
    assert loaded_with("pipeline.relations") & heavy


def entry_points() -> dict[str, dict[str, str]]:
    """What setup.cfg has spaCy find, by group and name."""
    parser = ConfigParser()
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(ROOT.parent / "setup.cfg")
    return {
        group: dict(line.split(" = ") for line in lines.strip().splitlines())
        for group, lines in parser["options.entry_points"].items()
    }


LIGHT = """
import importlib, json, sys

loaded = {}
for target in json.load(sys.stdin):
    module, _, attribute = target.partition(":")
    getattr(importlib.import_module(module), attribute)
    loaded[target] = [name for name in ("transformers", "spacy_transformers") if name in sys.modules]
print(json.dumps(loaded))
"""


def test_entry_points_do_not_load_transformers():
    targets = [target for points in entry_points().values() for target in points.values()]
    assert len(targets) == len(set(targets)) >= 10
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], input=json.dumps(targets), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {target: [] for target in targets}


def test_entry_points_are_installed_as_written():
    installed: dict[str, dict[str, str]] = {}
    for point in distribution("spacy-kmgre").entry_points:
        installed.setdefault(point.group, {})[point.name] = point.value
    assert installed == entry_points()
