"""Write train.spacy, dev.spacy and, where there is a test part, test.spacy."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from spacy.cli import project_assets
from spacy.tokens import Doc
from spacy.vocab import Vocab
from wasabi import msg

from spacy_kmgre.annotations import document_name
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.formats.recognise import guess_source
from spacy_kmgre.formats.split import PARTS, Split
from spacy_kmgre.synthetic import generate_documents

EMBEDDED = {"train": 1500, "dev": 50, "test": 100}
# Re-DocRED as published (Tan et al., EMNLP 2022, table 1): documents and relations of each part.
OFFICIAL = Path("assets/redocred")
# Labels in words, which a folder may hold beside the parts of a corpus.
LABEL_TEXTS = ("rel_info.json", "rel_info.json.gz")
OFFICIAL_SIZES = {"train": (3053, 85932), "dev": (500, 17284), "test": (500, 17448)}

# DWIE's annotation, to which a script of its authors adds the texts, fetched from the newspaper.
DWIE = Path("assets/dwie")
DWIE_SOURCE = "https://github.com/klimzaporojets/DWIE"
DWIE_TEXTS = Path("data/annos_with_content")
# DWIE has no development part: every so many of its training documents are one.
DWIE_DEV = 10

# The shares of train, dev and test where a corpus has no such parts.
SHARES = (0.8, 0.1, 0.1)

Parts = dict[str, Callable[[Counts], Iterator[Doc]]]


def main(
    data: Annotated[
        str,
        typer.Argument(help='"embedded", "redocred", "dwie", or a file or folder in any format of `convert`'),
    ],
    out_dir: Annotated[Path, typer.Argument(help="The folder to write to", file_okay=False)],
    relation_names: Annotated[
        Path | None,
        typer.Option(help="rel_info.json: labels become names (country), not ids (P17)", exists=True),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many documents a part; 0 is all", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Of the embedded corpus, and of how documents are divided")] = 0,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Leave a corpus alone that is there")
    ] = False,
) -> None:
    """Make a corpus: generated documents ("embedded"), the official Re-DocRED files or DWIE, fetched where they are
    not there ("redocred", "dwie"), or files of yours: train*, dev* and test* of a folder, or all documents of a file or
    folder, divided 8 to 1 to 1."""
    if if_missing and (out_dir / "train.spacy").exists() and (out_dir / "dev.spacy").exists():
        msg.info(f"Using the corpus in {out_dir}")
        return
    vocab = spacy.blank("en").vocab
    try:
        if data == "embedded":
            parts = embedded_parts(vocab, seed)
        elif data == "dwie":
            parts = dwie_parts(vocab, DWIE)
        else:
            names = None if relation_names is None else srsly.read_json(relation_names)
            parts = own_parts(vocab, OFFICIAL if data == "redocred" else Path(data), names, seed)
        for part, read in parts.items():
            counts = Counts()
            path = out_dir / f"{part}.spacy"
            write_corpus(islice(read(counts), limit or None), path)
            if (
                data == "redocred"
                and not limit
                and (counts.documents, counts.relations) != OFFICIAL_SIZES[part]
            ):
                path.unlink()
                raise ValueError(
                    f"{part}: not the published file, which has {OFFICIAL_SIZES[part]}\n{counts}"
                )
            msg.good(str(path))
            print(counts)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        msg.fail(f"Could not make the corpus from {data}", error, exits=1)


def embedded_parts(vocab: Vocab, seed: int) -> Parts:
    return {
        part: lambda counts, part=part, size=size: counts.count(generate_documents(vocab, size, part, seed))
        for part, size in EMBEDDED.items()
    }


def dwie_parts(vocab: Vocab, folder: Path) -> Parts:
    """DWIE's test part is that of its authors."""
    if not folder.exists():
        subprocess.run(["git", "clone", "--depth", "1", DWIE_SOURCE, str(folder)], check=True)
    if not (folder / DWIE_TEXTS).exists():
        subprocess.run([sys.executable, "src/dwie_download.py"], cwd=folder, check=True)

    def read(counts: Counts, tag: str, dev: bool | None) -> Iterator[Doc]:
        whole = Counts()
        # What articles that were changed since have lost is counted, not refused.
        docs = FORMATS["dwie"].read(folder / DWIE_TEXTS, vocab, whole, part=tag, lenient=True)
        yield from counts.count(doc for doc in docs if dev is None or in_dwie_dev(doc) == dev)
        # Oddities are those of the authors' part, whether it is split here or not.
        counts.oddities.update(whole.oddities - counts.oddities)

    return {
        "train": lambda counts: read(counts, "train", False),
        "dev": lambda counts: read(counts, "train", True),
        "test": lambda counts: read(counts, "test", None),
    }


def in_dwie_dev(doc: Doc) -> bool:
    return int(sha1(document_name(doc).encode(), usedforsecurity=False).hexdigest(), 16) % DWIE_DEV == 0


def own_parts(vocab: Vocab, source: Path, names: dict[str, str] | None, seed: int) -> Parts:
    """The files or folders train*, dev* and test* of a folder, in any format, with labels in words where the folder has
    rel_info.json; or the parts of a source that has no such parts."""
    if source == OFFICIAL and not source.exists():
        project_assets(Path.cwd())
    if not source.exists():
        raise ValueError(
            f"{source} does not exist; it can be embedded, redocred, dwie, or a file or folder of yours"
        )
    files = {part: sorted(source.glob(f"{part}*")) for part in PARTS}
    if not files["train"] and not files["dev"]:
        return split_parts(vocab, source, names, seed)
    for part in ("train", "dev"):
        if len(files[part]) != 1:
            raise ValueError(f"{source} should hold one {part}*, and holds {len(files[part])}")
    texts = read_label_texts(source)
    return {
        part: lambda counts, path=paths[0]: guess_source(path).read(
            path, vocab, counts, relation_names=names, label_texts=texts
        )
        for part, paths in files.items()
        if paths
    }


def read_label_texts(folder: Path) -> dict[str, str] | None:
    """The labels in words that a folder holds, None where it holds none."""
    paths = [folder / name for name in LABEL_TEXTS if (folder / name).is_file()]
    if not paths:
        return None
    read = srsly.read_gzip_json if paths[0].suffix == ".gz" else srsly.read_json
    texts: dict[str, str] = read(paths[0])
    return texts


def split_parts(vocab: Vocab, source: Path, names: dict[str, str] | None, seed: int) -> Parts:
    """Documents of which nothing says what they are for."""
    whole = Counts()
    docs = list(guess_source(source).read(source, vocab, whole, relation_names=names))
    parts = Split(SHARES, seed).divide(doc.text for doc in docs)
    msg.info(f"{source} is divided by document: {', '.join(f'{p} {len(n)}' for p, n in parts.items())}")
    return {
        part: lambda counts, numbers=numbers: counts.count(docs[number] for number in numbers)
        for part, numbers in parts.items()
    }


if __name__ == "__main__":
    typer.run(main)
