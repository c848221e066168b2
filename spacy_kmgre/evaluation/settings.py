"""How to put settings that were found on a corpus into a saved pipeline."""

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
    """Put settings of the relation component into a saved pipeline, in its config too. Other files in its folder
    stay, and after an error the folder is as it was.

    :param model: The pipeline's folder.
    :param settings: The settings; those that have values for labels as dictionaries.
    :param config: Overrides of the config that the pipeline was evaluated with. They are saved too.
    """
    overrides = {
        f"components.{component}.{name}": list(map(list, value.items())) if isinstance(value, dict) else value
        for name, value in settings.items()
    }
    nlp = spacy.load(model, config={**(config or {}), **overrides})
    pipe: Any = nlp.get_pipe(component)
    # A value that was changed after training would take precedence over the one in the config.
    for name, value in settings.items():
        setattr(pipe, name, value)
    model = model.resolve()
    fresh, stale = (model.with_name(f".{model.name}.{name}") for name in ("new", "old"))
    for folder in (fresh, stale):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(model, fresh, symlinks=True)
    nlp.to_disk(fresh)
    model.rename(stale)
    try:
        fresh.rename(model)
    except BaseException:
        stale.rename(model)
        raise
    shutil.rmtree(stale)
