"""What the readers of all formats can be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from spacy.vocab import Vocab

from ..errors import Errors
from .files import read_json

T = TypeVar("T")
UNLABELLED = "relations left out, as they have no label"


def option(default: T, help: str, load: Callable[[Path, Vocab], T] | None = None) -> T:
    """An option of a reader, as a field of its class of options.

    :param default: A bool, str, int or float, unless `load` is given.
    :param help: What the command line says about it.
    :param load: Makes the value from the file that the command line names.
    """
    return field(default=default, metadata={"help": help, "load": load})


def read_names(path: Path, _vocab: Vocab | None = None) -> Mapping[str, str | None]:
    """Read names of labels from a JSON object.

    :raises ValueError: Where the file has no such object.
    """
    names = read_json(path)
    if not isinstance(names, dict) or not all(isinstance(name, str | None) for name in names.values()):
        raise ValueError(Errors.E146.format(path=path))
    return names


@dataclass(frozen=True)
class ReaderOptions:
    """What every reader can be told. A format derives a class from this one for options of its own.

    :param relation_names: Names for relation labels (P17: country). A label without a name stays; one whose name is
        None is left out and counted.
    :param label_texts: Relation labels in words, which are kept beside the labels. They are looked up by the label that
        the file has.
    :param lenient: Leave out and count what cannot be right, such as a reference to nothing, instead of an error.
    :param default_label: The label of relations that come without one.
    :param no_relation: Labels that say that there is no relation, with commas between them. Relations with one of them
        are left out and counted.
    :param self_relations: Keep relations of an entity with itself, which no model predicts.
    """

    relation_names: Mapping[str, str | None] | None = option(
        None,
        "JSON object of names for relation labels, such as rel_info.json (P17: country); null leaves one out",
        load=read_names,
    )
    label_texts: Mapping[str, str | None] | None = option(
        None,
        "JSON object of texts for relation labels, such as rel_info.json: the label stays (P17), its text goes beside "
        "it (country)",
        load=read_names,
    )
    lenient: bool = option(
        False,
        "Leave out and count what cannot be right, instead of an error: mentions whose words are not at their offsets, "
        "references to nothing, broken lines",
    )
    default_label: str = option("", "The label of relations that come without one")
    no_relation: str = option(
        "",
        "Labels that say that there is no relation, such as No-rel or NA,Other: relations with one are left out",
    )
    self_relations: bool = option(True, "Keep relations of an entity with itself, which no model predicts")

    def check_label(self, where: str, label: str) -> None:
        """See that a relation has a label, or gets one.

        :param where: The place of the relation, for messages.
        :raises ValueError: Where it has not.
        """
        if not (label.strip() or self.default_label):
            raise ValueError(Errors.E148.format(where=where))
