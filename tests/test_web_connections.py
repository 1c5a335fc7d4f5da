"""Clients that keep the server waiting, over sockets against the real server."""

import contextlib
import select
import socket
import threading
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.web.connections import Limits
from pipeline.web.forms import fields
from tests.web_client import Client, Served, served


def speaking_to(server: Served, start: str) -> socket.socket:
    """A connection on which that much of a request was sent; HOST in it is the server's."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(start.replace("HOST", f"127.0.0.1:{server.port}").encode())
    return connection


def cookies_of(client: Client) -> str:
    return f"Cookie: {'; '.join(map('='.join, client.cookies.items()))}\r\n"


def trickled(connection: socket.socket) -> bytes:
    """All that is answered until the end, while more bytes follow, a few at a time."""
    answer = b""
    for _ in range(1000):
        with contextlib.suppress(ConnectionError):
            if not select.select([connection], [], [], 0.01)[0]:
                connection.sendall(b"x" * 10)
                continue
            if part := connection.recv(65536):
                answer += part
                continue
            return answer
    pytest.fail("the client was not let go")


BODY = "HTTP/1.1\r\nHost: HOST\r\nContent-Length: 60000\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://HOST\r\n\r\n"


@pytest.mark.parametrize(
    "start",
    ["GET /login HTTP/1.1\r\nHost: HOST\r\nX: ", f"POST /login {BODY}{FORM}"],
    ids=["head", "body"],
)
def test_a_client_that_sends_a_request_bit_by_bit_is_let_go(start):
    hasty = Limits(head=0.1, body=0.1)
    with served(limits=hasty) as server, speaking_to(server, start) as connection:
        assert trickled(connection).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_sends_a_body_after_its_answer_is_let_go_too():
    with (
        served(limits=Limits(body=0.1)) as server,
        speaking_to(server, f"GET /login {BODY}\r\n") as connection,
    ):
        assert trickled(connection)


def test_a_client_that_sends_nothing_is_let_go_without_a_word():
    with served(limits=Limits(head=0.05)) as server, speaking_to(server, "") as connection:
        assert connection.recv(100) == b""


def test_a_client_that_does_not_take_its_answer_is_let_go():
    over = threading.Event()

    async def long() -> AsyncIterator[bytes]:
        try:
            for _ in range(500):  # more than any buffer on the way holds
                yield b"x" * 100_000
        finally:
            over.set()

    page = Route("/long", lambda _: StreamingResponse(long()))
    with served(pages=[page], limits=Limits(answer=0.05)) as server:
        cookies = cookies_of(server.signed_in())
        request = f"GET /long HTTP/1.1\r\nHost: HOST\r\n{cookies}\r\n"
        with speaking_to(server, request):
            assert over.wait(30)


@pytest.mark.parametrize("start", ["", "GET /login HTTP/1.1\r\nHo", f"POST /login {BODY}{FORM}"])
def test_connections_on_which_nothing_comes_make_room_for_others(start):
    patient = Limits(connections=4, head=3600.0, body=3600.0)
    with served(limits=patient) as server, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(speaking_to(server, start)) for _ in range(4)]
        for _ in range(20):
            idle.append(stack.enter_context(speaking_to(server, start)))
            assert server.client().get("/login").status == 200
        with contextlib.suppress(ConnectionError):
            assert idle[0].recv(100) == b""


def test_a_form_that_comes_letter_by_letter_but_in_time_is_taken():
    def change(request: Request) -> Response:
        return HTMLResponse(fields(request)["line"])

    with served(pages=[Route("/change", change, methods=["POST"])]) as server:
        alice = server.signed_in()
        form = urlencode({"csrf": alice.csrf, "line": "late"})
        head = f"Host: HOST\r\n{cookies_of(alice)}Content-Length: {len(form)}\r\n"
        start = f"POST /change HTTP/1.1\r\n{head}{FORM}"
        with speaking_to(server, start) as connection:
            for letter in form:
                connection.sendall(letter.encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
