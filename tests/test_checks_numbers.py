"""Quantities of a line against those of its paper. All papers and lines are invented.

The tables have a line's quantity as it stands in the line; `ABSTRACT` has every quantity that
they are held against.
"""

from datetime import UTC, datetime

import pytest

from pipeline.checks import numbers
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from pipeline.records import Lines, Paper

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(glossary=Glossary({}))
ABSTRACT = (
    "We boil 1.2 billion kettles and 45,300 pots, 8.5M of them blue, on GPT-4o stoves of 2024. "
    "KettleNet 3.1 cuts spills by 37.5%, lifts its hit rate from 0.851 to 0.912 "
    r"(a gain of 6.1 points), scores $92.3 \pm 0.4\%$, sings 3.4x faster and in 1,200 ms, and "
    "needs 80 GB, one third of the steam, 15-20% of the coal at a rate of 3e-4. "
    "It comes second in Task 4, lasts for two decades, fills two dozen cities and "
    r"costs \$0.15 per million cups, with 16,384 spouts and five-fold echo over 2,600 km$^2$."
)


def paper(abstract=ABSTRACT, **others):
    fields = {
        "id": "2601.00001",
        "version": 1,
        "title": "KettleNet: 77 Ways to Whistle",
        "authors": ("Ada Teapot",),
        "abstract": abstract,
        "first": NOW,
        "latest": NOW,
        "comments": "Accepted at PotConf 2026, 19 pages",
        "venue": "J. Steam 58",
        "primary_category": "cs.CL",
        "categories": ("cs.CL",),
        "url": "https://example.org/",
        "pdf_url": "https://example.org/",
    }
    return Paper(**fields | others)


def found_in(language, line, abstract=ABSTRACT):
    return list(numbers.check(paper(abstract), {language: line}, RULES))


def found_in_both(en, zh, abstract=ABSTRACT):
    return list(numbers.check(paper(abstract), {"en": en, "zh": zh}, RULES))


def in_line(language, quantity):
    return f"水壶有{quantity}。" if language == "zh" else f"The kettle has {quantity} here."


def only(language, quantity, abstract=ABSTRACT):
    """The only finding in a line with that quantity, and the characters that it marks."""
    line = in_line(language, quantity)
    (finding,) = found_in(language, line, abstract)
    assert finding.language == language
    return finding, line[slice(*finding.span)].strip()


RIGHT = {
    "digits": (("zh", "45,300 个锅"), ("zh", "45300 个锅"), ("en", "45300 pots")),
    "thousands separators": (("en", "16384 spouts"), ("zh", "16,384 个壶嘴")),
    "number words": (("en", "five-fold echo"), ("en", "forty-five thousand pots")),
    "Chinese numerals": (
        ("zh", "十二亿个水壶"),
        ("zh", "四万五千三百个锅"),
        ("zh", "百分之三十七点五"),
    ),
    "percentages": (("zh", "37.5%"), ("zh", "37.5％"), ("en", "37.5 percent"), ("en", "0.375")),
    "a share as percent": (("zh", "85.1%"), ("en", "91.2%"), ("en", "0.912")),
    "multiples": (("zh", "3.4 倍"), ("en", "3.4×"), ("en", "3.4-fold"), ("en", "a factor of 3.4")),
    "multiples in words": (("zh", "五倍回声"), ("zh", "5 倍"), ("en", "5x"), ("en", "fivefold")),
    "letters": (("en", "1.2B kettles"), ("en", "45.3k pots"), ("en", "8.5M pots")),
    "scale words": (("en", "1,200 million"), ("en", "8.5 million"), ("en", "0.0012 trillion")),
    "千, 万, 亿, 百万, 十亿": (
        ("zh", "12 亿个水壶"),
        ("zh", "1.2 十亿个水壶"),
        ("zh", "4.53 万个锅"),
        ("zh", "45.3 千个锅"),
        ("zh", "850 万个锅"),
        ("zh", "8.5 百万个锅"),
    ),
    "only the power of ten": (
        ("zh", "数十亿个水壶"),
        ("zh", "数百万个锅"),
        ("zh", "数万个锅"),
        ("en", "billions of kettles"),
        ("en", "tens of thousands of pots"),
    ),
    "ranges": (("zh", "15%–20%"), ("zh", "15 至 20%"), ("en", "15 to 20%"), ("en", "15%--20%")),
    "±": (("zh", "92.3±0.4%"), ("en", "92.3%"), ("en", "92.3 ± 0.4 percent")),
    "scientific notation": (("zh", "3×10⁻⁴"), ("en", "0.0003"), ("en", r"$3\times10^{-4}$")),
    "big numbers in powers": (("en", "1.2e9"), ("en", "1.2×10^9"), ("zh", "1.2×10⁹ 个水壶")),
    "ordinals": (("zh", "第二名"), ("zh", "第 2 名"), ("en", "2nd place"), ("en", "second place")),
    "years": (("zh", "2024 年"), ("en", "2024 stoves"), ("zh", "2026 年")),
    "versions inside names": (("zh", " GPT-4o 炉"), ("zh", " KettleNet 3.1 "), ("en", "Task 4")),
    "rounding": (("zh", "85%"), ("zh", "38%"), ("zh", "4.5 万个锅"), ("en", "16K spouts")),
    "about and over": (("zh", "超过 45,000 个锅"), ("zh", "约 1.6 万个"), ("en", "nearly 38%")),
    "余 to the next ten": (("zh", "10 余亿个水壶"), ("zh", "4 万余个锅")),
    "fractions": (("zh", "三分之一"), ("zh", "1/3 的蒸汽"), ("en", "a third"), ("en", "33%")),
    "units": (("zh", "1.2 秒"), ("zh", "1200 毫秒"), ("en", "1.2 s"), ("en", "80,000 MB")),
    "areas": (("zh", "2,600 平方公里"), ("en", "2600 km²")),
    "decades and dozens": (("zh", "二十年"), ("zh", "20 年"), ("en", "24 cities")),
    "per million": (("zh", "每百万杯 0.15 美元"), ("zh", "每百万个杯子"), ("en", "a million cups")),
    "points": (("zh", "6.1 个百分点"), ("en", "6.1 points"), ("en", "0.061")),
    "title, comments and venue": (("en", "77 ways"), ("en", "19 pages"), ("zh", "58 卷")),
    "one and two in words": (("zh", "两个水壶"), ("zh", "一个水壶"), ("en", "one kettle")),
}


@pytest.mark.parametrize(
    ("language", "quantity"),
    [case for cases in RIGHT.values() for case in cases],
)
def test_a_quantity_of_the_paper_in_any_form_raises_nothing(language, quantity):
    assert not found_in(language, in_line(language, quantity))


WRONG = (
    ("zh", "46,300 个锅", "46,300"),
    ("en", "45,200 pots", "45,200"),
    ("en", "fifty-one thousand pots", "fifty-one thousand"),
    ("zh", "十三亿个水壶", "十三亿个"),
    ("zh", "百分之四十一", "百分之四十一"),
    ("zh", "43%", "43%"),
    ("zh", "4.4 倍", "4.4 倍"),
    ("en", "six-fold", "six-fold"),
    ("en", "1.7B kettles", "1.7B"),
    ("zh", "数千亿个水壶", "数千亿"),
    ("en", "trillions of kettles", "trillions"),
    ("zh", "15%–25%", "25%"),
    ("en", "92.3 ± 0.7%", "0.7%"),
    ("zh", "4×10⁻⁴", "4×10⁻⁴"),
    ("en", "7e-4", "7e-4"),
    ("en", "the 13th place", "13th"),
    ("zh", "2025 年", "2025 年"),
    ("en", "2023 stoves", "2023"),
    ("zh", "30 余个城市", "30 余"),
    ("zh", "四分之一", "四分之一"),
    ("en", "a quarter", "a quarter"),
    ("zh", "三十年", "三十年"),
    ("zh", "0.25 美元", "0.25 美元"),
    ("en", "78 ways", "78"),
)


@pytest.mark.parametrize(("language", "quantity", "marked"), WRONG)
def test_a_quantity_that_the_paper_does_not_have_is_an_error(language, quantity, marked):
    finding, text = only(language, quantity)
    assert (finding.code, text) == ("number-unknown", marked)
    assert finding.message == f"{marked} is neither in the abstract nor in title, comments or venue"
    assert finding.source_span is None
    assert CODES["number-unknown"].severity == "error"


SHIFTED = (
    ("zh", "1.2 亿个水壶", "1.2 亿", "1.2 billion", ", which is 12 亿"),
    ("zh", "120 亿个水壶", "120 亿", "1.2 billion", ", which is 12 亿"),
    ("zh", "12 万个水壶", "12 万", "1.2 billion", ", which is 12 亿"),
    ("en", "1.2 million kettles", "1.2 million", "1.2 billion", ""),
    ("en", "1.2e8 kettles", "1.2e8", "1.2 billion", ""),
    ("zh", "45.3 万个锅", "45.3 万", "45,300", ", which is 4.53 万"),
    ("en", "453,000 pots", "453,000", "45,300", ""),
    ("zh", "85 万个锅", "85 万", "8.5M", ", which is 850 万"),
    ("zh", "8.5 千个锅", "8.5 千", "8.5M", ", which is 850 万"),
    ("en", "8.5 billion pots", "8.5 billion", "8.5M", ", which is 8.5 million"),
    ("zh", "1.2 毫秒", "1.2 毫秒", "1,200 ms", ""),
    ("zh", "3.75%", "3.75%", "37.5%", ""),
)


@pytest.mark.parametrize(("language", "quantity", "marked", "source", "right"), SHIFTED)
def test_a_wrong_scale_is_an_error_that_says_the_right_number(
    language, quantity, marked, source, right
):
    finding, text = only(language, quantity)
    assert (finding.code, text) == ("number-scale", marked)
    assert finding.message == f'{marked} is at another scale; the paper has "{source}"{right}'
    assert ABSTRACT[slice(*finding.source_span)].strip() == source
    assert CODES["number-scale"].severity == "error"


def test_of_two_numbers_at_another_scale_the_nearer_is_named():
    finding, _ = only("zh", "7 亿个水壶", "Kettles of 70B, 7B and 700B spouts.")
    assert 'the paper has "7B", which is 70 亿' in finding.message


@pytest.mark.parametrize(
    ("language", "quantity", "marked", "source"),
    [
        ("zh", "3.4 个百分点", "3.4 个百分点", "3.4x"),
        ("en", "80 MB", "80 MB", "80 GB"),
        ("en", "3.4 hours", "3.4 hours", "3.4x"),
        ("zh", "37.5 倍", "37.5 倍", "37.5%"),
        ("zh", "1,200 秒", "1,200 秒", "1,200 ms"),
        ("zh", "2,600 公里", "2,600 公里", "2,600 km$"),
    ],
)
def test_another_unit_is_an_error(language, quantity, marked, source):
    finding, text = only(language, quantity)
    assert (finding.code, text) == ("number-unit", marked)
    assert finding.message.startswith(f"{marked} has another unit than in the paper; ")
    assert ABSTRACT[slice(*finding.source_span)].strip() == source


@pytest.mark.parametrize(
    ("language", "quantity", "source"),
    [("zh", "86%", "0.851"), ("zh", "4.6 万", "45,300"), ("en", "92%", "0.912")],
)
def test_a_quantity_rounded_wrongly_is_a_warning(language, quantity, source):
    abstract = f"A kettle with a value of {source}."
    finding, text = only(language, quantity, abstract)
    assert (finding.code, text) == ("number-rounding", quantity)
    assert finding.message == f'{quantity} is rounded wrongly; the paper has "{source}"'
    assert abstract[slice(*finding.source_span)] == source


def test_percent_in_place_of_percentage_points_are_a_note():
    finding, text = only("zh", "6.1%")
    assert (finding.code, text) == ("number-points", "6.1%")
    assert finding.message == (
        '6.1%, but the paper has "6.1 points": percent are no percentage points'
    )


@pytest.mark.parametrize(("language", "quantity"), [("zh", "七个锅"), ("en", "seven pots")])
def test_a_small_count_that_the_paper_does_not_state_is_a_warning(language, quantity):
    finding, text = only(language, quantity, "Kettles, pots and cups.")
    assert finding.code == "number-counted"
    assert finding.message == f"{text} is not stated in the paper: count again"


@pytest.mark.parametrize(
    "abstract",
    ["Three kettles.", "A third kettle.", "A 3D kettle.", "A triplet of kettles.", "3 kettles."],
)
def test_a_small_count_in_any_word_of_the_paper_raises_nothing(abstract):
    assert not found_in("zh", "它有三个水壶。", abstract)


BOTH = (
    ("It boils 1.2 billion kettles.", "它烧了 12 亿个水壶。"),
    ("Spills fall by 37.5%.", "泄漏减少百分之三十七点五。"),
    ("The rate is 0.912.", "命中率为 91.2%。"),
    ("It boils 45,300 pots.", "它烧了约 4.5 万个锅。"),
    ("It takes 1.2 s.", "它用 1200 毫秒。"),
    ("It is second in Task 4.", "它在任务 4 中名列第二。"),
    ("Five-fold echo.", "回声是 5 倍。"),
    ("It sings.", "两个水壶会唱歌。"),
)


@pytest.mark.parametrize(("en", "zh"), BOTH)
def test_both_lines_may_quote_a_quantity_each_in_its_way(en, zh):
    assert not found_in_both(en, zh)


@pytest.mark.parametrize(
    ("en", "zh", "language", "marked", "other"),
    [
        ("Spills fall by 37.5%.", "泄漏减少了。", "en", "37.5%", "Chinese"),
        ("It boils pots.", "它烧了 45,300 个锅。", "zh", "45,300", "English"),
        ("It sings 3.4x faster.", "它唱得更快。", "en", "3.4x", "Chinese"),
    ],
)
def test_a_quantity_that_only_one_line_quotes_is_a_warning(en, zh, language, marked, other):
    (finding,) = found_in_both(en, zh)
    assert (finding.code, finding.language) == ("number-differs", language)
    assert {"en": en, "zh": zh}[language][slice(*finding.span)].strip() == marked
    assert finding.message == f"{marked} is not in the {other} line"


def test_what_only_one_line_quotes_is_told_together_at_the_place_of_the_first():
    en = "Spills fall by 37.5% and it sings 3.4x faster."
    (finding,) = found_in_both(en, "泄漏减少了。")
    assert finding.message == "37.5%, 3.4x are not in the Chinese line"
    assert en[slice(*finding.span)].strip() == "37.5%"


def test_a_measure_behind_a_multiple_is_no_device():
    (finding,) = found_in("en", "It reaches a 97× F1-score.", "It reaches a 97% F1-score.")
    assert finding.code == "number-unit"


@pytest.mark.parametrize(
    ("quantity", "abstract"),
    [
        ("一半", "It nearly halves the steam."),
        ("10⁴ 倍", r"It has ${\sim}10^{4}{\times}$ more steam."),
        ("超过 10 亿个水壶", "It boils 1.2 billion kettles."),
        ("三个步骤", "It (a) fills, (b) heats and (c) sings."),
        ("三级水壶", "It is a tri-level kettle."),
    ],
)
def test_what_an_abstract_says_in_other_words_is_known(quantity, abstract):
    assert not found_in("zh", in_line("zh", quantity), abstract)


def test_a_sentence_and_a_list_of_terms_as_they_are_extracted_need_not_quote_the_same():
    rules = Rules(glossary=Glossary({}), extractive=True)
    lines: Lines = {"en": "Spills fall by 37.5%.", "zh": "关键词：水壶"}
    assert not list(numbers.check(paper(), lines, rules))


def test_lines_that_quote_two_quantities_of_the_paper_differ_twice():
    found = found_in_both("It scores 91.2%.", "它得到 92.3%。")
    assert [(finding.code, finding.language) for finding in found] == [
        ("number-differs", "en"),
        ("number-differs", "zh"),
    ]


def test_a_quantity_that_the_paper_does_not_have_is_reported_once():
    found = found_in_both("It scores 43%.", "水壶会唱歌。")
    assert [finding.code for finding in found] == ["number-unknown"]


@pytest.mark.parametrize(
    ("abstract", "quantity"),
    [
        ("It boils on 8xH100 stoves.", "8 张 H100"),
        ("It boils on 8 H100 stoves.", " 8×H100 "),
        ("It serves half a million guests.", "50 万位客人"),
        ("It serves half a dozen guests.", "六位客人"),
        ("It serves a dozen guests.", "12 位客人"),
        ("It boils for between 5 and 10 minutes.", "5 至 10 分钟"),
        ("It boils in INT8 pots.", "8 位水壶"),
        ("It lifts the rate by 0.12.", "12 个百分点"),
        ("It was lit on 2024-05-01.", "2024 年 5 月 1 日"),
        ("It takes 1.5 trillion cups.", "1.5 万亿杯"),
        ("It takes a rate of 1e-5.", "0.00001 的速率"),
        (r"It has 12\,345 pots.", "12,345 个锅"),
        ("It has 12 pots.", "十余个锅"),
        ("It hears 72% of pots.", "七成的锅"),
        ("It has ten thousand pots.", "万个锅"),
    ],
)
def test_what_a_paper_says_in_its_way_raises_nothing(abstract, quantity):
    assert not found_in("zh", in_line("zh", quantity), abstract)


@pytest.mark.parametrize(
    "line",
    ["(1) 唱歌，(2) 烧水。", "1）唱歌；2）烧水。", "千万不要烧水。", "这是十分安静的二分类水壶。"],
)
def test_marks_of_lists_and_idioms_are_no_quantities(line):
    assert not found_in("zh", line, "Kettles sing.")


def test_what_is_beyond_the_part_of_an_abstract_that_is_read_is_known_as_text():
    abstract = "steam " * 1000 + "and 4,711 pots"
    assert not found_in("zh", "它有 4,711 个锅。", abstract)
    assert [f.code for f in found_in("zh", "它有 4,712 个锅。", abstract)] == ["number-unknown"]
