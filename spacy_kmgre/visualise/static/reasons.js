"use strict";
// A relation in the list of the page of documents, and the reasons for it.

const VERDICTS = { right: "✓ right", wrong: "✗ wrong", missed: "○ missed" };
// Mention pairs with a smaller share are folded away in the list, and marked more quietly in the text.
const WEAK = 0.01;

function relationItem(doc, relation, place) {
  const missed = relation.verdict === "missed";
  const bar = el("span");
  bar.style.setProperty("--part", missed ? "0%" : `${100 * relation.score}%`);
  const button = el("button", { type: "button", class: "relation", "aria-expanded": "false" },
    el("span", { class: "score" }, missed ? "gold" : score(relation.score), el("span", { class: "bar" }, bar)),
    el("span", { class: "name" }, entityName(doc, relation.head, "head"), " ",
      el("bdi", { class: "label", title: relation.label === relation.name ? undefined : relation.label }, relation.name),
      el("span", { class: "arrow", "aria-hidden": "true" }, " → "), entityName(doc, relation.tail, "tail"),
      relation.verdict && el("span", { class: `verdict ${relation.verdict}` }, ` ${VERDICTS[relation.verdict]}`)));
  button.addEventListener("click", () => chooseRelation(state.relation === place ? -1 : place));
  return { item: el("li", {}, button), button };
}

function buildReasons(doc, relation) {
  const why = el("div", { class: "why" });
  if (relation.pairs.length) {
    why.append(el("h3", {}, `Because of ${plural(relation.pairs.length, "key mention pair")}`),
      el("p", { class: "note legend" }, "%: the pair’s part in the relation’s score; together 100 %. key and relation: how " +
        "probable it is, from 0 to 1, that the pair says anything of how the two are related, and that it says this."));
    const items = relation.pairs.map((pair, number) => pairItem(doc, relation, pair, number));
    const leading = relation.pairs.filter((pair, number) => !number || pair.share >= WEAK).length;
    why.append(el("ol", { class: "pairs" }, ...items.slice(0, leading)));
    if (leading < items.length) {
      const rest = relation.pairs.slice(leading).reduce((sum, pair) => sum + pair.share, 0);
      why.append(el("details", { class: "rest" }, el("summary", {}, `${items.length - leading} more, together ${percent(rest)}`),
        el("ol", { class: "pairs", start: leading + 1 }, ...items.slice(leading))));
    }
  } else {
    why.append(el("p", { class: "note" }, "No key mention pairs are known for it; the mentions of both entities are marked."));
  }
  if (relation.evidence.length) {
    const links = relation.evidence.map((number) => {
      const link = el("button", { type: "button" }, el("span", { class: "unseen" }, "sentence "), el("b", {}, `${number + 1}`), " ",
        el("bdi", {}, doc.text.slice(...doc.sentences[number]).trim()));
      link.addEventListener("click", () => reveal(shown.text.sentences[number]));
      return el("li", {}, link);
    });
    why.append(el("h3", {}, `Evidence: ${plural(links.length, "sentence")}`), el("ul", { class: "evidence-links" }, ...links));
  }
  return why;
}

function pairItem(doc, relation, pair, number) {
  const name = (role) => paint(el("bdi", { class: `mention ${role}` }, mentionText(doc, relation[role], pair[role])), doc.entities[relation[role]], relation[role]);
  const item = el("li", { class: "pair", "data-pair": number },
    el("header", {},
      el("span", { class: "part", title: "The pair’s part in the score of this relation" }, percent(pair.share)),
      el("span", {}, name("head"), el("span", { class: "arrow", "aria-hidden": "true" }, " → "), el("span", { class: "unseen" }, "to "), name("tail")),
      el("span", { class: "scores", title: "key: how probable it is that the pair says anything. relation: how probable it is that it says this relation" },
        `key ${score(pair.key)} · relation ${score(pair.relation)}`)),
    ...quotePair(doc, relation, pair));
  item.addEventListener("pointerenter", () => point(number));
  item.addEventListener("pointerleave", () => point(-1));
  item.addEventListener("click", () => showPair(number));
  return item;
}

function mentionText(doc, entity, place) {
  return doc.text.slice(...doc.entities[entity].mentions[place]);
}

/** Fades the arcs of other mention pairs, and shows that of this one where it is a weak one. */
function point(pair) {
  for (const part of shown.text.node.querySelectorAll("[data-pair]")) {
    part.classList.toggle("faded", pair >= 0 && part.dataset.pair !== String(pair));
    part.classList.toggle("pointed", part.dataset.pair === String(pair));
  }
}
