"""Quantities that follow from those of a paper by a complement, a difference, a sum or a ratio.

Nobody can tell whether such a quantity was meant or is a slip, so it is a note.
"""

import itertools
import re
from collections.abc import Sequence
from decimal import Decimal

from pipeline.checks.known import Source
from pipeline.checks.quantities import Quantity
from pipeline.checks.units import BARE, COUNT, PERCENT, POINTS, TIMES, Unit

LEAST = 13
"""Smaller counts follow from nearly any two numbers."""

MOST_COMPARED = 60
"""Quantities of a paper that are looked at; more is a table, no abstract."""

NEIGHBOURHOOD = 40
"""Characters around a quantity in which a word such as `fewer` makes a complement of it."""

LESS = re.compile(r"fewer|less|reduc|lower|drop|decreas|small|cut|sav|remain|only|prun|compress")
BEFORE_AND_AFTER = re.compile(
    r".{0,30}?\b(?:to|vs\.?|versus|over|from|than|compared|and|against|→)\b.{0,30}", re.DOTALL
)
"""What stands between two quantities whose difference a line may give."""

KIN: dict[Unit, tuple[Unit, ...]] = {
    PERCENT: (PERCENT, POINTS, BARE, TIMES),
    POINTS: (PERCENT, POINTS, BARE),
    BARE: (BARE, PERCENT, POINTS),
    COUNT: (COUNT,),
    TIMES: (COUNT, BARE),
}
"""Units of the paper's quantities that one of this unit may follow from."""


def derivation(quantity: Quantity, sources: Sequence[Source]) -> str:
    """How a quantity follows from the sources, in words; empty where it does not."""
    if not quantity.value or (quantity.unit in (BARE, COUNT) and quantity.value < LEAST):
        return ""
    kin = KIN.get(quantity.unit, ())
    compared = [source for source in sources if source.quantity.unit in kin][:MOST_COMPARED]
    if quantity.unit == PERCENT:
        for source in compared:
            if _equal(_complement(source.quantity), quantity) and _tells_a_decrease(source):
                times = source.quantity.unit == TIMES
                return f"{source.text} less" if times else f"100% less {source.text}"
    pairs = (pair for pair in itertools.pairwise(compared) if _are_compared(*pair))
    return next(filter(None, (_from_both(quantity, *pair) for pair in pairs)), "")


def _from_both(quantity: Quantity, one: Source, other: Source) -> str:
    small, large = sorted((one.quantity.value, other.quantity.value))
    if quantity.unit == TIMES:
        of_both = "ratio" if small and _equal(large / small, quantity) else ""
    elif _equal(large - small, quantity):
        of_both = "difference"
    else:
        of_both = "sum" if quantity.unit == COUNT and _equal(large + small, quantity) else ""
    return f"the {of_both} of {one.text} and {other.text}" if of_both else ""


def _complement(quantity: Quantity) -> Decimal:
    """What is left of 100% or, where it is a multiple, what 10 times less saves: 90%."""
    value = quantity.value
    if quantity.unit == TIMES:
        return 100 - 100 / value if value > 1 else Decimal(0)
    return 100 - value


def _equal(value: Decimal, quantity: Quantity) -> bool:
    return abs(value - quantity.value) * 2 <= quantity.step


def _tells_a_decrease(source: Source) -> bool:
    start, end = source.quantity.span
    near = source.where[max(0, start - NEIGHBOURHOOD) : end + NEIGHBOURHOOD]
    return LESS.search(near) is not None


def _are_compared(one: Source, other: Source) -> bool:
    between = one.where[one.quantity.span[1] : other.quantity.span[0]]
    return one.where is other.where and BEFORE_AND_AFTER.fullmatch(between) is not None
