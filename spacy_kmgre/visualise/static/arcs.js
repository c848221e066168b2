"use strict";
// The arcs of the chosen relation: one for each key mention pair, as thick as its share.

const SVG = "http://www.w3.org/2000/svg";

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

/** The path from a mention to another, and the place of its share. */
function route(head, tail) {
  const height = head.bottom - head.top;
  if (Math.abs(head.top - tail.top) < height / 2) {
    const rise = Math.min(13, 7 + Math.abs(head.middle - tail.middle) / 30);
    const y = Math.min(head.top, tail.top);
    const bend = y - rise * 1.5;
    const lean = (tail.middle - head.middle) / 5;
    return {
      path: `M ${head.middle} ${y} C ${head.middle + lean} ${bend} ${tail.middle - lean} ${bend} ${tail.middle} ${y - 3}`,
      x: (head.middle + tail.middle) / 2,
      y: y - rise * 1.12,
    };
  }
  const down = head.top < tail.top;
  const [y1, y2] = down ? [head.bottom, tail.top - 3] : [head.top, tail.bottom + 3];
  const bend = Math.max(14, Math.abs(y2 - y1) * 0.5) * (down ? 1 : -1);
  return {
    path: `M ${head.middle} ${y1} C ${head.middle} ${y1 + bend} ${tail.middle} ${y2 - bend} ${tail.middle} ${y2}`,
    x: (head.middle + tail.middle) / 2,
    y: (y1 + y2) / 2,
  };
}

/** Draws the arcs of a relation into the text; without a relation there are none. */
function drawArcs(text, relation) {
  text.node.querySelector("svg.arcs")?.remove();
  if (!relation || !relation.pairs.length) return;
  const origin = text.node.getBoundingClientRect();
  const canvas = svg("svg", { class: "arcs", width: origin.width, height: origin.height, "aria-hidden": "true" });
  const labels = [];
  // The leading pair is drawn last, above the others.
  [...relation.pairs.entries()].reverse().forEach(([number, pair]) => {
    const ends = nearest(
      boxes(text.mentions[relation.head][pair.head], origin),
      boxes(text.mentions[relation.tail][pair.tail], origin),
    );
    if (!ends) return;
    const line = route(ends.head, ends.tail);
    const width = 0.75 + 3.75 * pair.share;
    const size = 5 + 1.5 * width;
    const tip = svg("marker", {
      id: `tip-${number}`, markerUnits: "userSpaceOnUse", markerWidth: size, markerHeight: size,
      viewBox: "0 0 10 10", refX: 7, refY: 5, orient: "auto",
    });
    tip.append(svg("path", { d: "M 0 0 L 10 5 L 0 10 z" }));
    const path = svg("path", {
      class: "arc", d: line.path, "stroke-width": width, "marker-end": `url(#tip-${number})`, "data-pair": number,
    });
    path.style.opacity = 0.2 + 0.75 * Math.sqrt(pair.share);
    const share = svg("text", { class: "share", x: line.x, y: line.y + 4, "text-anchor": "middle", "data-pair": number });
    share.textContent = percent(pair.share);
    canvas.append(tip, path);
    if (pair.share >= 0.1) labels.push(share);
  });
  canvas.append(...labels);
  text.node.append(canvas);
}
