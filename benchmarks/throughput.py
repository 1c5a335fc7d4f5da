"""Wall time of the whole summarize stage against a bare loop with the OpenAI SDK.

1,000 papers, 64 requests at once, a server that takes a second for each answer: what the
stage does besides waiting (render, count, limit, check, cache, book, write) has to fit
between the answers. Three rounds, the order alternated; the median of the rounds' ratios.
Each has asked a few questions before, so that imports are no part. About three minutes.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness, rivals  # noqa: E402  works from a plain checkout

PAPERS = 1_000
WARM = 64
WORKERS = 64
LATENCY = 1.0
ROUNDS = 3
BOUND = 1.03
STAGE = "summarize stage"
SDK = "SDK over aiohttp"
OTHERS = {"SDK as it comes": rivals.sdk, "aiohttp alone": rivals.aiohttp_alone}


def stage_seconds(url: str, count: int) -> float:
    """Seconds of the stage over so many papers, with empty cache and outputs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = harness.settings(Path(folder), url, concurrency=WORKERS)
        snapshot = harness.snapshot(settings, harness.corpus(count))
        begun = time.perf_counter()
        harness.summarize(settings, snapshot)
        return time.perf_counter() - begun


def loop_seconds(loop: rivals.Loop, url: str, count: int) -> float:
    """Seconds of a loop over the same questions."""
    settings = harness.settings(Path(), url)
    bodies = harness.bodies(settings, harness.corpus(count))
    begun = time.perf_counter()
    loop(url, bodies, WORKERS)
    return time.perf_counter() - begun


def rounds(url: str) -> list[tuple[float, float]]:
    """Seconds of stage and bare loop, round by round."""
    runs: list[Callable[[int], float]] = [
        lambda count: stage_seconds(url, count),
        lambda count: loop_seconds(rivals.sdk_over_aiohttp, url, count),
    ]
    for run in runs:
        run(WARM)
    found = []
    for number in range(ROUNDS):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        took = {which: runs[which](PAPERS) for which in order}
        found.append((took[0], took[1]))
    return found


def main() -> int:
    """Print the table; 1 when the bound is passed."""
    if not harness.ready():
        return 0
    with harness.serving("--latency", str(LATENCY)) as server:
        found = rounds(server.url)
        beside = {name: loop_seconds(loop, server.url, PAPERS) for name, loop in OTHERS.items()}
    bare = statistics.median(loop for _, loop in found)
    ratio = statistics.median(ours / loop for ours, loop in found)
    print(f"{'':<18}{'s':>8}{'ratio':>8}{'bound':>8}")
    ours = statistics.median(ours for ours, _ in found)
    note = "  over its bound" if ratio > BOUND else ""
    print(f"{STAGE:<18}{ours:>8.2f}{ratio:>8.3f}{BOUND:>8.2f}{note}")
    print(f"{SDK:<18}{bare:>8.2f}{1:>8.3f}")
    for name, seconds in beside.items():
        print(f"{name:<18}{seconds:>8.2f}{seconds / bare:>8.3f}")
    print("rounds: " + ", ".join(f"{ours:.2f} / {loop:.2f}" for ours, loop in found))
    return 1 if ratio > BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
