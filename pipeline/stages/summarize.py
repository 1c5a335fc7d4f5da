"""1-papers -> 2-summaries: one candidate for each paper, by one prompt and one model.

A paper for which a model was asked and gave no line gets the embedded model's lines
as a labelled stand-in, and stands in `run.json` as a gap with its reason.
"""

import contextlib
import logging
import time
import zoneinfo
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipeline import glossary as glossaries
from pipeline import prompts
from pipeline.executors.embedded import Embedded
from pipeline.executors.embedded import lines as embedded_lines
from pipeline.glossary import Glossary
from pipeline.llm.budget import Budget
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import (
    EMBEDDED,
    Failure,
    Gap,
    Job,
    Origin,
    Outcome,
    Paper,
    Request,
    Run,
    Spend,
    Stage,
    Summary,
    Usage,
    fingerprint,
    summary_id,
    utc,
)
from pipeline.settings import ModelSettings, Settings
from pipeline.version import VERSION

log = logging.getLogger(__name__)

PROGRESS_STEP = 10
"""Papers between two lines of progress."""

MOST_NIGHTS = 3
"""Nights on which a paper is asked for whose answers are unusable: the first, and two more."""


@dataclass(frozen=True)
class Candidates:
    """Which candidate is wanted: the lines of this prompt by this model.

    `prompt` is None and `fingerprint` the glossary's for the embedded model.
    """

    prompt: str | None
    fingerprint: str
    model: str

    def among(self, summaries: list[Summary]) -> dict[str, Summary]:
        """The newest of these candidates for each paper."""
        return {
            s.paper: s
            for s in summaries
            if (s.prompt_fingerprint, s.model) == (self.fingerprint, self.model)
        }


@dataclass(frozen=True)
class Summarized:
    """What one pass came to: the snapshot's gaps, and the pass's own figures.

    `failures` are the papers that were asked for in this pass and got no line.
    """

    gaps: dict[str, Gap]
    usage: Usage
    counts: dict[str, int]
    failures: dict[str, Failure]


def summarize(  # noqa: PLR0913  the operator's choices
    settings: Settings,
    snapshot: Snapshot,
    prompt_name: str,
    now: datetime,
    *,
    budget: Budget,
    only: Collection[str] | None = None,
    redo: bool = False,
    activate: bool = False,
) -> Summarized:
    """Make the candidates that are missing, and keep in `run.json` what was done.

    The caller holds the topic's lock. `now` says which night it is; `only` limits it to
    these papers; `redo` asks anew; `activate` makes this prompt and model the snapshot's.
    Raises `PromptError`, `SettingsError` (no key), `OutputError`; a provider's failures
    become gaps.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic()
    prompt = prompts.load(settings.prompts, prompt_name)
    glossary = glossaries.load(settings.prompts)
    wanted = _wanted(settings.model, prompt, glossary)
    papers, have = snapshot.papers(), wanted.among(snapshot.summaries())
    todo = [
        paper
        for paper in papers
        if (redo or paper.id not in have)
        and paper.status != "withdrawn"
        and (only is None or paper.id in only)
    ]
    jobs = _jobs(settings.model, prompt, todo)
    outcomes = _outcomes(settings, snapshot, jobs, glossary, budget, redo)
    log.info("summarize %s: %d of %d papers done", snapshot, len(outcomes), len(todo))
    # A decision may have been taken meanwhile, and with it run.json written anew.
    with snapshot.releasing():
        run = snapshot.run()
        model = settings.model.effective_name
        if activate or run.prompt is None:
            run = run.but(prompt=prompt.name, prompt_fingerprint=prompt.fingerprint, model=model)
        if (run.prompt, run.model) == (prompt.name, model):
            run = run.but(gaps=_gaps(run, outcomes.values(), have, _night(run, now)))
        stand_ins = [_stand_in(paper, glossary, started) for paper in todo if paper.id in run.gaps]
        _keep(snapshot, [*(_summary(p, outcomes[p.id], wanted) for p in todo), *stand_ins])
        stage = _stage(papers, outcomes.values(), run.gaps, wanted, started)
        stage = stage.but(seconds=round(time.monotonic() - clock, 3))
        snapshot.write_run(run.but(stages={**run.stages, "summarize": _added(run, stage)}))
    failures = {o.paper: o.failure for o in outcomes.values() if o.failure}
    return Summarized(run.gaps, stage.usage, stage.counts, failures)


def _added(run: Run, stage: Stage) -> Stage:
    """The stage with what earlier passes used."""
    earlier = run.stages.get("summarize")
    return stage.but(usage=stage.usage.plus(earlier.usage)) if earlier else stage


def _keep(snapshot: Snapshot, made: Iterable[Summary | None]) -> None:
    """Add the candidates that are not there yet."""
    kept = snapshot.summaries()
    known = {summary.id for summary in kept}
    fresh = [summary for summary in made if summary is not None and summary.id not in known]
    if fresh or not kept:
        snapshot.write_summaries([*kept, *fresh])


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


def _wanted(model: ModelSettings, prompt: prompts.Prompt, glossary: Glossary) -> Candidates:
    if model.embedded:
        return Candidates(None, glossary.fingerprint, EMBEDDED)
    return Candidates(prompt.name, prompt.fingerprint, model.name)


def _jobs(model: ModelSettings, prompt: prompts.Prompt, papers: Iterable[Paper]) -> Iterator[Job]:
    for paper in papers:
        request = Request(
            messages=prompt.messages(paper),
            model=model.name,
            parameters={**model.parameters, **prompt.parameters},
            languages=prompt.languages,
            max_output_tokens=model.max_output_tokens,
        )
        yield Job(paper=paper, request=request)


def _outcomes(  # noqa: PLR0913  one collaborator each
    settings: Settings,
    snapshot: Snapshot,
    jobs: Iterator[Job],
    glossary: Glossary,
    budget: Budget,
    redo: bool,
) -> dict[str, Outcome]:
    """What the executor delivered, by paper."""
    outcomes: dict[str, Outcome] = {}

    def deliver(outcome: Outcome) -> None:
        outcomes[outcome.paper] = outcome
        if len(outcomes) % PROGRESS_STEP == 0:
            log.info("summarize %s: %d papers done", snapshot, len(outcomes))

    if settings.model.embedded:
        Embedded(glossary, utc(datetime.now(UTC))).run(jobs, deliver)
        return outcomes
    # The SDK takes a second to import, and only a run that asks a model needs it.
    from pipeline.cache import AnswerCache
    from pipeline.executors.online import Online
    from pipeline.llm.keys import api_key

    outputs = Outputs(settings.outputs)

    def paid(job: Job, usage: Usage) -> None:
        outputs.append_spend(
            Spend(
                at=utc(datetime.now(UTC)),
                topic=snapshot.topic,
                snapshot=snapshot.name,
                paper=job.paper.id,
                model=settings.model.name,
                usage=usage,
            )
        )

    key = api_key(settings.model)
    with contextlib.closing(AnswerCache(settings.cache)) as cache:
        Online(settings.model, key, cache, budget, paid, redo=redo).run(jobs, deliver)
    return outcomes


def _summary(paper: Paper, outcome: Outcome, wanted: Candidates) -> Summary | None:
    if outcome.lines is None:
        return None
    origin: Origin = "embedded" if wanted.model == EMBEDDED else "model"
    return Summary(
        id=summary_id(
            paper.id, paper.version, origin, wanted.model, wanted.fingerprint, outcome.lines
        ),
        paper=paper.id,
        version=paper.version,
        lines=outcome.lines,
        origin=origin,
        model=wanted.model,
        prompt=wanted.prompt,
        prompt_fingerprint=wanted.fingerprint,
        mended=outcome.mended,
        usage=outcome.original,
        created=outcome.created,
    )


def _stand_in(paper: Paper, glossary: Glossary, now: datetime) -> Summary | None:
    outcome = Outcome(paper=paper.id, lines=embedded_lines(paper, glossary), created=now)
    return _summary(paper, outcome, Candidates(None, glossary.fingerprint, EMBEDDED))


def _gaps(
    run: Run, outcomes: Iterable[Outcome], have: Collection[str], tonight: date
) -> dict[str, Gap]:
    """The gaps after these outcomes; a night of unusable answers is kept in mind.

    A paper that has a line already (`have`) is no gap, even where asking anew failed.
    """
    gaps = dict(run.gaps)
    for outcome in outcomes:
        before = gaps.pop(outcome.paper, None)
        if outcome.failure is not None and outcome.paper not in have:
            nights = before.nights if before else ()
            if outcome.failure.kind == "content" and tonight not in nights:
                nights = (*nights, tonight)
            gaps[outcome.paper] = Gap(failure=outcome.failure, nights=nights)
    return gaps


def _stage(
    papers: list[Paper],
    outcomes: Collection[Outcome],
    gaps: dict[str, Gap],
    wanted: Candidates,
    started: datetime,
) -> Stage:
    usage = Usage()
    for outcome in outcomes:
        usage = usage.plus(outcome.usage)
    return Stage(
        complete=True,
        inputs={"papers": fingerprint([[p.id, p.version] for p in papers])},
        settings=fingerprint([wanted.prompt, wanted.fingerprint, wanted.model]),
        counts={
            "papers": len(papers),
            "lines": sum(outcome.lines is not None for outcome in outcomes),
            "from_cache": sum(outcome.from_cache for outcome in outcomes),
            "requests": sum(outcome.requests for outcome in outcomes),
            "gaps": len(gaps),
        },
        usage=usage,
        started=started,
        seconds=0.0,
        versions={"paperline": VERSION},
    )
