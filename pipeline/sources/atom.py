"""A saved feed in place of arXiv: for demonstrations, tests and machines without a network."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import arxiv  # type: ignore[import-untyped, unused-ignore]
import requests
from requests.adapters import HTTPAdapter

from pipeline.errors import ArxivUnavailable
from pipeline.records import Paper
from pipeline.settings import ArxivSettings
from pipeline.sources import feed
from pipeline.sources.arxiv_api import client_for, newest_first


class SavedFeed:
    """The entries of the feed at a `file://` address, read by the same parser as arXiv's own.

    `rejected` names the entries that are no papers, and why.
    """

    def __init__(self, settings: ArxivSettings) -> None:
        self._client = client_for(settings.url, settings.page_size, _File(settings.url))
        self._conversion = feed.Conversion()
        self.rejected = self._conversion.rejected

    def papers(self, query: str) -> Iterator[Paper]:
        """All papers of the feed, newest last update first, whatever the query.

        Raises `ArxivUnavailable` where the file cannot be read or is no feed.
        """
        papers = self._conversion.papers(self._once(query))
        yield from sorted(papers, key=lambda paper: paper.latest, reverse=True)

    def _once(self, query: str) -> Iterator[arxiv.Result]:
        """The results up to the first repeated one: every page is the same file."""
        known = set()
        for result in self._client.results(newest_first(query)):
            if result.entry_id in known:
                return
            known.add(result.entry_id)
            yield result


class _File(HTTPAdapter):
    """Answers every request with the file; the query is ignored."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._path = Path(url2pathname(urlsplit(url).path))

    def send(
        self,
        request: requests.PreparedRequest,
        *_args: Any,
        **_kwargs: Any,
    ) -> requests.Response:
        response = requests.Response()
        response.status_code = requests.codes.ok
        response.url = self._url
        response.request = request
        response.raw = BytesIO(self._body())
        return response

    def _body(self) -> bytes:
        try:
            return feed.whole(self._path.read_bytes())
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        except feed.BrokenFeedError as error:
            raise self._unusable(f"holds {error}") from error

    def _unusable(self, what: str) -> ArxivUnavailable:
        return ArxivUnavailable(
            what,
            where=self._url,
            next_step="Save an answer of arXiv's query API there, or correct the [arxiv] url",
        )
