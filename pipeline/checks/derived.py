"""Quantities that follow from those of a paper by a complement, a difference, a sum or a ratio.

Nobody can tell whether such a quantity was meant or is a slip, so it is a note. Since nearly
any number follows from some two others, only those are taken that the line's own words make
one: `9.4 higher`, 降低 75%, 共 2,000 条; and only from quantities of one sentence.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pipeline.checks.known import Known, Source
from pipeline.checks.quantities import Quantity
from pipeline.checks.units import BARE, COUNTS, PERCENT, POINTS, TIMES

LEAST = 13
"""Smaller counts follow from nearly any two numbers."""

MOST_COMPARED = 40
"""Quantities of a paper that are looked at; more is a table, no abstract."""

MOST_TRIED = 8
"""Quantities of a line for which a derivation is looked for; one with more is wrong anyway."""

REACH = 6
"""How many quantities further on in a sentence one is compared with."""

MANY_DIGITS = MANY_TERMS = 3
"""A count is taken for a sum where the line says so, or it has so many digits or terms."""

COMMON = COUNTS | {PERCENT, POINTS, TIMES}
"""Units of which a sentence has many that have nothing to do with each other."""

ENGLISH_WORDS, CHINESE_WORDS = (40, 30), (12, 8)
"""Characters of a line before and behind a quantity in which words make it a derived one."""

NEAR = 40
"""Characters around a quantity of the paper in which a word such as `fewer` belongs to it."""

LONGEST_END = 8
"""Characters of the first end of a range that are looked at before the second."""

HUNDRED = Decimal(100)
HALF = Decimal("0.5")
CLOSE = Decimal("0.07")
"""How far a ratio may be off that is given without decimals: 3.75 as 4."""

LESS = re.compile(
    r"\b(?:fewer|less|reduc|lower|drop|decreas|fall|fell|small|cut|sav|shrink|shrunk|compress|prun"
    r"|below|cheap|short|declin)"
    r"|降|减|少(?!样本)|节|省|低(?!于\s?\d)|缩|短|下滑|下跌|压缩|落后",
    re.IGNORECASE,
)
MORE = re.compile(
    r"\b(?:more|higher|gain|improv|increas|ris|rose|grow|grew|better|above|outperform|surpass|lift"
    r"|rais|boost|lead|ahead|faster|up\b)"
    r"|提升|提高|提速|升|增|高出|高于|更高|[高多](?=\s?[\d约了])|多出|超|领先|快|涨|扩大|优于",
    re.IGNORECASE,
)
REST = re.compile(
    r"(?:\b(?:error|fail|miss|wrong|incorrect|other|rest\b|remain)|误|错|失败|其余|剩).{0,25}$",
    re.IGNORECASE,
)
NOT = re.compile(
    r".{0,10}[不未没]|.{0,30}?(?:\b(?:not\b|fail|remain|error)|n't|错|失败|误)", re.IGNORECASE
)
LEFT = re.compile(r"(?:[至到仅只剩]|保留|\bto|only|remain\w*)\D{0,12}$", re.IGNORECASE)
RANGED = re.compile(r"\s?[-\u2013~～至到]{1,2}\s?\d")
IN_A_RANGE = re.compile(r"\d\s?[%％]?\s?[-\u2013~～至到]{1,2}\s?$")
"""What stands around a number that is one end of a range: no end of one is a derived number."""

TOTAL = re.compile(r"total|in all|overall|altogether|together|共|总|合计|累计", re.IGNORECASE)
RISK = re.compile(r"\b(?:hazard|odds|risk|rate) ratio|relative risk|faster", re.IGNORECASE)
"""What tells less though no such word is there: a risk ratio of 0.80, 4x faster."""

COMPARED = re.compile(
    r"(?:(?<!up )\bto|\bfrom)\b\D{0,15}$|\([^()+]{0,25}$|→"
    r"|\b(?:vs|versus|than|compared|against|instead|without)\b",
    re.DOTALL,
)
"""What stands between two quantities that are held against each other."""

MOST_APART = 100
"""Characters between them."""

ENDED = re.compile(r"[.!?。！？]\s+(?=[A-Z0-9])|[。！？]")
"""Where a sentence of the paper ends."""


_Pair = tuple[Source, Source]


class _Words(NamedTuple):
    """What the words of a line around a quantity say of it."""

    less: bool
    more: bool
    rest: bool
    left: bool
    total: bool


class Derivations:
    """What follows from the quantities of a paper; they are paired but once."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._left = MOST_TRIED

    def told(self, line: str, quantity: Quantity) -> str:
        """How a quantity of a line follows, in words; empty where it does not."""
        if not quantity.value or quantity.vague or not self._left:
            return ""
        self._left -= 1
        start, end = quantity.span
        before = line[max(0, start - LONGEST_END) : start]
        alone = not RANGED.match(line, end) and not IN_A_RANGE.search(before)
        words = _words(line, quantity)
        ways = [_from_two_of(quantity, self._compared, words)]
        if alone:
            ways += [
                _from_each(quantity, self._sources, words),
                _from_sums(quantity, self._listed, words),
            ]
        return next(itertools.chain.from_iterable(ways), "")

    @functools.cached_property
    def _sources(self) -> list[Source]:
        return [one for one in self._known.digits if not one.quantity.inside][:MOST_COMPARED]

    @functools.cached_property
    def _compared(self) -> list[_Pair]:
        return [pair for pair in _pairs(self._sources) if _are_compared(*pair)]

    @functools.cached_property
    def _listed(self) -> list[_Pair]:
        return list(_pairs([one for one in self._sources if one.quantity.unit in COUNTS]))


def _words(line: str, quantity: Quantity) -> _Words:
    start, end = quantity.span
    before, behind = line[max(0, start - ENGLISH_WORDS[0]) : start], line[end:]
    rest = REST.search(before) or NOT.match(behind)
    left = LEFT.search(before)
    if not (before + behind[: ENGLISH_WORDS[1]]).isascii():
        before, behind = before[-CHINESE_WORDS[0] :], behind[: CHINESE_WORDS[1]]
    near = before + line[start:end] + behind[: ENGLISH_WORDS[1]]
    return _Words(
        less=LESS.search(near) is not None,
        more=MORE.search(near) is not None or quantity.unit == POINTS,
        rest=rest is not None,
        left=left is not None,
        total=TOTAL.search(near) is not None,
    )


def _from_each(quantity: Quantity, sources: Sequence[Source], words: _Words) -> Iterator[str]:
    """From one alone: what it leaves of the whole, or what ten times less saves."""
    share = _share(quantity)
    if share is None:
        return
    for source in sources:
        given = source.quantity
        risk = words.less and _says(RISK, source)
        if given.unit == TIMES and given.value > 1:
            left, saves = 1 / given.value, words.less and (risk or _says(LESS, source))
            if (saves and _fits(1 - left, *share)) or (
                quantity.unit != PERCENT and _fits(left, *share)
            ):
                yield f'"{source.text}", which leaves {_percent(left)}'
        elif (
            (known := _share(given))
            and _fits(1 - known[0], *share)
            and (words.rest or risk or (words.left and _says(LESS, source)))
        ):
            yield f'what "{source.text}" leaves of the whole'


def _says(cue: re.Pattern[str], source: Source) -> bool:
    start, end = source.quantity.span
    return cue.search(source.where[max(0, start - NEAR) : end + NEAR]) is not None


def _pairs(sources: Sequence[Source]) -> Iterator[_Pair]:
    """Those of one sentence and one kind of unit, each with some that follow it."""
    for place, one in enumerate(sources):
        for other in sources[place + 1 : place + 1 + REACH]:
            if not (one.in_abstract and other.in_abstract) or _ends_between(one, other):
                break
            if _are_alike(one.quantity, other.quantity):
                yield one, other


def _from_two_of(quantity: Quantity, pairs: Sequence[_Pair], words: _Words) -> Iterator[str]:
    """From two that are compared: their difference, their ratio, the change between them."""
    for one, other in pairs:
        if how := _from_two(quantity, one.quantity, other.quantity, words):
            yield f'the {how} of "{one.text}" and "{other.text}"'


def _from_sums(quantity: Quantity, pairs: Sequence[_Pair], words: _Words) -> Iterator[str]:
    """From counts in a row that it is the sum of."""
    if quantity.unit not in COUNTS or quantity.step < 1 or quantity.value < LEAST:
        return
    exact = len(quantity.value.normalize().as_tuple().digits) >= MANY_DIGITS
    first, total, terms = None, Decimal(0), 0
    for one, other in pairs:
        if one is not first:
            first, total, terms = one, one.quantity.value, 1
        total, terms = total + other.quantity.value, terms + 1
        if total == quantity.value and (words.total or exact or terms >= MANY_TERMS):
            yield f'the sum of what stands from "{one.text}" to "{other.text}"'


def _from_two(quantity: Quantity, one: Quantity, other: Quantity, words: _Words) -> str:
    small, large = sorted((one.value * one.unit.factor, other.value * other.unit.factor))
    if not small or small == large:
        return ""
    if quantity.unit == TIMES:
        ones = 1 in (one.value, other.value)  # a ratio to one is but the number itself
        return "ratio" if not ones and _is_ratio(quantity, large / small, words) else ""
    if (words.less or words.more) and _is_difference(quantity, large - small, (one, other)):
        return "difference"
    share = _share(quantity)
    if share is None:
        return ""
    changes = ((1 - small / large,) if words.less else ()) + (
        (large / small - 1,) if words.more else ()
    )
    if any(_fits(change, *share) for change in changes):
        return "relative change"
    return "ratio" if not quantity.step and _fits(small / large, *share) else ""


def _is_ratio(quantity: Quantity, ratio: Decimal, words: _Words) -> bool:
    """Whether it is the ratio, or by how much that is more than one: 增长 3.2 倍 is 4.2 times."""
    if not quantity.step or quantity.step >= 1:
        return abs(ratio - quantity.value) <= min(ratio * CLOSE, HALF)
    values = (ratio, ratio - 1) if words.more else (ratio,)
    return any(abs(value - quantity.value) * 2 <= quantity.step for value in values)


def _is_difference(
    quantity: Quantity, difference: Decimal, both: tuple[Quantity, Quantity]
) -> bool:
    given, other = both
    if given.unit in COUNTS and given.step != other.step:
        return False
    if quantity.unit in COUNTS and _is_small(quantity):
        return False
    scored = quantity.unit in (PERCENT, POINTS) and given.unit == BARE
    value, step = (one * quantity.unit.factor for one in (quantity.value, quantity.step))
    if scored and difference < 1:
        return abs(difference * HUNDRED - value) * 2 <= step
    alike = _are_alike(quantity, given) or scored
    percents = quantity.unit in (POINTS, BARE) and given.unit in (PERCENT, POINTS)
    return (alike or percents) and abs(difference - value) * 2 <= step


def _share(quantity: Quantity) -> tuple[Decimal, Decimal] | None:
    """Value and step of a share of one, if it may be one."""
    value, step = quantity.value, quantity.step
    if quantity.unit == PERCENT or (quantity.unit == POINTS and quantity.step):
        return value / HUNDRED, step / HUNDRED
    if quantity.unit.name == "tenth":
        return value / 10, step / 10
    if quantity.unit == BARE and 0 < value < 1:
        return value, step or Decimal("0.02")
    return None


def _fits(value: Decimal, share: Decimal, step: Decimal) -> bool:
    return abs(value - share) * 2 <= step


def _percent(share: Decimal) -> str:
    return f"{share * HUNDRED:.0f}%"


def _are_alike(one: Quantity, other: Quantity) -> bool:
    return one.unit.name == other.unit.name or {one.unit, other.unit} <= COUNTS


def _are_compared(one: Source, other: Source) -> bool:
    """Whether both have a unit of measure, or words that compare stand between them."""
    first, second = one.quantity, other.quantity
    if first.unit not in COMMON:
        return True
    if BARE in (first.unit, second.unit) and (_is_small(first) or _is_small(second)):
        return False
    between = one.where[first.span[1] : second.span[0]]
    return len(between) <= MOST_APART and COMPARED.search(between) is not None


def _is_small(quantity: Quantity) -> bool:
    return quantity.step >= 1 and quantity.value < LEAST


def _ends_between(one: Source, other: Source) -> bool:
    between = one.where[one.quantity.span[1] : other.quantity.span[0]]
    return ENDED.search(between) is not None
