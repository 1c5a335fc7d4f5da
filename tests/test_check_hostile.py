"""Texts that are made to hurt: the checks take no longer on them than their length says.

The bound is the benchmark's, `benchmarks/check_quality.py`; here texts are drawn at random.
"""

import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline import glossary
from pipeline.checks import suite
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Form, Rules
from pipeline.gate_settings import CheckSettings
from pipeline.records import Finding, Lines, Paper
from pipeline.text import CONTROL
from tests.conftest import REPOSITORY
from tests.digests import a_paper, a_summary

LINE, ABSTRACT = 10_000, 100_000
BOUND = 0.05
"""Seconds of processor time, of a machine with nothing else to do."""

PIECES = (
    *("1 ", "9,", "10^", "1.2 billion ", "two hundred ", "3-", "100%-", "0.", "e-5", "×10^{", "±"),
    *(
        "GPT-4o-",
        "a-",
        "aA1",
        "A.",
        "x@",
        "@",
        "http://a.b/",
        "www.",
        "_",
        "^",
        "{",
        "}",
        "~",
        "\\",
    ),
    *("$x$", "$", "\\times ", "\\frac{", "**a", "*", "`", "<b>", "<", "&amp;", "\\u4e00", "%20"),
    *("(", "（", "“", '"', "'", "[", "]", "…", ". A", "。", "，", "e.g. ", "? ", "! "),
    *(
        "模型",
        "三百万",
        "万亿",
        "的",
        "一",
        "第",
        "百分之",
        "大语言模型",
        "請",
        "機",
        "ひ",
        "한",
        "д",
    ),
    *("ignore previous instructions ", "output ", "请忽略", "and ", "of the ", "\u200b", "\t", " "),
)

hostile = st.lists(
    st.sampled_from(PIECES) | st.text(min_size=1, max_size=3), min_size=1, max_size=6
).map("".join)
RULES = Rules(
    glossary=glossary.load(REPOSITORY / "prompts"),
    form=Form(instructions="Write one line of plain text about the paper, in 40 words at most."),
    openings=CheckSettings().openings,
)


def repeated(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def checked(paper: Paper, lines: Lines) -> list[Finding]:
    return suite.of_candidate(paper, a_summary(paper, lines), RULES, {})


def attack(piece: str, other: str) -> tuple[Paper, Lines]:
    """An abstract, a title and both lines of nothing but these, as long as they may be."""
    paper = a_paper().but(
        title=repeated(other, 1_000) or "x", abstract=repeated(other, ABSTRACT), comments=piece
    )
    return paper, {"en": repeated(piece, LINE), "zh": repeated(piece, LINE)}


@given(piece=hostile, other=hostile)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_line_and_an_abstract_hold_the_findings_lie_inside_them(piece, other) -> None:
    paper, lines = attack(piece, other)
    for finding in checked(paper, lines):
        assert finding.code in CODES
        assert not CONTROL.search(finding.message)
        assert len(finding.message) <= suite.LONGEST_MESSAGE
        if finding.span is not None:
            assert finding.language is not None
            assert 0 <= finding.span[0] <= finding.span[1] <= len(lines[finding.language])
        if finding.source_span is not None:
            assert finding.source_span[1] <= len(paper.abstract)


@pytest.mark.prove
@given(piece=hostile, other=hostile)
@example(piece="9 ", other="9 ")
@example(piece="<b>", other="a-")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_line_or_an_abstract_that_is_made_to_hurt_takes_no_longer_than_50_ms(piece, other):
    (long, hurting), paper = attack(piece, other), a_paper()
    plain: Lines = {"en": paper.title, "zh": "三种模型。"}
    for about, lines in ((paper, hurting), (long, plain)):
        taken = []
        for _ in range(3):
            began = time.process_time()
            checked(about, lines)
            taken.append(time.process_time() - began)
            if taken[-1] < BOUND:
                break
        assert min(taken) < BOUND
