"""Self-contained pages: templates, styles and scripts become one file that asks no network for anything."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

ENVIRONMENT = Environment(
    loader=PackageLoader("spacy_kmgre.visualise"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def make_page(
    template: str,
    data: dict[str, Any],
    *,
    title: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    minify: bool = False,
) -> str:
    """Make an HTML page.

    What comes from outside is in `data` and `title` alone. jinja2 escapes both: the data as JSON in which no character
    means anything to HTML. A content security policy lets nothing load and only the page's own script run.

    :param template: The name of the template.
    :param data: What the scripts read, as JSON.
    :param styles: The names of style sheets.
    :param scripts: The names of scripts, in the order in which they run.
    :param minify: Whether white space and comments are left out.
    """
    style = "\n".join(_asset(name, minify) for name in styles)
    script = "\n".join(_asset(name, minify) for name in scripts)
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    text = ENVIRONMENT.get_template(template).render(
        title=title,
        data=data,
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        version=version("spacy-kmgre"),
    )
    return _minified(text) if minify else text


def make_frame(page: str, title: str) -> str:
    """Make a frame that shows a page within another one, such as a notebook. Its script can reach nothing outside."""
    return ENVIRONMENT.get_template("frame.html").render(page=page, title=title)


@cache
def _asset(name: str, minify: bool) -> str:
    text = files(__package__).joinpath("static", name).read_text(encoding="utf8").strip()
    return _minified(text) if minify else text


def _minified(text: str) -> str:
    """A text without empty lines, indentation and comments of a line, which our templates, styles and scripts may
    lose: none of them has a string of several lines."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith(("// ", "/** ", "* ", "*/")))


def _hash(text: str) -> str:
    """The source expression of a content security policy for an inline style or script."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf8')).digest()).decode('ascii')}'"
