"""`--executor cluster` from the command line, with a Ray of its own on this machine."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests import processes
from tests.crowd import PATIENCE, Crowd
from tests.jobs import paper
from tests.model_server import ModelServer, good_lines
from tests.stage_bench import StageBench
from tests.test_night import FIRST_NIGHT, Machine

RARE_KEY = "sk-rare-5f1c0ffee-not-found"
RARE_ADDRESS = "slack://rare-5f1c0ffee"
PAPERS = 12
CLUSTER = 'executor = "cluster"\nconcurrency = 4\n[cluster]\nactors = 2'


@pytest.fixture(autouse=True)
def ray_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # A path of pytest's would be too long for a socket's name.
    folder = Path(tempfile.mkdtemp(prefix="paperline-"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
    monkeypatch.setenv("OPENAI_API_KEY", RARE_KEY)
    monkeypatch.setenv("EDITORS", RARE_ADDRESS)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def made(folder: Path, crowd: Crowd, more: str = CLUSTER) -> StageBench:
    papers = (paper(number) for number in range(PAPERS))
    bench = StageBench(folder, crowd.table().base_url, papers, PAPERS, more)
    with (folder / "paperline.toml").open("a", encoding="utf-8") as settings:
        settings.write('[notify]\nfailed = ["$EDITORS"]\n')
    return bench


@pytest.fixture
def start() -> Iterator[Callable[[StageBench], "subprocess.Popen[str]"]]:
    """Starts the command of a bench; one that a failed test leaves is ended."""
    started = []

    def begin(bench: StageBench) -> "subprocess.Popen[str]":
        started.append(bench.start())
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


Start = Callable[[StageBench], "subprocess.Popen[str]"]


def gone(pids: list[int]) -> list[int]:
    """Those of the processes that still run after some patience: Ray's agents take a minute."""
    until = time.monotonic() + PATIENCE
    while (left := [pid for pid in pids if processes.runs(pid)]) and time.monotonic() < until:
        time.sleep(0.05)  # nobody tells when a process that is not our child ends
    return left


def test_summarize_asks_through_a_ray_of_its_own_that_knows_no_secret_and_leaves_nothing(
    crowd: Crowd, tmp_path: Path, ray_folder: Path, start: Start
) -> None:
    bench = made(tmp_path, crowd)
    crowd.hold()
    command = start(bench)
    crowd.until(lambda: crowd.under_way == 4)
    family = processes.below(command.pid)
    assert len(processes.named("ray::Asker", below=command.pid)) == 2
    for pid in family:
        said = processes.title(pid) + processes.environment(pid)
        assert RARE_KEY not in said
        assert RARE_ADDRESS not in said
    assert not [port for pid in family for port in processes.listening_beyond_loopback(pid)]
    assert list(ray_folder.iterdir()), "its files are there, as long as it runs"
    assert not processes.files_with(ray_folder, "5f1c0ffee")
    crowd.let_go()
    out, err = command.communicate(timeout=120)
    assert command.returncode == 0
    assert [line for line in err.splitlines() if "token counts are estimates" not in line] == []
    assert out.splitlines()[-1].startswith("t/20260501_0405")
    assert len(bench.lines()) == PAPERS
    assert len(bench.spent()) == PAPERS
    assert not gone(family)
    assert not list(ray_folder.iterdir())


@pytest.mark.prove
@pytest.mark.parametrize(
    ("end", "code"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
)
def test_a_command_that_is_ended_leaves_no_process_and_keeps_every_answer_that_came(
    crowd: Crowd, tmp_path: Path, start: Start, end: signal.Signals, code: int
) -> None:
    bench = made(tmp_path, crowd)

    def some(body: dict[str, Any]) -> Any:
        if crowd.answered == 4:
            crowd.hold()
        return good_lines(body)

    crowd.answer = some
    command = start(bench)
    crowd.until(lambda: crowd.answered >= 5 and crowd.under_way == 4)
    family = processes.below(command.pid)
    answered = crowd.answered
    command.send_signal(end)
    out, err = command.communicate(timeout=120)
    assert command.returncode == code
    assert "Traceback" not in err
    assert out == ""
    assert not gone(family)
    crowd.answer = good_lines
    crowd.let_go()
    before = len(crowd.bodies)
    assert bench.summarize("--executor", "online") == 0
    assert len(bench.lines()) == PAPERS
    assert len(crowd.bodies) - before <= PAPERS - answered
    assert len({record["id"] for record in bench.spent()}) == PAPERS


@pytest.mark.prove
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_while_ray_begins_leaves_nothing(
    crowd: Crowd, tmp_path: Path, ray_folder: Path, start: Start, end: signal.Signals
) -> None:
    command = start(made(tmp_path, crowd))
    family: list[int] = []
    while not any("gcs_server" in processes.title(pid) for pid in family):
        family = processes.below(command.pid)
    command.send_signal(end)
    out, err = command.communicate(timeout=120)
    assert command.returncode == {signal.SIGINT: 1, signal.SIGTERM: 143}[end]
    told = [line for line in err.splitlines() if "token counts are estimates" not in line]
    assert (out, "".join(told).replace("Aborted!", "")) == ("", "")
    assert not gone(family)
    assert not list(ray_folder.iterdir())
    assert not crowd.bodies


def test_where_ray_does_not_begin_its_files_are_kept_and_named(
    crowd: Crowd, tmp_path: Path, ray_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ray_folder / ("longer-than-a-socket-may-be-named-" * 3)
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    bench = made(tmp_path, crowd)
    assert bench.summarize() == 1
    (kept,) = long.iterdir()
    assert "Ray does not start: " in bench.errors
    assert bench.errors.endswith(f"at {kept}/session_latest/logs\n")


def test_an_address_at_which_nobody_is_is_told_in_one_line(crowd: Crowd, tmp_path: Path) -> None:
    bench = made(tmp_path, crowd, CLUSTER + '\naddress = "127.0.0.1:9"')
    assert bench.summarize() == 1
    assert bench.errors == (
        "error: [cluster] address = 127.0.0.1:9: Ray cannot be joined: [Errno 111] Connection "
        "refused. Run the command on a node of the cluster, and look at: ray status\n"
    )


def test_an_address_of_rays_client_is_refused(crowd: Crowd, tmp_path: Path) -> None:
    bench = made(tmp_path, crowd, CLUSTER + '\naddress = "ray://head:10001"')
    assert bench.summarize() == 2
    assert "HOST:PORT of a cluster that this machine is a node of" in bench.errors


@pytest.mark.prove
def test_a_night_on_a_ray_of_its_own(httpserver: HTTPServer, tmp_path: Path) -> None:
    machine = Machine(tmp_path, ModelServer(httpserver))
    said = machine.paperline("run", "--executor", "cluster", "--at", FIRST_NIGHT)
    assert "9 lines by a model, 0 gaps" in said
    entries = machine.digest()["papers"]
    assert all(entry["lines"]["en"]["origin"] == "model" for entry in entries)
