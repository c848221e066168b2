"""Pages of the formats of corpora and of the exports."""

from dataclasses import Field
from typing import Any

from spacy_kmgre.export import all_exports
from spacy_kmgre.export.base import Export
from spacy_kmgre.formats import FORMATS, Format, ReaderOptions

from .functions import shown
from .markdown import code, page, table


def formats_page() -> str:
    """The page of the formats of corpora."""
    rows = [
        [code(name), form.description, _endings(form), _done(form), _options(form)]
        for name, form in FORMATS.items()
    ]
    options: dict[str, Field[Any]] = {}
    for form in FORMATS.values():
        options.update(form.options)
    options_rows = [
        [code(f"--{name.replace('_', '-')}"), shown(item.default), item.metadata["help"]]
        for name, item in options.items()
    ]
    return page(
        "Formats of corpora",
        "`convert`, `info`, `view` and the other commands recognise formats by what is in the files; `--from` and "
        "`--to` name one. [From another tool](../how-to/convert.md) has examples.",
        [
            table(["name", "is", "endings", "", "options of its own"], rows),
            "## Options of readers",
            table(["option", "default", "does"], options_rows),
            "In Python the options are arguments, with underscores: "
            '`FORMATS["pubtator"].read(path, vocab, sentences=False)`.',
        ],
    )


def _endings(form: Format) -> str:
    return ", ".join(map(code, form.endings))


def _done(form: Format) -> str:
    return ", ".join(name for name, there in (("read", form.reader), ("written", form.writer)) if there)


def _options(form: Format) -> str:
    common = ReaderOptions.__dataclass_fields__
    return ", ".join(code(f"--{name.replace('_', '-')}") for name in form.options if name not in common)


def exports_page() -> str:
    """The page of the exports."""
    made: list[Export] = [make({}) for make in all_exports().values()]
    rows = [
        [
            code(export.name),
            export.description,
            ", ".join(map(code, export.suffixes)),
            ", ".join(code(f"[{extra}]") for extra in dict.fromkeys(export.requires.values())),
            ", ".join(export.lacks),
        ]
        for export in sorted(made, key=lambda export: export.name)
    ]
    return page(
        "Exports",
        "What `extract` and `export` write. All name the document, the score, the characters of key mention pairs and "
        "evidence where they have a place for them, and the pipeline with its version. "
        "[Into databases and notebooks](../tutorials/graph-databases.md) has examples.",
        [table(["`--to`", "is", "endings", "needs the extra", "has no place for"], rows)],
    )
