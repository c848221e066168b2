"""What pages know of documents, options, frames and notebooks: all without a browser."""

import html
import json
import re
import sys
from types import ModuleType

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

import spacy_kmgre
from spacy_kmgre import render
from spacy_kmgre.visualise.compare import compare
from spacy_kmgre.visualise.data import document_data, utf16_offset

from .conftest import make_doc
from .test_page import HOSTILE, hostile_doc


def data_of(page: str | None) -> dict:
    """The data of a page, as a browser reads them."""
    assert page is not None
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_a_document_as_data():
    data = document_data(make_doc())
    assert [entity["text"] for entity in data["entities"]] == ["Ann Lee", "Acme", "Oslo", "Bolt"]
    assert [entity["related"] for entity in data["entities"]] == [True, True, True, False]
    text = data["text"]
    assert [text[start:end] for start, end in data["entities"][0]["mentions"]] == ["Ann Lee", "She", "Lee"]
    start, end = data["sentences"][0]
    assert text[start:end] == "Ann Lee founded Acme."
    lives = data["relations"][1]
    assert (lives["head"], lives["tail"], lives["name"], lives["score"]) == (0, 2, "lives_in", 0.7)
    assert [(pair["head"], pair["tail"], pair["share"]) for pair in lives["pairs"]] == [
        (1, 0, 0.75),
        (0, 1, 0.25),
    ]
    assert lives["evidence"] == [1]


def test_words_for_labels():
    doc = make_doc()
    relation = {**doc._.relations[0].to_dict(), "label": "P112", "label_text": "founded by"}
    doc._.relations = [relation]
    (found,) = document_data(doc)["relations"]
    assert (found["label"], found["name"]) == ("P112", "founded by")
    for label in ("P112", "founded by"):
        assert len(document_data(doc, labels=(label,))["relations"]) == 1
    assert document_data(doc, labels=("other",))["relations"] == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_offsets_are_those_of_javascript(text):
    offset = utf16_offset(text)
    for place in range(len(text) + 1):
        assert offset(place) == len(text[:place].encode("utf-16-le")) // 2


def test_predicted_and_gold():
    predicted, gold = make_doc(), make_doc()
    gold.spans["entity_9"] = gold.spans["entity_1"]
    del gold.spans["entity_1"]  # the same entity by another key
    gold.spans["entity_8"] = [gold[1:3]]  # one that nothing predicted overlaps as well as another does
    gold._.relations = [
        {"head": "entity_9", "tail": "entity_2", "label": "founded"},
        {"head": "entity_8", "tail": "entity_2", "label": "founded"},
    ]
    found = compare(predicted, gold)
    assert found.right == {("entity_1", "founded", "entity_2")}
    assert [relation.head.key for relation in found.missed] == ["entity_8"]
    data = document_data(predicted, gold)
    assert [relation["verdict"] for relation in data["relations"]] == ["right", "wrong", "wrong", "missed"]
    missed = data["relations"][-1]
    assert data["entities"][missed["head"]]["mentions"] == [[4, 15]] and missed["tail"] == 1
    with pytest.raises(ValueError, match="E504"):
        document_data(predicted, Doc(predicted.vocab, words=["other"]))


def test_render_gives_a_page_or_a_frame():
    page = render(make_doc(), page=True)
    assert (
        page is not None
        and page.startswith("<!DOCTYPE html>")
        and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    )
    frame = render([make_doc()], options={"title": "x"})
    assert frame is not None
    (source,) = re.findall(r'srcdoc="(.*?)"', frame, re.DOTALL)
    assert data_of(html.unescape(source)) == data_of(page)
    assert frame.startswith("<iframe") and 'sandbox="allow-scripts"' in frame
    small = render(make_doc(), page=True, minify=True)
    assert small is not None and len(small) < 0.95 * len(page) and data_of(small) == data_of(page)


def test_render_shows_itself_in_a_notebook(monkeypatch):
    shown = []
    module = ModuleType("IPython.display")
    module.HTML, module.display = str, shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    assert render(make_doc(), jupyter=True) is None
    assert shown[0].startswith("<iframe")


@pytest.mark.parametrize(
    "options, code",
    [
        ({"colour": {}}, "E500"),
        ({"colors": {"PER": "url(https://example.com)"}}, "E501"),
        ({"colors": {"PER": "red; background: url(x)"}}, "E501"),
        ({"threshold": 1.5}, "E502"),
        ({"threshold": float("nan")}, "E502"),
        ({"threshold": "0.5"}, "E540.*'threshold'.*a number"),
        ({"threshold": True}, "E540"),
        ({"labels": 3}, "E540.*a list of relation labels"),
        ({"labels": ["a", 3]}, "E540"),
        ({"colors": ["red"]}, "E540.*a dict of CSS colours"),
        ({"colors": {"PER": 3}}, "E501"),
        ({"title": 3}, "E540.*a string"),
        ("dark", "E541"),
    ],
)
def test_wrong_options(options, code):
    with pytest.raises(ValueError, match=code):
        render(make_doc(), options=options)


def test_options():
    options = {"colors": {"PER": "#ffcc00", "LOC": "rgb(0 100 200)"}, "labels": ["founded"], "threshold": 0.3}
    data = data_of(render([make_doc()], page=True, options={**options, "title": "<b>"}))
    assert (data["colors"], data["threshold"]) == (options["colors"], 0.3)
    assert [relation["label"] for relation in data["documents"][0]["relations"]] == ["founded"]
    empty = dict.fromkeys(("colors", "labels", "threshold", "title"))
    assert data_of(render(make_doc(), page=True, options=empty)) == data_of(render(make_doc(), page=True))


def test_what_cannot_be_shown():
    with pytest.raises(TypeError, match=r"E503.*Span"):
        render([make_doc()[0:2]])
    with pytest.raises(AttributeError, match="no attribute 'rendre'"):
        spacy_kmgre.rendre  # noqa: B018  # the access is what is tested


def test_hostile_strings_stay_data():
    docs = [hostile_doc(number) for number in range(100)]
    title = "".join(HOSTILE[:6])
    page = render([*docs, Example(docs[0], docs[0])], page=True, options={"title": title})
    assert page is not None
    data = data_of(page)
    for doc, found in zip(docs, data["documents"]):
        assert (found["title"], found["text"]) == (doc.user_data["title"], doc.text)
        assert found["relations"][0]["label"] == doc._.relations[0].label
    assert page.count("<script") == 2 and page.count("</script") == 2
    assert html.unescape(re.findall("<title>(.*?)</title>", page)[0]) == title
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert html.unescape(policy[0]).startswith("default-src 'none'; style-src 'sha256-")


def test_notebooks():
    doc = make_doc()
    table = doc._.relations._repr_html_()
    assert [html.unescape(cell) for cell in re.findall("<b><bdi>(.*?)</bdi></b>", table)] == [
        "founded",
        "lives_in",
        "works_in",
    ]
    assert "<bdi>She</bdi> → <bdi>Oslo</bdi> 75 %, 1 more" in table
    one = doc._.relations[1]._repr_html_()
    assert re.sub("<[^>]*>", "", one).split("\n")[2:] and "75 %" in one and "25 %" in one
    assert "lives in" in one and one.count("<div dir") == 3
    for shown in (table, one):
        assert "in the score" in shown and "label_texts" not in shown
    doc._.relations = [{**doc._.relations[0].to_dict(), "label": "P112"}]
    for shown in (doc._.relations._repr_html_(), doc._.relations[0]._repr_html_()):
        assert "P112 is an identifier of Wikidata" in shown and shown.count("label_texts") == 1
    assert "no relations" in spacy.blank("en")("x")._.relations._repr_html_()
    for number in range(20):
        odd = hostile_doc(number)._.relations
        for shown in (odd._repr_html_(), odd[0]._repr_html_()):
            assert not re.search(r"<(script|img|svg|!--)", shown)
