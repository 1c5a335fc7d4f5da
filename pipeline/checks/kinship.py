"""A line that shares nothing with its paper, and so may be another one's.

Each word that tells a topic is evidence for or against: Chinese ones by way of `topics.py`,
English ones and names by their own letters, numbers as digits. The evidence is added up in
bits; a name or a long number that is shared outweighs several words that are not.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pipeline.checks.abbreviations import LONG_FORMS
from pipeline.checks.rules import Found, Rules
from pipeline.checks.topics import Weight, common_words, mentioned, stem, topics
from pipeline.checks.vocabulary import fold, vocabulary
from pipeline.glossary import Glossary
from pipeline.records import Language, Lines, Paper

LOWEST = -3.0
"""Bits below which a line is taken for another paper's. Of the real lines that were measured
the lowest one of its own paper had -2.5; of other papers' lines 3 in 100 have more than -3."""

FEWEST = 3
"""Words and numbers that a line must have before it is judged by `LOWEST`."""

NOTHING = -6.0
"""Bits below which fewer will do if none is shared: those of two rare words."""

LINE_READ = 600
WORDS_JUDGED = 60
"""Characters of a line that are read, and words of each kind that are judged, at most."""

ENOUGH = 16.0
"""Bits above which no more words are looked up: a line of another paper does not get there."""

SHOWN = 5
"""Missing words that the message names."""

WORD = re.compile(r"(?:[a-z](?<= [a-z])[a-z0-9.]+|[0-9](?<= [0-9])[0-9]*[a-z][a-z0-9]*)(?= )")
NUMBER = re.compile(r"[0-9](?<= [0-9])[0-9.]*(?= )")
NUMBERS = {1: Weight(2.0, -1.0), 2: Weight(4.0, -1.0)}
LONG_NUMBER = Weight(5.0, -1.0)
"""By the length of a number. Of the two-digit numbers of a line its own paper has nine in ten,
another one in a hundred (6 bits); less is assumed, for a missing one too, since a number may be
written another way."""


class Evidence(NamedTuple):
    """A word of a line, whether its paper has it, and what that tells in bits."""

    word: str
    shared: bool
    bits: float


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`other-paper`, for each language by itself."""
    text = vocabulary(paper).text
    for language, line in lines.items():
        bits = 0.0
        found: list[Evidence] = []
        for each in evidence(line, text, language, rules.glossary):
            found.append(each)
            bits += each.bits
            if bits > ENOUGH:
                break
        if bits < LOWEST and (len(found) >= FEWEST or _nothing(found, bits)):
            yield Found("other-paper", _message(found), language, (0, len(line)))


def _nothing(found: list[Evidence], bits: float) -> bool:
    """Whether the few words that were found are enough to say that nothing is shared."""
    return bits < NOTHING and not any(each.shared for each in found)


def evidence(line: str, text: str, language: Language, glossary: Glossary) -> Iterator[Evidence]:
    """What the line's words tell of its paper, whose folded text is given; the surest first."""
    line = line[:LINE_READ]
    folded = fold(line)
    for number in islice(_distinct(NUMBER, folded), WORDS_JUDGED):
        weight = NUMBERS.get(len(number), LONG_NUMBER)
        yield _weighed(number, weight, shared=f" {number} " in text)
    common = common_words(language)
    rare = common[""]
    for word in islice(_distinct(WORD, folded), WORDS_JUDGED):
        sought = stem(word)
        yield _weighed(word, common.get(sought, rare), shared=_has(word, sought, text))
    for topic in islice(mentioned(line, topics(glossary)), WORDS_JUDGED):
        shared = any(beginning in text for beginning in topic.beginnings)
        yield _weighed(topic.word, topic.weight, shared=shared)


def _has(word: str, sought: str, text: str) -> bool:
    """Whether the paper has a word, of which `sought` is the stem: SAE for SAEs too, or written
    out.
    """
    if len(word) > 3 and word.isalpha():
        return f" {sought}" in text or (word in LONG_FORMS and _written_out(word, text))
    return f" {word} " in text or f" {word}s " in text or _written_out(word, text)


def _written_out(word: str, text: str) -> bool:
    return any(f" {form}" in text for form in LONG_FORMS.get(word.removesuffix("s"), ()))


def _distinct(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Each text that the pattern finds, once; the next is looked for when it is asked for."""
    seen: set[str] = set()
    for match in pattern.finditer(text):
        if match[0] not in seen:
            seen.add(match[0])
            yield match[0]


def _weighed(word: str, weight: Weight, *, shared: bool) -> Evidence:
    return Evidence(word, shared, weight.shared if shared else weight.missing)


def _message(found: list[Evidence]) -> str:
    missing = [each for each in found if not each.shared and each.bits]
    missing.sort(key=lambda each: (each.bits, each.word))
    named = ", ".join(each.word for each in missing[:SHOWN])
    return (
        f"the line may be another paper's: {len(missing)} of the {len(found)} words that tell "
        f"its topic are not in the paper, such as {named}"
    )
