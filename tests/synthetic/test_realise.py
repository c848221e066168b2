"""The form that a mention takes."""

from random import Random

from spacy_kmgre.synthetic.realise import Text
from spacy_kmgre.synthetic.schema import CITY, COMPANY, PERSON
from spacy_kmgre.synthetic.templates import Template
from spacy_kmgre.synthetic.things import Namer, Thing

ANN = Thing(
    PERSON, "Ann Lee", "Lee", words=(("he", "she"), ("him", "her"), ("his", "her"), ("child", "daughter"))
)
EVE = Thing(PERSON, "Eve Ray", "Ray", words=ANN.words)
BOB = Thing(PERSON, "Bob Orr", "Orr", words=(("he", "he"), ("him", "him"), ("his", "his")))


def write(*texts, binding, seed=0):
    text = Text({thing.name: thing for thing in (ANN, EVE, BOB)}, Random(seed))
    placed = [text.write(Template(tuple(t.split(" | ")), ()), binding) for t in texts]
    return text, placed


def mentions(text):
    return [str(text)[mention.start : mention.end] for mention in text.mentions]


def test_first_mention_is_the_full_name_and_offsets_are_the_texts():
    text, placed = write("In spring, {p} met {q:him}.", "{p} left.", binding={"p": "Ann Lee", "q": "Bob Orr"})
    assert text.sentences[0] == "In spring, Ann Lee met Bob Orr."
    assert mentions(text)[:2] == ["Ann Lee", "Bob Orr"]
    assert mentions(text)[2] in ("She", "Lee", "Ann Lee")
    assert placed[1]["p"] == text.mentions[2]
    assert placed[1]["p"].start == len(text.sentences[0]) + 1


def test_pronoun_only_where_nobody_else_is_near():
    forms = {True: set(), False: set()}
    for seed in range(60):
        for other in ("Eve Ray", "Bob Orr"):
            text, _ = write("{p} met {q}.", "{p} left.", binding={"p": "Ann Lee", "q": other}, seed=seed)
            forms[other == "Eve Ray"].add(mentions(text)[2])
    assert forms[False] == {"She", "Lee", "Ann Lee"}
    assert forms[True] == {"Lee", "Ann Lee"}


def test_no_pronoun_after_a_sentence_without_the_thing():
    binding = {"p": "Ann Lee", "q": "Bob Orr"}
    forms = {
        mentions(write("{p} left.", "{q} ran.", "{p} sat.", binding=binding, seed=s)[0])[2] for s in range(40)
    }
    assert forms == {"Lee", "Ann Lee"}


def test_roles():
    seen = set()
    for seed in range(60):
        text, _ = write(
            "{p} lost {p:own} hat.", "{p:his} {p:child} saw {p:him}.", binding={"p": "Ann Lee"}, seed=seed
        )
        assert text.sentences[0] == "Ann Lee lost her hat."
        assert " daughter saw " in text.sentences[1]
        seen.add(text.sentences[1].split(" daughter")[0])
    assert seen == {"Her", "Lee's", "Ann Lee's"}


def test_the_last_of_several_mentions_counts():
    text, placed = write("{p} came. | Later {p:he} left.", binding={"p": "Ann Lee"})
    assert len(text.sentences) == 2 and placed[0]["p"] == text.mentions[-1]


def test_descriptions_only_after_the_noun_is_known():
    known, unknown = set(), set()
    for seed in range(150):
        namer = Namer("train", Random(seed))
        city = namer.make(CITY)
        text = Text({city.name: city}, Random(seed))
        for template in ("A bus goes to {c}.", "A train goes to {c}."):
            text.write(Template((template,), ()), {"c": city.name})
        introduced = city.introduction in text.sentences[0]
        (known if introduced else unknown).add(mentions(text)[1] == f"the {city.noun}")
    assert known == {True, False} and unknown == {False}


def test_the_company_is_the_only_one():
    for companies in (1, 2):
        nouns = set()
        for seed in range(150):
            namer = Namer("train", Random(seed))
            things = [namer.make(COMPANY) for _ in range(companies)]
            text = Text({thing.name: thing for thing in things}, Random(seed))
            for template in ("A lawyer called {o}.", "A clerk called {o}."):
                text.write(Template((template,), ()), {"o": things[0].name})
            nouns.add(mentions(text)[1])
        assert ("the company" in nouns) == (companies == 1)


def test_names_without_introduction():
    for seed in range(40):
        person = Namer("train", Random(seed)).make(PERSON)
        text = Text({person.name: person}, Random(seed))
        for template in ("A boy named {p:name}.", "Again {p:name}."):
            text.write(Template((template,), ()), {"p": person.name})
        assert text.sentences[0] == f"A boy named {person.name}."
        assert mentions(text)[1] in (person.name, person.short)
