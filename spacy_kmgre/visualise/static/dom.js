"use strict";
// Every text on the page comes from outside. It only ever becomes a text node or the value of an attribute that is
// named here; nothing parses it as HTML.

/** Makes an element. Strings among the children become text nodes. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

/** The page's data, which lie in a script block that no browser runs. */
function readData() {
  return JSON.parse(byId("data").textContent);
}

const NUMBERS = new Intl.NumberFormat("en");

/** A number and its noun. */
function plural(number, singular, many = `${singular}s`) {
  return `${NUMBERS.format(number)} ${number === 1 ? singular : many}`;
}

function percent(share) {
  return share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
}

/** A score with two digits, never rounded up to 1. */
function score(value) {
  return value < 1 ? Math.min(value, 0.99).toFixed(2) : "1.00";
}

/** A pattern that finds what a person typed, capitals or not; null for nothing. */
function pattern(query) {
  const words = query.trim();
  return words ? new RegExp(words.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "giu") : null;
}

/** Whether one of the texts has what the pattern finds. */
function found(pattern, texts) {
  return texts.some((text) => {
    pattern.lastIndex = 0;
    return pattern.test(text);
  });
}

/** The colour of an entity as a custom property: a hue of its own, or the colour that the user gave its type. */
function paint(node, entity, number) {
  const color = DATA.colors[entity.label];
  if (color === undefined) {
    node.style.setProperty("--hue", ((number * 137.508 + 250) % 360).toFixed(1));
  } else {
    node.style.setProperty("--own", color);
    node.dataset.own = "";
  }
  return node;
}

/** A piece of a text, in which some spans are marked. Marks must not overlap; of those that do the first stays. */
function quote(text, [start, end], marks) {
  const node = el("q", { dir: "auto" });
  let place = start;
  for (const mark of marks.slice().sort((a, b) => a.start - b.start)) {
    if (mark.start < place || mark.end > end) continue;
    node.append(text.slice(place, mark.start), paint(
      el("mark", { class: `mention ${mark.role}` }, text.slice(mark.start, mark.end)), mark.entity, mark.number,
    ));
    place = mark.end;
  }
  node.append(text.slice(place, end));
  return node;
}
