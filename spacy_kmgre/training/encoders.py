"""The callback of `[initialize.before_init]` for encoders that Python packages carry."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language


def resolve_encoders() -> Callable[[Language], Language]:
    """Make the callback that lets models of spacy-transformers have the names that `spacy_kmgre.Encoder.v1`
    takes. Where a model is named `package:NAME`, the callback tells it, before it loads, the folder in that
    Python package. The config keeps the name, which means the same on every machine.

    :raises ValueError: When the pipeline is initialised and the package is not installed.
    """

    def before_init(nlp: Language) -> Language:
        from ..model.huggingface import resolve_encoder

        for _, pipe in nlp.pipeline:
            model: Any = getattr(pipe, "model", None)
            for node in model.walk() if hasattr(model, "walk") else ():
                if "set_transformer" in node.attrs:
                    node.attrs["name"] = resolve_encoder(node.attrs["name"])
        return nlp

    return before_init
