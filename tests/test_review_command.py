"""`paperline review` as an operator meets it: links, refusals, signals."""

import os
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.cli.review import review
from tests.desks import a_desk
from tests.model_server import ModelServer, good_lines
from tests.terminal import ROOT, Terminal
from tests.web_client import CHEAP_HASH, PASSWORD, Client, Reviewer, Served

EDITORS = f'[review.editors]\nalice = "{CHEAP_HASH}"\n'
HOSTS = '[review]\nhosts = ["review.example.org"]\n'


@contextmanager
def running(
    folder: Path, settings: str | None, *arguments: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command as a process of its own, and the link that it printed.

    With these `settings`, or those that are in the folder.
    """
    if settings is not None:
        Terminal(folder, settings)
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "review", "--port", "0", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_printed_link_signs_in_and_a_signal_ends_it_well(tmp_path, number):
    with running(tmp_path, "", "--editor", "Mei Lan") as (process, link):
        parts = urlsplit(link)
        client = Client(parts.port or 0)
        assert client.get(f"{parts.path}?{parts.query}").status == 200
        token = {"token": parts.query.removeprefix("token=")}
        assert client.post(parts.path, token).status == 303
        assert "Signed in as Mei Lan" in client.get("/no-such-page").text
        process.send_signal(number)
        said, logged = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == ""
    assert f"For a further browser: http://127.0.0.1:{parts.port}/enter?token=" in logged
    assert token["token"] not in logged
    assert "Traceback" not in logged


class SlowModel:
    """A model server that holds its answer back until it is told to give it."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.server = ModelServer(httpserver)
        self.server.always = self._answer

    def _answer(self, body: dict[str, Any]) -> Response:
        self.asked.set()
        self.may_answer.wait(30)
        return good_lines(body)


@pytest.fixture
def model(httpserver: HTTPServer) -> Iterator[SlowModel]:
    slow = SlowModel(httpserver)
    yield slow
    slow.may_answer.set()


@contextmanager
def asking(folder: Path, model: SlowModel) -> Iterator[tuple["subprocess.Popen[str]", Reviewer]]:
    """The command, and an editor whose question to the model is under way."""
    table = [f'base_url = "{model.server.base_url}"', "timeout = 60.0"]
    desk = a_desk(folder, papers=1, model=table, more=EDITORS)
    with running(folder, None) as (process, link):
        alice = Reviewer(Served(urlsplit(link).port or 0, []).signed_in(), desk)
        asked = alice.post("/ask", paper=desk.id(1), prompt="one_line", model="tide-1")
        assert asked.status == 303
        assert model.asked.wait(30)
        yield process, alice


def told_to_end(process: "subprocess.Popen[str]", number: int) -> bool:
    """Send a signal; whether the process says that it is ending and how to end it at once."""
    assert process.stderr
    process.send_signal(number)
    said = "ending when what is under way is done; again to end at once\n"
    return said in iter(process.stderr.readline, "")


def test_a_signal_lets_a_question_that_is_under_way_finish_and_says_so(tmp_path, model):
    with asking(tmp_path, model) as (process, alice):
        assert told_to_end(process, signal.SIGINT)
        model.may_answer.set()
        assert process.wait(60) == 0
        assert len(list(alice.desk.snapshot.each_summary())) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path, model, number):
    with asking(tmp_path, model) as (process, alice):
        assert told_to_end(process, number)
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert not model.may_answer.is_set()
        assert len(list(alice.desk.snapshot.each_summary())) == 1


def test_with_editors_the_printed_address_asks_for_name_and_password(tmp_path):
    with running(tmp_path, EDITORS) as (process, link):
        client = Client(urlsplit(link).port or 0)
        assert link == f"http://127.0.0.1:{client.port}/"
        assert client.post("/login", {"name": "alice", "password": PASSWORD}).status == 303
        process.terminate()
        assert process.wait(60) == 0


def test_the_hosts_of_a_proxy_are_answered_to_as_well(tmp_path):
    with running(tmp_path, f"{HOSTS}{EDITORS}") as (process, link):
        client = Client(urlsplit(link).port or 0)
        assert client.get("/login", {"Host": "review.example.org"}).status == 200
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ("", ["--host", "0.0.0.0"], "nobody is named who may sign in. Name the editors in"),
        (HOSTS, ["--host", "::"], "nobody is named who may sign in. Name the editors in"),
        (HOSTS, [], "[review] hosts: a proxy lets other machines in, and nobody is named"),
        (EDITORS, ["--host", "0.0.0.0"], "no host is named under which a TLS proxy serves it. Set"),
        ("", ["--host", "example.org"], "--host: found 'example.org', expected an IP address"),
        (EDITORS, ["--editor", "bob"], "--editor: [review.editors] tells who decides. Leave it"),
        ("", ["--editor", " "], "Give --editor NAME"),
        (EDITORS.replace("m=8", "m=1"), [], "'alice' has a hash that argon2 cannot use"),
        (EDITORS.replace("argon2id", "scrypt"), [], "review.editors.alice: found (not shown)"),
        ("", ["--port", "65536"], "65536 is not in the range"),
    ],
)
def test_what_would_be_unsafe_or_cannot_be_is_refused_at_the_start(
    tmp_path, settings, arguments, message
):
    terminal = Terminal(tmp_path, settings)
    assert terminal("review", "--port", "0", *arguments) == 2
    assert message in terminal.errors
    assert terminal.said == ""


def test_a_taken_port_names_another(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal = Terminal(tmp_path, "")
        assert terminal("review", "--port", str(port)) == 2
    assert f"127.0.0.1:{port}: port {port} is taken" in terminal.errors
    assert f"--port {port % 65535 + 1}" in terminal.errors


def test_the_hash_of_a_password_is_printed_as_a_line_of_the_settings():
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    done = CliRunner().invoke(review, ["--hash-password", "--editor", 'Mei "M" Lan'], input=typed)
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    ((name, made),) = tomllib.loads(done.stdout).items()
    assert name == 'Mei "M" Lan'
    assert made.startswith("$argon2id$")
    assert PasswordHasher().verify(made, PASSWORD)


def test_a_password_that_is_too_short_or_typed_otherwise_the_second_time_gets_no_hash():
    short = CliRunner().invoke(review, ["--hash-password"], input="short\nshort\n")
    assert "too short" in str(short.exception)
    differing = CliRunner().invoke(review, ["--hash-password"], input=f"{PASSWORD}\nother\n")
    assert differing.exit_code == 1
    assert differing.stdout == ""
