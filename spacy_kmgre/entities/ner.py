"""Entities from `doc.ents`, the output of `ner`, `entity_ruler` or `entity_linker`, clustered by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from spacy import util
from spacy.tokens import Doc, Span

from ..errors import Errors
from ..types import Entity
from .aliases import AliasTable, alias_table, read_aliases
from .grouping import identifier, number_entities
from .languages import Language, language
from .mentions import MentionFinder, MentionRules, defined_types, title_before, vote
from .name_clustering import NameClustering
from .names import KINDS, LABEL_KINDS, OTHER, PERSON, Name, NameRules
from .short_forms import SHORT_FORMS

NAME_RULES = tuple(rule.name for rule in fields(NameRules))
MENTION_RULES = tuple(rule.name for rule in fields(MentionRules))
# Mentions that people have marked are right as they are; those of a recogniser are trimmed and completed too.
PRESETS = {"gold": NAME_RULES, "pretrained": (*NAME_RULES, *MENTION_RULES)}


def ner_entities_by_rules(
    rules: str | list[str] = "pretrained",
    labels: list[str] | None = None,
    kinds: dict[str, str] = util.SimpleFrozenDict(),  # noqa: B008 (spaCy's immutable default)
    aliases: dict[str, list[str]] | str | Path | None = None,
) -> "NerEntities":
    """Make a reader that clusters `doc.ents` by `kb_id_`, then by `ent_id_`, then by name
    (`spacy_kmgre.ner_entities.v2`).

    Mentions with one identifier are one entity, even under different names; mentions with different
    identifiers are never joined. By name, only mentions with one label are joined. Equal names are one
    entity. A short form joins the only longer name before it for which it can stand, else the only one after
    it; it joins none where there are several, or where different identifiers would meet. The result depends
    on the text alone, and the time is linear in the number of mentions.

    The rules are those of `NameRules` and `MentionRules`, where a comment on each shows what it does. Those
    that know words of a language follow `nlp.lang`: English has words for all of them, and French for
    articles and titles. In other languages these rules know only titles that many languages share.

    :param rules: "pretrained" for the spans of a recogniser such as those of spaCy's pipelines; "gold" for mentions
        that are right as they are; or a list of rules. The list may begin with one of the two, and "-repeats"
        takes the rule `repeats` away.
    :param labels: The labels of the mentions to take, None for all.
    :param kinds: The kinds of names that labels stand for ("person", "organisation", "place", "value" or
        "other"), since some rules are for one kind only. The labels of OntoNotes, CoNLL-2003 and DocRED are
        known; other labels are "other". Mentions of values (dates, numbers) are joined only where their names
        are equal.
    :param aliases: Names of one entity, as {name: [alias, ...]}; or the path of a JSON file that holds this,
        or of a TSV file with one entity a line, its names separated by tabs.
    :raises ValueError: For an unknown rule or kind, and for aliases in another form.
    """
    return make_reader(read_rules(rules), labels, kinds, aliases)


def ner_entities(
    labels: list[str] | None = None,
    kinds: dict[str, str] = util.SimpleFrozenDict(),  # noqa: B008 (spaCy's immutable default)
    aliases: dict[str, list[str]] | str | Path | None = None,
    case: bool = True,
    accents: bool = True,
    articles: bool = True,
    possessives: bool = True,
    titles: bool = True,
    countries: bool = True,
    stated_aliases: bool = True,
    legal_forms: bool = True,
    acronyms: bool = True,
    initials: bool = True,
    surnames: bool = True,
    given_names: bool = True,
    heads: bool = True,
) -> "NerEntities":
    """Make the reader of the preset "gold" with a switch for each rule (`spacy_kmgre.ner_entities.v1`). It is kept for
    saved pipelines; `spacy_kmgre.ner_entities.v2` has a list of rules.
    """
    given = locals()
    return make_reader(frozenset(rule for rule in NAME_RULES if given[rule]), labels, kinds, aliases)


def read_rules(rules: str | Sequence[str]) -> frozenset[str]:
    """Read the rules that a setting names.

    :raises ValueError: For an unknown rule or preset.
    """
    found: set[str] = set()
    for rule in [rules] if isinstance(rules, str) else rules:
        name = rule.removeprefix("-")
        if name in PRESETS and name == rule:
            found.update(PRESETS[name])
        elif name not in PRESETS["pretrained"]:
            known = ", ".join((*PRESETS, *PRESETS["pretrained"]))
            raise ValueError(Errors.E412.format(rule=rule, known=known))
        elif name == rule:
            found.add(name)
        else:
            found.discard(name)
    return frozenset(found)


def make_reader(
    rules: frozenset[str],
    labels: Sequence[str] | None,
    kinds: Mapping[str, str],
    aliases: dict[str, list[str]] | str | Path | None,
    key: str = "",
) -> "NerEntities":
    """Make the reader with these rules; `ner_entities_by_rules` says what the other arguments are.

    :param key: The span group that is read in place of `doc.ents`, "" for none.
    """
    for label, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                Errors.E023.format(setting=f"kinds[{label!r}]", value=kind, expected=f"one of {KINDS}")
            )
    return NerEntities(
        labels=None if labels is None else frozenset(labels),
        kinds={**LABEL_KINDS, **kinds},
        aliases=[] if aliases is None else read_aliases(aliases),
        rules=NameRules(**{rule: rule in rules for rule in NAME_RULES}),
        mention_rules=MentionRules(**{rule: rule in rules for rule in MENTION_RULES}),
        key=key,
    )


@dataclass(frozen=True)
class NerEntities:
    """The reader that `ner_entities_by_rules` makes; it can be pickled."""

    labels: frozenset[str] | None
    kinds: dict[str, str]
    aliases: list[list[str]]
    rules: NameRules
    mention_rules: MentionRules
    key: str = ""
    _tables: dict[str, list[AliasTable]] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, doc: Doc) -> list[Entity]:
        """Read the entities of a Doc."""
        words = language(doc.vocab.lang)
        spans = doc.ents if not self.key else doc.spans.get(self.key) or ()
        mentions = MentionFinder(self.mention_rules, self.kinds, words).find(doc, spans)
        clustering = NameClustering(doc, self._names(mentions, words))
        clustering.join_equal()
        clustering.join_cores()
        for table in self._alias_tables(doc.vocab.lang, words):
            clustering.join_aliases(table)
        if self.rules.stated_aliases and words.statements:
            clustering.join_stated_aliases(self.rules)
        for rule, short_forms in SHORT_FORMS.items():
            if getattr(self.rules, rule):
                clustering.join_short_forms(short_forms)
        return number_entities(doc, clustering.entities())

    def _alias_tables(self, code: str, words: Language) -> list[AliasTable]:
        """Return the tables of aliases and of countries in a language."""
        if code not in self._tables:
            rows = [self.aliases, words.countries if self.rules.countries else ()]
            self._tables[code] = [alias_table(table, self.rules, words) for table in rows]
        return self._tables[code]

    def _names(self, mentions: Sequence[Span], words: Language) -> Iterator[tuple[Span, Name]]:
        """Yield the mentions that have one of the labels, each with its name."""
        names: dict[tuple[str, str], Name] = {}

        def name(label: str, text: str) -> Name:
            if (label, text) not in names:
                names[label, text] = self.rules.name(text, self.kinds.get(label, OTHER), words)
            return names[label, text]

        if self.mention_rules.one_type:
            known = [(name(span.label_, span.text), identifier(span), span.label_) for span in mentions]
            types = vote(known, self.kinds)
            if words.statements and mentions:
                named = [(span, name(label, span.text), label) for span, label in zip(mentions, types)]
                types = defined_types(mentions[0].doc, named, self.rules)
            mentions = [_typed(span, label) for span, label in zip(mentions, types)]
        places = {
            (span.start, span.end, span.label): span for span in mentions
        }  # Spans of a group may be equal.
        for span in places.values():
            if self.labels is None or span.label_ in self.labels:
                before = ""
                if self.mention_rules.titles_before and self.kinds.get(span.label_) == PERSON:
                    before = title_before(span, words)
                yield span, name(span.label_, f"{before} {span.text}" if before else span.text)


def _typed(span: Span, label: str) -> Span:
    """Give the span another label."""
    if span.label_ == label:
        return span
    return Span(span.doc, span.start, span.end, label=label, kb_id=span.kb_id, span_id=span.ent_id)
