"""How a quantity of a line relates to one of the paper: the same, rounded, at another scale."""

from collections.abc import Iterator
from decimal import Decimal
from enum import IntEnum

from pipeline.checks.quantities import Quantity
from pipeline.checks.units import BARE, COUNT, PERCENT, POINTS, TIMES, UNITS


class Relation(IntEnum):
    """From the same quantity to none of it; of several that hold, the smallest counts."""

    SAME = 0
    ROUNDED = 1
    POINTS = 2
    MISROUNDED = 3
    SCALE = 4
    UNIT = 5
    NONE = 6


HUNDRED = Decimal(100)
CLOSE = Decimal("0.06")
"""The largest relative change that counts as rounding: 4.7 as 5 does, 1.4 as 1 does not."""

ABOUT = Decimal("0.1")
"""The same where the line says about, nearly, over."""

BOUNDED = Decimal("0.25")
"""The same of a large number that is a bound on the right side: over a billion, of 1.2 billion."""

SCALES = range(-12, 13)
"""Powers of ten by which a scale may be wrong."""

LEAST_SHARE = Decimal("0.001")
"""A share below it is not read as the inverse of a multiple."""

GROUPED = 10_000
"""From here on a number of two digits and zeros is taken for rounded: 2,369,883 as 240 万."""

LEAST_SCALED = 1000
"""One significant digit is compared at other scales only from here on: 3 and 30 are no slip."""


def relation(line: Quantity, source: Quantity, bound: str) -> Relation:
    """How `line` relates to `source`; `bound` is what the line says of it, as in `bound_of`."""
    if line.vague or source.vague:
        return _vague(line, source)
    if not comparable(line, source):
        wrong = line.value == source.value and not source.inside
        return Relation.UNIT if wrong else Relation.NONE
    if line.unit == source.unit != TIMES:
        best = _near(line.value, source.value, line.step, bound)
    else:
        known = source.value * _factor(source, line)
        best = min(_near(value, known, step, bound) for value, step in _readings(line, source))
    if best == Relation.NONE and not source.inside:
        if line.value == source.value:
            return Relation.UNIT
        return Relation.SCALE if _scaled(line, source) else best
    points = best <= Relation.ROUNDED and {line.unit, source.unit} == {PERCENT, POINTS}
    return Relation.POINTS if points else best


def shift(line: Quantity, source: Quantity) -> int:
    """By how many powers of ten two quantities of one unit differ."""
    return abs(line.value.adjusted() - source.value.adjusted())


def _vague(line: Quantity, source: Quantity) -> Relation:
    """数千 is any number of thousands; thousands are no millions."""
    if not line.vague:
        return Relation.NONE
    most = line.value if source.vague else line.value * 10
    if line.value == source.value or line.value <= source.value < most:
        return Relation.SAME
    return Relation.SCALE if source.vague else Relation.NONE


def comparable(line: Quantity, source: Quantity) -> bool:
    """Whether their units allow that both are one; a missing unit goes with nearly any."""
    if source.inside and source.value < LEAST_SCALED and line.unit != BARE:
        return line.unit.name == "bit"  # the 3 of `3D` counts nothing, the 8 of `INT8` does
    if line.unit.name == source.unit.name or line.unit == BARE:
        return True
    if source.unit == BARE:
        return not _needs_a_unit(line, source)
    return (line.unit.name, source.unit.name) in LOOSE


def _needs_a_unit(line: Quantity, source: Quantity) -> bool:
    """Whether a bare number of the paper is too common to be taken for the line's quantity."""
    whole = source.value == source.value.to_integral_value()
    if line.unit == COUNT:
        return not whole and source.value < LEAST_SCALED
    if line.unit == PERCENT:
        return whole and source.value > HUNDRED
    if line.unit == TIMES and source.value > FEW_TIMES:
        return True
    return line.unit.name not in ("points", "mark", "tenth") and whole and source.value < MANY


FEW_TIMES = 20
"""A bare number above it is more often a score in percent than a multiple."""

MANY = 10
"""Below it a number without a unit is met too often to be any of 8 KB or 3 times."""

LOOSE = frozenset(
    {
        ("percent", "points"),
        ("points", "percent"),
        ("percent", "times"),
        ("times", "percent"),
        ("count", "times"),  # 5 次, 5 times
        ("count", "bit"),  # 4 位, 4-bit
        ("bit", "count"),
        ("angle", "count"),  # 3 自由度, 3 degrees of freedom
        ("count", "angle"),
        ("tenth", "percent"),  # 七成, 70%
        ("mark", "points"),
        ("mark", "percent"),
        ("mark", "count"),  # 5 分, a scale from 1 to 5
    }
)
"""Units of a line and of a paper that may say the same."""


def _factor(quantity: Quantity, other: Quantity) -> Decimal:
    """What leads to a unit that both share; where one names none, the numbers are compared."""
    same = quantity.unit.name == other.unit.name
    return quantity.unit.factor if same else Decimal(1)


def _readings(line: Quantity, source: Quantity) -> Iterator[tuple[Decimal, Decimal]]:
    """The values that the line may stand for in the unit of the source, each with its step."""
    factor = _factor(line, source)
    value, step = line.value * factor, line.step * factor
    share = line.unit in (PERCENT, POINTS) and source.unit == BARE and source.value <= 1
    if {line.unit, source.unit} != {PERCENT, TIMES} and not (share and line.unit == PERCENT):
        yield value, step
    if share:
        yield value / HUNDRED, step / HUNDRED
    if line.unit == BARE and source.unit in (PERCENT, POINTS) and value <= 1:
        yield value * HUNDRED, step * HUNDRED
    if line.unit == PERCENT and source.unit == TIMES:
        yield value / HUNDRED, step / HUNDRED
        yield value / HUNDRED + 1, step / HUNDRED
    if line.unit == TIMES and source.unit == PERCENT:
        yield value * HUNDRED, step * HUNDRED
        yield (value - 1) * HUNDRED, step * HUNDRED
    if source.unit == TIMES and LEAST_SHARE < value < 1 and (not step or not 1 % value):
        yield round(1 / value, 3), step
    if line.unit.name == "tenth" and source.unit == PERCENT:
        yield value * 10, step * 10


def _near(value: Decimal, source: Decimal, step: Decimal, bound: str) -> Relation:
    if value == source:
        return Relation.SAME
    if bound == "more" and value < source < value + _last_place(value):
        return Relation.ROUNDED
    distance, last = abs(value - source), _last_place(value)
    right = (bound == "over" and value < source) or (bound == "under" and value > source)
    if right and value >= LEAST_SCALED and distance < min(last, source * BOUNDED):
        return Relation.ROUNDED
    if not value or distance > source * (ABOUT if bound else CLOSE):
        return Relation.NONE
    grouped = value >= GROUPED and last < value.scaleb(-1)
    coarse = max(step, last) if bound or grouped else step
    if distance >= coarse and distance * 2 > coarse:
        return Relation.NONE
    wrong = distance * 2 > coarse and not (right or bound == "about")
    return Relation.MISROUNDED if wrong else Relation.ROUNDED


def _last_place(value: Decimal) -> Decimal:
    """The place value of the last digit that is no zero: 1,600 may be given to the hundred."""
    return Decimal(1).scaleb(int(value.normalize().as_tuple().exponent))


def _scaled(line: Quantity, source: Quantity) -> bool:
    same = line.unit.name == source.unit.name or BARE in (line.unit, source.unit)
    if line.unit == UNITS["成"] or not same:
        return False
    factor = _factor(line, source)
    value, known = line.value * factor, source.value * _factor(source, line)
    if not value or not known:
        return False
    shift = known.adjusted() - value.adjusted()
    if shift == 0 or shift not in SCALES:
        return False
    moved = value.scaleb(shift)
    if abs(moved - known) > known * CLOSE:
        return False
    digits = len(value.normalize().as_tuple().digits)
    if digits < 2 and max(value, known) < LEAST_SCALED:
        return False
    step = (line.step * factor).scaleb(shift)
    return moved == known or (digits > 1 and abs(moved - known) * 2 <= step)
