"""What shows only where the lines of a digest stand side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks.digest import check
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from pipeline.records import Lines
from tests.digests import a_paper, a_summary

TERMS = {"fine-tuning": "微调", "MRI": "磁共振成像", "language model": "语言模型"}
ALSO = {"fine-tuning": ("精调", "细调"), "MRI": ("核磁共振成像",)}
RULES = Rules(glossary=Glossary(TERMS, ALSO))
ABSTRACT = "The fine-tuning of kettles, seen by MRI."


def entry(number, zh, *, en=None, abstract=ABSTRACT, title="Kettles", origin="model"):
    about = a_paper(id=f"2601.{number:05}", title=title, abstract=abstract)
    lines: Lines = {"en": en or f"Kettle {number} sings.", "zh": zh}
    return about, a_summary(about, lines, origin=origin)


def found_in(*entries):
    return list(check(entries, RULES))


def papers_found(*entries):
    return [int(paper.removeprefix("2601.")) for paper, _ in found_in(*entries)]


def test_a_line_that_departs_from_the_glossary_and_the_others_is_found():
    line = "水壶三经精调。"
    ((paper, found),) = found_in(entry(1, "水壶一经微调。"), entry(2, "水壶二。"), entry(3, line))
    assert paper == "2601.00003"
    assert found.code == "term-inconsistent"
    assert found.language == "zh"
    assert found.message == '精调 stands for "fine-tuning", which is 微调 in 2601.00001'
    assert line[slice(*found.span)] == "精调"


def test_the_glossarys_translation_prevails_however_seldom_it_is():
    assert papers_found(*[entry(n, f"水壶{n}经精调。") for n in (1, 2, 3)], entry(4, "微调。")) == [
        1,
        2,
        3,
    ]


def test_else_the_most_used_prevails_and_of_two_the_earlier():
    a, b, c = entry(1, "水壶一经细调。"), entry(2, "水壶二经精调。"), entry(3, "水壶三经精调。")
    assert papers_found(a, b, c) == [1]
    assert papers_found(a, b) == [2]
    assert papers_found(b, a) == [1]


def test_one_translation_throughout_is_consistent_if_not_the_glossarys():
    assert found_in(entry(1, "水壶一经精调。"), entry(2, "水壶二经精调。")) == []


def test_a_translation_counts_only_where_the_paper_has_the_english_term():
    other = entry(2, "水壶二经精调。", abstract="Kettles, finely adjusted.")
    assert found_in(entry(1, "水壶一经微调。"), other) == []
    titled = entry(2, "水壶二经精调。", abstract="Kettles.", title="On Fine-Tuning")
    assert papers_found(entry(1, "水壶一经微调。"), titled) == [2]


def test_a_line_with_two_translations_departs_from_itself():
    ((_, found),) = found_in(entry(1, "水壶一经微调与精调。"))
    assert found.message == '精调 stands for "fine-tuning", which is 微调 in the same line'


def test_a_translation_inside_another_does_not_prevail():
    inside = [entry(1, "水壶一的核磁共振成像。"), entry(2, "水壶二的核磁共振成像。")]
    assert found_in(*inside) == []
    assert papers_found(*inside, entry(3, "水壶三的磁共振成像。")) == [1, 2]


def test_of_many_papers_three_are_named():
    right = [entry(n, f"水壶{n}经微调。") for n in range(1, 7)]
    ((_, found),) = found_in(*right, entry(9, "水壶九经精调。"))
    assert found.message.endswith("in 2601.00001, 2601.00002, 2601.00003 and 3 more")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("水壶会唱歌。", "水壶会唱歌。"),
        ("水壶会唱歌。", "水壶 会唱歌"),
        ("水壶 A 会唱歌。", "水壶ａ会唱歌！"),
    ],
)
def test_the_line_of_two_papers_is_found_for_both(first, second):
    found = found_in(entry(1, first), entry(2, second))
    assert [(paper, each.code, each.language) for paper, each in found] == [
        ("2601.00001", "repeated-line", "zh"),
        ("2601.00002", "repeated-line", "zh"),
    ]
    assert [each.span for _, each in found] == [(0, len(first)), (0, len(second))]
    assert found[0][1].message == "the same line stands in 2601.00002"


def test_a_repeated_english_line_is_found_too():
    same = [entry(n, f"水壶{n}。", en="Kettles sing.") for n in range(1, 6)]
    found = found_in(*same)
    assert [each.language for _, each in found] == ["en"] * 5
    assert found[0][1].message.endswith("in 2601.00002, 2601.00003, 2601.00004 and 1 more")
    assert found[4][1].message.endswith("in 2601.00001, 2601.00002, 2601.00003 and 1 more")


def test_lines_that_differ_in_a_number_are_two():
    assert found_in(entry(1, "水壶唱 1 次。"), entry(2, "水壶唱 2 次。")) == []


def test_what_is_no_repetition():
    empty = [entry(1, "。"), entry(2, "！")]
    keywords = [entry(n, "关键词：水壶", origin="embedded", en="Kettles sing.") for n in (3, 4)]
    twice = [entry(5, "水壶五。"), entry(5, "水壶五。")]
    assert found_in(*empty, *keywords, *twice) == []


def test_a_digest_without_papers_or_lines_has_nothing_to_find():
    paper, summary = entry(1, "水壶一。")
    assert found_in() == []
    assert found_in((paper, summary.but(lines={}))) == []


LINE = st.lists(
    st.sampled_from(["微调", "精调", "细调", "核磁共振成像", "磁共振成像", "。"])
    | st.text(max_size=3)
).map("".join)


@given(st.lists(LINE, max_size=6))
def test_any_digest_is_judged_and_spans_lie_inside_the_lines(lines):
    entries = [entry(number, line) for number, line in enumerate(lines)]
    of = {paper.id: summary.lines for paper, summary in entries}
    for paper, found in found_in(*entries):
        start, end = found.span
        assert 0 <= start < end <= len(of[paper][found.language])
