"""The page of errors and warnings, each with an anchor of its code."""

import re
from string import Formatter

from spacy_kmgre.errors import Errors, Reasons, Warnings

from .markdown import page

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


def _section(code: str, message: str) -> str:
    return f"### {code}\n\n{_block(message)}"


def _block(message: str) -> str:
    return f"```{{.text .message}}\n{readable(message)}\n```"


def _reasons() -> str:
    """W011, and what may follow it."""
    rest = [text for name, text in vars(Reasons).items() if name.isupper() and name != "TITLE"]
    after = "The log of a training whose F stays 0 ends with it, and with those of these reasons that fit."
    return "\n\n".join([_section("W011", Reasons.TITLE), after, *map(_block, rest)])


def errors_page() -> str:
    """The page."""
    warnings = {code: _section(code, text) for code, text in messages(Warnings).items()}
    warnings["W011"] = _reasons()
    return page(
        "Errors and warnings",
        "Each message begins with its code, such as `[KMGRE E134]`, and says what is wrong and what to do. Words in "
        "angle brackets are filled in. An error of one document of a corpus also says that `--lenient` leaves out and "
        "counts what cannot be right. Add `#e134` to the address of this page, or search for the code. What is met "
        "most often is explained in [Troubleshooting](../troubleshooting.md).",
        [
            "## Errors",
            *(_section(code, text) for code, text in messages(Errors).items()),
            "## Warnings",
            *(section for _, section in sorted(warnings.items())),
        ],
    )
