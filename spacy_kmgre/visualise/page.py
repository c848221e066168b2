"""Self-contained pages: templates, styles and scripts become one file that asks no network for anything."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from spacy.util import is_in_jupyter

# Comments that have lines of their own.
COMMENT = re.compile(r"^[ ]*(?://[^\n]*|/\*.*?\*/)$", re.DOTALL | re.MULTILINE)
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
    open_styles: bool = False,
) -> str:
    """Make an HTML page.

    What comes from outside is in `data` and `title` alone. jinja2 escapes both: the data as JSON in which no character
    means anything to HTML. A content security policy lets nothing load and only the page's own script run.

    :param template: The name of the template.
    :param data: What the scripts read, as JSON.
    :param styles: The names of style sheets.
    :param scripts: The names of scripts, in the order in which they run.
    :param minify: Whether white space and comments are left out.
    :param open_styles: Whether scripts may add styles, as cytoscape.js does.
    """
    style = "\n".join(_asset(name, minify) for name in styles)
    script = "\n".join(_asset(name, minify) for name in scripts)
    style_source = "'unsafe-inline'" if open_styles else _hash(style)
    sources = ("default-src 'none'", f"style-src {style_source}", f"script-src {_hash(script)}")
    text = ENVIRONMENT.get_template(template).render(
        title=title,
        data=data,
        policy="; ".join((*sources, "base-uri 'none'", "form-action 'none'")),
        style=Markup(style),  # noqa: S704  # Both are files of this package.
        script=Markup(script),  # noqa: S704
        version=version("spacy-kmgre"),
    )
    return text


def make_frame_or_page(html: str, title: str, *, page: bool, jupyter: bool | None) -> str | None:
    """Give a page the form that is asked for: itself, or a frame in which its script can reach nothing outside.

    :param page: Whether it is to stay a page.
    :param jupyter: Whether to show the frame in a notebook; spaCy detects one where it is None.
    :returns: HTML, or None in a notebook.
    """
    in_notebook = is_in_jupyter() if jupyter is None else jupyter
    if page and not in_notebook:
        return html
    frame = ENVIRONMENT.get_template("frame.html").render(page=html, title=title)
    if not in_notebook:
        return frame
    from IPython.display import HTML, display

    display(HTML(frame))
    return None


@cache
def _asset(name: str, minify: bool) -> str:
    text = files(__package__).joinpath("static", name).read_text(encoding="utf8").strip()
    return _minified(text) if minify and ".min." not in name else text


def _minified(text: str) -> str:
    """A text without empty lines, indentation and comments, which our templates, styles and scripts may lose: none of
    them has a string of several lines."""
    lines = (line.strip() for line in COMMENT.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)


def _hash(text: str) -> str:
    """The source expression of a content security policy for an inline style or script."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf8')).digest()).decode('ascii')}'"
