"""What a source of papers is, and which one the settings name."""

import gzip
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from pipeline.records import Order, Paper
from pipeline.settings import Settings

EXAMPLE = "example.org"
"""The host of the default [site] url, which is nobody's to be reached at."""

PLAUSIBLE = (1991, 2100)
"""Years in which arXiv may have taken a paper."""

GZIP = b"\x1f\x8b"
"""How a packed file begins (RFC 1952)."""


class Source(Protocol):
    """Where papers come from.

    Of the last reading, `rejected` names the entries that are no papers, with the reason,
    and `missed` says what was announced and did not arrive; both fill while it is read.
    `keeps_versions`: whether earlier versions of a paper are to be had `by_id`.
    """

    keeps_versions: bool
    rejected: list[str]
    missed: list[str]

    def papers(
        self, query: str, *, since: datetime | None = None, order: Order = "updated"
    ) -> Iterator[Paper]:
        """What matches `query`, newest first, back to `since`, by the date that `order` names.

        Raises `ArxivUnavailable` when a source gives nothing, `QueryRefused`.
        """
        ...

    def by_id(self, ids: Sequence[str]) -> list[Paper]:
        """The papers with these ids, each with or without a version; unknown ones are absent."""
        ...


def date_of(paper: Paper, order: Order) -> datetime:
    """The date that papers are sorted by."""
    return paper.latest if order == "updated" else paper.first


def open_source(settings: Settings) -> Source:
    """The file that a file:// address names, a saved feed or a dump, else arXiv's query API."""
    arxiv = settings.arxiv
    if urlsplit(arxiv.url).scheme == "file":
        from urllib.request import url2pathname  # a fifth of this package's import

        path = Path(url2pathname(urlsplit(arxiv.url).path))
        if _is_dump(path):
            from pipeline.sources.dump import Dump

            return Dump(path)
        from pipeline.sources.atom import SavedFeed  # with arxiv and lxml, 300 ms

        return SavedFeed(arxiv, path)
    from pipeline.sources.arxiv_api import ArxivApi  # as above

    ours = not (urlsplit(settings.site.url).hostname or "").endswith(EXAMPLE)
    contact = arxiv.contact or (settings.site.url if ours else "")
    return ArxivApi(msgspec.structs.replace(arxiv, contact=contact))


def _is_dump(path: Path) -> bool:
    """Whether the file begins as JSON does, packed or not; a feed begins with an angle bracket."""
    try:
        with path.open("rb") as file:
            begins = file.read(64)
        if begins.startswith(GZIP):
            with gzip.open(path) as unpacked:
                begins = unpacked.read(64)
    except (OSError, EOFError):
        return False  # the saved feed says what is wrong with it
    return begins.lstrip().startswith(b"{")
