"""Processor time for each paper of the whole summarize stage, against a bare loop with the SDK.

1,000 papers, 64 requests at once, a server that answers at once. This process keeps to one
core and the server to another, so neither disturbs the other's caches. User and system time
of all threads; three rounds, the order alternated; the median of the rounds' ratios. Each
has asked a few questions before, so that imports are no part. Frameworks are in the table
where they are installed.
"""

import contextlib
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness, rivals  # noqa: E402  works from a plain checkout

PAPERS = 1_000
WARM = 64
WORKERS = 64
ROUNDS = 3
BOUND = 1.3
OTHERS = {"SDK as it comes": rivals.sdk, "aiohttp alone": rivals.aiohttp_alone}


@contextlib.contextmanager
def apart(server: harness.Server) -> Iterator[None]:
    """This process on one core, the server on the others, where there is more than one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:1])
        os.sched_setaffinity(server.pid, cores[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def used_by(work: Callable[[], None], count: int) -> float:
    """Milliseconds of processor time for each of `count` papers."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds * 1000 / count


def stage_ms(url: str, count: int) -> float:
    """That of the stage over so many papers, with empty cache and outputs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = harness.settings(Path(folder), url, concurrency=WORKERS)
        snapshot = harness.snapshot(settings, harness.corpus(count))
        return used_by(lambda: harness.summarize(settings, snapshot), count)


def loop_ms(loop: rivals.Loop, url: str, count: int) -> float:
    """That of a loop over the same questions, which are rendered before."""
    bodies = harness.bodies(harness.settings(Path(), url), harness.corpus(count))
    return used_by(lambda: loop(url, bodies, WORKERS), count)


def measured(url: str) -> tuple[list[tuple[float, float]], dict[str, float]]:
    """Stage and bare loop, round by round; then what stands beside them in the table."""
    runs: list[Callable[[int], float]] = [
        lambda count: stage_ms(url, count),
        lambda count: loop_ms(rivals.sdk_over_aiohttp, url, count),
    ]
    for run in runs:
        run(WARM)
    found = []
    for number in range(ROUNDS):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        took = {which: runs[which](PAPERS) for which in order}
        found.append((took[0], took[1]))
    frameworks = {n: loop for n, loop in rivals.FRAMEWORKS.items() if rivals.is_installed(n)}
    beside = {}
    for name, loop in {**OTHERS, **frameworks}.items():
        loop_ms(loop, url, WARM)
        beside[name] = loop_ms(loop, url, PAPERS)
    return found, beside


def main() -> int:
    """Print the table; 1 when the bound is passed."""
    if not harness.ready():
        return 0
    with harness.serving() as server, apart(server):
        found, beside = measured(server.url)
    ours = statistics.median(ours for ours, _ in found)
    bare = statistics.median(loop for _, loop in found)
    ratio = statistics.median(ours / loop for ours, loop in found)
    note = "  over its bound" if ratio > BOUND else ""
    print(f"{'':<20}{'ms':>8}{'ratio':>8}{'bound':>8}")
    print(f"{'summarize stage':<20}{ours:>8.2f}{ratio:>8.2f}{BOUND:>8.1f}{note}")
    print(f"{'SDK over aiohttp':<20}{bare:>8.2f}{1:>8.2f}")
    for name, used in beside.items():
        print(f"{name:<20}{used:>8.2f}{used / bare:>8.2f}")
    for name in rivals.FRAMEWORKS.keys() - beside.keys():
        print(f"{name:<20}{'not installed':>24}")
    print("rounds: " + ", ".join(f"{ours:.2f} / {loop:.2f}" for ours, loop in found))
    return 1 if ratio > BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
