"""Digests and the site brought up to date after decisions, beside the requests.

A decision is on disk before it is answered; what follows from it takes longer: the digest's
files, and where the gate is open now, the site. Should the server be killed in between, or the
disk be full, the next run does it, or the next start of the server.
"""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from pipeline import releasing
from pipeline.errors import PaperlineError
from pipeline.notices import telling
from pipeline.outputs import Outputs
from pipeline.records import Digest
from pipeline.settings import Settings
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import Snapshot

PAUSE = 3.0
"""Seconds without a further decision after which a digest's files are written anew."""

log = logging.getLogger(__name__)


@dataclass
class _Due:
    """A release that is due at `moment`, of the monotonic clock; `done` once it has begun."""

    snapshot: Snapshot
    moment: float
    done: "Future[Digest] | None" = None


class Releases:
    """Releases snapshots one after the other, each a moment after its last decision.

    A context manager: at its end everything that is due has been done.
    """

    def __init__(self, settings: Settings, *, pause: float = PAUSE) -> None:
        self._settings = settings
        self._pause = pause
        self._changed = threading.Condition()
        self._due: dict[str, _Due] = {}
        self._closing = False
        self._turns = ThreadPoolExecutor(1, thread_name_prefix="releases-due")
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="releases")
        self._notices = ThreadPoolExecutor(1, thread_name_prefix="notices")

    def __enter__(self) -> Self:
        """Releases can be asked for; what an earlier server left undone is made up for."""
        self._worker.submit(self._make_up).add_done_callback(_log)
        return self

    def __exit__(self, *_: object) -> None:
        """Do at once what is due, and wait for it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._turns.shutdown()
        self._worker.shutdown()
        self._notices.shutdown()

    def ask(self, snapshot: Snapshot, *, at_once: bool) -> None:
        """Have a snapshot released in a moment, which begins again with each decision."""
        moment = time.monotonic() + (0.0 if at_once else self._pause)
        with self._changed:
            due = self._due.get(str(snapshot))
            if due is not None and due.done is None:
                due.moment = moment
            else:
                self._due[str(snapshot)] = _Due(snapshot, moment)
                self._turns.submit(self._turn)
            self._changed.notify_all()

    def announce(self, topic: str) -> None:
        """Tell people of what was published in a topic, in a moment: nobody waits for it."""
        self._notices.submit(
            telling.published, self._settings, topic, datetime.now(UTC)
        ).add_done_callback(_log_notices)

    def finish(self, snapshot: Snapshot) -> None:
        """Do at once what is due of a snapshot, and wait for it."""
        with self._changed:
            due = self._due.get(str(snapshot))
            if due is None:
                return
            due.moment = min(due.moment, time.monotonic())
            self._changed.notify_all()
            while due.done is None:
                self._changed.wait()
        wait([due.done])

    def is_due(self, snapshot: Snapshot) -> bool:
        """Whether its digest will change shortly."""
        due = self._due.get(str(snapshot))
        return due is not None and (due.done is None or not due.done.done())

    def trouble(self, snapshot: Snapshot) -> BaseException | None:
        """Why its last release failed, if it did."""
        due = self._due.get(str(snapshot))
        return due.done.exception() if due and due.done and due.done.done() else None

    def mended(self, snapshot: Snapshot) -> None:
        """Forget why its last release failed: another way has led to one that did not."""
        with self._changed:
            if self.trouble(snapshot) is not None:
                del self._due[str(snapshot)]

    def _make_up(self) -> None:
        outputs, folder = Outputs(self._settings.outputs), SiteFolder(self._settings.outputs)
        for topic in outputs.topics():
            snapshots = [outputs.snapshot(topic, name) for name in outputs.names(topic)]
            lagging = outputs.lagging(topic, outputs.times(topic))
            if not lagging and not folder.behind(snapshots):
                continue
            for missing in releasing.make_up(self._settings, lagging, datetime.now(UTC)):
                log.warning("%s/%s is not released: %s", topic, missing.snapshot, missing.reason)
            releasing.show(self._settings)
            self.announce(topic)

    def _turn(self) -> None:
        """Release what is due first, when it is due; each that is due has a turn of its own."""
        with self._changed:
            due = self._first()
            while not self._closing and (left := due.moment - time.monotonic()) > 0:
                self._changed.wait(left)
                due = self._first()
            due.done = self._worker.submit(
                releasing.release, self._settings, due.snapshot, datetime.now(UTC)
            )
            self._changed.notify_all()
        error = due.done.exception()
        if error is not None:
            defect = None if isinstance(error, PaperlineError) else error
            log.error("%s is not released: %s", due.snapshot, error, exc_info=defect)
        else:
            self.announce(due.snapshot.topic)

    def _first(self) -> _Due:
        return min((d for d in self._due.values() if d.done is None), key=lambda due: due.moment)


def _log(done: "Future[None]", what: str = "what was left undone is not released") -> None:
    error = done.exception()
    if error is not None:
        defect = None if isinstance(error, PaperlineError) else error
        log.error("%s: %s", what, error, exc_info=defect)


def _log_notices(done: "Future[None]") -> None:
    _log(done, "notices are not sent")
