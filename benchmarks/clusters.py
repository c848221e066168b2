"""Measure how well `spacy_kmgre.ner_entities.v2` clusters the gold mentions of a corpus by their names."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from wasabi import msg, table

from spacy_kmgre.annotations import read_entities
from spacy_kmgre.entities import EntityReader
from spacy_kmgre.entities.ner import NAME_RULES, ner_entities_by_rules
from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.docred import read_docred
from spacy_kmgre.scoring.entities import ClusterCounts, count_clusters

PARTS = ("train", "dev")
RULES = list(NAME_RULES)

Clustering = dict[tuple[int, int], Hashable]


def main(
    folder: Annotated[
        Path,
        typer.Argument(
            help="The folder of train.json and dev.json in DocRED's format", exists=True, file_okay=False
        ),
    ],
    results: Annotated[
        Path | None, typer.Option(help="Append the figures to this file as JSON lines.")
    ] = None,
) -> None:
    """Print B³ for equal names alone, then with one more rule each time."""
    nlp = spacy.blank("en")
    corpora = {part: list(read_docred(folder / f"{part}.json", nlp.vocab, Counts())) for part in PARTS}
    rows = []
    for number in range(len(RULES) + 1):
        name = f"+ {RULES[number - 1]}" if number else "equal text"
        reader = ner_entities_by_rules(RULES[:number])
        scores = {part: b_cubed([cluster(doc, reader) for doc in docs]) for part, docs in corpora.items()}
        rows.append([name, *(f"{100 * value:.2f}" for part in PARTS for value in scores[part])])
        if results is not None:
            figures = {part: [round(100 * value, 2) for value in scores[part]] for part in PARTS}
            line = {
                "program": "clusters.py",
                "corpus": folder.name,
                "rules": RULES[:number],
                "b_cubed_prf": figures,
            }
            srsly.write_jsonl(results, [line], append=True, append_new_line=False)
    header = ("", *(f"{part} {score}" for part in PARTS for score in "PRF"))
    msg.divider("B³ over mentions, %")
    print(table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1))))


def cluster(doc: Doc, reader: EntityReader) -> tuple[Clustering, Clustering]:
    """The clusters that the reader finds among the gold mentions, and the gold clusters.

    Mentions that overlap cannot all be in `doc.ents`. The longest is there; the others are clusters of their own.
    """
    gold = {(span.start, span.end): entity.key for entity in read_entities(doc) for span in entity.mentions}
    blind = Doc(
        doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc]
    )
    blind.ents = filter_spans(
        [
            Span(blind, span.start, span.end, label=span.label_)
            for entity in read_entities(doc)
            for span in entity.mentions
        ]
    )
    found: Clustering = {offsets: offsets for offsets in gold}
    for entity in reader(blind):
        found.update({(span.start, span.end): entity.key for span in entity.mentions})
    return found, gold


def b_cubed(clusterings: Iterable[tuple[Clustering, Clustering]]) -> list[float]:
    """Precision, recall and F1 of B³."""
    counts = sum((count_clusters(*map(_mentions, pair)) for pair in clusterings), ClusterCounts()).scores()
    return [counts[f"ent_b3_{part}"] or 0.0 for part in "prf"]


def _mentions(clustering: Clustering) -> list[set[tuple[int, int]]]:
    """The mentions of each cluster."""
    clusters: dict[Hashable, set[tuple[int, int]]] = {}
    for mention, cluster in clustering.items():
        clusters.setdefault(cluster, set()).add(mention)
    return list(clusters.values())


if __name__ == "__main__":
    typer.run(main)
