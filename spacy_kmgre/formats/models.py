"""What the formats of JSON have in common: models of what a file should hold, and messages where it does not."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import Errors
from .assemble import TextDocs, TextOptions
from .base import Draft, Reader
from .counts import Counts
from .files import read_json_items

M = TypeVar("M", bound="Model")
T = TypeVar("T")
Options = TypeVar("Options", bound=TextOptions)
DIGITS = re.compile("[0-9]{1,9}")
LEFT_OUT = "items left out, as they are not as the format has them"


class Place(NamedTuple):
    """Where checked data come from.

    :param counts: Takes note of the items that are left out; None where nothing may be.
    """

    where: str
    counts: Counts | None = None


def _or_none(value: Any, check_item: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Check an item, and give None where it is wrong and may be left out."""
    try:
        return check_item(value)
    except ValidationError as error:
        if info.context is None or info.context.counts is None:
            raise
        with info.context.counts.leaving_out(LEFT_OUT, lenient=True):
            raise _explain(error, info.context.where) from error


# A string that can be encoded. Only where there is a constraint does pydantic find half a surrogate pair. Before
# version 2.11.10, a `Field` here would give the default of one field of this type to others.
Text = Annotated[str, StringConstraints(min_length=0)]
# An item of a list that is None where it is not as it should be and reading is lenient: the others keep their numbers.
if TYPE_CHECKING:
    Spared = Annotated[T | None, "an item that may be left out"]
else:
    Spared = Annotated[T, WrapValidator(_or_none)]
# A list that may be left out.
LIST: Any = Field(default_factory=list)
# A number from 0 to 1.
Score = Annotated[float, Field(ge=0, le=1)]
# A number that may be written as a string of digits, as where a program has made JSON of XML.
Number = Annotated[
    int,
    BeforeValidator(
        lambda value: int(value) if isinstance(value, str) and DIGITS.fullmatch(value) else value
    ),
]
# A name that may be written as a number.
Title = Annotated[Text, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


class Model(BaseModel):
    """A JSON object. Types are strict: true is not a number, nor "1". Other fields than those named are left alone, and
    null in a field that may be left out is as good as leaving it out."""

    model_config = ConfigDict(strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        required = {name for name, field in cls.model_fields.items() if field.is_required()}
        return {name: value for name, value in data.items() if value is not None or name in required}


def check(model: type[M], where: str, data: Any, counts: Counts | None = None) -> M:
    """Check JSON data.

    :param where: The place of the data, for messages.
    :param counts: Takes note of the `Spared` items that are left out. Without it they are errors too.
    :raises ValueError: Where the data do not fit the model; the message names the path of the first such field.
    """
    try:
        return model.model_validate(data, context=Place(where, counts))
    except ValidationError as error:
        raise _explain(error, where) from error


def _explain(error: ValidationError, where: str) -> ValueError:
    """An error that names the place of the first field that is wrong."""
    first = error.errors(include_url=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    field = path.lstrip(".") or "document"
    if first["type"] == "string_unicode":
        return ValueError(Errors.E120.format(where=f"{where} {field}", error="half a surrogate pair"))
    _, _, expected = first["msg"].partition(" should ")
    expected = re.sub("a valid dictionary.*", "an object", expected)
    problem = f"should {expected}, got: {short_repr(first['input'])}" if expected else "is missing"
    return ValueError(Errors.E102.format(where=where, field=field, problem=problem))


def present(items: Iterable[T | None]) -> Iterator[tuple[int, T]]:
    """The items that are not left out, with their numbers in the list."""
    return ((number, item) for number, item in enumerate(items) if item is not None)


def named(where: str, data: Any) -> str:
    """Add the title of a document to its place, for messages, even where the document is broken otherwise."""
    title = data.get("title") if isinstance(data, dict) else None
    return f"{where} {title!r}" if title and isinstance(title, str) else where


def json_drafts(path: Path, read: Callable[[str, Any], Doc | None]) -> Iterator[Draft]:
    """The drafts of a JSON file, which may be a list of documents, have one a line, or be a single one.

    :param read: Makes the Doc of a document from its place and its data, or None where it is left out.
    """

    def make(where: str, parse: Callable[[], Any]) -> Doc | None:
        return read(where, parse())

    for where, parse in read_json_items(path):
        yield Draft("", partial(make, where, parse))


def json_reader(read: Callable[[str, Any, TextDocs[Options]], Doc | None]) -> Reader:
    """Make a reader of JSON files (see `json_drafts`) whose annotation is in characters of a text.

    :param read: Makes the Doc of a document from its place and its data, or None where it is left out.
    """

    def reader(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
        docs = TextDocs(vocab, counts, options)
        return json_drafts(path, lambda where, data: read(where, data, docs))

    return reader
