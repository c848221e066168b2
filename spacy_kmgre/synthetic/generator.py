"""The documents of the generated corpus, with their gold entities and relations."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from spacy.lang.en import English
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, TITLE, install_extensions, set_relations, write_entities, write_ents
from ..errors import Errors
from ..types import Entity
from .realise import PlacedMention, Text
from .schema import DAY, ENTITY_TYPES, RELATIONS, Fact, with_implied
from .templates import WORDING, Binding, Template, bind_facts, bind_things, templates
from .things import Thing
from .world import World, make_world

_JOINT = 0.4  # The probability that one sentence states two facts where it can.
_AGAIN = 0.2  # The probability that a document states a fact twice.
_LEAST_WORDS = (56, 76)  # The range from which the least length of each document is drawn.
# The weights of the sentences that state nothing, by what they mention.
_IDLE = {"related": 6, "unrelated": 3, "single": 1}


class _Statement(NamedTuple):
    """A sentence to write, with the things that fill its slots."""

    template: Template
    binding: Binding


def generate_documents(vocab: Vocab, count: int, part: str = "train", seed: int = 0) -> Iterator[Doc]:
    """Generate English documents about people, companies and places that do not exist.

    The documents have entities, gold relations, the key mention pairs of these and evidence. `doc.ents`
    holds the mentions by name. Some sentences mention two entities without stating a relation; some
    relations take two sentences. The gold relations are what the sentences state and what follows from it:
    `spouse` holds in both directions, a `chief_executive` has an `employer`, and a `capital_of` is
    `located_in`. Two parts have no sentence, no first name and no stem of a name in common.

    :param vocab: The vocab of the Docs, for example `nlp.vocab` of an English pipeline.
    :param count: The number of documents. It does not change the documents: the first ones stay the same.
    :param part: The part of the corpus, "train", "dev" or "test".
    :param seed: The seed; another seed gives other documents of the same part.
    :raises ValueError: Where the part is unknown or the count is negative.
    """
    if part not in WORDING:
        raise ValueError(Errors.E300.format(part=part, known=list(WORDING)))
    if count < 0:
        raise ValueError(Errors.E301.format(count=count))
    install_extensions()
    nlp = English(vocab)
    # Random hashes a text by SHA-512, so every process and machine draws the same documents.
    return (_document(nlp, part, Random(f"{part} {seed} {number}"), number) for number in range(count))


def _document(nlp: English, part: str, rng: Random, number: int) -> Doc:
    world = make_world(part, rng)
    text = Text(world.things, rng)
    gold: dict[Fact, list[tuple[PlacedMention, PlacedMention]]] = {}
    for template, binding in _plan(world, part, rng):
        placed = text.write(template, binding)
        for head, label, tail in with_implied(template.facts):
            fact = Fact(binding[head], label, binding[tail])
            gold.setdefault(fact, []).append((placed[head], placed[tail]))
    return _annotate(nlp, text, gold, f"{part} {number}: {next(iter(world.things))}")


def _plan(world: World, part: str, rng: Random) -> list[_Statement]:
    """The statements of a document in their order: facts, with sentences that state nothing in between.

    A death comes after everything else.
    """
    used: set[Template] = set()
    statements = _state(world.facts, part, used, rng)
    if rng.random() < _AGAIN:
        statements += _state([rng.choice(world.facts)], part, used, rng)
    order = list(world.things)

    def place(statement: _Statement) -> tuple[bool, int, int]:
        labels = [fact.label for fact in statement.template.facts]
        first = min(order.index(name) for name in statement.binding.values())
        return "died_in" in labels, first, min(RELATIONS.index(label) for label in labels)

    statements.sort(key=place)
    deaths = sum(place(statement)[0] for statement in statements)
    words = sum(statement.template.length for statement in statements)
    least = rng.randint(*_LEAST_WORDS)
    idle = _idle_statements(world, part)
    silent = {name for name in world.things if not any(name in fact for fact in world.facts)}
    while silent or words < least:
        kind = "unrelated" if silent else rng.choices(list(_IDLE), list(_IDLE.values()))[0]
        options = [
            statement
            for statement in idle[kind]
            if statement.template not in used and (not silent or silent & set(statement.binding.values()))
        ]
        if options:
            statement = rng.choice(options)
            used.add(statement.template)
            silent -= set(statement.binding.values())
            words += statement.template.length
            statements.insert(rng.randint(1, max(1, len(statements) - deaths)), statement)
        elif silent:  # No sentence is left that could mention these things.
            silent = set()
        elif all(statement.template in used for statement in chain(*idle.values())):
            break
    return statements


def _state(facts: Sequence[Fact], part: str, used: set[Template], rng: Random) -> list[_Statement]:
    """Statements of each fact, in sentences that the document does not use yet as long as there are any."""
    statements = []
    left = list(facts)
    while left:
        options = [
            _Statement(template, binding)
            for template in templates(part)
            for binding in bind_facts(template.facts, left)
            if left[0] in _stated(template, binding)
        ]
        options = [option for option in options if option.template not in used] or options
        joint = [option for option in options if len(option.template.facts) > 1]
        single = [option for option in options if len(option.template.facts) == 1]
        statement = rng.choice(joint if joint and rng.random() < _JOINT else single or joint)
        used.add(statement.template)
        statements.append(statement)
        left = [fact for fact in left if fact not in _stated(*statement)]
    return statements


def _stated(template: Template, binding: Binding) -> list[Fact]:
    return [Fact(binding[head], label, binding[tail]) for head, label, tail in template.facts]


def _idle_statements(world: World, part: str) -> dict[str, list[_Statement]]:
    """All sentences that state nothing, by whether they mention one, two related or two unrelated things."""
    statements: dict[str, list[_Statement]] = {kind: [] for kind in _IDLE}
    for template in templates(part):
        for binding in () if template.facts else bind_things(template.slots, world.things.values()):
            names = list(binding.values())
            related = len(names) > 1 and world.related(*names)
            kind = "single" if len(names) == 1 else "related" if related else "unrelated"
            # People do little on the day of their birth.
            if not (related and DAY in (world.things[name].kind for name in names)):
                statements[kind].append(_Statement(template, binding))
    return statements


def _annotate(
    nlp: English, text: Text, gold: dict[Fact, list[tuple[PlacedMention, PlacedMention]]], title: str
) -> Doc:
    doc = nlp.make_doc(str(text))
    doc.user_data[TITLE] = title
    starts = {0}
    for sentence in text.sentences:
        starts.add(max(starts) + len(sentence) + 1)
    for token in doc:
        token.is_sent_start = token.idx in starts
    first = {token.idx: token.i for token in doc}
    last = {token.idx + len(token): token.i + 1 for token in doc}
    spans = {mention: Span(doc, first[mention.start], last[mention.end]) for mention in text.mentions}
    clusters: dict[str, list[Span]] = {}
    for mention, span in spans.items():
        clusters.setdefault(mention.thing, []).append(span)
    keys = {name: f"{ENTITY_PREFIX}{number}" for number, name in enumerate(clusters, 1)}
    entities = {
        name: Entity(tuple(mentions), key=keys[name], label=ENTITY_TYPES[text.things[name].kind])
        for name, mentions in clusters.items()
    }
    write_entities(doc, entities.values())
    write_ents(doc, (_named(entity, text.things[name]) for name, entity in entities.items()))
    set_relations(
        doc,
        (
            _relation(fact, keys, [(spans[head], spans[tail]) for head, tail in pairs])
            for fact, pairs in gold.items()
        ),
    )
    return doc


def _named(entity: Entity, thing: Thing) -> Entity:
    """The entity with its names alone, without pronouns and descriptions."""
    names = (thing.name, thing.short)
    return replace(entity, mentions=tuple(span for span in entity.mentions if span.text in names))


def _relation(fact: Fact, keys: dict[str, str], pairs: list[tuple[Span, Span]]) -> dict[str, Any]:
    sentences = {(span.sent.start, span.sent.end) for pair in pairs for span in pair}
    return {
        "head": keys[fact.head],
        "tail": keys[fact.tail],
        "label": fact.label,
        "label_text": fact.label.replace("_", " "),
        "key_mention_pairs": [
            {
                "head": [head.start, head.end],
                "tail": [tail.start, tail.end],
                "share": 1 / len(pairs),
            }
            for head, tail in pairs
        ],
        "evidence": [list(sentence) for sentence in sorted(sentences)],
    }
