"""The nightly job: the stages in order, resuming what is unfinished.

A snapshot is unfinished until its digest was assembled from all that is there. After
tonight's work, gaps of the last seven days are asked for again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile

import msgspec

from pipeline import candidates, logs, prompts, proofs
from pipeline.errors import (
    ArxivUnavailable,
    BatchRunning,
    DamagedFile,
    OutputError,
    PaperlineError,
    PromptError,
    QueryRefused,
)
from pipeline.exchange import Executor
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import EMBEDDED, Usage, utc
from pipeline.releasing import (
    give_notice,
    lost_lines,
    make_up,
    release,
    summarized,
    unreleased,
)
from pipeline.repair import mend_for_tonight
from pipeline.report import Missing, Reminder, Report, described, overdue
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot, Times
from pipeline.sources.source import Source, open_source
from pipeline.stages import check as checks
from pipeline.stages.build import Built, build_site
from pipeline.stages.fetch import fetch, settle_waiting
from pipeline.stages.judge import judging_prompt
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
    """What a night came to: gaps asked for and closed, the cost, and what failed.

    `built` is what it did to the site, as long as nothing was released since.
    """

    asked: int = 0
    healed: int = 0
    usage: Usage = field(default_factory=Usage)
    missing: list[Missing] = field(default_factory=list)
    trouble: PaperlineError | None = None
    built: Built | None = None


@logs.stage()
def run_topic(night: Night, topic: TopicSettings, *, prompt: str | None = None) -> Report:
    """One night of one topic. Raises `Busy` when another run holds the topic.

    Where arXiv gives nothing, a batch still runs, or a file that tonight's work needs is damaged,
    earlier gaps are healed all the same before the error is raised. Another snapshot's damage is
    something missing.
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
        except (ArxivUnavailable, QueryRefused, BatchRunning, DamagedFile) as error:
            snapshot, work.trouble = None, error
        lately = recent(outputs, topic.name, night.now)
        if lost := outputs.lost_costs(lately):
            work.missing.append(Missing(reason=str(lost)))
        for earlier in lately:
            if snapshot is None or earlier.name != snapshot.name:
                heal(night, topic, earlier, work)
        times = _make_up(night, outputs, topic, work)
        # Also where an earlier run was cut off before it.
        built = work.built or build_site(settings)
        work.missing += [Missing(reason=f"site: {why}") for why in built.troubles]
        if work.trouble is not None:
            raise work.trouble
        # Where the newest are shown, only what was asked for by hand is ever waited for.
        every = topic.select == "new"
        late = outputs.that_may_wait(topic.name, times)
        reminders = _reminders(settings, late, night.now, work)
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
        newest = outputs.newest(topic.name)
        return _described(report, settings, newest) if newest else report


def _described(report: Report, settings: Settings, newest: Snapshot) -> Report:
    """As `described`; where that snapshot is damaged, it is something missing."""
    try:
        return described(report, settings, newest)
    except (DamagedFile, OutputError) as error:
        if not newest.has(error):
            raise
        told = Missing(snapshot=newest.name, reason=str(error))
        missing = tuple(dict.fromkeys((*report.missing, told)))
        return report.but(snapshot=newest.name, missing=missing)


def unfinished(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a run was cut off before it had lines, or a reason for none, for every paper."""
    run, digest = snapshot.run(), snapshot.digest()
    if not summarized(snapshot) or digest is None:
        return True
    pending = any(entry.gap.kind == "pending" for entry in digest.gaps if entry.gap)
    return pending and run.model == settings.model.effective_name


def prompt_for(snapshot: Snapshot | None, wanted: str, *, told: bool = False) -> str:
    """The prompt for tonight's lines: one that is begun goes on with its own.

    `told`: say so where somebody asked for the `wanted` one.
    """
    begun = snapshot.run().prompt if snapshot else None
    if told and begun not in (None, wanted):
        log.warning(
            "%s goes on with the prompt %s; to change it: paperline summarize %s --prompt %s "
            "--activate",
            snapshot,
            begun,
            snapshot,
            wanted,
        )
    return begun or wanted


def lacking(snapshot: Snapshot) -> set[str] | None:
    """The papers that the active prompt and model wrote nothing about; None before the first.

    A prompt that was changed since is no reason to write the others anew.
    """
    run = snapshot.run()
    if run.prompt is None:
        return None
    written = candidates.active(run, snapshot.each_summary())
    return {paper.id for paper in snapshot.each_paper()} - written.keys()


def to_heal(snapshot: Snapshot, now: datetime) -> list[str] | None:
    """The papers whose gaps asking now may close; None: all, since none was ever asked for."""
    if not summarized(snapshot):
        return None
    run, digest = snapshot.run(), snapshot.digest()
    gaps = {e.paper.id for e in digest.gaps} if digest else run.gaps.keys()
    pending = gaps - run.gaps.keys()
    again = [paper for paper in worth_asking(run, now) if paper in gaps]
    return [*dict.fromkeys((*pending, *lost_lines(run), *again))]


def mend(settings: Settings, snapshot: Snapshot, now: datetime) -> None:
    """Make a digest again that was there before and is lost or damaged; else it costs a night.

    Raises `DamagedFile` where what it is made of is damaged too.
    """
    with snapshot.releasing():
        snapshot.set_damaged_digest_aside()
    if snapshot.digest() is None and "assemble" in snapshot.run().stages and summarized(snapshot):
        release(settings, snapshot, now, site=False)


def lacks_opinions(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a draft shows lines on which a second opinion is wanted and could not be had."""
    digest = snapshot.digest() if settings.check.judge else None
    if digest is None or digest.status == "published":
        return False
    return any(finding.code == "judge-missing" for finding in digest.findings)


def recent(outputs: Outputs, topic: str, now: datetime) -> list[Snapshot]:
    """The snapshots whose gaps are still healed, oldest first."""
    since = now - timedelta(days=HEAL_DAYS)
    found = takewhile(lambda s: outputs.instant(s) >= since, outputs.newest_first(topic))
    return [*found][::-1]


def _reminders(
    settings: Settings, snapshots: list[Snapshot], now: datetime, work: Work
) -> list[Reminder]:
    """What waits for too long; what is damaged is told as missing, and stops no night."""
    found = []
    for snapshot in snapshots:
        try:
            found += overdue(settings, [snapshot], now)
        except (DamagedFile, OutputError) as error:
            if not snapshot.has(error):
                raise
            work.missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
    return found


def _tonight(
    night: Night, outputs: Outputs, topic: TopicSettings, prompt: str | None, work: Work
) -> Snapshot | None:
    """Continue the newest snapshot, or make one; None where there is nothing new."""
    settings, newest = night.settings, outputs.newest(topic.name)
    mend_for_tonight(settings, newest, topic.name, night.now)
    if newest:
        mend(settings, newest, night.now)
    if newest and unfinished(settings, newest):
        snapshot: Snapshot | None = newest
        settle_waiting(outputs, newest)
        missing = newest.run().stages["fetch"].left_out
    else:
        fetched = fetch(settings, topic, night.now, night.source)
        snapshot, missing = fetched.snapshot, fetched.missing
        work.missing += [
            Missing(snapshot=name, reason=str(why)) for name, why in fetched.damaged.items()
        ]
    work.missing += [Missing(reason=f"fetch: {what}") for what in missing]
    if snapshot is not None:
        made = summarize(
            settings,
            snapshot,
            prompt_for(snapshot, prompt or topic.prompt, told=prompt is not None),
            night.now,
            executor=night.executor,
            progress=night.progress,
            only=lacking(snapshot),
        )
        work.usage = work.usage.plus(made.usage)
        _check(night, snapshot, work)
        release(settings, snapshot, night.now, site=False)
        work.built = build_site(settings)  # before healing, which may take long
    return snapshot


def _make_up(
    night: Night, outputs: Outputs, topic: TopicSettings, work: Work
) -> Mapping[str, Times]:
    """Release what was left behind; when the files of all snapshots were written, just before."""
    times = outputs.times(topic.name)
    lagging = outputs.lagging(topic.name, times)
    work.missing += make_up(night.settings, lagging, night.now)
    week = night.now - timedelta(days=HEAL_DAYS)
    noticed = give_notice(night.settings, topic.name, night.now, since=week, missing=work.missing)
    if lagging or noticed:
        work.built = None
    return times


def _check(night: Night, snapshot: Snapshot, work: Work) -> None:
    """Check the snapshot's candidates; a second opinion that cannot be had is missing."""
    done = checks.check(night.settings, snapshot, executor=night.executor, progress=night.progress)
    work.usage = work.usage.plus(done.usage)
    work.missing += [
        Missing(snapshot=snapshot.name, reason=f"check: {what}") for what in done.left_out
    ]


def heal(night: Night, topic: TopicSettings, snapshot: Snapshot, work: Work) -> bool:
    """Ask for what a snapshot lacks, and release what was cut off; whether there was anything.

    The caller brings the site up to date afterwards. Second opinions are asked for again too.

    All of its papers are asked for where none ever was. A batch that still runs is kept in
    `work` as trouble; a prompt that is gone, or a file of the snapshot that is damaged or
    cannot be used, as something missing.
    """
    try:
        proofs.refuse_losses(snapshot)
        mend(night.settings, snapshot, night.now)
        ask, run = to_heal(snapshot, night.now), snapshot.run()
        can_ask = not night.settings.model.embedded or (
            run.model == EMBEDDED and bool(lost_lines(run))
        )
        asked = ask is None or (bool(ask) and can_ask)
        if asked:
            _ask_again(night, topic, snapshot, ask, work)
        elif lacks_opinions(night.settings, snapshot):
            _check(night, snapshot, work)
        if asked or (summarized(snapshot) and unreleased(night.settings, snapshot)):
            work.built = None
            release(night.settings, snapshot, night.now, site=False)
            return True
    except (PromptError, DamagedFile, OutputError) as error:
        if not (isinstance(error, PromptError) or snapshot.has(error)):
            raise
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
