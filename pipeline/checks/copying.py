"""A line that is a sentence of the abstract, or the title, word for word."""

import itertools
import re
from collections.abc import Iterator

from rapidfuzz.distance import Indel

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Lines, Paper
from pipeline.sentences import spans

SAME = 0.9
"""Share of the words, in the same order, that make a copy; a few may be more, less or other."""

PART = 0.75
"""Share of the longer text that the shorter one is of, where it is a part of it as it stands."""

FEWEST = 8
"""Words of a part that is a copy; fewer may be a name with what it is."""

PROBE = 3
MOST_PROBES = 30
PROBES_FOUND = 0.3
"""Words in a row that are looked for in the abstract, and the share of them that is found of
every copy: a tenth of the words may be other ones, and marks may be.
"""

LONGEST = 20_000
"""Characters of an abstract whose sentences are compared; arXiv takes 1,920."""

WORD = re.compile(r"[^\W_]+")
PLAIN = str.maketrans("‐‑‒–—“”‘’", "-----\"\"''")


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`copied-first` and `copied`, for the English line; what is extracted is no copy.

    Case, white space, quotation marks, dashes and punctuation do not matter.
    """
    line = lines.get("en", "")
    if rules.extractive or not line.strip():
        return
    whole = (0, len(line))
    source = _source(_words(line), paper.abstract) if _may_be_copied(line, paper.abstract) else None
    if source and source[0] == 0:
        message = "the first sentence of the abstract, word for word"
        yield Found("copied-first", message, "en", whole, source)
    elif _near(len(line), len(paper.title)) and _same(_words(line), _words(paper.title)):
        yield Found("copied", "the title, word for word", "en", whole)
    elif source:
        yield Found("copied", "a sentence of the abstract, word for word", "en", whole, source)


def _may_be_copied(line: str, abstract: str) -> bool:
    text = _plain(abstract)
    if "\n" in text or "  " in text:
        text = " ".join(text.split())
    words = _plain(line).strip("\"' ").split()
    step = max(PROBE, len(words) // MOST_PROBES)
    places = range(0, max(1, len(words) - 1), step)
    most = len(places) * (1 - PROBES_FOUND)
    missed = 0
    for place in places:
        if " ".join(words[place : place + PROBE]) not in text:
            missed += 1
            if missed > most:
                return False
    return True


def _plain(text: str) -> str:
    text = text.lower()
    return text if text.isascii() else text.translate(PLAIN)


def _source(words: list[str], abstract: str) -> Span | None:
    """Where the copied sentence stands; the abstract's beginning counts as its first one."""
    found = spans(abstract[:LONGEST])
    first = found[0] if found else (0, 0)
    if len(words) >= FEWEST:
        beginning = itertools.islice(WORD.finditer(abstract.lower()), len(words))
        if _same(words, [word[0] for word in beginning]):
            return first
    letters = sum(map(len, words))
    for start, end in found:
        alike = end - start < 3 * letters and letters < 2 * (end - start)
        if alike and _same(words, _words(abstract[start:end])):
            return start, end
    return None


def _same(one: list[str], other: list[str]) -> bool:
    if not _near(len(one), len(other)):
        return False
    if Indel.normalized_similarity(one, other) >= SAME:
        return True
    less, more = sorted((one, other), key=len)
    return len(less) >= FEWEST and f" {' '.join(less)} " in f" {' '.join(more)} "


def _near(one: int, other: int) -> bool:
    return min(one, other) >= PART * max(one, other) > 0


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())
