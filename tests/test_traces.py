"""Where the abstract has what a line says. All papers and lines are invented."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.checks import names, numbers
from pipeline.checks.rules import Rules
from pipeline.checks.traces import traces
from pipeline.glossary import Glossary
from pipeline.records import Language, Paper
from tests.digests import a_paper

RULES = Rules(glossary=Glossary({"large language model": "大语言模型"}))
ABSTRACT = (
    r"We pour 1.2 million cups on TeaBench and 70\% of them stay hot; MNIST is $92.3 \pm 0.4\%$. "
    r"KettleNet, a $\beta$-VAE with steam-guided policy optimization, has three spouts and "
    "five lids for five pots; large language models such as Kettle-2-7B win 3 out of 4 rounds. "
    "It saves 16.27 GB over Stove 3.1 and triplet whistles, whatever StoveFormer says."
)


def paper(abstract: str = ABSTRACT, **changes: str | None) -> Paper:
    told = {"title": "A LidNet of 250 Lids", "comments": "Accepted at PotConf", "venue": None}
    return a_paper().but(abstract=abstract, **(told | changes))


def traced(language: Language, line: str, about: Paper | None = None) -> dict[str, str | None]:
    """What is traced in a line, and what the abstract has for it."""
    about = about or paper()
    return {
        line[slice(*trace.span)]: about.abstract[slice(*trace.source_span)]
        if trace.source_span
        else None
        for trace in traces(about, language, line, RULES)
    }


class TestAQuantity:
    @pytest.mark.parametrize(
        ("language", "line", "quantity", "source"),
        [
            ("en", "It pours 1.2 million cups.", "1.2 million", "1.2 million"),
            ("en", "It pours 1,200,000 cups.", "1,200,000", "1.2 million"),
            ("zh", "共倒 120 万杯茶。", "120 万", "1.2 million"),
            ("zh", "共有一百二十万个杯子。", "一百二十万个", "1.2 million"),
            ("en", "Of these 70% stay hot.", "70%", r"70\%"),
            ("en", "Of these 70 percent stay hot.", "70 percent", r"70\%"),
            ("zh", "七成茶水保持温热。", "七成", r"70\%"),
            ("zh", "准确率为 92.3%。", "92.3%", r"92.3 \pm 0.4\%"),
            ("zh", "节省约 16.3 GB。", "16.3 GB", "16.27 GB"),
            ("zh", "壶有三个壶嘴。", "三个", "three"),
            ("en", "It wins 3/4 of the rounds.", "3/4", "3 out of 4"),
        ],
    )
    def test_is_traced_however_both_write_it(self, language, line, quantity, source) -> None:
        found = traced(language, line)[quantity]
        assert found is not None
        assert source.startswith(found)

    @pytest.mark.parametrize(
        "line", ["It pours 1.3 billion cups.", "It takes 55 GB.", "又增 38%。"]
    )
    def test_that_the_paper_has_not_is_there_without_a_place(self, line) -> None:
        language: Language = "en" if line.isascii() else "zh"
        assert list(traced(language, line).values()) == [None]

    def test_of_the_title_alone_says_so(self) -> None:
        (trace,) = traces(paper(), "zh", "共有 250 个壶盖。", RULES)
        assert (trace.source_span, trace.in_title) == (None, True)

    def test_of_title_and_abstract_is_traced_to_the_abstract(self) -> None:
        about = paper("We weigh 250 lids.")
        (trace,) = traces(about, "zh", "共有 250 个壶盖。", RULES)
        assert (trace.source_span, trace.in_title) == ((9, 12), False)

    def test_of_the_comments_alone_has_no_place(self) -> None:
        (trace,) = traces(paper(comments="19 pages"), "en", "The 19 lids fit.", RULES)
        assert (trace.source_span, trace.in_title) == (None, False)

    def test_that_stands_twice_is_traced_to_that_before_the_same_word(self) -> None:
        (trace,) = traces(paper(), "en", "It has five pots.", RULES)
        assert trace.source_span is not None
        assert ABSTRACT[trace.source_span[0] :].startswith("five pots")

    def test_that_both_have_twice_is_traced_in_their_order(self) -> None:
        places = [trace.source_span for trace in traces(paper(), "zh", "五个壶盖，五个壶。", RULES)]
        assert len(set(places)) == 2
        assert places == sorted(places, key=str)

    def test_that_no_paper_need_state_is_there_only_where_the_paper_has_it(self) -> None:
        assert traced("en", "One kettle has two handles.") == {}
        assert traced("zh", "两种水壶。", paper("Two kettles sing.")) == {"两种": "Two"}

    def test_that_labels_something_else_has_no_place(self) -> None:
        line = "It beats Stove 3.2 by 16.27 GB."
        about = paper(f"{ABSTRACT} Its score is 3.2.")
        assert traced("en", line, about)["3.2"] is None

    def test_that_a_writer_may_have_counted_is_traced_to_the_word_that_hints_at_it(self) -> None:
        assert traced("zh", "三支笛。", paper("We hear triplets.")) == {"三支": "triple"}


class TestAName:
    @pytest.mark.parametrize(
        ("name", "source"),
        [
            ("MNIST", "MNIST"),
            ("TeaBench", "TeaBench"),
            ("β-VAE", r"beta$-VAE"),
            ("Kettlenet", "KettleNet"),
            ("Kettle-Net", "KettleNet"),
            ("Tea-Bench", "TeaBench"),
            ("SGPO", "steam-guided policy optimization"),
            ("LLMs", "large language"),
            ("Kettle-2-7B", "Kettle-2-7B"),
            ("StoveFormers", "StoveFormer"),
        ],
    )
    def test_is_traced_however_both_write_it(self, name, source) -> None:
        assert traced("zh", f"茶壶用 {name} 唱歌。") == {name: source}
        assert traced("en", f"The kettle sings with {name} well.") == {name: source}

    def test_that_the_paper_has_not_is_there_without_a_place(self) -> None:
        assert traced("zh", "茶壶用 PanBERT 唱歌。") == {"PanBERT": None}

    def test_that_is_misspelled_is_not_traced_to_what_it_resembles(self) -> None:
        assert traced("zh", "茶壶用 KetleNet 唱歌。") == {"KetleNet": None}

    def test_of_the_title_alone_says_so(self) -> None:
        (trace,) = traces(paper(), "en", "It is called LidNet here.", RULES)
        assert (trace.source_span, trace.in_title) == (None, True)

    def test_is_there_each_time_that_the_line_has_it(self) -> None:
        assert len(traces(paper(), "zh", "MNIST 与 MNIST。", RULES)) == 2

    def test_ends_before_a_possessive_s(self) -> None:
        assert traced("en", "We use KettleNet's spouts.") == {"KettleNet's"[:-2]: "KettleNet"}

    def test_holds_the_quantities_inside_it(self) -> None:
        assert list(traced("en", "It tries Kettle-2-7B at 70%.")) == ["Kettle-2-7B", "70%"]

    def test_gives_way_to_a_quantity_where_the_paper_has_only_that(self) -> None:
        assert traced("en", "It has 16.27GB-sized lids.") == {"16.27GB": "16.27 GB"}

    def test_that_every_reader_knows_is_there_only_where_the_paper_has_it(self) -> None:
        assert traced("zh", "茶壶用 AI 唱歌。") == {}
        assert traced("zh", "茶壶用 AI 唱歌。", paper("A kettle with AI.")) == {"AI": "AI"}

    def test_whose_parts_stand_far_apart_is_traced_to_one_of_them(self) -> None:
        about = paper(f"KettleNet {'sings and sings and sings ' * 9} on TeaBench.")
        assert traced("zh", "茶壶 KettleNet-TeaBench 唱歌。", about) == {
            "KettleNet-TeaBench": "KettleNet"
        }

    def test_is_found_anywhere_in_a_long_abstract(self) -> None:
        much = "and the kettle sings on " * 60
        for about in (f"Tea Bench {much}", f"{much} Tea Bench {much}", f"{much} Tea Bench"):
            assert traced("zh", "茶壶在 TeaBench 上。", paper(about)) == {"TeaBench": "Tea Bench"}


def test_traces_stand_in_the_order_of_the_line() -> None:
    line = "KettleNet 倒了 120 万杯茶，七成来自 TeaBench。"
    assert list(traced("zh", line)) == ["KettleNet", "120 万", "七成", "TeaBench"]


def test_a_line_without_quantities_and_names_has_no_traces() -> None:
    assert traces(paper(), "zh", "茶壶会唱歌。", RULES) == []
    assert traces(paper(), "en", "", RULES) == []


PIECES = st.sampled_from(
    [
        *("1.2 million ", "120 万", "70%", "七成", "3/4 ", "15-20%", "2015-24 ", "20 世纪 90 年代"),
        *("$1 000", "USD 20 ", "三百万", "百分之", "3 out of 4 ", "one ", "2 ", "@10", "00.79"),
        *("KettleNet", "Kettle-2-7B ", "GPT-4o", "7B-scale ", "β-VAE", r"$\beta$", "R²", "LLMs "),
        *(
            "AI ",
            "SGPO",
            "'s ",
            "-",
            ".",
            "。",
            "，",
            " ",
            "\n",
            "İ",
            "ſ",
            "\x00",
            "\ud800",
            "{",
            "$",
        ),
        *("large language models ", "China ", "Chinese ", "T_n", "Tea Bench ", "8xH100 ", "three "),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join), st.just(ABSTRACT)
)


@given(line=TEXTS, abstract=TEXTS, title=TEXTS, language=st.sampled_from(["en", "zh"]))
@example(line="9" * 9000, abstract="1e999999", title="", language="zh")
@example(line="Ab-1" * 3000, abstract="AB 1 " * 3000, title="A", language="en")
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_traced_with_spans_inside_it_that_do_not_overlap(
    line, abstract, title, language
) -> None:
    before = 0
    for trace in traces(paper(abstract, title=title), language, line, RULES):
        assert before <= trace.span[0] < trace.span[1] <= len(line)
        before = trace.span[1]
        if trace.source_span is not None:
            assert 0 <= trace.source_span[0] < trace.source_span[1] <= len(abstract)
            assert not trace.in_title


@given(line=TEXTS, abstract=TEXTS, language=st.sampled_from(["en", "zh"]))
@example(line="It takes 16 GB.", abstract="It takes 61 GB.", language="en")
@example(line="A77", abstract="A77Ο is another name.", language="en")
def test_what_the_checks_find_unknown_in_a_line_has_no_place(line, abstract, language) -> None:
    about = paper(abstract, title="Tea", comments=None)
    checks = ("quantity", numbers.check), ("name", names.check)
    unknown = {
        (kind, finding.span)
        for kind, check in checks
        for finding in check(about, {language: line}, RULES)
        if finding.code.startswith("name-")
        or finding.code in ("number-unknown", "number-scale", "number-unit")
    }
    for trace in traces(about, language, line, RULES):
        if (trace.kind, trace.span) in unknown:
            assert (trace.source_span, trace.in_title) == (None, False)
