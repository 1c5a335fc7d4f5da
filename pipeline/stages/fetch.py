"""arXiv -> 1-papers: choose what a topic shows tonight, and make the snapshot.

What was found and is not shown stands in `waiting.jsonl` before the snapshot is made
and until it is, so a run that is killed in between loses no paper. Each fetch, a quiet
one too, leaves a line in `fetches.jsonl`, from which the next one knows how far to look back.
"""

import contextlib
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from pipeline import ledger, logs
from pipeline.books import Fetch, Run, Stage, Waiting
from pipeline.choice import Choice, Chooser, versioned
from pipeline.errors import ArxivUnavailable, DamagedFile, UsageError
from pipeline.outputs import Outputs
from pipeline.records import ARXIV_ID, Paper, fingerprint, utc, utc_text
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
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

ASKED_FOR = re.compile(r"(?:arxiv:)?(?P<id>\S+?)(?:v[1-9][0-9]{0,3})?", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """What a fetch did; `snapshot` is None when there was nothing to show.

    `counts` are the books, see `Choice.counts`; `missing` says what did not arrive, and
    names entries that are no papers and that no fetch before has named. `damaged` are the
    snapshots, by name, of which only what was known of them before could be used.
    """

    snapshot: Snapshot | None
    counts: dict[str, int]
    missing: tuple[str, ...]
    damaged: Mapping[str, DamagedFile]


@dataclass(frozen=True)
class _Found:
    """What one reading of the source came to."""

    choice: Choice
    since: datetime | None
    wide: bool
    missed: tuple[str, ...]
    unreadable: tuple[str, ...]
    damaged: Mapping[str, DamagedFile]


@logs.stage("fetch")
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
    named = named_before(outputs, topic.name, now)
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
            query=topic.query,
            since=found.since,
            complete=not found.missed,
            wide=found.wide,
            snapshot=snapshot.name if snapshot else None,
            counts=counts,
            filtered={rule: tuple(ids) for rule, ids in choice.filtered.items() if ids},
            missed=found.missed,
            unreadable=found.unreadable,
        ),
    )
    return Fetched(snapshot, counts, missing, found.damaged)


@logs.stage("fetch")
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
    backfilled: bool = False,
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
        backfilled=backfilled,
        stages={"fetch": stage},
    )
    return outputs.create_snapshot(run, choice.papers)


def settle_waiting(outputs: Outputs, snapshot: Snapshot) -> None:
    """Take what the snapshot shows off the list of what waits, as a killed fetch did not.

    Hold the topic's lock.
    """
    shown = {(paper.id, paper.version) for paper in snapshot.each_paper()}
    waiting = outputs.waiting(snapshot.topic)
    rest = [each for each in waiting if (each.paper.id, each.paper.version) not in shown]
    if len(rest) < len(waiting):
        outputs.write_waiting(snapshot.topic, rest)


@logs.stage("fetch")
def add_by_hand(
    settings: Settings, topic: TopicSettings, ids: Sequence[str], now: datetime, source: Source
) -> list[Paper]:
    """Let the papers with these ids wait for the topic's next snapshot, in their newest versions.

    The caller holds the topic's lock. Raises `UsageError` for what is no id, is not to be
    had, or was shown already; then none is added.
    """
    asked = list(dict.fromkeys(map(_asked_for, ids)))
    papers = source.by_id(asked)
    if source.missed:
        raise ArxivUnavailable(
            f"announced papers and did not send them: {', '.join(source.missed)}",
            where=settings.arxiv.url,
            next_step="Run the same command again later",
        )
    if absent := sorted(set(asked) - {paper.id for paper in papers}):
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
                    where=f"{topic.name}/{shown.versions_of(paper.id)[-1][0]}",
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
    return found["id"]


def _found(settings: Settings, topic: TopicSettings, now: datetime, source: Source) -> _Found:
    outputs = Outputs(settings.outputs)
    last = outputs.newest(topic.name)
    _check_order(last, now)
    waiting = outputs.waiting(topic.name)
    since, wide = look_back(outputs, topic.name, now)
    back = None if topic.select == "latest" else since
    told = f", back to {utc_text(back)}" if back else ""
    log.info("fetch %s: asking %s%s", topic.name, settings.arxiv.url, told)
    with ledger.opened(settings.cache, outputs, topic.name, known=True) as shown:
        chooser = Chooser(topic, now, shown.shown)
        again = {w.paper.id for w in waiting if w.reason == "by hand"}
        again |= set(shown.papers_since(now - WIDE)) if wide else set()
        if topic.select == "latest":
            recalled = _Recalled(source, again)
            newest = source.papers(topic.query, order=topic.order)
            choice = chooser.newest(newest, waiting, last.papers() if last else [], recalled.papers)
            missed, rejected = [*recalled.missed, *source.missed], list(source.rejected)
        else:
            found = list(source.papers(topic.query, since=since))
            missed, rejected = list(source.missed), list(source.rejected)
            missed += [] if found or missed else _suspicion(outputs, topic, last, since)
            recalled = _Recalled(source, again - {paper.id for paper in found})
            choice = chooser.unshown([*found, *recalled.papers], waiting)
            missed += recalled.missed
    choice.filtered["unreadable"] += rejected
    choice.fetched += len(rejected)
    told = ", ".join(f"{count} {what}" for what, count in choice.counts().items() if count)
    log.info("fetch %s: %s", topic.name, told or "nothing")
    return _Found(choice, back, wide, tuple(missed), tuple(rejected), shown.damaged)


class _Recalled:
    """Papers that are asked for again by their ids, in their newest versions.

    Those asked for by hand, while they wait, and once a week those that were shown: the
    query may not find them, or not any more, but they may have been withdrawn.
    """

    def __init__(self, source: Source, ids: set[str]) -> None:
        self.papers = source.by_id(sorted(ids)) if ids else []
        self.missed = list(source.missed) if ids else []


def _suspicion(
    outputs: Outputs, topic: TopicSettings, last: Snapshot | None, since: datetime
) -> list[str]:
    """What should have arrived again where nothing did, because the last snapshot shows it.

    The second night in a row is believed.
    """
    before = next((each for each in outputs.fetches(topic.name) if not each.backfill), None)
    if before is None or not before.complete or before.query != topic.query:
        return []
    with contextlib.suppress(DamagedFile):  # of which the night tells anyhow
        if last is None or last.run().backfilled:
            return []
        if any(paper.latest >= since for paper in last.each_paper()):
            return [f"nothing arrived, not even what {last} shows"]
    return []


def look_back(outputs: Outputs, topic: str, now: datetime) -> tuple[datetime, bool]:
    """How far back the topic has to be read at `now` so that nothing is missed; whether it is wide.

    From the last complete fetch 14 days, once a week 60; on the first night 3 days from now.
    Where `fetches.jsonl` was lost, the snapshots tell when the last complete one was. What
    was fetched as of a later time, by a clock that was wrong, does not count. A weekly one that
    was not complete is made up for by the next.
    """
    last = oldest = wide = None
    week = now - WEEK
    for each in outputs.fetches(topic):
        if each.backfill or each.at > now:
            continue
        oldest = each
        last = last or (each if each.complete else None)
        wide = wide or (each if each.wide else None)
        if last and each.at <= week:
            break
    if oldest is None:
        return _look_back_from_snapshots(outputs.newest_first(topic), now)
    since = last.at - OVERLAP if last else oldest.since or oldest.at - FIRST_NIGHT
    is_young = oldest.at > week
    if wide and not wide.complete:
        return min(since, now - WIDE, wide.since or since), True
    if (wide and wide.at > week) or is_young:
        return since, False
    return min(since, now - WIDE), True


def make_up_for_waiting(outputs: Outputs, topic: str, kept: Sequence[Waiting]) -> None:
    """Have the next fetch look back as far as lost papers may have waited; `kept` are the others.

    Hold the topic's lock.
    """
    last = next((each for each in outputs.fetches(topic) if not each.backfill), None)
    if last is None:  # then the snapshots tell how far back it looks: widely
        return
    lost = Fetch(
        at=last.at,
        query=last.query,
        since=min((each.paper.latest for each in kept), default=None),
        complete=False,
        wide=True,
        missed=("what waited in damaged lines of waiting.jsonl",),
    )
    outputs.append_fetch(topic, lost)


def _look_back_from_snapshots(
    newest_first: Iterable[Snapshot], now: datetime
) -> tuple[datetime, bool]:
    run = None
    for run in (run for run in _readable(newest_first) if not run.backfilled):
        if run.stages["fetch"].complete:
            break
    if run is None:
        return now - FIRST_NIGHT, False
    return min(run.instant - OVERLAP, now - WIDE), True


def _readable(snapshots: Iterable[Snapshot]) -> Iterator[Run]:
    """What was done to them, without those that are damaged: then it is looked further back."""
    for snapshot in snapshots:
        with contextlib.suppress(DamagedFile):
            yield snapshot.run()


def named_before(outputs: Outputs, topic: str, now: datetime) -> set[str]:
    """The entries that are no papers and were named by a fetch of the last weeks."""
    recent = takewhile(lambda each: each.at > now - WIDE - OVERLAP, outputs.fetches(topic))
    return {entry for each in recent for entry in each.unreadable}


def _check_order(last: Snapshot | None, now: datetime) -> None:
    if last and now < (newest := last.run().instant):
        raise UsageError(
            f"{utc_text(now)} is before the newest snapshot, which is of {utc_text(newest)}",
            where=str(last),
            next_step="Give a later --at, or none; where a clock that was wrong made that "
            "snapshot, move its folder away",
        )
