"use strict";
// The text of a document, with its sentences and mentions as elements.

// The number of characters that a quotation has on either side of a mention where there are no sentences.
const AROUND = 90;

/**
 * Builds the text. Mentions may nest and overlap: where one ends inside another, the other goes on in a second
 * element.
 *
 * Returns the node, the elements of each mention of each entity, those of each sentence, and all text nodes with
 * the offsets where they begin.
 */
function buildText(doc) {
  const node = el("div", { class: "text", dir: "auto" });
  const mentions = doc.entities.map((entity) => entity.mentions.map(() => []));
  const sentences = doc.sentences.map(() => []);
  const runs = [];

  const spans = doc.sentences.map(([start, end], number) => ({ start, end, order: 0, number }));
  doc.entities.forEach((entity, number) => entity.mentions.forEach(([start, end], place) => {
    spans.push({ start, end, order: 1, entity, number, place });
  }));
  spans.sort((a, b) => a.start - b.start || a.order - b.order || b.end - a.end || a.number - b.number);

  const open = (span, parent) => {
    let piece;
    if (span.order === 0) {
      piece = el("span", { class: "sentence", "data-sentence": span.number });
      // A style sheet shows the number, so that it is no part of the text.
      if (doc.sentences.length > 1 && !sentences[span.number].length) piece.dataset.number = span.number + 1;
      sentences[span.number].push(piece);
    } else {
      piece = el("mark", { class: "mention", "data-entity": span.number });
      piece.title = [span.entity.label, span.entity.text, span.entity.kb_id].filter(Boolean).join(" · ");
      if (!span.entity.related) piece.classList.add("quiet");
      paint(piece, span.entity, span.number);
      mentions[span.number][span.place].push(piece);
    }
    parent.append(piece);
    return { ...span, node: piece };
  };

  const places = [...new Set([0, doc.text.length, ...spans.flatMap(({ start, end }) => [start, end])])];
  places.sort((a, b) => a - b);
  let stack = [{ node, end: Infinity }];
  let next = 0;
  const top = () => stack[stack.length - 1].node;
  places.forEach((place, number) => {
    const ended = stack.findIndex((span) => span.end <= place);
    if (ended > 0) {
      const rest = stack.slice(ended).filter((span) => span.end > place);
      stack = stack.slice(0, ended);
      for (const span of rest) stack.push(open(span, top()));
    }
    for (; next < spans.length && spans[next].start === place; next += 1) stack.push(open(spans[next], top()));
    const text = doc.text.slice(place, places[number + 1] ?? place);
    if (text) {
      const run = document.createTextNode(text);
      top().append(run);
      runs.push({ start: place, node: run });
    }
  });
  return { node, mentions, sentences, runs };
}

/** Ranges of the text that a pattern finds, for the highlights of the browser. */
function findRanges(doc, runs, pattern) {
  const at = (offset, isEnd) => {
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isEnd ? runs[middle].start < offset : runs[middle].start <= offset) low = middle;
      else high = middle - 1;
    }
    return [runs[low].node, offset - runs[low].start];
  };
  return [...doc.text.matchAll(pattern)].filter((match) => match[0]).map((match) => {
    const range = document.createRange();
    range.setStart(...at(match.index, false));
    range.setEnd(...at(match.index + match[0].length, true));
    return range;
  });
}

/** The numbers of the sentences that a span touches. */
function sentencesOf(doc, [start, end]) {
  const touched = [];
  doc.sentences.forEach(([first, last], number) => {
    if (first < end && start < last) touched.push(number);
  });
  return touched;
}

/** The characters to quote around a span: its sentences, or what is near it. */
function context(doc, span) {
  const touched = sentencesOf(doc, span);
  if (touched.length) {
    return [doc.sentences[touched[0]][0], Math.max(...touched.map((number) => doc.sentences[number][1]))];
  }
  const start = Math.max(0, span[0] - AROUND);
  const end = Math.min(doc.text.length, span[1] + AROUND);
  const gap = /\s/;
  let [from, to] = [start, end];
  if (start > 0) while (from < span[0] && !gap.test(doc.text[from])) from += 1;
  if (end < doc.text.length) while (to > span[1] && !gap.test(doc.text[to - 1])) to -= 1;
  return [from === span[0] ? start : from, to === span[1] ? end : to];
}

/** The quotations that show a mention pair: one where both mentions stand together, else one for each. */
function quotePair(doc, relation, pair) {
  const [head, tail] = [["head", pair.head], ["tail", pair.tail]].map(([role, place]) => {
    const number = relation[role];
    const [start, end] = doc.entities[number].mentions[place];
    return { role, start, end, number, entity: doc.entities[number] };
  });
  const [first, second] = [head, tail].map((mark) => context(doc, [mark.start, mark.end]));
  if (first[0] <= tail.start && tail.end <= first[1]) return [quote(doc.text, first, [head, tail])];
  if (second[0] <= head.start && head.end <= second[1]) return [quote(doc.text, second, [head, tail])];
  return [quote(doc.text, first, [head]), quote(doc.text, second, [tail])];
}
