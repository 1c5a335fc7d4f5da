"""Reads the quantities of a text: numbers with their unit, scale, precision and place.

Both scripts are read alike, since Chinese lines quote English forms and abstracts carry
LaTeX. What is a number and what is part of a name is told by what touches it: `GPT-4`,
`3D` and `R2` hold no quantity of their own.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pipeline.checks import units
from pipeline.checks.numerals import ENGLISH_SCALES
from pipeline.checks.rules import Span
from pipeline.checks.units import BARE, COUNT, COUNTS, MONEY, TIMES, UNITS, Unit


class Quantity(NamedTuple):
    """A quantity as a text gives it.

    `value` is in `unit`, its scale (thousand, 万) multiplied in; `step` is the place value
    of its last digit, 0 where it is exact. `inside`: it stands inside a name. `vague`: only
    the power of ten is given (数百万, millions of). `written`: in words or characters, not
    digits. `letter`: a K, M or T that is its unit, or its scale, or may be either.
    """

    value: Decimal
    step: Decimal
    unit: Unit
    span: Span
    inside: bool = False
    vague: bool = False
    written: bool = False
    letter: str = ""

    def quoted(self, text: str) -> str:
        """The quantity as `text`, which it was read from, has it: in one line."""
        return " ".join(text[slice(*self.span)].split())


LETTER_SCALES = {"k": 3, "K": 3, "M": 6, "mn": 6, "B": 9, "bn": 9, "T": 12}
"""Powers of ten of the letters that stand for a scale behind a number."""

CHINESE_POWERS = {"十": 1, "百": 2, "千": 3, "万": 4, "亿": 8}

MOST_DIGITS = 30
"""Digits of a number that are read; the longest that abstracts quote have a dozen."""

LETTERS = r"(?(exponent)(?!)|[KMT](?:(?<=[\d+]\w)|(?=\s{1,2}(?:[a-z]+[^\W_sui]s|people)\b)))"
"""K, M and T are scales right behind digits, or before things counted: 15K, 15 K images, 15 K."""

MORE = r"[余多]|\s(?:余|多(?![模任语头尺智视目元样标]))"
WIDEST_GAP = 12
"""Blanks between a number and its unit: what is left of `\\,\\mathrm{`."""

EXPONENT = r"\s?\^\s?\{?\s?[-\u2212\u2013]?\d{1,2}\s?\}?|[⁺⁻]?[⁰¹²³⁴-⁹]{1,2}"
DIGITS = re.compile(
    rf"""
    (?P<whole>[0-9](?:\d{{0,2}}(?:(?:,|\{{,\}}|[\u2009\u202f]{{1,2}})\d{{3}})++(?!\d)|\d*+))(?P<decimals>\.\d++)?
    (?P<ordinal>(?:st|nd|rd|th)(?![A-Za-z]))?
    (?P<exponent>[eE][-+]?\d{{1,2}}(?!\w|\.\d)
      |\s{{0,6}}[×*·]\s{{0,6}}10(?:{EXPONENT})
      |(?<=10)(?<![\d.]10)(?:{EXPONENT}))?
    (?:\+(?![/-])|{MORE})?
    (?:[\s-]{{0,3}}+(?P<english>(?:{"|".join(ENGLISH_SCALES)}|bn|mn|[kB]|{LETTERS})(?![A-Za-z_☉⊙⊕]))
      |\s?(?P<chinese>[十百千万亿]{{1,3}}(?![分米克瓦赫])))?
    (?:\+(?![/-])|{MORE})?
    (?:[\s-]{{0,{WIDEST_GAP}}}+(?P<unit>{units.PATTERN}))?
    """,
    re.VERBOSE,
)
"""A number in digits with scale and unit: `1.2 billion`, `85.1%`, `14 万余张`, `3×10^{-5}`."""

COUNTED = re.compile(rf"\s?(?:{units.COUNTED})")
LIST_MARK = re.compile(r"(?:(?:^|[:：;；,，。、.]\s?)1?\d[)）]|(?<![\w}$])[（(]1?\d[)）])")
"""A number that only counts the items of a list: `1)`, (2)."""

CODES = ("USD ", "EUR ", "GBP ", "CNY ", "RMB ")
"""Currencies as they stand before a number."""

DECADE = re.compile(
    r"(?:(?<!\d)(?P<century>[12]\d)\s?世纪|上个?世纪)?\s?(?P<decade>(?<!\d)\d0)\s?年代"
)
"""A decade by its century, which is the last one where none is named: 20 世纪 90 年代."""

PARTS_OF = re.compile(r" (?:in|out of)(?: every)? ")
HUNDRED = 100
"""What makes a share of two numbers, of which the second is no larger: 3 out of 4."""

SHORT_END = re.compile(r"\s?[-–/]\s?")
"""What stands between the years of 2015-24."""

NO_DIGIT = re.compile(r"\D")
PREFIX = re.compile(r"[A-Za-z₀-₉]+[-_.^/]?$")
BEHIND_LETTERS = re.compile(r"[A-Za-z₀-₉][-_.^/]?$")
LOOSE_PREFIXES = frozenset({"sub-", "mid-", "under-", "over-", "pre-", "post-"})
"""Letters right before a number that make it part of a name, and those that do not."""

SUFFIX = re.compile(r"(?<=[\dkKMBT])(?!x[A-Z]{1,4}\d)(?:[A-Z]|[a-z]{1,3}(?![a-z]))")
"""Letters right behind a number that make it part of a name; `500token` is none."""

FACTOR = re.compile(r"\bfactors?\s+of\s+[^\w.,;]{0,3}$", re.IGNORECASE)
LOOK_BACK = 16
"""Characters before a number in which `by a factor of` is looked for."""

NEXT_WORD = re.compile(r"[\s}-]{1,3}([A-Za-z][A-Za-z-]*)")
RANGE = re.compile(
    r"\s{0,3}\(?(?:-{1,3}|[–—~～∼至到±]|\+/?-"
    r"|to(?: over| about| around| nearly| more than)?)\s{0,3}"
)

LATEX = re.compile(
    r"\{?\\(?P<sign>times|sim|approx|pm|geq?|leq?|sigma)(?![A-Za-z])\}?|\\[%$,;: ]"
    r"|_\{?\s?\\(?P<body>odot|oplus)\s?\}?"
    r"|\$?\\mu(?![A-Za-z])(?:\$|\s)?|\{?\\(?P<font>mathrm|text|textrm|rm|mathsf)(?![A-Za-z])\s?\{?"
    r"|(?P<square>\$\^(?:2|\{2\})\$)|\$(?!\s)(?P<math>\\[^$]{1,199}|[^$\\][^$]{0,199}(?=(?<!\s)\$(?!\d)))(?<!\s)\$"
)
PLAIN = {
    "\\times": "×",
    "\\sim": "~",
    "\\approx": "≈",
    "\\pm": "±",
    "\\ge": "≥",
    "\\geq": "≥",
    "\\le": "≤",
    "\\leq": "≤",
    "\\sigma": "σ",
    "\\odot": "☉",
    "\\oplus": "⊕",
    "\\%": "%",
    "\\$": "$",
    "\\,": "\u2009\u2009",
    "\\;": " ",
    "\\:": " ",
    "\\ ": " ",
}
BEFORE_ITS_SIGN = "%$μ"
"""Signs that stand at the end of what they replace, next to what they go with."""

OTHER_SIGNS = {"％": "%", "．": ".", "＋": "+"} | dict.fromkeys("\u2010\u2011\u2012", "-")
OTHER_FORM = re.compile(
    r"[％．＋\u2010-\u2012\d](?<![0-9])|\u2013(?:(?<=[A-Za-z]\u2013)(?=[0-9])|(?<=[0-9]\u2013)(?=[A-Za-z]))"
)
"""A full-width sign, a hyphen that is no ASCII, or a digit of any script but the Latin one."""

SEPARATING = re.compile(
    r"(?<=\d)[\u00a0\u2007\u2008\u202f](?=\d{3}(?!\d))|(?<=\d)\x20(?=000(?!\d))|(?<=\d)~(?=[A-Za-z\\])"
)
"""Blanks inside a number, and LaTeX's own between it and its unit."""

SEPARATORS = ("\u00a0", "\u2007", "\u2008", "\u202f", " 000", "~")

EXPONENT_SIGNS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−–", "0123456789+---")


def plain(text: str) -> str:
    """`text` with the LaTeX of numbers in plain signs, and Latin digits.

    It is of the same length: spans stay right.
    """
    if any(separator in text for separator in SEPARATORS):
        text = SEPARATING.sub(_separator, text)
    if "\\" in text or "$" in text:
        text = LATEX.sub(_plain, text)
    return text if text.isascii() else OTHER_FORM.sub(_latin, text)


def _separator(match: re.Match[str]) -> str:
    return " " if match[0] == "~" else "\u2009"


def _latin(match: re.Match[str]) -> str:
    if match[0] == "\u2013":
        return "-"
    return OTHER_SIGNS.get(match[0]) or str(unicodedata.decimal(match[0]))


def _plain(match: re.Match[str]) -> str:
    if match["square"]:
        return "²".ljust(len(match[0]))
    if match["math"]:
        return f" {LATEX.sub(_plain, match['math'])} "
    if match["font"]:
        return " " * len(match[0])
    command = match["sign"] or match["body"]
    sign = "μ" if "mu" in match[0] else PLAIN[f"\\{command}" if command else match[0]]
    width = len(match[0])
    return sign.rjust(width) if sign in BEFORE_ITS_SIGN else sign.ljust(width)


def in_digits(text: str, *, most: int) -> list[Quantity]:
    """The first `most` quantities that a `plain` text gives in digits, in order.

    Both ends of a range have the scale and the unit of its second: `15-20%`, 250-300 亿.
    Marks of a list, `1)`, are no quantities.
    """
    found: list[Quantity] = []
    for match in itertools.islice(DIGITS.finditer(text), most):
        quantity = _read(text, match)
        between = text[found[-1].span[1] : match.start()] if found else ""
        if between and _makes_a_range(text, found[-1].span[0], between):
            power = _power(*match.group("exponent", "english", "chinese"))
            found[-1] = _as_range(found[-1], quantity, power)
            if _is_short_year(quantity, found[-1], between):
                quantity = quantity._replace(value=_in_century(quantity, found[-1]), unit=BARE)
        if not _marks_an_item(text, match):
            found.append(quantity)
    return [*_with_decades(text, found)] if "年代" in text else found


def _is_short_year(quantity: Quantity, first: Quantity, between: str) -> bool:
    """Whether it is the 24 of 2015-24."""
    two_digits = quantity.value >= 10 and quantity.step == 1 and quantity.unit in COUNTS
    return (
        two_digits
        and SHORT_END.fullmatch(between) is not None
        and first.unit in COUNTS
        and 1900 <= first.value < 2100
        and first.value % 100 < quantity.value < 100
    )


def _in_century(quantity: Quantity, first: Quantity) -> Decimal:
    return first.value // 100 * 100 + quantity.value


def _with_decades(text: str, found: Sequence[Quantity]) -> Iterator[Quantity]:
    """The quantities, with 20 世纪 90 年代 as the year 1990."""
    decades = {place: match for match in DECADE.finditer(text) for place in range(*match.span())}
    for quantity in found:
        match = decades.get(quantity.span[0])
        if match is None:
            yield quantity
        elif quantity.span[0] == match.start("decade"):
            century = int(match["century"] or 20) - 1
            value = Decimal(100 * century + int(match["decade"]))
            yield quantity._replace(value=value, unit=BARE, span=match.span())


def _makes_a_range(text: str, start: int, between: str) -> bool:
    """Whether two numbers are one range by what stands before the first and between them."""
    both = between == " and " and text.endswith("between ", 0, start)
    return both or RANGE.fullmatch(between) is not None


def _marks_an_item(text: str, match: re.Match[str]) -> bool:
    if not text.startswith((")", "）"), match.end("whole")):
        return False
    start = match.start()
    return any(
        (found := LIST_MARK.match(text, max(0, start - back))) and found.end() > start
        for back in (0, 1, 2)
        if back or not start
    )


def fractions(found: Sequence[Quantity], text: str) -> Iterator[Quantity]:
    """The shares that two neighbours make: `1/10`, `3 out of 4`; they are quantities as well."""
    for above, below in itertools.pairwise(found):
        if above.inside or below.inside or not 0 < above.value < below.value:
            continue
        between = text[above.span[1] : below.span[0]]
        out_of = PARTS_OF.fullmatch(between) is not None and below.value <= HUNDRED
        whole = _is_whole(above.value) and _is_whole(below.value) and above.unit in COUNTS
        if whole and (between == "/" or out_of):
            span = above.span[0], below.span[1]
            yield Quantity(above.value / below.value, Decimal(0), BARE, span)


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value()


def _as_range(first: Quantity, second: Quantity, power: int) -> Quantity:
    """The beginning of a range with what its end says for both."""
    if first.unit == BARE:
        first = first._replace(unit=second.unit)
    if power > 0 and first.step <= 1 and first.value.scaleb(power) < second.value:
        first = first._replace(value=first.value.scaleb(power), step=first.step.scaleb(power))
    return first


def _read(text: str, match: re.Match[str]) -> Quantity:
    whole, decimals, ordinal, exponent, english, chinese, surface = match.groups()
    power = _power(exponent, english, chinese)
    if not whole.isdecimal():
        whole = NO_DIGIT.sub("", whole)
    decimals = (decimals or "")[:MOST_DIGITS]
    value = Decimal(whole[:MOST_DIGITS] + decimals)
    if power:
        value = value.scaleb(power)
    last = power - max(0, len(decimals) - 1)
    start, end = match.span()
    if start and text[start - 1] == "." and not decimals and _starts_with_a_point(text, start):
        value, last, start = value.scaleb(-len(whole)), power - len(whole), start - 1
    money = None if "{" in match[0] or surface in ("%", "％") else _money(text, start)
    if money:
        unit, start = money, start - (text[start - 1] in MONEY)
    elif surface:
        unit = BARE if _names_a_time(match, surface) else UNITS[surface]
    else:
        unit = COUNT if ordinal else _without_unit(text, start, end, whole=last >= 0)
    letter = english or surface or ""
    return Quantity(
        value,
        _power_of_ten(last),
        unit,
        (start, end),
        money is None and _inside(text, start, end),
        letter=letter if letter in UNITS and letter in LETTER_SCALES else "",
    )


def _starts_with_a_point(text: str, start: int) -> bool:
    """Whether a number is written as in `an F1 of .91`."""
    return start == 1 or text[start - 2] in " (=<>~≈≤≥"


def _money(text: str, start: int) -> Unit | None:
    """The unit that the sign or the code of a currency before a number is: $20, USD 20."""
    if text.endswith(CODES, 0, start):
        return UNITS[text[start - 4 : start - 1]]
    return MONEY.get(text[start - 1]) if start else None


@functools.lru_cache(maxsize=200)
def _power_of_ten(power: int) -> Decimal:
    return Decimal(1).scaleb(power)


def _power(written: str | None, english: str | None, chinese: str | None) -> int:
    """The power of ten that a written exponent and a scale multiply the digits by."""
    power = 0
    if written:
        base = re.match(r"\s*[×*·]\s*10", written)
        exponent = written[base.end() if base else 0 :].translate(EXPONENT_SIGNS)
        digits = re.sub(r"[^\d+-]", "", exponent)
        # The ten of a bare 10^n is read as its digits already.
        power = int(digits) - (base is None and written[0] not in "eE")
    if english:
        power += LETTER_SCALES.get(english) or len(str(ENGLISH_SCALES[english])) - 1
    if chinese:
        power += sum(CHINESE_POWERS[scale] for scale in chinese)
    return power


def _without_unit(text: str, start: int, end: int, *, whole: bool) -> Unit:
    """What a number counts that has no unit of its own."""
    before = text[max(0, start - LOOK_BACK) : start]
    if "of" in before and FACTOR.search(before):
        return TIMES
    if not whole:
        return BARE
    if not text[end : end + 2].isascii() and COUNTED.match(text, end):
        return COUNT
    word = NEXT_WORD.match(text, end)
    return COUNT if word and word[1].casefold() not in units.NOT_COUNTED else BARE


def _names_a_time(match: re.Match[str], surface: str) -> bool:
    """Whether it is a year, a month or a decade, which no unit measures: 2026年, 5月1日, 1990s."""
    year = surface == "年" and len(match["whole"]) == len("2026")
    decade = match[0].endswith("0s")
    return not match["decimals"] and (year or decade or surface in ("月", "日"))


def _inside(text: str, start: int, end: int) -> bool:
    """Whether it is part of a name: behind letters (`GPT-4`, `R2`) or before a few (`3D`, `4o`)."""
    if SUFFIX.match(text, end):
        return True
    if not start or text[start - 1].isspace():
        return False
    if not BEHIND_LETTERS.search(text, max(0, start - 2), start):
        return False
    before = PREFIX.search(text[max(0, start - LOOK_BACK) : start])
    return before is not None and before[0].casefold() not in LOOSE_PREFIXES
