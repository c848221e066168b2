"""Settings that were found on a corpus, in a saved pipeline."""

import shutil
from pathlib import Path
from typing import Any

import spacy


def write_settings(
    model: Path,
    settings: dict[str, Any],
    *,
    component: str = "kmgre_relations",
    config: dict[str, Any] | None = None,
) -> None:
    """Put settings of the component into a saved pipeline, in its config. After an error the folder is as it was.

    :param model: The pipeline's folder. What else is in it stays.
    :param settings: Those by label as a dictionary.
    :param config: Overrides that it was evaluated with. They are saved too.
    """
    overrides = {
        f"components.{component}.{name}": [list(pair) for pair in value.items()]
        if isinstance(value, dict)
        else value
        for name, value in settings.items()
    }
    nlp = spacy.load(model, config={**(config or {}), **overrides})
    pipe: Any = nlp.get_pipe(component)
    # A value that was changed after training would win over that of the config it was trained with.
    for name, value in settings.items():
        setattr(pipe, name, value)
    model = model.resolve()
    fresh, stale = (model.with_name(f".{model.name}.{name}") for name in ("new", "old"))
    for folder in (fresh, stale):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(model, fresh, symlinks=True)
    nlp.to_disk(fresh)
    model.rename(stale)
    fresh.rename(model)
    shutil.rmtree(stale)
