"""The pages of the Python API: every module of the package but the command line, which has a page of its own."""

from collections.abc import Callable
from functools import partial
from pkgutil import walk_packages

import spacy_kmgre

# Packages whose modules have other pages: the commands, the messages; and the generated corpus, which is for the demo.
ELSEWHERE = ("spacy_kmgre.cli", "spacy_kmgre.errors", "spacy_kmgre.synthetic", "spacy_kmgre.configs")


def modules() -> list[str]:
    """The names of the documented modules."""
    found = [module.name for module in walk_packages(spacy_kmgre.__path__, "spacy_kmgre.")]
    return ["spacy_kmgre", *(name for name in found if not name.startswith(ELSEWHERE))]


def pages() -> dict[str, Callable[[], str]]:
    """What makes each page: one a package, and one for the modules at the top."""
    groups: dict[str, list[str]] = {}
    packages = {module.name for module in walk_packages(spacy_kmgre.__path__, "spacy_kmgre.") if module.ispkg}
    for name in modules():
        package = next(
            (package for package in packages if f"{name}.".startswith(f"{package}.")), "spacy_kmgre"
        )
        groups.setdefault(package, []).append(name)
    return {
        f"reference/api/{package}.md": partial(_page, package, names) for package, names in groups.items()
    }


def _page(package: str, names: list[str]) -> str:
    return "\n\n".join([f"# {package}", *(f"::: {name}" for name in names)]) + "\n"
