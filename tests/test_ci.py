"""`.ci/run`: in which order it does what, and that it needs a browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import browser

RUN = Path(__file__).parent.parent / ".ci" / "run"
PLAYWRIGHT = "python -m playwright install chromium"
REST = [PLAYWRIGHT, "make test with a browser required"]
PROGRAMS = {
    "make": 'echo "make $1${PAPERLINE_BROWSER:+ with a browser $PAPERLINE_BROWSER}" >>"$LOG"',
    "apt-get": 'echo "apt-get $1" >>"$LOG"; exit 1',
    "id": "echo $USER_ID",
    "chromium": "exit 0",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, and with programs that tell of being called."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_bytes(RUN.read_bytes())
    for name in ("bin", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    a_program(tmp_path / ".venv" / "bin" / "python", 'echo "python $*" >>"$LOG"; exit 1')
    return tmp_path


def a_program(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def done(checkout: Path, user: int, *programs: str) -> list[str]:
    """What the script calls for that user where those programs are installed."""
    for name in ("make", "id", *programs):
        a_program(checkout / "bin" / name, PROGRAMS[name])
    log = checkout / "log"
    surroundings = {"PATH": str(checkout / "bin"), "LOG": str(log), "USER_ID": str(user)}
    subprocess.run(
        [checkout / "bin" / "bash", ".ci/run"], cwd=checkout, env=surroundings, check=True
    )
    return log.read_text().splitlines()


def test_where_there_is_a_browser_the_tests_use_it(checkout):
    assert done(checkout, 0, "apt-get", "chromium") == ["make lint", REST[1]]


def test_otherwise_one_is_installed_after_the_environment_was_made(checkout):
    assert done(checkout, 1000, "apt-get") == ["make lint", *REST]


def test_root_tries_the_system_s_packages_first(checkout):
    assert done(checkout, 0, "apt-get") == ["make lint", "apt-get update", *REST]


def test_without_a_package_manager_it_is_playwright_s(checkout):
    assert done(checkout, 0) == ["make lint", *REST]


def test_a_missing_browser_skips_the_tests_that_need_one_or_fails_them_where_it_is_required():
    with pytest.raises(pytest.skip.Exception, match="there is no browser"):
        browser.give_up(required=False)
    with pytest.raises(pytest.fail.Exception, match=r"install Debian's chromium, or run: python"):
        browser.give_up(required=True)
