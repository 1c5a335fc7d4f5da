"""What follows from a paper's quantities is a note, and what does not is an error.

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
SCORES = "KettleNet lifts F1 from 42.3 to 51.7, and the hit rate from 0.88 to 0.93 in 5 shots."
TIMES = "Boiling takes 50 ms instead of 200 ms, and 4 GB of steam where others need 16 GB."
SPILLS = "Spills fall from 40.2% to 31.7%."
LABELS = "It needs 10x fewer labels and 3x less coal."
ITEMS = "It has 1,200 pots for boiling, 300 for frying and 500 for tea."
SHARES = "KettleNet is right for 85.1% of pots, and 12% of 1,500 cooks trust it."


def found_in(line, abstract):
    about = a_paper().but(title="Kettles", abstract=abstract, comments=None, venue=None)
    language: Language = "en" if line.isascii() else "zh"
    return list(numbers.check(about, {language: line}, RULES))


@pytest.mark.parametrize(
    ("abstract", "line", "follows"),
    [
        (SCORES, "It lifts F1 by 9.4.", 'the difference of "42.3" and "51.7"'),
        (SCORES, "F1 提升 9.4 个百分点。", 'the difference of "42.3" and "51.7"'),
        (SCORES, "命中率提升 5 个百分点。", 'the difference of "0.88" and "0.93"'),
        (SCORES, "The hit rate is higher by 0.05.", 'the difference of "0.88" and "0.93"'),
        (SPILLS, "泄漏降低 8.5 个百分点。", 'the difference of "40.2%" and "31.7%"'),
        (SPILLS, "泄漏下降约 21%。", 'the relative change of "40.2%" and "31.7%"'),
        (
            "Of all pots 73% sing, up from 41%.",
            "唱歌的锅增加 32 个百分点。",
            'the difference of "73%" and "41%"',
        ),
        (TIMES, "时间缩短 150 毫秒。", 'the difference of "50 ms" and "200 ms"'),
        (TIMES, "Steam is cut by 12 GB.", 'the difference of "4 GB" and "16 GB"'),
        (TIMES, "时间降低 75%。", 'the relative change of "50 ms" and "200 ms"'),
        (TIMES, "It is 4x faster.", 'the ratio of "50 ms" and "200 ms"'),
        (TIMES, "蒸汽减少四倍。", 'the ratio of "50 ms" and "200 ms"'),
        (
            "It takes 300 ms against 1.2 s before.",
            "It is four times faster.",
            'the ratio of "300 ms" and "1.2 s"',
        ),
        (
            "Cooks grew from 500 million to 2.1 billion.",
            "Cooks grew fourfold.",
            'the ratio of "500 million" and "2.1 billion"',
        ),
        (
            "Cooks grew from 500 million to 2.1 billion.",
            "厨师增长 3.2 倍。",
            'the ratio of "500 million" and "2.1 billion"',
        ),
        (LABELS, "标注减少 90%。", '"10x", which leaves 10%'),
        (LABELS, "Coal is cut by two thirds.", '"3x", which leaves 33%'),
        (LABELS, "用煤减少三分之二。", '"3x", which leaves 33%'),
        (ITEMS, "共有 2,000 个锅。", 'the sum of what stands from "1,200" to "500"'),
        (
            "It has 120 pots and 46 cups.",
            "水壶有 166 个。",
            'the sum of what stands from "120" to "46"',
        ),
        (SHARES, "Its error rate is 14.9%.", 'what "85.1%" leaves of the whole'),
        (SHARES, "错误率仅 14.9%。", 'what "85.1%" leaves of the whole'),
        (SHARES, "88% 的厨师不信任它。", 'what "12%" leaves of the whole'),
        (
            "Spills are cut by 37.5%.",
            "Spills are cut to 62.5%.",
            'what "37.5%" leaves of the whole',
        ),
        ("The hazard ratio is 0.80.", "风险降低 20%。", 'what "0.80" leaves of the whole'),
        (
            "It takes 250 cups versus 5,000 for others.",
            "它省下约 20 倍的水。",
            'the ratio of "250" and "5,000"',
        ),
    ],
)
def test_what_follows_from_what_the_paper_compares_is_a_note(abstract, line, follows):
    (finding,) = found_in(line, abstract)
    assert finding.code == "number-derived"
    quoted = line[slice(*finding.span)].strip()
    assert finding.message == f"{quoted} is not in the paper; it would follow from {follows}"
    assert CODES["number-derived"].severity == "note"


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        (SCORES, "It lifts F1 by 8.4."),
        (SCORES, "F1 提升 9.3 个百分点。"),
        (SPILLS, "泄漏降低 9.5 个百分点。"),
        (TIMES, "时间缩短 140 毫秒。"),
        (TIMES, "蒸汽减少 12 MB。"),
        (TIMES, "时间降低 65%。"),
        (TIMES, "It is 6x faster."),
        (LABELS, "标注减少 80%。"),
        (LABELS, "用煤减少五分之二。"),
        (ITEMS, "共有 2,100 个锅。"),
        (SHARES, "错误率仅 15.9%。"),
        (SHARES, "78% 的厨师不信任它。"),
    ],
)
def test_what_does_not_follow_is_an_error(abstract, line):
    (finding,) = found_in(line, abstract)
    assert CODES[finding.code].severity == "error"


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("It scores 37.5% on kettles.", "水壶得到 62.5%。"),
        ("It scores 37.5% on kettles. Pots get 31.2%.", "水壶提升 6.3 个百分点。"),
        ("It scores 37.5% on kettles and 31.2% on pots.", "水壶提升 6.3 个百分点。"),
        ("Pots need 16 GB. Kettles need 4 GB.", "蒸汽减少 12 GB。"),
        (TIMES, "它有 150 毫秒的回声。"),
        (SHARES, "它对 14.9% 的锅有效。"),
    ],
)
def test_what_no_word_compares_or_asks_for_is_an_error(abstract, line):
    (finding,) = found_in(line, abstract)
    assert finding.code == "number-unknown"


def test_an_end_of_a_range_is_not_what_another_share_leaves():
    found = found_in("错误率为 14.9%–20%。", "It is right for 85.1% of pots, 80% at night.")
    assert [one.code for one in found] == ["number-unknown", "number-unknown"]


def test_a_derivation_is_told_rather_than_the_same_number_with_another_unit():
    (finding,) = found_in("It is four times faster.", TIMES)
    assert finding.code == "number-derived"


@pytest.mark.parametrize(
    ("abstract", "line"),
    [
        ("1 in 5 pots leaks.", "20% 的锅漏水。"),
        ("3 out of 4 cooks return.", "75% 的厨师回来。"),
        ("One in four cooks returns.", "25% 的厨师回来。"),
        ("Three out of four cooks return.", "四分之三的厨师回来。"),
    ],
)
def test_so_many_out_of_so_many_are_a_share(abstract, line):
    assert not found_in(line, abstract)
