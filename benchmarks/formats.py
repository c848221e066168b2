"""Formats on real corpora: counts against those of grep and awk, reading what was written, time and memory.

    python benchmarks/formats.py FOLDER/train.pubtator FOLDER/dev.pubtator annotations.jsonl dev.json

PubTator files (CDR) are counted again by grep and awk, and every line of theirs must be on a Doc. Every file then
goes through every format: read, written, read.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.tokens import Doc
from wasabi import table

from spacy_kmgre.annotations import document_name, read_entities
from spacy_kmgre.formats import FORMATS, Format
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.recognise import guess_source

# Each program prints a line for each thing that it counts. $5 is a mention's type, $6 its identifiers, with | between.
# A mention with the identifier "-1" is an entity of its own, told apart by its offsets.
EACH = 'NF >= 6 { n = split($6, id, "|"); for (i = 1; i <= n; i++) print $1, '
PROGRAMS = {
    "documents": ["grep", "-oP", r"^\d+(?=\|t\|)"],
    "mentions": ["awk", "-F\t", "NF >= 6 { print $1, $2, $3, $5 }"],
    "mentions of an identifier": ["awk", "-F\t", EACH + "$2, $3, $5, id[i] }"],
    "entities": ["awk", "-F\t", EACH + '$5, id[i] (id[i] == "-1" ? " " $2 " " $3 : "") }'],
    "relations": ["awk", "-F\t", '$2 == "CID" { print $1, $2, $3, $4 }'],
}


def main(paths: Annotated[list[Path], typer.Argument(exists=True, help="Corpora in any format")]) -> None:
    failed = False
    for path in paths:
        form = guess_source(path)
        print(f"\n# {path.name} ({form.name})")
        if form.name == "pubtator":
            failed |= not check_counts(path)
        failed |= not check_round_trips(path, form)
        measure_memory(path)
    sys.exit(failed)


def read(form: Format, path: Path, **options: Any) -> list[Doc]:
    return list(form.read(path, spacy.blank("en").vocab, Counts(), **options))


def check_counts(path: Path) -> bool:
    """Compare the lines of grep and awk with what is on the Docs."""
    docs = read(FORMATS["pubtator"], path)
    ours: dict[str, list[str]] = {name: [] for name in PROGRAMS}
    for doc in docs:
        for name, lines in lines_of(doc).items():
            ours[name] += lines
    rows, right = [], True
    for name, program in PROGRAMS.items():
        done = subprocess.run([*program, str(path)], capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        same = sorted(set(lines)) == sorted(ours[name])
        rows.append(
            (name, f"{len(lines):,}", f"{len(set(lines)):,}", f"{len(ours[name]):,}", "yes" if same else "NO")
        )
        right &= same
    header = ("", "grep, awk", "each once", "spacy-kmgre", "every line equal")
    print(table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "l")))
    return right


def lines_of(doc: Doc) -> dict[str, set[str]]:
    """What grep and awk should print for a document."""
    name = doc.user_data["title"]
    entities = read_entities(doc)
    kb_id = {entity.key: entity.kb_id for entity in entities}
    spans = [(entity, span.start_char, span.end_char) for entity in entities for span in entity.mentions]
    return {
        "documents": {name},
        "mentions": {f"{name} {start} {end} {entity.label}" for entity, start, end in spans},
        "mentions of an identifier": {
            f"{name} {start} {end} {entity.label} {entity.kb_id or -1}" for entity, start, end in spans
        },
        "entities": {
            f"{name} {entity.label} " + (entity.kb_id or f"-1 {start} {end}") for entity, start, end in spans
        },
        "relations": {f"{name} {r.label} {kb_id[r.head.key]} {kb_id[r.tail.key]}" for r in doc._.relations},
    }


def check_round_trips(path: Path, form: Format) -> bool:
    """Write the corpus in each format, read it, write it and read it again.

    The table says what the first copy has of the corpus, whether the second copy equals the first, and how long
    writing and reading take.
    """
    docs = read(form, path)
    rows, right = [], True
    with tempfile.TemporaryDirectory() as folder:
        for name, target in FORMATS.items():
            suffix = ".spacy" if name == "spacy" else ""
            paths = [Path(folder) / f"{name}{number}{suffix}" for number in (1, 2)]
            seconds: list[float] = []
            copies: list[list[Doc]] = []
            source = docs
            for copy in paths:
                options = {"documents": docs} if name == "docred_submission" else {}
                begun = time.perf_counter()
                target.write(source, copy)
                written = time.perf_counter()
                source = read(target, copy, **options)
                seconds += [written - begun, time.perf_counter() - written]
                copies.append(source)
            first, second = (sorted(map(facts, copy)) for copy in copies)
            counts = [Counts(), Counts()]
            for count, found in zip(counts, (docs, copies[0])):
                for doc in found:
                    count.add(doc)
            kept = [
                f"{getattr(counts[1], what):,}"
                + ("" if getattr(counts[1], what) == getattr(counts[0], what) else " (!)")
                for what in ("documents", "entities", "mentions", "relations")
            ]
            rows.append(
                (name, *kept, "yes" if first == second else "NO", f"{seconds[0]:.1f}", f"{seconds[1]:.1f}")
            )
            right &= first == second
    header = (
        "format",
        "documents",
        "entities",
        "mentions",
        "relations",
        "read = read again",
        "write s",
        "read s",
    )
    print(table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "l", "r", "r")))
    return right


def facts(doc: Doc) -> tuple[Any, ...]:
    """All that a document says, in characters."""
    return (
        document_name(doc),
        doc.text,
        [
            (
                entity.key,
                entity.label,
                entity.kb_id,
                [(span.start_char, span.end_char) for span in entity.mentions],
            )
            for entity in read_entities(doc)
        ],
        sorted(
            (
                r.head.key,
                r.label,
                r.tail.key,
                r.score,
                [(span.start_char, span.end_char) for span in r.evidence],
            )
            for r in doc._.relations
        ),
    )


MEMORY = """
import re, sys
from pathlib import Path
import spacy
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.recognise import guess_source

source, target = map(Path, sys.argv[1:])
FORMATS["jsonl"].write(guess_source(source).read(source, spacy.blank("en").vocab), target)
# Not ru_maxrss, which a child begins with its parent's.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def measure_memory(path: Path, times: int = 20) -> None:
    """Convert a corpus, and one of `times` its size, each in a process of its own."""
    if path.is_dir() or path.suffix not in (".pubtator", ".jsonl"):
        return
    with tempfile.TemporaryDirectory() as folder:
        for number in (1, times):
            large, target = Path(folder) / f"large{path.suffix}", Path(folder) / "out.jsonl"
            large.write_bytes((path.read_bytes() + b"\n") * number)
            command = [sys.executable, "-W", "ignore", "-c", MEMORY, str(large), str(target)]
            peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            lines = target.read_bytes().count(b"\n")
            print(
                f"{lines:,} documents, {large.stat().st_size / 2**20:.0f} MiB, to jsonl: peak memory {peak} MiB"
            )


if __name__ == "__main__":
    typer.run(main)
