"""The page of the configs that the package brings."""

from pathlib import Path

import spacy_kmgre

from .markdown import page

FOLDER = Path(spacy_kmgre.__file__).parent / "configs"


def configs_page() -> str:
    """Each config with the comment that it begins with."""
    sections = []
    for path in sorted(FOLDER.glob("*.cfg")):
        text = path.read_text(encoding="utf8")
        sections.append(
            f'## {path.stem}\n\n??? note "{path.name}"\n\n' + _indented(f"```ini\n{text.strip()}\n```")
        )
    return page(
        "Configs",
        "The package brings these configs. `python -m spacy kmgre init` begins with one of them and fits it to a "
        "corpus and a device; [Train on your own data](../tutorials/own-data.md) says which is for what.",
        sections,
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
