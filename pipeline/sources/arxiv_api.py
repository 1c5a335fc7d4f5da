"""arXiv's query API as a source: its pages in full, and what did not arrive counted."""

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import arxiv  # type: ignore[import-untyped, unused-ignore]

from pipeline.errors import QueryRefused
from pipeline.records import Order, Paper
from pipeline.settings import ArxivSettings
from pipeline.sources import feed
from pipeline.sources.arxiv_client import PatientClient, Turns
from pipeline.sources.query import parse
from pipeline.sources.source import date_of

log = logging.getLogger(__name__)

PASSES = 2
"""Readings of all pages where entries were missing after the first."""

DEEPEST = 30_000
"""Results of one query that arXiv gives, whatever it announces (API user's manual, 3.1.1.2)."""

MOST_IDS = 100
"""Ids asked for at once, so that the address stays below what servers take."""

SORTED = {
    "updated": arxiv.SortCriterion.LastUpdatedDate,
    "submitted": arxiv.SortCriterion.SubmittedDate,
}


def newest_first(query: str, order: Order = "updated") -> arxiv.Search:
    """The search for all of `query`'s results, newest first."""
    return arxiv.Search(
        query=query,
        max_results=None,
        sort_by=SORTED[order],
        sort_order=arxiv.SortOrder.Descending,
    )


@dataclass
class _Reading:
    """One query's papers as far back as `since`, kept for the next topic that asks for it."""

    since: datetime | None
    papers: list[Paper] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def covers(self, since: datetime | None) -> bool:
        return self.since is None or (since is not None and self.since <= since)


class ArxivApi:
    """Papers by query or by id.

    Of the last reading: `rejected` names the entries that are no papers, with the reason,
    `missed` says what was announced and did not arrive. Both fill while it is read.
    """

    keeps_versions = True

    def __init__(self, settings: ArxivSettings) -> None:
        self._page_size = settings.page_size
        self._client = PatientClient(settings, Turns(settings))
        self._readings: dict[tuple[str, Order], _Reading] = {}
        self.rejected: list[str] = []
        self.missed: list[str] = []

    def papers(
        self, query: str, *, since: datetime | None = None, order: Order = "updated"
    ) -> Iterator[Paper]:
        """What matches, newest first, back to `since`; each version of a paper once.

        Pages are asked for as they are read; what was read to its end is not asked for
        again. The date that counts is that of `order`. (It is compared here and not in the
        query: arXiv has taken `lastUpdatedDate` in a query for `submittedDate` since
        November 2025.) Raises `ArxivUnavailable`, `QueryRefused`.
        """
        reading = self._readings.get((query, order))
        if reading is not None and reading.covers(since):
            self.rejected, self.missed = reading.rejected, reading.missed
            yield from (p for p in reading.papers if since is None or date_of(p, order) >= since)
            return
        reading = _Reading(since)
        self.rejected, self.missed = reading.rejected, reading.missed
        for paper in self._read(newest_first(query, order), reading, order):
            reading.papers.append(paper)
            yield paper
        self._readings[query, order] = reading

    def by_id(self, ids: Sequence[str]) -> list[Paper]:
        """The papers with these ids, with or without a version; unknown ones are absent."""
        self.rejected, self.missed = [], []
        conversion = feed.Conversion(self.rejected)
        found: list[Paper] = []
        for start in range(0, len(ids), MOST_IDS):
            asked = list(ids[start : start + MOST_IDS])
            page = self._client.page(arxiv.Search(id_list=asked), 0, len(asked))
            found += conversion.papers(page.results)
            announced = page.header.total_results
            if missing := max(announced - len(page.results), 0):
                self.missed.append(f"{missing} of {announced} papers asked for did not arrive")
        return found

    def _read(self, search: arxiv.Search, reading: _Reading, order: Order) -> Iterator[Paper]:
        """All pages, and all of them once more where entries are missing."""
        met: set[str] = set()
        for _ in range(PASSES):
            due = yield from self._pass(search, reading, order, met)
            missing = due - len(met)
            if missing <= 0:
                return
            log.info("arXiv: %d of %d entries did not arrive", missing, due)
        reading.missed.append(f"{missing} of {due} announced entries did not arrive")

    def _pass(
        self, search: arxiv.Search, reading: _Reading, order: Order, met: set[str]
    ) -> Generator[Paper, None, int]:
        """One reading of the pages: the papers not `met` before; returns how many entries are due.

        Entries that arXiv adds meanwhile push others onto the next page, where they come
        again; those added are due the next night. Entries that it takes away pull others
        onto the page before, where they are missed: then more are due than can be met.
        """
        conversion = feed.Conversion(reading.rejected)
        fault = _fault_of(search.query)
        since, position, first = reading.since, 0, 0
        while True:
            size = min(self._page_size, DEEPEST - position)
            page = self._client.page(search, position, size, fault=fault)
            total: int = page.header.total_results
            first = first if position else total
            keyed = {_key(result, position + n): result for n, result in enumerate(page.results)}
            fresh = {key: result for key, result in keyed.items() if key not in met}
            met.update(fresh)
            for paper in conversion.papers(fresh.values()):
                if since is None or date_of(paper, order) >= since:
                    yield paper
            covered = min(position + size, total)
            position += len(page.results)
            if since is not None and _ends_before(page.results, since, order):
                return covered + first - total
            if not page.results or position >= total:
                return first
            if position >= DEEPEST:
                reading.missed.append(f"arXiv gives {DEEPEST} of {total} results and no more")
                return covered + first - total


def _fault_of(query: str) -> str | None:
    """What is wrong with a query by our own reading of the language, if anything."""
    try:
        parse(query)
    except QueryRefused as error:
        return error.what
    return None


def _key(result: arxiv.Result, position: int) -> str:
    """What tells an entry from others: its id, or its place where it has none."""
    return result.entry_id if result.entry_id != feed.NO_ID else f"{feed.NO_ID}{position}"


def _ends_before(results: Sequence[arxiv.Result], since: datetime, order: Order) -> bool:
    """Whether the last of the results with a readable date is older than `since`."""
    dates = [result.updated if order == "updated" else result.published for result in results]
    readable = [date for date in dates if date != feed.UNREADABLE]
    return bool(readable) and readable[-1] < since
