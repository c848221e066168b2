"""A guard of the training as a whole: a small random encoder learns generated documents by heart."""

from pathlib import Path
from typing import Any

import spacy
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.synthetic import generate_documents
from spacy_kmgre.training.corpus import create_corpus_reader

CONFIG = Path(__file__).parent.parent.parent / "configs" / "kmgre_demo_cpu.cfg"


def test_the_config_of_the_demo_learns(tiny_encoder, tmp_path):
    corpus = tmp_path / "corpus.spacy"
    write_corpus(generate_documents(spacy.blank("en").vocab, 8, "train", 0), corpus)
    settings: dict[str, Any] = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.encoder": tiny_encoder,
        "components.kmgre_relations.model.encoder.overlap": 16,
        "training.max_steps": 140,
        "training.eval_frequency": 140,
        "training.batcher.size": 2,
        # A random encoder learns faster than a pretrained one may.
        "training.optimizer.learn_rate.initial_rate": 3e-3,
        "training.optimizer.head_learn_rate.initial_rate": 3e-3,
    }
    train(init_nlp(load_config(CONFIG, overrides=settings)), tmp_path)
    nlp = spacy.load(tmp_path / "model-best")
    scores = nlp.evaluate(list(create_corpus_reader(corpus)(nlp)))
    assert scores["rel_micro_f"] >= 0.9
    # Mention pairs of 3 to 7 sentences compete, and most of the chosen ones are the evidence.
    assert scores["rel_evidence_f"] >= 0.5
