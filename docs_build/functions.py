"""Pages of registered functions: components, architectures, readers of entities, and what training is made of. Names
come from the entry points, settings and defaults from signatures, and words from docstrings."""

import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import griffe
import srsly
from spacy.language import Language

from spacy_kmgre.entities.mentions import MentionRules
from spacy_kmgre.entities.names import NameRules
from spacy_kmgre.model.choices import GONE

from .markdown import code, page, table

PACKAGE = "spacy-kmgre"
# What a factory gets from spaCy, not from the config.
GIVEN = {"nlp", "name"}
# Settings that several registered functions have, and whose words stand in one place only.
WORDS = {
    "encoder": 'A block of the config with `@architectures = "spacy_kmgre.Encoder.v1"`: the encoder.',
    "scorer": "A block with `@scorers`: the function that scores the component's output, `null` for none.",
    "path": "The `.spacy` file, or the folder of such files.",
    "beta1": "Adam's decay of the first moment.",
    "beta2": "Adam's decay of the second moment.",
    "eps": "The least divisor of an update, as in Adam.",
}


class MissingWordsError(ValueError):
    """A setting that no docstring explains."""


def registered(group: str) -> dict[str, EntryPoint]:
    """The entry points of this package in a group, by name."""
    found = [point for point in entry_points(group=group) if point.dist and point.dist.name == PACKAGE]
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


def parse(text: str) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """Part a docstring into its text, the words on each parameter, and the errors."""
    words: dict[str, str] = {}
    texts, errors = [], []
    for section in griffe.Docstring(inspect.cleandoc(text)).parse("sphinx", warnings=False):
        kind = section.kind.value
        if kind == "text":
            texts.append(section.value)
        elif kind == "parameters":
            words.update({item.name: item.description for item in section.value})
        elif kind == "raises":
            errors += [(str(item.annotation), item.description) for item in section.value]
    return "\n\n".join(texts), words, errors


def settings(function: Callable[..., Any], defaults: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a table of a function's settings.

    :param defaults: Defaults that the config has in place of the signature's.
    :raises MissingWordsError: Where nothing explains a setting.
    """
    words = {**WORDS, **rule_words(NameRules), **related_words(function), **parse(function.__doc__ or "")[1]}
    rows = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in GIVEN:
            continue
        if name in GONE:
            description = "A setting that is gone; saved configs may name it, with this value."
        elif name in words:
            description = words[name]
        else:
            raise MissingWordsError(f"{function.__module__}.{function.__name__}: {name}")
        default = defaults.get(name, parameter.default)
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        rows.append([code(star + name), kind_of(parameter), shown(default), description])
    return rows


def related_words(function: Callable[..., Any]) -> dict[str, str]:
    """The words on parameters of the functions in a function's module, and in the modules of those that it imports: a
    function whose settings are those of another one does not say them again."""
    words: dict[str, str] = {}
    own = sys.modules[function.__module__]
    used = [value.__module__ for value in vars(own).values() if inspect.isfunction(value)]
    for name in dict.fromkeys([*used, own.__name__]):
        for other in vars(sys.modules[name]).values() if name.startswith("spacy_kmgre") else ():
            if inspect.isfunction(other) and other.__module__ == name:
                words.update(parse(other.__doc__ or "")[1])
    return words


def rule_words(rules: type) -> dict[str, str]:
    """The comment on each rule of a class of rules, above it or behind it."""
    words, above = {}, ""
    name = ""
    for line in inspect.getsource(rules).splitlines():
        code_part, _, comment = line.partition("# ")
        field = re.match(r"    (\w+): bool = ", code_part)
        name = field[1] if field else name
        if not code_part.strip():
            above = comment or above
        elif field and above:
            words[name], above = above, ""
        elif comment:
            words[name] = comment
    return words


def kind_of(parameter: inspect.Parameter) -> str:
    """The type of a setting, as code; "" for any."""
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    short = text.replace("collections.abc.", "").replace("spacy.tokens.doc.", "").replace("typing.", "")
    short = short.replace("pathlib.", "").rsplit("spacy_kmgre.model.settings.", 1)[-1]
    if parameter.annotation in (inspect.Parameter.empty, Any) or "Callable" in short or "Reader" in short:
        return ""
    return code(short)


def shown(default: Any) -> str:
    """A default as a config writes it."""
    if default is inspect.Parameter.empty:
        return ""
    if isinstance(default, dict) and any(name.startswith("@") for name in default):
        (name,) = [value for key, value in default.items() if key.startswith("@")]
        return code(name)
    try:
        return code(srsly.json_dumps(default))
    except TypeError:
        return code(str(default))


def function_section(
    name: str, function: Callable[..., Any], group: str, defaults: Mapping[str, Any] | None = None
) -> str:
    """The section of a registered function.

    :param name: The name under which it is registered.
    :param group: What a config calls the registry, such as "@architectures".
    """
    text, _, errors = parse(function.__doc__ or "")
    rows = settings(function, defaults or {})
    parts = [f"## {name}", f"{code(group)}" if group else "", text]
    if rows:
        parts.append(table(["setting", "type", "default", "is"], rows))
    if errors:
        parts.append("Errors: " + " ".join(f"{code(kind)}. {what}" for kind, what in errors))
    return "\n\n".join(filter(None, parts))


def section_of_group(group: str, label: str) -> list[str]:
    """The sections of all functions in an entry point group."""
    return [
        function_section(name, point.load(), f"{label} = {json.dumps(name)}")
        for name, point in registered(group).items()
    ]


def components_page() -> str:
    """The page of the components."""
    sections = []
    for name, point in reversed(registered("spacy_factories").items()):
        function = point.load()
        meta = Language.get_factory_meta(name)
        section = function_section(name, function, f'factory = "{name}"', meta.default_config)
        reads = f"Reads {', '.join(map(code, meta.requires))}; writes {', '.join(map(code, meta.assigns))}."
        sections.append(f"{section}\n\n{reads}")
    return page(
        "Components",
        "A component's settings stand in its section of the config, in `nlp.add_pipe(..., config=...)`, or, of "
        "`kmgre_relations`, are attributes of the component (`pipe.threshold = 0.3`); they are checked when they are "
        "set. Commands take them as `--components.kmgre_relations.threshold 0.3`. "
        "[Thresholds and calibration](../how-to/thresholds.md) has examples.",
        sections,
    )


def architectures_page() -> str:
    """The page of the architectures."""
    return page(
        "Architectures",
        "What `[components.kmgre_relations.model]` can be. What each setting brings and costs is in "
        "[Benchmarks](../benchmarks.md); what the letters mean is in [EM](../concepts/em.md). Numbers in brackets are "
        "the equations of the paper.",
        section_of_group("spacy_architectures", "@architectures"),
    )


def entities_page() -> str:
    """The page of the readers of entities, the rules of identity, and the tables of types."""
    readers = section_of_group("spacy_misc", "@misc")
    rules = {
        "Rules that join names": rule_words(NameRules),
        "Rules that trim and complete mentions": rule_words(MentionRules),
    }
    lists = [
        f"### {title}\n\n" + table(["rule", "does"], [[code(rule), said] for rule, said in words.items()])
        for title, words in rules.items()
    ]
    tables = [
        f"### {name}\n\n"
        + table(
            ["type", "becomes"],
            [[code(old), code(new) if new else "left out"] for old, new in point.load().items()],
        )
        for name, point in registered("spacy_kmgre_types").items()
    ]
    return page(
        "Entities and types",
        "The `entities` of `kmgre_entities` and of `kmgre_relations` are one of these readers. "
        "[From raw text](../tutorials/raw-text.md) shows which to take.",
        [
            *readers,
            "## Rules\n\nThe preset `gold` has the first table's rules, and `pretrained` those of both.",
            *lists,
            "## Tables of types\n\nThe `types` of `kmgre_entities` name one of these.",
            *tables,
        ],
    )


def training_page() -> str:
    """The page of what the training sections of a config name."""
    groups = {
        "spacy_readers": "@readers",
        "spacy_callbacks": "@callbacks",
        "thinc_optimizers": "@optimizers",
        "thinc_schedules": "@schedules",
        "spacy_loggers": "@loggers",
        "spacy_scorers": "@scorers",
    }
    sections = [section for group, label in groups.items() for section in section_of_group(group, label)]
    return page(
        "Training",
        "What `[corpora]`, `[training]` and `[initialize]` name. [The configs](configs.md) show them at work.",
        sections,
    )
