"""Fills the tables of README.md from the rows in results/, so that no figure is typed.

A table stands between `<!-- accuracy corpus=redocred passes=8 -->` and `<!-- end -->`: the first line names a function
of this program and its arguments. `python benchmarks/tables.py` writes the tables, `--check` only says whether they are
what the rows make of them.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import srsly
import typer
from seeds import COUNTED, difference, pairs_of_seeds, spread
from wasabi import msg

HERE = Path(__file__).parent
README = HERE / "README.md"
RESULTS = HERE / "results"
MARKED = re.compile(r"<!-- (?!end )([^>]+) -->\n.*?<!-- end -->", re.DOTALL)

# How recipes are called that are steps from the paper to kmgre_minilm_cpu.
STEP = "step-"
# Ways to choose the evidence sentences of a relation, which evidence.py scores.
WAYS = {
    "all": "all mention pairs",
    "same_sentence": "mention pairs in one sentence",
    "relation": "the best mention pair by p_θ",
    "key": "the best mention pair by p_ω",
    "share": "the best mention pair by share",
    "share_0.5": "the leading key pairs up to a share of 0.5",
    "own_0.4": "key pairs with a score of their own of 0.4",
    "own_0.5": "0.5",
    "own_0.6": "0.6 (`evidence_score`)",
}

Row = dict[str, Any]


def main(check: Annotated[bool, typer.Option("--check", help="Change nothing")] = False) -> None:
    """Write the tables of README.md anew."""
    before = README.read_text(encoding="utf-8")
    after = fill(before)
    if check and after != before:
        msg.fail("README.md differs from results/", "Run `python benchmarks/tables.py`.", exits=1)
    if not check:
        README.write_text(after, encoding="utf-8")
    msg.good(f"{len(MARKED.findall(after))} tables")


def fill(text: str) -> str:
    """Put the tables that a text asks for between their marks."""

    def replace(found: re.Match[str]) -> str:
        name, *options = shlex.split(found[1])
        table = TABLES[name](**dict(option.split("=", 1) for option in options))
        return f"<!-- {found[1]} -->\n{table}<!-- end -->"

    return MARKED.sub(replace, text)


def read(name: str) -> list[Row]:
    return [dict(row) for row in srsly.read_jsonl(RESULTS / f"{name}.jsonl", skip=True)]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# Accuracy


def accuracy(corpus: str, passes: str) -> str:
    """Recipes on a corpus: means and standard deviations over seeds. Steps from the paper are in `steps`."""
    names = recipes()
    here = rows_of(corpus, passes)
    header = [
        "",
        "seeds",
        "F",
        "F at 0.5",
        "F at the best threshold",
        "M2",
        "evidence F",
        "CPU minutes",
        "commit",
    ]
    own = {recipe: [row for row in here if row["recipe"] == recipe] for recipe in names}
    lines = [
        [names[recipe], *_accuracy(rows)]
        for recipe, rows in own.items()
        if rows and not recipe.startswith(STEP)
    ]
    return markdown(header, lines)


def steps(corpus: str, passes: str) -> str:
    """What each step from the paper's model to that of kmgre_minilm_cpu brings; each keeps those before it."""
    header = [
        "",
        "seeds",
        "F",
        "more",
        "F at the best threshold",
        "M2",
        "evidence F",
        "p_ω",
        "CPU minutes",
        "commit",
    ]
    here = rows_of(corpus, passes)
    lines, before = [], None
    for recipe, name in recipes().items():
        own = [row for row in here if row["recipe"] == recipe]
        if not own or not recipe.startswith(STEP):
            continue
        reached = fmean(row["scores"]["micro_f"] for row in own)
        _, f, _, best, m2, evidence, minutes, commits = _accuracy(own)
        ranking = spread([row["evidence"]["ap"]["key"] for row in own])
        more = "" if before is None else f"{reached - before:+.1f}"
        lines.append([name, str(len(own)), f, more, best, m2, evidence, ranking, minutes, commits])
        before = reached
    return markdown(header, lines)


def beside(corpus: str, passes: str, baseline: str) -> str:
    """The recipes less a baseline: on the same seeds, with intervals over the documents."""
    names, here = recipes(), rows_of(corpus, passes)
    paired = {name: pairs_of_seeds(here, baseline, name) for name in names if name != baseline}
    header = [f"more than {names[baseline]}", "seeds", "F", "evidence F", "M2"]
    lines = [
        [names[name], ", ".join(str(second["seed"]) for _, second in pairs)]
        + [difference(pairs, counted) if _counted(pairs, counted) else "" for counted in COUNTED]
        for name, pairs in paired.items()
        if pairs
    ]
    return markdown(header, lines)


def _counted(pairs: Sequence[tuple[Row, Row]], name: str) -> bool:
    """Return whether there is anything to find: a corpus may say nothing of evidence."""
    return any(gold for pair in pairs for row in pair for _, _, gold in row["documents"][name])


def evidence(corpus: str, passes: str, of: str) -> str:
    """Evidence F for several ways to choose the sentences (see evidence.py), means over seeds."""
    found = [row["evidence"] for row in rows_of(corpus, passes) if row["recipe"] == of]
    kinds = ("official", "labelled")
    lines = [
        [name, *(spread([scores[kind][way]["f"] for scores in found]) for kind in kinds)]
        for way, name in WAYS.items()
    ]
    return markdown(["sentences of", recipes()[of], "on the labels that have evidence"], lines)


def recipes() -> dict[str, str]:
    """What recipes are called in tables, in the order that they stand in."""
    names: dict[str, str] = srsly.read_json(RESULTS / "recipes.json")
    return names


def rows_of(corpus: str, passes: str) -> list[Row]:
    here = [row for row in read("accuracy") if row["corpus"] == corpus and f"{row['passes']:g}" == passes]
    unknown = {row["recipe"] for row in here} - set(recipes())
    if unknown:
        msg.fail(f"results/recipes.json does not say what {sorted(unknown)} are", exits=1)
    return here


def _accuracy(rows: Sequence[Row]) -> list[str]:
    def known(figure: Callable[[Row], float | None]) -> list[float]:
        return [value for value in map(figure, rows) if value is not None]

    def shown(figure: Callable[[Row], float | None]) -> str:
        return spread(known(figure))

    minutes = [seconds / 60 for seconds in known(lambda row: row["cpu_seconds"])]
    return [
        str(len(rows)),
        shown(lambda row: row["scores"]["micro_f"]),
        shown(lambda row: row["f_at_half"]),
        shown(lambda row: row["f_cross_validated"]),
        shown(lambda row: row["scores"].get("m2_f")),
        shown(lambda row: row["scores"].get("evidence_f") if row["evidence"] else None),
        f"{fmean(minutes):.0f}" if minutes else "",
        ", ".join(sorted({row["commit"] for row in rows})),
    ]


# Speed


def speed(task: str, device: str, docs: str, batch: str) -> str:
    """The last run of each contender on a device, in the order of their speed."""
    last: dict[str, Row] = {}
    for row in read("speed"):
        if (row["task"], str(row["docs"]), str(row["batch"])) == (task, docs, batch) and device in row[
            "device"
        ]:
            last[row["contender"]] = row
    rows = sorted(last.values(), key=lambda row: -row["documents_per_second"])
    header = [
        "",
        "documents/s",
        "time over that of the bare encoder",
        "times the authors' code",
        "MB",
        "date",
    ]
    return markdown(header, [[row["contender"], *_speed(row)] for row in rows])


def _speed(row: Row) -> list[str]:
    ratios = [f"{row[key]:.2f}" if key in row else "" for key in ("over_bare", "over_authors")]
    per_second = row["documents_per_second"]
    shown = f"{per_second:.1f}" if per_second < 100 else f"{per_second:.0f}"
    memory = row.get("megabytes")
    return [shown, *ratios, "" if memory is None else f"{memory:,.0f}", row["date"]]


# Documents and files


def growth() -> str:
    """One document of more and more words."""
    header = ["words", "mentions", "mention pairs", "CPU seconds", "MB above idle"]
    rows = [row for row in read("growth") if row["axis"] == "words"]
    columns = ("words", "mentions", "mention_pairs", "cpu_seconds", "megabytes")
    return markdown(header, [[f"{round(row[key], 2):,}" for key in columns] for row in rows])


def exports() -> str:
    """Each export, by the number of documents."""
    header = ["", "documents", "MiB in use", "CPU seconds", "MiB written"]
    columns = ("documents", "MiB", "CPU seconds", "MiB written")
    rows = sorted(read("exports"), key=lambda row: row["documents"])
    names = dict.fromkeys(row["export"] for row in read("exports"))
    return markdown(
        header,
        [
            [f"`{name}`", *(f"{row[key]:,}" for key in columns)]
            for name in names
            for row in rows
            if row["export"] == name
        ],
    )


TABLES: dict[str, Callable[..., str]] = {
    "accuracy": accuracy,
    "steps": steps,
    "beside": beside,
    "evidence": evidence,
    "speed": speed,
    "growth": growth,
    "exports": exports,
}

if __name__ == "__main__":
    typer.run(main)
