"""arXiv's Atom feed as it arrives: checked, made countable, and turned into papers.

The format: https://info.arxiv.org/help/api/user-manual.html#_details_of_atom_results_returned
"""

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import arxiv  # type: ignore[import-untyped, unused-ignore]
import msgspec
from lxml import etree  # type: ignore[import-untyped, unused-ignore]

from pipeline.errors import QueryRefused
from pipeline.records import Paper
from pipeline.sources.source import PLAUSIBLE
from pipeline.text import one_line

log = logging.getLogger(__name__)

ATOM = "{http://www.w3.org/2005/Atom}"
TOTAL = "{http://a9.com/-/spec/opensearch/1.1/}totalResults"
UNREADABLE = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a missing or unreadable date; arXiv began in 1991, so no paper has it."""

NO_ID = "-"
"""Stands for a missing id."""

ADDRESS = re.compile(r"/abs/(?P<id>[^?#\s]+?)v(?P<version>\d{1,4})$")
FEED_END = re.compile(rb"</(\w+:)?feed\s*>")
TAIL = 300
"""Bytes at the end of a feed in which it must close; a comment may follow."""


class BrokenFeedError(ValueError):
    """The body is no whole Atom feed: a maintenance page, or cut off. The text says which."""


class Conversion:
    """Turns results into papers; `rejected` takes the entries that are none, with the reason."""

    def __init__(self, rejected: list[str]) -> None:
        self.rejected = rejected

    def papers(self, results: Iterable[arxiv.Result]) -> Iterator[Paper]:
        """The papers in the results' order; an entry that is none is logged and counted."""
        for result in results:
            try:
                yield paper_from(result)
            except ValueError as error:
                entry = one_line(str(result.entry_id))[:200] or "an entry without id"
                self.rejected.append(f"{entry}: {error}")
                log.info("left out an entry of the feed: %s: %s", entry, error)


def paper_from(result: arxiv.Result) -> Paper:
    """The paper that an entry describes. Raises `ValueError` that says what is wrong with it."""
    address = ADDRESS.search(result.entry_id.strip())
    if address is None:
        raise ValueError("its id is not the address of a version")
    first, last = PLAUSIBLE
    if not all(first <= date.year <= last for date in (result.published, result.updated)):
        raise ValueError("it has no readable date")
    id_, version = address["id"], int(address["version"])
    return msgspec.convert(
        {
            "id": id_,
            "version": version,
            "title": one_line(result.title),
            "authors": [name for a in result.authors if (name := one_line(a.name))],
            "abstract": one_line(result.summary),
            "first": result.published,
            "latest": result.updated,
            "comments": one_line(result.comment or "") or None,
            "venue": one_line(result.journal_ref or "") or None,
            "doi": one_line(result.doi or "") or None,
            "primary_category": one_line(result.primary_category),
            "categories": [one_line(category) for category in result.categories],
            "url": f"https://arxiv.org/abs/{id_}v{version}",
            "pdf_url": f"https://arxiv.org/pdf/{id_}v{version}",
        },
        Paper,
    )


def whole(body: bytes) -> bytes:
    """A feed that the `arxiv` package reads without losing count; `body` itself in most cases.

    The package skips entries without id or date, which shifts every later page, and
    fails on a date that is none: such dates become `UNREADABLE`, such ids a dash, for
    `paper_from` to reject. Raises `BrokenFeedError`, or `QueryRefused` for arXiv's error feed.
    """
    root = _parsed(body)
    if root is None or root.tag != f"{ATOM}feed":
        raise BrokenFeedError("no Atom feed")
    if not FEED_END.search(body[-TAIL:]):
        raise BrokenFeedError("a feed that breaks off")
    refusal = _refusal(root)
    if refusal is not None:
        raise QueryRefused(f"arXiv does not accept the query: {refusal}")
    if not (root.findtext(TOTAL) or "").strip().isdecimal():
        raise BrokenFeedError("a feed without its number of results")
    mended = [_mend(entry) for entry in root.iterfind(f"{ATOM}entry")]
    return bytes(etree.tostring(root, encoding="utf-8")) if any(mended) else body


def error_message(body: bytes) -> str | None:
    """What arXiv says in an error feed; None where `body` is none."""
    root = _parsed(body)
    return None if root is None else _refusal(root)


def _parsed(body: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    try:
        return etree.fromstring(body, parser=parser)
    except etree.XMLSyntaxError:
        return None


def _refusal(root: etree._Element) -> str | None:
    entry = root.find(f"{ATOM}entry")
    if entry is None or "/api/errors" not in (entry.findtext(f"{ATOM}id") or ""):
        return None
    return one_line(entry.findtext(f"{ATOM}summary") or "")[:300] or "no reason given"


def _mend(entry: etree._Element) -> bool:
    changed = False
    if not (entry.findtext(f"{ATOM}id") or "").strip():
        _set(entry, "id", NO_ID)
        changed = True
    for name in ("updated", "published"):
        if not _is_date(entry.findtext(f"{ATOM}{name}")):
            _set(entry, name, UNREADABLE.isoformat())
            changed = True
    return changed


def _set(entry: etree._Element, name: str, text: str) -> None:
    for found in entry.findall(f"{ATOM}{name}"):
        entry.remove(found)
    etree.SubElement(entry, f"{ATOM}{name}").text = text


def _is_date(text: str | None) -> bool:
    try:
        moment = datetime.fromisoformat((text or "").strip())
        moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True
