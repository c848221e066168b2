"""Score a pipeline on a .spacy corpus between gold entities, as a table and as JSON."""

from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import spacy
import srsly
import typer
from spacy.cli._util import setup_gpu
from wasabi import msg, table

from spacy_kmgre.docs import relation_data
from spacy_kmgre.ranking import rank_key_pairs
from spacy_kmgre.training.corpus import create_corpus_reader

ROWS = {
    "micro": "all relations",
    "ign": "not stated in training (Ign)",
    "macro": "mean over labels",
    "intra": "within a sentence",
    "inter": "across sentences",
    "m1": "one side has several mentions (M1)",
    "m2": "both sides have (M2)",
    "evidence": "evidence sentences",
    "evidence_labelled": "evidence, where annotated",
}


def main(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True, file_okay=False)],
    corpus: Annotated[Path, typer.Argument(help="A .spacy file or folder", exists=True)],
    output: Annotated[Optional[Path], typer.Option(help="Where to write the scores as JSON")] = None,
    component: Annotated[str, typer.Option(help="Name of the relation component")] = "kmgre_relations",
    per_type: Annotated[bool, typer.Option("--per-type", help="Show each label")] = False,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1 for the CPU")] = -1,
) -> None:
    setup_gpu(gpu_id, silent=True)
    nlp = spacy.load(model)
    examples = list(create_corpus_reader(corpus)(nlp))
    scores = nlp.evaluate(examples)
    rows = [(text, *_percent(scores, f"rel_{name}")) for name, text in ROWS.items()]
    msg.divider(f"{model} on {corpus} ({len(examples)} documents)")
    print(table(rows, header=("", "P", "R", "F"), divider=True, aligns=("l", "r", "r", "r")))
    if per_type:
        types = [(label, *_percent(found, "")) for label, found in (scores["rel_per_type"] or {}).items()]
        print(table(types, header=("label", "P", "R", "F"), divider=True, aligns=("l", "r", "r", "r")))
    pipe: Any = nlp.get_pipe(component)
    if any(data["key_mention_pairs"] for eg in examples for data in relation_data(eg.reference)):
        scores["rel_ranking"] = ranking = rank_key_pairs(pipe, examples)
        if ranking["entity_pairs"]:
            shown = [
                ("p_ω, the key instance classifier", ranking["key_ap"], ranking["key_hard_ap"]),
                ("p_θ, the relation extractor alone", ranking["relation_ap"], ranking["relation_hard_ap"]),
            ]
            msg.text("Average precision of key mention pairs, per related entity pair")
            header = (
                "ranked by",
                f"all ({ranking['entity_pairs']})",
                f"some key, some not ({ranking['hard_entity_pairs']})",
            )
            cells = [(name, f"{100 * a:.1f}", f"{100 * b:.1f}") for name, a, b in shown]
            print(table(cells, header=header, divider=True, aligns=("l", "r", "r")))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, scores)
        msg.good(f"Scores written to {output}")


def _percent(scores: Dict[str, Any], name: str) -> tuple:
    values = [scores.get(f"{name}_{part}" if name else part) for part in "prf"]
    return tuple("-" if value is None else f"{100 * value:.1f}" for value in values)


if __name__ == "__main__":
    typer.run(main)
