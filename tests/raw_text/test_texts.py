"""Ten texts of everyday kinds, written for this: what spaCy's small pipelines and the rules make of them.

Each cluster was read. Names that the recogniser misses, cuts wrongly or gives a wrong type are its errors; WRONG has
those of clustering. A change of either shows here, and is to be read again.
"""

from pathlib import Path

import pytest
import srsly
from spacy import Language

TEXTS = Path(__file__).parent / "texts"
CLUSTERS = srsly.read_json(
    TEXTS / "clusters.json"
)  # It has the entities with several mentions, and how many there are.
# The first mention of each wrong cluster, by its text, and what it should be.
WRONG = {
    "biography": {
        "Marlowe": "Edith Marlowe; two others have her surname",
        "James Alder": "without his wife, Mrs. Alder",
    },
    "filing": {"Deloitte": "Deloitte & Touche LLP"},
    "history": {"Venice": "the Republic of Venice", "Leopold": "Leopold I, whose type is another one"},
    "sport": {"Sporting": "Sporting Lagos, whose type is another one", "Lagos": "Sporting Lagos"},
    "fr_biography": {"Delorme": "Marguerite Delorme; two others have her surname"},
}


@pytest.mark.parametrize("name", sorted(CLUSTERS))
def test_clusters(name: str, request):
    nlp: Language = request.getfixturevalue("french" if name.startswith("fr_") else "english")
    text = (TEXTS / f"{name}.txt").read_text(encoding="utf8")
    assert 120 <= len(text.split()) <= 250
    entities = nlp(text)._.entities
    found = [[entity.label, *(span.text for span in entity.mentions)] for entity in entities]
    assert [cluster for cluster in found if len(cluster) > 2] == CLUSTERS[name]["several"]
    assert len(found) == CLUSTERS[name]["entities"]
    assert set(WRONG.get(name, ())) <= {mention for _, *mentions in found for mention in mentions[:1]}


def test_wrong_clusters_are_few():
    assert set(CLUSTERS) == {path.stem for path in TEXTS.glob("*.txt")}
    wrong = sum(map(len, WRONG.values()))
    assert wrong <= 0.05 * sum(text["entities"] for text in CLUSTERS.values())
