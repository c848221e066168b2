"""What the commands that run a pipeline have in common."""

from pathlib import Path
from typing import Any

import spacy
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.util import is_package

from ..errors import Errors
from ..extraction.sources import PIPELINE, is_pipeline
from ..pipeline.relations import KmgreRelations
from ..pipeline.state import override

NO_PIPELINE = (
    f"is no pipeline: that is a folder with {' and '.join(PIPELINE)}, such as training/model-best, or the name of a "
    "package. The pipeline comes first, and what it reads after it: are the arguments in the wrong order?"
)


def load_pipeline(
    model: str,
    component: str,
    *,
    config: dict[str, Any] | None = None,
    code: Path | None = None,
    use_gpu: int = -1,
) -> Language:
    """Load a pipeline for a command.

    :param component: The name of its relation component.
    :param config: Overrides of the pipeline's config.
    :param code: A Python file with registered functions.
    :raises ValueError: Where there is no pipeline, or it lacks the component.
    """
    if Path(model).exists() and not is_package(model) and not is_pipeline(model):
        raise ValueError(Errors.E336.format(path=model, why=NO_PIPELINE))
    import_code(code)
    setup_gpu(use_gpu, silent=True)
    nlp = spacy.load(model, config=config or {})
    override(nlp, config or {})
    if component not in nlp.pipe_names or not isinstance(nlp.get_pipe(component), KmgreRelations):
        raise ValueError(Errors.E330.format(model=model, name=component, known=", ".join(nlp.pipe_names)))
    return nlp
