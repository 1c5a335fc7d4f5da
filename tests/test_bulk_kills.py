"""Killed at any instant, a bulk run goes on where it was: the same content, nothing paid twice."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ray_session import LOOPBACK
from tests.crowd import Crowd
from tests.dumps import ROOT, Bulk, content, entries, undated
from tests.terminal import Terminal

CONCURRENCY = 4

AFTER = """
import os, signal, sys
from pathlib import Path
left, told = int(sys.argv.pop(1)), Path(sys.argv.pop(1))
calls = 0
def count(frame, event, arg):
    global calls
    if event in ("call", "return") and "/pipeline/bulk/" in frame.f_code.co_filename:
        calls += 1
        if calls == left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(count)
from pipeline.cli.main import main
try:
    main()
finally:
    sys.setprofile(None)
    told.write_text(str(calls))
"""
"""Runs the command, and kills it at a step of pipeline/bulk: any call or return of a function."""


class Command:
    """`paperline bulk` as a real process that asks a model's server."""

    def __init__(self, folder: Path, crowd: Crowd, executor: str = "online") -> None:
        self.bulk = Bulk(folder)
        self._crowd = crowd
        self._executor = executor
        table = crowd.table()
        Terminal(
            folder,
            f'[model]\nname = "{table.name}"\nbase_url = "{table.base_url}"\n'
            f"concurrency = {CONCURRENCY}\nrequests_per_minute = 1000000\n"
            "tokens_per_minute = 1000000000\n[cluster]\nactors = 2\n",
        )

    def start(self, *before: str) -> "subprocess.Popen[str]":
        """Begin the command."""
        words = ["--quiet", "bulk", "dump.json", "out", "--executor", self._executor]
        return subprocess.Popen(
            [sys.executable, *(before or ("-m", "pipeline")), *words],
            cwd=self.bulk.folder,
            env={**os.environ, **LOOPBACK, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def killed_after(self, steps: int) -> bool:
        """Whether it was killed at that step, or had ended before."""
        with self.start("-c", AFTER, str(steps), "told") as process:
            _, errors = process.communicate(timeout=250)
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode != 0

    def killed_at(self, answers: int) -> None:
        """Kill it once the server has given so many answers."""
        with self.start() as process:
            self._crowd.until(lambda: self._crowd.answered >= answers)
            process.kill()
            process.communicate(timeout=250)

    def steps(self) -> int:
        """How many steps the last run that was not killed took."""
        return int((self.bulk.folder / "told").read_text())

    def ends(self, *, code: int = 0) -> str:
        """Run to the end, and what it says on stderr."""
        with self.start() as process:
            _, errors = process.communicate(timeout=250)
        assert process.returncode == code, errors
        return errors


def assert_kills_cost_nothing(
    folder: Path, crowd: Crowd, kills: int, executor: str = "online"
) -> None:
    """Kill a run so often, let it end, and compare it with one that was not killed."""
    papers = entries(40, "2024-04", "2024-05", "2024-06", "2024-07")
    chance = random.Random(kills)
    whole = Command(make(folder / "whole"), crowd)
    whole.bulk.write(*papers)
    assert not whole.killed_after(10**9)
    assert crowd.answered == 40
    command = Command(make(folder / "killed"), crowd, executor)
    command.bulk.write(*papers)
    done = 0
    for kill in range(kills):
        if executor == "cluster":  # whose steps are elsewhere
            command.killed_at(40 + 40 * kill // kills + chance.randrange(1, 40 // kills))
            done += 1
        else:
            steps = chance.randrange(1, whole.steps() * (kill + 2) // kills)
            done += command.killed_after(steps)
    assert done >= kills // 2
    command.ends()
    bulk = command.bulk
    assert undated(bulk.out) == undated(whole.bulk.out)
    assert not [*bulk.out.rglob("*.part"), *(folder / "killed" / "cache" / "bulk").glob("*/*")]
    booked = {each["id"] for each in bulk.spent()}
    assert len(booked) >= 40
    assert crowd.answered - 40 - len(booked) <= CONCURRENCY * done
    assert crowd.answered - 40 <= 40 + CONCURRENCY * done


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_run_that_is_killed_twice_has_the_content_of_one_that_was_not(
    tmp_path: Path, crowd: Crowd
) -> None:
    assert_kills_cost_nothing(tmp_path, crowd, 2)


@pytest.mark.prove
@pytest.mark.parametrize("executor", ["online", "cluster"])
def test_ten_kills_of_a_run(tmp_path: Path, crowd: Crowd, executor: str) -> None:
    assert_kills_cost_nothing(tmp_path, crowd, 10, executor)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 1), pytest.param(signal.SIGTERM, -15, marks=pytest.mark.prove)],
)
def test_a_run_that_is_ended_leaves_nothing_half_written_and_goes_on(
    tmp_path: Path, crowd: Crowd, number: signal.Signals, code: int
) -> None:
    command = Command(tmp_path, crowd)
    command.bulk.write(*entries(12, "2024-05", "2024-06"))
    crowd.hold()
    with command.start() as process:
        crowd.until(lambda: crowd.under_way == CONCURRENCY)
        process.send_signal(number)
        crowd.let_go()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert content(command.bulk.out) == {}
    command.ends()
    assert len(command.bulk.rows()) == 12
    assert crowd.answered <= 12 + CONCURRENCY
