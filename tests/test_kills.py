"""Killed at any instant, the next run pays for nothing twice and loses nothing."""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.stage_bench import StageBench, recorded_papers
from tests.testbed_servers import serving, statistics

CONCURRENCY = 8


def assert_kills_cost_nothing(
    testbed: Path, folder: Path, *, count: int, kills: int, latency: str
) -> None:
    """Summarize `count` papers under `kills` SIGKILLs, then to the end; look at what was paid."""
    chance = random.Random(7)
    with serving(testbed / "llm_server.py", "--latency", latency) as url:
        bench = StageBench(
            folder, url, recorded_papers(testbed), count, f"concurrency = {CONCURRENCY}"
        )
        killed = 0
        while killed < kills:
            process = bench.start()
            try:
                process.communicate(timeout=chance.uniform(0.1, 2.0))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                killed += 1
            assert all(record["usage"] for record in bench.spent())
        assert bench.summarize() == 0
        told = statistics(url)
    assert killed >= kills - 1
    assert len(bench.lines()) == count
    assert told["duplicates"] <= CONCURRENCY * killed
    lost = told["by_status"]["200"] - len({record["id"] for record in bench.spent()})
    assert 0 <= lost <= CONCURRENCY * killed
    usage = bench.run()["stages"]["summarize"]["usage"]
    booked = {record["id"]: record for record in bench.spent()}.values()
    assert usage["prompt_tokens"] == sum(record["usage"]["prompt_tokens"] for record in booked)
    assert not [path for path in bench.snapshot.iterdir() if path.name.endswith(".part")]


def test_a_run_that_is_killed_is_resumed_and_pays_for_nothing_twice(
    testbed: Path, tmp_path: Path
) -> None:
    assert_kills_cost_nothing(testbed, tmp_path, count=100, kills=3, latency="0.3")


@pytest.mark.prove
def test_fifty_kills_of_a_run_over_three_hundred_papers(testbed: Path, tmp_path: Path) -> None:
    assert_kills_cost_nothing(testbed, tmp_path, count=300, kills=50, latency="1.5")
