"""What a saved component says of itself, its `cfg`, which is checked when it is loaded."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Errors

Name = Annotated[str, Field(min_length=1)]
Triple = Annotated[list[str], Field(min_length=3, max_length=3)]


class Saved(BaseModel):
    """The contents of the file `cfg`. Later versions may have more.

    :ivar changed: The settings that were changed, as `settings.changes` gives them.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    labels: list[Name]
    types: list[str] = []
    triples: list[Triple] = []
    label_texts: dict[str, str] = {}
    changed: dict[str, str] = {}


def check_saved(cfg: dict[str, Any]) -> None:
    """Check the `cfg` of a component that is loaded.

    :raises ValueError: Where a part of it is not what `to_disk` writes.
    """
    try:
        labels = Saved.model_validate(cfg).labels
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        name = ".".join(map(str, first["loc"]))
        raise ValueError(Errors.E154.format(name=name, value=first["input"], what=first["msg"])) from error
    if len({*labels}) < len(labels):
        raise ValueError(Errors.E154.format(name="labels", value=labels, what="A label stands there twice"))
