"""What the cache already holds of an answer to a job."""

from collections.abc import Iterable
from typing import Protocol

from pipeline.errors import AnswerRejected
from pipeline.exchange import Answer, Job, Outcome, Request
from pipeline.llm.answers import lines_of


class Answers(Protocol):
    """Where answers are kept: `cache/`."""

    def answers(self, fingerprint: str) -> list[Answer]:
        """The answers to one request, first attempt first."""
        ...


def remembered(job: Job, requests: Iterable[Request], cache: Answers) -> Outcome | None:
    """The outcome of the newest answer with usable lines to the first request that has one."""
    for request in requests:
        for answer in reversed(cache.answers(request.fingerprint())):
            try:
                lines, mended = lines_of(answer, request)
            except AnswerRejected:
                continue
            return Outcome(
                paper=job.paper.id,
                model=request.model,
                lines=lines,
                mended=mended,
                usage=answer.usage,
                from_cache=True,
                created=answer.created,
            )
    return None
