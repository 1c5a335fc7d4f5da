"""One line of arXiv's bulk metadata, as far as it is a paper.

One JSON object in the form of https://www.kaggle.com/datasets/Cornell-University/arxiv.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from pipeline.records import ARXIV_ID, Order, Paper
from pipeline.sources.document import Author, Document, spaced
from pipeline.sources.query import Query
from pipeline.sources.source import PLAUSIBLE
from pipeline.text import one_line

LONGEST_LINE = 4 * 2**20
"""Bytes that a line must stay below; the longest lists of authors make some 300,000."""

LETTER = re.compile(r"[^\W_]")
ID = re.compile(ARXIV_ID, re.ASCII)
VERSION = re.compile(r"v([1-9]\d{0,3})", re.ASCII)
CREATED = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) "
    r"(?:GMT|UTC|([+-])(\d\d)(\d\d))",
    re.ASCII,
)
MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


class _Version(msgspec.Struct, gc=False):
    version: str
    created: str


class _Record(msgspec.Struct, gc=False, rename="kebab"):
    """One line's object as far as it is needed; its texts are raw."""

    id: str
    title: str
    categories: str
    versions: list[_Version]
    abstract: str | None = None
    authors_parsed: list[list[str]] | None = msgspec.field(default=None, name="authors_parsed")
    comments: str | None = None
    journal_ref: str | None = None
    doi: str | None = None
    report_no: str | None = None


_decode = msgspec.json.Decoder(_Record).decode


class DumpEntry:
    """One line that is a paper; its texts are cleaned only by `paper`.

    Raises `ValueError`, of which msgspec's errors are kinds, or `RecursionError`.
    """

    __slots__ = ("first", "latest", "line", "record", "version")

    def __init__(self, line: bytes) -> None:
        if len(line) == LONGEST_LINE:
            raise ValueError(f"it has {LONGEST_LINE} bytes or more")
        self.line = line
        self.record = record = _decode(line)
        if not ID.match(record.id):
            raise ValueError("its id is not of arXiv's form")
        if not record.versions:
            raise ValueError("it has no version")
        first, last = record.versions[0], record.versions[-1]
        version = VERSION.fullmatch(last.version)
        if version is None:
            raise ValueError("its last version has no number")
        self.version = int(version[1])
        self.first = _date(first.created)
        self.latest = self.first if last is first else _date(last.created)
        if _is_empty(record.title):
            raise ValueError("it has no title")
        if _is_empty(record.categories):
            raise ValueError("it has no category")

    def date(self, order: Order) -> datetime:
        """The date that papers are sorted by."""
        return self.latest if order == "updated" else self.first

    def matches(self, query: Query) -> bool:
        """Whether the query selects it; most that it does not select are told by one look."""
        return query.may_match(self._text()) and query.matches(self.document())

    def document(self) -> Document:
        """What queries see of it."""
        record = self.record
        return Document(
            id=record.id,
            version=self.version,
            texts={
                "ti": record.title,
                "abs": record.abstract or "",
                "co": record.comments or "",
                "jr": record.journal_ref or "",
                "rn": record.report_no or "",
            },
            authors=self._authors(),
            categories=record.categories.split(),
            first=self.first,
            latest=self.latest,
        )

    def paper(self) -> Paper:
        """The paper."""
        record = self.record
        names = (one_line(author.name) for author in self._authors())
        categories = tuple(filter(None, map(one_line, record.categories.split())))
        versioned = f"{record.id}v{self.version}"
        return Paper(
            id=record.id,
            version=self.version,
            title=one_line(record.title),
            authors=tuple(filter(None, names)),
            abstract=one_line(record.abstract or ""),
            first=self.first,
            latest=self.latest,
            comments=one_line(record.comments or "") or None,
            venue=one_line(record.journal_ref or "") or None,
            doi=one_line(record.doi or "") or None,
            primary_category=categories[0],
            categories=categories,
            url=f"https://arxiv.org/abs/{versioned}",
            pdf_url=f"https://arxiv.org/pdf/{versioned}",
        )

    def _authors(self) -> list[Author]:
        """The names; what arXiv says of an author after the name's three parts is affiliation."""
        return [_author(parts) for parts in self.record.authors_parsed or ()]

    def _text(self) -> str:
        """All that a query may look for in it, as `Term.may_match` wants it."""
        record = self.record
        fields = [
            record.title,
            record.abstract or "",
            record.comments or "",
            record.journal_ref or "",
            record.report_no or "",
            record.categories,
            f"{record.id}v{self.version}",
        ]
        for parts in record.authors_parsed or ():
            fields += parts[:3]
        text = "\n".join(fields)
        if text.isascii():
            return f" {spaced(text)}"
        return f" {' '.join(map(spaced, fields))}"  # mostly it is a name that is not ASCII


def _is_empty(text: str) -> bool:
    """Whether nothing is left of it when it is cleaned; a letter or digit always is."""
    return LETTER.search(text) is None and not one_line(text)


def _author(parts: list[str]) -> Author:
    family, given, suffix, *_ = *parts, "", "", ""
    return Author(given, family, suffix)


def _date(text: str) -> datetime:
    """A date in the form of mail, such as `Mon, 2 Apr 2007 19:18:42 GMT`, in UTC."""
    match = CREATED.fullmatch(text)
    if match is None:
        raise ValueError("it has no readable date")
    day, name, year, hour, minute, second, sign, hours, minutes = match.groups()
    month, (first, last) = MONTHS.get(name, 0), PLAUSIBLE
    if not first <= int(year) <= last:
        raise ValueError("it has no readable date")
    try:
        moment = datetime(
            int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        raise ValueError("it has no readable date") from None
    if not sign:
        return moment
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return moment - ahead if sign == "+" else moment + ahead
