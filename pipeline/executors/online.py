"""Asks an OpenAI-compatible provider, many requests at once, and keeps every answer.

Workers take jobs from one iterator as they become free, so at most `concurrency`
jobs are in memory. An answer goes into the cache before it is looked at; one that
holds no usable lines is asked for again with what was wrong, at most twice. When a
request has used up its tries and nothing has succeeded meanwhile, or the
provider refuses for good, the remaining jobs fail at once with that reason.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from pipeline.cache import AnswerCache
from pipeline.errors import AnswerRejected, ModelRefused, ModelUnavailable
from pipeline.llm.answers import lines_of
from pipeline.llm.budget import Budget
from pipeline.llm.client import ModelClient, retrying
from pipeline.llm.limits import Limiter
from pipeline.llm.prices import priced
from pipeline.llm.tokens import count_messages
from pipeline.records import Answer, Failure, Job, Message, Outcome, Request, Usage, utc
from pipeline.settings import ModelSettings

ASKS = 3
"""How often one paper is asked for in one run: once, and twice more with what was wrong."""

Deliver = Callable[[Outcome], None]
Paid = Callable[[Job, Usage], None]


class Online:
    """The default executor.

    `paid` is called for every answer as soon as it is in the cache. With `redo`, answers
    in the cache are not used, and kept.
    """

    def __init__(  # noqa: PLR0913  one collaborator each
        self,
        settings: ModelSettings,
        key: str,
        cache: AnswerCache,
        budget: Budget,
        paid: Paid,
        *,
        redo: bool = False,
    ) -> None:
        self._settings = settings
        self._key = key
        self._cache = cache
        self._budget = budget
        self._paid = paid
        self._redo = redo
        self._limiter = Limiter(settings.requests_per_minute, settings.tokens_per_minute)
        self._halted: Failure | None = None
        self._successes = 0
        self._settled = asyncio.Event()

    def run(self, jobs: Iterable[Job], deliver: Deliver) -> None:
        """Deliver one outcome for each job, in the order in which they are finished."""
        try:
            asyncio.run(self._work(iter(jobs), deliver))
        except ExceptionGroup as group:
            # One worker's error ends the others; the first is what happened.
            raise group.exceptions[0] from None

    async def _work(self, jobs: Iterator[Job], deliver: Deliver) -> None:
        async with ModelClient(self._settings, self._key) as client:

            async def worker() -> None:
                for job in jobs:
                    deliver(await self._outcome(client, job))

            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.concurrency):
                    group.create_task(worker())

    async def _outcome(self, client: ModelClient, job: Job) -> Outcome:
        fingerprint = job.request.fingerprint()
        if not self._redo:
            for answer in reversed(self._cache.answers(fingerprint)):
                if (outcome := _from_cache(job, answer)) is not None:
                    return outcome
        return await self._asked(client, job, fingerprint)

    async def _asked(self, client: ModelClient, job: Job, fingerprint: str) -> Outcome:
        spent, sent, request, room = Usage(), 0, job.request, 1
        failure = Failure(kind="content", reason="")
        while sent < ASKS:
            try:
                answer = await self._answer(client, request, room)
            except (ModelUnavailable, ModelRefused, _Halted) as error:
                failure = _reason(error)
                break
            self._cache.store(fingerprint, answer)
            self._paid(job, answer.usage)
            spent, sent = spent.plus(answer.usage), sent + 1
            try:
                lines, mended = lines_of(answer, job.request)
            except AnswerRejected as error:
                failure = Failure(kind="content", reason=f"{error.code}: {error.what}")
                room *= 2 if error.code == "length" else 1
                request = _asking_again(job.request, answer, error)
                continue
            return Outcome(
                paper=job.paper.id,
                lines=lines,
                mended=mended,
                usage=spent,
                original=spent,
                requests=sent,
                created=answer.created,
            )
        return Outcome(
            paper=job.paper.id,
            failure=failure,
            usage=spent,
            requests=sent,
            created=utc(datetime.now(UTC)),
        )

    async def _answer(self, client: ModelClient, request: Request, room: int) -> Answer:
        """One answer from the provider, asked within limits and budget, retried as it may be."""
        estimate = priced(
            Usage(
                prompt_tokens=count_messages(request.messages),
                completion_tokens=request.max_output_tokens // 2,
            ),
            request.model,
        )
        successes = self._successes
        try:
            answer = await self._tried(client, request, room, estimate)
        except (ModelRefused, _Halted) as error:
            self._halted = self._halted or _reason(error)
            raise
        except ModelUnavailable as error:
            # While others succeed, the trouble is this paper's alone.
            if self._successes == successes:
                self._halted = self._halted or _reason(error)
            raise
        self._successes += 1
        self._limiter.correct(estimate.tokens, answer.usage.tokens)
        return answer

    async def _tried(
        self, client: ModelClient, request: Request, room: int, estimate: Usage
    ) -> Answer:
        async for attempt in retrying():
            with attempt:
                await self._limiter.wait(estimate.tokens)
                async with self._paid_from_budget(estimate) as used:
                    try:
                        answer = await client.ask(request, room=room)
                    except ModelUnavailable as error:
                        if error.retry_after:
                            self._limiter.pause(error.retry_after)
                        raise
                    used.append(answer.usage)
                    return answer
        raise AssertionError("tenacity ends with an answer or an error")

    @contextlib.asynccontextmanager
    async def _paid_from_budget(self, estimate: Usage) -> AsyncIterator[list[Usage]]:
        """Reserve `estimate` around one request; what is put into the list was used.

        Waits while other requests hold what may be left. Raises `_Halted` when the
        budget is reached, or nothing more is asked in this run.
        """
        while True:
            if self._halted:
                raise _Halted(self._halted)
            reached = self._budget.reserve(estimate)
            if reached is None:
                break
            if not self._budget.outstanding:
                raise _Halted(Failure(kind="budget", reason=f"[budget] {reached}"))
            self._settled.clear()
            await self._settled.wait()
        used: list[Usage] = []
        try:
            yield used
        finally:
            self._budget.settle(estimate, used[0] if used else Usage())
            self._settled.set()


def _reason(error: "ModelUnavailable | ModelRefused | _Halted") -> Failure:
    if isinstance(error, _Halted):
        return error.failure
    kind: Literal["refused", "unavailable"]
    kind = "refused" if isinstance(error, ModelRefused) else "unavailable"
    return Failure(kind=kind, reason=str(error))


class _Halted(Exception):
    """Nothing more is asked in this run."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def _from_cache(job: Job, answer: Answer) -> Outcome | None:
    try:
        lines, mended = lines_of(answer, job.request)
    except AnswerRejected:
        return None
    return Outcome(
        paper=job.paper.id,
        lines=lines,
        mended=mended,
        original=answer.usage,
        from_cache=True,
        created=answer.created,
    )


def _asking_again(request: Request, answer: Answer, error: AnswerRejected) -> Request:
    """The request that follows a rejected answer: what was wrong, and the question again."""
    correction = (
        f"That cannot be used: {error.what}. Answer again with the JSON object alone, "
        f"with the keys {' and '.join(request.languages)}, one line each."
    )
    turns = [Message(role="user", content=correction)]
    if answer.content and answer.finish_reason == "stop":
        turns.insert(0, Message(role="assistant", content=answer.content))
    return request.but(messages=(*request.messages, *turns))
