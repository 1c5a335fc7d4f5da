"""A cluster that another process has begun: with or without a token, dead, or none at all."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import ray_address
from pipeline.errors import ClusterUnavailable
from pipeline.ray_session import LOOPBACK, joined
from pipeline.settings import ClusterSettings
from tests import processes
from tests.crowd import PATIENCE, Crowd
from tests.ray_cluster import MEMORY, REPOSITORY
from tests.test_cluster_command import CLUSTER, PAPERS, made

SCRIPTS = Path(sys.executable).parent
SHORT_OF_PATIENCE = """
import sys
from pipeline.llm import attendance
from pipeline.cli.main import main
attendance.PLACED = 70.0  # more than the minute after which Ray would end the process
main()
"""


class Head:
    """The head of a cluster of one node, begun by `ray start` with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self._started = subprocess.Popen(
            [
                *(SCRIPTS / "ray", "start", "--head", "--block", "--node-ip-address=127.0.0.1"),
                *("--port=0", "--num-cpus=1", "--include-dashboard=false"),
                f"--object-store-memory={MEMORY}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        named = folder / "ray" / "ray_current_cluster"
        until = time.monotonic() + PATIENCE
        while not (named.is_file() and named.read_text()) and time.monotonic() < until:
            time.sleep(0.05)  # it tells nobody when it is there
        self.address = named.read_text()

    def kill(self, name: str) -> None:
        """One of its processes ends at once."""
        for pid in processes.below(self._started.pid):
            if name in processes.title(pid).split(" ")[0]:
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self._started.terminate()
        self._started.wait(PATIENCE)


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Head]]:
    """Begins a head, `token` with one; the environment is then that of whoever uses it."""
    folder = Path(tempfile.mkdtemp(prefix="paperline-"))
    own = {"HOME": str(folder), "RAY_TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY)}
    for name, value in {**own, **LOOPBACK, "RAY_USAGE_STATS_ENABLED": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)

    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)

        def begin(*, token: bool) -> Head:
            if token:
                (folder / ".ray").mkdir()
                (folder / ".ray" / "auth_token").write_text("5f1c0ffee" * 4)
                monkeypatch.setenv("RAY_AUTH_MODE", "token")
            begun = Head(folder)
            monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
            stack.callback(begun.close)
            return begun

        yield begin


@pytest.mark.prove
@pytest.mark.parametrize("token", [True, False])
def test_a_cluster_is_joined_with_its_token_or_without_where_it_has_none(
    crowd: Crowd, tmp_path: Path, head: Callable[..., Head], token: bool
) -> None:
    address = head(token=token).address
    own = Path.home() / ".ray"
    own.mkdir(exist_ok=True)
    (own / "auth_token").write_text("5f1c0ffee" * 4)  # as a Ray of its own has left it
    bench = made(tmp_path, crowd, f'{CLUSTER}\naddress = "{address}"')
    assert bench.summarize() == 0
    told = [line for line in bench.errors.splitlines() if "estimates" not in line]
    assert [line for line in told if "have begun" not in line] == []  # as on a busy machine
    assert len(bench.lines()) == PAPERS
    (own / "auth_token").write_text("0ddba11" * 5)
    again = bench.summarize("--redo")
    assert again == (1 if token else 0)
    if token:
        assert "it wants a token" in bench.errors
        assert "~/.ray/auth_token" in bench.errors


@pytest.mark.prove
def test_without_the_head_the_command_ends_by_itself_and_keeps_what_came(
    crowd: Crowd, tmp_path: Path, head: Callable[..., Head]
) -> None:
    running = head(token=False)
    made(tmp_path, crowd, f'{CLUSTER}\naddress = "{running.address}"')
    crowd.hold()
    command = subprocess.Popen(
        [sys.executable, "-c", SHORT_OF_PATIENCE, "--quiet", "summarize", "t/20260501_0405"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    crowd.until(lambda: crowd.under_way == 4)
    running.kill("gcs_server")
    _, err = command.communicate(timeout=200)
    assert command.returncode == 1
    assert "no process that could ask is left" in err
    assert "every answer that came is kept" in err
    assert "Traceback" not in err


@pytest.fixture
def silent() -> Iterator[str]:
    """HOST:PORT where something listens that is not Ray, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_something_else_at_the_address_is_not_waited_for_long(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr(ray_address, "PATIENCE", 1.0)
    with pytest.raises(ClusterUnavailable) as raised, joined(ClusterSettings(address=silent)):
        pass
    assert raised.value.what == "Ray cannot be joined: no Ray answers there within 1 seconds"


def test_where_the_address_is_found_by_itself_it_is_told_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterUnavailable) as raised, joined(ClusterSettings(address="auto")):
        pass
    assert "127.0.0.1:9: [Errno 111] Connection refused" in raised.value.what
    assert raised.value.where == "[cluster] address = auto"


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "local"])
def test_an_address_from_the_environment_that_is_none_of_a_cluster_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterUnavailable) as raised, joined(ClusterSettings(address="auto")):
        pass
    assert f"RAY_ADDRESS = {address} is no HOST:PORT" in raised.value.what
