"""Which pipeline a command runs over many documents, over which ones, and how."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spacy.language import Language
from tqdm import tqdm

from ..entities.global_ids import find_rule
from ..evaluation.gold_entities import between_gold_entities
from ..extraction.annotate import predict_only
from ..extraction.run import Plan
from ..extraction.tables import Columns
from ..types import Entity
from .common import load_pipeline


@dataclass(frozen=True)
class Choice:
    """A pipeline that is to be loaded, here or in another process.

    :param model: The folder of a trained pipeline, or the name of its package.
    :param component: The name of its relation component.
    :param config: Overrides of its config.
    :param code: A Python file with registered functions.
    :param use_gpu: The number of the GPU, -1 for the CPU.
    :param max_length: The largest number of characters of a document, None for the pipeline's own.
    :param entity_ids: What gives entities identifiers over documents: "kb_id", or the name of a registered function.
    :param given_entities: Whether to relate the entities that the documents come with, and run no other component.
    """

    model: str
    component: str = "kmgre_relations"
    config: dict[str, Any] = field(default_factory=dict)
    code: Path | None = None
    use_gpu: int = -1
    max_length: int | None = None
    entity_ids: str = ""
    given_entities: bool = False

    def load(self, stack: ExitStack) -> Language:
        """Load the pipeline. It stays as it was chosen until the stack is closed.

        :raises ValueError: Where there is no such pipeline, or it lacks the component.
        """
        nlp = load_pipeline(
            self.model, self.component, config=self.config, code=self.code, use_gpu=self.use_gpu
        )
        nlp.max_length = self.max_length or nlp.max_length
        predict_only(nlp)
        if self.given_entities:
            stack.enter_context(between_gold_entities(nlp, self.component))
        return nlp

    def absolute(self, use_gpu: int) -> "Choice":
        """The same pipeline for a process in another folder.

        :param use_gpu: The number of the GPU in that process.
        """
        model = str(Path(self.model).absolute()) if Path(self.model).exists() else self.model
        return replace(self, model=model, code=self.code and self.code.absolute(), use_gpu=use_gpu)

    def find_rule(self) -> Callable[[Entity], str] | None:
        """The rule that gives entities identifiers, None for none. The code has to be imported, as `load` does."""
        return find_rule(self.entity_ids) if self.entity_ids else None

    def settings(self, nlp: Language) -> dict[str, str | int]:
        """The settings that must be the same when a run goes on, beside the pipeline itself."""
        found: dict[str, str | int] = {"component": self.component, "max_length": nlp.max_length}
        found["entities"] = self.given_entities
        if self.entity_ids:
            found["entity_ids"] = self.entity_ids
        return found


@dataclass(frozen=True)
class Job:
    """What `extract` is to do with a pipeline, whatever its engine.

    :param sources: The files and folders to read; "-" is standard input.
    :param target: The file or folder to write; "-" is standard output.
    :param plan: How documents go through the pipeline.
    :param source_format: The format of the sources, None where they are to be recognised.
    :param target_format: The name of the export, "" where the target's ending tells it.
    :param columns: The columns of tables that hold the texts, the names and the entities of documents.
    :param resume: Whether the run goes on where it was stopped.
    :param force: Whether an output may be replaced.
    """

    sources: Sequence[Path]
    target: Path
    plan: Plan
    source_format: str | None
    target_format: str
    columns: Columns
    resume: bool
    force: bool


def progress_bar(total: int | None) -> "tqdm[Any]":
    """A bar for documents, where there is a terminal to draw it.

    :param total: The number of documents, None where it is unknown.
    """
    return tqdm(total=total, unit=" documents", disable=None, smoothing=0.05)
