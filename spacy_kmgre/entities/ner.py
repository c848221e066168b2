"""Entities from named entity recognition: `doc.ents`, clustered by identifier, then by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy import util
from spacy.tokens import Doc, Span

from ..errors import Errors
from ..types import Entity
from .aliases import COUNTRIES, AliasTable, alias_table, read_aliases
from .grouping import number_entities
from .name_clustering import NameClustering
from .names import KINDS, LABEL_KINDS, OTHER, Name, NameRules
from .short_forms import SHORT_FORMS


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
    """Make a reader that clusters `doc.ents` by `kb_id_`, then by `ent_id_`, then by name.

    Mentions with one identifier are one entity, even under different names; mentions with different
    identifiers are never joined. By name, only mentions with one label are joined. Equal names are one
    entity. A short form joins the only longer name before it for which it can stand, else the only one after
    it; it joins none where there are several, or where different identifiers would meet. The result depends
    on the text alone, and the time is linear in the number of mentions.

    The arguments from `case` on switch rules about names; `NameRules` shows what each of them does.

    :param labels: The labels of the mentions to take, None for all.
    :param kinds: The kinds of names that labels stand for ("person", "organisation", "place", "value" or
        "other"), as some rules are about one kind. The labels of OntoNotes, CoNLL-2003 and DocRED are known;
        other labels are "other". Of values (dates, numbers) only equal names are joined.
    :param aliases: Names of one entity, as {name: [alias, ...]}; or the path of a JSON file that holds this,
        or of a TSV file with one entity a line, its names separated by tabs.
    :raises ValueError: For an unknown kind, and for aliases in another form.
    """
    for label, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                Errors.E023.format(setting=f"kinds[{label!r}]", value=kind, expected=f"one of {KINDS}")
            )
    rules = NameRules(
        case=case,
        accents=accents,
        articles=articles,
        possessives=possessives,
        titles=titles,
        countries=countries,
        stated_aliases=stated_aliases,
        legal_forms=legal_forms,
        acronyms=acronyms,
        initials=initials,
        surnames=surnames,
        given_names=given_names,
        heads=heads,
    )
    return NerEntities(
        labels=None if labels is None else frozenset(labels),
        kinds={**LABEL_KINDS, **kinds},
        aliases=alias_table([] if aliases is None else read_aliases(aliases), rules),
        countries=alias_table(COUNTRIES if countries else [], rules),
        rules=rules,
    )


@dataclass(frozen=True)
class NerEntities:
    """The reader that `ner_entities` makes; it can be pickled."""

    labels: frozenset[str] | None
    kinds: dict[str, str]
    aliases: AliasTable
    countries: AliasTable
    rules: NameRules

    def __call__(self, doc: Doc) -> list[Entity]:
        """The entities of a Doc."""
        clustering = NameClustering(doc, self._names(doc))
        clustering.join_equal(lambda name: name.words)
        clustering.join_equal(lambda name: name.core)
        clustering.join_aliases(self.aliases)
        clustering.join_aliases(self.countries)
        if self.rules.stated_aliases:
            clustering.join_stated_aliases()
        for rule, short_forms in SHORT_FORMS.items():
            if getattr(self.rules, rule):
                clustering.join_short_forms(short_forms)
        return number_entities(doc, clustering.entities())

    def _names(self, doc: Doc) -> Iterator[tuple[Span, Name]]:
        """The mentions that have one of the labels, with their names."""
        names: dict[tuple[str, str], Name] = {}
        for span in doc.ents:
            label, text = span.label_, span.text
            if self.labels is None or label in self.labels:
                if (label, text) not in names:
                    names[label, text] = self.rules.name(text, self.kinds.get(label, OTHER))
                yield span, names[label, text]
