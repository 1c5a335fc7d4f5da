"""How lines and abstracts are cut for a page. All papers and lines are invented."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from pipeline.records import Finding, Language, Lines, Severity
from pipeline.web.marking import Mark, Segment, marked, segments
from tests.digests import a_paper

RULES = Rules(glossary=Glossary({}))
PAPER = a_paper().but(
    title="LidNet", abstract="KettleNet pours 1.2 million cups; 70% of them stay hot."
)
LINES: Lines = {
    "en": "KettleNet keeps 70% of 1.2 million cups hot.",
    "zh": "KettleNet 让 120 万杯茶的七成保持温热，胜过 PanBERT。",
}


def finding(
    code: str,
    severity: Severity,
    language: Language | None,
    span: tuple[int, int] | None = None,
    source_span: tuple[int, int] | None = None,
) -> Finding:
    return Finding(
        summary="1" * 16,
        paper=PAPER.id,
        language=language,
        code=code,
        severity=severity,
        message="to be looked at",
        span=span,
        source_span=source_span,
    )


def numbers_of(cut: list[Segment]) -> dict[str, str]:
    """The numbers of the segments that have any, by their text."""
    return {segment.text: segment.numbers for segment in cut if segment.marks}


def classes_of(cut: list[Segment]) -> dict[str, str]:
    return {segment.text: segment.classes for segment in cut if segment.marks}


class TestSegments:
    def test_of_a_text_without_marks_are_the_text(self) -> None:
        assert segments("Kettles sing.", []) == [Segment("Kettles sing.", ())]
        assert segments("", []) == []

    def test_are_cut_wherever_a_mark_begins_or_ends(self) -> None:
        one, two = Mark((2, 5), "name", 1), Mark((4, 8), "finding", 1, "note")
        cut = segments("0123456789", [one, two])
        assert [segment.text for segment in cut] == ["01", "23", "4", "567", "89"]
        assert [segment.marks for segment in cut] == [(), (one,), (one, two), (two,), ()]

    def test_leave_out_what_lies_beyond_the_text(self) -> None:
        cut = segments("0123", [Mark((2, 99), "name", 1), Mark((7, 9), "name", 2)])
        assert cut == [Segment("01", ()), Segment("23", (Mark((2, 4), "name", 1),))]

    def test_have_no_mark_without_characters(self) -> None:
        assert segments("0123", [Mark((2, 2), "name", 1)]) == [Segment("0123", ())]

    def test_name_each_number_once_in_the_order_of_the_marks(self) -> None:
        both = [Mark((0, 4), "quantity", 3), Mark((0, 4), "finding", 1, "error")]
        (segment,) = segments("0123", [*both, Mark((0, 4), "name", 3)])
        assert segment.numbers == "t3 f1"

    def test_say_in_classes_what_they_are_and_how_bad(self) -> None:
        unmatched = Mark((0, 4), "quantity", 3, found=False)
        worse = Mark((0, 4), "finding", 1, "note"), Mark((0, 4), "finding", 2, "error")
        (segment,) = segments("0123", [unmatched, *worse])
        assert segment.classes == "quantity unmatched f-error"

    def test_without_marks_have_neither_classes_nor_numbers(self) -> None:
        (segment,) = segments("0123", [])
        assert (segment.classes, segment.numbers) == ("", "")


MARKS = st.builds(
    Mark,
    span=st.tuples(st.integers(-5, 40), st.integers(-5, 40)),
    kind=st.sampled_from(["quantity", "name", "finding"]),
    number=st.integers(1, 9),
    severity=st.sampled_from([None, "error", "warning", "note"]),
    found=st.booleans(),
)


@given(text=st.text(max_size=30), marks=st.lists(MARKS, max_size=8))
@example(text="", marks=[Mark((0, 1), "name", 1)])
@example(text="0123", marks=[Mark((3, 1), "name", 1)])
def test_segments_joined_are_the_text_and_each_has_all_marks_of_its_place(text, marks) -> None:
    cut = segments(text, marks)
    assert "".join(segment.text for segment in cut) == text
    place = 0
    for segment in cut:
        assert segment.text
        here = [mark for mark in marks if max(0, mark.span[0]) <= place < mark.span[1]]
        assert [mark.number for mark in segment.marks] == [mark.number for mark in here]
        for mark in segment.marks:
            assert 0 <= mark.span[0] < mark.span[1] <= len(text)
        place += len(segment.text)


class TestMarked:
    def test_gives_both_sides_of_a_trace_one_number(self) -> None:
        shown = marked(PAPER, {"en": LINES["en"]}, [], RULES)
        assert numbers_of(shown.lines["en"]) == {
            "KettleNet": "t1",
            "70%": "t2",
            "1.2 million": "t3",
        }
        assert numbers_of(shown.abstract) == {"KettleNet": "t1", "1.2 million": "t3", "70%": "t2"}

    def test_counts_on_through_both_lines_and_keeps_each_number_in_the_abstract(self) -> None:
        shown = marked(PAPER, LINES, [], RULES)
        assert numbers_of(shown.lines["zh"]) == {
            "KettleNet": "t4",
            "120 万": "t5",
            "七成": "t6",
            "PanBERT": "t7",
        }
        assert numbers_of(shown.abstract) == {
            "KettleNet": "t1 t4",
            "1.2 million": "t3 t5",
            "70%": "t2 t6",
        }

    def test_tells_what_the_abstract_has_not(self) -> None:
        classes = classes_of(marked(PAPER, LINES, [], RULES).lines["zh"])
        assert classes["KettleNet"] == "name"
        assert classes["120 万"] == "quantity"
        assert classes["PanBERT"] == "name unmatched"

    def test_takes_what_the_title_has_for_found(self) -> None:
        shown = marked(PAPER, {"zh": "茶壶用 LidNet 唱歌。"}, [], RULES)
        assert classes_of(shown.lines["zh"]) == {"LidNet": "name"}

    def test_numbers_findings_from_1_on_the_line_and_in_the_abstract(self) -> None:
        line = LINES["zh"]
        pan, seven = line.index("PanBERT"), line.index("七成")
        findings = [
            finding("too-long", "warning", "zh"),
            finding("name-misspelled", "error", "zh", (pan, pan + 7), (0, 9)),
            finding("number-points", "note", "zh", (seven, seven + 2)),
        ]
        shown = marked(PAPER, {"zh": line}, findings, RULES)
        on_line = {segment.text: segment for segment in shown.lines["zh"]}
        assert on_line["PanBERT"].numbers == "t4 f2"
        assert on_line["PanBERT"].classes == "name unmatched f-error"
        assert on_line["七成"].numbers == "t3 f3"
        assert numbers_of(shown.abstract)["KettleNet"] == "t1 f2"

    def test_shows_a_finding_in_the_line_of_its_language_alone(self) -> None:
        findings = [finding("traditional", "error", "zh", (0, 3))]
        shown = marked(PAPER, {"en": LINES["en"]}, findings, RULES)
        assert list(shown.lines) == ["en"]
        assert "f-error" not in " ".join(classes_of(shown.lines["en"]).values())

    def test_has_the_lines_in_the_order_of_the_languages(self) -> None:
        turned: Lines = {"zh": LINES["zh"], "en": LINES["en"]}
        assert list(marked(PAPER, turned, [], RULES).lines) == ["en", "zh"]

    def test_of_a_paper_without_lines_is_its_abstract(self) -> None:
        shown = marked(PAPER, {}, [], RULES)
        assert shown.lines == {}
        assert shown.abstract == [Segment(PAPER.abstract, ())]


@given(en=st.text(max_size=60), zh=st.text(max_size=60), abstract=st.text(max_size=90))
@example(en="<b>1</b> & 2%", zh="1 与 2%", abstract="<script>1 & 2%")
def test_what_is_marked_is_the_text_as_it_was(en, zh, abstract) -> None:
    findings = [finding("latex", "error", "en", (0, 1_000), (3, 2_000))]
    shown = marked(PAPER.but(abstract=abstract), {"en": en, "zh": zh}, findings, RULES)
    assert {name: "".join(part.text for part in cut) for name, cut in shown.lines.items()} == {
        "en": en,
        "zh": zh,
    }
    assert "".join(part.text for part in shown.abstract) == abstract
