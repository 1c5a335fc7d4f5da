"""When arXiv announces: https://info.arxiv.org/help/availability.html."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.schedule import (
    announcement_of,
    announcements,
    first_announcements,
    submissions_before,
)
from tests.digests import a_paper

EASTERN = ZoneInfo("America/New_York")
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY, SECOND, MICROSECOND = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)

ZONES = st.sampled_from(
    ["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
).map(ZoneInfo)
DATES = st.dates(date(1991, 8, 1), date(2100, 1, 1))
CLOCK = st.one_of(
    st.times(),
    st.sampled_from([time(13, 59, 59), time(13, 59, 59, 999_999), time(14), time(14, 0, 1)]),
)
MOMENTS = st.builds(datetime.combine, DATES, CLOCK, st.just(EASTERN)).map(
    lambda local: local.astimezone(UTC)
)
"""Times at large, and those around a deadline."""

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
IN_2026 = st.integers(0, 365 * 24 * 3600).map(lambda seconds: NEW_YEAR + seconds * SECOND)
"""Times near each other, of which some belong to one announcement."""


def eastern(text: str) -> datetime:
    """A time on the clocks of New York."""
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestAnnouncementOf:
    @pytest.mark.parametrize(
        ("submitted", "announced"),
        [
            # July 2026: Monday is the 6th.
            ("2026-07-05 23:59:59", "2026-07-06 20:00"),  # Sunday: Monday's deadline
            ("2026-07-06 00:00:00", "2026-07-06 20:00"),
            ("2026-07-06 13:59:59", "2026-07-06 20:00"),  # Monday
            ("2026-07-06 14:00:00", "2026-07-07 20:00"),
            ("2026-07-07 13:59:59", "2026-07-07 20:00"),  # Tuesday
            ("2026-07-07 14:00:00", "2026-07-08 20:00"),
            ("2026-07-08 13:59:59", "2026-07-08 20:00"),  # Wednesday
            ("2026-07-08 14:00:00", "2026-07-09 20:00"),
            ("2026-07-09 13:59:59", "2026-07-09 20:00"),  # Thursday
            ("2026-07-09 14:00:00", "2026-07-12 20:00"),  # what meets Friday's comes on Sunday
            ("2026-07-10 13:59:59", "2026-07-12 20:00"),
            ("2026-07-10 14:00:00", "2026-07-13 20:00"),  # the weekend's comes on Monday
            ("2026-07-11 14:00:00", "2026-07-13 20:00"),
            ("2026-07-12 20:00:00", "2026-07-13 20:00"),
            ("2026-07-13 13:59:59", "2026-07-13 20:00"),
        ],
    )
    def test_each_deadline_is_at_two_in_new_york_to_the_second(self, submitted, announced) -> None:
        assert announcement_of(eastern(submitted)) == eastern(announced)

    @pytest.mark.parametrize(
        ("submitted", "announced"),
        [
            ("2026-07-07 17:59:59", "2026-07-08 00:00"),  # summer
            ("2026-07-07 18:00:00", "2026-07-09 00:00"),
            ("2026-01-13 18:59:59", "2026-01-14 01:00"),  # winter
            ("2026-01-13 19:00:00", "2026-01-15 01:00"),
            ("2026-03-06 18:59:59", "2026-03-09 00:00"),  # before the clocks go forward, and after
            ("2026-03-06 19:00:00", "2026-03-10 00:00"),
            ("2026-03-09 17:59:59", "2026-03-10 00:00"),
            ("2026-03-09 18:00:00", "2026-03-11 00:00"),
            ("2026-10-30 17:59:59", "2026-11-02 01:00"),  # before they go back, and after
            ("2026-10-30 18:00:00", "2026-11-03 01:00"),
            ("2026-11-02 18:59:59", "2026-11-03 01:00"),
            ("2026-11-02 19:00:00", "2026-11-04 01:00"),
            ("2025-12-31 19:00:00", "2026-01-02 01:00"),  # over the end of a year
        ],
    )
    def test_summer_time_is_new_yorks(self, submitted, announced) -> None:
        assert announcement_of(utc(submitted)) == utc(announced)

    def test_the_answer_is_in_utc_and_whole(self) -> None:
        announced = announcement_of(datetime(2026, 7, 7, 1, 2, 3, 456, tzinfo=SHANGHAI))
        assert announced.tzinfo is UTC
        assert announced == utc("2026-07-07 00:00")

    @given(MOMENTS)
    def test_every_submission_is_announced_later_within_four_days(self, submitted) -> None:
        announced = announcement_of(submitted)
        assert timedelta(hours=6) < announced - submitted <= 3 * DAY + timedelta(hours=7)
        local = announced.astimezone(EASTERN)
        assert (local.hour, local.minute, local.second, local.microsecond) == (20, 0, 0, 0)
        assert local.strftime("%A") not in ("Friday", "Saturday")

    @given(MOMENTS, st.timedeltas(timedelta(0), 10 * DAY))
    def test_none_overtakes_an_earlier_one(self, submitted, later) -> None:
        assert announcement_of(submitted) <= announcement_of(submitted + later)


class TestAnnouncements:
    def test_of_a_week_are_from_sunday_to_thursday(self) -> None:
        week = list(announcements(date(2026, 7, 5), date(2026, 7, 11), EASTERN))
        assert week == [eastern(f"2026-07-{day:02} 20:00") for day in (5, 6, 7, 8, 9)]

    def test_are_those_whose_date_in_the_zone_is_asked_for(self) -> None:
        week = list(announcements(date(2026, 7, 6), date(2026, 7, 12), SHANGHAI))
        assert week == [utc(f"2026-07-{day:02} 00:00") for day in (6, 7, 8, 9, 10)]
        assert all(each.tzinfo is UTC for each in week)

    def test_of_one_day_are_one_or_none(self) -> None:
        counts = [
            len(list(announcements(day, day, SHANGHAI)))
            for day in (date(2026, 7, 6) + n * DAY for n in range(7))
        ]
        assert counts == [1, 1, 1, 1, 1, 0, 0]

    def test_of_days_in_the_wrong_order_are_none(self) -> None:
        assert list(announcements(date(2026, 7, 9), date(2026, 7, 6), SHANGHAI)) == []

    @given(DATES, st.integers(0, 30), ZONES)
    def test_are_in_order_and_of_the_days(self, first, days, zone) -> None:
        last = first + days * DAY
        found = list(announcements(first, last, zone))
        assert all(earlier < later for earlier, later in pairwise(found))
        assert all(first <= each.astimezone(zone).date() <= last for each in found)
        assert days // 7 * 5 <= len(found) <= (days // 7 + 1) * 5

    @given(DATES, st.integers(0, 30), st.integers(0, 30), ZONES)
    def test_of_days_on_end_are_those_of_each_part(self, first, days, more, zone) -> None:
        middle, last = first + days * DAY, first + (days + more) * DAY
        parts = [
            *announcements(first, middle, zone),
            *announcements(middle + DAY, last, zone),
        ]
        assert list(announcements(first, last, zone)) == parts

    @given(MOMENTS, ZONES)
    def test_hold_that_of_every_submission(self, submitted, zone) -> None:
        announced = announcement_of(submitted)
        day = announced.astimezone(zone).date()
        assert announced in announcements(day, day, zone)


class TestSubmissionsBefore:
    @pytest.mark.parametrize(
        ("announced", "opened"),
        [
            ("2026-07-05 20:00", "2026-07-02 14:00"),  # Sunday: from Thursday
            ("2026-07-06 20:00", "2026-07-03 14:00"),  # Monday: from Friday
            ("2026-07-07 20:00", "2026-07-06 14:00"),
            ("2026-07-08 20:00", "2026-07-07 14:00"),
            ("2026-07-09 20:00", "2026-07-08 14:00"),
            ("2026-03-09 20:00", "2026-03-06 14:00"),  # over the night on which clocks go forward
            ("2026-11-01 20:00", "2026-10-29 14:00"),  # on the evening after they went back
        ],
    )
    def test_are_counted_from_the_deadline_before(self, announced, opened) -> None:
        assert submissions_before(eastern(announced)) == eastern(opened)

    @given(MOMENTS)
    def test_is_the_smallest_time_with_that_announcement(self, submitted) -> None:
        announced = announcement_of(submitted)
        opened = submissions_before(announced)
        assert opened <= submitted
        assert announcement_of(opened) == announced
        assert announcement_of(opened - MICROSECOND) < announced
        assert opened.tzinfo is UTC

    @given(DATES)
    def test_leaves_no_gap_between_one_announcement_and_the_next(self, first) -> None:
        found = announcements(first, first + 14 * DAY, SHANGHAI)
        for earlier, later in pairwise(found):
            assert announcement_of(submissions_before(later) - MICROSECOND) == earlier


def papers(*submitted: str):
    """Papers with ids in this order, submitted in July 2026."""
    return [a_paper(number, first=utc(f"2026-{moment}")) for number, moment in enumerate(submitted)]


class TestFirstAnnouncements:
    def test_a_paper_that_was_held_came_with_the_one_before_it(self) -> None:
        found = list(
            first_announcements(
                papers("07-06 12:00", "07-06 13:00", "07-07 12:00", "06-20 12:00", "07-07 13:00")
            )
        )
        assert [f"{each:%d}" for each in found] == ["07", "07", "08", "08", "08"]

    def test_several_held_in_a_row_came_with_the_one_before_them(self) -> None:
        found = first_announcements(
            papers("07-06 12:00", "07-07 12:00", "06-20 12:00", "06-02 12:00", "05-02 12:00")
        )
        assert [f"{each:%d}" for each in found] == ["07", "08", "08", "08", "08"]

    def test_a_weekend_or_a_holiday_between_neighbours_is_no_holding(self) -> None:
        moments = ("07-02 12:00", "07-06 12:00", "07-03 12:00")
        found = list(first_announcements(papers(*moments)))
        assert found == [announcement_of(utc(f"2026-{moment}")) for moment in moments]

    def test_ids_from_before_2007_say_nothing_of_it(self) -> None:
        new = a_paper(1, first=utc("2026-07-06 12:00"))
        old = a_paper(2, id="math/0309136", first=utc("2003-09-08 12:00"))
        found = list(first_announcements([new, old]))
        assert found[1] == announcement_of(old.first)

    def test_of_no_papers_are_none(self) -> None:
        assert list(first_announcements([])) == []

    @given(st.lists(IN_2026, max_size=40).map(sorted))
    def test_of_papers_in_order_are_those_of_their_dates(self, submitted) -> None:
        made = [a_paper(number, first=moment) for number, moment in enumerate(submitted)]
        assert list(first_announcements(made)) == [announcement_of(m) for m in submitted]

    @given(st.lists(IN_2026, max_size=40))
    def test_are_never_before_those_of_their_dates_and_as_many(self, submitted) -> None:
        made = [a_paper(number, first=moment) for number, moment in enumerate(submitted)]
        found = list(first_announcements(made))
        assert len(found) == len(made)
        for announced, paper in zip(found, made, strict=True):
            assert announced >= announcement_of(paper.first)
