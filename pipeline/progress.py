"""How far a stage has come, as it goes: done of total, rate, tokens, cost, time left."""

import logging
import time
from typing import Protocol

from pipeline.records import Usage

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two lines in a log."""


class Progress(Protocol):
    """What a stage tells of its way; one after the other may be begun."""

    def begin(self, what: str, total: int) -> None:
        """`what` begins, with `total` papers to do."""
        ...

    def advance(self, spent: Usage) -> None:
        """One more paper is done; `spent` is what was paid since the beginning."""
        ...

    def end(self) -> None:
        """It is over, done or not."""
        ...


class Plain:
    """Progress as lines in the log, one in `EVERY` seconds and one at the end."""

    def begin(self, what: str, total: int) -> None:
        """As in `Progress`."""
        self._what, self._total, self._done, self._spent = what, total, 0, Usage()
        self._began = self._told = time.monotonic()

    def advance(self, spent: Usage) -> None:
        """As in `Progress`."""
        self._done += 1
        self._spent = spent
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._tell(now)

    def end(self) -> None:
        """As in `Progress`."""
        if self._done:
            self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        rate = self._done / max(now - self._began, 1e-3)
        left = (self._total - self._done) / rate if rate else 0.0
        eta = f", {duration(left)} left" if rate and self._done < self._total else ""
        log.info(
            "%s: %d of %d papers, %.1f a second, %s%s",
            self._what,
            self._done,
            self._total,
            rate,
            cost(self._spent),
            eta,
        )


def cost(usage: Usage) -> str:
    """Tokens and dollars, in words."""
    usd = "cost unknown" if usage.usd is None else f"${usage.usd:.4f}"
    return f"{usage.tokens} tokens, {usd}"


def duration(seconds: float) -> str:
    """`1:05` or `1:00:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
