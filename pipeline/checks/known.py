"""The quantities of a paper: of its abstract, title, comments and venue."""

import functools
import itertools
import re
from decimal import Decimal
from typing import NamedTuple

from pipeline.checks import units
from pipeline.checks.quantities import Quantity, fractions, in_digits, plain
from pipeline.checks.rules import Span
from pipeline.checks.units import COUNTS, Unit
from pipeline.checks.written import in_characters, in_words
from pipeline.records import Paper

LONGEST_TEXT = 4_000
"""Characters of a text that are read; arXiv's abstracts have at most 1,920."""

MOST_READ, MOST_WORDS = 60, 24
"""Quantities of a paper that are read: in digits, and in words.

The fullest of 4,451 abstracts has 40 and 16. Every quantity of a line may have to be compared
with each, so that these bound the time that a check takes.
"""

WORDS = {
    1: "first",
    2: "second",
    3: "three|third",
    4: "four(?!teen)|fourth",
    5: "five|fifth",
    6: "six(?!t)|sixth",
    7: "seven(?!t)|seventh",
    8: "eight(?!e|y)|eighth",
    9: "nine(?!t)|ninth",
    10: "ten(?![a-z])|tenth",
    11: "eleven",
    12: "twel[vf]|(?<!two )(?<!three )dozen(?!s)",
}
"""How an abstract writes a small count: a fast way to what `written.py` reads."""

HINTS = {
    3: "tri(?:-|ad|angle|ple|plicate|nary|modal|lingual|partite|plane|o\\b)|ternary|iii\\b|3-?d\\b",
    4: "quad(?:r|\\b)|quart|tetra|iv\\b|4-?d\\b",
    5: "penta|quint",
    6: "hexa|6-?d\\b",
    7: "hepta",
    8: "octa|octet|octo",
    9: "nona",
    10: "deca",
    11: "(?!)",
    12: "(?!)",
}
"""How a small count may stand in an abstract inside another word: triplet, quadruped, 3D."""

WRITTEN = {count: re.compile(form) for count, form in WORDS.items()}
MARKS = "abcdefghijkl"
"""Letters by which the items of a list are counted: an abstract with a (c) has three."""

HINTED = {
    count: re.compile(rf"\b(?:{form})|\((?:{count}|{MARKS[count - 1]})\)", re.IGNORECASE)
    for count, form in HINTS.items()
}


UNIT_ENDS = re.compile(r"\w")
BARE_ENDS = re.compile(
    rf"[.,]?\d|[A-Za-z%°×+^/-]|\s{{0,3}}(?:{units.PATTERN}|thousand|[mbtr]+illion|times|\(?±|\^)"
)
"""What makes another quantity of one that ends there: more digits, a unit, a scale."""


Place = tuple[int, Span]
"""The number of a text of the paper, as in `Known.texts`, and a span in it."""


class Source(NamedTuple):
    """A quantity of the paper, and the text that it stands in."""

    quantity: Quantity
    where: str
    in_abstract: bool

    @property
    def text(self) -> str:
        """The quantity as it is written."""
        return self.quantity.quoted(self.where)

    @property
    def span(self) -> Span | None:
        """Its place in the abstract, if it is there."""
        return self.quantity.span if self.in_abstract else None


class Known:
    """The quantities of a paper; those in words are read only where digits do not suffice.

    What is beyond `LONGEST_TEXT` or `MOST_READ` is known as text only.
    """

    def __init__(self, paper: Paper) -> None:
        others = (paper.title, paper.comments, paper.venue)
        texts = [paper.abstract, *(text for text in others if text)]
        self._texts = [(plain(text[:LONGEST_TEXT]), not i) for i, text in enumerate(texts)]
        self._rest = " ".join(text[LONGEST_TEXT:] for text in texts)

    @property
    def texts(self) -> list[str]:
        """Abstract, title, comments and venue."""
        return [text for text, _ in self._texts]

    def quotes(self, text: str, unit: Unit) -> bool:
        """Whether the paper has a quantity of the unit word for word; a fast way to most.

        False says nothing.
        """
        return self.quoted_at(text, unit) is not None

    def quoted_at(self, text: str, unit: Unit) -> Place | None:
        """Where the paper has such a quantity."""
        more = BARE_ENDS if unit in COUNTS else UNIT_ENDS
        for number, (where, _) in enumerate(self._texts):
            at = where.find(text)
            if at < 0:
                continue
            apart = not at or where[at - 1] in " ("
            if apart and not more.match(where, at + len(text)):
                return number, (at, at + len(text))
        return None

    @functools.cached_property
    def _lower(self) -> str:
        return "\n".join(self.texts).lower()

    @functools.cached_property
    def digits(self) -> list[Source]:
        """Those in digits, in order, the abstract's first."""
        found: list[Source] = []
        for text, in_abstract in self._texts:
            read = in_digits(text, most=MOST_READ - len(found))
            found += [Source(one, text, in_abstract) for one in (*read, *fractions(read, text))]
            if len(found) >= MOST_READ:
                break
        return found[:MOST_READ]

    @functools.cached_property
    def exact(self) -> set[tuple[Decimal, Unit]]:
        """Value and unit of those in digits that are part of no name: the fast way to most."""
        each = (source.quantity for source in self.digits)
        return {(one.value, one.unit) for one in each if not one.inside}

    @functools.cached_property
    def words(self) -> list[Source]:
        """Those in words, in order, the abstract's first."""
        found: list[Source] = []
        for text, in_abstract in self._texts:
            for reader in (in_words, in_characters):
                read = list(itertools.islice(reader(text), MOST_WORDS - len(found)))
                several = (*read, *fractions(read, text))
                found += [Source(one, text, in_abstract) for one in several]
        return found

    def writes(self, count: int) -> bool:
        """Whether the paper has a count of `WORDS` as a word."""
        return WRITTEN[count].search(self._lower) is not None

    def hint_of(self, count: int) -> Place | None:
        """Where a count from 3 to 12 may stand inside another word of the paper."""
        for number, (text, _) in enumerate(self._texts):
            if found := HINTED[count].search(text):
                return number, found.span()
        return None

    def has_beyond(self, number: str) -> bool:
        """Whether the number stands in that part of a text that was not read."""
        full = len(self.digits) >= MOST_READ
        return number in self._rest or (full and any(number in text for text in self.texts))
