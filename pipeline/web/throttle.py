"""Slowing down of what keeps failing, as guesses of a password do."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import NamedTuple

from starlette.exceptions import HTTPException

from pipeline.web.sessions import Clock

WINDOW = 15 * 60.0
"""Seconds after the last failure in which all of them are forgotten."""

MOST = 10_000
"""Keys that are kept; past that the one that failed longest ago is forgotten."""

QUEUE = 16
"""Attempts that wait for their turn; what comes on top is told to come again."""


class _Failures(NamedTuple):
    times: int
    last: float


class Throttle:
    """After `free` failures of a key each further one doubles the wait: 2 s, 4 s, 8 s ...

    `longest` is the longest wait in seconds. What comes during a wait is not looked at and
    does not lengthen it.
    """

    def __init__(self, free: int, longest: float, clock: Clock = time.monotonic) -> None:
        self._free = free
        self._longest = longest
        self._clock = clock
        self._failures: OrderedDict[bytes, _Failures] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next attempt of `key` is looked at; 0 where that is now."""
        times, last = self._known(key)
        if times < self._free:
            return 0.0
        # The power is bounded: a float has no 2 ** 2000.
        delay = min(2.0 ** min(times - self._free + 1, 60), self._longest)
        return max(0.0, last + delay - self._clock())

    def failed(self, key: str) -> None:
        """Count a failure."""
        self._failures[_digest(key)] = _Failures(self._known(key).times + 1, self._clock())
        self._failures.move_to_end(_digest(key))
        if len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(_digest(key), None)

    def _known(self, key: str) -> _Failures:
        known = self._failures.get(_digest(key), _Failures(0, 0.0))
        return known if self._clock() - known.last < WINDOW else _Failures(0, 0.0)


class Attempts:
    """Attempts, looked at one after the other.

    Each has a key for each of the `throttles`. The turns bound the work, and guesses that are
    sent at once are all counted.
    """

    def __init__(self, *throttles: Throttle) -> None:
        self._throttles = throttles
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def look(
        self, keys: Sequence[str], succeeds: Callable[[], Awaitable[bool]]
    ) -> tuple[int, bool]:
        """Seconds until an attempt with these keys is looked at, and whether this one succeeds.

        A success forgets the failures of the first key alone. Raises `HTTPException` 503
        where too many wait already.
        """
        if wait := self._wait(keys):
            return wait, False
        if self._waiting >= QUEUE:
            raise HTTPException(503, headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._turn:
                if wait := self._wait(keys):
                    return wait, False
                if await succeeds():
                    self._throttles[0].succeeded(keys[0])
                    return 0, True
                for throttle, key in zip(self._throttles, keys, strict=True):
                    throttle.failed(key)
                return 0, False
        finally:
            self._waiting -= 1

    def _wait(self, keys: Sequence[str]) -> int:
        pairs = zip(self._throttles, keys, strict=True)
        return ceil(max(throttle.wait(key) for throttle, key in pairs))


def _digest(key: str) -> bytes:
    """What stands for a key of any length: memory stays bounded."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
