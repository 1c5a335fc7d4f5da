"""Prompts side by side: rows, totals, the page and the terminal's table, from invented lines."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement, document_fromstring

from pipeline.comparison import rows
from pipeline.comparison.answer import Comparison, Likeness
from pipeline.comparison.page import file_name, page
from pipeline.comparison.rows import NEVER_ASKED, NO_EARLIER, WITHDRAWN, Side, compared
from pipeline.comparison.table import table
from pipeline.contenders import Contender
from pipeline.preferences import Score
from pipeline.records import (
    Finding,
    Language,
    Lines,
    Paper,
    Preference,
    Severity,
    Summary,
    Usage,
    fingerprint,
)
from pipeline.word_differences import Part, parts, share_of
from tests.desks import lines_of
from tests.digests import INSTANT, a_paper, a_summary

OLD, NEW, THIRD = (Contender(name, "tide-1") for name in ("one_line", "results_first", "plain"))
PAPERS = [a_paper(number) for number in (1, 2, 3)]


def a_side(contender: Contender, lines: dict[int, Lines], **changes: Any) -> Side:
    """A contender that wrote these lines, by the number of the paper."""
    made = {
        a_paper(number).id: a_summary(
            a_paper(number),
            text,
            prompt=contender.prompt,
            prompt_fingerprint=fingerprint(contender.prompt),
            model=contender.model,
            **changes,
        )
        for number, text in lines.items()
    }
    return Side(contender, made)


def all_lines(**changed: Lines) -> dict[int, Lines]:
    """Lines of the three papers, of which some are other ones: `two={...}`."""
    numbers = {"one": 1, "two": 2, "three": 3}
    return {n: changed.get(word, lines_of(n)) for word, n in numbers.items()}


def a_comparison(*sides: Side, papers: list[Paper] | None = None, **known: Any) -> Comparison:
    findings = known.pop("findings", {})
    return compared("tides", "20260501_0405", papers or PAPERS, sides, findings, **known)


def a_finding(summary: Summary, code: str = "latex", severity: Severity = "error") -> Finding:
    return Finding(
        summary=summary.id,
        paper=summary.paper,
        language="en",
        code=code,
        severity=severity,
        message="a <b>dollar</b> sign",
    )


SLIGHTLY: Lines = {
    "en": lines_of(2)["en"].replace("fits", "suits"),
    "zh": lines_of(2)["zh"],
}
OTHER: Lines = {"en": "Gulls soar where wind lifts them up high.", "zh": "海鸥乘着上升气流翱翔。"}


class TestRows:
    def test_the_papers_whose_lines_differ_most_come_first_the_others_in_digest_order(self):
        found = a_comparison(
            a_side(OLD, all_lines()), a_side(NEW, all_lines(two=SLIGHTLY, three=OTHER))
        )
        assert [row.paper for row in found.rows] == [PAPERS[n].id for n in (2, 1, 0)]
        most, some, none = (row.difference or 0.0 for row in found.rows)
        assert 1 >= most > some > none == 0

    def test_a_paper_without_a_line_comes_last_and_is_left_out_of_nothing(self):
        withdrawn = a_paper(4, status="withdrawn")
        found = a_comparison(
            a_side(OLD, {2: OTHER}),
            a_side(NEW, all_lines()),
            papers=[withdrawn, *PAPERS],
        )
        assert [row.paper for row in found.rows] == [
            *(paper.id for paper in (PAPERS[1], PAPERS[0], PAPERS[2])),
            withdrawn.id,
        ]
        assert [row.complete for row in found.rows] == [True, False, False, False]
        assert found.rows[1].difference is None

    def test_why_a_line_is_missing_is_told(self):
        withdrawn = a_paper(4, status="withdrawn")
        refused = replace(a_side(OLD, {1: OTHER}), reasons={PAPERS[1].id: "content filter"})
        back = a_side(replace(OLD, back=1), {})
        found = a_comparison(refused, back, papers=[*PAPERS, withdrawn])
        missing = {row.paper: [cell.missing for cell in row.cells] for row in found.rows}
        assert missing == {
            PAPERS[0].id: [None, NO_EARLIER],
            PAPERS[1].id: ["content filter", NO_EARLIER],
            PAPERS[2].id: [NEVER_ASKED, NO_EARLIER],
            withdrawn.id: [WITHDRAWN, WITHDRAWN],
        }

    def test_each_is_set_against_the_first_and_the_first_against_nothing(self):
        sides = [a_side(OLD, all_lines()), a_side(NEW, all_lines(two=SLIGHTLY))]
        found = a_comparison(*sides, a_side(THIRD, all_lines(two=OTHER)))
        row = next(row for row in found.rows if row.paper == PAPERS[1].id)
        first, second, third = row.cells
        assert first.parts == {}
        for cell, lines in ((second, SLIGHTLY), (third, OTHER)):
            pieces = cell.parts["en"]
            assert "".join(piece.old for piece in pieces) == lines_of(2)["en"]
            assert "".join(piece.new for piece in pieces) == lines["en"]
        assert (
            row.difference == a_comparison(sides[0], a_side(THIRD, {2: OTHER})).rows[0].difference
        )

    def test_a_line_that_only_one_of_them_has_is_shown_and_compared_with_nothing(self):
        english: dict[int, Lines] = {n: {"en": lines["en"]} for n, lines in all_lines().items()}
        found = a_comparison(a_side(OLD, all_lines()), a_side(NEW, english))
        assert {row.difference for row in found.rows} == {0.0}
        assert list(found.contenders[1].likeness) == ["en"]
        assert list(found.contenders[1].length) == ["en"]
        assert {(row.complete, row.near_identical, row.same) for row in found.rows} == {
            (False, False, False)
        }
        assert [row.cells[1].lacking for row in found.rows] == [("zh",)] * 3
        assert [total.lacking for total in found.contenders] == [{}, {"zh": 3}]
        nothing = a_side(NEW, {1: {"zh": "一。"}})
        assert a_comparison(a_side(OLD, english), nothing).rows[0].difference is None

    @given(st.lists(st.sampled_from([None, *all_lines().values(), OTHER]), min_size=3, max_size=3))
    def test_every_paper_has_one_row_and_every_line_is_counted_once(self, written):
        lines = {n: text for n, text in enumerate(written, 1) if text}
        found = a_comparison(a_side(OLD, all_lines()), a_side(NEW, lines))
        assert sorted(row.paper for row in found.rows) == [paper.id for paper in PAPERS]
        assert found.contenders[1].lines == len(lines)
        assert found.contenders[1].missing == 3 - len(lines)


class TestTotals:
    def test_missing_lines_are_counted_apart_from_withdrawn_papers(self):
        papers = [*PAPERS, a_paper(4, status="withdrawn")]
        side = a_side(OLD, {1: OTHER})
        old, new = a_comparison(side, a_side(NEW, all_lines()), papers=papers).contenders
        assert (old.lines, old.missing, old.withdrawn) == (1, 2, 1)
        assert (new.lines, new.missing, new.withdrawn) == (3, 0, 1)

    def test_findings_are_counted_by_code_and_by_severity(self):
        sides = a_side(OLD, all_lines()), a_side(NEW, all_lines(two=OTHER))
        one, two = (list(side.candidates.values()) for side in sides)
        findings = {
            one[0].id: [a_finding(one[0]), a_finding(one[0], "spacing", "note")],
            one[1].id: [a_finding(one[1])],
            two[1].id: [a_finding(two[1], "too-long", "warning")],
            "of another contender": [a_finding(one[2])],
        }
        old, new = a_comparison(*sides, findings=findings).contenders
        assert old.findings == {"latex": 2, "spacing": 1}
        assert old.severities == {"error": 2, "note": 1}
        assert (new.findings, new.severities) == ({"too-long": 1}, {"warning": 1})

    def test_second_opinions_are_counted_by_code_and_in_no_severity(self):
        sides = a_side(OLD, all_lines()), a_side(NEW, all_lines())
        one = sides[0].candidates[PAPERS[0].id]
        opinion = a_finding(one, "judge-unsupported", "warning")
        old, _ = a_comparison(*sides, findings={one.id: [opinion]}).contenders
        assert (old.findings, old.severities) == ({"judge-unsupported": 1}, {})

    def test_length_is_the_mean_in_english_words_and_chinese_characters(self):
        lines: dict[int, Lines] = {1: {"en": "Two words.", "zh": "四个字。"}, 2: {"en": "One."}}
        old = a_comparison(a_side(OLD, lines), a_side(NEW, {})).contenders[0]
        assert old.length == {"en": 1.5, "zh": 4.0}

    def test_tokens_and_cost_are_summed_and_an_unknown_price_makes_the_sum_unknown(self):
        used = Usage(prompt_tokens=400, completion_tokens=50, usd=0.25)
        known = a_side(OLD, all_lines(), usage=used)
        unknown = a_side(NEW, all_lines(), usage=used.but(usd=None))
        old, new = a_comparison(known, unknown).contenders
        assert old.usage == Usage(prompt_tokens=1200, completion_tokens=150, usd=0.75)
        assert new.usage.usd is None

    def test_lines_by_an_earlier_text_are_marked_and_counted(self):
        side = a_side(OLD, all_lines())
        earlier = side.candidates[PAPERS[1].id].id
        old, _ = (found := a_comparison(replace(side, earlier_text={earlier}), side)).contenders
        assert old.earlier_text == 1
        assert [row.cells[0].earlier_text for row in found.rows] == [False, True, False]

    def test_lines_that_differ_and_near_identical_ones_are_counted_by_language(self):
        found = a_comparison(
            a_side(OLD, all_lines()), a_side(NEW, all_lines(two=SLIGHTLY, three=OTHER))
        )
        old, new = found.contenders
        assert old.likeness == {}
        assert new.likeness == {
            "en": Likeness(lines=3, differing=2, near_identical=2),
            "zh": Likeness(lines=3, differing=1, near_identical=2),
        }
        assert new.likeness["en"].share == pytest.approx(2 / 3)
        assert [row.near_identical for row in found.rows] == [False, True, True]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("The error falls threefold in a harbour of the north.", "threefold fivefold"),
            ("Three of the gauges in the northern harbours failed.", "Three Four"),
            ("The archive has a million readings of old tide gauges.", "million billion"),
            ("新的模型把港口潮位预报的平均误差降低到原来的两倍以内。", "两 三"),
            ("新的模型把港口潮位预报的平均误差降低到原来的一半以内。", "半 倍"),
            ("The gauge stands ½ m above the floor of the harbour.", "½ ¾"),
        ],
    )
    def test_nor_is_one_with_another_number_in_words(self, old, new):
        one, other = new.split()
        pieces = parts(old, old.replace(one, other))
        assert share_of(pieces) > 0
        assert not rows.near_identical([*pieces, Part("x" * 900, "x" * 900)])

    def test_few_characters_that_say_the_opposite_are_sorted_among_the_lines_that_differ(self):
        lines = all_lines()
        opposite: Lines = {**lines[1], "en": lines[1]["en"].replace("fits", "fits not")}
        found = a_comparison(a_side(OLD, lines), a_side(NEW, all_lines(one=opposite, two=OTHER)))
        assert [(row.paper, row.same) for row in found.rows] == [
            (PAPERS[1].id, False),
            (PAPERS[0].id, False),
            (PAPERS[2].id, True),
        ]
        assert found.rows[1].near_identical

    def test_a_line_with_another_number_is_never_near_identical(self):
        other: Lines = {"en": lines_of(2)["en"].replace("4 cm", "5 cm"), "zh": lines_of(2)["zh"]}
        found = a_comparison(a_side(OLD, all_lines()), a_side(NEW, all_lines(two=other)))
        assert found.contenders[1].likeness["en"].near_identical == 2
        assert not found.rows[0].near_identical
        assert (found.rows[0].difference or 1) < rows.NEAR_IDENTICAL


class TestChoices:
    def choice(
        self, one: Side, other: Side, preferred: Side | None, language: Language = "en"
    ) -> Preference:
        id_ = PAPERS[0].id
        pair = one.candidates[id_].id, other.candidates[id_].id
        return Preference(
            paper=id_,
            version=1,
            language=language,
            summaries=pair,
            preferred=preferred.candidates[id_].id if preferred else None,
            editor="Mei Lan",
            at=INSTANT,
        )

    def test_blind_choices_between_the_contenders_are_won_and_lost(self):
        old, new, third = (
            a_side(each, {1: {"en": f"By {each.prompt}.", "zh": f"{each.prompt} 写的。"}})
            for each in (OLD, NEW, THIRD)
        )
        preferences = [
            self.choice(old, new, new),
            self.choice(old, new, None, "zh"),
            self.choice(old, third, old),
            self.choice(new, third, third),
        ]
        summaries = [s for side in (old, new, third) for s in side.candidates.values()]
        known: dict[str, Any] = {"preferences": preferences, "summaries": summaries}
        assert [total.choices for total in a_comparison(old, new, **known).contenders] == [
            {"en": Score(lost=1), "zh": Score(tied=1)},
            {"en": Score(won=1), "zh": Score(tied=1)},
        ]
        of_three = a_comparison(old, new, third, **known).contenders[0].choices
        assert of_three == {"en": Score(won=1, lost=1), "zh": Score(tied=1)}

    def test_a_choice_about_a_line_that_stands_for_two_contenders_is_counted_once_for_each(self):
        lines: dict[int, Lines] = {1: {"en": "Red lamp.", "zh": "红灯。"}}
        old, same = a_side(OLD, lines), a_side(replace(OLD, back=1), lines)
        new = a_side(NEW, {1: {"en": "A red lamp.", "zh": "一盏红灯。"}})
        found = a_comparison(
            new,
            old,
            same,
            preferences=[self.choice(old, new, new)],
            summaries=[*old.candidates.values(), *new.candidates.values()],
        )
        assert [total.choices for total in found.contenders] == [
            {"en": Score(won=1)},
            {"en": Score(lost=1)},
            {"en": Score(lost=1)},
        ]

    def test_where_nobody_chose_there_is_no_score(self):
        sides = a_side(OLD, all_lines()), a_side(NEW, all_lines())
        assert [total.choices for total in a_comparison(*sides).contenders] == [{}, {}]


class TestToAsk:
    def test_missing_lines_and_those_by_an_earlier_text_are_to_be_asked_for(self):
        side = a_side(OLD, {1: OTHER, 2: OTHER})
        side = replace(side, earlier_text={side.candidates[PAPERS[1].id].id})
        papers = [*PAPERS, a_paper(4, status="withdrawn")]
        assert side.to_ask(papers) == [PAPERS[1], PAPERS[2]]

    def test_lines_of_the_past_cannot_be_asked_for(self):
        assert a_side(replace(OLD, back=1), {}).to_ask(PAPERS) == []


def a_page(*sides: Side, papers: list[Paper] | None = None, **known: Any) -> HtmlElement:
    found = a_comparison(*sides, papers=papers, **known)
    return document_fromstring(page(found, papers or PAPERS))


class TestPage:
    def test_of_two_each_line_stands_whole_with_what_it_alone_has_marked(self):
        made = a_page(
            a_side(OLD, {1: {"en": "Red lamp."}}), a_side(NEW, {1: {"en": "A red lamp."}})
        )
        one, other = made.xpath("//article[1]//*[@lang='en' and @class='line']")
        assert (one.text_content(), other.text_content()) == ("Red lamp.", "A red lamp.")
        assert [mark.text for mark in one.findall("del")] == ["Red"]
        assert [mark.text for mark in other.findall("ins")] == ["A red"]
        assert (one.findall("ins"), other.findall("del")) == ([], [])

    def test_of_three_the_first_is_plain_and_the_others_tell_what_it_has(self):
        lines = ("Red lamp.", "Green lamp.", "Red lamp.")
        sides = zip((OLD, NEW, THIRD), lines, strict=True)
        made = a_page(*(a_side(each, {1: {"en": text}}) for each, text in sides))
        first, second, third = made.xpath("//article[1]//*[@class='line']")
        assert (len(first), len(third)) == (0, 0)
        assert [(mark.tag, mark.text) for mark in second] == [("del", "Red"), ("ins", "Green")]

    def test_lines_carry_their_language(self):
        made = a_page(a_side(OLD, all_lines()), a_side(NEW, all_lines()))
        assert made.get("lang") == "en"
        for line in made.xpath("//p[@class='line']"):
            assert line.get("lang") == ("zh-Hans" if "港口" in line.text_content() else "en")

    def test_what_differs_what_does_not_and_what_is_missing_stand_apart_and_are_linked(self):
        made = a_page(a_side(OLD, all_lines()), a_side(NEW, {1: OTHER, 2: lines_of(2)}))
        shown = {
            section.find("h2").get("id"): [each.get("id") for each in section.findall("article")]
            for section in made.iter("section")
        }
        assert shown == {
            "differing": [PAPERS[0].id],
            "same": [PAPERS[1].id],
            "missing": [PAPERS[2].id],
        }
        assert made.xpath("//nav/a/@href") == ["#differing", "#same", "#missing"]
        (gap,) = made.find_class("gap")
        assert gap.text_content() == f"Missing: {NEVER_ASKED}"

    def test_a_language_that_is_missing_is_told(self):
        made = a_page(a_side(OLD, all_lines()), a_side(NEW, {1: {"en": lines_of(1)["en"]}}))
        (article,) = made.xpath(f"//article[@id='{PAPERS[0].id}']")
        assert article.getparent().find("h2").get("id") == "missing"
        assert article.find_class("gap")[0].text_content() == "Missing: no Chinese line"

    def test_a_paper_has_its_abstract_folded_and_a_link_to_arxiv(self):
        made = a_page(a_side(OLD, all_lines()), a_side(NEW, all_lines()))
        article = made.xpath("//article")[0]
        assert article.xpath(".//details[not(@open)]/p")[0].text == PAPERS[0].abstract
        assert set(article.xpath(".//a/@href")) == {PAPERS[0].url}

    def test_totals_are_a_table_with_a_caption_and_headings_of_rows_and_columns(self):
        made = a_page(a_side(OLD, all_lines()), a_side(NEW, all_lines()))
        (totals,) = made.iter("table")
        assert totals.find("caption").text == "Totals"
        assert [each.get("scope") for each in totals.iter("th")][:4] == ["col", "col", "col", "row"]
        rows_ = {tr[0].text: [td.text for td in tr.findall("td")] for tr in totals.find("tbody")}
        assert rows_["Papers with a line"] == ["3", "3"]
        assert rows_["English lines that differ from the first"] == ["–", "0 of 3"]

    def test_findings_and_an_earlier_text_are_told_in_words(self):
        side = a_side(OLD, all_lines())
        one = side.candidates[PAPERS[0].id]
        marked = replace(side, earlier_text={one.id})
        made = a_page(marked, a_side(NEW, all_lines()), findings={one.id: [a_finding(one)]})
        article = made.xpath(f"//article[@id='{PAPERS[0].id}']")[0]
        (finding,) = article.xpath(".//*[@class='f-error']")
        assert finding.text_content() == "Error, English: latex a <b>dollar</b> sign"
        assert "by an earlier text" in article.xpath(".//h4")[0].text_content()

    def test_nothing_hostile_becomes_markup_and_no_server_is_asked(self):
        evil = "</p><script>alert(1)</script>\u202e<img src=http://evil.example/x>"
        papers = [a_paper(1, title=evil, abstract=evil, url="javascript:alert(1)")]
        sides = [
            a_side(replace(each, model=evil), {1: {"en": f"{each.prompt} {evil}", "zh": evil}})
            for each in (OLD, NEW)
        ]
        one = sides[0].candidates[papers[0].id]
        gap = replace(a_side(THIRD, {}), reasons={papers[0].id: evil}, note=evil)
        findings = {one.id: [a_finding(one).but(message=evil)]}
        for shown in (sides, [*sides, gap]):
            made = page(a_comparison(*shown, papers=papers, findings=findings), papers)
            document = document_fromstring(made)
            assert not document.xpath("//script | //img | //iframe | //link[@rel='stylesheet']")
            assert set(document.xpath("//article//a/@href")) == {
                f"https://arxiv.org/abs/{papers[0].id}v1"
            }
            assert "\u202e" not in made
            (policy,) = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert not document.xpath("//@style")


class TestTable:
    def test_totals_stand_in_columns_under_the_contenders(self):
        first, *lines = table(a_comparison(a_side(OLD, all_lines()), a_side(NEW, all_lines())))
        assert first.split() == ["tides/20260501_0405", "one_line@tide-1", "results_first@tide-1"]
        assert "Papers with a line" in lines[0]
        assert lines[0].split()[-2:] == ["3", "3"]
        assert {len(line) for line in lines} == {len(first)}

    def test_a_second_opinion_is_told_to_be_about_the_active_lines_alone(self):
        side = a_side(OLD, all_lines())
        one = side.candidates[PAPERS[0].id]
        findings = {one.id: [a_finding(one, "judge-unsupported", "warning"), a_finding(one)]}
        lines = list(table(a_comparison(side, a_side(NEW, all_lines()), findings=findings)))
        told = {line.split("   ")[0]: line.split()[-2:] for line in lines}
        assert told["Second opinions (active lines only)"] == ["1", "0"]
        assert told["  judge-unsupported"] == told["  latex"] == told["Errors"] == ["1", "0"]
        assert told["Warnings"] == ["0", "0"]

    def test_what_was_paid_for_answers_without_a_line_stands_beside_the_cost(self):
        side = replace(a_side(OLD, all_lines()), paid=Usage(prompt_tokens=9, usd=0.5))
        lines = list(table(a_comparison(side, a_side(NEW, all_lines()))))
        (told,) = (line for line in lines if "Paid in all, other tries included" in line)
        assert told.split()[-2:] == ["$0.5000", "–"]

    def test_a_prompt_that_cannot_be_read_is_told(self):
        side = replace(a_side(OLD, all_lines()), note="red\x1b[2J\nlamp")
        text = "\n".join(table(a_comparison(side, a_side(NEW, all_lines()))))
        assert f"\n{side.contender} is shown from its lines alone: red" in text
        assert "\x1b" not in text

    def test_only_languages_that_differ_are_shown_as_git_marks_them(self):
        found = a_comparison(a_side(OLD, all_lines()), a_side(NEW, all_lines(two=SLIGHTLY)))
        text = "\n".join(table(found))
        assert f"\n\n{PAPERS[1].id}  " in text
        assert "  en  Tidal Adapters 2 [-fits-]{+suits+} a coastal model" in text
        assert "  zh  " not in text
        assert PAPERS[0].id not in text

    def test_of_three_each_line_is_told_whose_it_is(self):
        sides = [a_side(OLD, all_lines()), a_side(NEW, all_lines())]
        text = "\n".join(table(a_comparison(*sides, a_side(THIRD, all_lines(two=SLIGHTLY)))))
        assert "  plain@tide-1\n  en  Tidal Adapters 2 [-fits-]" in text
        assert "  results_first@tide-1\n" not in text

    def test_ten_papers_are_shown_at_most(self):
        papers = [a_paper(number) for number in range(1, 13)]
        side = a_side(OLD, {n: lines_of(n) for n in range(1, 13)})
        other = a_side(NEW, dict.fromkeys(range(1, 13), OTHER))
        lines = list(table(a_comparison(side, other, papers=papers)))
        assert len([line for line in lines if re.match(r"2604\.\d+  ", line)]) == 10

    def test_nothing_that_a_terminal_obeys_is_printed(self):
        evil = "red\x1b[2J\u202e\x07 lamp"
        papers = [a_paper(1, title=evil)]
        sides = [
            a_side(replace(each, model=evil), {1: {"en": each.prompt + evil, "zh": "一"}})
            for each in (OLD, NEW)
        ]
        for line in table(a_comparison(*sides, papers=papers)):
            assert line.isprintable()


class TestFileName:
    def test_says_what_is_compared(self):
        made = file_name("tides", "20260501_0405", ["one_line@tide-1", "plain~1@tide-1"])
        assert made == "compare-tides-20260501_0405-one_line@tide-1-plain~1@tide-1.html"

    def test_two_comparisons_whose_names_are_replaced_alike_have_a_file_each(self):
        made = {
            file_name("tides", "20260501_0405", ["one_line@tide-1", f"one_line@hub{sign}tide"])
            for sign in "/:_ "
        }
        assert len(made) == 4

    @given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=9))
    def test_is_one_name_of_a_file_whatever_a_model_is_called(self, names):
        made = file_name("tides", "20260501_0405", names)
        assert re.fullmatch(r"compare-[A-Za-z0-9._@~-]+\.html", made)
        assert len(made) < 200
