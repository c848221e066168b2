"""The site is built without a warning, has no dead link, loads nothing from elsewhere, and knows every public name,
setting, command, format, export and message."""

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import spacy

from docs_build.api import modules
from docs_build.commands import commands
from docs_build.errors import messages
from docs_build.functions import registered
from docs_build.site import write_site
from spacy_kmgre.errors import Errors, Warnings
from spacy_kmgre.export import all_exports
from spacy_kmgre.formats import FORMATS

from .conftest import ROOT

GROUPS = (
    "spacy_factories",
    "spacy_architectures",
    "spacy_misc",
    "spacy_callbacks",
    "spacy_readers",
    "spacy_scorers",
    "thinc_optimizers",
    "thinc_schedules",
    "spacy_loggers",
)


class Links(HTMLParser):
    """What a page refers to, what it loads, and its anchors."""

    def __init__(self, page: Path):
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.targets.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "next", "prev", "alternate"):
            self.loaded.append(values.get("href", ""))
        elif "src" in values:
            self.loaded.append(values["src"])


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    write_site(folder)
    return folder


@pytest.fixture(scope="module")
def site(source: Path) -> dict[Path, Links]:
    """The pages of the built site."""
    if sys.version_info < (3, 11):
        pytest.skip("Zensical, which builds the site, needs Python 3.11.")
    folder = source.parent
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf8")
    for old, new in (
        ("docs_build/named_tuples.py", str(ROOT / "docs_build" / "named_tuples.py")),
        ("docs_dir: build/docs", "docs_dir: pages"),
        ("site_dir: build/site", "site_dir: site"),
        ("paths: [.]", f"paths: [{ROOT}]"),
    ):
        assert old in config
        config = config.replace(old, new)
    (folder / "mkdocs.yml").write_text(config)
    command = [Path(sys.executable).with_name("zensical"), "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "griffe" not in done.stdout + done.stderr  # It only prints what it does not find.
    return {page: Links(page) for page in (folder / "site").rglob("*.html")}


def test_no_link_is_dead(site: dict[Path, Links]):
    dead = []
    for page, links in site.items():
        if page.name == "404.html":  # Its links begin at the site's root.
            continue
        for target in (*links.targets, *links.loaded):
            url = urlsplit(target)
            path = (page.parent / unquote(url.path)).resolve() if url.path else page
            if url.scheme or url.netloc:
                continue
            if path.is_dir():
                path = path / "index.html"
            there = path.is_file()
            if there and url.fragment and path in site:
                there = unquote(url.fragment) in site[path].anchors or url.fragment.startswith("__")
            if not there:
                dead.append((page.name, target))
    assert not dead


def test_the_site_loads_nothing_from_elsewhere(site: dict[Path, Links]):
    loaded = {target for links in site.values() for target in links.loaded}
    assert loaded and not {target for target in loaded if urlsplit(target).netloc}
    styles = [path.read_text() for path in next(iter(site)).parents[0].rglob("*.css")]
    assert not [url for style in styles for url in re.findall(r"url\(['\"]?(https?:[^)]+)", style)]


def test_links_of_the_readme_and_other_files_are_there():
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf8")):
            assert urlsplit(target).scheme or (ROOT / target).exists(), target


def test_every_message_has_an_anchor(site: dict[Path, Links]):
    (page,) = [page for page in site if page.name == "errors.html"]
    sources = [path.read_text() for path in (ROOT / "spacy_kmgre/errors").glob("*.py")]
    codes = {code for source in sources for code in re.findall(r"\[KMGRE ([EW]\d{3})\]", source)}
    # Some are the end of another one, and have no code of their own.
    codes |= {**messages(Errors), **messages(Warnings)}.keys()
    assert "W011" in codes and len(codes) > 100 and {code.lower() for code in codes} <= site[page].anchors
    for code in re.findall(r"\[((?:E|W)\d{3})\]\(", (ROOT / "docs/troubleshooting.md").read_text()):
        assert code in codes


def test_the_reference_has_everything_that_is_registered(source: Path):
    pages = {path.stem: path.read_text(encoding="utf8") for path in (source / "reference").glob("*.md")}
    functions = "\n".join(pages[name] for name in ("components", "architectures", "entities", "training"))
    for group in GROUPS:
        assert registered(group)
        for name, point in registered(group).items():
            assert f"## {name}\n" in functions
            section = functions.split(f"## {name}\n")[1].split("\n## ")[0]
            for setting in inspect.signature(point.load()).parameters:
                assert f"{setting}`" in section or setting in ("nlp", "name"), (name, setting)
    assert all(f"| `{name}` |" in pages["formats"] for name in FORMATS)
    assert all(f"| `{name}` |" in pages["exports"] for name in all_exports())
    assert all(f"## {name}\n" in pages["commands"] for name in commands())
    assert "--resume" in pages["commands"] and "Usage: python -m spacy kmgre extract" in pages["commands"]


def test_defaults_are_those_of_the_component(source: Path):
    defaults = spacy.blank("en").get_factory_meta("kmgre_relations").default_config
    text = (source / "reference" / "components.md").read_text()
    for setting in ("threshold", "max_labels", "evidence_share"):
        assert re.search(rf"\| `{setting}` \| `\w+` \| `{defaults[setting]}` \|", text)


def public_names() -> Iterator[tuple[str, object]]:
    """Every public class, function and method of the documented modules."""
    for name in modules():
        module = importlib.import_module(name)
        yield name, module
        for key, value in vars(module).items():
            if key.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value) or inspect.isclass(value):
                yield f"{name}.{key}", value
            for member in vars(value) if inspect.isclass(value) else ():
                method = getattr(value, member)
                if inspect.isfunction(method) and method.__name__ == member and not member.startswith("_"):
                    yield f"{name}.{key}.{member}", method


def test_every_public_name_is_documented(site: dict[Path, Links]):
    anchors = {anchor for links in site.values() for anchor in links.anchors}
    names = dict(public_names())
    assert len(names) > 500
    assert not [name for name, value in names.items() if not inspect.getdoc(value)]
    shown = [name for name, value in names.items() if inspect.isclass(value) or inspect.isfunction(value)]
    # Methods without words of their own are shown where the words are: with the class that they come from.
    assert not [name for name in shown if name not in anchors and getattr(names[name], "__doc__", None)]
