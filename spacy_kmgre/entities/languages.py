"""What the rules about names know of a language. A rule that a language has no words for does nothing there."""

from dataclasses import dataclass, field

WordSet = frozenset[str]


def word_set(words: str) -> WordSet:
    """Make a set of the words of a text."""
    return frozenset(words.split())


@dataclass(frozen=True)
class Language:
    """The words of a language, in lower case and without accents unless said otherwise.

    :param articles: The articles before a name.
    :param elided: The articles that are written as one word with the name, such as "l'".
    :param determiners: What may stand before a name in a mention without being a part of it.
    :param possessive: Whether names have a possessive in "'s".
    :param male: Titles of men.
    :param female: Titles of women.
    :param titles: All titles, those of men and women among them.
    :param before_titles: Words that may stand before a title and belong to it, such as "vice".
    :param lower_titles: Whether titles may be written in small letters before a name.
    :param heads: Words that say what a body, an agreement or an event is; many of their names end with one.
        "Company" is not among them: "the Company" is a term that a text defines.
    :param places: Words that say what a place is, at the end of its name.
    :param plural: Whether names have a plural in "s".
    :param countries: Rows of names of one country, as they are written.
    :param statements: Whether the patterns of stated aliases are of this language.
    :param before_amounts: What may stand before a date or a number and is no part of it, as it is written.
    :param after_amounts: What may stand after a date or a number and is no part of it.
    :param between_dates: What stands between the two ends of a period.
    :param months: The months and the days of the week.
    :param no_amounts: Number words that hardly ever are mentions.
    """

    articles: WordSet = frozenset()
    elided: tuple[str, ...] = ()
    determiners: WordSet = frozenset()
    possessive: bool = False
    plural: bool = False
    male: WordSet = frozenset()
    female: WordSet = frozenset()
    titles: WordSet = frozenset()
    before_titles: WordSet = frozenset()
    lower_titles: bool = False
    heads: WordSet = frozenset()
    places: WordSet = frozenset()
    countries: tuple[tuple[str, ...], ...] = ()
    statements: bool = False
    before_amounts: tuple[str, ...] = ()
    after_amounts: WordSet = frozenset()
    between_dates: WordSet = frozenset()
    months: WordSet = frozenset()
    no_amounts: WordSet = frozenset()
    country_names: frozenset[tuple[str, ...]] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        names = {tuple(name.casefold().split()) for row in self.countries for name in row}
        object.__setattr__(self, "country_names", frozenset(names))
        object.__setattr__(self, "titles", self.titles | self.male | self.female)


_MALE = word_set("mr sir lord king prince emperor duke count baron father brother don señor herr pope")
_FEMALE = word_set(
    "mrs ms miss lady dame queen princess empress duchess countess baroness sister doña señora frau"
)
_TITLES = word_set(
    "dr prof capt col lt sgt gen adm maj gov sen hon rev professor president chancellor minister premier "
    "governor senator mayor judge justice general colonel major captain lieutenant sergeant admiral marshal "
    "commander bishop archbishop cardinal reverend rabbi imam sheikh crown agent officer secretary ambassador"
)

ENGLISH = Language(
    articles=word_set("the"),
    determiners=word_set("the a an"),
    possessive=True,
    plural=True,
    male=_MALE,
    female=_FEMALE,
    titles=_TITLES
    | word_set("justices judges senators presidents professors generals drs messrs")
    | word_set("congressman congresswoman representative rep coach inspector detective constable speaker"),
    before_titles=word_set(
        "prime vice first former deputy acting chief attorney crown foreign late lieutenant brigadier rear field "
        "detective head interim right associate"
    ),
    heads=word_set(
        "academy agency alliance army assembly association authority bank board bureau cabinet chamber church "
        "circuit club college commission committee commons commonwealth confederation conference congress council "
        "court department diocese federation foundation front fund government guild house institute institution "
        "league legislature ministry movement museum navy office orchestra order organisation organization "
        "parliament party school senate service society synod trust union university "
        "accord act agreement award championship charter code constitution convention cup declaration exhibition "
        "festival games pact plan prize programme program project protocol treaty war"
    ),
    places=word_set(
        "airport avenue bay beach boulevard bridge brook canyon caves county creek desert district drive falls forest "
        "gallery glacier gulf harbor harbour highway hills island islands lake lakes mountain mountains ocean palace "
        "park peninsula plateau province reservoir river road sea square street valley village volcano"
    ),
    # No other rule connects these names of countries.
    countries=(
        ("United States", "United States of America", "US", "USA"),
        ("United Kingdom", "UK", "Great Britain", "Britain"),
        ("Soviet Union", "Union of Soviet Socialist Republics", "USSR"),
        ("China", "People's Republic of China", "PRC"),
        ("Russia", "Russian Federation"),
    ),
    statements=True,
    before_amounts=(
        *("about", "over", "under", "nearly", "almost", "approximately", "around", "roughly", "some", "only"),
        *("more than", "less than", "fewer than", "at least", "at most", "up to", "as many as", "estimated"),
        *(
            "early",
            "late",
            "mid",
            "end of",
            "beginning of",
            "start of",
            "middle of",
            "age of",
            "next",
            "last",
        ),
        *("between", "from", "since", "until", "by", "circa", "ca.", "c."),
    ),
    after_amounts=word_set("later ago earlier old"),
    between_dates=word_set("to and until till through - – —"),
    months=word_set(
        "january february march april may june july august september october november december "
        "monday tuesday wednesday thursday friday saturday sunday"
    ),
    no_amounts=word_set("one"),
)

FRENCH = Language(
    articles=word_set("le la les"),
    elided=("l'", "d'"),
    determiners=word_set("le la les l' d' un une des du de"),
    male=word_set(
        "m monsieur mm messieurs roi prince empereur duc comte baron pere frere sir lord saint pape abbe"
    ),
    female=word_set(
        "mme madame mlle mademoiselle mmes reine princesse imperatrice duchesse comtesse baronne soeur sainte"
    ),
    titles=word_set(
        "dr docteur pr prof professeur me maitre president presidente general colonel commandant capitaine "
        "lieutenant sergent amiral marechal ministre gouverneur senateur senatrice depute deputee maire prefet juge "
        "chancelier eveque archeveque cardinal ambassadeur ambassadrice secretaire inspecteur commissaire"
    ),
    before_titles=word_set("premier premiere vice ancien ancienne"),
    lower_titles=True,
)

# The words for languages that have none of their own here: titles that many languages share.
OTHER_LANGUAGE = Language(male=_MALE, female=_FEMALE, titles=_TITLES)

_LANGUAGES = {"en": ENGLISH, "fr": FRENCH}
_UNKNOWN = ("", "xx")


def language(code: str) -> Language:
    """Return the words of a language. Where the language is not known, or is several, they are those of
    English.

    :param code: The code of `nlp.lang`.
    """
    return _LANGUAGES.get(code, ENGLISH if code in _UNKNOWN else OTHER_LANGUAGE)
