"""Pages of documents and graphs, in the manner of displaCy."""

from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from .data import document_data
from .labels import label_hint
from .options import Options
from .page import make_frame_or_page, make_page

Documents = Doc | Example | Iterable[Doc | Example]
TITLE = "Relations"


def render(
    docs: Documents,
    *,
    page: bool = False,
    minify: bool = False,
    jupyter: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> str | None:
    """Show documents with their relations: the text, and for each relation the mention pairs that say so.

    :param docs: One or several Docs. An `Example` shows the relations of its predicted Doc beside those of its
        reference: right, missed and wrong.
    :param page: Whether the result is a whole HTML page, which needs nothing else and no network. Otherwise it is a
        frame that holds that page, to put into one's own.
    :param minify: Whether white space is left out.
    :param jupyter: Whether to show the result in a Jupyter notebook and return None. Where it is None, spaCy detects
        whether this is a notebook.
    :param options: `colors` (CSS colours by entity type), `labels` (the relations to show), `threshold` (where the
        slider stands at first), `title`.
    :returns: HTML, or None in a notebook.
    :raises ValueError: Where an option is wrong, or the texts of an `Example` differ.
    :raises TypeError: For what is no Doc and no `Example`.
    """
    chosen = Options.read(options)
    title = chosen.title or TITLE
    html = make_page(
        "page.html",
        {
            **documents_data([docs] if isinstance(docs, Doc | Example) else docs, chosen),
            "colors": dict(chosen.colors),
            "threshold": chosen.threshold,
        },
        title=title,
        styles=("base.css", "document.css", "page.css"),
        scripts=("dom.js", "text.js", "arcs.js", "reasons.js", "places.js", "page.js"),
        minify=minify,
    )
    return make_frame_or_page(html, title, page=page, jupyter=jupyter)


def documents_data(docs: Iterable[Doc | Example], options: Options) -> dict[str, Any]:
    """What the page shows of documents.

    :returns: "documents", whether any of them is "compared" with gold relations, and a "hint" where labels lack words.
    """
    rows, compared, hint = [], False, ""
    for doc in docs:
        if isinstance(doc, Example):
            rows.append(document_data(doc.predicted, doc.reference, options.labels))
            compared = True
            hint = hint or label_hint([*doc.predicted._.relations, *doc.reference._.relations])
        elif isinstance(doc, Doc):
            rows.append(document_data(doc, labels=options.labels))
            hint = hint or label_hint(doc._.relations)
        else:
            raise TypeError(Errors.E503.format(kind=type(doc).__name__))
    return {"documents": rows, "compared": compared, "hint": hint}
