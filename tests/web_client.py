"""The real app on a real server, and a client that can send any header a test wants."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import uvicorn
from argon2 import PasswordHasher
from starlette.routing import BaseRoute

from pipeline.settings import Settings
from pipeline.web.app import application
from pipeline.web.links import Links
from pipeline.web.origins import Origins
from pipeline.web.passwords import Passwords
from pipeline.web.serving import configured, listening
from pipeline.web.signing_in import Access

PASSWORD = "four invented harbour words"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CHEAP_HASH = CHEAP.hash(PASSWORD, salt=b"one salt for all")
EDITORS = ("alice", "bob")

Headers = Mapping[str, str | Sequence[str] | None]
"""What to send besides, or instead: None leaves a header out, a list sends it several times."""


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    """What the server answered; redirects are not followed."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def csrf(self) -> str:
        """The token of the page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert found, self.text
        return found[1]


@dataclass
class Client:
    """A browser that sends what a test says. `csrf` is put into every form that lacks one."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: Headers | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Headers | None = None
    ) -> Answer:
        """Send a form as a page of the server does."""
        form = urlencode({"csrf": self.csrf, **(fields or {})})
        return self.request("POST", path, form.encode(), headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """One request of its own connection; an iterator as the body is sent in chunks."""
        sent: dict[str, str | Sequence[str] | None] = {"Host": f"127.0.0.1:{self.port}"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent |= {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
            sent |= (
                {"Content-Length": str(len(body))}
                if isinstance(body, bytes)
                else {"Transfer-Encoding": "chunked"}
            )
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                for each in [value] if isinstance(value, str) else value or ():
                    connection.putheader(name, each)
            connection.endheaders(body, encode_chunked=not isinstance(body, bytes | None))
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()
        for header in response.headers.get_all("Set-Cookie", []):
            for cookie in SimpleCookie(header).values():
                if cookie["max-age"] == "0":
                    self.cookies.pop(cookie.key, None)
                else:
                    self.cookies[cookie.key] = cookie.value
        return answer


@dataclass
class Served:
    """A running server. `links` are those that its terminal would show, the first included."""

    port: int
    links: list[str]

    def client(self) -> Client:
        """A browser that is not signed in."""
        return Client(self.port)

    def signed_in(self, editor: str = "alice") -> Client:
        """A browser signed in with an editor's password; it knows its CSRF token."""
        client = self.client()
        answer = client.post("/login", {"name": editor, "password": PASSWORD})
        assert answer.status == 303, answer.text
        client.csrf = client.get("/no-such-page").csrf
        return client


class _Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def served(
    settings: Settings | None = None,
    pages: Sequence[BaseRoute] = (),
    *,
    editors: Sequence[str] = EDITORS,
    during: Sequence[AbstractContextManager[Any]] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Served]:
    """The app on a free port of 127.0.0.1, in a thread.

    The `editors` sign in with `PASSWORD`; without any, the first of `links` signs in.
    """
    settings = settings or Settings()
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        origins = Origins("127.0.0.1", port, settings.review.hosts)
        links: list[str] = []
        access: Access
        if editors:
            access = Passwords(dict.fromkeys(editors, CHEAP_HASH))
        else:
            access = Links("Mei Lan", origins.first, links.append)
            links.append(access.current)
        app = application(access, origins, pages, during=during, clock=clock)
        server = _Server(configured(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.ready.wait(0.1):
                assert thread.is_alive(), "the server did not start"
            yield Served(port, links)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server did not end"
