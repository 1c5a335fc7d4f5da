"""A sign of life: an address that is asked when a night went well, and misses it when not.

A monitor such as healthchecks.io waits for it and raises the alarm: also where the machine is
off, cron is broken or paperline hangs, of which nobody else could tell. The address is a secret,
as whoever knows it can keep the alarm from being raised; it is never logged, written or shown.
"""

import http.client
import logging
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from multiprocessing.pool import ThreadPool
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipeline.errors import SettingsError
from pipeline.notices.addresses import named
from pipeline.settings import Settings
from pipeline.settings_faults import HEARTBEAT
from pipeline.version import VERSION

WHERE = "[notify] heartbeat"

PATIENCE = 10.0
"""Seconds that one try may take, from the name's look-up to the end of the headers."""

PAUSES = (1.0, 3.0)
"""Seconds between two tries; there is one try more."""

MOST_REDIRECTS = 3

FAR = timedelta(days=1)
"""How far from the real time a run's may be that is a sign of life."""

GOOD = (0, 3)
"""Exit codes of runs that finished."""

log = logging.getLogger(__name__)


class _NotAsked(Exception):
    """Why a try failed, in words without the address; `final` where another one would, too."""

    def __init__(self, what: str, *, final: bool = False) -> None:
        super().__init__(what)
        self.final = final


def address(settings: Settings) -> str:
    """The address, which `$NAME` stands for; empty where none is set.

    Raises `SettingsError` where the variable holds none.
    """
    setting = settings.notify.heartbeat
    return named(setting, WHERE, form=HEARTBEAT, what="address", such_as="https://...")


def described(settings: Settings) -> str:
    """Whether one is set, and how, in words; nothing is asked. Raises `SettingsError`."""
    if not address(settings):
        return "none is set, so nobody notices a night that never began; see docs/notices.md"
    setting = settings.notify.heartbeat
    named = setting if setting.startswith("$") else "an address in paperline.toml"
    return f"{named} is asked after each run of all topics that ends with exit code 0 or 3"


def after_run(settings: Settings, code: int, now: datetime, topics: int) -> None:
    """Give the sign of life for a run as of `now` of so many topics that ended with `code`.

    None for one that failed or is not finished, that left topics out, or whose time is far from
    the real one. Where it cannot be given that is a warning of one line.
    """
    whole = topics == len(settings.topic)
    if code not in GOOD or not whole or abs(datetime.now(UTC) - now) > FAR:
        return
    try:
        if asked := address(settings):
            _ask(asked)
    except SettingsError as error:
        log.warning("the heartbeat is not sent: %s", error)
    except _NotAsked as error:
        log.warning(
            "the heartbeat is not sent: %s: %s. Compare it with what your monitor says, and "
            "look at this machine's network",
            WHERE,
            error,
        )


def _ask(asked: str) -> None:
    """Ask the address, up to three times. Raises `_NotAsked`."""
    for pause in (*PAUSES, None):
        try:
            _in_time(asked)
        except _NotAsked as error:
            if error.final or pause is None:
                raise
            log.info("the heartbeat: %s; asking again", error)
            time.sleep(pause)
        else:
            return


def _in_time(asked: str) -> None:
    """One try, in a thread that ends with the program: an answer may come byte by byte."""
    pool = ThreadPool(1)
    answer = pool.apply_async(_followed, (asked,))
    pool.close()
    answer.wait(PATIENCE)
    if not answer.ready():
        raise _NotAsked("it did not answer in time")
    answer.get()


def _followed(asked: str) -> None:
    """Ask the address, and the one that it redirects to on the same host."""
    for _ in range(1 + MOST_REDIRECTS):
        status, location = _answered(asked)
        if status < 300:
            return
        if not location:
            final = status < 500 and status not in (408, 425, 429)
            raise _NotAsked(f"it answers with status {status}", final=final)
        asked = _redirected(asked, location)
    raise _NotAsked("it redirects again and again", final=True)


def _redirected(asked: str, location: str) -> str:
    """Where it sends us, on the same host and no less safe."""
    before = urlsplit(asked)
    try:
        target = urljoin(asked, location)
        after = urlsplit(target)
        same = (before.scheme, before.hostname, before.port) == (
            (after.scheme, after.hostname, after.port)
        )
    except ValueError:
        raise _NotAsked("it redirects to no address", final=True) from None
    safer = (before.scheme, after.scheme) == ("http", "https")
    if not same and not (safer and before.hostname == after.hostname):
        raise _NotAsked("it redirects to another host, which is refused", final=True)
    return target


def _answered(asked: str) -> tuple[int, str | None]:
    """The status, and where a redirect leads; the body is left unread."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        request = urllib.request.Request(  # noqa: S310  its scheme was looked at
            asked, headers={"User-Agent": f"paperline/{VERSION}"}
        )
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        with error:
            moved = error.code in (301, 302, 303, 307, 308)
            return error.code, error.headers.get("Location") if moved else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Its words may hold the address.
        reason = getattr(error, "reason", error)
        kind = type(reason if isinstance(reason, Exception) else error).__name__
        raise _NotAsked(f"it cannot be reached ({kind})") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to `_followed`."""

    def redirect_request(self, *_: Any) -> None:
        """No request follows by itself."""
