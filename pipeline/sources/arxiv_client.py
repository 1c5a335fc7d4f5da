"""Asking arXiv's query API as its terms of use want: one request at a time, spaced, named.

https://info.arxiv.org/help/api/tou.html
"""

import logging
import time
from typing import Any
from urllib.parse import urlsplit

import arxiv  # type: ignore[import-untyped, unused-ignore]
import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from pipeline.errors import ArxivUnavailable, Busy, QueryRefused
from pipeline.progress import duration
from pipeline.settings import ArxivSettings
from pipeline.sources import feed, turns
from pipeline.sources.deadline import Deadline
from pipeline.sources.turns import turn_file
from pipeline.text import one_line
from pipeline.version import VERSION

log = logging.getLogger(__name__)

LATER = "Run the same command again later; arXiv's state: https://status.arxiv.org"
CHECK_QUERY = "Check the topic's query in paperline.toml"
CHECK_URL = "Check the [arxiv] url in paperline.toml"

BANNED = "Wait a day, and if it stays write to arXiv: https://info.arxiv.org/help/contact.html"

FIRST_WAIT = 0.1
"""Seconds before the second try at least, where `delay` is shorter."""

LONGEST_WAIT = 100
"""Waits double from `delay` up to so many times it: five minutes at arXiv's delay."""

SHORT_TRIES = 4
"""Times that one page may lack entries before it is taken as it is."""

EMPTY_TRIES = 2
"""Times that a query has no result at all before that is believed."""

NOT_THERE = frozenset({401, 404, 405, 410, 414})
"""Statuses that waiting does not change: the address is not that of the query API."""

MOST_BYTES = 200_000_000
"""Of one answer, unpacked; 2,000 entries, the largest page, take some 6,000,000."""

MOST_TIMEOUTS = 10
"""Times the timeout that one answer may take as a whole, however steadily it trickles."""


class FailedRequestError(Exception):
    """One request failed in a way that may pass; `retry_after`: seconds arXiv asked to wait."""

    def __init__(self, what: str, retry_after: float = 0.0) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class PatientClient(arxiv.Client):  # type: ignore[misc, unused-ignore]
    """The package's client with its gaps closed.

    As of arxiv 4.0 it sets no timeout, waits the same time before every retry, does not
    know `Retry-After`, does not retry a read that times out or a body that breaks off,
    takes an empty or HTML first page for the end of the results, takes what it can parse
    of half a feed, keeps its connection open between requests, and does not compare what
    arrived with what was announced. Here `adapter` sends each request and fails where the
    answer is not whole, `page` tries again at growing intervals, and the caller counts.
    """

    def __init__(self, settings: ArxivSettings, adapter: HTTPAdapter) -> None:
        super().__init__(page_size=settings.page_size, delay_seconds=0, num_retries=0)
        self._settings = settings
        self.query_url_format = settings.url.replace("{", "{{").replace("}", "}}") + "?{}"
        self._failing_since: float | None = None
        for scheme in ("http://", "https://", "file://"):  # redirects go through it, too
            self._session.mount(scheme, adapter)

    def page(self, search: arxiv.Search, start: int, size: int, *, fault: str | None = None) -> Any:
        """The page of `size` results from number `start` on: `.results`, `.header.total_results`.

        A page that lacks entries is asked for again, and the longest one is returned. arXiv
        sometimes sends an error entry by mistake, so one is asked again, too, unless `fault`
        says what is wrong with the query. Raises `ArxivUnavailable` when patience is used up,
        or `QueryRefused` where an error entry stayed. Patience begins anew only when
        something arrives, so with arXiv down the next topics do not wait as long again.
        """
        began = self._failing_since or time.monotonic()
        asking = _Asking(self._settings, start, size, fault, began)
        url = self._format_url(search, start, size)
        try:
            page = asking.retrying()(lambda: asking.take(self._once(url)))
        except ArxivUnavailable:
            self._failing_since = began
            raise
        self._failing_since = None
        return page

    def _once(self, url: str) -> Any:
        try:
            return self._parse_feed(url)
        except requests.RequestException as error:  # of redirects; the adapter names its own
            raise FailedRequestError(f"gave no answer: {_reason(error)}") from error


class _Asking:
    """The tries at one page: how many of each kind, and the longest answer."""

    def __init__(
        self, settings: ArxivSettings, start: int, size: int, fault: str | None, began: float
    ) -> None:
        self._settings = settings
        self._start = start
        self._size = size
        self._fault = fault
        self._began = began
        self._longest: Any = None
        self._taken = 0
        self._short = 0

    def take(self, page: Any) -> Any:
        """The longest page so far."""
        self._taken += 1
        if self._longest is None or len(page.results) > len(self._longest.results):
            self._longest = page
        return self._longest

    def retrying(self) -> tenacity.Retrying:
        """Tries again until the page is whole, is believed, or patience is used up."""
        delay = max(self._settings.delay, FIRST_WAIT)
        growing = tenacity.wait_exponential(multiplier=delay, max=LONGEST_WAIT * delay)
        return tenacity.Retrying(
            retry=tenacity.retry_any(
                tenacity.retry_if_exception_type((FailedRequestError, QueryRefused)),
                tenacity.retry_if_result(self._is_short),
            ),
            wait=lambda state: max(growing(state), _retry_after(state)),
            stop=self._is_enough,
            before_sleep=self._tell,
            retry_error_callback=self._conclude,
        )

    def _is_short(self, page: Any) -> bool:
        announced: int = page.header.total_results - self._start
        if not announced and not self._start:
            return self._taken < EMPTY_TRIES
        return len(page.results) < min(self._size, announced)

    def _is_enough(self, state: tenacity.RetryCallState) -> bool:
        """Whether an odd answer came often enough to be believed, or patience is used up."""
        failure = _failure(state)
        self._short += failure is None
        if self._short >= SHORT_TRIES or (self._fault and isinstance(failure, QueryRefused)):
            return True
        waited = time.monotonic() - self._began
        return waited + state.upcoming_sleep > self._settings.patience

    def _tell(self, state: tenacity.RetryCallState) -> None:
        failure = _failure(state)
        told = str(failure.what if isinstance(failure, QueryRefused) else failure)
        if failure is None:
            told = f"sent {len(self._longest.results)} of at most {self._size} entries"
        log.info(
            "arXiv: %s; asking again in %s, try %d",
            told,
            duration(state.upcoming_sleep),
            state.attempt_number + 1,
        )

    def _conclude(self, state: tenacity.RetryCallState) -> Any:
        """The page such as it is, or the failure that stayed."""
        failure = _failure(state)
        if failure is None:
            return self._longest
        if isinstance(failure, QueryRefused):
            raise QueryRefused(
                f"{failure.what}; {self._fault}" if self._fault else failure.what,
                where=failure.where,
                next_step=failure.next_step if self._fault else f"{CHECK_QUERY}. {LATER}",
            ) from failure
        tries = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
        raise ArxivUnavailable(
            f"{failure}; asked {tries} in {duration(state.seconds_since_start or 0.0)}",
            where=self._settings.url,
            next_step=LATER,
        ) from failure


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _retry_after(state: tenacity.RetryCallState) -> float:
    failure = _failure(state)
    return failure.retry_after if isinstance(failure, FailedRequestError) else 0.0


class Turns(HTTPAdapter):
    """Sends each request in its turn, reads the whole answer in it, and looks at it.

    The connection is closed before the turn ends, so that there is one at a time over all
    processes. Raises `FailedRequestError` for what may pass.
    """

    def __init__(self, settings: ArxivSettings) -> None:
        super().__init__()
        self._settings = settings
        self._turn = turn_file(settings.url)
        self._host = urlsplit(settings.url).hostname
        self._deadline = Deadline(MOST_TIMEOUTS * settings.timeout)
        scheme = "" if "://" in settings.contact else "mailto:"
        contact = f" (+{scheme}{settings.contact})" if settings.contact else ""
        self._headers = {
            "Accept": "application/atom+xml",
            "Connection": "close",
            "User-Agent": f"paperline/{VERSION}{contact}",
        }

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """As the adapter's own. Raises `ArxivUnavailable` where waiting would not help."""
        host = urlsplit(request.url or "").hostname
        if host != self._host:
            raise ArxivUnavailable(
                f"redirects to another host, {host}, which is refused",
                where=self._settings.url,
                next_step=CHECK_URL,
            )
        request.headers.update(self._headers)
        kwargs |= {"timeout": self._settings.timeout, "stream": True}
        delay, patience = self._settings.delay, self._settings.patience
        try:
            with turns.turn(self._turn, delay, patience=patience) as turn:
                response = self._answer(request, *args, **kwargs)
                retry_after = _asked_to_wait(response)
                turn.hold_back(retry_after)
        except Busy as error:
            raise ArxivUnavailable(error.what, where=self._settings.url, next_step=LATER) from error
        log.debug("%d bytes, status %d", len(response.content), response.status_code)
        self._look_at(response, retry_after)
        return response

    def _answer(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """The answer with its body; the connection is closed."""
        try:
            with self._deadline.running():
                response = super().send(request, *args, **kwargs)
                response._content = self._body(response)  # noqa: SLF001  no public setter
        except (requests.RequestException, Urllib3Error) as error:
            raise FailedRequestError(f"gave no complete answer: {_reason(error)}") from error
        finally:
            self.close()
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As the adapter's own; its connections are cut at the deadline."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        self._deadline.watch(pool)
        return pool

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for block in response.iter_content(65_536):
            body += block
            if len(body) > MOST_BYTES:
                raise FailedRequestError(f"sent more than {MOST_BYTES} bytes")
        return bytes(body)

    def _look_at(self, response: requests.Response, retry_after: float) -> None:
        status = response.status_code
        if status == requests.codes.forbidden:
            raise ArxivUnavailable(
                "refuses requests from here (status 403)",
                where=self._settings.url,
                next_step=BANNED,
            )
        if status in NOT_THERE:
            raise ArxivUnavailable(
                f"answered with status {status}", where=self._settings.url, next_step=CHECK_URL
            )
        if status == requests.codes.bad_request:
            message = feed.error_message(response.content) or "status 400"
            raise self._refused(f"arXiv does not accept the query: {message}")
        if response.is_redirect:
            return
        if status != requests.codes.ok:
            raise FailedRequestError(f"answered with status {status}", retry_after)
        try:
            response._content = feed.whole(response.content)  # noqa: SLF001  as above
        except feed.BrokenFeedError as error:
            raise FailedRequestError(f"answered with {error}") from error
        except QueryRefused as error:
            raise self._refused(error.what) from error

    def _refused(self, what: str) -> QueryRefused:
        return QueryRefused(what, where=self._settings.url, next_step=CHECK_QUERY)


def _asked_to_wait(response: requests.Response) -> float:
    """Seconds that `Retry-After` names, as a number or a date; 0 where it is not readable."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(0.0, Retry().parse_retry_after(text)) if text else 0.0
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _reason(error: Exception) -> str:
    """The innermost reason: urllib3 wraps it in the address of the whole query."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the time allowed for one answer ran out"
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    return one_line(str(inner)).rpartition(">: ")[2][:200] or type(error).__name__
