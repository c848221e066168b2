"""The source of the site: the pages of docs/, those made from code, and files from elsewhere in the repository."""

import re
import shutil
from pathlib import Path

from . import api, commands, configs, errors, exchange, functions

ROOT = Path(__file__).parent.parent

# What makes each generated page.
PAGES = {
    "reference/components.md": functions.components_page,
    "reference/architectures.md": functions.architectures_page,
    "reference/entities.md": functions.entities_page,
    "reference/training.md": functions.training_page,
    "reference/configs.md": configs.configs_page,
    "reference/formats.md": exchange.formats_page,
    "reference/exports.md": exchange.exports_page,
    "reference/commands.md": commands.commands_page,
    "reference/errors.md": errors.errors_page,
    "benchmarks.md": lambda: _page("benchmarks/README.md", {"results/growth.svg": "images/growth.svg"}),
    "changelog.md": lambda: _page("CHANGELOG.md", {}),
}


def write_site(folder: Path) -> None:
    """Write the source of the site.

    :param folder: The folder to write; what it held before is gone.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    shutil.copy(ROOT / "benchmarks" / "results" / "growth.svg", folder / "images")
    for name, make in {**PAGES, **api.pages()}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf8")


def _page(path: str, links: dict[str, str]) -> str:
    """A page that lies elsewhere in the repository.

    :param links: The targets of its links, each with what it is in the site.
    """
    text = (ROOT / path).read_text(encoding="utf8")
    for old, new in links.items():
        text = text.replace(f"]({old})", f"]({new})")
    return re.sub(r"^- ", "- ", text, flags=re.MULTILINE)
