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
    assert Import("pipeline.decode", "model.maths", True, False) in IMPORTS  # from ..model import maths
    assert Import("model.atlop", "model.maths", True, False) in IMPORTS  # from . import maths
    assert Import("pipeline.factories", "pipeline.relations", True, True) in IMPORTS  # in a function
    assert Import("model.architectures", "model.thinc_shim", True, True) in IMPORTS  # for type checkers
    assert Import("model.maths", "torch.nn.functional", False, False) in IMPORTS
    assert {found.target for found in IMPORTS if found.local} <= set(FILES)


# What each part of the package imports of it at module level, beside itself. There is no exception.
BASIS = {"types", "errors", "annotations"}
LAYERS: dict[str, set[str]] = {
    "types": {"errors"},
    "errors": {"types"},
    "annotations": {"types", "errors", "entity_groups", "relation_input", "retokenize", "stored_relations"},
    "stored_relations": {"errors", "entity_groups", "relation_input", "retokenize"},
    "joining": {"types", "errors", "annotations", "retokenize", "stored_relations"},
    "relation_input": {"types", "errors", "entity_groups", "texts"},
    "texts": set(),
    "entity_groups": {"types", "retokenize"},
    "retokenize": set(),
    "model": {"errors"},
    "scoring": BASIS,
    "entities": BASIS,
    "pipeline": {*BASIS, "retokenize", "model", "scoring", "entities", "texts"},
    "training": {*BASIS, "model"},
    "synthetic": BASIS,
    "formats": {*BASIS, "relation_input", "retokenize"},
    "evaluation": {*BASIS, "model", "scoring", "pipeline"},
    "extraction": {*BASIS, "formats", "export"},
    "graph": {*BASIS, "entities"},
    "visualise": {*BASIS, "graph", "entities", "evaluation", "scoring"},
    "export": {*BASIS, "formats"},
    "cli": {
        *BASIS,
        "graph",
        "pipeline",
        "entities",
        "scoring",
        "training",
        "formats",
        "evaluation",
        "extraction",
        "visualise",
        "export",
    },
    "": {"annotations", "joining", "types"},
}


def test_every_module_is_in_a_layer():
    assert {name.partition(".")[0] for name in FILES} <= set(LAYERS)


@pytest.mark.parametrize("part", LAYERS)
def test_data_flow_one_way(part):
    def imports(found: Import) -> bool:
        return found.local and not found.late and found.module.partition(".")[0] == part

    allowed = {part, *LAYERS[part]}
    assert not [x for x in IMPORTS if imports(x) and x.target.partition(".")[0] not in allowed]


@pytest.mark.parametrize(
    "library, modules",
    [
        ("transformers", {"model.huggingface"}),
        ("spacy_transformers", set()),
        ("safetensors", {"model.weights"}),
        ("coreferee", {"entities.coreferee"}),
        ("fastcoref", set()),
        ("matplotlib", {"visualise.plots"}),
        (
            "thinc",
            {
                "model.thinc_shim",
                "model.optimizer",
                "model.rates",
                "pipeline.factories",
                "pipeline.relations",
                "pipeline.state",
                "training.optim",
                "training.recipe",
            },
        ),
    ],
)
def test_libraries_that_few_modules_know(library, modules):
    assert {found.module for found in IMPORTS if within(found.target, library) and not found.local} <= modules


def test_spacy_stays_out_of_the_model():
    quiet = [
        name for name in FILES if within(name, "model", "pipeline.decode", "pipeline.settings", "errors")
    ]
    quiet += ["training.objective"]
    assert not [found for found in IMPORTS if found.module in quiet and within(found.target, "spacy")]
    # What has gradients is torch alone; numpy is for numbers of pairs and word pieces.
    torch_alone = ("model.maths", "model.heads", "model.context")
    assert not [
        found for found in IMPORTS if found.module in torch_alone and within(found.target, "thinc", "srsly")
    ]


def private_names(name: str) -> set[str]:
    """Private names of other libraries that a module uses: `torch.ops`, `torch._x`, `config._x`."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf8"))):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            private = private and node.attr != "_replace"  # It is public in a NamedTuple.
            own = owner.split(".")[0].split("(")[0] in ("self", "cls", "super")
            if (private and not own and "_shim" not in owner) or f"{owner}.{node.attr}" == "torch.ops":
                found.add(f"{owner}.{node.attr}")
    return found


def test_private_names_of_libraries_are_in_three_files():
    models = [name for name in FILES if within(name, "model", "training", "pipeline")]
    allowed = {"model.fast_linear", "model.huggingface", "model.precision"}
    assert {name: private_names(name) for name in models if name not in allowed and private_names(name)} == {}


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
        "",
        "pipeline.factories",
        "pipeline.entities",
        "scoring.relations",
        "scoring.entities",
        "training.corpus",
        "cli",
    ],
)
def test_torch_waits_until_a_model_is_made(name):
    heavy = {x.module for x in IMPORTS if not x.late and within(x.target, "torch", "transformers")}
    assert heavy >= {"model.maths", "model.huggingface"}
    assert not loaded_with(name) & heavy
    assert loaded_with("pipeline.relations") & heavy


PREDICT = """
import json, sys

import spacy

nlp = spacy.load(sys.argv[1])
doc = nlp.make_doc("Acme works near Bolt")
for number, token in enumerate((0, 3), start=1):
    doc.spans[f"entity_{number}"] = [doc[token : token + 1]]
nlp.get_pipe("kmgre_relations").threshold = 0.0
assert nlp(doc)._.relations
print(json.dumps([name for name in sys.modules if name.startswith("spacy_kmgre.training.")]))
"""


def test_prediction_does_without_training(trained_folder):
    """What trains is not even loaded; the config of this pipeline names nothing of it."""
    command = [sys.executable, "-c", PREDICT, str(trained_folder("KMGRE"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


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


def test_what_is_imported_late_can_be_found():
    assert set(spacy_kmgre.__all__) <= set(dir(spacy_kmgre))


def test_entry_points_do_not_load_transformers():
    targets = [target for points in entry_points().values() for target in points.values()]
    assert len(targets) == len(set(targets)) >= 10
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], input=json.dumps(targets), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {target: [] for target in targets}


COST = """
import json, sys, time
import spacy.cli

before, start = set(sys.modules), time.process_time()
import spacy_kmgre.cli
print(json.dumps([time.process_time() - start, sorted(set(sys.modules) - before)]))
"""


def test_the_command_line_costs_other_spacy_commands_little():
    """Every `spacy` command imports it."""
    done = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, check=True)
    seconds, loaded = json.loads(done.stdout)
    assert seconds < 0.5
    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names == {NAME}
    assert f"{NAME}.cli.evaluate" in loaded and f"{NAME}.cli.measure" not in loaded


def test_entry_points_are_installed_as_written():
    installed: dict[str, dict[str, str]] = {}
    for point in distribution("spacy-kmgre").entry_points:
        installed.setdefault(point.group, {})[point.name] = point.value
    assert installed == entry_points()


def test_convert_and_info_need_no_torch(tmp_path: Path):
    """spaCy itself imports torch where it is installed (thinc.compat), so that here it is not: nothing of ours may."""
    (tmp_path / "docs.pubtator").write_text("1|t|Aspirin\n1|a|\n1\t0\t7\tAspirin\tChemical\tD1\n")
    program = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from spacy.cli import setup_cli
sys.argv = ["spacy", "kmgre", *sys.argv[1:]]
setup_cli()
"""
    for arguments in (["info", "docs.pubtator"], ["convert", "docs.pubtator", "docs.jsonl"]):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and "documents" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["pipeline.factories", "pipeline.relations", "model.network", "model.maths"])
def test_the_way_from_add_pipe_to_the_equations_is_short(name: str):
    assert len(FILES[name].read_text(encoding="utf8").splitlines()) < 300
