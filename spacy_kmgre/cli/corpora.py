"""The commands around corpora, as typer sees them. What they need is imported when they run."""

from pathlib import Path
from typing import Any

import typer
from spacy.cli._util import Arg, Opt

from .arguments import checked

FORMATS = """
\b
spacy              spaCy's DocBin: a .spacy file, which memory must hold, or a folder of them
jsonl              spacy-kmgre's own JSON lines, with all that a Doc holds
docred             JSON of DocRED and Re-DocRED: one list of documents, their words without the spaces between
docred_submission  file of DocRED's official evaluation: one list of relations, read onto --documents
dwie               DWIE's JSON: a folder with a file for each document
pubtator           PubTator's lines: CDR, GDA, BioRED
bioc               BioC XML: CDR, BioRED, PubTator
brat               brat's standoff: a folder of .txt and .ann
prodigy            JSON lines of Prodigy's relation annotation
label_studio       Label Studio's JSON export: one list of tasks
doccano            doccano's export of relations: JSON lines
"""


def known_format(name: str | None) -> str | None:
    """The name of a format, if there is one of that name."""
    from ..formats.guess import get_format

    return checked(get_format, name)


def not_a_dash(path: Path) -> Path:
    if str(path) == "-":
        raise typer.BadParameter("A converted corpus is a file or folder, not standard output")
    return path


FROM = Opt(
    None,
    "--from",
    help="Format of the source; where left out, its ending and beginning tell",
    callback=known_format,
    metavar="FORMAT",
)
LIMIT = Opt(0, help="Read no more documents than that; 0 is all", min=0)
LANG = Opt("en", help="Language, whose tokenizer splits texts that come without tokens")
RELATION_NAMES = Opt(
    None,
    help="JSON object of names for relation labels, such as rel_info.json (P17: country); null leaves one out",
    exists=True,
    dir_okay=False,
)
SENTENCES = Opt(True, help="Find sentences by rule where the format has none")
LENIENT = Opt(
    False,
    "--lenient",
    help="Leave out and count mentions whose words are not at their offsets, instead of an error",
)
COREF_LABEL = Opt(
    "COREF", help="Relations that join two mentions to one entity (brat, prodigy, label_studio, doccano)"
)
NOVELTY = Opt(False, "--novelty", help="Keep BioRED's novelty in labels: Association:Novel (pubtator, bioc)")
ALL_TYPES = Opt(False, "--all-types", help="Keep all types of an entity, joined by + (dwie)")
PART = Opt("", help="Read only documents with this tag, train or test (dwie)")
DOCUMENTS = Opt(None, help="The documents that a docred_submission is about, in any format", exists=True)


def convert_cli(
    source: Path = Arg(..., help="The file or folder to read", exists=True),
    target: Path = Arg(..., help="The file or folder to write", callback=not_a_dash),
    source_format: str | None = FROM,
    target_format: str | None = Opt(
        None,
        "--to",
        help="Format of the target; where left out, its ending tells: .spacy, .jsonl, .pubtator, .xml (bioc)",
        callback=known_format,
        metavar="FORMAT",
    ),
    force: bool = Opt(False, "--force", help="Replace a target file that is there already"),
    relation_names: Path | None = RELATION_NAMES,
    limit: int = LIMIT,
    lang: str = LANG,
    sentences: bool = SENTENCES,
    lenient: bool = LENIENT,
    coref_label: str = COREF_LABEL,
    novelty: bool = NOVELTY,
    all_types: bool = ALL_TYPES,
    part: str = PART,
    documents: Path | None = DOCUMENTS,
) -> None:
    from .convert import convert

    options = _options(locals())
    convert(
        source, target, source_format, target_format, force=force, limit=limit, lang=lang, options=options
    )


def info_cli(
    source: Path = Arg(..., help="The file or folder to read", exists=True),
    source_format: str | None = FROM,
    as_json: bool = Opt(False, "--json", help="Print JSON instead of tables"),
    long_words: int = Opt(
        350, help="Words beyond which a document is long; 350 are about 512 word pieces", min=1
    ),
    relation_names: Path | None = RELATION_NAMES,
    limit: int = LIMIT,
    lang: str = LANG,
    sentences: bool = SENTENCES,
    lenient: bool = LENIENT,
    coref_label: str = COREF_LABEL,
    novelty: bool = NOVELTY,
    all_types: bool = ALL_TYPES,
    part: str = PART,
    documents: Path | None = DOCUMENTS,
) -> None:
    from .info import info

    options = _options(locals())
    info(
        source, source_format, as_json=as_json, long_words=long_words, limit=limit, lang=lang, options=options
    )


convert_cli.__doc__ = f"""Convert documents with entities and relations from one format to another; print their counts.

Nothing is left out in silence: what cannot be right is an error that names the place, and what is odd or has no
place in the target is counted. The target is complete or not there. Formats:
{FORMATS}
Exit status: 0; 1 where the source, the target or an option's value does not fit; 2 where the command cannot be read.
"""
info_cli.__doc__ = f"""Show what is in a corpus: sizes, labels, entity types, long documents and problems.

Formats:
{FORMATS}
Exit status: 0; 1 where the source or an option's value does not fit; 2 where the command cannot be read.
"""


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """The reader's options that differ from their defaults: a format need not know the others."""
    names = {
        "relation_names": None,
        "sentences": True,
        "lenient": False,
        "coref_label": "COREF",
        "novelty": False,
        "all_types": False,
        "part": "",
        "documents": None,
    }
    return {name: given[name] for name, default in names.items() if given[name] != default}
