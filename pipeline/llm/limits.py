"""Requests and tokens per minute: as fast as the provider allows, and no faster.

The provider's own headers (`x-ratelimit-limit-*`, `x-ratelimit-remaining-*`,
`retry-after`, `retry-after-ms`) lower the configured limits, and never raise them:
https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

MINUTE = 60.0
MARGIN = 0.998
"""Share of a limit that is used: clocks and networks jitter, and with the burst it is all of it."""

BURST = 0.1
"""Seconds' worth that may go out at once; providers enforce a minute's limit by the second."""

LEAST = 0.01
"""Share of the configured limit below which a header's is not believed: it would stop the run."""

LONGEST_WAIT = 60.0
"""Seconds that a provider may ask to wait; one that asks for more is left alone in this run."""

LOOK_AGAIN = 5.0
"""Seconds after which whoever waits looks again: its share of the limits may have grown."""

Clock = Callable[[], float]


class Bucket:
    """A token bucket: refilled evenly, `per_minute`; `clock` gives seconds."""

    def __init__(self, per_minute: float, clock: Clock = time.monotonic) -> None:
        self._configured = per_minute
        self._clock = clock
        self._at = clock()
        self._set_rate(per_minute)
        self._level = self._size

    def resize(self, per_minute: float) -> None:
        """Refill `per_minute` from now on; what is there stays, as far as there is room."""
        self.delay(0, demand=True)
        self._configured = per_minute
        self._set_rate(per_minute)
        self._level = min(self._level, self._size)

    def _set_rate(self, per_minute: float) -> None:
        self._rate = per_minute * MARGIN / MINUTE
        self._size = max(1.0, self._rate * BURST)

    def delay(self, amount: float, *, demand: bool = False) -> float:
        """Seconds until `amount` is there; one larger than the bucket needs a full bucket.

        `demand`: requests have waited ever since the last call, so time that was lost to a
        busy machine is made up, beyond the bucket's size.
        """
        now = self._clock()
        filled = self._level + (now - self._at) * self._rate
        self._level = filled if demand else max(self._level, min(self._size, filled))
        self._at = now
        return max(0.0, (min(amount, self._size) - self._level) / self._rate)

    def take(self, amount: float) -> None:
        """Take `amount`, below zero too; give back what was not used with a negative one.

        What is given back was taken before, so the bucket may hold it beyond its size.
        """
        self._level -= amount

    def heed(self, limit: float | None, remaining: float | None) -> None:
        """Obey what the provider says: its limit per minute, and how much of it is left."""
        if limit is not None and limit >= self._configured * LEAST:
            self._set_rate(min(limit, self._configured))
        if remaining is not None:
            self._level = min(self._level, remaining)


class Limiter:
    """Both limits of one provider, shared by all requests of a process.

    Where several processes ask, each has one of `shares` equal parts of the limits, of what the
    provider says of them too. Whole requests are shared out, so that no minute has more of them
    than the limit, whenever each process begins.
    """

    def __init__(
        self,
        requests_per_minute: float,
        tokens_per_minute: float,
        clock: Clock = time.monotonic,
        *,
        shares: int = 1,
    ) -> None:
        self._whole = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._shares = shares
        self._buckets = {kind: Bucket(self._part(kind), clock) for kind in self._whole}
        self._clock = clock
        self._pause_until = self._asked_at = 0.0
        self._turn = asyncio.Lock()

    def share(self, shares: int) -> None:
        """Use one of so many parts of the limits from now on."""
        self._shares = shares
        for kind, bucket in self._buckets.items():
            bucket.resize(self._part(kind))

    def _part(self, kind: str) -> float:
        if kind == "requests" and self._shares > 1:
            return max(1.0, self._whole[kind] // self._shares)
        return self._whole[kind] / self._shares

    def delay(self, tokens: float, *, demand: bool = False) -> float:
        """Seconds until one request of about `tokens` tokens may be sent.

        `demand` as in `Bucket.delay`; a pause that the provider asked for is not made up.
        """
        demand = demand and self._pause_until <= self._asked_at
        self._asked_at = self._clock()
        return max(
            self._buckets["requests"].delay(1, demand=demand),
            self._buckets["tokens"].delay(tokens, demand=demand),
            self._pause_until - self._clock(),
        )

    async def wait(self, tokens: float) -> None:
        """Return when a request of about `tokens` tokens may be sent; first come, first served."""
        demand = self._turn.locked()
        async with self._turn:
            while (seconds := self.delay(tokens, demand=demand)) > 0:
                await asyncio.sleep(min(seconds, LOOK_AGAIN))
                demand = True
            self._buckets["requests"].take(1)
            self._buckets["tokens"].take(tokens)

    def correct(self, estimated: float, used: float) -> None:
        """Replace an estimate by what the request really used."""
        self._buckets["tokens"].take(used - estimated)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Obey the `x-ratelimit-*` headers of an answer."""
        for kind, bucket in self._buckets.items():
            limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
            remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
            if limit is not None or remaining is not None:
                bucket.heed(*(each and each / self._shares for each in (limit, remaining)))

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`, as the provider asked."""
        self._pause_until = max(self._pause_until, self._clock() + seconds)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the provider asks to wait; None where it does not say."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * factor
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (until - datetime.now(until.tzinfo)).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    """A header's number that is finite and not negative, else None."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
