"""1-papers -> 2-summaries: one candidate for each paper, by one prompt and one model.

Papers are read, asked for and written one by one, so a snapshot may be of any size. A
paper for which a model was asked and gave no line gets the embedded model's lines as a
labelled stand-in, and stands in `run.json` as a gap with its reason.
"""

import time
import zoneinfo
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from pipeline import glossary as glossaries
from pipeline import prompts
from pipeline.books import Gap, Run, Spend, Stage
from pipeline.exchange import Executor, Job, Outcome
from pipeline.executors.embedded import lines as embedded_lines
from pipeline.glossary import Glossary
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import (
    EMBEDDED,
    Failure,
    Lines,
    Origin,
    Paper,
    Summary,
    Usage,
    fingerprint,
    summary_id,
    utc,
)
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.version import VERSION

MOST_NIGHTS = 3
"""Nights on which a paper is asked for whose answers are unusable: the first, and two more."""


@dataclass(frozen=True)
class Wanted:
    """Which candidates are wanted, and for which papers.

    `prompt` is None and `fingerprint` the glossary's for the embedded model. `only`: no
    other papers than these; `redo`: also those that have a candidate.
    """

    prompt: str | None
    fingerprint: str
    model: str
    fallbacks: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    redo: bool = False

    def is_here(self, summary: Summary) -> bool:
        """Whether a candidate is one of those that are wanted, or stands in for it."""
        models = (self.model, *self.fallbacks)
        return summary.prompt_fingerprint == self.fingerprint and summary.model in models

    def to_make(self, papers: Iterator[Paper], have: Collection[str]) -> Iterator[Paper]:
        """The papers to make a candidate for, in digest order; nobody asks for a withdrawn one."""
        for paper in papers:
            asked = self.only is None or paper.id in self.only
            if asked and paper.status != "withdrawn" and (self.redo or paper.id not in have):
                yield paper


@dataclass
class Summarized:
    """What one pass came to: the snapshot's gaps, and the pass's own figures.

    `failures` are the papers that were asked for in this pass and got no line; `usage` is
    what was paid in it.
    """

    gaps: dict[str, Gap] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Failure] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)


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
    glossary = glossaries.load(settings.prompts)
    wanted = wanted_for(settings, snapshot.run(), prompt, glossary)
    wanted = replace(wanted, only=None if only is None else frozenset(only), redo=redo)
    making = _Making(settings, snapshot, wanted, glossary, progress, started)
    making.collect(executor)
    have = {s.paper for s in snapshot.each_summary() if wanted.is_here(s)}
    total = sum(1 for _ in wanted.to_make(snapshot.each_paper(), have))
    progress.begin(f"summarize {snapshot}", total)
    try:
        if total:
            making.make(executor, prompt, wanted.to_make(snapshot.each_paper(), have))
    finally:
        progress.end()
    # A decision may have been taken meanwhile, and with it run.json written anew.
    with snapshot.releasing():
        run = snapshot.run()
        if activate or run.prompt is None:
            run = run.but(
                prompt=prompt.name, prompt_fingerprint=prompt.fingerprint, model=wanted.model
            )
        run = _after(run, prompt, making.done, wanted, have, now)
        making.done.gaps = run.gaps
        stage = _stage(settings, run, making.done, wanted, started)
        stage = stage.but(seconds=round(time.monotonic() - clock, 3))
        snapshot.write_run(run.but(stages={**run.stages, "summarize": stage}))
    return making.done


def wanted_for(settings: Settings, run: Run, prompt: prompts.Prompt, glossary: Glossary) -> Wanted:
    """The candidates that this prompt, by the settings' model, should have in a snapshot."""
    if settings.model.embedded:
        return Wanted(None, glossary.fingerprint, EMBEDDED)
    # Where another model is tried out, a fallback's lines are none of it.
    fallbacks = run.fallbacks if run.model == settings.model.name else ()
    return Wanted(prompt.name, prompt.fingerprint, settings.model.name, fallbacks)


def _after(  # noqa: PLR0913  what a pass was about and what it came to
    run: Run,
    prompt: prompts.Prompt,
    done: Summarized,
    wanted: Wanted,
    have: Collection[str],
    now: datetime,
) -> Run:
    """The run with the gaps after this pass, and the fallbacks that wrote lines in it."""
    if (run.prompt, run.model) == (prompt.name, wanted.model):
        run = run.but(gaps=_gaps(run, done, have, _night(run, now)))
    done.counts["gaps"] = len(run.gaps)
    return run.but(fallbacks=tuple(sorted({*run.fallbacks, *done.models} - {wanted.model})))


def job_for(
    settings: Settings, topic: str, snapshot: str, prompt: prompts.Prompt, paper: Paper
) -> Job:
    """The question about one paper. Raises `PromptError` where the prompt fails on it."""
    return Job(
        topic=topic,
        snapshot=snapshot,
        paper=paper,
        messages=prompt.messages(paper),
        languages=prompt.languages,
        parameters=prompt.parameters,
        model=settings.model.name,
    )


class _Making:
    """One pass: papers become jobs as the executor takes them, outcomes become candidates.

    Candidates are written in digest order; those that are finished early wait for their turn.
    """

    def __init__(  # noqa: PLR0913  one collaborator each
        self,
        settings: Settings,
        snapshot: Snapshot,
        wanted: Wanted,
        glossary: Glossary,
        progress: Progress,
        started: datetime,
    ) -> None:
        self.done = Summarized(counts=Counter(papers=0, lines=0, from_cache=0, requests=0))
        self._settings = settings
        self._snapshot = snapshot
        self._wanted = wanted
        self._glossary = glossary
        self._progress = progress
        self._started = started
        self._outputs = Outputs(settings.outputs)
        self._under_way: dict[str, tuple[int, Paper]] = {}

    def make(self, executor: Executor, prompt: prompts.Prompt, papers: Iterator[Paper]) -> None:
        """Have the executor work off the papers, and write what it delivers."""
        with self._snapshot.adding_summaries() as add:
            in_order = _InOrder(add)

            def deliver(outcome: Outcome) -> None:
                position, paper = self._under_way.pop(outcome.paper)
                in_order.put(position, self._made(paper, outcome))
                self._progress.advance(self.done.usage)

            executor.run(
                self._jobs(prompt, papers), deliver, paid=self._paid, redo=self._wanted.redo
            )

    def collect(self, executor: Executor) -> None:
        """Bring home what a batch was paid for, also where nothing is left to ask for."""
        if self._snapshot.batch() is not None:
            executor.collect(self._snapshot.topic, self._snapshot.name, paid=self._paid)

    def _jobs(self, prompt: prompts.Prompt, papers: Iterator[Paper]) -> Iterator[Job]:
        for position, paper in enumerate(papers):
            self._under_way[paper.id] = position, paper
            snapshot = self._snapshot
            yield job_for(self._settings, snapshot.topic, snapshot.name, prompt, paper)

    def _paid(self, spent: list[Spend]) -> None:
        self._outputs.append_spend(spent)
        for spend in spent:
            self.done.usage = self.done.usage.plus(spend.usage)
        self.done.counts["requests"] += len(spent)

    def _made(self, paper: Paper, outcome: Outcome) -> list[Summary]:
        """The candidates that come of an outcome: the line, else the stand-in."""
        done = self.done
        done.counts["papers"] += 1
        if outcome.lines is None:
            done.failures[paper.id] = outcome.failure or Failure(kind="content", reason="no line")
            stand_in = Wanted(None, self._glossary.fingerprint, EMBEDDED)
            made = outcome.but(model=EMBEDDED, created=self._started)
            return [_summary(paper, embedded_lines(paper, self._glossary), made, stand_in)]
        done.counts["lines"] += 1
        done.counts["from_cache"] += outcome.from_cache
        done.lines.add(paper.id)
        done.models.add(outcome.model)
        return [_summary(paper, outcome.lines, outcome, self._wanted)]


class _InOrder:
    """Hands on what comes in any order, in the order of its positions from 0."""

    def __init__(self, add: Callable[[Summary], None]) -> None:
        self._add = add
        self._next = 0
        self._early: dict[int, list[Summary]] = {}

    def put(self, position: int, made: list[Summary]) -> None:
        """Take what belongs at `position`; each position comes once."""
        self._early[position] = made
        while self._next in self._early:
            for summary in self._early.pop(self._next):
                self._add(summary)
            self._next += 1


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


def _summary(paper: Paper, lines: Lines, outcome: Outcome, wanted: Wanted) -> Summary:
    origin: Origin = "embedded" if outcome.model == EMBEDDED else "model"
    return Summary(
        id=summary_id(paper.id, paper.version, origin, outcome.model, wanted.fingerprint, lines),
        paper=paper.id,
        version=paper.version,
        lines=lines,
        origin=origin,
        model=outcome.model,
        prompt=wanted.prompt,
        prompt_fingerprint=wanted.fingerprint,
        mended=outcome.mended,
        usage=outcome.usage,
        created=outcome.created,
    )


def _gaps(run: Run, done: Summarized, have: Collection[str], tonight: date) -> dict[str, Gap]:
    """The gaps after this pass; a night of unusable answers is kept in mind.

    A paper that has a line already (`have`) is no gap, even where asking anew failed.
    """
    closed = done.lines | set(have)
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


def _stage(
    settings: Settings, run: Run, done: Summarized, wanted: Wanted, started: datetime
) -> Stage:
    """What `run.json` keeps of the stage; its usage is what the books say, killed runs included."""
    usage, models = Outputs(settings.outputs).spent_by(run, "summarize")
    return Stage(
        complete=True,
        inputs={"papers": run.papers_sha256},
        settings=fingerprint([wanted.prompt, wanted.fingerprint, wanted.model]),
        counts=dict(done.counts),
        usage=usage,
        models=models,
        started=started,
        seconds=0.0,
        versions={"paperline": VERSION},
    )
