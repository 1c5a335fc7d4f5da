"""Has a provider work off requests at its leisure, through its Batch API, at half the price.

What is submitted is written down before each step, so that a killed run submits nothing
twice: an upload is found again by its file's name, a batch by its file. While a batch runs,
`BatchRunning` ends the command, and the same command collects later. Every answer goes into
the cache; what a batch left undone is submitted again, what it answered unusably is asked
for online, and so is all of the rest after `batch_deadline`. Verdicts are always asked for
online: `batch.json` keeps one batch for a snapshot, and it is that of its lines.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.cache import AnswerCache
from pipeline.errors import (
    BatchRunning,
    BudgetReached,
    ModelRefused,
    ModelUnavailable,
    PaperlineError,
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
from pipeline.outputs import Outputs
from pipeline.records import Failure, Usage, fingerprint, utc, utc_text
from pipeline.settings import ProviderSettings
from pipeline.snapshot import Snapshot

if TYPE_CHECKING:
    from pipeline.llm.batches import BatchApi, RemoteBatch, Result

log = logging.getLogger(__name__)

ROUNDS = 3
"""How often requests are submitted: once, and what was left undone twice more."""

GIVEN_UP = 2.0
"""Deadlines after which a batch that cannot be cancelled is left behind."""

Waiting = dict[str, Job]
"""What no lines were delivered for yet, by the `custom_id` of its request."""


class Batch:
    """The executor over one provider's Batch API; `online` asks for what a batch cannot give.

    Without `submit` it only collects what is still under way, and `online` asks for all else.
    """

    def __init__(  # noqa: PLR0913  one collaborator each
        self,
        settings: ProviderSettings,
        key: str,
        *,
        cache: AnswerCache,
        outputs: Outputs,
        budget: Budget,
        online: Executor,
        submit: bool = True,
    ) -> None:
        self._settings = settings
        self._key = key
        self._cache = cache
        self._outputs = outputs
        self._budget = budget
        self._online = online
        self._submit = submit
        self._known = Known(cache)

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job, or raise `BatchRunning` once all are submitted.

        Where the provider takes no batch, or verdicts are asked for, all is asked for online.
        """
        to_ask = iter(jobs)
        first = next(to_ask, None)
        if first is None:
            return
        to_ask = itertools.chain([first], to_ask)
        snapshot = self._outputs.snapshot(first.topic, first.snapshot)
        if first.answers == "verdicts" or (not self._submit and snapshot.batch() is None):
            self._online.run(to_ask, deliver, paid=paid, redo=redo)
            return
        waiting: Waiting = {}
        for job in to_ask:
            outcome = None if redo else remembered(job, [self._request(job)], self._cache)
            if outcome is None:
                waiting[self._custom_id(job)] = job
            else:
                self._cache.hit(outcome.usage)
                deliver(outcome)
        try:
            rest = asyncio.run(self._work(snapshot, waiting, deliver, paid)) if waiting else []
        except (ModelUnavailable, ModelRefused, RequestRejected) as error:
            self._give_way(snapshot, error)
            rest = list(waiting.values())
        self._online.run(rest, deliver, paid=paid, redo=True)

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Put the answers of batches that are over into the cache.

        Raises `BatchRunning` where one is not over, or its provider cannot be reached.
        """
        found = self._outputs.snapshot(topic, snapshot)
        try:
            asyncio.run(self._collect(found, paid))
        except (ModelUnavailable, ModelRefused, RequestRejected) as error:
            self._give_way(found, error)

    def close(self) -> None:
        """Close what asks for the rest."""
        self._known.close()
        self._online.close()

    def _give_way(self, snapshot: Snapshot, error: PaperlineError) -> None:
        """Leave the rest to be asked for online, unless a batch is under way: that is paid for."""
        state = snapshot.batch()
        if state and any(part.batch and not part.collected for part in state.parts):
            raise BatchRunning(
                f"a batch cannot be looked at: {error}",
                where=str(snapshot),
                next_step="Run the same command again later",
            ) from None
        level = logging.INFO if isinstance(error, ModelUnavailable) else logging.WARNING
        log.log(level, "no batch: %s; online is asked instead. See [model] executor", error)

    def _request(self, job: Job) -> Request:
        return request_to(self._settings, job, self._known, first=True)

    def _custom_id(self, job: Job) -> str:
        return f"{job.paper.id}:{self._request(job).fingerprint()}"

    @contextlib.asynccontextmanager
    async def _talking(self) -> AsyncIterator["BatchApi"]:
        from pipeline.llm.batches import BatchApi  # with the SDK a second of import

        api = BatchApi(self._settings, self._key)
        try:
            yield api
        finally:
            await api.close()

    async def _collect(self, snapshot: Snapshot, paid: Paid) -> None:
        async with self._talking() as api:
            state = await self._submitted(api, snapshot, self._begun(snapshot))
            await self._collected(api, snapshot, state, paid)

    async def _work(
        self, snapshot: Snapshot, waiting: Waiting, deliver: Deliver, paid: Paid
    ) -> list[Job]:
        """The jobs that are left to ask for online, once no batch is under way any more."""
        unusable: list[Job] = []
        async with self._talking() as api:
            state = self._begun(snapshot)
            while True:
                state = await self._submitted(api, snapshot, state)
                state, refused = await self._collected(api, snapshot, state, paid)
                unusable += self._delivered(state, waiting, deliver, refused)
                spent = state.rounds >= ROUNDS or self._late(state) or not self._submit
                if not waiting or spent:
                    break
                state = await self._next_round(api, snapshot, state, waiting, deliver)
        snapshot.write_batch(None)
        return [*unusable, *waiting.values()]

    def _begun(self, snapshot: Snapshot) -> BatchState:
        """What is under way, else a state in which nothing is."""
        address = self._settings.base_url
        state = snapshot.batch() or BatchState(base_url=address, started=utc(datetime.now(UTC)))
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

        model = next(iter(waiting.values())).model
        files = list(split(self._lines(waiting, deliver)))
        stem = fingerprint([list(waiting), utc_text(state.started), state.rounds])[:16]
        ids, parts = iter(waiting), []
        for number, lines in enumerate(files, 1):
            of_part = tuple(itertools.islice(ids, len(lines)))
            parts.append(
                BatchPart(name=f"paperline-{stem}-{number}.jsonl", model=model, ids=of_part)
            )
        state = state.but(rounds=state.rounds + 1, parts=tuple(parts))
        snapshot.write_batch(state)
        for number, lines in enumerate(files):
            file = await api.upload(parts[number].name, lines)
            state = self._noted(snapshot, state, number, file=file)
            batch = await api.begin(file, parts[number].name)
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
        for job in jobs:
            request = self._request(job)
            tokens = Usage(
                prompt_tokens=count_request(request),
                completion_tokens=self._settings.max_output_tokens // 2,
            )
            try:
                estimate = priced(tokens, self._settings, request.model)
                self._budget.commit(estimate.at(BATCH_SHARE))
            except BudgetReached as error:
                deliver(failed(job, Failure(kind="budget", reason=str(error))))
                continue
            custom_id = self._custom_id(job)
            waiting[custom_id] = job
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
            batch = await api.begin(file, part.name)
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
            if batch and not batch.over and self._late(state):
                log.info("batch %s is past its deadline and is cancelled", batch.id)
                batch = await api.cancelled(batch.id)
            if batch is None:
                log.info("%s: the provider knows no batch %s any more", snapshot, part.batch)
            elif batch.over:
                refused |= await self._keep(api, snapshot, part, batch, paid)
            elif self._late(state, GIVEN_UP):
                log.warning("batch %s does not end: cancel it at its provider", part.batch)
            else:
                running.append(f"batch {batch.id} is {batch.status}, {batch.done} of {batch.total}")
                continue
            state = self._noted(snapshot, state, number, collected=True)
        if running:
            raise BatchRunning(
                "; ".join(running),
                where=str(snapshot),
                next_step="Run the same command again to collect it",
            )
        return state, refused

    async def _keep(
        self,
        api: "BatchApi",
        snapshot: Snapshot,
        part: BatchPart,
        batch: "RemoteBatch",
        paid: Paid,
    ) -> set[str]:
        """Put a batch's answers into the cache; returns the ids that were refused for good."""
        found: dict[str, Kept] = {}
        refused: list[Result] = []
        undone: Counter[str] = Counter()
        ours = set(part.ids)
        async for result in api.results(batch, part.model):
            if result.custom_id not in ours or result.custom_id in found:
                undone["an answer to nothing that was asked"] += 1
            elif result.answer is None:
                undone[result.failure] += 1
                refused += [result] if result.refused else []
            else:
                usage = priced(result.answer.usage, self._settings, part.model).at(BATCH_SHARE)
                self._budget.spend(usage)
                paper, _, request = result.custom_id.partition(":")
                answer = result.answer.but(usage=usage)
                found[result.custom_id] = kept(
                    snapshot.topic, snapshot.name, paper, request, part.model, answer
                )
        if found:
            self._cache.keep(list(found.values()), paid)
        log.info("batch %s is %s: %d answers kept", batch.id, batch.status, len(found))
        if batch.errors:
            log.info("batch %s: %s", batch.id, batch.errors)
        for what, count in undone.items():
            log.info("batch %s left %d requests undone: %s", batch.id, count, what)
        if self._learned(part.model, refused):
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

    def _late(self, state: BatchState, times: float = 1.0) -> bool:
        deadline = timedelta(hours=self._settings.batch_deadline * times)
        return datetime.now(UTC) - state.started >= deadline
