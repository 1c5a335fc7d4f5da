"""The review app with 1,000 papers in a snapshot, and a list of 1,000 snapshots.

`paperline review` runs as a process of its own, and one client asks over loopback, so that
what is measured is the answer as a browser gets it. 10,000 decisions were taken on the
snapshot before. The papers are the test bed's where it is there, else invented ones.

The last rows of the first table are of a client that decides just when the digest's files are
written, three seconds after its last decision: they have no bound.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness  # noqa: E402  works from a plain checkout
from benchmarks.memory import invented  # noqa: E402
from pipeline import releasing  # noqa: E402
from pipeline.composition import texts  # noqa: E402
from pipeline.decisions import State  # noqa: E402
from pipeline.desk import Desk  # noqa: E402
from pipeline.files import append_lines  # noqa: E402
from pipeline.records import EMBEDDED, Action, Decision, Paper  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.snapshot import Snapshot  # noqa: E402
from pipeline.stages.build import build_site  # noqa: E402
from pipeline.web.releases import PAUSE  # noqa: E402

PAPERS = 1_000
TAKEN = 10_000
SNAPSHOTS = 1_000
PAGES = 50
DECISIONS = 200
ROUNDS = 3
"""Releases that decisions meet, each `AMID` of them."""
AMID = 20

PAGE_MS = 100.0
DECISION_MS = 50.0
FOLD_MS = 100.0
REMEMBERED = 0.01
"""Of the first view of a desk, what the second may cost."""

CONFIGURATION = """
prompts = {prompts}
[model]
name = "embedded"
[[topic]]
name = "{topic}"
query = "all:bench"
"""


class Times(NamedTuple):
    """Milliseconds of one kind of request."""

    name: str
    each: list[float]
    bound: float | None = None

    @property
    def median(self) -> float:
        """Half of them took less."""
        return statistics.median(self.each)

    @property
    def late(self) -> float:
        """95 of 100 took less."""
        return sorted(self.each)[int(len(self.each) * 0.95)]

    @property
    def holds(self) -> bool:
        """Whether the 95th percentile keeps the bound, if there is one."""
        return self.bound is None or self.late < self.bound

    def row(self, bare: float) -> str:
        """A line of the table; the ratio is to `bare`, a request that does nothing."""
        told = f"{self.name:<34}{self.median:>8.1f}{self.late:>8.1f}{max(self.each):>8.1f}"
        bound = "" if self.bound is None else f"{self.bound:.0f}"
        note = "" if self.holds else "  over its bound"
        return f"{told}{bound:>8}{self.median / bare:>8.1f}{note}"


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


@dataclass
class Browser:
    """An editor's, over one connection, as it is signed in by the link that the server printed."""

    link: str
    cookie: str = ""
    form: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.link)
        self._own = f"{parts.scheme}://{parts.netloc}"
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        self.post("/enter", {"token": parts.query.removeprefix("token=")})

    def get(self, path: str) -> str:
        """A page; the fields of its form are kept."""
        return self._answer("GET", path, None, {})

    def decide(self, address: str) -> None:
        """Approve the paper in focus; the answer brings the next one."""
        self.post(f"{address}/decide", {**self.form, "action": "approve"})

    def post(self, path: str, fields: dict[str, str]) -> str:
        """Send a form as htmx does."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
        return self._answer("POST", path, urlencode(fields), {**kind, "Origin": self._own})

    def _answer(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> str:
        sent = {"Cookie": self.cookie, **headers} if self.cookie else headers
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        text = response.read().decode()
        if response.status not in (200, 303, 404):
            raise RuntimeError(f"{method} {path}: {response.status}: {text[:500]}")
        if given := response.headers.get("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        _, found, inside = text.partition('<form id="decision"')
        if found:
            named = re.findall(r'name="(csrf|paper|seen|show)" value="([^"]*)"', inside)
            self.form = dict(named[::-1])
        return text


@contextlib.contextmanager
def reviewing(folder: Path) -> Iterator[str]:
    """The link of `paperline review`, which runs in `folder` until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "review", "--port", "0", "--editor", "Mei Lan"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def installed(folder: Path, papers: list[Paper]) -> tuple[Settings, Snapshot]:
    """An installation in `folder` with a snapshot of these papers that waits for its editors."""
    text = CONFIGURATION.format(
        topic=harness.TOPIC, prompts=json.dumps(str(REPOSITORY / "prompts"))
    )
    folder.mkdir()
    (folder / "paperline.toml").write_text(text, encoding="utf-8")
    settings = harness.settings(folder, "http://127.0.0.1:9/v1", name=EMBEDDED)
    made = harness.snapshot(settings, papers)
    harness.summarize(settings, made)
    releasing.release(settings, made, harness.NOW)
    return settings, made


def decided(snapshot: Snapshot, count: int) -> None:
    """Take so many decisions, half of which take back the others."""
    digest = snapshot.digest()
    entries = digest.papers if digest else ()
    actions: tuple[Action, Action] = ("approve", "reopen")
    snapshot.append_decisions(
        Decision(
            paper=entry.paper.id,
            version=entry.paper.version,
            action=actions[turn % 2],
            summary=entry.summary,
            lines=texts(entry.lines),
            editor="Mei Lan",
            at=harness.NOW + timedelta(seconds=turn),
        )
        for turn in range(count // len(entries))
        for entry in entries
    )


def many(folder: Path, papers: list[Paper], count: int) -> None:
    """An installation with so many snapshots, of which the newest thirty are not published."""
    settings, draft = installed(folder, papers)
    texts_of_draft = _contents(draft.folder)
    releasing.release(settings, draft, harness.NOW, asked_under="none", site=False)
    texts_of_published = _contents(draft.folder)
    shutil.rmtree(draft.folder)
    for number in range(count):
        instant = harness.NOW + timedelta(days=number)
        other = draft.folder.with_name(f"{instant:%Y%m%d_%H%M}")
        other.mkdir()
        taken = texts_of_published if number < count - 30 else texts_of_draft
        for name, text in taken.items():
            dated = text.replace(draft.name, other.name)
            dated = dated.replace(f"{harness.NOW:%Y-%m-%dT%H:%M}", f"{instant:%Y-%m-%dT%H:%M}")
            (other / name).write_text(dated, encoding="utf-8")
    build_site(settings)


def _contents(folder: Path) -> dict[str, str]:
    """The files of a snapshot, those first that were written first: their times tell of it."""
    written = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return {path.name: path.read_text("utf-8") for path in written if path.name[0] != "."}


def folded(settings: Settings, snapshot: Snapshot) -> bool:
    """Print what the fold and the desk cost; whether the bounds hold."""
    file = snapshot.folder / "4-decisions.jsonl"
    lines = file.read_text("utf-8").splitlines()
    bare = statistics.median(milliseconds(lambda: [*map(json.loads, lines)]) for _ in range(5))
    fold = statistics.median(milliseconds(lambda: State(snapshot.decisions())) for _ in range(5))
    desk = Desk(settings, snapshot)
    first = milliseconds(desk.view)
    again = statistics.median(milliseconds(desk.view) for _ in range(PAGES))
    holds = fold < FOLD_MS and again < first * REMEMBERED
    print(f"\n{f'{TAKEN:,} decisions':<34}{'ms':>8}{'bound':>8}{'ratio':>8}")
    print(f"{'read by json, no more':<34}{bare:>8.1f}{'':>8}{1:>8.1f}")
    note = "" if fold < FOLD_MS else "  over its bound"
    print(f"{'read and folded':<34}{fold:>8.1f}{FOLD_MS:>8.0f}{fold / bare:>8.1f}{note}")
    print(f"{'first view of the desk':<34}{first:>8.1f}{'':>8}{first / bare:>8.1f}")
    note = "" if again < first * REMEMBERED else "  over its bound"
    print(f"{'second view':<34}{again:>8.3f}{first * REMEMBERED:>8.1f}{again / bare:>8.3f}{note}")
    return holds


def reviewed(folder: Path, snapshot: Snapshot, ids: list[str]) -> list[Times]:
    """What the review page and decisions cost."""
    address, probe = f"/review/{snapshot}", folder / "probe.jsonl"
    line = "x" * 600
    with reviewing(folder) as link:
        browser = Browser(link)
        bare = [milliseconds(lambda: browser.get("/no-such-page")) for _ in range(PAGES)]
        first = milliseconds(lambda: browser.get(address))
        pages = [
            milliseconds(lambda id_=id_: browser.get(f"{address}?paper={id_}"))  # type: ignore[misc]
            for id_ in ids[:PAGES]
        ]
        browser.get(address)
        synced = [milliseconds(lambda: append_lines(probe, [line])) for _ in range(PAGES)]
        taken = [milliseconds(lambda: browser.decide(address)) for _ in range(DECISIONS)]
        amid, looks = list[float](), list[float]()
        for _ in range(ROUNDS):
            time.sleep(PAUSE + 0.1)
            looks.append(milliseconds(lambda: browser.get(address)))
            amid += [milliseconds(lambda: browser.decide(address)) for _ in range(AMID)]
    return [
        Times("a page that is not there", bare),
        Times("a line appended and synced", synced),
        Times("review page, first after start", [first]),
        Times("review page", pages, PAGE_MS),
        Times("decision", taken, DECISION_MS),
        Times("review page amid a release", looks),
        Times("decision amid a release", amid),
    ]


def listed(folder: Path) -> list[Times]:
    """What the list of snapshots costs."""
    with reviewing(folder) as link:
        browser = Browser(link)
        browser.get("/no-such-page")
        first = milliseconds(lambda: browser.get("/"))
        again = [milliseconds(lambda: browser.get("/")) for _ in range(PAGES)]
    return [
        Times(f"list of {SNAPSHOTS:,}, first after start", [first]),
        Times(f"list of {SNAPSHOTS:,}", again, PAGE_MS),
    ]


def main() -> int:
    """Print the tables; 1 when a bound is passed."""
    there = (harness.TESTBED / "corpus").is_dir()
    papers = harness.corpus(PAPERS) if there else [*invented(PAPERS)]
    with tempfile.TemporaryDirectory() as name:
        settings, snapshot = installed(Path(name) / "one", papers)
        decided(snapshot, TAKEN)
        releasing.release(settings, snapshot, harness.NOW)
        many(Path(name) / "many", papers[:30], SNAPSHOTS)
        ids = [paper.id for paper in papers]
        times = reviewed(Path(name) / "one", snapshot, ids) + listed(Path(name) / "many")
        print(f"{f'{PAPERS:,} papers':<34}{'ms':>8}{'95 %':>8}{'worst':>8}{'bound':>8}{'ratio':>8}")
        for each in times:
            print(each.row(times[0].median))
        holds = folded(settings, snapshot)
    return 0 if holds and all(each.holds for each in times) else 1


if __name__ == "__main__":
    sys.exit(main())
