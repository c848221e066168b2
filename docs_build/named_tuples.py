"""Fields of NamedTuples as parameters, as mkdocstrings shows those of dataclasses: an extension of griffe."""

from typing import Any

from griffe import Attribute, Class, Extension, Function, Parameter, ParameterKind, Parameters


class NamedTuples(Extension):
    """Gives each NamedTuple the `__init__` that Python makes of its fields."""

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Add the method to a class whose members are known."""
        if "NamedTuple" not in map(str, cls.bases) or "__init__" in cls.members:
            return
        fields = [
            Parameter(
                field.name,
                annotation=field.annotation,
                kind=ParameterKind.positional_or_keyword,
                default=None if field.value is None else str(field.value),
            )
            for field in cls.members.values()
            if isinstance(field, Attribute) and "instance-attribute" in field.labels
        ]
        itself = Parameter("self", kind=ParameterKind.positional_or_keyword)
        cls.set_member("__init__", Function("__init__", parameters=Parameters(itself, *fields)))
