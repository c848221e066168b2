"use strict";
// The arcs of the chosen relation: one for each key mention pair, as thick as its share.

const SVG = "http://www.w3.org/2000/svg";
// Pixels: between arcs that lie beside each other, before the tip of an arrow, and of the radius of a corner.
const [LANE, TIP, CORNER] = [3.5, 3, 6];
// The pixels that a share takes.
const SHARE = { width: 34, height: 11 };

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** The boxes of the lines that a mention is on, within the text's own box. */
function boxes(pieces, origin) {
  return pieces.flatMap((piece) => [...piece.getClientRects()]).filter((box) => box.width).map((box) => ({
    left: box.left - origin.left,
    right: box.right - origin.left,
    top: box.top - origin.top,
    bottom: box.bottom - origin.top,
    middle: (box.left + box.right) / 2 - origin.left,
  }));
}

/** The two boxes, one of each mention, that are nearest to each other. */
function nearest(heads, tails) {
  let best = null;
  for (const head of heads) {
    for (const tail of tails) {
      const distance = Math.abs(head.middle - tail.middle) + 3 * Math.abs(head.top - tail.top);
      if (best === null || distance < best.distance) best = { head, tail, distance };
    }
  }
  return best;
}

/** A path through points, with round corners. */
function rounded(points) {
  const corners = points.slice(1, -1).map((corner, number) => {
    const [[before, after], [x, y]] = [[points[number], points[number + 2]], corner];
    const toward = ([endX, endY]) => {
      const length = Math.hypot(endX - x, endY - y) || 1;
      const part = Math.min(CORNER, length / 2) / length;
      return `${x + part * (endX - x)} ${y + part * (endY - y)}`;
    };
    return `L ${toward(before)} Q ${x} ${y} ${toward(after)}`;
  });
  return `M ${points[0].join(" ")} ${corners.join(" ")} L ${points[points.length - 1].join(" ")}`;
}

/**
 * The path from a mention to another, and the place of its share. It crosses no word: it runs between the lines, and
 * in the margin from one line to another.
 *
 * gap: the height between two lines. number: the number of the mention pair, of which neighbours lie beside each other.
 */
function route(head, tail, gap, width, number) {
  const lane = [0, 1, -1][number % 3] * LANE;
  const level = Math.abs(head.top - tail.top) < (head.bottom - head.top) / 2;
  const down = !level && head.top < tail.top;
  const [leave, arrive] = [down ? head.bottom : head.top, down || level ? tail.top - TIP : tail.bottom + TIP];
  const y1 = (down ? head.bottom + gap / 2 : head.top - gap / 2) + lane;
  const y2 = (down || level ? tail.top - gap / 2 : tail.bottom + gap / 2) + lane;
  const [from, to] = [head.middle + lane, tail.middle + lane];
  const points = [[from, leave], [from, y1]];
  let turn = to;
  if (!level && Math.abs(y1 - y2) > gap / 2) {
    const away = LANE * (2 + (number % 3));
    turn = from + to < width ? -away : width + away;
    points.push([turn, y1], [turn, y2]);
  }
  points.push([to, level ? y1 : y2], [to, arrive]);
  return { path: rounded(points), x: from + (turn - from) * [0.5, 0.3, 0.7][number % 3], y: y1 };
}

/** Draws the arcs of a relation into the text; without a relation there are none. */
function drawArcs(text, relation) {
  text.node.querySelector("svg.arcs")?.remove();
  if (!relation || !relation.pairs.length) return;
  const origin = text.node.getBoundingClientRect();
  const lineHeight = parseFloat(getComputedStyle(text.node).lineHeight);
  const canvas = svg("svg", { class: "arcs", width: origin.width, height: origin.height, "aria-hidden": "true" });
  const labels = [];
  // The leading pair is drawn last, above the others.
  [...relation.pairs.entries()].reverse().forEach(([number, pair]) => {
    const ends = nearest(
      boxes(text.mentions[relation.head][pair.head], origin),
      boxes(text.mentions[relation.tail][pair.tail], origin),
    );
    if (!ends) return;
    const gap = Math.max(8, lineHeight - (ends.head.bottom - ends.head.top));
    const line = route(ends.head, ends.tail, gap, origin.width, number);
    const width = 0.75 + 2.75 * pair.share;
    const size = 4 + 1.5 * width;
    const tip = svg("marker", {
      id: `tip-${number}`, markerUnits: "userSpaceOnUse", markerWidth: size, markerHeight: size,
      viewBox: "0 0 10 10", refX: 7, refY: 5, orient: "auto",
    });
    tip.append(svg("path", { d: "M 0 0 L 10 5 L 0 10 z" }));
    const path = svg("path", {
      class: number && pair.share < WEAK ? "arc weak" : "arc",
      d: line.path, "stroke-width": width, "marker-end": `url(#tip-${number})`, "data-pair": number,
    });
    path.style.opacity = 0.2 + 0.75 * Math.sqrt(pair.share);
    const share = svg("text", { class: "share", x: line.x, y: line.y + 4, "text-anchor": "middle", "data-pair": number });
    share.textContent = percent(pair.share);
    canvas.append(tip, path);
    if (pair.share >= 0.1) labels.unshift({ node: share, x: line.x, y: line.y });
  });
  text.node.append(canvas);
  // Where shares have no room beside each other, those of the leading pairs stay.
  labels.forEach((label, number) => {
    const covers = (other) => other.node.isConnected && Math.abs(other.x - label.x) < SHARE.width && Math.abs(other.y - label.y) < SHARE.height;
    if (!labels.slice(0, number).some(covers)) canvas.append(label.node);
  });
}
