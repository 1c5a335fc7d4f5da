"""Asks the model for a second opinion on candidates: does the abstract support each line?

Only where `[check] judge` says so; `checks/judge.py` makes findings of the answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline import prompts
from pipeline.exchange import Executor, Job, Outcome
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import Paper, Spend, Summary, Usage
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


def judged(
    settings: Settings,
    snapshot: Snapshot,
    candidates: Sequence[tuple[Paper, Summary]],
    *,
    executor: Executor,
    progress: Progress,
) -> Judged:
    """A second opinion on each candidate, from `cache/` where it was paid for already.

    Withdrawn papers, stand-ins and candidates without a line in a language of the prompt are
    left out: they have no outcome. A provider's failures and a budget that is reached are
    outcomes. Raises `PromptError`, `OutputError`.
    """
    prompt = prompts.load(settings.prompts, PROMPT, answers="verdicts")
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
        languages = tuple(language for language in prompt.languages if language in summary.lines)
        if paper.status == "withdrawn" or summary.origin != "model" or not languages:
            continue
        yield Job(
            topic=snapshot.topic,
            snapshot=snapshot.name,
            paper=paper,
            messages=prompt.messages(paper, summary.lines),
            languages=languages,
            parameters=prompt.parameters,
            model=settings.model.name,
            answers="verdicts",
            summary=summary.id,
        )
