"""Write the model card of an assembled pipeline into its meta.json, from which `spacy package` makes the README."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import typer
from wasabi import MarkdownRenderer, msg

from spacy_kmgre.cli.printing import plural
from spacy_kmgre.formats import FORMATS
from spacy_kmgre.formats.counts import Counts

ENTITIES, RELATIONS = "kmgre_entities", "kmgre_relations"
# What stands in the meta.json as "performance", of scores between gold entities and of those from raw text.
BETWEEN_GOLD = ("rel_micro_p", "rel_micro_r", "rel_micro_f", "rel_ign_f", "rel_evidence_f")
FROM_TEXT = ("rel_overlap", "rel_strict", "ent_mention", "ent_b3")
FIGURES = (
    ("relations between gold entities", "gold", "rel_micro"),
    ("relations from raw text, mentions of both entities overlap", "text", "rel_overlap"),
    ("relations from raw text, all mentions right", "text", "rel_micro"),
    ("relations from raw text, all mentions and types right", "text", "rel_strict"),
    ("mentions of entities", "text", "ent_mention"),
    ("entities (B³)", "text", "ent_b3"),
)
PARTS = ("p", "r", "f")


def main(
    model: Annotated[
        Path, typer.Argument(help="The pipeline, as assemble.py wrote it", exists=True, file_okay=False)
    ],
    card: Annotated[
        Path,
        typer.Argument(
            help="JSON: description, license, author, url, sources, corpus, types, limits", exists=True
        ),
    ],
    scores: Annotated[
        Path, typer.Argument(help="What `spacy kmgre evaluate --entities predicted` wrote", exists=True)
    ],
    train: Annotated[Path, typer.Argument(help="The corpus that the relations were trained on", exists=True)],
    name: Annotated[str, typer.Option(help="The name of the package, without its language")],
    version: Annotated[str, typer.Option(help="The version of the package")] = "0.1.0",
) -> None:
    """Write name, licence, sources, figures, types, labels in words and limits of a pipeline into its meta.json."""
    nlp = spacy.load(model)
    given, gold = srsly.read_json(card), srsly.read_json(scores)
    text = gold["predicted_entities"]
    base = nlp.meta
    measured = {key: gold[key] for key in BETWEEN_GOLD}
    measured.update({f"{key}_{part}": text[f"{key}_{part}"] for key in FROM_TEXT for part in PARTS})
    meta = {
        **{key: given[key] for key in ("description", "author", "url", "license")},
        "name": name,
        "version": version,
        "email": "",
        "sources": [*given["sources"], *base.get("sources", [])],
        "performance": {**base.get("performance", {}), **measured},
        "notes": notes(nlp, given, gold, train, f"{nlp.lang}_{name}"),
    }
    path = model / "meta.json"
    srsly.write_json(path, {**srsly.read_json(path), **meta})
    msg.good(f"Model card of {nlp.lang}_{name} {version} in {path}")


def notes(
    nlp: spacy.Language, given: Mapping[str, Any], gold: Mapping[str, Any], train: Path, name: str
) -> str:
    """The part of the card that meta.json has no field of its own for, in Markdown."""
    pipe: Any = nlp.get_pipe(RELATIONS)
    counts = Counts()
    for _ in FORMATS["spacy"].read(train, nlp.vocab, counts):
        pass
    found = {"gold": gold, "text": gold["predicted_entities"]}
    md = MarkdownRenderer()
    md.add(md.title(3, "Use"))
    md.add(
        md.code_block(
            f'import spacy\n\nnlp = spacy.load("{name}")\n'
            f'for relation in nlp("{given["example"]}")._.relations:\n'
            "    print(relation.head.text, relation.label_name, relation.tail.text, relation.score)",
            "python",
        )
    )
    md.add(md.title(3, "Corpus"))
    md.add(given["corpus"])
    trained, scored = counts.documents, gold["report"]["documents"]
    md.add(f"Trained on {plural(trained, 'document')} with {plural(counts.relations, 'relation')}.")
    md.add(md.title(3, "Figures"))
    rows = [
        (title, *(percent(found[part][f"{key}_{value}"]) for value in PARTS)) for title, part, key in FIGURES
    ]
    md.add(md.table(rows, ("", "P", "R", "F")))
    md.add(
        f"Scored on {plural(scored, 'document')}, at a threshold of {pipe.threshold:g}. The figures of "
        "`rel_micro`, `rel_ign` and `rel_evidence` under Accuracy are between gold entities, all others from raw text; "
        "those of the tagger, parser and `ner` are of their authors."
    )
    md.add(md.title(3, "Entity types"))
    md.add(md.table(list(type_rows(nlp, given["types"])), ("Type", "Entities", "From the types of `ner`")))
    md.add(md.title(3, "Relation labels"))
    md.add(
        md.table([(md.code(label), pipe.label_text(label)) for label in pipe.labels], ("Label", "In words"))
    )
    md.add(md.title(3, "Limits"))
    md.add(md.list(given["limits"]))
    return str(md.text)


def type_rows(nlp: spacy.Language, words: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """The types that the pipeline gives entities, in words, and those of its recogniser that become them."""
    table = nlp.get_pipe(ENTITIES).types
    for kind in sorted({name for name in table.values() if name}):
        sources = ", ".join(f"`{source}`" for source, name in table.items() if name == kind)
        yield f"`{kind}`", words.get(kind, ""), sources


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    typer.run(main)
