"""The server under the app: its socket, its limits, its start and its end."""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import UsageError
from pipeline.web.connections import Connection, Limits
from pipeline.web.origins import bracketed

LARGEST_HEAD = 16 * 1024
"""Bytes that a request's line and headers may have."""

LAST_REQUESTS = 10
"""Seconds that running requests have to finish once the server was told to end."""

ENDING = b"ending when what is under way is done; again to end at once\n"
"""What a first signal is answered with: a model's answer may take minutes."""


def listening(address: str, port: int) -> socket.socket:
    """A socket that listens on `address` and `port`; port 0 takes any that is free.

    Raises `UsageError`, for a taken port above all.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family, backlog=128)
        # Accepted connections inherit it; without it each small answer waits for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        what, next_step = str(error), "Give an address of this machine with --host"
        if error.errno == errno.EADDRINUSE:
            what = f"port {port} is taken by another program"
            next_step = f"Take another with --port {port % 65535 + 1}, or a free one with --port 0"
        elif error.errno == errno.EACCES:
            what = f"port {port} is not for this user"
            next_step = "Take one above 1023 with --port"
        raise UsageError(what, where=f"{bracketed(address)}:{port}", next_step=next_step) from None


def configured(app: ASGIApp, limits: Limits = Connection.limits) -> uvicorn.Config:
    """How the server runs: nothing of a request's own word is believed about its client."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=type("Connection", (Connection,), {"limits": limits}),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # `Connection` bounds the connections. Requests of those that made room may still be ending,
        # so this is reached only where so many are being answered that none can.
        limit_concurrency=8 * limits.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=LAST_REQUESTS,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to `serve`; uvicorn's own handling would raise them again at the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; returns once all that is under way is done.

    A second signal ends the process at once, with 128 and the signal's number as its exit
    code. Nothing that was decided is lost by that: files are whole at any instant, a model's
    answer that has come is in the cache, and what was due is done by the next run.
    """
    server = _Server(configured(app))

    def end(number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            os._exit(128 + number)
        server.should_exit = True
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(2, ENDING)  # a handler may have interrupted what prints there

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
