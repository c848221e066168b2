"use strict";
// Where the mentions of a pair are: the text is moved to show both, and what stays out of view is named at its edge.

// The pixels that stay free above and below what is moved into view, and those that a mention in view may lack.
const [FREE, EDGE] = [56, 8];

// The buttons at the upper and at the lower edge, each for a mention beyond it.
const beyond = ["up", "down"].map((side) => {
  const button = el("button", { type: "button", hidden: true });
  return { button, node: el("div", { class: `beyond ${side}` }, button), side, pieces: [] };
});
for (const edge of beyond) edge.button.addEventListener("click", () => reveal(edge.pieces));

/** Moves the text where an element of it is out of view. */
function reveal(pieces) {
  const box = byId("document").getBoundingClientRect();
  const place = pieces[0]?.getBoundingClientRect();
  if (!place || (place.top > box.top + FREE && place.bottom < box.bottom - FREE)) return;
  byId("document").scrollBy({ top: place.top - box.top - box.height / 3 });
}

/** The relation on show, and the elements of the mentions of its pair that was chosen last. */
function pairOnShow() {
  const relation = DATA.documents[state.document]?.relations[state.relation];
  const pair = relation?.pairs[state.pair];
  if (!pair) return [];
  return ["head", "tail"].map((role) => ({ role, entity: relation[role], place: pair[role],
    pieces: shown.text.mentions[relation[role]][pair[role]] })).filter(({ pieces }) => pieces.length);
}

/** Chooses a mention pair of the relation on show. The text is moved to show both mentions; where they are too far from
 * each other, to show the head, with most of the way to the tail. */
function showPair(number) {
  state.pair = number;
  const [head, tail] = pairOnShow().map(({ pieces }) => pieces[0].getBoundingClientRect());
  if (head && tail) {
    const box = byId("document").getBoundingClientRect();
    const [top, bottom] = [Math.min(head.top, tail.top), Math.max(head.bottom, tail.bottom)];
    const room = box.height - 2 * FREE;
    let move = 0;
    if (bottom - top > room) move = head.top <= tail.top ? head.top - box.top - FREE : head.bottom - box.bottom + FREE;
    else if (top < box.top + FREE || bottom > box.bottom - FREE) move = top - box.top - (box.height - bottom + top) / 2;
    byId("document").scrollBy({ top: move });
  }
  updateBeyond();
}

/** Names the mentions of the pair on show that are out of view. */
function updateBeyond() {
  const box = byId("document").getBoundingClientRect();
  const doc = DATA.documents[state.document];
  const ends = pairOnShow();
  for (const edge of beyond) {
    const end = ends.find(({ pieces }) => {
      const place = pieces[0].getBoundingClientRect();
      return edge.side === "up" ? place.bottom < box.top + EDGE : place.top > box.bottom - EDGE;
    });
    edge.button.hidden = !end;
    if (!end) continue;
    edge.pieces = end.pieces;
    const [sentence] = sentencesOf(doc, doc.entities[end.entity].mentions[end.place]);
    edge.button.replaceChildren(edge.side === "up" ? "↑ " : "↓ ", `${end.role}: `, el("bdi", {}, mentionText(doc, end.entity, end.place)),
      sentence === undefined ? "" : `, sentence ${sentence + 1}`);
  }
}

byId("document").addEventListener("scroll", updateBeyond, { passive: true });
