"""The page of a graph in a real browser."""

import time
from hashlib import sha256
from importlib.resources import files

import pytest

from spacy_kmgre.synthetic import generate_documents
from spacy_kmgre.visualise import render_graph

from .conftest import make_doc
from .test_page import HOSTILE, VOCAB, hostile_doc

DRAWN = "return canvas && canvas.nodes().length"


def wait_for_canvas(browser) -> None:
    for _ in range(200):
        if browser.run(DRAWN) is not None:
            return
        time.sleep(0.05)
    raise AssertionError("no canvas")


@pytest.mark.browser
def test_nodes_edges_and_their_sentences(browser, save):
    browser.open(save(render_graph([make_doc(), make_doc(title="Other")], page=True)))
    wait_for_canvas(browser)
    # Without identifiers nothing joins the documents; Bolt has no relation.
    assert browser.run("return [canvas.nodes().length, canvas.edges().length]") == [6, 6]
    assert len(browser.texts(".relation")) == 6
    browser.click(".relation", 2)
    assert browser.texts(".statement q") == ["She lives in Oslo."]
    assert browser.texts(".statement mark") == ["She", "Oslo"]
    assert browser.run("return canvas.edges('.chosen').map(e => e.data('text'))") == ["lives_in"]
    browser.move_slider(0.5)
    assert len(browser.texts(".relation")) == 4
    assert browser.run("return canvas.edges().filter(e => e.visible()).length") == 4
    browser.run("chooseNode(0)")
    assert len(browser.texts(".relation")) == 2 and "Ann Lee" in browser.texts("#about-entity")[0]
    browser.check_silence()


@pytest.mark.browser
def test_the_card_of_an_edge_has_its_mention_pairs(browser, save):
    browser.open(save(render_graph([make_doc()], page=True)))
    wait_for_canvas(browser)
    assert browser.texts("#hint")
    browser.click(".relation", 1)
    because = [" ".join(text.split()) for text in browser.texts(".statement .because")]
    assert because == ["75 % She → to Oslo", "25 % Ann Lee → to Oslo"]
    assert browser.texts(".why > .note")[0].startswith("%: the part of each key mention pair")
    assert not browser.texts("#hint")
    browser.run("chooseNode(0)")
    names = [name for name in browser.texts("button") if "\n" not in name]
    assert {"Whole graph", "All relations"} <= set(names) and len(set(names)) == len(names)
    browser.check_silence()


# The names on the canvas, and those of which another covers a part.
NAMES = """
    const named = canvas.nodes(".named").map((node) => {
      const name = { includeNodes: false, includeEdges: false, includeOverlays: false };
      const { x1, x2, y1, y2 } = node.renderedBoundingBox(name);
      return { number: node.data("number"), x1, x2, y1, y2 };
    });
    const meet = (a, b) => a !== b && a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
    const covered = named.filter((a) => named.some((b) => meet(a, b)));
    return [named.map(({ number }) => number), byDegree[0], covered.length];
"""


@pytest.mark.browser
def test_a_graph_opens_with_names_none_over_another(browser, save):
    browser.open(save(render_graph(generate_documents(VOCAB, 60), page=True)))
    wait_for_canvas(browser)
    named, first, covered = browser.run(NAMES)
    assert first in named and len(named) > 10 and covered == 0
    browser.run("canvas.zoom(3 * canvas.zoom())")
    time.sleep(0.5)
    nearer, _, covered = browser.run(NAMES)
    assert len(nearer) > len(named) and covered == 0
    browser.run("chooseEdge(0)")
    assert sorted(browser.run(NAMES)[0]) == sorted(
        browser.run("return [DATA.edges[0].head, DATA.edges[0].tail]")
    )
    browser.check_silence()


@pytest.mark.browser
def test_a_click_on_the_canvas_opens_the_sentences(browser, save):
    browser.open(save(render_graph([make_doc()], page=True)))
    wait_for_canvas(browser)
    place = browser.run(
        "const p = canvas.edges()[0].renderedMidpoint();"
        "const b = document.getElementById('graph').getBoundingClientRect();"
        "return [Math.round(b.x + p.x), Math.round(b.y + p.y)]"
    )
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    pointer = ActionBuilder(browser.driver)
    pointer.pointer_action.move_to_location(*place).click()
    pointer.perform()
    time.sleep(0.3)
    assert browser.texts(".statement q") == ["Ann Lee founded Acme."]
    browser.check_silence()


@pytest.mark.browser
def test_hostile_documents(browser, save):
    options = {"title": "".join(HOSTILE[:6])}
    docs = [hostile_doc(number) for number in range(100)]
    browser.open(save(render_graph(docs, identify=lambda entity: "", page=True, options=options)))
    wait_for_canvas(browser)
    labels = browser.run(
        "return [...document.querySelectorAll('.relation .label')].map(x => x.textContent).sort()"
    )
    assert labels == sorted(relation.label for doc in docs for relation in doc._.relations)
    for number in range(0, 100, 7):
        browser.run("document.querySelectorAll('.relation')[arguments[0]].click()", number)
    assert browser.run("return [window.hacked === undefined, document.scripts.length]") == [True, 2]
    browser.check_silence()


@pytest.mark.browser
def test_axe_finds_no_fault(browser, save):
    from axe_core_python import selenium as axe

    browser.open(save(render_graph([make_doc()], page=True)))
    wait_for_canvas(browser)
    browser.click(".relation", 1)
    found = axe.Axe().run(browser.driver)["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []


@pytest.mark.browser
def test_a_hundred_documents_open_in_two_seconds(browser, save):
    page = save(render_graph(generate_documents(VOCAB, 100), page=True))
    browser.open(page)
    # The graph is seen at once, although cytoscape.js takes longer to begin.
    drawn = "const p = document.querySelector('#sketch, #graph canvas'); return Boolean(p && p.width)"
    assert browser.run(drawn)
    browser.click(".relation")
    assert browser.texts(".statement q")
    wait_for_canvas(browser)
    assert 0 < browser.seconds() < 2


@pytest.mark.browser
def test_the_sketch_lies_where_the_canvas_draws(browser, save):
    """It has the same nodes in the same places, and is gone once they are drawn."""
    browser.open(save(render_graph([make_doc()], page=True)))
    wait_for_canvas(browser)
    browser.run("document.getElementById('sketch')?.remove(); canvas.viewport(wholeView()); sketch()")
    places = """
        const pen = document.getElementById("sketch").getContext("2d");
        return canvas.nodes().map((node) => {
          const { x, y } = node.renderedPosition();
          return [...pen.getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data];
        });
    """
    colors = "return canvas.nodes().map((node) => node.style('background-color'))"
    for pixel, color in zip(browser.run(places), browser.run(colors), strict=True):
        wanted = [int(part) for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
        assert pixel[3] == 255 and all(abs(a - b) <= 2 for a, b in zip(pixel, wanted))
    browser.open(save(render_graph([make_doc()], page=True)))
    for _ in range(100):
        if browser.run("return canvas !== null && document.getElementById('sketch') === null"):
            break
        time.sleep(0.05)
    assert not browser.driver.find_elements("id", "sketch")
    browser.check_silence()


def test_cytoscape_is_the_release_that_the_notes_name():
    static = files("spacy_kmgre.visualise") / "static"
    script = (static / "cytoscape.min.js").read_bytes()
    assert sha256(script).hexdigest() in (static / "README.md").read_text(encoding="utf8")
    assert b"</script" not in script.lower()
    licence = (static / "cytoscape.LICENSE").read_text(encoding="utf8")
    assert "The Cytoscape Consortium" in licence


def test_limit_and_labels():
    with pytest.warns(UserWarning, match=r"W117.*1 of 3 relations"):
        assert '"edges": 3' in (render_graph([make_doc()], page=True, limit=1) or "")
    assert "lives_in" not in (render_graph([make_doc()], page=True, options={"labels": ["founded"]}) or "")
