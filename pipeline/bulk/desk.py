"""Where all months of a pass on a cluster ask: one actor with the cache, the books, the budget.

A month that is made somewhere hands in questions as the desk has room for them, and takes home
what has been answered meanwhile. So one month alone may ask as much as the limits allow, and
many together no more than that; nothing else is in memory.
"""

import asyncio
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import PaperlineError
from pipeline.exchange import Deliver, Job, Outcome, Paid
from pipeline.executors.cluster import Cluster
from pipeline.llm.asking import READY, Keeper
from pipeline.llm.budget import Budget
from pipeline.llm.keys import Secret
from pipeline.outputs import Outputs
from pipeline.ray_session import as_raised
from pipeline.records import Usage
from pipeline.settings import ProviderSettings, Settings

GATHERED = 0.02
"""Seconds in which further answers may come before a first one is taken home."""


class Desk:
    """A Ray actor on the driver's node, asked by all months."""

    async def open(self, settings: Settings, keyed: list[tuple[ProviderSettings, Secret]]) -> None:
        """Be ready to ask; costs that a killed run left unbooked are booked first."""
        outputs = Outputs(settings.outputs)
        self._spent = Usage()
        self._failed: PaperlineError | None = None
        self._under_way: dict[str, set[asyncio.Task[Outcome]]] = {}
        self._most = round(READY * max(table.concurrency for table, _ in keyed))

        def paid(spends: list[Spend]) -> None:
            outputs.append_spend(spends)
            for spend in spends:
                self._spent = self._spent.plus(spend.usage)

        self._cache = AnswerCache(settings.cache)
        self._cache.rebook(outputs.append_spend)
        budget = Budget(settings.budget, lambda: outputs.spent_on(datetime.now(UTC)))
        pairs = [(table, secret.key) for table, secret in keyed]
        self._asking = Cluster(settings.cluster, pairs, self._cache, budget)
        self._keeper = Keeper(self._cache, paid)

    async def exchange(self, caller: str, jobs: list[Job]) -> tuple[list[Outcome], int]:
        """Take jobs in, and return what was found for some of the caller's; waits for a first.

        What the cache has is not asked for. Also returned: how many more there is room for.
        After an error nothing more is asked, whoever calls, and all raise it.
        """
        found: list[Outcome] = []
        mine = self._under_way.setdefault(caller, set())
        for job in self._asking.not_remembered(jobs, found.append):
            mine.add(asyncio.create_task(self._outcome(job)))
        if mine and not found:
            await asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(GATHERED)
        done = {task for task in mine if task.done()}
        mine -= done
        found += [task.result() for task in done]
        share = self._most // len(self._under_way)
        if not mine:
            del self._under_way[caller]
        return found, max(share - len(mine), 0 if mine else 1)

    async def _outcome(self, job: Job) -> Outcome:
        if self._failed is not None:
            raise self._failed
        found: list[Outcome] = []
        try:
            await self._asking.work(iter([job]), found.append, self._keeper, width=1)
        except PaperlineError as error:
            self._failed = error
            raise
        return found[0]

    async def spent(self) -> Usage:
        """What was paid so far."""
        return self._spent

    async def close(self) -> None:
        """End what asks, and keep what was learned and what came."""
        left = [task for mine in self._under_way.values() for task in mine]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._keeper.close()
        await self._asking.end()
        self._cache.close()


class ThroughDesk:
    """The executor of a month, wherever it is made."""

    def __init__(self, desk: Any) -> None:
        """`desk` is the actor's handle."""
        self._desk = desk

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job; the desk tells the books. Raises what the desk does."""
        del paid, redo
        import ray

        def exchange(some: list[Job]) -> tuple[list[Outcome], int]:
            with as_raised():
                found: tuple[list[Outcome], int] = ray.get(self._desk.exchange.remote(caller, some))
            return found

        caller, jobs = uuid.uuid4().hex, iter(jobs)
        under_way, (_, room) = 0, exchange([])
        while (some := list(islice(jobs, room))) or under_way:
            outcomes, room = exchange(some)
            under_way += len(some) - len(outcomes)
            for outcome in outcomes:
                deliver(outcome)

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way once a run has ended."""

    def close(self) -> None:
        """The driver closes the desk."""
