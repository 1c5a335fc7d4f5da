"""Quantities with units of all sciences, money, and what only looks like a quantity.

All papers and lines are invented.
"""

import pytest

from pipeline.checks import numbers
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from pipeline.records import Language
from tests.digests import a_paper

RULES = Rules(glossary=Glossary({}))


def found_in(line, abstract):
    about = a_paper().but(title="Kettles", abstract=abstract, comments=None, venue=None)
    language: Language = "en" if line.isascii() else "zh"
    return list(numbers.check(about, {language: line}, RULES))


def errors_in(line, abstract):
    return [one.code for one in found_in(line, abstract) if CODES[one.code].severity != "note"]


MEASURES = (
    ("Steam boils at 15 K in a 9 T field.", "蒸汽在 9 特斯拉下 15 开尔文时沸腾。"),
    ("Steam boils at 15 K in a 9 T field.", "Steam boils at 15 kelvin in 9 tesla."),
    ("Steam boils at 300K.", "蒸汽在 300 开尔文沸腾。"),
    (r"Steam boils at $15\,\mathrm{K}$.", "蒸汽在 15 开沸腾。"),
    (r"The field is $9\,{\rm T}$.", "磁场为 9 特斯拉。"),
    ("The gas is at 10^7 K.", "气体达 1000 万开尔文。"),
    ("The gas is at 10^7 K.", "Gas of ten million kelvin."),
    ("The gas is at 10^7 K.", "气体达 1000 万度。"),
    ("Pots grow at 1,073 K.", "锅在 800 ℃ 生长。"),
    ("Pots rest in 2 M NaCl.", "锅放在 2 mol/L 盐水中。"),
    ("Pots rest in 20 mM salt.", "锅放在 20 毫摩尔盐水中。"),
    (r"It has $6.5 \times 10^9 M_\odot$.", "质量为 65 亿倍太阳质量。"),
    (r"It has $6.5 \times 10^9 M_\odot$.", "It has 6.5 billion solar masses."),
    ("It has 10^9 M_sun.", "It has a billion solar masses."),
    ("It has 30 M☉.", "它有 30 个太阳质量。"),
    ("It has 5.2 Earth masses.", "它有 5.2 倍地球质量。"),
    ("A disc ends at 12 gravitational radii.", "盘止于 12 倍引力半径处。"),
    ("It is 16.8 Mpc away.", "距离为 16.8 百万秒差距。"),
    ("It is 41 light-years away.", "It is 12.6 parsecs away."),
    ("It is 4.3 Gyr old.", "年龄为 43 亿年。"),
    ("A dose of 10 mg/kg.", "剂量为 10 毫克/千克。"),
    ("A dose of 10 mg/kg.", "剂量为每千克 10 毫克。"),
    ("Pressure is 152 mmHg.", "压力为 152 毫米汞柱。"),
    ("Pressure is 2 MPa.", "压力为 20 bar。"),
    ("A pot of 450 mm3.", "450 立方毫米的锅。"),
    ("A gap of 2.1 meV.", "能隙为 2.1 毫电子伏。"),
    ("A chain of 52 kDa.", "52 千道尔顿的链。"),
    ("A strand of 150 bp.", "150 个碱基对的链。"),
    (r"An excess of $5\sigma$.", "超出达五个标准差。"),
    (r"It takes 68 $\mu$s.", "耗时 68 微秒。"),
    ("A rise of 100 basis points.", "A 1-percentage-point rise of steam."),
    ("A rise of 100 basis points.", "上升 100 个基点。"),
    ("It needs 0.6 GFLOPs.", "需 6 亿次浮点运算。"),
)


@pytest.mark.parametrize(("abstract", "line"), MEASURES)
def test_a_measure_in_any_of_its_units_raises_nothing(abstract, line):
    assert not found_in(line, abstract)


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("Steam boils at 15 K.", "蒸汽在 16 开尔文沸腾。"),
        ("Steam boils at 15 K.", "蒸汽在 1.5 万开尔文沸腾。"),
        ("Steam boils at 15 K.", "蒸汽在 15 特斯拉沸腾。"),
        ("The gas is at 10^7 K.", "气体达 100 亿开尔文。"),
        ("It is 16.8 Mpc away.", "距离为 16.8 千秒差距。"),
        ("A dose of 10 mg/kg.", "剂量为每千克 10 克。"),
        ("Pressure is 2 MPa.", "压力为 2 千帕。"),
        (r"It has $6.5 \times 10^9 M_\odot$.", "质量为 6.5 亿倍太阳质量。"),
        ("A rise of 100 basis points.", "上升 100 个百分点。"),
    ],
)
def test_another_measure_is_an_error(abstract, line):
    assert errors_in(line, abstract)


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("It has 15K pots.", "它有 1.5 万个锅。"),
        ("It has 15 K pots.", "它有 1.5 万个锅。"),
        ("It has 15 K training pots.", "它有 1.5 万个锅。"),
        ("It reads 2T words.", "It reads 2 trillion words."),
        ("It has 1.5 million pots.", "它有 1.5 M 个锅。"),
        ("It runs 5 K-means steps.", "它做五步聚类。"),
        ("It needs 5G masts.", "它需要 5G 天线。"),
    ],
)
def test_a_letter_before_things_counted_is_a_scale(abstract, line):
    assert not found_in(line, abstract)


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("A $2.5 million grant.", "250 万美元的资助。"),
        ("A $2.5 million grant.", "A grant of 2.5 million dollars."),
        ("A $2.5M grant.", "A 2.5-million-dollar grant."),
        ("A $15 fee per pot.", "每锅收费 15 美元。"),
        ("It costs €40 or £30 or ¥300.", "它花费 40 欧元、30 英镑或 300 元。"),
        ("It costs ¥300.", "它花费 300 日元。"),
        ("It costs US$15.", "它花费 15 美元。"),
        ("It costs USD 15.", "It costs 15 dollars."),
        ("It falls from $20 to $0.2.", "它由 20 美元降至 0.2 美元。"),
        ("It falls from $20 to $0.2.", "It falls to 20 cents."),
        (r"It has $\sim$1B pots.", "它有约 10 亿个锅。"),
    ],
)
def test_money_has_the_unit_of_its_sign(abstract, line):
    assert not found_in(line, abstract)


@pytest.mark.parametrize("line", ["它花费 20 元。", "成本降低 20 倍。", "It costs 20 euros."])
def test_money_of_another_currency_or_none_is_another_unit(line):
    assert errors_in(line, "It costs $20 a pot.") == ["number-unit"]


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("A 7B-parameter pot.", "A 7\u2011billion\u2011parameter pot."),
        ("We use GPT-4V.", "它用 GPT\u20114V。"),
        ("We use GPT-4V.", "它用 GPT\u20134V。"),
        ("It has 12,000 pots.", "It has 12 000 pots."),
        ("It has 12,000 pots.", "它有 12\u00a0000 个锅。"),
        ("It has 12,345 pots.", "它有 12\u202f345 个锅。"),
        ("An F1 of 0.91.", "An F1 of .91 for pots."),
        ("A macro-F1 of 0.873.", "A macro-F1 of 87.3 for pots."),
        ("Pots of 2015 to 2024.", "Pots of 2015-24 are studied."),
        ("On 8xH100 stoves.", "On eight H100s it sings."),
        ("Pots of the 1990s.", "20 世纪 90 年代的锅。"),
        ("Pots of the 1990s.", "上世纪90年代的锅。"),
        ("We interview 27 cooks.", "访谈 20 余名厨师。"),
        ("We interview 27 cooks.", "访谈 20 多名厨师。"),
        ("We interview 27 cooks.", "访谈20余名厨师。"),
        ("A third of 35% less.", "最多降三成五。"),
        ("5 errors per hundred thousand pots.", "每十万个锅出错 5 次。"),
        ("It boils 5 times a day.", "每天煮 5 次。"),
        ("It boils 5 times a day.", "每天煮五轮。"),
    ],
)
def test_the_way_of_writing_does_not_matter(abstract, line):
    assert not found_in(line, abstract)


@pytest.mark.parametrize(
    "line",
    [
        "每千克锅的水壶。",
        "面向亿万用户的水壶。",
        "水壶成千上万次地唱歌。",
        "千瓦级的水壶。",
        "三次样条的水壶。",
        "四分位距与第一四分位数。",
        "每秒每百万秒差距的水壶。",
        "水壶五花八门。",
    ],
)
def test_what_only_looks_like_a_number_raises_nothing(line):
    assert not found_in(line, "Kettles sing.")


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("We interview 27 cooks.", "访谈 30 余名厨师。"),
        ("We interview 27 cooks.", "访谈 10 余名厨师。"),
        ("It has 101 songs, 10x larger than before.", "它有 10 种歌。"),
        ("Pots of the 1990s.", "20 世纪 80 年代的锅。"),
        ("Pots of 2015 to 2024.", "Pots of 2015-23 are studied."),
        ("A macro-F1 of 0.873.", "A macro-F1 of 88.3 for pots."),
    ],
)
def test_another_number_is_found_however_it_is_written(abstract, line):
    assert errors_in(line, abstract)


@pytest.mark.parametrize(
    ("abstract", "line", "message"),
    [
        ("It needs 4 GB.", "水壶大 4 倍。", '4 倍 is not in the paper; perhaps it is "4 GB" there'),
        (
            "It needs 150 pots.",
            "它有 15 个锅。",
            "15 is neither in the abstract nor in title, comments or venue",
        ),
        (
            "It needs 5 pots.",
            "它有 5000 个锅。",
            "5000 is neither in the abstract nor in title, comments or venue",
        ),
        (
            "It costs $20.",
            "它花费 20 元。",
            '20 元 is not in the paper; perhaps it is "$20" there',
        ),
        (
            "It needs 80 GB.",
            "它需要 80 MB。",
            '80 MB has another unit than in the paper; the paper has "80 GB"',
        ),
    ],
)
def test_a_small_number_that_is_the_same_may_be_chance_and_is_not_told_as_a_fact(
    abstract, line, message
):
    (finding,) = found_in(line, abstract)
    assert finding.message == message
