"""What may still be spent, by all that one command asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pipeline.errors import BudgetReached
from pipeline.records import Usage
from pipeline.settings import BudgetSettings


class Budget:
    """The limits of one command, with what it and the day have spent so far.

    `spent_today` in US dollars, over all commands, at the start of this one.
    """

    def __init__(self, settings: BudgetSettings, spent_today: float) -> None:
        self._settings = settings
        self._today = spent_today
        self._spent = Usage()
        self._reserved = Usage()
        self._outstanding = 0
        self._settled = asyncio.Event()

    def reserve(self, estimate: Usage) -> None:
        """Set `estimate` aside. Raises `BudgetReached` naming the limit that it would pass."""
        after = self._spent.plus(self._reserved).plus(_known(estimate))
        limits, usd = self._settings, after.usd or 0.0
        for name, limit, value in (
            ("usd_per_run", limits.usd_per_run, usd),
            ("tokens_per_run", limits.tokens_per_run, after.tokens),
            ("usd_per_day", limits.usd_per_day, self._today + usd),
        ):
            if value > limit:
                raise BudgetReached(f"[budget] {name} = {limit} is reached")
        self._reserved = self._reserved.plus(_known(estimate))
        self._outstanding += 1

    def settle(self, estimate: Usage, used: Usage) -> None:
        """Replace what was set aside by what was used: nothing, where no answer came."""
        self._reserved = self._reserved.plus(_negative(_known(estimate)))
        self._spent = self._spent.plus(_known(used))
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
