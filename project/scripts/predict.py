"""Print the relations of a text. Its mentions are marked: [Ann Lee](1 PER) founded [Acme](2 ORG). [She](1) ...
Or the text is plain, and the pipeline finds them."""

import re
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from wasabi import color, msg

from spacy_kmgre import MentionPair
from spacy_kmgre.annotations import ENTITY_PREFIX, get_entities
from spacy_kmgre.evaluation.gold_entities import between_gold_entities

COMPONENT = "kmgre_relations"
MENTION = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<entity>\d+)(?: (?P<label>\w+))?\)")


def main(
    model: Annotated[Path, typer.Argument(help="A trained pipeline", exists=True, file_okay=False)],
    text: Annotated[
        Path, typer.Argument(help="A text file, with marked mentions or plain", exists=True, dir_okay=False)
    ],
    pairs: Annotated[int, typer.Option(help="Key mention pairs to show for each relation", min=1)] = 2,
) -> None:
    nlp = spacy.load(model)
    content = text.read_text(encoding="utf8").strip()
    if MENTION.search(content):
        with between_gold_entities(nlp, COMPONENT):
            doc = nlp(read_marked(content, nlp.vocab))
        print(doc.text)
    else:
        doc = nlp(content)
        print(doc.text)
        entities = get_entities(doc)
        msg.divider(f"{len(entities)} entities")
        for entity in entities:
            print(f"{entity.text} ({entity.label}):", " | ".join(span.text for span in entity.mentions))
    msg.divider(f"{len(doc._.relations)} relations")
    for relation in doc._.relations:
        print(
            f"{relation.head.text}  --{relation.label_name}-->  {relation.tail.text}   ({relation.score:.2f})"
        )
        for pair in relation.key_mention_pairs[:pairs]:
            print(f"    {pair.share:4.0%}  {in_sentence(pair)}")


def read_marked(text: str, vocab: Vocab) -> Doc:
    """A Doc with sentences and entities from a text with marked mentions. A label at one mention is enough."""
    plain, spans, position = "", [], 0
    for match in MENTION.finditer(text):
        plain += text[position : match.start()]
        spans.append((len(plain), len(plain) + len(match["text"]), match["entity"], match["label"] or ""))
        plain += match["text"]
        position = match.end()
    nlp = spacy.blank("en", vocab=vocab)
    nlp.add_pipe("sentencizer")
    doc = nlp(plain + text[position:])
    labels = {entity: label for _, _, entity, label in spans if label}
    mentions: dict[str, list[Span]] = {}
    for start, end, entity, _ in spans:
        span = doc.char_span(start, end, label=labels.get(entity, ""), alignment_mode="expand")
        mentions.setdefault(ENTITY_PREFIX + entity, []).append(span)
    for key, group in mentions.items():
        doc.spans[key] = group
    return doc


def in_sentence(pair: MentionPair) -> str:
    """The sentence or sentences of a mention pair, with both mentions highlighted."""
    sentences = sorted({(sent.start, sent.end) for sent in (pair.head.sent, pair.tail.sent)})
    marks: list[tuple[Span, str]] = [(pair.head, "blue"), (pair.tail, "green")]
    shown = []
    for start, end in sentences:
        out = ""
        for token in pair.head.doc[start:end]:
            tone = next((tone for span, tone in marks if span.start <= token.i < span.end), None)
            out += (color(token.text, fg=tone, bold=True) if tone else token.text) + token.whitespace_
        shown.append(out.strip())
    return " ... ".join(shown)


if __name__ == "__main__":
    typer.run(main)
