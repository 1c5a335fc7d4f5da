"""What every test starts from: an empty home, an empty folder, none of the caller's settings."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pytest_httpserver import HTTPServer

from pipeline.outputs import Outputs
from tests.feeds import SmallArxiv
from tests.nights import Nights

REPOSITORY = Path(__file__).resolve().parent.parent
pytest_plugins = ["tests.browser", "tests.crowd", "tests.ray_cluster"]
TESTBED = Path(
    os.environ.get("PAPERLINE_TESTBED") or REPOSITORY.parent / "shared" / "testbed"
).resolve()
# Machines are slow at times; no test asserts a time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: tests often wait for a server or a process."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in tuple(os.environ):
        ours = name.startswith(("OPENAI_", "PAPERLINE_")) or name == "TIKTOKEN_CACHE_DIR"
        if ours or name.upper() in PROXIES or name == "XDG_STATE_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def clean_logs() -> Iterator[None]:
    """What a command in this process has set up for its standard error ends with the test."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in [each for each in root.handlers if type(each).__module__ == "pipeline.logs"]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def testbed() -> Path:
    """The folder with `arxiv_server.py` and `llm_server.py`."""
    if not (TESTBED / "arxiv_server.py").is_file():
        pytest.skip(f"the test bed is not at {TESTBED}; PAPERLINE_TESTBED can name its folder")
    return TESTBED


@pytest.fixture
def arxiv(httpserver: HTTPServer) -> SmallArxiv:
    return SmallArxiv(httpserver)


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "outputs")


@pytest.fixture
def night(arxiv: SmallArxiv, outputs: Outputs) -> Nights:
    return Nights(outputs, arxiv.url)
