"""A model's server for many at once, which counts them and holds its answers until told."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.settings import ModelSettings
from tests.model_server import ModelServer, good_lines

PATIENCE = 120.0
"""Seconds after which a test fails that waits for what does not come."""


class Crowd:
    """`most`: the most requests that were under way at once; `answered` with status 200."""

    def __init__(self, threaded: HTTPServer) -> None:
        self._server = ModelServer(threaded)
        self._server.always = self._behave
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self.answer: Callable[[dict[str, Any]], Response] = good_lines
        self.under_way = self.most = self.answered = 0
        self.bodies = self._server.bodies

    def table(self, **changes: Any) -> ModelSettings:
        """The [model] table for it."""
        values: dict[str, Any] = {
            "name": "test-model",
            "base_url": self._server.base_url,
            "requests_per_minute": 1_000_000,
            "tokens_per_minute": 1_000_000_000,
            "price": {"input": 1.0, "output": 1.0},
        }
        return ModelSettings(**{**values, **changes})

    def hold(self) -> None:
        """Answer nothing from now on."""
        self._open.clear()

    def let_go(self) -> None:
        """Answer what is held, and what comes."""
        self._open.set()

    def until(self, so_far: Callable[[], bool]) -> None:
        """Return when it is so."""
        with self._changed:
            assert self._changed.wait_for(so_far, PATIENCE), (self.under_way, self.answered)

    def _behave(self, body: dict[str, Any]) -> Response:
        with self._changed:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self._changed.notify_all()
        self._open.wait(PATIENCE)
        response = self.answer(body)
        with self._changed:
            self.under_way -= 1
            self.answered += response.status_code == 200
            self._changed.notify_all()
        return response


@pytest.fixture(scope="session")
def threaded_server() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def crowd(threaded_server: HTTPServer) -> Iterator[Crowd]:
    threaded_server.clear()
    made = Crowd(threaded_server)
    yield made
    made.let_go()
