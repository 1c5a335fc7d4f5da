"""The sign of life that a monitor waits for: when it is given, and that it gives nothing away."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.cli.main import cli
from pipeline.configuration import load
from pipeline.errors import SettingsError
from pipeline.llm.keys import secret_variables
from pipeline.notices import heartbeat
from pipeline.settings import Settings

SECRET = "invented-name-of-a-check"
PATH = f"/ping/{SECRET}"
FEED = (Path(__file__).parent.parent / "pipeline" / "demo" / "night1.atom").as_uri()
Alive = Callable[..., None]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PAUSES", (0.0, 0.0))


def settings(folder: Path, address: str, topics: int = 1) -> Settings:
    tables = "".join(f'[[topic]]\nname = "t{n}"\nquery = "all:tide"\n' for n in range(topics))
    file = folder / "paperline.toml"
    file.write_text(f'[notify]\nheartbeat = "{address}"\n{tables}', encoding="utf-8")
    return load(file)


@pytest.fixture
def alive(tmp_path: Path, httpserver: HTTPServer) -> Alive:
    """Ends a run of so many of two topics with this code, so long ago."""

    def ended(code: int = 0, *, ago: timedelta = timedelta(), topics: int = 2) -> None:
        chosen = settings(tmp_path, httpserver.url_for(PATH), topics=2)
        heartbeat.after_run(chosen, code, datetime.now(UTC) - ago, topics)

    return ended


def asked(server: HTTPServer) -> list[str]:
    return [request.path for request, _ in server.log]


@pytest.mark.parametrize("code", [0, 3])
def test_is_given_by_one_request_after_a_run_that_finished(
    alive: Alive, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    httpserver.expect_request(PATH, method="GET").respond_with_data("OK")
    alive(code)
    assert asked(httpserver) == [PATH]
    assert not [r for r in caplog.records if r.name.startswith("pipeline")]


@pytest.mark.parametrize("code", [1, 2, 75])
def test_is_not_given_after_a_run_that_failed_or_goes_on_later(
    alive: Alive, httpserver: HTTPServer, code: int
) -> None:
    alive(code)
    assert asked(httpserver) == []


def test_is_not_given_by_a_run_of_some_topics_or_of_another_time(
    alive: Alive, httpserver: HTTPServer
) -> None:
    alive(topics=1)
    alive(ago=timedelta(days=2))
    alive(ago=timedelta(days=-2))
    assert asked(httpserver) == []


def test_that_fails_in_passing_is_tried_again(
    alive: Alive, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (503, 429):
        httpserver.expect_ordered_request(PATH).respond_with_data("", status=status)
    httpserver.expect_ordered_request(PATH).respond_with_data("OK")
    alive()
    assert len(asked(httpserver)) == 3
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (404, 1), (410, 1)])
def test_that_is_refused_is_a_warning_which_says_what_to_do_and_not_the_address(
    alive: Alive,
    httpserver: HTTPServer,
    caplog: pytest.LogCaptureFixture,
    status: int,
    tries: int,
) -> None:
    httpserver.expect_request(PATH).respond_with_data(SECRET, status=status)
    alive()
    assert len(asked(httpserver)) == tries
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert told.startswith("the heartbeat is not sent: [notify] heartbeat: ")
    assert f"status {status}. Compare it with what your monitor says" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "address",
    [
        f"http://127.0.0.1:1/{SECRET}",
        f"http://127.0.0.1:port/{SECRET}",
        f"http://[::1/{SECRET}",
        f"http://{SECRET}.invalid/",
    ],
)
def test_that_reaches_nobody_is_a_warning_without_the_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    caplog.set_level(logging.DEBUG)
    heartbeat.after_run(settings(tmp_path, address), 0, datetime.now(UTC), 1)
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "it cannot be reached" in told
    assert SECRET not in caplog.text


def test_that_is_never_answered_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def held(_: object) -> Response:
        assert gate.wait(60)
        return Response("")

    monkeypatch.setattr(heartbeat, "PATIENCE", 0.05)
    # A server of its own: it answers the tries that wait in its queue after the test has gone on.
    with HTTPServer() as server:
        server.expect_request(PATH).respond_with_handler(held)
        heartbeat.after_run(settings(tmp_path, server.url_for(PATH)), 0, datetime.now(UTC), 1)
        gate.set()
    assert "it did not answer in time" in caplog.text or "cannot be reached" in caplog.text


def test_follows_a_redirect_on_the_same_host_alone(
    alive: Alive, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_ordered_request(PATH).respond_with_data(
        "", status=302, headers={"Location": f"{PATH}/"}
    )
    httpserver.expect_ordered_request(f"{PATH}/").respond_with_data("OK")
    alive()
    assert asked(httpserver) == [PATH, f"{PATH}/"]
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/else", "file:///etc/passwd", "http://localhost:1/"],
)
def test_refuses_a_redirect_elsewhere(
    alive: Alive, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, location: str
) -> None:
    where = location.format(port=httpserver.port)
    httpserver.expect_request(PATH).respond_with_data("", status=301, headers={"Location": where})
    alive()
    assert asked(httpserver) == [PATH]
    assert "it redirects to" in caplog.text


def test_that_redirects_in_a_circle_ends(
    alive: Alive, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_request(PATH).respond_with_data("", status=307, headers={"Location": PATH})
    alive()
    assert len(asked(httpserver)) == 1 + heartbeat.MOST_REDIRECTS
    assert "again and again" in caplog.text


class TestTheAddress:
    def test_may_stand_in_a_variable_which_is_a_secret(
        self, tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LAMP_CHECK", httpserver.url_for(PATH))
        httpserver.expect_request(PATH).respond_with_data("OK")
        chosen = settings(tmp_path, "$LAMP_CHECK")
        heartbeat.after_run(chosen, 0, datetime.now(UTC), 1)
        assert asked(httpserver) == [PATH]
        assert "LAMP_CHECK" in secret_variables(chosen)
        assert heartbeat.described(chosen).startswith("$LAMP_CHECK is asked after each run")

    @pytest.mark.parametrize("value", ["", "$OTHER", f"ftp://{SECRET}/", f"{SECRET} x"])
    def test_that_its_variable_lacks_is_said_and_fails_no_run(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        value: str,
    ) -> None:
        monkeypatch.setenv("LAMP_CHECK", value)
        chosen = settings(tmp_path, "$LAMP_CHECK")
        heartbeat.after_run(chosen, 0, datetime.now(UTC), 1)
        assert "LAMP_CHECK" in caplog.text
        assert SECRET not in caplog.text
        with pytest.raises(SettingsError) as told:
            heartbeat.described(chosen)
        assert told.value.next_step
        assert SECRET not in str(told.value)

    @pytest.mark.parametrize("value", [f"ftp://{SECRET}", f"{SECRET}", f"https://a b/{SECRET}"])
    def test_that_is_none_is_refused_with_the_settings_and_not_shown(
        self, tmp_path: Path, value: str
    ) -> None:
        with pytest.raises(SettingsError, match=r"notify\.heartbeat: found \(not shown\)") as told:
            settings(tmp_path, value)
        assert SECRET not in str(told.value)

    def test_is_not_shown_by_config(self, tmp_path: Path) -> None:
        settings(tmp_path, f"https://example.org/{SECRET}")
        said = CliRunner().invoke(cli, ["config"]).output
        assert "notify.heartbeat = (not shown)" in said
        assert SECRET not in said
        settings(tmp_path, "")
        assert 'notify.heartbeat = ""' in CliRunner().invoke(cli, ["config"]).output

    def test_that_is_set_nowhere_is_described_so(self, tmp_path: Path) -> None:
        assert heartbeat.described(settings(tmp_path, "")).startswith("none is set")


class TestTheNight:
    @pytest.fixture
    def night(self, tmp_path: Path, httpserver: HTTPServer) -> Callable[..., str]:
        """Runs the command in this process; all that it says."""
        (tmp_path / "paperline.toml").write_text(
            f'site.search = false\n[arxiv]\nurl = "{FEED}"\ndelay = 0.0\n'
            f'[model]\nname = "embedded"\n[notify]\nheartbeat = "{httpserver.url_for(PATH)}"\n'
            '[[topic]]\nname = "demo"\nquery = "all:tide"\n'
        )

        def said(*arguments: str) -> str:
            done = CliRunner().invoke(cli, ["--debug", "run", *arguments])
            assert done.exit_code == 0, done.output
            return done.output

        return said

    def test_gives_it_once_and_says_nothing_of_it(
        self, night: Callable[..., str], httpserver: HTTPServer, tmp_path: Path
    ) -> None:
        httpserver.expect_request(PATH).respond_with_data("OK")
        said = night()
        assert asked(httpserver) == [PATH]
        ours = [line for line in said.splitlines() if "HTTP/1.1" not in line]  # the server's
        assert SECRET not in "".join(ours)
        written = [path for path in (tmp_path / "outputs").rglob("*") if path.is_file()]
        assert not [path for path in written if SECRET.encode() in path.read_bytes()]

    def test_that_is_only_foretold_gives_none(
        self, night: Callable[..., str], httpserver: HTTPServer
    ) -> None:
        night("--dry-run")
        assert asked(httpserver) == []
