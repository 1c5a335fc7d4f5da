"""The server under the app: its socket, its limits, its start and its end."""

import errno
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import UsageError
from pipeline.web.origins import bracketed

CONNECTIONS = 256
"""Connections at once; what comes on top is told to come again."""

LARGEST_HEAD = 16 * 1024
"""Bytes that a request's line and headers may have."""

LAST_REQUESTS = 10
"""Seconds that running requests have to finish once the server was told to end."""


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


def configured(app: ASGIApp) -> uvicorn.Config:
    """How the server runs: nothing of a request's own word is believed about its client."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=LAST_REQUESTS,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; returns once running ones are answered."""
    server = uvicorn.Server(configured(app))

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises a signal again once it has ended: with these handlers that ends nothing else.
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
