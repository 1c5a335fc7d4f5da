"""A saved feed in place of arXiv: for demonstrations, tests and machines without a network."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import requests
from requests.adapters import HTTPAdapter

from pipeline.errors import ArxivUnavailable
from pipeline.records import Order, Paper
from pipeline.settings import ArxivSettings
from pipeline.sources import feed
from pipeline.sources.arxiv_api import newest_first
from pipeline.sources.arxiv_client import PatientClient
from pipeline.sources.source import date_of


class SavedFeed:
    """The entries of a file, read by the same parser as arXiv's own.

    `rejected` names the entries that are no papers, and why; nothing is ever `missed`.
    """

    keeps_versions = False

    def __init__(self, settings: ArxivSettings, path: Path) -> None:
        # However long one waits, a file stays what it is.
        at_once = msgspec.structs.replace(settings, patience=0.0)
        self._client = PatientClient(at_once, _File(settings.url, path))
        self.rejected: list[str] = []
        self.missed: list[str] = []

    def papers(
        self, query: str, *, since: datetime | None = None, order: Order = "updated"
    ) -> Iterator[Paper]:
        """The papers of the feed back to `since`, newest first, whatever the query.

        Raises `ArxivUnavailable` where the file cannot be read or is no feed.
        """
        papers = sorted(self._all(query), key=lambda paper: date_of(paper, order), reverse=True)
        yield from (p for p in papers if since is None or date_of(p, order) >= since)

    def by_id(self, ids: Sequence[str]) -> list[Paper]:
        """Those of the feed's papers that are asked for, with or without a version."""
        return [p for p in self._all("") if {p.id, f"{p.id}v{p.version}"} & set(ids)]

    def _all(self, query: str) -> Iterator[Paper]:
        self.rejected = []
        page = self._client.page(newest_first(query), 0, 1)
        return feed.Conversion(self.rejected).papers(page.results)


class _File(HTTPAdapter):
    """Answers every request with the file; the query is ignored."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__()
        self._url = url
        self._path = path

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
