"""From plain text to relations, with trained pipelines of spaCy and a tiny relation model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre.annotations import get_entities

Triples = list[tuple[str, str, str]]
TEXT = "Genc Ruli founded Acme Corporation in Tirana. Mr. Ruli was born in Berlin. Acme Corporation belongs to Sony."
TRIPLES: Triples = [
    ("Acme Corporation", "located_in", "Tirana"),
    ("Acme Corporation", "owned_by", "Sony"),
    ("Genc Ruli", "born_in", "Berlin"),
    ("Genc Ruli", "founded", "Acme Corporation"),
]
# Without the pronouns and "the company", the text says nothing of the second and the third relation.
REFERRING = "Genc Ruli founded Acme Corporation. He lives in Berlin. His company belongs to Sony."
chains = pytest.mark.filterwarnings(r"ignore:\[W007\]")  # coreferee compares words that have no vectors


def named(doc: Doc) -> Triples:
    return sorted((relation.head.text, relation.label, relation.tail.text) for relation in doc._.relations)


def learn(
    nlp: Language,
    make_nlp: Callable[..., Language],
    text: str,
    triples: Triples,
    evidence: Mapping[str, Sequence[int]] | None = None,
) -> Language:
    """Add relations that a tiny model has learned by heart, from the entities that the pipeline finds in a text.

    :param evidence: The numbers of the evidence sentences by label, which say what the key mention pairs are.
    """
    torch.manual_seed(0)
    model = make_nlp(
        evidence_keys=evidence is not None,
        encoder={"typed_markers": True},
        component={"label_texts": {"born_in": "born in"}},
    )
    reference = nlp(text)
    by_name = {entity.text: entity.key for entity in get_entities(reference)}
    for head, label, tail in triples:
        reference._.add_relation(
            by_name[head], by_name[tail], label, evidence=(evidence or {}).get(label, ())
        )
    example = Example(nlp(text), reference)
    optimizer = model.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    for _ in range(60):
        model.update([example], sgd=optimizer)
    nlp.add_pipe("kmgre_relations", source=model)
    return nlp


def check(nlp: Language, text: str, triples: Sequence[Any], folder: Path) -> Doc:
    """Check what a pipeline finds, and that it finds the same when it is saved, in batches."""
    doc = nlp(text)
    assert named(doc) == triples
    nlp.to_disk(folder)
    again = spacy.load(folder)
    assert [named(found) for found in again.pipe([text, "Nothing is here.", text])] == [triples, [], triples]
    return doc


def test_names(english: Language, make_nlp, tmp_path: Path):
    doc = check(learn(english, make_nlp, TEXT, TRIPLES), TEXT, TRIPLES, tmp_path / "model")
    ruli, *_ = doc._.entities
    assert (ruli.label, [span.text for span in ruli.mentions]) == ("PER", ["Genc Ruli", "Ruli"])
    born = next(relation for relation in doc._.relations if relation.label == "born_in")
    assert born.label_name == "born in"
    assert "Mr. Ruli was born in Berlin." in [sentence.text for sentence in born.evidence]


@chains
def test_names_and_chains(make_coreferring: Callable[..., Language], make_nlp, tmp_path: Path):
    triples = [t for t in TRIPLES if t[1] in ("owned_by", "founded")] + [("Genc Ruli", "lives_in", "Berlin")]
    evidence = {"founded": [0], "lives_in": [1], "owned_by": [2]}
    nlp = learn(make_coreferring(), make_nlp, REFERRING, sorted(triples), evidence)
    doc = check(nlp, REFERRING, sorted(triples), tmp_path / "core_web_sm")
    ruli, *_ = doc._.entities
    assert [span.text for span in ruli.mentions] == ["Genc Ruli", "He", "His"]
    lives = next(relation for relation in doc._.relations if relation.label == "lives_in")
    assert "He" in {pair.head.text for pair in lives.key_mention_pairs}


@chains
def test_chains_add_pronouns_and_never_join_names(make_coreferring: Callable[..., Language]):
    nlp = make_coreferring()
    # The example of coreferee's own documentation.
    doc = nlp(
        "Although he was very busy with his work, Peter had had enough of it. He and his wife decided to rest."
    )
    peter = next(entity for entity in doc._.entities if entity.text == "Peter")
    assert peter.label == "PER"
    assert {"he", "his"} <= {span.text for span in peter.mentions}
    assert next(nlp.pipe([doc.text]))._.entities[0].key == doc._.entities[0].key
    sisters = nlp("Serena Williams beat her older sister Venus Williams.")
    assert {"Serena Williams", "Venus Williams"} <= {entity.text for entity in sisters._.entities}


@chains
def test_chains_without_pronouns(make_coreferring: Callable[..., Language]):
    doc = make_coreferring(pronouns=False)(REFERRING)
    assert all(span.text not in ("He", "His") for entity in doc._.entities for span in entity.mentions)
