"use strict";
// The page of documents: an index, the text, and the relations, of which one can be chosen.

const DATA = readData();
// The number of entities that are shown above a text before one asks for all.
const CHIPS = 24;

const state = { document: 0, relation: -1, pair: 0, entity: -1, threshold: DATA.threshold, query: "", hidden: new Set() };
// What is built for the document on show.
let shown = { text: null, items: [], chips: [] };

/** Whether a relation counts as predicted at the threshold. */
function predicted(relation) {
  return relation.verdict !== "missed" && relation.score >= state.threshold;
}

function isVisible(doc, relation, search) {
  if (relation.verdict !== "missed" && relation.score < state.threshold) return false;
  if (state.hidden.has(relation.verdict)) return false;
  if (state.entity >= 0 && relation.head !== state.entity && relation.tail !== state.entity) return false;
  return !search || found(search, relationTexts(doc, relation));
}

function relationTexts(doc, relation) {
  const names = [doc.entities[relation.head], doc.entities[relation.tail]].flatMap((entity) => [entity.text, entity.kb_id]);
  return [...names, relation.name, relation.label];
}

function documentTexts(doc) {
  return [doc.title, doc.text, ...doc.entities.flatMap((entity) => [entity.text, entity.label, entity.kb_id]),
    ...doc.relations.flatMap((relation) => [relation.name, relation.label])];
}

function entityName(doc, number, role) {
  const entity = doc.entities[number];
  return paint(el("bdi", { class: `mention ${role}`, title: [entity.label, entity.kb_id].filter(Boolean).join(" · ") || undefined },
    entity.text), entity, number);
}

// The index of documents.

const index = DATA.documents.map((doc, number) => {
  const count = el("small");
  const button = el("button", { type: "button" }, el("span", { class: "title", dir: "auto" }, doc.title), count);
  button.addEventListener("click", () => { show(number); openIndex(false); });
  const item = el("li", {}, button);
  return { item, button, count };
});

function updateIndex() {
  const search = pattern(state.query);
  let matches = 0;
  DATA.documents.forEach((doc, number) => {
    const { item, button, count } = index[number];
    item.hidden = Boolean(search) && !found(search, documentTexts(doc));
    matches += !item.hidden;
    count.textContent = plural(doc.relations.filter(predicted).length, "relation");
    if (number === state.document) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  byId("index-empty").hidden = matches > 0;
  return matches;
}

/** Shows or hides the index where the page is too narrow to have it always. */
function openIndex(open) {
  byId("index").classList.toggle("open", open);
  byId("open-index").setAttribute("aria-expanded", String(open));
  if (open) index[state.document].button.focus();
}

/** The numbers of the documents that the search leaves. */
function listed() {
  return index.flatMap(({ item }, number) => (item.hidden ? [] : [number]));
}

function updateSteps() {
  const numbers = listed();
  const place = numbers.indexOf(state.document);
  byId("place").textContent = `${NUMBERS.format(state.document + 1)} of ${NUMBERS.format(DATA.documents.length)}`;
  byId("previous").disabled = !numbers.some((number) => number < state.document);
  byId("next").disabled = !numbers.some((number) => number > state.document);
  return place;
}

function step(direction) {
  const numbers = listed().filter((number) => (number - state.document) * direction > 0);
  if (numbers.length) show(direction > 0 ? numbers[0] : numbers[numbers.length - 1]);
}

// A document.

function show(number) {
  state.document = number;
  state.relation = -1;
  state.entity = -1;
  const doc = DATA.documents[number];
  const text = buildText(doc);
  const facts = [plural(doc.entities.length, "entity", "entities"), plural(doc.relations.length, "relation"),
    doc.sentences.length && plural(doc.sentences.length, "sentence")].filter(Boolean).join(" · ");
  shown = { text, items: doc.relations.map((relation, place) => relationItem(doc, relation, place)), chips: buildChips(doc) };
  const [up, down] = beyond.map(({ node }) => node);
  byId("document").replaceChildren(
    up, el("h2", { dir: "auto", id: "title" }, doc.title), el("p", { class: "facts" }, facts), ...shown.chips,
    doc.text.trim() ? text.node : el("p", { class: "note" }, "The document has no text."), down,
  );
  byId("relations").replaceChildren(...shown.items.map(({ item }) => item));
  byId("document").scrollTop = 0;
  byId("scroll").scrollTop = 0;
  text.node.addEventListener("click", (event) => {
    const mention = event.target.closest(".mention");
    if (mention) chooseEntity(Number(mention.dataset.entity));
  });
  text.node.addEventListener("pointerover", (event) => kin(event.target.closest(".mention")?.dataset.entity));
  text.node.addEventListener("pointerleave", () => kin());
  sizes.disconnect();
  sizes.observe(text.node);
  update();
  index[number].button.scrollIntoView({ block: "nearest" });
}

/** Shows which mentions are of one entity. */
function kin(number) {
  shown.text.mentions.forEach((mentions, entity) => {
    for (const piece of mentions.flat()) piece.classList.toggle("kin", String(entity) === number);
  });
}

function buildChips(doc) {
  const order = [...doc.entities.keys()].sort((a, b) => doc.entities[b].related - doc.entities[a].related || a - b);
  const chips = order.map((number) => {
    const entity = doc.entities[number];
    const chip = paint(el("button", { type: "button", class: entity.related ? "chip" : "chip quiet", "aria-pressed": "false", "data-entity": number },
      el("bdi", {}, entity.text), el("small", {}, [entity.label, `×${entity.mentions.length}`].filter(Boolean).join(" "))), entity, number);
    chip.addEventListener("click", () => chooseEntity(number));
    return el("li", {}, chip);
  });
  if (!chips.length) return [];
  const list = el("ul", { class: "entities", "aria-label": "Entities" }, ...chips);
  if (chips.length > CHIPS) {
    for (const chip of chips.slice(CHIPS)) chip.hidden = true;
    const more = el("button", { type: "button", class: "more" }, `all ${plural(chips.length, "entity", "entities")}`);
    more.addEventListener("click", () => {
      for (const chip of chips) chip.hidden = false;
      chips[CHIPS].querySelector("button").focus();
      more.parentElement.remove();
    });
    list.append(el("li", {}, more));
  }
  return [list];
}

function chooseEntity(number) {
  state.entity = state.entity === number ? -1 : number;
  const relation = DATA.documents[state.document].relations[state.relation];
  if (relation && state.entity >= 0 && relation.head !== number && relation.tail !== number) state.relation = -1;
  update();
}

function chooseRelation(place) {
  state.relation = place;
  state.pair = 0;
  update();
  const doc = DATA.documents[state.document];
  const relation = doc.relations[place];
  if (!relation) return;
  if (relation.pairs.length) showPair(0);
  else reveal([...shown.text.node.querySelectorAll(".mention.lit")]);
  shown.items[place].item.scrollIntoView({ block: "nearest" });
  const because = relation.pairs.map((pair) =>
    `${mentionText(doc, relation.head, pair.head)} to ${mentionText(doc, relation.tail, pair.tail)}, ${percent(pair.share)}`);
  byId("said").textContent = `${doc.entities[relation.head].text}, ${relation.name}, ${doc.entities[relation.tail].text}. ` +
    `${plural(relation.pairs.length, "key mention pair")} marked. ${because.slice(0, 3).join("; ")}`;
}

/** Marks the mentions and sentences of the chosen relation in the text, and draws its arcs. */
function lightUp(doc) {
  const relation = doc.relations[state.relation];
  const { text } = shown;
  text.node.classList.toggle("chosen", Boolean(relation));
  const lit = new Map();
  const weights = new Map();
  const add = (counts, key, share) => counts.set(key, Math.min(1, (counts.get(key) ?? 0) + share));
  for (const role of relation ? ["head", "tail"] : []) {
    const entity = relation[role];
    for (const pair of relation.pairs) {
      add(lit, `${entity} ${pair[role]}`, pair.share);
      for (const number of sentencesOf(doc, doc.entities[entity].mentions[pair[role]])) add(weights, number, pair.share);
    }
    if (!relation.pairs.length) doc.entities[entity].mentions.forEach((_, place) => lit.set(`${entity} ${place}`, 1));
  }
  for (const number of relation?.evidence ?? []) weights.set(number, 1);
  text.mentions.forEach((mentions, entity) => mentions.forEach((pieces, place) => {
    const share = lit.get(`${entity} ${place}`);
    for (const piece of pieces) {
      piece.classList.toggle("side", Boolean(relation) && (entity === relation.head || entity === relation.tail));
      piece.classList.toggle("lit", share !== undefined);
      piece.classList.toggle("weak", share < WEAK);
    }
  }));
  text.sentences.forEach((pieces, number) => {
    for (const piece of pieces) {
      piece.classList.toggle("said", weights.has(number));
      piece.classList.toggle("evidence", Boolean(relation?.evidence.includes(number)));
      piece.style.setProperty("--weight", `${Math.round(20 + 80 * (weights.get(number) ?? 0))}%`);
    }
  });
  drawArcs(text, relation);
  updateBeyond();
}

// What follows from the state.

function update() {
  const doc = DATA.documents[state.document];
  const search = pattern(state.query);
  const matches = updateIndex();
  updateSteps();
  let visible = 0;
  doc.relations.forEach((relation, place) => {
    const { item } = shown.items[place];
    item.hidden = !isVisible(doc, relation, search);
    visible += !item.hidden;
    if (item.hidden && place === state.relation) state.relation = -1;
  });
  shown.items.forEach(({ item, button }, place) => {
    const open = place === state.relation;
    button.setAttribute("aria-expanded", String(open));
    if (open && item.children.length === 1) item.append(buildReasons(doc, doc.relations[place]));
    if (!open) item.querySelector(".why")?.remove();
  });
  for (const chip of byId("document").querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", String(Number(chip.dataset.entity) === state.entity));
  }
  byId("count").textContent = visible === doc.relations.length ? String(visible) : `${visible} of ${doc.relations.length}`;
  byId("threshold-value").textContent = state.threshold.toFixed(2);
  byId("empty").hidden = visible > 0;
  byId("empty").textContent = doc.relations.length ? "No relation is left by threshold, search and choice."
    : doc.entities.length ? "The document has no relations." : "The document has no entities, so there can be no relations.";
  byId("hint").hidden = visible === 0 || state.relation >= 0;
  byId("about-entity").hidden = state.entity < 0;
  if (state.entity >= 0) byId("entity-name").textContent = doc.entities[state.entity].text;
  byId("verdicts").hidden = !doc.compared;
  byId("uncompared").hidden = doc.compared || !DATA.compared;
  if (doc.compared) updateVerdicts(doc);
  lightUp(doc);
  if (CSS.highlights) {
    CSS.highlights.delete("found");
    if (search) CSS.highlights.set("found", new Highlight(...findRanges(doc, shown.text.runs, search)));
  }
  return matches;
}

/** Counts what is right at the threshold, and how well that is. */
function updateVerdicts(doc) {
  const gold = doc.relations.filter((relation) => relation.verdict !== "wrong").length;
  const right = doc.relations.filter((relation) => relation.verdict === "right" && predicted(relation)).length;
  const wrong = doc.relations.filter((relation) => relation.verdict === "wrong" && predicted(relation)).length;
  const counts = { right, wrong, missed: gold - right };
  for (const name of Object.keys(VERDICTS)) byId(`${name}-count`).textContent = `${VERDICTS[name]} ${counts[name]}`;
  const rate = (part, whole) => (whole ? (100 * part / whole).toFixed(0) : "–");
  byId("rates").textContent = `precision ${rate(right, right + wrong)} · recall ${rate(right, gold)} · F ${rate(2 * right, right + wrong + gold)}`;
}

const sizes = new ResizeObserver(() => {
  drawArcs(shown.text, DATA.documents[state.document].relations[state.relation]);
  updateBeyond();
});

byId("documents").append(...index.map(({ item }) => item));
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("open-index").addEventListener("click", () => openIndex(!byId("index").classList.contains("open")));
byId("all-entities").addEventListener("click", () => chooseEntity(state.entity));
byId("threshold").addEventListener("input", (event) => { state.threshold = Number(event.target.value); update(); });
byId("search").addEventListener("input", (event) => {
  state.query = event.target.value;
  const matches = update();
  byId("said").textContent = `${plural(matches, "document")} found, ${byId("count").textContent} relations here.`;
});
byId("search").addEventListener("keydown", (event) => {
  const [first] = listed();
  if (event.key === "Enter" && first !== undefined && index[state.document].item.hidden) show(first);
});
for (const name of Object.keys(VERDICTS)) {
  byId(`show-${name}`).addEventListener("change", (event) => {
    if (event.target.checked) state.hidden.delete(name);
    else state.hidden.add(name);
    update();
  });
}
byId("relations").addEventListener("keydown", (event) => {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (!(event.key in moves) || !event.target.matches(".relation")) return;
  event.preventDefault();
  const buttons = shown.items.filter(({ item }) => !item.hidden).map(({ button }) => button);
  buttons[buttons.indexOf(event.target) + moves[event.key]]?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  openIndex(false);
  state.relation = -1;
  state.entity = -1;
  update();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("#index, #open-index")) openIndex(false);
});

if (DATA.documents.length) show(0);
else byId("empty").hidden = false;
