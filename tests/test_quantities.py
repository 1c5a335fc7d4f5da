"""How quantities are read: numerals, units, scale and precision. All texts are invented."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.checks.numerals import chinese_value, english_value
from pipeline.checks.quantities import fractions, in_digits, plain
from pipeline.checks.units import BARE, COUNT, PERCENT, POINTS, TIMES, UNITS
from pipeline.checks.written import in_characters, in_words

MILLION = 1_000_000


def read(text):
    """All that a text has: in digits, English words and Chinese numerals."""
    plainly = plain(text)
    found = in_digits(plainly, most=99)
    places = {place for one in found for place in range(*one.span)}
    written = (*in_words(plainly), *in_characters(plainly))
    return [*found, *(one for one in written if one.span[0] not in places)]


def one(text):
    (quantity,) = read(text)
    return quantity


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("seven", 7),
        ("twenty-five", 25),
        ("Two hundred and five", 205),
        ("three hundred thousand", 300_000),
        ("two million five hundred", 2_000_500),
        ("hundred", 100),
    ],
)
def test_a_number_in_english_words_has_a_value(words, value):
    assert english_value(words) == value


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("七", 7),
        ("十", 10),
        ("十五", 15),
        ("两百零三", 203),
        ("三百二十", 320),
        ("四万五千", 45_000),
        ("百万", MILLION),
        ("十亿", 1000 * MILLION),
        ("三千万亿", 3 * 10**15),
        ("二〇二六", 2026),
    ],
)
def test_a_chinese_numeral_has_a_value(numeral, value):
    assert chinese_value(numeral) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234567", 1_234_567),
        ("1,234,567", 1_234_567),
        ("1{,}234{,}567", 1_234_567),
        (r"$1\,234\,567$", 1_234_567),
        ("1\u2009234\u2009567", 1_234_567),
        ("１２３", 123),
        ("1.234567 million", 1_234_567),
        ("1.5 billion", 1500 * MILLION),
        ("2-trillion", 2 * 10**12),
        ("7B", 7000 * MILLION),
        ("45k", 45_000),
        ("1.5M", 1_500_000),
        ("3bn", 3000 * MILLION),
        ("3mn", 3 * MILLION),
        ("123.4567 万", 1_234_567),
        ("14 万余张", 140_000),
        ("10 余亿", 1000 * MILLION),
        ("3 千万", 30 * MILLION),
        ("8 百万", 8 * MILLION),
        ("2 十亿", 2000 * MILLION),
        ("1e6", MILLION),
        ("10^6", MILLION),
        ("10⁶", MILLION),
        ("2.5×10^3", 2500),
        (r"$2.5\times10^{3}$", 2500),
        ("3×10⁻⁴", Decimal("0.0003")),
        (r"$3\times 10^{-4}$", Decimal("0.0003")),
        ("It is 1e-5.", Decimal("0.00001")),
        ("45 thousand", 45_000),
        ("forty-five thousand", 45_000),
        ("a million", MILLION),
        ("per thousand", 1000),
        ("one third", Decimal(1) / 3),
        ("two-fifths", Decimal(2) / 5),
        ("half", Decimal("0.5")),
        ("三分之二", Decimal(2) / 3),
        ("一半", Decimal("0.5")),
        ("二十三点五倍", Decimal("23.5")),
    ],
)
def test_a_number_has_its_scale_multiplied_in(text, value):
    assert one(text).value == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("37.5%", PERCENT),
        (r"37.5\%", PERCENT),
        ("37.5 percent", PERCENT),
        ("37.5％", PERCENT),
        ("百分之三十七点五", PERCENT),
        ("seven percent", PERCENT),
        ("3.2 percentage points", POINTS),
        ("3.2 pp", POINTS),
        ("3.2 个百分点", POINTS),
        ("3.2x", TIMES),
        ("3.2×", TIMES),
        (r"$3.2\times$", TIMES),
        ("3.2-fold", TIMES),
        ("3.2 倍", TIMES),
        ("a factor of 3.2", TIMES),
        ("three-fold", TIMES),
        ("twice", TIMES),
        ("三倍", TIMES),
        ("翻倍", TIMES),
        ("5 ms", UNITS["ms"]),
        ("5 毫秒", UNITS["ms"]),
        ("8 hours", UNITS["小时"]),
        ("八小时", UNITS["hours"]),
        ("80 GB", UNITS["GB"]),
        ("40 km$^2$", UNITS["平方公里"]),
        ("七成", UNITS["成"]),
        ("two decades", UNITS["年"]),
        ("12 pots", COUNT),
        ("12 个锅", COUNT),
        ("seven pots", COUNT),
        ("七个锅", COUNT),
        ("45 million", BARE),
        ("12", BARE),
        ("12 and more", BARE),
        ("0.85 accuracy", BARE),
        ("2026年", BARE),
        ("5月", BARE),
        ("1990s", BARE),
    ],
)
def test_a_number_has_the_unit_behind_it(text, unit):
    assert one(text).unit == unit


def test_an_x_between_two_lengths_is_no_multiple():
    assert TIMES not in {quantity.unit for quantity in read("640 x 480")}


@pytest.mark.parametrize(
    ("short", "long"), [("1,000 ms", "1 秒"), ("60 分钟", "1 hour"), ("1000 MB", "1 GB")]
)
def test_units_of_one_dimension_have_one_measure(short, long):
    first, second = one(short), one(long)
    assert first.unit.name == second.unit.name
    assert first.value * first.unit.factor == second.value * second.unit.factor


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("12", 1),
        ("12.50", Decimal("0.01")),
        ("1.2 million", 100_000),
        ("3.5 万", 1000),
        ("3×10⁻⁴", Decimal("0.0001")),
        ("三十五万个", 10_000),
        ("seven", 0),
    ],
)
def test_the_last_digit_tells_how_exact_a_number_is(text, step):
    assert one(text).step == step


@pytest.mark.parametrize("text", ["GPT-4", "R2", "3D", "4o", "GPT-4o", "v2.1", "L3C"])
def test_a_number_in_a_name_stands_inside(text):
    assert all(quantity.inside for quantity in read(text))


@pytest.mark.parametrize(
    "text", ["7B", "500token", "sub-10", "$45$ pots", "a pot (45)", "≥45", "45 D"]
)
def test_a_number_beside_a_sign_or_its_scale_stands_by_itself(text):
    assert not one(text).inside


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("数百万个", MILLION),
        ("几十种", 10),
        ("上千种", 1000),
        ("百万级", MILLION),
        ("millions of pots", MILLION),
        ("tens of thousands of pots", 10_000),
        ("hundreds of millions of pots", 100 * MILLION),
        ("dozens of pots", 10),
        ("tens of pots", 10),
        ("million-scale", MILLION),
    ],
)
def test_a_power_of_ten_alone_is_vague(text, value):
    quantity = one(text)
    assert (quantity.value, quantity.vague) == (value, True)


@pytest.mark.parametrize(
    ("text", "values", "unit"),
    [
        ("15-20%", (15, 20), PERCENT),
        ("15–20 percent", (15, 20), PERCENT),
        ("15 to 20%", (15, 20), PERCENT),
        ("15 至 20%", (15, 20), PERCENT),
        ("250-300 亿个", (25_000_000_000, 30_000_000_000), COUNT),
        ("1-2 million pots", (MILLION, 2 * MILLION), COUNT),
        ("1.5--3.2x", (Decimal("1.5"), Decimal("3.2")), TIMES),
        (r"$92.3 \pm 0.4\%$", (Decimal("92.3"), Decimal("0.4")), PERCENT),
        ("5 +/- 2 ms", (5, 2), UNITS["ms"]),
    ],
)
def test_both_ends_of_a_range_have_the_scale_and_the_unit_of_its_end(text, values, unit):
    quantities = read(text)
    assert tuple(quantity.value for quantity in quantities) == values
    assert {quantity.unit for quantity in quantities} == {unit}


@pytest.mark.parametrize(
    "text",
    [
        *("1) pots", "(2) 烧水", "；3）烧水", "一个锅", "二分类", "十分安静", "千万不要", "万一"),
        *("oneself", "often", "tension", "seventeenfoldish", "height", "someone", "quarterly"),
    ],
)
def test_marks_of_lists_idioms_and_parts_of_words_are_no_quantities(text):
    assert not read(text)


def test_numbers_between_slashes_make_a_fraction():
    text = "1/10 of 3/4"
    found = list(fractions(in_digits(text, most=9), text))
    assert [(quantity.value, quantity.span) for quantity in found] == [
        (Decimal("0.1"), (0, 4)),
        (Decimal("0.75"), (8, 11)),
    ]


def test_no_more_quantities_are_read_than_asked_for():
    assert [quantity.value for quantity in in_digits("1 2 3 4", most=2)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("İt takes seven pots", "seven"),
        ("Seven pots", "Seven"),
        ("a pot for seven", "seven"),
        ("它有三百个锅", "三百个"),
        ("It has 1.2 billion pots", "1.2 billion"),
        (r"It is $37.5\%$ here", r"37.5\%"),
    ],
)
def test_a_span_has_the_characters_of_the_quantity(text, quoted):
    assert text[slice(*one(text).span)] == quoted


NUMBERS = st.text("0123456789.,%xkMBe^-+{}$\\ 零一两十百千万亿点分之个倍年余多", max_size=40)


@given(st.text(max_size=60) | NUMBERS)
@example("9" * 500)
@example("1e999999")
@example("10^99^99")
@example("亿" * 500)
@example("百分之零分之零")
@example("0分之0")
@example("$1$2$3" + "{" * 50)
@example("İ one")
def test_any_text_is_read_with_spans_inside_it(text):
    assert len(plain(text)) == len(text)
    for quantity in read(text):
        start, end = quantity.span
        assert 0 <= start < end <= len(text)
        assert quantity.value >= 0 <= quantity.step


@given(st.integers(0, 10**12 - 1))
def test_separators_do_not_change_a_value(value):
    assert one(f"{value}").value == one(f"{value:,}").value == value


@given(st.integers(10_000, 10**9))
def test_a_scale_does_not_change_a_value(value):
    exact = Decimal(value)
    assert one(f"{exact.scaleb(-6):f} million").value == value
    assert one(f"{exact.scaleb(-4):f} 万").value == value
    assert one(f"{exact.scaleb(-8):f}亿").value == value
