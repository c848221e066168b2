"""Measure how many seconds the readers of entities take for one document with many mentions."""

import random
from time import process_time
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc, Span
from wasabi import msg, table

from spacy_kmgre.entities import EntityReader
from spacy_kmgre.entities.chains import chain_entities
from spacy_kmgre.entities.merged import merged_entities
from spacy_kmgre.entities.ner import ner_entities

NLP = spacy.blank("en")
SYLLABLES = ["Ba", "ro", "li", "mon", "ter", "va", "sil", "ka", "du", "nel"]

# The label and the words of two mentions [in brackets] and around them: * is any word, = the same word again.
CASES: dict[str, tuple[str, str]] = {
    "all names differ": ("PERSON", "[ * * ] met [ * * ] ."),
    "all have one surname": ("PERSON", "[ * Lee ] met [ * Lee ] ."),
    "all have one given name": ("PERSON", "[ Ann * ] met [ Ann * ] ."),
    "all have one name": ("PERSON", "[ Ann Lee ] met [ Ann Lee ] ."),
    "full names, then surnames": ("PERSON", "[ * * ] met [ = ] ."),
    "names of eight words": ("PERSON", "[ * * * * * * * * ] met [ * * * * * * * * ] ."),
    "aliases in brackets": ("ORG", "[ * * ] ( [ * ] )"),
    "one alias for all": ("ORG", "[ * * ] ( [ Acme ] )"),
}


def main(
    mentions: Annotated[int, typer.Option(help="The mentions of the document.", min=2)] = 20_000,
) -> None:
    """Print the time for all mentions and for a quarter of them, which shows how it grows."""
    rows = []
    for case, (label, pattern) in CASES.items():
        docs = [make_doc(label, pattern, count) for count in (mentions // 4, mentions)]
        rows.append(["ner_entities", case, *(seconds(ner_entities(), doc) for doc in docs)])
    docs = [make_doc("PERSON", "[ * * ] met [ = ] .", count) for count in (mentions // 4, mentions)]
    for case, reach in (("chains of neighbours", 5), ("chains across the text", mentions)):
        chains = [make_chains(doc, reach) for doc in docs]
        rows.append(
            [
                "merged_entities",
                case,
                *(seconds(merged_entities(ner_entities(), found), doc) for found, doc in zip(chains, docs)),
            ]
        )
    msg.divider("Seconds for one document")
    print(
        table(
            rows,
            header=("reader", "", f"{mentions // 4:,}", f"{mentions:,}"),
            divider=True,
            aligns=("l", "l", "r", "r"),
        )
    )


def make_doc(label: str, pattern: str, mentions: int) -> Doc:
    """A document that repeats a pattern of two mentions."""
    chance = random.Random(0)
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    while len(spans) < mentions:
        start, word = 0, ""
        for part in pattern.split():
            if part == "[":
                start = len(words)
            elif part == "]":
                spans.append((start, len(words)))
            else:
                if part == "*":
                    word = "".join(chance.choices(SYLLABLES, k=4)).capitalize()
                words.append(word if part in "*=" else part)
    doc = Doc(NLP.vocab, words=words)
    doc.ents = [Span(doc, *span, label=label) for span in spans]
    return doc


def make_chains(doc: Doc, reach: int) -> EntityReader:
    """A reader of chains. Each is a name and the word after a mention less than `reach` mentions later."""
    chance = random.Random(0)
    names = doc.ents
    chains = []
    for place, span in enumerate(names):
        far = names[min(len(names) - 1, place + chance.randrange(1, reach))] if place % 5 == 0 else span
        chains.append([span, doc[far.end : far.end + 1]])
    return lambda doc: chain_entities(doc, chains, True)


def seconds(reader: EntityReader, doc: Doc) -> str:
    """The seconds of CPU time that a reader takes."""
    start = process_time()
    reader(doc)
    return f"{process_time() - start:.2f}"


if __name__ == "__main__":
    typer.run(main)
