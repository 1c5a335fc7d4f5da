"""What a run says while it works: lines in a log, a bar on a terminal, nothing when quiet."""

import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from pipeline import progress
from pipeline.progress import Plain, cost, duration
from pipeline.records import Usage
from tests.jobs import paper
from tests.model_server import ModelServer
from tests.stage_bench import NAME, ROOT, StageBench


def test_a_log_tells_done_total_rate_tokens_cost_and_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    told = Plain()
    with caplog.at_level(logging.INFO):
        told.begin("summarize tides", 3)
        for tokens in (100, 200, 300):
            told.advance(Usage(prompt_tokens=tokens, usd=tokens / 1000))
        told.end()
    first, *_, last = caplog.messages
    assert first.startswith("summarize tides: 1 of 3 papers, ")
    assert "a second, 100 tokens, $0.1000" in first
    assert first.endswith(" left")
    assert "3 of 3 papers" in last
    assert "left" not in last


def test_nothing_to_do_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        told = Plain()
        told.begin("summarize tides", 0)
        told.end()
    assert caplog.messages == []


def test_an_unknown_price_is_said_and_never_shown_as_nothing() -> None:
    assert cost(Usage(prompt_tokens=5, usd=None)) == "5 tokens, cost unknown"


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65.4, "1:05"), (3605, "1:00:05")])
def test_a_duration_reads_as_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def bench(tmp_path: Path, httpserver: HTTPServer) -> StageBench:
    server = ModelServer(httpserver)
    return StageBench(tmp_path, server.base_url, map(paper, range(12)), 12)


def on_a_terminal(bench: StageBench, *options: str) -> str:
    """What the command shows on a terminal of 160 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *options, "summarize", f"t/{NAME}"],
        cwd=bench.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # how Linux says that the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def test_a_terminal_shows_a_bar_with_done_total_tokens_and_cost(bench: StageBench) -> None:
    shown = on_a_terminal(bench)
    assert "12/12" in shown
    assert "1800 tokens, $" in shown


def test_with_quiet_a_terminal_stays_empty(bench: StageBench) -> None:
    assert (
        on_a_terminal(bench, "--quiet").replace("token counts are estimates", "").count("/12") == 0
    )
