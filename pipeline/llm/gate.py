"""How many requests are under way at once: fewer while the provider is overloaded.

TCP's congestion control in small: an overload cuts the number to `CUT` of it; successes
raise it fast up to where trouble began, then slowly beyond, as long as there is any need.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

CUT = 0.7
NEAR = 0.9
"""Share of the number at the last overload up to which it recovers fast."""


def share_of(concurrency: int, shares: int) -> int:
    """Requests under way at once in one of so many equal parts; 1 at least."""
    return max(1, concurrency // shares)


class Gate:
    """Lets at most `most` requests through at once; `clock` gives seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._allowed = float(most)
        self._trouble = float(most)
        self._cut_at = -math.inf
        self._answered = True
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ended = asyncio.Event()

    def resize(self, most: int) -> None:
        """Let at most `most` through from now on; those under way are left alone.

        What overloads taught holds in proportion.
        """
        self._allowed *= most / self._most
        self._trouble *= most / self._most
        self._most = most
        self._wake()

    async def drained(self) -> None:
        """Return when no more are under way than may be: a smaller size has come into force."""
        while self._under_way > self._most:
            self._ended.clear()
            await self._ended.wait()

    @property
    def allowed(self) -> int:
        """Requests that may be under way now, 1 or more."""
        return max(1, int(self._allowed))

    @contextlib.asynccontextmanager
    async def passing(self) -> AsyncIterator[float]:
        """Hold a place for one request; gives the time at which it was let through."""
        while self._under_way >= self.allowed:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._wake()  # the turn that this one was given goes to the next
                raise
        self._under_way += 1
        try:
            yield self._clock()
        finally:
            self._under_way -= 1
            self._ended.set()
            self._wake()

    def overloaded(self, since: float) -> None:
        """A request that was let through at `since` met an overload.

        Requests that left before the last cut tell of the load before it, and count no more.
        """
        if since >= self._cut_at:
            if self._answered:  # else it is an outage, which says nothing of how many fit
                self._trouble = self._allowed
            self._answered = False
            self._allowed = max(1.0, self._allowed * CUT)
            self._cut_at = self._clock()

    def succeeded(self) -> None:
        """A request was answered: there may be room for more."""
        self._answered = True
        step = 1.0 if self._allowed < self._trouble * NEAR else 1.0 / self._allowed
        self._allowed = min(float(self._most), self._allowed + step)
        self._wake()

    def _wake(self) -> None:
        free = self.allowed - self._under_way
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
