"""Which words tell a paper's topic, and how much one that it has, or lacks, tells of it.

`topics.tsv`: Chinese words, the beginnings of English words of which a paper about them has
one (`$`: the whole word), and the percentage of abstracts with one of them.
`common_words.tsv`: the stems of the English words that at least 2 % of abstracts have.
The percentages were counted in 4,451 abstracts of April 2026, most of them of cs.CV, cs.CL
and cs.AI; other fields use the words of these less, which makes them tell a little more.
The words of other fields were chosen by hand, with all English words that one may stand for.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.checks.vocabulary import fold
from pipeline.glossary import Glossary
from pipeline.records import Language

RAREST = 1.0
"""Percentage of abstracts that a word is taken to be in which is in no table."""

SHARE_KEPT: Mapping[Language, float] = {"zh": 0.9, "en": 0.75}
"""Shares of a faithful line's words that its abstract has: of Chinese ones by a beginning in
the table, of English ones by their stem, of names in a Chinese line as they stand. Measured:
0.96 and 0.85; less is assumed, since the tables fit some fields less well."""


class Weight(NamedTuple):
    """What a word tells, in bits: `shared` where the paper has it, `missing` where not."""

    shared: float
    missing: float


class Topic(NamedTuple):
    """A Chinese word, and the beginnings in folded text that show that a paper is about it."""

    word: str
    beginnings: tuple[str, ...]
    weight: Weight


def weight(percentage: float, kept: float) -> Weight:
    """The weight of a word that this percentage of all abstracts has.

    The logarithm of how much likelier it is there, or not there, in the line's own abstract.
    """
    share = percentage / 100
    if share >= kept:
        return Weight(0.0, 0.0)
    return Weight(math.log2(kept / share), math.log2((1 - kept) / (1 - share)))


@functools.lru_cache(maxsize=2)
def topics(glossary: Glossary) -> Mapping[str, tuple[Topic, ...]]:
    """By their first two characters, the longest first.

    A glossary's term counts with its English forms where no word of the table is in it.
    """
    found = [topic for row in _rows("topics.tsv") for topic in _topics(*row)]
    starts = _by_start(found)
    english: dict[str, list[str]] = {}
    for term, chinese in glossary.terms.items():
        if len(chinese) > 1 and not any(mentioned(chinese, starts)):
            english.setdefault(chinese, []).append(fold(term).rstrip())
    rare = weight(RAREST, SHARE_KEPT["zh"])
    found += (Topic(word, tuple(terms), rare) for word, terms in english.items())
    return _by_start(found)


def mentioned(line: str, starts: Mapping[str, tuple[Topic, ...]]) -> Iterator[Topic]:
    """The topics of a Chinese line, from left to right, those of one character last.

    Of those that begin alike the longest.
    """
    pairs = map("".join, itertools.pairwise(line))
    seen: set[str] = set()
    for start in filter(starts.__contains__, itertools.chain(pairs, line)):
        if start not in seen:
            seen.add(start)
            yield from itertools.islice((t for t in starts[start] if t.word in line), 1)


@functools.cache
def common_words(language: Language) -> Mapping[str, Weight]:
    """The weight of each stem in a line of that language; that of all others is under `""`."""
    kept = SHARE_KEPT[language]
    table = {
        stem: weight(float(percentage), kept)
        for percentage, stems in _rows("common_words.tsv")
        for stem in stems.split(" ")
    }
    return table | {"": weight(RAREST, kept)}


def stem(word: str) -> str:
    """What the forms of an English word begin with, more or less; short ones and names whole."""
    length = len(word)
    if length < 4 or not word.isalpha():
        return word
    return word[:6] if length > 7 else word[:5] if length > 5 else word[:4]


def _topics(percentage: str, english: str, chinese: str) -> list[Topic]:
    beginnings = tuple(f" {each.replace('$', ' ')}" for each in english.split(","))
    tells = weight(float(percentage), SHARE_KEPT["zh"])
    return [Topic(word, beginnings, tells) for word in chinese.split(" ")]


def _by_start(found: list[Topic]) -> dict[str, tuple[Topic, ...]]:
    starts: dict[str, list[Topic]] = {}
    for topic in sorted(found, key=lambda topic: -len(topic.word)):
        starts.setdefault(topic.word[:2], []).append(topic)
    return {start: tuple(some) for start, some in starts.items()}


def _rows(name: str) -> list[list[str]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [row.split("\t") for row in text.splitlines()[1:]]
