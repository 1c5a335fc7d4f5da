"""arXiv -> 1-papers: choose what a topic shows tonight, and make the snapshot.

What was found and is not shown stands in `waiting.jsonl` before the snapshot is made
and until it is, so a run that is killed in between loses no paper.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import UsageError
from pipeline.ledger import is_due, shown, status_of
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import Paper, Run, Stage, Waiting, fingerprint, utc, utc_text
from pipeline.settings import Settings, TopicSettings
from pipeline.version import VERSION

log = logging.getLogger(__name__)

FIRST_NIGHT = timedelta(days=3)
"""How far back a topic's first night reads: over a weekend without announcements."""

EXAMPLE = "example.org"
"""The host of the default [site] url, which is nobody's to be reached at."""

OVERLAP = timedelta(days=14)
"""How far a night reads back before the newest snapshot: arXiv may hold a paper that long."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did; `snapshot` is None when there was nothing to show.

    `counts`: `fetched` papers read, of which `seen` were due no more; `new`, `revised`
    and `withdrawn` in the snapshot (`select = "latest"`: `seen` too); `waiting` for a
    later one; `future`, updated after `now`; `rejected`, entries that are no papers,
    which `left_out` names with the reason.
    """

    snapshot: Snapshot | None
    counts: dict[str, int]
    left_out: tuple[str, ...]


class Source(Protocol):
    """Where papers come from; `rejected` fills while `papers` is read."""

    rejected: list[str]

    def papers(self, query: str) -> Iterator[Paper]:
        """What matches `query`, newest last update first. Raises `ArxivUnavailable`."""
        ...


@dataclass
class _Choice:
    """The papers of the snapshot with their statuses, in digest order, and what waits.

    `held` are the same papers as they wait until the snapshot is there.
    """

    papers: list[Paper]
    held: list[Waiting]
    rest: list[Waiting]
    fetched: int
    seen: int
    left_out: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


def fetch(settings: Settings, topic: TopicSettings, now: datetime) -> Fetched:
    """Make the topic's next snapshot as of `now`, if there is something to show.

    The caller holds the topic's lock. Raises `UsageError` where `now` is before the
    newest snapshot, `ArxivUnavailable`, `QueryRefused`, `OutputError`.
    """
    started, clock, now = utc(datetime.now(UTC)), time.monotonic(), utc(now)
    outputs = Outputs(settings.outputs)
    choice = _chosen(settings, topic, now)
    counts = choice.counts
    stage = Stage(
        complete=not choice.left_out,
        inputs={"query": fingerprint(topic.query)},
        settings=fingerprint([settings.arxiv.url, topic.query, topic.select, topic.limit]),
        counts=counts,
        left_out=choice.left_out,
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        versions={"paperline": VERSION},
    )
    if topic.select == "new":
        outputs.write_waiting(topic.name, [*choice.held, *choice.rest])
    if not choice.papers:
        return Fetched(None, counts, stage.left_out)
    run = Run(
        topic=topic.name,
        snapshot=outputs.free_name(topic.name, now, settings.zone),
        instant=now,
        time_zone=settings.time_zone,
        stages={"fetch": stage},
    )
    snapshot = outputs.create_snapshot(run, choice.papers)
    if topic.select == "new":
        outputs.write_waiting(topic.name, choice.rest)
    return Fetched(snapshot, counts, stage.left_out)


def preview(settings: Settings, topic: TopicSettings, now: datetime) -> list[Paper]:
    """The papers that `fetch` would make a snapshot of; nothing is written. Raises as it does."""
    return _chosen(settings, topic, utc(now)).papers


def _chosen(settings: Settings, topic: TopicSettings, now: datetime) -> "_Choice":
    outputs = Outputs(settings.outputs)
    snapshots = outputs.snapshots(topic.name)
    _check_order(snapshots, now)
    source = open_source(settings, outputs)
    reader = _Reader(source.papers(topic.query), now)
    log.info("fetch %s: asking %s", topic.name, settings.arxiv.url)
    if topic.select == "latest":
        choice = _newest(reader, topic, snapshots)
    else:
        choice = _unshown(reader, topic, outputs.waiting(topic.name), snapshots)
    choice.left_out = tuple(source.rejected)
    choice.counts = _counts(choice, reader.future)
    told = ", ".join(f"{count} {what}" for what, count in choice.counts.items())
    log.info("fetch %s: %s", topic.name, told)
    return choice


class _Reader:
    """The source's papers that exist at `now`, each once; `future` counts the others."""

    def __init__(self, papers: Iterator[Paper], now: datetime) -> None:
        self._papers = papers
        self.now = now
        self.future = 0

    def __iter__(self) -> Iterator[Paper]:
        met: set[tuple[str, int]] = set()
        for paper in self._papers:
            if (paper.id, paper.version) in met:
                continue
            met.add((paper.id, paper.version))
            if paper.latest > self.now:
                self.future += 1
            else:
                yield paper


def open_source(settings: Settings, outputs: Outputs) -> Source:
    """The saved feed that a file:// address names, else arXiv's query API."""
    arxiv = settings.arxiv
    if urlsplit(arxiv.url).scheme == "file":
        from pipeline.sources.atom import SavedFeed  # with arxiv and lxml, 300 ms

        return SavedFeed(arxiv)
    from pipeline.sources.arxiv_api import ArxivApi

    ours = not (urlsplit(settings.site.url).hostname or "").endswith(EXAMPLE)
    contact = arxiv.contact or (settings.site.url if ours else "")
    return ArxivApi(msgspec.structs.replace(arxiv, contact=contact), outputs)


def _check_order(snapshots: list[Snapshot], now: datetime) -> None:
    if snapshots and now < (newest := snapshots[-1].run().instant):
        raise UsageError(
            f"{utc_text(now)} is before the newest snapshot, which is of {utc_text(newest)}",
            where=str(snapshots[-1]),
            next_step="Give a later --at, or none",
        )


def _newest(reader: _Reader, topic: TopicSettings, snapshots: list[Snapshot]) -> _Choice:
    """The newest papers, shown before or not; none where they are the newest snapshot's."""
    found: dict[str, Paper] = {}
    for paper in reader:
        found.setdefault(paper.id, paper)
        if len(found) == topic.limit:
            break
    already = _shown(snapshots)
    papers = _in_order(paper.but(status=status_of(paper, already)) for paper in found.values())
    last = {(p.id, p.version) for p in snapshots[-1].papers()} if snapshots else set()
    if {(p.id, p.version) for p in papers} == last:
        return _Choice([], [], [], fetched=len(papers), seen=len(papers))
    seen = sum(paper.status == "seen" for paper in papers)
    return _Choice(papers, [], [], fetched=len(papers), seen=seen)


def _unshown(
    reader: _Reader, topic: TopicSettings, waiting: list[Waiting], snapshots: list[Snapshot]
) -> _Choice:
    """What the topic has not shown in this version, newest first, and what is over the limit."""
    cutoff = snapshots[-1].run().instant - OVERLAP if snapshots else reader.now - FIRST_NIGHT
    already = _shown(snapshots)
    due = {w.paper.id: w for w in waiting if is_due(w.paper, already)}
    fetched = seen = 0
    for paper in reader:
        if paper.latest < cutoff:
            break
        fetched += 1
        if not is_due(paper, already):
            seen += 1
            continue
        waits = due.get(paper.id)
        if waits is None:
            due[paper.id] = Waiting(paper=paper, reason="limit", since=reader.now)
        elif waits.paper.version < paper.version:
            due[paper.id] = waits.but(paper=paper)
    papers = _in_order(w.paper.but(status=status_of(w.paper, already)) for w in due.values())
    chosen, over = papers[: topic.limit], papers[topic.limit :]
    held = [due[paper.id].but(paper=paper, reason="unfinished") for paper in chosen]
    rest = [due[paper.id].but(paper=paper, reason="limit") for paper in over]
    return _Choice(chosen, held, rest, fetched=fetched, seen=seen)


def _shown(snapshots: list[Snapshot]) -> dict[str, int]:
    return shown(paper for snapshot in snapshots for paper in snapshot.papers())


def _in_order(papers: Iterable[Paper]) -> list[Paper]:
    """Newest last update first; the source's order among equals."""
    return sorted(papers, key=lambda paper: paper.latest, reverse=True)


def _counts(choice: _Choice, future: int) -> dict[str, int]:
    statuses = [paper.status for paper in choice.papers]
    return {
        "fetched": choice.fetched,
        "new": statuses.count("new"),
        "revised": statuses.count("revised"),
        "seen": choice.seen,
        "withdrawn": statuses.count("withdrawn"),
        "waiting": len(choice.rest),
        "future": future,
        "rejected": len(choice.left_out),
    }
