"""Numbers that name instead of counting: Llama 3.1, Task 4, 2.5D, 任务 3.

Such a number is right only where the paper has it behind the same word; the same number
elsewhere says nothing. So they are compared as texts, not as values.
"""

import re
from collections.abc import Iterator, Sequence

from pipeline.checks.quantities import Quantity
from pipeline.checks.rules import Found
from pipeline.checks.units import BARE
from pipeline.records import Language

LABELS = {
    "子任务": "subtask|task",
    "任务": "task|subtask",
    "系统": "system",
    "阶段": "stage|phase",
    "赛道": "track",
    "第": "track|task|stage|phase",
}
"""Chinese words that a number behind them labels, and what a paper may have instead."""

ENGLISH_LABELS = frozenset(
    ("task", "subtask", "track", "level", "stage", "phase", "grade", "version", "system")
)
BEFORE = re.compile(
    r"(?P<latin>[A-Za-z][A-Za-z0-9.+-]*)[\s-]$|(?P<chinese>子任务|任务|系统|阶段|赛道)\s?$"
)
LOOK_BACK = 24
"""Characters before a number in which its label is looked for."""

NUMBER = r"\d+(?:\.\d+)*"
VERSION = re.compile(rf"(?>{NUMBER})(?![A-Za-z]|\s?(?:[kKMBT](?![A-Za-z])|[%％十百千万亿]))")
MALFORMED = (
    re.compile(
        r"0(?<![\d.,:A-Za-z}\u2009\u202f-]0)\d++(?:\.\d++)?(?![\d:A-Za-z]|-\d\d-)"
    ),  # 00.79, 026
    re.compile(r"\d(?<![\d.,]\d)\d{0,2}(?:,\d{3}){0,9},\d{4,}"),  # 3,3355
    re.compile(r"@\d++(?:\.\d++)?"),
)
"""What no number is that was copied rightly; after an `@` a number is a name, as in pass@10."""

WITH_LETTERS = re.compile(
    r"\d(?<![A-Za-z\d.,-]\d)\d*+(?:\.\d++)*+(?=[a-z]?[A-Z])[A-Za-z]{1,3}(?![A-Za-z])"
)
MAY_BE_STRANGE = re.compile(r"0(?<![\d.,:A-Za-z}\u2009\u202f-]0)\d|,\d{4}|@\d|\d[a-z]?[A-Z]")
"""No line without one of these has any of them; one search is faster than four."""

MOST_STRANGE = 20
"""Numbers of a line, written wrongly or with letters, that are looked up in the paper."""

DIMENSIONS = re.compile(r"[1-4]D", re.IGNORECASE)
"""What a paper also calls one- to four-dimensional, or means by another word."""


def misnamed(
    line: str, language: Language, found: Sequence[Quantity], texts: Sequence[str]
) -> Iterator[Found]:
    """The numbers of a line that name something else than in the paper's `texts`."""
    for quantity in found:
        if quantity.unit != BARE or quantity.written or quantity.inside:
            continue
        start = quantity.span[0]
        label = BEFORE.search(line[max(0, start - LOOK_BACK) : start])
        number = VERSION.match(line, start) if label else None
        if label is None or number is None or f"{label[0]}{number[0]} " in texts[0]:
            continue
        known = _numbered(_words(label), texts)
        if known and number[0] not in known.values() and not _is_measured(number[0], texts):
            told = " and ".join(f'"{name}"' for name in dict.fromkeys(known))
            message = f"{label[0].strip()} {number[0]} is not in the paper, which has {told}"
            yield Found("number-unknown", message, language, number.span())
    yield from _strange(line, language, found, texts)


def _strange(
    line: str, language: Language, found: Sequence[Quantity], texts: Sequence[str]
) -> Iterator[Found]:
    """Numbers that are written wrongly, or with letters that the paper does not have there."""
    if not MAY_BE_STRANGE.search(line):
        return
    patterns = (*MALFORMED, WITH_LETTERS)
    odd = [match for pattern in patterns for match in pattern.finditer(line)][:MOST_STRANGE]
    if not odd:
        return
    together = "\n".join(texts).casefold()
    taken = {place for one in found if not one.inside for place in range(*one.span)}
    for match in odd:
        if match.re is WITH_LETTERS:
            known = match.start() in taken or _is_named(match[0], together)
        else:
            known = re.search(rf"(?<!\d(?=\d)){re.escape(match[0])}(?!\d)", together) is not None
        if not known:
            message = f"{match[0]} is not in the paper"
            yield Found("number-unknown", message, language, match.span())


def _words(label: re.Match[str]) -> str:
    """The words that the paper may have before the number; empty where it is no label."""
    if label["chinese"]:
        return LABELS[label["chinese"]]
    word = label["latin"]
    named = word[0].isupper() or word in ENGLISH_LABELS
    return re.escape(word) if named else ""


def _is_measured(number: str, texts: Sequence[str]) -> bool:
    """Whether it is no label: a number of three digits or more that the paper has elsewhere."""
    return len(number) > len("9.9") and any(number in text for text in texts)


def _numbered(words: str, texts: Sequence[str]) -> dict[str, str]:
    """What the paper has numbered with one of the words, and by which number."""
    if not words:
        return {}
    pattern = re.compile(rf"\b(?:{words})s?[\s-]?({NUMBER})(?![\d.]*%)", re.IGNORECASE)
    return {found[0]: found[1] for text in texts for found in pattern.finditer(text)}


def _is_named(token: str, together: str) -> bool:
    plain = token.casefold()
    if plain in together or DIMENSIONS.fullmatch(token):
        return True
    number = plain.rstrip("abcdefghijklmnopqrstuvwxyz")
    apart = rf"(?<![\d.]){re.escape(number)}[\s-]?{re.escape(plain[len(number) :])}"
    return re.search(apart, together) is not None
