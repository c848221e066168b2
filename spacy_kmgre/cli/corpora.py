"""The commands around corpora, as typer sees them. What a command needs is imported when it runs."""

from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import typer
from spacy.cli._util import Arg, Opt
from typer.core import TyperCommand

from .arguments import checked


class CorpusCommand(TyperCommand):
    """A command that reads a corpus: its options and its list of formats come from the registered formats.

    The options of formats that the command line gives are in `Context.obj`.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        *own, show_help = super().get_params(ctx)
        return [*own, *_format_params(), show_help]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from ..formats import FORMATS

        width = max(map(len, FORMATS))
        lines = [f"{name:{width}}  {form.description}{_endings(form)}" for name, form in FORMATS.items()]
        self.help = (self.help or "").replace("FORMATS", "\b\n" + "\n".join(lines))
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        given = {param.name: ctx.params.pop(param.name) for param in _format_params()}
        ctx.obj = {name: value for name, value in given.items() if _is_given(ctx, name)}
        return super().invoke(ctx)


def _is_given(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _endings(form: Any) -> str:
    return f" ({' '.join(form.endings)})" if form.endings else ""


def _format_params() -> list[Any]:
    """The options of all formats that can be read, as parameters of a command."""
    from ..errors import Errors
    from ..formats.base import sources

    forms = sources()
    options: dict[str, Any] = {}
    for form in forms.values():
        for name, option in form.options.items():
            known = options.setdefault(name, option)
            if (known.default, known.metadata["load"]) != (option.default, option.metadata["load"]):
                raise ValueError(Errors.E153.format(name=form.name, option=name))
    parameters = []
    for name, option in options.items():
        help, loads = option.metadata["help"], option.metadata["load"]
        having = [form.name for form in forms.values() if name in form.options]
        if len(having) < len(forms):
            help += f" ({', '.join(having)})"
        flag = f"--{name.replace('_', '-')}"
        flags = [flag] if option.default is not True else [f"{flag}/--no-{flag[2:]}"]
        parameters.append(
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=Opt(
                    option.default,
                    *flags,
                    help=help,
                    exists=bool(loads),
                    path_type=Path,  # type: ignore[arg-type]  # click takes it, and typer hands it on.
                ),
                annotation=Path | None if loads else type(option.default),
            )
        )

    def command(**options: Any) -> None:
        """Stand for a command with these parameters."""

    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return [param for param in typer.main.get_command(app).params if param.name in options]


def known_corpus_format(name: str | None) -> str | None:
    """Check the name of a format of corpora that can be read."""
    from ..formats.base import check_format, sources

    checked(lambda given: check_format(given, sources()), name)
    return name


def known_target_format(name: str | None) -> str | None:
    """Check the name of a format of corpora that can be written."""
    from ..formats.base import check_format, targets

    checked(lambda given: check_format(given, targets()), name)
    return name


def shares(text: str) -> str:
    """Check the shares of --split."""
    from ..formats.split import Split

    return checked(Split.parse, text)


def not_a_dash(path: Path) -> Path:
    """Check that a target is not standard output."""
    if str(path) == "-":
        raise typer.BadParameter("What is written is a file or folder, not standard output")
    return path


SOURCE = Arg(..., help="The file or folder to read", exists=True)
FROM = Opt(
    None,
    "--from",
    help="Format of the source; where left out, its beginning and its ending tell",
    callback=known_corpus_format,
    metavar="FORMAT",
)
LIMIT = Opt(0, help="Read at most this many documents; 0 reads all", min=0)
LANG = Opt("en", help="Language whose tokenizer splits texts that come without tokens")


def convert_cli(
    ctx: typer.Context,
    source: Path = SOURCE,
    target: Path = Arg(..., help="The file or folder to write", callback=not_a_dash),
    source_format: str | None = FROM,
    target_format: str | None = Opt(
        None,
        "--to",
        help="Format of the target; where left out, its ending tells (in brackets in the list of formats)",
        callback=known_target_format,
        metavar="FORMAT",
    ),
    force: bool = Opt(False, "--force", help="Replace a target file that is there already"),
    limit: int = LIMIT,
    lang: str = LANG,
    split: str = Opt(
        "",
        help="Divide the documents, for example 0.8,0.1,0.1: the target is a folder, and gets train, dev and test in "
        "the format of --to (spacy without it). Documents with the same text come into one part",
        callback=shares,
    ),
    seed: int = Opt(0, help="The seed by which --split deals the documents out", min=0),
) -> None:
    """Convert a corpus from one format to another. The counts of what it holds are printed.

    Nothing is left out in silence: what cannot be right is an error that names the place, and what is odd or has no
    place in the target is counted. The target is complete or not there. Formats:

    FORMATS

    Exit status: 0; 1 where the source, the target or an option's value does not fit; 2 where the command cannot be
    read.
    """
    from ..formats.split import Split
    from .convert import convert

    convert(
        source,
        target,
        source_format,
        target_format,
        force=force,
        limit=limit,
        lang=lang,
        options=ctx.obj,
        split=Split.parse(split, seed) if split else None,
    )


def info_cli(
    ctx: typer.Context,
    source: Path = SOURCE,
    source_format: str | None = FROM,
    as_json: bool = Opt(False, "--json", help="Print JSON instead of tables"),
    long_words: int = Opt(
        350, help="A document with more words is called long; 350 are about 512 word pieces", min=1
    ),
    limit: int = LIMIT,
    lang: str = LANG,
) -> None:
    """Show what is in a corpus. These are sizes, labels, entity types, long documents and problems.

    Formats:

    FORMATS

    Exit status: 0; 1 where the source or an option's value does not fit; 2 where the command cannot be read.
    """
    from .info import info

    info(
        source, source_format, as_json=as_json, long_words=long_words, limit=limit, lang=lang, options=ctx.obj
    )
