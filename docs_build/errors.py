"""The page of errors and warnings, each with an anchor of its code."""

import re
from functools import cache
from pathlib import Path
from string import Formatter

import spacy_kmgre
from spacy_kmgre.errors import Errors, Reasons, Warnings

from .markdown import page

FOLDER = Path(spacy_kmgre.__file__).parent
CODE = re.compile(r"^[EW]\d{3}$")


def messages(kind: type) -> dict[str, str]:
    """The messages of a class by their codes, in order."""
    found = {name: getattr(kind, name) for name in dir(kind) if CODE.match(name)}
    return dict(sorted(found.items()))


def readable(message: str) -> str:
    """A message with the names of what it fills in, in angle brackets, and without its code."""
    text = "".join(
        literal + (f"<{name.split('.')[0]}>" if name else "")
        for literal, name, _, _ in Formatter().parse(message)
    )
    return re.sub(r"^\[KMGRE \w+\] ", "", text)


def places(code: str) -> list[str]:
    """The modules that speak of a code, by name."""
    return [name for name, text in _sources().items() if re.search(rf"\b(Errors|Warnings)\.{code}\b", text)]


@cache
def _sources() -> dict[str, str]:
    """The source of each module, but those of the messages themselves."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py")):
        if "errors" not in path.parts:
            name = ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path.read_text(encoding="utf8")
    return found


def _section(code: str, message: str) -> str:
    said = ", ".join(f"`{name}`" for name in places(code))
    return f"### {code}\n\n```{{.text .message}}\n{readable(message)}\n```\n\n" + (
        f"Said by {said}." if said else ""
    )


def errors_page() -> str:
    """The page."""
    reasons = {name: text for name, text in vars(Reasons).items() if name.isupper()}
    return page(
        "Errors and warnings",
        "Each message begins with its code, such as `[KMGRE E134]`, and says what is wrong and what to do. Words in "
        "angle brackets are filled in. Add `#e134` to the address of this page, or search for the code. What is met "
        "most often is explained in [Troubleshooting](../troubleshooting.md).",
        [
            "## Errors",
            *(_section(code, text) for code, text in messages(Errors).items()),
            "## Warnings",
            *(_section(code, text) for code, text in messages(Warnings).items()),
            "## Reasons why a training does not learn",
            "Where F stays 0, the log of a training ends with those of these that fit.",
            "\n".join(f"- {readable(text)}" for text in reasons.values()),
        ],
    )
