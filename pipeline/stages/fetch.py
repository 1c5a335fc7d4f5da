"""arXiv -> 1-papers: choose what a topic shows tonight, and make the snapshot.

What was found and is not shown stands in `waiting.jsonl` before the snapshot is made
and until it is, so a run that is killed in between loses no paper. Each fetch, a quiet
one too, leaves a line in `fetches.jsonl`, from which the next one knows how far to look back.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from pipeline import ledger
from pipeline.choice import Choice, Chooser, versioned
from pipeline.errors import UsageError
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import (
    ARXIV_ID,
    Fetch,
    Paper,
    Run,
    Stage,
    Waiting,
    fingerprint,
    utc,
    utc_text,
)
from pipeline.settings import Settings, TopicSettings
from pipeline.sources.source import Source
from pipeline.version import VERSION

log = logging.getLogger(__name__)

FIRST_NIGHT = timedelta(days=3)
"""How far back a topic's first night reads: over a weekend without announcements."""

OVERLAP = timedelta(days=14)
"""How far a night reads back before the last complete fetch: arXiv may hold a paper that long."""

WIDE = timedelta(days=60)
"""How far it reads back once a week, for papers that were held longer."""

WEEK = timedelta(days=6, hours=12)
"""After which it does so again; less than seven days, since nights do not begin to the second."""

ASKED_FOR = re.compile(r"(?:arxiv:)?(?P<id>\S+?)(?P<version>v[1-9][0-9]{0,3})?", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """What a fetch did; `snapshot` is None when there was nothing to show.

    `counts` are the books, see `Choice.counts`; `missing` says what did not arrive, and
    names entries that are no papers and that no fetch before has named.
    """

    snapshot: Snapshot | None
    counts: dict[str, int]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """What one reading of the source came to."""

    choice: Choice
    since: datetime | None
    missed: tuple[str, ...]
    unreadable: tuple[str, ...]


def fetch(settings: Settings, topic: TopicSettings, now: datetime, source: Source) -> Fetched:
    """Make the topic's next snapshot as of `now`, if there is something to show.

    The caller holds the topic's lock. Raises `UsageError` where `now` is before the
    newest snapshot, `ArxivUnavailable`, `QueryRefused`, `UnbalancedBooks`, `OutputError`;
    then everything is as it was.
    """
    begun, now = Begun(), utc(now)
    outputs = Outputs(settings.outputs)
    found = _found(settings, topic, now, source)
    choice, counts = found.choice, found.choice.counts()
    named = _named_before(outputs, topic.name, now)
    missing = (*found.missed, *(e for e in found.unreadable if e not in named))
    outputs.write_waiting(topic.name, [*choice.held, *choice.rest])
    snapshot = None
    if choice.papers:
        snapshot = make_snapshot(settings, topic, now, choice, missing=missing, begun=begun)
        outputs.write_waiting(topic.name, choice.rest)
    outputs.append_fetch(
        topic.name,
        Fetch(
            at=now,
            since=found.since,
            complete=not found.missed,
            snapshot=snapshot.name if snapshot else None,
            counts=counts,
            filtered={rule: tuple(ids) for rule, ids in choice.filtered.items() if ids},
            missed=found.missed,
            unreadable=found.unreadable,
        ),
    )
    return Fetched(snapshot, counts, missing)


def preview(settings: Settings, topic: TopicSettings, now: datetime, source: Source) -> list[Paper]:
    """The papers that `fetch` would make a snapshot of; no file of `outputs/` is written.

    Raises as it does.
    """
    return _found(settings, topic, utc(now), source).choice.papers


class Begun:
    """When a stage began."""

    def __init__(self) -> None:
        self.at = utc(datetime.now(UTC))
        self._clock = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since then, to the millisecond."""
        return round(time.monotonic() - self._clock, 3)


def make_snapshot(  # noqa: PLR0913  what a snapshot is made of
    settings: Settings,
    topic: TopicSettings,
    instant: datetime,
    choice: Choice,
    *,
    missing: tuple[str, ...],
    begun: Begun,
) -> Snapshot:
    """The snapshot of the papers chosen, as of `instant`. Hold the topic's lock."""
    outputs = Outputs(settings.outputs)
    chosen_by = [
        settings.arxiv.url,
        topic.query,
        topic.select,
        topic.limit,
        topic.order,
        topic.revised,
        topic.categories,
        topic.exclude,
    ]
    stage = Stage(
        complete=not missing,
        inputs={"query": fingerprint(topic.query)},
        settings=fingerprint(chosen_by),
        counts=choice.counts(),
        left_out=missing,
        started=begun.at,
        seconds=begun.seconds,
        versions={"paperline": VERSION},
    )
    run = Run(
        topic=topic.name,
        snapshot=outputs.free_name(topic.name, instant, settings.zone),
        instant=instant,
        time_zone=settings.time_zone,
        stages={"fetch": stage},
    )
    return outputs.create_snapshot(run, choice.papers)


def add_by_hand(
    settings: Settings, topic: TopicSettings, ids: Sequence[str], now: datetime, source: Source
) -> list[Paper]:
    """Let the papers with these ids wait for the topic's next snapshot, before all others.

    The caller holds the topic's lock. Raises `UsageError` for what is no id, is not to be
    had, or was shown already; then none is added.
    """
    asked = [_asked_for(id_) for id_ in ids]
    papers = source.by_id(asked)
    had = {paper.id for paper in papers} | {versioned(paper) for paper in papers}
    if absent := [id_ for id_ in asked if id_ not in had]:
        raise UsageError(
            f"there is no paper {', '.join(absent)}",
            where=settings.arxiv.url,
            next_step="Check the id, as in 2604.01234 or math/0309136",
        )
    outputs = Outputs(settings.outputs)
    with ledger.opened(settings.cache, outputs, topic.name) as shown:
        for paper in papers:
            if not ledger.is_due(paper, shown.shown(paper.id)):
                raise UsageError(
                    f"{versioned(paper)} was shown already",
                    where=f"{topic.name}/{shown.snapshots_with(paper.id)[-1]}",
                    next_step="Name a paper that the topic has not shown",
                )
    waiting = {each.paper.id: each for each in outputs.waiting(topic.name)}
    for paper in papers:
        before = waiting.get(paper.id)
        since = before.since if before else utc(now)
        waiting[paper.id] = Waiting(paper=paper, reason="by hand", since=since)
    outputs.write_waiting(topic.name, waiting.values())
    return papers


def _asked_for(text: str) -> str:
    found = ASKED_FOR.fullmatch(text.strip())
    if found is None or not re.search(ARXIV_ID, found["id"]):
        raise UsageError(
            f"{text!r} is no arXiv id", next_step="Give one such as 2604.01234 or math/0309136"
        )
    return f"{found['id']}{(found['version'] or '').lower()}"


def _found(settings: Settings, topic: TopicSettings, now: datetime, source: Source) -> _Found:
    outputs = Outputs(settings.outputs)
    snapshots = outputs.snapshots(topic.name)
    _check_order(snapshots, now)
    waiting = outputs.waiting(topic.name)
    since = None if topic.select == "latest" else look_back(outputs, topic.name, now)
    back = f", back to {utc_text(since)}" if since else ""
    log.info("fetch %s: asking %s%s", topic.name, settings.arxiv.url, back)
    with ledger.opened(settings.cache, outputs, topic.name) as shown:
        chooser = Chooser(topic, now, shown.shown)
        if topic.select == "latest":
            last = {versioned(paper) for paper in snapshots[-1].papers()} if snapshots else set()
            choice = chooser.newest(source.papers(topic.query, order=topic.order), waiting, last)
        else:
            choice = chooser.unshown(source.papers(topic.query, since=since), waiting)
    choice.filtered["unreadable"] += source.rejected
    choice.fetched += len(source.rejected)
    told = ", ".join(f"{count} {what}" for what, count in choice.counts().items() if count)
    log.info("fetch %s: %s", topic.name, told or "nothing")
    return _Found(choice, since, tuple(source.missed), tuple(source.rejected))


def look_back(outputs: Outputs, topic: str, now: datetime) -> datetime:
    """How far back the topic has to be read at `now` so that nothing is missed.

    From the last complete fetch 14 days, once a week 60; on the first night 3 days from now.
    Where `fetches.jsonl` was lost, the snapshots tell when the last complete one was.
    """
    last = oldest = None
    wide, week = False, now - WEEK
    for oldest in outputs.fetches(topic):
        last = last or (oldest if oldest.complete else None)
        wide = wide or (oldest.at > week and _is_wide(oldest))
        if last and oldest.at <= week:
            break
    if oldest is None:
        return _look_back_from_snapshots(outputs.snapshots(topic), now)
    since = last.at - OVERLAP if last else oldest.since or oldest.at - FIRST_NIGHT
    is_young = oldest.at > week
    return since if wide or is_young else min(since, now - WIDE)


def _look_back_from_snapshots(snapshots: list[Snapshot], now: datetime) -> datetime:
    if not snapshots:
        return now - FIRST_NIGHT
    runs = [snapshot.run() for snapshot in reversed(snapshots)]
    complete = (run.instant for run in runs if run.stages["fetch"].complete)
    return min(next(complete, runs[-1].instant) - OVERLAP, now - WIDE)


def _is_wide(fetched: Fetch) -> bool:
    return fetched.complete and fetched.since is not None and fetched.since <= fetched.at - WIDE


def _named_before(outputs: Outputs, topic: str, now: datetime) -> set[str]:
    """The entries that are no papers and were named by a fetch that may have met them, too."""
    recent = takewhile(lambda each: each.at > now - WIDE - OVERLAP, outputs.fetches(topic))
    return {entry for each in recent for entry in each.unreadable}


def _check_order(snapshots: list[Snapshot], now: datetime) -> None:
    if snapshots and now < (newest := snapshots[-1].run().instant):
        raise UsageError(
            f"{utc_text(now)} is before the newest snapshot, which is of {utc_text(newest)}",
            where=str(snapshots[-1]),
            next_step="Give a later --at, or none",
        )
