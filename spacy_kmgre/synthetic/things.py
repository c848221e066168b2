"""Things that do not exist, and their names. Each part of the corpus has its own share of the words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from .schema import CITY, COMPANY, COUNTRY, DAY, PERSON, SOCIETY, UNIVERSITY, WORK, YEAR


def _words(text: str) -> list[str]:
    return text.split()


_WOMEN = _words(
    """
    Anna Clara Edith Greta Helen Irene Judith Karin Laura Marta Nora Olga Paula Rosa Sofia Teresa Ursula
    Vera Wilma Yvonne Agnes Beatrice Cecilia Diana Emilia Flora Hanna Ingrid Julia Lydia Monica Nadia
    Petra Renata Silvia Tamara Viola Zoe Alma Bertha
    """
)
_MEN = _words(
    """
    Adam Bruno Conrad David Edgar Felix Gustav Henry Ivan Jacob Karl Leo Martin Nils Oscar Paul Quentin
    Robert Simon Thomas Ulrich Victor Walter Albert Boris Clemens Dennis Erik Frank Georg Hugo Isaac
    Joseph Lars Magnus Norman Otto Peter Rudolf Stefan
    """
)
_SURNAMES = _words(
    """
    Keller Brandt Hansen Weber Fischer Schmidt Meyer Wagner Larsen Jensen Olsen Nielsen Andersen
    Petersen Becker Hoffmann Schneider Zimmerman Vogel Klein Kramer Richter Werner Stein Roth Kaufman
    Holm Lund Dahl Holt Nilsson Carlson Brennan Doyle Lowell Fletcher Whitaker Thornton Ashby Dalton
    Everett Farrell Garrison Hadley Ingram Jarvis Kendrick Langley Mercer Norris Osborne Prescott Quinn
    Ramsey Sawyer Tucker Vaughn Whitman Yates Barlow Carver Dunn Ellison Finch Gibbs Hale Irwin Kemp
    Lambert Nash Palmer Reeves Sloan Thorne Vance Walsh Abbott Chandler Drake Emerson Foster Graves
    Harper Jennings Lawson Monroe Novak Rossi Romano Dubois Laurent Fontaine Kowalski Ivanov
    """
)
_PLACE_STEMS = _words(
    """
    Ash Wood Lark Stone Elm Hazel Raven Silver Clay Fox Holm Mill Oak Sand Tide Birch Corn Red Fjord
    Heather Green Black White Long North South East West Hart Wolf Bear Swan Eagle Crow Deer Lamb Hill
    Rock Marsh Moss Reed Rose Thorn Fern Ivy Cedar Pine Maple Cold High Low Deep Fair Bright Dark Still
    Salt Iron Copper Sun Moon Star Frost Snow Rain Wind Storm King Queen
    """
)
_PLACE_ENDINGS = _words("mouth haven bridge burg dale wick stead gate cliff bourne mere beck")
_COUNTRY_STEMS = _words(
    """
    Karel Tran Cal Dal Nor Sol Ter Val Bel Mon Car Tor Lor Cor Bar Ald Est Gal Mir Pal Ren Sav Tal Lav
    Ver
    """
)
_COUNTRY_ENDINGS = _words("avia onia enia istan oria eria")
_COMPANY_STEMS = _words(
    """
    Atlas Orion Nova Apex Phoenix Titan Vega Aurora Pioneer Falcon Zenith Delta Gloria Apollo Sirius
    Vertex Summit Beacon Crown Anchor Comet Meridian Horizon Solar Pegasus Neptune Saturn Mercury Vulcan
    Juno Minerva Cobalt Granite Amber Ivory Sapphire Emerald Crystal Condor Heron Panther Jaguar Lynx
    Bison Mustang Stallion Olympia Imperial Sterling Century Matrix Vector Quantum Omega Alpha Sigma
    Magnum Concordia Luna Stella Terra Ventura Corona Prima Ultra Avalon Trident Phantom Eclipse Cascade
    Glacier Sierra Mesa Canyon
    """
)
_COMPANY_ENDINGS = {
    "Bank": "bank",
    "Brewery": "brewery",
    "Press": "publisher",
    "Steel": "steelmaker",
    "Shipping": "shipping line",
    "Mining": "mining company",
    "Air": "airline",
    "Rail": "railway",
    "Energy": "power supplier",
    "Pharma": "drug maker",
    "Software": "software house",
    "Insurance": "insurer",
    "Paper": "paper mill",
    "Chocolate": "chocolate maker",
}
_SCHOOL_STEMS = _words(
    """
    Hawthorne Wexford Radcliffe Somerset Kingsley Langdon Norwood Oakley Sheridan Talbot Underwood
    Wakefield Winslow Barrington Carlisle Davenport Fairfax Hartley Kendall Ashton Bentley Clifford
    Dudley Harding Kirby Mayfield Rutherford Stafford Vernon Warwick
    """
)
_SCHOOL_ENDINGS = {"University": "university", "Institute of Technology": "institute", "College": "college"}
_SOCIETY_NOUNS = ["Society", "Association", "Guild", "League", "Federation", "Order"]
_SOCIETY_ADJECTIVES = _words(
    """
    Coastal Northern Alpine Independent Young Eastern Rural Urban Western Baltic Nordic Practical
    Southern United Polar
    """
)
_SOCIETY_MEMBERS = _words(
    """
    Botanists Chessplayers Gardeners Inventors Sailors Beekeepers Rowers Astronomers Skaters
    Mountaineers Watchmakers Climbers Archers Cooks Dancers
    """
)
_WORK_ADJECTIVES = _words(
    """
    Silent Broken Golden Distant Hidden Frozen Crooked Burning Empty Patient Wild Scarlet Narrow Secret
    Hollow Sleeping Borrowed Last Quiet Drowned
    """
)
_WORK_NOUNS = _words(
    """
    Harbour Garden Mirror Orchard Lantern Bridge Winter Staircase Island Letter Compass Tower Meadow
    Clock River Window Voyage Candle Forest Station
    """
)
_WORK_TYPES = ["novel", "play", "memoir", "poem"]
_CITY_TYPES = ["city", "town", "port"]
_JOBS = _words(
    """
    novelist engineer chemist painter architect journalist economist botanist violinist surgeon
    physicist geologist translator lawyer sculptor historian photographer designer
    """
)
_MONTHS = _words("January February March April May June July August September October November December")

_SHE = {"he": "she", "him": "her", "his": "her", "child": "daughter", "parent": "mother", "spouse": "wife"}
_HE = {"he": "he", "him": "him", "his": "his", "child": "son", "parent": "father", "spouse": "husband"}
_IT = {"he": "it", "him": "it", "his": "its"}


@dataclass(frozen=True)
class Thing:
    """Something that a document is about.

    :param kind: One of the kinds in `schema`.
    :param name: The full name.
    :param short: The short name, "" where there is none.
    :param noun: The noun for descriptions ("the brewery"), "" where there is none.
    :param introduction: The words before the full name where the noun introduces the thing ("the city of").
    :param article: The article before the name, which belongs to no mention.
    :param words: The pronouns of the thing and the nouns that depend on its gender, by role.
    """

    kind: str
    name: str
    short: str = ""
    noun: str = ""
    introduction: str = ""
    article: str = ""
    words: tuple[tuple[str, str], ...] = ()

    def word(self, role: str) -> str:
        """The thing's pronoun or noun for a role, "" where it has none."""
        return dict(self.words).get(role, "")


class Namer:
    """Makes the things of one document. No two of them have a word of a name or a noun in common."""

    def __init__(self, part: str, rng: Random) -> None:
        self._part = part
        self._rng = rng
        self._used: set[str] = set()

    def make(self, kind: str) -> Thing:
        """A new thing of this kind."""
        makers: dict[str, Callable[[], Thing]] = {
            PERSON: self._person,
            COMPANY: self._company,
            UNIVERSITY: self._university,
            SOCIETY: self._society,
            CITY: self._city,
            COUNTRY: self._country,
            DAY: self._day,
            YEAR: self._year,
            WORK: self._work,
        }
        return makers[kind]()

    def _person(self) -> Thing:
        female = self._rng.random() < 0.5
        surname = self._fresh(_SURNAMES)
        name = f"{self._fresh(_WOMEN if female else _MEN)} {surname}"
        job = self._unused(_JOBS)
        words = {**(_SHE if female else _HE), "job": f"{'an' if job[0] in 'aeiou' else 'a'} {job}"}
        return Thing(PERSON, name, surname, job, f"the {job}", words=tuple(words.items()))

    def _company(self) -> Thing:
        stem = self._fresh(_COMPANY_STEMS)
        ending = self._unused(list(_COMPANY_ENDINGS))
        return Thing(COMPANY, f"{stem} {ending}", stem, _COMPANY_ENDINGS[ending], words=tuple(_IT.items()))

    def _university(self) -> Thing:
        ending = self._unused(list(_SCHOOL_ENDINGS))
        name = f"{self._fresh(_SCHOOL_STEMS)} {ending}"
        short = _acronym(name) if " of " in name else name.split()[0]
        return Thing(UNIVERSITY, name, short, _SCHOOL_ENDINGS[ending], words=tuple(_IT.items()))

    def _society(self) -> Thing:
        noun = self._unused(_SOCIETY_NOUNS)
        name = f"{noun} of {self._fresh(_SOCIETY_ADJECTIVES)} {self._fresh(_SOCIETY_MEMBERS)}"
        return Thing(SOCIETY, name, _acronym(name), noun.lower(), article="the ", words=tuple(_IT.items()))

    def _city(self) -> Thing:
        name = self._fresh(_PLACE_STEMS) + self._rng.choice(_PLACE_ENDINGS)
        noun = self._unused(_CITY_TYPES)
        return Thing(CITY, name, noun=noun, introduction=f"the {noun} of", words=tuple(_IT.items()))

    def _country(self) -> Thing:
        name = self._fresh(_COUNTRY_STEMS) + self._rng.choice(_COUNTRY_ENDINGS)
        return Thing(COUNTRY, name, noun="country", words=tuple(_IT.items()))

    def _work(self) -> Thing:
        noun = self._unused(_WORK_TYPES)
        name = f"The {self._fresh(_WORK_ADJECTIVES)} {self._fresh(_WORK_NOUNS)}"
        return Thing(WORK, name, noun=noun, introduction=f"the {noun}", words=tuple(_IT.items()))

    def _day(self) -> Thing:
        day, month = self._rng.randint(1, 28), self._unused(_MONTHS)
        return Thing(DAY, f"{day} {month} {self._rng.randint(1925, 1955)}")

    def _year(self) -> Thing:
        return Thing(YEAR, self._unused([str(year) for year in range(1980, 2020)]))

    def _fresh(self, words: Sequence[str]) -> str:
        """A word that the document does not use yet, from the part's share of a list."""
        return self._unused(part_of(words, self._part))

    def _unused(self, words: Sequence[str]) -> str:
        word = self._rng.choice([word for word in words if word not in self._used])
        self._used.add(word)
        return word


def part_of(words: Sequence[str], part: str) -> list[str]:
    """A part's share of a list. Of every five words train has three, dev one and test one."""
    shares = {"train": (0, 1, 2), "dev": (3,), "test": (4,)}
    return [word for number, word in enumerate(words) if number % 5 in shares[part]]


def _acronym(name: str) -> str:
    return "".join(word[0].upper() for word in name.split() if word != "of")
