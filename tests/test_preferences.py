"""What blind choices add up to."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preferences import Score, tally
from pipeline.records import LANGUAGES, Lines, Preference, Summary
from tests.digests import INSTANT, a_paper, a_summary

PAPERS = [a_paper(number) for number in (1, 2, 3)]
EDITORS = ("Mei Lan", "Bo Lin", "Ada")
NONE = {"en": Score(), "zh": Score()}


def by(prompt: str, number: int = 1, text: str = "", **changes: Any) -> Summary:
    """A candidate of a paper by a prompt; `text` makes its lines its own."""
    lines: Lines = {
        "en": f"{prompt}: harbour {number}.{text}",
        "zh": f"{prompt}：港口 {number}。{text}",
    }
    changes.setdefault("prompt_fingerprint", f"{prompt}{text}")
    return a_summary(PAPERS[number - 1], lines, prompt=prompt, **changes)


def chose(one: Summary, other: Summary, preferred: Summary | None, **changes: Any) -> Preference:
    """That Mei Lan preferred an English line, or neither."""
    return Preference(
        paper=one.paper,
        version=1,
        language="en",
        summaries=(one.id, other.id),
        preferred=preferred.id if preferred else None,
        editor="Mei Lan",
        at=INSTANT,
    ).but(**changes)


A, B, C = by("ebb"), by("flood"), by("slack")
A_BEFORE = by("ebb", text=" Before.")
A_ELSEWHERE = by("ebb", model="tide-2", text=" Elsewhere.")
EVERYTHING = [
    *(by(prompt, number) for prompt in ("ebb", "flood", "slack") for number in (1, 2, 3)),
    A_BEFORE,
    A_ELSEWHERE,
]


@st.composite
def choices(draw: st.DrawFn) -> Preference:
    """Any choice between two candidates of one paper."""
    number = draw(st.sampled_from([1, 1, 2, 3]))
    of_paper = [one for one in EVERYTHING if one.paper == PAPERS[number - 1].id]
    one, other = draw(st.permutations(of_paper))[:2]
    return chose(
        one,
        other,
        draw(st.sampled_from([one, other, None])),
        language=draw(st.sampled_from(LANGUAGES)),
        editor=draw(st.sampled_from(EDITORS)),
    )


MANY = st.lists(choices(), max_size=30)
WRITERS = {(one.prompt or "", one.model) for one in EVERYTHING}


def lines_by(prompt: str) -> dict[str, Summary]:
    return {one.paper: one for one in reversed(EVERYTHING) if one.prompt == prompt}


def test_wins_losses_and_ties_are_counted_by_language():
    other, third = by("flood", 2), by("flood", 3)
    made = [
        chose(A, B, A),
        chose(A, B, B, language="zh"),
        chose(by("ebb", 2), other, None),
        chose(third, by("ebb", 3), third),
    ]
    assert tally(made, EVERYTHING).of("ebb") == {
        "en": Score(won=1, lost=1, tied=1),
        "zh": Score(lost=1),
    }


def test_of_several_choices_by_one_editor_between_the_same_lines_the_last_counts():
    made = [chose(A, B, A), chose(B, A, None), chose(B, A, B)]
    assert tally(made, EVERYTHING).of("ebb")["en"] == Score(lost=1)


def test_different_editors_count_each():
    made = [chose(A, B, A, editor=editor) for editor in EDITORS]
    counted = tally(made, EVERYTHING)
    assert counted.of("flood")["en"] == Score(lost=3)
    ones, others = lines_by("ebb"), lines_by("flood")
    assert counted.between(ones, others, "Bo Lin")["en"] == Score(won=1)
    assert counted.between(ones, others, "Nobody") == NONE


def test_an_earlier_text_of_a_prompt_is_told_apart_in_a_pair_but_not_in_its_own_score():
    counted = tally([chose(A, A_BEFORE, A)], EVERYTHING)
    now, before = {A.paper: A}, {A.paper: A_BEFORE}
    assert counted.between(now, before)["en"] == Score(won=1)
    assert counted.between(before, now)["en"] == Score(lost=1)
    assert counted.of("ebb") == NONE
    assert counted.of("ebb", "tide-1") == NONE


def test_two_models_with_the_same_prompt_count_for_the_models_alone():
    counted = tally([chose(A, A_ELSEWHERE, A_ELSEWHERE)], EVERYTHING)
    assert counted.of("ebb") == NONE
    assert counted.of("ebb", "tide-1")["en"] == Score(lost=1)
    assert counted.of("ebb", "tide-2")["en"] == Score(won=1)


def test_the_same_line_written_again_needs_no_further_choice():
    again = A.but(id="0" * 16, lines={**A.lines, "zh": "另一句。"})
    counted = tally([chose(A, B, A), chose(A, B, A, language="zh")], [A, B])
    ones, others = {A.paper: again}, {A.paper: B}
    assert counted.between(ones, others) == {"en": Score(won=1), "zh": Score()}
    assert counted.verdict(again, B, "en", "Mei Lan") == "one"
    assert counted.verdict(again, B, "zh", "Mei Lan") is None


def test_a_choice_between_a_line_and_itself_says_nothing():
    twin = A.but(id="0" * 16)
    counted = tally([chose(A, twin, twin)], [A, twin])
    assert (counted.of("ebb"), counted.gone) == (NONE, 0)


def test_choices_about_candidates_that_are_gone_are_left_out_and_counted_once_each():
    made = [chose(A, B, A), chose(B, A, B), chose(A, B, None, editor="Ada"), chose(A, C, C)]
    counted = tally(made, [A, C])
    assert counted.gone == 2
    assert counted.of("ebb")["en"] == Score(lost=1)


def test_a_choice_that_names_another_paper_s_candidates_is_left_out():
    counted = tally([chose(A, B, A, paper=PAPERS[1].id)], EVERYTHING)
    assert (counted.of("ebb"), counted.gone) == (NONE, 1)


@pytest.mark.parametrize(("preferred", "told"), [(A, "one"), (B, "other"), (None, "tie")])
def test_what_an_editor_chose_is_told_from_either_side(preferred, told):
    counted = tally([chose(A, B, preferred)], EVERYTHING)
    opposite = {"one": "other", "other": "one", "tie": "tie"}
    assert counted.verdict(A, B, "en", "Mei Lan") == told
    assert counted.verdict(B, A, "en", "Mei Lan") == opposite[told]
    assert counted.verdict(A, B, "en", "Ada") is None


@given(MANY)
def test_what_one_wins_over_another_the_other_loses(made):
    counted = tally(made, EVERYTHING)
    for one, other in [("ebb", "flood"), ("flood", "slack"), ("slack", "ebb")]:
        forth = counted.between(lines_by(one), lines_by(other))
        back = counted.between(lines_by(other), lines_by(one))
        for language in LANGUAGES:
            mirrored = Score(
                won=back[language].lost, lost=back[language].won, tied=back[language].tied
            )
            assert forth[language] == mirrored


@given(MANY)
def test_over_all_contenders_wins_and_losses_are_as_many_and_every_tie_is_two(made):
    counted = tally(made, EVERYTHING)
    for language in LANGUAGES:
        total = Score()
        for prompt, model in WRITERS:
            total = total.plus(counted.of(prompt, model)[language])
        assert total.won == total.lost
        assert total.tied % 2 == 0


@given(MANY)
def test_the_score_of_a_pair_is_that_of_its_editors(made):
    counted = tally(made, EVERYTHING)
    ones, others = lines_by("ebb"), lines_by("flood")
    for language in LANGUAGES:
        total = Score()
        for editor in EDITORS:
            total = total.plus(counted.between(ones, others, editor)[language])
        assert total == counted.between(ones, others)[language]


@given(MANY)
def test_it_does_not_matter_which_of_the_two_was_shown_first_nor_when(made):
    turned = [one.but(summaries=one.summaries[::-1], at=one.at + timedelta(days=1)) for one in made]
    one, other = tally(made, EVERYTHING), tally(turned, EVERYTHING)
    for prompt, model in WRITERS:
        assert one.of(prompt) == other.of(prompt)
        assert one.of(prompt, model) == other.of(prompt, model)


@given(MANY)
def test_choices_that_were_changed_since_are_as_if_they_had_never_been_made(made):
    last = {(one.editor, one.language, frozenset(one.summaries)): one for one in made}
    one, other = tally(made, EVERYTHING), tally(last.values(), EVERYTHING)
    for prompt, model in WRITERS:
        assert one.of(prompt, model) == other.of(prompt, model)


@given(MANY, st.sets(st.sampled_from([one.id for one in EVERYTHING])))
def test_every_choice_that_counts_is_counted_or_told_to_be_gone(made, there):
    last = {(one.editor, one.language, frozenset(one.summaries)) for one in made}
    counted = tally(made, [one for one in EVERYTHING if one.id in there])
    assert counted.gone == sum(not ids <= there for _, _, ids in last)
    if counted.gone == len(last):
        assert all(counted.of(prompt) == NONE for prompt, _ in WRITERS)
