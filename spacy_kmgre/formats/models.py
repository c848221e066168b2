"""What the formats of JSON have in common: models of what a file should hold, and messages where it does not."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from reprlib import repr as short_repr
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors
from .assemble import TextDocs, TextOptions
from .base import Draft, Reader
from .counts import Counts
from .files import read_json_lines

M = TypeVar("M", bound="Model")
Options = TypeVar("Options", bound=TextOptions)

# A string that can be encoded. Only where there is a constraint does pydantic find half a surrogate pair.
Text = Annotated[str, Field(min_length=0)]
# A list that may be left out.
LIST: Any = Field(default_factory=list)
# A number from 0 to 1.
Score = Annotated[float, Field(ge=0, le=1)]
# A name that may be written as a number.
Title = Annotated[Text, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


class Model(BaseModel):
    """A JSON object. Types are strict: true is not a number, nor "1". Other fields than those named are left alone."""

    model_config = ConfigDict(strict=True)


def check(model: type[M], where: str, data: Any) -> M:
    """Check JSON data.

    :param where: The place of the data, for messages.
    :raises ValueError: Where the data do not fit the model; the message names the path of the first such field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        field = path.lstrip(".") or "document"
        if first["type"] == "string_unicode":
            raise ValueError(
                Errors.E120.format(where=f"{where} {field}", error="half a surrogate pair")
            ) from error
        _, _, expected = first["msg"].partition(" should ")
        expected = re.sub("a valid dictionary.*", "an object", expected)
        problem = f"should {expected}, got: {short_repr(first['input'])}" if expected else "is missing"
        raise ValueError(Errors.E102.format(where=where, field=field, problem=problem)) from error


def named(where: str, data: Any) -> str:
    """Add the title of a document to its place, for messages, even where the document is broken otherwise."""
    title = data.get("title") if isinstance(data, dict) else None
    return f"{where} {title!r}" if title and isinstance(title, str) else where


def lines_reader(read: Callable[[str, Any, TextDocs[Options]], Doc | None]) -> Reader:
    """Make a reader of files that have a JSON document a line.

    :param read: Makes the Doc of a line from its place and its data, or None where it is left out.
    """

    def make(where: str, parse: Callable[[], Any], docs: TextDocs[Options]) -> Doc | None:
        return read(where, parse(), docs)

    def reader(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
        docs = TextDocs(vocab, counts, options)
        for where, parse in read_json_lines(path):
            yield Draft("", partial(make, where, parse, docs))

    return reader
