"""Put a trained relation model behind a spaCy pipeline that finds named entities, so that it reads plain text."""

from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from wasabi import msg

from spacy_kmgre.entities.type_tables import read_types

ENTITIES, RELATIONS = "kmgre_entities", "kmgre_relations"


def main(
    pipeline: Annotated[str, typer.Argument(help="A spaCy pipeline with ner, by its name or its folder")],
    relations: Annotated[
        Path, typer.Argument(help="A pipeline with trained kmgre_relations", exists=True, file_okay=False)
    ],
    out_dir: Annotated[Path, typer.Argument(help="The folder to write to", file_okay=False)],
    types: Annotated[
        str,
        typer.Option(help="What the entity types of the one are called by the other: a table or a JSON file"),
    ] = "ontonotes_docred",
    known_triples: Annotated[
        bool,
        typer.Option(
            "--known-triples", help="Relate only the types that each label relates in the training corpus"
        ),
    ] = False,
    label_texts: Annotated[
        Path | None,
        typer.Option(help="JSON object of texts for relation labels, where the model has none", exists=True),
    ] = None,
) -> None:
    """The pipeline with `kmgre_entities` and the relation model at its end. Entities of types that the relation model
    has not learned are left out."""
    nlp = spacy.load(pipeline)
    source = spacy.load(relations)
    known = source.get_pipe(RELATIONS).entity_types
    table = {kind: name if name in known or not known else None for kind, name in read_types(types).items()}
    nlp.add_pipe(ENTITIES, config={"types": table})
    pipe = nlp.add_pipe(RELATIONS, source=source)
    if known_triples:
        pipe.allowed_triples = "corpus"
    if label_texts is not None:
        texts = srsly.read_json(label_texts)
        pipe.label_texts = {label: texts[label] for label in pipe.labels if label in texts}
    # What it extracts names the pipeline; the name of spaCy's own would mislead.
    nlp.meta.update(name=f"{nlp.meta['name']}_kmgre", version=source.meta["version"])
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(out_dir)
    msg.good(f"{pipeline} with {ENTITIES} and {RELATIONS} in {out_dir}")


if __name__ == "__main__":
    typer.run(main)
