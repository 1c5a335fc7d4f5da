"""The real app on a real server, and a client that can send any header a test wants."""

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvicorn
from argon2 import PasswordHasher
from lxml.html import HtmlElement, document_fromstring
from starlette.routing import BaseRoute

from pipeline.records import Decision
from pipeline.settings import Settings
from pipeline.web.app import application
from pipeline.web.connections import Connection, Limits
from pipeline.web.links import Links
from pipeline.web.newsroom import Newsroom, newsroom
from pipeline.web.origins import Origins
from pipeline.web.passwords import Passwords
from pipeline.web.questions import Questions
from pipeline.web.releases import Releases
from pipeline.web.routes import routes
from pipeline.web.serving import configured, listening
from pipeline.web.signing_in import Access
from tests.desks import Room
from tests.terminal import ROOT

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
    def document(self) -> HtmlElement:
        """The page, as a browser reads it."""
        return document_fromstring(self.text)

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
    limits: Limits = Connection.limits,
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
        server = _Server(configured(app, limits))
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


@dataclass
class ReviewApp(Served):
    """A running server with all pages, and what works beside them."""

    room: Newsroom

    def reviewer(self, desk: Room, editor: str = "alice") -> "Reviewer":
        """An editor who has signed in to review one snapshot."""
        return Reviewer(self.signed_in(editor), desk)


@contextmanager
def review_app(
    settings: Settings, *, pause: float = 3600.0, editors: Sequence[str] = EDITORS
) -> Iterator[ReviewApp]:
    """The whole app. What a decision does to the digest comes after `pause` seconds.

    `room.releases.finish` has it come now, as the end of the server does.
    """
    releases, questions = Releases(settings, pause=pause), Questions(settings, again=0.01)
    room = replace(newsroom(settings), releases=releases, questions=questions)
    during: list[AbstractContextManager[Any]] = [releases, questions]
    with served(settings, routes(room), editors=editors, during=during) as running:
        yield ReviewApp(running.port, running.links, room)


@dataclass
class Reviewer:
    """An editor's browser at one snapshot; papers are named by their place, from 1.

    With `partial` it asks for a part of the page, as htmx does.
    """

    client: Client
    desk: Room

    @property
    def base(self) -> str:
        return f"/review/{self.desk.snapshot.topic}/{self.desk.snapshot.name}"

    def get(self, what: str = "", *, partial: bool = False, **query: str) -> Answer:
        path = f"{self.base}{what}" + (f"?{urlencode(query)}" if query else "")
        return self.client.get(path, {"HX-Request": "true"} if partial else None)

    def post(self, what: str, *, partial: bool = False, **fields: str) -> Answer:
        headers = {"HX-Request": "true"} if partial else None
        return self.client.post(f"{self.base}{what}", fields, headers)

    def page(self, number: int | None = None, **query: str) -> HtmlElement:
        """The review page with a paper in focus."""
        chosen = {} if number is None else {"paper": self.desk.id(number)}
        answer = self.client.get(f"{self.base}?{urlencode(chosen | query)}")
        assert answer.status == 200, answer.text
        return answer.document

    def seen(self, number: int, **query: str) -> str:
        """The mark of what the page shows of a paper."""
        return hidden(self.page(number, **query), "#decision", "seen")

    def decide(self, action: str, number: int, *, partial: bool = False, **fields: str) -> Answer:
        """Decide on what the page shows now, or on what was `seen`."""
        form = {"paper": self.desk.id(number), "action": action, **fields}
        form.setdefault("seen", self.seen(number))
        return self.post("/decide", partial=partial, **form)

    def undo(self) -> Answer:
        return self.post("/undo")

    def publish(self) -> Answer:
        """Press the button of the preview."""
        document = self.get("/preview").document
        return self.post("/publish", seen=hidden(document, 'form[action$="/publish"]', "seen"))

    def settle(self, *numbers: int) -> None:
        """Approve the papers in these places, or all of them."""
        for number in numbers or range(1, len(self.desk.papers) + 1):
            assert self.decide("approve", number).status == 303


def hidden(document: HtmlElement, form: str, name: str) -> str:
    """The value of a form's hidden field."""
    (found,) = document.cssselect(f'{form} input[name="{name}"]')
    value: str = found.get("value")
    return value


def text_of(element: HtmlElement) -> str:
    """The text that is read in an element, white space made single blanks."""
    return " ".join(element.text_content().split())


def texts(document: HtmlElement, selector: str) -> list[str]:
    """The text of every element that a selector finds."""
    return [text_of(found) for found in document.cssselect(selector)]


@dataclass
class Hand:
    """An editor who decides again and again; the note of each decision is its own.

    `sent` are the notes of all decisions, `acknowledged` those that the server said it has.
    """

    name: str
    base: str
    client: Client
    sent: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    overtaken: int = 0

    def decide(self, action: str, paper: str) -> None:
        """Look at a paper and decide on it; where somebody was faster, look and decide again."""
        note = f"{self.name} {len(self.sent)}"
        self.sent.append(note)
        form = {"paper": paper, "action": action, "note": note}
        if action == "edit":
            form |= {"en": f"Adapts a model, as {note} puts it.", "zh": f"{note} 改写的一句话。"}
        partial = {"HX-Request": "true"}
        answer = self.client.get(f"{self.base}?paper={paper}", partial)
        while answer.status == 409 or "seen" not in form:
            form["seen"] = hidden(answer.document, "#decision", "seen")
            answer = self.client.post(f"{self.base}/decide", form, partial)
            self.overtaken += answer.status == 409
        assert answer.status == 200, answer.text
        self.acknowledged.append(note)

    def kept(self, decisions: Sequence[Decision]) -> list[str]:
        """The notes of this editor's decisions, which are all there that were acknowledged.

        Each once, and in the order in which they were sent.
        """
        notes = [decision.note for decision in decisions if decision.editor == self.name]
        assert notes == [note for note in self.sent if note in set(notes)]
        assert not set(self.acknowledged) - set(notes)
        return notes


@contextmanager
def reviewing(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Served]]:
    """`paperline review` as a process of its own, with the settings in `folder`.

    What it logs is added to `review.log` there. Killed at the end, where it still runs.
    """
    with (
        (folder / "review.log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "review", "--port", "0"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            address = process.stdout.readline() if process.stdout else ""
            yield process, Served(urlsplit(address.strip()).port or 0, [])
        finally:
            process.kill()


def paperline(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command with the settings in `folder`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "--quiet", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
