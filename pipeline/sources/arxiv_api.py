"""arXiv's query API, asked as its terms of use want: one request at a time, spaced, named.

https://info.arxiv.org/help/api/tou.html
"""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import arxiv  # type: ignore[import-untyped, unused-ignore]
import requests
from requests.adapters import HTTPAdapter

from pipeline.errors import ArxivUnavailable, QueryRefused
from pipeline.outputs import Outputs
from pipeline.records import Paper
from pipeline.settings import ArxivSettings
from pipeline.sources import feed
from pipeline.version import VERSION

log = logging.getLogger(__name__)

RETRIES = 3
"""Requests made again after a failure, each in its turn."""

LATER = "Run the same command again later; arXiv's state: https://status.arxiv.org"


class StrictClient(arxiv.Client):  # type: ignore[misc, unused-ignore]
    """The package's client, with a gap closed: an empty first page is believed only if it says so.

    arXiv sometimes answers a first page without entries although `totalResults` is not
    zero. The package takes that for the end of the results; here it is asked again and
    then raises `UnexpectedEmptyPageError`, as the package does for later pages.
    """

    def _parse_feed(self, url: str, first_page: bool = True, _try_index: int = 0) -> Any:
        page = super()._parse_feed(url, first_page, _try_index)
        if first_page and not page.results and page.header.total_results > 0:
            return super()._parse_feed(url, False, _try_index + 1)
        return page


def client_for(url: str, page_size: int, adapter: HTTPAdapter) -> StrictClient:
    """A client that sends every request for `url`, redirects too, through `adapter`."""
    client = StrictClient(page_size=page_size, delay_seconds=0, num_retries=RETRIES)
    client.query_url_format = url.replace("{", "{{").replace("}", "}}") + "?{}"
    for scheme in ("http://", "https://", "file://"):
        client._session.mount(scheme, adapter)  # noqa: SLF001  the package offers no other way in
    return client


def newest_first(query: str) -> arxiv.Search:
    """The search for all of `query`'s results, newest last update first."""
    return arxiv.Search(
        query=query,
        max_results=None,
        sort_by=arxiv.SortCriterion.LastUpdatedDate,
        sort_order=arxiv.SortOrder.Descending,
    )


class ArxivApi:
    """Papers by query. `rejected` names the entries of the feeds that are no papers, and why."""

    def __init__(self, settings: ArxivSettings, outputs: Outputs) -> None:
        self._url = settings.url
        self._client = client_for(settings.url, settings.page_size, _Turns(settings, outputs))
        self._conversion = feed.Conversion()
        self.rejected = self._conversion.rejected

    def papers(self, query: str) -> Iterator[Paper]:
        """All papers that match, newest last update first; pages are asked for as they are read.

        A paper may come twice when arXiv's index changes between two pages. Raises
        `ArxivUnavailable` when the tries are used up, `QueryRefused` at once.
        """
        try:
            yield from self._conversion.papers(self._client.results(newest_first(query)))
        except arxiv.HTTPError as error:
            what = f"answered with status {error.status}, {RETRIES + 1} times"
            raise self._unavailable(what) from error
        except arxiv.UnexpectedEmptyPageError as error:
            what = f"announced results and sent a page without any, {RETRIES + 1} times"
            raise self._unavailable(what) from error
        except requests.RequestException as error:
            raise self._unavailable(f"gave no complete answer: {_reason(error)}") from error

    def _unavailable(self, what: str) -> ArxivUnavailable:
        return ArxivUnavailable(what, where=self._url, next_step=LATER)


class _Turns(HTTPAdapter):
    """Sends each request in its turn, reads the whole answer in it, and looks at it.

    An answer that breaks off, comes too late or is no feed becomes a `ConnectionError`,
    the one kind of failure besides a status that the package tries again.
    """

    def __init__(self, settings: ArxivSettings, outputs: Outputs) -> None:
        super().__init__()
        self._settings = settings
        self._outputs = outputs
        self._host = urlsplit(settings.url).hostname
        scheme = "" if "://" in settings.contact else "mailto:"
        contact = f" (+{scheme}{settings.contact})" if settings.contact else ""
        self._headers = {
            "Accept": "application/atom+xml",
            "User-Agent": f"paperline/{VERSION}{contact}",
        }

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        host = urlsplit(request.url or "").hostname
        if host != self._host:
            raise ArxivUnavailable(
                f"redirects to another host, {host}, which is refused",
                where=self._settings.url,
                next_step="Check the [arxiv] url in paperline.toml",
            )
        request.headers.update(self._headers)
        with self._outputs.wait_for_turn("arxiv", self._settings.delay):
            response = self._answer(request, *args, **kwargs)
        self._look_at(response)
        return response

    def _answer(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        kwargs["timeout"] = self._settings.timeout
        try:
            response = super().send(request, *args, **kwargs)
            log.debug("%d bytes, status %d", len(response.content), response.status_code)
        except (requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise requests.ConnectionError(_reason(error)) from error
        return response

    def _look_at(self, response: requests.Response) -> None:
        if response.status_code == requests.codes.bad_request:
            message = feed.error_message(response.content) or "status 400"
            raise self._refused(f"arXiv does not accept the query: {message}")
        if response.status_code != requests.codes.ok:
            return
        try:
            response._content = feed.whole(response.content)  # noqa: SLF001  no public setter
        except feed.BrokenFeedError as error:
            raise requests.ConnectionError(f"status 200 with {error}") from error
        except QueryRefused as error:
            raise self._refused(error.what) from error

    def _refused(self, what: str) -> QueryRefused:
        return QueryRefused(
            what, where=self._settings.url, next_step="Correct the topic's query in paperline.toml"
        )


def _reason(error: requests.RequestException) -> str:
    """The innermost reason: urllib3 wraps it in the address of the whole query."""
    if isinstance(error, requests.Timeout):
        return "the time allowed for one answer ran out"
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    return feed.clean(str(inner)).rpartition(">: ")[2][:200] or type(error).__name__
