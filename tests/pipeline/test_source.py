"""`nlp.add_pipe("kmgre_relations", source=...)` keeps what the component has learned."""

from pathlib import Path

import numpy as np
import spacy
from spacy import Language

from ..conftest import GOLD, NAME, component, make_doc, triples


def learned(nlp: Language) -> dict[str, object]:
    pipe = component(nlp)
    return {
        "labels": pipe.labels,
        "triples": pipe.cfg["triples"],
        "types": pipe.cfg["types"],
        "facts": pipe.known_facts,
        "tau": pipe.tau,
        "threshold": pipe.threshold,
        "triples allowed": pipe.allowed_triples,
    }


def test_a_sourced_component_knows_what_it_has_learned(trained: Language, tmp_path: Path):
    pipe = component(trained)
    pipe.threshold, pipe.allowed_triples = 0.4, "corpus"
    expected = learned(trained)
    scores = [relation.score for relation in trained(make_doc(trained))._.relations]
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(NAME, source=trained)
    assert learned(nlp) == expected and expected["types"] == ["X"]
    nlp.to_disk(tmp_path)
    for pipeline in (nlp, spacy.load(tmp_path)):
        assert learned(pipeline) == expected
        doc = pipeline(make_doc(pipeline))
        assert triples(doc) == GOLD
        assert np.allclose([relation.score for relation in doc._.relations], scores)


def test_a_sourced_component_from_a_saved_pipeline(trained: Language, tmp_path: Path):
    component(trained).threshold = 0.4
    expected = learned(trained)
    trained.to_disk(tmp_path / "first")
    nlp = spacy.blank("en")
    nlp.add_pipe(NAME, source=spacy.load(tmp_path / "first"))
    assert learned(nlp) == expected
    nlp.to_disk(tmp_path / "second")
    assert learned(spacy.load(tmp_path / "second")) == expected
