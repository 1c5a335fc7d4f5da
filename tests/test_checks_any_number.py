"""What holds for any numbers in any texts: nothing fails, and no notation changes a value."""

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.checks import numbers
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from tests.digests import a_paper

RULES = Rules(glossary=Glossary({}))
ABSTRACT = (
    "We boil 1.2 billion kettles and 45,300 pots, 8.5M of them blue, on GPT-4o stoves of 2024. "
    r"KettleNet 3.1 scores $92.3 \pm 0.4\%$ at 300 K, saves \$0.15 and cuts 16 GB to 4 GB."
)


def found_in_both(en, zh, abstract):
    about = a_paper().but(title="Kettles", abstract=abstract, comments=None, venue=None)
    return list(numbers.check(about, {"en": en, "zh": zh}, RULES))


def found_in(language, line, abstract):
    about = a_paper().but(title="Kettles", abstract=abstract, comments=None, venue=None)
    return list(numbers.check(about, {language: line}, RULES))


FRAGMENTS = st.sampled_from(
    [
        *(
            "1e999999",
            "9" * 400,
            "0." + "1" * 300,
            "10^10^10",
            "10^{",
            "10^{-99}",
            "亿亿亿",
            "万" * 40,
        ),
        *(
            "百分之",
            "分之",
            "零分之三",
            "三点",
            "$",
            "$$",
            r"\times",
            r"\pm",
            r"\%",
            "\\",
            "{,}",
            "{",
            "}",
        ),
        *(
            "1,234",
            "0",
            "00",
            "0%",
            "0x",
            "0/0",
            "3/0",
            "-",
            "–",
            "to ",
            "±",
            "one",
            "hundred and ",
        ),
        *(
            "twenty-",
            "-fold",
            "half ",
            "tens of ",
            "dozen",
            "个",
            "倍",
            "%",
            "年",
            "成",
            "数百万",
            "第",
        ),
        *(
            "Task 3",
            "任务",
            "GPT-",
            "@",
            "\n",
            "İ",
            "ſ",
            "٣",
            "１２",
            "𝟙",
            "²",
            "\u2009",
            "\x00",
            " ",
            ".",
        ),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(FRAGMENTS, max_size=12).map("".join), st.just(ABSTRACT)
)


@given(abstract=TEXTS, en=TEXTS, zh=TEXTS)
@example(abstract="1e999999", en="9" * 9000, zh="亿" * 9000)
def test_any_text_is_checked_and_every_span_lies_inside_its_text(abstract, en, zh):
    for finding in found_in_both(en, zh, abstract):
        start, end = finding.span
        assert 0 <= start < end <= len({"en": en, "zh": zh}[finding.language])
        assert "\n" not in finding.message
        if finding.source_span:
            start, end = finding.source_span
            assert 0 <= start < end <= len(abstract)


def notations(value):
    exact = Decimal(value)
    return (
        f"{value}",
        f"{value:,}",
        f"{exact.scaleb(-3).normalize():f}k",
        f"{exact.scaleb(-6).normalize():f} million",
        f"{exact.scaleb(-4).normalize():f} 万",
        f"{exact.scaleb(-8).normalize():f} 亿",
        f"{value:,}".replace(",", "{,}"),
    )


@given(value=st.integers(20_000, 99_999_999), data=st.data())
def test_a_count_in_another_notation_raises_nothing(value, data):
    one, other = (data.draw(st.sampled_from(notations(value))) for _ in range(2))
    assert not found_in("zh", f"水壶有 {other} 个锅。", f"A kettle has {one} pots.")


@given(thousandths=st.integers(1, 999))
def test_a_share_and_its_percentage_raise_nothing(thousandths):
    share = Decimal(thousandths) / 1000
    percent = f"{(share * 100).normalize():f}%"
    assert not found_in("zh", f"命中率为 {percent}。", f"The rate is {share}.")
    assert not found_in("en", f"The rate is {share}.", f"It hits {percent} of pots.")


@given(known=st.integers(200, 999), factor=st.integers(12, 80))
def test_a_number_far_from_all_of_the_paper_always_raises_something(known, factor):
    far = known * factor // 10 + 7
    assert found_in("zh", f"水壶有 {far} 个锅。", f"A kettle has {known} pots.")
    assert found_in("en", f"It has {far} pots.", f"A kettle has {known} pots.")
