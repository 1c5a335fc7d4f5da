"""Has a provider work off requests at its leisure, through its Batch API, at half the price.

What is submitted is written down before each step, so that a killed run submits nothing
twice: an upload is found again by its file's name, a batch by its file. While a batch runs,
`BatchRunning` ends the command, and the same command collects later. Every answer goes into
the cache; what a batch left undone is submitted again, what it answered unusably is asked
for online, and so is all of the rest after `batch_deadline`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.cache import AnswerCache
from pipeline.errors import (
    BatchRunning,
    BudgetReached,
    ModelRefused,
    ModelUnavailable,
    RequestRejected,
    UsageError,
)
from pipeline.exchange import (
    BatchPart,
    BatchState,
    Deliver,
    Executor,
    Job,
    Kept,
    Paid,
    Request,
    failed,
    kept,
)
from pipeline.llm.abilities import Known, body_of, request_to
from pipeline.llm.budget import Budget
from pipeline.llm.prices import BATCH_SHARE, priced
from pipeline.llm.remembered import remembered
from pipeline.llm.tokens import count_request
from pipeline.outputs import Outputs, Snapshot
from pipeline.records import Failure, FailureKind, Usage, fingerprint, utc, utc_text
from pipeline.settings import ProviderSettings

if TYPE_CHECKING:
    from pipeline.llm.batches import BatchApi, RemoteBatch, Result

log = logging.getLogger(__name__)

ROUNDS = 3
"""How often requests are submitted: once, and what was left undone twice more."""

CANCELLING = 60.0
"""Seconds to wait for a batch that was cancelled; then the same command waits again."""

POLL = 0.5
"""Seconds between two looks at it."""

Waiting = dict[str, Job]
"""What no lines were delivered for yet, by the `custom_id` of its request."""


class Batch:
    """The executor over one provider's Batch API; `online` asks for what a batch cannot give."""

    def __init__(  # noqa: PLR0913  one collaborator each
        self,
        settings: ProviderSettings,
        key: str,
        *,
        cache: AnswerCache,
        outputs: Outputs,
        budget: Budget,
        online: Executor,
    ) -> None:
        self._settings = settings
        self._key = key
        self._cache = cache
        self._outputs = outputs
        self._budget = budget
        self._online = online
        self._known = Known(cache)

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job, or raise `BatchRunning` once all are submitted."""
        waiting: Waiting = {}
        for job in jobs:
            outcome = None if redo else remembered(job, [self._request(job)], self._cache)
            if outcome is None:
                waiting[self._custom_id(job)] = job
            else:
                self._cache.hit(outcome.usage)
                deliver(outcome)
        if not waiting:
            return
        try:
            rest = asyncio.run(self._work(waiting, deliver, paid))
        except (ModelUnavailable, ModelRefused, RequestRejected) as error:
            kind: FailureKind = "unavailable" if isinstance(error, ModelUnavailable) else "refused"
            for job in waiting.values():
                deliver(failed(job, Failure(kind=kind, reason=str(error))))
            return
        self._online.run(rest, deliver, paid=paid, redo=True)

    def close(self) -> None:
        """Close what asks for the rest."""
        self._known.close()
        self._online.close()

    def _request(self, job: Job) -> Request:
        return request_to(self._settings, job, self._known, first=True)

    def _custom_id(self, job: Job) -> str:
        return f"{job.paper.id}:{self._request(job).fingerprint()}"

    async def _work(self, waiting: Waiting, deliver: Deliver, paid: Paid) -> list[Job]:
        """The jobs that are left to ask for online, once no batch is under way any more."""
        from pipeline.llm.batches import BatchApi  # with the SDK a second of import

        first = next(iter(waiting.values()))
        snapshot = self._outputs.snapshot(first.topic, first.snapshot)
        api = BatchApi(self._settings, self._key)
        unusable: list[Job] = []
        try:
            state = self._begun(snapshot, first.model)
            while True:
                state = await self._submitted(api, snapshot, state)
                state, refused = await self._collected(api, snapshot, state, paid)
                unusable += self._delivered(state, waiting, deliver, refused)
                if not waiting or state.rounds >= ROUNDS or self._late(state):
                    break
                state = await self._next_round(api, snapshot, state, waiting, deliver)
        finally:
            await api.close()
        snapshot.write_batch(None)
        return [*unusable, *waiting.values()]

    def _begun(self, snapshot: Snapshot, model: str) -> BatchState:
        """What is under way, else a state in which nothing is."""
        address = self._settings.base_url
        state = snapshot.batch() or BatchState(
            base_url=address, model=model, started=utc(datetime.now(UTC))
        )
        if state.base_url != address:
            raise UsageError(
                f"a batch of this snapshot is at {state.base_url}",
                where=str(snapshot),
                next_step="Set [model] base_url to it to collect the batch, or remove "
                "batch.json to give up what was paid for",
            )
        return state

    async def _next_round(
        self,
        api: "BatchApi",
        snapshot: Snapshot,
        state: BatchState,
        waiting: Waiting,
        deliver: Deliver,
    ) -> BatchState:
        """Submit all that waits, after writing down the files that it will be in."""
        from pipeline.llm.batches import split

        files = list(split(self._lines(waiting, deliver)))
        stem = fingerprint([list(waiting), utc_text(state.started), state.rounds])[:16]
        parts = tuple(
            BatchPart(name=f"paperline-{stem}-{number}.jsonl", requests=len(lines))
            for number, lines in enumerate(files, 1)
        )
        state = state.but(rounds=state.rounds + 1, parts=parts)
        snapshot.write_batch(state)
        for number, lines in enumerate(files):
            file = await api.upload(parts[number].name, lines)
            state = self._noted(snapshot, state, number, file=file)
            batch = await api.create(file, parts[number].name)
            state = self._noted(snapshot, state, number, batch=batch)
            log.info("%s: batch %s of %d requests is submitted", snapshot, batch, len(lines))
        return state

    def _lines(self, waiting: Waiting, deliver: Deliver) -> list[bytes]:
        """The requests within the budget; the others are taken out of `waiting`, as failures."""
        from pipeline.llm.batches import line

        lines = []
        # By what is known now: a refused parameter changes the request, and so its id.
        jobs = list(waiting.values())
        waiting.clear()
        waiting.update({self._custom_id(job): job for job in jobs})
        for custom_id, job in list(waiting.items()):
            request = self._request(job)
            tokens = Usage(
                prompt_tokens=count_request(request),
                completion_tokens=self._settings.max_output_tokens // 2,
            )
            try:
                estimate = priced(tokens, self._settings, request.model)
                self._budget.reserve(estimate.at(BATCH_SHARE))
            except BudgetReached as error:
                del waiting[custom_id]
                deliver(failed(job, Failure(kind="budget", reason=str(error))))
                continue
            abilities = self._known.of(self._settings, request.model)
            lines.append(line(custom_id, body_of(request, abilities, self._settings, room=1)))
        return lines

    def _noted(
        self, snapshot: Snapshot, state: BatchState, number: int, **changes: Any
    ) -> BatchState:
        parts = list(state.parts)
        parts[number] = parts[number].but(**changes)
        state = state.but(parts=tuple(parts))
        snapshot.write_batch(state)
        return state

    async def _submitted(
        self, api: "BatchApi", snapshot: Snapshot, state: BatchState
    ) -> BatchState:
        """Finish what a killed run had begun to submit.

        A file that never arrived is given up: its requests go with the next round.
        """
        for number, part in enumerate(state.parts):
            if part.batch is not None or part.collected:
                continue
            file = part.file or await api.uploaded(part.name)
            if file is None:
                state = self._noted(snapshot, state, number, collected=True)
                continue
            state = self._noted(snapshot, state, number, file=file)
            batch = await api.created(file) or await api.create(file, part.name)
            state = self._noted(snapshot, state, number, batch=batch)
        return state

    async def _collected(
        self, api: "BatchApi", snapshot: Snapshot, state: BatchState, paid: Paid
    ) -> tuple[BatchState, set[str]]:
        """Keep the answers of all batches that are over; also the ids refused for good.

        Raises `BatchRunning` where another is not over.
        """
        running, refused = [], set()
        for number, part in enumerate(state.parts):
            if part.collected or part.batch is None:
                continue
            batch = await api.look(part.batch)
            if not batch.over and self._late(state):
                batch = await self._cancelled(api, batch)
            if not batch.over:
                running.append(f"batch {batch.id} is {batch.status}, {batch.done} of {batch.total}")
                continue
            refused |= await self._keep(api, snapshot, state, batch, paid)
            state = self._noted(snapshot, state, number, collected=True)
        if running:
            raise BatchRunning(
                "; ".join(running),
                where=str(snapshot),
                next_step="Run the same command again to collect it",
            )
        return state, refused

    async def _cancelled(self, api: "BatchApi", batch: "RemoteBatch") -> "RemoteBatch":
        """The batch after it was told to stop, over or not."""
        log.warning("batch %s is past its deadline and is cancelled", batch.id)
        await api.cancel(batch.id)
        loop = asyncio.get_running_loop()
        until = loop.time() + CANCELLING
        while not batch.over and loop.time() < until:
            await asyncio.sleep(POLL)
            batch = await api.look(batch.id)
        return batch

    async def _keep(
        self,
        api: "BatchApi",
        snapshot: Snapshot,
        state: BatchState,
        batch: "RemoteBatch",
        paid: Paid,
    ) -> set[str]:
        """Put a batch's answers into the cache; returns the ids that were refused for good."""
        found: list[Kept] = []
        refused: list[Result] = []
        undone: Counter[str] = Counter()
        async for result in api.results(batch, state.model):
            if result.answer is None:
                undone[result.failure] += 1
                refused += [result] if result.refused else []
                continue
            usage = priced(result.answer.usage, self._settings, state.model).at(BATCH_SHARE)
            paper, _, request = result.custom_id.partition(":")
            found.append(
                kept(
                    snapshot.topic,
                    snapshot.name,
                    paper,
                    request,
                    state.model,
                    result.answer.but(usage=usage),
                )
            )
        if found:
            self._cache.keep(found, paid)
        log.info("batch %s is %s: %d answers kept", batch.id, batch.status, len(found))
        if batch.errors:
            log.warning("batch %s: %s", batch.id, batch.errors)
        for what, count in undone.items():
            log.warning("batch %s left %d requests undone: %s", batch.id, count, what)
        if self._learned(state.model, refused):
            return set()
        return {result.custom_id for result in refused}

    def _learned(self, model: str, refused: "list[Result]") -> bool:
        """Whether a refusal names what can be asked otherwise; then the next round asks so."""
        abilities = self._known.of(self._settings, model)
        for result in refused:
            lowered = abilities.lowered(result.failure.lower(), self._settings.parameters)
            if lowered is not None:
                self._known.learn(self._settings, model, lowered)
                return True
        return False

    def _delivered(
        self, state: BatchState, waiting: Waiting, deliver: Deliver, refused: set[str]
    ) -> list[Job]:
        """Deliver what was answered since the batch began; returns what online has to mend."""
        unusable: list[Job] = []
        if not state.rounds:
            return unusable
        for custom_id, job in list(waiting.items()):
            request = self._request(job)
            answered = [
                answer
                for answer in self._cache.answers(request.fingerprint())
                if answer.created >= state.started
            ]
            outcome = remembered(job, [request], self._cache) if answered else None
            if outcome is not None and outcome.created >= state.started:
                deliver(outcome)
            elif answered or custom_id in refused:
                unusable.append(job)
            else:
                continue
            del waiting[custom_id]
        return unusable

    def _late(self, state: BatchState) -> bool:
        deadline = timedelta(hours=self._settings.batch_deadline)
        return datetime.now(UTC) - state.started >= deadline
