"""How the page of documents shows the reasons for a relation: numbers, sentences, arrows, and what is out of view."""

import time

import pytest
from spacy.tokens import Doc

from spacy_kmgre import render

from .conftest import NLP, make_doc

pytestmark = pytest.mark.browser


def test_numbers_are_explained_and_sentences_numbered(browser, save):
    browser.open(save(render(make_doc(), page=True)))
    numbers = (
        "return [...document.querySelectorAll('.sentence')].map(x => getComputedStyle(x, '::before').content)"
    )
    assert browser.run(numbers) == ['"1"', '"2"', '"3"', '"4"']
    browser.click(".relation", 1)
    (legend,) = browser.texts(".why .legend")
    assert all(word in legend for word in ("%:", "key", "relation", "how probable"))
    assert browser.texts(".evidence-links bdi") == ["She lives in Oslo."]
    assert browser.texts(".evidence-links b") == ["2"]
    browser.open(save(render(NLP("Only this."), page=True)))
    assert browser.run(numbers) == ["none"]  # One sentence needs no number.


# The words on which an arc lies, within a pixel, of the arcs that can be seen.
COVERED = """
    const words = [];
    for (const { node } of shown.text.runs) {
      for (const { 0: word, index } of node.data.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        for (const box of range.getClientRects()) words.push({ word, box });
      }
    }
    const origin = document.querySelector("svg.arcs").getBoundingClientRect();
    const covered = new Set();
    for (const arc of document.querySelectorAll(".arc")) {
      for (let along = 2; along < arc.getTotalLength() - 2; along += 1) {
        const { x, y } = arc.getPointAtLength(along);
        const [left, top] = [origin.left + x, origin.top + y];
        for (const { word, box } of words) {
          const within = left > box.left + 1 && left < box.right - 1;
          if (within && top > box.top + 1 && top < box.bottom - 1) covered.add(word);
        }
      }
    }
    return [words.length, document.querySelectorAll(".arc").length, [...covered]];
"""


def far_doc(sentences: int) -> Doc:
    """Ann in the first sentence, Oslo in the last, with a weak mention pair from one between to Acme in the first."""
    filler = " ".join(f"Nothing at all happened on day {number} of that week." for number in range(sentences))
    doc = make_doc(f"Ann Lee met Acme. She and Oslo slept. {filler} Lee works in Oslo, not in Bolt.")
    relation = doc._.relations[2].to_dict()
    (first, second, _), (_, oslo) = doc.spans["entity_1"], doc.spans["entity_3"]
    relation["key_mention_pairs"] = [
        {"head": [mention.start, mention.end], "tail": [oslo.start, oslo.end], "share": share}
        for mention, share in ((first, 0.6), (second, 0.395), (doc.spans["entity_1"][2], 0.005))
    ]
    doc._.relations = [relation]
    return doc


@pytest.mark.parametrize("width", [1400, 400])
def test_arrows_cover_no_word(browser, save, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for doc, number in ((make_doc(), 0), (make_doc(), 1), (far_doc(3), 0), (far_doc(12), 0)):
            browser.open(save(render(doc, page=True)))
            browser.click(".relation", number)
            words, arcs, covered = browser.run(COVERED)
            assert words > 10 and arcs >= 1 and not covered
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_is_out_of_view_is_named(browser, save):
    browser.open(save(render(far_doc(60), page=True)))
    assert browser.texts(".beyond button") == []
    browser.click(".relation")
    in_view = (
        "const box = byId('document').getBoundingClientRect();"
        "return [...document.querySelectorAll('.lit')].filter(x => { const y = x.getBoundingClientRect();"
        "return y.top > box.top && y.bottom < box.bottom; }).map(x => x.textContent)"
    )
    assert "Ann Lee" in browser.run(in_view)
    assert browser.texts(".beyond button") == ["↓ tail: Oslo, sentence 63"]
    browser.click(".beyond.down button")
    time.sleep(0.2)
    assert browser.run(in_view) == ["Lee", "Oslo"]
    assert browser.texts(".beyond button") == ["↑ head: Ann Lee, sentence 1"]
    browser.run("document.querySelector('.rest').open = true")
    browser.click(".rest .pair")  # Both of its mentions are in view.
    time.sleep(0.2)
    assert browser.run(in_view) == ["Lee", "Oslo"] and browser.texts(".beyond button") == []
    browser.check_silence()


def test_the_arrow_of_a_weak_pair_is_seen_when_one_points_at_it(browser, save):
    browser.open(save(render(far_doc(2), page=True)))
    browser.click(".relation")
    seen = "return [...document.querySelectorAll('.arc')].map(x => getComputedStyle(x).visibility)"
    assert browser.run(seen) == ["hidden", "visible", "visible"]
    browser.run("point(2)")
    assert browser.run(seen) == ["visible"] * 3


def test_labels_without_words_are_explained_once(browser, save):
    doc = make_doc()
    relation = {**doc._.relations[0].to_dict(), "label": "P112"}
    doc._.relations = [relation]
    browser.open(save(render([make_doc(), doc], page=True)))
    (hint,) = browser.texts("#label-hint")
    assert "P112" in hint and "--label-texts" in hint and "label_texts" in hint
    doc._.relations = [{**relation, "label_text": "founded by"}]
    browser.open(save(render([make_doc(), doc], page=True)))
    assert browser.texts("#label-hint") == []
