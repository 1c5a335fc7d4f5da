"""Works jobs off by asking providers, many requests at once: what executors that ask share.

Workers take jobs from one iterator as they become free, so little more than `concurrency`
jobs are in memory. An answer is in the store, and its cost in the books, before it is looked
at; one that cannot be used is asked for again with what was wrong, at most twice. A
provider that is down is left for the next one in `[[model.fallback]]`.
"""

import asyncio
import contextvars
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from pipeline import logs
from pipeline.errors import AnswerRejected, PaperlineError
from pipeline.exchange import (
    VERDICT_IN_WORDS,
    Answer,
    AnswerKind,
    Deliver,
    Job,
    Kept,
    Message,
    Outcome,
    Paid,
    Request,
    failed,
    kept,
)
from pipeline.llm.abilities import Known, request_to
from pipeline.llm.remembered import outcome_of, remembered
from pipeline.records import Failure, Usage
from pipeline.settings import ProviderSettings

log = logging.getLogger(__name__)

ASKS = 3
"""How often one paper is asked for in one run: once, and twice more with what was wrong."""

MOST_REPEATED = 2000
"""Characters of an unusable answer that the model is shown again, and that are paid for again."""

EACH: dict[AnswerKind, str] = {"lines": "one line each", "verdicts": f"each {VERDICT_IN_WORDS}"}
"""What stands under the keys of an answer."""

READY = 1.5
"""Workers for each request that may be under way: some keep answers while others wait to ask."""


class Asked(Protocol):
    """A provider, in this process or elsewhere; while `stopped`, nothing more is sent to it."""

    settings: ProviderSettings
    stopped: bool

    async def ask(self, request: Request, *, room: int = 1) -> Answer | Failure:
        """One answer, priced, or why none came; see `Provider.ask`."""
        ...

    async def close(self) -> None:
        """Give back what was opened."""
        ...


class Store(Protocol):
    """Where answers are kept, and what was learned of models: `cache/`."""

    def answers(self, fingerprint: str) -> list[Answer]:
        """The answers to one request, first attempt first."""
        ...

    def keep(self, kept: Sequence[Kept], paid: Paid) -> None:
        """Keep answers, then book their costs."""
        ...

    def hit(self, usage: Usage) -> None:
        """Count an answer that was used again."""
        ...

    def recall(self, key: str) -> str | None:
        """The text kept under `key`, or None."""
        ...

    def remember(self, key: str, text: str) -> None:
        """Keep `text` under `key`."""
        ...


class Asking:
    """An executor over providers. Close it when done: its connections serve all its runs."""

    def __init__(
        self,
        tables: Sequence[ProviderSettings],
        store: Store,
        known: Known,
        connect: Callable[[], Sequence[Asked]],
        *,
        asks: int = ASKS,
    ) -> None:
        """`tables`: the model's and its fallbacks'; `connect` gives the provider of each.

        It is called in the event loop, and only where something is to be asked. `asks`: how
        often a paper is asked for whose answers are unusable.
        """
        self._tables = tables
        self._store = store
        self._known = known
        self._connect = connect
        self._asks = asks
        self._runner: asyncio.Runner | None = None
        self._providers: Sequence[Asked] = ()
        self._at_work = 0
        self._errors: list[PaperlineError] = []
        self._refused: set[str] = set()

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job, in the order in which they are finished.

        Raises `OutputError` where answers cannot be kept; those on the wire are waited for.
        """
        to_ask = iter(jobs) if redo else self.not_remembered(jobs, deliver)
        first = next(to_ask, None)
        if first is None:
            return  # nothing to ask: the SDK, a second of import, is not needed
        if self._runner is None:
            self._runner = asyncio.Runner()
        # Its own context is that of its first run.
        now = contextvars.copy_context()
        work = self._run(itertools.chain([first], to_ask), deliver, paid)
        self._runner.run(work, context=now)

    async def _run(self, jobs: Iterator[Job], deliver: Deliver, paid: Paid) -> None:
        keeper = Keeper(self._store, paid)
        try:
            await self.work(jobs, deliver, keeper)
        finally:
            keeper.close()

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way once a run has ended."""

    def close(self) -> None:
        """Close all connections, and keep what was learned of the models."""
        if self._runner is None:
            self._known.close()
        else:
            self._runner.run(self.end())
            self._runner.close()
            self._runner = None

    async def end(self) -> None:
        """The same in the event loop of `work`."""
        self._known.close()
        for provider in self._providers:
            await provider.close()
        self._providers = ()

    def not_remembered(self, jobs: Iterable[Job], deliver: Deliver) -> Iterator[Job]:
        """The jobs without a usable answer in the store; the outcomes of others are delivered."""
        for job in jobs:
            requests = self._requests(job)
            with logs.about(paper=job.paper.id):
                outcome = remembered(job, requests, self._store)
            if outcome is None:
                yield job
            else:
                self._store.hit(outcome.usage)
                deliver(outcome)

    def _requests(self, job: Job) -> Iterator[Request]:
        for index, settings in enumerate(self._tables):
            yield request_to(settings, job, self._known, first=index == 0)

    async def work(
        self, jobs: Iterator[Job], deliver: Deliver, keeper: "Keeper", *, width: int | None = None
    ) -> None:
        """Ask about each job and deliver its outcome; several may be at work in one event loop.

        An error of one ends them all, since what they wait for is sent no more, and all raise it.
        `width`: how many jobs are taken at once; as many as can be asked about and some more.
        """
        if not self._providers:
            self._providers = self._connect()

        async def worker() -> None:
            try:
                while not self._errors and (job := next(jobs, None)) is not None:
                    with logs.about(paper=job.paper.id):
                        outcome = await self._outcome(job, keeper)
                    if outcome.failure is None or not self._errors:
                        deliver(outcome)
            except PaperlineError as error:
                # What is on the wire is still waited for and kept; nothing more is sent.
                self._errors.append(error)
                self._stop_sending(stop=True)

        most = round(READY * max(settings.concurrency for settings in self._tables))
        self._at_work += 1
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(width or most):
                    group.create_task(worker())
            if self._errors:
                raise self._errors[0]
        except ExceptionGroup as defects:
            raise defects.exceptions[0] from None
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._errors.clear()
                self._stop_sending(stop=False)

    def _stop_sending(self, *, stop: bool) -> None:
        for provider in self._providers:
            provider.stopped = stop

    async def _outcome(self, job: Job, keeper: "Keeper") -> Outcome:
        failure = Failure(kind="unavailable", reason="there is no model to ask")
        for index, provider in enumerate(self._providers):
            outcome = await self._asked(provider, job, keeper, first=index == 0)
            if outcome.failure is None:
                self._stood_in(provider, failure)
                return outcome
            failure = outcome.failure
            if failure.kind in ("content", "budget"):
                break
        return failed(job, failure)

    def _stood_in(self, provider: Asked, failure: Failure) -> None:
        """Say once that a fallback writes the lines because somebody has to mend something."""
        if failure.kind == "refused" and failure.reason not in self._refused:
            self._refused.add(failure.reason)
            log.warning("%s writes lines meanwhile: %s", provider.settings.name, failure.reason)

    async def _asked(self, provider: Asked, job: Job, keeper: "Keeper", *, first: bool) -> Outcome:
        request, room = request_to(provider.settings, job, self._known, first=first), 1
        failure = Failure(kind="content", reason="")
        for _ in range(self._asks):
            answer = await provider.ask(request, room=room)
            if isinstance(answer, Failure):
                return failed(job, answer)
            # Asked for again now: the model may have been found not to take a parameter.
            asked = request_to(provider.settings, job, self._known, first=first)
            await keeper.keep(
                kept(
                    job.topic,
                    job.snapshot,
                    job.paper.id,
                    asked.fingerprint(),
                    asked.model,
                    answer,
                    answers=job.answers,
                )
            )
            try:
                return outcome_of(job, asked, answer)
            except AnswerRejected as error:
                failure = Failure(kind="content", reason=f"{error.code}: {error.what}")
                room *= 2 if error.code == "length" else 1
                request = _asking_again(asked, answer, error)
        return failed(job, failure)


class Keeper:
    """Puts answers into the store and their costs into the books, all that wait at once.

    One transaction for many answers takes one sync of the disk instead of many, and a
    thread of its own keeps it from holding up the others.
    """

    def __init__(self, store: Store, paid: Paid) -> None:
        self._store = store
        self._paid = paid
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keeper")
        self._turn = asyncio.Lock()
        self._waiting: list[Kept] = []
        self._next: asyncio.Task[None] | None = None

    async def keep(self, one: Kept) -> None:
        """Return when the answer is on disk and its cost is booked. Raises `OutputError`."""
        self._waiting.append(one)
        if self._next is None:
            self._next = asyncio.create_task(self._write())
        await asyncio.shield(self._next)

    async def _write(self) -> None:
        async with self._turn:
            waiting, self._waiting, self._next = self._waiting, [], None
            if waiting:
                loop = asyncio.get_running_loop()
                with logs.about(paper=""):
                    keep = logs.carried(self._store.keep)
                await loop.run_in_executor(self._thread, keep, waiting, self._paid)

    def close(self) -> None:
        """End the thread, after what it is writing, and keep what an interruption left waiting."""
        self._thread.shutdown()
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._store.keep(waiting, self._paid)


def _asking_again(request: Request, answer: Answer, error: AnswerRejected) -> Request:
    """The request that follows a rejected answer: what was wrong, and the question again.

    One that was cut while the model still reasoned is asked the same: it needs more room only.
    """
    if error.code == "length" and answer.usage.reasoning_tokens:
        return request
    correction = (
        f"That cannot be used: {error.what}. Answer again with the JSON object alone, "
        f"with the keys {' and '.join(request.languages)}, {EACH[request.answers]}."
    )
    turns = [Message(role="user", content=correction)]
    if answer.content and answer.finish_reason == "stop":
        said = answer.content[:MOST_REPEATED]
        turns.insert(0, Message(role="assistant", content=said))
    return request.but(messages=(*request.messages, *turns))
