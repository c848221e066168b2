"""`spacy kmgre evaluate`."""

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import spacy
import srsly
from spacy.cli._util import setup_gpu
from wasabi import msg, table

from ..docs import relation_data
from ..ranking import rank_key_pairs
from ..training.corpus import create_corpus_reader

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


def evaluate(
    model: Path,
    corpus: Path,
    *,
    output: Optional[Path] = None,
    component: str = "kmgre_relations",
    per_type: bool = False,
    use_gpu: int = -1,
) -> Dict[str, Any]:
    """Score a pipeline on a corpus with gold entities, print tables, and write the scores.

    Where the corpus knows key mention pairs and the model has a key instance classifier, it is also told
    how well they are ranked.

    :returns: The scores of `nlp.evaluate`, and with `rel_ranking` those of `rank_key_pairs`.
    """
    setup_gpu(use_gpu, silent=True)
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
    known = any(data["key_mention_pairs"] for eg in examples for data in relation_data(eg.reference))
    if known and pipe.has_key_classifier:
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
    return scores


def _percent(scores: Dict[str, Any], name: str) -> Tuple[str, ...]:
    values = [scores.get(f"{name}_{part}" if name else part) for part in "prf"]
    return tuple("-" if value is None else f"{100 * value:.1f}" for value in values)
