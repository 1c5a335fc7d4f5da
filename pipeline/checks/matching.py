"""How a quantity of a line relates to one of the paper: the same, rounded, at another scale."""

from collections.abc import Iterator
from decimal import Decimal
from enum import IntEnum

from pipeline.checks.quantities import LETTER_SCALES, Quantity
from pipeline.checks.units import BARE, COUNT, COUNTS, KELVIN, PERCENT, POINTS, TIMES, UNITS


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
ZERO_CELSIUS = Decimal("273.15")
CLOSE = Decimal("0.06")
"""The largest relative change that counts as rounding: 4.7 as 5 does, 1.4 as 1 does not."""

ABOUT = Decimal("0.1")
"""The same where the line says about, nearly, over."""

BOUNDED = Decimal("0.25")
"""The same of a large number that is a bound on the right side: over a billion, of 1.2 billion."""

FARTHEST = 12
"""Powers of ten by which a scale may be wrong."""

LEAST_SHARE = Decimal("0.001")
"""A share below it is not read as the inverse of a multiple."""

GROUPED = 10_000
"""From here on a number of two digits and zeros is taken for rounded: 2,369,883 as 240 万."""

FAR = 4
"""Powers of ten by which one digit is compared at other scales: from 万 to 亿."""

LEAST_SCALED = 1000
MANY_DIGITS = 3
"""With fewer digits two numbers are compared at other scales only where one is that large, and
with one digit where the paper's is: 3 and 30, 15 and 150 or 5 and 5,000 are no slip.
"""


def relation(line: Quantity, source: Quantity, bound: str) -> Relation:
    """How `line` relates to `source`; `bound` is what the line says of it, as in `bound_of`."""
    best = _as_read(line, source, bound)
    if best > Relation.ROUNDED and line.letter:
        if _may_mean(line, source):
            best = min(best, _as_read(_otherwise(line), source, bound))
    elif best > Relation.ROUNDED and source.letter and _may_mean(source, line):
        best = min(best, _as_read(line, _otherwise(source), bound))
    return best


def _may_mean(quantity: Quantity, other: Quantity) -> bool:
    """Whether a K, M or T read otherwise counts or measures about as much as the other does."""
    unit = UNITS[quantity.letter]
    counts = quantity.unit == unit
    if not (other.unit in COUNTS if counts else other.unit.name == unit.name):
        return False
    power = LETTER_SCALES[quantity.letter]
    known = other.value if counts else other.value * other.unit.factor
    moved = quantity.value.scaleb(power if counts else -power)
    return abs(moved - known) <= known * BOUNDED


def _otherwise(quantity: Quantity) -> Quantity:
    """What a K, M or T may mean as well: 15 K is a temperature, or 15,000."""
    unit, power = UNITS[quantity.letter], LETTER_SCALES[quantity.letter]
    if quantity.unit == unit:
        unit = COUNT
    else:
        power = -power
    value, step = quantity.value.scaleb(power), quantity.step.scaleb(power)
    return quantity._replace(value=value, step=step, unit=unit)


def _as_read(line: Quantity, source: Quantity, bound: str) -> Relation:
    if line.vague or source.vague:
        return _vague(line, source)
    if not comparable(line, source):
        wrong = line.value == source.value and not source.inside
        return Relation.UNIT if wrong else Relation.NONE
    if line.unit == source.unit != TIMES:
        best = _near(line.value, source.value, line.step, bound)
        if best == Relation.NONE and _is_score(line, source):
            best = _near(line.value / HUNDRED, source.value, line.step / HUNDRED, bound)
    else:
        known = source.value * _factor(source, line)
        best = min(_near(value, known, step, bound) for value, step in _readings(line, source))
    if best == Relation.NONE and not source.inside:
        if line.value == source.value:
            return Relation.UNIT
        return Relation.SCALE if _scaled(line, source) else best
    points = best <= Relation.ROUNDED and {line.unit, source.unit} == {PERCENT, POINTS}
    return Relation.POINTS if points else best


def _is_score(line: Quantity, source: Quantity) -> bool:
    """Whether a bare number may be the paper's share in percent: an F1 of 87.3 that is 0.873."""
    return line.unit == BARE and line.step < 1 and source.value <= 1 < line.value <= HUNDRED


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
    if line.unit in COUNTS:
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
        ("repeated", "times"),  # 5 次, 5 times
        ("times", "repeated"),
        ("repeated", "count"),
        ("count", "repeated"),
        ("temperature", "kelvin"),
        ("kelvin", "temperature"),
        ("angle", "kelvin"),  # 1000 万度, 10^7 K
        ("angle", "temperature"),
        ("money-jpy", "money-cny"),  # ¥ is either
        ("byte", "bases"),  # kb is either
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
    if {line.unit.name, source.unit.name} == {"temperature", "kelvin"}:
        zero = -ZERO_CELSIUS if line.unit == KELVIN else ZERO_CELSIUS
        yield value + zero, max(step, Decimal(1))
        return
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
    wrong |= bound == "more" and value > source
    return Relation.MISROUNDED if wrong else Relation.ROUNDED


def _last_place(value: Decimal) -> Decimal:
    """The place value of the last digit that is no zero: 1,600 may be given to the hundred."""
    return Decimal(1).scaleb(int(value.normalize().as_tuple().exponent))


def _scaled(line: Quantity, source: Quantity) -> bool:
    same = line.unit.name == source.unit.name or BARE in (line.unit, source.unit)
    shared = any(one.written and one.value < 1 for one in (line, source))
    if line.unit == UNITS["成"] or shared or not same:
        return False
    factor = _factor(line, source)
    value, known = line.value * factor, source.value * _factor(source, line)
    if not value or not known:
        return False
    powers = known.adjusted() - value.adjusted()
    moved = value.scaleb(powers)
    digits = len(value.normalize().as_tuple().digits)
    if abs(moved - known) > known * CLOSE or not _is_a_slip(line, source, powers):
        return False
    step = (line.step * factor).scaleb(powers)
    return moved == known or (digits > 1 and abs(moved - known) * 2 <= step)


def _is_a_slip(line: Quantity, source: Quantity, powers: int) -> bool:
    """Whether numbers with the same digits are one, or too short for more than chance."""
    digits = len(line.value.normalize().as_tuple().digits)
    if not 0 < abs(powers) <= (FARTHEST if digits > 1 else FAR):
        return False
    largest = max(line.value, source.value) if digits > 1 else source.value
    return digits >= MANY_DIGITS or largest >= LEAST_SCALED
