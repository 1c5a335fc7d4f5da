"""Invented Atom feeds of arXiv's form, and a small arXiv for pytest-httpserver."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

NOW = datetime(2026, 3, 11, 20, 5, tzinfo=UTC)
"""The evening on which the invented papers are new."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed, raw: what is put in goes out escaped and otherwise unchanged."""

    id: str = "2603.90001"
    version: int = 1
    title: str = "Lanterns That Learn to Dim"
    abstract: str = "We teach lanterns to dim. They do so $3\\%$ earlier than moths expect."
    updated: str = "2026-03-11T12:00:00Z"
    published: str = "2026-03-11T12:00:00Z"
    authors: tuple[str, ...] = ("Ada Lumen", "Moritz Motte")
    comment: str = ""
    journal: str = ""
    doi: str = ""
    address: str | None = None

    def xml(self) -> str:
        """The `<entry>`; without an `<id>` where `address` is empty."""
        address = self.address
        if address is None:
            address = f"http://arxiv.org/abs/{self.id}v{self.version}"
        authors = "".join(f"<author><name>{escape(a)}</name></author>" for a in self.authors)
        optional = {"comment": self.comment, "journal_ref": self.journal, "doi": self.doi}
        return (
            "<entry>"
            + (f"<id>{escape(address)}</id>" if address else "")
            + f"<title>{escape(self.title)}</title><summary>{escape(self.abstract)}</summary>"
            + f"<updated>{self.updated}</updated><published>{self.published}</published>"
            + authors
            + "".join(f"<arxiv:{k}>{escape(v)}</arxiv:{k}>" for k, v in optional.items() if v)
            + '<arxiv:primary_category term="cs.LG"/><category term="cs.LG"/>'
            + '<category term="physics.optics"/></entry>'
        )


def entry(number: int, *, hours: float = 8.0, **more: object) -> Entry:
    """An entry with its own number, last updated `hours` before `NOW`."""
    moment = f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    made = Entry(
        id=f"2603.9{number:04}", title=f"Lantern {number}", updated=moment, published=moment
    )
    return replace(made, **more)  # type: ignore[arg-type]  # the keywords are Entry's fields


def atom(entries: list[Entry], *, total: int | None = None) -> str:
    """A feed of these entries; `total` is what it claims there are."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"'
        ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"<opensearch:totalResults>{len(entries) if total is None else total}"
        "</opensearch:totalResults>" + "".join(e.xml() for e in entries) + "</feed>\n"
    )


def error_feed(message: str) -> str:
    """arXiv's answer to a query that it does not accept."""
    return atom([Entry(address="http://arxiv.org/api/errors#x", title="Error", abstract=message)])


@dataclass
class SmallArxiv:
    """Answers `/api/query` from `entries`; what is in `answers` is sent first, one a request.

    `unlisted` entries are found by their ids only. `before_answer` may answer in its place;
    `most_at_once` are the most requests that were ever under way together.
    """

    server: HTTPServer
    entries: list[Entry] = field(default_factory=list)
    unlisted: list[Entry] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    before_answer: Callable[[Request], Response | None] = lambda _: None
    most_at_once: int = 0
    _under_way: int = 0

    def __post_init__(self) -> None:
        self.server.expect_request("/api/query").respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        """The address for `[arxiv] url`."""
        return self.server.url_for("/api/query")

    @property
    def starts(self) -> list[int]:
        """Which pages were asked for."""
        return [int(request.args["start"]) for request in self.requests]

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return self.before_answer(request) or self._found(request)
        finally:
            self._under_way -= 1

    def _found(self, request: Request) -> Response:
        if self.answers:
            return self.answers.pop(0)
        found = list(self.entries)
        if asked := set(filter(None, request.args.get("id_list", "").split(","))):
            everything = [*found, *self.unlisted]
            found = [e for e in everything if {e.id, f"{e.id}v{e.version}"} & asked]
        if request.args["sortBy"] == "lastUpdatedDate":
            found.sort(key=lambda e: e.updated, reverse=request.args["sortOrder"] == "descending")
        start, size = int(request.args["start"]), int(request.args["max_results"])
        page = atom(found[start : start + size], total=len(found))
        return Response(page, content_type="application/atom+xml")
