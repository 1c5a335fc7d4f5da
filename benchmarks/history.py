"""A night behind 10 snapshots of 30 invented papers, and behind 3,650: ten years of them.

The last ten nights before those that are measured are real ones in both installations: what
heals, reminds and fills the feeds meets the same. The years before them are copies of a real
night's files with dates, ids and checksums of their own; the costs and the answers of all are
in `spend.jsonl` and `cache/`, and the site, the ledger and the search index are as a night
leaves them. Pagefind makes the index of a whole year anew for each night of it, which has nothing
to do with the years before: both installations are in the first weeks of a year, and so have the
same digests in its index.

Each night is `paperline run` in a process of its own, for 30 papers of a saved feed, with a model
over HTTP and with the embedded one, which costs the least and so bounds the most. The two
installations take turns. What is bounded is processor time, user and system, with that of all
children such as Pagefind; a machine's other work changes it the least. Of the review app's list
it is wall time, also in the column of processor time.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.review import Browser, milliseconds, reviewing  # noqa: E402  from a plain checkout
from benchmarks.site import PAPERS, TOPIC, a_paper, an_entry  # noqa: E402
from pipeline import proofs  # noqa: E402
from pipeline.cache import AnswerCache  # noqa: E402
from pipeline.exchange import Answer, Kept  # noqa: E402
from pipeline.outputs import Outputs  # noqa: E402
from pipeline.records import EMBEDDED, Paper, utc_text  # noqa: E402
from pipeline.snapshot import PAPERS as PAPERS_FILE  # noqa: E402
from pipeline.snapshot import Snapshot, sha256  # noqa: E402

FEW, MANY = 10, 3_650
REAL = 10
"""The nights before the measured ones that are no copies."""

NIGHTS = 5
GROWTH = 1.3
FIRST = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
"""The first of the real nights. What is a copy lies before it."""

PATTERN = FIRST - timedelta(days=4_000)
"""The night of which the others are copies, older than all of them."""

MODEL = "tide-1"
CONFIGURATION = """
time_zone = "UTC"
prompts = {prompts}
[site]
url = "https://digests.example/"
search = {search}
[model]
name = "{model}"
base_url = "{url}"
requests_per_minute = 100000
tokens_per_minute = 100000000
[review]
policy = "none"
[[topic]]
name = "{topic}"
title = "Invented Papers"
query = "all:bench"
limit = {papers}
"""

ATOM = "http://www.w3.org/2005/Atom"
SEARCHED = "http://a9.com/-/spec/opensearch/1.1/"


def day_of(number: int) -> datetime:
    """The night of that number; the first real one has 0."""
    return FIRST + timedelta(days=number)


def papers_of(moment: datetime) -> list[Paper]:
    """What is new on a night; the first seven characters of an id are the month and the day."""
    chance = random.Random(moment.toordinal())
    first = moment.day * 1_000
    return [a_paper(chance, first + number, moment) for number in range(1, PAPERS + 1)]


def feed(papers: Sequence[Paper]) -> bytes:
    """The papers as arXiv's query API sends them."""
    root = ET.Element(f"{{{ATOM}}}feed")
    ET.SubElement(root, f"{{{SEARCHED}}}totalResults").text = str(len(papers))
    for paper in papers:
        entry = ET.SubElement(root, f"{{{ATOM}}}entry")
        told = {
            "id": paper.url,
            "title": paper.title,
            "summary": paper.abstract,
            "published": utc_text(paper.first),
            "updated": utc_text(paper.latest),
        }
        for name, text in told.items():
            ET.SubElement(entry, f"{{{ATOM}}}{name}").text = text
        for author in paper.authors:
            person = ET.SubElement(entry, f"{{{ATOM}}}author")
            ET.SubElement(person, f"{{{ATOM}}}name").text = author
        for category in paper.categories:
            ET.SubElement(entry, f"{{{ATOM}}}category", term=category)
    return ET.tostring(root, encoding="unicode").encode()


class _Answers(BaseHTTPRequestHandler):
    """A model that says something else of every paper, at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        (paper,) = papers_of(FIRST)[:1]
        entry = an_entry(random.Random(asked), paper)
        lines = {language: line.text for language, line in entry.lines.items()}
        message = {"role": "assistant", "content": json.dumps(lines, ensure_ascii=False)}
        body = {
            "id": "1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 450, "completion_tokens": 90, "total_tokens": 540},
        }
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  the base class's name
        """Nothing is said of a request."""


@contextlib.contextmanager
def a_model() -> Iterator[str]:
    """The address of a model server, which runs until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


class Cost(NamedTuple):
    """What a command took: processor and wall time in milliseconds, MiB at its peak."""

    processor: float
    wall: float
    mib: float


@dataclass
class Installation:
    """One in a folder of its own; `behind` is how many snapshots it began with."""

    folder: Path
    model: str
    behind: int
    night: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.outputs = Outputs(self.folder / "outputs")
        self.configure(search=False)

    def configure(self, *, search: bool) -> None:
        """Write its settings."""
        text = CONFIGURATION.format(
            prompts=json.dumps(str(REPOSITORY / "prompts")),
            search=str(search).lower(),
            model=MODEL,
            url=self.model,
            topic=TOPIC,
            papers=PAPERS,
        )
        (self.folder / "paperline.toml").write_text(text, encoding="utf-8")

    def cost(self, *arguments: str, **variables: str) -> Cost:
        """Run a command. Raises `RuntimeError` with what it said where it fails."""
        surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
        surroundings.pop("TIKTOKEN_CACHE_DIR", None)  # that table takes 0.3 s, be it ten or more
        begun = time.perf_counter()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", *arguments],
                cwd=self.folder,
                env=surroundings,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise RuntimeError(f"{arguments} ended with {process.returncode}: {said.read()}")
        wall = (time.perf_counter() - begun) * 1000
        return Cost((used.ru_utime + used.ru_stime) * 1000, wall, used.ru_maxrss / 1024)

    def run(self, moment: datetime, *, embedded: bool = False) -> Cost:
        """The night of that moment, which has something new."""
        saved = self.folder / "feed.xml"
        saved.write_bytes(feed(papers_of(moment)))
        variables = {"PAPERLINE_ARXIV_URL": saved.as_uri()}
        if embedded:
            variables["PAPERLINE_MODEL"] = EMBEDDED
        return self.cost("run", "--at", utc_text(moment), **variables)

    def another(self, *, embedded: bool = False) -> Cost:
        """One more night."""
        self.night += 1
        return self.run(day_of(self.night - 1), embedded=embedded)

    @property
    def latest(self) -> Snapshot:
        """Of the night before."""
        return self.outputs.snapshot(TOPIC, f"{day_of(self.night - 1):%Y%m%d_%H%M}")


def installed(folder: Path, model: str, behind: int) -> Installation:
    """An installation with so many snapshots, of which `REAL` are no copies."""
    made = Installation(folder, model, behind)
    if behind > REAL:
        pattern = Installation(folder.with_name("pattern"), model, 1)
        pattern.run(PATTERN)
        copy(pattern, made, behind - REAL)
    for _ in range(REAL):
        made.another(embedded=True)
    return made


def copy(pattern: Installation, into: Installation, count: int) -> None:
    """Put copies of the pattern's only night on so many days before the first real night."""
    name = f"{PATTERN:%Y%m%d_%H%M}"
    of_pattern = pattern.outputs.snapshot(TOPIC, name).folder
    written = sorted(of_pattern.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    texts = {path.name: path.read_text("utf-8") for path in written if path.name[0] != "."}
    (fetched,) = pattern.outputs.fetches(TOPIC)
    spent = list(pattern.outputs.spent_since(PATTERN))
    usage = spent[0].usage
    answer = Answer(content="{}", model=MODEL, usage=usage, created=PATTERN)
    with contextlib.closing(AnswerCache(into.folder / "cache")) as cache:
        kept: list[Kept] = []
        for number in range(-count, 0):
            moment = day_of(number)
            snapshot = into.outputs.snapshot(TOPIC, f"{moment:%Y%m%d_%H%M}")
            snapshot.folder.mkdir(parents=True)
            for file, text in texts.items():
                (snapshot.folder / file).write_text(_dated(text, moment), encoding="utf-8")
            _vouched(snapshot)
            # Once a week a night looks further back: on the same days as without what is a copy.
            a_fetch = fetched.but(at=moment, snapshot=snapshot.name, wide=number % 7 == 0)
            into.outputs.append_fetch(TOPIC, a_fetch)
            for place, one in enumerate(spent):
                mark = f"{abs(number):06d}{place:04d}".rjust(64, "0")
                booked = one.but(id=mark, at=moment, snapshot=snapshot.name)
                kept.append(Kept(mark, answer, booked))
            if number % 100 == 0 or number == -1:
                cache.keep(kept, into.outputs.append_spend)
                kept = []


def _dated(text: str, moment: datetime) -> str:
    """A text of the pattern as it would be of another night."""
    for form in ("%Y%m%d_%H%M", "%Y-%m-%d", "%y%m.%d"):
        text = text.replace(f"{PATTERN:{form}}", f"{moment:{form}}")
    return text


def _vouched(snapshot: Snapshot) -> None:
    """Put the checksums of its own files into `run.json`."""
    run = snapshot.run()
    checked = run.stages["check"]
    found = {**checked.outputs, "findings": sha256(snapshot.folder / "3-findings.jsonl")}
    assembled = run.stages["assemble"].but(outputs=proofs.of(snapshot))
    stages = {**run.stages, "check": checked.but(outputs=found), "assemble": assembled}
    snapshot.write_run(run.but(papers_sha256=sha256(snapshot.folder / PAPERS_FILE), stages=stages))


class Row(NamedTuple):
    """What the same work took behind few and behind many snapshots."""

    name: str
    few: Cost
    many: Cost
    bound: float | None = None

    @property
    def ratio(self) -> float:
        """Of the processor times."""
        return self.many.processor / self.few.processor

    @property
    def holds(self) -> bool:
        """Whether the bound is kept, if there is one."""
        return self.bound is None or self.ratio <= self.bound

    def __str__(self) -> str:
        costs = "".join(
            f"{one.processor:>8.0f}{one.wall:>8.0f}{one.mib:>7.0f}" for one in (self.few, self.many)
        )
        bound = "" if self.bound is None else f"{self.bound}"
        note = "" if self.holds else "  over its bound"
        return f"{self.name:<32}{costs}{self.ratio:>8.2f}{bound:>7}{note}"


def median(costs: Sequence[Cost]) -> Cost:
    """Of each of the three."""
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def a_row(name: str, costs: Sequence[Sequence[Cost]], bound: float | None = None) -> Row:
    """The medians of costs that come in pairs, behind few and behind many."""
    few, many = (median(one) for one in zip(*costs, strict=True))
    return Row(name, few, many, bound)


def nights(name: str, two: Sequence[Installation], *, embedded: bool) -> Row:
    """Some more nights, in which the installations take turns."""
    costs = [[one.another(embedded=embedded) for one in two] for _ in range(NIGHTS)]
    return a_row(name, costs, GROWTH)


def commands(two: Sequence[Installation]) -> Iterator[Row]:
    """What people ask for in between, several times each."""
    latest = str(two[0].latest)
    ids = [paper.id for paper in two[0].latest.papers()]
    asked: list[tuple[str, list[tuple[str, ...]]]] = [
        ("status", [("status",)] * NIGHTS),
        ("status of a snapshot", [("status", latest)] * NIGHTS),
        ("decide", [("decide", latest, id_, "approve", "--editor", "Mei") for id_ in ids[:NIGHTS]]),
        ("publish a settled snapshot", [("publish", latest)] * NIGHTS),
        ("prompts list", [("prompts", "list")]),
    ]
    for name, times in asked:
        yield a_row(name, [[one.cost(*arguments) for one in two] for arguments in times])


def pages(one: Installation) -> list[Cost]:
    """The review app's list, first after the start and second, by its wall time alone."""
    with reviewing(one.folder) as link:
        browser = Browser(link)
        browser.get("/no-such-page")
        taken = [milliseconds(lambda: browser.get("/")) for _ in range(2)]
    return [Cost(wall, wall, 0.0) for wall in taken]


def searched(two: Sequence[Installation]) -> Iterator[Row]:
    """Nights with a search index, that of a year with some tens of digests in both."""
    for one in two:
        one.configure(search=True)
        one.another()  # which makes all pages and indexes anew
    yield nights("a night, with search", two, embedded=False)


def measured(two: Sequence[Installation]) -> Iterator[Row]:
    """All rows of the table."""
    yield nights("a night", two, embedded=False)
    yield nights("a night, embedded model", two, embedded=True)
    yield from commands(two)
    few, many = map(pages, two)
    for name, *costs in zip(("list of snapshots, first", "second"), few, many, strict=True):
        yield a_row(name, [costs])
    yield from searched(two)


def main(many: int, folder: Path) -> int:
    """Print the table; 1 where a bound is passed."""
    with a_model() as model:
        begun = time.perf_counter()
        # In a process of its own: what this one needs at its peak would count as its children's.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
            made = [apart.submit(installed, folder / str(n), model, n) for n in (FEW, many)]
            two = [each.result() for each in made]
        print(f"installations made in {time.perf_counter() - begun:.0f} s")
        print(f"{'':<32}{f'behind {FEW}':>23}{f'behind {many:,}':>23}")
        columns = f"{'cpu ms':>8}{'ms':>8}{'MiB':>7}" * 2
        print(f"{'':<32}{columns}{'ratio':>8}{'bound':>7}")
        holds = True
        for row in measured(two):
            print(row, flush=True)
            holds = holds and row.holds
    return 0 if holds else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=MANY, help="snapshots of the larger one")
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(parser.parse_args().many, Path(place)))
