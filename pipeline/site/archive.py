"""A topic's history: a page of its years and months, and each month as a calendar."""

import calendar
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline.site.catalogue import Listed
from pipeline.site.frame import framed, named
from pipeline.site.place import Place
from pipeline.site.words import Said
from pipeline.text import amount

MONTHS = range(1, 13)
ARCHIVE = Said("Archive", "往期")


class Day(NamedTuple):
    """A day of a month's calendar: its snapshots, oldest first."""

    number: int
    snapshots: Sequence[Listed]

    @property
    def papers(self) -> int:
        """How many papers the digests of the day had that still can be read."""
        return papers_of(self.snapshots)


class Month(NamedTuple):
    """A month that has snapshots, `2026-05`, oldest first; or one of its year that has none."""

    name: str
    snapshots: Sequence[Listed]

    @property
    def papers(self) -> int:
        """How many papers its digests had that still can be read."""
        return papers_of(self.snapshots)

    @property
    def number(self) -> int:
        """From 1 to 12."""
        return int(self.name[5:])


def papers_of(snapshots: Sequence[Listed]) -> int:
    """How many papers these digests have, without those that were withdrawn."""
    return sum(one.papers for one in snapshots if not one.withdrawn)


def months(of_topic: Sequence[Listed]) -> list[Month]:
    """The months that have snapshots, oldest first, by the snapshots' local dates."""
    in_order = sorted(of_topic, key=lambda one: (one.when, one.snapshot))
    return [Month(name, list(those)) for name, those in groupby(in_order, lambda one: one.month)]


def archive_page(place: Place, found: Sequence[Month]) -> str:
    """The years of a topic, the newest first, each with its twelve months."""
    of_topic = _title(place)
    return framed(
        "archive.html.j2",
        place,
        title=named(place, of_topic, ARCHIVE),
        about=Said(
            f"All digests of {of_topic.en}, by year and month.",
            f"《{of_topic.zh}》往期，按年月排列。",
        ),
        years=list(_years(found)),
    )


def month_page(place: Place, month: Month) -> str:
    """A month's calendar, and its digests; the months beside it are `place.beside`."""
    of_topic = _title(place)
    count = sum(not one.withdrawn for one in month.snapshots)
    return framed(
        "month.html.j2",
        place,
        title=named(place, of_topic, Said(month.name, month.name)),
        about=Said(
            f"{of_topic.en} in {month.name}: "
            f"{amount(count, 'digest')}, {amount(month.papers, 'paper')}.",
            f"《{of_topic.zh}》{month.name}：共 {count} 期、{month.papers} 篇论文。",
        ),
        month=month,
        weeks=list(_weeks(month)),
    )


def _title(place: Place) -> Said:
    title = place.topic.title if place.topic else place.site.title
    return Said(title, title)


def _years(found: Sequence[Month]) -> Iterator[tuple[str, list[Month]]]:
    known = {month.name: month for month in found}
    for year in sorted({name[:4] for name in known}, reverse=True):
        names = [f"{year}-{number:02d}" for number in MONTHS]
        yield year, [known.get(name, Month(name, ())) for name in names]


def _weeks(month: Month) -> Iterator[list[Day | None]]:
    """The month's weeks, Monday first; None is a day of another month."""
    by_day: dict[int, list[Listed]] = {}
    for one in month.snapshots:
        by_day.setdefault(one.day, []).append(one)
    year = int(month.name[:4])
    for week in calendar.Calendar().monthdayscalendar(year, month.number):
        yield [Day(number, by_day.get(number, [])) if number else None for number in week]
