"""What an answer means for a job, and what the cache already holds of one."""

import contextlib
from collections.abc import Iterable
from typing import Protocol

from pipeline.errors import AnswerRejected
from pipeline.exchange import Answer, Job, Outcome, Request
from pipeline.llm.answers import lines_of
from pipeline.llm.verdicts import verdicts_of


class Answers(Protocol):
    """Where answers are kept: `cache/`."""

    def answers(self, fingerprint: str) -> list[Answer]:
        """The answers to one request, first attempt first."""
        ...


def outcome_of(job: Job, request: Request, answer: Answer) -> Outcome:
    """What an answer to `request` means for the job. Raises `AnswerRejected`."""
    outcome = Outcome(
        paper=job.paper.id,
        model=request.model,
        summary=job.summary,
        usage=answer.usage,
        created=answer.created,
    )
    if request.answers == "verdicts":
        return outcome.but(verdicts=verdicts_of(answer, request))
    lines, mended = lines_of(answer, request)
    return outcome.but(lines=lines, mended=mended)


def remembered(job: Job, requests: Iterable[Request], cache: Answers) -> Outcome | None:
    """The outcome of the newest answer that can be used, to the first request that has one."""
    for request in requests:
        for answer in reversed(cache.answers(request.fingerprint())):
            with contextlib.suppress(AnswerRejected):
                return outcome_of(job, request, answer).but(from_cache=True)
    return None
