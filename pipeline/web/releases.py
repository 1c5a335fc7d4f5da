"""Digests and the site brought up to date after decisions, beside the requests.

A decision is on disk before it is answered; what follows from it takes longer: the digest's
files, and where the gate is open now, the site. Should the server be killed in between, the
next run does it.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pipeline import run
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot

PAUSE = 3.0
"""Seconds without a further decision after which a digest's files are written anew."""


@dataclass
class _Due:
    """A release that is due at `moment`, of the monotonic clock; `done` tells how it ended."""

    moment: float
    begun: bool = False
    done: "Future[None] | None" = None


class Releases:
    """Releases snapshots one after the other, each a moment after its last decision.

    A context manager: at its end everything that is due has been done.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._due: dict[str, _Due] = {}
        self._closing = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="releases")

    def __enter__(self) -> Self:
        """Releases can be asked for."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do at once what is due, and wait for it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._worker.shutdown()

    def ask(self, snapshot: Snapshot, *, at_once: bool) -> None:
        """Have a snapshot released in a moment, which begins again with each decision."""
        moment = time.monotonic() + (0.0 if at_once else PAUSE)
        with self._changed:
            due = self._due.get(str(snapshot))
            if due is not None and not due.begun:
                due.moment = moment
                self._changed.notify_all()
                return
            due = self._due[str(snapshot)] = _Due(moment)
            due.done = self._worker.submit(self._release, snapshot, due)

    def is_due(self, snapshot: Snapshot) -> bool:
        """Whether its digest will change shortly."""
        due = self._due.get(str(snapshot))
        return due is not None and due.done is not None and not due.done.done()

    def trouble(self, snapshot: Snapshot) -> BaseException | None:
        """Why its last release failed, if it did."""
        due = self._due.get(str(snapshot))
        return due.done.exception() if due and due.done and due.done.done() else None

    def _release(self, snapshot: Snapshot, due: _Due) -> None:
        with self._changed:
            while not self._closing and (left := due.moment - time.monotonic()) > 0:
                self._changed.wait(left)
            due.begun = True
        run.release(self._settings, snapshot, datetime.now(UTC))
