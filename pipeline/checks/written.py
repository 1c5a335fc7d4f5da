"""Reads the quantities that a text gives in words or characters: `two-fold`, 三百, 数百万."""

import re
from collections.abc import Iterator
from decimal import Decimal

from pipeline.checks import units
from pipeline.checks.numerals import (
    CHINESE,
    ENGLISH,
    ENGLISH_SCALES,
    ORDINALS,
    SMALL,
    chinese_value,
    english_value,
)
from pipeline.checks.quantities import Quantity
from pipeline.checks.units import BARE, COUNT, PERCENT, TIMES, UNITS, Unit

ZERO = Decimal(0)
PARTS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "tenth": 10}
MULTIPLES = {
    "twice": 2,
    "double": 2,
    "doubles": 2,
    "doubled": 2,
    "doubling": 2,
    "twofold": 2,
    "thrice": 3,
    "triple": 3,
    "triples": 3,
    "tripled": 3,
    "tripling": 3,
    "threefold": 3,
    "fourfold": 4,
    "quadruple": 4,
    "quadruples": 4,
    "quadrupled": 4,
    "fivefold": 5,
    "sixfold": 6,
    "sevenfold": 7,
    "eightfold": 8,
    "ninefold": 9,
    "tenfold": 10,
}
SINGLE = {
    "hundred thousand": 100_000,
    "hundred million": 100_000_000,
    **ENGLISH_SCALES,
    "dozen": 12,
}
GROUPS = {"dozen": 12, "decade": 10, "decades": 10, "century": 100, "centuries": 100}
VAGUE = {
    "dozens": 10,
    "hundreds": 100,
    "thousands": 1_000,
    "millions": 1_000_000,
    "billions": 1_000_000_000,
    "trillions": 1_000_000_000_000,
}
MULTIPLIED = {"tens": 10, "hundreds": 100}

KINDS = (
    ("multiple", MULTIPLES, TIMES),
    ("ordinal", ORDINALS, COUNT),
)
"""Groups of the expression below whose words have a value and a unit each."""

STARTS = (
    r"zer|one|tw|th[ior]|fou|fort|fi[fv]|six|sev|eig|nin|ten|ele|hun|mil|bil|tri|do[uz]|dec|cent"
    r"|hal|qua|per\x20|every|a[\x20-]"
)
"""How the words for numbers begin: most other words are passed over by these alone."""

IN_ENGLISH = re.compile(
    rf"""[^a-z](?={STARTS})(?:
    (?:per|every|(?:(?P<halved>half)[ ])?a)[ ](?P<single>{"|".join(SINGLE).replace(" ", "[ ]")})
    |(?:(?P<above>one|two|three|a)[ -])?(?P<part>{"|".join(PARTS)})[sd]?
    |(?P<ordinal>{"|".join(ORDINALS)})
    |(?P<multiple>{"|".join(MULTIPLES)})
    |(?:(?P<groups>two|three|four|five|six)[ ])?(?P<group>{"|".join(GROUPS)})
    |(?:(?P<multiplied>tens|hundreds)[ ]of[ ])?(?P<vague>{"|".join(VAGUE)})
    |tens(?=[ ]of)
    |(?P<scale>thousand|million|billion|trillion)(?=[ -](?:scale|level|size))
    |(?P<number>{ENGLISH})(?:[ -](?P<unit>{units.PATTERN.replace(" ", "[ ]")})|(?P<fold>fold))?
    )(?![a-z])""",
    re.VERBOSE,
)
"""A number in lower case, with the character before it: the search for that one is fast."""

UNIT_BEHIND = re.compile(rf"[ -]({units.PATTERN})")

IN_CHINESE = re.compile(
    f"百分之(?P<percent>{CHINESE}(?:点{CHINESE})?)"
    f"|(?P<below>{CHINESE})分之(?P<above>{CHINESE})"
    "|(?P<half>一半|半数)"
    "|(?P<doubled>翻倍|翻番|加倍|翻了一番)"
    "|成千上万|(?:千|百万)(?=[克瓦赫帕伏卡焦吨]|秒差距|电子伏)"
    "|[数几上近成](?P<vague>[十百千万亿]{1,4}+)(?![分计])"
    "|(?P<scale>[十百千万亿]{1,4}+)(?=级|量级|规模)"
    f"|(?P<number>{CHINESE})(?:点(?P<decimals>{CHINESE}))?[余多]?"
    rf"\s?(?P<unit>{units.PATTERN}|{units.COUNTED})(?:(?<=成)(?P<tenths>[一二三四五六七八九半]))?"
)
NUMERALS = re.compile("[二两三四五六七八九十百千万亿半翻零〇]")
"""No quantity is written without one of these; 一 alone is none."""

IDIOMS = (
    "三维",
    "二维",
    "一维",
    "二元",
    "三元",
    "四元",
    "二分",
    "三分",
    "十分",
    "百分",
    "千万不",
    "万一",
    "亿万",
    "八门",
)
"""What looks like a number and counts nothing, or nothing that an abstract would count so."""


def in_words(text: str) -> Iterator[Quantity]:
    """The quantities in English words, in order."""
    # Of all characters İ alone becomes two in lower case, which would move the spans.
    lower = text.replace("İ", "I").lower()
    for match in IN_ENGLISH.finditer(f" {lower}"):
        value, unit, vague = _english(match)
        if match["single"]:
            unit = _behind(lower, match.end() - 1)
        # The character before the number and the space before the text make up for each other.
        span = match.start(), match.end() - 1
        yield Quantity(value, ZERO, unit, span, vague=vague, written=True)


def _english(match: re.Match[str]) -> tuple[Decimal, Unit, bool]:
    """Value, unit and whether only the power of ten is given."""
    found = {name: text for name, text in match.groupdict().items() if text}
    if part := found.get("part"):
        return *_part(part, found.get("above", "")), False
    if vague := found.get("vague"):
        times = MULTIPLIED.get(found.get("multiplied", ""), 1)
        return Decimal(VAGUE[vague] * times), COUNT, True
    if "single" in found or "group" in found:
        return *_group(found), False
    for name, values, unit in KINDS:
        if name in found:
            return Decimal(values[found[name]]), unit, False
    if number := found.get("number"):
        measure = found.get("unit", "")
        unit = TIMES if "fold" in found else UNITS.get(measure, COUNT)
        if len(measure) == 1 and measure.isascii() and measure.isalpha():
            unit = COUNT  # five M-estimators; nobody writes `five m`
        return english_value(number), unit, False
    return english_value(found.get("scale", "ten")), COUNT, True


def _behind(lower: str, end: int) -> Unit:
    """The unit behind a million or half a million; mostly things are counted."""
    unit = UNIT_BEHIND.match(lower, end)
    return UNITS[unit[1]] if unit else COUNT


def _group(found: dict[str, str]) -> tuple[Decimal, Unit]:
    """A million, half a million, two dozen, three decades."""
    if single := found.get("single"):
        return Decimal(SINGLE[single]) / (2 if "halved" in found else 1), COUNT
    group, times = found["group"], SMALL[found.get("groups", "one")]
    return Decimal(GROUPS[group] * times), COUNT if group == "dozen" else UNITS["years"]


def _part(part: str, above: str) -> tuple[Decimal, Unit]:
    """Two thirds is a share; a third alone may be one, but mostly is an ordinal."""
    if not above and part in ORDINALS:
        return Decimal(ORDINALS[part]), COUNT
    return Decimal({"two": 2, "three": 3}.get(above, 1)) / PARTS[part], BARE


def in_characters(text: str) -> Iterator[Quantity]:
    """The quantities in Chinese numerals, in order; 一 alone is an article and no quantity."""
    if text.isascii() or not NUMERALS.search(text):
        return
    for match in IN_CHINESE.finditer(text):
        if match.lastgroup is None or (
            match["number"] and (match[0].startswith(IDIOMS) or _continues(text, match.start()))
        ):
            continue
        value, unit, vague = _chinese(match)
        if value != 1:
            yield Quantity(value, _step(match), unit, match.span(), vague=vague, written=True)


def _continues(text: str, start: int) -> bool:
    """Whether digits stand before it, as in `14 万`: then it is their scale."""
    return text[max(0, start - 2) : start].strip()[-1:].isdecimal()


def _chinese(match: re.Match[str]) -> tuple[Decimal, Unit, bool]:
    if numeral := match["percent"]:
        whole, _, decimals = numeral.partition("点")
        return _with_decimals(whole, decimals), PERCENT, False
    if match["below"]:
        below = chinese_value(match["below"])
        return (chinese_value(match["above"]) / below if below else ZERO), BARE, False
    if match["half"]:
        return Decimal("0.5"), BARE, False
    if match["doubled"]:
        return Decimal(2), TIMES, False
    if vague := match["vague"] or match["scale"]:
        return chinese_value(vague), COUNT, True
    unit = UNITS.get(match["unit"], COUNT)
    decimals = match["decimals"] or (match["tenths"] or "").replace("半", "五")
    return _with_decimals(match["number"], decimals), unit, False


def _with_decimals(whole: str, decimals: str) -> Decimal:
    value = chinese_value(whole)
    return value + chinese_value(decimals).scaleb(-len(decimals)) if decimals else value


def _step(match: re.Match[str]) -> Decimal:
    """The place value of the last character of a numeral: 三十五万 is given to ten thousand."""
    if match["unit"] == "成":
        return Decimal("0.1") if match["tenths"] else Decimal(1)
    numeral = match["number"] or ""
    last = numeral[-1:] if numeral[-1:] in "十百千万亿" else ""
    return chinese_value(last) if last and len(numeral) > 1 else ZERO
