"""1-papers -> 2-summaries: one candidate for each paper, by one prompt and one model.

Papers are read, asked for and written one by one, so a snapshot may be of any size. A
paper for which a model was asked and gave no line gets the embedded model's lines as a
labelled stand-in, and stands in `run.json` as a gap with its reason.
"""

import time
import zoneinfo
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from pipeline import glossary as glossaries
from pipeline import logs, passes, prompts
from pipeline.books import Gap, Pass, Run, Spend, Stage
from pipeline.errors import UsageError
from pipeline.exchange import Executor, Job, Outcome
from pipeline.executors.embedded import lines as embedded_lines
from pipeline.ordering import InOrder
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import (
    EMBEDDED,
    Failure,
    Paper,
    Summary,
    Usage,
    fingerprint,
    utc,
)
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.text import amount
from pipeline.version import VERSION
from pipeline.wanted import Wanted, job_for, wanted_for

MOST_NIGHTS = 3
"""Nights on which a paper is asked for whose answers are unusable: the first, and two more."""


@dataclass
class Summarized:
    """What one pass came to: the snapshot's gaps, and the pass's own figures.

    `failures` are the papers that were asked for in this pass and got no line; `lines` the
    models that wrote one, by paper, `cached` those of them that were in the cache; `usage` is
    what was paid in it. `counts`: `papers` that were asked for, `lines`, so many of them
    `from_cache`, `requests`, and `gaps` of the snapshot.
    """

    gaps: dict[str, Gap] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Failure] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)


@logs.stage("summarize")
def summarize(  # noqa: PLR0913  the operator's choices
    settings: Settings,
    snapshot: Snapshot,
    prompt_name: str,
    now: datetime,
    *,
    executor: Executor,
    progress: Progress,
    only: Collection[str] | None = None,
    redo: bool = False,
    activate: bool = False,
) -> Summarized:
    """Make the candidates that are missing, and keep in `run.json` what was done.

    The caller holds the topic's lock. `now` says which night it is; `only` limits it to
    these papers; `redo` asks anew; `activate` makes this prompt and model the snapshot's.
    Raises `PromptError`, `OutputError`, `BatchRunning`; a provider's failures become gaps.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic()
    prompt = prompts.load(settings.prompts, prompt_name)
    outputs, contents = Outputs(settings.outputs), prompts.contents(settings.prompts)
    wanted = wanted_for(settings, snapshot.run(), prompt, glossaries.load(settings.prompts))
    wanted = replace(wanted, only=None if only is None else frozenset(only), redo=redo)
    making = _Making(settings, snapshot, wanted, progress, started)
    making.collect(executor)
    have = wanted.here(snapshot)
    if activate:
        _check_activation(snapshot, wanted, have)
    opened = passes.opened(outputs, snapshot, wanted, contents, started)
    done = making.make(executor, prompt, have, opened.paid)
    # A decision may have been taken meanwhile, and with it run.json written anew.
    with snapshot.releasing():
        run, papers = snapshot.run(), snapshot.each_paper
        came = passes.Came(() if redo else have, done.lines, done.cached, len(done.failures))
        stood = snapshot.each_summary()
        account = passes.closed(outputs, run, opened, wanted, papers(), stood, came)
        account = account.but(activated=activate, seconds=round(time.monotonic() - clock, 3))
        run = run.but(passes=(*run.passes[:-1], account))
        if activate or run.prompt is None:
            run = _activated(run, prompt, wanted, papers())
        run = _after(run, prompt, done, wanted, have, now)
        done.gaps = run.gaps
        stage = _stage(settings, run, done, wanted, account)
        snapshot.write_run(run.but(stages={**run.stages, "summarize": stage}))
    return done


def _check_activation(snapshot: Snapshot, wanted: Wanted, have: Collection[str]) -> None:
    """Raises `UsageError` where papers would be without a line that are not asked about."""
    asked = wanted.only
    everybody = replace(wanted, only=None).papers(snapshot.each_paper())
    without = [p.id for p in everybody if p.id not in have and p.id not in (asked or ())]
    if asked is not None and without:
        raise UsageError(
            f"{amount(len(without), 'paper')} of {snapshot} would be left without a line: "
            f"{wanted.name} is to be that of all papers, and has none for them",
            where="--activate",
            next_step="Leave out --paper, or --activate",
        )


def _activated(run: Run, prompt: prompts.Prompt, wanted: Wanted, papers: Iterable[Paper]) -> Run:
    """The run with this prompt and model as the active ones, and the terms of all its papers."""
    terms: dict[str, str] = {}
    for paper in papers:
        terms |= prompt.terms(paper)
    return run.but(
        prompt=prompt.name,
        prompt_fingerprint=prompt.fingerprint,
        template_fingerprint=prompt.template_fingerprint,
        terms=dict(sorted(terms.items())),
        model=wanted.model,
        fallbacks=tuple(sorted(passes.stood_in(run, prompt.name, wanted.model))),
    )


def _after(  # noqa: PLR0913  what a pass was about and what it came to
    run: Run,
    prompt: prompts.Prompt,
    done: Summarized,
    wanted: Wanted,
    have: Collection[str],
    now: datetime,
) -> Run:
    """The run with the gaps after this pass, and the fallbacks that wrote its lines.

    Where lines are tried out, they are neither filled nor taken from the digest's.
    """
    if (run.prompt, run.model) == (prompt.name, wanted.model):
        models = {*run.fallbacks, *done.lines.values()} - {wanted.model}
        gaps = _gaps(run, done, have, _night(run, now))
        run = run.but(gaps=gaps, fallbacks=tuple(sorted(models)))
    done.counts["gaps"] = len(run.gaps)
    return run


class _Making:
    """One pass: papers become jobs as the executor takes them, outcomes become candidates.

    Candidates are written in digest order; those that are finished early wait for their turn.
    """

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        wanted: Wanted,
        progress: Progress,
        started: datetime,
    ) -> None:
        counts = dict.fromkeys(("papers", "lines", "from_cache", "requests"), 0)
        self.done = Summarized(counts=Counter(counts))
        self._settings = settings
        self._snapshot = snapshot
        self._wanted = wanted
        self._progress = progress
        self._started = started
        self._outputs = Outputs(settings.outputs)
        self._under_way: dict[str, tuple[int, Paper]] = {}

    def make(
        self,
        executor: Executor,
        prompt: prompts.Prompt,
        have: Collection[str],
        paid: Collection[str],
    ) -> Summarized:
        """Have the executor work off the papers that do not `have` a line; write what it delivers.

        Those that were `paid` for before a kill are not asked about anew, whatever `redo` says.
        """
        total = sum(1 for _ in self._wanted.to_make(self._snapshot.each_paper(), have))
        self._progress.begin(f"summarize {self._snapshot}", total)
        try:
            if total:
                self._work(executor, prompt, have, paid)
        finally:
            self._progress.end()
        return self.done

    def _work(
        self,
        executor: Executor,
        prompt: prompts.Prompt,
        have: Collection[str],
        paid: Collection[str],
    ) -> None:
        with self._snapshot.adding_summaries() as add:
            in_order = InOrder(add)

            def deliver(outcome: Outcome) -> None:
                position, paper = self._under_way.pop(outcome.paper)
                in_order.put(position, self._made(paper, outcome))
                self._progress.advance(self.done.usage)

            redo = self._wanted.redo
            for anew in (False, True) if redo else (False,):
                papers = enumerate(self._wanted.to_make(self._snapshot.each_paper(), have))
                chosen = (each for each in papers if not redo or anew == (each[1].id not in paid))
                executor.run(self._jobs(prompt, chosen), deliver, paid=self._paid, redo=anew)

    def collect(self, executor: Executor) -> None:
        """Bring home what a batch was paid for, also where nothing is left to ask for."""
        if self._snapshot.batch() is not None:
            executor.collect(self._snapshot.topic, self._snapshot.name, paid=self._paid)

    def _jobs(self, prompt: prompts.Prompt, papers: Iterable[tuple[int, Paper]]) -> Iterator[Job]:
        for position, paper in papers:
            self._under_way[paper.id] = position, paper
            snapshot = self._snapshot
            yield job_for(self._settings, snapshot.topic, snapshot.name, prompt, paper)

    def _paid(self, spent: list[Spend]) -> None:
        self._outputs.append_spend(spent)
        for spend in spent:
            self.done.usage = self.done.usage.plus(spend.usage)
        self.done.counts["requests"] += len(spent)

    def _made(self, paper: Paper, outcome: Outcome) -> Summary:
        """The candidate that comes of an outcome: the line, else the stand-in."""
        done = self.done
        done.counts["papers"] += 1
        if outcome.lines is None:
            done.failures[paper.id] = outcome.failure or Failure(kind="content", reason="no line")
            glossary = self._wanted.glossary
            made = outcome.but(model=EMBEDDED, created=self._started)
            stand_in = Wanted(None, glossary, EMBEDDED)
            return stand_in.candidate(paper, embedded_lines(paper, glossary), made)
        done.counts["lines"] += 1
        done.counts["from_cache"] += outcome.from_cache
        done.lines[paper.id] = outcome.model
        if outcome.from_cache:
            done.cached.add(paper.id)
        return self._wanted.candidate(paper, outcome.lines, outcome)


def worth_asking(run: Run, now: datetime) -> list[str]:
    """The gaps that asking now may close.

    Not those of papers whose answers were unusable tonight already, or on three nights.
    """
    tonight = _night(run, now)
    return [
        paper
        for paper, gap in run.gaps.items()
        if gap.failure.kind != "content"
        or (tonight not in gap.nights and len(gap.nights) < MOST_NIGHTS)
    ]


def _night(run: Run, now: datetime) -> date:
    """Which night `now` is, as a date in the snapshot's zone."""
    return now.astimezone(zoneinfo.ZoneInfo(run.time_zone)).date()


def _gaps(run: Run, done: Summarized, have: Collection[str], tonight: date) -> dict[str, Gap]:
    """The gaps after this pass; a night of unusable answers is kept in mind.

    A paper that has a line already (`have`) is no gap, even where asking anew failed.
    """
    closed = {*done.lines, *have}
    gaps = {paper: gap for paper, gap in run.gaps.items() if paper not in closed}
    for paper, failure in done.failures.items():
        before = gaps.pop(paper, None)
        if paper in have:
            continue
        nights = before.nights if before else ()
        if failure.kind == "content" and tonight not in nights:
            nights = (*nights, tonight)
        gaps[paper] = Gap(failure=failure, nights=nights)
    return gaps


def _stage(settings: Settings, run: Run, done: Summarized, wanted: Wanted, last: Pass) -> Stage:
    """What `run.json` keeps of the stage; its usage is what the books say, killed runs included."""
    usage, models = Outputs(settings.outputs).spent_by(run, "summarize")
    return Stage(
        complete=True,
        inputs={"papers": run.papers_sha256},
        settings=fingerprint([wanted.name, wanted.fingerprint, wanted.model]),
        counts=dict(done.counts),
        usage=usage,
        models=models,
        started=last.started,
        seconds=last.seconds,
        versions={"paperline": VERSION},
    )
