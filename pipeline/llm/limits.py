"""Requests and tokens per minute: never more than the provider allows."""

import asyncio
import time
from collections.abc import Callable

MINUTE = 60.0


class Bucket:
    """A token bucket that refills evenly and holds what `burst` seconds bring.

    `amount` per minute; time comes from `clock`, in seconds.
    """

    def __init__(
        self, amount: int, *, burst: float = 6.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = amount / MINUTE
        self._size = max(1.0, self._rate * burst)
        self._level = self._size
        self._clock = clock
        self._at = clock()

    def take(self, amount: float) -> float:
        """Take `amount` now and return the seconds to wait until it was there.

        The level may go below zero, so whoever comes next waits longer: requests are
        served in the order in which they came, and one larger than the bucket passes.
        """
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._level / self._rate)

    def give(self, amount: float) -> None:
        """Give back what was estimated too high (take more, where `amount` is negative)."""
        self._level = min(self._size, self._level + amount)


class Limiter:
    """Both limits of one provider, shared by all requests of a run."""

    def __init__(self, requests_per_minute: int, tokens_per_minute: int) -> None:
        self._requests = Bucket(requests_per_minute)
        self._tokens = Bucket(tokens_per_minute)
        self._pause_until = 0.0

    async def wait(self, tokens: int) -> None:
        """Return when one request of about `tokens` tokens may be sent."""
        delay = max(self._requests.take(1), self._tokens.take(tokens))
        await asyncio.sleep(max(delay, self._pause_until - time.monotonic(), 0.0))

    def correct(self, estimated: int, used: int) -> None:
        """Replace an estimate by what the request really used."""
        self._tokens.give(estimated - used)

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`, as the provider asked."""
        self._pause_until = max(self._pause_until, time.monotonic() + seconds)
