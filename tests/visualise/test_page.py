"""The page of documents in a real browser."""

from random import Random
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_kmgre import render
from spacy_kmgre.synthetic import generate_documents

from .conftest import Browser, make_doc

pytestmark = pytest.mark.browser

VOCAB = spacy.blank("en").vocab

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>window.hacked=1</script>",
    "<!--<script>",
    "]]><img src=x onerror=window.hacked=1>",
    "\"'><svg onload=window.hacked=1>",
    "{{ 7*7 }}{% raw %}",
    "javascript:window.hacked=1",
    "\u2028\u2029\u0000\u001b[31m\u202e",
    "&lt;b&gt; &amp; \\u003c",
    "https://example.com/x.png",
    "' style='position:fixed;inset:0;background:url(https://example.com)",
    "👩‍🔬𝒳 עברית",
)


def lit(browser: Browser) -> list[str]:
    return [element.text for element in browser.driver.find_elements("css selector", ".text .mention.lit")]


def test_it_opens_without_network(browser, save):
    browser.open(save(render(make_doc(), page=True)))
    assert browser.texts("h2")[0] == "Ann"
    assert [text.split("\n")[0] for text in browser.texts(".relation")] == ["0.90", "0.70", "0.40"]
    assert browser.texts(".text .mention") == ["Ann Lee", "Acme", "She", "Oslo", "Lee", "Oslo", "Bolt"]
    assert [element.text for element in browser.driver.find_elements("css selector", ".text .quiet")] == [
        "Bolt"
    ]
    assert browser.run("return document.querySelector('.text').textContent") == make_doc().text
    browser.check_silence()


def test_a_relation_lights_exactly_its_key_mention_pairs(browser, save):
    browser.open(save(render(make_doc(), page=True)))
    for number, (mentions, arcs, evidence) in enumerate(
        [
            (["Ann Lee", "Acme"], 1, ["Ann Lee founded Acme."]),
            (["Ann Lee", "She", "Oslo", "Oslo"], 2, None),
            (["Lee", "Oslo"], 1, ["Lee works near Oslo."]),
        ]
    ):
        browser.click(".relation", number)
        assert lit(browser) == mentions
        assert len(browser.driver.find_elements("css selector", ".arc")) == arcs
        assert len(browser.texts(".pair")) == arcs
        if evidence:
            assert [text.strip() for text in browser.texts(".sentence.evidence")] == evidence
    browser.click(".relation", 1)
    assert [text.split()[0] for text in browser.texts(".part")] == ["75", "25"]
    widths = [
        float(arc.get_attribute("stroke-width"))
        for arc in browser.driver.find_elements("css selector", ".arc")
    ]
    assert sorted(widths) == widths and widths[0] < widths[1]  # the leading pair is drawn last
    # Both are in one sentence, which is quoted once; the other pair has a sentence for each mention.
    assert browser.run(
        "return [...document.querySelectorAll('.pair')].map(x => x.querySelectorAll('q').length)"
    ) == [1, 2]
    browser.click(".relation", 1)
    assert lit(browser) == [] and not browser.driver.find_elements("css selector", ".arc")
    browser.check_silence()


def test_the_slider_hides_what_is_below(browser, save):
    browser.open(save(render(make_doc(), page=True, options={"threshold": 0.5})))
    assert len(browser.texts(".relation")) == 2
    browser.move_slider(0.71)
    assert [text.split("\n")[0] for text in browser.texts(".relation")] == ["0.90"]
    browser.move_slider(0)
    assert len(browser.texts(".relation")) == 3
    browser.click(".relation", 2)
    browser.move_slider(0.5)
    assert lit(browser) == []  # the relation that was chosen is hidden
    browser.move_slider(1)
    assert browser.texts(".relation") == [] and browser.texts("#empty")[0].startswith("No relation is left")
    browser.check_silence()


def test_gold_beside_predicted(browser, save):
    predicted, gold = make_doc(), make_doc()
    gold._.relations = [
        {"head": "entity_1", "tail": "entity_2", "label": "founded"},
        {"head": "entity_1", "tail": "entity_4", "label": "admires"},
    ]
    browser.open(save(render(Example(predicted, gold), page=True)))
    verdicts = [text.rpartition("\n")[2].split()[-1] for text in browser.texts(".relation")]
    assert verdicts == ["right", "wrong", "wrong", "missed"]
    assert browser.texts(".checks label") == ["✓ right 1", "✗ wrong 2", "○ missed 1"]
    assert browser.texts("#rates") == ["precision 33 · recall 50 · F 40"]
    browser.move_slider(0.95)
    assert browser.texts(".checks label") == ["✓ right 0", "✗ wrong 0", "○ missed 2"]
    browser.move_slider(0)
    browser.click("#show-wrong")
    assert len(browser.texts(".relation")) == 2
    browser.click(".relation", 3)
    assert lit(browser) == ["Ann Lee", "She", "Lee", "Bolt"]
    browser.check_silence()


def test_a_document_without_gold_relations_is_not_compared(browser, save):
    browser.open(save(render([Example(make_doc(), make_doc()), make_doc()], page=True)))
    assert browser.texts("#verdicts") and not browser.texts("#uncompared")
    browser.click("#next")
    assert not browser.texts("#verdicts")
    assert browser.texts("#uncompared") == ["The document has no gold relations to compare with."]
    assert len(browser.texts(".relation")) == 3 and not browser.texts(".relation .verdict")
    browser.check_silence()


def test_search_and_entities(browser, save):
    docs = [
        make_doc(),
        make_doc(title="Other"),
        make_doc("Ann Lee and Acme. She left Oslo for Oslo. Bolt.", "Third"),
    ]
    browser.open(save(render(docs, page=True)))
    browser.driver.find_element("id", "search").send_keys("LIVES_")
    assert len(browser.texts(".relation")) == 1
    assert len(browser.texts("#documents button")) == 3
    browser.driver.find_element("id", "search").clear()
    browser.driver.find_element("id", "search").send_keys("left Oslo")
    assert [text.split("\n")[0] for text in browser.texts("#documents button")] == ["Third"]
    browser.driver.find_element("id", "search").send_keys("\ue007")  # Enter
    assert browser.texts("h2")[0] == "Third"
    assert browser.run("return [...CSS.highlights.get('found')].map(String)") == ["left Oslo"]
    browser.run(
        "const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))"
    )
    browser.click(".chip", 1)
    assert len(browser.texts(".relation")) == 1 and browser.texts("#about-entity")
    browser.click(".text .mention", 1)
    assert len(browser.texts(".relation")) == 3
    browser.check_silence()


def test_keyboard(browser, save):
    from selenium.webdriver import Keys

    browser.open(save(render([make_doc(), make_doc()], page=True)))
    body = browser.driver.switch_to
    browser.run("document.querySelector('.relation').focus()")
    body.active_element.send_keys(Keys.ARROW_DOWN)
    body.active_element.send_keys(Keys.ENTER)
    assert body.active_element.get_attribute("aria-expanded") == "true"
    assert lit(browser) == ["Ann Lee", "She", "Oslo", "Oslo"]
    assert "She to Oslo, 75 %" in browser.run("return document.getElementById('said').textContent")
    body.active_element.send_keys(Keys.ESCAPE)
    assert lit(browser) == []


def test_tab_reaches_everything_in_the_order_of_reading(browser, save):
    from selenium.webdriver import Keys

    browser.open(save(render([make_doc(), make_doc()], page=True)))
    active = browser.driver.switch_to
    browser.run("document.querySelector('.skip').focus()")
    reached = []
    for _ in range(24):
        active.active_element.send_keys(Keys.TAB)
        element = active.active_element
        reached.append(element.get_attribute("id") or element.get_attribute("class") or element.text)
    order = ["next", "search", "chip", "chip quiet", "threshold", "relation"]
    places = [reached.index(name) for name in order]
    assert places == sorted(places)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_no_fault(browser, save, dark, width):
    from axe_core_python import selenium as axe

    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        predicted, gold = make_doc(), make_doc()
        gold._.relations = gold._.relations[:1]
        browser.open(save(render([Example(predicted, gold), make_doc()], page=True)))
        for state in ("nothing", "chosen"):
            found = axe.Axe().run(browser.driver)["violations"]
            assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == [], state
            browser.click(".relation", 1)
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def hostile_doc(number: int) -> Doc:
    """A document with hostile strings in every field that a Doc takes."""
    random = Random(number)

    def odd() -> str:
        return random.choice(HOSTILE)

    words = ["x", *(random.choice(HOSTILE).replace("\u0000", "") for _ in range(8))]
    doc = Doc(VOCAB, words=words, sent_starts=[place in (0, 4) for place in range(9)])
    doc.user_data["title"] = odd()
    for entity in range(1, 4):
        spans = [doc[place : place + 2] for place in random.sample(range(8), 2)]
        doc.spans[f"entity_{entity}"] = [
            spacy.tokens.Span(doc, span.start, span.end, label=odd(), kb_id=odd()) for span in spans
        ]
    first, second = ([span.start, span.end] for span in (doc.spans["entity_1"][0], doc.spans["entity_2"][0]))
    doc._.relations = [
        {
            "head": "entity_1",
            "tail": "entity_2",
            "label": odd(),
            "score": random.random(),
            "key_mention_pairs": [{"head": first, "tail": second, "share": 1.0}],
            "evidence": [[0, 4]],
        }
    ]
    return doc


def test_hostile_documents(browser, save):
    docs = [hostile_doc(number) for number in range(100)]
    options: dict[str, Any] = {"title": "".join(HOSTILE[:6]), "colors": {HOSTILE[0]: "red"}}
    for minify in (False, True):
        browser.open(save(render(docs, page=True, minify=minify, options=options)))
        found = browser.run(
            """
            return DATA.documents.map((doc, number) => {
              show(number);
              shown.items[0].button.click();
              const text = document.querySelector(".text").cloneNode(true);
              text.querySelector("svg")?.remove();
              const parts = ["h2", ".relation .label"].map((part) => document.querySelector(part).textContent);
              return [...parts, text.textContent, document.scripts.length];
            });
            """
        )
        expected = [[doc.user_data["title"], doc._.relations[0].label, doc.text, 2] for doc in docs]
        assert found == expected
        assert browser.run("return window.hacked") is None
        assert not browser.run(
            "return document.querySelectorAll('img, iframe, object, svg:not(.arcs)').length"
        )
        browser.check_silence()


def test_overlapping_and_nested_mentions_and_wide_characters(browser, save):
    text = "😀 New York Times in שלום New York 👩‍🔬."
    words = ["😀", "New", "York", "Times", "in", "שלום", "New", "York", "👩‍🔬", "."]
    doc = Doc(VOCAB, words=words, spaces=[True] * 8 + [False, False])
    assert doc.text == text
    groups = [[(1, 4)], [(1, 3), (6, 8)], [(2, 5)], [(5, 6), (8, 9)], [(1, 3)]]
    for number, spans in enumerate(groups, 1):
        doc.spans[f"entity_{number}"] = [doc[start:end] for start, end in spans]
    doc._.relations = [
        {
            "head": "entity_3",
            "tail": "entity_4",
            "label": "r",
            "key_mention_pairs": [{"head": [2, 5], "tail": [8, 9], "share": 1.0}],
        }
    ]
    browser.open(save(render(doc, page=True)))
    assert browser.run("return document.querySelector('.text').textContent") == text
    # Every mention's elements together have the text of the mention, whatever else lies across it.
    found = browser.run("return shown.text.mentions.map(m => m.map(p => p.map(x => x.textContent).join('')))")
    assert found == [[doc[start:end].text for start, end in spans] for spans in groups]
    browser.click(".relation")
    assert browser.run("return [...document.querySelectorAll('.lit')].map(x => x.textContent).join('')") == (
        "York Times in👩‍🔬"
    )
    assert browser.texts(".pair .mention")[:2] == ["York Times in", "👩‍🔬"]
    browser.check_silence()


def random_doc(number: int) -> Doc:
    """Mentions at random, which nest and overlap, in sentences at random, with characters beyond U+FFFF."""
    random = Random(number)
    words = [random.choice(["a", "bc", "😀", "𝒳y", "ש", "\n"]) for _ in range(12)]
    starts = [place == 0 or random.random() < 0.3 for place in range(12)]
    doc = Doc(VOCAB, words=words, sent_starts=starts)
    for entity in range(1, 6):
        ends = [sorted(random.sample(range(13), 2)) for _ in range(random.randint(1, 4))]
        doc.spans[f"entity_{entity}"] = [doc[start:end] for start, end in ends]
    return doc


def test_mentions_have_their_text_however_they_lie(browser, save):
    docs = [random_doc(number) for number in range(200)]
    browser.open(save(render(docs, page=True)))
    found = browser.run(
        """
        return DATA.documents.map((doc) => {
          const text = buildText(doc);
          const joined = (pieces) => pieces.map((piece) => piece.textContent).join("");
          const mentions = text.mentions.map((pieces) => pieces.map(joined));
          return [text.node.textContent, mentions, text.sentences.map(joined)];
        });
        """
    )
    assert found == [
        [
            doc.text,
            [[mention.text for mention in entity.mentions] for entity in doc._.entities],
            [sentence.text for sentence in doc.sents],
        ]
        for doc in docs
    ]


def test_documents_without_much(browser, save):
    nothing = make_doc()
    nothing._.relations = []
    nlp = spacy.blank("en")
    browser.open(save(render([nlp(""), nlp("Nothing here."), nothing], page=True)))
    assert browser.texts("#empty") == ["The document has no entities, so there can be no relations."]
    browser.run("show(2)")
    assert browser.texts("#empty") == ["The document has no relations."]
    browser.click("#previous")
    assert browser.run("return document.querySelector('.text').textContent") == "Nothing here."
    browser.open(save(render([], page=True)))
    assert browser.texts("#empty") == ["There are no documents."]
    browser.check_silence()


def test_a_thousand_documents_open_in_two_seconds(browser, save):
    docs = list(generate_documents(VOCAB, 100)) * 10
    page = save(render(docs, page=True))
    browser.open(page)
    assert 0 < browser.seconds() < 2
    browser.click(".relation")
    assert lit(browser)
    assert browser.texts("#place") == ["1 of 1,000"]
    browser.check_silence()


def test_a_frame_shows_the_page_within_another(browser, save):
    frame = render(make_doc(), jupyter=False)
    browser.open(save(f"<!DOCTYPE html><html><body><p>mine</p>{frame}</body></html>"))
    browser.driver.switch_to.frame(0)
    try:
        browser.click(".relation")
        assert lit(browser) == ["Ann Lee", "Acme"]
        assert browser.run("try { return parent.document.title } catch { return null }") is None
    finally:
        browser.driver.switch_to.default_content()
    browser.check_silence()
