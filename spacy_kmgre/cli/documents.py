"""The documents that `view` and `graph` show: read from a corpus, or predicted by a pipeline. It is imported when a
command runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..annotations import relation_data
from ..errors import Errors
from ..evaluation.gold_entities import between_gold_entities
from ..extraction.reader import Reader, splits_sentences, to_annotate
from ..extraction.sources import TABLES, TEXTS, Source, find_sources, is_pipeline
from ..extraction.tables import DEFAULT, ENDINGS, Columns
from ..formats.counts import Counts
from ..formats.files import replacing
from .arguments import RelatedEntities, parse_overrides
from .common import load_pipeline
from .convert import read_source
from .output import check_output
from .pipelines import split_overrides
from .printing import failing
from .tally import Tally

# The number of documents that go through the pipeline at a time.
BATCH_SIZE = 16


@dataclass
class Shown:
    """What to show.

    :param sources: Files and folders, the first of which may be a pipeline that predicts the relations of the others.
    :param source_format: The name of their format; their endings and contents tell where it is None.
    :param given_entities: Whether the pipeline relates the entities that the documents come with.
    :param config: Overrides of the pipeline's config.
    :param options: Options of the readers of formats, as the command line gives them.
    :param columns: The columns of tables that hold the texts and the names of documents.
    :ivar labels: The labels that the pipeline knows, once it is loaded.
    """

    sources: Sequence[str]
    source_format: str | None = None
    given_entities: bool = False
    component: str = "kmgre_relations"
    code: Path | None = None
    use_gpu: int = -1
    config: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    columns: Columns = DEFAULT
    labels: tuple[str, ...] = field(default=(), init=False)

    @classmethod
    def parse(
        cls,
        ctx: typer.Context,
        sources: Sequence[str],
        source_format: str | None,
        entities: RelatedEntities,
        component: str,
        code: Path | None,
        use_gpu: int,
        columns: Columns,
    ) -> "Shown":
        """Read the arguments that `view` and `graph` have in common."""
        paths, overrides = split_overrides(sources)
        return cls(
            [str(path) for path in paths],
            source_format=source_format,
            given_entities=entities is RelatedEntities.given,
            component=component,
            code=code,
            use_gpu=use_gpu,
            config=parse_overrides(ctx, [*overrides, *ctx.args]),
            options=ctx.obj or {},
            columns=columns,
        )

    @property
    def title(self) -> str:
        """The names of the sources."""
        return ", ".join(Path(source).name for source in self.sources)

    def write(
        self, output: Path, labels: Sequence[str], make_page: Callable[[Tally], str | None], *, force: bool
    ) -> Tally:
        """Write a page, or say what is wrong and exit.

        :param labels: The labels of the relations that the page shows; all where it is empty.
        :param make_page: Makes the page, may read documents for it, and counts them in the tally that it gets.
        :param force: Whether to replace a page that is there.
        :returns: The counts of what the page shows.
        """
        tally = Tally()
        with failing(f"Could not show {', '.join(self.sources)}"):
            import_code(self.code)
            check_output(output, self.sources, force=force)
            page = make_page(tally)
            with replacing(output) as temporary:
                temporary.write_text(page or "", encoding="utf8")
            tally.warn(self.title, self.labels, labels)
        return tally

    def documents(self) -> Iterator[Doc | Example]:
        """The documents one by one. Where a pipeline predicts relations of documents that have some, an `Example` with
        both.

        :raises ValueError: Where a source cannot be read.
        """
        first, *others = self.sources
        if not is_pipeline(first):
            for name in self.sources:
                yield from self._corpus(Path(name))
            return
        if not others:
            raise ValueError(Errors.E505.format(model=first))
        nlp = load_pipeline(first, self.component, config=self.config, use_gpu=self.use_gpu)
        pipe: Any = nlp.get_pipe(self.component)
        self.labels = tuple(pipe.labels)
        docs = self._to_predict(others, nlp)
        with between_gold_entities(nlp, self.component) if self.given_entities else nullcontext():
            yield from _predict(nlp, docs)

    def _corpus(self, path: Path) -> Iterator[Doc]:
        """The documents of a corpus, with their relations."""
        if self.source_format in TABLES or (not self.source_format and path.suffix.lower() in ENDINGS):
            raise ValueError(Errors.E506.format(path=path))
        (source,) = [Source(path, "", "")] if path.is_dir() else find_sources([path], self.source_format)
        if self.source_format in TEXTS or source.form in TEXTS:
            raise ValueError(Errors.E506.format(path=path))
        yield from read_source(path, self.source_format, Counts(), options=self.options, quiet=True)

    def _to_predict(self, names: Iterable[str], nlp: Language) -> Iterator[Doc]:
        """Texts, and the documents of corpora with their relations."""
        reader = Reader(nlp, split=splits_sentences(nlp), columns=self.columns)
        for source in find_sources(map(Path, names), self.source_format, self.columns):
            if source.form in ("", *TEXTS, *TABLES):
                yield from (item.make() for item in reader.read([source]))
            else:
                yield from self._corpus(source.path)


def _predict(nlp: Language, docs: Iterable[Doc]) -> Iterator[Doc | Example]:
    def pairs() -> Iterator[tuple[Doc, Doc]]:
        for doc in docs:
            yield to_annotate(nlp, Doc(nlp.vocab).from_bytes(doc.to_bytes())), doc

    for predicted, gold in nlp.pipe(pairs(), as_tuples=True, batch_size=BATCH_SIZE):
        yield Example(predicted, gold) if relation_data(gold) else predicted
