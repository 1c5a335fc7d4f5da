"""What differs between two lines, word by word."""

import itertools
from collections.abc import Iterator
from difflib import SequenceMatcher

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import word_differences
from pipeline.word_differences import Part, difference, marked, parts, share_of

words = st.lists(
    st.sampled_from(
        ["tide", "tides", "4.1", "cm/s,", "a-b", "港口", "误差", "。", " ", "  ", "é", "\n"]
    ),
    max_size=12,
).map("".join)
lines = words | st.text(max_size=30)


@pytest.fixture(params=["ordinary lines", "long lines", "long lines that repeat themselves"])
def _bounds(request: pytest.FixtureRequest) -> Iterator[None]:
    """The properties hold on both sides of the bounds."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "ordinary lines":
            patch.setattr(word_differences, "LONG", 0)
        if request.param == "long lines that repeat themselves":
            patch.setattr(word_differences, "MOST_PAIRS", 0)
        yield


@pytest.mark.usefixtures("_bounds")
@given(lines, lines)
@example("一个港口的误差", "两个港口的误差")
@example("a b a", "b a b")
def test_joined_the_old_pieces_are_the_old_line_and_the_new_ones_the_new(old, new):
    found = parts(old, new)
    assert "".join(part.old for part in found) == old
    assert "".join(part.new for part in found) == new


@pytest.mark.usefixtures("_bounds")
@given(lines, lines)
@example("a b a", "b a b")
def test_the_other_way_round_the_same_pieces_are_found(old, new):
    assert parts(new, old) == [Part(part.new, part.old) for part in parts(old, new)]
    assert difference(new, old) == difference(old, new)


@pytest.mark.usefixtures("_bounds")
@given(lines, lines)
def test_only_equal_lines_do_not_differ_and_no_lines_differ_by_more_than_all(old, new):
    assert (difference(old, new) == 0) == (old == new)
    assert 0 <= difference(old, new) <= 1


@pytest.mark.usefixtures("_bounds")
@given(lines, lines)
def test_two_changes_never_stand_side_by_side(old, new):
    changed = [part.changed for part in parts(old, new)]
    assert not any(one and other for one, other in itertools.pairwise(changed))


@pytest.mark.usefixtures("_bounds")
@given(lines.filter(len))
def test_a_line_differs_wholly_from_none(line):
    assert difference(line, "") == 1.0
    assert difference(line, line) == 0.0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("An error of 4.1 cm.", "An error of 4.7 cm.", "An error of [-4.1-]{+4.7+} cm."),
        ("Adapts a model.", "Adapts a tidal model.", "Adapts a {+tidal +}model."),
        ("Adapts a tidal model.", "Adapts a model.", "Adapts a [-tidal -]model."),
        ("用验潮读数适配港口", "用声呐读数适配港口", "用[-验潮-]{+声呐+}读数适配港口"),
        ("same", "same", "same"),
        ("", "", ""),
    ],
)
def test_differences_are_marked_as_git_marks_words(old, new, told):
    assert marked(old, new) == told


def test_a_number_or_a_hyphenated_name_is_one_word():
    assert [
        part for part in parts("TideFormer-2 at 96.2%", "TideFormer-3 at 98.2%") if part.changed
    ] == [Part("TideFormer-2", "TideFormer-3"), Part("96.2", "98.2")]


def test_a_single_character_between_two_changes_belongs_to_them():
    assert parts("红a灯", "绿a塔") == [Part("红a灯", "绿a塔")]
    assert parts("red lamp", "green tower") == [Part("red lamp", "green tower")]


def test_the_share_counts_the_characters_of_both_lines():
    assert share_of([Part("abcd", "abcd"), Part("xx", "")]) == 0.2
    assert share_of([]) == 0.0


class Counted(SequenceMatcher[str]):
    """How many words the matcher was given."""

    given = 0

    def __init__(self, junk: None, one: list[str], other: list[str], **more: bool) -> None:
        Counted.given = max(Counted.given, len(one), len(other))
        super().__init__(junk, one, other, **more)


def test_a_line_that_goes_round_in_circles_takes_no_more_work_than_a_long_one(monkeypatch):
    monkeypatch.setattr(word_differences, "SequenceMatcher", Counted)
    monkeypatch.setattr(Counted, "given", 0)
    old, new = "An error of 4 cm. " + "a b " * 450, "An error of 5 cm. " + "a a b " * 300
    assert [part.changed for part in parts(old, new)] == [False, True, False]
    assert Counted.given <= word_differences.LONG


def test_of_long_lines_that_do_not_repeat_themselves_every_change_is_found():
    old = [f"word{number}" for number in range(300)]
    new = [f"other{n}" if n in (7, 200) else word for n, word in enumerate(old)]
    changed = [part for part in parts(" ".join(old), " ".join(new)) if part.changed]
    assert changed == [Part("word7", "other7"), Part("word200", "other200")]
