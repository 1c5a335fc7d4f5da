"""Who is told what, and that nobody is told twice.

That an event goes to a channel is on disk before it is sent, and what is there is not sent
again, whatever became of it. A process that is killed in between has thus told nobody, or
somebody once: of a digest that is announced twice readers complain, and one that was not
announced is on the site all the same.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal, NamedTuple

from pipeline.books import Notice
from pipeline.errors import PaperlineError
from pipeline.notices import messages
from pipeline.notices.channels import channel, deliver, opened
from pipeline.notices.messages import Message
from pipeline.outputs import Outputs
from pipeline.records import Publication, fingerprint, utc, utc_text
from pipeline.report import Report
from pipeline.settings import Settings
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import Snapshot

NEWS = timedelta(days=2)
"""How long after its release a digest is still announced, where something came in between.

The run of the next night starts a day and some moments later; even that one may fail.
"""

NOT_FINISHED = 75
"""The exit code of a run that goes on later; nothing is told of it."""

log = logging.getLogger(__name__)


class Event(NamedTuple):
    """What happened: `about` makes it the one event that it is."""

    kind: Literal["published", "waiting", "gaps", "failed"]
    about: str

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


def announce(settings: Settings, event: Event, message: Callable[[], Message]) -> None:
    """Tell every channel of the event's kind that was not told yet.

    Whatever goes wrong is logged as a warning of one line.
    """
    for setting in getattr(settings.notify, event.kind):
        try:
            _tell(Outputs(settings.outputs), event, setting, message)
        except PaperlineError as error:
            log.warning("notice %s is not sent: %s", event, error)


def published(settings: Settings, topic: str, now: datetime) -> None:
    """Announce the topic's digests that readers can read since two days, or again since.

    Those of days that were filled in later are not announced, nor are corrections.
    """
    if not settings.notify.published:
        return
    try:
        outputs = Outputs(settings.outputs)
        since = (datetime.now(UTC) - NEWS).timestamp() * 1e9
        times = outputs.times(topic).items()
        recent = [outputs.snapshot(topic, name) for name, at in times if at.published > since]
        behind = {str(snapshot) for snapshot in SiteFolder(settings.outputs).behind(recent)}
        for snapshot in recent:
            if str(snapshot) not in behind:
                _publication(settings, snapshot, now)
    except PaperlineError as error:
        log.warning("notices of digests in %s are not sent: %s", topic, error)


def after_run(settings: Settings, report: Report, now: datetime) -> None:
    """Tell what a finished run of a topic came to: published, waiting, gaps."""
    published(settings, report.topic, now)
    about = f"{report.topic}/{report.snapshot or '-'}"
    if report.page and not report.published and not report.taken_back:
        announce(settings, Event("waiting", about), lambda: messages.waiting(settings, report))
    if report.missing:
        mark = fingerprint([each.to_json() for each in report.missing])[:16]
        announce(settings, Event("gaps", f"{about} {mark}"), lambda: messages.gaps(report))


def after_failure(settings: Settings, topic: str, error: PaperlineError, now: datetime) -> None:
    """Tell that a topic's run failed, and what it published all the same."""
    published(settings, topic, now)
    failed(settings, topic, error, now)


def failed(settings: Settings, what: str, error: Exception, now: datetime) -> None:
    """Tell that a run failed: that of the topic `what`, or the run as a whole."""
    if isinstance(error, PaperlineError) and error.exit_code == NOT_FINISHED:
        return
    when = utc_text(utc(now).replace(microsecond=0))
    event = Event("failed", f"{what} {when}")
    announce(settings, event, lambda: messages.failed(what, error, when))


class Watch:
    """A context manager that tells of whatever error ends its block, and lets it go on."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._now = now

    def __enter__(self) -> None:
        """Nothing is told yet."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """Tell of the error, unless somebody broke the run off."""
        if isinstance(error, Exception):
            failed(self._settings, "paperline", error, self._now)


def _publication(settings: Settings, snapshot: Snapshot, now: datetime) -> None:
    """Announce one digest, where it is shown since two days and of its own day."""
    releases = snapshot.publications()
    count = _appeared(releases)
    if not count or releases[-1].why is not None or snapshot.run().backfilled:
        return
    if now - releases[count - 1].at <= NEWS:
        event = Event("published", f"{snapshot} {count}")
        announce(settings, event, lambda: messages.published(settings, releases[-1].digest))


def _appeared(releases: Iterable[Publication]) -> int:
    """The number of the release by which the digest came to be shown, the last time; 0: never."""
    number, shown = 0, False
    for count, release in enumerate(releases, 1):
        if release.why is None and not shown:
            number = count
        shown = release.why is None
    return number


def _tell(outputs: Outputs, event: Event, setting: str, message: Callable[[], Message]) -> None:
    where = f"[notify] {event.kind}"
    asked = channel(setting, where)
    now = utc(datetime.now(UTC))
    notice = Notice(event=str(event), channel=asked.id, service=asked.service, at=now)
    if any(notice.same(earlier) for earlier in outputs.notices()):
        return
    # Before it is written down: an address that is mended later is told then.
    sender, text = opened(asked, where), message()
    if not outputs.begin_notice(notice):
        return
    trouble = deliver(sender, text)
    if trouble:
        log.warning(
            "notice %s is not sent: %s: %s. Run paperline doctor", event, asked.service, trouble
        )
    done = utc(datetime.now(UTC))
    outputs.append_notice(notice.but(at=done, result="failed" if trouble else "sent"))
