"""What PROMPT[~N][@MODEL] means, and which candidate of a paper stands for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contenders import Contender, candidates_of, named, with_model
from pipeline.errors import UsageError
from pipeline.records import Lines, Summary
from tests.digests import a_paper, a_summary

PAPER = a_paper()


def a_line(text: str, **changes: str) -> Summary:
    lines: Lines = {"en": text}
    return a_summary(PAPER, lines, **changes)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "contender"),
        [
            ("one_line", Contender("one_line")),
            ("one_line@tide-1", Contender("one_line", "tide-1")),
            ("one_line~2", Contender("one_line", back=2)),
            ("one_line~1@org/tide-1:free", Contender("one_line", "org/tide-1:free", 1)),
            ("a@b@c", Contender("a", "b@c")),
        ],
    )
    def test_a_contender_is_read_as_it_is_written(self, text, contender):
        assert named(text) == contender
        assert str(contender) == text

    @pytest.mark.parametrize(
        "text", ["", "@tide-1", "one_line@", "one line", "one_line~", "one_line~x", "../a", "~1"]
    )
    def test_anything_else_is_an_error_that_says_what_is_expected(self, text):
        with pytest.raises(UsageError, match="expected PROMPT, PROMPT@MODEL"):
            named(text)

    @given(
        st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,8}", fullmatch=True),
        st.none() | st.text("abc-/:@~.1", min_size=1, max_size=8),
        st.integers(0, 999),
    )
    def test_what_is_written_is_read_again(self, prompt, model, back):
        contender = Contender(prompt, model, back)
        assert named(str(contender)) == contender


class TestModel:
    def test_the_one_that_is_named_stands_and_nobody_in_its_place(self):
        meant = with_model(named("one_line@tide-9"), [a_line("A.")], "tide-1", ["reef-1"])
        assert meant == Contender("one_line", "tide-9")

    def test_else_the_usual_one_stands_with_those_that_may_answer_for_it(self):
        lines = [a_line("A."), a_line("B.", model="tide-2")]
        assert with_model(named("one_line"), lines, "tide-1", ["reef-1"]) == Contender(
            "one_line", "tide-1", fallbacks=("reef-1",)
        )

    def test_else_the_only_one_that_wrote_lines(self):
        lines = [a_line("A.", model="tide-2"), a_line("B.", prompt="other", model="tide-3")]
        assert with_model(named("one_line"), lines, "tide-1") == Contender("one_line", "tide-2")

    def test_where_two_others_wrote_none_is_guessed(self):
        lines = [a_line("A.", model="tide-2"), a_line("B.", model="tide-3")]
        assert with_model(named("one_line"), lines, "tide-1") == Contender("one_line", "tide-1")

    def test_a_model_that_only_answers_for_another_is_not_the_one_that_is_meant(self):
        lines = [a_line("A.", model="reef-1")]
        meant = with_model(named("one_line"), lines, "tide-1", ["reef-1"])
        assert (meant.model, meant.fallbacks) == ("tide-1", ("reef-1",))


class TestCandidates:
    def test_the_newest_line_of_the_prompt_and_model_stands(self):
        old, new = a_line("Old."), a_line("New.")
        others = [a_line("X.", prompt="other"), a_line("Y.", model="tide-2")]
        found = candidates_of(Contender("one_line", "tide-1"), [old, new, *others])
        assert found == {PAPER.id: new}

    def test_one_by_the_present_text_comes_before_later_ones(self):
        present, later = a_line("Present."), a_line("Later.", prompt_fingerprint="0" * 64)
        chosen = Contender("one_line", "tide-1")
        assert candidates_of(chosen, [present, later], lambda s: s == present) == {
            PAPER.id: present
        }

    def test_one_by_the_model_comes_before_one_that_stands_in_for_it(self):
        own, instead = a_line("Own."), a_line("Instead.", model="reef-1")
        chosen = Contender("one_line", "tide-1", fallbacks=("reef-1",))
        assert candidates_of(chosen, [own, instead]) == {PAPER.id: own}
        assert candidates_of(chosen, [instead]) == {PAPER.id: instead}

    def test_back_leaves_out_so_many_of_each_paper(self):
        first, second, third = (a_line(text) for text in ("1.", "2.", "3."))
        for back, expected in enumerate(({PAPER.id: third}, {PAPER.id: second}, {PAPER.id: first})):
            chosen = Contender("one_line", "tide-1", back)
            assert candidates_of(chosen, [first, second, third]) == expected
        assert candidates_of(Contender("one_line", "tide-1", 3), [first, second, third]) == {}
