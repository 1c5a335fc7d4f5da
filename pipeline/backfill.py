"""Snapshots for past days: what the topic would have shown, one for each announcement day.

Days are made in the order of time, each with the ledger as it would have been on that day,
from one reading of the source. What a later snapshot shows already is not shown twice.
A day that has its snapshot is not made again, so the same command goes on where it ended.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from pipeline import ledger, logs, prompts
from pipeline.books import Fetch, Waiting
from pipeline.choice import SHOWN, Choice, Chooser
from pipeline.errors import QueryRefused
from pipeline.outputs import Outputs
from pipeline.records import Count, Paper, Record, SnapshotName, Usage, utc
from pipeline.releasing import give_notice
from pipeline.report import Missing
from pipeline.run import Night, Work, heal
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.document import Document
from pipeline.sources.query import parse
from pipeline.sources.schedule import (
    announcement_of,
    announcements,
    first_announcements,
    submissions_before,
)
from pipeline.sources.source import Source
from pipeline.stages.build import build_site
from pipeline.stages.fetch import Begun, make_snapshot, named_before

log = logging.getLogger(__name__)

NO_USE = frozenset({"budget", "unavailable", "refused"})
"""Kinds of failure after which further days would have the same gaps."""

MOST_VERSIONS = 50
"""Earlier versions of one paper that are asked for."""


HELD_AT_MOST = timedelta(days=60)
"""Before its announcement a paper was submitted; what nights look back once a week."""


class Filled(Record, frozen=True, kw_only=True):
    """What a backfill did: `snapshots` made or finished, oldest first, of so many `days`.

    `papers` and `gaps` are those of all snapshots of the days; `waiting` papers are over the
    topic's limit, and wait for its next snapshot.
    """

    topic: str
    days: Count
    snapshots: tuple[SnapshotName, ...]
    papers: Count
    gaps: Count
    waiting: Count
    usage: Usage
    missing: tuple[Missing, ...]


class _Harvest(NamedTuple):
    """The versions of papers by announcement, what did not arrive, and what is no paper."""

    announced: dict[datetime, list[Paper]]
    missed: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@logs.stage()
def backfill(night: Night, topic: TopicSettings, first: date, last: date, source: Source) -> Filled:
    """Make the snapshots of the announcement days from `first` to `last`, dates in the site's zone.

    Ends early where the budget is used up or the model is down. Raises `Busy`,
    `ArxivUnavailable`, `QueryRefused`; `BatchRunning` when everything else is done.
    """
    settings, outputs = night.settings, Outputs(night.settings.outputs)
    prompts.load(settings.prompts, topic.prompt)  # before anything is asked
    days = [day for day in announcements(first, last, settings.zone) if day <= night.now]
    with outputs.working_on(topic.name):
        begun, work = Begun(), Work()
        there: dict[datetime, list[Snapshot]] = {day: [] for day in days}
        for snapshot in outputs.snapshots(topic.name):
            there.get(snapshot.run().instant, []).append(snapshot)
        harvest = _harvest(source, topic.query, days)
        missing = _told(outputs, topic, night.now, harvest)
        work.missing += [Missing(reason=f"fetch: {what}") for what in missing]
        pending: list[Waiting] = []
        worked_on: list[Snapshot] = []
        for day in days:
            choice = _choose(settings, topic, day, harvest.announced[day], pending)
            pending = [*choice.held, *choice.rest]
            if choice.papers and not there[day]:
                made = make_snapshot(
                    settings, topic, day, choice, missing=missing, begun=begun, backfilled=True
                )
                there[day], pending = [made], choice.rest
            worked_on += [s for s in there[day] if heal(night, topic, s, work)]
            if worked_on and _is_no_use(worked_on[-1]):
                log.info("backfill %s: ended at %s: a model gives no lines", topic.name, day)
                break
        else:
            _let_wait(settings, topic, pending)
        since = days[0] if days else night.now
        give_notice(settings, topic.name, night.now, since=since, missing=work.missing)
        work.missing += [Missing(reason=f"site: {why}") for why in build_site(settings).troubles]
    if work.trouble is not None:
        raise work.trouble
    return _described(topic.name, there, worked_on, outputs.waiting(topic.name), work)


def _described(
    topic: str,
    there: dict[datetime, list[Snapshot]],
    worked_on: list[Snapshot],
    waiting: list[Waiting],
    work: Work,
) -> Filled:
    runs = [snapshot.run() for snapshots in there.values() for snapshot in snapshots]
    return Filled(
        topic=topic,
        days=len(there),
        snapshots=tuple(snapshot.name for snapshot in worked_on),
        papers=sum(run.stages["fetch"].counts[status] for run in runs for status in SHOWN),
        gaps=sum(len(run.gaps) for run in runs),
        waiting=len(waiting),
        usage=work.usage,
        missing=tuple(work.missing),
    )


def _harvest(source: Source, query: str, days: list[datetime]) -> _Harvest:
    """All versions that were announced on the days.

    Where earlier versions are not to be had, the oldest that is stands on the day of the
    first. Whatever was announced on the days has been updated since or then, or was held
    back for less than `HELD_AT_MOST` before, so reading back that far finds it.
    """
    if not days:
        return _Harvest({})
    newest = list(source.papers(query, since=submissions_before(days[0]) - HELD_AT_MOST))
    missed, unreadable = list(source.missed), list(source.rejected)
    earlier = [
        f"{paper.id}v{version}"
        for paper in newest
        for version in range(max(1, paper.version - MOST_VERSIONS), paper.version)
        if paper.first <= days[-1]
    ]
    older: list[Paper] = []
    if source.keeps_versions and earlier:
        older = source.by_id(earlier)
        missed += source.missed
        unreadable += source.rejected
    matched = _matches(query, newest)
    announced: dict[datetime, list[Paper]] = {day: [] for day in days}
    for day, version in _announced([*newest, *older]):
        if day in announced and matched(version):
            announced[day].append(version)
    return _Harvest(announced, tuple(missed), tuple(unreadable))


def _told(
    outputs: Outputs, topic: TopicSettings, now: datetime, harvest: _Harvest
) -> tuple[str, ...]:
    """What did not arrive, and entries that are no papers and were not named before; noted."""
    named = named_before(outputs, topic.name, now)
    noted = Fetch(
        at=utc(now),
        query=topic.query,
        since=None,
        complete=not harvest.missed,
        backfill=True,
        missed=harvest.missed,
        unreadable=harvest.unreadable,
    )
    if harvest.missed or harvest.unreadable:
        outputs.append_fetch(topic.name, noted)
    return (*harvest.missed, *(entry for entry in harvest.unreadable if entry not in named))


def _matches(query: str, newest: list[Paper]) -> Callable[[Paper], bool]:
    """Whether the query finds a version of one of the papers.

    Only the newest is what arXiv was asked about. Where our own reading of the query does
    not find that one, it says nothing about the others.
    """
    try:
        tree = parse(query)
    except QueryRefused:
        return lambda _: True
    found = {paper.id for paper in newest if tree.matches(Document.of(paper))}
    return lambda paper: paper.id not in found or tree.matches(Document.of(paper))


def _announced(versions: Iterable[Paper]) -> Iterator[tuple[datetime, Paper]]:
    """Each version with its announcement; the oldest of each paper counts as its first."""
    first = []
    by_paper = sorted(versions, key=attrgetter("id", "version"))
    for _, of_paper in groupby(by_paper, key=attrgetter("id")):
        oldest, *later = of_paper
        first.append(oldest)
        for version in later:
            yield announcement_of(version.latest), version
    yield from zip(first_announcements(first), first, strict=True)


def _choose(
    settings: Settings,
    topic: TopicSettings,
    day: datetime,
    announced: list[Paper],
    pending: list[Waiting],
) -> Choice:
    """With the ledger of that day; what a snapshot from then on shows counts as seen."""
    outputs = Outputs(settings.outputs)
    with ledger.opened(settings.cache, outputs, topic.name) as shown:
        fresh = [p for p in announced if shown.newest_since(p.id, day) < p.version]
        waiting = [w for w in pending if shown.newest_since(w.paper.id, day) < w.paper.version]
        # A version that stands in for an earlier one is younger than the day.
        until = datetime.max.replace(tzinfo=UTC)
        chooser = Chooser(topic, day, lambda paper: shown.shown(paper, before=day), until=until)
        choice = chooser.unshown(fresh, waiting)
    later = {paper.id for paper in announced} | {waits.paper.id for waits in pending}
    later -= {paper.id for paper in fresh} | {waits.paper.id for waits in waiting}
    choice.seen += sorted(later)
    choice.fetched += len(later)
    return choice


def _is_no_use(snapshot: Snapshot) -> bool:
    return any(gap.failure.kind in NO_USE for gap in snapshot.run().gaps.values())


def _let_wait(settings: Settings, topic: TopicSettings, pending: list[Waiting]) -> None:
    """Let what there was no room for wait for the topic's next snapshot, in its newest version."""
    outputs = Outputs(settings.outputs)
    waiting = {each.paper.id: each for each in outputs.waiting(topic.name)}
    for each in pending:
        before = waiting.get(each.paper.id)
        if before is None:
            waiting[each.paper.id] = each.but(reason="limit")
        elif before.paper.version < each.paper.version:
            waiting[each.paper.id] = before.but(paper=each.paper)
    with ledger.opened(settings.cache, outputs, topic.name) as shown:
        due = [w for w in waiting.values() if ledger.is_due(w.paper, shown.shown(w.paper.id))]
    outputs.write_waiting(topic.name, due)
