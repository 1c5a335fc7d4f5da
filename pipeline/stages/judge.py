"""Asks the model for a second opinion on candidates: does the abstract support each line?

Only where `[check] judge` says so; `checks/judge.py` makes findings of the answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline import prompts
from pipeline.books import Spend
from pipeline.exchange import Executor, Job, Outcome
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import Lines, Paper, Summary, Usage
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot

PROMPT = "check"
"""The judging prompt, in `prompts/`."""


@dataclass
class Judged:
    """What a pass came to.

    `outcomes`, by the candidate's id, have verdicts or the failure to get them; `usage` is
    what was paid in this pass, for so many `requests`.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    requests: int = 0


def judging_prompt(settings: Settings) -> prompts.Prompt | None:
    """The judging prompt where second opinions are wanted. Raises `PromptError`."""
    if not settings.check.judge or settings.model.embedded:
        return None
    return prompts.load(settings.prompts, PROMPT, answers="verdicts")


def judged(  # noqa: PLR0913  the parts of a pass
    settings: Settings,
    snapshot: Snapshot,
    prompt: prompts.Prompt,
    candidates: Sequence[tuple[Paper, Summary]],
    *,
    executor: Executor,
    progress: Progress,
) -> Judged:
    """A second opinion on each candidate, from `cache/` where it was paid for already.

    Withdrawn papers, stand-ins and candidates without a line in a language of the prompt are
    left out: they have no outcome. A provider's failures and a budget that is reached are
    outcomes. Raises `PromptError` where the prompt fails on a paper, `OutputError`.
    """
    outputs = Outputs(settings.outputs)
    jobs = list(_jobs(settings, snapshot, prompt, candidates))
    done = Judged()

    def deliver(outcome: Outcome) -> None:
        done.outcomes[outcome.summary] = outcome
        progress.advance(done.usage)

    def paid(spent: list[Spend]) -> None:
        outputs.append_spend(spent)
        for spend in spent:
            done.usage = done.usage.plus(spend.usage)
        done.requests += len(spent)

    progress.begin(f"judge {snapshot}", len(jobs))
    try:
        executor.run(jobs, deliver, paid=paid)
    finally:
        progress.end()
    return done


def _jobs(
    settings: Settings,
    snapshot: Snapshot,
    prompt: prompts.Prompt,
    candidates: Sequence[tuple[Paper, Summary]],
) -> Iterator[Job]:
    for paper, summary in candidates:
        if paper.status == "withdrawn" or summary.origin != "model":
            continue
        job = job_for(settings, snapshot.topic, snapshot.name, prompt, paper, summary.lines)
        if job.languages:
            yield job.but(summary=summary.id)


def job_for(  # noqa: PLR0913  what a question is made of
    settings: Settings,
    topic: str,
    snapshot: str,
    prompt: prompts.Prompt,
    paper: Paper,
    lines: Lines,
) -> Job:
    """The question about the lines of a paper. Raises `PromptError` where the prompt fails."""
    return Job(
        topic=topic,
        snapshot=snapshot,
        paper=paper,
        messages=prompt.messages(paper, lines),
        languages=tuple(language for language in prompt.languages if language in lines),
        parameters=prompt.parameters,
        model=settings.model.name,
        answers="verdicts",
    )
