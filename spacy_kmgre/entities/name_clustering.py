"""The named mentions of a Doc, clustered by identifier and by name."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple, TypeVar

from spacy.tokens import Doc, Span

from ..types import Entity
from .aliases import AliasTable
from .grouping import DisjointSets, identifier, most_common
from .names import VALUE, Name, NameRules, Words
from .short_forms import ShortForms
from .stated_aliases import (
    LONGEST_DEFINITION,
    LONGEST_LIFE,
    LONGEST_STATEMENT,
    NEXT_MENTIONS,
    defined_terms,
    is_stated_alias,
    without_dates,
)

T = TypeVar("T")

# The largest number of groups with a short form that are looked at. With more of them the short form is
# ambiguous anyway.
_MOST_GROUPS = 8


class _NamedMention(NamedTuple):
    span: Span
    label: str
    name: Name
    node: int


class NameClustering:
    """The named mentions of a Doc while rules join them into entities.

    The rules join nodes into groups. A node is all mentions with one identifier, or all mentions without an
    identifier that have one label and equal names. A group never has different identifiers or genders.

    :param named: The mentions and their names.
    """

    def __init__(self, doc: Doc, named: Iterable[tuple[Span, Name]]) -> None:
        self._words = [token.text for token in doc]
        self._groups = DisjointSets()
        self._mentions = self._add_nodes(list(named))
        # Most rules look at the first mention of each spelling of a name only.
        forms: dict[Hashable, _NamedMention] = {}
        for mention in self._mentions:
            forms.setdefault((mention.label, mention.name.text, mention.node), mention)
        self._forms = list(forms.values())
        self._settled: set[int] = set()  # The nodes that some rule took for short forms.

    def _add_nodes(self, named: list[tuple[Span, Name]]) -> list[_NamedMention]:
        """Put each node into a group of its own, marked with `kb_id`, `ent_id`s and gender.

        :returns: The mentions with their nodes.
        """
        keys: list[Hashable] = []
        kb_ids: dict[Hashable, str] = {}
        ent_ids: dict[Hashable, set[str]] = defaultdict(set)
        genders: dict[Hashable, set[str]] = defaultdict(set)
        for (span, name), (kb_id, ent_id) in zip(named, _identifiers([span for span, _ in named])):
            key = ("kb_id", kb_id) if kb_id else ("ent_id", ent_id) if ent_id else (span.label_, name.words)
            keys.append(key)
            kb_ids[key] = kb_id
            ent_ids[key].update([ent_id] if ent_id else [])
            genders[key].update([name.gender] if name.gender else [])
        nodes = {
            key: self._groups.add(kb_id or None, frozenset(ent_ids[key]) or None, _only(genders[key]))
            for key, kb_id in kb_ids.items()
        }
        return [_NamedMention(span, span.label_, name, nodes[key]) for (span, name), key in zip(named, keys)]

    def entities(self) -> Iterator[Entity]:
        """Yield the entities, without keys."""
        members: dict[int, list[_NamedMention]] = defaultdict(list)
        for mention in self._mentions:
            members[self._groups.find(mention.node)].append(mention)
        for root, mentions in members.items():
            label = most_common(mention.label for mention in mentions)
            kb_id = str(self._groups.marks(root)[0] or "")
            yield Entity(tuple(mention.span for mention in mentions), "", label, kb_id)

    def join_equal(self) -> None:
        """Join names with equal words."""
        first: dict[tuple[str, Words], int] = {}
        self._groups.join(
            (first.setdefault((form.label, form.name.words), form.node), form.node) for form in self._forms
        )

    def join_cores(self) -> None:
        """Join names that are equal but for titles.

        Where several persons have a surname, "Dr. Sullivan" and "Mr. Sullivan" hardly are one person; whom each of
        them means is then left to later rules.
        """
        bearers: dict[tuple[str, Words], set[int]] = defaultdict(set)
        titled: dict[tuple[str, Words], set[Words]] = defaultdict(set)
        for form in self._forms:
            for part, has_surname in form.name.parts:
                if has_surname:
                    bearers[form.label, part].add(self._groups.find(form.node))
            if form.name.words != form.name.core:
                titled[form.label, form.name.core].add(form.name.words)
        first: dict[tuple[str, Words], int] = {}
        links = []
        for form in self._forms:
            key = form.label, form.name.core
            if len(titled.get(key, ())) < 2 or len(bearers.get(key, ())) < 2:
                links.append((first.setdefault(key, form.node), form.node))
        self._groups.join(links)

    def join_aliases(self, table: AliasTable) -> None:
        """Join names that stand in one row of a table. A name that two rows would join joins none."""
        rows: dict[tuple[str, int], list[int]] = defaultdict(list)
        for form in self._forms:
            for row in table.get(form.name.words, ()):
                rows[form.label, row].append(form.node)
        joinable = [nodes for nodes in rows.values() if len(set(map(self._groups.find, nodes))) > 1]
        times = Counter(node for nodes in joinable for node in set(nodes))
        sure = [[node for node in nodes if times[node] == 1] for nodes in joinable]
        self._groups.join(link for nodes in sure for link in pairwise(nodes))

    def join_stated_aliases(self, rules: NameRules) -> None:
        """Join a name to one shortly before it where the words between them state that they are one, and each term to
        the name that defines it."""
        self._join_defined_terms(rules)
        candidates: dict[int, set[int]] = defaultdict(set)
        named = [mention for mention in self._mentions if mention.name.kind != VALUE]
        for number, first in enumerate(named):
            for second in named[number + 1 : number + 1 + NEXT_MENTIONS]:
                if first.label == second.label and first.node != second.node and self._states(first, second):
                    candidates[second.node].add(self._groups.find(first.node))
        self._join_unambiguous(candidates)

    def _join_defined_terms(self, rules: NameRules) -> None:
        """Join each name that is a term to the name after which a bracket defines the term: '("Acme" or the
        "Company")'."""
        defined: dict[tuple[str, Words], set[int]] = defaultdict(set)
        for mention in self._mentions:
            end = mention.span.end
            following = self._words[end : end + LONGEST_DEFINITION]
            for term in defined_terms(mention.name.text, mention.name.kind, following):
                words = rules.name(term, mention.name.kind, mention.name.language).words
                defined[mention.label, words].add(self._groups.find(mention.node))
        candidates: dict[int, set[int]] = {}
        for form in self._forms:
            if roots := defined.get((form.label, form.name.words), set()) - {self._groups.find(form.node)}:
                candidates[form.node] = roots
        self._join_unambiguous(candidates)

    def _states(self, first: _NamedMention, second: _NamedMention) -> bool:
        start, stop, end = first.span.end, second.span.start, second.span.end
        if stop - start > LONGEST_STATEMENT + LONGEST_LIFE:
            return False
        between, following = without_dates(self._words[start:stop]), self._words[end : end + 3]
        return is_stated_alias(first.name.text, between, second.name.text, following, first.name.kind)

    def join_short_forms(self, rule: ShortForms) -> None:
        """Join each short form to the only long form before it, else to the only one after it."""
        longs, rivals = self._groups_by_short_form(rule.offers), self._groups_by_short_form(rule.rivals)
        candidates: dict[int, set[int]] = defaultdict(set)
        for form in self._forms:
            short = form.label, rule.asks(form.name)
            for before in (True,) if rule.after else (True, False):
                if found := self._others(form, longs.get(short, {}), before):
                    candidates[form.node].update(found, self._others(form, rivals.get(short, {}), before))
                    break
        self._join_unambiguous(candidates)

    def _groups_by_short_form(
        self, short_forms: Callable[[Name], Iterable[Hashable]]
    ) -> dict[tuple[str, Hashable], dict[int, int]]:
        """Return the groups that have each short form, with the place of the first name that has it."""
        groups: dict[tuple[str, Hashable], dict[int, int]] = defaultdict(dict)
        for form in self._forms:
            root = self._groups.find(form.node)
            for short in short_forms(form.name):
                groups[form.label, short].setdefault(root, form.span.start)
        return groups

    def _others(self, form: _NamedMention, groups: dict[int, int], before: bool) -> list[int]:
        """Return the groups other than a form's own that it may join; only groups from before the form, if asked."""
        own, place = self._groups.find(form.node), form.span.start
        first = islice(groups.items(), _MOST_GROUPS)
        found = (root for root, start in first if root != own and (start < place or not before))
        return [root for root in found if self._groups.fit(own, root)]

    def _join_unambiguous(self, candidates: dict[int, set[int]]) -> None:
        """Join the nodes that have one candidate. No later rule joins the others, which are ambiguous.

        :param candidates: The groups to which each node may belong.
        """
        left = {node: roots for node, roots in candidates.items() if node not in self._settled}
        self._settled.update(left)
        for _ in range(2):  # The first round may make one group of several candidates.
            left = {node: set(map(self._groups.find, roots)) for node, roots in left.items()}
            self._groups.join((node, min(roots)) for node, roots in left.items() if len(roots) == 1)
            # Where there are as many groups as `_others` looks at, there may be more.
            left = {node: roots for node, roots in left.items() if 1 < len(roots) < _MOST_GROUPS - 1}


def _identifiers(mentions: Iterable[Span]) -> list[tuple[str, str]]:
    """Return the `kb_id_` and the `ent_id_` of each mention, "" where it has none.

    A mention that has only an `ent_id_` gets the `kb_id_` of the mentions that have both, if they agree.
    """
    found = [(identifier(span), span.ent_id_) for span in mentions]
    linked: dict[str, set[str]] = defaultdict(set)
    for kb_id, ent_id in found:
        if kb_id and ent_id:
            linked[ent_id].add(kb_id)
    return [(kb_id or _only(linked.get(ent_id, ())) or "", ent_id) for kb_id, ent_id in found]


def _only(values: Collection[T]) -> T | None:
    """Return the only one of the values, None where there are several or none."""
    return next(iter(values)) if len(values) == 1 else None
