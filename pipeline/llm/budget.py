"""What may still be spent, by all that one command asks."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable

from pipeline.errors import BudgetReached
from pipeline.records import Usage
from pipeline.settings import BudgetSettings

UNLIMITED = BudgetSettings(usd_per_run=math.inf, tokens_per_run=2**63, usd_per_day=math.inf)
"""For whoever asks in another's name, who keeps the budget."""

REREAD = 5.0
"""Seconds after which the day's books are read again."""


class Budget:
    """The limits of one command, with what it and the day have spent so far.

    `spent_today` reads the books: US dollars spent today (UTC) over all commands. It is
    asked again every `REREAD` seconds, so that commands at work at once heed each other.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        spent_today: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._spent_today = spent_today
        self._clock = clock
        self._spent = Usage()
        self._reserved = Usage()
        self._outstanding = 0
        self._settled = asyncio.Event()
        self._read_at = -math.inf
        self._today = 0.0
        self._since = 0.0

    def check(self, estimate: Usage) -> None:
        """Raise `BudgetReached`, naming the limit, where `estimate` would pass one."""
        if self._clock() - self._read_at >= REREAD:
            self._today, self._since, self._read_at = self._spent_today(), 0.0, self._clock()
        reserved = self._reserved.plus(_known(estimate))
        after = self._spent.plus(reserved)
        limits = self._settings
        for name, limit, value in (
            ("usd_per_run", limits.usd_per_run, after.usd or 0.0),
            ("tokens_per_run", limits.tokens_per_run, after.tokens),
            ("usd_per_day", limits.usd_per_day, self._today + self._since + (reserved.usd or 0.0)),
        ):
            if value > limit:
                raise BudgetReached(f"[budget] {name} = {limit} is reached")

    def commit(self, estimate: Usage) -> None:
        """Set aside what a later command will pay. Raises `BudgetReached`."""
        self.check(estimate)
        self._reserved = self._reserved.plus(_known(estimate))

    def reserve(self, estimate: Usage) -> None:
        """Set `estimate` aside for a request under way. Raises `BudgetReached`."""
        self.commit(estimate)
        self._outstanding += 1

    def spend(self, used: Usage) -> None:
        """Count what was paid without a reservation."""
        self._spent = self._spent.plus(_known(used))
        self._since += used.usd or 0.0

    def settle(self, estimate: Usage, used: Usage) -> None:
        """Replace what was set aside by what was used: nothing, where no answer came."""
        self._reserved = self._reserved.plus(_negative(_known(estimate)))
        self.spend(used)
        self._outstanding -= 1
        self._settled.set()

    @contextlib.asynccontextmanager
    async def reserved(self, estimate: Usage) -> AsyncIterator[list[Usage]]:
        """Set `estimate` aside around one request; what is put into the list was used.

        Waits while other requests hold what may be left, since estimates are higher than
        what is used. Raises `BudgetReached`.
        """
        while True:
            try:
                self.reserve(estimate)
                break
            except BudgetReached:
                if not self._outstanding:
                    raise
            self._settled.clear()
            await self._settled.wait()
        used: list[Usage] = []
        try:
            yield used
        finally:
            self.settle(estimate, used[0] if used else Usage())


def _known(usage: Usage) -> Usage:
    """An unknown price counts as nothing: only `tokens_per_run` limits such a model."""
    return usage.but(usd=usage.usd or 0.0)


def _negative(usage: Usage) -> Usage:
    return Usage(
        prompt_tokens=-usage.prompt_tokens,
        completion_tokens=-usage.completion_tokens,
        usd=-(usage.usd or 0.0),
    )
