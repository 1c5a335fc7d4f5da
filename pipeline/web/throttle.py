"""Slowing down of what keeps failing, as guesses of a password do."""

import hashlib
import time
from collections import OrderedDict
from typing import NamedTuple

from pipeline.web.sessions import Clock

WINDOW = 15 * 60.0
"""Seconds after the last failure in which all of them are forgotten."""

MOST = 10_000
"""Keys that are kept; past that the one that failed longest ago is forgotten."""


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


def _digest(key: str) -> bytes:
    """What stands for a key of any length: memory stays bounded."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
