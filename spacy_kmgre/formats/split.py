"""Parts of a corpus to train on, to choose by, and to test with."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import isclose
from random import Random

from ..errors import Errors

PARTS = ("train", "dev", "test")
EXPECTED = "two or three numbers above 0 that sum to 1, with commas between them, such as 0.8,0.1,0.1"


@dataclass(frozen=True)
class Split:
    """How documents are divided.

    :param shares: The shares of train and dev, or of train, dev and test. They sum to 1.
    :param seed: The seed of the order in which documents are dealt out.
    """

    shares: tuple[float, ...]
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> "Split":
        """Read shares as the command line has them.

        :raises ValueError: Where they are not what they should be.
        """
        try:
            shares = tuple(map(float, text.split(",")))
        except ValueError:
            shares = ()
        sums = isclose(sum(shares), 1.0, abs_tol=1e-6) and min(shares, default=0.0) > 0
        if not (2 <= len(shares) <= len(PARTS) and sums):
            raise ValueError(Errors.E023.format(setting="--split", value=text, expected=EXPECTED))
        return cls(shares, seed)

    def divide(self, documents: Iterable[Hashable]) -> dict[str, list[int]]:
        """Divide documents into parts. Equal ones come into one part, so that no part is tested on what another one
        has taught.

        :param documents: What stands for each document, such as its text.
        :returns: The numbers of the documents of each part, in order.
        :raises ValueError: Where a part would be empty.
        """
        equal: dict[Hashable, list[int]] = {}
        for number, document in enumerate(documents):
            equal.setdefault(document, []).append(number)
        groups = list(equal.values())
        Random(self.seed).shuffle(groups)
        count = sum(map(len, groups))
        ends = [round(share * count) for share in accumulate(self.shares)]
        parts: list[list[int]] = [[] for _ in self.shares]
        dealt = place = 0
        for group in groups:
            while place < len(ends) - 1 and dealt >= ends[place]:
                place += 1
            parts[place] += group
            dealt += len(group)
        if not all(parts):
            why = f"possible for {len(groups)} different documents: a part would be empty"
            raise ValueError(Errors.E023.format(setting="--split", value=self.shares, expected=why))
        return dict(zip(PARTS, map(sorted, parts)))
