"""The nightly job: the stages in order, resuming what is unfinished; and releasing.

A snapshot is unfinished until its digest was assembled from all that is there. After
tonight's work, gaps of the last seven days are asked for again.
"""

import logging
from datetime import datetime, timedelta

import msgspec

from pipeline.decisions import waited_for
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
    """One thing that a finished run could not do, and why."""

    snapshot: SnapshotName
    paper: str | None
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
            snapshot = fetch(settings, topic, now).snapshot
        usage, made = Usage(), snapshot is not None
        if snapshot is not None:
            run = summarize(settings, snapshot, prompt or snapshot.run().prompt or topic.prompt)
            usage = run.stages["summarize"].usage
            release(settings, snapshot, now)
        healed, paid = _heal(settings, outputs, topic, now, leave=snapshot)
        newest = snapshot or (snapshots[-1] if snapshots else None)
        if newest is None:
            return Report(topic=topic.name, snapshot=None, made=False)
        return _report(settings, newest, made=made, healed=healed, usage=usage.plus(paid))


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


def _heal(
    settings: Settings,
    outputs: Outputs,
    topic: TopicSettings,
    now: datetime,
    *,
    leave: Snapshot | None,
) -> tuple[int, Usage]:
    """Ask again for recent gaps, except those of the snapshot just made.

    Returns how many were closed, and what it cost.
    """
    healed, usage = 0, Usage()
    if settings.model.embedded:
        return healed, usage
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
        after = summarize(_as_it_was(settings, run.model), snapshot, run.prompt, only=ask)
        healed += sum(paper not in after.gaps for paper in ask)
        usage = usage.plus(after.stages["summarize"].usage)
        release(settings, snapshot, now)
    return healed, usage


def _as_it_was(settings: Settings, model: str | None) -> Settings:
    """The settings with the model that the snapshot's lines are by."""
    renamed = msgspec.structs.replace(settings.model, name=model or settings.model.name)
    return msgspec.structs.replace(settings, model=renamed)


def _report(
    settings: Settings, snapshot: Snapshot, *, made: bool, healed: int, usage: Usage
) -> Report:
    digest = snapshot.digest()
    if digest is None:
        return Report(topic=snapshot.topic, snapshot=snapshot.name, made=made, usage=usage)
    site = settings.outputs / "site" / snapshot.topic / f"{snapshot.name}.html"
    statuses = [entry.paper.status for entry in digest.papers]
    origins = [{line.origin for line in entry.lines.values()} for entry in digest.papers]
    return Report(
        topic=snapshot.topic,
        snapshot=snapshot.name,
        made=made,
        new=statuses.count("new"),
        revised=statuses.count("revised"),
        papers=len(statuses),
        model_lines=sum("model" in found for found in origins),
        gaps=len(digest.gaps),
        healed=healed,
        waiting_for=len(waited_for(digest, digest.policy)),
        published=digest.status == "published",
        usage=usage,
        page=str(snapshot.digest_html),
        site=str(site) if site.is_file() else None,
        missing=_missing(snapshot, digest),
    )


def _missing(snapshot: Snapshot, digest: Digest) -> tuple[Missing, ...]:
    """The papers without a model's line, and a fetch that could not read everything."""
    lines = [
        Missing(snapshot=snapshot.name, paper=e.paper.id, reason=e.gap or "") for e in digest.gaps
    ]
    fetched = snapshot.run().stages["fetch"]
    if not fetched.complete:
        count = fetched.counts.get("rejected", 0)
        reason = f"{count} entries of arXiv's feed could not be read"
        lines.append(Missing(snapshot=snapshot.name, paper=None, reason=reason))
    return tuple(lines)
