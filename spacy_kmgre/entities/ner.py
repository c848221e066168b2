"""Entities from named entity recognition: `doc.ents`, clustered by identifier, then by name."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import (
    Any,
    NamedTuple,
)

import srsly
from spacy import util
from spacy.tokens import Doc, Span
from spacy.util import registry

from ..errors import Errors
from ..types import Entity
from .grouping import Cluster, Grouping, identifier, make_entities, most_common
from .names import COUNTRIES, KINDS, LABEL_KINDS, OTHER, PLACE, SHORT_FORMS, Name, ShortForms, Spelling, Words
from .stated_aliases import LONGEST_STATEMENT, NEXT_MENTIONS, is_stated_alias

# For each name the numbers of the rows of a table of aliases that hold it.
Rows = dict[Words, set[int]]
# A short form that so many names have is ambiguous without a look at them.
MOST_READINGS = 8
# For each short form the groups that it may belong to.
Readings = dict[int, set[int]]


@registry.misc("spacy_kmgre.ner_entities.v1")
def ner_entities(
    labels: list[str] | None = None,
    kinds: dict[str, str] = util.SimpleFrozenDict(),  # noqa: B008
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
    """Clusters `doc.ents`: by `kb_id_`, then by `ent_id_`, then by name.

    Mentions with one identifier are one entity, whatever they are called; mentions with different ones are
    never joined. By name, only mentions with one label are joined. Equal names are one entity; a short form
    joins the only long one before it that it can come from, else the only one after it, and nobody where
    there are several, or where that would join different identifiers. The rules do not depend on the order of
    anything but the text, and take time linear in the number of mentions.

    :param labels: Take mentions with these labels only; all where None.
    :param kinds: What labels of your own stand for ("person", "organisation", "place", "value" or "other"),
        for rules that are about one kind of names. The labels of OntoNotes, CoNLL-2003 and DocRED are known;
        other ones are "other". Of values (dates, numbers) only equal names are joined.
    :param aliases: Names of one entity, as {name: [alias, ...]}; or the path of a JSON file that holds this,
        or of a TSV file with one entity a line, its names separated by tabs.
    :param case: "ENASA" is "Enasa".
    :param accents: "Wałęsa" is "Walesa".
    :param articles: "The Killers" is "Killers".
    :param possessives: "Oslo's" is "Oslo".
    :param titles: "Sir Victor Brooke" is "Victor Brooke"; "Mr Brooke" never is "Mrs Brooke".
    :param countries: "USA" is "United States", and a few more.
    :param stated_aliases: What the text says: "General Lavalle (also known as Ajó)", "Blue Note (BN)".
    :param legal_forms: "Atari" is "Atari, Inc.".
    :param acronyms: "IOC" is "International Olympic Committee".
    :param initials: "W. Armstrong" and "William Armstrong" are "William Hepburn Armstrong".
    :param surnames: "Ruli" is "Genc Ruli".
    :param given_names: "Genc" is "Genc Ruli", where that came first.
    :param heads: "the Fund" is "Rockefeller Brothers Fund", where that came first.
    :raises ValueError: For an unknown kind, and for a table of aliases that is none.
    """
    for label, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                Errors.E023.format(setting=f"kinds[{label!r}]", value=kind, expected=f"one of {KINDS}")
            )
    spelling = Spelling(case, accents, articles, possessives, titles)
    switches = {
        "legal_forms": legal_forms,
        "acronyms": acronyms,
        "initials": initials,
        "surnames": surnames,
        "given_names": given_names,
        "heads": heads,
    }
    return NerEntities(
        labels=None if labels is None else frozenset(labels),
        kinds={**LABEL_KINDS, **kinds},
        spelling=spelling,
        aliases=_rows(_read_aliases(aliases), spelling),
        countries=_rows(COUNTRIES if countries else (), spelling),
        stated_aliases=stated_aliases,
        short_forms=tuple(rule for rule in SHORT_FORMS if switches[rule]),
    )


@dataclass(frozen=True)
class NerEntities:
    """The reader that `ner_entities` makes; it can be pickled."""

    labels: frozenset[str] | None
    kinds: dict[str, str]
    spelling: Spelling
    aliases: Rows
    countries: Rows
    stated_aliases: bool
    short_forms: tuple[str, ...]

    def __call__(self, doc: Doc) -> list[Entity]:
        """The entities of a Doc."""
        clustering = _Clustering(doc, self._named_mentions(doc))
        clustering.join_equal(lambda name: name.words)
        clustering.join_equal(lambda name: name.core)
        clustering.join_rows(self.aliases, KINDS)
        clustering.join_rows(self.countries, (PLACE,))
        if self.stated_aliases:
            clustering.join_stated()
        for rule in self.short_forms:
            clustering.join_short_forms(SHORT_FORMS[rule])
        return make_entities(doc, clustering.clusters())

    def _named_mentions(self, doc: Doc) -> Iterator[tuple[Span, Name]]:
        names: dict[tuple[str, str], Name] = {}
        for span in doc.ents:
            label, text = span.label_, span.text
            if self.labels is None or label in self.labels:
                if (label, text) not in names:
                    names[label, text] = self.spelling.name(text, self.kinds.get(label, OTHER))
                yield span, names[label, text]


# Short forms, with the groups that have them and where these begin.
Offers = dict[tuple[str, Hashable], dict[int, int]]


class _Mention(NamedTuple):
    span: Span
    label: str
    name: Name
    node: int


class _Clustering:
    """The mentions of a Doc while they are joined.

    What is grouped are nodes: all mentions with one identifier, or all without one that have equal names.
    """

    def __init__(self, doc: Doc, named: Iterable[tuple[Span, Name]]) -> None:
        named = list(named)
        identifiers = _identifiers([span for span, _ in named])
        marks: dict[Hashable, tuple[set[str], ...]] = {}
        keys: list[Hashable] = []
        for (span, name), (kb_id, ent_id) in zip(named, identifiers):
            key = ("kb", kb_id) if kb_id else ("ent", ent_id) if ent_id else (span.label_, name.words)
            keys.append(key)
            for values, value in zip(
                marks.setdefault(key, (set(), set(), set())), (kb_id, ent_id, name.gender)
            ):
                values.update([value] if value else [])
        self._grouping = Grouping()
        numbers = {
            key: self._grouping.add(
                next(iter(kb_ids), None),
                frozenset(ent_ids) or None,
                next(iter(genders)) if len(genders) == 1 else None,
            )
            for key, (kb_ids, ent_ids, genders) in marks.items()
        }
        self._words = [token.text for token in doc]
        self._mentions = [
            _Mention(span, span.label_, name, numbers[key]) for (span, name), key in zip(named, keys)
        ]
        # The first mention of each way to write a name: what the rules look at.
        first: dict[Hashable, _Mention] = {}
        for mention in self._mentions:
            first.setdefault((mention.label, mention.name.text, mention.node), mention)
        self._forms = list(first.values())
        self._explained: set[int] = set()  # nodes that a rule has seen as short forms

    def clusters(self) -> list[Cluster]:
        """The mentions of each group."""
        members: dict[int, list[_Mention]] = defaultdict(list)
        for mention in self._mentions:
            members[self._grouping.find(mention.node)].append(mention)
        return [
            Cluster(
                mentions=[mention.span for mention in group],
                label=most_common(mention.label for mention in group),
                kb_id=str(self._grouping.marks(root)[0] or ""),
            )
            for root, group in members.items()
        ]

    def join_equal(self, key: Callable[[Name], Words]) -> None:
        """Join names with one key."""
        first: dict[tuple[str, Words], int] = {}
        self._grouping.join(
            [(first.setdefault((form.label, key(form.name)), form.node), form.node) for form in self._forms]
        )

    def join_rows(self, rows: Rows, kinds: Sequence[str]) -> None:
        """Join names of these kinds that stand in one row; a name that two rows explain joins nobody."""
        nodes: dict[tuple[str, int], list[int]] = defaultdict(list)
        for form in self._forms:
            if form.name.kind in kinds:
                for row in rows.get(form.name.words, ()):
                    nodes[form.label, row].append(form.node)
        met = [found for found in nodes.values() if len(set(map(self._grouping.find, found))) > 1]
        times = Counter(node for found in met for node in set(found))
        sure = [[node for node in found if times[node] == 1] for found in met]
        self._grouping.join([link for found in sure for link in pairwise(found)])

    def join_stated(self) -> None:
        """Join a mention with one soon after it where the text states that they are one."""
        readings: Readings = defaultdict(set)
        for number, first in enumerate(self._mentions):
            for second in self._mentions[number + 1 : number + 1 + NEXT_MENTIONS]:
                if first.label == second.label and first.node != second.node and self._states(first, second):
                    readings[second.node].add(self._grouping.find(first.node))
        self._join_short(readings)

    def _states(self, first: _Mention, second: _Mention) -> bool:
        start, stop, end = first.span.end, second.span.start, second.span.end
        if stop - start > LONGEST_STATEMENT:
            return False
        between, following = self._words[start:stop], self._words[end : end + 3]
        return is_stated_alias(first.name.text, between, second.name.text, following, first.name.kind)

    def join_short_forms(self, rule: ShortForms) -> None:
        """Join each short form with the long form that it comes from, where that is the only one."""
        asked = [
            (form, (form.label, key)) for form in self._forms if (key := rule.asks(form.name)) is not None
        ]
        wanted = {place for _, place in asked}
        longs: Offers = defaultdict(dict)
        rivals: Offers = defaultdict(dict)
        for form in self._forms:
            for offered, short_forms in ((longs, rule.offers), (rivals, rule.rivals)):
                for key in short_forms(form.name):
                    if (form.label, key) in wanted:
                        root = self._grouping.find(form.node)
                        offered[form.label, key].setdefault(root, form.span.start)
        readings: Readings = defaultdict(set)
        for form, place in asked:
            if place not in longs:
                continue
            found, others = (self._groups(form, offered[place], before=True) for offered in (longs, rivals))
            if not found and not rule.after:
                found, others = (self._groups(form, offered[place]) for offered in (longs, rivals))
            if found:
                readings[form.node].update(found, others)
        self._join_short(readings)

    def _groups(self, form: _Mention, offered: dict[int, int], before: bool = False) -> list[int]:
        """The first other groups that offer a short form; only those that begin before it, where asked."""
        own = self._grouping.find(form.node)
        return [
            root
            for root, start in islice(offered.items(), MOST_READINGS)
            if root != own and (start < form.span.start or not before)
        ]

    def _join_short(self, readings: Readings) -> None:
        """Join short forms that have one reading, and hold back those with several from further rules."""
        readings = {node: roots for node, roots in readings.items() if node not in self._explained}
        self._explained.update(readings)
        for _ in range(2):  # what the first round joins is one reading in the second
            roots = {node: set(map(self._grouping.find, found)) for node, found in readings.items()}
            sure = {node: min(found) for node, found in roots.items() if len(found) == 1}
            self._grouping.join(sure.items())
            readings = {
                node: found
                for node, found in readings.items()
                if node not in sure and len(found) < MOST_READINGS - 1
            }


def _identifiers(mentions: Sequence[Span]) -> list[tuple[str, str]]:
    """The `kb_id_` and the `ent_id_` of each mention, "" for none.

    A mention that has only an `ent_id_` takes the `kb_id_` of those that have both, if they agree.
    """
    found = [(identifier(span), span.ent_id_) for span in mentions]
    linked: dict[str, set[str]] = defaultdict(set)
    for kb_id, ent_id in found:
        if kb_id and ent_id:
            linked[ent_id].add(kb_id)
    return [
        (kb_id or (next(iter(linked[ent_id])) if len(linked.get(ent_id, ())) == 1 else ""), ent_id)
        for kb_id, ent_id in found
    ]


def _rows(table: Iterable[Sequence[str]], spelling: Spelling) -> Rows:
    rows: Rows = defaultdict(set)
    for number, row in enumerate(table):
        for name in row:
            rows[spelling.name(name).words].add(number)
    return dict(rows)


def _read_aliases(aliases: dict[str, list[str]] | str | Path | None) -> list[list[str]]:
    """One list of names for each entity."""
    if aliases is None:
        return []
    data: Any = aliases
    if isinstance(aliases, (str, Path)):
        path = Path(aliases)
        try:
            if path.suffix != ".json":
                text = path.read_text(encoding="utf8")
                return [line.split("\t") for line in text.splitlines() if "\t" in line]
            data = srsly.read_json(path)
        except (OSError, ValueError) as error:
            raise ValueError(Errors.E400.format(path=path, error=error)) from error
    if not isinstance(data, dict):
        raise ValueError(Errors.E400.format(path=aliases, error=f"It holds a {type(data).__name__}."))
    for name, others in data.items():
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise ValueError(Errors.E401.format(name=name, value=others))
    return [[name, *others] for name, others in data.items()]
