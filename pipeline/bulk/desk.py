"""Where all months of a pass on a cluster ask: one actor with the cache, the books, the budget.

A month that is made somewhere hands in questions as the desk has room for them, and takes home
what has been answered meanwhile. So one month alone may ask as much as the limits allow, and
many together no more than that; nothing else is in memory. Where a month is begun again, since
its node is lost, it takes over what it had under way: nothing is asked twice.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pipeline.books import Spend
from pipeline.bulk.months import STOPS
from pipeline.cache import AnswerCache
from pipeline.errors import ClusterUnavailable, PaperlineError
from pipeline.exchange import Deliver, Job, Outcome, Paid, failed
from pipeline.executors.cluster import Cluster
from pipeline.llm.asking import READY, Keeper
from pipeline.llm.budget import Budget
from pipeline.llm.keys import Secret
from pipeline.outputs import Outputs
from pipeline.ray_session import as_raised
from pipeline.records import Failure, Usage
from pipeline.settings import ProviderSettings, Settings

GATHERED = 0.02
"""Seconds in which further answers may come before a first one is taken home."""

LATELY = 60.0
"""Seconds for which a month is waited for that does not take its answers home."""


@dataclass
class _Caller:
    """A month: what was asked for it by paper, and which papers of these `attempt` handed in."""

    attempt: int = 0
    asked: dict[str, asyncio.Task[Outcome]] = field(default_factory=dict)
    mine: set[str] = field(default_factory=set)
    seen: float = 0.0

    @property
    def takes_part(self) -> bool:
        """Whether room is kept for it; a lost one's answers wait here, and take none."""
        lately = bool(self.asked) and time.monotonic() - self.seen < LATELY
        return lately or not all(task.done() for task in self.asked.values())


class Desk:
    """A Ray actor on the driver's node, asked by all months."""

    async def open(self, settings: Settings, keyed: list[tuple[ProviderSettings, Secret]]) -> None:
        """Be ready to ask; costs that a killed run left unbooked are booked first."""
        outputs = Outputs(settings.outputs)
        self._spent = Usage()
        self._failed: PaperlineError | None = None
        self._stopped: Failure | None = None
        self._callers: dict[str, _Caller] = defaultdict(_Caller)
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

    async def begin(self, month: str) -> tuple[int, int]:
        """The number under which this attempt at a month asks, and how many jobs have room."""
        caller = self._callers[month]
        caller.attempt += 1
        caller.mine = set()
        return caller.attempt, self._share(caller)

    async def exchange(
        self, month: str, attempt: int, jobs: list[Job]
    ) -> tuple[list[Outcome], int]:
        """Take jobs in, and return what was found for some of the month's; waits for a first.

        What the cache has is not asked for. Also returned: how many more there is room for.
        After an error nothing more is asked, whoever calls, and all raise it; so does an attempt
        in whose place another has begun.
        """
        found: list[Outcome] = []
        caller = self._current(month, attempt)
        caller.mine |= {job.paper.id for job in jobs} & caller.asked.keys()
        others = [job for job in jobs if job.paper.id not in caller.mine]
        for job in self._asking.not_remembered(others, found.append):
            caller.asked[job.paper.id] = asyncio.create_task(self._outcome(job))
            caller.mine.add(job.paper.id)
        waited_for = [caller.asked[paper] for paper in caller.mine]
        if waited_for and not found:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(GATHERED)
            caller = self._current(month, attempt)
        done = {paper for paper in caller.mine if caller.asked[paper].done()}
        caller.mine -= done
        found += [caller.asked.pop(paper).result() for paper in done]
        under_way = len(caller.mine)
        return found, max(self._share(caller) - under_way, 0 if under_way else 1)

    def _current(self, month: str, attempt: int) -> _Caller:
        caller = self._callers[month]
        if caller.attempt != attempt:
            raise ClusterUnavailable(
                "was taken for lost, and is made elsewhere",
                where=month,
                next_step="Look at ray status, then run the same command again",
            )
        caller.seen = time.monotonic()
        return caller

    def _share(self, caller: _Caller) -> int:
        others = (each for each in self._callers.values() if each is not caller)
        return self._most // (1 + sum(each.takes_part for each in others))

    async def _outcome(self, job: Job) -> Outcome:
        if self._failed is not None:
            raise self._failed
        if self._stopped is not None:
            return failed(job, self._stopped)
        found: list[Outcome] = []
        try:
            await self._asking.work(iter([job]), found.append, self._keeper, width=1)
        except PaperlineError as error:
            self._failed = error
            raise
        failure = found[0].failure
        if failure is not None and failure.kind in STOPS:
            self._stopped = failure
        return found[0]

    async def stopped(self) -> Failure | None:
        """Why nothing more is asked for the rest of the pass, if it is so."""
        return self._stopped

    async def spent(self) -> Usage:
        """What was paid so far."""
        return self._spent

    async def close(self) -> None:
        """End what asks, and keep what was learned and what came."""
        left = [task for each in self._callers.values() for task in each.asked.values()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._keeper.close()
        await self._asking.end()
        self._cache.close()


class ThroughDesk:
    """The executor of a month, wherever it is made."""

    def __init__(self, desk: Any, month: str) -> None:
        """`desk` is the actor's handle."""
        self._desk = desk
        self._month = month

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job; the desk tells the books. Raises what the desk does."""
        del paid, redo
        jobs, under_way = iter(jobs), 0
        attempt, room = self._answer("begin", self._month)
        while (some := list(islice(jobs, room))) or under_way:
            outcomes, room = self._answer("exchange", self._month, attempt, some)
            under_way += len(some) - len(outcomes)
            for outcome in outcomes:
                deliver(outcome)

    def stopped(self) -> Failure | None:
        """Why nothing more is asked, if it is so."""
        found: Failure | None = self._answer("stopped")
        return found

    def _answer(self, method: str, *arguments: Any) -> Any:
        import ray

        with as_raised():
            return ray.get(getattr(self._desk, method).remote(*arguments))

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way once a run has ended."""

    def close(self) -> None:
        """The driver closes the desk."""
