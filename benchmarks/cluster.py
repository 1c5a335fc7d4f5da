"""Requests per second of the cluster executor against bare loops, and limits held over its actors.

Four actors with 64 concurrent requests each, on a Ray of its own, ask a server that takes a
second for each answer: 256 a second at most, and no more than two bare loops with the OpenAI SDK
in two processes reach together. What is compared is the middle of each run, between the time at
which a tenth of the answers have come and the time at which nine tenths have, so that neither
the start of processes nor the last answers decide; of the loops, which run before and after,
the faster counts. Then a limit of requests a minute is set, and
the server counts how many it had to refuse. About two and a half minutes.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

import msgspec  # noqa: E402  as below

from benchmarks import harness, rivals  # noqa: E402  works from a plain checkout
from pipeline import prompts  # noqa: E402
from pipeline.exchange import Job, Outcome  # noqa: E402
from pipeline.executors.selection import opened  # noqa: E402
from pipeline.settings import ClusterSettings, Settings  # noqa: E402
from pipeline.wanted import job_for  # noqa: E402

PAPERS = 4_000
ROUNDS = 2
"""Every paper is asked about so often."""

ACTORS = 4
WORKERS = 64
LATENCY = 1.0
LOOPS = 2
BOUND = 0.9
"""Share of what is possible that must be reached."""

PER_MINUTE = 6_000
LIMITED = 2_000
"""Requests of the run with a limit: 20 seconds."""


@dataclass
class Course:
    """When the answers of one run came, in seconds, and what its processes used."""

    came: list[float] = field(default_factory=list)
    driver: float = 0.0
    actors: float = 0.0
    driver_memory: float = 0.0
    actor_memory: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers per second in the middle of the run."""
        times = sorted(self.came)
        first, last = len(times) // 10, len(times) * 9 // 10
        return (last - first) / (times[last] - times[first])


def chosen(folder: Path, url: str, **model: Any) -> Settings:
    """Settings for four actors with 64 requests at once each."""
    values = {"concurrency": ACTORS * WORKERS, "executor": "cluster", **model}
    plain = harness.settings(folder, url, **values)
    return msgspec.structs.replace(plain, cluster=ClusterSettings(actors=ACTORS))


def jobs(settings: Settings, count: int) -> Iterable[Job]:
    """Questions about the papers, as the stage asks them."""
    prompt = prompts.load(settings.prompts, harness.PROMPT)
    for paper in harness.corpus(count):
        yield job_for(settings, harness.TOPIC, "20260501_0405", prompt, paper)


def run(settings: Settings, asked: list[Job]) -> Course:
    """What the executor does with the jobs."""
    course = Course()

    def deliver(outcome: Outcome) -> None:
        if outcome.failure is not None:
            raise RuntimeError(f"no line for {outcome.paper}: {outcome.failure}")
        course.came.append(time.monotonic())
        if len(course.came) == len(asked) - ACTORS * WORKERS:
            used = [usage(pid) for pid in askers()]
            course.actors = sum(seconds for seconds, _ in used)
            course.actor_memory = max((mebibytes for _, mebibytes in used), default=0.0)
            course.driver_memory = usage(os.getpid())[1]

    begun = time.process_time()
    with opened(settings) as executor:
        executor.run(asked, deliver, paid=lambda _: None, redo=True)
    course.driver = time.process_time() - begun
    return course


def askers() -> list[int]:
    """The processes of Ray that ask."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            title = (path / "cmdline").read_bytes() if path.name.isdecimal() else b""
        except OSError:
            continue
        if title.startswith(b"ray::Asker"):
            found.append(int(path.name))
    return found


def usage(pid: int) -> tuple[float, float]:
    """Seconds of processor time of a process, and MiB that are resident."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def loop(url: str, bodies: list[dict[str, Any]], times: Any) -> None:
    """A bare loop with the SDK; puts the time of each answer into the queue."""
    came: list[float] = []

    def bodies_with_times() -> Iterable[dict[str, Any]]:
        for body in bodies:
            came.append(time.monotonic())
            yield body

    taken = cast("list[dict[str, Any]]", bodies_with_times())  # it is gone through once
    rivals.sdk_over_aiohttp(url, taken, ACTORS * WORKERS // LOOPS)
    times.put(came)


def bare(url: str, bodies: list[dict[str, Any]]) -> Course:
    """Two loops at once, each in a process of its own; a body is taken when an answer has come."""
    context = multiprocessing.get_context("spawn")
    times = context.Queue()
    parts = [bodies[number::LOOPS] for number in range(LOOPS)]
    processes = [context.Process(target=loop, args=(url, part, times)) for part in parts]
    for process in processes:
        process.start()
    came = [moment for _ in processes for moment in times.get()]
    for process in processes:
        process.join()
    return Course(came=came)


def limited(server: harness.Server) -> tuple[float, int]:
    """Share of the limit that four actors use, and how many requests the server refused."""
    with tempfile.TemporaryDirectory() as folder:
        settings = chosen(Path(folder), server.url, requests_per_minute=PER_MINUTE)
        asked = list(jobs(settings, LIMITED))
        server.reset()
        course = run(settings, asked)
    refused = int(server.statistics()["by_status"].get("429", 0))
    return course.per_second * 60 / PER_MINUTE, refused


def speeds() -> tuple[Course, Course]:
    """Executor and loops against the same server; of the loops before and after it the faster."""
    with harness.serving("--latency", str(LATENCY), "--max-concurrency", "1000") as server:
        with tempfile.TemporaryDirectory() as folder:
            settings = chosen(Path(folder), server.url)
            asked = list(jobs(settings, PAPERS))
            bodies = harness.bodies(settings, harness.corpus(PAPERS))
            before = bare(server.url, bodies)
            ours = run(settings, asked * ROUNDS)
            after = bare(server.url, bodies)
        return ours, max(before, after, key=lambda course: course.per_second)


def main() -> int:
    """Print the tables; 1 when a bound is passed."""
    if not harness.ready():
        return 0
    ours, loops = speeds()
    with harness.serving("--latency", str(LATENCY), "--rpm", str(PER_MINUTE)) as server:
        used, refused = limited(server)
    possible = min(ACTORS * WORKERS / LATENCY, loops.per_second)
    ratio = ours.per_second / possible
    rows: list[tuple[str, str, str, bool]] = [
        ("bare loops, requests a second", f"{loops.per_second:.1f}", "", False),
        ("cluster, requests a second", f"{ours.per_second:.1f}", "", False),
        ("ratio to what is possible", f"{ratio:.3f}", f">= {BOUND}", ratio < BOUND),
        ("share of a limit that is used", f"{used:.3f}", f">= {BOUND}", used < BOUND),
        ("answered 429", str(refused), "0", refused > 0),
    ]
    count = len(ours.came)
    rows += [
        ("driver, ms of processor a request", f"{ours.driver / count * 1e3:.2f}", "", False),
        ("actors, ms of processor a request", f"{ours.actors / count * 1e3:.2f}", "", False),
        ("driver, MiB", f"{ours.driver_memory:.0f}", "", False),
        ("largest actor, MiB", f"{ours.actor_memory:.0f}", "", False),
    ]
    for name, value, bound, over in rows:
        print(f"{name:<36}{value:>10}{bound:>10}{'  over its bound' if over else ''}")
    return int(any(over for *_, over in rows))


if __name__ == "__main__":
    sys.exit(main())
