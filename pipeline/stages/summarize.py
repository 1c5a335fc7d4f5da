"""1-papers -> 2-summaries: one candidate for each paper, by one prompt and one model.

A paper for which a model was asked and gave no line gets the embedded model's lines
as a labelled stand-in, and stands in `run.json` as a gap with its reason.
"""

import contextlib
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline import prompts
from pipeline.executors.embedded import Embedded
from pipeline.executors.embedded import lines as embedded_lines
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import (
    EMBEDDED,
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


def summarize(  # noqa: PLR0913  the operator's choices
    settings: Settings,
    snapshot: Snapshot,
    prompt_name: str,
    *,
    only: Collection[str] | None = None,
    redo: bool = False,
    activate: bool = False,
) -> Run:
    """Make the candidates that are missing and return the updated `run.json`.

    The caller holds the topic's lock. `only` limits it to these papers; `redo` asks anew;
    `activate` makes this prompt and model the snapshot's. Raises `PromptError`,
    `SettingsError` (no key), `OutputError`; a provider's failures become gaps.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic()
    prompt = prompts.load(settings.prompts, prompt_name)
    glossary = prompts.load_glossary(settings.prompts)
    wanted = _wanted(settings.model, prompt, glossary)
    run, papers, kept = snapshot.run(), snapshot.papers(), snapshot.summaries()
    have = {} if redo else wanted.among(kept)
    todo = [
        paper
        for paper in papers
        if paper.id not in have
        and paper.status != "withdrawn"
        and (only is None or paper.id in only)
    ]
    outcomes = _outcomes(settings, snapshot, _jobs(settings.model, prompt, todo), glossary, redo)
    log.info("summarize %s: %d of %d papers done", snapshot, len(outcomes), len(todo))
    if activate or run.prompt is None:
        run = run.but(
            prompt=prompt.name,
            prompt_fingerprint=prompt.fingerprint,
            model=settings.model.effective_name,
        )
    active = (run.prompt, run.model) == (prompt.name, settings.model.effective_name)
    gaps = _gaps(run, outcomes.values()) if active else run.gaps
    made = [_summary(paper, outcomes[paper.id], wanted) for paper in todo]
    stand_ins = [_stand_in(paper, glossary, started) for paper in todo if paper.id in gaps]
    known = {summary.id for summary in kept}
    fresh = [s for s in (*made, *stand_ins) if s is not None and s.id not in known]
    if fresh or not kept:
        snapshot.write_summaries([*kept, *fresh])
    stage = _stage(papers, outcomes.values(), gaps, wanted, started, time.monotonic() - clock)
    run = run.but(stages={**run.stages, "summarize": stage}, gaps=gaps)
    snapshot.write_run(run)
    return run


def worth_asking(run: Run) -> list[str]:
    """The gaps that another night may close: all but answers that were unusable three times."""
    return [
        paper
        for paper, gap in run.gaps.items()
        if gap.failure.kind != "content" or gap.nights < MOST_NIGHTS
    ]


def _wanted(model: ModelSettings, prompt: prompts.Prompt, glossary: prompts.Glossary) -> Candidates:
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


def _outcomes(
    settings: Settings,
    snapshot: Snapshot,
    jobs: Iterator[Job],
    glossary: prompts.Glossary,
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
    from pipeline.llm.budget import Budget
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
    budget = Budget(settings.budget, outputs.spent_on(datetime.now(UTC)))
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


def _stand_in(paper: Paper, glossary: prompts.Glossary, now: datetime) -> Summary | None:
    outcome = Outcome(paper=paper.id, lines=embedded_lines(paper, glossary), created=now)
    return _summary(paper, outcome, Candidates(None, glossary.fingerprint, EMBEDDED))


def _gaps(run: Run, outcomes: Iterable[Outcome]) -> dict[str, Gap]:
    """The gaps after these outcomes; a night of unusable answers is counted."""
    gaps = dict(run.gaps)
    for outcome in outcomes:
        before = gaps.pop(outcome.paper, None)
        if outcome.failure is not None:
            nights = before.nights if before else 0
            nights += outcome.failure.kind == "content"
            gaps[outcome.paper] = Gap(failure=outcome.failure, nights=nights)
    return gaps


def _stage(  # noqa: PLR0913  what run.json says of the stage
    papers: list[Paper],
    outcomes: Collection[Outcome],
    gaps: dict[str, Gap],
    wanted: Candidates,
    started: datetime,
    seconds: float,
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
        seconds=round(seconds, 3),
        versions={"paperline": VERSION},
    )
