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
from pipeline.stages.assemble import assemble, inputs, write
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
    on it. `waiting_for` counts the papers that keep the gate shut; `page` is the digest's
    HTML file, `site` the published page, if any. Tokens and cost are this run's.
    """

    topic: str
    snapshot: SnapshotName | None
    made: bool
    new: Count = 0
    revised: Count = 0
    papers: Count = 0
    model_lines: Count = 0
    gaps: Count = 0
    healed: Count = 0
    waiting_for: Count = 0
    published: bool = False
    usage: Usage = Usage()
    page: str | None = None
    site: str | None = None
    missing: tuple[Missing, ...] = ()


def run_topic(
    settings: Settings, topic: TopicSettings, now: datetime, *, prompt: str | None = None
) -> Report:
    """One night of one topic. Raises `Busy` when another run holds the topic."""
    outputs = Outputs(settings.outputs)
    with outputs.working_on(topic.name):
        snapshots = outputs.snapshots(topic.name)
        snapshot = snapshots[-1] if snapshots and _unfinished(snapshots[-1]) else None
        if snapshot is None:
            fetched = fetch(settings, topic, now)
            snapshot, left_out = fetched.snapshot, fetched.left_out
        else:
            left_out = snapshot.run().stages["fetch"].left_out
        usage, made = Usage(), snapshot is not None
        if snapshot is not None:
            run = summarize(settings, snapshot, prompt or snapshot.run().prompt or topic.prompt)
            usage = run.stages["summarize"].usage
            release(settings, snapshot, now)
        healed = _heal(settings, outputs, topic, now, leave=snapshot)
        newest = snapshot or (snapshots[-1] if snapshots else None)
        unread = (Missing(reason=f"left out of the feed: {entry}") for entry in left_out)
        report = Report(
            topic=topic.name,
            snapshot=None,
            made=made,
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
        if waited_for(digest, policy or digest.policy):
            return digest
        digest = digest.but(status="published")
        record(snapshot, digest, now)
        write(snapshot, digest)
    build_site(settings)
    return digest


def _unfinished(snapshot: Snapshot) -> bool:
    stages = snapshot.run().stages
    if "summarize" not in stages or "assemble" not in stages:
        return True
    return stages["assemble"].inputs != inputs(snapshot)


@dataclass
class _Healed:
    """What healing earlier snapshots came to: gaps closed, their cost, and what failed."""

    gaps: int = 0
    usage: Usage = field(default_factory=Usage)
    missing: list[Missing] = field(default_factory=list)


def _heal(
    settings: Settings,
    outputs: Outputs,
    topic: TopicSettings,
    now: datetime,
    *,
    leave: Snapshot | None,
) -> _Healed:
    """Ask again for recent gaps, except those of the snapshot just made."""
    healed = _Healed()
    if settings.model.embedded:
        return healed
    for snapshot in outputs.snapshots(topic.name)[::-1]:
        run = snapshot.run()
        if run.instant < now - timedelta(days=HEAL_DAYS):
            break
        digest = snapshot.digest()
        open_gaps = {e.paper.id for e in digest.gaps} if digest else set()
        ask = [paper for paper in worth_asking(run) if paper in open_gaps]
        if not ask or run.prompt is None or (leave and leave.name == snapshot.name):
            continue
        log.info("healing %s: %d gaps", snapshot, len(ask))
        try:
            after = summarize(_as_it_was(settings, run.model), snapshot, run.prompt, only=ask)
        except PromptError as error:
            # The prompt of an earlier night may be gone; tonight's work is done all the same.
            healed.missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
            continue
        healed.gaps += sum(paper not in after.gaps for paper in ask)
        healed.usage = healed.usage.plus(after.stages["summarize"].usage)
        release(settings, snapshot, now)
    return healed


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
        Missing(snapshot=snapshot.name, paper=e.paper.id, reason=e.gap or "") for e in digest.gaps
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
