import pickle
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
import transformers
from spacy import Language
from spacy.cli._util import app
from spacy.lang.xx import MultiLanguage
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_kmgre.annotations import TITLE, mention_offsets, project_entities, read_entities
from spacy_kmgre.formats.docbin import write_corpus
from spacy_kmgre.model.phases import Phase
from spacy_kmgre.model.pieces import Document
from spacy_kmgre.model.thinc_shim import KNOWN_FACTS, get_shim

from ..conftest import (
    GOLD,
    NAME,
    OTHER_GOLD,
    RELATIONS,
    annotate,
    component,
    make_doc,
    make_empty_doc,
    make_example,
    make_examples,
    make_lonely_doc,
    make_other_doc,
    same_state,
    state,
    triples,
)

CONFIGS = Path(__file__).parents[2] / "configs"
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LABELS = ("founded", "founded_by", "lives_in", "works_in")
FILLER = ["the", "a", "of", "in", "is", "was", "by", "and", "near", "."] * 30
Loader = Callable[..., Language]


@Language.component("regex_entities")
def regex_entities(doc: Doc) -> Doc:
    """Capitalised words are mentions, equal ones of one entity."""
    clusters: dict[str, list[Span]] = {}
    for match in re.finditer(r"\b[A-Z]\w+", doc.text):
        clusters.setdefault(match.group(), []).append(doc.char_span(*match.span()))
    for number, spans in enumerate(clusters.values(), start=1):
        doc.spans[f"entity_{number}"] = spans
    return doc


def numbers(doc: Doc) -> list[tuple]:
    """All that was predicted, in an order that does not hang on the last digits of scores."""
    return sorted(
        (
            *(relation["head"], relation["label"], relation["tail"], relation["score"]),
            sorted(tuple(pair.items()) for pair in relation["key_mention_pairs"]),
            relation["evidence"],
        )
        for relation in (relation.to_dict() for relation in doc._.relations)
    )


def about(value: Any) -> Any:
    """Equals nested data whose floats are within 1e-5: padding and the shape of matrices change the last
    digits."""
    return pytest.approx(leaves(value), abs=1e-5)


def leaves(value: Any) -> list:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def assert_same(found: Iterable[Doc], expected: Iterable[Doc]) -> None:
    """The same documents with the same relations."""
    found, expected = list(found), list(expected)
    assert [doc.text for doc in found] == [doc.text for doc in expected]
    for doc, other in zip(found, expected):
        assert leaves(numbers(doc)) == about(numbers(other))


def make_batch(nlp: Language) -> list[Doc]:
    makers = [make_other_doc, make_empty_doc, make_doc, make_lonely_doc, make_doc, make_other_doc]
    return [make(nlp) for make in makers]


# Making it


def test_add_pipe_without_arguments_loads_nothing(monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise AssertionError("something was loaded")

    for name in ("AutoConfig", "AutoModel", "AutoTokenizer"):
        monkeypatch.setattr(getattr(transformers, name), "from_pretrained", fail)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(NAME)
    model = nlp.config["components"][NAME]["model"]
    assert model["@architectures"] == "spacy_kmgre.KMGRE.v1"
    assert model["encoder"]["name"] == "bert-base-uncased"
    assert pipe.labels == ()
    assert (pipe.threshold, pipe.max_labels) == (0.5, 4)
    assert nlp(make_lonely_doc(nlp))._.relations == []
    assert nlp("Ann founded Acme.")._.relations == []
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.config["components"][NAME]["model"] == model
    example = make_example(nlp)
    with pytest.raises(ValueError, match=r"E011.*bert-base-uncased[\s\S]*something was loaded"):
        nlp.initialize(lambda: [example])


def test_the_factory_says_what_it_does():
    meta = spacy.blank("en").get_factory_meta(NAME)
    assert meta.assigns == ["doc._.relations"]
    assert meta.default_score_weights["rel_micro_f"] == 1.0


def test_two_components_with_names_of_their_own(make_nlp):
    nlp = make_nlp()
    config = {"model": nlp.config["components"][NAME]["model"]}
    nlp.add_pipe(NAME, name="other", config=config)
    example = make_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    losses = nlp.update([example], sgd=optimizer)
    assert {"other", "other_relation", "other_key", NAME} <= set(losses)
    assert losses["other"] > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": -0.1},
        {"threshold": 1.5},
        {"evidence_share": 2.0},
        {"evidence_score": 2.0},
        {"max_labels": 0},
        {"calibration": [0.0, 1.0]},
        {"calibration": [1.0, 0.0, 0.0]},
        {"calibration": [-0.5, 0.0]},
    ],
    ids=str,
)
def test_settings_out_of_range(settings: dict[str, Any]):
    (name,) = settings
    with pytest.raises(ValueError, match=f"E023.*{name}"):
        spacy.blank("en").add_pipe(NAME, config=settings)


@pytest.mark.parametrize(
    "setting, value",
    [("shared_layers", 1), ("pseudo_labels", "soft"), ("key_pairs", "related"), ("negative_weight", 2.0)],
)
def test_settings_that_are_gone(make_nlp, setting: str, value: Any):
    """Saved pipelines have them in their configs, and load where they changed nothing."""
    unchanged = {"shared_layers": 0, "pseudo_labels": "hard", "key_pairs": "all", "negative_weight": 1.0}
    make_nlp(**unchanged)
    with pytest.raises(ValueError, match=f"E023.*{setting}.*gone"):
        make_nlp(**{setting: value})


@pytest.mark.parametrize("setting", ["head", "context"])
def test_unknown_choices(make_nlp, setting: str):
    with pytest.raises(ValueError, match=f"E023.*{setting}.*'nonsense'"):
        make_nlp(**{setting: "nonsense"})


@pytest.mark.parametrize("max_length", [None, 64])
def test_windows_that_do_not_advance_are_refused(make_nlp, max_length):
    with pytest.raises(ValueError, match=r"E023.*overlap = 60"):
        nlp = make_nlp(encoder={"overlap": 60, "max_length": max_length})
        example = make_example(nlp)
        nlp.initialize(lambda: [example])


def test_windows_longer_than_the_encoder_reads_are_refused(make_nlp):
    nlp = make_nlp(encoder={"max_length": 65})
    example = make_example(nlp)
    with pytest.raises(ValueError, match=r"E023.*max_length = 65.*64"):
        nlp.initialize(lambda: [example])


# Labels


def test_labels_from_examples(make_nlp, architecture):
    nlp = make_nlp(architecture)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    assert component(nlp).labels == LABELS
    assert component(nlp).label_data == list(LABELS)
    assert component(nlp).model.get_dim("nO") == len(LABELS) + 1


def test_labels_from_label_data_keep_their_order(make_nlp):
    nlp = make_nlp()
    labels = ["works_in", "unseen", "lives_in", "founded"]
    example = make_example(nlp)
    component(nlp).initialize(lambda: [example], nlp=nlp, labels=labels)
    assert component(nlp).label_data == labels
    again = make_nlp()
    component(again).initialize(lambda: [example], nlp=again, labels=component(nlp).label_data)
    assert component(again).labels == component(nlp).labels
    assert component(again).update([example])[NAME] > 0


def test_labels_without_relations_in_the_examples(make_nlp):
    nlp = make_nlp()
    example = Example(make_doc(nlp), make_doc(nlp))
    component(nlp).initialize(lambda: [example], labels=["founded"])
    assert component(nlp).labels == ("founded",)


def test_no_label_at_all(make_nlp):
    nlp = make_nlp()
    example = Example(make_doc(nlp), make_doc(nlp))
    with pytest.raises(ValueError, match="E021"):
        nlp.initialize(lambda: [example])


def test_spacy_init_labels_and_back(tiny_encoder, tmp_path):
    examples = make_examples(spacy.blank("en"))
    write_corpus((example.reference for example in examples), tmp_path / "train.spacy")
    config = CONFIGS / "kmgre_tiny.cfg"
    overrides = {
        "paths.train": str(tmp_path / "train.spacy"),
        "paths.dev": str(tmp_path / "train.spacy"),
        "paths.encoder": tiny_encoder,
        f"components.{NAME}.model.encoder.overlap": 16,
    }
    arguments = [part for key, value in overrides.items() for part in (f"--{key}", str(value))]
    result = CliRunner().invoke(app, ["init", "labels", str(config), str(tmp_path), *arguments])
    assert result.exit_code == 0, result.output
    file = tmp_path / f"{NAME}.json"
    assert srsly.read_json(file) == list(LABELS)

    srsly.write_json(file, ["extra", *LABELS])
    reader = {"@readers": "spacy.read_labels.v1", "path": str(file), "require": True}
    loaded = load_config(config, overrides=overrides)
    loaded["initialize"]["components"][NAME] = {"labels": reader}
    assert component(init_nlp(loaded)).labels == ("extra", *LABELS)


def test_add_label_before_initialize(make_nlp):
    nlp = make_nlp()
    assert component(nlp).add_label("zzz") == 1
    assert component(nlp).add_label("zzz") == 0
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    assert component(nlp).labels == ("zzz", "founded", "lives_in", "works_in")
    assert component(nlp).update([example])[NAME] > 0


def test_add_label_to_a_trained_model(load):
    nlp = load()
    before = nlp(make_doc(nlp))
    assert component(nlp).add_label("near") == 1
    assert component(nlp).add_label("founded") == 0
    assert component(nlp).labels == (*LABELS, "near")
    assert component(nlp).model.get_dim("nO") == 6
    known = [item for item in numbers(nlp(make_doc(nlp))) if item[1] != "near"]
    assert leaves(known) == about(numbers(before))

    (example, _) = make_examples(nlp)
    example.reference._.relations = [*RELATIONS, {"head": "entity_2", "tail": "entity_3", "label": "near"}]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 3e-3
    for _ in range(15):
        nlp.update([example], sgd=optimizer)
    assert triples(nlp(make_doc(nlp))) == sorted([*GOLD, ("entity_2", "near", "entity_3")])
    assert triples(MultiLanguage.from_config(nlp.config).from_bytes(nlp.to_bytes())(make_doc(nlp))) == sorted(
        [*GOLD, ("entity_2", "near", "entity_3")]
    )


@pytest.mark.parametrize("label", ["", None, 3])
def test_labels_are_strings(make_nlp, label: Any):
    with pytest.raises(ValueError, match="E002"):
        component(make_nlp()).add_label(label)


# Predicting


@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
@pytest.mark.parametrize("head", ["linear", "bilinear"])
def test_an_untrained_model_predicts_nothing(make_nlp, architecture: str, head: str):
    nlp = make_nlp(architecture, head=head)
    nlp.initialize(lambda: make_examples(nlp))
    component(nlp).threshold = 0.3
    assert nlp(make_doc(nlp))._.relations == []


def test_overfit(load):
    nlp = load()
    assert triples(nlp(make_doc(nlp))) == GOLD
    assert triples(nlp(make_other_doc(nlp))) == OTHER_GOLD
    scores = nlp.evaluate(make_examples(nlp))
    assert (scores["rel_micro_p"], scores["rel_micro_r"], scores["rel_micro_f"]) == (1.0, 1.0, 1.0)


def test_what_a_predicted_relation_looks_like(load):
    nlp = load()
    doc = nlp(make_doc(nlp))
    relations = doc._.relations
    assert [relation.score for relation in relations] == sorted((r.score for r in relations), reverse=True)
    for relation in relations:
        assert 0.5 < relation.score <= 1.0
        shares = [pair.share for pair in relation.key_mention_pairs]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1.0, abs=1e-5)
        for pair in relation.key_mention_pairs:
            assert pair.head in relation.head.mentions and pair.tail in relation.tail.mentions
            assert 0.0 <= pair.key_score <= 1.0 and 0.0 <= pair.relation_score <= 1.0
    # Two relations of an entity pair have the same key pairs.
    first, second = (
        sorted((pair.head.start, pair.tail.start, pair.key_score) for pair in relation.key_mention_pairs)
        for relation in relations
        if relation.tail.key == "entity_3"
    )
    assert first == second


def test_all_labels_of_a_pair_are_kept(load):
    nlp = load()
    found = triples(nlp(make_doc(nlp)))
    assert {("entity_1", "lives_in", "entity_3"), ("entity_1", "works_in", "entity_3")} <= set(found)


def test_both_directions_are_visited(load):
    nlp = load()
    assert triples(nlp(make_other_doc(nlp))) == [
        ("entity_1", "founded", "entity_2"),
        ("entity_2", "founded_by", "entity_1"),
    ]
    component(nlp).threshold = 0.0
    pairs = {(head, tail) for head, _, tail in triples(nlp(make_doc(nlp)))}
    keys = [entity.key for entity in read_entities(make_doc(nlp))]
    assert pairs == {(head, tail) for head in keys for tail in keys if head != tail}


def test_nothing_is_predicted_that_the_doc_lacks_entities_for(kmgre, monkeypatch):
    def fail(documents):
        raise AssertionError("the model was called")

    nlp = kmgre
    monkeypatch.setattr(get_shim(component(nlp).model), "predict", fail)
    monkeypatch.setattr(get_shim(component(nlp).model), "begin_update", fail)
    docs = [make_lonely_doc(nlp), make_empty_doc(nlp), Doc(nlp.vocab), nlp.make_doc("")]
    assert [doc._.relations for doc in nlp.pipe(docs)] == [[], [], [], []]
    assert nlp("")._.relations == []
    with pytest.raises(AssertionError, match="the model was called"):
        nlp(make_doc(nlp))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_pipe_keeps_relations_on_their_document(load, batch_size: int):
    nlp = load()
    expected = [nlp(doc) for doc in make_batch(nlp)]
    assert [triples(doc) for doc in expected] == [OTHER_GOLD, [], GOLD, [], GOLD, OTHER_GOLD]
    assert_same(nlp.pipe(make_batch(nlp), batch_size=batch_size), expected)
    pairs = nlp.pipe(zip(make_batch(nlp), range(6)), batch_size=batch_size, as_tuples=True)
    docs, contexts = zip(*pairs)
    assert contexts == tuple(range(6))
    assert_same(docs, expected)


@pytest.mark.parametrize("config", [0.3, 0.1 + 0.2, 0.123456789012345])
def test_a_changed_setting_is_saved_whatever_digits_it_has(trained_folder, config):
    nlp = spacy.load(trained_folder("KMGRE"), config={f"components.{NAME}.threshold": config})
    pipe = component(nlp)
    pipe.threshold, pipe.calibration = 0.98765432101234, [0.1234567890123, -2.0]
    again = pipe.from_bytes(pipe.to_bytes())
    assert (again.threshold, again.calibration) == (0.98765432101234, [0.1234567890123, -2.0])


def test_a_pipeline_can_be_pickled(load):
    """As it has to be for worker processes that are not forked."""
    nlp = load()
    again = pickle.loads(pickle.dumps(nlp))
    expected = [relation.to_dict() for relation in nlp(make_doc(nlp))._.relations]
    assert expected and [relation.to_dict() for relation in again(make_doc(again))._.relations] == expected


def test_loaded_in_inference_mode_it_can_be_trained(load):
    with torch.inference_mode():
        nlp = load()
    example = make_example(nlp)
    before = nlp(make_doc(nlp))._.relations[0].score
    nlp.update([example], sgd=nlp.create_optimizer())
    assert nlp(make_doc(nlp))._.relations[0].score != before


def test_predictions_during_an_update_leave_no_old_weights(load):
    nlp = load()
    pipe, optimizer = component(nlp), nlp.create_optimizer()
    pipe.update([make_example(nlp)], sgd=None)
    nlp(make_doc(nlp))
    pipe.finish_update(optimizer)
    again = load().from_bytes(nlp.to_bytes())
    found, expected = ([r.to_dict() for r in x(make_doc(x))._.relations] for x in (nlp, again))
    assert found == expected


def test_pipe_in_two_processes(load):
    nlp = load()
    nlp.add_pipe("sentencizer", first=True)
    nlp.add_pipe("regex_entities", after="sentencizer")
    texts = [doc.text for doc in make_batch(nlp)]
    expected = [nlp(text) for text in texts]
    assert triples(expected[0]) == OTHER_GOLD
    assert expected[0]._.relations[0].evidence
    assert_same(nlp.pipe(texts, n_process=2, batch_size=2), expected)


def test_annotating_again_changes_nothing(load):
    nlp = load()
    doc = nlp(make_doc(nlp))
    once = numbers(doc)
    assert numbers(nlp(doc)) == once
    docs = [make_doc(nlp)]
    scores = component(nlp).predict(docs)
    for _ in range(2):
        component(nlp).set_annotations(docs, scores)
    assert numbers(docs[0]) == once


def test_old_relations_are_replaced(kmgre):
    doc = make_lonely_doc(kmgre)
    doc.spans["entity_2"] = []
    doc._.relations = [{"head": "entity_1", "tail": "entity_2", "label": "old"}]
    assert kmgre(doc)._.relations == []


def test_predicting_does_not_touch_the_doc(kmgre):
    doc = make_doc(kmgre)
    before = doc.to_bytes()
    component(kmgre).predict([doc])
    assert doc.to_bytes() == before


def test_entities_of_another_reader_are_written_to_the_doc(kmgre, monkeypatch):
    doc = Doc(kmgre.vocab, words=[token.text for token in make_doc(kmgre)])
    there = read_entities(make_doc(kmgre))

    def read(doc: Doc):
        clusters = [[(span.start, span.end) for span in entity.mentions] for entity in there]
        copy = annotate(doc.copy(), *clusters, label="Y")
        return read_entities(copy)

    monkeypatch.setattr(component(kmgre), "entities", read)
    assert triples(kmgre(doc)) == GOLD
    assert mention_offsets(read_entities(doc)) == mention_offsets(there)
    assert doc._.relations[0].head.label == "Y"
    assert all(span.doc is doc for span in doc._.relations[0].head.mentions)


def test_another_prefix(trained_folder):
    nlp = spacy.load(
        trained_folder("KMGRE"), config={f"components.{NAME}.entities.prefix": "coref_clusters_"}
    )
    doc = make_doc(nlp)
    with pytest.warns(UserWarning, match="W015.*entity_1"):
        assert nlp(doc)._.relations == []
    for key in list(doc.spans):
        doc.spans[key.replace("entity", "coref_clusters")] = list(doc.spans[key])
    assert [head for head, _, _ in triples(nlp(doc))] == ["coref_clusters_1"] * 3


def test_long_text_is_not_cut_in_silence(load):
    """The encoder reads 64 word pieces; the text has some 600, and entities at both ends."""
    nlp = load()
    short, shift = make_doc(nlp), len(FILLER)
    words = [*FILLER, *(token.text for token in short), *FILLER]
    clusters = [
        [(mention.start + shift, mention.end + shift) for mention in entity.mentions]
        for entity in read_entities(short)
    ]
    doc = annotate(Doc(nlp.vocab, words=words), *clusters, [(0, 1)], [(len(words) - 1, len(words))])
    component(nlp).threshold = 0.0
    component(nlp).max_labels = 1
    relations = nlp(doc)._.relations
    assert len(relations) == 5 * 4
    reached = {pair.head.start for relation in relations for pair in relation.key_mention_pairs}
    assert {0, len(words) - 1} <= reached
    assert all(0.0 < relation.score < 1.0 for relation in relations)


def test_windows_see_every_mention(load):
    """What stands far away does not change what is found here."""
    nlp = load()
    doc = make_doc(nlp)
    words = [*(token.text for token in doc), *FILLER]
    clusters = [[(m.start, m.end) for m in entity.mentions] for entity in read_entities(doc)]
    long = annotate(Doc(nlp.vocab, words=words), *clusters)
    assert triples(nlp(long)) == GOLD


# Threshold, most labels, evidence


def test_threshold_trades_precision_for_recall(load):
    nlp = load()
    pipe = component(nlp)
    pipe.threshold = 0.0
    everything = {item: item[3] for item in (tuple(n[:4]) for n in numbers(nlp(make_doc(nlp))))}
    assert len(everything) == 3 * 2 * len(LABELS)
    previous = None
    # Between scores that occur, so that rounding decides nothing.
    steps = sorted(everything.values())
    for threshold in (0.0, *((a + b) / 2 for a, b in zip(steps[::6], steps[1::6])), 0.5, 1.0):
        pipe.threshold = threshold
        found = {tuple(n[:4]) for n in numbers(nlp(make_doc(nlp)))}
        assert found == {item for item, score in everything.items() if score > threshold}
        scores = nlp.evaluate([make_example(nlp)])
        if previous is not None:
            assert scores["rel_micro_r"] <= previous["rel_micro_r"]
            if found:
                assert scores["rel_micro_p"] >= previous["rel_micro_p"]
        previous = scores
    assert not found


def test_threshold_of_config_is_not_ignored(load):
    score = sorted(relation.score for relation in load()(make_doc(load()))._.relations)
    between = (score[0] + score[1]) / 2
    assert score[0] < between < score[1]
    nlp = load(config={f"components.{NAME}.threshold": between})
    assert component(nlp).threshold == between
    assert len(nlp(make_doc(nlp))._.relations) == 2
    assert nlp.evaluate([make_example(nlp)])["rel_micro_r"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_max_labels(load, most: int):
    nlp = load(config={f"components.{NAME}.threshold": 0.0})
    everything: dict[tuple[str, str], list[float]] = {}
    for head, _, tail, score, *_ in numbers(nlp(make_doc(nlp))):
        everything.setdefault((head, tail), []).append(score)
    component(nlp).max_labels = most
    found: dict[tuple[str, str], list[float]] = {}
    for head, _, tail, score, *_ in numbers(nlp(make_doc(nlp))):
        found.setdefault((head, tail), []).append(score)
    assert {key: sorted(scores) for key, scores in found.items()} == {
        key: sorted(scores)[-most:] for key, scores in everything.items()
    }


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_evidence_holds_the_leading_key_pairs(load, share: float):
    nlp = load(config={f"components.{NAME}.evidence_share": share})
    doc = nlp(make_doc(nlp))
    assert len(doc._.relations) == 3
    for relation in doc._.relations:
        needed, total = set(), 0.0
        for pair in relation.key_mention_pairs:
            if total < share:
                needed |= {pair.head.sent.start, pair.tail.sent.start}
            total += pair.share
        assert [sent.start for sent in relation.evidence] == sorted(needed)
        assert all(sent.text == sent.sent.text for sent in relation.evidence)
        assert bool(needed) == bool(share)


def test_sentences_that_say_little_are_no_evidence(load):
    nlp = load()
    pipe = component(nlp)
    pipe.evidence_share = 1.0
    before = [set(), set(), set()]
    sizes = []
    for pipe.evidence_score in (1.0, 0.9999, 0.999, 0.99, 0.9, 1e-6, 0.0):
        relations = nlp(make_doc(nlp))._.relations
        found = [{sent.start for sent in relation.evidence} for relation in relations]
        assert all(less <= more for less, more in zip(before, found))
        before = found
        sizes.append(sum(map(len, found)))
    assert sizes[0] == 0 < sizes[-2] == sizes[-1]
    assert len(set(sizes)) > 2


def test_no_evidence_without_sentences(kmgre):
    doc = make_doc(kmgre)
    words = [token.text for token in doc]
    plain = Doc(kmgre.vocab, words=words)
    for key, spans in doc.spans.items():
        plain.spans[key] = [Span(plain, span.start, span.end) for span in spans]
    assert triples(kmgre(plain)) == GOLD
    assert [relation.evidence for relation in plain._.relations] == [(), (), ()]


# Saving


def test_the_same_after_to_disk(load, tmp_path):
    nlp = load()
    nlp.to_disk(tmp_path / "again")
    again = spacy.load(tmp_path / "again")
    from_config = MultiLanguage.from_config(nlp.config).from_disk(tmp_path / "again")
    for other in (again, from_config):
        for make in (make_doc, make_other_doc):
            assert numbers(other(make(other))) == numbers(nlp(make(nlp)))


def test_the_same_after_to_bytes(load):
    nlp = load()
    other = MultiLanguage.from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert numbers(other(make_doc(other))) == numbers(nlp(make_doc(nlp)))
    alone = MultiLanguage.from_config(nlp.config)
    component(alone).from_bytes(component(nlp).to_bytes())
    assert numbers(alone(make_doc(alone))) == numbers(nlp(make_doc(nlp)))


def test_saved_pipeline_forgets_nothing(load, tmp_path):
    nlp = load()
    pipe = component(nlp)
    pipe.tau = 0.25
    assert len(pipe.model.attrs[KNOWN_FACTS]) == 11
    expected = nlp.evaluate(make_examples(nlp))
    assert expected["rel_micro_f"] == 1.0 and expected["rel_ign_f"] == 0.0  # all are known facts
    nlp.to_disk(tmp_path)
    other = spacy.load(tmp_path)
    again = component(other)
    assert again.labels == pipe.labels
    assert again.tau == 0.25
    assert same_state(state(other), state(nlp))
    found = other.evaluate(make_examples(other))
    assert {k: v for k, v in found.items() if k != "speed"} == {
        k: v for k, v in expected.items() if k != "speed"
    }
    # Training goes on where it stopped.
    losses = []
    for each in (nlp, other):
        torch.manual_seed(1)
        losses.append(component(each).update(make_examples(each)))
    assert losses[0] == losses[1]


def test_loading_over_a_trained_component(load, make_nlp, architecture, tmp_path):
    head = {"KMGRE": "linear", "ATLOP": "bilinear"}[architecture]
    nlp = make_nlp(architecture, component={"max_labels": 8}, head=head)
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    assert len(component(nlp).labels) == 3
    load().to_disk(tmp_path)
    nlp.from_disk(tmp_path)
    assert component(nlp).labels == LABELS
    assert numbers(nlp(make_doc(nlp))) == numbers(load()(make_doc(nlp)))


def test_an_uninitialised_component_goes_to_disk_and_back(make_nlp, architecture, load, tmp_path):
    nlp = make_nlp(architecture)
    component(nlp).add_label("founded")
    nlp.to_disk(tmp_path)
    other = spacy.load(tmp_path)
    assert component(other).labels == ("founded",)
    example = make_example(other)
    other.initialize(lambda: [example])
    assert component(other).labels == ("founded", "lives_in", "works_in")
    # Over a trained one: nothing of what was there before is left.
    trained = load()
    component(trained).from_bytes(component(nlp).to_bytes())
    assert component(trained).labels == ("founded",)
    with pytest.raises(ValueError, match="E014"):
        trained(make_doc(trained))


@pytest.mark.parametrize("part", ["cfg", "model"])
def test_what_is_excluded_stays(kmgre, trained_folder, part: str):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe = component(nlp)
    pipe.threshold, pipe.tau = 0.75, 0.125
    pipe.from_bytes(component(kmgre).to_bytes(), exclude=[part])
    assert pipe.labels == LABELS
    assert (pipe.threshold == 0.75) == (part == "cfg")
    assert (pipe.tau == 0.125) == (part == "model")
    assert triples(nlp(make_doc(nlp))) == GOLD


SETTINGS = {"threshold": 0.75, "max_labels": 2, "evidence_share": 0.25}


@pytest.mark.parametrize("setting, value", SETTINGS.items())
def test_settings_changed_at_runtime_survive_saving(
    kmgre, trained_folder, tmp_path, setting: str, value: float
):
    nlp = spacy.load(trained_folder("KMGRE"))
    configured = getattr(component(nlp), setting)
    assert configured == nlp.config["components"][NAME][setting] != value
    setattr(component(nlp), setting, value)
    nlp.to_disk(tmp_path / "first")
    first = spacy.load(tmp_path / "first")
    assert getattr(component(first), setting) == value
    first.to_disk(tmp_path / "second")
    assert getattr(component(spacy.load(tmp_path / "second")), setting) == value
    other = MultiLanguage.from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert getattr(component(other), setting) == value
    # A value in the config at load time that is new wins, here as ever.
    override = {f"components.{NAME}.{setting}": 1}
    for folder in (trained_folder("KMGRE"), tmp_path / "first"):
        assert getattr(component(spacy.load(folder, config=override)), setting) == 1
    # Nothing is left of it once it is undone.
    setattr(component(first), setting, configured)
    first.to_disk(tmp_path / "third")
    assert getattr(component(spacy.load(tmp_path / "third")), setting) == configured
    assert getattr(component(first.from_disk(tmp_path / "second")), setting) == value
    assert getattr(component(first.from_disk(trained_folder("KMGRE"))), setting) == configured


def test_xi_of_config_is_not_ignored(trained_folder, tmp_path):
    nlp = spacy.load(trained_folder("KMGRE"))
    component(nlp).tau = 1.0
    nlp.to_disk(tmp_path)
    counts = {}
    for xi in (0.0, 1.0):
        nlp = spacy.load(tmp_path, config={f"components.{NAME}.model.xi": xi})
        relations = nlp(make_doc(nlp))._.relations
        counts[xi] = [len(relation.key_mention_pairs) for relation in relations]
    assert max(counts[0.0]) > max(counts[1.0]) == 1


# Training


def test_losses_are_added_to_what_is_there(make_nlp, architecture):
    nlp = make_nlp(architecture)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    losses = nlp.update(examples, losses={NAME: 10.0, "tagger": 1.0})
    assert losses["tagger"] == 1.0
    assert losses[NAME] == pytest.approx(10.0 + losses[f"{NAME}_relation"] + losses[f"{NAME}_key"])
    assert losses[f"{NAME}_relation"] > 0
    assert (losses[f"{NAME}_key"] > 0) == (architecture == "KMGRE")


def test_gold_relations_follow_the_entity_not_its_number(load):
    nlp = load()
    losses = []
    for order in ("123", "312"):
        example = make_example(nlp)
        groups = {key: list(example.predicted.spans[key]) for key in ("entity_1", "entity_2", "entity_3")}
        for number, spans in zip(order, groups.values()):
            example.predicted.spans[f"entity_{number}"] = spans
        torch.manual_seed(0)
        losses.append(component(nlp).update([example])[f"{NAME}_relation"])
        assert component(nlp).lost_relations == 0
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[0] < 1.0  # it had learned this; the numbers alone would make every relation wrong


def test_predicted_entities_learn_from_the_gold_ones_they_overlap(make_nlp):
    """As from a pipeline that found less: no mention of the third entity, one of three of the first, and
    of the second with a word too many."""
    nlp = make_nlp()
    example = make_example(nlp)
    predicted = Doc(nlp.vocab, words=[token.text for token in example.reference])
    annotate(predicted, [(2, 4)], [(0, 2)])
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    with pytest.warns(UserWarning, match="W002.*2 gold relations.*'entity_3'"):
        for _ in range(30):
            nlp.update([Example(predicted.copy(), example.reference)], sgd=optimizer)
    assert component(nlp).lost_relations == 2 * 30
    assert triples(nlp(predicted.copy())) == [("entity_2", "founded", "entity_1")]


@pytest.mark.parametrize("phase", Phase)
def test_examples_without_pairs_teach_nothing_in_any_phase(load, phase: Phase):
    nlp = load()
    pipe = component(nlp)
    pipe.start_step(step=1, epoch=0, phase=phase, tau=0.5)
    before = state(nlp)
    examples = [Example(make(nlp), make(nlp)) for make in (make_lonely_doc, make_empty_doc)]
    examples.append(Example(Doc(nlp.vocab), Doc(nlp.vocab)))
    optimizer = nlp.resume_training()
    for batch in ([], examples):
        assert pipe.update(batch, sgd=optimizer)[NAME] == 0.0
        assert nlp.update(batch, sgd=optimizer).get(NAME, 0.0) == 0.0
        pipe.finish_update(optimizer)
    assert same_state(state(nlp), before)
    assert nlp.update([*examples, make_example(nlp)], sgd=optimizer)[NAME] > 0
    assert not same_state(state(nlp), before)


def test_accumulated_gradients_equal_one_batch(make_nlp, architecture):
    results = []
    for cut in (2, 1):
        torch.manual_seed(0)
        nlp = make_nlp(architecture, encoder={"transformer_config": NO_DROPOUT})
        examples = make_examples(nlp)
        optimizer = nlp.initialize(lambda: examples)  # noqa: B023
        optimizer.learn_rate = 1e-2
        for start in range(0, 2, cut):
            nlp.update(examples[start : start + cut], sgd=False)
        component(nlp).finish_update(optimizer)
        results.append(state(nlp))
    for key, value in results[0].items():
        assert torch.allclose(value, results[1][key], atol=1e-4), key


def evidence_example(nlp: Language) -> Example:
    """The third sentence is evidence that entity_1 lives in entity_3."""
    reference = make_doc(nlp)
    relation = {"head": "entity_1", "tail": "entity_3", "label": "lives_in", "evidence": [[10, 14]]}
    reference._.relations = [relation]
    return Example(make_doc(nlp), reference)


@pytest.mark.parametrize("architecture", ["KMGRE", "ATLOP"])
def test_contexts_learn_to_lie_in_the_evidence(make_nlp, architecture):
    parts = []
    for weight in (0.0, 3.0):
        torch.manual_seed(0)
        nlp = make_nlp(architecture, evidence_focus=weight)
        example = evidence_example(nlp)
        optimizer = nlp.initialize(lambda: [example])  # noqa: B023
        optimizer.learn_rate = 3e-3
        for _ in range(20):
            nlp.update([example], sgd=optimizer)
        shim = get_shim(component(nlp).model)
        doc = example.reference
        mentions = [
            (span.start_char, span.end_char) for key in ("entity_1", "entity_3") for span in doc.spans[key]
        ]
        starts = [sent.start_char for sent in doc.sents]
        document = Document(doc.text, mentions, [[0, 1, 2], [3, 4]], sentences=starts)
        scores = shim.require_network()([document], shim.pieces([document]), ["relation"])
        row = scores.entities.tolist().index([0, 1])
        parts.append(scores.sentence_weights[scores.row_index == row, 2].mean().item())
    assert parts[1] > parts[0] + 0.25


def test_evidence_without_sentences_teaches_nothing(make_nlp):
    torch.manual_seed(0)
    nlp = make_nlp(evidence_keys=True, evidence_focus=0.5, encoder={"transformer_config": NO_DROPOUT})
    example = evidence_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    with_sentences = nlp.update([example], sgd=None, losses={})[NAME]
    reference = Doc(nlp.vocab, words=[token.text for token in example.reference])
    reference = project_entities(read_entities(example.reference), reference)
    reference._.relations = [relation.to_dict() for relation in example.reference._.relations]
    component(nlp).finish_update(optimizer)
    torch.manual_seed(0)
    nlp.initialize(lambda: [example])
    assert nlp.update([Example(make_doc(nlp), reference)], sgd=None, losses={})[NAME] < with_sentences


def test_the_classifier_learns_gold_evidence(make_nlp):
    torch.manual_seed(0)
    nlp = make_nlp(evidence_keys=True, encoder={"transformer_config": NO_DROPOUT})
    example = evidence_example(nlp)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 3e-3
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    (relation,) = nlp(make_doc(nlp))._.relations
    best = relation.key_mention_pairs[0]
    assert (best.head.start, best.tail.start) == (10, 13)
    assert [sent.start for sent in relation.evidence] == [10]


def test_averages_and_resumed_training(load):
    nlp = load()
    expected = numbers(nlp(make_doc(nlp)))
    optimizer = nlp.resume_training()
    with nlp.use_params(optimizer.averages):
        assert numbers(nlp(make_doc(nlp))) == expected
    assert numbers(nlp(make_doc(nlp))) == expected
    before = state(nlp)
    assert 0 < nlp.update(make_examples(nlp), sgd=optimizer)[NAME] < 1.0  # it had learned this
    assert not same_state(state(nlp), before)


def test_a_sourced_component_predicts_and_goes_on_learning(load):
    trained, nlp = load(), spacy.blank("xx")
    nlp.add_pipe(NAME, source=trained)
    doc, expected = nlp(make_doc(nlp)), trained(make_doc(trained))
    assert_same([doc], [expected])
    before = state(nlp)
    losses = nlp.update([make_example(nlp)], sgd=nlp.resume_training())
    assert losses[NAME] > 0
    assert not same_state(state(nlp), before)


def test_a_disabled_component_does_nothing(kmgre):
    with kmgre.select_pipes(disable=[NAME]):
        assert kmgre(make_doc(kmgre))._.relations == []
        assert NAME not in kmgre.update([make_example(kmgre)])
    with kmgre.select_pipes(enable=[NAME]):
        assert triples(kmgre(make_doc(kmgre))) == GOLD


@pytest.mark.parametrize("batch_size, lost", [(1, 1), (2, 2), (64, 6)])
def test_an_error_handler_keeps_the_rest_going(trained_folder, batch_size: int, lost: int):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe, failed = component(nlp), []
    reader = pipe.entities

    def read(doc: Doc):
        if doc.user_data.get(TITLE) == "broken":
            raise RuntimeError("cannot read it")
        return reader(doc)

    pipe.entities = read
    docs = make_batch(nlp)
    docs[2].user_data[TITLE] = "broken"
    with pytest.raises(RuntimeError, match="cannot read it"):
        list(nlp.pipe([docs[2]]))
    nlp.set_error_handler(lambda name, proc, docs, error: failed.append((name, len(docs), str(error))))
    found = list(nlp.pipe(docs, batch_size=batch_size))
    assert failed == [(NAME, lost, "cannot read it")]
    start = 2 // batch_size * batch_size
    rest = [doc for i, doc in enumerate(make_batch(nlp)) if not start <= i < start + batch_size]
    assert_same(found, nlp.pipe(rest))


# Scoring


def test_no_scorer_no_scores(make_nlp):
    nlp = make_nlp(component={"scorer": None})
    example = make_example(nlp)
    nlp.initialize(lambda: [example])
    assert component(nlp).score([example]) == {}
    assert not [key for key in nlp.evaluate([example]) if key.startswith("rel_")]


def test_missed_gold_pairs_count_as_false_negatives(kmgre):
    """The predicted Doc lacks an entity, so the model never saw its two pairs."""
    (example, other) = make_examples(kmgre)
    del example.predicted.spans["entity_3"]
    scores = kmgre.evaluate([example, other])
    assert scores["rel_counts"]["gold"] == 5
    assert scores["rel_counts"]["predicted"] == scores["rel_counts"]["correct"] == 3
    assert scores["rel_micro_r"] == pytest.approx(3 / 5)


def test_docs_without_entities_are_scored_between_gold_entities(load):
    nlp = load()
    expected = nlp.evaluate(make_examples(nlp))
    bare = [
        Example(Doc(nlp.vocab, words=[token.text for token in example.reference]), example.reference)
        for example in make_examples(nlp)
    ]
    with pytest.warns(UserWarning, match=f"W003.*{NAME}.*spacy evaluate") as caught:
        found = nlp.evaluate(bare)
    assert len(caught) == 1
    for key, value in expected.items():
        if key.startswith("rel_"):
            assert found[key] == value, key
    assert found["rel_micro_f"] == 1.0


def test_no_gold_entities_where_a_component_looked_for_some(kmgre):
    """A pipeline that finds nothing must not be scored as if it had the gold entities."""
    (example, other) = make_examples(kmgre)
    for doc in (example.predicted, other.predicted):
        doc.spans.clear()
        doc.ents = []
    with pytest.warns(UserWarning, match=f"W004.*{NAME}.*kmgre_entities") as caught:
        scores = kmgre.evaluate([example, other])
    assert len(caught) == 1
    assert (scores["rel_micro_f"], scores["rel_unaligned_gold"]) == (0.0, 5)


def test_no_warning_where_some_docs_have_entities_or_none_could(kmgre):
    first, second = make_examples(kmgre)
    second.predicted.spans.clear()
    assert kmgre.evaluate([first, second])["rel_micro_r"] == pytest.approx(3 / 5)
    empty = Example(make_empty_doc(kmgre), make_empty_doc(kmgre))
    assert kmgre.evaluate([empty])["rel_micro_f"] is None
