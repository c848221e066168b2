"use strict";
// The graph of a corpus: nodes and edges on a canvas, and the same relations as a list.

const DATA = readData();
// The number of relations that the list shows at first, and more at a time.
const BATCH = 100;
// Where there are more edges they are straight and without arrows, but for those of what is chosen.
const MANY = DATA.edges.length > 400;
// Names: their height on the screen whatever the zoom is, their number of characters, and the room around each, all in
// pixels but the second.
const FONT = 12;
const NAME = 28;
const ROOM = { x: 18, y: 10 };
// The pixels around the whole graph, in which lie the buttons and the legend.
const MARGIN = 110;

const state = { edge: -1, node: -1, threshold: DATA.threshold, query: "", rows: BATCH };
const types = [...new Set(DATA.nodes.map((node) => node.label))].sort();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The colour of a type of entities, in the notation that cytoscape.js reads. */
function typeColor(label) {
  if (DATA.colors[label] !== undefined) return DATA.colors[label];
  return `hsl(${((types.indexOf(label) * 137.508 + 215) % 360).toFixed(0)}, ${dark.matches ? "50%, 62%" : "55%, 52%"})`;
}

function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function looks() {
  const [ink, paper, accent, line] = ["--ink", "--paper", "--accent", "--line"].map(variable);
  return [
    { selector: "node", style: {
      "background-color": "data(color)",
      width: "data(size)", height: "data(size)",
      color: ink, "text-valign": "bottom", "text-outline-color": paper,
    } },
    { selector: "node.named", style: { label: "data(text)", "font-size": "data(font)", "text-outline-width": "data(outline)", "text-margin-y": "data(outline)" } },
    { selector: "edge", style: {
      width: "data(width)", "line-color": line, opacity: 0.55, "curve-style": MANY ? "haystack" : "bezier",
      "target-arrow-shape": "triangle", "target-arrow-color": line, "arrow-scale": 0.8,
    } },
    { selector: ".hidden", style: { display: "none" } },
    { selector: ".faint", style: { opacity: 0.12 } },
    { selector: "edge.near", style: { opacity: 0.9, "curve-style": "bezier", label: "data(text)", "font-size": "data(font)", color: ink,
      "text-rotation": "autorotate", "text-outline-color": paper, "text-outline-width": "data(outline)", "z-index-compare": "manual", "z-index": 1 } },
    { selector: "edge.chosen", style: { "line-color": accent, "target-arrow-color": accent, opacity: 1, width: 4, color: accent } },
    { selector: "node.chosen", style: { "border-width": 3, "border-color": accent } },
  ];
}

// The canvas comes last: the list can be read, and a sketch of the graph be seen, before cytoscape.js has begun.
let canvas = null;

// A large graph, which is seen from afar at first, has larger nodes and edges.
const scale = Math.max(1, Math.min(2.2, 0.4 / wholeView().zoom));
const nodeSize = (node) => scale * Math.min(46, 14 + 5 * Math.sqrt(node.mentions));
const edgeWidth = (edge) => scale * Math.min(6, 1 + Math.log2(edge.count));

/** Draws nodes and edges as they will be on the canvas, in a hundredth of the time. */
function sketch() {
  const box = byId("graph").getBoundingClientRect();
  const ratio = devicePixelRatio;
  const node = el("canvas", { id: "sketch", width: Math.ceil(box.width * ratio), height: Math.ceil(box.height * ratio) });
  const pen = node.getContext("2d");
  const { zoom, pan } = wholeView();
  pen.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * pan.x, ratio * pan.y);
  pen.strokeStyle = variable("--line");
  pen.globalAlpha = 0.55;
  const shown = DATA.edges.filter((edge) => edge.score >= state.threshold);
  for (const edge of shown) {
    const [head, tail] = [DATA.nodes[edge.head], DATA.nodes[edge.tail]];
    pen.lineWidth = edgeWidth(edge);
    pen.beginPath();
    pen.moveTo(head.x, head.y);
    pen.lineTo(tail.x, tail.y);
    pen.stroke();
  }
  pen.globalAlpha = 1;
  for (const { x, y, ...node } of DATA.nodes) {
    pen.fillStyle = typeColor(node.label);
    pen.beginPath();
    pen.arc(x, y, nodeSize(node) / 2, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = `${FONT}px Helvetica Neue, Helvetica, sans-serif`;  // as cytoscape.js has it
  [pen.textAlign, pen.textBaseline, pen.lineJoin, pen.lineWidth] = ["center", "top", "round", 4];
  [pen.strokeStyle, pen.fillStyle] = [variable("--paper"), variable("--ink")];
  for (const number of namesToShow(zoom)) {
    const place = DATA.nodes[number];
    const [x, y] = [zoom * place.x + pan.x, zoom * (place.y + nodeSize(place) / 2) + pan.y + 2];
    pen.strokeText(shortName(place), x, y);
    pen.fillText(shortName(place), x, y);
  }
  byId("graph").append(node);
}

function startCanvas() {
  const elements = [
    ...DATA.nodes.map((node, number) => ({ group: "nodes", position: { x: node.x, y: node.y }, data: {
      id: `n${number}`, number, text: shortName(node),
      color: typeColor(node.label), size: nodeSize(node) } })),
    ...DATA.edges.map((edge, number) => ({ group: "edges", data: {
      id: `e${number}`, number, text: edge.name, source: `n${edge.head}`, target: `n${edge.tail}`, width: edgeWidth(edge) } })),
  ];
  canvas = cytoscape({
    container: byId("graph"), style: looks(), ...wholeView(),
    minZoom: 0.02, maxZoom: 4, textureOnViewport: MANY, hideEdgesOnViewport: DATA.edges.length > 1000,
  });
  // The renderer keeps a picture of each element, which costs more than drawing a graph of this size does.
  const renderer = canvas.renderer();
  renderer.drawLayeredElements = renderer.drawCachedElements = (context, chosen) => renderer.drawElements(context, chosen);
  canvas.add(elements);
  canvas.on("tap", "edge", (event) => chooseEdge(event.target.data("number")));
  canvas.on("tap", "node", (event) => chooseNode(event.target.data("number")));
  canvas.on("tap", (event) => { if (event.target === canvas) { state.edge = -1; state.node = -1; update(); } });
  canvas.on("zoom", () => { clearTimeout(naming); naming = setTimeout(updateNames, 60); });
  canvas.one("render", () => byId("sketch").remove());
  if (state.edge >= 0 || state.node >= 0 || state.threshold > 0 || state.query) updateCanvas();
  else updateNames();
}

/** The zoom and place that show all nodes. cytoscape.js would measure every name for that. */
function wholeView() {
  const box = byId("graph").getBoundingClientRect();
  const [xs, ys] = [DATA.nodes.map((node) => node.x), DATA.nodes.map((node) => node.y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  if (!DATA.nodes.length) return { zoom: 1, pan: { x: 0, y: 0 } };
  const zoom = Math.min(1.4, (box.width - MARGIN) / (right - left + 1), (box.height - MARGIN) / (bottom - top + 1));
  return { zoom, pan: { x: box.width / 2 - zoom * (left + right) / 2, y: box.height / 2 - zoom * (top + bottom) / 2 } };
}

let naming = 0;

function shortName(node) {
  return node.text.length > NAME ? `${node.text.slice(0, NAME)}…` : node.text;
}

// The numbers of nodes, those with the most relations first.
const byDegree = (() => {
  const degrees = DATA.nodes.map(() => 0);
  for (const edge of DATA.edges) for (const end of [edge.head, edge.tail]) degrees[end] += edge.count;
  return [...degrees.keys()].sort((a, b) => degrees[b] - degrees[a] || a - b);
})();

/** The nodes whose names have room at a zoom: those with the most relations first, none over another's name. */
function namesToShow(zoom) {
  const [rows, chosen] = [new Map(), new Set()];
  for (const number of byDegree) {
    const node = DATA.nodes[number];
    const half = 0.29 * FONT * Math.min(node.text.length, NAME) + ROOM.x;
    const [x, y] = [zoom * node.x, zoom * (node.y + nodeSize(node) / 2)];
    const row = Math.floor(y / (FONT + ROOM.y));
    const beside = [row - 1, row, row + 1].flatMap((near) => rows.get(near) ?? []);
    if (beside.some((other) => Math.abs(other.y - y) < FONT + ROOM.y && Math.abs(other.x - x) < other.half + half)) continue;
    rows.set(row, [...(rows.get(row) ?? []), { x, y, half }]);
    chosen.add(number);
  }
  return chosen;
}

/** Shows the names that have room, or those of what is chosen. */
function updateNames() {
  const [zoom, chosen] = [canvas.zoom(), canvas.nodes(".chosen, .beside")];
  const names = chosen.length ? new Set(chosen.map((node) => node.data("number"))) : namesToShow(zoom);
  const size = { font: FONT / zoom, outline: 2 / zoom };
  canvas.batch(() => {
    canvas.nodes().forEach((node) => {
      const named = names.has(node.data("number"));
      if (named) node.data(size);
      if (named !== node.hasClass("named")) node.toggleClass("named", named);
    });
    canvas.edges(".near").forEach((edge) => { edge.data(size); });
  });
}

function isVisible(edge, search) {
  if (edge.score < state.threshold) return false;
  if (state.node >= 0 && edge.head !== state.node && edge.tail !== state.node) return false;
  return !search || found(search, [edge.name, edge.label,
    ...[edge.head, edge.tail].flatMap((number) => [...DATA.nodes[number].names, DATA.nodes[number].kb_id])]);
}

function nodeName(number) {
  const node = DATA.nodes[number];
  const name = el("bdi", { class: "mention", title: [node.label, node.kb_id].filter(Boolean).join(" · ") || undefined }, node.text);
  name.style.setProperty("--own", typeColor(node.label));
  name.dataset.own = "";
  return name;
}

function quoteNode(pieces, edge) {
  const roles = { head: edge.head, tail: edge.tail };
  return el("q", { dir: "auto" }, ...pieces.map(([text, role]) => {
    if (!role) return text;
    const mark = el("mark", { class: "mention" }, text);
    mark.style.setProperty("--own", typeColor(DATA.nodes[roles[role]].label));
    mark.dataset.own = "";
    return mark;
  }));
}

function row(number) {
  const edge = DATA.edges[number];
  const open = number === state.edge;
  const bar = el("span");
  bar.style.setProperty("--part", `${100 * edge.score}%`);
  const button = el("button", { type: "button", class: "relation", "aria-expanded": String(open), "data-edge": number },
    el("span", { class: "score" }, score(edge.score), el("span", { class: "bar" }, bar)),
    el("span", { class: "name" }, nodeName(edge.head), " ", el("bdi", { class: "label" }, edge.name),
      el("span", { class: "arrow", "aria-hidden": "true" }, " → "), nodeName(edge.tail),
      edge.count > 1 && el("span", { class: "count" }, ` in ${plural(edge.count, "place")}`)));
  button.addEventListener("click", () => { chooseEdge(open ? -1 : number); byId("relations").querySelector(`[data-edge="${number}"]`)?.focus(); });
  const item = el("li", {}, button);
  if (open) {
    const hidden = edge.count - edge.statements.length;
    item.append(el("div", { class: "why" },
      ...edge.statements.map((statement) => el("div", { class: "statement" },
        el("header", {}, el("bdi", {}, DATA.documents[statement.document]), el("span", {}, score(statement.score))),
        ...statement.pairs.map((pair) => el("p", { class: "because" }, el("b", { title: "The pair’s part in the score of the relation" }, percent(pair.share)), " ",
          el("bdi", {}, pair.head), el("span", { class: "arrow", "aria-hidden": "true" }, " → "), el("span", { class: "unseen" }, "to "), el("bdi", {}, pair.tail))),
        statement.more > 0 && el("p", { class: "because" }, plural(statement.more, "more key mention pair")),
        ...statement.quotes.map((pieces) => quoteNode(pieces, edge)))),
      edge.statements.some(({ pairs }) => pairs.length) && el("p", { class: "note" }, "%: the part of each key mention pair in the relation’s score. The text is that of the first pair."),
      hidden > 0 && el("p", { class: "note" }, `${plural(hidden, "more place")} not shown`)));
  }
  return item;
}

function update() {
  const search = pattern(state.query);
  const visible = DATA.edges.flatMap((edge, number) => (isVisible(edge, search) ? [number] : []));
  const among = new Set(visible);
  if (!among.has(state.edge)) state.edge = -1;
  state.rows = Math.max(state.rows, visible.indexOf(state.edge) + 1);
  byId("relations").replaceChildren(...visible.slice(0, state.rows).map(row));
  byId("more").hidden = visible.length <= state.rows;
  byId("empty").hidden = visible.length > 0;
  byId("hint").hidden = !visible.length || state.edge >= 0 || state.node >= 0;
  byId("count").textContent = visible.length === DATA.edges.length ? NUMBERS.format(visible.length) : `${NUMBERS.format(visible.length)} of ${NUMBERS.format(DATA.edges.length)}`;
  byId("threshold-value").textContent = state.threshold.toFixed(2);
  byId("about-entity").hidden = state.node < 0;
  if (state.node >= 0) {
    const node = DATA.nodes[state.node];
    byId("entity-facts").replaceChildren(nodeName(state.node), [node.label, node.kb_id, plural(node.mentions, "mention"), plural(node.documents, "document")].filter(Boolean).map((fact) => ` · ${fact}`).join(""),
      ...(node.names.length > 1 ? [el("br"), el("bdi", {}, `also ${node.names.slice(1, 6).join(", ")}`)] : []));
  }
  updateCanvas();
}

/** Marks on the canvas what is chosen and what is found. */
function updateCanvas() {
  if (!canvas) return;
  const search = pattern(state.query);
  const visible = DATA.edges.flatMap((edge, number) => (isVisible(edge, search) ? [number] : []));
  const among = new Set(visible);
  const near = new Set(state.edge >= 0 ? [state.edge] : state.node >= 0 ? visible : []);
  const marked = near.size ? [...near] : search ? visible : [];
  const ends = new Set(marked.flatMap((number) => [DATA.edges[number].head, DATA.edges[number].tail]));
  canvas.batch(() => {
    canvas.edges().forEach((edge) => {
      const number = edge.data("number");
      edge.toggleClass("hidden", DATA.edges[number].score < state.threshold);
      if (near.has(number)) edge.data({ font: FONT, outline: 2 });
      edge.toggleClass("near", near.has(number));
      edge.toggleClass("chosen", number === state.edge);
      edge.toggleClass("faint", near.size > 0 ? !near.has(number) : Boolean(search) && !among.has(number));
    });
    canvas.nodes().forEach((node) => {
      const number = node.data("number");
      node.toggleClass("chosen", number === state.node || (state.edge >= 0 && ends.has(number)));
      node.toggleClass("beside", near.size > 0 && near.size < BATCH && ends.has(number));
      node.toggleClass("faint", (ends.size > 0 || Boolean(search)) && !ends.has(number));
    });
  });
  updateNames();
}

function chooseEdge(number) {
  state.edge = number;
  update();
  const edge = DATA.edges[number];
  if (!edge) return;
  byId("relations").querySelector('[aria-expanded="true"]')?.closest("li").scrollIntoView({ block: "nearest" });
  if (canvas) bringIntoView(canvas.getElementById(`e${number}`).connectedNodes());
  byId("said").textContent = `${DATA.nodes[edge.head].text}, ${edge.name}, ${DATA.nodes[edge.tail].text}, ${plural(edge.count, "place")}`;
}

function chooseNode(number) {
  state.node = state.node === number ? -1 : number;
  state.rows = BATCH;
  update();
  byId("scroll").scrollTop = 0;
}

/** Moves the canvas where what is chosen cannot be read on it. */
function bringIntoView(elements) {
  const view = canvas.extent();
  const box = elements.boundingBox();
  if (box.x1 < view.x1 || box.x2 > view.x2 || box.y1 < view.y1 || box.y2 > view.y2 || canvas.zoom() < 0.5) {
    canvas.fit(elements, 120);
    if (canvas.zoom() > 1.4) canvas.zoom({ level: 1.4, position: { x: (box.x1 + box.x2) / 2, y: (box.y1 + box.y2) / 2 } });
    canvas.center(elements);
  }
}

function zoom(factor) {
  if (!canvas) return;
  canvas.zoom({ level: canvas.zoom() * factor, renderedPosition: { x: canvas.width() / 2, y: canvas.height() / 2 } });
}

dark.addEventListener("change", () => {
  if (!canvas) return;
  canvas.nodes().forEach((node) => { node.data("color", typeColor(DATA.nodes[node.data("number")].label)); });
  canvas.style(looks());
});
byId("fit").addEventListener("click", () => canvas?.viewport(wholeView()));
byId("closer").addEventListener("click", () => zoom(1.4));
byId("farther").addEventListener("click", () => zoom(1 / 1.4));
byId("more").addEventListener("click", () => { state.rows += BATCH; update(); });
byId("all-entities").addEventListener("click", () => chooseNode(state.node));
byId("threshold").addEventListener("input", (event) => { state.threshold = Number(event.target.value); update(); });
byId("search").addEventListener("input", (event) => { state.query = event.target.value; state.rows = BATCH; update(); });
byId("relations").addEventListener("keydown", (event) => {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (!(event.key in moves) || !event.target.matches(".relation")) return;
  event.preventDefault();
  const buttons = [...byId("relations").querySelectorAll(".relation")];
  buttons[buttons.indexOf(event.target) + moves[event.key]]?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { state.edge = -1; state.node = -1; update(); }
});
byId("legend").append(...types.filter(Boolean).map((label) => {
  const dot = el("i", { "aria-hidden": "true" });
  dot.style.setProperty("--dot", typeColor(label));
  return el("li", {}, dot, el("bdi", {}, label));
}));
const left = DATA.all.edges - DATA.edges.length;
if (!DATA.edges.length) byId("empty").textContent = "The documents have no relations.";
byId("facts").textContent = [plural(DATA.documents.length, "document"), plural(DATA.nodes.length, "entity", "entities"), plural(DATA.edges.length, "relation")].join(" · ") +
  (left > 0 ? ` · ${NUMBERS.format(left)} rarer relations left out` : "");
update();
sketch();
requestAnimationFrame(() => setTimeout(startCanvas));
