"""Nights replayed: an archive whose clock is moved, the real command, what it should have shown."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.feeds import Entry, SmallArxiv, atom, entry
from tests.testbed_servers import statistics

ROOT = Path(__file__).parent.parent
ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "os": "http://a9.com/-/spec/opensearch/1.1/",
}


class Listed(NamedTuple):
    """One paper as an archive lists it, by its feed alone; white space is normalised."""

    id: str
    version: int
    title: str
    authors: tuple[str, ...]
    abstract: str
    comments: str | None
    first: datetime
    latest: datetime
    categories: tuple[str, ...]

    @property
    def content(self) -> tuple[str, str, str | None]:
        """What makes a new version a revision."""
        return self.title, self.abstract, self.comments

    @property
    def withdrawn(self) -> bool:
        """Whether a later version's comments say so, in the words that the archives here use."""
        return self.version > 1 and "has been withdrawn" in (self.comments or "")


Versions = dict[str, Listed]
Shown = dict[str, tuple[str, Listed]]
"""By paper, its status and what is shown of it."""


class Night(NamedTuple):
    """One night: when it was, how far back it has to read, and all that the archive listed."""

    now: datetime
    since: datetime
    listed: Versions

    @property
    def name(self) -> str:
        """That of its snapshot."""
        return f"{self.now.astimezone(ZONE):%Y%m%d_%H%M}"


def nights(first: datetime, days: Collection[int], wide: Collection[int]) -> Iterable[Night]:
    """A night so many days after `first` each, nothing listed yet.

    The first reads back three days, each later one 14 days from the one before, those in
    `wide` 60 days.
    """
    before = None
    for day in days:
        now = first + day * DAY
        since = now - 3 * DAY if before is None else before - 14 * DAY
        yield Night(now, min(since, now - 60 * DAY) if day in wide else since, {})
        before = now


def due(night: Night, before: Versions) -> Shown:
    """What the night should show of what it reads, where `before` was shown."""
    found: Shown = {}
    for paper in night.listed.values():
        seen = before.get(paper.id)
        if paper.latest < night.since:
            continue
        if seen is None:
            found[paper.id] = ("withdrawn" if paper.withdrawn else "new", paper)
        elif paper.version > seen.version and paper.content != seen.content:
            found[paper.id] = ("withdrawn" if paper.withdrawn else "revised", paper)
    return found


def expected(replayed: Iterable[Night]) -> dict[str, Shown]:
    """By its name, each snapshot that the nights should have made; quiet ones make none."""
    made: dict[str, Shown] = {}
    before: Versions = {}
    for night in replayed:
        if found := due(night, before):
            made[night.name] = found
            before |= {id_: paper for id_, (_, paper) in found.items()}
    return made


def changes(replayed: Sequence[Night]) -> set[tuple[str, int]]:
    """The paper and version of each change of title, abstract or comment between two nights."""
    return {
        (id_, paper.version)
        for earlier, later in itertools.pairwise(replayed)
        for id_, paper in later.listed.items()
        if id_ in earlier.listed and earlier.listed[id_].content != paper.content
    }


def read_feed(text: bytes) -> tuple[int, list[Listed]]:
    """The number of results that a feed announces, and its entries."""
    root = ET.fromstring(text)
    total = int(root.findtext("os:totalResults", namespaces=NAMES) or "")
    return total, [_listed(each) for each in root.iterfind("a:entry", NAMES)]


def _listed(entry: ET.Element) -> Listed:
    def text(name: str) -> str:
        return " ".join((entry.findtext(name, namespaces=NAMES) or "").split())

    id_, _, version = text("a:id").rpartition("/abs/")[2].rpartition("v")
    return Listed(
        id=id_,
        version=int(version),
        title=text("a:title"),
        authors=tuple(
            " ".join((name.text or "").split()) for name in entry.iterfind("a:author/a:name", NAMES)
        ),
        abstract=text("a:summary"),
        comments=text("arxiv:comment") or None,
        first=datetime.fromisoformat(text("a:published")),
        latest=datetime.fromisoformat(text("a:updated")),
        categories=tuple(each.attrib["term"] for each in entry.iterfind("a:category", NAMES)),
    )


class Archive:
    """The test bed's arXiv at `url`: its clock, its faults, and what it lists when asked itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = f"{url}/api/query"

    def move(self, now: datetime) -> None:
        """Set the clock."""
        self._post("__clock", {"now": now.isoformat()})

    def fail(self, spec: str) -> None:
        """Have faults from now on, and count anew."""
        self._post("__faults", {"spec": spec})
        self._post("__reset", {})

    def told(self) -> Any:
        """What it says of its clients since `fail`."""
        return statistics(self.url)

    def listed(self, query: str) -> Versions:
        """All papers that match, as they stand."""
        total, papers = self._asked(search_query=query, max_results="2000")
        assert len(papers) == total
        return {paper.id: paper for paper in papers}

    def versions(self, papers: Iterable[Listed]) -> list[Listed]:
        """These and all versions before them."""
        ids = [f"{paper.id}v{n}" for paper in papers for n in range(1, paper.version + 1)]
        found = []
        for start in range(0, len(ids), 100):
            found += self._asked(id_list=",".join(ids[start : start + 100]), max_results="100")[1]
        return found

    def list_all(self, asked: Iterable[Night], query: str) -> list[Night]:
        """The nights with what matched on them. The clock is moved, and faults are off."""
        self.fail("")
        filled = []
        for night in asked:
            self.move(night.now)
            filled.append(night._replace(listed=self.listed(query)))
        return filled

    def _asked(self, **parameters: str) -> tuple[int, list[Listed]]:
        with urllib.request.urlopen(f"{self.api}?{urllib.parse.urlencode(parameters)}") as answer:
            return read_feed(answer.read())

    def _post(self, path: str, content: Mapping[str, str]) -> None:
        request = urllib.request.Request(
            f"{self.url}/{path}",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request):
            pass


@dataclass
class VersionedArxiv(SmallArxiv):
    """A small arXiv that keeps every version, goes by a clock, and watches its clients.

    `entries` are all versions. Each appears with its date, those in `held`, by versioned id,
    at another time; without `now` all are there. `lost` versions are announced and never sent.
    """

    now: datetime | None = None
    held: dict[str, datetime] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    arrivals: list[float] = field(default_factory=list)
    most_at_once: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def smallest_gap(self) -> float:
        """Seconds between two requests at least."""
        return min(later - earlier for earlier, later in itertools.pairwise(self.arrivals))

    def listed(self) -> Versions:
        """What it lists as it stands."""
        _, papers = read_feed(atom(list(self._newest().values())).encode())
        return {paper.id: paper for paper in papers}

    def _visible(self) -> list[Entry]:
        return [e for e in self.entries if self.now is None or self._appears(e) <= self.now]

    def _appears(self, of: Entry) -> datetime:
        return self.held.get(versioned(of), datetime.fromisoformat(of.updated))

    def _newest(self) -> dict[str, Entry]:
        return {e.id: e for e in sorted(self._visible(), key=lambda e: e.version)}

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self.arrivals.append(time.monotonic())
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return self._answered(request)
        finally:
            with self._lock:
                self._under_way -= 1

    def _answered(self, request: Request) -> Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if ids := request.args.get("id_list"):
            known = {versioned(e): e for e in self._visible()} | self._newest()
            found = [known[id_] for id_ in ids.split(",") if id_ in known]
        else:
            found = list(self._newest().values())
            by = "updated" if request.args["sortBy"] == "lastUpdatedDate" else "published"
            found.sort(key=lambda e: str(getattr(e, by)), reverse=True)
        start, size = int(request.args["start"]), int(request.args["max_results"])
        sent = [e for e in found[start : start + size] if versioned(e) not in self.lost]
        return Response(atom(sent, total=len(found)), content_type="application/atom+xml")


def versioned(of: Entry) -> str:
    """`2603.90001v2`."""
    return f"{of.id}v{of.version}"


def version(of: Entry, number: int, updated: datetime, **changes: Any) -> Entry:
    """A further version of a paper."""
    return dataclasses.replace(of, version=number, updated=stamp(updated), **changes)


def stamp(moment: datetime) -> str:
    """A time as arXiv writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class History(NamedTuple):
    """An invented paper: when it was submitted, days for which it was held, further versions.

    Each version has the days after the one before, and what changed in it.
    """

    submitted: datetime
    held: int
    steps: Sequence[tuple[int, str]]

    def versions(self, number: int) -> list[Entry]:
        """All of them."""
        moment = self.submitted
        made = [entry(number, updated=stamp(moment), published=stamp(moment))]
        for count, (days, change) in enumerate(self.steps, 2):
            moment += days * DAY
            words = {} if change == "nothing" else {change: f"{change} {count} of {number}"}
            if change == "withdrawn":
                words = {"comment": f"This paper has been withdrawn ({count})"}
            made.append(version(made[-1], count, moment, **words))
        return made


def histories(
    first: datetime, last: datetime, held: Sequence[int] = (0,)
) -> st.SearchStrategy[list[History]]:
    """Papers submitted between two times."""
    minutes = int((last - first).total_seconds() / 60)
    changes = st.sampled_from(["nothing", "title", "abstract", "comment", "withdrawn"])
    history = st.builds(
        History,
        submitted=st.integers(0, minutes).map(lambda n: first + timedelta(minutes=n)),
        held=st.sampled_from(held),
        steps=st.lists(st.tuples(st.integers(0, 9), changes), max_size=3),
    )
    return st.lists(history, max_size=8)


def an_archive(server: HTTPServer, papers: Iterable[History]) -> VersionedArxiv:
    """With the papers' versions, each of which appears when it is no longer held.

    Ids follow the order of appearance, as arXiv's do. No two papers have one date.
    """
    server.clear()
    archive = VersionedArxiv(server)
    for number, history in enumerate(sorted(papers, key=lambda p: p.submitted + p.held * DAY)):
        submitted = history.submitted + timedelta(seconds=number)
        appears = submitted + history.held * DAY
        for each in history._replace(submitted=submitted).versions(number):
            appears = max(appears, datetime.fromisoformat(each.updated))
            archive.held[versioned(each)] = appears
            archive.entries.append(each)
    return archive


class Desk:
    """A folder with a configuration, in which paperline is run as real processes.

    `topics` are queries by name; `topic` holds settings of all of them, as TOML.
    """

    def __init__(
        self,
        folder: Path,
        api: str,
        topics: Mapping[str, str],
        *,
        topic: str = "",
        arxiv: str = "delay = 0.0",
        model: str = 'name = "embedded"',
        more: str = "",
    ) -> None:
        self.folder = folder
        self.outputs = folder / "outputs"
        folder.mkdir(exist_ok=True)
        tables = "".join(
            f"[[topic]]\nname = '{name}'\nquery = '{query}'\n{topic}\n"
            for name, query in topics.items()
        )
        (folder / "paperline.toml").write_text(
            f'prompts = "{ROOT / "prompts"}"\nsite.search = false\n'
            f'[arxiv]\nurl = "{api}"\n{arxiv}\n'
            f"[model]\n{model}\n{more}\n{tables}",
            encoding="utf-8",
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "--quiet", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-test-secret"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: "subprocess.Popen[str]", code: int = 0) -> str:
        """What a command said, after it ended as it should; what it warned of is in `errors`."""
        said, self.errors = process.communicate(timeout=600)
        assert process.returncode == code, f"exit {process.returncode}\n{said}{self.errors}"
        assert "Traceback" not in self.errors
        return said

    def paperline(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end."""
        return self.ended(self.start(*arguments), code)

    def papers(self, topic: str) -> dict[str, list[dict[str, Any]]]:
        """By snapshot, oldest first, the papers in their order."""
        return {
            path.parent.name: records(path)
            for path in sorted((self.outputs / topic).glob("*/1-papers.jsonl"))
        }

    def waiting(self, topic: str) -> list[dict[str, Any]]:
        """What waits for a later snapshot."""
        return records(self.outputs / topic / "waiting.jsonl")

    def run(self, topic: str, snapshot: str) -> Any:
        """A snapshot's `run.json`."""
        return json.loads((self.outputs / topic / snapshot / "run.json").read_text("utf-8"))


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file, none where it is not there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def as_listed(paper: Mapping[str, Any]) -> Listed:
    """A line of `1-papers` in the words of the archive."""
    return Listed(
        id=paper["id"],
        version=paper["version"],
        title=paper["title"],
        authors=tuple(paper["authors"]),
        abstract=paper["abstract"],
        comments=paper["comments"],
        first=datetime.fromisoformat(paper["first"]),
        latest=datetime.fromisoformat(paper["latest"]),
        categories=tuple(paper["categories"]),
    )


def assert_shown(desk: Desk, topic: str, should: Mapping[str, Shown]) -> None:
    """The topic's snapshots are these: names, papers, statuses, order; and their books balance."""
    made = desk.papers(topic)
    assert list(made) == list(should)
    for name, papers in made.items():
        shown = {paper["id"]: (paper["status"], as_listed(paper)) for paper in papers}
        assert shown == should[name]
        dates = [paper["latest"] for paper in papers]
        assert dates == sorted(dates, reverse=True)
        assert_books_balance(desk, topic, name)


def assert_books_balance(desk: Desk, topic: str, snapshot: str) -> None:
    """A snapshot's `run.json` accounts for every paper that was fetched, and for those shown."""
    fetched, others = books(desk.run(topic, snapshot)["stages"]["fetch"]["counts"])
    assert fetched == sum(others.values()) > 0
    shown = [paper["status"] for paper in desk.papers(topic)[snapshot]]
    for status in ("new", "revised", "seen", "withdrawn"):
        assert others[status] == shown.count(status)


def books(counts: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """What was fetched, and where it went."""
    others = dict(counts)
    return others.pop("fetched"), others


def assert_never_new_twice(papers: Mapping[str, list[dict[str, Any]]]) -> None:
    """No paper is new in two snapshots."""
    new = [paper["id"] for shown in papers.values() for paper in shown if paper["status"] == "new"]
    assert len(new) == len(set(new))


def assert_polite(told: Any, delay: float) -> None:
    """One request at a time over one connection, and the delay between any two."""
    assert told["requests"] > 1
    assert told["smallest_gap_s"] >= delay
    assert told["most_connections"] == 1
    assert told["most_requests_at_once"] == 1
