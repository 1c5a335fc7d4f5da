"""Asks from several processes of a Ray cluster, each with its share of the limits.

The driver is the process of the command: it looks into the cache, sends only what is missing,
keeps every answer before anything else happens to it, and holds the budget. An `Asker` sends
requests and returns what came. One that is lost, with its node or alone, costs what was on its
wire: that is asked for again, and its share goes to the others until another takes its place.
"""

import contextlib
from collections.abc import Collection, Iterable, Sequence

from pipeline.cache import AnswerCache
from pipeline.errors import BudgetReached
from pipeline.exchange import Answer, Deliver, Job, Paid, Request
from pipeline.llm.abilities import Known
from pipeline.llm.asking import Asking
from pipeline.llm.budget import Budget
from pipeline.llm.expectation import Expectation
from pipeline.ray_pool import Pool
from pipeline.ray_session import as_signalled, capacity, joined
from pipeline.records import Failure
from pipeline.settings import ClusterSettings, ProviderSettings


class Cluster(Asking):
    """The executor over Ray actors. Close it when done: Ray ends with it, unless it was there."""

    def __init__(
        self,
        settings: ClusterSettings,
        keyed: Sequence[tuple[ProviderSettings, str]],
        cache: AnswerCache,
        budget: Budget,
        hidden: Collection[str] = (),
    ) -> None:
        """`keyed`: the model's table and its fallbacks, each with its own key.

        `hidden`: environment variables that a Ray of its own does not inherit; see `joined`.
        """
        self._session = contextlib.ExitStack()
        tables, known = [table for table, _ in keyed], Known(cache)

        def connect() -> list[_Remote]:
            self._session.enter_context(joined(settings, hidden=hidden))
            pool = Pool(settings, keyed, known)
            pool.look_for_room(capacity().places(settings))
            return [_Remote(pool, which, table, budget) for which, table in enumerate(tables)]

        super().__init__(tables, cache, known, connect)

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """See `Asking.run`; SIGTERM ends it in the same order as Ctrl-C."""
        with as_signalled():
            super().run(jobs, deliver, paid=paid, redo=redo)

    def close(self) -> None:
        """End the actors, and Ray where it was started for this."""
        with self._session:
            super().close()


class _Remote:
    """One provider, asked through whichever member of the pool has the least to do."""

    def __init__(self, pool: Pool, which: int, settings: ProviderSettings, budget: Budget) -> None:
        self.settings = settings
        self._pool = pool
        self._which = which
        self._budget = budget
        self._expected = Expectation(settings)

    @property
    def stopped(self) -> bool:
        return self._pool.stopped

    @stopped.setter
    def stopped(self, stop: bool) -> None:
        self._pool.stop(stop=stop)

    async def ask(self, request: Request, *, room: int = 1) -> Answer | Failure:
        estimate = self._expected.of(request)
        try:
            async with self._budget.reserved(estimate) as used:
                said = await self._pool.ask(self._which, request, room)
                if isinstance(said, Answer):
                    used.append(said.usage)
                    self._expected.learn(estimate, said.usage)
        except BudgetReached as error:
            return Failure(kind="budget", reason=str(error))
        return said

    async def close(self) -> None:
        await self._pool.close()
