"""A headless Chromium that reaches no network, and documents to show in it."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, Span

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
# What a page may load: itself, and what begins with no network at all.
LOCAL = ("file://", "data:", "about:", "chrome:", "blob:")


@dataclass
class Browser:
    """A browser, and what it has said since a page was opened."""

    driver: Any

    def open(self, page: Path) -> "Browser":
        self.logs()
        self.driver.execute_cdp_cmd("Performance.disable", {})
        self.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        self.driver.get(page.as_uri())
        return self

    def run(self, script: str, *args: Any) -> Any:
        return self.driver.execute_script(script, *args)

    def click(self, selector: str, number: int = 0) -> None:
        """Click as a person does: on the element's middle, where something else may lie above it."""
        element = self.driver.find_elements("css selector", selector)[number]
        self.run("arguments[0].scrollIntoView({block: 'nearest'})", element)
        element.click()

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that can be seen."""
        found = self.driver.find_elements("css selector", selector)
        return [element.text for element in found if element.is_displayed()]

    def move_slider(self, value: float) -> None:
        self.run(
            "const slider = document.getElementById('threshold'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input'))",
            value,
        )

    def seconds(self) -> float:
        """The time for which the page has worked since it was opened: that of a machine which does nothing else."""
        metrics = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    def logs(self) -> tuple[list[str], list[str]]:
        """Messages of the console, and addresses that were asked for, since the last call."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return console, urls

    def check_silence(self) -> None:
        """See that nothing went wrong, and that only files of this machine were asked for. The browser's first
        tab loads pages of its own."""
        console, found = self.logs()
        urls = [url for url in found if not url.startswith(("chrome:", "chrome-untrusted:"))]
        assert console == []
        assert urls and all(url.startswith(LOCAL) for url in urls)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory) -> Iterator[Any]:
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("needs chromium and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1400,900",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.chrome.service.Service(CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium) -> Browser:
    return Browser(chromium)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a page."""

    def write(html: str | None, name: str = "page.html") -> Path:
        assert html is not None
        path = tmp_path / name
        path.write_text(html, encoding="utf8")
        return path

    return write


NLP = spacy.blank("en")
NLP.add_pipe("sentencizer")
TEXT = "Ann Lee founded Acme. She lives in Oslo. Lee works near Oslo. Bolt is quiet."


def make_doc(text: str = TEXT, title: str = "Ann") -> Doc:
    """Ann (three mentions), Acme, Oslo (two), and Bolt, which has no relation; three relations with key mention
    pairs."""
    doc = NLP(text)
    doc.user_data["title"] = title

    def span(words: str, label: str, occurrence: int = 0) -> Span:
        start = -1
        for _ in range(occurrence + 1):
            start = text.index(words, start + 1)
        found = doc.char_span(start, start + len(words), label=label)
        assert found is not None
        return found

    lee = text.index("Lee works") if "Lee works" in text else 0
    doc.spans["entity_1"] = [
        span("Ann Lee", "PER"),
        span("She", "PER"),
        doc.char_span(lee, lee + 3, label="PER"),
    ]
    doc.spans["entity_2"] = [span("Acme", "ORG")]
    doc.spans["entity_3"] = [span("Oslo", "LOC"), span("Oslo", "LOC", 1)]
    doc.spans["entity_4"] = [span("Bolt", "ORG")]
    (ann, she, lee_), (acme,), (oslo, other_oslo) = (
        [[mention.start, mention.end] for mention in doc.spans[f"entity_{number}"]] for number in (1, 2, 3)
    )

    def relation(
        head: str, label: str, tail: str, score: float, *pairs: Any, evidence: Any
    ) -> dict[str, Any]:
        sents = list(doc.sents)
        return {
            "head": head,
            "tail": tail,
            "label": label,
            "score": score,
            "key_mention_pairs": [
                {"head": h, "tail": t, "share": share, "key_score": 0.9, "relation_score": 0.8}
                for h, t, share in pairs
            ],
            "evidence": [[sents[number].start, sents[number].end] for number in evidence],
        }

    doc._.relations = [
        relation("entity_1", "founded", "entity_2", 0.9, (ann, acme, 1.0), evidence=[0]),
        relation(
            "entity_1", "lives_in", "entity_3", 0.7, (she, oslo, 0.75), (ann, other_oslo, 0.25), evidence=[1]
        ),
        relation("entity_1", "works_in", "entity_3", 0.4, (lee_, other_oslo, 1.0), evidence=[2]),
    ]
    return doc
