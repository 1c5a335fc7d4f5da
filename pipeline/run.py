"""The nightly job: the stages in order, resuming what is unfinished; and releasing.

A snapshot is unfinished until its digest was assembled from all that is there. After
tonight's work, gaps of the last seven days are asked for again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import msgspec

from pipeline import ledger, prompts
from pipeline.decisions import waited_for
from pipeline.errors import (
    ArxivUnavailable,
    BatchRunning,
    DamagedFile,
    PaperlineError,
    PromptError,
    QueryRefused,
    UsageError,
)
from pipeline.exchange import Executor
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import (
    Digest,
    Policy,
    Usage,
    utc,
)
from pipeline.report import Missing, Reminder, Report, described, overdue
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.source import Source, open_source
from pipeline.stages import check as checks
from pipeline.stages.assemble import assemble, is_stale
from pipeline.stages.fetch import fetch
from pipeline.stages.judge import judging_prompt
from pipeline.stages.publish import build_site, record, record_withdrawals, take_back
from pipeline.stages.summarize import summarize, worth_asking

log = logging.getLogger(__name__)

HEAL_DAYS = 7


@dataclass(frozen=True)
class Night:
    """What all topics of one run share; limits and budget hold for them together.

    What one topic read from arXiv, another one with the same query does not ask for again.
    """

    settings: Settings
    now: datetime
    executor: Executor
    progress: Progress

    @cached_property
    def source(self) -> Source:
        """Where papers come from, opened by the first topic that fetches."""
        return open_source(self.settings)


@dataclass
class Work:
    """What a night came to: gaps asked for and closed, the cost, and what failed."""

    asked: int = 0
    healed: int = 0
    usage: Usage = field(default_factory=Usage)
    missing: list[Missing] = field(default_factory=list)
    trouble: PaperlineError | None = None


def run_topic(night: Night, topic: TopicSettings, *, prompt: str | None = None) -> Report:
    """One night of one topic. Raises `Busy` when another run holds the topic.

    Where arXiv gives nothing, or a batch still runs, earlier gaps are healed all the same
    before the error is raised.
    """
    settings = night.settings
    # Before arXiv is asked: a prompt that cannot be used must not cost a night.
    prompts.load(settings.prompts, prompt or topic.prompt)
    judging_prompt(settings)
    outputs = Outputs(settings.outputs)
    with outputs.working_on(topic.name):
        work = Work()
        try:
            snapshot = _tonight(night, outputs, topic, prompt, work)
        except (ArxivUnavailable, QueryRefused, BatchRunning) as error:
            snapshot, work.trouble = None, error
        for earlier in recent(outputs, topic.name, night.now):
            if snapshot is None or earlier.name != snapshot.name:
                heal(night, topic, earlier, work)
        work.missing += make_up(settings, topic.name, night.now)
        week = night.now - timedelta(days=HEAL_DAYS)
        give_notice(settings, topic.name, night.now, since=week)
        build_site(settings)  # also where an earlier run was cut off before it
        if work.trouble is not None:
            raise work.trouble
        snapshots = outputs.snapshots(topic.name)
        # Where the newest are shown, only what was asked for by hand is ever waited for.
        every = topic.select == "new"
        reminders = _reminders(settings, snapshots, night.now, work)
        waiting = [w for w in outputs.waiting(topic.name) if every or w.reason == "by hand"]
        report = Report(
            topic=topic.name,
            at=utc(night.now),
            snapshot=None,
            made=snapshot is not None,
            asked_again=work.asked,
            healed=work.healed,
            usage=work.usage,
            waiting=len(waiting),
            waiting_since=min((each.since for each in waiting), default=None),
            missing=tuple(work.missing),
            reminders=tuple(reminders),
        )
        return described(report, settings, snapshots[-1]) if snapshots else report


def release(  # noqa: PLR0913  who asks, for what
    settings: Settings,
    snapshot: Snapshot,
    now: datetime,
    *,
    asked_under: Policy | None = None,
    by: str | None = None,
    site: bool = True,
) -> Digest:
    """Assemble the digest and publish it as far as the gate allows; harmless when repeated.

    The gate is the policy that the digest was first assembled under. Where somebody asks for it
    to be published (`by` name), it is the one that they ask under, which then stays with it;
    unasked one that was taken back stays so, and `[review] publish` may let it wait. Without
    `site` the caller brings the site up to date. Raises `UsageError` where the snapshot was
    never summarized.
    """
    if not _summarized(snapshot):
        raise UsageError(
            "there are no lines yet",
            where=str(snapshot),
            next_step=f"Run paperline summarize {snapshot}",
        )

    def through_gate(draft: Digest) -> Digest:
        policy = asked_under or draft.policy
        wanted = asked_under is not None or releases_itself(settings, snapshot)
        if not wanted or waited_for(draft, policy):
            return draft
        passed = draft.but(status="published", policy=policy)
        record(snapshot, passed, now, by=by)
        return passed

    with snapshot.releasing():
        digest = assembled(settings, snapshot, through_gate)
    if digest.status == "published" and site:
        build_site(settings)
    _carry_on(settings, snapshot, now, site=site)
    return digest


def make_up(settings: Settings, topic: str, now: datetime) -> list[Missing]:
    """Release what stayed behind its decisions, whatever its age: a kill or a full disk came first.

    The caller brings the site up to date. What is damaged is left, and told.
    """
    missing = []
    for snapshot in Outputs(settings.outputs).snapshots(topic):
        try:
            if snapshot.lags() and _summarized(snapshot):
                release(settings, snapshot, now, site=False)
        except DamagedFile as error:
            missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
    return missing


def releases_itself(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a digest that passes its gate is published without being asked for."""
    releases = snapshot.publications()
    taken_back = bool(releases) and releases[-1].why is not None
    return settings.review.publish == "settled" and not taken_back


def withdraw(
    settings: Settings, snapshot: Snapshot, why: str, *, editor: str, now: datetime
) -> None:
    """Take a published digest back: its page on the site says so, and why.

    Raises `UsageError` where it is not published.
    """
    with snapshot.releasing():
        take_back(snapshot, why, editor=editor, now=now)
        assembled(settings, snapshot)
    build_site(settings)


def assembled(
    settings: Settings,
    snapshot: Snapshot,
    released: Callable[[Digest], Digest] = lambda digest: digest,
) -> Digest:
    """As `assemble`, after what was never checked has been. Hold `snapshot.releasing()`."""
    if checks.is_stale(settings, snapshot):
        checks.renew(settings, snapshot)
    return assemble(settings, snapshot, released)


def give_notice(settings: Settings, topic: str, now: datetime, *, since: datetime) -> None:
    """Say of papers that readers have seen that they were withdrawn, where they have seen them.

    For withdrawals that the newest snapshot shows, or one from `since` on. The caller brings
    the site up to date afterwards.
    """
    outputs = Outputs(settings.outputs)
    snapshots = outputs.snapshots(topic)
    if not snapshots:
        return
    earliest = min(snapshots[-1].run().instant, since) - timedelta(seconds=1)
    with ledger.opened(settings.cache, outputs, topic) as shown:
        told = shown.withdrawals_after(earliest)
        places = {name for paper in told for name, _ in shown.versions_of(paper)}
    for snapshot in snapshots:
        if snapshot.name not in places:
            continue
        with snapshot.releasing():
            record_withdrawals(snapshot, told, now)
        if _summarized(snapshot) and is_stale(settings, snapshot):
            release(settings, snapshot, now, site=False)


def unfinished(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a run was cut off before it had lines, or a reason for none, for every paper."""
    run, digest = snapshot.run(), snapshot.digest()
    if not _summarized(snapshot) or digest is None:
        return True
    pending = any(entry.gap.kind == "pending" for entry in digest.gaps if entry.gap)
    return pending and run.model == settings.model.effective_name


def to_heal(snapshot: Snapshot, now: datetime) -> list[str] | None:
    """The papers whose gaps asking now may close; None: all, since none was ever asked for."""
    if not _summarized(snapshot):
        return None
    run, digest = snapshot.run(), snapshot.digest()
    gaps = {e.paper.id for e in digest.gaps} if digest else run.gaps.keys()
    pending = gaps - run.gaps.keys()
    return [*pending, *(paper for paper in worth_asking(run, now) if paper in gaps)]


def lacks_opinions(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a draft shows lines on which a second opinion is wanted and could not be had."""
    digest = snapshot.digest() if settings.check.judge else None
    if digest is None or digest.status == "published":
        return False
    return any(finding.code == "judge-missing" for finding in digest.findings)


def recent(outputs: Outputs, topic: str, now: datetime) -> list[Snapshot]:
    """The snapshots whose gaps are still healed, oldest first."""
    since = now - timedelta(days=HEAL_DAYS)
    return [s for s in outputs.snapshots(topic) if s.run().instant >= since]


def _reminders(
    settings: Settings, snapshots: list[Snapshot], now: datetime, work: Work
) -> list[Reminder]:
    """What waits for too long; what is damaged is told as missing, and stops no night."""
    found = []
    for snapshot in snapshots:
        try:
            found += overdue(settings, [snapshot], now)
        except DamagedFile as error:
            work.missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
    return found


def _tonight(
    night: Night, outputs: Outputs, topic: TopicSettings, prompt: str | None, work: Work
) -> Snapshot | None:
    """Continue the newest snapshot, or make one; None where there is nothing new."""
    settings, snapshots = night.settings, outputs.snapshots(topic.name)
    if snapshots and unfinished(settings, snapshots[-1]):
        snapshot: Snapshot | None = snapshots[-1]
        missing = snapshots[-1].run().stages["fetch"].left_out
    else:
        fetched = fetch(settings, topic, night.now, night.source)
        snapshot, missing = fetched.snapshot, fetched.missing
    work.missing += [Missing(reason=f"fetch: {what}") for what in missing]
    if snapshot is not None:
        name = prompt or snapshot.run().prompt or topic.prompt
        made = summarize(
            settings, snapshot, name, night.now, executor=night.executor, progress=night.progress
        )
        work.usage = work.usage.plus(made.usage)
        _check(night, snapshot, work)
        release(settings, snapshot, night.now)
    return snapshot


def _check(night: Night, snapshot: Snapshot, work: Work) -> None:
    """Check the snapshot's candidates; a second opinion that cannot be had is missing."""
    done = checks.check(night.settings, snapshot, executor=night.executor, progress=night.progress)
    work.usage = work.usage.plus(done.usage)
    work.missing += [
        Missing(snapshot=snapshot.name, reason=f"check: {what}") for what in done.left_out
    ]


def _summarized(snapshot: Snapshot) -> bool:
    return "summarize" in snapshot.run().stages


def _carry_on(settings: Settings, snapshot: Snapshot, now: datetime, *, site: bool) -> None:
    """Release the next snapshot anew where decisions on this one carry over to it."""
    of_topic = Outputs(settings.outputs).snapshots(snapshot.topic)
    position = [s.name for s in of_topic].index(snapshot.name)
    for later in of_topic[position + 1 : position + 2]:
        if later.digest() is not None and is_stale(settings, later) and _summarized(later):
            release(settings, later, now, site=site)


def _unreleased(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a digest's files lag behind what is known, or it passes its gate unpublished."""
    digest = snapshot.digest()
    if digest is None or is_stale(settings, snapshot):
        return True
    waits = digest.status == "published" or waited_for(digest, digest.policy)
    return not waits and releases_itself(settings, snapshot)


def heal(night: Night, topic: TopicSettings, snapshot: Snapshot, work: Work) -> bool:
    """Ask for what a snapshot lacks, and release what was cut off; whether there was anything.

    The caller brings the site up to date afterwards. Second opinions are asked for again too.

    All of its papers are asked for where none ever was. A batch that still runs is kept in
    `work` as trouble, a prompt that is gone as something missing.
    """
    ask = to_heal(snapshot, night.now)
    try:
        asked = ask is None or (bool(ask) and not night.settings.model.embedded)
        if asked:
            _ask_again(night, topic, snapshot, ask, work)
        elif lacks_opinions(night.settings, snapshot):
            _check(night, snapshot, work)
        if asked or (_summarized(snapshot) and _unreleased(night.settings, snapshot)):
            release(night.settings, snapshot, night.now, site=False)
            return True
    except PromptError as error:
        # The prompt of an earlier night may be gone; tonight's work is done all the same.
        work.missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
    except BatchRunning as error:
        work.trouble = work.trouble or error
    return False


def _ask_again(
    night: Night, topic: TopicSettings, snapshot: Snapshot, ask: list[str] | None, work: Work
) -> None:
    """Ask for gaps of one snapshot, all of its papers where `ask` is None."""
    run = snapshot.run()
    if ask is not None:
        log.info("healing %s: %d gaps", snapshot, len(ask))
    made = summarize(
        as_it_was(night.settings, run.model),
        snapshot,
        run.prompt or topic.prompt,
        night.now,
        executor=night.executor,
        progress=night.progress,
        only=ask,
    )
    _check(night, snapshot, work)
    work.asked += made.counts["papers"]
    work.healed += made.counts["lines"]
    work.usage = work.usage.plus(made.usage)
    work.missing += [
        Missing(snapshot=snapshot.name, paper=paper, reason=failure.reason)
        for paper, failure in made.failures.items()
    ]


def as_it_was(settings: Settings, model: str | None) -> Settings:
    """The settings with the model that the snapshot's lines are by."""
    renamed = settings.model.renamed(model or settings.model.name)
    return msgspec.structs.replace(settings, model=renamed)
