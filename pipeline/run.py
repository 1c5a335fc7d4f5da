"""The nightly job: the stages in order, resuming what is unfinished; and releasing.

A snapshot is unfinished until its digest was assembled from all that is there. After
tonight's work, gaps of the last seven days are asked for again.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from pipeline.decisions import waited_for
from pipeline.errors import PromptError
from pipeline.llm.budget import Budget
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import (
    Count,
    Digest,
    Policy,
    Record,
    SnapshotName,
    Usage,
)
from pipeline.settings import Settings, TopicSettings
from pipeline.stages.assemble import assemble, is_stale, write
from pipeline.stages.fetch import fetch
from pipeline.stages.publish import build_site, record
from pipeline.stages.summarize import summarize, worth_asking

log = logging.getLogger(__name__)

HEAL_DAYS = 7


class Missing(Record, frozen=True, kw_only=True):
    """One thing that a finished run could not do, and why.

    Without `paper` it concerns the snapshot, without `snapshot` the night's fetch.
    """

    snapshot: SnapshotName | None = None
    paper: str | None = None
    reason: str


class Report(Record, frozen=True, kw_only=True):
    """What a run did for one topic: the answer of `paperline run --json`.

    `snapshot` is None when there was nothing new; `made` tells whether this run worked
    on it. Of `asked_again` gaps of earlier nights, `healed` were closed. `waiting_for`
    counts the papers that keep the gate shut; `page` is the digest's HTML file, `site` the
    published page, if any. Tokens and cost are this run's.
    """

    topic: str
    snapshot: SnapshotName | None
    made: bool
    new: Count = 0
    revised: Count = 0
    papers: Count = 0
    model_lines: Count = 0
    gaps: Count = 0
    asked_again: Count = 0
    healed: Count = 0
    waiting_for: Count = 0
    published: bool = False
    usage: Usage = Usage()
    page: str | None = None
    site: str | None = None
    missing: tuple[Missing, ...] = ()


def run_topic(
    settings: Settings,
    topic: TopicSettings,
    now: datetime,
    budget: Budget,
    *,
    prompt: str | None = None,
) -> Report:
    """One night of one topic. Raises `Busy` when another run holds the topic.

    `budget` is shared by all topics of a run.
    """
    outputs = Outputs(settings.outputs)
    with outputs.working_on(topic.name):
        snapshots = outputs.snapshots(topic.name)
        snapshot = snapshots[-1] if snapshots and _unfinished(settings, snapshots[-1]) else None
        if snapshot is None:
            fetched = fetch(settings, topic, now)
            snapshot, left_out = fetched.snapshot, fetched.left_out
        else:
            left_out = snapshot.run().stages["fetch"].left_out
        usage, made = Usage(), snapshot is not None
        if snapshot is not None:
            name = prompt or snapshot.run().prompt or topic.prompt
            usage = summarize(settings, snapshot, name, now, budget=budget).usage
            release(settings, snapshot, now)
        healed = _heal(settings, outputs, topic, now, budget, leave=snapshot)
        build_site(settings)  # also where an earlier run was cut off before it
        newest = snapshot or (snapshots[-1] if snapshots else None)
        unread = (Missing(reason=f"left out of the feed: {entry}") for entry in left_out)
        report = Report(
            topic=topic.name,
            snapshot=None,
            made=made,
            asked_again=healed.asked,
            healed=healed.gaps,
            usage=usage.plus(healed.usage),
            missing=(*unread, *healed.missing),
        )
        return _described(report, settings, newest) if newest else report


def release(
    settings: Settings, snapshot: Snapshot, now: datetime, *, policy: Policy | None = None
) -> Digest:
    """Assemble the digest and publish it as far as the gate allows; harmless when repeated.

    The gate is the policy that the digest was first assembled under, or `policy`.
    """
    with snapshot.releasing():
        digest = assemble(settings, snapshot)
        passes = not waited_for(digest, policy or digest.policy)
        if passes:
            digest = digest.but(status="published")
            record(snapshot, digest, now)
            write(snapshot, digest)
    if passes:
        build_site(settings)
    _carry_on(settings, snapshot, now)
    return digest


def _carry_on(settings: Settings, snapshot: Snapshot, now: datetime) -> None:
    """Release the next snapshot anew where decisions on this one carry over to it."""
    of_topic = Outputs(settings.outputs).snapshots(snapshot.topic)
    position = [s.name for s in of_topic].index(snapshot.name)
    for later in of_topic[position + 1 : position + 2]:
        if later.digest() is not None and is_stale(settings, later):
            release(settings, later, now)


def _unfinished(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a run was cut off before it had lines, or a reason for none, for every paper."""
    run, digest = snapshot.run(), snapshot.digest()
    if "summarize" not in run.stages or digest is None:
        return True
    pending = any(entry.gap.kind == "pending" for entry in digest.gaps if entry.gap)
    return pending and run.model == settings.model.effective_name


def _unreleased(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a digest's files lag behind what is known, or it passes its gate unpublished."""
    digest = snapshot.digest()
    if digest is None or is_stale(settings, snapshot):
        return True
    return digest.status == "draft" and not waited_for(digest, digest.policy)


@dataclass
class _Healed:
    """What healing came to: gaps asked for and closed, their cost, and what failed."""

    asked: int = 0
    gaps: int = 0
    usage: Usage = field(default_factory=Usage)
    missing: list[Missing] = field(default_factory=list)


def _heal(  # noqa: PLR0913  as for a night, and what to leave
    settings: Settings,
    outputs: Outputs,
    topic: TopicSettings,
    now: datetime,
    budget: Budget,
    *,
    leave: Snapshot | None,
) -> _Healed:
    """Ask again for recent gaps, and release what was cut off; `leave` was just made."""
    healed, since = _Healed(), now - timedelta(days=HEAL_DAYS)
    snapshots = [s for s in outputs.snapshots(topic.name) if s.run().instant >= since]
    for snapshot in snapshots:
        if leave and leave.name == snapshot.name:
            continue
        asked = not settings.model.embedded and _ask_again(settings, snapshot, now, budget, healed)
        if asked or _unreleased(settings, snapshot):
            release(settings, snapshot, now)
    return healed


def _ask_again(
    settings: Settings, snapshot: Snapshot, now: datetime, budget: Budget, healed: _Healed
) -> bool:
    """Ask for the gaps of one snapshot, add to `healed`; whether anything was asked."""
    run, digest = snapshot.run(), snapshot.digest()
    open_gaps = {e.paper.id for e in digest.gaps} if digest else set()
    pending = open_gaps - run.gaps.keys()
    ask = [*pending, *(paper for paper in worth_asking(run, now) if paper in open_gaps)]
    if not ask or run.prompt is None:
        return False
    log.info("healing %s: %d gaps", snapshot, len(ask))
    try:
        made = summarize(
            _as_it_was(settings, run.model), snapshot, run.prompt, now, budget=budget, only=ask
        )
    except PromptError as error:
        # The prompt of an earlier night may be gone; tonight's work is done all the same.
        healed.missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
        return False
    healed.asked += len(ask)
    healed.gaps += sum(paper not in made.gaps for paper in ask)
    healed.usage = healed.usage.plus(made.usage)
    return True


def _as_it_was(settings: Settings, model: str | None) -> Settings:
    """The settings with the model that the snapshot's lines are by."""
    renamed = msgspec.structs.replace(settings.model, name=model or settings.model.name)
    return msgspec.structs.replace(settings, model=renamed)


def _described(report: Report, settings: Settings, snapshot: Snapshot) -> Report:
    """The report with the digest of `snapshot` as it stands now."""
    digest = snapshot.digest()
    if digest is None:
        return report.but(snapshot=snapshot.name)
    site = settings.outputs / "site" / snapshot.topic / f"{snapshot.name}.html"
    statuses = [entry.paper.status for entry in digest.papers]
    origins = [{line.origin for line in entry.lines.values()} for entry in digest.papers]
    gaps = (
        Missing(snapshot=snapshot.name, paper=e.paper.id, reason=e.gap.reason)
        for e in digest.gaps
        if e.gap
    )
    return report.but(
        snapshot=snapshot.name,
        new=statuses.count("new"),
        revised=statuses.count("revised"),
        papers=len(statuses),
        model_lines=sum("model" in found for found in origins),
        gaps=len(digest.gaps),
        waiting_for=len(waited_for(digest, digest.policy)),
        published=digest.status == "published",
        page=str(snapshot.digest_html),
        site=str(site) if site.is_file() else None,
        missing=(*gaps, *report.missing),
    )
