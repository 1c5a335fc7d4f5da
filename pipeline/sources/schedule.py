"""When arXiv announces what was submitted.

https://info.arxiv.org/help/availability.html: from Sunday to Thursday at 20:00 US Eastern
time, for what was submitted before 14:00. Holidays it does not know.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.records import Paper, utc

EASTERN = ZoneInfo("America/New_York")
DEADLINE = time(14)
ANNOUNCED = time(20)
DAY = timedelta(days=1)

NEIGHBOURS = 3
"""So many must agree, lest one with a date that is wrong moves those behind it."""

HELD = timedelta(days=5)
"""Longer than a weekend with a holiday: a date so far behind was held back."""

FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
DAYS_UNTIL = {0: 0, 1: 0, 2: 0, 3: 0, FRIDAY: 2, SATURDAY: 2, SUNDAY: 1}
"""From the weekday (Monday is 0) whose deadline a submission meets to its announcement.

What meets the deadlines of Saturday, Sunday and Monday is announced on Monday, what meets
Friday's on Sunday.
"""


def announcement_of(submitted: datetime) -> datetime:
    """When a paper submitted at that time is announced, if nothing holds it back; UTC."""
    local = submitted.astimezone(EASTERN)
    deadline = local.date() if local.time() < DEADLINE else local.date() + DAY
    return _evening(deadline + DAYS_UNTIL[deadline.weekday()] * DAY)


def announcements(first: date, last: date, zone: ZoneInfo) -> Iterator[datetime]:
    """All announcements, in UTC, whose date in `zone` is from `first` to `last`, in order."""
    evening = first - DAY
    while evening <= last + DAY:
        moment = _evening(evening)
        if _is_announced_on(evening) and first <= moment.astimezone(zone).date() <= last:
            yield moment
        evening += DAY


def submissions_before(announcement: datetime) -> datetime:
    """The earliest time that a paper of that announcement may have been submitted; UTC."""
    evening = announcement.astimezone(EASTERN).date()
    earlier = evening - DAY
    while not _is_announced_on(earlier):
        earlier -= DAY
    # Friday's deadline is Sunday's announcement; after it begins what Monday's holds.
    opened = earlier - 2 * DAY if earlier.weekday() == SUNDAY else earlier
    return utc(datetime.combine(opened, DEADLINE, EASTERN))


def first_announcements(papers: Iterable[Paper]) -> Iterator[datetime]:
    """When each of the papers, sorted by id, was announced first; UTC.

    arXiv gives ids in the order of announcement, so a paper whose date is far behind those
    of all its last neighbours was held back, and came when the one before it did or later.
    """
    neighbours: deque[datetime] = deque(maxlen=NEIGHBOURS)
    for paper in papers:
        own = announcement_of(paper.first)
        if neighbours and min(neighbours) - own >= HELD and "/" not in paper.id:
            yield neighbours[-1]
        else:
            neighbours.append(own)
            yield own


def _evening(day: date) -> datetime:
    return utc(datetime.combine(day, ANNOUNCED, EASTERN))


def _is_announced_on(day: date) -> bool:
    return day.weekday() not in (FRIDAY, SATURDAY)
