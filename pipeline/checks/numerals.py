"""Numbers written in words or characters -> their values: `twenty-five`, 三百二十, 两."""

import re
from decimal import Decimal


def _counted(words: str, *, by: int = 1) -> dict[str, int]:
    """Each word with `by` times its place; `_` leaves a place out."""
    return {word: by * place for place, word in enumerate(words.split()) if word != "_"}


SMALL = _counted(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = _counted("_ _ twenty thirty forty fifty sixty seventy eighty ninety", by=10)
ORDINALS = _counted("_ _ _ third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
ENGLISH_SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "trillion": 1_000_000_000_000,
}
CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}
CHINESE_SCALES = {"亿": 100_000_000, "万": 10_000, "千": 1_000, "百": 100, "十": 10}
LONGEST_NUMERAL = 30
"""Characters of a numeral that are read; what is longer is no number of a paper."""

_WORD = "|".join(["zero(?!-)", *list(SMALL)[1:], *TENS])
ENGLISH = rf"(?:{_WORD})(?:[-\x20](?:and[-\x20])?(?:{_WORD}|{'|'.join(ENGLISH_SCALES)})(?![a-z]))*"
"""A number in English words; `english_value` reads it."""

CHINESE = f"[零〇一二两三四五六七八九十百千万亿]{{1,{LONGEST_NUMERAL}}}+"


def english_value(words: str) -> Decimal:
    """The value of a match of `ENGLISH`: `two hundred and five` is 205."""
    total, group = 0, 0
    for word in re.split(r"[ -]", words.casefold()):
        if word in ENGLISH_SCALES and ENGLISH_SCALES[word] > ENGLISH_SCALES["hundred"]:
            total, group = total + (group or 1) * ENGLISH_SCALES[word], 0
        elif word in ENGLISH_SCALES:
            group = (group or 1) * ENGLISH_SCALES[word]
        elif word != "and":
            group += SMALL.get(word, 0) + TENS.get(word, 0)
    return Decimal(total + group)


def chinese_value(numeral: str) -> Decimal:
    """The value of a match of `CHINESE`: 三百二十 is 320, 二〇二六 is 2026, 百万 is a million."""
    return Decimal(_chinese(numeral[:LONGEST_NUMERAL]))


def _chinese(numeral: str) -> int:
    for scale, value in CHINESE_SCALES.items():
        before, found, behind = numeral.rpartition(scale)
        if found:
            return (_chinese(before) or 1) * value + _chinese(behind)
    return int("".join(str(CHINESE_DIGITS[digit]) for digit in numeral) or "0")
