"""Chinese typography: what is certain is put right, and nothing else is touched."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.typography import mended

SPACING, PUNCTUATION = ("spacing",), ("punctuation",)
BOTH = ("punctuation", "spacing")

RIGHT = [
    "港口模型在 85.1% 的潮位上达到 3 倍，优于基线。",
    "TideNet（潮汐网络）在 2026 年 4 月观测 1,000 个港口。",
    "非凸-凸双层优化，R² 为 0.8，比例 3:1，时间 12:30:45。",
    "在 $x_{中}a$ 处与 `水a壶` 处，见 https://example.org/a,b?c=d。",
    "复杂度为 Õ(ε⁻²)，函数 f(水) 在区间 (0, 1) 与 [0, 1) 上连续。",
    "Yahoo!问答与 n!个排列，准确率 ≥90%，温度 25 ℃。",
    "潮汐适配（GPT-4、C++ 与 A* 等）",
    "名为 Tidal Adapter (TA) 的方法",
    "用 BERT, GPT, 和水壶",
    "它写作 &amp;水壶",
    "“潮汐”模型与《海图》",
    "约翰.史密斯的潮汐表……",
    "合成 (S)-布洛芬与 (E)-烯烃",
    "胸部 X光、T恤、A股、B超、K线、T细胞、卡拉OK 与 AA制",
    "胸部 X 光、T 细胞与 A 股",
]


@pytest.mark.parametrize("line", RIGHT)
def test_a_line_that_is_right_stays_as_it_is(line):
    assert mended(line) == (line, ())


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("在85.1%上达到3倍。", "在 85.1% 上达到 3 倍。"),
        ("2026年4月", "2026 年 4 月"),
        ("TET-LLM框架，AI/ML模型与A/B测试", "TET-LLM 框架，AI/ML 模型与 A/B 测试"),
        ("χ²散度与α-散度", "χ² 散度与 α-散度"),
        ("使用C++和C#以及A*算法，超过100+个", "使用 C++ 和 C# 以及 A* 算法，超过 100+ 个"),
        ("对$x$的估计与`k`值", "对 $x$ 的估计与 `k` 值"),
        ("价格$5到$10之间", "价格 $5 到 $10 之间"),
        ("速率O(n)的界", "速率 O(n) 的界"),
        ("在\u3000GPT-4\u00a0 上", "在 GPT-4 上"),
        ("合成(S)-布洛芬", "合成 (S)-布洛芬"),
        ("张胸部X光图像的GPU基准", "张胸部 X光图像的 GPU 基准"),
        ("共N个K线性GPT4光的B超过", "共 N 个 K 线性 GPT4 光的 B 超过"),
        ("潮位 、GPT-4 ， 港口 。", "潮位、GPT-4，港口。"),
        ("模型 （ABC） 和 “潮汐” 模型", "模型（ABC）和“潮汐”模型"),
        ("见https://example.org/a的数据", "见 https://example.org/a 的数据"),
    ],
)
def test_one_blank_stands_between_chinese_and_latin_and_none_beside_full_width_marks(line, better):
    assert mended(line) == (better, SPACING)


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("潮汐模型,水壶;港口", "潮汐模型，水壶；港口"),
        ("问:为什么?答:涨潮!", "问：为什么？答：涨潮！"),
        ("潮汐模型(TA),共享(涨潮与落潮)", "潮汐模型（TA），共享（涨潮与落潮）"),
        ("潮汐（TA)与(水壶）", "潮汐（TA）与（水壶）"),
        ('提出"涨潮"模型', "提出“涨潮”模型"),
        ("水壶会唱歌.", "水壶会唱歌。"),
    ],
)
def test_half_width_marks_of_chinese_text_become_full_width(line, better):
    assert mended(line) == (better, PUNCTUATION)


def test_both_are_mended_together_and_told_apart():
    line = "TideNet达到90.5%,见潮汐(TA)模型. 共1,000个。"
    assert mended(line) == ("TideNet 达到 90.5%，见潮汐（TA）模型。共 1,000 个。", BOTH)


@pytest.mark.parametrize(
    "line",
    ["We use BERT,GPT-4 (large):3:1 .", "A “tide” , 3 % and （x） .", "", "42", "http://a.org/,b"],
)
def test_a_line_without_chinese_is_not_touched(line):
    assert mended(line) == (line, ())


PIECES = [
    *"中水Aax19αé²,.;:?!()（）\"“”，。、：%$`-+#*/<≥&[]'》",
    "GPT-4",
    "3:1",
    "https://a.org/b",
    " ",
]
lines = st.lists(st.sampled_from([*PIECES, " ", "\u3000", "潮汐", "..."]), max_size=25).map("".join)


@given(lines | st.text())
@example("文, <;+,方!方\u3000+")
@example("（中方文。<:b（ )?)/")
@example('x "A" (中)')
def test_what_is_mended_once_stays_and_no_letter_digit_or_character_changes(line):
    better, codes = mended(line)
    assert mended(better) == (better, ())
    assert [c for c in line if c.isalnum()] == [c for c in better if c.isalnum()]
    assert bool(codes) == (better != line)


@given(st.lists(st.sampled_from([p for p in PIECES if p not in "中水"]), max_size=25).map("".join))
def test_no_english_line_is_ever_changed(line):
    assert mended(line) == (line, ())
