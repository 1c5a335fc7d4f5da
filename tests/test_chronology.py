"""The order of snapshots by their instants, of which few are asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import chronology

START = datetime(2026, 3, 1, 20, 5, tzinfo=UTC)
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.integers(0, 20_000).map(lambda minutes: START + timedelta(minutes=minutes))


def named(moment: datetime) -> str:
    return f"{moment:%Y%m%d_%H%M}"


@st.composite
def histories(draw: st.DrawFn) -> dict[str, datetime]:
    """Instants by names, each told in a zone of its own, or in the next minute that was free."""
    found: dict[str, datetime] = {}
    for moment in draw(st.lists(MOMENTS, min_size=1, max_size=12)):
        local = moment.astimezone(draw(ZONES))
        while named(local) in found:
            local += timedelta(minutes=1)
        found[named(local)] = moment
    return found


def in_order(history: dict[str, datetime]) -> list[str]:
    return sorted(history, key=lambda name: (history[name], name))


@given(histories())
def test_whatever_zones_names_were_told_in_the_order_is_that_of_the_instants(history) -> None:
    found = chronology.newest_first(sorted(history), history.__getitem__)
    assert [*found][::-1] == in_order(history)


@given(histories(), st.data())
def test_before_and_after_one_are_those_beside_it_in_that_order(history, data) -> None:
    order, names = in_order(history), sorted(history)
    place = data.draw(st.integers(0, len(order) - 1))
    found = chronology.before(names, order[place], history.__getitem__)
    assert [*found] == order[:place][::-1]
    after = chronology.after(names, order[place], history.__getitem__)
    assert after == (order[place + 1] if place + 1 < len(order) else None)


NIGHTS = {named(START + timedelta(days=day)): START + timedelta(days=day) for day in range(1_000)}
NAMES = sorted(NIGHTS)


@pytest.mark.parametrize(
    ("look", "name", "most"),
    [
        (lambda instant: next(chronology.newest_first(NAMES, instant)), NAMES[-1], 3),
        (lambda instant: next(chronology.before(NAMES, NAMES[400], instant)), NAMES[399], 6),
        (lambda instant: chronology.after(NAMES, NAMES[400], instant), NAMES[401], 9),
    ],
)
def test_among_a_thousand_nights_few_instants_are_asked_for(
    look: Callable[[chronology.Instant], str], name: str, most: int
) -> None:
    asked: list[str] = []

    def instant(name: str) -> datetime:
        asked.append(name)
        return NIGHTS[name]

    assert look(instant) == name
    assert len(asked) <= most


def test_a_name_that_is_no_date_has_its_place_by_its_instant() -> None:
    history = {named(START): START, "20269999_9999": START - timedelta(days=1)}
    found = chronology.newest_first(sorted(history), history.__getitem__)
    assert [*found] == [named(START), "20269999_9999"]


def test_names_at_the_end_of_all_dates_are_names_like_others() -> None:
    history = {named(START): START, "99991231_2359": START - timedelta(days=1)}
    found = chronology.newest_first(sorted(history), history.__getitem__)
    assert [*found] == [named(START), "99991231_2359"]


def test_nothing_comes_after_one_that_is_not_there() -> None:
    assert chronology.after(NAMES, named(START + timedelta(days=2_000)), NIGHTS.__getitem__) is None
    assert chronology.after(NAMES, "20260310_0000", NIGHTS.__getitem__) is None
